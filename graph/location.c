/* SPDX-License-Identifier: MIT */
#include "graph/location.h"

#include <string.h>

void cynf_location_plain(cynf_location *l, const cynf_shape *s)
{
    int32_t stride = 1;
    for (int i = s->rank - 1; i >= 0; i--) {
        l->stride[i] = stride;
        stride *= s->d[i];
    }
    l->block = l->block_stride = 0;
    l->contiguous = true;
}

void cynf_location_blocked(cynf_location *l, const cynf_shape *s, int32_t b)
{
    const int last = s->rank - 1;
    int32_t stride = b;
    for (int i = last - 1; i >= 1; i--) {
        l->stride[i] = stride;
        stride *= s->d[i];
    }
    l->block = b;
    l->block_stride = stride;
    l->stride[last] = 1;
    l->stride[0] = s->d[last] / b * stride;
    l->contiguous = false;
}

cynf_view cynf_location_view(const cynf_location *l, const cynf_shape *s)
{
    const int r = s->rank;
    return (cynf_view){l->stride[0], l->stride[r - 3], l->stride[r - 2], l->block ? l->block_stride : 0, l->block ? l->block : s->d[r - 1]};
}

int64_t cynf_location_at(const cynf_location *l, const cynf_shape *s, const int32_t *at)
{
    int64_t offset = 0;
    for (int i = 0; i < s->rank; i++)
        offset += l->block && i == s->rank - 1 ? (int64_t)(at[i] / l->block) * l->block_stride : (int64_t)at[i] * l->stride[i];
    return offset;
}

void cynf_space_from(cynf_space_map *m, const cynf_shape *space, int n, const cynf_shape *const *s, const cynf_location *const *l, uint32_t marked_axes)
{
    int32_t block = 0;
    for (int i = 0; i < n; i++)
        if (l[i]->block)
            block = l[i]->block;
    m->rank = 0;
    m->n = n;
    for (int d = 0; d < space->rank; d++) {
        const bool split = block && d == space->rank - 1;
        for (int part = 0; part < 1 + split; part++, m->rank++) {
            m->dim[m->rank] = !split ? space->d[d] : part ? block : space->d[d] / block;
            m->mark[m->rank] = marked_axes >> d & 1;
            for (int i = 0; i < n; i++) {
                const int k = d - (space->rank - s[i]->rank);
                int32_t stride = 0;
                if (k >= 0 && (s[i]->d[k] != 1 || space->d[d] == 1)) {
                    stride = l[i]->stride[k];
                    if (split && !part)
                        stride = l[i]->block ? l[i]->block_stride : stride * block;
                }
                m->stride[i][m->rank] = stride;
            }
        }
    }
}

static void swap(cynf_space_map *m, int a, int b)
{
#define SWAP(T, x, y) do { const T t = x; x = y; y = t; } while (0)
    SWAP(int32_t, m->dim[a], m->dim[b]);
    SWAP(uint32_t, m->mark[a], m->mark[b]);
    for (int i = 0; i < m->n; i++)
        SWAP(int32_t, m->stride[i][a], m->stride[i][b]);
#undef SWAP
}

/* Outer dimensions first: by the first operand whose strides differ. */
static bool before(const cynf_space_map *m, int a, int b)
{
    for (int i = 0; i < m->n; i++)
        if (m->stride[i][a] != m->stride[i][b])
            return m->stride[i][a] > m->stride[i][b];
    return m->dim[a] > m->dim[b];
}

bool cynf_space_collapse(cynf_space_map *m)
{
    int r = 0;
    for (int d = 0; d < m->rank; d++)
        if (m->dim[d] != 1) {
            if (r != d)
                swap(m, r, d);
            r++;
        }
    m->rank = r;
    for (int d = 1; d < r; d++)
        for (int k = d; k > 0 && before(m, k, k - 1); k--)
            swap(m, k, k - 1);
    for (int d = 1; d < m->rank;) {
        bool merge = m->mark[d - 1] == m->mark[d];
        for (int i = 0; i < m->n; i++)
            merge &= m->stride[i][d - 1] == (int64_t)m->stride[i][d] * m->dim[d];
        if (!merge) {
            d++;
            continue;
        }
        m->dim[d] *= m->dim[d - 1];
        for (int k = d; k < m->rank; k++) {
            m->dim[k - 1] = m->dim[k];
            m->mark[k - 1] = m->mark[k];
            for (int i = 0; i < m->n; i++)
                m->stride[i][k - 1] = m->stride[i][k];
        }
        m->rank--;
    }
    if (!m->rank) {
        m->rank = 1;
        m->dim[0] = 1;
        m->mark[0] = 0;
        for (int i = 0; i < m->n; i++)
            m->stride[i][0] = i == 0;
    }
    return m->rank <= CYNF_MAX_DIMS;
}

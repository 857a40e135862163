/* SPDX-License-Identifier: MIT */
#include "harness.h"

#define BINS 16777213

/*
 * What TensorFlow 2.21 gives for numbers in BINS bins: as_string() through to_hash_bucket_fast() and, with the key 133, 137 + 5 2^40, to_hash_bucket_strong();
 * sparse.cross_hashed() of the number and the one as far from the table's end, and of these two and the number again.
 */
static const struct {
    double x;
    int bin[4];
} known[] = {
    {0x0.0p+0, {4915787, 12635700, 9974727, 14026013}},
    {0x1.c000000000000p+2, {2710500, 723241, 14253813, 8942452}},
    {-0x1.8000000000000p+1, {13872552, 453033, 5262939, 199822}},
    {0x1.5000000000000p+5, {16522741, 726559, 14866611, 3254171}},
    {-0x1.d400000000000p+6, {12326622, 12167097, 13830384, 7476143}},
    {0x1.9280000000000p+9, {6219388, 11906078, 4204629, 13187493}},
    {0x1.f400000000000p+9, {6813516, 6062779, 8411610, 2676353}},
    {-0x1.0000000000000p+12, {2027912, 5336794, 9593467, 13764480}},
    {0x1.869f000000000p+16, {14264098, 15027303, 14963294, 14923067}},
    {0x1.2d68700000000p+20, {12896851, 8188682, 2401537, 16457301}},
    {-0x1.d32ec40000000p+22, {405633, 2947617, 8797410, 2305118}},
    {0x1.0000000000000p+24, {5646067, 10969483, 9621303, 11437673}},
    {0x1.0000000000000p+33, {10599647, 11826424, 5318885, 1340317}},
    {-0x1.0000000000000p+40, {9457603, 12067192, 6593807, 9061562}},
    {0x1.8000000000000p+51, {11169832, 14602178, 9065393, 5162733}},
    {-0x1.0000000000000p+62, {14164769, 3793238, 12189283, 1974854}},
    {0x1.0000000000000p+62, {13671152, 1826026, 2201900, 11861304}},
    {-0x1.0000000000000p+63, {6176942, 2501724, 10065076, 259825}},
};
#define KNOWN (int)(sizeof known / sizeof *known)

static void geometry(int i, test_rng *r, cynf_problem *p)
{
    cynf_hash *g = &p->u.hash;
    g->kind = i < 3 ? i : test_int(r, 0, 2);
    g->n = i < 6 ? 1 + i : test_int(r, 1, 900);
    g->inputs = g->kind == CYNF_HASH_CROSS ? test_int(r, 2, 3) : 1;
    g->bins = BINS;
    const int32_t keys[2][4] = {{133, 0, 137, 5 << 8}, {(int32_t)0xcafcaffe, 0xde}};
    for (int k = 0; k < 4; k++)
        g->key[k] = keys[g->kind == CYNF_HASH_CROSS][k];
}

static void fix_input(const void *geometry, int input, test_rng *r, float *x, size_t n)
{
    const cynf_hash *g = geometry;
    (void)input;
    for (size_t i = 0; i < n; i += (size_t)g->inputs) {
        const int at = test_int(r, 0, KNOWN - 1);
        for (int k = 0; k < g->inputs; k++)
            x[i + (size_t)k] = (float)known[k == 1 ? KNOWN - 1 - at : at].x;
    }
}

static void oracle(const void *geometry, const cynf_weights *w, const float *const *x, test_expect *e)
{
    const cynf_hash *g = geometry;
    (void)w;
    e->terms = 0;
    for (int i = 0; i < g->n; i++)
        for (int k = 0; k < KNOWN; k++)
            if ((double)x[0][i * g->inputs] == known[k].x) {
                e->acc[i] = known[k].bin[g->kind == CYNF_HASH_CROSS ? g->inputs : g->kind];
                e->scale[i] = e->acc[i];
            }
}

const kernel_test hash_test = {.op = CYNF_OP_HASH, .geometry = geometry, .oracle = oracle, .fix_input = fix_input};

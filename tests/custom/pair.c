/* SPDX-License-Identifier: MIT */
/* Pair of make_models.py. */
#include <cynf/custom.h>
#include <string.h>

static const char *shapes(const cynf_custom_layer *l, cynf_custom_result *r)
{
    if (l->n_in != 2 || l->in[0].rank != 3 || l->in[1].rank != 3 || l->in[0].dim[2] != 3 || l->in[1].dim[1] != 3)
        return "expected inputs (n, rows, 3) and (n, 3, columns)";
    if (l->n_weights != 4 || cynf_custom_elems(&l->weight[0].shape) != 3 || cynf_custom_elems(&l->weight[1].shape) != 6 || l->weight[2].shape.rank != 2 ||
        l->weight[2].shape.dim[0] != 3 || l->weight[3].shape.rank != 1 || l->weight[3].shape.dim[0] != l->weight[2].shape.dim[1])
        return "expected scale, shift, and a Dense layer's kernel and bias";
    if (!strstr(l->config, "\"factors\"") || strcmp(l->class_name, "Pair") || !*l->name || l->number(l, "none", 0, 7) != 7 || strcmp(l->text(l, "none", "?"), "?"))
        return "its config is not what it should be";
    r->n_out = 2;
    r->out[0] = (cynf_custom_shape){3, {l->in[0].dim[0], l->in[0].dim[1], l->in[1].dim[2]}};
    r->out[1] = (cynf_custom_shape){2, {l->in[0].dim[0], l->weight[3].shape.dim[0]}};
    r->param[0] = l->number(l, "factors", 0, 1);
    r->param[1] = l->number(l, "factors", 1, 1) * (strcmp(l->text(l, "mode", "plain"), "negative") ? 1 : -1);
    r->param[2] = strcmp(l->text(l, "mode", "plain"), "negative") ? 1 : -1;
    r->param[3] = l->number(l, "flip", 0, 0);
    r->workspace_bytes = cynf_custom_elems(&l->in[0]) * sizeof(float);
    return NULL;
}

static void run(const cynf_custom_args *a)
{
    const int32_t n = a->in[0].dim[0], rows = a->in[0].dim[1], columns = a->in[1].dim[2], units = a->out[1].dim[1];
    float *scaled = a->workspace, shift = 0;
    for (int32_t i = 0; i < n * rows * 3; i++)
        scaled[i] = a->x[0][i] * a->w[0][i % 3] * (float)a->param[0];
    for (int32_t i = 0; i < 6; i++)
        shift += a->w[1][i];
    for (int32_t s = 0; s < n; s++)
        for (int32_t i = 0; i < rows; i++)
            for (int32_t j = 0; j < columns; j++) {
                float sum = 0;
                for (int32_t k = 0; k < 3; k++)
                    sum += scaled[(s * rows + i) * 3 + k] * a->x[1][(s * 3 + k) * columns + j];
                a->y[0][(s * rows + i) * columns + j] = sum;
            }
    for (int32_t s = 0; s < n; s++)
        for (int32_t u = 0; u < units; u++) {
            float sum = (float)rows * a->w[3][u];
            for (int32_t i = 0; i < rows; i++)
                for (int32_t k = 0; k < 3; k++)
                    sum += a->x[0][(s * rows + i) * 3 + k] * a->w[2][k * units + u];
            a->y[1][s * units + (a->param[3] != 0 ? units - 1 - u : u)] = sum * (float)a->param[1] + shift * (float)a->param[2];
        }
}

CYNF_CUSTOM(1, shapes, run);

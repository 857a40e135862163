/* SPDX-License-Identifier: MIT */
/** Runs the cases that `run-goldens -l` lowered; needs neither HDF5 nor the file readers, so it cross-compiles. */
#include <stdlib.h>

#include "lowered.h"
#include "report.h"
#include "runtime/executor.h"

static bool run(const lowered_case *c, const char *exact, double *worst, char *why, size_t cap)
{
    cynf_graph *g = NULL;
    cynf_program *p = NULL;
    cynf_executor *e = NULL;
    if (cynf_graph_from_flat(&g, c->flat, c->flat_bytes, why, cap))
        return false;
    g->exact = exact != NULL;
    if (cynf_program_build(&p, g, &(cynf_build_options){.threads = 1, .force = getenv("CYNF_KERNEL")}, why, cap) || cynf_executor_create(&e, p, 1))
        return false;
    const size_t runs = c->n_in ? c->in_elems[0] / cynf_program_input_elems(p, 0) : 1;
    void *x[LOWERED_MAX_PORTS], *y[LOWERED_MAX_PORTS];
    for (int i = 0; i < c->n_in; i++)
        x[i] = lowered_from_floats(c->in[i], c->in_elems[i], g->in[i].dtype);
    for (int i = 0; i < c->n_out; i++)
        y[i] = calloc(c->out_elems[i] + 1, 8);
    bool ok = !cynf_executor_run_batch(e, runs * (size_t)g->batch, (const void *const *)x, y);
    for (int i = 0; i < c->n_out && ok; i++) {
        float *got = lowered_to_floats(y[i], c->out_elems[i], g->out[i].dtype);
        ok = (!exact || report_bits(exact, c->name, i, got, c->out_elems[i], why, cap)) &&
            report_compare(got, c->out[i], c->out_elems[i], c->rtol, c->atol, worst, why, cap);
        free(got);
    }
    for (int i = 0; i < c->n_in; i++)
        free(x[i]);
    for (int i = 0; i < c->n_out; i++)
        free(y[i]);
    cynf_executor_destroy(&e);
    cynf_program_free(&p);
    cynf_graph_free(&g);
    return ok;
}

int main(int argc, char **argv)
{
    const char *mask_text = getenv("CYNF_CPU_MASK");
    unsigned mask;
    FILE *f = argc == 2 || argc == 3 ? fopen(argv[1], "rb") : NULL;
    if (!f || (mask_text && !cynf_cpu_parse_mask(mask_text, &mask))) {
        fprintf(stderr, "usage: run-lowered FILE [BITS], where FILE was written by run-goldens -l; CYNF_CPU_MASK names instruction sets\n"
                        "  BITS  the models are exact and give the bits of this file, as with run-goldens -x; FILE was written with -x, too\n");
        return 2;
    }
    if (mask_text)
        cynf_cpu_set_mask(mask);
    static lowered_case c;
    int more;
    while ((more = lowered_next(f, &c)) > 0) {
        double worst = 0;
        char why[512] = "";
        const bool ok = run(&c, argc == 3 ? argv[2] : NULL, &worst, why, sizeof why);
        report_case(c.family, c.name, ok ? REPORT_PASSED : REPORT_FAILED, worst, why, false);
        lowered_free(&c);
    }
    fclose(f);
    if (more < 0)
        report_case("file", argv[1], REPORT_FAILED, 0, "it is damaged", false);
    return report_finish() != 0;
}

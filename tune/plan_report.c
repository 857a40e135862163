/* SPDX-License-Identifier: MIT */
/** What people ask of plans: why this kernel, what differs, does it fit here, was the cost model right. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernel.h"
#include "tune/plan.h"

static const cJSON *member(const cJSON *o, const char *name) { return cJSON_GetObjectItemCaseSensitive(o, name); }

/* NAN where there is none. */
static double number(const cJSON *o, const char *name)
{
    const cJSON *n = member(o, name);
    return n ? n->valuedouble : NAN;
}

static const char *text(const cJSON *o, const char *name) { return member(o, name)->valuestring; }

/* "conv2d 56x56x64 -> 56x56x128, 3x3", from the signature. */
static const char *describe(const char *signature, char *out, size_t cap)
{
    cynf_problem p;
    char geometry[CYNF_SIGNATURE_CAP];
    const char *threads = strstr(signature, " threads=");
    snprintf(geometry, sizeof geometry, "%.*s", threads ? (int)(threads - signature) : 0, signature);
    if (!cynf_geometry_parse(geometry, &p)) {
        snprintf(out, cap, "%s", signature);
        return out;
    }
    const cynf_conv2d *c = p.op == CYNF_OP_SEPCONV2D ? &p.u.sepconv2d.pw : &p.u.conv2d;
    const cynf_dwconv2d *d = p.op == CYNF_OP_SEPCONV2D ? &p.u.sepconv2d.dw : &p.u.dwconv2d;
    const cynf_fc *f = &p.u.fc;
    switch (p.op) {
    case CYNF_OP_CONV2D:
        snprintf(out, cap, "conv2d %dx%dx%d -> %dx%dx%d, kernel %dx%d, stride %dx%d%s", c->h, c->w, c->ic, c->oh, c->ow, c->oc, c->kh, c->kw, c->sh, c->sw,
            c->x.b < c->ic ? ", blocked" : "");
        break;
    case CYNF_OP_DWCONV2D:
        snprintf(out, cap, "dwconv2d %dx%dx%d -> %dx%dx%d, kernel %dx%d, stride %dx%d%s", d->h, d->w, d->c, d->oh, d->ow, d->c * d->mult, d->kh, d->kw,
            d->sh, d->sw, d->x.b < d->c ? ", blocked" : "");
        break;
    case CYNF_OP_SEPCONV2D:
        snprintf(out, cap, "sepconv2d %dx%dx%d -> %dx%dx%d, kernel %dx%d, stride %dx%d%s", d->h, d->w, d->c, c->oh, c->ow, c->oc, d->kh, d->kw, d->sh, d->sw,
            d->x.b < d->c ? ", blocked" : "");
        break;
    case CYNF_OP_FC: snprintf(out, cap, "fc %d x %d -> %d", f->m, f->k, f->n); break;
    case CYNF_OP_RNN: snprintf(out, cap, "rnn %d steps, %d units%s", p.u.rnn.t, p.u.rnn.h, p.u.rnn.f ? ", with its projection" : ""); break;
    default: snprintf(out, cap, "%s", cynf_op_name(p.op));
    }
    return out;
}

/* The fastest measured candidate that is neither left out nor the winner. */
static const cJSON *runner_up(const cJSON *kernel)
{
    const char *winner = text(kernel, "kernel");
    const cJSON *c, *best = NULL;
    cJSON_ArrayForEach(c, member(kernel, "candidates"))
        if (member(c, "median_us") && !member(c, "left_out") && strcmp(c->string, winner) &&
            (!best || number(c, "median_us") < number(best, "median_us")))
            best = c;
    return best;
}

static int compare_medians(const void *a, const void *b)
{
    const double x = number(*(const cJSON *const *)a, "median_us"), y = number(*(const cJSON *const *)b, "median_us");
    return (x > y) - (x < y);
}

static void explain_kernel(const cJSON *kernel, FILE *out)
{
    char line[256];
    const char *winner = text(kernel, "kernel");
    const cJSON *w = member(member(kernel, "candidates"), winner), *second = runner_up(kernel), *c;
    const char *const limit = member(kernel, "bound_by") ? text(kernel, "bound_by") : "", *const by = *limit ? " by " : "";
    fprintf(out, "  %s%s\n", describe(kernel->string, line, sizeof line), strstr(kernel->string, " threads="));
    if (member(w, "median_us"))
        fprintf(out, "    winner     %s  %.3f us +- %.0f %%, error %.1e; bound %.3f us%s%s, %.0f %% of the algorithm's own limit\n", winner, number(w, "median_us"),
            100 * number(w, "spread"), fmax(number(w, "error"), 0), number(kernel, "bound_us"), by, limit, 100 * number(w, "share"));
    else
        fprintf(out, "    winner     %s  modelled %.3f us, not measured; bound %.3f us%s%s\n", winner, number(w, "modelled_us"), number(kernel, "bound_us"), by, limit);
    if (member(kernel, "exact_cost") && member(kernel, "unrestricted"))
        fprintf(out, "    exact      modelled %.2f x %s\n", number(kernel, "exact_cost"), text(kernel, "unrestricted"));
    if (second)
        fprintf(out, "    runner-up  %s  %.2f x\n", second->string, number(second, "median_us") / number(w, "median_us"));
    const cJSON *slower[512];
    size_t n = 0;
    cJSON_ArrayForEach(c, member(kernel, "candidates"))
        if (c != w && c != second && member(c, "median_us") && n < sizeof slower / sizeof *slower)
            slower[n++] = c;
    qsort(slower, n, sizeof *slower, compare_medians);
    for (size_t i = 0; i < n; i++)
        fprintf(out, "    slower     %s  %.2f x\n", slower[i]->string, number(slower[i], "median_us") / number(w, "median_us"));
    cJSON_ArrayForEach(c, member(kernel, "candidates"))
        if (member(c, "left_out"))
            fprintf(out, "    left out   %s: %s\n", c->string, text(c, "left_out"));
        else if (!member(c, "median_us") && c != w)
            fprintf(out, "    not tried  %s: modelled %.3f us\n", c->string, number(c, "modelled_us"));
}

/* Measured over modelled time, per algorithm and instruction set: a cost model is right when the ratios of a machine are alike. */
static void explain_cost_model(const cJSON *kernels, FILE *out)
{
    fprintf(out, "  cost model: measured / modelled (geometric mean, least, most, of how many)\n");
    for (int op = 0; op <= CYNF_OP_FC; op++) {
        const cynf_kernel *k[512];
        const size_t all = cynf_kernels((cynf_op)op, k, 512), n = all < 512 ? all : 512;
        for (size_t i = 0; i < n; i++) {
            bool first = true;
            for (size_t j = 0; j < i; j++)
                first &= k[j]->algo != k[i]->algo || k[j]->isa != k[i]->isa;
            if (!first)
                continue;
            double sum = 0, least = INFINITY, most = 0;
            int count = 0;
            const cJSON *entry, *c;
            cJSON_ArrayForEach(entry, kernels)
                cJSON_ArrayForEach(c, member(entry, "candidates"))
                {
                    const cynf_kernel *found = cynf_kernel_find(c->string);
                    const double ratio = number(c, "median_us") / number(c, "modelled_us");
                    if (found && found->algo == k[i]->algo && found->isa == k[i]->isa && isfinite(ratio)) {
                        sum += log(ratio);
                        least = fmin(least, ratio);
                        most = fmax(most, ratio);
                        count++;
                    }
                }
            if (count)
                fprintf(out, "    %-10s %-12s %-7s %6.2f %6.2f %6.2f %5d\n", cynf_op_name((cynf_op)op), k[i]->algo->name, cynf_isa_name(k[i]->isa),
                    exp(sum / count), least, most, count);
        }
    }
}

void cynf_plan_explain(const cJSON *plan, FILE *out)
{
    const cJSON *machine, *item;
    cJSON_ArrayForEach(machine, member(plan, "machines"))
    {
        fprintf(out, "%s (library %s, %s)%s\n  peak", machine->string, text(machine, "library"), text(machine, "compiler"),
            cJSON_IsTrue(member(machine, "exact")) ? ", exact kernels alone" : "");
        cJSON_ArrayForEach(item, member(machine, "gflops"))
            fprintf(out, " %s %.1f", item->string, item->valuedouble);
        fprintf(out, " GFLOP/s; GB/s from L1, L2, L3, DRAM:");
        cJSON_ArrayForEach(item, member(machine, "gbps"))
            fprintf(out, " %.1f", item->valuedouble);
        fprintf(out, "\n");
        cJSON_ArrayForEach(item, member(machine, "kernels"))
            explain_kernel(item, out);
        explain_cost_model(member(machine, "kernels"), out);
        cJSON_ArrayForEach(item, member(machine, "models"))
        {
            fprintf(out, "  model %s (%s): %.3f us un-tuned, %.3f us tuned, %.2f x", text(item, "name"), item->string, number(item, "default_us"),
                number(item, "tuned_us"), number(item, "default_us") / number(item, "tuned_us"));
            if (member(item, "exact_cost"))
                fprintf(out, "; exact costs %.2f x", number(item, "exact_cost"));
            if (member(item, "serial"))
                fprintf(out, "; one thread is faster");
            fprintf(out, "\n");
        }
    }
}

/* ---- differences ---- */

/* Whether kernel says itself that name is as fast as its winner: in the sum of both spreads, or of two per cent. */
static bool inside_noise(const cJSON *kernel, const char *name)
{
    const cJSON *candidates = member(kernel, "candidates"), *w = member(candidates, text(kernel, "kernel")), *c = member(candidates, name);
    if (!c || !member(c, "median_us") || !member(w, "median_us") || member(c, "left_out"))
        return false;
    const double noise = fmax(0.02, number(w, "spread") + number(c, "spread"));
    return number(c, "median_us") <= (1 + noise) * number(w, "median_us");
}

static int diff_kernels(const cJSON *a, const cJSON *b, FILE *out)
{
    int different = 0;
    const cJSON *x;
    char line[256];
    cJSON_ArrayForEach(x, a)
    {
        const cJSON *y = member(b, x->string);
        if (y && !strcmp(text(x, "kernel"), text(y, "kernel")))
            continue;
        different++;
        fprintf(out, "%s\n  - %s\n", describe(x->string, line, sizeof line), text(x, "kernel"));
        if (y)
            fprintf(out, "  + %s  (%s)\n", text(y, "kernel"),
                inside_noise(x, text(y, "kernel")) || inside_noise(y, text(x, "kernel")) ? "inside the noise" : "outside the noise");
    }
    cJSON_ArrayForEach(x, b)
        if (!member(a, x->string)) {
            different++;
            fprintf(out, "%s\n  + %s\n", describe(x->string, line, sizeof line), text(x, "kernel"));
        }
    return different;
}

static int diff_models(const cJSON *a, const cJSON *b, FILE *out)
{
    int different = 0;
    const cJSON *x;
    cJSON_ArrayForEach(x, a)
    {
        const cJSON *y = member(b, x->string);
        if (y && cJSON_Compare(member(x, "nodes"), member(y, "nodes"), true))
            continue;
        different++;
        const double times[2] = {number(x, "tuned_us"), number(y, "tuned_us")};
        const bool noise = fabs(times[0] - times[1]) <= fmax(0.02, number(x, "spread") + number(y, "spread")) * fmin(times[0], times[1]);
        fprintf(out, "model %s (%s): %s\n", text(x, "name"), x->string, !y ? "only in the first" :
                noise ? "layouts, fusions or kernels of single layers differ; the times are inside the noise" :
                        "layouts, fusions or kernels of single layers differ; the times are outside the noise");
    }
    cJSON_ArrayForEach(x, b)
        if (!member(a, x->string)) {
            different++;
            fprintf(out, "model %s (%s): only in the second\n", text(x, "name"), x->string);
        }
    return different;
}

int cynf_plan_diff(const cJSON *a, const cJSON *b, FILE *out)
{
    int different = 0;
    const cJSON *x, *machines[2] = {member(a, "machines"), member(b, "machines")};
    for (int i = 0; i < 2; i++)
        cJSON_ArrayForEach(x, machines[i])
            if (!member(machines[!i], x->string)) {
                different++;
                fprintf(out, "%s: only in the %s\n", x->string, i ? "second" : "first");
            }
    cJSON_ArrayForEach(x, machines[0])
    {
        const cJSON *y = member(machines[1], x->string);
        if (!y)
            continue;
        static const char *const fields[] = {"library", "compiler"};
        for (int i = 0; i < 2; i++)
            if (strcmp(text(x, fields[i]), text(y, fields[i]))) {
                different++;
                fprintf(out, "%s.%s: %s, %s\n", x->string, fields[i], text(x, fields[i]), text(y, fields[i]));
            }
        different += diff_kernels(member(x, "kernels"), member(y, "kernels"), out) + diff_models(member(x, "models"), member(y, "models"), out);
    }
    return different;
}

int cynf_plan_check(const cJSON *plan, FILE *out)
{
    char cpu[CYNF_SIGNATURE_CAP];
    const cJSON *machines = member(plan, "machines"), *here = member(machines, cynf_cpu_fingerprint(cpu, sizeof cpu)), *item;
    int complaints = 0;
    if (!here) {
        cJSON_ArrayForEach(item, machines)
            fprintf(out, "machines: found \"%s\"\n", item->string);
        fprintf(out, "machines: this CPU, \"%s\", is not among them; here the plan is not used, the cost model chooses\n", cpu);
        return 1;
    }
    if (strcmp(text(here, "library"), cynf_build_id())) {
        complaints++;
        fprintf(out, "library: tuned with build %s, this is %s; the choices are used, but may no longer be the fastest: tune again\n", text(here, "library"),
            cynf_build_id());
    }
    int missing = 0;
    cJSON_ArrayForEach(item, member(here, "kernels"))
    {
        const cynf_kernel *k = cynf_kernel_find(text(item, "kernel"));
        missing += !(cynf_cpu_isas() >> k->isa & 1);
    }
    if (missing) {
        complaints++;
        fprintf(out, "kernels: %d of %d need an instruction set that is masked here; the cost model chooses instead\n", missing,
            cJSON_GetArraySize(member(here, "kernels")));
    }
    return complaints;
}

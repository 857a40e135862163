/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MAX_FAMILIES 128

static struct family {
    char name[64];
    int count[3];
    double worst;
} families[MAX_FAMILIES];
static int n_families;

bool report_compare(const float *y, const float *ref, size_t n, double rtol, double atol, double *worst, char *why, size_t cap)
{
    double top = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(ref[i]) && fabs((double)ref[i]) > top)
            top = fabs((double)ref[i]);
    const double scale = top > 0.01 ? top : 0.01;
    size_t bad = 0, first = 0;
    for (size_t i = 0; i < n; i++) {
        const double r = ref[i], v = y[i];
        bool ok;
        if (isfinite(r)) {
            const double e = fabs(v - r);
            ok = e <= atol * scale + rtol * fabs(r);
            if (isfinite(e) && e / scale > *worst)
                *worst = e / scale;
        } else {
            ok = isnan(r) ? isnan(v) : v == r;
        }
        if (!ok && !bad++)
            first = i;
    }
    if (bad)
        snprintf(why, cap, "%zu of %zu values off; at %zu got %.7g, expected %.7g", bad, n, first, (double)y[first], (double)ref[first]);
    return !bad;
}

bool report_bits(const char *file, const char *name, int output, const float *y, size_t n, char *why, size_t cap)
{
    char line[512], known[512];
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < n; i++) {
        uint32_t word = 0x7fc00000;
        if (!isnan(y[i]))
            memcpy(&word, &y[i], sizeof word);
        h = (h ^ word) * 0x100000001b3u;
    }
    const int key = snprintf(line, sizeof line, "%.400s %d ", name, output);
    snprintf(line + key, sizeof line - (size_t)key, "%016llx\n", (unsigned long long)h);
    FILE *f = fopen(file, "a+");
    if (!f) {
        snprintf(why, cap, "%s: cannot be written", file);
        return false;
    }
    bool found = false, same = false;
    rewind(f);
    while (!found && fgets(known, sizeof known, f)) {
        found = !strncmp(known, line, (size_t)key);
        same = found && !strcmp(known, line);
    }
    if (!found)
        same = fputs(line, f) >= 0;
    same = !fclose(f) && same;
    if (!same)
        snprintf(why, cap, "output %d: %s", output, found ? "its bits are not those of the run before" : "the file of bits cannot be written");
    return same;
}

void report_case(const char *family, const char *name, report_outcome o, double worst, const char *why, bool verbose)
{
    int i = 0;
    while (i < n_families && strcmp(families[i].name, family))
        i++;
    if (i == MAX_FAMILIES)
        i--;
    if (i == n_families)
        snprintf(families[n_families++].name, sizeof families->name, "%s", family);
    families[i].count[o]++;
    if (o == REPORT_PASSED && worst > families[i].worst)
        families[i].worst = worst;
    if (o == REPORT_FAILED || (verbose && o == REPORT_REFUSED))
        printf("%s %s: %s\n", o == REPORT_FAILED ? "FAILED " : "refused", name, why);
}

int report_finish(void)
{
    int sum[3] = {0};
    printf("%-20s %7s %7s %8s  %s\n", "family", "passed", "failed", "refused", "largest error / max|reference|");
    for (int i = 0; i < n_families; i++) {
        const struct family *f = &families[i];
        printf("%-20s %7d %7d %8d  %.1e\n", f->name, f->count[0], f->count[1], f->count[2], f->worst);
        for (int k = 0; k < 3; k++)
            sum[k] += f->count[k];
    }
    printf("%d passed, %d failed", sum[0], sum[1]);
    if (sum[2])
        printf(", %d skipped", sum[2]);
    printf("\n");
    return sum[1];
}

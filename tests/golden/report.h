/* SPDX-License-Identifier: MIT */
/** Judging a golden, as shared by the host runner and the runner of lowered cases: the comparison, and the table by family. */
#ifndef CYNF_REPORT_H
#define CYNF_REPORT_H

#include <stdbool.h>
#include <stddef.h>

/**
 * |y - ref| <= atol * max(max|ref|, 0.01) + rtol * |ref| everywhere; NaN and infinities in the same places. worst gets the largest error
 * relative to max|ref|; why says what is off.
 */
bool report_compare(const float *y, const float *ref, size_t n, double rtol, double atol, double *worst, char *why, size_t cap);

/**
 * Compares the bits of n values of output number output of a case, NaN counting as the same, with what file says of it; what it does not know is added to it.
 * False: they differ, or the file cannot be written; why says which.
 */
bool report_bits(const char *file, const char *name, int output, const float *y, size_t n, char *why, size_t cap);

typedef enum report_outcome { REPORT_PASSED, REPORT_FAILED, REPORT_REFUSED } report_outcome;

/** Counts a case under its family; failures are printed at once, refusals when verbose. */
void report_case(const char *family, const char *name, report_outcome o, double worst, const char *why, bool verbose);
/** Prints a line a family and `N passed, N failed` (`, N skipped` for refusals); returns the number of failures. */
int report_finish(void);

#endif

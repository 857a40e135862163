/* SPDX-License-Identifier: MIT */
/** A progress bar with the time that is left, on a terminal; elsewhere it prints nothing. For tools alone. */
#ifndef CYNF_PROGRESS_H
#define CYNF_PROGRESS_H

#include <stdbool.h>
#include <stdio.h>

typedef struct cynf_progress {
    FILE *to;
    bool terminal;
    double start, drawn; /**< seconds */
} cynf_progress;

void cynf_progress_begin(cynf_progress *p, FILE *to);
/** fraction in 0..1; what is being done, shown behind the bar. Redraws at most ten times a second. */
void cynf_progress_show(cynf_progress *p, double fraction, const char *what);
/** Removes the bar. */
void cynf_progress_end(cynf_progress *p);

#endif

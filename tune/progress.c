/* SPDX-License-Identifier: MIT */
/** The progress bar. */
#include <unistd.h>

#include "tune/progress.h"
#include "tune/timer.h"

void cynf_progress_begin(cynf_progress *p, FILE *to)
{
    *p = (cynf_progress){to, isatty(fileno(to)) == 1, cynf_now(), 0};
}

void cynf_progress_show(cynf_progress *p, double fraction, const char *what)
{
    static const char full[] = "########################################", empty[] = "                                        ";
    enum { WIDTH = sizeof full - 1 };
    const double now = cynf_now();
    if (!p->terminal || (now - p->drawn < 0.1 && fraction < 1))
        return;
    p->drawn = now;
    const int n = (int)(fraction * WIDTH);
    const double left = fraction > 0.01 ? (now - p->start) * (1 - fraction) / fraction : 0;
    fprintf(p->to, "\r[%.*s%.*s] %3.0f %%", n, full, WIDTH - n, empty, 100 * fraction);
    if (left >= 1)
        fprintf(p->to, "  %d:%02d left", (int)left / 60, (int)left % 60);
    fprintf(p->to, "  %.60s\033[K", what);
    fflush(p->to);
}

void cynf_progress_end(cynf_progress *p)
{
    if (p->terminal)
        fprintf(p->to, "\r\033[K");
}

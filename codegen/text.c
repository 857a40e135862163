/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "codegen/generate_internal.h"

void cynf_text_add(cynf_text *t, const char *format, ...)
{
    va_list v;
    va_start(v, format);
    const int n = vsnprintf(NULL, 0, format, v);
    va_end(v);
    if (n < 0 || t->failed) {
        t->failed = true;
        return;
    }
    if (t->n + (size_t)n + 1 > t->cap) {
        const size_t cap = 2 * t->cap + (size_t)n + 256;
        char *s = realloc(t->s, cap);
        if (!s) {
            t->failed = true;
            return;
        }
        t->s = s;
        t->cap = cap;
    }
    va_start(v, format);
    vsnprintf(t->s + t->n, (size_t)n + 1, format, v);
    va_end(v);
    t->n += (size_t)n;
}

/* Line ends, and what could end or nest a comment (or, after a backslash, join lines), become blanks. */
void cynf_text_comment(cynf_text *t, const char *s)
{
    for (char before = 0; *s; before = *s++) {
        const bool harmless = (unsigned char)*s >= ' ' && *s != '\\' && !(before == '*' && *s == '/') && !(before == '/' && *s == '*');
        cynf_text_add(t, "%c", harmless ? *s : ' ');
    }
}

void cynf_text_quote(cynf_text *t, const char *s)
{
    cynf_text_add(t, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            cynf_text_add(t, "\\%c", *s);
        else if ((unsigned char)*s < ' ' || *s == 127 || *s == '?') /* '?': trigraphs */
            cynf_text_add(t, "\\%03o", (unsigned char)*s);
        else
            cynf_text_add(t, "%c", *s);
    }
    cynf_text_add(t, "\"");
}

void cynf_text_free(cynf_text *t)
{
    free(t->s);
    *t = (cynf_text){0};
}

/* SPDX-License-Identifier: MIT */
/** docs/layers.md, made from the tables of keras/layers/. */
#ifndef CYNF_LAYER_TABLE_H
#define CYNF_LAYER_TABLE_H

#include <stdio.h>

/** Markdown: every class that can be lowered, its options, the operations that it calls, its limits. */
void layer_table_print(FILE *f);

#endif

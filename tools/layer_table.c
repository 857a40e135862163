/* SPDX-License-Identifier: MIT */
/** The tables of keras/layers/ as text. */
#include "layer_table.h"

#include "keras/layers/layer.h"

static const char head[] =
    "<!-- Made by `cynf-info --layers > docs/layers.md`; a test fails when it is not up to date. The words stand in the tables of keras/layers/. -->\n"
    "# Layers\n\n"
    "What is loaded and run. Everything else is refused by name, with what to do. *Kernels* are the operations that a layer's lowering calls; layouts may add `copy`,\n"
    "activations `eltwise` and `softmax`, and passes over the graph may remove them again. Whatever is not listed under *limits* is computed as Keras computes it.\n\n"
    "- Models: Sequential, Functional, Model, nested and shared at will; several inputs and outputs, dicts in the order of their sorted keys.\n"
    "- Half-precision and mixed policies are computed in single precision; quantised weights of other kinds than int8 are refused.\n"
    "- `activation` takes every activation of Keras, by name, as a function object or as a layer object. LoRA updates are merged.\n"
    "- Lambda and custom layers hold Python code, which is never run; what they compute can be given in C: `--custom Name=file.c`.\n";

void layer_table_print(FILE *f)
{
    fputs(head, f);
    for (const cynf_layer_family *family = cynf_layer_families(); family->title; family++) {
        fprintf(f, "\n## %s\n\n| layer | options | kernels | limits |\n|---|---|---|---|\n", family->title);
        for (const cynf_layer_class *k = family->class; k->name;) {
            const cynf_layer_class *words = k;
            fprintf(f, "| %s", k->name);
            for (k++; k->name && !k->options; k++)
                fprintf(f, ", %s", k->name);
            fprintf(f, " | %s | %s | %s |\n", words->options, words->kernels, words->limits ? words->limits : "");
        }
    }
}

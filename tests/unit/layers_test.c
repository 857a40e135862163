/* SPDX-License-Identifier: MIT */
/**
 * layers-test layers.md FOLDER...: the document is what the tables of keras/layers/ say, and the tables name the operations that lowering the
 * models below the folders calls. Models of all classes must be there (two folders) for the opposite: that what a table names is called.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "graph/program.h"
#include "keras/layers/layer.h"
#include "keras/load.h"
#include "layer_table.h"

#define MAX_CLASSES 1024

static struct {
    const cynf_layer_class *class, *words;
    unsigned called;
} seen[MAX_CLASSES];

static int classes, failed, models;

/* Activations and layouts call these without saying so. */
static const unsigned help = 1u << CYNF_OP_ELTWISE | 1u << CYNF_OP_SOFTMAX | 1u << CYNF_OP_COPY;

static void list_classes(void)
{
    for (const cynf_layer_family *f = cynf_layer_families(); f->title; f++) {
        const cynf_layer_class *words = f->class;
        for (const cynf_layer_class *k = f->class; k->name && classes < MAX_CLASSES; k++) {
            words = k->options ? k : words;
            if (!words->options || !words->kernels) {
                printf("%s: its line has no words, and none before it has\n", k->name);
                failed++;
            }
            seen[classes].class = k;
            seen[classes++].words = words;
        }
    }
}

/* Whether the list names the word. */
static bool names(const char *list, const char *word)
{
    const size_t n = strlen(word);
    for (const char *p = list; (p = strstr(p, word)); p += n)
        if ((p == list || p[-1] == ' ') && (!p[n] || p[n] == ','))
            return true;
    return false;
}

static int load(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)ftw;
    const size_t n = strlen(path);
    if (type != FTW_F || strstr(path, "/bad/") || !((n > 3 && !strcmp(path + n - 3, ".h5")) || (n > 6 && !strcmp(path + n - 6, ".keras"))))
        return 0;
    cynf_graph *g = NULL;
    char text[1024];
    if (cynf_keras_load(&g, path, NULL, text, sizeof text))
        return 0;
    models++;
    for (int32_t i = 0; i < g->n_node; i++)
        for (int c = 0; c < classes; c++)
            if (g->node[i].op != CYNF_N_RESHAPE && g->node[i].klass && !strcmp(g->node[i].klass, seen[c].class->name))
                seen[c].called |= 1u << cynf_node_operation(g->node[i].op);
    cynf_graph_free(&g);
    return 0;
}

static void check_operations(bool all)
{
    for (int c = 0; c < classes; c++) {
        const char *list = seen[c].words->kernels;
        for (int i = 0; i < CYNF_OP_COUNT && list && !strstr(list, "inside"); i++) {
            const bool called = seen[c].called >> i & 1, named = names(list, cynf_op_name((cynf_op)i));
            if (called && !named && !(help >> i & 1)) {
                printf("%s calls %s; its line in keras/layers/ names %s\n", seen[c].class->name, cynf_op_name((cynf_op)i), list);
                failed++;
            }
            if (all && seen[c].class == seen[c].words && seen[c].called && named) {
                unsigned any = 0;
                for (int k = c; k < classes && seen[k].words == seen[c].words; k++)
                    any |= seen[k].called;
                if (!(any >> i & 1)) {
                    printf("no model's %s calls %s, which its line in keras/layers/ names\n", seen[c].class->name, cynf_op_name((cynf_op)i));
                    failed++;
                }
            }
        }
    }
}

static void check_document(const char *path)
{
    char *made = NULL;
    size_t bytes = 0;
    FILE *m = open_memstream(&made, &bytes), *f = fopen(path, "r");
    if (!m || !f) {
        perror(path);
        exit(2);
    }
    layer_table_print(m);
    fclose(m);
    int line = 1, want, have;
    size_t at = 0;
    do {
        want = at < bytes ? (unsigned char)made[at++] : EOF;
        have = fgetc(f);
        line += want == '\n' && have == '\n';
    } while (want == have && want != EOF);
    if (want != have) {
        printf("%s differs from the tables of keras/layers/ in line %d; make it anew: cynf-info --layers > docs/layers.md\n", path, line);
        failed++;
    }
    fclose(f);
    free(made);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: layers-test layers.md FOLDER...\n");
        return 2;
    }
    list_classes();
    check_document(argv[1]);
    int folders = 0;
    for (int i = 2; i < argc; i++)
        if (!nftw(argv[i], load, 16, FTW_PHYS))
            folders++;
        else
            printf("SKIPPED: %s\n", argv[i]);
    check_operations(folders > 1);
    printf("%d classes, %d models, %d problems\n", classes, models, failed);
    return failed || !models;
}

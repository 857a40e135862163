/* SPDX-License-Identifier: MIT */
/** Which dataset is which weight: small architectures against files that exist in memory only. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keras/weights.h"

enum { MAX = 32 };

/** A file, its parsed architecture, and where the weights are. */
typedef struct scene {
    cynf_file f;
    cynf_dataset d[MAX];
    cynf_name_list l[MAX];
    char text[MAX][256];
    cJSON *model;
    cynf_weight_map *w;
    char message[512];
} scene;

/** datasets and lists (each "group|attribute|name,name") sorted as file.h says, ended by NULL. */
static scene *open_scene(cynf_container container, const char *json, const char *const *datasets, const char *const *lists)
{
    static float data[1];
    scene *s = calloc(1, sizeof *s);
    s->f = (cynf_file){.path = (char *)(uintptr_t)"test", .container = container, .dataset = s->d, .list = s->l};
    for (; *datasets; datasets++) {
        ck_assert(!s->f.n_dataset || strcmp(s->d[s->f.n_dataset - 1].path, *datasets) < 0);
        s->d[s->f.n_dataset++] = (cynf_dataset){.path = (char *)(uintptr_t)*datasets, .rank = 1, .dim = {1}, .data = data};
    }
    for (; *lists; lists++) {
        cynf_name_list *l = &s->l[s->f.n_list];
        l->group = strcpy(s->text[s->f.n_list++], *lists);
        l->attribute = strchr(l->group, '|');
        *l->attribute++ = 0;
        char *names = strchr(l->attribute, '|');
        *names++ = 0;
        l->item = calloc(MAX, sizeof *l->item);
        for (char *n = strtok(names, ","); n; n = strtok(NULL, ","))
            l->item[l->n++] = n;
    }
    s->model = cJSON_Parse(json);
    ck_assert_ptr_nonnull(s->model);
    const cynf_status e = cynf_weights_open(&s->w, &s->f, s->model, s->message, sizeof s->message);
    ck_assert_msg((e == CYNF_OK) == !*s->message, "%d %s", e, s->message);
    return s;
}

static void close_scene(scene *s)
{
    for (int32_t i = 0; i < s->f.n_list; i++)
        free(s->l[i].item);
    if (s->w)
        cynf_weights_free(&s->w);
    cJSON_Delete(s->model);
    free(s);
}

/** A layer by its way through the config: "1" is layers[1], "1.0" a layer of a nested model, "1.layer", "0.cell", "0.cell.cells.1" ... */
static const cynf_layer_weights *at(const scene *s, const char *way, int32_t copy)
{
    char text[64];
    const cJSON *n = s->model;
    strcpy(text, way);
    for (char *step = strtok(text, "."); step; step = strtok(NULL, ".")) {
        const cJSON *c = cJSON_GetObjectItem(n, "config");
        c = c ? c : n;
        if (*step >= '0' && *step <= '9')
            n = cJSON_GetArrayItem(cJSON_IsArray(c) ? c : cJSON_GetObjectItem(c, "layers"), atoi(step));
        else
            n = cJSON_GetObjectItem(c, step);
    }
    const cynf_layer_weights *l = cynf_weights_of(s->w, n, copy);
    ck_assert_msg(l, "no entry for %s", way);
    return l;
}

static void is(const scene *s, const char *way, int32_t copy, const char *name, const char *path)
{
    const cynf_layer_weights *l = at(s, way, copy);
    ck_assert_msg(!l->problem, "%s: %s", way, l->problem);
    const cynf_dataset *d = cynf_weight(l, name);
    ck_assert_msg(d, "%s has no %s", way, name);
    ck_assert_str_eq(d->path, path);
}

static void has_problem(const scene *s, const char *way, const char *word)
{
    const cynf_layer_weights *l = at(s, way, 0);
    ck_assert_msg(l->problem && strstr(l->problem, word) && !l->n, "%s: '%s' instead of '%s'", way, l->problem ? l->problem : "", word);
}

#define LIST(...) (const char *const[]){__VA_ARGS__, NULL}
#define DENSE(name) "{\"class_name\":\"Dense\",\"config\":{\"name\":\"" name "\"}}"
#define NORM(name) "{\"class_name\":\"BatchNormalization\",\"config\":{\"name\":\"" name "\",\"trainable\":true}}"
#define MODEL(name, layers) "{\"class_name\":\"Sequential\",\"config\":{\"name\":\"" name "\",\"layers\":[" layers "]}}"

START_TEST(by_name)
{
    /* The file's order is not the architecture's. */
    scene *s = open_scene(CYNF_CONTAINER_H5, MODEL("m", DENSE("a") "," DENSE("b")), LIST("model_weights/a/k", "model_weights/a/x", "model_weights/b/k",
        "model_weights/b/x"), LIST("model_weights|layer_names|b,a", "model_weights/a|weight_names|k,x", "model_weights/b|weight_names|x,k"));
    is(s, "0", 0, "kernel", "model_weights/a/k");
    is(s, "0", 0, "bias", "model_weights/a/x");
    is(s, "1", 0, "kernel", "model_weights/b/x");
    ck_assert_str_eq(at(s, "1", 0)->where, "model_weights/b");
    ck_assert_ptr_null(cynf_weight(at(s, "1", 0), "gamma"));
    close_scene(s);
}
END_TEST

START_TEST(by_order)
{
    scene *s = open_scene(CYNF_CONTAINER_H5_WEIGHTS, MODEL("m", DENSE("a") ",{\"class_name\":\"Flatten\",\"config\":{\"name\":\"f\"}}," DENSE("b")),
        LIST("d1/b", "d1/k", "d2/b", "d2/k"), LIST("|layer_names|d2,flat,d1", "d1|weight_names|k,b", "d2|weight_names|k,b", "flat|weight_names|"));
    is(s, "0", 0, "kernel", "d2/k");
    is(s, "2", 0, "bias", "d1/b");
    ck_assert_int_eq(at(s, "1", 0)->n, 0);
    ck_assert_ptr_null(at(s, "1", 0)->problem);
    close_scene(s);
}
END_TEST

START_TEST(flat_list_of_a_nested_model)
{
    /* c frozen: its weights are among those of the second half, in its place. */
    const char *json = MODEL("m", MODEL("n", DENSE("a") "," NORM("b") ",{\"class_name\":\"Dense\",\"config\":{\"name\":\"c\",\"trainable\":false}}," DENSE("d")));
    scene *s = open_scene(CYNF_CONTAINER_H5, json, LIST("model_weights/n/0", "model_weights/n/1", "model_weights/n/2", "model_weights/n/3",
        "model_weights/n/4", "model_weights/n/5", "model_weights/n/6", "model_weights/n/7", "model_weights/n/8", "model_weights/n/9"),
        LIST("model_weights|layer_names|n", "model_weights/n|weight_names|0,1,2,3,4,5,6,7,8,9"));
    is(s, "0.0", 0, "bias", "model_weights/n/1");
    is(s, "0.1", 0, "gamma", "model_weights/n/2");
    is(s, "0.1", 0, "moving_mean", "model_weights/n/6");
    is(s, "0.2", 0, "kernel", "model_weights/n/8");
    is(s, "0.3", 0, "kernel", "model_weights/n/4");
    ck_assert_int_eq(at(s, "0", 0)->n, 0);
    close_scene(s);
}
END_TEST

START_TEST(class_paths)
{
    const char *json = MODEL("m", DENSE("zz") "," MODEL("n", DENSE("aa") "," DENSE("bb")) ",{\"class_name\":\"Conv2D\",\"config\":{\"use_bias\":false}},"
        DENSE("cc"));
    scene *s = open_scene(CYNF_CONTAINER_KERAS, json, LIST("layers/conv2d/vars/0", "layers/dense/vars/0", "layers/dense/vars/1", "layers/dense_1/vars/0",
        "layers/dense_1/vars/1", "layers/sequential/layers/dense/vars/0", "layers/sequential/layers/dense/vars/1",
        "layers/sequential/layers/dense_1/vars/0", "layers/sequential/layers/dense_1/vars/1"), LIST(NULL));
    is(s, "0", 0, "kernel", "layers/dense/vars/0");
    is(s, "3", 0, "bias", "layers/dense_1/vars/1");
    is(s, "1.1", 0, "kernel", "layers/sequential/layers/dense_1/vars/0");
    is(s, "2", 0, "kernel", "layers/conv2d/vars/0");
    close_scene(s);
}
END_TEST

#define CELL(class) "{\"class_name\":\"" class "\",\"config\":{\"use_bias\":false}}"

START_TEST(sublayers)
{
    const char *json = MODEL("m", "{\"class_name\":\"Bidirectional\",\"config\":{\"layer\":" CELL("LSTM") "}},"
        "{\"class_name\":\"RNN\",\"config\":{\"cell\":{\"class_name\":\"StackedRNNCells\",\"config\":{\"cells\":[" CELL("GRUCell") "," CELL("GRUCell") "]}}}},"
        "{\"class_name\":\"MultiHeadAttention\",\"config\":{\"use_bias\":false}},{\"class_name\":\"ConvLSTM2D\",\"config\":{\"use_bias\":false}}");
    scene *s = open_scene(CYNF_CONTAINER_KERAS, json, LIST("layers/bidirectional/backward_layer/cell/vars/0", "layers/bidirectional/backward_layer/cell/vars/1",
        "layers/bidirectional/forward_layer/cell/vars/0", "layers/bidirectional/forward_layer/cell/vars/1", "layers/conv_lst_m2d/cell/vars/0",
        "layers/conv_lst_m2d/cell/vars/1", "layers/multi_head_attention/_key_dense/vars/0", "layers/multi_head_attention/_output_dense/vars/0",
        "layers/multi_head_attention/_query_dense/vars/0", "layers/multi_head_attention/_value_dense/vars/0", "layers/rnn/cell/cells/gru_cell/vars/0",
        "layers/rnn/cell/cells/gru_cell/vars/1", "layers/rnn/cell/cells/gru_cell_1/vars/0", "layers/rnn/cell/cells/gru_cell_1/vars/1"), LIST(NULL));
    is(s, "0.layer", 0, "kernel", "layers/bidirectional/forward_layer/cell/vars/0");
    is(s, "0.layer", 1, "recurrent_kernel", "layers/bidirectional/backward_layer/cell/vars/1");
    is(s, "2", 0, "attention_output/kernel", "layers/multi_head_attention/_output_dense/vars/0");
    is(s, "3", 0, "recurrent_kernel", "layers/conv_lst_m2d/cell/vars/1");
    const cJSON *rnn = cJSON_GetArrayItem(cJSON_GetObjectItem(cJSON_GetObjectItem(s->model, "config"), "layers"), 1);
    const cJSON *cells = cJSON_GetObjectItem(cJSON_GetObjectItem(cJSON_GetObjectItem(cJSON_GetObjectItem(rnn, "config"), "cell"), "config"), "cells");
    const cynf_layer_weights *l = cynf_weights_of(s->w, cJSON_GetArrayItem(cells, 1), 0);
    ck_assert(l && l->n == 2);
    ck_assert_str_eq(l->data[1]->path, "layers/rnn/cell/cells/gru_cell_1/vars/1");
    close_scene(s);
}
END_TEST

START_TEST(keras1)
{
    /* A Merge at the head: its models' layers are stored like the outer ones. */
    const char *json = "{\"class_name\":\"Sequential\",\"config\":[{\"class_name\":\"Merge\",\"config\":{\"layers\":["
        "{\"class_name\":\"Sequential\",\"config\":[" DENSE("a") "]},{\"class_name\":\"Sequential\",\"config\":["
        "{\"class_name\":\"GRU\",\"config\":{\"name\":\"g\",\"inner_init\":\"orthogonal\",\"consume_less\":\"cpu\"}}]}]}},"
        "{\"class_name\":\"Dense\",\"config\":{\"name\":\"c\",\"bias\":false}}]}";
    scene *s = open_scene(CYNF_CONTAINER_H5, json, LIST("model_weights/a/W", "model_weights/a/b", "model_weights/c/W", "model_weights/g/1",
        "model_weights/g/2", "model_weights/g/3", "model_weights/g/4", "model_weights/g/5", "model_weights/g/6", "model_weights/g/7", "model_weights/g/8",
        "model_weights/g/9"), LIST("model_weights|layer_names|a,g,c", "model_weights/a|weight_names|W,b", "model_weights/c|weight_names|W",
        "model_weights/g|weight_names|1,2,3,4,5,6,7,8,9"));
    is(s, "0.0.0", 0, "kernel", "model_weights/a/W");
    is(s, "0.1.0", 0, "U_r", "model_weights/g/5");
    is(s, "1", 0, "kernel", "model_weights/c/W");
    ck_assert_int_eq(at(s, "1", 0)->n, 1);
    close_scene(s);
}
END_TEST

START_TEST(problems)
{
    scene *s = open_scene(CYNF_CONTAINER_H5, MODEL("m", DENSE("a") "," DENSE("b") "," DENSE("c") "," NORM("d")), LIST("model_weights/a/k",
        "model_weights/b/k", "model_weights/b/x"), LIST("model_weights|layer_names|a,b,c", "model_weights/a|weight_names|k",
        "model_weights/b|weight_names|k,y", "model_weights/d|weight_names|p,q,r,s"));
    has_problem(s, "0", "lists 1 weights (k), expected 2 (kernel, bias)");
    has_problem(s, "1", "no dataset model_weights/b/y (weight bias)");
    has_problem(s, "2", "no group model_weights/c");
    has_problem(s, "3", "no dataset model_weights/d/p (weight gamma)");
    close_scene(s);
    s = open_scene(CYNF_CONTAINER_KERAS, MODEL("m", DENSE("a") ",{\"class_name\":\"Dense\",\"config\":{\"use_bias\":false}}"), LIST("layers/dense/vars/0",
        "layers/dense_1/vars/0", "layers/dense_1/vars/1"), LIST(NULL));
    has_problem(s, "0", "no dataset layers/dense/vars/1 (weight bias)");
    has_problem(s, "1", "more weights");
    close_scene(s);
    s = open_scene(CYNF_CONTAINER_H5, MODEL("m", DENSE("a")), LIST("model_weights/a/k"), LIST("model_weights/a|weight_names|k"));
    ck_assert_ptr_nonnull(strstr(s->message, "layer_names"));
    close_scene(s);
}
END_TEST

START_TEST(quantised_and_adapted)
{
    const char *json = MODEL("m", "{\"class_name\":\"Dense\",\"config\":{\"name\":\"a\",\"lora_rank\":2}},{\"class_name\":\"Dense\",\"config\":{\"name\":\"b\","
        "\"dtype\":{\"class_name\":\"QuantizedDTypePolicy\",\"config\":{}}}}");
    const char *const *layout = LIST("model_weights|layer_names|a,b", "model_weights/a|weight_names|0,1,2,3", "model_weights/b|weight_names|0,1,2");
    scene *s = open_scene(CYNF_CONTAINER_H5, json, LIST("model_weights/a/0", "model_weights/a/1", "model_weights/a/2", "model_weights/a/3",
        "model_weights/b/0", "model_weights/b/1", "model_weights/b/2"), layout);
    is(s, "0", 0, "bias", "model_weights/a/0");
    is(s, "0", 0, "lora_kernel_b", "model_weights/a/2");
    is(s, "0", 0, "kernel", "model_weights/a/3");
    is(s, "1", 0, "kernel", "model_weights/b/1");
    is(s, "1", 0, "kernel_scale", "model_weights/b/2");
    close_scene(s);
    s = open_scene(CYNF_CONTAINER_KERAS, json, LIST("layers/dense/vars/0", "layers/dense/vars/1", "layers/dense_1/vars/0", "layers/dense_1/vars/1",
        "layers/dense_1/vars/2"), LIST(NULL));
    is(s, "0", 0, "bias", "layers/dense/vars/1");
    is(s, "1", 0, "kernel", "layers/dense_1/vars/0");
    is(s, "1", 0, "kernel_scale", "layers/dense_1/vars/2");
    close_scene(s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("weights");
    TCase *t = tcase_create("weights");
    tcase_add_test(t, by_name);
    tcase_add_test(t, by_order);
    tcase_add_test(t, flat_list_of_a_nested_model);
    tcase_add_test(t, class_paths);
    tcase_add_test(t, sublayers);
    tcase_add_test(t, keras1);
    tcase_add_test(t, problems);
    tcase_add_test(t, quantised_and_adapted);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

/* SPDX-License-Identifier: MIT */
/** The tree of layers and calls that keras/config.c makes of every form in which Keras has written a model. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "keras/config.h"

#define INPUT(name) "{\"class_name\":\"InputLayer\",\"name\":\"" name "\",\"config\":{\"batch_shape\":[null,4]},\"inbound_nodes\":[]}"
#define LAYER(class, name, nodes) "{\"class_name\":\"" class "\",\"name\":\"" name "\",\"config\":{},\"inbound_nodes\":" nodes "}"
#define TENSOR(layer, node, tensor) "{\"class_name\":\"__keras_tensor__\",\"config\":{\"keras_history\":[\"" layer "\"," #node "," #tensor "]}}"
#define MODEL(layers, in, out) "{\"class_name\":\"Functional\",\"config\":{\"name\":\"m\",\"layers\":[" layers "],\"input_layers\":" in ",\"output_layers\":" out "}}"
#define INNER(name, nodes) \
    "{\"class_name\":\"Functional\",\"name\":\"" name "\",\"config\":{\"name\":\"" name "\",\"layers\":[" INPUT("i") "," LAYER("Dense", "d", "[[[\"i\",0,0,{}]]]") \
    "],\"input_layers\":[[\"i\",0,0]],\"output_layers\":[[\"d\",0,0],[\"i\",0,0]]},\"inbound_nodes\":" nodes "}"

static char text[512];
static cJSON *json;

static cynf_keras_model *read_text(const char *s)
{
    cynf_keras_model *m = NULL;
    text[0] = 0;
    json = cJSON_Parse(s);
    ck_assert_msg(json != NULL, "the test's own JSON: %s", s);
    const cynf_status e = cynf_keras_config(&m, json, text, sizeof text);
    ck_assert_msg((e == CYNF_OK) == (m != NULL) && (e == CYNF_OK) == !text[0], "%d %s", e, text);
    return m;
}

static void close_model(cynf_keras_model *m)
{
    cynf_keras_config_free(&m);
    cJSON_Delete(json);
}

static void refuses(const char *s, const char *word)
{
    cynf_keras_model *m = read_text(s);
    ck_assert_msg(!m && strstr(text, word), "\"%s\" in: %s", word, text);
    close_model(m);
}

static void check_ref(const cynf_keras_ref *r, int32_t layer, int32_t node, int32_t tensor)
{
    ck_assert_msg(r->layer == layer && r->node == node && r->tensor == tensor, "%d %d %d, expected %d %d %d", r->layer, r->node, r->tensor, layer, node, tensor);
}

/* x -> a, add(a, x): as Keras 1 (no arguments), 2 (arguments in each tensor), 3 (flat ends). */
START_TEST(nodes_of_each_version)
{
    static const char *const forms[] = {
        MODEL(INPUT("x") "," LAYER("Dense", "a", "[[[\"x\",0,0]]]") "," LAYER("Add", "b", "[[[\"a\",0,0],[\"x\",0,0]]]"), "[[\"x\",0,0]]", "[[\"b\",0,0]]"),
        MODEL(INPUT("x") "," LAYER("Dense", "a", "[[[\"x\",0,0,{}]]]") "," LAYER("Add", "b", "[[[\"a\",0,0,{\"training\":false}],[\"x\",0,0,{}]]]"), "[[\"x\",0,0]]",
            "[[\"b\",0,0]]"),
        MODEL(INPUT("x") "," LAYER("Dense", "a", "[{\"args\":[" TENSOR("x", 0, 0) "],\"kwargs\":{\"mask\":null}}]") ","
            LAYER("Add", "b", "[{\"args\":[[" TENSOR("a", 0, 0) "," TENSOR("x", 0, 0) "]],\"kwargs\":{}}]"), "[\"x\",0,0]", "[\"b\",0,0]"),
    };
    cynf_keras_model *m = read_text(forms[_i]);
    ck_assert(m && m->n_in == 1 && m->n_out == 1 && m->n_order == 2 && m->layer[2].n_call == 1 && m->layer[2].call[0].n_in == 2 && !m->layer[2].call[0].extra);
    check_ref(&m->in[0], 0, 0, 0);
    check_ref(&m->out[0], 2, 0, 0);
    check_ref(&m->layer[2].call[0].in[0], 1, 0, 0);
    check_ref(&m->layer[2].call[0].in[1], 0, 0, 0);
    close_model(m);
}
END_TEST

START_TEST(arguments_that_change_the_result_are_kept)
{
    cynf_keras_model *m = read_text(MODEL(INPUT("x") "," LAYER("Softmax", "s", "[{\"args\":[" TENSOR("x", 0, 0) "],\"kwargs\":{\"scale\":2}}]"), "[\"x\",0,0]", "[\"s\",0,0]"));
    ck_assert_str_eq(m->layer[1].call[0].extra->string, "scale");
    close_model(m);
}
END_TEST

/* The order of calls does not follow the order of layers, and a layer may be called several times. */
START_TEST(calls_are_sorted)
{
    cynf_keras_model *m = read_text(MODEL(LAYER("Dense", "b", "[[[\"a\",0,0,{}]],[[\"a\",1,0,{}]]]") "," LAYER("Dense", "a", "[[[\"x\",0,0,{}]],[[\"b\",0,0,{}]]]") "," INPUT("x"),
        "[[\"x\",0,0]]", "[[\"b\",1,0]]"));
    static const int32_t order[][2] = {{1, 0}, {0, 0}, {1, 1}, {0, 1}};
    ck_assert_int_eq(m->n_order, 4);
    for (int i = 0; i < 4; i++)
        check_ref(&m->order[i], order[i][0], order[i][1], 0);
    close_model(m);
}
END_TEST

/* Calls of nested models: from 1 in Keras 2, from 0 in Keras 3 but for its output_layers. */
START_TEST(nested_calls)
{
    static const char *const forms[] = {
        MODEL(INPUT("x") "," INNER("n", "[[[\"x\",0,0,{}]],[[\"x\",0,0,{}]]]") "," LAYER("Add", "a", "[[[\"n\",1,0,{}],[\"n\",2,1,{}]]]"), "[[\"x\",0,0]]",
            "[[\"a\",0,0],[\"n\",2,0]]"),
        MODEL(INPUT("x") "," INNER("n", "[{\"args\":[" TENSOR("x", 0, 0) "],\"kwargs\":{}},{\"args\":[" TENSOR("x", 0, 0) "],\"kwargs\":{}}]") ","
            LAYER("Add", "a", "[{\"args\":[[" TENSOR("n", 0, 0) "," TENSOR("n", 1, 1) "]],\"kwargs\":{}}]"), "[[\"x\",0,0]]", "[[\"a\",0,0],[\"n\",2,0]]"),
    };
    cynf_keras_model *m = read_text(forms[_i]);
    check_ref(&m->layer[2].call[0].in[0], 1, 0, 0);
    check_ref(&m->layer[2].call[0].in[1], 1, 1, 1);
    check_ref(&m->out[1], 1, 1, 0);
    close_model(m);
}
END_TEST

START_TEST(dicts_are_flattened_by_key)
{
    cynf_keras_model *m = read_text(MODEL(INPUT("x") "," INPUT("y"), "{\"q\":[\"x\",0,0],\"p\":[\"y\",0,0]}", "{\"z\":[\"y\",0,0],\"a\":[\"x\",0,0]}"));
    check_ref(&m->in[0], 1, 0, 0);
    check_ref(&m->in[1], 0, 0, 0);
    check_ref(&m->out[0], 0, 0, 0);
    ck_assert_str_eq(m->out[0].key, "a");
    ck_assert_str_eq(m->in[1].key, "q");
    close_model(m);
}
END_TEST

/* A list or a dict, with an InputLayer or with the shape in the first layer. */
START_TEST(sequential)
{
    static const char *const forms[] = {
        "{\"class_name\":\"Sequential\",\"config\":[{\"class_name\":\"Dense\",\"config\":{\"name\":\"d\",\"batch_input_shape\":[null,7]}}]}",
        "{\"class_name\":\"Sequential\",\"config\":{\"name\":\"s\",\"layers\":[{\"class_name\":\"Dense\",\"config\":{\"name\":\"d\"}}],\"build_input_shape\":[null,7]}}",
        "{\"class_name\":\"Sequential\",\"config\":{\"layers\":[{\"class_name\":\"InputLayer\",\"config\":{\"batch_shape\":[null,7]}},{\"class_name\":\"Dense\",\"config\":{}}]}}",
    };
    cynf_keras_model *m = read_text(forms[_i]);
    const cJSON *dtype, *shape = cynf_keras_input_shape(m, 0, &dtype);
    ck_assert(m->n_order == 1 && m->n_in == 1 && m->n_out == 1);
    check_ref(&m->in[0], _i == 2 ? 0 : -1, 0, 0);
    check_ref(&m->layer[m->n_layer - 1].call[0].in[0], _i == 2 ? 0 : -1, 0, 0);
    ck_assert_int_eq(cJSON_GetArrayItem(shape, 1)->valueint, 7);
    close_model(m);
}
END_TEST

START_TEST(refusals)
{
    refuses("[]", "object");
    refuses("{\"class_name\":\"MyModel\",\"config\":{}}", "MyModel");
    refuses(MODEL("", "[]", "[]"), "layers");
    refuses(MODEL(INPUT("x"), "[]", "[[\"x\",0,0]]"), "input");
    refuses(MODEL(INPUT("x"), "[[\"x\",0,0]]", "[[\"ghost\",0,0]]"), "ghost");
    refuses(MODEL(INPUT("x") "," INPUT("x"), "[[\"x\",0,0]]", "[[\"x\",0,0]]"), "duplicate");
    refuses(MODEL(INPUT("x") "," LAYER("Dense", "a", "[[[\"a\",0,0,{}]]]"), "[[\"x\",0,0]]", "[[\"a\",0,0]]"), "cycle");
    refuses(MODEL(INPUT("x") "," LAYER("Dense", "a", "[[[\"x\",3,0,{}]]]"), "[[\"x\",0,0]]", "[[\"a\",0,0]]"), "node index 3");
    refuses(MODEL(INPUT("x") "," LAYER("Dense", "a", "[[[\"x\",0,9,{}]]]"), "[[\"x\",0,0]]", "[[\"a\",0,0]]"), "tensor index 9");
    refuses(MODEL(INPUT("x") "," LAYER("Dense", "a", "[[[\"x\",-1,0,{}]]]"), "[[\"x\",0,0]]", "[[\"a\",0,0]]"), "out of range");
    refuses(MODEL(INPUT("x") "," LAYER("Dense", "a", "[[[[\"x\"]],5]]"), "[[\"x\",0,0]]", "[[\"a\",0,0]]"), "inbound");
    refuses(MODEL(INPUT("x") "," LAYER("Dense", "a", "[]"), "[[\"x\",0,0]]", "[[\"a\",0,0]]"), "0 inbound nodes");
}
END_TEST

START_TEST(depth_is_limited)
{
    char deep[8192] = "";
    for (int i = 0; i < 40; i++)
        strcat(deep, "{\"class_name\":\"Sequential\",\"config\":{\"layers\":[");
    strcat(deep, "{\"class_name\":\"Dense\",\"config\":{}}");
    for (int i = 0; i < 40; i++)
        strcat(deep, "]}}");
    refuses(deep, "nested");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("config");
    TCase *t = tcase_create("config");
    suite_add_tcase(s, t);
    tcase_add_loop_test(t, nodes_of_each_version, 0, 3);
    tcase_add_test(t, arguments_that_change_the_result_are_kept);
    tcase_add_test(t, calls_are_sorted);
    tcase_add_loop_test(t, nested_calls, 0, 2);
    tcase_add_test(t, dicts_are_flattened_by_key);
    tcase_add_loop_test(t, sequential, 0, 3);
    tcase_add_test(t, refusals);
    tcase_add_test(t, depth_is_limited);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}

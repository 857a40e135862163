/* SPDX-License-Identifier: MIT */
/** Layers that number things, and what their numbers are encoded as: Discretization, CategoryEncoding, IntegerLookup, Hashing, HashedCrossing. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "keras/layers/layer.h"

#define MAX_TABLE (1 << 20)
#define MAX_EXACT (1 << 24) /* whole numbers are computed in single precision */

/* Whole numbers as output_mode wants them: themselves, one row each, which of depth occur, or how often (weighted, if weights >= 0). */
static cynf_tensor_id encode(cynf_lower *c, cynf_tensor_id x, const char *mode, int32_t depth, cynf_tensor_id weights)
{
    cynf_shape s = cynf_shape_of(c, x);
    if (cynf_cfg_bool(c, "sparse", false))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "sparse outputs are not supported");
    if (!strcmp(mode, "int"))
        return x;
    if (!strcmp(mode, "one_hot")) {
        if (s.rank > 1 && s.d[s.rank - 1] == 1) {
            s.rank--;
            x = cynf_g_reshape(c->g, x, &s);
        }
        return cynf_one_hot(c, x, depth);
    }
    if (s.rank < 1 || (s.rank > 2 && c->keras < 3) || (strcmp(mode, "multi_hot") && strcmp(mode, "count")))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "output_mode \"%s\" of an input of rank %d is not supported", mode, s.rank);
    cynf_tensor_id hot = cynf_one_hot(c, x, depth);
    if (weights >= 0)
        hot = cynf_g_binary(c->g, CYNF_ELT_MUL, hot, cynf_expand(c, weights, s.rank));
    c->g->batch_mixed |= s.rank == 1; /* Keras takes a batch of numbers for one sample */
    return cynf_g_reduce(c->g, hot, strcmp(mode, "count") ? CYNF_REDUCE_MAX : CYNF_REDUCE_SUM, s.rank == 1 ? 1u : 1u << 1, false); /* axis 1 of any rank */
}

static const char *mode_of(cynf_lower *c, const char *absent)
{
    const char *mode = cynf_cfg_text(c, "output_mode");
    return mode ? mode : absent;
}

/* A list of the config as a constant [n]. */
static cynf_tensor_id list(cynf_lower *c, const char *key, int32_t *n)
{
    const cJSON *v = cynf_cfg(c, key);
    const int size = cJSON_GetArraySize(v);
    if (size < 1 || size > MAX_TABLE)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "its config has no %s of 1 to %d numbers; adapt the layer, or give it when the layer is made", key, MAX_TABLE);
    const cynf_tensor_id y = cynf_g_const(c->g, &(cynf_shape){1, {size}}, NULL);
    *n = y < 0 ? 0 : cynf_cfg_floats(c, key, c->g->t[y].data, size);
    if (*n != size)
        cynf_graph_fail(c->g, CYNF_EFORMAT, "%s is not a list of numbers", key);
    return y;
}

/* How many boundaries are not above x. */
static cynf_tensor_id discretization(cynf_lower *c)
{
    int32_t n = 0;
    const cynf_tensor_id bounds = list(c, "bin_boundaries", &n), x = c->in[0];
    const int rank = cynf_shape_of(c, x).rank;
    const cynf_tensor_id above = cynf_g_reduce(c->g, cynf_greater(c, bounds, cynf_expand(c, x, rank)), CYNF_REDUCE_SUM, 1u << rank, false);
    return encode(c, cynf_g_unary(c->g, above, CYNF_ACT_AFFINE, -1, (float)n, 0), mode_of(c, "int"), n + 1, CYNF_NO_TENSOR);
}

static cynf_tensor_id category_encoding(cynf_lower *c)
{
    const int32_t n = cynf_cfg_int(c, "num_tokens", 1, CYNF_REQUIRED), weights = cynf_call_input(c, 1, "count_weights");
    const char *mode = mode_of(c, "multi_hot");
    return encode(c, cynf_whole(c, c->in[0]), mode, n, weights < 0 || strcmp(mode, "count") ? CYNF_NO_TENSOR : c->in[weights]);
}

/* The way back: the word of each number. Unknown words, and what is no number of a word, are oov_token. */
static cynf_tensor_id inverted(cynf_lower *c, cynf_tensor_id words, int32_t n, int32_t unknown)
{
    const cJSON *mask = cynf_cfg(c, "mask_token");
    const float oov = (float)cynf_cfg_number(c, "oov_token", -1);
    const int32_t first = unknown + !!mask;
    const cynf_tensor_id x = cynf_whole(c, c->in[0]), table = cynf_g_const(c->g, &(cynf_shape){2, {first + n, 1}}, NULL);
    const cynf_shape s = cynf_shape_of(c, x);
    for (int32_t i = 0; table >= 0 && i < first + n; i++) { /* what a lookup does not find is 0, so words are kept as differences from oov_token */
        const float word = i >= first ? c->g->t[words].data[i - first] : mask && !i ? (float)cynf_cfg_number(c, "mask_token", 0) : oov;
        if (fabsf(word) > MAX_EXACT)
            return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "the vocabulary has numbers above %d, which are not supported", MAX_EXACT);
        c->g->t[table].data[i] = word - oov;
    }
    return cynf_g_reshape(c->g, cynf_g_unary(c->g, cynf_g_lookup(c->g, x, table), CYNF_ACT_AFFINE, 1, oov, 0), &s);
}

/* The idf_weights of n words as [depth]: unknown words, which come first, have their mean; what is behind the words has none. */
static cynf_tensor_id frequencies(cynf_lower *c, int32_t n, int32_t unknown, int32_t depth)
{
    int32_t given = 0;
    const cynf_tensor_id list_of = list(c, "idf_weights", &given), y = cynf_g_const(c->g, &(cynf_shape){1, {depth}}, NULL);
    double mean = 0;
    if (y < 0 || given != n)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "%d idf_weights for %d words", given, n);
    for (int32_t i = 0; i < n; i++) {
        c->g->t[y].data[unknown + i] = c->g->t[list_of].data[i];
        mean += (double)c->g->t[list_of].data[i] / n;
    }
    for (int32_t i = 0; i < unknown; i++)
        c->g->t[y].data[i] = (float)mean;
    return y;
}

/* The number of each word of the vocabulary: a sum over comparisons, with two columns, the number and 1; what is not there gets the rest. */
static cynf_tensor_id integer_lookup(cynf_lower *c)
{
    const char *mode = mode_of(c, "int"), *method = cynf_cfg_text(c, "oov_method");
    const int32_t unknown = cynf_cfg_int(c, "num_oov_indices", 0, 1);
    const bool ints = !strcmp(mode, "int"), masked = ints && cynf_cfg(c, "mask_token");
    int32_t n = 0;
    const cynf_tensor_id words = list(c, "vocabulary", &n), x = cynf_whole(c, c->in[0]);
    if (cynf_cfg_bool(c, "invert", false))
        return words < 0 ? words : inverted(c, words, n, unknown);
    if (unknown > 1 && (!method || strcmp(method, "floormod")))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "hashed unknown words are not supported");
    const bool weighted = !strcmp(mode, "tf_idf") || !strcmp(mode, "tf-idf");
    const int32_t depth = cynf_cfg_bool(c, "pad_to_max_tokens", false) && !ints ? cynf_cfg_int(c, "max_tokens", unknown + n, CYNF_REQUIRED) : unknown + n;
    const cynf_tensor_id weights = weighted ? frequencies(c, n, unknown, depth) : CYNF_NO_TENSOR;
    if (c->g->status)
        return CYNF_NO_TENSOR;
    const int32_t all = n + masked, first = unknown + masked, rank = cynf_shape_of(c, x).rank;
    const cynf_tensor_id known = cynf_g_const(c->g, &(cynf_shape){1, {all}}, NULL), columns = cynf_g_const(c->g, &(cynf_shape){2, {all, 2}}, NULL);
    for (int32_t i = 0; columns >= 0 && i < all; i++) {
        const float word = i < n ? c->g->t[words].data[i] : (float)cynf_cfg_number(c, "mask_token", 0);
        if (fabsf(word) > MAX_EXACT)
            return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "the vocabulary has numbers above %d, which are not supported", MAX_EXACT);
        c->g->t[known].data[i] = word;
        c->g->t[columns].data[2 * i] = i < n ? (float)(first + i) : 0;
        c->g->t[columns].data[2 * i + 1] = 1;
    }
    const cynf_tensor_id away = cynf_g_unary(c->g, cynf_g_binary(c->g, CYNF_ELT_SUB, cynf_expand(c, x, rank), known), CYNF_ACT_ABS, 0, 0, 0);
    const cynf_tensor_id both = cynf_g_fc(c->g, cynf_g_unary(c->g, away, CYNF_ACT_HARD_SIGMOID, -1, 1, 0), columns, CYNF_NO_TENSOR);
    const cynf_shape s = cynf_shape_of(c, x);
    const cynf_tensor_id index = cynf_g_reshape(c->g, cynf_take(c, both, rank, 0, 1), &s), found = cynf_g_reshape(c->g, cynf_take(c, both, rank, 1, 1), &s);
    const cynf_tensor_id missing = cynf_g_unary(c->g, found, CYNF_ACT_AFFINE, -1, 1, 0);
    cynf_tensor_id other = cynf_g_unary(c->g, missing, CYNF_ACT_AFFINE, (float)(unknown ? masked : -1), 0, 0);
    if (unknown > 1) { /* x modulo their number */
        const cynf_tensor_id whole = cynf_g_unary(c->g, cynf_g_unary(c->g, x, CYNF_ACT_AFFINE, 1.f / (float)unknown, 0.25f / (float)unknown, 0), CYNF_ACT_FLOOR, 0, 0, 0);
        const cynf_tensor_id rest = cynf_g_muladd(c->g, whole, cynf_g_scalar(c->g, (float)-unknown), x);
        other = cynf_g_binary(c->g, CYNF_ELT_MUL, missing, cynf_g_unary(c->g, rest, CYNF_ACT_AFFINE, 1, (float)masked, 0));
    }
    const cynf_tensor_id y = encode(c, cynf_g_binary(c->g, CYNF_ELT_ADD, index, other), weighted ? "count" : mode, depth, CYNF_NO_TENSOR);
    return weighted ? cynf_g_binary(c->g, CYNF_ELT_MUL, y, weights) : y;
}

/* A whole number of 64 bits. */
static uint64_t bits(const cJSON *v)
{
    const double d = cJSON_IsNumber(v) && fabs(v->valuedouble) < 0x1p63 ? v->valuedouble : 0;
    return (uint64_t)(int64_t)d;
}

static int32_t bins_of(cynf_lower *c)
{
    const int32_t n = cynf_cfg_int(c, "num_bins", 1, CYNF_REQUIRED);
    if (n > MAX_EXACT)
        cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "num_bins is %d; at most %d are supported", n, MAX_EXACT);
    return n;
}

/* Keras hashes the decimal text; the value that mask_value names has bin 0 for itself. */
static cynf_tensor_id hashing(cynf_lower *c)
{
    const int32_t bins = bins_of(c);
    const cJSON *salt = cynf_cfg(c, "salt"), *mask = cynf_cfg(c, "mask_value");
    const cynf_tensor_id x = cynf_whole(c, c->in[0]);
    const bool apart = mask && bins > 1;
    const uint64_t key[2] = {bits(cJSON_IsArray(salt) ? cJSON_GetArrayItem(salt, 0) : salt), bits(cJSON_IsArray(salt) ? cJSON_GetArrayItem(salt, 1) : salt)};
    if (mask && !cJSON_IsNumber(mask))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "mask_value is no number");
    cynf_tensor_id y = cynf_g_hash(c->g, cynf_expand(c, x, cynf_shape_of(c, x).rank), salt ? CYNF_HASH_SIP : CYNF_HASH_FARM, bins - apart, key);
    if (apart) {
        const cynf_tensor_id masked = cynf_g_binary(c->g, CYNF_ELT_EQUAL, c->in[0], cynf_g_scalar(c->g, (float)mask->valuedouble));
        y = cynf_g_select(c->g, masked, cynf_g_scalar(c->g, 0), cynf_g_unary(c->g, y, CYNF_ACT_AFFINE, 1, 1, 0));
    }
    return encode(c, y, mode_of(c, "int"), bins, CYNF_NO_TENSOR);
}

/* The key is TensorFlow's own. */
static cynf_tensor_id hashed_crossing(cynf_lower *c)
{
    const int32_t bins = bins_of(c);
    const uint64_t key[2] = {0xdecafcaffe, 0};
    const int rank = cynf_shape_of(c, c->in[0]).rank;
    cynf_tensor_id *part = c->n_in > 1 ? malloc((size_t)c->n_in * sizeof *part) : NULL;
    if (!part)
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "%d inputs, expected at least 2", c->n_in);
    for (int32_t i = 0; i < c->n_in; i++)
        part[i] = cynf_expand(c, c->in[i], rank);
    const cynf_tensor_id y = cynf_g_hash(c->g, cynf_concat_all(c, part, c->n_in, rank), CYNF_HASH_CROSS, bins, key);
    free(part);
    return encode(c, y, mode_of(c, "int"), bins, CYNF_NO_TENSOR);
}

const cynf_layer_class cynf_layers_categories[] = {
    {"Discretization", discretization, CYNF_ONE_INPUT,
        "output_mode int, one_hot, multi_hot, count; bin_boundaries in the config", "eltwise, reduce", "sparse is refused"},
    {"CategoryEncoding", category_encoding, CYNF_ANY_CALL,
        "output_mode one_hot, multi_hot, count; count_weights", "eltwise, reduce", "sparse is refused"},
    {"IntegerLookup", integer_lookup, CYNF_ONE_INPUT,
        "output_mode int, one_hot, multi_hot, count, tf_idf; vocabulary in the config, mask_token, num_oov_indices, invert, pad_to_max_tokens", "eltwise, reduce, fc, lookup", "numbers up to 2^24"},
    {"Hashing", hashing, CYNF_ONE_INPUT,
        "whole numbers: FarmHash, with salt SipHash; mask_value, output_mode int, one_hot, multi_hot, count", "hash, eltwise, reduce", "numbers up to 2^24; strings are refused"},
    {"HashedCrossing", hashed_crossing, CYNF_MANY_INPUTS,
        "whole numbers; output_mode int, one_hot", "copy, hash", "numbers up to 2^24; strings are refused"},
    {NULL, NULL, CYNF_ONE_INPUT},
};

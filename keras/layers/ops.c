/* SPDX-License-Identifier: MIT */
/**
 * Nodes of keras.ops in functional graphs. Operands are tensors, numbers or lists of numbers, and broadcast as in NumPy. Truth values are 1 and 0.
 * Constant choices along an axis (flip, roll, take, tile, mirrored padding) are a resampling of one tap.
 */
#include "keras/layers/ops.h"

/* ---- operands -------------------------------------------------------------------------------------------------------------- */

/* Shape of a nest of lists; false when it is not one of numbers, or ragged. */
static bool nest(const cJSON *v, cynf_shape *s, int depth)
{
    if (!cJSON_IsArray(v))
        return (cJSON_IsNumber(v) || cJSON_IsBool(v)) && depth == s->rank;
    const int n = cJSON_GetArraySize(v);
    if (depth == s->rank && s->rank < CYNF_MAX_DIMS)
        s->d[s->rank++] = n;
    if (depth >= s->rank || s->d[depth] != n || !n)
        return false;
    for (const cJSON *e = v->child; e; e = e->next)
        if (!nest(e, s, depth + 1))
            return false;
    return true;
}

static float *fill(const cJSON *v, float *y)
{
    if (!cJSON_IsArray(v)) {
        *y = cJSON_IsBool(v) ? (float)cJSON_IsTrue(v) : (float)v->valuedouble;
        return y + 1;
    }
    for (const cJSON *e = v->child; e; e = e->next)
        y = fill(e, y);
    return y;
}

cynf_tensor_id cynf_operand(cynf_lower *c, const cJSON *v)
{
    const int32_t at = cynf_call_tensor(c, v);
    if (at >= 0)
        return c->in[at];
    if (cJSON_IsObject(v)) /* {"class_name": "__numpy__" or "__tensor__", "config": {"value": ...}} */
        v = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(v, "config"), "value");
    cynf_shape s = {0};
    for (const cJSON *e = v; cJSON_IsArray(e) && s.rank < CYNF_MAX_DIMS; e = e->child)
        s.d[s.rank++] = cJSON_GetArraySize(e);
    if (!nest(v, &s, 0) || cynf_shape_elems(&s) > MAX_CONSTANT)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "an operand is neither a tensor nor a number nor a list of at most %d numbers", MAX_CONSTANT);
    const cynf_tensor_id y = cynf_g_const(c->g, &s, NULL);
    if (y >= 0)
        fill(v, c->g->t[y].data);
    return y;
}

/* ---- element by element ------------------------------------------------------------------------------------------------------- */

static const struct simple {
    const char *name;
    cynf_act act;
    float a, b;
    const char *key; /* of parameter a */
} simples[] = {
    {"Absolute", CYNF_ACT_ABS, 0, 0, NULL}, {"Abs", CYNF_ACT_ABS, 0, 0, NULL}, {"Fabs", CYNF_ACT_ABS, 0, 0, NULL}, {"Ceil", CYNF_ACT_CEIL, 0, 0, NULL}, {"Celu", CYNF_ACT_CELU, 1, 0, "alpha"},
    {"Cos", CYNF_ACT_COS, 0, 0, NULL}, {"Elu", CYNF_ACT_ELU, 1, 0, "alpha"}, {"Erf", CYNF_ACT_ERF, 0, 0, NULL}, {"Exp", CYNF_ACT_EXP, 0, 0, NULL},
    {"Expm1", CYNF_ACT_EXPM1, 0, 0, NULL}, {"Floor", CYNF_ACT_FLOOR, 0, 0, NULL}, {"HardSigmoid", CYNF_ACT_HARD_SIGMOID, 1.f / 6, 0.5f, NULL},
    {"HardSilu", CYNF_ACT_HARD_SILU, 0, 0, NULL}, {"HardShrink", CYNF_ACT_HARD_SHRINK, 0.5f, 0, "threshold"}, {"HardTanh", CYNF_ACT_CLIP, -1, 1, NULL},
    {"LeakyRelu", CYNF_ACT_LEAKY_RELU, 0.2f, 0, "negative_slope"}, {"Log", CYNF_ACT_LOG, 0, 0, NULL}, {"Log1p", CYNF_ACT_LOG1P, 0, 0, NULL},
    {"LogSigmoid", CYNF_ACT_LOG_SIGMOID, 0, 0, NULL}, {"Mish", CYNF_ACT_MISH, 0, 0, NULL}, {"Negative", CYNF_ACT_NEG, 0, 0, NULL},
    {"Reciprocal", CYNF_ACT_RECIPROCAL, 0, 0, NULL}, {"Relu", CYNF_ACT_RELU, 0, 0, NULL}, {"Relu6", CYNF_ACT_CLIP, 0, 6, NULL}, {"Rsqrt", CYNF_ACT_RSQRT, 0, 0, NULL},
    {"Selu", CYNF_ACT_SELU, 0, 0, NULL}, {"Sigmoid", CYNF_ACT_SIGMOID, 0, 0, NULL}, {"Sign", CYNF_ACT_SIGN, 0, 0, NULL}, {"Silu", CYNF_ACT_SILU, 0, 0, NULL},
    {"Sin", CYNF_ACT_SIN, 0, 0, NULL}, {"SoftShrink", CYNF_ACT_SOFT_SHRINK, 0.5f, 0, "threshold"}, {"Softplus", CYNF_ACT_SOFTPLUS, 0, 0, NULL},
    {"Softsign", CYNF_ACT_SOFTSIGN, 0, 0, NULL}, {"SparsePlus", CYNF_ACT_SPARSE_PLUS, 0, 0, NULL}, {"SparseSigmoid", CYNF_ACT_SPARSE_SIGMOID, 0, 0, NULL},
    {"Sqrt", CYNF_ACT_SQRT, 0, 0, NULL}, {"Square", CYNF_ACT_SQUARE, 0, 0, NULL}, {"Squareplus", CYNF_ACT_SQUAREPLUS, 4, 0, "b"}, {"Tanh", CYNF_ACT_TANH, 0, 0, NULL},
    {"TanhShrink", CYNF_ACT_TANH_SHRINK, 0, 0, NULL},
};

/* Functions of TensorFlow in functional models of Keras 2, and the node of keras.ops that does the same. */
static const char *const tf_functions[][2] = {
    {"__operators__.add", "Add"}, {"math.add", "Add"}, {"math.subtract", "Subtract"}, {"math.multiply", "Multiply"}, {"math.truediv", "TrueDivide"}, {"math.divide", "TrueDivide"},
    {"math.maximum", "Maximum"}, {"math.minimum", "Minimum"}, {"math.pow", "Power"}, {"math.reduce_mean", "Mean"}, {"math.reduce_sum", "Sum"}, {"math.reduce_max", "Max"},
    {"math.reduce_min", "Min"}, {"math.reduce_prod", "Prod"}, {"nn.relu", "Relu"}, {"nn.relu6", "Relu6"}, {"nn.sigmoid", "Sigmoid"}, {"math.sigmoid", "Sigmoid"},
    {"nn.tanh", "Tanh"}, {"math.tanh", "Tanh"}, {"nn.silu", "Silu"}, {"nn.selu", "Selu"}, {"nn.elu", "Elu"}, {"nn.softplus", "Softplus"}, {"math.softplus", "Softplus"},
    {"math.exp", "Exp"}, {"math.log", "Log"}, {"math.sqrt", "Sqrt"}, {"math.rsqrt", "Rsqrt"}, {"math.square", "Square"}, {"math.abs", "Absolute"}, {"math.sin", "Sin"},
    {"math.cos", "Cos"}, {"math.negative", "Negative"}, {"math.reciprocal", "Reciprocal"}, {"cast", "Cast"}, {"expand_dims", "ExpandDims"}, {"reshape", "Reshape"},
    {"concat", "Concatenate"}, {"__operators__.getitem", "GetItem"}, {"nn.softmax", "Softmax"},
};

/* The class of the node of keras.ops that this one is. */
static const char *op_name(const cynf_lower *c)
{
    const char *name = class_name(c);
    const cJSON *function = cynf_cfg(c, "function");
    for (size_t i = 0; c->keras < 3 && cJSON_IsString(function) && i < sizeof tf_functions / sizeof *tf_functions; i++)
        if (!strcmp(tf_functions[i][0], function->valuestring))
            return tf_functions[i][1];
    return name;
}

static cynf_tensor_id simple(cynf_lower *c)
{
    const char *name = op_name(c);
    const cynf_tensor_id x = operand(c, 0, "x");
    for (size_t i = 0; i < sizeof simples / sizeof *simples; i++)
        if (!strcmp(simples[i].name, name))
            return unary(c, x, simples[i].act, simples[i].key ? (float)number(c, 1, simples[i].key, simples[i].a) : simples[i].a, simples[i].b);
    return CYNF_NO_TENSOR;
}

static cynf_tensor_id gelu(cynf_lower *c)
{
    const cJSON *approximate = option(c, 1, "approximate");
    return unary(c, operand(c, 0, "x"), !approximate || cJSON_IsTrue(approximate) ? CYNF_ACT_GELU_TANH : CYNF_ACT_GELU, 0, 0);
}

static cynf_tensor_id scaled_log(cynf_lower *c) /* Log2, Log10 */
{
    return unary(c, unary(c, operand(c, 0, "x"), CYNF_ACT_LOG, 0, 0), CYNF_ACT_AFFINE, (float)(1 / log(strcmp(op_name(c), "Log2") ? 10 : 2)), 0);
}

static cynf_tensor_id signed_of(cynf_lower *c, cynf_tensor_id x, cynf_tensor_id size) { return binary(c, CYNF_ELT_MUL, unary(c, x, CYNF_ACT_SIGN, 0, 0), size); }

static cynf_tensor_id truncate(cynf_lower *c, cynf_tensor_id x) { return signed_of(c, x, unary(c, unary(c, x, CYNF_ACT_ABS, 0, 0), CYNF_ACT_FLOOR, 0, 0)); }

static cynf_tensor_id trunc_op(cynf_lower *c) { return truncate(c, operand(c, 0, "x")); }

static cynf_tensor_id round_op(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const double scale = pow(10, number(c, 1, "decimals", 0));
    if (scale == 1)
        return unary(c, x, CYNF_ACT_ROUND, 0, 0);
    return unary(c, unary(c, unary(c, x, CYNF_ACT_AFFINE, (float)scale, 0), CYNF_ACT_ROUND, 0, 0), CYNF_ACT_AFFINE, (float)(1 / scale), 0);
}

static cynf_tensor_id tan_op(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    return binary(c, CYNF_ELT_DIV, unary(c, x, CYNF_ACT_SIN, 0, 0), unary(c, x, CYNF_ACT_COS, 0, 0));
}

static cynf_tensor_id hyperbolic(cynf_lower *c) /* Sinh, Cosh; exp(x) - 1 keeps the digits of a small sinh */
{
    const bool sinh = !strcmp(op_name(c), "Sinh");
    const cynf_tensor_id x = operand(c, 0, "x");
    const cynf_act f = sinh ? CYNF_ACT_EXPM1 : CYNF_ACT_EXP;
    return unary(c, binary(c, sinh ? CYNF_ELT_SUB : CYNF_ELT_ADD, unary(c, x, f, 0, 0), unary(c, unary(c, x, CYNF_ACT_NEG, 0, 0), f, 0, 0)), CYNF_ACT_AFFINE, 0.5f, 0);
}

static cynf_tensor_id arcsinh(cynf_lower *c) /* sign(x) log(1 + |x| + x^2 / (1 + sqrt(1 + x^2))) */
{
    const cynf_tensor_id x = operand(c, 0, "x"), x2 = unary(c, x, CYNF_ACT_SQUARE, 0, 0);
    const cynf_tensor_id root = unary(c, unary(c, unary(c, x2, CYNF_ACT_AFFINE, 1, 1), CYNF_ACT_SQRT, 0, 0), CYNF_ACT_AFFINE, 1, 1);
    return signed_of(c, x, unary(c, binary(c, CYNF_ELT_ADD, unary(c, x, CYNF_ACT_ABS, 0, 0), binary(c, CYNF_ELT_DIV, x2, root)), CYNF_ACT_LOG1P, 0, 0));
}

static cynf_tensor_id cbrt_op(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    return signed_of(c, x, binary(c, CYNF_ELT_POW, unary(c, x, CYNF_ACT_ABS, 0, 0), cynf_g_scalar(c->g, 1.f / 3)));
}

static cynf_tensor_id clip(cynf_lower *c)
{
    return unary(c, operand(c, 0, "x"), CYNF_ACT_CLIP, (float)number(c, 1, "x_min", -INFINITY), (float)number(c, 2, "x_max", INFINITY));
}

static cynf_tensor_id cast(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const cJSON *v = option(c, 1, "dtype");
    if (cJSON_IsObject(v))
        v = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(v, "config"), "name");
    const char *to = cJSON_GetStringValue(v);
    if (to && !strcmp(to, "bool"))
        return cynf_nonzero(c, x);
    float low, high;
    if (!cynf_whole_type(to, &low, &high))
        return x;
    if (isinf(high))
        return truncate(c, x);
    const cynf_tensor_id span = cynf_g_scalar(c->g, high - low + 1); /* what does not fit wraps around */
    return unary(c, binary(c, CYNF_ELT_MOD, unary(c, truncate(c, x), CYNF_ACT_AFFINE, 1, -low), span), CYNF_ACT_AFFINE, 1, low);
}

static cynf_tensor_id saturate_cast(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const char *to = cynf_cfg_text(c, "dtype");
    float low, high;
    if (cynf_whole_type(to, &low, &high) && !isinf(high))
        return truncate(c, unary(c, x, CYNF_ACT_CLIP, low, high));
    return to && !strncmp(to, "float", 5) ? x : cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "dtype %s is not supported; of whole numbers, those of 8 and 16 bits are", to ? to : "?");
}

cynf_tensor_id cynf_op_binary(cynf_lower *c, cynf_elt_kind kind) { return binary(c, kind, operand(c, 0, "x1"), second_operand(c, 1)); }

static cynf_tensor_id divide(cynf_lower *c) { return cynf_op_binary(c, CYNF_ELT_DIV); }
static cynf_tensor_id power(cynf_lower *c)
{
    const cJSON *e = cynf_call_arg(c, 1, "x2");
    return cJSON_IsNumber(e) && e->valuedouble == 2 ? unary(c, operand(c, 0, "x1"), CYNF_ACT_SQUARE, 0, 0) : cynf_op_binary(c, CYNF_ELT_POW);
}
static cynf_tensor_id floor_divide(cynf_lower *c) { return unary(c, divide(c), CYNF_ACT_FLOOR, 0, 0); }

static cynf_tensor_id logaddexp(cynf_lower *c) /* max(p, q) + log(1 + exp(-|p - q|)) */
{
    const cynf_tensor_id p = operand(c, 0, "x1"), q = second_operand(c, 1);
    const cynf_tensor_id apart = unary(c, unary(c, binary(c, CYNF_ELT_SUB, p, q), CYNF_ACT_ABS, 0, 0), CYNF_ACT_NEG, 0, 0);
    return binary(c, CYNF_ELT_ADD, binary(c, CYNF_ELT_MAX, p, q), unary(c, apart, CYNF_ACT_SOFTPLUS, 0, 0));
}

static cynf_tensor_id logaddexp2(cynf_lower *c) /* max(p, q) + log(1 + 2^-|p - q|) / log(2) */
{
    const cynf_tensor_id p = operand(c, 0, "x1"), q = second_operand(c, 1);
    const cynf_tensor_id apart = unary(c, unary(c, binary(c, CYNF_ELT_SUB, p, q), CYNF_ACT_ABS, 0, 0), CYNF_ACT_AFFINE, (float)-log(2), 0);
    return binary(c, CYNF_ELT_ADD, binary(c, CYNF_ELT_MAX, p, q), unary(c, unary(c, apart, CYNF_ACT_SOFTPLUS, 0, 0), CYNF_ACT_AFFINE, (float)(1 / log(2)), 0));
}

static cynf_tensor_id compare(cynf_lower *c)
{
    const char *name = op_name(c);
    const cynf_tensor_id p = operand(c, 0, "x1"), q = second_operand(c, 1);
    if (!strcmp(name, "Greater"))
        return cynf_greater(c, p, q);
    if (!strcmp(name, "Less"))
        return cynf_greater(c, q, p);
    if (!strcmp(name, "GreaterEqual"))
        return binary(c, CYNF_ELT_GREATER_EQUAL, p, q);
    if (!strcmp(name, "LessEqual"))
        return binary(c, CYNF_ELT_GREATER_EQUAL, q, p);
    const cynf_tensor_id equal = binary(c, CYNF_ELT_EQUAL, p, q);
    return !strcmp(name, "Equal") ? equal : cynf_not(c, equal);
}

static cynf_tensor_id logical(cynf_lower *c)
{
    const char *name = op_name(c);
    if (!strcmp(name, "LogicalNot"))
        return binary(c, CYNF_ELT_EQUAL, operand(c, 0, "x"), cynf_g_scalar(c->g, 0));
    const cynf_tensor_id p = cynf_nonzero(c, operand(c, 0, "x1")), q = cynf_nonzero(c, second_operand(c, 1));
    if (!strcmp(name, "LogicalXor"))
        return cynf_nonzero(c, binary(c, CYNF_ELT_SUB, p, q));
    return binary(c, !strcmp(name, "LogicalAnd") ? CYNF_ELT_MUL : CYNF_ELT_MAX, p, q);
}

static cynf_tensor_id where(cynf_lower *c)
{
    const cynf_tensor_id yes = operand(c, 0, "condition"), x1 = operand(c, 1, "x1");
    return cynf_g_select(c->g, yes, x1, second_operand(c, 2));
}

static cynf_tensor_id is_number(cynf_lower *c) /* Isnan, Isinf, Isfinite */
{
    const char *name = op_name(c);
    const cynf_tensor_id x = operand(c, 0, "x"), size = unary(c, x, CYNF_ACT_ABS, 0, 0), inf = cynf_g_scalar(c->g, INFINITY);
    if (!strcmp(name, "Isnan"))
        return cynf_not(c, binary(c, CYNF_ELT_EQUAL, x, x));
    return binary(c, !strcmp(name, "Isinf") ? CYNF_ELT_EQUAL : CYNF_ELT_GREATER, inf, size);
}

static cynf_tensor_id arctan2(cynf_lower *c) { return cynf_op_binary(c, CYNF_ELT_ATAN2); }
static cynf_tensor_id arctan(cynf_lower *c) { return binary(c, CYNF_ELT_ATAN2, operand(c, 0, "x"), cynf_g_scalar(c->g, 1)); }
static cynf_tensor_id hypot_op(cynf_lower *c)
{
    const cynf_tensor_id p = unary(c, operand(c, 0, "x1"), CYNF_ACT_SQUARE, 0, 0), q = unary(c, second_operand(c, 1), CYNF_ACT_SQUARE, 0, 0);
    return unary(c, binary(c, CYNF_ELT_ADD, p, q), CYNF_ACT_SQRT, 0, 0);
}

static cynf_tensor_id scaled(cynf_lower *c) /* Deg2rad, Rad2deg, Exp2 */
{
    const char *name = op_name(c);
    const double factor = name[0] == 'E' ? log(2) : name[0] == 'D' ? acos(-1) / 180 : 180 / acos(-1);
    const cynf_tensor_id y = unary(c, operand(c, 0, "x"), CYNF_ACT_AFFINE, (float)factor, 0);
    return name[0] == 'E' ? unary(c, y, CYNF_ACT_EXP, 0, 0) : y;
}

static cynf_tensor_id mod(cynf_lower *c) { return cynf_op_binary(c, CYNF_ELT_MOD); }

static cynf_tensor_id arcsin(cynf_lower *c) /* Arcsin, Arccos: the angle of (sqrt((1 + x) (1 - x)), x) or of its mirror image */
{
    const cynf_tensor_id x = operand(c, 0, "x"), other = binary(c, CYNF_ELT_MUL, unary(c, x, CYNF_ACT_AFFINE, 1, 1), unary(c, x, CYNF_ACT_AFFINE, -1, 1));
    const cynf_tensor_id root = unary(c, other, CYNF_ACT_SQRT, 0, 0);
    return strcmp(op_name(c), "Arcsin") ? binary(c, CYNF_ELT_ATAN2, root, x) : binary(c, CYNF_ELT_ATAN2, x, root);
}

static cynf_tensor_id arctanh(cynf_lower *c) /* sign(x) log(1 + 2 |x| / (1 - |x|)) / 2 */
{
    const cynf_tensor_id x = operand(c, 0, "x"), size = unary(c, x, CYNF_ACT_ABS, 0, 0);
    const cynf_tensor_id ratio = binary(c, CYNF_ELT_DIV, unary(c, size, CYNF_ACT_AFFINE, 2, 0), unary(c, size, CYNF_ACT_AFFINE, -1, 1));
    return unary(c, signed_of(c, x, unary(c, ratio, CYNF_ACT_LOG1P, 0, 0)), CYNF_ACT_AFFINE, 0.5f, 0);
}

static cynf_tensor_id arccosh(cynf_lower *c) /* log(1 + t + sqrt(t (t + 2))), t = x - 1 */
{
    const cynf_tensor_id t = unary(c, operand(c, 0, "x"), CYNF_ACT_AFFINE, 1, -1);
    const cynf_tensor_id root = unary(c, binary(c, CYNF_ELT_MUL, t, unary(c, t, CYNF_ACT_AFFINE, 1, 2)), CYNF_ACT_SQRT, 0, 0);
    return unary(c, binary(c, CYNF_ELT_ADD, t, root), CYNF_ACT_LOG1P, 0, 0);
}

static cynf_tensor_id same(cynf_lower *c) { return operand(c, 0, class_name(c)[1] == 't' ? "variable" : "x"); } /* Copy, StopGradient, ConvertToTensor ... */

static cynf_tensor_id negative(cynf_lower *c, cynf_tensor_id x) { return cynf_greater(c, cynf_g_scalar(c->g, 0), x); }

static cynf_tensor_id sign_bit(cynf_lower *c) /* -0, too */
{
    const cynf_tensor_id x = operand(c, 0, "x");
    return negative(c, cynf_g_select(c->g, x, x, unary(c, x, CYNF_ACT_RECIPROCAL, 0, 0)));
}

static cynf_tensor_id sinc(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x"), y = unary(c, x, CYNF_ACT_AFFINE, (float)acos(-1), 0);
    return cynf_g_select(c->g, x, binary(c, CYNF_ELT_DIV, unary(c, y, CYNF_ACT_SIN, 0, 0), y), cynf_g_scalar(c->g, 1));
}

static cynf_tensor_id heaviside(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x1");
    return cynf_g_select(c->g, x, cynf_not(c, negative(c, x)), second_operand(c, 1));
}

static cynf_tensor_id not_a_number(cynf_lower *c, cynf_tensor_id x) { return cynf_not(c, binary(c, CYNF_ELT_EQUAL, x, x)); }

static cynf_tensor_id extreme(cynf_lower *c) /* Fmax, Fmin: a number rather than NaN */
{
    const cynf_tensor_id p = operand(c, 0, "x1"), q = second_operand(c, 1);
    const cynf_tensor_id y = binary(c, strcmp(class_name(c), "Fmax") ? CYNF_ELT_MIN : CYNF_ELT_MAX, p, q);
    return cynf_g_select(c->g, not_a_number(c, p), q, cynf_g_select(c->g, not_a_number(c, q), p, y));
}

static cynf_tensor_id fmod_op(cynf_lower *c) /* the remainder of the sizes with the sign of x1 */
{
    const cynf_tensor_id p = operand(c, 0, "x1"), q = second_operand(c, 1);
    return signed_of(c, p, binary(c, CYNF_ELT_MOD, unary(c, p, CYNF_ACT_ABS, 0, 0), unary(c, q, CYNF_ACT_ABS, 0, 0)));
}

static cynf_tensor_id divide_no_nan(cynf_lower *c)
{
    const cynf_tensor_id p = operand(c, 0, "x1"), q = second_operand(c, 1);
    return cynf_g_select(c->g, q, binary(c, CYNF_ELT_DIV, p, q), cynf_g_scalar(c->g, 0));
}

static cynf_tensor_id isclose(cynf_lower *c) /* |p - q| <= atol + rtol |q| */
{
    const cynf_tensor_id p = operand(c, 0, "x1"), q = second_operand(c, 1);
    const float rtol = (float)number(c, 2, "rtol", 1e-5), atol = (float)number(c, 3, "atol", 1e-8);
    const cynf_tensor_id apart = unary(c, binary(c, CYNF_ELT_SUB, p, q), CYNF_ACT_ABS, 0, 0), near = unary(c, unary(c, q, CYNF_ACT_ABS, 0, 0), CYNF_ACT_AFFINE, rtol, atol);
    cynf_tensor_id y = binary(c, CYNF_ELT_MAX, binary(c, CYNF_ELT_EQUAL, p, q), binary(c, CYNF_ELT_GREATER_EQUAL, near, apart));
    if (cynf_cfg_bool(c, "equal_nan", false))
        y = binary(c, CYNF_ELT_MAX, y, binary(c, CYNF_ELT_MUL, not_a_number(c, p), not_a_number(c, q)));
    return y;
}

static cynf_tensor_id infinite(cynf_lower *c) /* Isposinf, Isneginf */
{
    return binary(c, CYNF_ELT_EQUAL, operand(c, 0, "x"), cynf_g_scalar(c->g, class_name(c)[2] == 'p' ? INFINITY : -INFINITY));
}

static cynf_tensor_id nan_to_num(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const float high = (float)number(c, 2, "posinf", 3.4028234e38), low = (float)number(c, 3, "neginf", -3.4028234e38);
    const cynf_tensor_id y = cynf_g_select(c->g, not_a_number(c, x), cynf_g_scalar(c->g, (float)number(c, 1, "nan", 0)), x);
    const cynf_tensor_id z = cynf_g_select(c->g, binary(c, CYNF_ELT_EQUAL, y, cynf_g_scalar(c->g, INFINITY)), cynf_g_scalar(c->g, high), y);
    return cynf_g_select(c->g, binary(c, CYNF_ELT_EQUAL, z, cynf_g_scalar(c->g, -INFINITY)), cynf_g_scalar(c->g, low), z);
}

static cynf_tensor_id erfc_op(cynf_lower *c) { return unary(c, unary(c, operand(c, 0, "x"), CYNF_ACT_ERF, 0, 0), CYNF_ACT_AFFINE, -1, 1); }

static cynf_tensor_id ldexp_op(cynf_lower *c) /* x1 2^x2 */
{
    const cynf_tensor_id p = operand(c, 0, "x1");
    return binary(c, CYNF_ELT_MUL, p, binary(c, CYNF_ELT_POW, cynf_g_scalar(c->g, 2), second_operand(c, 1)));
}

static cynf_tensor_id full_like(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x"), zero = cynf_g_select(c->g, x, cynf_g_scalar(c->g, 0), cynf_g_scalar(c->g, 0));
    return binary(c, CYNF_ELT_ADD, zero, operand(c, 1, "fill_value"));
}

static cynf_tensor_id choose(cynf_lower *c) /* the choice of the first condition that holds */
{
    const cJSON *when = cynf_call_arg(c, 0, "condlist"), *what = cynf_call_arg(c, 1, "choicelist"), *rest = cynf_call_arg(c, 2, "default");
    cynf_tensor_id y = rest ? cynf_operand(c, rest) : cynf_g_scalar(c->g, 0);
    const int n = cJSON_GetArraySize(when);
    if (n < 1 || n > CYNF_MAX_NODE_INPUTS || cJSON_GetArraySize(what) != n)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "condlist and choicelist are not lists of the same length up to %d", CYNF_MAX_NODE_INPUTS);
    for (int i = n - 1; i >= 0 && !c->g->status; i--) {
        const cynf_tensor_id yes = cynf_operand(c, cJSON_GetArrayItem(when, i));
        y = cynf_g_select(c->g, yes, cynf_operand(c, cJSON_GetArrayItem(what, i)), y);
    }
    return y;
}

static cynf_tensor_id constant_like(cynf_lower *c) /* ZerosLike, OnesLike */
{
    const cynf_shape s = cynf_shape_of(c, operand(c, 0, "x"));
    const cynf_tensor_id y = cynf_g_const(c->g, &s, NULL);
    for (size_t i = 0; y >= 0 && op_name(c)[0] == 'O' && i < cynf_shape_elems(&s); i++)
        c->g->t[y].data[i] = 1;
    return y;
}

/* ---- reductions ----------------------------------------------------------------------------------------------------------------- */

static cynf_tensor_id reduction(cynf_lower *c)
{
    static const struct {
        const char *name;
        cynf_reduce_kind kind;
    } kinds[] = {{"Sum", CYNF_REDUCE_SUM}, {"Mean", CYNF_REDUCE_MEAN}, {"Max", CYNF_REDUCE_MAX}, {"Amax", CYNF_REDUCE_MAX}, {"Min", CYNF_REDUCE_MIN}, {"Amin", CYNF_REDUCE_MIN},
        {"Prod", CYNF_REDUCE_PROD}};
    const cynf_tensor_id x = operand(c, 0, "x");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i].name, op_name(c))) {
            const cynf_tensor_id y = cynf_g_reduce(c->g, x, kinds[i].kind, axes(c, x), keepdims(c));
            if (!cynf_cfg(c, "initial"))
                return y;
            return binary(c, kinds[i].kind == CYNF_REDUCE_MAX ? CYNF_ELT_MAX : CYNF_ELT_MIN, y, cynf_g_scalar(c->g, (float)number(c, -1, "initial", 0)));
        }
    return CYNF_NO_TENSOR;
}

static cynf_tensor_id any_all(cynf_lower *c)
{
    const cynf_tensor_id x = cynf_nonzero(c, operand(c, 0, "x"));
    return cynf_g_reduce(c->g, x, op_name(c)[1] == 'n' ? CYNF_REDUCE_MAX : CYNF_REDUCE_MIN, axes(c, x), keepdims(c));
}

static cynf_tensor_id count_nonzero(cynf_lower *c)
{
    const cynf_tensor_id x = cynf_nonzero(c, operand(c, 0, "x"));
    return cynf_g_reduce(c->g, x, CYNF_REDUCE_SUM, axes(c, x), keepdims(c));
}

static cynf_tensor_id spread(cynf_lower *c) /* Var, Std */
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const uint32_t mask = axes(c, x);
    const cynf_tensor_id centred = binary(c, CYNF_ELT_SUB, x, cynf_g_reduce(c->g, x, CYNF_REDUCE_MEAN, mask, true));
    const cynf_tensor_id var = cynf_g_reduce(c->g, unary(c, centred, CYNF_ACT_SQUARE, 0, 0), CYNF_REDUCE_MEAN, mask, keepdims(c));
    return op_name(c)[0] == 'S' ? unary(c, var, CYNF_ACT_SQRT, 0, 0) : var;
}

static cynf_tensor_id logsumexp(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const uint32_t mask = axes(c, x);
    const cynf_tensor_id most = cynf_g_reduce(c->g, x, CYNF_REDUCE_MAX, mask, true), e = unary(c, binary(c, CYNF_ELT_SUB, x, most), CYNF_ACT_EXP, 0, 0);
    const cynf_tensor_id rest = unary(c, cynf_g_reduce(c->g, e, CYNF_REDUCE_SUM, mask, keepdims(c)), CYNF_ACT_LOG, 0, 0);
    return binary(c, CYNF_ELT_ADD, cynf_g_reduce(c->g, x, CYNF_REDUCE_MAX, mask, keepdims(c)), rest);
}

/* The mean, or sum of x weights / sum of weights; weights are a list for one axis, or like x. */
cynf_tensor_id cynf_op_average(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const cJSON *axis = cynf_cfg(c, "axis");
    const int rank = cynf_shape_of(c, x).rank;
    const uint32_t mask = c->g->status ? 0 : axis ? cynf_cfg_axes(c, axis, rank) : (1u << rank) - 1;
    c->g->batch_mixed |= mask & 1;
    if (!cynf_call_arg(c, 1, "weights"))
        return cynf_g_reduce(c->g, x, CYNF_REDUCE_MEAN, mask, false);
    cynf_tensor_id w = operand(c, 1, "weights");
    if (cynf_shape_of(c, w).rank == 1 && rank > 1)
        for (int i = 0; i < rank; i++)
            w = mask >> i & 1 ? w : cynf_expand(c, w, i < axis_of(c, x, axis, 0) ? 0 : cynf_shape_of(c, w).rank);
    return binary(c, CYNF_ELT_DIV, cynf_g_reduce(c->g, binary(c, CYNF_ELT_MUL, x, w), CYNF_REDUCE_SUM, mask, false), cynf_g_reduce(c->g, w, CYNF_REDUCE_SUM, mask, false));
}

static cynf_tensor_id ptp(cynf_lower *c) /* largest - smallest */
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const uint32_t mask = axes(c, x);
    return binary(c, CYNF_ELT_SUB, cynf_g_reduce(c->g, x, CYNF_REDUCE_MAX, mask, keepdims(c)), cynf_g_reduce(c->g, x, CYNF_REDUCE_MIN, mask, keepdims(c)));
}

/* (sum |x|^order)^(1 / order), the order being a number or +-INFINITY: the largest, the smallest; of order 0 how many are not 0. */
static cynf_tensor_id vector_norm(cynf_lower *c, cynf_tensor_id x, double order, uint32_t mask, bool keep)
{
    const cynf_tensor_id size = unary(c, x, CYNF_ACT_ABS, 0, 0);
    if (isinf(order))
        return cynf_g_reduce(c->g, size, order > 0 ? CYNF_REDUCE_MAX : CYNF_REDUCE_MIN, mask, keep);
    if (order == 0 || order == 1)
        return cynf_g_reduce(c->g, order ? size : cynf_nonzero(c, x), CYNF_REDUCE_SUM, mask, keep);
    if (order == 2)
        return unary(c, cynf_g_reduce(c->g, x, CYNF_REDUCE_SUMSQ, mask, keep), CYNF_ACT_SQRT, 0, 0);
    const cynf_tensor_id sum = cynf_g_reduce(c->g, binary(c, CYNF_ELT_POW, size, cynf_g_scalar(c->g, (float)order)), CYNF_REDUCE_SUM, mask, keep);
    return binary(c, CYNF_ELT_POW, sum, cynf_g_scalar(c->g, (float)(1 / order)));
}

static cynf_tensor_id norm(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const cJSON *ord = cynf_cfg(c, "ord"), *axis = cynf_cfg(c, "axis"), *value = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(ord, "config"), "value");
    const char *text = cJSON_GetStringValue(ord);
    const int rank = cynf_shape_of(c, x).rank;
    const uint32_t mask = c->g->status ? 0 : axes(c, x);
    int n = 0;
    for (int i = 0; i < rank; i++)
        n += mask >> i & 1;
    double order = 2;
    if (cJSON_IsNumber(ord) || cJSON_IsNumber(value))
        order = cJSON_IsNumber(ord) ? ord->valuedouble : value->valuedouble;
    else if (text && (!strcmp(text, "inf") || !strcmp(text, "Infinity")))
        order = INFINITY;
    else if (text && (!strcmp(text, "-inf") || !strcmp(text, "-Infinity")))
        order = -INFINITY;
    else if (ord && (!text || strcmp(text, "fro") || n != 2))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "ord is not a number, inf, -inf, or \"fro\" of a matrix");
    if (!ord || n == 1 || (text && !strcmp(text, "fro")))
        return vector_norm(c, x, order, mask, keepdims(c));
    if (n != 2 || (order != 1 && order != -1 && !isinf(order)))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "ord %g of %d axes is not supported", order, n);
    /* Sums of sizes along columns (1) or rows (inf), then the largest or smallest one. */
    const cJSON *line = cJSON_GetArrayItem(axis, isinf(order) ? 1 : 0);
    const uint32_t along = axis ? cynf_cfg_axes(c, line, rank) : isinf(order) ? 2u : 1u;
    const cynf_tensor_id sums = cynf_g_reduce(c->g, unary(c, x, CYNF_ACT_ABS, 0, 0), CYNF_REDUCE_SUM, along, true);
    const cynf_tensor_id y = cynf_g_reduce(c->g, sums, order > 0 ? CYNF_REDUCE_MAX : CYNF_REDUCE_MIN, mask & ~along, true);
    if (keepdims(c) || c->g->status)
        return y;
    cynf_shape out = {0};
    for (int i = 0; i < rank; i++)
        if (!(mask >> i & 1))
            out.d[out.rank++] = cynf_shape_of(c, x).d[i];
    return cynf_g_reshape(c->g, y, &out);
}

/* Nansum, Nanmean, Nanmax, Nanmin, Nanprod: without what is not a number. */
static cynf_tensor_id nan_reduction(cynf_lower *c)
{
    const char *name = class_name(c) + 3;
    const cynf_tensor_id x = operand(c, 0, "x"), bad = not_a_number(c, x);
    const uint32_t mask = axes(c, x);
    const bool product = !strcmp(name, "prod"), most = !strcmp(name, "max"), least = !strcmp(name, "min");
    const cynf_tensor_id clean = cynf_g_select(c->g, bad, cynf_g_scalar(c->g, most ? -INFINITY : least ? INFINITY : (float)product), x);
    const cynf_tensor_id y = cynf_g_reduce(c->g, clean, product ? CYNF_REDUCE_PROD : most ? CYNF_REDUCE_MAX : least ? CYNF_REDUCE_MIN : CYNF_REDUCE_SUM, mask, keepdims(c));
    return strcmp(name, "mean") ? y : binary(c, CYNF_ELT_DIV, y, cynf_g_reduce(c->g, cynf_not(c, bad), CYNF_REDUCE_SUM, mask, keepdims(c)));
}

static cynf_tensor_id normalize(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const double order = number(c, 2, "order", 2), least = number(c, 3, "epsilon", 1e-7);
    if (order == 2) {
        const cynf_tensor_id inv = unary(c, cynf_g_reduce(c->g, x, CYNF_REDUCE_SUMSQ, axes(c, x), true), CYNF_ACT_RSQRT, 0, 0);
        return binary(c, CYNF_ELT_MUL, x, binary(c, CYNF_ELT_MIN, inv, cynf_g_scalar(c->g, (float)(1 / least))));
    }
    return binary(c, CYNF_ELT_DIV, x, binary(c, CYNF_ELT_MAX, vector_norm(c, x, order, axes(c, x), true), cynf_g_scalar(c->g, (float)least)));
}

/* ---- shapes -------------------------------------------------------------------------------------------------------------------- */

cynf_tensor_id cynf_select_along(cynf_lower *c, cynf_tensor_id x, int axis, int32_t n, const int32_t *index)
{
    float *table = malloc(2 * (size_t)n * sizeof *table);
    if (!table || c->g->status) {
        free(table);
        return c->g->status ? CYNF_NO_TENSOR : cynf_graph_fail(c->g, CYNF_ENOMEM, "out of memory");
    }
    for (int32_t i = 0; i < n; i++) {
        table[i] = 1;
        table[n + i] = (float)index[i];
    }
    const cynf_tensor_id y = cynf_g_resample(c->g, x, axis, n, 1, table, table + n);
    free(table);
    return y;
}

/* The same with index i = f(i) for i < n. */
typedef int32_t index_fn(int32_t i, int32_t size, int32_t parameter);

static cynf_tensor_id map_along(cynf_lower *c, cynf_tensor_id x, int axis, int64_t n, index_fn *f, int32_t parameter)
{
    const int32_t size = cynf_shape_of(c, x).d[axis];
    int32_t *index = !c->g->status && n > 0 && n <= MAX_CONSTANT ? malloc((size_t)n * sizeof *index) : NULL;
    if (!index)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "an axis of %lld elements is not supported", (long long)n);
    for (int32_t i = 0; i < n; i++)
        index[i] = f(i, size, parameter);
    const cynf_tensor_id y = cynf_select_along(c, x, axis, (int32_t)n, index);
    free(index);
    return y;
}

static int32_t modulo(int32_t i, int32_t n) { return (i % n + n) % n; }
static int32_t backwards(int32_t i, int32_t size, int32_t unused) { return (void)unused, size - 1 - i; }
static int32_t rolled(int32_t i, int32_t size, int32_t shift) { return modulo(i - shift % size, size); }
static int32_t reflected(int32_t i, int32_t size, int32_t before)
{
    const int32_t period = size > 1 ? 2 * size - 2 : 1, k = modulo(i - before, period);
    return k < size ? k : period - k;
}
static int32_t mirrored(int32_t i, int32_t size, int32_t before)
{
    const int32_t k = modulo(i - before, 2 * size);
    return k < size ? k : 2 * size - 1 - k;
}

cynf_tensor_id cynf_pad_mirrored(cynf_lower *c, cynf_tensor_id x, int axis, int32_t before, int32_t after, bool repeat_ends)
{
    return before || after ? map_along(c, x, axis, (int64_t)cynf_shape_of(c, x).d[axis] + before + after, repeat_ends ? mirrored : reflected, before) : x;
}

static cynf_tensor_id flip(cynf_lower *c)
{
    cynf_tensor_id x = operand(c, 0, "x");
    const char *name = class_name(c);
    const uint32_t mask = !strcmp(name, "Flip") ? axes(c, x) : 1u << axis_of(c, x, NULL, !strcmp(name, "Fliplr"));
    for (int i = 0; mask >> i; i++)
        if (mask >> i & 1)
            x = map_along(c, x, i, cynf_shape_of(c, x).d[i], backwards, 0);
    return x;
}

static cynf_tensor_id roll(cynf_lower *c)
{
    const cynf_tensor_id given = operand(c, 0, "x");
    const cJSON *shift = option(c, 1, "shift"), *axis = cynf_cfg(c, "axis") ? cynf_cfg(c, "axis") : cynf_call_arg(c, 2, "axis");
    const cynf_shape s = cynf_shape_of(c, given);
    const int n = cJSON_IsArray(axis) ? cJSON_GetArraySize(axis) : 1;
    cynf_tensor_id x = axis ? given : flat(c, given);
    for (int i = 0; i < n && !c->g->status; i++) {
        const cJSON *by = cJSON_IsArray(shift) ? cJSON_GetArrayItem(shift, i) : shift;
        if (!cJSON_IsNumber(by) || fabs(by->valuedouble) > 1 << 30)
            return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "shift is not one number for each axis");
        const int at = axis_of(c, x, cJSON_IsArray(axis) ? cJSON_GetArrayItem(axis, i) : axis, 0);
        x = map_along(c, x, at, cynf_shape_of(c, x).d[at], rolled, (int32_t)by->valuedouble);
    }
    return axis ? x : cynf_g_reshape(c->g, x, &s);
}

static cynf_tensor_id tile(cynf_lower *c)
{
    cynf_tensor_id x = operand(c, 0, "x");
    const cJSON *list = option(c, 1, "repeats");
    const int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 1;
    if (n > CYNF_MAX_DIMS)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "repeats is not a list of at most %d numbers", CYNF_MAX_DIMS);
    c->g->batch_mixed |= cynf_shape_of(c, x).rank < n;
    while (cynf_shape_of(c, x).rank < n && !c->g->status)
        x = cynf_expand(c, x, 0);
    for (int i = 0; i < n && !c->g->status; i++) {
        const cJSON *e = cJSON_IsArray(list) ? cJSON_GetArrayItem(list, i) : list;
        const int axis = cynf_shape_of(c, x).rank - n + i;
        const double times = cJSON_IsNumber(e) ? e->valuedouble : 0;
        if (times != 1)
            x = map_along(c, x, axis_of(c, x, NULL, axis), times > 0 && times < MAX_CONSTANT ? (int64_t)times * cynf_shape_of(c, x).d[axis] : 0, rolled, 0);
    }
    return x;
}

/* Each element of an axis as often as repeats says, one number for all or one for each. */
static cynf_tensor_id repeat(cynf_lower *c)
{
    const cJSON *axis = option(c, 2, "axis"), *repeats = option(c, 1, "repeats");
    const cynf_tensor_id given = operand(c, 0, "x"), x = axis ? given : flat(c, given);
    const int at = axis_of(c, x, axis, 0);
    int32_t counts[CYNF_MAX_DIMS] = {1, 1, 1, 1, 1, 1, 1, 1}, n = 0;
    if (cJSON_IsArray(repeats) && cJSON_GetArraySize(repeats) == 1)
        repeats = repeats->child;
    if (!cJSON_IsArray(repeats)) {
        if (!cJSON_IsNumber(repeats) || repeats->valuedouble < 1 || repeats->valuedouble > MAX_CONSTANT)
            return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "repeats is neither a number nor a list of numbers");
        counts[at] = (int32_t)repeats->valuedouble;
        return cynf_g_repeat(c->g, x, counts);
    }
    int32_t *index = malloc(MAX_CONSTANT * sizeof *index), i = 0;
    for (const cJSON *e = repeats->child; index && e; e = e->next, i++)
        for (int32_t k = 0; cJSON_IsNumber(e) && k < e->valuedouble && n < MAX_CONSTANT; k++)
            index[n++] = i;
    const bool fits = index && !c->g->status && i == cynf_shape_of(c, x).d[at] && n > 0 && n < MAX_CONSTANT;
    const cynf_tensor_id y = fits ? cynf_select_along(c, x, at, n, index) : cynf_graph_fail(c->g, CYNF_EFORMAT, "repeats are %d numbers for an axis of %d", i, cynf_shape_of(c, x).d[at]);
    free(index);
    return y;
}

static cynf_tensor_id pad(cynf_lower *c)
{
    cynf_tensor_id x = operand(c, 0, "x");
    const cJSON *width = option(c, 1, "pad_width"), *value = cynf_call_arg(c, 3, "constant_values"), *kind = option(c, 2, "mode");
    const char *mode = kind ? cJSON_GetStringValue(kind) : "constant";
    const cynf_shape s = cynf_shape_of(c, x);
    int32_t before[CYNF_MAX_DIMS] = {0}, after[CYNF_MAX_DIMS] = {0};
    for (int i = 0; i < s.rank; i++) {
        const cJSON *pair = cJSON_GetArrayItem(width, cJSON_GetArraySize(width) == 1 ? 0 : i), *b = cJSON_GetArrayItem(pair, 0), *a = cJSON_GetArrayItem(pair, 1);
        if (!cJSON_IsNumber(b) || !cJSON_IsNumber(a) || b->valuedouble < 0 || a->valuedouble < 0 || b->valuedouble > MAX_CONSTANT || a->valuedouble > MAX_CONSTANT)
            return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "pad_width is not a list of %d pairs", s.rank);
        before[i] = (int32_t)b->valuedouble;
        after[i] = (int32_t)a->valuedouble;
    }
    c->g->batch_mixed |= before[0] || after[0];
    if (mode && !strcmp(mode, "constant"))
        return cynf_g_pad(c->g, x, before, after, cJSON_IsNumber(value) ? (float)value->valuedouble : 0);
    const bool symmetric = mode && !strcmp(mode, "symmetric");
    if (!mode || (!symmetric && strcmp(mode, "reflect")))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "mode \"%s\" is not supported", mode ? mode : "?");
    for (int i = 0; i < s.rank; i++)
        x = cynf_pad_mirrored(c, x, i, before[i], after[i], symmetric);
    return x;
}

static cynf_tensor_id transpose(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const cJSON *list = option(c, 1, "axes");
    const int rank = cynf_shape_of(c, x).rank;
    int32_t perm[CYNF_MAX_DIMS];
    for (int i = 0; i < rank; i++) {
        const cJSON *e = cJSON_GetArrayItem(list, i);
        perm[i] = !list ? rank - 1 - i : cJSON_IsNumber(e) && fabs(e->valuedouble) < 64 ? (int32_t)e->valuedouble : -1;
        perm[i] += list && perm[i] < 0 ? rank : 0;
    }
    if (rank && perm[0])
        c->g->batch_mixed = true;
    return cynf_g_transpose(c->g, x, perm);
}

static cynf_tensor_id swapaxes(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const int a = axis_of(c, x, option(c, 1, "axis1"), 0), b = axis_of(c, x, option(c, 2, "axis2"), 0);
    int32_t perm[CYNF_MAX_DIMS] = {0, 1, 2, 3, 4, 5, 6, 7};
    perm[a] = b;
    perm[b] = a;
    return cynf_g_transpose(c->g, x, perm);
}

cynf_tensor_id cynf_op_reshape(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const cJSON *list = option(c, -1, "newshape|shape");
    if (!list)
        list = cynf_call_arg(c, -1, "shape");
    cynf_shape s = {0};
    const int n = cJSON_GetArraySize(list);
    if (!cJSON_IsArray(list) || n > CYNF_MAX_DIMS)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "newshape is not a list of at most %d dimensions", CYNF_MAX_DIMS);
    for (const cJSON *e = list->child; e; e = e->next, s.rank++) /* an open dimension is the batch */
        s.d[s.rank] = cJSON_IsNumber(e) && e->valuedouble >= -1 && e->valuedouble < 1 << 30 ? (int32_t)e->valuedouble : s.rank ? 0 : cynf_shape_of(c, x).d[0];
    const cynf_tensor_id y = cynf_g_reshape(c->g, x, &s);
    c->g->batch_mixed |= cynf_shape_of(c, x).d[0] != cynf_shape_of(c, y).d[0];
    for (int i = 1; i < n; i++) /* so many rows, whatever the batch is */
        c->g->batch_mixed |= s.d[i] == -1 && cJSON_IsNumber(list->child);
    return y;
}

static cynf_tensor_id expand_dims(cynf_lower *c)
{
    cynf_tensor_id x = operand(c, 0, "x");
    const cJSON *v = option(c, 1, "axis");
    const int rank = cynf_shape_of(c, x).rank;
    const int n = cJSON_IsArray(v) ? cJSON_GetArraySize(v) : 1;
    const uint32_t mask = n <= CYNF_MAX_DIMS - rank ? cynf_cfg_axes(c, v, rank + n) : 0;
    if (!mask)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "axis must be a number, or a list, within the rank");
    for (int i = 0; mask >> i; i++)
        if (mask >> i & 1)
            x = cynf_expand(c, x, i);
    c->g->batch_mixed |= mask & 1;
    return x;
}

static cynf_tensor_id squeeze(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const cynf_shape s = cynf_shape_of(c, x);
    const cJSON *v = option(c, 1, "axis");
    const uint32_t mask = v ? cynf_cfg_axes(c, v, s.rank) : ~1u;
    cynf_shape out = {0};
    for (int i = 0; i < s.rank; i++)
        if (!(mask >> i & 1) || s.d[i] != 1)
            out.d[out.rank++] = s.d[i];
    return cynf_g_reshape(c->g, x, &out);
}

static cynf_tensor_id stack(cynf_lower *c)
{
    const int rank = c->n_in ? cynf_shape_of(c, c->in[0]).rank + 1 : 0;
    const cJSON *v = option(c, 1, "axis");
    const double axis = cJSON_IsNumber(v) ? v->valuedouble + (v->valuedouble < 0 ? rank : 0) : 0;
    cynf_tensor_id part[CYNF_MAX_NODE_INPUTS];
    if (axis < 0 || axis >= rank || c->n_in > CYNF_MAX_NODE_INPUTS)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "axis %g of %d tensors is not supported", axis, c->n_in);
    c->g->batch_mixed |= axis == 0;
    for (int32_t i = 0; i < c->n_in; i++)
        part[i] = cynf_expand(c, c->in[i], (int)axis);
    return cynf_g_concat(c->g, part, c->n_in, (int)axis);
}

cynf_tensor_id cynf_cut(cynf_lower *c, cynf_tensor_id x, int axis, const cJSON *ends, int32_t n, bool drop)
{
    const cynf_shape s = cynf_shape_of(c, x);
    const int32_t size = s.d[axis];
    cynf_tensor_id first = CYNF_NO_TENSOR;
    for (int32_t i = 0, from = 0; i < n && !c->g->status; i++) {
        const cJSON *e = cJSON_IsArray(ends) ? cJSON_GetArrayItem(ends, i) : NULL;
        const int32_t to = e && cJSON_IsNumber(e) && fabs(e->valuedouble) < 1 << 30 ? (int32_t)e->valuedouble : cJSON_IsArray(ends) ? size : from + size / n + (i < size % n);
        cynf_tensor_id part = cynf_take(c, x, axis, from, to - from);
        if (drop) {
            cynf_shape out = s;
            memmove(out.d + axis, out.d + axis + 1, (size_t)(out.rank - axis - 1) * sizeof *out.d);
            out.rank--;
            part = cynf_g_reshape(c->g, part, &out);
        }
        from = to;
        if (i)
            cynf_set_output(c, i, part);
        else
            first = part;
    }
    return first;
}

static cynf_tensor_id split(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const cJSON *v = option(c, 1, "indices_or_sections");
    const int axis = axis_of(c, x, option(c, 2, "axis"), 0);
    const int32_t size = cynf_shape_of(c, x).d[axis];
    const int n = cJSON_IsArray(v) ? cJSON_GetArraySize(v) + 1 : cJSON_IsNumber(v) && v->valuedouble >= 1 && v->valuedouble <= size ? (int)v->valuedouble : 0;
    if (!n || (!cJSON_IsArray(v) && size % n))
        return cynf_graph_fail(c->g, CYNF_EFORMAT, "an axis of %d cannot be split like this", size);
    return cynf_cut(c, x, axis, v, n, false);
}

/* x[...] with numbers, slices, an ellipsis and new axes. */
static cynf_tensor_id get_item(cynf_lower *c)
{
    cynf_tensor_id x = operand(c, 0, "x");
    const cJSON *spec = cynf_call_arg(c, -1, "slice_spec"), *key = spec ? spec : cynf_call_arg(c, 1, "key"), *first = cJSON_IsArray(key) ? key->child : key;
    const int rank = cynf_shape_of(c, x).rank;
    cynf_shape out = {0};
    int axis = 0, used = 0;
    for (const cJSON *e = first; e; e = cJSON_IsArray(key) ? e->next : NULL) {
        const char *klass = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(e, "class_name"));
        used += cJSON_IsNumber(e) || (klass && !strcmp(klass, "__slice__")) || (spec && cJSON_IsObject(e));
    }
    for (const cJSON *e = first; e && !c->g->status; e = cJSON_IsArray(key) ? e->next : NULL) {
        const char *klass = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(e, "class_name"));
        const cJSON *config = spec ? e : cJSON_GetObjectItemCaseSensitive(e, "config");
        if (cJSON_IsNull(e)) {
            if (out.rank < CYNF_MAX_DIMS)
                out.d[out.rank++] = 1;
        } else if (klass && !strcmp(klass, "__ellipsis__")) {
            for (int i = 0; i < rank - used && axis < rank && out.rank < CYNF_MAX_DIMS; i++)
                out.d[out.rank++] = cynf_shape_of(c, x).d[axis++];
        } else if (axis >= rank || out.rank == CYNF_MAX_DIMS) {
            return cynf_graph_fail(c->g, CYNF_EFORMAT, "more indices than %d axes", rank);
        } else if (cJSON_IsNumber(e)) {
            const int32_t n = cynf_shape_of(c, x).d[axis];
            const double at = e->valuedouble + (e->valuedouble < 0 ? n : 0);
            if (at < 0 || at >= n)
                return cynf_graph_fail(c->g, CYNF_EFORMAT, "index %g is out of range for an axis of %d", e->valuedouble, n);
            c->g->batch_mixed |= !axis;
            x = cynf_take(c, x, axis++, (int32_t)at, 1);
        } else if ((klass && !strcmp(klass, "__slice__")) || (spec && cJSON_IsObject(e))) {
            const cJSON *v[3] = {cJSON_GetObjectItemCaseSensitive(config, "start"), cJSON_GetObjectItemCaseSensitive(config, "stop"), cJSON_GetObjectItemCaseSensitive(config, "step")};
            const int32_t n = cynf_shape_of(c, x).d[axis];
            const double step = cJSON_IsNumber(v[2]) ? v[2]->valuedouble : 1;
            if (!(fabs(step) >= 1 && fabs(step) <= 1 << 30) || step != trunc(step))
                return cynf_graph_fail(c->g, CYNF_EFORMAT, "the step of a slice is %g, not a whole number other than 0", step);
            double begin = cJSON_IsNumber(v[0]) ? v[0]->valuedouble + (v[0]->valuedouble < 0 ? n : 0) : step > 0 ? 0 : n - 1;
            double end = cJSON_IsNumber(v[1]) ? v[1]->valuedouble + (v[1]->valuedouble < 0 ? n : 0) : step > 0 ? n : -1;
            begin = fmin(fmax(begin, step > 0 ? 0 : -1), step > 0 ? n : n - 1);
            end = fmin(fmax(end, -1), n);
            const double size = ceil((end - begin) / step);
            if (!(size >= 1))
                return cynf_graph_fail(c->g, CYNF_EFORMAT, "a slice leaves nothing of an axis of %d", n);
            c->g->batch_mixed |= !axis && (begin != 0 || size != n || step != 1);
            int32_t *index = malloc((size_t)size * sizeof *index);
            for (int32_t i = 0; index && i < (int32_t)size; i++)
                index[i] = (int32_t)begin + i * (int32_t)step;
            x = step == 1 ? cynf_take(c, x, axis, (int32_t)begin, (int32_t)size) : index ? cynf_select_along(c, x, axis, (int32_t)size, index) : CYNF_NO_TENSOR;
            free(index);
            axis++;
            out.d[out.rank++] = (int32_t)size;
        } else
            return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "an index is neither a number nor a slice nor an ellipsis");
    }
    for (; axis < rank && out.rank < CYNF_MAX_DIMS && !c->g->status; axis++)
        out.d[out.rank++] = cynf_shape_of(c, x).d[axis];
    return cynf_g_reshape(c->g, x, &out);
}

static cynf_tensor_id depth_to_space(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const cynf_shape s = cynf_shape_of(c, x);
    const int32_t b = (int32_t)number(c, 1, "block_size", 0);
    const cJSON *format = option(c, -1, "data_format");
    if (s.rank != 4 || b < 1 || b > 1 << 12 || s.d[3] % (b * b) || (cJSON_IsString(format) && strcmp(format->valuestring, "channels_last")))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "block_size %d needs an image of channels_last with a multiple of %d channels", b, b * b);
    const cynf_tensor_id y = cynf_g_reshape(c->g, x, &(cynf_shape){6, {s.d[0], s.d[1], s.d[2], b, b, s.d[3] / (b * b)}});
    return cynf_g_reshape(c->g, cynf_g_transpose(c->g, y, (const int32_t[]){0, 1, 3, 2, 4, 5}), &(cynf_shape){4, {s.d[0], s.d[1] * b, s.d[2] * b, s.d[3] / (b * b)}});
}

static cynf_tensor_id one_hot(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    const double n = number(c, 1, "num_classes", 0);
    const int rank = cynf_shape_of(c, x).rank;
    const double axis = number(c, 2, "axis", -1), at = axis < 0 ? axis + rank + 1 : axis;
    if (n < 1 || n > MAX_CONSTANT || !(at >= 1 && at <= rank))
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "only an axis other than the batch and a number of classes of at least 1 are supported");
    int32_t perm[CYNF_MAX_DIMS];
    for (int i = 0; i < rank + 1 && i < CYNF_MAX_DIMS; i++)
        perm[i] = i < at ? i : i == at ? rank : i - 1;
    return cynf_g_transpose(c->g, cynf_one_hot(c, x, (int32_t)n), perm);
}

static cynf_tensor_id log_softmax(cynf_lower *c)
{
    const cynf_tensor_id x = operand(c, 0, "x");
    if (!cynf_cfg_or(c, "axis", c->config)) /* null: all axes */
        return cynf_g_softmax(c->g, x, CYNF_LOG_SOFTMAX, axes(c, x));
    return cynf_g_softmax(c->g, x, CYNF_LOG_SOFTMAX, 1u << axis_of(c, x, option(c, 1, "axis"), -1));
}

/* TFOpLambda, SlicingOpLambda */
static cynf_tensor_id tf_function(cynf_lower *c)
{
    static const struct {
        const char *name;
        cynf_elt_kind kind;
    } pairs[] = {{"Add", CYNF_ELT_ADD}, {"Subtract", CYNF_ELT_SUB}, {"Multiply", CYNF_ELT_MUL}, {"Maximum", CYNF_ELT_MAX}, {"Minimum", CYNF_ELT_MIN}};
    const char *name = op_name(c);
    const cJSON *axis = cynf_call_arg(c, -1, "axis"), *function = cynf_cfg(c, "function");
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (!strcmp(pairs[i].name, name))
            return cynf_op_binary(c, pairs[i].kind);
    if (!strcmp(name, "Reshape"))
        return cynf_op_reshape(c);
    if (!strcmp(name, "Concatenate"))
        return cynf_concat_all(c, c->in, c->call->n_positional, axis_of(c, c->in[0], axis, -1));
    if (!strcmp(name, "Softmax"))
        return cynf_g_softmax(c->g, c->in[0], CYNF_SOFTMAX, 1u << axis_of(c, c->in[0], axis, -1));
    const cynf_layer_class *k = cynf_layer_find(name);
    if (!k || k->lower == tf_function)
        return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "the function tf.%s is not supported; use a layer of Keras", cJSON_IsString(function) ? function->valuestring : "?");
    return k->lower(c);
}

/* TensorFlowOpLayer: one operation of TensorFlow 2.0 to 2.3, with its constant operands by number. */
static cynf_tensor_id tf_operation(cynf_lower *c)
{
    static const struct {
        const char *name;
        cynf_elt_kind kind;
    } pairs[] = {{"AddV2", CYNF_ELT_ADD}, {"Add", CYNF_ELT_ADD}, {"Sub", CYNF_ELT_SUB}, {"Mul", CYNF_ELT_MUL}, {"RealDiv", CYNF_ELT_DIV}, {"Maximum", CYNF_ELT_MAX},
        {"Minimum", CYNF_ELT_MIN}, {"Pow", CYNF_ELT_POW}};
    const cJSON *constants = cynf_cfg(c, "constants"), *node = cynf_cfg(c, "node_def");
    const char *op = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node, "op"));
    const cJSON *k[2] = {cJSON_GetObjectItemCaseSensitive(constants, "0"), cJSON_GetObjectItemCaseSensitive(constants, "1")};
    if (op && !strcmp(op, "Reshape") && cJSON_IsArray(k[1]) && cJSON_GetArraySize(k[1]) <= CYNF_MAX_DIMS) {
        cynf_shape s = {0};
        for (const cJSON *e = k[1]->child; e; e = e->next)
            s.d[s.rank++] = cJSON_IsNumber(e) && e->valuedouble >= -1 && e->valuedouble < 1 << 30 ? (int32_t)e->valuedouble : 0;
        if (s.rank && s.d[0] == -1) /* the batch */
            s.d[0] = cynf_shape_of(c, c->in[0]).d[0];
        return cynf_g_reshape(c->g, c->in[0], &s);
    }
    for (size_t i = 0; op && c->n_in + !!k[0] + !!k[1] == 2 && i < sizeof pairs / sizeof *pairs; i++)
        if (!strcmp(pairs[i].name, op)) {
            const cynf_tensor_id p = k[0] ? cynf_operand(c, k[0]) : c->in[0];
            return binary(c, pairs[i].kind, p, k[1] ? cynf_operand(c, k[1]) : c->in[!k[0]]);
        }
    for (size_t i = 0; op && c->n_in == 1 && !cJSON_GetArraySize(constants) && i < sizeof simples / sizeof *simples; i++)
        if (!strcmp(simples[i].name, op) && !simples[i].key)
            return unary(c, c->in[0], simples[i].act, simples[i].a, simples[i].b);
    return cynf_graph_fail(c->g, CYNF_EUNSUPPORTED, "the operation %s of TensorFlow is not supported; use a layer of Keras", op ? op : "?");
}

#define SIMPLE_OP(name) OP(name, simple)
const cynf_layer_class cynf_layers_ops[] = {
    OP_AS("Absolute", simple, "element by element", "eltwise")
    SIMPLE_OP("Abs") SIMPLE_OP("Ceil") SIMPLE_OP("Celu") SIMPLE_OP("Cos") SIMPLE_OP("Elu") SIMPLE_OP("Erf") SIMPLE_OP("Exp") SIMPLE_OP("Expm1")
    SIMPLE_OP("Floor") SIMPLE_OP("HardSigmoid") SIMPLE_OP("HardSilu") SIMPLE_OP("HardShrink") SIMPLE_OP("HardTanh") SIMPLE_OP("LeakyRelu") SIMPLE_OP("Log")
    SIMPLE_OP("Log1p") SIMPLE_OP("LogSigmoid") SIMPLE_OP("Mish") SIMPLE_OP("Negative") SIMPLE_OP("Reciprocal") SIMPLE_OP("Relu") SIMPLE_OP("Relu6") SIMPLE_OP("Rsqrt")
    SIMPLE_OP("Selu") SIMPLE_OP("Sigmoid") SIMPLE_OP("Sign") SIMPLE_OP("Silu") SIMPLE_OP("Sin") SIMPLE_OP("SoftShrink") SIMPLE_OP("Softplus") SIMPLE_OP("Softsign")
    SIMPLE_OP("SparsePlus") SIMPLE_OP("SparseSigmoid") SIMPLE_OP("Sqrt") SIMPLE_OP("Square") SIMPLE_OP("Squareplus") SIMPLE_OP("Tanh") SIMPLE_OP("TanhShrink")
    OP("Gelu", gelu) OP("Log2", scaled_log) OP("Log10", scaled_log) OP("Trunc", trunc_op) OP("Round", round_op) OP("Tan", tan_op) OP("Sinh", hyperbolic)
    OP("Cosh", hyperbolic) OP("Arcsinh", arcsinh) OP("Cbrt", cbrt_op) OP("Clip", clip) OP("Cast", cast) OP("SaturateCast", saturate_cast) OP("Divide", divide) OP("TrueDivide", divide)
    OP("FloorDivide", floor_divide) OP("Power", power) OP("Logaddexp", logaddexp) OP("Greater", compare) OP("GreaterEqual", compare) OP("Less", compare)
    OP("LessEqual", compare) OP("Equal", compare) OP("NotEqual", compare) OP("LogicalAnd", logical) OP("LogicalOr", logical) OP("LogicalXor", logical)
    OP("LogicalNot", logical)
    OP_AS("Where", where, "element by element", "eltwise")
    OP("Isnan", is_number) OP("Isinf", is_number) OP("Isfinite", is_number) OP("Arctan", arctan) OP("Arctan2", arctan2) OP("Arcsin", arcsin) OP("Arccos", arcsin)
    OP("Arctanh", arctanh) OP("Arccosh", arccosh) OP("Mod", mod) OP("Hypot", hypot_op) OP("Deg2rad", scaled) OP("Rad2deg", scaled) OP("Exp2", scaled)
    OP("Copy", same) OP("Conjugate", same) OP("Conj", same) OP("Real", same) OP("StopGradient", same) OP("ConvertToTensor", same) OP("Array", same) OP("Signbit", sign_bit)
    OP("Fabs", simple) OP("Sinc", sinc) OP("Heaviside", heaviside) OP("Fmax", extreme) OP("Fmin", extreme) OP("Fmod", fmod_op) OP("DivideNoNan", divide_no_nan)
    OP("Isclose", isclose) OP("Isposinf", infinite) OP("Isneginf", infinite) OP("NanToNum", nan_to_num) OP("Erfc", erfc_op) OP("Ldexp", ldexp_op)
    OP("Logaddexp2", logaddexp2) OP("FullLike", full_like) OP("Select", choose)
    OP_AS("ZerosLike", constant_like, "element by element", "eltwise")
    OP("OnesLike", constant_like)
    OP_AS("Sum", reduction, "axis, keepdims", "reduce, eltwise")
    OP("Mean", reduction)
    OP("Max", reduction) OP("Amax", reduction) OP("Min", reduction) OP("Amin", reduction) OP("Prod", reduction) OP("Any", any_all) OP("All", any_all)
    OP("CountNonzero", count_nonzero) OP("Var", spread) OP("Std", spread) OP("Logsumexp", logsumexp)
    OP("Ptp", ptp) OP("Nansum", nan_reduction) OP("Nanmean", nan_reduction) OP("Nanmax", nan_reduction) OP("Nanmin", nan_reduction) OP("Nanprod", nan_reduction)
    OP_AS("Norm", norm, "ord, axis, keepdims", "reduce, eltwise", "of matrices: ord 1, -1, inf, -inf and \"fro\"")
    OP_AS("Normalize", normalize, "axis, order", "reduce, eltwise")
    OP_AS("Flip", flip, "axis", "resample")
    OP("Fliplr", flip) OP("Flipud", flip)
    OP_AS("Roll", roll, "shift, axis", "resample")
    OP_AS("Tile", tile, "repeats", "resample")
    OP_AS("Repeat", repeat, "repeats, axis", "copy, resample")
    OP_AS("Pad", pad, "pad_width, mode constant, reflect, symmetric", "copy, resample")
    OP_AS("Transpose", transpose, "axes", "copy")
    OP("Swapaxes", swapaxes)
    OP_AS("ExpandDims", expand_dims, "axis", "none")
    OP("Squeeze", squeeze)
    OP_AS("Stack", stack, "axis", "copy")
    OP_AS("Split", split, "indices_or_sections, axis", "copy")
    OP_AS("GetItem", get_item, "numbers, slices, ellipses, new axes", "copy, resample")
    OP_AS("DepthToSpace", depth_to_space, "block_size", "copy", "channels_last")
    OP_AS("TFOpLambda", tf_function, "functions of TensorFlow in models of Keras 2: element by element, reductions, shapes, softmax", "eltwise, reduce, copy")
    OP_AS("SlicingOpLambda", tf_function, "numbers, slices, ellipses, new axes", "copy")
    OP_AS("TensorFlowOpLayer", tf_operation, "Reshape, and functions of one or two operands element by element", "eltwise")
    OP_AS("OneHot", one_hot, "num_classes, axis", "eltwise, copy")
    OP_AS("LogSoftmax", log_softmax, "axis", "softmax")
    {NULL, NULL, CYNF_ONE_INPUT},
};

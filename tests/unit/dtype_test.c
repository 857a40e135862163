/* SPDX-License-Identifier: MIT */
/** Element types at a model's edges: every half and bfloat16, ties, whole numbers at the ends of their ranges, unaligned buffers. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/walk.c"

static int passed, failed;

static void check(bool ok, const char *what, double value)
{
    if (!ok && failed < 20)
        printf("%s: %.9g\n", what, value);
    ok ? passed++ : failed++;
}

/* What the bits mean, in double: exact for both formats. */
static double meaning(uint16_t bits, int fraction_bits)
{
    const int exponent_bits = 15 - fraction_bits, bias = (1 << (exponent_bits - 1)) - 1;
    const int exponent = bits >> fraction_bits & ((1 << exponent_bits) - 1), fraction = bits & ((1 << fraction_bits) - 1);
    const double sign = bits & 0x8000 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1)
        return fraction ? NAN : sign * INFINITY;
    return sign * (exponent ? ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits) : ldexp(fraction, 1 - bias - fraction_bits));
}

static float read_one(cynf_dtype t, const void *bits, size_t bytes)
{
    char odd[16];
    float f;
    memcpy(odd + 1, bits, bytes);
    to_float(t, odd + 1, &f, 1);
    return f;
}

static void test_small_floats(cynf_dtype t, int fraction_bits)
{
    for (uint32_t i = 0; i < 0x10000; i++) {
        const uint16_t bits = (uint16_t)i, next = (uint16_t)(i + 1);
        const double exact = meaning(bits, fraction_bits), above = meaning(next, fraction_bits);
        const float f = read_one(t, &bits, sizeof bits);
        check(isnan(exact) ? isnan(f) : (double)f == exact && !signbit(f) == !signbit(exact), "to float", exact);
        uint16_t back;
        from_float(t, &f, &back, 1);
        check(isnan(exact) ? isnan(meaning(back, fraction_bits)) : back == bits, "from float", exact);
        if (!isfinite(exact) || !isfinite(above) || (next & 0x7fff) == 0)
            continue;
        /* Half-way goes to the even one, and anything beside it to the nearer. */
        const float middle = (float)((exact + above) / 2), lower = nextafterf(middle, (float)exact), upper = nextafterf(middle, (float)above);
        if ((double)middle != (exact + above) / 2)
            continue;
        from_float(t, &middle, &back, 1);
        check(back == (bits & 1 ? next : bits), "a tie", (double)middle);
        from_float(t, &lower, &back, 1);
        check(back == bits, "below a tie", (double)lower);
        from_float(t, &upper, &back, 1);
        check(back == next, "above a tie", (double)upper);
    }
}

static void test_whole(cynf_dtype t, double min, double max, const void *min_bits, const void *max_bits)
{
    const size_t bytes = cynf_dtype_bytes(t);
    const float values[] = {-INFINITY, -1e30f, 1e30f, INFINITY, NAN, 7.9f, 0};
    static const unsigned char zeros[8];
    const uint64_t seven = 7;
    const void *expected[] = {min_bits, min_bits, max_bits, max_bits, zeros, &seven, zeros}; /* little-endian */
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        unsigned char got[8];
        from_float(t, &values[i], got, 1);
        check(!memcmp(got, expected[i], bytes), "from float to a whole number", (double)values[i]);
    }
    check(read_one(t, min_bits, bytes) == (float)min && read_one(t, max_bits, bytes) == (float)max, "to float from the ends of", max);
}

int main(void)
{
    test_small_floats(CYNF_F16, 10);
    test_small_floats(CYNF_BF16, 7);
    const float beyond[] = {65520, 65519.996f};
    uint16_t half[2];
    from_float(CYNF_F16, beyond, half, 2);
    check(half[0] == 0x7c00 && half[1] == 0x7bff, "the largest half", 65520);
#define WHOLE(T, c, low, high) test_whole(T, (double)(low), (double)(high), &(const c){low}, &(const c){high})
    WHOLE(CYNF_I8, int8_t, INT8_MIN, INT8_MAX);
    WHOLE(CYNF_U8, uint8_t, 0, UINT8_MAX);
    WHOLE(CYNF_I16, int16_t, INT16_MIN, INT16_MAX);
    WHOLE(CYNF_U16, uint16_t, 0, UINT16_MAX);
    WHOLE(CYNF_I32, int32_t, INT32_MIN, INT32_MAX);
    WHOLE(CYNF_U32, uint32_t, 0, UINT32_MAX);
    WHOLE(CYNF_I64, int64_t, INT64_MIN, INT64_MAX);
    WHOLE(CYNF_U64, uint64_t, 0, UINT64_MAX);
    const double d = -0.1;
    check(read_one(CYNF_F64, &d, sizeof d) == -0.1f, "from double", d);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}

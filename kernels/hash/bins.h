/* SPDX-License-Identifier: MIT */
/**
 * hash f32, bins: number by number; contract at cynf_hash.
 * FarmHash: Pike, "FarmHash" (2014), the part of farmhashna for up to 32 bytes. SipHash: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012).
 */
#ifndef CYNF_HASH_BINS_H
#define CYNF_HASH_BINS_H

#include <string.h>

#include "kernels/hash/bins_layout.h"

static CYNF_INLINE uint64_t hash_rotate(uint64_t v, int right) { return v >> right | v << (64 - right); }

static CYNF_INLINE uint64_t hash_read(const char *s, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)(unsigned char)s[i] << 8 * i;
    return v;
}

static CYNF_INLINE uint64_t hash_farm_mix(uint64_t u, uint64_t v, uint64_t mul)
{
    uint64_t a = (u ^ v) * mul, b;
    a ^= a >> 47;
    b = (v ^ a) * mul;
    b ^= b >> 47;
    return b * mul;
}

/** 1 to 32 bytes. */
static inline uint64_t hash_farm(const char *s, int len)
{
    const uint64_t k0 = 0xc3a5c85c97cb3127u, k1 = 0xb492b66fbe98f273u, k2 = 0x9ae16a3b2f90404fu, mul = k2 + 2 * (uint64_t)len;
    if (len > 16) {
        const uint64_t a = hash_read(s, 8) * k1, b = hash_read(s + 8, 8), c = hash_read(s + len - 8, 8) * mul, d = hash_read(s + len - 16, 8) * k2;
        return hash_farm_mix(hash_rotate(a + b, 43) + hash_rotate(c, 30) + d, a + hash_rotate(b + k2, 18) + c, mul);
    }
    if (len >= 8) {
        const uint64_t a = hash_read(s, 8) + k2, b = hash_read(s + len - 8, 8), c = hash_rotate(b, 37) * mul + a, d = (hash_rotate(a, 25) + b) * mul;
        return hash_farm_mix(c, d, mul);
    }
    if (len >= 4)
        return hash_farm_mix((uint64_t)len + (hash_read(s, 4) << 3), hash_read(s + len - 4, 4), mul);
    const uint64_t y = hash_read(s, 1) + (hash_read(s + len / 2, 1) << 8), z = (uint64_t)len + (hash_read(s + len - 1, 1) << 2);
    uint64_t v = y * k2 ^ z * k0;
    v ^= v >> 47;
    return v * k2;
}

static inline uint64_t hash_sip(const char *s, int len, uint64_t key0, uint64_t key1)
{
    uint64_t v0 = key0 ^ 0x736f6d6570736575u, v1 = key1 ^ 0x646f72616e646f6du, v2 = key0 ^ 0x6c7967656e657261u, v3 = key1 ^ 0x7465646279746573u;
    for (int at = 0; at <= len + 8; at += 8) { /* words, the last one with the length; then the end, four rounds */
        const int left = len - at;
        const uint64_t m = left >= 8 ? hash_read(s + at, 8) : left >= 0 ? hash_read(s + at, left) | (uint64_t)len << 56 : 0;
        if (left >= 0)
            v3 ^= m;
        else
            v2 ^= 0xff;
        for (int i = 0; i < (left >= 0 ? 2 : 4); i++) {
            v0 += v1, v2 += v3;
            v1 = hash_rotate(v1, 64 - 13) ^ v0;
            v3 = hash_rotate(v3, 64 - 16) ^ v2;
            v0 = hash_rotate(v0, 32);
            v2 += v1, v0 += v3;
            v1 = hash_rotate(v1, 64 - 17) ^ v2;
            v3 = hash_rotate(v3, 64 - 21) ^ v0;
            v2 = hash_rotate(v2, 32);
        }
        if (left < 0)
            break;
        v0 ^= m;
    }
    return v0 ^ v1 ^ v2 ^ v3;
}

static CYNF_INLINE uint64_t hash_cat(uint64_t a, uint64_t b)
{
    const uint64_t mul = 0xc6a4a7935bd1e995u;
    uint64_t t = b * mul, y = a ^ mul;
    y ^= (t ^ t >> 47) * mul;
    y *= mul;
    y = (y ^ y >> 47) * mul;
    return y ^ y >> 47;
}

/** Its decimal text; returns the length, at most 20. */
static inline int hash_text(int64_t v, char text[24])
{
    char digits[20];
    uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    int n = 0, len = 0;
    do
        digits[n++] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (v < 0)
        text[len++] = '-';
    while (n)
        text[len++] = digits[--n];
    return len;
}

static CYNF_INLINE void hash_bins(const cynf_hash *g, cynf_tile t, int stage, const cynf_args *a, int thread, size_t begin, size_t end)
{
    (void)t, (void)stage, (void)thread;
    const uint64_t key0 = (uint32_t)g->key[0] | (uint64_t)(uint32_t)g->key[1] << 32, key1 = (uint32_t)g->key[2] | (uint64_t)(uint32_t)g->key[3] << 32;
    const size_t last = end * CYNF_HASH_GROUP < (size_t)g->n ? end * CYNF_HASH_GROUP : (size_t)g->n;
    for (size_t i = begin * CYNF_HASH_GROUP; i < last; i++) {
        uint64_t h = key0;
        for (int k = 0; k < g->inputs; k++) {
            const float x = a->x[0][i * (size_t)g->inputs + (size_t)k];
            const int64_t v = x > -0x1p63f && x < 0x1p63f ? (int64_t)x : INT64_MIN;
            char text[24];
            if (g->kind == CYNF_HASH_CROSS) {
                h = hash_cat(h, (uint64_t)v);
            } else {
                const int len = hash_text(v, text);
                h = g->kind == CYNF_HASH_FARM ? hash_farm(text, len) : hash_sip(text, len, key0, key1);
            }
        }
        a->y[i] = (float)(h % (uint64_t)g->bins);
    }
}

#endif

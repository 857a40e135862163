/* SPDX-License-Identifier: MIT */
/** Element types at a model's edges; inside everything is float32. */
#ifndef CYNF_DTYPE_H
#define CYNF_DTYPE_H

/** The numbers never change: they stand in flat files and in generated headers. */
typedef enum cynf_dtype {
    CYNF_F32 = 0,
    CYNF_F64 = 1,
    CYNF_F16 = 2,
    CYNF_BF16 = 3,
    CYNF_I8 = 4,
    CYNF_U8 = 5,
    CYNF_I16 = 6,
    CYNF_U16 = 7,
    CYNF_I32 = 8,
    CYNF_U32 = 9,
    CYNF_I64 = 10,
    CYNF_U64 = 11,
    CYNF_BOOL = 12
} cynf_dtype;

#endif

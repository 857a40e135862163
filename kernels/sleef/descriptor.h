/* SPDX-License-Identifier: MIT */
/** The descriptor of an operation's body over SLEEF: everything but what it supports is as in the file's own units() and cost(). */
#ifndef CYNF_SLEEF_DESCRIPTOR_H
#define CYNF_SLEEF_DESCRIPTOR_H

#include "kernels/kernel.h"

/* Twice the cost: a call for every vector, and functions of the last ulp. */
#define CYNF_SLEEF_DESCRIPTOR(operation, OPERATION) \
    extern const cynf_algo cynf_##operation##_sleef; \
    static double sleef_cost(const void *g, cynf_tile t, cynf_isa isa, const cynf_machine *m) { return 2 * cost(g, t, isa, m); } \
    const cynf_algo cynf_##operation##_sleef = {.op = CYNF_OP_##OPERATION, .name = "sleef", .header = "kernels/sleef/bodies.h", .supports = sleef_supports, \
        .units = units, .cost = sleef_cost, .sleef = true};

#endif

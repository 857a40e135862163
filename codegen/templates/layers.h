/* SPDX-License-Identifier: MIT */
/* The layers of @ID@; made by cynf-gen @VERSION@, DO NOT EDIT. */
#include "kernels/kernel.h"

#pragma GCC visibility push(hidden)
@DECLARE@#pragma GCC visibility pop

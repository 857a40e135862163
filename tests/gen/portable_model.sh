#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: portable_model.sh GEN_MODELS GEN_DRIVE CROSS
# A hand-built model in portable mode: built without warnings, self-test, the executor's bits; with CROSS (aarch64-linux-gnu-) built for
# that machine and self-tested under qemu.
set -eu
models=$(realpath "$1") drive=$(realpath "$2") cross=${3-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
flags="-O1 -Wall -Wextra -Werror"
"$models" .
cd image_portable
if [ -n "$cross" ]; then
    command -v "${cross}gcc" >/dev/null && command -v qemu-aarch64 >/dev/null || { echo "no ${cross}gcc or qemu: skipped"; exit 77; }
    make -s -j"$(nproc)" CROSS="$cross" CFLAGS="$flags" all
    make -s CROSS="$cross" RUN="qemu-aarch64 -L /usr/aarch64-linux-gnu" check
else
    make -s -j"$(nproc)" CFLAGS="$flags" all check
    "$drive" . image_portable exact
    # A plan that cannot be read is told about, and the result stands.
    echo "no plan" > plan
    CYNF_PLAN=plan ./image_portable_selftest | tee said
    grep -q "^plan" said || { echo "FAIL: nothing was said about the plan"; exit 1; }
    # One of another model, with kernels of an operation that this one does not carry, is understood.
    printf 'cynf-binding 1\ncpu nobody\n' > plan
    cpu=$(CYNF_PLAN=plan ./image_portable_selftest | sed -n 's/.*this CPU is "\(.*\)".*/\1/p')
    printf 'cynf-binding 1\ncpu %s\nkernel fc m=1\tcynf_fc_f32_gemv_2x4__scalar\nmodel 1 1 1\nnode 0\tcynf_fc_f32_gemv_2x4__scalar\n' "$cpu" > plan
    CYNF_PLAN=plan ./image_portable_selftest | tee said
    grep -q "^plan: no choices for this model with threads = 1 and batch = 1; 0 of 4 .*without an entry: 4" said || { echo "FAIL: another model's plan"; exit 1; }
fi

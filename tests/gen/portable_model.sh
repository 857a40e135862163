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
cd swap_portable
if [ -n "$cross" ]; then
    command -v "${cross}gcc" >/dev/null && command -v qemu-aarch64 >/dev/null || { echo "no ${cross}gcc or qemu: skipped"; exit 77; }
    make -s -j"$(nproc)" CROSS="$cross" CFLAGS="$flags" all
    make -s CROSS="$cross" RUN="qemu-aarch64 -L /usr/aarch64-linux-gnu" check
else
    make -s -j"$(nproc)" CFLAGS="$flags" all check
    "$drive" . swap_portable exact
    # A plan that cannot be read is told about, and the result stands.
    echo "no plan" > plan
    CYNF_PLAN=plan ./swap_portable_selftest | tee said
    grep -q "^plan" said || { echo "FAIL: nothing was said about the plan"; exit 1; }
fi

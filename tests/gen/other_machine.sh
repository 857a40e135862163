#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: other_machine.sh CYNF_GEN DATA
# Fixed code for aarch64, generated here: it builds without warnings, is of neon kernels, and its self-test passes under qemu; a plan of that machine is taken by
# its name.
set -eu
gen=$(realpath "$1") data=$(realpath "$2") cross=aarch64-linux-gnu-
command -v ${cross}gcc >/dev/null && command -v qemu-aarch64 >/dev/null || { echo "no ${cross}gcc or qemu: skipped"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for model in inception depthwise_5x5 conv2d_transpose; do
    "$gen" --model "$data/$model.h5" --isa neon --name net --out net
    grep -q "__neon" net/net_layers0.c || { echo "FAIL $model: no kernel of neon"; exit 1; }
    make -s -C net -j"$(nproc)" CROSS=$cross CFLAGS="-O2 -Wall -Wextra -Werror" RUN="qemu-aarch64 -L /usr/aarch64-linux-gnu" all check
done
printf 'cynf-binding 1\ncpu board\n' > plan
"$gen" --model "$data/inception.h5" --isa neon --cpu board --plan plan --name net --out net 2> said
grep "this CPU is" said && { echo "FAIL: the plan of another machine was not taken"; exit 1; }
"$gen" --model "$data/inception.h5" --isa neon --plan plan --name net --out net 2> said
grep -q 'made for "board"' said || { echo "FAIL: a plan of another machine was taken"; exit 1; }

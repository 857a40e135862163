#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: build.sh CYNF_GEN OUT MODEL...
# OUT/<name of the model>: a static aarch64 program that runs the model, generated here for neon, RUNS times between markers (counted.c).
set -eu
gen=$(realpath "$1") out=$2 here=$(dirname "$(realpath "$0")")
shift 2
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for model; do
    name=$(basename "$model") name=${name%.*}
    rm -rf "$work/net"
    "$gen" --model "$model" --isa neon --name net --out "$work/net" 2>/dev/null || { echo "$name: not generated" >&2; continue; }
    make -s -C "$work/net" CROSS=aarch64-linux-gnu- net.o
    aarch64-linux-gnu-gcc -O2 -static -I"$work/net" -I"$work/net/src/include" "$here/counted.c" "$work/net/net.o" -lm -lpthread -o "$out/$name"
    echo "$out/$name"
done

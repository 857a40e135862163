#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/tools/graph.sh CYNF-INFO MODEL: drawings of a model with a convolution, batch normalisation and ReLU6 behind it.
set -eu
info=$1 model=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
has() { grep -qF -- "$2" "$1" || { echo "$1 has no: $2"; cat "$1"; exit 1; }; }
"$info" --model "$model" --graph "$work/net.dot" > /dev/null
has "$work/net.dot" 'strict digraph network {'
has "$work/net.dot" '\nBatchNormalization\n'
has "$work/net.dot" '", style="dashed,filled"'
grep -qE '^    n[0-9]+ .*conv2d [0-9]x[0-9].* \+ activation.*\\n\+ [a-z_0-9]+' "$work/net.dot" || { echo 'no convolution says what it computes, too'; cat "$work/net.dot"; exit 1; }
has "$work/net.dot" 'operations after the passes'
status=0
"$info" --model "$model" --graph "$work/net.txt" > /dev/null 2> "$work/message" || status=$?
[ $status = 2 ] || exit 1
has "$work/message" 'expected a file of type .svg'
status=0
PATH=/nonexistent "$info" --model "$model" --graph "$work/net.svg" > /dev/null 2> "$work/message" || status=$?
[ $status = 1 ] || exit 1
has "$work/message" 'install graphviz'
[ ! -e "$work/net.svg" ]
if command -v dot > /dev/null; then
    "$info" --model "$model" --graph "$work/net.svg" > /dev/null
    has "$work/net.svg" '</svg>'
else
    echo 'SKIPPED: no dot'
fi

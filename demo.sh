#!/bin/sh
# SPDX-License-Identifier: MIT
# The whole way of a model on this machine: read, tune, generate, compile, check against Keras, time.
#   ./demo.sh                        the digits network of examples/digits
#   ./demo.sh path/to/model.h5       any other (.h5 or .keras; model.golden.h5 beside it, when there is one, holds inputs and Keras' outputs)
set -e
here=$(cd "$(dirname "$0")" && pwd)
case "$1" in
-h | --help)
    sed -n '3,5s/^# *//p' "$0"
    exit 0
    ;;
esac
model=${1:-$here/examples/digits/digits.keras}
[ -f "$model" ] || { echo "demo.sh: $model: no such file" >&2; exit 1; }
model=$(cd "$(dirname "$model")" && pwd)/$(basename "$model")
build=${CYNF_DEMO_BUILD:-$here/build/demo}

"$here/tools/packages.sh" gcc g++ libc6-dev make meson ninja-build pkg-config libhdf5-dev libcjson-dev libzip-dev libsleef-dev libcpu-features-dev python3 python3-dev \
    python3-venv
mkdir -p "$build"
[ -f "$build/meson/build.ninja" ] || meson setup "$build/meson" "$here" -Dtests=false -Dbench=disabled >"$build/log" 2>&1 || { cat "$build/log" >&2; exit 1; }
echo "== building cynfrence (about two minutes on two cores)"
ninja -C "$build/meson" tools/cynf-info tools/cynf-tune tools/cynf-gen tools/cynf-run tools/cynf-plan
PATH=$build/meson/tools:$PATH

echo "== the model"
cynf-info --model "$model"
echo "== tuning it on this machine"
cynf-tune --model "$model" -o "$build/plan.json"
cynf-plan explain "$build/plan.json" | grep -Ev '^ +(left out|slower) '
echo "== generating and compiling it: tuned, un-tuned, and plain scalar C"
rm -rf "$build/tuned" "$build/untuned" "$build/scalar"
cynf-gen --model "$model" --plan "$build/plan.json" --out "$build/tuned" --name net
cynf-gen --model "$model" --out "$build/untuned" --name net
cynf-gen --model "$model" --isa scalar --out "$build/scalar" --name net
for d in tuned untuned scalar; do make -s -C "$build/$d" -j2 libnet.so; done
[ -x "$build/venv/bin/python" ] || { python3 -m venv "$build/venv" && "$build/venv/bin/pip" install -q numpy h5py; }
"$build/venv/bin/python" "$here/tools/demo.py" "$model" "$build"

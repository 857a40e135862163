#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/tools/refusals.sh CYNF-INFO WEIGHTS: layers that hold code are refused by name, with the reason and what to do.
set -eu
info=$1 weights=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
refused() # EXPECTED LAYER
{
    printf '{"class_name": "Sequential", "config": {"name": "net", "layers": [{"class_name": "InputLayer", "config": {"name": "in", "batch_shape": [null, 4, 3]}}, %s]}}' \
        "$2" > "$work/net.json"
    status=0
    "$info" --model "$work/net.json" --weights "$weights" > /dev/null 2> "$work/message" || status=$?
    if [ $status != 1 ] || ! grep -q "layer \"mine\" .*$1.*save the model again" "$work/message"; then
        echo "status $status, expected: $1"
        cat "$work/message"
        exit 1
    fi
}
refused 'a Lambda holds Python code, which is not run; .* --custom mine=file.c' '{"class_name": "Lambda", "config": {"name": "mine", "function": ["4wE=", null, null]}}'
refused 'the custom layer Scale has no Python code in the file; .* --custom Scale=file.c' '{"class_name": "Scale", "module": "my.layers", "registered_name": "my>Scale", "config": {"name": "mine"}}'
refused 'the custom layer Scale has no Python code' '{"class_name": "Scale", "module": null, "registered_name": "Scale", "config": {"name": "mine"}}'
refused 'the layer class Scale is not supported; if it is a custom one, .* --custom Scale=file.c' '{"class_name": "Scale", "config": {"name": "mine"}}'
refused 'the custom layer Scale has no Python code' '{"class_name": "TimeDistributed", "config": {"name": "mine", "layer": {"class_name": "Scale", "module": "my.layers", "registered_name": "Scale", "config": {"name": "inner"}}}}'

#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: architecture.sh CYNF_INFO DATA
# An architecture as YAML beside its weights is what the model with both in one file is; what is none gets one line that says so.
set -u
info=$1 data=$2 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/net.yaml" <<'END'
class_name: Sequential
config:
  name: sequential
  layers:
  - class_name: InputLayer
    config: {batch_input_shape: !!python/tuple [null, 11, 10, 3], name: input_layer}
  - class_name: Conv2D
    config:
      name: "conv2d"
      filters: 20
      kernel_size: !!python/tuple [3, 4]
      strides: &strides !!python/tuple [2, 3]
      dilation_rate: 1
      padding: same
      use_bias: true
      activation: elu
  - class_name: MaxPooling2D
    config: {name: pool, pool_size: *strides, strides: null}
END
"$info" "$work/net.yaml" --weights "$data/conv2d_stride_same.h5" >"$work/out" 2>&1 || failed=1
grep -q 'conv2d  *Conv2D  *(1, 6, 4, 20)  *740 ' "$work/out" && grep -q 'pool  *MaxPooling2D  *(1, 3, 1, 20)' "$work/out" || failed=1
"$info" "$work/net.yaml" --weights "$data/conv2d_stride_same.h5" --kernels-from theano >/dev/null || failed=1

refuse() # WORDS OPTION...
{
    words=$1
    shift
    "$info" "$@" >"$work/out" 2>"$work/err"
    if [ $? != 1 ] || ! grep -qF -- "$words" "$work/err"; then
        failed=1
        cat "$work/err"
    fi
}

refuse 'expected theano or tensorflow' "$data/conv2d_stride_same.h5" --kernels-from caffe
refuse 'without weights' "$work/net.yaml"
echo 'layers: [}' >"$work/bad.yaml"
refuse 'neither JSON nor YAML: line 1' "$work/bad.yaml" --weights "$data/conv2d_stride_same.h5"
[ $failed = 0 ] || cat "$work/out"
exit $failed

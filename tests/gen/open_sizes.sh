#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: open_sizes.sh CYNF_GEN GEN_SIZES DATA SOURCE BUILD LIBRARY...
# Models whose sizes stay open up to a maximum, compiled against this build's library rather than its sources, which the test of portable models compiles: every
# size gives what the library gives, and some what Keras gave. What cannot be kept open is refused.
set -eu
gen=$(realpath "$1") drive=$(realpath "$2") data=$(realpath "$3") source=$(realpath "$4") build=$(realpath "$5")
shift 5
libraries=
for l in "$@"; do
    case $l in -*) ;; *) l=$(realpath "$l") ;; esac
    libraries="$libraries $l"
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# NAME MODEL [with Keras] SHAPE...: as many goldens as said are compared.
check() {
    model=$1 goldens=$2
    shift 2
    for shape in "$@"; do set -- "$@" --max-shape "$shape"; shift; done
    "$gen" --model "$data/$model.h5" --mode portable --name net --out "$model" "$@"
    (cd "$model" && cc -std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -fPIC -fvisibility=hidden -shared -I. -I"$source" -I"$source/include" -I"$build" net.c net_weights.S \
        -o libnet.so $libraries -lm -lpthread)
    "$drive" "$model" net "$data/$model.h5" | tee said
    grep -q " $goldens of them with Keras.* 0 failed" said || { echo "FAIL: $model"; exit 1; }
}
refuse() { # WORDS, then what is not done
    words=$1
    shift
    if "$gen" --out refused "$@" 2> said; then
        echo "FAIL: done: $*"; exit 1
    fi
    grep -q -- "$words" said || { echo "FAIL: expected \"$words\", said:"; cat said; exit 1; }
    test ! -e refused
}
check sizes_sequence 3 1,40,5
check sizes_tokens 3 1,30
check sizes_unet 3 1,32,40,3
check sizes_patches 3 1,33,29,3
check sizes_pair 3 a=1,12,4 b=1,12,4 c=1,9,4
check stream_recurrent 1 1,12,3
check open_sizes 1 image=1,11,13,3
model=$data/open_sizes.h5
refuse 'fixed mode (the default) specialises every layer for one size; give --mode portable' --model "$model" --max-shape image=1,9,9,3
refuse 'this input.s shape is given twice' --mode portable --model "$model" --max-shape image=1,9,9,3 --input-shape image=1,9,9,3
refuse 'the file leaves no size of input "input_layer.*" open' --mode portable --model "$data/conv2d_groups.h5" --max-shape 1,8,8,12
refuse 'a shape of 3 sizes was given' --mode portable --model "$model" --max-shape image=1,9,9
refuse 'dimension 3 of input "image" was given as 4, the file says 3' --mode portable --model "$model" --max-shape image=1,9,9,4
refuse 'has no maximum shape' --mode portable --stream --model "$data/stream_recurrent.h5" --max-shape 1,9,3
refuse 'no output is left' --mode portable --model "$data/sizes_sequence.h5" --max-shape 1,3,5
echo "7 models passed, 0 failed"

#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: input_shape.sh CYNF_INFO DATA
# --input-shape: sizes that a file leaves open are fixed when it is loaded; a wrong name, rank, size or batch gets one line that says so.
set -u
info=$1 data=$2 passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

expect() # STATUS WORDS MODEL OPTION...
{
    status=$1 words=$2 model=$3
    shift 3
    "$info" "$data/$model" "$@" >"$work/out" 2>"$work/err"
    if [ $? = "$status" ] && cat "$work/out" "$work/err" | grep -qF -- "$words" && [ "$(wc -l <"$work/err")" = "$([ "$status" = 0 ]; echo $?)" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $model $*: expected \"$words\""
        cat "$work/err"
    fi
}

expect 1 'give all sizes, as in --input-shape image=' open_sizes.h5
expect 0 'image float32 (1, 9, 12, 3)' open_sizes.h5 --input-shape image=1,9,12,3
expect 0 'image float32 (4, 9, 12, 3)' open_sizes.h5 -s image=4,9,12,3
expect 0 'image float32 (1, 9, 12, 3)' open_sizes.h5 -s 1,9,12,3
expect 1 'no input has this name; the inputs are "image"' open_sizes.h5 -s picture=1,9,12,3
expect 1 'a shape of 3 sizes was given for input "image", whose shape in the file has 4' open_sizes.h5 -s image=1,9,12
expect 1 'dimension 3 of input "image" was given as 4, the file says 3' open_sizes.h5 -s image=1,9,12,4
expect 1 'expected a name and whole numbers' open_sizes.h5 -s image=1,9,,3
expect 1 'expected a name and whole numbers' open_sizes.h5 -s image=1,9,x12,3
expect 1 'expected a name and whole numbers' open_sizes.h5 -s image=0,9,12,3
expect 1 'expected a name and whole numbers' open_sizes.h5 -s image=
expect 1 'is given twice' open_sizes.h5 -s image=1,9,12,3 -s image=1,9,12,3
expect 1 'its batch is 2, elsewhere 3 was given' open_sizes.h5 -b 3 -s image=2,9,12,3
expect 1 'no input has this name; the inputs are "a", "b"' two_inputs.h5 -s 1,6
expect 0 'b float32 (2, 4, 3)' two_inputs.h5 -s a=2,6 -s b=2,4,3
expect 1 'its batch is 1, elsewhere 2 was given' two_inputs.h5 -s a=2,6 -s b=1,4,3
expect 1 'the file fixes 2, on which its layers depend' stateful_conv_lstm.h5 -s 3,3,6,5,2
echo "$passed passed, $failed failed"
[ $failed = 0 ]

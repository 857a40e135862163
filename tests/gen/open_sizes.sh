#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: open_sizes.sh CYNF_GEN GEN_SIZES DATA SOURCE BUILD PYTHON LIBRARY...
# Models whose sizes stay open up to a maximum, compiled against this build's library rather than its sources, which the test of portable models compiles: every
# size gives what the library gives, and some what Keras gave. What cannot be kept open is refused.
set -eu
gen=$(realpath "$1") drive=$(realpath "$2") data=$(realpath "$3") source=$(realpath "$4") build=$(realpath "$5") python=$6
shift 6
libraries=
for l in "$@"; do
    case $l in -*) ;; *) l=$(realpath "$l") ;; esac
    libraries="$libraries $l"
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# MODEL GOLDENS SHAPE...: so many goldens are compared.
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
# The Python module around one of them.
if "$python" -c 'import Cython, numpy, sysconfig' 2>/dev/null; then
    cd sizes_sequence
    "$python" -m cython -3 python/net.pyx -o module.c
    # shellcheck disable=SC2046
    cc -std=c11 -D_GNU_SOURCE -O1 -fPIC -shared -I. -I"$source" -I"$source/include" -I"$build" $("$python" -c 'import sysconfig as s; print("-I" + s.get_paths()["include"])') \
        module.c net.c net_weights.S -o net.so $libraries -lm -lpthread
    "$python" - <<'END'
import numpy as np
import net

m, x = net.Model(threads=2), np.random.rand(3, 40, 5).astype('f4')
for n in (40, 7, 12, 40, 13):
    a, b = m.predict(x[:, :n])
    assert a.shape == (3, 12) and b.shape == (3, 2 * ((n + 1) // 2 - 3), 3), (n, a.shape, b.shape)
    assert all((one == two).all() for one, two in zip(m.predict(x[1:2, :n]), (a[1:2], b[1:2])))
for n in (3, 41):
    try:
        m.predict(np.zeros((1, n, 5)))
    except ValueError as e:
        assert 'cannot have inputs of shapes ((%d, 5),): the largest are ((40, 5),)' % n in str(e), e
    else:
        raise AssertionError(n)
assert m.predict(x[:, :13])[0].shape == (3, 12)
END
else
    echo "no Cython and numpy for $python: the Python module is skipped"
fi
echo "7 models passed, 0 failed"

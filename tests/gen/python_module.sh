#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: python_module.sh GEN_MODELS PYTHON
# Generated models as Python modules: built by setup.py, several inputs and outputs of several types, any number of samples, wrong inputs.
set -eu
models=$(realpath "$1") python=$2
"$python" -c 'import Cython, numpy, setuptools' 2>/dev/null || { echo "no Cython, numpy and setuptools for $python: skipped"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$models" .
cksum swap_fixed/*.[ch] > before
for id in image_fixed swap_fixed mixed_fixed sum_fixed; do
    make -s -C $id python PYTHON="$python" CFLAGS="-O1"
    ln -s "$work"/$id/build/python/$id*.so .
done
cksum swap_fixed/*.[ch] | cmp - before
"$python" - <<'END'
import numpy as np
import image_fixed
import mixed_fixed
import sum_fixed
import swap_fixed

a, b = np.random.rand(5, 5, 7).astype('f'), np.random.rand(5, 6, 2).astype('f2')
for x in (a, b), ([a, b],), (a.astype('f8'), b[:, :, ::-1][:, :, ::-1]), (a.tolist(), b):
    bt, at = swap_fixed.predict(*x)
    assert bt.dtype == 'f2' and at.dtype == 'f4' and (bt == b.transpose(0, 2, 1)).all() and (at == a.transpose(0, 2, 1)).all()

port = np.fromfile('image_fixed/image_fixed_data.bin', 'u1')
pixels, rest = port[:360].reshape(1, 12, 10, 3), port[384:]
features, plane = image_fixed.Model(threads=2).predict(np.repeat(pixels, 7, 0))
assert features.dtype == 'f8' and features.shape == (7, 12, 10, 16) and plane.shape == (7, 12, 10, 5)
assert (features == rest[:8 * 1920].view('f8').reshape(12, 10, 16)).all() and (plane == rest[8 * 1920:][:2400].view('f4').reshape(12, 10, 5)).all()

x, m = np.arange(40, dtype='f4').reshape(8, 5), sum_fixed.Model()
total, twice = m.predict(x)
assert (total == x.reshape(4, 2, 5).cumsum(0).reshape(8, 5)).all() and (twice == 2 * total).all() and (m.state == total[6:].ravel()).all()
m.reset_state()
assert (m.predict(x[:2])[0] == x[:2]).all()
m.state = total[2:4]
assert (m.predict(x[4:])[0] == total[4:]).all() and not hasattr(swap_fixed.Model(), 'state')


def refused(call, error, words):
    try:
        call()
    except error as e:
        assert words in str(e), e
    else:
        raise AssertionError(words)


refused(lambda: swap_fixed.predict(a), ValueError, 'wants 2 inputs, not 1')
refused(lambda: swap_fixed.predict(a, b[:4]), ValueError, 'equally many samples')
refused(lambda: swap_fixed.predict(a, a), ValueError, 'input 1 (b) of swap_fixed wants shape (n, 6, 2), not (5, 5, 7)')
refused(lambda: mixed_fixed.predict(a, b), ValueError, 'multiples of 3, not 5')
refused(lambda: setattr(m, 'state', [1, 2]), ValueError, 'has 10 numbers, not 2')
refused(lambda: image_fixed.Model(threads=99), RuntimeError, 'image_fixed')
print('1 passed, 0 failed')
END

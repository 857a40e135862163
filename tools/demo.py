# SPDX-License-Identifier: MIT
"""The last part of demo.sh: checks the compiled models against Keras' outputs, and times them in turns."""
import ctypes
import os
import sys
import time

import h5py
import numpy as np


class Port(ctypes.Structure):
    _fields_ = [('name', ctypes.c_char_p), ('dtype', ctypes.c_char_p), ('rank', ctypes.c_int32), ('shape', ctypes.c_int32 * 8), ('bytes', ctypes.c_size_t)]


class Info(ctypes.Structure):
    _fields_ = [('abi_version', ctypes.c_int32), ('batch', ctypes.c_int32), ('batch_fixed', ctypes.c_int32), ('max_threads', ctypes.c_int32),
                ('n_in', ctypes.c_int32), ('n_out', ctypes.c_int32), ('inputs', ctypes.POINTER(Port)), ('outputs', ctypes.POINTER(Port)),
                ('id', ctypes.c_char_p), ('isa', ctypes.c_char_p), ('version', ctypes.c_char_p), ('weights_bytes', ctypes.c_int64)]


class Model:
    """A generated model through its C interface (cynf/model.h)."""

    def __init__(self, path):
        self.lib = ctypes.CDLL(path)
        self.lib.net_info.restype = ctypes.POINTER(Info)
        self.info = self.lib.net_info().contents
        self.handle = ctypes.c_void_p()
        status = self.lib.net_create(ctypes.byref(self.handle), None)
        if status:
            sys.exit('%s: net_create failed with status %d' % (path, status))

    def ports(self, which):
        n = self.info.n_in if which == 'inputs' else self.info.n_out
        return [getattr(self.info, which)[i] for i in range(n)]

    def shape(self, port, n):
        return (n,) + tuple(port.shape[1:port.rank])

    def bind(self, xs):
        """The arguments of a call, made once so that timing measures the model."""
        n = len(xs[0])
        ys = [np.empty(self.shape(p, n), p.dtype.decode()) for p in self.ports('outputs')]
        pointers = lambda arrays: (ctypes.c_void_p * len(arrays))(*[a.ctypes.data for a in arrays])
        return n, pointers(xs), pointers(ys), ys

    def run(self, xs):
        n, x, y, ys = self.bind(xs)
        status = self.lib.net_run_batch(self.handle, ctypes.c_size_t(n), x, y)
        if status:
            sys.exit('net_run_batch failed with status %d' % status)
        return ys


def reference(model):
    """Inputs and Keras' outputs from model.golden.h5, or from /golden inside the model; None when there are none."""
    beside = os.path.splitext(model)[0] + '.golden.h5'
    path = beside if os.path.exists(beside) else model if model.endswith('.h5') else None
    if not path:
        return None
    with h5py.File(path, 'r') as f:
        g = f['golden'] if 'golden' in f else f
        get = lambda what: [g['%s_%d' % (what, i)][()] for i in range(sum(k.startswith(what + '_') for k in g))]
        label = g['label'][()] if 'label' in g else None
        return (get('input'), get('output'), label) if 'output_0' in g else None


def main():
    model, build = sys.argv[1:]
    paths = {name: os.path.join(build, name, 'libnet.so') for name in ('tuned', 'untuned', 'scalar')}
    models = {name: Model(path) for name, path in paths.items()}
    tuned = models['tuned']
    ref = reference(model)
    print('== accuracy')
    status = 0
    if ref:
        xs = [np.ascontiguousarray(x, p.dtype.decode()) for x, p in zip(ref[0], tuned.ports('inputs'))]
        for name, m in models.items():
            ys = m.run(xs)
            worst = max(float(np.max(np.abs(y.astype('f8') - r))) / max(float(np.max(np.abs(r))), 1e-2) for y, r in zip(ys, ref[1]))
            # As the goldens are judged; Keras' own batches differ by some 1e-6.
            ok = all(np.all(np.abs(y.astype('f8') - r) <= 1e-4 * max(float(np.max(np.abs(r))), 1e-2) + 1e-4 * np.abs(r)) for y, r in zip(ys, ref[1]))
            status |= not ok
            print('%-8s largest difference from Keras %.1e of the largest output, %d samples: %s' % (name, worst, len(xs[0]), 'ok' if ok else 'WRONG'))
            if ref[2] is not None and name == 'tuned':
                print('%-8s %d of %d digits recognised' % ('', int(np.sum(np.argmax(ys[0], 1) == ref[2])), len(ref[2])))
    else:
        print('no reference outputs beside the model; its self-test compares it with the library')
        status |= os.system('make -s -C %s net_selftest && %s/net_selftest' % (os.path.join(build, 'tuned'), os.path.join(build, 'tuned'))) != 0
    rng = np.random.default_rng(1)
    xs = [rng.random(tuned.shape(p, tuned.info.batch)).astype(p.dtype.decode()) for p in tuned.ports('inputs')]
    best, args = {}, {name: m.bind(xs) for name, m in models.items()}
    end = time.time() + 3
    while time.time() < end:
        for name, m in models.items():
            _, x, y, _ = args[name]
            t = time.perf_counter()
            m.lib.net_run(m.handle, x, y)
            best[name] = min(best.get(name, 1e9), time.perf_counter() - t)
    print('== time of one inference, one thread, fastest of interleaved runs')
    for name, what in (('tuned', 'tuned'), ('untuned', 'un-tuned (cost model)'), ('scalar', 'plain scalar C')):
        print('%-24s %10.4f ms   tuned is %.2f x as fast' % (what, best[name] * 1e3, best[name] / best['tuned']))
    print('%s: %d bytes, of which %d are weights' % (os.path.relpath(paths['tuned']), os.path.getsize(paths['tuned']), tuned.info.weights_bytes))
    return int(status)


if __name__ == '__main__':
    sys.exit(main())

# SPDX-License-Identifier: MIT
"""Fast CPU inference for Keras models.

    import cynf
    m = cynf.compile("net.keras")              # the prebuilt kernels: no compiler needed
    m = cynf.compile("net.keras", tune=True)   # measured on this machine, generated, compiled
    y = m(x)                                   # NumPy in, NumPy out
"""
import os

import numpy as np

from . import native
from ._core import Error, Model, Net, OpenShape
from ._core import version as __version__

__all__ = ['compile', 'load', 'Error', 'Model', 'Net', 'OpenShape', 'ShapedByInput', '__version__']


def compile(model, *, weights=None, threads=1, batch=1, tune=False, engine='auto', plan=None, workdir=None, math='poly', input_shapes=None, max_shapes=None, stream=0,
            kernels_from=None, custom=None, exact=False):
    """A callable from a Keras file.

    model    path of a .h5 or .keras file (or of an architecture as JSON or YAML, with weights)
    threads  how many share the work
    batch    samples that are computed at a time; calls may hold any number
    tune     measure kernels on this machine first (plan None)
    engine   "library": the prebuilt kernels; "native": generate C, compile and load it; "auto": native when tune, else library.
             The environment's CYNF_ENGINE overrides it, CYNF_CPU_MASK limits the instruction sets.
    plan     path of a plan made by cynf-tune
    workdir  where native builds and plans are kept; None: the user's cache folder
    input_shapes  {input name: (batch, 64, 64, 3)} for sizes that the file leaves open; without it they come with the first call. A batch of None is `batch`
    max_shapes  {input name: (batch, 64, 64, 3)}: a native build, of the portable kind, that takes any size up to these where the file leaves it open. Its kernels
             are the cost model's choice. The library engine takes any size anyway, and makes a model of its own for each
    stream   steps of one run: a model of sequences becomes one that is given so many steps at a time and gives the same numbers; the past is its state.
             Each sample of a call is the next run. Net(model, stream=...).skip says how many steps come out before the first one of the sequence
    kernels_from  "theano": the kernels of convolutions are turned by 180 degrees, as a model trained with Theano needs
    custom   {"Name": "file.c"}: what layers of class Name, or a Lambda of that name, compute, in C (cynf/custom.h); the C compiler of the machine is needed for it
    exact    exact kernels alone: the same bits on scalar, avx2, avx512 and neon (sse41 has its own), for every plan and number of threads; slower
    math     exp, tanh, erf ...: "poly", polynomials of a few ulp; "sleef", SLEEF's functions of 1 ulp, for the prebuilt kernels alone
    """
    engine = os.environ.get('CYNF_ENGINE') or engine
    if engine not in ('auto', 'library', 'native'):
        raise ValueError(f'engine is {engine!r}; expected "auto", "library" or "native"')
    if threads < 1 or batch < 1:
        raise ValueError('threads and batch must be at least 1')
    if math not in ('poly', 'sleef'):
        raise ValueError(f'math is {math!r}; expected "poly" or "sleef"')
    if max_shapes and (tune or plan is not None):
        raise ValueError('a plan is made for fixed sizes; give input_shapes, or max_shapes without tune and plan')
    if exact and math == 'sleef':
        raise ValueError('exact: SLEEF\'s functions differ from machine to machine; use math="poly"')
    if engine == 'auto':
        engine = 'native' if (tune or max_shapes) and math == 'poly' else 'library'
    if engine == 'native' and math == 'sleef':
        raise ValueError('math is "sleef": generated models need no library; use engine="library"')
    folder = os.fspath(workdir) if workdir is not None else native.cache_folder()
    custom = {name: os.fspath(path) for name, path in (custom or {}).items()}
    paths = [p for p in (model, weights, *custom.values()) if p is not None]
    given = dict(kernels_from=kernels_from, customs=['%s=%s' % item for item in custom.items()], exact=exact)
    more = (() if kernels_from is None else (kernels_from,)) + tuple(custom) + (('--exact',) if exact else ())
    named, largest = (tuple('%s=%s' % (k, ','.join(str(batch if d is None else d) for d in v)) for k, v in (sizes or {}).items())
                      for sizes in (input_shapes, max_shapes if engine == 'native' else None))

    def make(batch, shapes=()):
        net = Net(model, weights, 0 if named or largest else batch, shapes, math, named, stream, largest=largest, **given)
        chosen = tuned(net, paths, folder, threads, batch, shapes + named + (stream,) + more, math) if tune and plan is None else plan
        if engine == 'library':
            return Model.library(net, threads, chosen)
        text = ''
        if chosen is not None:
            with open(chosen) as f:
                text = f.read()
        built = os.path.join(folder, native.key(paths, text, threads, batch, shapes + named + (stream,) + more + (('largest',) + largest if largest else ())))
        if not os.path.exists(native.shared_object(built)):
            native.build(net, built, chosen, threads, bool(largest))
        return Model.native(native.shared_object(built), native.NAME, threads)

    try:
        if largest:
            return make(batch)
        net = Net(model, weights, 0 if named else batch, math=math, named=named, stream=stream, **given)
    except OpenShape:
        return ShapedByInput(make, batch)
    if net.batch_fixed and not named and not stream and Net(model, weights, net.batch + 1, **given).batch == net.batch + 1:
        return ShapedByInput(make, batch)   # samples influence each other: the batch is what a call holds
    return make(batch)


class ShapedByInput:
    """A model whose sizes come with its input: made anew for every shape that is met, and kept. Its state goes from one to the other."""

    def __init__(self, make, batch):
        self.make, self.batch, self.models, self.last = make, batch, {}, None

    def __call__(self, *xs):
        if len(xs) == 1 and isinstance(xs[0], (list, tuple)):
            xs = tuple(xs[0])
        shapes = tuple(np.shape(x) for x in xs)
        if any(not s for s in shapes):
            raise ValueError('an input has no dimensions; expected samples along the first axis')
        inner = tuple((self.batch,) + s[1:] for s in shapes)
        m = self.models.get(inner) or self.models.get(shapes)
        if m is None:
            m = self.make(self.batch, inner)
            if m.batch_fixed and shapes[0][0] != m.batch:
                inner = shapes
                m = self.make(shapes[0][0], inner)
            self.models[inner] = m
        elif m.batch_fixed and shapes[0][0] != m.batch:
            m = self.models[shapes] = self.make(shapes[0][0], shapes)
        if self.last is not m:
            state = None if self.last is None else self.last.state
            if state is not None and m.state.size == state.size:
                m.state = state
            else:
                m.reset_state()
            self.last = m
        return m(*xs)

    predict = __call__

    def reset_state(self):
        if self.last is not None:
            self.last.reset_state()

    @property
    def state(self):
        return None if self.last is None else self.last.state

    @state.setter
    def state(self, value):
        if self.last is None:
            raise ValueError('the sizes of the state come with the first call')
        self.last.state = value


def tuned(net, paths, folder, threads, batch, shapes, math):
    """Path of the plan of an earlier tuning of this model on this machine by this library, or of a new one."""
    path = os.path.join(folder, native.key(paths, None, threads, batch, shapes, math) + '.plan.json')
    if not os.path.exists(path):
        text = net.tune(threads)
        os.makedirs(folder, exist_ok=True)
        part = '%s.%d' % (path, os.getpid())
        with open(part, 'w') as f:
            f.write(text)
        os.replace(part, path)
    return path


def load(path, *, threads=1):
    """A callable from the shared object of a generated model, lib<name>.so."""
    name = os.path.basename(os.fspath(path))
    if not (name.startswith('lib') and name.endswith('.so')):
        raise ValueError(f'{name}: a generated model is called lib<name>.so')
    return Model.native(path, name[3:-3], threads)

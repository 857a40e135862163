# SPDX-License-Identifier: MIT
"""Fast CPU inference for Keras models.

    import cynf
    m = cynf.compile("net.keras")              # the prebuilt kernels: no compiler needed
    m = cynf.compile("net.keras", tune=True)   # measured on this machine, generated, compiled
    y = m(x)                                   # NumPy in, NumPy out
"""
import os

from . import native
from ._core import Error, Model, Net
from ._core import version as __version__

__all__ = ['compile', 'load', 'Error', 'Model', 'Net', '__version__']


def compile(model, *, weights=None, threads=1, batch=1, tune=False, engine='auto', plan=None, workdir=None):
    """A callable from a Keras file.

    model    path of a .h5 or .keras file (or of an architecture, with weights)
    threads  how many share the work
    batch    samples that are computed at a time; calls may hold any number
    tune     measure kernels on this machine first (plan None)
    engine   "library": the prebuilt kernels; "native": generate C, compile and load it; "auto": native when tune, else library.
             The environment's CYNF_ENGINE overrides it, CYNF_CPU_MASK limits the instruction sets.
    plan     path of a plan made by cynf-tune
    workdir  where native builds and plans are kept; None: the user's cache folder
    """
    engine = os.environ.get('CYNF_ENGINE') or engine
    if engine not in ('auto', 'library', 'native'):
        raise ValueError(f'engine is {engine!r}; expected "auto", "library" or "native"')
    if threads < 1 or batch < 1:
        raise ValueError('threads and batch must be at least 1')
    if engine == 'auto':
        engine = 'native' if tune else 'library'
    net = Net(model, weights, batch)
    folder = os.fspath(workdir) if workdir is not None else native.cache_folder()
    if tune and plan is None:
        plan = tuned(net, [p for p in (model, weights) if p is not None], folder, threads, batch)
    if engine == 'library':
        return Model.library(net, threads, plan)
    plan_text = ''
    if plan is not None:
        with open(plan) as f:
            plan_text = f.read()
    built = os.path.join(folder, native.key([p for p in (model, weights) if p is not None], plan_text, threads, batch))
    if not os.path.exists(native.shared_object(built)):
        native.build(net, built, plan, threads)
    return Model.native(native.shared_object(built), native.NAME, threads)


def tuned(net, paths, folder, threads, batch):
    """Path of the plan of an earlier tuning of this model on this machine by this library, or of a new one."""
    path = os.path.join(folder, native.key(paths, None, threads, batch) + '.plan.json')
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

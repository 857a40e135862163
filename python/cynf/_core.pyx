# cython: language_level=3, binding=False
# SPDX-License-Identifier: MIT
"""The C library as Python objects: nets, and models that either engine runs."""
import os
import threading

import numpy as np
cimport numpy as cnp
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from cpython.pythread cimport PyThread_acquire_lock, PyThread_allocate_lock, PyThread_free_lock, PyThread_release_lock, PyThread_type_lock, WAIT_LOCK
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

cnp.import_array()


cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(object o)

cdef extern from "dlfcn.h":
    void *dlopen(const char *path, int flags)
    void *dlsym(void *handle, const char *name)
    const char *dlerror()
    int RTLD_NOW, RTLD_LOCAL

cdef extern from "cynf/cynf.h":
    ctypedef int cynf_status
    int CYNF_ENOMEM, CYNF_ESHAPE
    ctypedef struct cynf_net
    ctypedef struct cynf_runner
    ctypedef struct cynf_model
    ctypedef struct cynf_net_options:
        int32_t batch
        const char *weights
        const int32_t (*shapes)[8]
        int32_t n_shapes
        int math
        const char *const *input_shapes
        const char *const *max_shapes
        int32_t stream
        const char *kernels_from
        const char *const *customs
        int32_t exact
    ctypedef struct cynf_model_port:
        const char *name
        const char *dtype
        int32_t rank
        int32_t shape[8]
    ctypedef struct cynf_model_options:
        int32_t threads
        char *message
        size_t message_bytes
    ctypedef struct cynf_model_info:
        int32_t abi_version, batch, batch_fixed, n_in, n_out
        const cynf_model_port *inputs "in"
        const cynf_model_port *outputs "out"
        const char *id
        const char *isa
        cynf_status (*create)(cynf_model **out, const cynf_model_options *o)
        cynf_status (*run_batch)(cynf_model *m, size_t n, const void **x, void **y) nogil
        void (*destroy)(cynf_model **m)
        size_t state_floats
        void (*reset_state)(cynf_model *m)
        void (*get_state)(const cynf_model *m, float *state)
        void (*set_state)(cynf_model *m, const float *state)
        cynf_status (*resize)(cynf_model *m, const int32_t *const *shapes)
        void (*output_shape)(const cynf_model *m, int i, int32_t *shape)
    ctypedef struct cynf_compile_options:
        int32_t threads
        const char *plan
    ctypedef struct cynf_tuning:
        int effort
        int32_t threads
        double time_limit_seconds
    ctypedef struct cynf_generation:
        const char *out
        const char *name
        const char *plan
        int32_t threads
        int32_t portable
    int CYNF_MODEL_ABI_VERSION, CYNF_TUNING_MEASURE
    const char *cynf_version()
    const char *cynf_build_id()
    const char *cynf_cpu_fingerprint(char *out, size_t cap)
    const char *cynf_status_str(cynf_status s)
    cynf_status cynf_net_load(cynf_net **out, const char *path, const cynf_net_options *o, char *message, size_t n)
    void cynf_net_free(cynf_net **net)
    int cynf_net_inputs(const cynf_net *net)
    int cynf_net_outputs(const cynf_net *net)
    const cynf_model_port *cynf_net_input(const cynf_net *net, int i)
    const cynf_model_port *cynf_net_output(const cynf_net *net, int i)
    int32_t cynf_net_batch(const cynf_net *net)
    int cynf_net_batch_fixed(const cynf_net *net)
    size_t cynf_net_state_floats(const cynf_net *net)
    int32_t cynf_net_output_skip(const cynf_net *net, int i)
    cynf_status cynf_compile(cynf_runner **out, const cynf_net *net, const cynf_compile_options *o, char *message, size_t n)
    cynf_status cynf_run_batch(cynf_runner *r, size_t n, const void **x, void **y) nogil
    void cynf_runner_free(cynf_runner **r)
    void cynf_runner_reset_state(cynf_runner *r)
    void cynf_runner_get_state(const cynf_runner *r, float *state)
    void cynf_runner_set_state(cynf_runner *r, const float *state)
    cynf_status cynf_net_tune(const cynf_net *net, const cynf_tuning *o, char **plan, char *message, size_t n) nogil
    cynf_status cynf_net_generate(const cynf_net *net, const cynf_generation *o, char *message, size_t n) nogil


ctypedef const cynf_model_info *(*info_fn)()

cdef enum:
    MAX_PORTS = 64
    MESSAGE = 1024

version = cynf_version().decode()
build_id = cynf_build_id().decode()


class Error(RuntimeError):
    """A model that cannot be read or run; the text names file, layer, reason and way out."""


def cpu_fingerprint():
    cdef char text[512]
    return cynf_cpu_fingerprint(text, sizeof(text)).decode()


class OpenShape(Error):
    """The file leaves a size open (None): it has to be given, or comes with the first input."""


cdef fail(cynf_status s, const char *message):
    text = message.decode('utf8', 'replace') or cynf_status_str(s).decode()
    if s == CYNF_ENOMEM and not message[0]:   # a limit that a file breaks has a message
        raise MemoryError(text)
    if s == CYNF_ESHAPE:
        raise OpenShape(text)
    raise Error(text)


cdef class Port:
    """Name, dtype and shape (without the batch) of a model's input or output; of a model of open sizes the shape is that of the last call."""
    cdef readonly str name
    cdef readonly object dtype
    cdef readonly tuple shape
    cdef readonly int rows  # of one run along the first axis
    cdef int rank, type_num
    cdef cnp.npy_intp sizes[8]  # sizes[0] is the batch
    cdef list kept  # the last two arrays given
    cdef int oldest

    @staticmethod
    cdef Port of(const cynf_model_port *p):
        cdef Port self = Port()
        self.name = p.name.decode('utf8', 'replace')
        self.dtype = np.dtype(p.dtype.decode())
        self.shape = tuple(p.shape[i] for i in range(1, p.rank))
        self.rows = p.shape[0] if p.rank else 1
        self.rank = max(p.rank, 1)
        self.type_num = (<cnp.dtype>self.dtype).type_num
        for i in range(p.rank):
            self.sizes[i] = p.shape[i]
        self.kept = [None, None]
        return self

    cdef void resized(self, const int32_t *shape):
        self.shape = tuple([shape[i] for i in range(1, self.rank)])
        for i in range(self.rank):
            self.sizes[i] = shape[i]

    cdef cnp.ndarray taken(self, object x, int number):
        """x as the C array that the model reads: itself if it is one."""
        cdef cnp.ndarray a
        cdef int i
        # a byte-swapped or unaligned array has the type number, but is not behaved
        if not cnp.PyArray_CheckExact(x) or cnp.PyArray_TYPE(x) != self.type_num or not cnp.PyArray_ISCARRAY_RO(x):
            a = np.require(x, self.dtype, 'CA')
        else:
            a = x
        cdef bint right = cnp.PyArray_NDIM(a) == self.rank
        for i in range(1, self.rank):
            right = right and cnp.PyArray_DIM(a, i) == self.sizes[i]
        if not right:
            raise ValueError(f'input {number} ("{self.name}") has shape {np.shape(x)}, expected {(None,) + self.shape}')
        return a

    cdef bint fits(self, cnp.ndarray a, cnp.npy_intp rows):
        cdef int i
        cdef bint same = cnp.PyArray_NDIM(a) == self.rank and cnp.PyArray_TYPE(a) == self.type_num and cnp.PyArray_ISCARRAY(a)
        for i in range(self.rank):
            same = same and cnp.PyArray_DIM(a, i) == (self.sizes[i] if i else rows)
        return same

    cdef cnp.ndarray given(self, cnp.npy_intp rows):
        """
        An array for results. One that nobody but this port holds any more is given again: a new one would cost its pages,
        several microseconds a 100 kB, on every call.
        """
        cdef cnp.npy_intp sizes[8]
        cdef cnp.ndarray a
        cdef int i
        for a in self.kept:
            if a is not None and Py_REFCNT(a) == 2 and self.fits(a, rows):  # the list's and a's
                return a
        cdef cnp.npy_intp size = (<cnp.dtype>self.dtype).itemsize
        cdef object memory  # no array, since a view of the result must refer to the result
        memcpy(sizes, self.sizes, sizeof(sizes))
        sizes[0] = rows
        for i in range(self.rank):
            size *= sizes[i]
        if size < 4096:
            a = cnp.PyArray_EMPTY(self.rank, sizes, self.type_num, 0)
        else:  # vectors that straddle cache lines would cost more than the two objects
            memory = PyByteArray_FromStringAndSize(NULL, size + 63)
            a = cnp.PyArray_SimpleNewFromData(self.rank, sizes, self.type_num, <void *>((<size_t>PyByteArray_AS_STRING(memory) + 63) & ~<size_t>63))
            cnp.set_array_base(a, memory)
        self.kept[self.oldest] = a
        self.oldest = 1 - self.oldest
        return a

    def __repr__(self):
        return f"{self.name}: {self.dtype}{(None,) + self.shape}"


cdef class Net:
    """A loaded model file."""
    cdef cynf_net *net

    def __cinit__(self, path, weights=None, int batch=0, shapes=(), math='poly', named=(), int stream=0, kernels_from=None, largest=(), customs=(), bint exact=False):
        """shapes: one tuple an input, batch first, for sizes that the file leaves open; named: texts like "image=1,64,64,3"; largest: the same for
        sizes that stay open up to these; customs: like "Name=file.c"."""
        cdef const char *texts[MAX_PORTS + 1]
        cdef const char *largest_texts[MAX_PORTS + 1]
        cdef const char *files[MAX_PORTS + 1]
        cdef list given_in_c = [os.fsencode(t) for t in customs]
        cdef list kept_largest = [t.encode() for t in largest]
        cdef bytes turned = b'' if kernels_from is None else kernels_from.encode()
        cdef list kept = [t.encode() for t in named]
        cdef char message[MESSAGE]
        cdef bytes p = os.fsencode(path), w = b'' if weights is None else os.fsencode(weights)
        cdef int32_t sizes[MAX_PORTS][8]
        cdef cynf_net_options o
        memset(&o, 0, sizeof(o))
        o.batch = batch
        o.math = math == 'sleef'
        if w:
            o.weights = w
        if shapes:
            if len(shapes) > MAX_PORTS or max(len(s) for s in shapes) > 8:
                raise ValueError(f'at most {MAX_PORTS} inputs of 8 dimensions')
            for i, given in enumerate(shapes):
                for k in range(8):
                    sizes[i][k] = given[k] if k < len(given) else 0
            o.shapes = <const int32_t (*)[8]>sizes
            o.n_shapes = len(shapes)
        if len(kept) > MAX_PORTS or len(kept_largest) > MAX_PORTS:
            raise ValueError(f'at most {MAX_PORTS} input shapes')
        memset(texts, 0, sizeof(texts))
        for i, t in enumerate(kept):
            texts[i] = t
        o.input_shapes = texts
        memset(largest_texts, 0, sizeof(largest_texts))
        for i, t in enumerate(kept_largest):
            largest_texts[i] = t
        o.max_shapes = largest_texts
        if len(given_in_c) > MAX_PORTS:
            raise ValueError(f'at most {MAX_PORTS} custom layers')
        memset(files, 0, sizeof(files))
        for i, t in enumerate(given_in_c):
            files[i] = t
        o.customs = files
        o.stream = stream
        o.exact = exact
        if turned:
            o.kernels_from = turned
        cdef cynf_status s = cynf_net_load(&self.net, p, &o, message, sizeof(message))
        if s:
            fail(s, message)

    @property
    def batch(self):
        return cynf_net_batch(self.net)

    @property
    def batch_fixed(self):
        """Samples of a batch influence each other, or the file fixes their number."""
        return cynf_net_batch_fixed(self.net) != 0

    @property
    def skip(self):
        """Of a stream: how many steps of each output come after a reset before the first one of the sequence."""
        return [cynf_net_output_skip(self.net, i) for i in range(cynf_net_outputs(self.net))]

    def __dealloc__(self):
        cynf_net_free(&self.net)

    def tune(self, int threads=1, double time_limit=0):
        """Measures this machine; returns the plan as JSON text."""
        cdef char message[MESSAGE]
        cdef char *plan = NULL
        cdef cynf_tuning o
        memset(&o, 0, sizeof(o))
        o.effort = CYNF_TUNING_MEASURE
        o.threads = threads
        o.time_limit_seconds = time_limit
        cdef cynf_status s
        with nogil:
            s = cynf_net_tune(self.net, &o, &plan, message, sizeof(message))
        if s:
            fail(s, message)
        try:
            return plan.decode()
        finally:
            free(plan)

    def generate(self, out, name, plan=None, int threads=1, bint portable=False):
        """Writes the model as C into the folder out."""
        cdef char message[MESSAGE]
        cdef bytes o = os.fsencode(out), n = name.encode(), p = b'' if plan is None else os.fsencode(plan)
        cdef cynf_generation g
        memset(&g, 0, sizeof(g))
        g.out = o
        g.name = n
        g.threads = threads
        g.portable = portable
        cdef cynf_status s
        if p:
            g.plan = p
        with nogil:
            s = cynf_net_generate(self.net, &g, message, sizeof(message))
        if s:
            fail(s, message)
        return message.decode('utf8', 'replace')


cdef class Model:
    """A model that can be called: y = model(x), or model(a, b) with several inputs; several outputs come as a list.

    Arrays hold any number of samples along the first axis and are cast to the declared types. Calls from several
    threads take turns; for parallel calls make a model a thread.

    The memory of the last two results is kept, and used again once the caller has dropped them.

    A model with stateful layers goes on where its last call ended, until reset_state(); model.state is what it keeps.
    """
    cdef cynf_runner *runner
    cdef cynf_model *instance
    cdef const cynf_model_info *info
    cdef Net net
    cdef PyThread_type_lock lock
    cdef readonly list inputs, outputs
    cdef readonly int batch
    cdef readonly bint batch_fixed
    cdef readonly str engine
    cdef readonly str note
    cdef int n_in, n_out
    cdef cnp.npy_intp n_state
    cdef object order  # None, or, of a model of open sizes, the lock under which a call gives it its sizes and runs

    def __cinit__(self):
        self.lock = PyThread_allocate_lock()
        if self.lock == NULL:
            raise MemoryError

    def __dealloc__(self):
        if self.lock != NULL:
            PyThread_free_lock(self.lock)
        if self.runner != NULL:
            cynf_runner_free(&self.runner)
        if self.instance != NULL:
            self.info.destroy(&self.instance)

    def _ports(self):
        self.n_in = len(self.inputs)
        self.n_out = len(self.outputs)
        if self.n_in > MAX_PORTS or self.n_out > MAX_PORTS:
            raise Error(f'{self.n_in} inputs and {self.n_out} outputs; at most {MAX_PORTS} of each are supported')

    @staticmethod
    def library(Net net, int threads=1, plan=None):
        """Through the prebuilt kernels."""
        cdef char message[MESSAGE]
        cdef Model self = Model()
        cdef bytes p = b'' if plan is None else os.fsencode(plan)
        cdef cynf_compile_options o
        memset(&o, 0, sizeof(o))
        o.threads = threads
        if p:
            o.plan = p
        cdef cynf_status s = cynf_compile(&self.runner, net.net, &o, message, sizeof(message))
        if s:
            fail(s, message)
        self.net = net
        self.inputs = [Port.of(cynf_net_input(net.net, i)) for i in range(cynf_net_inputs(net.net))]
        self.outputs = [Port.of(cynf_net_output(net.net, i)) for i in range(cynf_net_outputs(net.net))]
        self.batch = cynf_net_batch(net.net)
        self.batch_fixed = cynf_net_batch_fixed(net.net) != 0
        self.n_state = cynf_net_state_floats(net.net)
        self.engine = 'library'
        self.note = message.decode('utf8', 'replace')
        self._ports()
        return self

    @staticmethod
    def native(path, name, int threads=1):
        """From a generated model's shared object; it stays loaded for the life of the process."""
        cdef char message[MESSAGE]
        cdef Model self = Model()
        cdef bytes p = os.fsencode(os.path.abspath(path)), symbol = (name + '_info').encode()
        cdef void *handle = dlopen(p, RTLD_NOW | RTLD_LOCAL)
        if handle == NULL:
            raise Error(dlerror().decode('utf8', 'replace'))
        cdef info_fn get = <info_fn>dlsym(handle, symbol)
        if get == NULL:
            raise Error(f'{path}: it has no function {name}_info; it is not the model "{name}" made by cynf-gen')
        self.info = get()
        if self.info.abi_version != CYNF_MODEL_ABI_VERSION:
            raise Error(f'{path}: made for version {self.info.abi_version} of the model interface, this is {CYNF_MODEL_ABI_VERSION}; generate it again')
        message[0] = 0
        cdef cynf_model_options o
        memset(&o, 0, sizeof(o))
        o.threads = threads
        o.message = message
        o.message_bytes = sizeof(message)
        cdef cynf_status s = self.info.create(&self.instance, &o)
        if s:
            fail(s, message)
        self.inputs = [Port.of(&self.info.inputs[i]) for i in range(self.info.n_in)]
        self.outputs = [Port.of(&self.info.outputs[i]) for i in range(self.info.n_out)]
        self.batch = self.info.batch
        self.batch_fixed = self.info.batch_fixed != 0
        self.n_state = self.info.state_floats
        if self.info.resize != NULL:
            self.order = threading.Lock()
        self.engine = 'native'
        self.note = message.decode('utf8', 'replace')
        self._ports()
        return self

    cdef fit(self, tuple xs):
        """Gives the model the sizes of these inputs. Of what cannot be an input the call itself will say so."""
        cdef int32_t sizes[MAX_PORTS][8]
        cdef const int32_t *rows[MAX_PORTS]
        cdef int32_t shape[8]
        cdef int i
        cdef cynf_status s
        if len(xs) == 1 and self.n_in != 1 and isinstance(xs[0], (list, tuple)):
            xs = tuple(xs[0])
        shapes = [np.shape(x) for x in xs]
        if [len(t) for t in shapes] != [(<Port>p).rank for p in self.inputs] or [t[1:] for t in shapes] == [(<Port>p).shape for p in self.inputs]:
            return
        for i in range(self.n_in):
            rows[i] = sizes[i]
            sizes[i][0] = self.batch
            for k in range(1, len(shapes[i])):
                sizes[i][k] = min(shapes[i][k], 0x7fffffff)
        s = self.info.resize(self.instance, rows)
        if s == CYNF_ENOMEM:
            raise MemoryError(cynf_status_str(s).decode())
        if s:
            largest = [tuple([self.info.inputs[i].shape[k] for k in range(1, self.info.inputs[i].rank)]) for i in range(self.n_in)]
            raise ValueError(f'the model cannot have inputs of shapes {shapes}; the largest are {[(None,) + t for t in largest]}, and its layers may need others still')
        for i in range(self.n_in):
            (<Port>self.inputs[i]).resized(sizes[i])
        for i in range(self.n_out):
            self.info.output_shape(self.instance, i, shape)
            (<Port>self.outputs[i]).resized(shape)

    def __call__(self, *xs):
        if self.order is None:
            return self.call(xs)
        with self.order:
            self.fit(xs)
            return self.call(xs)

    cdef call(self, tuple xs):
        cdef const void *x[MAX_PORTS]
        cdef void *y[MAX_PORTS]
        cdef int i
        cdef cnp.npy_intp n = self.batch
        cdef cynf_status s
        cdef cnp.ndarray a
        cdef list arrays = [], results = []
        if self.n_in != 1 and len(xs) == 1 and isinstance(xs[0], (list, tuple)):
            xs = tuple(xs[0])
        if len(xs) != self.n_in:
            raise ValueError(f'the model has {self.n_in} inputs; {len(xs)} were given')
        for i in range(self.n_in):
            a = (<Port>self.inputs[i]).taken(xs[i], i)
            if i and cnp.PyArray_DIM(a, 0) != n:
                raise ValueError(f'input {i} ("{self.inputs[i].name}") has {cnp.PyArray_DIM(a, 0)} samples, input 0 has {n}')
            n = cnp.PyArray_DIM(a, 0)
            x[i] = cnp.PyArray_DATA(a)
            arrays.append(a)
        if self.batch_fixed and n % self.batch:
            raise ValueError(f'the samples of a batch influence each other, or have states, in this model: it takes multiples of {self.batch}, not {n}')
        for i in range(self.n_out):
            a = (<Port>self.outputs[i]).given(n * (<Port>self.outputs[i]).rows // self.batch)
            y[i] = cnp.PyArray_DATA(a)
            results.append(a)
        with nogil:
            PyThread_acquire_lock(self.lock, WAIT_LOCK)
            if self.runner != NULL:
                s = cynf_run_batch(self.runner, <size_t>n, x, y)
            else:
                s = self.info.run_batch(self.instance, <size_t>n, x, y)
            PyThread_release_lock(self.lock)
        if s:
            raise Error(cynf_status_str(s).decode())
        return results[0] if self.n_out == 1 else results

    predict = __call__

    def reset_state(self):
        """The next call begins anew, as after compile()."""
        if self.n_state:
            self.state = np.zeros(self.n_state, np.float32)

    @property
    def state(self):
        """What a call leaves for the next one: a vector that may be set, in this model or in another one made from the same file; None: nothing."""
        if not self.n_state:
            return None
        cdef cnp.ndarray v = np.empty(self.n_state, np.float32)
        PyThread_acquire_lock(self.lock, WAIT_LOCK)
        if self.runner != NULL:
            cynf_runner_get_state(self.runner, <float *>cnp.PyArray_DATA(v))
        else:
            self.info.get_state(self.instance, <float *>cnp.PyArray_DATA(v))
        PyThread_release_lock(self.lock)
        return v

    @state.setter
    def state(self, value):
        cdef cnp.ndarray v = np.require(value, np.float32, 'CA')
        if v.size != self.n_state:
            raise ValueError(f'the state has {v.size} numbers, expected {self.n_state}')
        if not self.n_state:
            return
        PyThread_acquire_lock(self.lock, WAIT_LOCK)
        if self.runner != NULL:
            cynf_runner_set_state(self.runner, <const float *>cnp.PyArray_DATA(v))
        else:
            self.info.set_state(self.instance, <const float *>cnp.PyArray_DATA(v))
        PyThread_release_lock(self.lock)

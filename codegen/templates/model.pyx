# cython: language_level=3, binding=True
# SPDX-License-Identifier: MIT
"""@ID@ as native code. Made by cynf-gen @VERSION@, DO NOT EDIT.

    import @ID@
    y = @ID@.predict(x)           # x: any number of samples; several inputs: predict(a, b); several outputs: a list

    m = @ID@.Model(threads=2)     # an instance of its own
    y = m.predict(x)
"""
import threading

import numpy as np
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int32_t
from libc.string cimport memset


cdef extern from "@ID@.h":
    ctypedef int cynf_status
    ctypedef struct @ID@_t:
        pass
    ctypedef struct @ID@_options:
        int32_t threads
        const char *plan
        char *message
        size_t message_bytes
    cynf_status @ID@_create(@ID@_t **out, const @ID@_options *o)
    cynf_status @ID@_run_batch(@ID@_t *m, size_t n, const void **x, void **y) nogil
    void @ID@_destroy(@ID@_t **m)
@STATE_CDEF@@RESIZE_CDEF@    const char *@ID@_status_str(cynf_status s)

@PYTHON_PORTS@

cdef class Model:
    """threads: how many share the work; plan: for a portable model, the path of a plan from `cynf-plan bind`."""
    cdef @ID@_t *model
    cdef object lock
    cdef tuple in_shapes, out_shapes

    def __cinit__(self, int threads=1, plan=None):
        cdef char message[512]
        cdef @ID@_options o
        cdef bytes path = b'' if plan is None else str(plan).encode()
        message[0] = 0
        memset(&o, 0, sizeof(o))
        o.threads = threads
        o.message = message
        o.message_bytes = sizeof(message)
        if path:
            o.plan = path
        cdef cynf_status s = @ID@_create(&self.model, &o)
        if s:
            raise RuntimeError('@ID@: ' + (message.decode() or @ID@_status_str(s).decode()))
        self.lock = threading.Lock()
        self.in_shapes = IN_SHAPES
        self.out_shapes = OUT_SHAPES

    def __dealloc__(self):
        @ID@_destroy(&self.model)

    def predict(self, *inputs):
        """One array for each input, samples along the first axis; they are cast to the declared type."""
        cdef Py_buffer views[N_IN + N_OUT]
        cdef const void *x[N_IN]
        cdef void *y[N_OUT]
        cdef int held = 0, i
        cdef size_t n
        cdef cynf_status s
        if len(inputs) == 1 and N_IN > 1 and isinstance(inputs[0], (list, tuple)):
            inputs = inputs[0]
        if len(inputs) != N_IN:
            raise ValueError(f'@ID@ wants {N_IN} inputs, not {len(inputs)}')
        arrays = [np.ascontiguousarray(inputs[i], IN_DTYPES[i]) for i in range(N_IN)]
        with self.lock:
@RESIZE_CALL@            for i in range(N_IN):
                if arrays[i].shape[1:] != self.in_shapes[i]:
                    raise ValueError(f'input {i} ({IN_NAMES[i]}) of @ID@ wants shape (n, {str(IN_SHAPES[i])[1:]}, not {arrays[i].shape}')
            n = <size_t>len(arrays[0])
            for i in range(1, N_IN):
                if <size_t>len(arrays[i]) != n:
                    raise ValueError('the inputs of @ID@ must have equally many samples')
            if BATCH_FIXED and n % BATCH:
                raise ValueError(f'the samples of a batch influence each other, or have states, in @ID@: it takes multiples of {BATCH}, not {n}')
            results = [np.empty((n,) + self.out_shapes[i], OUT_DTYPES[i]) for i in range(N_OUT)]
            try:
                for i in range(N_IN):
                    PyObject_GetBuffer(arrays[i], &views[held], PyBUF_SIMPLE)
                    x[i] = views[held].buf
                    held += 1
                for i in range(N_OUT):
                    PyObject_GetBuffer(results[i], &views[held], PyBUF_WRITABLE)
                    y[i] = views[held].buf
                    held += 1
                with nogil:
                    s = @ID@_run_batch(self.model, n, x, y)
            finally:
                for i in range(held):
                    PyBuffer_Release(&views[i])
        if s:
            raise RuntimeError('@ID@: ' + @ID@_status_str(s).decode())
        return results[0] if N_OUT == 1 else results

@RESIZE_METHODS@@STATE_METHODS@    __call__ = predict


_default = None


def predict(*inputs):
    """Model().predict(*inputs) with an instance that is kept."""
    global _default
    if _default is None:
        _default = Model()
    return _default.predict(*inputs)

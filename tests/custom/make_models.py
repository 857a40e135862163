# SPDX-License-Identifier: MIT
"""Makes tests/custom/data with real Keras: models with custom layers, and what Keras computes for them; the layers in C are beside this file.

    python -m venv venv && venv/bin/pip install tensorflow-cpu keras h5py
    venv/bin/python tests/custom/make_models.py
"""
import os

import h5py
import keras
import numpy as np

L = keras.layers
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'data')


@keras.saving.register_keras_serializable('test')
class Pair(L.Layer):
    """Two inputs, two outputs, two weights of its own and two of a layer inside it, lists, texts and truth values in the config."""

    def __init__(self, factors=(1.0, 2.0), mode='plain', flip=False, **kwargs):
        super().__init__(**kwargs)
        self.factors, self.mode, self.flip = list(factors), mode, flip
        self.dense = L.Dense(5, name='dense')

    def build(self, shapes):
        self.scale = self.add_weight(name='scale', shape=(3,), initializer='random_normal')
        self.shift = self.add_weight(name='shift', shape=(2, 3), initializer='random_normal')
        self.dense.build(shapes[0])

    def call(self, xs):
        a, b = xs
        y = keras.ops.matmul(a * self.scale * self.factors[0], b)
        z = keras.ops.sum(self.dense(a), axis=1) * self.factors[1] + keras.ops.sum(self.shift)
        if self.mode == 'negative':
            z = -z
        return [y, keras.ops.flip(z, -1) if self.flip else z]

    def compute_output_shape(self, shapes):
        (n, rows, _), (_, _, columns) = shapes
        return [(n, rows, columns), (n, 5)]

    def get_config(self):
        return {**super().get_config(), 'factors': self.factors, 'mode': self.mode, 'flip': self.flip}


@keras.saving.register_keras_serializable('test')
class Centre(L.Layer):
    """Samples of a batch influence each other."""

    def call(self, x):
        return x - keras.ops.mean(x, axis=0, keepdims=True)


@keras.saving.register_keras_serializable('test')
class Twice(L.Layer):
    """Of any shape; a mask goes on."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x):
        return 2 * x

    def compute_output_shape(self, shape):
        return shape


@keras.saving.register_keras_serializable('test')
class Bias(L.Layer):
    """A weight and a class that is inside a nested model."""

    def build(self, shape):
        self.b = self.add_weight(name='b', shape=(shape[-1],), initializer='random_normal')

    def call(self, x):
        return x + self.b


def pair():
    a, b = L.Input((4, 3), name='a'), L.Input((3, 6), name='b')
    shared = Pair(factors=(0.5, 3.0), mode='negative', flip=True)
    y, z = shared([L.ReLU()(a), b])
    v, w = shared([y[:, :, :3], b])
    return keras.Model([a, b], [L.Concatenate()([y, v]), L.Add()([z, w]), w])


def centre():
    i = L.Input((5,))
    return keras.Model(i, Centre()(L.Dense(4)(i)))


def mask():
    i = L.Input((6,))
    x = L.Embedding(5, 4, mask_zero=True)(L.Discretization([-1.0, -0.3, 0.3, 1.0])(i))
    y = L.Reshape((3, 2))(i)
    return keras.Model(i, [L.LSTM(3)(Twice()(x)), L.TimeDistributed(Twice())(y), Twice()(y[:, :, 1:])])


def nested():
    inner = keras.Sequential([L.Input((4,)), L.Dense(3), Bias(), L.Dense(2)], name='inner')
    i = L.Input((4,))
    return keras.Model(i, L.Add()([inner(i), inner(2 * i)]))


def main():
    os.makedirs(HERE, exist_ok=True)
    for k, make in enumerate((pair, centre, mask, nested)):
        keras.utils.set_random_seed(k)
        model = make()
        xs = [np.random.default_rng(k).standard_normal((3,) + i.shape[1:]).astype('f4') for i in model.inputs]
        ys = model(xs if len(xs) > 1 else xs[0], training=False)
        path = os.path.join(HERE, make.__name__)
        model.save(path + '.keras')
        model.save(path + '.h5')
        with h5py.File(path + '.golden.h5', 'w') as f:
            for i, x in enumerate(xs):
                f['input_%d' % i] = x
            for i, y in enumerate(ys if isinstance(ys, list) else [ys]):
                f['output_%d' % i] = np.asarray(y)


if __name__ == '__main__':
    main()

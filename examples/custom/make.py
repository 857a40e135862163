# SPDX-License-Identifier: MIT
"""Makes, with real Keras, a network that has a custom layer with a weight and a config, and a Lambda.

    python -m venv venv && venv/bin/pip install tensorflow-cpu keras h5py
    venv/bin/python make.py          # writes net.keras, net.h5 and net.golden.h5 beside this file

net.golden.h5 holds images and what Keras computes for them. gem.c and unit.c say in C what the two layers compute; README.md says how to run it.
"""
import os

import h5py
import keras
import numpy as np

L = keras.layers
HERE = os.path.dirname(os.path.abspath(__file__))


@keras.saving.register_keras_serializable('example')
class GeM(L.Layer):
    """Generalised-mean pooling: Radenovic, Tolias and Chum, "Fine-tuning CNN image retrieval with no human annotation" (2018)."""

    def __init__(self, eps=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.eps = eps

    def build(self, shape):
        self.p = self.add_weight(name='p', shape=(shape[-1],), initializer=keras.initializers.RandomUniform(1.5, 4))

    def call(self, x):
        x = keras.ops.power(keras.ops.maximum(x, self.eps), self.p)
        return keras.ops.power(keras.ops.mean(x, axis=(1, 2)), 1 / self.p)

    def compute_output_shape(self, shape):
        return shape[0], shape[-1]

    def get_config(self):
        return {**super().get_config(), 'eps': self.eps}


def network():
    i = L.Input((16, 16, 3), name='image')
    x = L.Conv2D(8, 3, padding='same', activation='relu')(i)
    x = GeM(eps=1e-4, name='gem')(x)
    x = L.Lambda(lambda t: t / keras.ops.sqrt(keras.ops.sum(t * t, axis=-1, keepdims=True)), output_shape=(8,), name='unit')(x)
    return keras.Model(i, L.Dense(4, name='scores')(x), name='net')


def main():
    keras.utils.set_random_seed(1)
    model = network()
    x = np.random.default_rng(1).standard_normal((5, 16, 16, 3)).astype('f4')
    model.save(os.path.join(HERE, 'net.keras'))
    model.save(os.path.join(HERE, 'net.h5'))
    with h5py.File(os.path.join(HERE, 'net.golden.h5'), 'w') as f:
        f['input_0'] = x
        f['output_0'] = np.asarray(model(x, training=False))


if __name__ == '__main__':
    main()

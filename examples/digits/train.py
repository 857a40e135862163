# SPDX-License-Identifier: MIT
"""Trains the demo's network with real Keras: handwritten digits, 8x8 pixels, as scikit-learn ships them.

    python -m venv venv && venv/bin/pip install tensorflow-cpu keras scikit-learn h5py
    venv/bin/python train.py          # writes digits.keras, digits.h5 and digits.golden.h5 beside this file

digits.golden.h5 holds test images and what Keras computes for them.
"""
import os

import h5py
import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

L = keras.layers
HERE = os.path.dirname(os.path.abspath(__file__))


def network():
    x = i = L.Input((8, 8, 1), name='image')
    x = L.Rescaling(1 / 16)(x)
    x = L.Conv2D(32, 3, padding='same', use_bias=False)(x)
    x = L.BatchNormalization()(x)
    x = L.Activation('relu')(x)
    for filters in (64, 64):
        y = L.SeparableConv2D(filters, 3, padding='same', use_bias=False)(x)
        y = L.BatchNormalization()(y)
        y = L.Activation('relu')(y)
        y = L.SeparableConv2D(filters, 3, padding='same', use_bias=False)(y)
        y = L.BatchNormalization()(y)
        x = L.Activation('relu')(L.Add()([L.Conv2D(filters, 1)(x), y]))
        x = L.Conv2D(filters, 3, padding='same', activation='relu')(x)
    x = L.MaxPooling2D(2)(x)
    x = L.Flatten()(x)
    x = L.Dropout(0.3)(x)
    x = L.Dense(64, activation='relu')(x)
    return keras.Model(i, L.Dense(10, activation='softmax', name='digit')(x), name='digits')


def main():
    keras.utils.set_random_seed(1)
    data = load_digits()
    images = data.images[..., None].astype('float32')
    x, x_test, y, y_test = train_test_split(images, data.target, test_size=0.2, random_state=1)
    model = network()
    model.compile('adam', 'sparse_categorical_crossentropy', metrics=['accuracy'])
    model.fit(x, y, batch_size=64, epochs=30, validation_data=(x_test, y_test), verbose=2)
    trained = keras.Model(model.inputs, model.outputs, name='digits')   # without the optimizer's state
    trained.save(os.path.join(HERE, 'digits.keras'))
    trained.save(os.path.join(HERE, 'digits.h5'))
    with h5py.File(os.path.join(HERE, 'digits.golden.h5'), 'w') as f:
        f.attrs['accuracy'] = model.evaluate(x_test, y_test, verbose=0)[1]
        f['input_0'] = x_test[:64]
        f['label'] = y_test[:64].astype('int32')
        f['output_0'] = np.asarray(model(x_test[:64], training=False))


if __name__ == '__main__':
    main()

# SPDX-License-Identifier: MIT
"""Makes tests/golden/data with real Keras: small models, random weights, inputs and what Keras computes for them.

    python -m venv venv && venv/bin/pip install tensorflow-cpu keras h5py
    venv/bin/python tests/golden/make_goldens.py [CASE...]

A golden is model.h5 with a group /golden, or model.keras beside model.golden.h5; the group holds input_0.. and output_0.., all float32. Models with
stateful layers are called three times; the later calls, which go on where the ones before ended, are in the groups call_1 and call_2. Models of SIZES
are called with inputs of other sizes, too: groups size_1, size_2 ...
"""
import os
import shutil
import sys
import zlib

import h5py
import keras
import numpy as np

L = keras.layers
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'data')


def sequential(shape, *layers):
    return keras.Sequential([L.Input(shape), *layers])


def hashing():
    i = L.Input((5,))
    x = L.Rescaling(3)(i)
    return keras.Model(i, [L.Hashing(9, mask_value=0)(x), L.Hashing(6, salt=[3, 9], output_mode='count')(x)])


def excitation():
    i = L.Input((9, 8, 3))
    x = L.Conv2D(20, 3, padding='same', activation='relu')(L.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 0.5])(i))
    outputs = []
    for strides, residual in ((1, False), (1, True), (2, False)):
        s = L.Conv2D(20, 1, activation='sigmoid')(L.Conv2D(5, 1, activation='silu')(L.GlobalAveragePooling2D(keepdims=True)(x)))
        y = L.Conv2D(20, 1, strides=strides, use_bias=residual)(L.Multiply()([x, s]))
        x = L.Add()([x, y]) if residual else x
        outputs.append(y)
    return keras.Model(i, outputs + [x])


def chains():
    """Layers that only the next one reads, with windows, strides and paddings of all kinds between them: what is computed in bands of rows."""
    i = L.Input((23, 13, 3))
    x = L.Conv2D(20, 3, padding='same', activation='silu')(i)
    x = L.MaxPooling2D(3, strides=2, padding='same')(x)
    y = L.Conv2D(8, 1)(x)
    x = L.Conv2D(32, 1, activation='relu6')(y)
    x = L.DepthwiseConv2D(3, padding='same', activation='relu6')(x)
    x = L.Add()([y, L.Conv2D(8, 1)(x)])
    x = L.UpSampling2D(2)(x)
    x = L.Conv2D(12, 5, padding='same', activation='relu')(x)
    x = L.AveragePooling2D(2)(x)
    z = L.ZeroPadding2D(((0, 1), (0, 1)))(i)
    z = L.Conv2D(16, 3, strides=2, activation='gelu')(z)
    z = L.DepthwiseConv2D(5, strides=2, padding='same')(z)
    z = L.Conv2D(10, 3, dilation_rate=2, padding='same')(z)
    return keras.Model(i, [x, z])


def slices():
    i = L.Input((8, 10, 6))
    x = L.Conv2D(12, 3, padding='same')(i)
    return keras.Model(i, [L.Conv2D(4, 3)(L.Cropping2D(((1, 2), (0, 3)))(x)), L.DepthwiseConv2D(3)(x[:, ::2, 1:, 2:9]), L.Concatenate()([x, x[..., :4]]),
                           L.MaxPooling2D(2)(L.ReLU()(x[:, 3:, :, 5:]))])


def vocabulary():
    i = L.Input((3, 4))
    x = L.Rescaling(4)(i)
    y = L.IntegerLookup(vocabulary=[3, -2, 1], invert=True)(L.IntegerLookup(vocabulary=[3, -2, 1])(x))
    z = L.IntegerLookup(vocabulary=[3, -2, 1], idf_weights=[0.5, 2.0, 0.25], output_mode='tf_idf', max_tokens=6, pad_to_max_tokens=True)(x)
    return keras.Model(i, [y, z, L.CategoryEncoding(4, output_mode='count')(L.Discretization([-0.5, 0.0, 1.0])(i))])


def residual():
    x = i = L.Input((12, 12, 3))
    x = L.Activation('relu')(L.BatchNormalization()(L.Conv2D(16, 3, padding='same', use_bias=False)(x)))
    y = L.BatchNormalization()(L.Conv2D(16, 3, padding='same')(x))
    x = L.Activation('relu')(L.Add()([x, y]))
    y = L.BatchNormalization()(L.SeparableConv2D(32, 3, strides=2, padding='same')(x))
    x = L.Add()([L.Conv2D(32, 1, strides=2)(x), y])
    return keras.Model(i, L.Dense(5, activation='softmax')(L.GlobalAveragePooling2D()(x)))


def inception():
    x = i = L.Input((9, 9, 8))
    parts = [L.Conv2D(16, 1, activation='relu')(x), L.Conv2D(16, 3, padding='same', activation='relu')(x), L.MaxPooling2D(3, strides=1, padding='same')(x),
             L.Conv2D(8, 5, padding='same')(x)]
    x = L.Concatenate()(parts)
    y = L.Concatenate()([x, L.ReLU(max_value=6)(x)])
    return keras.Model(i, [L.AveragePooling2D(2, padding='same')(y), L.Flatten()(x)])


def two_inputs():
    a, b = L.Input((6,), name='a'), L.Input((4, 3), name='b')
    shared = L.Dense(3, activation='tanh')
    x = L.Multiply()([L.RepeatVector(4)(shared(a)), b])
    return keras.Model([a, b], [L.Dot(axes=1)([x, b]), L.Subtract()([shared(a), L.GlobalMaxPooling1D()(x)])])


def nested():
    inner = keras.Sequential([L.Input((8, 8, 4)), L.DepthwiseConv2D(3, padding='same'), L.BatchNormalization(), L.ReLU()], name='inner')
    i = L.Input((8, 8, 4))
    return keras.Model(i, L.Maximum()([inner(i), inner(inner(i))]))


def transformer():
    x = i = L.Input((6,))
    x = L.Embedding(5, 8, mask_zero=True)(L.Discretization([-1.0, -0.3, 0.3, 1.0])(x))
    x = L.LayerNormalization()(L.Add()([x, L.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True, key_mask=i > -0.5)]))
    return keras.Model(i, [L.GlobalAveragePooling1D()(x), L.Attention(use_scale=True)([x, x])])


def recurrent():
    i = L.Input((7, 3))
    x = L.Bidirectional(L.GRU(4, return_sequences=True), merge_mode='sum')(L.Masking(0.0)(i))
    y, h, c = L.LSTM(5, return_state=True, go_backwards=True)(x)
    z = L.RNN([L.SimpleRNNCell(3), L.GRUCell(2, reset_after=False)], return_sequences=True)(i)
    return keras.Model(i, [y, h, c, z])


def open_sizes():
    i = L.Input((None, None, 3), name='image')
    x = L.UpSampling2D(2)(L.Conv2D(6, 3, strides=2, padding='same', activation='relu')(i))
    return keras.Model(i, [L.Conv2D(4, 1)(x), L.Dense(3)(L.GlobalAveragePooling2D()(x))])


def sizes_sequence():
    i = L.Input((None, 5))
    x = L.Conv1D(8, 3, strides=2, padding='same', activation='relu')(i)
    x = L.Bidirectional(L.LSTM(6, return_sequences=True))(L.Masking(0.0)(x))
    x = L.LayerNormalization()(L.Add()([x, L.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)]))
    return keras.Model(i, [L.GlobalAveragePooling1D()(x), L.Dense(3)(L.UpSampling1D(2)(L.Conv1D(4, 4)(x)))])


def sizes_tokens():
    i = L.Input((None,), dtype='int32')
    x = L.Embedding(20, 8, mask_zero=True)(i)
    return keras.Model(i, [L.GRU(5)(x), L.GlobalMaxPooling1D()(L.Attention()([x, x])), L.Conv1D(4, 5, padding='causal', dilation_rate=2)(x)])


def sizes_unet():
    i = L.Input((None, None, 3))
    x = L.BatchNormalization()(L.Conv2D(8, 3, padding='same', activation='relu')(i))
    y = L.Conv2D(12, 3, padding='same', activation='relu')(L.MaxPooling2D(2)(x))
    z = L.SeparableConv2D(8, 3, padding='same')(L.MaxPooling2D(2)(y))
    y = L.Concatenate()([y, L.Conv2DTranspose(8, 2, strides=2)(z)])
    x = L.Concatenate()([x, L.UpSampling2D(2, interpolation='bilinear')(y)])
    return keras.Model(i, [L.Conv2D(2, 1, activation='softmax')(x), L.Dense(3)(L.GlobalAveragePooling2D()(z))])


def sizes_patches():
    x = i = L.Input((None, None, 3))
    for filters in (8, 16):
        x = L.ReLU(6)(L.BatchNormalization()(L.Conv2D(filters, 3, strides=2, padding='same')(x)))
        x = L.DepthwiseConv2D(3, padding='same')(x)
    y = L.Reshape((-1, 16))(x)
    return keras.Model(i, [L.Conv2D(4, 3)(L.ZeroPadding2D(((0, 1), (1, 0)))(x)), L.Add()([y, L.Attention()([y, y])])])


def sizes_pair():
    a, b, c = L.Input((None, 4), name='a'), L.Input((None, 4), name='b'), L.Input((None, 4), name='c')
    x = L.Conv1D(4, 3, padding='causal')(L.Add()([a, b]))   # a and b must agree
    return keras.Model([a, b, c], [L.Attention()([x, c]), L.Concatenate(axis=1)([x, c])])


def stream_dilated():
    x = i = L.Input((24, 3))
    x = L.Conv1D(6, 2, padding='causal')(x)
    for d in (1, 2, 4):
        y = L.LayerNormalization()(x)
        y = L.Multiply()([L.Conv1D(6, 3, dilation_rate=d, padding='causal', activation='tanh')(y), L.Conv1D(6, 3, dilation_rate=d, padding='causal', activation='sigmoid')(y)])
        x = L.Add()([x, L.BatchNormalization()(L.Conv1D(6, 1)(y))])
    y = L.SeparableConv1D(5, 4)(L.ZeroPadding1D((3, 0))(x))
    z = L.Concatenate()([L.PReLU(shared_axes=[1])(y), x[:, :, ::2]])
    return keras.Model(i, [L.Dense(4, activation='softmax')(z), L.TimeDistributed(L.Dense(2))(x), L.Dense(3)(x[:, -1])])


def stream_recurrent():
    i = L.Input((None, 3))
    x = L.LSTM(5, return_sequences=True)(L.Dense(4, activation='relu')(i))
    y = L.GRU(4, return_sequences=True, reset_after=False)(L.Conv1D(4, 3, padding='causal')(x))
    z, h = L.SimpleRNN(3, return_state=True)(L.Masking(0.0)(i))
    w, _, c = L.LSTM(3, return_sequences=True, return_state=True)(y)
    return keras.Model(i, [y, L.RNN([L.GRUCell(3), L.LSTMCell(2)])(x), z, h, w, c])


def stream_rates():
    x = i = L.Input((40, 4))
    x = L.Conv1D(6, 5, strides=2, padding='causal', activation='relu')(x)
    x = L.DepthwiseConv1D(3)(L.ZeroPadding1D((2, 0))(L.UpSampling1D(2)(L.AveragePooling1D(2)(x))))
    y = L.MaxPooling1D(3, strides=1)(L.Conv1D(5, 3)(x))
    return keras.Model(i, [x, y, L.Add()([L.Cropping1D((4, 0))(x), L.Conv1D(6, 1)(y)])])


def stateful():
    i = L.Input(batch_shape=(2, 4, 3))
    x = L.Bidirectional(L.LSTM(4, stateful=True, return_sequences=True))(i)
    y = L.RNN([L.SimpleRNNCell(3), L.GRUCell(2, reset_after=False)], stateful=True)(x)
    z, h = L.GRU(3, stateful=True, return_state=True, go_backwards=True)(L.Masking(0.0)(i))
    given = L.SimpleRNN(3, stateful=True)(i, initial_state=h)
    rows = L.LSTM(3, stateful=True, recurrent_activation='softmax')(i)   # row activations are not fused
    shared = L.GRU(3, stateful=True, return_sequences=True)
    return keras.Model(i, [y, z, h, given, rows, shared(shared(i))])


def stateful_conv_lstm():
    i = L.Input(batch_shape=(2, 3, 6, 5, 2))
    return keras.Model(i, L.ConvLSTM2D(3, 3, padding='same', stateful=True, return_sequences=True)(i))


def operations():
    a, b = L.Input((4, 6)), L.Input((4, 6))
    x = keras.ops.where(a > b, a * 2.0, keras.ops.flip(keras.ops.where(b > 0, keras.ops.log(b), b), -1))
    y = keras.ops.matmul(x, keras.ops.transpose(b, (0, 2, 1)))
    return keras.Model([a, b], [y, keras.ops.max(x[:, 1:, ::2], axis=1), keras.ops.argmax(a, axis=-1), keras.ops.std(b, axis=(1, 2))])


def masked_merges():
    i = L.Input((6, 4))
    a = L.Masking(0.0)(L.ReLU(threshold=0.7)(L.GlobalAveragePooling1D(keepdims=True)(i) * 0.0 + i))
    b = L.Dense(4)(L.Masking(0.0)(L.ReLU(threshold=0.2)(i)))
    x = [L.Multiply()([a, b]), L.Maximum()([a, b, a]), L.Minimum()([b, a])]
    y = L.LSTM(3)(L.TimeDistributed(L.Dense(3))(L.Concatenate(axis=1)([*x, L.BatchNormalization()(a)])))
    return keras.Model(i, [*x, y, L.MultiHeadAttention(2, 3, dropout=0.1)(a, b)])


def attention_variants():
    i, m = L.Input((4, 6)), L.Input((4, 6))
    four = keras.ops.reshape(i, (-1, 2, 2, 6))
    gated = L.MultiHeadAttention(2, 3, value_dim=5, use_gate=True, sliding_window=2)(i, m, use_causal_mask=True)
    return keras.Model([i, m], [gated, L.Attention(score_mode='concat')([four, four], use_causal_mask=True), L.AdditiveAttention()([four, four]),
                                L.MultiHeadAttention(4, 1)(i, m), L.Softmax()(i, mask=m > 0)])


def order_operations():
    ops, a = keras.ops, L.Input((5, 4))
    values, places = ops.top_k(a, 3)
    return keras.Model(a, [ops.sort(a, axis=1), ops.argsort(a, axis=-1), values, places, ops.median(a, axis=(1, 2), keepdims=True), ops.quantile(a, 0.3, axis=1),
                           ops.percentile(a, 70.0, axis=-1, method='nearest'), ops.take(a, [[0, 3], [-1, 1]], axis=1), ops.take_along_axis(a, ops.argsort(a * a, axis=1), axis=1),
                           ops.cumsum(a, axis=1), ops.cumprod(a, axis=-1), ops.argmax(a, axis=1, keepdims=True), ops.digitize(a, np.array([-0.5, 0.0, 0.5], 'f4')),
                           ops.take(np.linspace(-1, 1, 15, dtype='f4').reshape(5, 3), ops.argmax(a, axis=1), axis=0), ops.take(a, ops.argmin(a[:, :, 0], axis=1), axis=1),
                           ops.one_hot(ops.argmax(a, axis=-1), 4, axis=1)])


def shape_operations():
    ops, a = keras.ops, L.Input((4, 6))
    return keras.Model(a, [ops.moveaxis(a, 2, 1), ops.tril(a, k=1), ops.triu(a, k=-1), ops.diagonal(a, offset=1, axis1=1, axis2=2), ops.trace(a, axis1=1, axis2=2),
                           ops.rot90(a, k=3, axes=(1, 2)), ops.diff(a, n=2, axis=1), ops.roll(a, (1, -2), axis=(1, 2)), ops.repeat(a, [1, 0, 2, 1], axis=1), ops.hstack([a, a * 2.0]),
                           ops.append(a, a[:, :1], axis=1), *ops.array_split(a, 4, axis=2), *ops.unstack(a, axis=1), ops.slice(a, [0, 1, 2], [2, 2, 3]),
                           ops.extract_sequences(a, 3, 2), ops.linspace(a[:, 0], a[:, 1], 3, axis=1), ops.expand_dims(a, (1, 3)), ops.broadcast_to(a[:, None], (2, 3, 4, 6)),
                           ops.trapezoid(a, dx=0.5), ops.tile(a, 2), ops.stack([a, a], axis=1)])


def product_operations():
    ops, a, b, w = keras.ops, L.Input((3, 4)), L.Input((3, 4)), np.linspace(-1, 1, 24, dtype='f4').reshape(4, 3, 2)
    return keras.Model([a, b], [ops.tensordot(a, w, axes=[[1, 2], [1, 0]]), ops.inner(a, w[:, :, 0].T), ops.dot(a, w[:, 0]), ops.cross(a[..., :3], b[..., 1:]),
                                ops.matmul(a[:, :, None], b[:, :, :, None]), ops.matmul(a, w[:, 0, 0]), ops.matmul(a, w[:, 0]), ops.inner(a, b),
                                ops.tensordot(a, b, axes=[[1, 2], [1, 2]]), ops.einsum('bij->bji', a), ops.einsum('bij,bkj,jmn->bikmn', a, b, w),
                                ops.einsum('bii->bi', a[:, :, :3]), ops.norm(a, axis=-1, ord=np.inf), ops.norm(a, axis=(1, 2), ord=1), ops.norm(b, axis=1, ord=3),
                                ops.average(a, axis=1, weights=w[:3, 0, 0] + 2)])


def network_operations():
    ops, a, i = keras.ops, L.Input((4, 6)), L.Input((6, 4, 3))
    heads = ops.reshape(a, (-1, 4, 2, 3))
    return keras.Model([a, i], [ops.glu(a), ops.threshold(a, 0.1, -2.0), ops.sparsemax(a, axis=1), *ops.moments(a, axes=[1]), ops.layer_normalization(a, axis=(1, 2)),
                                ops.rms_normalization(a), ops.normalize(a, order=1, axis=1), ops.dot_product_attention(heads, heads, heads, is_causal=True), ops.nan_to_num(ops.log(a)),
                                ops.select([a > 1, a > 0], [a, a * 2.0], -1.0), ops.fmod(a, 0.7 + 0.0 * a), ops.isclose(a, ops.round(a, 1), atol=0.02), ops.image.rgb_to_grayscale(i),
                                ops.image.pad_images(i, 1, 2, target_height=9, target_width=7), ops.image.crop_images(i, 1, 1, target_height=3, target_width=2),
                                ops.nn.space_to_depth(i, 2), ops.image.extract_patches(i, (3, 2), strides=(2, 1), padding='same'), ops.adaptive_max_pool(i, (3, 2)),
                                     ops.adaptive_average_pool(i, (3, 2))])


def mixed_samples():
    """What gives each sample something of the others."""
    ops, a, b = keras.ops, L.Input((4,)), L.Input((4,))
    return keras.Model([a, b], [ops.einsum('ij,kj->ik', a, b), a[:, :1] - ops.mean(b, axis=-1), ops.tril(a), ops.pad(a, ((0, 1), (0, 0))), ops.softmax(b, axis=None),
                                ops.log_softmax(a, axis=None)])


def whole_numbers():
    ops, i = keras.ops, L.Input((6, 6, 3), dtype='int32')
    x = ops.cast(i, 'float32') * 0.7
    return keras.Model(i, [L.Resizing(4, 5)(i), ops.cast(i * -30, 'uint8'), ops.cast(i * 5000, 'int16'), ops.cumsum(x, axis=1, dtype='int32'), ops.max(x, axis=-1, initial=4.5)])


def masks():
    i = L.Input((3, 4, 2))
    seen = L.Masking(0.0)(L.ReLU(threshold=0.6)(i))
    steps = L.Reshape((12, 2))(i)
    kept = L.Masking(0.0)(L.ReLU(threshold=0.6)(steps))
    states = L.GRU(3, return_state=True)(steps)
    late = L.GRU(3, unroll=True, go_backwards=True, return_sequences=True, zero_output_for_mask=True)(kept)
    return keras.Model(i, [L.TimeDistributed(L.LSTM(3))(seen), L.GRU(3, return_sequences=True)(kept, initial_state=states[1]), late, L.GRU(2)(late),
                           L.STFTSpectrogram(frame_length=9, frame_step=4, fft_length=16)(L.Reshape((24, 1))(i))])


def int8_einsum():
    model = sequential((5, 6), L.EinsumDense('abc,cde->abde', (None, 2, 3), bias_axes='de'), L.EinsumDense('abcd,cde->abe', (None, 4), bias_axes='e'), L.Dense(3))
    model.quantize('int8')
    return model


def small_maps():
    """Maps of so few columns that a register tile of a direct convolution is several of their rows, the last one perhaps fewer."""
    i = L.Input((7, 7, 12))
    x = L.Conv2D(20, 3, padding='same', activation='relu')(i)
    y = L.Conv2D(16, 3, strides=2, padding='same')(x)
    return keras.Model(i, [L.Conv2D(9, 5, padding='same', activation='elu')(x), L.Conv2D(9, 3, padding='same')(y), L.Conv2D(8, 3, dilation_rate=2, padding='same')(x)])


def products():
    """1x1 convolutions large enough for one level of Strassen, with an odd number of pixels, too."""
    i = L.Input((7, 9, 16))
    x = L.Conv2D(160, 1, activation='relu6')(i)
    y = L.Conv2D(72, 1, strides=2, activation='silu')(x)
    s = L.Conv2D(72, 1, activation='sigmoid')(L.Conv2D(5, 1, activation='silu')(L.GlobalAveragePooling2D(keepdims=True)(y)))
    z = L.Conv2D(72, 1)(L.Multiply()([y, s]))
    return keras.Model(i, [L.Conv2D(130, 1)(x), L.Add()([y, z]), L.Dense(96, activation='gelu')(L.Reshape((63, 160))(x))])


CASES = {
    'conv2d_stride_same': lambda: sequential((11, 10, 3), L.Conv2D(20, (3, 4), strides=(2, 3), padding='same', activation='elu')),
    'conv2d_dilated': lambda: sequential((14, 13, 6), L.Conv2D(9, 3, dilation_rate=(2, 3), padding='same')),
    'conv2d_small_maps': small_maps,
    'conv2d_groups': lambda: sequential((8, 8, 12), L.Conv2D(24, 3, groups=3)),
    'conv2d_3x3_wide': lambda: sequential((20, 20, 16), L.Conv2D(32, 3, padding='same', activation='relu'), L.Conv2D(32, 3)),
    'conv2d_15x15': lambda: sequential((24, 24, 4), L.Conv2D(8, 15, padding='same')),
    'conv2d_channels_first': lambda: sequential((4, 9, 9), L.Permute((2, 3, 1)), L.Conv2D(6, 2)),
    'conv1d_causal': lambda: sequential((17, 5), L.Conv1D(8, 3, dilation_rate=2, padding='causal', activation='sigmoid'), L.MaxPooling1D(3, strides=2, padding='same')),
    'depthwise_multiplier': lambda: sequential((9, 9, 5), L.DepthwiseConv2D(3, depth_multiplier=3, strides=2, padding='same')),
    'depthwise_5x5': lambda: sequential((13, 12, 16), L.DepthwiseConv2D(5, padding='same', activation='relu6')),
    'depthwise_1d': lambda: sequential((19, 6), L.DepthwiseConv1D(4, padding='same'), L.SeparableConv1D(7, 3)),
    'separable_dilated': lambda: sequential((12, 12, 7), L.SeparableConv2D(10, 3, dilation_rate=2, depth_multiplier=2, padding='same', activation='silu')),
    'dense_rank3': lambda: sequential((3, 7, 10), L.Dense(33, activation='gelu'), L.Dense(4, use_bias=False)),
    'mlp': lambda: sequential((16,), L.Dense(64, activation='relu'), L.BatchNormalization(), L.Dense(64, activation='selu'), L.Dropout(0.5), L.Dense(1, activation='sigmoid')),
    'batchnorm_axis1': lambda: sequential((5, 6, 7), L.BatchNormalization(axis=1), L.BatchNormalization(axis=-1, scale=False)),
    'pool2d': lambda: sequential((10, 11, 6), L.AveragePooling2D((3, 2), strides=2, padding='same'), L.MaxPooling2D(2)),
    'pool3d': lambda: sequential((5, 6, 7, 3), L.MaxPooling3D(2, padding='same'), L.GlobalAveragePooling3D()),
    'pad_crop': lambda: sequential((6, 7, 4), L.ZeroPadding2D(((1, 2), (3, 0))), L.Cropping2D(((0, 1), (2, 1))), L.ZeroPadding2D(1), L.Conv2D(5, 3)),
    'upsampling': lambda: sequential((5, 6, 3), L.UpSampling2D(2), L.UpSampling2D((1, 3), interpolation='bilinear'), L.UpSampling2D(2, interpolation='bicubic')),
    'shapes': lambda: sequential((6, 4, 3), L.Permute((3, 1, 2)), L.Reshape((9, -1)), L.Flatten(), L.Reshape((12, 6)), L.Softmax(axis=1)),
    'activations': lambda: sequential((7, 9), L.LeakyReLU(0.1), L.PReLU(shared_axes=[1]), L.ELU(0.5), L.Activation('softplus'), L.Activation('mish'), L.Activation('hard_sigmoid'),
                                      L.Activation('log_softmax')),
    'preprocessing': lambda: sequential((8, 8, 3), L.Rescaling(1 / 127.5, offset=-1), L.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 0.5]),
                                        L.Conv2D(8, 3, padding='same', activation='relu')),
    'conv2d_transpose': lambda: sequential((5, 6, 4), L.Conv2DTranspose(6, 3, strides=2, padding='same', activation='relu'),
                                           L.Conv2DTranspose(3, (4, 5), strides=(3, 2), output_padding=(1, 0))),
    'conv3d': lambda: sequential((4, 5, 6, 2), L.Conv3D(4, (2, 3, 3), strides=(1, 2, 1), padding='same', groups=2), L.Conv3DTranspose(2, 2, strides=(2, 1, 2))),
    'normalisations': lambda: sequential((5, 6, 8), L.LayerNormalization(axis=[1, 3]), L.GroupNormalization(4), L.RMSNormalization(), L.UnitNormalization()),
    'conv3d_transpose': lambda: sequential((2, 3, 2, 2), L.Conv3DTranspose(2, 1, strides=(2, 4, 1), padding='same', output_padding=(0, 2, 0))),
    'einsum_dense': lambda: sequential((5, 6), L.EinsumDense('abc,cde->abde', (None, 2, 3), bias_axes='de'), L.EinsumDense('abcd,cde->abe', (None, 4), activation='tanh')),
    'conv_lstm': lambda: sequential((3, 6, 5, 2), L.ConvLSTM2D(3, 3, strides=2, padding='same', return_sequences=True)),
    'resizing': lambda: sequential((7, 9, 2), L.Resizing(5, 13, interpolation='bicubic'), L.Resizing(3, 7, interpolation='bicubic', antialias=True),
                                   L.Resizing(4, 4, antialias=True, crop_to_aspect_ratio=True), L.CenterCrop(3, 2)),
    'categories': lambda: sequential((5,), L.Discretization([-0.5, 0.0, 1.0]), L.CategoryEncoding(4, output_mode='count')),
    'hashing': hashing,
    'vocabulary': vocabulary,
    'contrast': lambda: sequential((13, 18, 2), L.Rescaling(40, offset=120), L.ContrastLimitedAdaptiveHistogramEqualization(clip_limit=2.0, tile_grid_size=(3, 4)), L.AutoContrast()),
    'mel': lambda: sequential((600,), L.MelSpectrogram(128, 40, 100, 'hamming', 8000, 9, mag_exp=1.5, top_db=20)),
    'time_distributed_model': lambda: sequential((4, 6, 6, 2), L.TimeDistributed(sequential((6, 6, 2), L.Conv2D(3, 3), L.BatchNormalization(), L.Flatten(), L.Dense(4)))),
    'transformer': transformer,
    'recurrent': recurrent,
    'open_sizes': open_sizes,
    'sizes_sequence': sizes_sequence,
    'sizes_tokens': sizes_tokens,
    'sizes_unet': sizes_unet,
    'sizes_patches': sizes_patches,
    'sizes_pair': sizes_pair,
    'stream_dilated': stream_dilated,
    'stream_recurrent': stream_recurrent,
    'stream_rates': stream_rates,
    'stateful': stateful,
    'stateful_conv_lstm': stateful_conv_lstm,
    'operations': operations,
    'order_operations': order_operations,
    'shape_operations': shape_operations,
    'product_operations': product_operations,
    'network_operations': network_operations,
    'masked_merges': masked_merges,
    'attention_variants': attention_variants,
    'axis_orders': lambda: sequential((4, 3, 4), L.LayerNormalization(axis=[-1, 1]), L.EinsumDense('abcd,cde->aebd', (5, 4, 4), bias_axes='be'),
                                      L.EinsumDense('ab...,bc->ac...', (6, 4, 4), bias_axes='c'), L.RMSNormalization(axis=[1, 2, 3])),
    'excitation': excitation,
    'chains': chains,
    'slices': slices,
    'residual': residual,
    'inception': inception,
    'two_inputs': two_inputs,
    'nested': nested,
    'mixed_samples': mixed_samples,
    'whole_numbers': whole_numbers,
    'masks': masks,
    'int8_einsum': int8_einsum,
    'products': products,
}


# Sizes of the calls, for each input.
SIZES = {
    'sizes_sequence': [[(7, 5)], [(40, 5)], [(13, 5)]],
    'sizes_tokens': [[(1,)], [(30,)], [(17,)]],
    'sizes_unet': [[(4, 4, 3)], [(32, 40, 3)], [(24, 8, 3)]],
    'sizes_patches': [[(33, 29, 3)], [(5, 17, 3)], [(12, 9, 3)]],
    'sizes_pair': [[(3, 4), (3, 4), (5, 4)], [(12, 4), (12, 4), (9, 4)], [(1, 4), (1, 4), (1, 4)]],
}


def randomise(model, rng):
    for layer in model._flatten_layers(include_self=False):
        values = layer.get_weights()
        names = [w.name for w in layer.weights]
        if not values or isinstance(layer, keras.Model):
            continue
        new = []
        for name, v in zip(names, values):
            fan = max(1, int(np.prod(v.shape[:-1])))
            r = rng.standard_normal(v.shape) / np.sqrt(fan) if v.ndim > 1 else 0.3 * rng.standard_normal(v.shape)
            if name in ('gamma', 'moving_variance'):
                r = rng.uniform(0.5, 1.5, v.shape)
            new.append(v if v.dtype.kind in 'iu' or name == 'kernel_scale' else r.astype(v.dtype))
        layer.set_weights(new)


def main():
    names = sys.argv[1:] or list(CASES)
    if not sys.argv[1:]:
        shutil.rmtree(HERE, ignore_errors=True)
    os.makedirs(os.path.join(HERE, 'keras'), exist_ok=True)
    for name in names:
        make = CASES[name]
        seed = zlib.crc32(name.encode())
        keras.utils.set_random_seed(seed % 2 ** 31)
        keras.backend.clear_session()
        rng = np.random.default_rng(seed)
        model = make()
        randomise(model, rng)
        calls = []
        own = [tuple(d or 10 + k for k, d in enumerate(i.shape[1:])) for i in model.inputs]
        for shapes in SIZES.get(name) or [own] * (3 if any(getattr(l, 'stateful', False) for l in model._flatten_layers(include_self=False)) else 1):
            xs = [(rng.integers(0, 20, (2,) + s) if i.dtype == 'int32' else rng.standard_normal((2,) + s)).astype('f4') for i, s in zip(model.inputs, shapes)]
            ys = model(xs if len(xs) > 1 else xs[0], training=False)
            calls.append((xs, [np.asarray(y, 'f4') for y in (ys if isinstance(ys, (list, tuple)) else [ys])]))
        model.save(os.path.join(HERE, name + '.h5'))
        model.save(os.path.join(HERE, name + '.keras'))
        layers = sorted({type(l).__name__ for l in model._flatten_layers()})
        for path, mode in ((name + '.h5', 'a'), (name + '.golden.h5', 'w')):
            with h5py.File(os.path.join(HERE, path), mode) as f:
                g = f.create_group('golden')
                for k, (xs, ys) in enumerate(calls):
                    h = g.create_group('%s_%d' % ('size' if name in SIZES else 'call', k)) if k else g
                    for i, x in enumerate(xs):
                        h['input_%d' % i] = x
                        h['input_%d' % i].attrs['dtype'] = np.bytes_('float32')
                    for i, y in enumerate(ys):
                        h['output_%d' % i] = y
                for k, v in (('family', 'own'), ('layers', ','.join(layers)), ('case', name), ('note', '')):
                    g.attrs[k] = np.bytes_(v) if v else np.bytes_(' ')
                g.attrs['n_inputs'], g.attrs['n_outputs'], g.attrs['n_calls'] = len(xs), len(ys), 1 if name in SIZES else len(calls)
    # A .keras golden's group lies beside it; beside a .h5 golden it would hide the one inside.
    for name in names:
        for suffix in ('.keras', '.golden.h5'):
            os.rename(os.path.join(HERE, name + suffix), os.path.join(HERE, 'keras', name + suffix))


if __name__ == '__main__':
    main()

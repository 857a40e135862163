# SPDX-License-Identifier: MIT
"""The Python package on the repository's own models."""
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

import h5py
import numpy as np

import cynf

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDENS = os.path.join(HERE, '..', 'golden', 'data')
CUSTOM = os.path.join(HERE, '..', '..', 'examples', 'custom')
DIGITS = os.path.join(HERE, '..', '..', 'examples', 'digits', 'digits')


def reference():
    with h5py.File(DIGITS + '.golden.h5', 'r') as f:
        return f['input_0'][()], f['output_0'][()]


class Engines(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='cynf-test')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.x, self.y = reference()

    def close(self, y):
        np.testing.assert_allclose(y, self.y[:len(y)], rtol=1e-4, atol=1e-5)

    def test_library(self):
        for path in (DIGITS + '.h5', DIGITS + '.keras'):
            m = cynf.compile(path, workdir=self.folder)
            self.assertEqual(m.engine, 'library')
            self.close(m(self.x))

    def test_any_number_of_samples(self):
        m = cynf.compile(DIGITS + '.h5', batch=4, threads=2)
        for n in (1, 3, 4, 9, 64):
            self.close(m(self.x[:n]))

    def test_other_dtypes_and_strides(self):
        m = cynf.compile(DIGITS + '.h5')
        for dtype in ('float64', 'uint8', 'int64'):
            self.close(m(self.x.astype(dtype)))
        self.close(m(np.asfortranarray(self.x)))

    def test_results_are_the_caller_s(self):
        m = cynf.compile(DIGITS + '.h5')
        n = 128 * len(self.x)  # large enough for memory of its own alignment
        for x in (self.x, np.repeat(self.x, n // len(self.x), axis=0)):
            want = m(x).copy()
            held = [m(x) for _ in range(4)]
            part = m(x)[1:]
            m(x[::-1].copy())
            for y in held:
                np.testing.assert_array_equal(y, want)
            np.testing.assert_array_equal(part, want[1:])
            self.assertEqual(len({y.ctypes.data for y in held}), 4)
            changed = m(x)
            changed.shape = -1
            del changed, y, held, part
            locked = m(x)
            locked.flags.writeable = False
            del locked
            for _ in range(3):
                y = m(x)
                np.testing.assert_array_equal(y, want)
                self.assertTrue(y.flags.writeable)

    def test_sleef(self):
        with self.assertRaises(ValueError):
            cynf.compile(DIGITS + '.h5', math='sleef', engine='native', workdir=self.folder)
        try:
            m = cynf.compile(DIGITS + '.h5', math='sleef')
        except cynf.Error as e:
            self.skipTest(str(e))
        self.close(m(self.x))

    def test_native_equals_library(self):
        m = cynf.compile(DIGITS + '.h5', engine='native', workdir=self.folder)
        self.assertEqual(m.engine, 'native')
        self.close(m(self.x))
        np.testing.assert_array_equal(m(self.x), cynf.compile(DIGITS + '.h5')(self.x))

    def test_exact(self):
        want = cynf.compile(DIGITS + '.h5', exact=True)(self.x)
        self.close(want)
        for options in ({'threads': 2}, {'batch': 2}, {'engine': 'native'}, {'tune': True}):
            m = cynf.compile(DIGITS + '.h5', exact=True, workdir=self.folder, **options)
            np.testing.assert_array_equal(m(self.x), want)
        with self.assertRaises(ValueError):
            cynf.compile(DIGITS + '.h5', exact=True, math='sleef')

    def test_tuned(self):
        m = cynf.compile(DIGITS + '.h5', tune=True, workdir=self.folder)
        self.assertEqual(m.engine, 'native')
        self.close(m(self.x))

    def test_native_builds_are_kept(self):
        cynf.compile(DIGITS + '.h5', engine='native', workdir=self.folder)
        before = sorted(os.listdir(self.folder))
        cynf.compile(DIGITS + '.h5', engine='native', workdir=self.folder)
        self.assertEqual(before, sorted(os.listdir(self.folder)))
        cynf.compile(DIGITS + '.h5', engine='native', batch=2, workdir=self.folder)
        self.assertEqual(len(os.listdir(self.folder)), len(before) + 1)

    def test_edited_kernel_means_rebuild(self):
        before = cynf.native.key([DIGITS + '.h5'], None, 1, 1)
        self.addCleanup(setattr, cynf.native._core, 'build_id', cynf.native._core.build_id)
        cynf.native._core.build_id = 'another build of the kernels'
        self.assertNotEqual(before, cynf.native.key([DIGITS + '.h5'], None, 1, 1))

    def test_load(self):
        cynf.compile(DIGITS + '.h5', engine='native', workdir=self.folder)
        built, = [d for d in os.listdir(self.folder) if os.path.isdir(os.path.join(self.folder, d))]
        self.close(cynf.load(os.path.join(self.folder, built, 'libnet.so'))(self.x))

    def test_threads_give_the_same_bits(self):
        one = cynf.compile(DIGITS + '.h5')(self.x)
        for n in (2, 3, 4):
            np.testing.assert_array_equal(one, cynf.compile(DIGITS + '.h5', threads=n)(self.x))

    def test_models_in_parallel(self):
        results = {}

        def work(i):
            results[i] = cynf.compile(DIGITS + '.h5')(self.x)
        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for y in results.values():
            self.close(y)

    def test_cpu_mask(self):
        code = 'import cynf, numpy as np, sys; np.save(sys.argv[2], cynf.compile(sys.argv[1])(np.load(sys.argv[3])))'
        x, y = os.path.join(self.folder, 'x.npy'), os.path.join(self.folder, 'y.npy')
        np.save(x, self.x)
        subprocess.run([sys.executable, '-c', code, DIGITS + '.h5', y, x], check=True, env=dict(os.environ, CYNF_CPU_MASK='scalar'))
        self.close(np.load(y))
        r = subprocess.run([sys.executable, '-c', code, DIGITS + '.h5', y, x], capture_output=True, text=True, env=dict(os.environ, CYNF_CPU_MASK='sse9'))
        self.assertIn('CYNF_CPU_MASK', r.stderr)


class State(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='cynf-test')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        with h5py.File(os.path.join(GOLDENS, 'stateful.h5'), 'r') as f:
            calls = [f['golden'] if k == 0 else f['golden/call_%d' % k] for k in range(3)]
            self.calls = [(c['input_0'][()], [c['output_%d' % i][()] for i in range(6)]) for c in calls]

    def close(self, got, expected):
        for y, e in zip(got, expected):
            np.testing.assert_allclose(y, e, rtol=1e-4, atol=1e-5)

    def test_calls_go_on_where_the_last_ended(self):
        states = {}
        for engine in ('library', 'native'):
            m = cynf.compile(os.path.join(GOLDENS, 'stateful.h5'), engine=engine, workdir=self.folder)
            for _ in range(2):
                for x, y in self.calls:
                    self.close(m(x), y)
                m.reset_state()
                self.assertFalse(m.state.any())
            self.close(m(np.concatenate([x for x, _ in self.calls])), [np.concatenate(y) for y in zip(*(y for _, y in self.calls))])
            m.reset_state()
            m(self.calls[0][0])
            states[m] = m.state
            with self.assertRaisesRegex(ValueError, 'multiples of 2'):
                m(self.calls[0][0][:1])
            with self.assertRaisesRegex(ValueError, 'expected %d' % m.state.size):
                m.state = [1.0]
        a, b = states
        np.testing.assert_array_equal(states[a], states[b])
        a.reset_state()
        a.state = states[b]
        self.close(a(self.calls[1][0]), self.calls[1][1])
        self.assertIsNone(cynf.compile(DIGITS + '.h5').state)


class Stream(unittest.TestCase):
    def test_steps_give_what_the_sequence_gives(self):
        path = os.path.join(GOLDENS, 'stream_recurrent.h5')
        x = np.random.default_rng(1).standard_normal((1, 12, 3)).astype('f4')
        whole = cynf.compile(path)(x)
        m = cynf.compile(path, stream=1)
        for t in range(12):
            y = m(x[:, t:t + 1])
            np.testing.assert_allclose(y[0][0, 0], whole[0][0, t], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(y[1], whole[1], rtol=1e-5, atol=1e-6)
        with tempfile.TemporaryDirectory() as folder:
            m = cynf.compile(path, stream=4, engine='native', workdir=folder)
        np.testing.assert_allclose(m(x.reshape(3, 4, 3))[0].reshape(1, 12, 4), whole[0], rtol=1e-5, atol=1e-6)
        self.assertEqual(cynf.Net(os.path.join(GOLDENS, 'stream_rates.h5'), stream=4).skip, [0, 4, 4])
        with self.assertRaisesRegex(cynf.Error, r'\(Bidirectional\): it cannot be streamed'):
            cynf.compile(os.path.join(GOLDENS, 'recurrent.h5'), stream=1)


class OpenSizes(unittest.TestCase):
    def test_given_or_with_the_first_call(self):
        path = os.path.join(GOLDENS, 'open_sizes.h5')
        with h5py.File(path, 'r') as f:
            x, y = f['golden/input_0'][()], f['golden/output_0'][()]
        for m in (cynf.compile(path), cynf.compile(path, input_shapes={'image': (None,) + x.shape[1:]}), cynf.compile(path, input_shapes={'image': x.shape})):
            np.testing.assert_allclose(m(x)[0], y, rtol=1e-4, atol=1e-5)
        self.assertEqual(m.inputs[0].shape, x.shape[1:])
        for shape, words in (((1, 9, 9), '3 sizes'), ((1, 9, 9, 4), 'given as 4')):
            with self.assertRaisesRegex(cynf.Error, words):
                cynf.compile(path, input_shapes={'image': shape})
        with self.assertRaisesRegex(cynf.Error, 'inputs are "image"'):
            cynf.compile(path, input_shapes={'x': (1, 9, 9, 3)})


    def test_up_to_a_maximum(self):
        path = os.path.join(GOLDENS, 'sizes_sequence.h5')
        folder = tempfile.mkdtemp(prefix='cynf-test')
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        old = os.environ.get('CFLAGS')
        os.environ['CFLAGS'] = '-O0'   # the whole library is compiled
        try:
            m = cynf.compile(path, max_shapes={'input_layer': (None, 40, 5)}, threads=2, workdir=folder)
        finally:
            os.environ.pop('CFLAGS') if old is None else os.environ.update(CFLAGS=old)
        self.assertEqual((m.engine, m.inputs[0].shape), ('native', (40, 5)))
        with h5py.File(path, 'r') as f:
            for group in ('golden', 'golden/size_1', 'golden/size_2'):
                g = f[group]
                for _ in range(2):
                    y = m(g['input_0'][()])
                    for i in range(2):
                        np.testing.assert_allclose(y[i], g['output_%d' % i][()], rtol=1e-4, atol=1e-5)
        for shape in ((1, 41, 5), (1, 3, 5), (1, 2**40, 0)):
            with self.assertRaisesRegex(ValueError, 'largest are .*None, 40, 5'):
                m(np.lib.stride_tricks.as_strided(np.zeros(1, 'f4'), shape, (0, 0, 0)))
        with self.assertRaisesRegex(ValueError, 'expected'):
            m(np.zeros((1, 5), 'f4'))
        self.assertEqual(m(np.zeros((3, 12, 5), 'f4'))[1].shape, (3, 6, 3))
        with self.assertRaisesRegex(ValueError, 'fixed sizes'):
            cynf.compile(path, max_shapes={'input_layer': (1, 40, 5)}, tune=True)
        self.assertEqual(cynf.compile(path, max_shapes={'input_layer': (1, 40, 5)}, engine='library')(np.zeros((1, 50, 5), 'f4'))[0].shape, (1, 12))


class Custom(unittest.TestCase):
    """Layers given in C."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='cynf-test')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.custom = {name: os.path.join(CUSTOM, file) for name, file in (('GeM', 'gem.c'), ('unit', 'unit.c'))}
        with h5py.File(os.path.join(CUSTOM, 'net.golden.h5'), 'r') as f:
            self.x, self.y = f['input_0'][()], f['output_0'][()]

    def close(self, m):
        np.testing.assert_allclose(m(self.x), self.y, rtol=1e-4, atol=1e-5)

    def test_engines(self):
        for path in ('net.keras', 'net.h5'):
            model = os.path.join(CUSTOM, path)
            library = cynf.compile(model, custom=self.custom, batch=2, threads=2)
            native = cynf.compile(model, custom=self.custom, batch=2, engine='native', workdir=self.folder)
            self.close(library)
            self.close(native)
            np.testing.assert_array_equal(library(self.x), native(self.x))

    def test_tuned(self):
        m = cynf.compile(os.path.join(CUSTOM, 'net.keras'), custom=self.custom, tune=True, workdir=self.folder)
        self.assertEqual(m.engine, 'native')
        self.close(m)

    def test_edited_file_means_rebuild(self):
        with open(self.custom['unit']) as f:
            text = f.read()
        self.custom['unit'] = os.path.join(self.folder, 'edited.c')
        for factor in (1, 2):
            with open(self.custom['unit'], 'w') as f:
                f.write(text.replace('x[k] / sqrtf', '%d * x[k] / sqrtf' % factor))
            y = cynf.compile(os.path.join(CUSTOM, 'net.keras'), custom=self.custom, engine='native', workdir=self.folder)(self.x)
            if factor == 1:
                before = y
        np.testing.assert_allclose(before, self.y, rtol=1e-4, atol=1e-5)
        self.assertGreater(abs(y - before).max(), 1e-3)

    def test_samples_that_influence_each_other(self):
        centre = os.path.join(HERE, '..', 'custom', 'centre.c')
        with h5py.File(os.path.join(HERE, '..', 'custom', 'data', 'centre.golden.h5'), 'r') as f:
            x, y = f['input_0'][()], f['output_0'][()]
        m = cynf.compile(os.path.join(HERE, '..', 'custom', 'data', 'centre.keras'), custom={'Centre': centre})
        np.testing.assert_allclose(m(x), y, rtol=1e-4, atol=1e-5)

    def test_refusals(self):
        with self.assertRaisesRegex(cynf.Error, r'layer "gem" \(GeM\).*--custom GeM=file.c'):
            cynf.compile(os.path.join(CUSTOM, 'net.keras'))
        with self.assertRaisesRegex(cynf.Error, r'layer "unit" \(Lambda\).*--custom unit=file.c'):
            cynf.compile(os.path.join(CUSTOM, 'net.keras'), custom={'GeM': self.custom['GeM']})
        with self.assertRaisesRegex(cynf.Error, '"GeM" refuses it: expected one input of rank 2'):
            cynf.compile(os.path.join(CUSTOM, 'net.keras'), custom={'GeM': self.custom['unit'], 'unit': self.custom['unit']})
        with self.assertRaisesRegex(cynf.Error, 'cannot be read'):
            cynf.compile(os.path.join(CUSTOM, 'net.keras'), custom={'GeM': 'nowhere.c'})


class Refusals(unittest.TestCase):
    def test_missing_file(self):
        with self.assertRaisesRegex(cynf.Error, 'nowhere.h5'):
            cynf.compile('nowhere.h5')

    def test_wrong_shape(self):
        m = cynf.compile(DIGITS + '.h5')
        with self.assertRaisesRegex(ValueError, 'image.*expected'):
            m(np.zeros((1, 7, 8, 1), 'f4'))

    def test_wrong_number_of_inputs(self):
        with self.assertRaisesRegex(ValueError, '1 inputs; 2'):
            m = cynf.compile(DIGITS + '.h5')
            m(np.zeros((1, 8, 8, 1), 'f4'), np.zeros((1, 8, 8, 1), 'f4'))

    def test_unknown_engine(self):
        with self.assertRaisesRegex(ValueError, 'engine'):
            cynf.compile(DIGITS + '.h5', engine='gpu')

    def test_no_compiler(self):
        old = os.environ.get('CC')
        os.environ['CC'] = '/nonexistent/cc'
        try:
            with self.assertRaisesRegex(cynf.Error, 'C compiler'):
                cynf.compile(DIGITS + '.h5', engine='native', workdir=tempfile.gettempdir())
        finally:
            os.environ.pop('CC') if old is None else os.environ.update(CC=old)


if __name__ == '__main__':
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules['__main__'])
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    bad = len(result.failures) + len(result.errors)
    print('%d passed, %d failed' % (result.testsRun - bad, bad))
    sys.exit(bad != 0)

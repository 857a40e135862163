# SPDX-License-Identifier: MIT
"""Builds the Python module @ID@: make compiles the model, Cython the few lines around it. Made by cynf-gen @VERSION@, DO NOT EDIT."""
import os
import subprocess

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

os.chdir(os.path.dirname(os.path.abspath(__file__)))


class Build(build_ext):
    def run(self):
        subprocess.check_call(['make', '-s', '-j', str(os.cpu_count() or 1), '@ID@.o'])
        super().run()


extension = Extension('@ID@', ['python/@ID@.pyx'], include_dirs=['.'], extra_objects=['@ID@.o'], libraries=['m', 'pthread'])
setup(name='@ID@', version='@VERSION@', description='@ID@ as native code', packages=[], py_modules=[], cmdclass={'build_ext': Build},
      ext_modules=cythonize([extension], build_dir='build/cython', quiet=True), install_requires=['numpy'])

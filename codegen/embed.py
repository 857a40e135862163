#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Embeds every source that a generated model may need, and the templates, in one assembly file: a sorted table of path, start, end.

usage: embed.py ROOT OUT.S DEPFILE
Folders are listed here rather than in meson.build, so that a new kernel needs no line there; the depfile names the folders too. A model needs no
library, and chooses for its own machine alone: what SLEEF is called by and what describes other machines' kernels stay out.
"""
import os
import sys

FOLDERS = ['include/cynf', 'kernels', 'arch', 'graph', 'runtime', 'codegen/templates']


def main(root, out, depfile):
    paths, folders = ['LICENSE'], []
    for top in FOLDERS:
        for folder, _, names in os.walk(os.path.join(root, top)):
            folders.append(folder)
            here = os.path.relpath(folder, root)
            every = here.startswith('codegen')
            if here in ('kernels/sleef', 'arch/described'):
                continue
            paths += [os.path.join(here, n) for n in names if not n.startswith('.') and (every or n.endswith(('.h', '.c', '.inc', '.S')))]
    paths.sort(key=os.fsencode)
    text = ['/* Made by codegen/embed.py. */', '.section .rodata']
    for i, p in enumerate(paths):
        text += [f'name{i}: .asciz "{p}"', f'start{i}: .incbin "{os.path.join(root, p)}"', f'end{i}: .byte 0']
    text += ['.section .data.rel.ro,"aw"', '.balign 8', '.globl cynf_embedded', '.hidden cynf_embedded', 'cynf_embedded:']
    text += [f'.quad name{i}, start{i}, end{i}' for i in range(len(paths))]
    text += ['.quad 0, 0, 0', '.section .note.GNU-stack,"",%progbits', '']
    with open(out, 'w') as f:
        f.write('\n'.join(text))
    with open(depfile, 'w') as f:
        f.write(f'{out}: ' + ' '.join([os.path.join(root, p) for p in paths] + folders).replace('\\', '/') + '\n')


main(*sys.argv[1:])

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Embeds files in one assembly file, as a sorted table TABLE of path, start, end: every source that a generated model may need, and the templates.

usage: embed.py ROOT OUT.S DEPFILE TABLE FILE_OR_FOLDER...
What is new in a folder needs no line in meson.build; the depfile names the folders too. A model needs no library, and chooses for its own machine alone:
what SLEEF is called by and what describes other machines' kernels stay out.
"""
import os
import sys


def main(root, out, depfile, table, *tops):
    paths, folders = [p for p in tops if os.path.isfile(os.path.join(root, p))], []
    for top in tops:
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
    text += ['.section .data.rel.ro,"aw"', '.balign 8', '.globl ' + table, '.hidden ' + table, table + ':']
    text += [f'.quad name{i}, start{i}, end{i}' for i in range(len(paths))]
    text += ['.quad 0, 0, 0', '.section .note.GNU-stack,"",%progbits', '']
    with open(out, 'w') as f:
        f.write('\n'.join(text))
    with open(depfile, 'w') as f:
        f.write(f'{out}: ' + ' '.join([os.path.join(root, p) for p in paths] + folders).replace('\\', '/') + '\n')


main(*sys.argv[1:])

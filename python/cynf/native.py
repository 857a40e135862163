# SPDX-License-Identifier: MIT
"""Native builds: generate, compile, keep. A build is found again by everything that it depends on."""
import hashlib
import os
import shutil
import subprocess
import tempfile

from . import _core

NAME = 'net'


def cache_folder():
    base = os.environ.get('XDG_CACHE_HOME') or os.path.join(os.path.expanduser('~'), '.cache')
    return os.path.join(base, 'cynfrence', 'native')


def compiler():
    """The C compiler's command and what it says of its version; raises Error when there is none."""
    cc = os.environ.get('CC') or 'gcc'
    try:
        text = subprocess.run(cc.split() + ['--version'], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as e:
        raise _core.Error(f'engine="native" needs a C compiler, and {cc!r} cannot be run ({e}); install gcc and make, '
                          'set CC, or use engine="library"') from None
    return cc, text


def key(paths, plan, threads, batch, shapes=(), math='poly'):
    """Model bytes, plan, library build, compiler and flags, CPU and its mask, threads, batch, open sizes, make of exp, tanh ..."""
    cc, version = compiler()
    h = hashlib.sha256()
    for p in paths:
        with open(p, 'rb') as f:
            h.update(hashlib.sha256(f.read()).digest())
    for part in (plan or '', _core.version, _core.build_id, cc, version, os.environ.get('CFLAGS', ''), _core.cpu_fingerprint(),
                 os.environ.get('CYNF_CPU_MASK', ''), str(threads), str(batch), str(shapes), math):
        h.update(part.encode() + b'\0')
    return h.hexdigest()[:32]


def build(net, folder, plan_path, threads, portable=False):
    """folder/libnet.so from net; folder appears whole or not at all. Returns a warning about the plan, or ''."""
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    work = tempfile.mkdtemp(prefix='building-', dir=os.path.dirname(folder))
    try:
        source = os.path.join(work, NAME)
        note = net.generate(source, NAME, plan_path, threads, portable)
        command = ['make', '-s', '-C', source, '-j%d' % len(os.sched_getaffinity(0)), 'lib%s.so' % NAME]
        r = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if r.returncode:
            raise _core.Error('the C compiler failed on generated code; this is a bug in cynf: ' + r.stdout[-2000:])
        try:
            os.rename(source, folder)
        except OSError:
            if not os.path.exists(shared_object(folder)):   # else another process was faster, with the same result
                shutil.rmtree(folder, ignore_errors=True)
                os.rename(source, folder)
        return note
    finally:
        shutil.rmtree(work, ignore_errors=True)


def shared_object(folder):
    return os.path.join(folder, 'lib%s.so' % NAME)

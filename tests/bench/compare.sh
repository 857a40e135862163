#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/bench/compare.sh COMPARE: bench/compare on programs with recorded times and noise: equal ones pass, one that is slower on one shape does not.
set -u
compare=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# Stands for cynf-bench: 300 benchmarks whose times have 10 % of noise in common and 3 % of their own; FACTOR is that of the shape "b7", hot.
cat > "$work/bench.py" <<'END'
import json, os, random, re, sys
assert '--no-share' in sys.argv
option = dict(a.split('=', 1) for a in sys.argv[1:] if '=' in a)
chosen = re.compile(option.get('--benchmark_filter', ''))
count = os.path.join(os.path.dirname(sys.argv[0]), 'runs')
with open(count, 'a') as f:
    f.write('x')
noise = random.Random(os.path.getsize(count))
common = noise.uniform(0.95, 1.05)
runs = []
for i in range(150):
    for cache, tail in ('hot', ''), ('cold', '/iterations:3/manual_time'):
        name = f'b{i}/kernel{KERNEL}/{cache}{tail}'
        time = (1 + i) * common * noise.gauss(1, 0.03) * (FACTOR if i == 7 and cache == 'hot' else 1)
        if chosen.search(name):
            runs.append({'name': name, 'real_time': time if tail else 1e9 * noise.random(), 'cpu_time': 1e9 * noise.random() if tail else time, 'time_unit': 'us'})
if runs:
    with open(option['--out'], 'w') as f:
        json.dump({'benchmarks': runs}, f)
END
program() # NAME FACTOR KERNEL
{
    { echo '#!/usr/bin/env python3'; echo "FACTOR, KERNEL = $2, $3"; cat "$work/bench.py"; } > "$work/$1"
    chmod +x "$work/$1"
}
program same 1 1
program slower 1.25 1
program faster 0.6 1
program renamed 1.25 2
printf '#!/bin/sh\necho it broke >&2\nexit 3\n' > "$work/broken"
chmod +x "$work/broken"
: > "$work/shapes.txt"

check() # STATUS WORDS ARGUMENT...
{
    expected=$1 words=$2
    shift 2
    "$compare" --shapes "$work/shapes.txt" -o "$work/out.json" "$@" > "$work/out" 2> "$work/err"
    status=$?
    if [ $status != "$expected" ] || ! cat "$work/out" "$work/err" | grep -q -- "$words" || grep -q Traceback "$work/err"; then
        failed=1
        echo "compare $*: status $status, expected $expected and: $words"
        cat "$work/out" "$work/err"
    fi
}
check 0 '^300 benchmarks, .* 0 slower' "$work/same" "$work/same"
check 0 ' 0 slower' "$work/same" "$work/same" --threshold 1
check 1 '^slower  b7/kernel1/hot .* 1 slower\|^slower  b7/kernel1/hot ' "$work/same" "$work/slower"
[ "$(grep -c '^slower ' "$work/out")" = 1 ] && grep -q '"slower": true' "$work/out.json" || { failed=1; echo 'b7/kernel1/hot is not the only one'; }
[ -s "$work/err" ] && { failed=1; echo 'no terminal, but this is on stderr:'; cat "$work/err"; }
check 0 ' 0 slower' "$work/same" "$work/faster"
check 0 ' 0 slower' "$work/same" "$work/slower" --threshold 60
check 1 '(kernel1 -> kernel2)' "$work/same" "$work/renamed" --quick
check 1 '^slower  b7/kernel1/hot ' "$work/same" "$work/slower" --filter '^b7/'
check 2 'no benchmark is in both builds' "$work/same" "$work/renamed"
check 2 'no benchmark is in both builds' "$work/same" "$work/same" --filter nothing
check 2 'it broke' "$work/same" "$work/broken"
check 2 'nor a git revision' "$work/same" no-such-revision
check 2 'build it with ninja' "$work/same" "$work"
check 2 'expected a number over 0' "$work/same" "$work/same" --threshold -1
check 2 'unrecognized arguments' "$work/same" "$work/same" --unknown
check 0 'Exit status' --help
check 0 'compare [0-9]' --version
exit $failed

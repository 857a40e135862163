#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/fuzz.sh [SECONDS [TARGET...]]: every reader under libFuzzer, AddressSanitizer and UBSan, SECONDS each (default 10); needs clang. Targets: h5 keras
# stream config plan flat. Seeds are this repository's goldens. CYNF_FUZZ names a folder that keeps build, corpora and findings.
set -eu
src=$(cd "$(dirname "$0")/.." && pwd)
seconds=${1:-10}
[ $# = 0 ] || shift
targets=${*:-h5 keras stream config plan flat}
command -v clang > /dev/null || { echo "SKIPPED: fuzzers, no clang"; exit 0; }
if [ -n "${CYNF_FUZZ:-}" ]; then
    work=$CYNF_FUZZ
    mkdir -p "$work"
else
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi

# Scalar kernels alone: readers look kernels up, but run none.
[ -f "$work/build/build.ninja" ] || CC=clang CXX=clang++ meson setup "$work/build" "$src" -Db_sanitize=address,undefined -Db_lundef=false -Dbuildtype=debugoptimized \
    -Doptimization=1 -Disas= -Dsleef=disabled -Dbench=disabled -Dfuzz=true -Dc_args=-fno-sanitize-recover=all > "$work/setup.log" || { cat "$work/setup.log"; exit 1; }
ninja -C "$work/build" tests/file_fuzz tests/stream_fuzz tests/config_fuzz tests/plan_fuzz tests/flat_fuzz tests/fuzz-seeds tools/cynf-tune tools/cynf-plan \
    > "$work/build.log" || { tail -30 "$work/build.log"; exit 1; }

if ! [ -d "$work/seeds" ]; then
    for t in h5 keras stream config plan flat; do mkdir -p "$work/seeds.new/$t" "$work/corpus/$t"; done
    find "$src/tests/golden/data" "$src/examples" -size -40k \( -name '*.h5' -o -name '*.keras' \) ! -name '*.golden.h5' | sort > "$work/models"
    export ASAN_OPTIONS=detect_leaks=0
    xargs "$work/build/tests/fuzz-seeds" "$work/seeds.new" < "$work/models"
    n=0
    while read -r model; do
        n=$((n + 1))
        cp "$model" "$work/seeds.new/${model##*.}/$n"
        if [ $((n % 20)) = 1 ] && "$work/build/tools/cynf-tune" --effort estimate --model "$model" > "$work/plan.json" 2> /dev/null; then
            cp "$work/plan.json" "$work/seeds.new/plan/$n"
            "$work/build/tools/cynf-plan" bind "$work/plan.json" > "$work/seeds.new/plan/$n.bind"
        fi
    done < "$work/models"
    mv "$work/seeds.new" "$work/seeds"
fi

passed=0 failed=0
for t in $targets; do
    program=$work/build/tests/${t}_fuzz log=$work/$t.log found=$work/found-$t most=1024 asan=allocator_may_return_null=1
    # What libhdf5 asks for in the child is not libFuzzer's business: there is no memory for it.
    case $t in h5 | keras) program=$work/build/tests/file_fuzz most=1000000 asan=$asan:max_allocation_size_mb=1024:quarantine_size_mb=16 ;; esac
    rm -rf "$found"
    mkdir -p "$found"
    bad=0
    ASAN_OPTIONS=$asan "$program" -max_total_time="$seconds" -max_len=40000 -timeout=10 -rss_limit_mb=1024 \
        -malloc_limit_mb=$most -artifact_prefix="$found/" "$work/corpus/$t" "$work/seeds/$t" > "$log" 2>&1 || { bad=1; tail -n 60 "$log"; }
    runs=$(grep -aoE '^#[0-9]+' "$log" | tail -n 1)
    echo "$t: ${runs:-#0} runs in $seconds s, $(find "$found" -type f | wc -l) findings$([ $bad = 1 ] && echo ': FAILED')"
    passed=$((passed + 1 - bad)) failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds cynfrence and runs its tests. The last line is `N passed, N failed`.
#   tests/run.sh           this machine: kernels, units, goldens of this repository, generated models, Python
#   tests/run.sh --full    also clang, aarch64 under qemu, sanitizers, and the large corpus in ../shared when it is there
# Logs and builds go to build/test.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
out=${CYNF_TEST_BUILD:-$here/build/test}
shared=${CYNF_SHARED:-$here/../shared}
full=
case "${1:-}" in
--full) full=1 ;;
'') ;;
*) sed -n '3,6s/^# *//p' "$0"; exit 2 ;;
esac
mkdir -p "$out"
export CCACHE_DIR=${CCACHE_DIR:-$out/ccache} # meson takes ccache where it is: the Python package is what was built before, with the same flags from as deep a folder
cd "$here" || exit 1
passed=0
failed=0

# step NAME COMMAND...: runs it into a log; counts its last `N passed, N failed`, or else itself as one test.
step()
{
    local name=$1 log start status counts
    shift
    log=$out/$(echo "$name" | tr -c 'a-zA-Z0-9\n' -).log
    start=$SECONDS
    "$@" >"$log" 2>&1 </dev/null
    status=$?
    counts=$(grep -aoE '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
    [ -n "$counts" ] || counts="$((status == 0)) passed, $((status != 0)) failed"
    set -- $counts
    [ $status -ne 0 ] && [ "$3" = 0 ] && set -- "$1" x "$(($3 + 1))"
    passed=$((passed + $1))
    failed=$((failed + $3))
    printf '%-52s %6d passed %4d failed %5d s\n' "$name" "$1" "$3" $((SECONDS - start))
    if [ "$3" != 0 ]; then
        echo "--- the end of $log"
        tail -n 40 "$log"
        echo "---"
    fi
    return $status
}

meson_test()
{
    meson test -C "$@" --no-rebuild --print-errorlogs
    local status=$? log
    log=$1/meson-logs/testlog.txt
    awk '/^Ok:/ {ok = $2} /^(Fail|Timeout|Unexpected Pass):/ {bad += $NF} END {printf "%d passed, %d failed\n", ok, bad}' "$log"
    return $status
}

goldens() # MASK FOLDER...
{
    local mask=$1
    shift
    CYNF_CPU_MASK=$mask "$out/gcc/tests/golden/run-goldens" -s tests/golden/supported.txt "$@"
}

# One golden, generated for this machine.
generated_golden() # NAME
{
    mkdir -p "$out/$1"
    cp "tests/golden/data/$1.h5" "$out/$1"
    CFLAGS=-O1 "$out/gcc/tests/golden/run-goldens" -n fixed -s tests/golden/supported.txt "$out/$1"
}

# Chains by one and by five rows.
banded_chains()
{
    local rows status=0
    for rows in 1 5; do
        CYNF_BANDS=$rows generated_golden chains || status=1
    done
    return $status
}

# The borders of maps that are smaller than a tile of direct, which have code of their own in generated models.
small_maps()
{
    local isa status=0
    for isa in $isas; do
        CYNF_CPU_MASK=$isa CYNF_KERNEL=direct generated_golden conv2d_small_maps || status=1
    done
    return $status
}

# Generated here for aarch64, built by its compiler, run by its emulator.
generated_for_neon() # [-e N] FOLDER...
{
    CROSS=aarch64-linux-gnu- CFLAGS=-O1 "$out/gcc/tests/golden/run-goldens" -n fixed -i neon -r "$arm/golden/run-native" -s tests/golden/supported.txt "$@"
}

# The bits of exact models on every instruction set with fused multiply-adds, and of scalar code, for 1 and 8 threads: all against the first. BITS FOLDER...
exact_goldens()
{
    local bits=$1 isa status=0
    shift
    rm -f "$bits"
    for isa in ${isas/sse41/}; do
        CYNF_CPU_MASK=$isa "$out/gcc/tests/golden/run-goldens" -x "$bits" -s tests/golden/supported.txt "$@" || status=1
    done
    "$out/gcc/tests/golden/run-goldens" -t 8 -x "$bits" -s tests/golden/supported.txt "$@" || status=1
    return $status
}

# Under the emulator; leaves what it printed.
kernels_arm64()
{
    local status=0
    $arm/kernel-tests --cases 60 >"$out/kernels-arm64" || status=1
    cat "$out/kernels-arm64"
    return $status
}

# The hashes over the results of exact kernels, of this machine and of aarch64, as kernels_arm64 left them.
same_kernel_bits()
{
    "$out/gcc/tests/kernel-tests" --cases 60 >"$out/kernels-here" && grep -q ':.*exact bits' "$out/kernels-here" &&
        diff <(sed -n 's/:.*exact bits/ exact bits/p' "$out/kernels-here") <(sed -n 's/:.*exact bits/ exact bits/p' "$out/kernels-arm64")
}

setup() { [ -f "$1/build.ninja" ] || meson setup "$@"; }

step 'install packages' tools/packages.sh gcc g++ libc6-dev make meson ninja-build pkg-config libhdf5-dev libcjson-dev libzip-dev libsleef-dev libcpu-features-dev check \
    graphviz libbenchmark-dev python3 python3-dev python3-venv binutils ccache || exit 1
step 'configure (gcc)' setup "$out/gcc" "$here" || exit 1
step 'build (gcc)' ninja -C "$out/gcc" || exit 1
step 'kernels, units, generated models' meson_test "$out/gcc"
has() { for f in "$@"; do grep -m 1 '^flags' /proc/cpuinfo | grep -qw "$f" || return 1; done; }
isas=scalar
case $(uname -m) in
aarch64) isas="$isas neon" ;;
x86_64)
    has sse4_1 && isas="$isas sse41"
    has avx2 fma && isas="$isas avx2"
    has avx512f avx512bw avx512dq avx512vl && isas="$isas avx512"
    ;;
esac
for isa in $isas; do
    step "goldens of this repository, $isa" goldens "$isa" tests/golden/data
done
step 'goldens of this repository, in bands of rows' env CYNF_BANDS=2 "$out/gcc/tests/golden/run-goldens" -s tests/golden/supported.txt tests/golden/data
step 'chains in bands of rows, generated: the same bits' banded_chains
step 'small maps, generated, direct: the same bits' small_maps
step 'goldens of this repository, by SLEEF' "$out/gcc/tests/golden/run-goldens" -f sleef -s tests/golden/supported.txt tests/golden/data
step 'goldens of this repository, exact: the same bits' exact_goldens "$out/bits" tests/golden/data
step 'goldens of this repository, exact, generated: every fifth' env CFLAGS=-O1 "$out/gcc/tests/golden/run-goldens" -n fixed -e 5 -x "$out/bits" \
    -s tests/golden/supported.txt tests/golden/data
step 'goldens of this repository, exact, portable: every 25th' env CFLAGS=-O1 "$out/gcc/tests/golden/run-goldens" -n portable -e 25 -x "$out/bits" \
    -s tests/golden/supported.txt tests/golden/data
step 'goldens of this repository, generated: every third, the same bits' env CFLAGS=-O1 "$out/gcc/tests/golden/run-goldens" -n fixed -e 3 \
    -s tests/golden/supported.txt tests/golden/data

step 'python: install' sh -c "[ -x '$out/venv/bin/python' ] || python3 -m venv '$out/venv'; '$out/venv/bin/pip' install -q numpy h5py setuptools 'Cython>=3' && \
    '$out/venv/bin/pip' install -q -Cbuild-dir='$out/python' ." &&
    step 'python: tests' "$out/venv/bin/python" tests/python/test_cynf.py

if [ -n "$full" ]; then
    step 'install packages for the full run' tools/packages.sh clang libclang-rt-14-dev gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
    CC=clang CXX=clang++ step 'configure (clang)' setup "$out/clang" "$here" -Dbench=disabled -Doptimization=1 # it takes four times as long as GCC
    step 'build (clang)' ninja -C "$out/clang" && step 'kernels (clang)' meson_test "$out/clang" --suite kernels
    step 'configure (aarch64)' setup "$out/arm64" "$here" --cross-file arch/aarch64.ini -Dkeras=disabled -Dbench=disabled
    if step 'build (aarch64)' ninja -C "$out/arm64"; then
        arm="qemu-aarch64 -L /usr/aarch64-linux-gnu $out/arm64/tests"
        step 'kernels (aarch64)' kernels_arm64
        lower_from=tests/golden/data
        [ -d "$shared/goldens" ] && lower_from=$shared/goldens
        step 'lower goldens for aarch64' "$out/gcc/tests/golden/run-goldens" -l "$out/lowered" $lower_from
        for isa in neon scalar; do
            step "goldens, aarch64 $isa" env CYNF_CPU_MASK=$isa $arm/golden/run-lowered "$out/lowered"
        done
        [ -d "$shared/goldens" ] && step 'goldens, aarch64 neon, generated: every 90th' generated_for_neon -e 90 "$shared/goldens"
        step 'exact kernels (aarch64): the bits of this machine' same_kernel_bits
        step 'lower exact goldens for aarch64' "$out/gcc/tests/golden/run-goldens" -x "$out/bits" -l "$out/lowered-exact" tests/golden/data
        for isa in neon scalar; do
            step "exact goldens, aarch64 $isa: the bits of this machine" env CYNF_CPU_MASK=$isa $arm/golden/run-lowered "$out/lowered-exact" "$out/bits"
        done
    fi
    step 'sanitizers' tests/sanitize.sh "$shared"
    step 'fuzzers, 10 s each' tests/fuzz.sh 10
fi

if [ -n "$full" ] && [ -d "$shared/goldens" ]; then
    for isa in $isas; do
        step "all goldens, executor, $isa" goldens "$isa" "$shared/goldens"
    done
    step 'all goldens, exact: the same bits' exact_goldens "$out/bits-all" "$shared/goldens" "$shared/models"
    step 'all goldens, in bands of rows' env CYNF_BANDS=1 "$out/gcc/tests/golden/run-goldens" -s tests/golden/supported.txt "$shared/goldens" "$shared/models"
    for isa in ${isas/avx512/}; do
        step "all goldens, generated, $isa: every 90th" env CFLAGS=-O1 CYNF_CPU_MASK=$isa "$out/gcc/tests/golden/run-goldens" -n fixed -e 90 -s tests/golden/supported.txt \
            "$shared/goldens"
    done
    step 'published models, executor' goldens all "$shared/models"
    check="$out/venv/bin/python $shared/goldens/check.py"
    families=conv1d/,conv2d/,depthwise/,separable/,dense/dense,batchnorm/,activation,pooling/,pad_crop/,merge/,shape/,identity/
    step 'goldens, native, a spread of 60' env CYNF_ENGINE=native CFLAGS=-O1 $check "$shared/goldens/h5" --match $families --limit 60 --jobs 2
    step 'malformed files, Python' $check "$shared/goldens/bad" --bad --jobs 2
    step 'malformed files, cynf-run' $check "$shared/goldens/bad" --bad --jobs 2 --command "$out/gcc/tools/cynf-run --model {model} --profile"
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

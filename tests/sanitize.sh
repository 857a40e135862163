#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/sanitize.sh [SHARED]: hostile input under AddressSanitizer and UBSan: unit tests of the readers, every malformed file through the
# tools, damaged models. SHARED is the folder of the corpora.
# libhdf5 is not ours: a report counts if the innermost frame outside libc and the sanitizer is in this tree.
set -eu
src=$(cd "$(dirname "$0")/.." && pwd)
shared=${1:-$src/../shared}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CYNF_SHARED="$shared"

# Scalar kernels alone: the other instruction sets take a sanitizer many minutes, and their bounds are watched by unreadable pages.
meson setup "$work/build" "$src" -Db_sanitize=address,undefined -Db_lundef=false -Dbuildtype=debugoptimized -Doptimization=1 -Disas= \
    -Dsleef=disabled -Dbench=disabled -Dc_args=-fno-sanitize-recover=all > "$work/setup.log" || { cat "$work/setup.log"; exit 1; }
ninja -C "$work/build" tests/file-test tests/weights-test tests/mutate tools/cynf-info tools/cynf-run > "$work/build.log" || { tail -30 "$work/build.log"; exit 1; }

export ASAN_OPTIONS="abort_on_error=1:allocator_may_return_null=1:log_path=$work/report" UBSAN_OPTIONS="abort_on_error=1:print_stacktrace=1:log_path=$work/report"
failed=0
for t in weights/weights file/file file/malformed; do
    CK_RUN_CASE=${t#*/} "$work/build/tests/${t%/*}-test" > "$work/check.log" 2>&1 || true
    tail -20 "$work/check.log"
    grep -q 'Failures: 0, Errors: 0' "$work/check.log" || failed=1
done

# Exit status 1 and a message, or success; anything else is a crash, a hang or bad usage.
n=0
for model in "$shared"/goldens/bad/*; do
    for tool in "cynf-info --model" "cynf-run --model"; do
        status=0
        timeout 60 "$work/build/tools/"$tool "$model" > "$work/out" 2>&1 || status=$?
        if [ "$status" -gt 1 ] && ! { [ "$status" = 2 ] && [ "${tool%% *}" = cynf-run ]; }; then
            echo "$tool $model: status $status"; cat "$work/out"; failed=1
        fi
        if [ "$status" = 1 ] && ! [ -s "$work/out" ]; then
            echo "$tool $model: no message"; failed=1
        fi
        n=$((n + 1))
    done
done
if [ "$n" -le 2 ]; then echo "SKIPPED: no malformed files in $shared/goldens/bad"; else echo "$n runs on malformed files"; fi

for report in "$work"/report.*; do
    [ -e "$report" ] || continue
    grep -qv 'WARNING: AddressSanitizer failed to allocate' "$report" || continue # malloc returned NULL, as it may
    frame=$(grep -E '^ *#[0-9]+ ' "$report" | grep -Ev 'libsanitizer|compiler-rt|__interceptor|libc\.so|nptl/|sysdeps/|/raise' | head -1)
    case $frame in
        *tests/unit/*) ;;     # a test that crashes the reading process on purpose
        *libhdf5*|*libzip*|*libz.so*) ;;
        *) cat "$report"; failed=1 ;;
    esac
done

# Damaged architectures and weights of whole models.
corpus=$src/tests/golden/data
[ -d "$shared/goldens" ] && corpus=$shared/goldens
(unset ASAN_OPTIONS; cd "$src" && "$work/build/tests/mutate" -j 2 -n 30 -d tests/golden/defaults.json "$corpus") > "$work/mutate.log" 2>&1 || { tail -60 "$work/mutate.log"; failed=1; }
tail -2 "$work/mutate.log" | sed 's/^\([0-9]* passed\)/damaged models: \1/'

exit $failed

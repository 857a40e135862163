#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: fixed_models.sh GEN_MODELS GEN_DRIVE CC
# The hand-built models in fixed mode: built without warnings by $CC with nothing in the environment, self-test, the executor's bits,
# no symbol but ID_*, no library but libc, libm and pthread, two models in one program, the header in C++, equal bytes when made again.
set -eu
models=$(realpath "$1") drive=$(realpath "$2") cc=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
command -v "$cc" >/dev/null || { echo "no $cc: skipped"; exit 77; }
die() { echo "FAIL $*"; exit 1; }

mkdir once twice
"$models" once >/dev/null
(cd twice && mkdir once && "$models" once >/dev/null)
diff -r once twice/once || die "the same command wrote other bytes"
ls -A once | grep tmp && die "a temporary folder is left"

cd once
for id in image_fixed images_fixed swap_fixed mixed_fixed sum_fixed head_fixed; do
    (cd $id && env -i PATH="$PATH" make -s CC="$cc" CFLAGS="-O2 -Wall -Wextra -Wpedantic -Werror" all check)
    other=$(nm --defined-only --extern-only $id/$id.o | awk -v id="^${id}_" 'NF == 3 && $3 !~ id')
    [ -z "$other" ] || die "symbols that are not $id's own: $other"
    needed=$(readelf -d $id/lib$id.so | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -v -e '^libc\.' -e '^libm\.' -e '^libpthread\.' || true)
    [ -z "$needed" ] || die "$id needs $needed"
    "$drive" $id $id exact
done

if grep -q -e avx512 -e avx2 head_fixed/head_fixed_layers*.c; then
    grep -q asking head_fixed/head_fixed_layers*.c || die "no convolution asks for the weights behind it"
fi
grep -qi state image_fixed/image_fixed.c && die "a model without a state speaks of one"

cat > both.c <<'END'
#include "image_fixed/image_fixed.h"
#include "swap_fixed/swap_fixed.h"
int main(void)
{
    static char memory[SWAP_FIXED_BYTES_1];
    image_fixed_t *a;
    swap_fixed_t *b;
    return image_fixed_create(&a, 0) || swap_fixed_create_in(&b, 0, memory, sizeof memory) || (image_fixed_destroy(&a), 0) || (swap_fixed_destroy(&b), 0);
}
END
$cc -Wall -Wextra -Wpedantic -Werror -o both both.c image_fixed/libimage_fixed.a swap_fixed/libswap_fixed.a -lm -lpthread
./both || die "two models in one program"
case $cc in
*gcc*) cxx=$(echo "$cc" | sed 's/gcc/g++/') ;;
*) cxx=${cc}++ ;;
esac
printf '#include "image_fixed/image_fixed.h"\n#include "swap_fixed/swap_fixed.h"\n' > both.cc
$cxx -std=c++17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only both.cc

make -s -C image_fixed install DESTDIR="$work/dest" PREFIX=/usr CC="$cc"
[ -f "$work/dest/usr/include/image_fixed.h" ] && [ -f "$work/dest/usr/lib/libimage_fixed.so" ] || die "make install"

# A CPU that lacks the instruction set is refused in words.
if [ "$(uname -m)" = x86_64 ] && command -v qemu-x86_64 >/dev/null; then
    said=$(qemu-x86_64 -cpu core2duo image_fixed/image_fixed_selftest) || true
    case $said in
    *"is made for CPUs with"* | PASS*) ;;
    *) die "on an old CPU: $said" ;;
    esac
fi

# Only what is ours is replaced.
echo mine > image_fixed/README.md
if "$models" . >/dev/null 2>message; then die "replaced someone else's folder"; fi
grep -q "image_fixed exists and was not made by cynf-gen" message || die "$(cat message)"
[ "$(cat image_fixed/README.md)" = mine ] || die "touched someone else's folder"

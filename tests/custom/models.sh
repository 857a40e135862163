#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: models.sh RUN_GOLDENS CYNF_GEN EXAMPLE
# Models with custom layers, as Keras computes them: through the library with one thread and with two, and as generated code of both kinds, which gives the same bits.
# Two generated models show no symbol but their own, and link into one program.
set -eu
run=$(realpath "$1") gen=$(realpath "$2") example=$(realpath "$3")
here=$(cd "$(dirname "$0")" && pwd)
passes() # OPTION...: $cases of them, and none is refused
{
    said=$("$run" -v "$@" 2>&1) || { echo "$said"; exit 1; }
    [ "${said##*
}" = "$cases passed, 0 failed" ] || { echo "$said"; exit 1; }
}
pair() { passes "$@" -c Pair="$here/pair.c" "$here/data"; }
for how in "-t 1" "-t 2" "-n fixed"; do
    cases=2 # as .h5 and as .keras
    pair $how -m pair.
    passes $how -m centre. -c Centre="$here/centre.c" "$here/data"
    passes $how -m mask. -c Twice="$here/twice.c" "$here/data"
    passes $how -c GeM="$example/gem.c" -c unit="$example/unit.c" "$example"
    passes $how -m nested. -c Bias="$here/bias.c" "$here/data"
done
cases=1
CFLAGS=-O1 pair -n portable -m pair.keras # of few operations: it builds in little time

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for id in one two; do
    "$gen" --model "$here/data/pair.keras" --custom Pair="$here/pair.c" --out $id
    make -s -C $id CFLAGS="-O2 -Wall -Wextra -Wpedantic -Werror" all check
    other=$(nm --defined-only --extern-only $id/$id.o | awk -v id="^${id}_" 'NF == 3 && $3 !~ id')
    [ -z "$other" ] || { echo "symbols that are not $id's own: $other"; exit 1; }
done
cat >both.c <<'END'
#include "one/one.h"
#include "two/two.h"
int main(void)
{
    one_t *a;
    two_t *b;
    return one_create(&a, 0) || two_create(&b, 0) || (one_destroy(&a), 0) || (two_destroy(&b), 0);
}
END
cc -o both both.c one/libone.a two/libtwo.a -lm -lpthread
./both

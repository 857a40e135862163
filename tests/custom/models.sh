#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: models.sh RUN_GOLDENS EXAMPLE
# Models with custom layers, as Keras computes them: through the library with one thread and with two, and as generated code of both kinds, which gives the same bits.
set -eu
run=$1 example=$2
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

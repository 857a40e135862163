#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: messages.sh TOOLS
# Everything that can be wrong with --custom: one line that says what, exit status 1, no output and no temporary file left behind.
set -u
tools=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tmp" "$work/folder"
export TMPDIR="$work/tmp" LC_ALL=C
unset CC
cd "$work" || exit 1

refused() # WORDS COMMAND...
{
    words=$1
    shift
    "$@" >out 2>err
    if [ $? = 1 ] && grep -qF -- "$words" err && [ "$(wc -l <err)" = 1 ] && [ -z "$(ls -A tmp)" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $*: expected \"$words\""
        cat err
        ls -A tmp
    fi
}

info() { "$tools/cynf-info" "$here/data/centre.keras" "$@" >/dev/null; }

# custom.c with these bodies of shapes() and of the rest
file() # SHAPES [END]
{
    printf '#include <cynf/custom.h>\nstatic const char *shapes(const cynf_custom_layer *l, cynf_custom_result *r) { (void)l, (void)r; %s }\nstatic void run(const cynf_custom_args *a) { (void)a; }\n%s\n' \
        "$1" "${2-CYNF_CUSTOM(1, shapes, run);}" >custom.c
}

refused 'say in C what it computes, with --custom Centre=file.c (cynf/custom.h)' info
refused 'custom "Centre": expected Name=file.c' info --custom Centre
refused 'custom "=custom.c": expected Name=file.c' info --custom =custom.c
refused 'custom "Centre" (none.c): it cannot be read: No such file' info --custom Centre=none.c
refused 'custom "Centre" (folder): it cannot be read' info --custom Centre=folder
head -c 100 /dev/zero >zeros.c
refused 'it is no text, or larger than 1 MiB' info --custom Centre=zeros.c
head -c 1100000 /dev/zero | tr '\0' ' ' >large.c
refused 'it is no text, or larger than 1 MiB' info --custom Centre=large.c

file 'r->out[0] = l->in[0]; return 0;'
refused 'custom "Centre" (custom.c): given twice; the other file is custom.c' info --custom Centre=custom.c --custom Centre=custom.c
refused 'the C compiler /none/cc cannot be run: No such file or directory; install one, or name it in CC' env CC=/none/cc "$tools/cynf-info" "$here/data/centre.keras" --custom Centre=custom.c
refused 'custom "Other": the model has no layer of this class, nor a Lambda of this name' info --custom Centre=custom.c --custom Other=custom.c
refused 'custom "centre": the model has no layer of this class' info --custom Centre=custom.c --custom centre=custom.c
echo '{"class_name": "Sequential", "config": {"name": "net", "layers": [{"class_name": "InputLayer", "config": {"name": "in", "batch_shape": [null, 4, 3]}},
    {"class_name": "Twice", "config": {"name": "twice"}}]}}' >net.json
sed 's/4, 3/null, 3/' net.json >open.json
refused 'its function in C takes the whole sequence' "$tools/cynf-info" net.json --weights "$here/data/centre.h5" --custom Twice="$here/twice.c" --stream
refused 'a custom layer in C has fixed shapes; give input shapes, not maximum shapes' "$tools/cynf-gen" --model open.json --weights "$here/data/centre.h5" \
    --custom Twice="$here/twice.c" --max-shape in=1,9,3 --mode portable --out result
refused ': /none: no temporary folder can be made there' env TMPDIR=/none "$tools/cynf-info" "$here/data/centre.keras" --custom Centre=custom.c

file 'return wrong;'
refused 'refuses it: custom.c:2:' info --custom Centre=custom.c
file 'return 0;' ''
refused 'it does not say CYNF_CUSTOM(1, shapes, run)' info --custom Centre=custom.c
file 'return 0;' 'CYNF_CUSTOM(2, shapes, run);'
refused 'it is written for version 2 of cynf/custom.h, this is version 1' info --custom Centre=custom.c
file 'return 0;' 'CYNF_CUSTOM(1, shapes, NULL);'
refused 'CYNF_CUSTOM names no function for run' info --custom Centre=custom.c
file 'return 0;' 'CYNF_CUSTOM(1, NULL, run);'
refused 'CYNF_CUSTOM names no function for shapes' info --custom Centre=custom.c
file 'return 0;' 'CYNF_CUSTOM(1, shapes, more);'
refused "'more' undeclared" info --custom Centre=custom.c
file 'return absent();'
refused 'implicit declaration' info --custom Centre=custom.c
file 'extern char *absent(void); return absent();'
refused 'it cannot be loaded: undefined symbol: absent' info --custom Centre=custom.c
file 'return 0;' 'void visible(void) {} CYNF_CUSTOM(1, shapes, run);'
refused 'no previous prototype' info --custom Centre=custom.c
file 'return 0;' '#include "beside.h"'
: >beside.h
refused 'beside.h' info --custom Centre=custom.c

file 'return "no such thing";'
refused 'layer "centre" (Centre): the custom "Centre" refuses it: no such thing' info --custom Centre=custom.c
file 'return 0;'
refused 'shapes() of the custom "Centre" gives output 0 a rank of -1, expected 0 to 8' info --custom Centre=custom.c
file 'r->out[0].rank = 9; return 0;'
refused 'gives output 0 a rank of 9, expected 0 to 8' info --custom Centre=custom.c
file 'r->out[0].rank = 2; r->out[0].dim[0] = 1; return 0;'
refused 'gives output 0 a size of 0 in dimension 1, expected sizes from 1' info --custom Centre=custom.c
file 'r->out[0].rank = 3; for (int i = 0; i < 3; i++) r->out[0].dim[i] = 1 << 20; return 0;'
refused 'and at most 536870912 elements' info --custom Centre=custom.c
file 'r->out[0] = l->in[0]; r->workspace_bytes = (size_t)1 << 40; return 0;'
refused 'its outputs or its workspace are too large' info --custom Centre=custom.c
file 'r->n_out = 0; return 0;'
refused 'gives it 0 outputs, expected 1 to 8' info --custom Centre=custom.c
file 'r->n_out = 9; return 0;'
refused 'gives it 9 outputs, expected 1 to 8' info --custom Centre=custom.c
file 'r->out[0] = l->in[0]; return 0;'
refused 'gives it 1 outputs, expected 2 to 8' "$tools/cynf-info" "$here/data/pair.keras" --custom Pair=custom.c

# Every tool says so, and writes nothing.
file 'return wrong;'
refused 'refuses it: custom.c:2:' "$tools/cynf-tune" --model "$here/data/centre.keras" --custom Centre=custom.c --out result
refused 'refuses it: custom.c:2:' "$tools/cynf-run" --model "$here/data/centre.keras" --custom Centre=custom.c --profile --out result
refused 'refuses it: custom.c:2:' "$tools/cynf-gen" --model "$here/data/centre.keras" --custom Centre=custom.c --out result
[ ! -e result ] || { echo "FAIL: an output was written"; failed=$((failed + 1)); }
echo "$passed passed, $failed failed"
[ $failed = 0 ]

/* SPDX-License-Identifier: MIT */
/** The check that travels with generated models answers as arch/cpu.c does, for every instruction set of this build. */
#include <stdio.h>

#include "arch/has_isa.h"
#include "cynf-config.h"

int main(void)
{
    static const bool built[CYNF_ISA_COUNT] = {[CYNF_ISA_SCALAR] = true, [CYNF_ISA_SSE41] = CYNF_HAVE_SSE41, [CYNF_ISA_AVX2] = CYNF_HAVE_AVX2,
        [CYNF_ISA_AVX512] = CYNF_HAVE_AVX512, [CYNF_ISA_NEON] = CYNF_HAVE_NEON};
    const unsigned here = cynf_cpu_isas();
    int passed = 0, failed = 0;
    for (int isa = 0; isa < CYNF_ISA_COUNT; isa++) {
        const bool mine = cynf_has_isa((cynf_isa)isa), theirs = here >> isa & 1;
        const bool ok = built[isa] ? mine == theirs : !theirs;
        if (!ok)
            printf("%s: the model's check says %d, cpu.c says %d\n", cynf_isa_name((cynf_isa)isa), mine, theirs);
        ok ? passed++ : failed++;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}

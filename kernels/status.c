/* SPDX-License-Identifier: MIT */
#include "cynf/status.h"

const char *cynf_status_str(cynf_status s)
{
    switch (s) {
    case CYNF_OK: return "success";
    case CYNF_EINVAL: return "invalid argument";
    case CYNF_ENOMEM: return "out of memory, or over a memory limit";
    case CYNF_EPLAN_FORMAT: return "the plan is not of a form that this build reads";
    case CYNF_EPLAN_CPU: return "the plan was made for another CPU";
    case CYNF_EIO: return "a file could not be opened, read or written";
    case CYNF_EFORMAT: return "damaged file, or no Keras model";
    case CYNF_EUNSUPPORTED: return "unsupported layer, option or format";
    case CYNF_ECPU: return "the CPU lacks an instruction set that the code needs";
    case CYNF_ESHAPE: return "the model leaves a size open that has to be given";
    case CYNF_ECOMPILER: return "the C compiler is missing or failed";
    }
    return "unknown status";
}

/* SPDX-License-Identifier: MIT */
/** Status codes shared by every cynfrence library and by generated models. */
#ifndef CYNF_STATUS_H
#define CYNF_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/** The numbers never change; 0 is success. On failure outputs are untouched unless a function says otherwise. */
typedef enum cynf_status {
    CYNF_OK = 0,
    CYNF_EINVAL = -1,       /**< an argument breaks the function's contract */
    CYNF_ENOMEM = -2,       /**< memory could not be had, or a limit on it was reached */
    CYNF_EPLAN_FORMAT = -3, /**< a plan is not of a form this build reads */
    CYNF_EPLAN_CPU = -4,    /**< a plan was made for another CPU */
    CYNF_EIO = -5,          /**< a file could not be opened, read or written */
    CYNF_EFORMAT = -6,      /**< a model file is damaged or is no Keras model */
    CYNF_EUNSUPPORTED = -7, /**< a layer, an option or a format that cynfrence does not run */
    CYNF_ECPU = -8,         /**< this CPU lacks the instruction set that the code needs */
    CYNF_ECOMPILER = -9,    /**< the C compiler is missing or failed */
    CYNF_ESHAPE = -10       /**< the model leaves a size open that has to be given */
} cynf_status;

/** English name of a status; static storage, never NULL. */
const char *cynf_status_str(cynf_status s);

#ifdef __cplusplus
}
#endif
#endif

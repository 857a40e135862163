/* SPDX-License-Identifier: MIT */
/** What a tuning has measured so far, on disk after each layer, so that a killed tuning goes on where it was. */
#ifndef CYNF_JOURNAL_H
#define CYNF_JOURNAL_H

#include "tune/plan.h"

typedef struct cynf_journal cynf_journal;

/**
 * Opens the journal of one tuning and locks it.
 * @param path    file, or NULL: $XDG_CACHE_HOME/cynfrence/<hash of key>.journal, with ~/.cache as the default directory
 * @param key     what the tuning is: CPU, library build, model, options; a journal of another key is not gone on from
 * @param resume  take over what the journal holds; else it starts empty
 * @param kernels object that gets the entries taken over, by signature; entries that are damaged or cut off are left out
 * @param resumed out: how many entries were taken over
 * CYNF_EIO: why (cap bytes) says what is wrong: not writable, or another tuning has it.
 */
cynf_status cynf_journal_open(cynf_journal **out, const char *path, const char *key, bool resume, cJSON *kernels, int *resumed, char *why, size_t cap);
/** Appends one kernels entry and waits until it is on the disk. False: it could not be written. */
bool cynf_journal_add(cynf_journal *j, const char *signature, const cJSON *entry);
/** finished: the file is removed. Nulls *j; *j NULL is fine. */
void cynf_journal_close(cynf_journal **j, bool finished);

#endif

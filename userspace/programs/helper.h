/* SPDX-License-Identifier: MIT */
/* Programs that belong to slm but are no commands of a shell: they lie in libexec/slm. */
#ifndef SLM_PROGRAMS_HELPER_H
#define SLM_PROGRAMS_HELPER_H

#include "log.h"

/*
 * Becomes the helper NAME with ARGV, ended by NULL. It is looked for in $SLM_LIBEXEC_DIR alone if
 * that is set, else relative to the running program: as installed, or beside it in a build tree.
 * Returns -errno (logged) only when that fails.
 */
int helper_exec(const char *name, char *const *argv, const struct log *log);

#endif

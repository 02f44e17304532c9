/* SPDX-License-Identifier: MIT */
/* What `slm pull` and the program behind it agree on. */
#ifndef SLM_PROGRAMS_PULL_OPTIONS_H
#define SLM_PROGRAMS_PULL_OPTIONS_H

#include "command.h"

struct pull_values {
	const char *sha256;
	const char *output;
	bool quiet;
};

extern const struct options pull_options;

#endif

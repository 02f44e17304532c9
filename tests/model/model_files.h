/* SPDX-License-Identifier: MIT */
/* The real models that tests run on; they are fetched by hand and may be absent. */
#ifndef SLM_TESTS_MODEL_FILES_H
#define SLM_TESTS_MODEL_FILES_H

#include <stdlib.h>
#include <unistd.h>

#include "path.h"

enum { TEST_SKIPPED = 77 };

#define MODEL_SMOLLM2 "SmolLM2-135M-Instruct.Q4_1.gguf"
#define MODEL_GEMMA3  "gemma-3-270m-q4_k_m.gguf"

/* The path of a model in $SLM_MODELS, else in the cache; NULL when it is not there. free() it. */
static inline char *model_file(const char *name)
{
	const char *folder = getenv("SLM_MODELS");
	const char *cache = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	char *path;

	if (folder && *folder)
		path = path_format("%s/%s", folder, name);
	else if (cache && *cache)
		path = path_format("%s/slm/models/%s", cache, name);
	else
		path = path_format("%s/.cache/slm/models/%s", home ? home : "", name);
	if (path && access(path, R_OK) == 0)
		return path;
	free(path);
	return NULL;
}

#endif

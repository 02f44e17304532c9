/* SPDX-License-Identifier: MIT */
/* Engines on tiny models, for tests: a file in a folder of its own, gone when the test ends. */
#ifndef SLM_TESTS_TINY_ENGINE_H
#define SLM_TESTS_TINY_ENGINE_H

#include <unistd.h>

#include "check.h"
#include "engine.h"
#include "path.h"
#include "session.h"
#include "tiny_model.h"

struct tiny_engine {
	char folder[32];
	char *path;
	struct kept_log kept;
	struct engine *engine;
};

static inline void tiny_engine_write(struct tiny_engine *tiny, const struct tiny_model *model)
{
	struct gguf_maker maker;

	memset(tiny, 0, sizeof(*tiny));
	strcpy(tiny->folder, "/tmp/slm-test-XXXXXX");
	assert_non_null(mkdtemp(tiny->folder));
	tiny->path = path_format("%s/tiny.gguf", tiny->folder);
	tiny_model_make(model, &maker);
	gguf_maker_write(&maker, tiny->path);
	gguf_maker_finish(&maker);
	kept_log_init(&tiny->kept);
}

/* PARAMS may leave out the path and the log. */
static inline void tiny_engine_init(struct tiny_engine *tiny, const struct tiny_model *model,
				    const struct engine_params *params)
{
	struct engine_params complete = *params;

	tiny_engine_write(tiny, model);
	complete.model_path = tiny->path;
	complete.log = &tiny->kept.log;
	if (!complete.device)
		complete.device = "cpu";
	if (complete.n_threads == 0)
		complete.n_threads = 2;
	assert_int_equal(engine_create(&complete, &tiny->engine), 0);
}

static inline void tiny_engine_finish(struct tiny_engine *tiny)
{
	engine_destroy(tiny->engine);
	(void)unlink(tiny->path);
	(void)rmdir(tiny->folder);
	free(tiny->path);
}

#endif

/* SPDX-License-Identifier: MIT */
/* The options by which every command that loads a model says where and how it runs. */
#ifndef SLM_PROGRAMS_ENGINE_SETUP_H
#define SLM_PROGRAMS_ENGINE_SETUP_H

#include "command.h"
#include "engine.h"
#include "progress_bar.h"

struct engine_values {
	const char *device;
	const char *phase_device[PHASES];
	const char *split;
	uint32_t n_threads;
	uint32_t n_ctx;
	uint32_t n_batch;
	int kv_type;		      /* enum kv_type */
	int activations;	      /* enum activation_form */
	struct option_texts adapters; /* "FILE" or "FILE=SCALE" */
	bool use_cache;
	bool ignore_memory;
};

extern const struct option_table engine_options;
/* The same without --threads and the numbers of a session, for `slm bench`, which has its own. */
extern const struct option_table engine_place_options;

/* Params made from the values, with what they point to. */
struct engine_setup {
	struct engine_params params;
	char *path;
	char *cache_dir;
	char *adapter_paths[ADAPTERS_MAX];
	struct engine_adapter adapters[ADAPTERS_MAX];
	struct progress progress;
	struct progress_bar bar;
};

/* MODEL is what model_name_resolve() takes. Failures are logged. */
enum exit_code engine_setup_init(struct engine_setup *setup, const struct program *program,
				 const struct engine_values *values, const char *model);
void engine_setup_finish(struct engine_setup *setup);

/* Loads by setup->params, which the caller may have changed. The setup can be finished then. */
enum exit_code engine_setup_load(struct engine_setup *setup, struct engine **ret_engine);

#endif

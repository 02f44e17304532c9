// SPDX-License-Identifier: MIT
/* Owns the way from options to a loaded engine, with a progress bar while weights are packed. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "engine_setup.h"
#include "model_name.h"
#include "path.h"

static const char *const kv_types[] = {[KV_F16] = "f16", [KV_Q8_0] = "q8_0", NULL};
static const char *const activation_forms[] = {
	[ACTIVATIONS_INT8] = "int8", [ACTIVATIONS_FLOAT] = "float", NULL};

#define DEVICE_SPEC                                                                        \
	{.name = "device",                                                                 \
	 .kind = OPTION_TEXT,                                                              \
	 .offset = offsetof(struct engine_values, device),                                 \
	 .value = "LIST",                                                                  \
	 .help = "where to run: cpu, reference, opencl, opencl:P.D or part of a device's " \
		 "name; several with commas share the model as suits them best. Binding: " \
		 "what cannot be had is an error",                                         \
	 .completion = COMPLETE_DEVICES},                                                  \
		{.name = "prefill-device",                                                 \
		 .kind = OPTION_TEXT,                                                      \
		 .offset = offsetof(struct engine_values, phase_device[PHASE_PREFILL]),    \
		 .value = "LIST",                                                          \
		 .help = "the same for prompts only",                                      \
		 .completion = COMPLETE_DEVICES},                                          \
		{.name = "decode-device",                                                  \
		 .kind = OPTION_TEXT,                                                      \
		 .offset = offsetof(struct engine_values, phase_device[PHASE_DECODE]),     \
		 .value = "LIST",                                                          \
		 .help = "the same for answers only",                                      \
		 .completion = COMPLETE_DEVICES},                                          \
	{                                                                                  \
		.name = "split", .kind = OPTION_TEXT,                                      \
		.offset = offsetof(struct engine_values, split), .value = "SHARES",        \
		.help = "shares of the weights for the devices of --device, like 60,40"    \
	}
#define PLACE_SPECS                                                                            \
	{.name = "kv-type",                                                                    \
	 .kind = OPTION_CHOICE,                                                                \
	 .offset = offsetof(struct engine_values, kv_type),                                    \
	 .value = "TYPE",                                                                      \
	 .help = "how keys and values are kept",                                               \
	 .choices = kv_types},                                                                 \
		{.name = "activations",                                                        \
		 .kind = OPTION_CHOICE,                                                        \
		 .offset = offsetof(struct engine_values, activations),                        \
		 .value = "FORM",                                                              \
		 .help = "what meets quantised weights; float only with --device reference",   \
		 .choices = activation_forms},                                                 \
		{.name = "no-cache",                                                           \
		 .kind = OPTION_NO_FLAG,                                                       \
		 .offset = offsetof(struct engine_values, use_cache),                          \
		 .help = "keep nothing on disk: pack the weights into memory at every start"}, \
	{                                                                                      \
		.name = "ignore-memory", .kind = OPTION_FLAG,                                  \
		.offset = offsetof(struct engine_values, ignore_memory),                       \
		.help = "load even what does not seem to fit"                                  \
	}

static const struct option_spec engine_specs[] = {
	DEVICE_SPEC,
	{
		.letter = 't',
		.name = "threads",
		.kind = OPTION_U32,
		.offset = offsetof(struct engine_values, n_threads),
		.value = "N",
		.help = "threads of the CPU devices; 0: one for each core",
		.max = THREAD_POOL_MAX,
	},
	{
		.letter = 'c',
		.name = "ctx",
		.kind = OPTION_U32,
		.offset = offsetof(struct engine_values, n_ctx),
		.value = "N",
		.help = "tokens that a conversation can hold; 0: what the model was trained on, "
			"at most 8192",
		.max = MODEL_CONTEXT_MAX,
	},
	{
		.letter = 'b',
		.name = "batch",
		.kind = OPTION_U32,
		.offset = offsetof(struct engine_values, n_batch),
		.value = "N",
		.help = "tokens of a prompt that are evaluated at once; 0: 512",
		.max = 8192,
	},
	PLACE_SPECS,
	{
		.name = "lora",
		.kind = OPTION_TEXTS,
		.offset = offsetof(struct engine_values, adapters),
		.value = "FILE[=SCALE]",
		.help = "add the LoRA adapter in FILE, SCALE times (1); may be given several "
			"times",
		.completion = COMPLETE_FILES,
	},
};

static const struct option_spec engine_place_specs[] = {DEVICE_SPEC, PLACE_SPECS};

static const struct engine_values defaults = {.use_cache = true};

const struct option_table engine_options = {
	.title = "Model and devices",
	.specs = engine_specs,
	.n_specs = ARRAY_SIZE(engine_specs),
	.defaults = &defaults,
	.size_bytes = sizeof(defaults),
};

const struct option_table engine_place_options = {
	.title = "Devices",
	.specs = engine_place_specs,
	.n_specs = ARRAY_SIZE(engine_place_specs),
	.defaults = &defaults,
	.size_bytes = sizeof(defaults),
};

static int check_values(const struct engine_values *values, const struct log *log)
{
	if (values->activations == ACTIVATIONS_FLOAT &&
	    (!values->device || strcmp(values->device, "reference") != 0))
		return log_error(log, EINVAL,
				 "--activations float needs --device reference: the other devices "
				 "have no such path");
	if (values->split && !values->device)
		return log_error(log, EINVAL, "--split needs --device: whose shares are they?");
	if (values->split &&
	    (values->phase_device[PHASE_PREFILL] || values->phase_device[PHASE_DECODE]))
		return log_error(log, EINVAL,
				 "--split is for both phases: it cannot go with --prefill-device "
				 "or --decode-device");
	return 0;
}

static int find_cache(char **ret_dir, const struct log *log)
{
	int r = path_cache_dir(ret_dir);

	if (r == -ENOMEM)
		return log_oom(log, "looking for the cache folder");
	if (r < 0)
		log_info(log, "there is no cache folder (HOME is not set): nothing is kept");
	return 0;
}

/* "FILE" or "FILE=SCALE"; a name with = in it counts as a name where no number follows the last. */
static int read_adapter(struct engine_setup *setup, const char *text, const struct log *log)
{
	uint32_t i = setup->params.n_adapters;
	const char *equals = strrchr(text, '=');
	size_t n = strlen(text);
	double scale = 1;

	if (equals && equals[1] != '\0') {
		char *end;
		double number = strtod(equals + 1, &end);

		if (*end == '\0') {
			scale = number;
			n = (size_t)(equals - text);
		}
	}
	if (n == 0 || !isfinite((float)scale))
		return log_error(log, EINVAL,
				 "--lora must be FILE or FILE=SCALE, SCALE being a finite number, "
				 "not '%s'",
				 text);
	setup->adapter_paths[i] = strndup(text, n);
	if (!setup->adapter_paths[i])
		return log_oom(log, "reading the options");
	setup->adapters[i] = (struct engine_adapter){setup->adapter_paths[i], (float)scale};
	setup->params.n_adapters++;
	return 0;
}

static int read_adapters(struct engine_setup *setup, const struct option_texts *texts,
			 const struct log *log)
{
	int r = 0;

	if (texts->n > ADAPTERS_MAX)
		return log_error(log, EINVAL,
				 "--lora is given %u times, and %d adapters are the most", texts->n,
				 ADAPTERS_MAX);
	setup->params.adapters = setup->adapters;
	for (uint32_t i = 0; i < texts->n && r == 0; i++)
		r = read_adapter(setup, texts->items[i], log);
	return r;
}

enum exit_code engine_setup_init(struct engine_setup *setup, const struct program *program,
				 const struct engine_values *values, const char *model)
{
	const struct log *log = &program->log;
	int r;

	*setup = (struct engine_setup){0};
	r = check_values(values, log);
	if (r < 0)
		return EXIT_CODE_USAGE;
	r = model_name_resolve(model, log, &setup->path);
	if (r == 0 && values->use_cache)
		r = find_cache(&setup->cache_dir, log);
	if (r < 0)
		return exit_code_of(STAGE_MODEL, r);
	setup->progress = (struct progress){progress_bar_report, &setup->bar};
	setup->params = (struct engine_params){
		.model_path = setup->path,
		.device = values->device,
		.phase_device = {values->phase_device[PHASE_PREFILL],
				 values->phase_device[PHASE_DECODE]},
		.split = values->split,
		.n_threads = values->n_threads,
		.n_ctx = values->n_ctx,
		.n_batch = values->n_batch,
		.kv_type = (enum kv_type)values->kv_type,
		.activations = (enum activation_form)values->activations,
		.cache_dir = setup->cache_dir,
		.ignore_memory = values->ignore_memory,
		.progress = &setup->progress,
		.log = log,
	};
	r = read_adapters(setup, &values->adapters, log);
	return r == -EINVAL ? EXIT_CODE_USAGE : exit_code_of(STAGE_MODEL, r);
}

void engine_setup_finish(struct engine_setup *setup)
{
	free(setup->path);
	free(setup->cache_dir);
	for (uint32_t i = 0; i < ADAPTERS_MAX; i++)
		free(setup->adapter_paths[i]);
}

enum exit_code engine_setup_load(struct engine_setup *setup, struct engine **ret_engine)
{
	int r;

	progress_bar_init(&setup->bar, 0);
	r = engine_create(&setup->params, ret_engine);
	progress_bar_finish(&setup->bar);
	return exit_code_of(STAGE_MODEL, r);
}

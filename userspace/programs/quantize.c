// SPDX-License-Identifier: MIT
/* Owns `slm quantize`: what is refused before hours of work begin, and the progress of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "array.h"
#include "cleanup.h"
#include "commands.h"
#include "model_name.h"
#include "progress_bar.h"
#include "requantize.h"

DEFINE_CLEANUP(struct gguf, gguf_close)
DEFINE_CLEANUP(struct thread_pool, thread_pool_destroy)

struct quantize_values {
	uint32_t n_threads;
	bool force;
};

static const struct option_spec quantize_specs[] = {
	{
		.name = "force",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct quantize_values, force),
		.help = "replace OUT if it is there",
	},
	{
		.letter = 't',
		.name = "threads",
		.kind = OPTION_U32,
		.offset = offsetof(struct quantize_values, n_threads),
		.value = "N",
		.help = "threads; 0: one for each core",
		.max = THREAD_POOL_MAX,
	},
};

static const struct option_table quantize_table = {
	.title = "Options",
	.specs = quantize_specs,
	.n_specs = ARRAY_SIZE(quantize_specs),
	.size_bytes = sizeof(struct quantize_values),
};

const struct options quantize_options = {
	.command = "quantize",
	.synopsis = "MODEL OUT TYPE",
	.text = "Stores MODEL in the new file OUT, its matrices as TYPE: F16, Q8_0, Q6_K, Q4_K or "
		"Q4_0. The output matrix gets Q6_K with the last two, and so do some of the others "
		"with Q4_K, which llama.cpp calls Q4_K_M. Where rows are no multiple of 256 values, Q5_0 stands in for Q4_K and "
		"Q8_0 for Q6_K. Norms stay as they are. OUT appears only when it is whole. Begin with "
		"F16 or BF16: what a smaller type has lost does not come back.",
	.tables = {&quantize_table, &general_options},
	.min_arguments = 3,
	.max_arguments = 3,
	.arguments = {COMPLETE_MODELS, COMPLETE_FILES, COMPLETE_TYPES},
};

/* llama.cpp's name of the same mixture. */
static const char *type_of_mixture(const char *name)
{
	return strcasecmp(name, "Q4_K_M") == 0 ? "Q4_K" : name;
}

static int read_type(const char *name, const struct log *log, enum tensor_type *ret)
{
	name = type_of_mixture(name);
	for (uint32_t i = 0; i < TENSOR_TYPE_IDS; i++) {
		if (!requantize_type_supported((enum tensor_type)i) ||
		    strcasecmp(tensor_type_info(i)->name, name) != 0)
			continue;
		*ret = (enum tensor_type)i;
		return 0;
	}
	return log_error(
		log, EINVAL,
		"TYPE is one of F16, Q8_0, Q6_K, Q4_K (the same as Q4_K_M) and Q4_0, not '%s'",
		name);
}

/* OUT must not be there, unless it may be replaced; never may a file that is being read. */
static int check_target(const char *target, const struct gguf *gguf, bool force,
			const struct log *log)
{
	struct stat out, in;

	if (stat(target, &out) < 0)
		return 0;
	for (uint32_t i = 0; i < gguf_n_parts(gguf); i++) {
		if (stat(gguf_part(gguf, i)->name, &in) == 0 && in.st_dev == out.st_dev &&
		    in.st_ino == out.st_ino)
			return log_error(log, EINVAL, "%s is the model that is read", target);
	}
	if (!S_ISREG(out.st_mode))
		return log_error(log, EINVAL, "%s is there and is not a regular file", target);
	if (!force)
		return log_error(log, EINVAL, "%s is there already; --force replaces it", target);
	return 0;
}

static enum exit_code quantize(const struct gguf *gguf, enum tensor_type type, const char *target,
			       uint32_t n_threads, const struct log *log)
{
	_cleanup_(thread_pool_destroy_p) struct thread_pool *pool = NULL;
	struct progress_bar bar;
	const struct progress progress = {progress_bar_report, &bar};
	struct requantize_params params = {
		.gguf = gguf, .type = type, .target = target, .progress = &progress, .log = log};
	char before[SIZE_TEXT_MAX], after[SIZE_TEXT_MAX];
	uint64_t bytes = 0;
	int r;

	r = thread_pool_create(n_threads, log, &pool);
	if (r < 0)
		return exit_code_of(STAGE_RUN, r);
	params.pool = pool;
	progress_bar_init(&bar, 0);
	r = requantize(&params, &bytes);
	progress_bar_finish(&bar);
	if (r == 0)
		log_info(log, "%s: %s, from %s", target, size_text(bytes, after),
			 size_text(gguf_file_bytes(gguf), before));
	return exit_code_of(r == -ENOTSUP ? STAGE_MODEL : STAGE_RUN, r);
}

enum exit_code quantize_run(struct program *program, int argc, char **argv)
{
	_cleanup_(gguf_close_p) struct gguf *gguf = NULL;
	_cleanup_free_ char *path = NULL;
	const struct log *log = &program->log;
	struct quantize_values values;
	struct general_values general;
	struct arguments arguments;
	enum tensor_type type;
	enum exit_code code;
	int r;

	if (!command_parse(program, &quantize_options, (void *[]){&values, &general}, argc, argv,
			   &arguments, &code))
		return code;
	if (read_type(arguments.items[2], log, &type) < 0)
		return EXIT_CODE_USAGE;
	r = model_name_resolve(arguments.items[0], log, &path);
	if (r == 0)
		r = gguf_open(path, log, &gguf);
	if (r < 0)
		return exit_code_of(STAGE_MODEL, r);
	if (check_target(arguments.items[1], gguf, values.force, log) < 0)
		return EXIT_CODE_USAGE;
	return quantize(gguf, type, arguments.items[1], values.n_threads, log);
}

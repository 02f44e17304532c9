// SPDX-License-Identifier: MIT
/* Owns `slm graph`: the operations of a model and what a step costs. Loads no weights. */
#include <stdlib.h>

#include "array.h"
#include "cleanup.h"
#include "commands.h"
#include "graph.h"
#include "model_name.h"

DEFINE_CLEANUP(struct gguf, gguf_close)
DEFINE_CLEANUP(struct model, model_destroy)
DEFINE_CLEANUP(struct graph, graph_destroy)

struct graph_values {
	uint32_t n_tokens;
	uint32_t depth;
	bool json;
};

static const struct option_spec graph_specs[] = {
	{
		.letter = 'n',
		.name = "tokens",
		.kind = OPTION_U32,
		.offset = offsetof(struct graph_values, n_tokens),
		.value = "N",
		.help = "tokens of the step that is counted",
		.min = 1,
		.max = 8192,
	},
	{
		.letter = 'd',
		.name = "depth",
		.kind = OPTION_U32,
		.offset = offsetof(struct graph_values, depth),
		.value = "N",
		.help = "tokens that came before it",
		.max = MODEL_CONTEXT_MAX,
	},
	{
		.name = "json",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct graph_values, json),
		.help = "print one JSON document",
	},
};

static const struct graph_values graph_defaults = {.n_tokens = 1};

static const struct option_table graph_table = {
	.title = "Options",
	.specs = graph_specs,
	.n_specs = ARRAY_SIZE(graph_specs),
	.defaults = &graph_defaults,
	.size_bytes = sizeof(graph_defaults),
};

const struct options graph_options = {
	.command = "graph",
	.synopsis = "MODEL",
	.text = "Shows the operations that a model is made of, in the order they run, with "
		"shapes, floating-point operations, and bytes read.",
	.tables = {&graph_table, &general_options},
	.min_arguments = 1,
	.max_arguments = 1,
	.arguments = {COMPLETE_MODELS},
};

static int print(const struct graph *graph, const struct graph_values *values,
		 const struct log *log)
{
	if (!values->json) {
		graph_print(graph, values->n_tokens, values->depth, stdout);
		return 0;
	}
	if (graph_print_json(graph, values->n_tokens, values->depth, stdout) < 0 && !ferror(stdout))
		return log_oom(log, "making JSON");
	return 0;
}

enum exit_code graph_run(struct program *program, int argc, char **argv)
{
	_cleanup_(gguf_close_p) struct gguf *gguf = NULL;
	_cleanup_(model_destroy_p) struct model *model = NULL;
	_cleanup_(graph_destroy_p) struct graph *graph = NULL;
	_cleanup_free_ char *path = NULL;
	const struct log *log = &program->log;
	struct graph_values values;
	struct general_values general;
	struct arguments arguments;
	enum exit_code code;
	int r;

	if (!command_parse(program, &graph_options, (void *[]){&values, &general}, argc, argv,
			   &arguments, &code))
		return code;
	r = model_name_resolve(arguments.items[0], log, &path);
	if (r == 0)
		r = gguf_open(path, log, &gguf);
	if (r == 0)
		r = model_create(gguf, log, &model);
	if (r == 0)
		r = graph_build(model, GRAPH_LOGITS, log, &graph);
	if (r < 0)
		return exit_code_of(STAGE_MODEL, r);
	return exit_code_of(STAGE_RUN, print(graph, &values, log));
}

// SPDX-License-Identifier: MIT
/* Owns what all sub-commands do first: reading their options. */
#include "array.h"
#include "command.h"

static const struct option_spec general_specs[] = {
	{
		.letter = 'v',
		.name = "verbose",
		.kind = OPTION_COUNT,
		.offset = offsetof(struct general_values, verbose),
		.help = "say more on stderr; twice, for reports of bugs",
	},
};

const struct option_table general_options = {
	.title = "General",
	.specs = general_specs,
	.n_specs = ARRAY_SIZE(general_specs),
	.size_bytes = sizeof(struct general_values),
};

static const struct general_values *general_of(const struct options *options, void *const *values)
{
	size_t t = 0;

	while (options->tables[t] != &general_options)
		t++;
	return values[t];
}

bool command_parse(struct program *program, const struct options *options, void *const *values,
		   int argc, char **argv, struct arguments *ret_arguments, enum exit_code *ret_code)
{
	int r = options_parse(options, values, argc, argv, &program->log, ret_arguments);
	unsigned verbose;

	if (r != 0) {
		*ret_code = exit_code_of(STAGE_OPTIONS, r);
		return false;
	}
	verbose = general_of(options, values)->verbose;
	program->log.max_level = MIN(program->log.max_level + verbose, (unsigned)LOG_LEVEL_DEBUG);
	return true;
}

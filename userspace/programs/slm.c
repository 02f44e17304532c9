// SPDX-License-Identifier: MIT
/* Owns the program `slm` before a sub-command is chosen, and its exit. */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "clock.h"
#include "command.h"
#include "interrupt.h"
#include "lost_file.h"
#include "output.h"
#include "spelling.h"
#include "stack_limit.h"
#include "terminal_log.h"

struct slm_values {
	bool version;
};

static const struct option_spec slm_specs[] = {
	{
		.letter = 'V',
		.name = "version",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct slm_values, version),
		.help = "print the version and exit",
	},
};

static const struct option_table slm_table = {
	.title = "Options",
	.specs = slm_specs,
	.n_specs = ARRAY_SIZE(slm_specs),
	.size_bytes = sizeof(struct slm_values),
};

static const struct options slm_options = {
	.command = "",
	.synopsis = "COMMAND ...",
	.text = "Runs small language models from GGUF files on whatever accelerator is there.",
	.tables = {&slm_table, &general_options},
	.stop_at_argument = true,
};

static void print_commands(FILE *out)
{
	(void)fprintf(out, "\nCommands, each with its own --help:\n");
	for (const struct command *command = commands; command->name; command++) {
		if (command->summary)
			(void)fprintf(out, "  %-12s%s\n", command->name, command->summary);
	}
	(void)fprintf(out, "\nBegin with: slm pull smollm2-135m && slm run smollm2-135m\n");
}

static enum exit_code no_command(const char *name, const struct log *log)
{
	struct spelling spelling;

	spelling_init(&spelling, name);
	for (const struct command *command = commands; command->name; command++) {
		if (command->summary)
			spelling_offer(&spelling, command->name);
	}
	if (spelling.best)
		(void)log_error(log, EINVAL, "there is no command '%s'; is '%s' meant?", name,
				spelling.best);
	else
		(void)log_error(log, EINVAL, "there is no command '%s'; see 'slm --help'", name);
	return EXIT_CODE_USAGE;
}

static enum exit_code dispatch(struct program *program, struct arguments *arguments)
{
	const struct command *command;

	if (arguments->n == 0) {
		options_print_help(&slm_options, stderr);
		print_commands(stderr);
		return EXIT_CODE_USAGE;
	}
	command = command_find(arguments->items[0]);
	if (!command)
		return no_command(arguments->items[0], &program->log);
	return command->run(program, arguments->n, arguments->items);
}

static enum exit_code slm(struct program *program, int argc, char **argv)
{
	struct slm_values values;
	struct general_values general;
	struct arguments arguments;
	enum exit_code code;

	if (!command_parse(program, &slm_options, (void *[]){&values, &general}, argc, argv,
			   &arguments, &code)) {
		if (code == EXIT_CODE_DONE)
			print_commands(stdout);
		return code;
	}
	if (!values.version)
		return dispatch(program, &arguments);
	(void)printf("slm %s\n", SLM_VERSION);
	return EXIT_CODE_DONE;
}

int main(int argc, char **argv)
{
	struct program program = {
		.log = {terminal_log_write, NULL, LOG_LEVEL_NOTICE},
		.begin_ns = clock_now_ns(),
	};

	output_init();
	interrupt_init();
	lost_file_init();
	if (stack_limit_raise(&program.log) < 0)
		return EXIT_CODE_MEMORY;
	return output_finish(slm(&program, argc, argv), &program.log);
}

/* SPDX-License-Identifier: MIT */
/* A sub-command of slm, and what all of them are handed. */
#ifndef SLM_PROGRAMS_COMMAND_H
#define SLM_PROGRAMS_COMMAND_H

#include "exit_code.h"
#include "log.h"
#include "options.h"

struct program {
	struct log log;
	uint64_t begin_ns; /* when main() began */
};

struct command {
	const char *name;
	const char *summary; /* one line of slm --help; NULL: for scripts, shown nowhere */
	const struct options *options; /* NULL: reads argv itself */
	enum exit_code (*run)(struct program *program, int argc, char **argv);
};

/* Ended by one without a name. */
extern const struct command commands[];

const struct command *command_find(const char *name); /* NULL: there is none */

/* The options of every command: -v. Its values are a struct general_values. */
struct general_values {
	unsigned verbose;
};
extern const struct option_table general_options;

/*
 * Parses by COMMAND's tables, of which the last is general_options, into VALUES; sets the log's
 * level. False when the command ends here, with *RET_CODE.
 */
bool command_parse(struct program *program, const struct options *options, void *const *values,
		   int argc, char **argv, struct arguments *ret_arguments,
		   enum exit_code *ret_code);

#endif

// SPDX-License-Identifier: MIT
/*
 * Owns `slm pull`, which is a program of its own (pull/), so that no other command waits for
 * libcurl and what it brings to be loaded.
 */
#include "commands.h"
#include "helper.h"

enum { WORDS_MAX = 256 };

/* Hands over everything as it stands, and -v that came before the command. */
enum exit_code pull_run(struct program *program, int argc, char **argv)
{
	char *words[WORDS_MAX + 4];
	int n = 0;

	if (argc > WORDS_MAX) {
		(void)log_error(&program->log, EINVAL, "there are too many arguments");
		return EXIT_CODE_USAGE;
	}
	words[n++] = (char[]){"slm-pull"};
	for (unsigned level = LOG_LEVEL_NOTICE; level < program->log.max_level; level++)
		words[n++] = (char[]){"-v"};
	for (int i = 1; i < argc; i++)
		words[n++] = argv[i];
	words[n] = NULL;
	(void)helper_exec("slm-pull", words, &program->log);
	return EXIT_CODE_FAILED;
}

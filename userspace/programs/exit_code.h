/* SPDX-License-Identifier: MIT */
/* What the command's exit status means, and which failure gives which, in one place. */
#ifndef SLM_PROGRAMS_EXIT_CODE_H
#define SLM_PROGRAMS_EXIT_CODE_H

enum exit_code {
	EXIT_CODE_DONE = 0,
	EXIT_CODE_FAILED = 1,	     /* while running */
	EXIT_CODE_USAGE = 2,	     /* what was asked for makes no sense */
	EXIT_CODE_FILE = 3,	     /* missing, bad or unsupported file */
	EXIT_CODE_MEMORY = 4,	     /* does not fit */
	EXIT_CODE_DEVICE = 5,	     /* the wanted device or placement can't be had */
	EXIT_CODE_INTERRUPTED = 130, /* by SIGINT */
};

/* What was being done when a call failed: the same -ENOENT is another thing for each. */
enum stage {
	STAGE_OPTIONS,
	STAGE_MODEL, /* finding, reading and loading the model */
	STAGE_FILE,  /* any other file that the user named */
	STAGE_RUN,   /* from then on */
	STAGES,
};

/* RESULT is 0 or -errno; what is not negative gives EXIT_CODE_DONE. */
enum exit_code exit_code_of(enum stage stage, int result);

#endif

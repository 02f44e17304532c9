// SPDX-License-Identifier: MIT
/* Owns the table from stage and errno to the exit status. */
#include <errno.h>
#include <stddef.h>

#include "array.h"
#include "exit_code.h"

struct row {
	enum stage stage;
	int error; /* 0: every other */
	enum exit_code code;
};

static const struct row rows[] = {
	{STAGE_OPTIONS, ENOMEM, EXIT_CODE_FAILED},
	{STAGE_OPTIONS, 0, EXIT_CODE_USAGE},

	{STAGE_MODEL, EINVAL, EXIT_CODE_USAGE}, /* a number that the engine refuses */
	{STAGE_MODEL, ENOMEM, EXIT_CODE_MEMORY},
	{STAGE_MODEL, ENODEV, EXIT_CODE_DEVICE},
	{STAGE_MODEL, EIO, EXIT_CODE_FAILED},
	{STAGE_MODEL, EAGAIN, EXIT_CODE_FAILED},    /* no thread to be had */
	{STAGE_MODEL, ECANCELED, EXIT_CODE_FAILED}, /* its kernels' compiler was stopped */
	{STAGE_MODEL, EMFILE, EXIT_CODE_FAILED},
	{STAGE_MODEL, ENFILE, EXIT_CODE_FAILED},
	{STAGE_MODEL, 0, EXIT_CODE_FILE},

	{STAGE_FILE, ENOMEM, EXIT_CODE_MEMORY},
	{STAGE_FILE, 0, EXIT_CODE_FILE},

	{STAGE_RUN, EINVAL, EXIT_CODE_USAGE}, /* an empty prompt, a token that is none */
	{STAGE_RUN, E2BIG, EXIT_CODE_USAGE},  /* a prompt longer than the context */
	{STAGE_RUN, ENOMEM, EXIT_CODE_MEMORY},
	{STAGE_RUN, ECANCELED, EXIT_CODE_INTERRUPTED},
	{STAGE_RUN, 0, EXIT_CODE_FAILED},
};

enum exit_code exit_code_of(enum stage stage, int result)
{
	if (result >= 0)
		return EXIT_CODE_DONE;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].stage == stage && (rows[i].error == 0 || rows[i].error == -result))
			return rows[i].code;
	}
	return EXIT_CODE_FAILED;
}

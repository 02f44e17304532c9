// SPDX-License-Identifier: MIT
/* Owns the way of a message to the program that embeds the library. */
#include "library.h"

_Static_assert((int)SLM_LOG_ERROR == (int)LOG_LEVEL_ERROR, "levels are the same");
_Static_assert((int)SLM_LOG_DEBUG == (int)LOG_LEVEL_DEBUG, "levels are the same");

static void pass_on(void *data, enum log_level level, const char *text)
{
	const struct slm_log *caller = data;

	caller->write(caller->data, (enum slm_log_level)level, text);
}

void caller_log_init(struct caller_log *log, const struct slm_log *caller)
{
	*log = (struct caller_log){0};
	if (!caller || !caller->write)
		return;
	log->caller = *caller;
	log->log.write = pass_on;
	log->log.data = &log->caller;
	log->log.max_level = (enum log_level)caller->max_level;
}

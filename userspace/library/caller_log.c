// SPDX-License-Identifier: MIT
/* Owns the way of a message to the program that embeds the library. */
#include "array.h"
#include "library.h"

/* Callers have one level for what must be said, be it bad or not. */
static const enum slm_log_level outside[] = {
	[LOG_LEVEL_ERROR] = SLM_LOG_ERROR,    [LOG_LEVEL_WARNING] = SLM_LOG_WARNING,
	[LOG_LEVEL_NOTICE] = SLM_LOG_WARNING, [LOG_LEVEL_INFO] = SLM_LOG_INFO,
	[LOG_LEVEL_DEBUG] = SLM_LOG_DEBUG,
};

static const enum log_level inside[] = {
	[SLM_LOG_ERROR] = LOG_LEVEL_ERROR,
	[SLM_LOG_WARNING] = LOG_LEVEL_NOTICE,
	[SLM_LOG_INFO] = LOG_LEVEL_INFO,
	[SLM_LOG_DEBUG] = LOG_LEVEL_DEBUG,
};

static void pass_on(void *data, enum log_level level, const char *text)
{
	const struct slm_log *caller = data;

	caller->write(caller->data, outside[level], text);
}

void caller_log_init(struct caller_log *log, const struct slm_log *caller)
{
	*log = (struct caller_log){0};
	if (!caller || !caller->write)
		return;
	log->caller = *caller;
	log->log.write = pass_on;
	log->log.data = &log->caller;
	log->log.max_level = inside[MIN((unsigned)caller->max_level, (unsigned)SLM_LOG_DEBUG)];
}

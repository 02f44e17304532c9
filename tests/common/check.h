/* SPDX-License-Identifier: MIT */
/* cmocka with the headers it wants before it. */
#ifndef SLM_TESTS_CHECK_H
#define SLM_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "log.h"

/* A log that keeps the last message, to be looked at. */
struct kept_log {
	struct log log;
	char text[2048];
	unsigned n;
};

static inline void kept_log_write(void *data, enum log_level level, const char *text)
{
	struct kept_log *kept = data;

	(void)level;
	strncpy(kept->text, text, sizeof(kept->text) - 1);
	kept->n++;
}

static inline void kept_log_init(struct kept_log *kept)
{
	memset(kept, 0, sizeof(*kept));
	kept->log = (struct log){kept_log_write, kept, LOG_LEVEL_WARNING};
}

#endif

// SPDX-License-Identifier: MIT
/* Formats a message and hands it to the callback. Refuses to keep state or to write anywhere itself. */
#include <stdarg.h>
#include <stdio.h>

#include "log.h"

enum { LOG_TEXT_MAX = 2048 };

void log_message(const struct log *log, enum log_level level, const char *format, ...)
{
	char text[LOG_TEXT_MAX];
	va_list args;

	if (!log || !log->write || level > log->max_level)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log->write(log->data, level, text);
}

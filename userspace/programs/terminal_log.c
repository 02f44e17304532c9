// SPDX-License-Identifier: MIT
/* Owns stderr: lines of the log, and the one status line below them. */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "path.h"
#include "terminal_log.h"
#include "visible_text.h"

enum { LINE_MAX_BYTES = 4096 };

#define WIPE_LINE "\r\033[K"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool has_status;

static const char *const prefixes[] = {
	[LOG_LEVEL_ERROR] = "slm: ",  [LOG_LEVEL_WARNING] = "slm: warning: ",
	[LOG_LEVEL_NOTICE] = "slm: ", [LOG_LEVEL_INFO] = "slm: ",
	[LOG_LEVEL_DEBUG] = "slm: ",
};

void terminal_log_write(void *data, enum log_level level, const char *text)
{
	char line[LINE_MAX_BYTES];
	size_t n = 0;

	(void)data;
	(void)pthread_mutex_lock(&lock);
	n = (size_t)snprintf(line, sizeof(line), "%s%s", has_status ? WIPE_LINE : "",
			     prefixes[level]);
	has_status = false;
	n += visible_text(text, strlen(text), false, line + n, sizeof(line) - n - 1);
	line[n++] = '\n';
	(void)write_all(STDERR_FILENO, line, n);
	(void)pthread_mutex_unlock(&lock);
}

void terminal_status(const char *text)
{
	char line[LINE_MAX_BYTES];
	int n;

	(void)pthread_mutex_lock(&lock);
	if ((text || has_status) && isatty(STDERR_FILENO)) {
		n = snprintf(line, sizeof(line), WIPE_LINE "%s", text ? text : "");
		(void)write_all(STDERR_FILENO, line, (size_t)n);
		has_status = text != NULL;
	}
	(void)pthread_mutex_unlock(&lock);
}

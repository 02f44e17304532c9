// SPDX-License-Identifier: MIT
/* Owns stderr: lines of the log, and the one status line below them. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path.h"
#include "terminal_log.h"
#include "visible_text.h"

enum { LINE_MAX_BYTES = 4096 };

#define WIPE_LINE "\r\033[K"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool has_status;
static atomic_bool ends_in_line; /* what was shown on stdout last */

static const char *const prefixes[] = {
	[LOG_LEVEL_ERROR] = "slm: ",  [LOG_LEVEL_WARNING] = "slm: warning: ",
	[LOG_LEVEL_NOTICE] = "slm: ", [LOG_LEVEL_INFO] = "slm: ",
	[LOG_LEVEL_DEBUG] = "slm: ",
};

void terminal_shown(bool in_line)
{
	atomic_store(&ends_in_line, in_line);
}

static bool shares_terminal(void)
{
	struct stat out, err;

	return fstat(STDOUT_FILENO, &out) == 0 && fstat(STDERR_FILENO, &err) == 0 &&
	       S_ISCHR(out.st_mode) && S_ISCHR(err.st_mode) && out.st_rdev == err.st_rdev &&
	       isatty(STDERR_FILENO);
}

bool terminal_is_in_line(void)
{
	return atomic_load(&ends_in_line) && shares_terminal();
}

/* What begins a line of ours, wherever the cursor is. */
static const char *begin_line(void)
{
	const char *begin = has_status ? WIPE_LINE : terminal_is_in_line() ? "\n" : "";

	has_status = false;
	atomic_store(&ends_in_line, false);
	return begin;
}

void terminal_log_write(void *data, enum log_level level, const char *text)
{
	char line[LINE_MAX_BYTES];
	size_t n = 0;

	(void)data;
	(void)pthread_mutex_lock(&lock);
	n = (size_t)snprintf(line, sizeof(line), "%s%s", begin_line(), prefixes[level]);
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
		n = snprintf(line, sizeof(line), "%s" WIPE_LINE "%s", begin_line(),
			     text ? text : "");
		(void)write_all(STDERR_FILENO, line, (size_t)n);
		has_status = text != NULL;
	}
	(void)pthread_mutex_unlock(&lock);
}

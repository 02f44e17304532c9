// SPDX-License-Identifier: MIT
/* Owns the search for helper programs. Refuses $PATH: a helper is of the same build as we are. */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "helper.h"
#include "path.h"

static char *folder_of_program(void)
{
	char *path = realpath("/proc/self/exe", NULL);

	if (path)
		*strrchr(path, '/') = '\0';
	return path;
}

static char *find(const char *name)
{
	const char *chosen = getenv("SLM_LIBEXEC_DIR");
	_cleanup_free_ char *own = folder_of_program();
	_cleanup_free_ char *installed = NULL;

	if (chosen && *chosen)
		return path_format("%s/%s", chosen, name);
	if (!own)
		return NULL;
	installed = path_format("%s/%s/%s", own, SLM_LIBEXEC_FROM_BIN, name);
	if (installed && access(installed, X_OK) == 0)
		return TAKE(installed);
	return path_format("%s/%s", own, name);
}

int helper_exec(const char *name, char *const *argv, const struct log *log)
{
	_cleanup_free_ char *path = find(name);

	if (!path)
		return log_oom(log, "looking for a helper program");
	(void)execv(path, argv);
	return log_error(log, errno, "cannot run %s (%s): is slm installed whole?", path,
			 strerror(errno));
}

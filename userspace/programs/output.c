// SPDX-License-Identifier: MIT
/* Owns stdout. Refuses to lose an error of writing: a full disk must not look like success. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "output.h"
#include "terminal_log.h"
#include "utf8.h"

void output_init(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	/* Opened the wrong way round, so that using it fails as if it were closed. */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
	}
}

static int cannot_write(int error, const struct log *log)
{
	if (error == EPIPE)
		return -EPIPE;
	return log_error(log, error, "cannot write to stdout: %s", strerror(error));
}

int output_write(const char *text, size_t size, const struct log *log)
{
	while (size > 0) {
		ssize_t n = write(STDOUT_FILENO, text, size);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};

			(void)poll(&fd, 1, -1);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cannot_write(errno, log);
		terminal_shown(n > 0 && text[n - 1] != '\n');
		text += n;
		size -= (size_t)n;
	}
	return 0;
}

enum exit_code output_finish(enum exit_code code, const struct log *log)
{
	bool failed = ferror(stdout) != 0;

	errno = 0;
	if (fflush(stdout) != 0)
		failed = true;
	/* The reason of a failure long ago is gone; what is cut short already may say it once more. */
	else if (failed && fputc('\n', stdout) == '\n')
		(void)fflush(stdout);
	if (!failed || errno == EPIPE)
		return code;
	(void)cannot_write(errno ? errno : EIO, log);
	return code == EXIT_CODE_DONE ? EXIT_CODE_FAILED : code;
}

enum exit_code output_json(json_t *root, const struct log *log)
{
	int r = root ? json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : -1;

	json_decref(root);
	if (r < 0 && !ferror(stdout)) {
		(void)log_oom(log, "making JSON");
		return EXIT_CODE_FAILED;
	}
	(void)fputc('\n', stdout);
	return EXIT_CODE_DONE;
}

json_t *json_number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_count(uint64_t value)
{
	return value <= INT64_MAX ? json_integer((json_int_t)value) : json_real((double)value);
}

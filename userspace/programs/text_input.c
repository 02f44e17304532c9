// SPDX-License-Identifier: MIT
/* Owns the reading of whole texts. Refuses what has no end that would be reached. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "text_input.h"

enum { READ_BYTES = 1 << 16 };

static int read_all(int fd, const char *name, size_t max_bytes, const struct log *log, char **text,
		    size_t *size)
{
	size_t capacity = 0;

	for (;;) {
		ssize_t n;

		if (array_reserve(text, &capacity, *size + READ_BYTES + 1, 1) < 0)
			return log_oom(log, "reading the text");
		n = read(fd, *text + *size, READ_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return log_error(log, errno, "cannot read %s: %s", name, strerror(errno));
		*size += (size_t)n;
		(*text)[*size] = '\0';
		if (n == 0)
			return 0;
		if (*size > max_bytes)
			return log_error(log, EFBIG, "%s is longer than %zu bytes", name,
					 max_bytes);
	}
}

int text_input_read(const char *path, size_t max_bytes, const struct log *log, char **ret_text,
		    size_t *ret_size)
{
	bool is_stdin = !path || strcmp(path, "-") == 0;
	_cleanup_close_ int opened = is_stdin ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int r;

	if (!is_stdin && opened < 0)
		return log_error(log, errno, "cannot open %s: %s", path, strerror(errno));
	r = read_all(is_stdin ? STDIN_FILENO : opened, is_stdin ? "stdin" : path, max_bytes, log,
		     &text, &size);
	if (r < 0)
		return r;
	*ret_text = TAKE(text);
	*ret_size = size;
	return 0;
}

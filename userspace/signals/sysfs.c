// SPDX-License-Identifier: MIT
/* Owns the reading of attributes. Refuses what is no line of printable text, and to wait for one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "sysfs.h"

static int join(const char *dir, const char *name, char path[static SYSFS_PATH_MAX])
{
	int n = snprintf(path, SYSFS_PATH_MAX, "%s/%s", dir, name);

	return n < 0 || n >= SYSFS_PATH_MAX ? -ENAMETOOLONG : 0;
}

static bool is_plain(const char *text)
{
	for (; *text; text++) {
		if (*text < ' ' || *text > '~')
			return false;
	}
	return true;
}

/* Cuts TEXT of N bytes down to its first line; false where that is no text. */
static bool take_line(char *text, size_t n)
{
	char *end = memchr(text, '\n', n);
	size_t from;

	if (!end && n == SYSFS_TEXT_MAX)
		return false;
	n = end ? (size_t)(end - text) : n;
	while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
		n--;
	if (memchr(text, '\0', n))
		return false;
	text[n] = '\0';
	from = strspn(text, " \t");
	memmove(text, text + from, n - from + 1);
	return *text && is_plain(text);
}

int sysfs_text(const char *dir, const char *name, char text[static SYSFS_TEXT_MAX])
{
	_cleanup_close_ int fd = -1;
	char path[SYSFS_PATH_MAX];
	struct stat status;
	ssize_t n;
	int r = join(dir, name, path);

	*text = '\0';
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return errno == ENOTDIR ? -ENOENT : -errno;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return -EINVAL;
	n = read(fd, text, SYSFS_TEXT_MAX);
	if (n < 0)
		r = -errno;
	else if (!take_line(text, (size_t)n))
		r = -EINVAL;
	if (r < 0)
		*text = '\0';
	return r;
}

int sysfs_parse(const char *text, uint64_t limit, uint64_t *ret_number)
{
	bool hex = strncmp(text, "0x", 2) == 0;
	const char *digits = hex ? text + 2 : text;
	const char *allowed = hex ? "0123456789abcdefABCDEF" : "0123456789";
	uint64_t number;

	if (!*digits || strspn(digits, allowed) != strlen(digits))
		return -EINVAL;
	errno = 0;
	number = strtoull(digits, NULL, hex ? 16 : 10);
	if (errno || number > limit)
		return -ERANGE;
	*ret_number = number;
	return 0;
}

int sysfs_number(const char *dir, const char *name, uint64_t limit, uint64_t *ret_number)
{
	char text[SYSFS_TEXT_MAX];
	int r = sysfs_text(dir, name, text);

	return r < 0 ? r : sysfs_parse(text, limit, ret_number);
}

int sysfs_link(const char *dir, const char *name, char text[static SYSFS_TEXT_MAX])
{
	char path[SYSFS_PATH_MAX], target[SYSFS_PATH_MAX];
	const char *last;
	ssize_t n;
	int r = join(dir, name, path);

	*text = '\0';
	if (r < 0)
		return r;
	/* umockdev knows this one also as _FORTIFY_SOURCE calls it. */
	n = readlinkat(AT_FDCWD, path, target, sizeof(target));
	if (n < 0)
		return errno == ENOENT || errno == ENOTDIR ? -ENOENT : -EINVAL;
	if (n == sizeof(target))
		return -EINVAL;
	target[n] = '\0';
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	if (!*last || strlen(last) >= SYSFS_TEXT_MAX || !is_plain(last))
		return -EINVAL;
	(void)strcpy(text, last);
	return 0;
}

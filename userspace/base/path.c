// SPDX-License-Identifier: MIT
/*
 * Owns the cache folder's place and the rule that a file appears whole or not at all.
 * Refuses to log: whether a missing cache matters is for the caller to say.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "path.h"

char *path_format(const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	return n < 0 ? NULL : text;
}

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

int path_cache_dir(char **ret_path)
{
	const char *direct = environment("SLM_CACHE_DIR");
	const char *base = environment("XDG_CACHE_HOME");
	char *path;

	if (!direct)
		direct = environment("CACHE_DIRECTORY");
	if (direct)
		path = strdup(direct);
	else if (base && *base == '/') /* the rule for XDG's folders */
		path = path_format("%s/slm", base);
	else if (environment("HOME"))
		path = path_format("%s/.cache/slm", environment("HOME"));
	else
		return -ENOENT;
	if (!path)
		return -ENOMEM;
	*ret_path = path;
	return 0;
}

static int make_dir(const char *path)
{
	struct stat info;

	if (mkdir(path, 0700) == 0)
		return 0;
	if (errno == EEXIST)
		return stat(path, &info) == 0 && S_ISDIR(info.st_mode) ? 0 : -ENOTDIR;
	return -errno;
}

int path_make_dirs(const char *path)
{
	_cleanup_free_ char *part = strdup(path);
	int r;

	if (!part)
		return -ENOMEM;
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		r = make_dir(part);
		/* A parent may be unreadable to us and still lead to a folder that is ours. */
		if (r < 0 && r != -EACCES && r != -EROFS)
			return r;
		*slash = '/';
	}
	return make_dir(part);
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static char *temporary_name(const char *target)
{
	const char *slash = strrchr(target, '/');
	const char *name = slash ? slash + 1 : target;

	return path_format("%.*s.%s.%ld.part", (int)(name - target), target, name, (long)getpid());
}

/* A rename would put a file in the place of a device. */
static int check_replaceable(const char *target)
{
	struct stat info;

	if (stat(target, &info) < 0 || S_ISREG(info.st_mode))
		return 0;
	return S_ISDIR(info.st_mode) ? -EISDIR : -ENOTSUP;
}

int new_file_init(struct new_file *file, const char *target)
{
	_cleanup_free_ char *folder = folder_of(target);
	struct new_file made = NEW_FILE_NONE;
	int r = check_replaceable(target);

	if (r < 0)
		return r;
	made.target = strdup(target);
	if (!folder || !made.target) {
		free(made.target);
		return -ENOMEM;
	}
	made.fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (made.fd < 0) {
		made.temporary = temporary_name(target);
		if (made.temporary)
			made.fd =
				open(made.temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	}
	if (made.fd < 0) {
		int error = made.temporary ? errno : ENOMEM;

		free(made.temporary);
		free(made.target);
		return -error;
	}
	(void)flock(made.fd, LOCK_EX | LOCK_NB); /* tells new_file_sweep() that we live */
	*file = made;
	return 0;
}

/* linkat() cannot replace, so an unnamed file first gets the temporary name and is then renamed. */
static int new_file_name(struct new_file *file)
{
	char link[64];
	int error;

	if (file->temporary)
		return 0;
	file->temporary = temporary_name(file->target);
	if (!file->temporary)
		return -ENOMEM;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", file->fd);
	(void)unlink(file->temporary);
	if (linkat(AT_FDCWD, link, AT_FDCWD, file->temporary, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	error = errno;
	free(TAKE(file->temporary));
	return -error;
}

int new_file_publish(struct new_file *file)
{
	int r;

	if (fsync(file->fd) < 0)
		return -errno;
	r = new_file_name(file);
	if (r < 0)
		return r;
	if (rename(file->temporary, file->target) < 0)
		return -errno;
	free(TAKE(file->temporary));
	return 0;
}

void new_file_finish(struct new_file *file)
{
	if (file->temporary)
		(void)unlink(file->temporary);
	if (file->fd >= 0)
		(void)close(file->fd);
	free(file->temporary);
	free(file->target);
	*file = NEW_FILE_NONE;
}

/* ".NAME.PID.part" of a process that is gone. */
static bool is_left_over(int folder, const char *name)
{
	_cleanup_close_ int fd = -1;
	size_t n = strlen(name);
	const char *dot;
	long pid;

	if (name[0] != '.' || n < strlen(".N.1.part") || strcmp(name + n - 5, ".part") != 0)
		return false;
	dot = memrchr(name, '.', n - 5);
	pid = strtol(dot + 1, NULL, 10);
	if (pid <= 0 || pid > INT_MAX || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
		return false;
	fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

void new_file_sweep(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (is_left_over(dirfd(dir), entry->d_name))
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	}
	(void)closedir(dir);
}

size_t read_beginning(const char *path, void *data, size_t size_bytes)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n = fd >= 0 ? read(fd, data, size_bytes) : 0;

	return n > 0 ? (size_t)n : 0;
}

int write_all(int fd, const void *data, size_t size_bytes)
{
	const char *at = data;

	while (size_bytes > 0) {
		ssize_t n = write(fd, at, size_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		size_bytes -= (size_t)n;
	}
	return 0;
}

int write_all_at(int fd, uint64_t offset, const void *data, size_t size_bytes)
{
	const char *at = data;

	while (size_bytes > 0) {
		ssize_t n = pwrite(fd, at, size_bytes, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		offset += (uint64_t)n;
		at += n;
		size_bytes -= (size_t)n;
	}
	return 0;
}

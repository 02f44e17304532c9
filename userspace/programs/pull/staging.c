// SPDX-License-Identifier: MIT
/* Owns the place where a model is put together. Refuses to let two processes do so at once. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cleanup.h"
#include "interrupt.h"
#include "path.h"
#include "progress_bar.h"
#include "staging.h"
#include "terminal_log.h"

enum { OPEN_FOLDERS_MAX = 16 };

static int cannot_use(const struct staging *staging, int error)
{
	return log_error(staging->log, error,
			 "cannot keep models in %s: %s (SLM_MODELS names another folder)",
			 staging->models, strerror(error));
}

int staging_write_failed(const struct staging *staging, int error)
{
	if (error == ENOSPC || error == EDQUOT)
		return log_error(staging->log, error, "%s is full: the model does not fit",
				 staging->models);
	return log_error(staging->log, error, "cannot write in %s: %s", staging->path,
			 strerror(error));
}

static int wait_for_lock(const struct staging *staging, int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return cannot_use(staging, errno);
	terminal_log_write(NULL, LOG_LEVEL_INFO,
			   "another slm pull is fetching the same model: waiting for it");
	while (flock(fd, LOCK_EX) < 0) {
		if (*interrupt_flag())
			return -ECANCELED;
		if (errno != EINTR)
			return cannot_use(staging, errno);
	}
	return 0;
}

/* Whoever held the lock before may have removed the folder at its end. */
static bool is_still_there(const struct staging *staging, int fd)
{
	struct stat held, named;

	return fstat(fd, &held) == 0 && stat(staging->path, &named) == 0 &&
	       held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

static int lock_folder(struct staging *staging)
{
	for (;;) {
		_cleanup_close_ int fd = -1;
		int r;

		if (mkdir(staging->path, 0700) < 0 && errno != EEXIST)
			return cannot_use(staging, errno);
		fd = open(staging->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0)
			return cannot_use(staging, errno);
		r = wait_for_lock(staging, fd);
		if (r < 0)
			return r;
		if (is_still_there(staging, fd)) {
			staging->lock_fd = take_fd(&fd);
			return 0;
		}
	}
}

int staging_init(struct staging *staging, const char *models, const char *file,
		 const struct log *log)
{
	int r;

	*staging = STAGING_NONE;
	staging->log = log;
	staging->models = strdup(models);
	staging->target = path_format("%s/%s", models, file);
	staging->path = path_format("%s/.%s.pull", models, file);
	if (!staging->models || !staging->target || !staging->path)
		return log_oom(log, "preparing to pull");
	r = path_make_dirs(models);
	if (r < 0)
		return cannot_use(staging, -r);
	return lock_folder(staging);
}

void staging_finish(struct staging *staging)
{
	if (staging->lock_fd >= 0) {
		(void)rmdir(staging->path);
		(void)close(staging->lock_fd);
	}
	free(staging->models);
	free(staging->target);
	free(staging->path);
	*staging = STAGING_NONE;
}

char *staging_file(const struct staging *staging, const char *name)
{
	char *path = path_format("%s/%s", staging->path, name);

	if (!path)
		(void)log_oom(staging->log, "pulling");
	return path;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
	(void)info;
	(void)type;
	if (ftw->level > 0)
		(void)remove(path);
	return 0;
}

void staging_empty(const struct staging *staging)
{
	(void)nftw(staging->path, remove_entry, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS);
}

void staging_remove(const struct staging *staging, const char *name)
{
	_cleanup_free_ char *path = staging_file(staging, name);

	if (!path)
		return;
	(void)nftw(path, remove_entry, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS);
	(void)remove(path);
}

static int sync_file(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int staging_publish(struct staging *staging, const char *name)
{
	_cleanup_free_ char *path = staging_file(staging, name);
	int r;

	if (!path)
		return -ENOMEM;
	(void)chmod(path, 0644);
	r = sync_file(path);
	if (r == 0 && rename(path, staging->target) < 0)
		r = -errno;
	if (r == 0)
		r = sync_file(staging->models);
	if (r < 0)
		return staging_write_failed(staging, -r);
	staging_empty(staging);
	return 0;
}

int staging_check_space(const struct staging *staging, uint64_t bytes)
{
	char wanted[SIZE_TEXT_MAX], there[SIZE_TEXT_MAX];
	struct statvfs info;
	uint64_t left;

	if (statvfs(staging->path, &info) < 0)
		return 0;
	left = (uint64_t)info.f_bavail * info.f_frsize;
	if (bytes <= left)
		return 0;
	return log_error(staging->log, ENOSPC, "%s has too little room: %s are needed and %s free",
			 staging->models, size_text(bytes, wanted), size_text(left, there));
}

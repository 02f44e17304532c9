// SPDX-License-Identifier: MIT
/* Owns read-only mappings of regular files; refuses everything that is not a regular file. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "file_map.h"

static int refuse_irregular(const struct stat *info, const char *path, const struct log *log)
{
	if (S_ISREG(info->st_mode))
		return 0;
	if (S_ISDIR(info->st_mode))
		return log_error(log, EISDIR, "%s is a directory, not a file", path);
	return log_error(log, ENOTSUP, "%s is not a regular file", path);
}

int file_map_init(struct file_map *map, const char *path, const struct log *log)
{
	_cleanup_close_ int fd = -1;
	struct stat info;
	void *data = NULL;
	int r;

	/* O_NONBLOCK: opening a FIFO without a writer must not wait for one. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return log_error(log, errno, "cannot open %s: %s", path, strerror(errno));
	if (fstat(fd, &info) < 0)
		return log_error(log, errno, "cannot stat %s: %s", path, strerror(errno));
	r = refuse_irregular(&info, path, log);
	if (r < 0)
		return r;
	if (info.st_size > 0) {
		data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (data == MAP_FAILED)
			return log_error(log, errno, "cannot map %s: %s", path, strerror(errno));
	}
	*map = (struct file_map){
		.data = data,
		.size = (uint64_t)info.st_size,
		.mtime_ns = info.st_mtim.tv_sec * INT64_C(1000000000) + info.st_mtim.tv_nsec,
	};
	return 0;
}

void file_map_finish(struct file_map *map)
{
	if (map->data)
		(void)munmap((void *)map->data, map->size);
	*map = (struct file_map){0};
}

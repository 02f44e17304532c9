// SPDX-License-Identifier: MIT
/* Owns the growing file and its hash. Refuses to keep what turned out to be something else. */
#include <errno.h>
#include <fcntl.h>
#include <strings.h>
#include <unistd.h>

#include "cleanup.h"
#include "file_map.h"
#include "part_file.h"
#include "path.h"

enum { READ_BYTES = 1 << 16 };

/* What a pull before this one wrote. */
static int hash_kept(struct part_file *part)
{
	uint8_t bytes[READ_BYTES];
	ssize_t n;

	while ((n = read(part->fd, bytes, sizeof(bytes))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return staging_write_failed(part->staging, errno);
		sha256_update(part->sha256, bytes, (size_t)n);
		part->size += (uint64_t)n;
	}
	return 0;
}

int part_file_init(struct part_file *part, const struct staging *staging, bool keep)
{
	_cleanup_free_ char *path = staging_file(staging, PART_FILE);

	*part = (struct part_file){.staging = staging, .fd = -1};
	if (!path)
		return -ENOMEM;
	if (sha256_create(&part->sha256) < 0)
		return log_oom(staging->log, "pulling");
	part->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | (keep ? 0 : O_TRUNC), 0600);
	if (part->fd < 0)
		return staging_write_failed(staging, errno);
	return hash_kept(part);
}

void part_file_finish(struct part_file *part)
{
	if (part->fd >= 0)
		(void)close(part->fd);
	sha256_destroy(part->sha256);
	part->sha256 = NULL;
	part->fd = -1;
}

int part_file_write(struct part_file *part, const void *data, size_t size)
{
	int r = write_all(part->fd, data, size);

	if (r < 0)
		return staging_write_failed(part->staging, -r);
	sha256_update(part->sha256, data, size);
	part->size += size;
	return 0;
}

int part_file_truncate(struct part_file *part)
{
	struct sha256 *fresh;

	if (part->size == 0)
		return 0;
	if (sha256_create(&fresh) < 0)
		return log_oom(part->staging->log, "pulling");
	sha256_destroy(part->sha256);
	part->sha256 = fresh;
	part->size = 0;
	if (ftruncate(part->fd, 0) < 0 || lseek(part->fd, 0, SEEK_SET) < 0)
		return staging_write_failed(part->staging, errno);
	return 0;
}

int part_file_check(struct part_file *part, const char *wanted, char hex[static SHA256_HEX_SIZE])
{
	sha256_finish(part->sha256, hex);
	if (!wanted || strcasecmp(hex, wanted) == 0)
		return 0;
	staging_empty(part->staging);
	return log_error(part->staging->log, EBADMSG,
			 "what came is not what was wanted, and was thrown away: its SHA-256 is "
			 "%s, not %s",
			 hex, wanted);
}

int hash_of_file(const char *path, char hex[static SHA256_HEX_SIZE])
{
	struct sha256 *sha256;
	struct file_map map;
	int r;

	r = sha256_create(&sha256);
	if (r < 0)
		return r;
	r = file_map_init(&map, path, NULL);
	if (r == 0) {
		sha256_update(sha256, map.data, map.size);
		sha256_finish(sha256, hex);
		file_map_finish(&map);
	}
	sha256_destroy(sha256);
	return r;
}

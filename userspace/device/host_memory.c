// SPDX-License-Identifier: MIT
/*
 * Owns the reading of /proc/meminfo and of cgroups. Refuses nothing but a machine that does not say how
 * much memory it has: a cgroup that cannot be read is one without a limit.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "host_memory.h"

#define CGROUPS "/sys/fs/cgroup"

enum { FILE_TEXT_MAX = 16384 };

/* The beginning of the file ROOT/FOLDER/NAME; false where it cannot be read. */
static bool read_text(const char *root, const char *folder, const char *name,
		      char text[static FILE_TEXT_MAX])
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[PATH_MAX];
	int size = snprintf(path, sizeof(path), "%s%s/%s", root, folder, name);

	if (size < 0 || (size_t)size >= sizeof(path))
		return false;
	file = fopen(path, "re");
	if (!file)
		return false;
	text[fread(text, 1, FILE_TEXT_MAX - 1, file)] = '\0';
	return true;
}

/* The number behind KEY at the beginning of a line. */
static bool find_number(const char *text, const char *key, uint64_t *ret)
{
	size_t size = strlen(key);

	while (strncmp(text, key, size) != 0) {
		text = strchr(text, '\n');
		if (!text)
			return false;
		text++;
	}
	*ret = strtoull(text + size, NULL, 10);
	return true;
}

/* UINT64_MAX where there is no limit. */
static uint64_t read_limit(const char *root, const char *folder, const char *name)
{
	char text[FILE_TEXT_MAX];

	if (!read_text(root, folder, name, text) || *text < '0' || *text > '9')
		return UINT64_MAX;
	return strtoull(text, NULL, 10);
}

/* What the cgroup in FOLDER leaves of MEMORY. */
static void apply_cgroup(const char *root, const char *folder, struct host_memory *memory)
{
	uint64_t limit = MIN(read_limit(root, folder, "memory.max"),
			     read_limit(root, folder, "memory.high"));
	uint64_t used = read_limit(root, folder, "memory.current"), idle = 0;
	char text[FILE_TEXT_MAX];

	if (limit == UINT64_MAX)
		return;
	if (read_text(root, folder, "memory.stat", text))
		(void)find_number(text, "inactive_file ", &idle);
	used = used == UINT64_MAX ? 0 : used - MIN(used, idle);
	memory->total_bytes = MIN(memory->total_bytes, limit);
	memory->available_bytes = MIN(memory->available_bytes, limit - MIN(limit, used));
}

static void apply_cgroups(const char *root, struct host_memory *memory)
{
	char text[FILE_TEXT_MAX], folder[PATH_MAX];
	const char *at;
	char *end;
	int size;

	if (!read_text(root, "/proc/self", "cgroup", text))
		return;
	at = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
	if (!at)
		return;
	at = strchr(at, '/');
	/* A process outside of its namespace's root: the root is all that can be seen. */
	size = snprintf(folder, sizeof(folder), CGROUPS "%.*s",
			strncmp(at, "/..", 3) == 0 ? 0 : (int)strcspn(at, "\n"), at);
	if (size < 0 || (size_t)size >= sizeof(folder))
		return;
	while ((size_t)size >= sizeof(CGROUPS) - 1) {
		apply_cgroup(root, folder, memory);
		end = strrchr(folder, '/');
		*end = '\0';
		size = (int)(end - folder);
	}
}

int host_memory_read(const char *root, struct host_memory *ret)
{
	struct host_memory memory;
	char text[FILE_TEXT_MAX];

	if (!read_text(root, "/proc", "meminfo", text) ||
	    !find_number(text, "MemTotal:", &memory.total_bytes) ||
	    !find_number(text, "MemAvailable:", &memory.available_bytes))
		return -EIO;
	memory.total_bytes *= 1024;
	memory.available_bytes *= 1024;
	apply_cgroups(root, &memory);
	*ret = memory;
	return 0;
}

// SPDX-License-Identifier: MIT
/*
 * Owns the reading of /proc/meminfo and of cgroups. Refuses nothing but a machine that does not say how
 * much memory it has: a cgroup that cannot be read is one without a limit.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "host_memory.h"
#include "path.h"

#define CGROUPS "/sys/fs/cgroup"

/*
 * The line of the file ROOT/FOLDER/NAME that begins with KEY, for the caller to free; NULL where there is
 * none. Not on the stack: who calls us may have little.
 */
static char *find_line(const char *root, const char *folder, const char *name, const char *key)
{
	_cleanup_free_ char *path = path_format("%s%s/%s", root, folder, name), *line = NULL;
	_cleanup_fclose_ FILE *file = path ? fopen(path, "re") : NULL;
	size_t capacity = 0;

	while (file && getline(&line, &capacity, file) >= 0) {
		if (strncmp(line, key, strlen(key)) == 0)
			return TAKE(line);
	}
	return NULL;
}

/* The number behind KEY. */
static bool find_number(const char *root, const char *folder, const char *name, const char *key,
			uint64_t *ret)
{
	_cleanup_free_ char *line = find_line(root, folder, name, key);

	if (!line)
		return false;
	*ret = strtoull(line + strlen(key), NULL, 10);
	return true;
}

/* UINT64_MAX where there is no limit. */
static uint64_t read_limit(const char *root, const char *folder, const char *name)
{
	_cleanup_free_ char *line = find_line(root, folder, name, "");

	return line && *line >= '0' && *line <= '9' ? strtoull(line, NULL, 10) : UINT64_MAX;
}

/* What the cgroup in FOLDER leaves of MEMORY. */
static void apply_cgroup(const char *root, const char *folder, struct host_memory *memory)
{
	uint64_t limit = MIN(read_limit(root, folder, "memory.max"),
			     read_limit(root, folder, "memory.high"));
	uint64_t used = read_limit(root, folder, "memory.current"), idle = 0;

	if (limit == UINT64_MAX)
		return;
	(void)find_number(root, folder, "memory.stat", "inactive_file ", &idle);
	used = used == UINT64_MAX ? 0 : used - MIN(used, idle);
	memory->total_bytes = MIN(memory->total_bytes, limit);
	memory->available_bytes = MIN(memory->available_bytes, limit - MIN(limit, used));
}

static void apply_cgroups(const char *root, struct host_memory *memory)
{
	_cleanup_free_ char *line = find_line(root, "/proc/self", "cgroup", "0::/"), *folder = NULL;
	size_t size;

	if (!line)
		return;
	/* A process outside of its namespace's root: the root is all that can be seen. */
	size = strncmp(line, "0::/..", 6) == 0 ? 0 : strcspn(line + 3, "\n");
	folder = path_format(CGROUPS "%.*s", (int)size, line + 3);
	for (size = folder ? strlen(folder) : 0; size >= sizeof(CGROUPS) - 1;
	     size = (size_t)(strrchr(folder, '/') - folder)) {
		folder[size] = '\0';
		apply_cgroup(root, folder, memory);
	}
}

int host_memory_read(const char *root, struct host_memory *ret)
{
	struct host_memory memory;

	if (!find_number(root, "/proc", "meminfo", "MemTotal:", &memory.total_bytes) ||
	    !find_number(root, "/proc", "meminfo", "MemAvailable:", &memory.available_bytes))
		return -EIO;
	memory.total_bytes *= 1024;
	memory.available_bytes *= 1024;
	apply_cgroups(root, &memory);
	*ret = memory;
	return 0;
}

// SPDX-License-Identifier: MIT
/*
 * Owns host memory as a device's memory. Read-only buffers use the caller's bytes in place; others
 * are mapped anonymously, so that pages nobody has touched (most of a long cache) cost nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "array.h"
#include "cleanup.h"
#include "host_buffer.h"
#include "host_memory.h"

struct host_buffer {
	struct buffer base;
	uint8_t *data;
	bool owned;
};

static struct host_buffer *host_buffer_from(const struct buffer *buffer)
{
	return (struct host_buffer *)buffer;
}

static int host_buffer_map(struct host_buffer *buffer, struct device *device)
{
	void *data = mmap(NULL, buffer->base.size_bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (data == MAP_FAILED)
		return log_error(device->log, ENOMEM, "%s: no room for a buffer of %zu bytes",
				 device->name, buffer->base.size_bytes);
	buffer->data = data;
	buffer->owned = true;
	return 0;
}

int host_buffer_create(struct device *device, const struct buffer_params *params,
		       struct buffer **ret_buffer)
{
	_cleanup_free_ struct host_buffer *buffer = calloc(1, sizeof(*buffer));
	int r;

	if (!buffer)
		return log_oom(device->log, "making a buffer");
	buffer->base = (struct buffer){device, params->size_bytes};
	if (params->read_only) {
		buffer->data = (uint8_t *)params->initial;
	} else {
		r = host_buffer_map(buffer, device);
		if (r < 0)
			return r;
		if (params->initial)
			memcpy(buffer->data, params->initial, params->size_bytes);
	}
	*ret_buffer = &TAKE(buffer)->base;
	return 0;
}

void host_buffer_destroy(struct buffer *base)
{
	struct host_buffer *buffer = host_buffer_from(base);

	if (buffer->owned)
		(void)munmap(buffer->data, base->size_bytes);
	free(buffer);
}

int host_buffer_write(struct buffer *buffer, size_t offset_bytes, const void *from,
		      size_t size_bytes)
{
	memcpy(host_buffer_from(buffer)->data + offset_bytes, from, size_bytes);
	return 0;
}

int host_buffer_read(struct buffer *buffer, size_t offset_bytes, void *to, size_t size_bytes)
{
	memcpy(to, host_buffer_from(buffer)->data + offset_bytes, size_bytes);
	return 0;
}

uint8_t *host_buffer_data(const struct buffer *buffer)
{
	return host_buffer_from(buffer)->data;
}

/* What a limit on the address space (ulimit -v) leaves; UINT64_MAX where there is none. */
static uint64_t address_space_left(void)
{
	_cleanup_fclose_ FILE *file = NULL;
	struct rlimit limit;
	uint64_t pages = 0, used;

	if (getrlimit(RLIMIT_AS, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	file = fopen("/proc/self/statm", "re");
	if (!file || fscanf(file, "%" SCNu64, &pages) != 1)
		pages = 0;
	used = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return limit.rlim_cur - MIN(limit.rlim_cur, used);
}

int host_memory_info(struct device *device, struct memory_info *ret_info)
{
	struct host_memory memory;

	if (host_memory_read("", &memory) < 0)
		return log_error(device->log, EIO,
				 "/proc/meminfo does not say how much memory there is");
	*ret_info = (struct memory_info){
		.total_bytes = memory.total_bytes,
		.available_bytes = MIN(memory.available_bytes, address_space_left()),
		.max_buffer_bytes = SIZE_MAX,
		.shared_with_host = true,
	};
	return 0;
}

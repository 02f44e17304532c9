// SPDX-License-Identifier: MIT
/*
 * Owns device memory. Weights on a processor's own device are used where they are; everywhere else
 * they are copied. Refuses buffers larger than the device can make.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "internal.h"

enum { STAGING_BYTES = 1 << 20 };

static cl_mem_flags flags_of(const struct opencl_device *device, const struct buffer_params *params)
{
	cl_mem_flags flags = params->read_only ? CL_MEM_READ_ONLY : CL_MEM_READ_WRITE;

	if (!params->initial)
		return flags;
	if (params->read_only && device->facts.unified && (device->facts.type & CL_DEVICE_TYPE_CPU))
		return flags | CL_MEM_USE_HOST_PTR;
	return flags | CL_MEM_COPY_HOST_PTR;
}

int opencl_buffer_create(struct device *base, const struct buffer_params *params,
			 struct buffer **ret_buffer)
{
	struct opencl_device *device = opencl_device_from(base);
	_cleanup_free_ struct opencl_buffer *buffer = calloc(1, sizeof(*buffer));
	cl_int code;

	if (!buffer)
		return log_oom(base->log, "making a buffer");
	if (device->is_lost)
		return -ENODEV;
	if (params->size_bytes > device->facts.max_buffer_bytes)
		return log_error(
			base->log, ENOMEM,
			"%s: a buffer of %zu MiB is wanted and the device makes at most %" PRIu64
			" MiB at once",
			base->name, params->size_bytes >> 20,
			(uint64_t)device->facts.max_buffer_bytes >> 20);
	buffer->base = (struct buffer){base, params->size_bytes};
	buffer->memory = clCreateBuffer(device->context, flags_of(device, params),
					params->size_bytes, (void *)params->initial, &code);
	if (code != CL_SUCCESS)
		return opencl_failed(device, "clCreateBuffer", code);
	*ret_buffer = &TAKE(buffer)->base;
	return 0;
}

void opencl_buffer_destroy(struct buffer *base)
{
	struct opencl_buffer *buffer = (struct opencl_buffer *)base;

	if (!opencl_hangs(opencl_device_from(base->device)))
		(void)clReleaseMemObject(buffer->memory);
	free(buffer);
}

/* ---- transfers ---- */

void *driver_memory_alloc(size_t size_bytes)
{
	return calloc(1, size_bytes);
}

void driver_memory_free(const struct opencl_device *device, void *memory)
{
	if (!device->is_lost)
		free(memory);
}

/* 0 when the device can be used and there is memory to pass bytes through. */
static int begin_transfer(struct opencl_device *device)
{
	if (device->is_lost)
		return -ENODEV;
	if (!device->staging)
		device->staging = driver_memory_alloc(STAGING_BYTES);
	return device->staging ? 0 : log_oom(device->base.log, "reaching a device's memory");
}

/* Through memory of ours, because a driver that is given up may still read or write there. */
int opencl_write(struct opencl_device *device, cl_mem memory, size_t offset_bytes, const void *from,
		 size_t size_bytes)
{
	int r = begin_transfer(device);

	for (size_t done = 0, n; done < size_bytes && r == 0; done += n) {
		cl_event event;
		cl_int code;

		n = MIN(size_bytes - done, (size_t)STAGING_BYTES);
		memcpy(device->staging, (const char *)from + done, n);
		code = clEnqueueWriteBuffer(device->queue, memory, CL_FALSE, offset_bytes + done, n,
					    device->staging, 0, NULL, &event);
		r = code == CL_SUCCESS ? opencl_wait(device, "clEnqueueWriteBuffer", event)
				       : opencl_failed(device, "clEnqueueWriteBuffer", code);
	}
	return r;
}

int opencl_buffer_write(struct buffer *buffer, size_t offset_bytes, const void *from,
			size_t size_bytes)
{
	return opencl_write(opencl_device_from(buffer->device), opencl_memory(buffer), offset_bytes,
			    from, size_bytes);
}

int opencl_buffer_read(struct buffer *buffer, size_t offset_bytes, void *to, size_t size_bytes)
{
	struct opencl_device *device = opencl_device_from(buffer->device);
	int r = begin_transfer(device);

	for (size_t done = 0, n; done < size_bytes && r == 0; done += n) {
		cl_event event;
		cl_int code;

		n = MIN(size_bytes - done, (size_t)STAGING_BYTES);
		code = clEnqueueReadBuffer(device->queue, opencl_memory(buffer), CL_FALSE,
					   offset_bytes + done, n, device->staging, 0, NULL,
					   &event);
		r = code == CL_SUCCESS ? opencl_wait(device, "clEnqueueReadBuffer", event)
				       : opencl_failed(device, "clEnqueueReadBuffer", code);
		if (r == 0)
			memcpy((char *)to + done, device->staging, n);
	}
	return r;
}

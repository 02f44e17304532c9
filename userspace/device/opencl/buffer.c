// SPDX-License-Identifier: MIT
/*
 * Owns device memory. Weights on a processor's own device are used where they are; everywhere else
 * they are copied. Refuses buffers larger than the device can make.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cleanup.h"
#include "internal.h"

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
		return cl_failed(base->log, base->name, "clCreateBuffer", code);
	*ret_buffer = &TAKE(buffer)->base;
	return 0;
}

void opencl_buffer_destroy(struct buffer *base)
{
	struct opencl_buffer *buffer = (struct opencl_buffer *)base;

	(void)clReleaseMemObject(buffer->memory);
	free(buffer);
}

int opencl_buffer_write(struct buffer *buffer, size_t offset_bytes, const void *from,
			size_t size_bytes)
{
	struct opencl_device *device = opencl_device_from(buffer->device);
	cl_int code;

	if (size_bytes == 0)
		return 0;
	code = clEnqueueWriteBuffer(device->queue, opencl_memory(buffer), CL_TRUE, offset_bytes,
				    size_bytes, from, 0, NULL, NULL);
	return code == CL_SUCCESS ? 0
				  : cl_failed(device->base.log, device->base.name,
					      "clEnqueueWriteBuffer", code);
}

int opencl_buffer_read(struct buffer *buffer, size_t offset_bytes, void *to, size_t size_bytes)
{
	struct opencl_device *device = opencl_device_from(buffer->device);
	cl_int code;

	if (size_bytes == 0)
		return 0;
	code = clEnqueueReadBuffer(device->queue, opencl_memory(buffer), CL_TRUE, offset_bytes,
				   size_bytes, to, 0, NULL, NULL);
	return code == CL_SUCCESS ? 0
				  : cl_failed(device->base.log, device->base.name,
					      "clEnqueueReadBuffer", code);
}

// SPDX-License-Identifier: MIT
/* Owns the OpenCL device: context, queue, what it says of its memory. Discovery is discover.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "family.h"
#include "host_buffer.h"
#include "internal.h"

static void opencl_close(struct device *base)
{
	struct opencl_device *device = opencl_device_from(base);

	if (!opencl_hangs(device)) {
		if (device->queue)
			(void)clReleaseCommandQueue(device->queue);
		if (device->context)
			(void)clReleaseContext(device->context);
	}
	driver_memory_free(device, device->staging);
	watchdog_destroy(device->watchdog);
	free(device->cache_dir);
	free(device);
}

static void opencl_close_p(struct opencl_device **device)
{
	if (*device)
		opencl_close(&(*device)->base);
}

int opencl_failed(struct opencl_device *device, const char *call, cl_int code)
{
	const struct device *base = &device->base;
	int r;

	if (code == SLM_DEVICE_HANGS) {
		device->is_lost = true;
		return log_error(
			base->log, ENODEV,
			"%s: its driver hangs: nothing moved for %u ms (%s); the device is not "
			"used any more",
			base->name, watchdog_limit_ms(device->watchdog), call);
	}
	r = cl_failed(base->log, base->name, call, code);
	device->is_lost |= r == -ENODEV;
	return r;
}

int opencl_wait(struct opencl_device *device, const char *call, cl_event event)
{
	cl_int code = clFlush(device->queue);

	if (code == CL_SUCCESS)
		code = watchdog_wait(device->watchdog, event);
	if (code != SLM_DEVICE_HANGS)
		(void)clReleaseEvent(event);
	return code == CL_SUCCESS ? 0 : opencl_failed(device, call, code);
}

void opencl_finish(struct opencl_device *device)
{
	cl_event event;
	cl_int code;

	if (device->is_lost ||
	    clEnqueueMarkerWithWaitList(device->queue, 0, NULL, &event) != CL_SUCCESS)
		return;
	code = clFlush(device->queue);
	if (code == CL_SUCCESS)
		code = watchdog_wait(device->watchdog, event);
	if (code == SLM_DEVICE_HANGS)
		(void)opencl_failed(device, "clEnqueueMarkerWithWaitList", code);
	else
		(void)clReleaseEvent(event);
}

static int make_queue(struct opencl_device *device)
{
	cl_int code;

	device->context = clCreateContext(NULL, 1, &device->facts.device, NULL, NULL, &code);
	if (code != CL_SUCCESS)
		return cl_failed(device->base.log, device->base.name, "clCreateContext", code);
	device->queue = clCreateCommandQueue(device->context, device->facts.device, 0, &code);
	if (code != CL_SUCCESS)
		return cl_failed(device->base.log, device->base.name, "clCreateCommandQueue", code);
	return 0;
}

/* The environment is for tests of whole programs. */
static unsigned watchdog_ms(const struct device_params *params)
{
	const char *wanted = getenv("SLM_OPENCL_WATCHDOG_MS");
	unsigned long ms = wanted ? strtoul(wanted, NULL, 10) : 0;

	return ms > 0 && ms < WATCHDOG_NONE ? (unsigned)ms : params->watchdog_ms;
}

static int opencl_open(const struct device_params *params, struct device **ret_device)
{
	_cleanup_(opencl_close_p) struct opencl_device *device = calloc(1, sizeof(*device));
	int r;

	if (!device)
		return log_oom(params->log, "opening an OpenCL device");
	device->base = (struct device){.ops = params->ops, .log = params->log};
	device->cancel = params->cancel;
	device->facts = *(const struct opencl_facts *)params->driver_data;
	device->wait = &((struct opencl_facts *)params->driver_data)->wait;
	device->family = opencl_family_choose(&device->facts, params->kernel_family);
	(void)snprintf(device->base.name, sizeof(device->base.name), "opencl:%u.%u (%.64s, %s)",
		       device->facts.platform_index, device->facts.device_index, device->facts.name,
		       device->family->name);
	if (params->cache_dir) {
		device->cache_dir = strdup(params->cache_dir);
		if (!device->cache_dir)
			return log_oom(params->log, "opening an OpenCL device");
	}
	r = watchdog_create(watchdog_ms(params), &device->watchdog);
	if (r < 0)
		return log_oom(params->log, "opening an OpenCL device");
	r = make_queue(device);
	if (r < 0)
		return r;
	*ret_device = &TAKE(device)->base;
	return 0;
}

static int opencl_memory_info(struct device *base, struct memory_info *ret_info)
{
	const struct opencl_device *device = opencl_device_from(base);
	struct memory_info info = {
		.total_bytes = device->facts.memory_bytes,
		.available_bytes = device->facts.memory_bytes,
		.max_buffer_bytes = device->facts.max_buffer_bytes,
		.shared_with_host = device->facts.unified,
	};
	struct memory_info host;
	int r;

	if (device->is_lost)
		return -ENODEV;
	/* What a driver says of memory it shares with the host is a guess made at its start. */
	if (info.shared_with_host) {
		r = host_memory_info(base, &host);
		if (r < 0)
			return r;
		info.total_bytes = host.total_bytes;
		info.available_bytes = host.available_bytes;
	}
	*ret_info = info;
	return 0;
}

const struct device_ops opencl_device_ops = {
	.name = "opencl",
	.weight_form = WEIGHTS_PACKED,
	.open = opencl_open,
	.close = opencl_close,
	.supports = opencl_supports,
	.buffer_create = opencl_buffer_create,
	.buffer_destroy = opencl_buffer_destroy,
	.buffer_write = opencl_buffer_write,
	.buffer_read = opencl_buffer_read,
	.segment_create = opencl_segment_create,
	.segment_destroy = opencl_segment_destroy,
	.segment_run = opencl_segment_run,
	.memory_info = opencl_memory_info,
};

// SPDX-License-Identifier: MIT
/* Owns contexts and buffers. Refuses contexts of several devices, and more memory than a device shows. */
#include <stdlib.h>

#include "internal.h"

static void *fail(cl_int *ret_code, cl_int code)
{
	if (ret_code)
		*ret_code = code;
	return NULL;
}

static cl_context
create_context(const cl_context_properties *properties, cl_uint n, const cl_device_id *devices,
	       void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *user,
	       cl_int *ret_code)
{
	cl_int code = n == 1 ? fault_device_gone(devices[0]) : CL_INVALID_VALUE;
	struct node *node = NULL;
	cl_context context;

	(void)properties;
	(void)notify;
	(void)user;
	if (code == CL_SUCCESS)
		code = node_create(devices[0], &node);
	if (code != CL_SUCCESS)
		return fail(ret_code, code);
	context = object_create(sizeof(*context), OBJECT_CONTEXT, devices[0], node);
	node_release(node);
	if (!context)
		return fail(ret_code, CL_OUT_OF_HOST_MEMORY);
	context->real = mock.real->clCreateContext(NULL, 1, &mock.real_device, NULL, NULL, &code);
	if (ret_code)
		*ret_code = code;
	if (code == CL_SUCCESS)
		return context;
	(void)object_release(&context->object);
	free(context);
	return NULL;
}

static cl_int retain_context(cl_context context)
{
	object_retain(&context->object);
	return CL_SUCCESS;
}

static cl_int release_context(cl_context context)
{
	if (!object_is(context, OBJECT_CONTEXT))
		return CL_INVALID_CONTEXT;
	if (object_release(&context->object)) {
		(void)mock.real->clReleaseContext(context->real);
		free(context);
	}
	return CL_SUCCESS;
}

static cl_mem create_buffer(cl_context context, cl_mem_flags flags, size_t size_bytes, void *host,
			    cl_int *ret_code)
{
	cl_device_id device = context->object.device;
	cl_int code = fault_at(&context->object, POINT_BUFFER).code;
	cl_mem memory;

	if (code == CL_SUCCESS && !memory_take(device, size_bytes))
		code = CL_MEM_OBJECT_ALLOCATION_FAILURE;
	if (code != CL_SUCCESS)
		return fail(ret_code, code);
	memory = object_create_from(&context->object, sizeof(*memory), OBJECT_MEMORY);
	if (!memory)
		return fail(ret_code, CL_OUT_OF_HOST_MEMORY);
	memory->size_bytes = size_bytes;
	memory->real = mock.real->clCreateBuffer(context->real, flags, size_bytes, host, &code);
	if (ret_code)
		*ret_code = code;
	if (code == CL_SUCCESS)
		return memory;
	memory_give(device, size_bytes);
	(void)object_release(&memory->object);
	free(memory);
	return NULL;
}

static cl_int retain_memory(cl_mem memory)
{
	object_retain(&memory->object);
	return CL_SUCCESS;
}

static cl_int release_memory(cl_mem memory)
{
	if (!object_is(memory, OBJECT_MEMORY))
		return CL_INVALID_MEM_OBJECT;
	if (object_release(&memory->object)) {
		memory_give(memory->object.device, memory->size_bytes);
		(void)mock.real->clReleaseMemObject(memory->real);
		free(memory);
	}
	return CL_SUCCESS;
}

void memory_fill(cl_icd_dispatch *table)
{
	table->clCreateContext = create_context;
	table->clRetainContext = retain_context;
	table->clReleaseContext = release_context;
	table->clCreateBuffer = create_buffer;
	table->clRetainMemObject = retain_memory;
	table->clReleaseMemObject = release_memory;
}

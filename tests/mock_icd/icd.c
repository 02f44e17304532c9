// SPDX-License-Identifier: MIT
/*
 * Owns the table that the ICD loader calls through and the two functions it looks for. Refuses every
 * call that slm has no use for.
 */
#include <string.h>

#include "internal.h"

struct mock mock;

EXPORTED void *clGetExtensionFunctionAddress(const char *name);
EXPORTED cl_int clIcdGetPlatformIDsKHR(cl_uint n, cl_platform_id *platforms, cl_uint *ret_n);

static cl_int refuse(void)
{
	return CL_INVALID_OPERATION;
}

static void *refuse_object(void)
{
	return NULL;
}

/* Calls are made with more arguments than these two take, which every ABI of Linux allows. */
static void fill_slot(void *slot, void (*function)(void))
{
	memcpy(slot, &function, sizeof(function));
}

static void fill_refusals(cl_icd_dispatch *table)
{
	void *objects[] = {
		&table->clCreateContextFromType,
		&table->clCreateImage2D,
		&table->clCreateImage3D,
		&table->clCreateSampler,
		&table->clEnqueueMapBuffer,
		&table->clEnqueueMapImage,
		&table->clCreateFromGLBuffer,
		&table->clCreateFromGLTexture2D,
		&table->clCreateFromGLTexture3D,
		&table->clCreateFromGLRenderbuffer,
		&table->clCreateFromGLTexture,
		&table->clCreateSubBuffer,
		&table->clCreateUserEvent,
		&table->clCreateEventFromGLsyncKHR,
		&table->clCreateImage,
		&table->clCreateProgramWithBuiltInKernels,
		&table->clLinkProgram,
		&table->clGetExtensionFunctionAddressForPlatform,
		&table->clCreateFromEGLImageKHR,
		&table->clCreateEventFromEGLSyncKHR,
		&table->clCreateCommandQueueWithProperties,
		&table->clCreatePipe,
		&table->clSVMAlloc,
		&table->clCreateSamplerWithProperties,
		&table->clCloneKernel,
		&table->clCreateProgramWithIL,
		&table->clCreateBufferWithProperties,
		&table->clCreateImageWithProperties,
	};

	for (size_t i = 0; i < sizeof(*table) / sizeof(void *); i++)
		fill_slot((char *)table + i * sizeof(void *), (void (*)(void))refuse);
	for (size_t i = 0; i < sizeof(objects) / sizeof(*objects); i++)
		fill_slot(objects[i], (void (*)(void))refuse_object);
}

static void init_once(void)
{
	cl_icd_dispatch *table = &mock.dispatch;

	fill_refusals(table);
	info_fill(table);
	memory_fill(table);
	program_fill(table);
	command_fill(table);
	event_fill(table);
	table->clGetExtensionFunctionAddress = clGetExtensionFunctionAddress;
	config_read(&mock);
	if (backend_load(&mock))
		faults_init();
}

bool mock_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, init_once);
	return mock.real && mock.real_device;
}

cl_int clIcdGetPlatformIDsKHR(cl_uint n, cl_platform_id *platforms, cl_uint *ret_n)
{
	if (!mock_init())
		return CL_PLATFORM_NOT_FOUND_KHR;
	return mock.dispatch.clGetPlatformIDs(n, platforms, ret_n);
}

void *clGetExtensionFunctionAddress(const char *name)
{
	void *address = NULL;

	if (strcmp(name, "clIcdGetPlatformIDsKHR") == 0) {
		cl_int (*function)(cl_uint, cl_platform_id *, cl_uint *) = clIcdGetPlatformIDsKHR;

		memcpy(&address, &function, sizeof(address));
	} else if (strcmp(name, "clGetPlatformInfo") == 0 && mock_init()) {
		memcpy(&address, &mock.dispatch.clGetPlatformInfo, sizeof(address));
	}
	return address;
}

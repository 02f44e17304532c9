// SPDX-License-Identifier: MIT
/* Owns programs and kernels. Refuses programs for several devices. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static const char build_log[] = "mock: this compiler was told to fail";

static cl_program wrap(cl_context context, cl_program real, bool is_binary, cl_int *ret_code)
{
	cl_program program = object_create_from(&context->object, sizeof(*program), OBJECT_PROGRAM);

	if (!program) {
		(void)mock.real->clReleaseProgram(real);
		*ret_code = CL_OUT_OF_HOST_MEMORY;
		return NULL;
	}
	program->real = real;
	program->is_binary = is_binary;
	return program;
}

static cl_program create_with_source(cl_context context, cl_uint n, const char **texts,
				     const size_t *sizes, cl_int *ret_code)
{
	cl_int code = fault_gone(&context->object);
	cl_program program = NULL;

	if (code == CL_SUCCESS)
		program =
			mock.real->clCreateProgramWithSource(context->real, n, texts, sizes, &code);
	if (code == CL_SUCCESS)
		program = wrap(context, program, false, &code);
	if (ret_code)
		*ret_code = code;
	return program;
}

static cl_program create_with_binary(cl_context context, cl_uint n, const cl_device_id *devices,
				     const size_t *sizes, const unsigned char **binaries,
				     cl_int *ret_status, cl_int *ret_code)
{
	cl_int code = n == 1 ? fault_gone(&context->object) : CL_INVALID_VALUE;
	cl_program program = NULL;

	(void)devices;
	if (code == CL_SUCCESS)
		program = mock.real->clCreateProgramWithBinary(context->real, 1, &mock.real_device,
							       sizes, binaries, ret_status, &code);
	if (code == CL_SUCCESS)
		program = wrap(context, program, true, &code);
	if (ret_code)
		*ret_code = code;
	return program;
}

static cl_int build(cl_program program, cl_uint n, const cl_device_id *devices, const char *options,
		    void(CL_CALLBACK *notify)(cl_program, void *), void *user)
{
	cl_int code;

	(void)devices;
	(void)user;
	if (n > 1 || notify)
		return CL_INVALID_VALUE;
	code = fault_at(&program->object, program->is_binary ? POINT_LOAD : POINT_BUILD).code;
	program->failed = code == CL_BUILD_PROGRAM_FAILURE;
	if (code != CL_SUCCESS)
		return code;
	return mock.real->clBuildProgram(program->real, 1, &mock.real_device, options, NULL, NULL);
}

static cl_int get_build_info(cl_program program, cl_device_id device, cl_program_build_info what,
			     size_t room, void *value, size_t *ret_size)
{
	cl_int code = fault_gone(&program->object);

	(void)device;
	if (code != CL_SUCCESS)
		return code;
	if (program->failed && what == CL_PROGRAM_BUILD_LOG)
		return info_give(build_log, sizeof(build_log), room, value, ret_size);
	return mock.real->clGetProgramBuildInfo(program->real, mock.real_device, what, room, value,
						ret_size);
}

static cl_int get_program_info(cl_program program, cl_program_info what, size_t room, void *value,
			       size_t *ret_size)
{
	const size_t none = 0;
	cl_int code = fault_gone(&program->object);

	if (code != CL_SUCCESS)
		return code;
	if (what != CL_PROGRAM_BINARY_SIZES && what != CL_PROGRAM_BINARIES)
		return CL_INVALID_VALUE;
	if (mock.has_binaries)
		return mock.real->clGetProgramInfo(program->real, what, room, value, ret_size);
	if (what == CL_PROGRAM_BINARY_SIZES)
		return info_give(&none, sizeof(none), room, value, ret_size);
	return CL_SUCCESS;
}

static cl_int retain_program(cl_program program)
{
	object_retain(&program->object);
	return CL_SUCCESS;
}

static cl_int release_program(cl_program program)
{
	if (!object_is(program, OBJECT_PROGRAM))
		return CL_INVALID_PROGRAM;
	if (object_release(&program->object)) {
		(void)mock.real->clReleaseProgram(program->real);
		free(program);
	}
	return CL_SUCCESS;
}

/* ---- kernels ---- */

static cl_kernel create_kernel(cl_program program, const char *name, cl_int *ret_code)
{
	cl_int code = fault_gone(&program->object);
	cl_kernel kernel = NULL, real = NULL;

	if (code == CL_SUCCESS)
		real = mock.real->clCreateKernel(program->real, name, &code);
	if (code == CL_SUCCESS) {
		kernel = object_create_from(&program->object, sizeof(*kernel), OBJECT_KERNEL);
		code = kernel ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
	}
	if (kernel)
		kernel->real = real;
	else if (real)
		(void)mock.real->clReleaseKernel(real);
	if (ret_code)
		*ret_code = code;
	return kernel;
}

static cl_int set_kernel_arg(cl_kernel kernel, cl_uint index, size_t size, const void *value)
{
	cl_int code = fault_gone(&kernel->object);
	cl_mem memory = NULL;

	if (code != CL_SUCCESS)
		return code;
	/* Whether eight bytes are a buffer is told by there being such a buffer. */
	if (value && size == sizeof(memory))
		memcpy(&memory, value, sizeof(memory));
	if (memory && object_is_live(memory, OBJECT_MEMORY))
		value = &memory->real;
	return mock.real->clSetKernelArg(kernel->real, index, size, value);
}

static cl_int retain_kernel(cl_kernel kernel)
{
	object_retain(&kernel->object);
	return CL_SUCCESS;
}

static cl_int release_kernel(cl_kernel kernel)
{
	if (!object_is(kernel, OBJECT_KERNEL))
		return CL_INVALID_KERNEL;
	if (object_release(&kernel->object)) {
		(void)mock.real->clReleaseKernel(kernel->real);
		free(kernel);
	}
	return CL_SUCCESS;
}

void program_fill(cl_icd_dispatch *table)
{
	table->clCreateProgramWithSource = create_with_source;
	table->clCreateProgramWithBinary = create_with_binary;
	table->clBuildProgram = build;
	table->clGetProgramBuildInfo = get_build_info;
	table->clGetProgramInfo = get_program_info;
	table->clRetainProgram = retain_program;
	table->clReleaseProgram = release_program;
	table->clCreateKernel = create_kernel;
	table->clSetKernelArg = set_kernel_arg;
	table->clRetainKernel = retain_kernel;
	table->clReleaseKernel = release_kernel;
}

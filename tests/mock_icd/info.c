// SPDX-License-Identifier: MIT
/* Owns what platforms and devices say of themselves. Refuses no question: the driver underneath may. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { LONG_NAME = 1 << 20, EXTENSIONS_MAX = 16384 };

cl_int info_give(const void *at, size_t size, size_t room, void *value, size_t *ret_size)
{
	if (ret_size)
		*ret_size = size;
	if (!value)
		return CL_SUCCESS;
	if (room < size)
		return CL_INVALID_VALUE;
	memcpy(value, at, size);
	return CL_SUCCESS;
}

static cl_int give_text(const char *text, size_t room, void *value, size_t *ret_size)
{
	return info_give(text, strlen(text) + 1, room, value, ret_size);
}

/* ---- platforms ---- */

static cl_int get_platforms(cl_uint room, cl_platform_id *platforms, cl_uint *ret_n)
{
	if (!mock_init())
		return CL_PLATFORM_NOT_FOUND_KHR;
	if (ret_n)
		*ret_n = mock.n_platforms;
	for (cl_uint i = 0; platforms && i < room && i < mock.n_platforms; i++)
		platforms[i] = &mock.platforms[i];
	return CL_SUCCESS;
}

static cl_int get_platform_info(cl_platform_id platform, cl_platform_info what, size_t room,
				void *value, size_t *ret_size)
{
	char name[32];

	switch (what) {
	case CL_PLATFORM_PROFILE:
		return give_text("FULL_PROFILE", room, value, ret_size);
	case CL_PLATFORM_VERSION:
		return give_text("OpenCL 1.2 mock", room, value, ret_size);
	case CL_PLATFORM_NAME:
		(void)snprintf(name, sizeof(name), "mock platform %u", platform->index);
		return give_text(name, room, value, ret_size);
	case CL_PLATFORM_VENDOR:
		return give_text("mock vendor", room, value, ret_size);
	case CL_PLATFORM_EXTENSIONS:
		return give_text("cl_khr_icd", room, value, ret_size);
	case CL_PLATFORM_ICD_SUFFIX_KHR:
		return give_text("MOCK", room, value, ret_size);
	default:
		return CL_INVALID_VALUE;
	}
}

static cl_int get_devices(cl_platform_id platform, cl_device_type type, cl_uint room,
			  cl_device_id *devices, cl_uint *ret_n)
{
	cl_uint n = 0;

	for (unsigned d = 0; d < mock.n_devices; d++) {
		cl_device_id device = &mock.devices[d];

		if (device->platform != platform || !(device->type & type) ||
		    fault_removed(device) || !node_is_there(device))
			continue;
		if (devices && n < room)
			devices[n] = device;
		n++;
	}
	if (ret_n)
		*ret_n = n;
	return n > 0 ? CL_SUCCESS : CL_DEVICE_NOT_FOUND;
}

/* ---- devices ---- */

/* The figures that reports are about; false: WHAT is none of them. */
static bool figure_of(const struct _cl_device_id *device, cl_device_info what, cl_ulong *ret_figure,
		      size_t *ret_size)
{
	bool is_wide = true, is_memory = false;

	switch (what) {
	case CL_DEVICE_GLOBAL_MEM_SIZE:
	case CL_DEVICE_MAX_MEM_ALLOC_SIZE:
		is_memory = true;
		break;
	case CL_DEVICE_LOCAL_MEM_SIZE:
	case CL_DEVICE_MAX_WORK_GROUP_SIZE:
		break;
	case CL_DEVICE_MAX_COMPUTE_UNITS:
	case CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT:
	case CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT:
	case CL_DEVICE_MAX_CLOCK_FREQUENCY:
		is_wide = false;
		break;
	default:
		return false;
	}
	*ret_size = is_wide ? sizeof(cl_ulong) : sizeof(cl_uint);
	*ret_figure = device->memory_bytes;
	if (device->report == REPORT_ABSURD)
		*ret_figure = is_wide ? UINT64_C(1) << 63 : UINT32_MAX;
	else if (device->report == REPORT_ZERO || (device->report == REPORT_ODD && !is_wide))
		*ret_figure = 0;
	else
		return is_memory;
	return device->report != REPORT_ODD || !is_memory;
}

static cl_int give_long_name(size_t room, void *value, size_t *ret_size)
{
	static const char piece[] = "mock\r\n\t\033[31m\177\xff device ";
	char *name = malloc(LONG_NAME + 1);
	cl_int code;

	if (!name)
		return CL_OUT_OF_HOST_MEMORY;
	for (size_t i = 0; i < LONG_NAME; i++)
		name[i] = piece[i % (sizeof(piece) - 1)];
	name[LONG_NAME] = '\0';
	code = give_text(name, room, value, ret_size);
	free(name);
	return code;
}

static cl_int give_name(const struct _cl_device_id *device, const char *what, size_t room,
			void *value, size_t *ret_size)
{
	char name[48];

	if (device->report == REPORT_ABSURD)
		return give_long_name(room, value, ret_size);
	(void)snprintf(name, sizeof(name), "mock %s %u", what, device->index);
	return give_text(device->report == REPORT_NORMAL ? name : "", room, value, ret_size);
}

static cl_int give_extensions(const struct _cl_device_id *device, size_t room, void *value,
			      size_t *ret_size)
{
	char *all = calloc(1, EXTENSIONS_MAX);
	cl_int code;

	if (!all)
		return CL_OUT_OF_HOST_MEMORY;
	(void)mock.real->clGetDeviceInfo(mock.real_device, CL_DEVICE_EXTENSIONS,
					 EXTENSIONS_MAX - 64, all, NULL);
	if (device->has_pci)
		strcat(all, " cl_khr_pci_bus_info");
	code = give_text(all, room, value, ret_size);
	free(all);
	return code;
}

static cl_int get_own_info(const struct _cl_device_id *device, cl_device_info what, size_t room,
			   void *value, size_t *ret_size)
{
	const cl_bool unified = device->is_unified;
	const cl_device_id none = NULL;
	const cl_uint one = 1;

	switch (what) {
	case CL_DEVICE_TYPE:
		return info_give(&device->type, sizeof(device->type), room, value, ret_size);
	case CL_DEVICE_NAME:
		return give_name(device, "device", room, value, ret_size);
	case CL_DEVICE_VENDOR:
		return give_text("mock vendor", room, value, ret_size);
	case CL_DRIVER_VERSION:
		return give_text("mock 1.0", room, value, ret_size);
	case CL_DEVICE_VERSION:
		return give_text("OpenCL 1.2 mock", room, value, ret_size);
	case CL_DEVICE_EXTENSIONS:
		return give_extensions(device, room, value, ret_size);
	case CL_DEVICE_PLATFORM:
		return info_give(&device->platform, sizeof(device->platform), room, value,
				 ret_size);
	case CL_DEVICE_PARENT_DEVICE:
		return info_give(&none, sizeof(none), room, value, ret_size);
	case CL_DEVICE_HOST_UNIFIED_MEMORY:
		return info_give(&unified, sizeof(unified), room, value, ret_size);
	case CL_DEVICE_REFERENCE_COUNT:
		return info_give(&one, sizeof(one), room, value, ret_size);
	case CL_DEVICE_PCI_BUS_INFO_KHR:
		return device->has_pci
			       ? info_give(&device->pci, sizeof(device->pci), room, value, ret_size)
			       : CL_INVALID_VALUE;
	default:
		return mock.real->clGetDeviceInfo(mock.real_device, what, room, value, ret_size);
	}
}

static cl_int get_device_info(cl_device_id device, cl_device_info what, size_t room, void *value,
			      size_t *ret_size)
{
	cl_int code = fault_device_gone(device);
	cl_ulong figure;
	size_t size;

	if (code != CL_SUCCESS)
		return code;
	if (figure_of(device, what, &figure, &size))
		return info_give(&figure, size, room, value, ret_size);
	return get_own_info(device, what, room, value, ret_size);
}

static cl_int keep_device(cl_device_id device)
{
	(void)device;
	return CL_SUCCESS;
}

void info_fill(cl_icd_dispatch *table)
{
	table->clGetPlatformIDs = get_platforms;
	table->clGetPlatformInfo = get_platform_info;
	table->clGetDeviceIDs = get_devices;
	table->clGetDeviceInfo = get_device_info;
	table->clRetainDevice = keep_device;
	table->clReleaseDevice = keep_device;
}

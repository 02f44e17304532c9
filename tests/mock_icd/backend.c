// SPDX-License-Identifier: MIT
/* Owns the way to the driver underneath. Refuses to load itself. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define UNDER_DEFAULT "/etc/OpenCL/vendors/pocl.icd"

typedef void *(*address_fn)(const char *name);
typedef cl_int (*platforms_fn)(cl_uint n, cl_platform_id *platforms, cl_uint *ret_n);

static bool complain(const char *what, const char *about)
{
	(void)fprintf(stderr, "mock ICD: %s: %s\n", what, about);
	return false;
}

static bool read_library(char path[static 512])
{
	const char *icd = getenv("SLM_MOCK_UNDER");
	FILE *file = fopen(icd ? icd : UNDER_DEFAULT, "re");
	bool ok = file && fgets(path, 512, file);

	if (file)
		(void)fclose(file);
	if (!ok)
		return complain(icd ? icd : UNDER_DEFAULT, "there is no such driver");
	path[strcspn(path, " \t\r\n")] = '\0';
	return !strstr(path, "mock_icd");
}

static platforms_fn find_platforms(void *library)
{
	platforms_fn platforms = NULL;
	address_fn address = NULL;
	void *symbol = dlsym(library, "clGetExtensionFunctionAddress");

	memcpy(&address, &symbol, sizeof(address));
	symbol = address ? address("clIcdGetPlatformIDsKHR") : NULL;
	memcpy(&platforms, &symbol, sizeof(platforms));
	return platforms;
}

bool backend_load(struct mock *m)
{
	platforms_fn platforms;
	cl_platform_id platform;
	char path[512] = "";
	void *library;
	cl_uint n = 0;

	if (!read_library(path))
		return false;
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return complain(path, dlerror());
	platforms = find_platforms(library);
	if (!platforms || platforms(1, &platform, &n) != CL_SUCCESS || n == 0)
		return complain(path, "it has no platform");
	/* All objects of a driver share one table. */
	m->real = platform->dispatch;
	if (m->real->clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &m->real_device, &n) !=
		    CL_SUCCESS ||
	    n == 0)
		return complain(path, "it has no device");
	return true;
}

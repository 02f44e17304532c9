// SPDX-License-Identifier: MIT
/* The failing driver itself, as seen through the ICD loader: what it shows, refuses and understands. */
#include <CL/cl.h>
#include <CL/cl_ext.h>
#include <stdio.h>
#include <unistd.h>

#include "array.h"
#include "check.h"
#include "mock_icd.h"

enum { PLATFORMS = 2, DEVICES = 2 };

static cl_platform_id platforms[PLATFORMS];
static cl_device_id devices[PLATFORMS * DEVICES];

static void find_devices(void)
{
	cl_uint n = 0;

	assert_int_equal(clGetPlatformIDs(PLATFORMS, platforms, &n), CL_SUCCESS);
	assert_int_equal(n, PLATFORMS);
	for (int p = 0; p < PLATFORMS; p++) {
		assert_int_equal(clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, DEVICES,
						&devices[(ptrdiff_t)p * DEVICES], &n),
				 CL_SUCCESS);
		assert_int_equal(n, DEVICES);
	}
}

static void everything_says_mock(void **state)
{
	static const cl_device_info texts[] = {CL_DEVICE_NAME, CL_DEVICE_VENDOR, CL_DRIVER_VERSION};
	char text[256];

	(void)state;
	find_devices();
	for (int d = 0; d < PLATFORMS * DEVICES; d++) {
		for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
			assert_int_equal(clGetDeviceInfo(devices[d], texts[i], sizeof(text), text,
							 NULL),
					 CL_SUCCESS);
			assert_non_null(strstr(text, "mock"));
		}
	}
	assert_int_equal(clGetPlatformInfo(platforms[1], CL_PLATFORM_NAME, sizeof(text), text,
					   NULL),
			 CL_SUCCESS);
	assert_string_equal(text, "mock platform 1");
}

/* SLM_MOCK_TYPE=gpu,accelerator,cpu SLM_MOCK_MEMORY_MIB=24,300 SLM_MOCK_PCI=0001:03:1f.7,none */
static void devices_are_as_the_environment_says(void **state)
{
	static const cl_device_type types[] = {CL_DEVICE_TYPE_GPU, CL_DEVICE_TYPE_ACCELERATOR,
					       CL_DEVICE_TYPE_CPU, CL_DEVICE_TYPE_CPU};
	cl_device_pci_bus_info_khr pci = {0};
	cl_device_type type;
	cl_ulong memory;

	(void)state;
	find_devices();
	for (int d = 0; d < PLATFORMS * DEVICES; d++) {
		assert_int_equal(clGetDeviceInfo(devices[d], CL_DEVICE_TYPE, sizeof(type), &type,
						 NULL),
				 CL_SUCCESS);
		assert_true(type == types[d]);
		assert_int_equal(clGetDeviceInfo(devices[d], CL_DEVICE_GLOBAL_MEM_SIZE,
						 sizeof(memory), &memory, NULL),
				 CL_SUCCESS);
		assert_int_equal(memory >> 20, d == 0 ? 24 : 300);
	}
	assert_int_equal(clGetDeviceInfo(devices[0], CL_DEVICE_PCI_BUS_INFO_KHR, sizeof(pci), &pci,
					 NULL),
			 CL_SUCCESS);
	assert_int_equal(pci.pci_domain, 1);
	assert_int_equal(pci.pci_bus, 3);
	assert_int_equal(pci.pci_device, 0x1f);
	assert_int_equal(pci.pci_function, 7);
	assert_int_not_equal(clGetDeviceInfo(devices[1], CL_DEVICE_PCI_BUS_INFO_KHR, sizeof(pci),
					     &pci, NULL),
			     CL_SUCCESS);
}

static void unknown_calls_are_refused(void **state)
{
	cl_image_format format;
	cl_context context;
	cl_int code;
	cl_uint n;

	(void)state;
	find_devices();
	context = clCreateContext(NULL, 1, &devices[0], NULL, NULL, &code);
	assert_int_equal(code, CL_SUCCESS);
	assert_null(clCreateUserEvent(context, &code));
	assert_int_equal(clGetSupportedImageFormats(context, CL_MEM_READ_ONLY,
						    CL_MEM_OBJECT_IMAGE2D, 1, &format, &n),
			 CL_INVALID_OPERATION);
	assert_int_equal(clReleaseContext(context), CL_SUCCESS);
	assert_int_equal(mock_live(), 0);
}

static void memory_is_as_small_as_it_says(void **state)
{
	cl_context context;
	cl_mem first, second;
	cl_int code;

	(void)state;
	find_devices();
	context = clCreateContext(NULL, 1, &devices[0], NULL, NULL, &code);
	first = clCreateBuffer(context, CL_MEM_READ_WRITE, 20 << 20, NULL, &code);
	assert_int_equal(code, CL_SUCCESS);
	second = clCreateBuffer(context, CL_MEM_READ_WRITE, 5 << 20, NULL, &code);
	assert_null(second);
	assert_int_equal(code, CL_MEM_OBJECT_ALLOCATION_FAILURE);
	assert_int_equal(clReleaseMemObject(first), CL_SUCCESS);
	second = clCreateBuffer(context, CL_MEM_READ_WRITE, 24 << 20, NULL, &code);
	assert_int_equal(code, CL_SUCCESS);
	assert_int_equal(clReleaseMemObject(second), CL_SUCCESS);
	assert_int_equal(clReleaseContext(context), CL_SUCCESS);
	assert_int_equal(mock_live(), 0);
}

static cl_int make_and_free(int device)
{
	cl_context context;
	cl_mem memory;
	cl_int code;

	context = clCreateContext(NULL, 1, &devices[device], NULL, NULL, &code);
	if (code != CL_SUCCESS)
		return code;
	memory = clCreateBuffer(context, CL_MEM_READ_WRITE, 64, NULL, &code);
	if (code == CL_SUCCESS)
		assert_int_equal(clReleaseMemObject(memory), CL_SUCCESS);
	assert_int_equal(clReleaseContext(context), CL_SUCCESS);
	return code;
}

static void faults_strike_where_and_when_they_are_told(void **state)
{
	(void)state;
	find_devices();
	assert_true(mock_arm("memory@2:1,unavailable@buffer/3:0"));
	assert_int_equal(make_and_free(1), CL_SUCCESS);
	assert_int_equal(make_and_free(1), CL_MEM_OBJECT_ALLOCATION_FAILURE);
	assert_int_equal(make_and_free(1), CL_SUCCESS);
	assert_int_equal(make_and_free(0), CL_SUCCESS);
	assert_int_equal(make_and_free(0), CL_SUCCESS);
	for (int i = 0; i < 3; i++)
		assert_int_equal(make_and_free(0), CL_DEVICE_NOT_AVAILABLE);
	assert_int_equal(make_and_free(2), CL_SUCCESS);
	assert_true(mock_arm("memory@3+"));
	for (int i = 1; i <= 6; i++)
		assert_int_equal(make_and_free(i % 4),
				 i < 3 ? CL_SUCCESS : CL_MEM_OBJECT_ALLOCATION_FAILURE);
	assert_int_equal(mock_live(), 0);
}

static void a_removed_device_is_not_listed(void **state)
{
	cl_device_id left[DEVICES];
	cl_uint n = 0;

	(void)state;
	find_devices();
	assert_true(mock_arm("removed@0:0"));
	assert_int_equal(clGetDeviceIDs(platforms[0], CL_DEVICE_TYPE_ALL, DEVICES, left, &n),
			 CL_SUCCESS);
	assert_int_equal(n, 1);
	assert_ptr_equal(left[0], devices[1]);
	assert_true(mock_arm("removed@0:0,removed@0:1"));
	assert_int_equal(clGetDeviceIDs(platforms[0], CL_DEVICE_TYPE_ALL, DEVICES, left, &n),
			 CL_DEVICE_NOT_FOUND);
	assert_true(mock_arm(""));
	assert_int_equal(make_and_free(0), CL_SUCCESS);
}

static void set_node(bool there)
{
	FILE *file = there ? fopen(MOCK_NODE, "we") : NULL;

	if (!there)
		assert_int_equal(unlink(MOCK_NODE), 0);
	else
		assert_non_null(file);
	if (file)
		(void)fclose(file);
}

/* SLM_MOCK_NODE; what the kernel says of one that was unplugged takes a kernel: tests/vm. */
static void a_device_is_listed_while_its_node_can_be_opened(void **state)
{
	cl_device_id left[DEVICES];
	cl_uint n = 0;

	(void)state;
	find_devices();
	set_node(false);
	assert_int_equal(clGetDeviceIDs(platforms[1], CL_DEVICE_TYPE_ALL, DEVICES, left, &n),
			 CL_SUCCESS);
	assert_int_equal(n, 1);
	assert_ptr_equal(left[0], devices[2]);
	assert_int_equal(make_and_free(3), CL_DEVICE_NOT_AVAILABLE);
	assert_int_equal(make_and_free(2), CL_SUCCESS);
	set_node(true);
	find_devices();
	assert_int_equal(make_and_free(3), CL_SUCCESS);
	assert_int_equal(mock_live(), 0);
}

static void faults_that_cannot_be_read_arm_nothing(void **state)
{
	static const char *const texts[] = {"fire",	     "memory@",	    "memory@x",
					    "memory@moon/1", "memory,fire", "memory@1x",
					    "memory@1:0x"};

	(void)state;
	find_devices();
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_false(mock_arm(texts[i]));
		assert_int_equal(make_and_free(0), CL_SUCCESS);
	}
	assert_true(mock_arm(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_says_mock),
		cmocka_unit_test(devices_are_as_the_environment_says),
		cmocka_unit_test(unknown_calls_are_refused),
		cmocka_unit_test(memory_is_as_small_as_it_says),
		cmocka_unit_test(faults_strike_where_and_when_they_are_told),
		cmocka_unit_test(a_removed_device_is_not_listed),
		cmocka_unit_test(a_device_is_listed_while_its_node_can_be_opened),
		cmocka_unit_test(faults_that_cannot_be_read_arm_nothing),
	};

	set_node(true);
	/* Without a driver underneath there is nothing to test. */
	if (clGetPlatformIDs(0, NULL, &(cl_uint){0}) != CL_SUCCESS)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

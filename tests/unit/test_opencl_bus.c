// SPDX-License-Identifier: MIT
/* Where a device sits, as OpenCL drivers tell: this program answers in the place of one. */
#include <stdio.h>

#include "array.h"
#include "check.h"
#include "internal.h"

/* What the driver answers. */
static struct {
	const char *extensions;
	cl_uint khronos[4];
	size_t khronos_bytes;
	unsigned char amd[24];
	cl_uint nvidia[3]; /* bus, slot, domain */
	bool has_domain;
	cl_uint vendor, id;
} driver;

static cl_int give(const void *from, size_t bytes, size_t room, void *value, size_t *ret_size)
{
	if (ret_size)
		*ret_size = bytes;
	if (value && room < bytes)
		return CL_INVALID_VALUE;
	if (value)
		memcpy(value, from, bytes);
	return CL_SUCCESS;
}

/* Instead of the loader's. */
cl_int clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t room, void *value,
		       size_t *ret_size)
{
	(void)device;
	switch (what) {
	case CL_DEVICE_EXTENSIONS:
		return give(driver.extensions, strlen(driver.extensions) + 1, room, value,
			    ret_size);
	case 0x410F:
		return give(driver.khronos, driver.khronos_bytes, room, value, ret_size);
	case 0x4037:
		return give(driver.amd, sizeof(driver.amd), room, value, ret_size);
	case 0x4008:
		return give(&driver.nvidia[0], 4, room, value, ret_size);
	case 0x4009:
		return give(&driver.nvidia[1], 4, room, value, ret_size);
	case 0x400A:
		return driver.has_domain ? give(&driver.nvidia[2], 4, room, value, ret_size)
					 : CL_INVALID_VALUE;
	case CL_DEVICE_VENDOR_ID:
		return give(&driver.vendor, 4, room, value, ret_size);
	case 0x4251:
		return give(&driver.id, 4, room, value, ret_size);
	default:
		return CL_INVALID_VALUE;
	}
}

static int set_up(void **state)
{
	(void)state;
	memset(&driver, 0, sizeof(driver));
	driver.extensions = "";
	driver.khronos_bytes = sizeof(driver.khronos);
	driver.vendor = 0x8086;
	return 0;
}

static void expect(const char *address)
{
	struct device_entry entry = {.usable = true};
	char text[PCI_ADDRESS_TEXT_MAX];

	opencl_read_bus(&entry, NULL);
	assert_int_equal(entry.has_pci, address != NULL);
	if (address)
		assert_string_equal(pci_address_text(&entry.pci, text), address);
}

static void by_khronos(void **state)
{
	(void)state;
	memcpy(driver.khronos, (cl_uint[]){0x10000, 0xa0, 0x1f, 7}, sizeof(driver.khronos));
	expect(NULL); /* a driver that does not say it has the query is not asked */
	driver.extensions = "cl_khr_fp16 cl_khr_pci_bus_info";
	expect("10000:a0:1f.7");
	driver.extensions = "cl_khr_pci_bus_info2";
	expect(NULL);
}

static void addresses_that_cannot_be(void **state)
{
	static const cl_uint odd[][4] = {{0, 256, 0, 0}, {0, 0, 32, 0}, {0, 0, 0, 8}};

	(void)state;
	driver.extensions = "cl_khr_pci_bus_info";
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		memcpy(driver.khronos, odd[i], sizeof(driver.khronos));
		expect(NULL);
	}
	memset(driver.khronos, 0, sizeof(driver.khronos));
	expect("0000:00:00.0");
	driver.khronos_bytes = 8; /* half an answer */
	expect(NULL);
}

static void by_amd(void **state)
{
	(void)state;
	driver.extensions = "cl_amd_device_attribute_query";
	driver.amd[21] = 0xc3;
	driver.amd[22] = 0x02;
	expect(NULL); /* no PCIe */
	driver.amd[0] = 1;
	expect("0000:c3:02.0");
}

static void by_nvidia(void **state)
{
	(void)state;
	driver.extensions = "cl_nv_device_attribute_query";
	driver.nvidia[0] = 0x65;
	driver.nvidia[1] = 3 << 3 | 1;
	driver.nvidia[2] = 2;
	expect("0000:65:03.1");
	driver.has_domain = true;
	expect("0002:65:03.1");
}

static void ids(void **state)
{
	struct device_entry entry = {.usable = true};

	(void)state;
	driver.id = 0x56a0;
	opencl_read_bus(&entry, NULL);
	assert_int_equal(entry.pci_vendor, 0x8086);
	assert_int_equal(entry.pci_device, 0);
	driver.extensions = "cl_intel_device_attribute_query";
	driver.vendor = 0x10006; /* Khronos's own numbers are none of PCI's */
	entry = (struct device_entry){.usable = true};
	opencl_read_bus(&entry, NULL);
	assert_int_equal(entry.pci_vendor, 0);
	assert_int_equal(entry.pci_device, 0x56a0);
}

#define WITH_DRIVER(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DRIVER(by_khronos), WITH_DRIVER(addresses_that_cannot_be),
		WITH_DRIVER(by_amd),	 WITH_DRIVER(by_nvidia),
		WITH_DRIVER(ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

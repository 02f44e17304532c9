// SPDX-License-Identifier: MIT
/*
 * Owns the questions to OpenCL drivers about where a device sits. Refuses addresses that PCI does not
 * have: the device has none then.
 */
#include <string.h>

#include "internal.h"

/* cl_khr_pci_bus_info; cl_amd_, cl_nv_ and cl_intel_device_attribute_query. */
#define PCI_BUS_INFO_KHR 0x410F
#define TOPOLOGY_AMD	 0x4037
#define PCI_BUS_ID_NV	 0x4008
#define PCI_SLOT_ID_NV	 0x4009
#define PCI_DOMAIN_ID_NV 0x400A
#define DEVICE_ID_INTEL	 0x4251

enum { TOPOLOGY_PCIE = 1 };

struct pci_bus_info_khr {
	cl_uint domain, bus, device, function;
};

struct topology_amd {
	cl_uint type;
	cl_uchar unused[17];
	cl_uchar bus, device, function;
};

static bool ask(cl_device_id device, cl_device_info what, void *answer, size_t size_bytes)
{
	size_t size = 0;

	return clGetDeviceInfo(device, what, size_bytes, answer, &size) == CL_SUCCESS &&
	       size == size_bytes;
}

static bool take_address(struct device_entry *entry, const struct pci_bus_info_khr *info)
{
	if (info->bus > 0xff || info->device > 0x1f || info->function > 7)
		return false;
	entry->pci = (struct pci_address){
		.domain = info->domain,
		.bus = (uint8_t)info->bus,
		.device = (uint8_t)info->device,
		.function = (uint8_t)info->function,
	};
	entry->has_pci = true;
	return true;
}

static bool ask_khronos(struct device_entry *entry, cl_device_id device)
{
	struct pci_bus_info_khr info;

	return opencl_has_extension(device, "cl_khr_pci_bus_info") &&
	       ask(device, PCI_BUS_INFO_KHR, &info, sizeof(info)) && take_address(entry, &info);
}

static bool ask_amd(struct device_entry *entry, cl_device_id device)
{
	struct topology_amd topology;

	if (!opencl_has_extension(device, "cl_amd_device_attribute_query") ||
	    !ask(device, TOPOLOGY_AMD, &topology, sizeof(topology)) ||
	    topology.type != TOPOLOGY_PCIE)
		return false;
	return take_address(entry, &(struct pci_bus_info_khr){
					   .bus = topology.bus,
					   .device = topology.device,
					   .function = topology.function,
				   });
}

static bool ask_nvidia(struct device_entry *entry, cl_device_id device)
{
	cl_uint bus, slot, domain = 0;

	if (!opencl_has_extension(device, "cl_nv_device_attribute_query") ||
	    !ask(device, PCI_BUS_ID_NV, &bus, sizeof(bus)) ||
	    !ask(device, PCI_SLOT_ID_NV, &slot, sizeof(slot)))
		return false;
	/* Older drivers do not know of domains. */
	if (!ask(device, PCI_DOMAIN_ID_NV, &domain, sizeof(domain)))
		domain = 0;
	return take_address(entry, &(struct pci_bus_info_khr){domain, bus, slot >> 3, slot & 7});
}

static void ask_ids(struct device_entry *entry, cl_device_id device)
{
	cl_uint vendor = 0, id = 0;

	if (ask(device, CL_DEVICE_VENDOR_ID, &vendor, sizeof(vendor)) && vendor <= 0xffff)
		entry->pci_vendor = vendor;
	if (opencl_has_extension(device, "cl_intel_device_attribute_query") &&
	    ask(device, DEVICE_ID_INTEL, &id, sizeof(id)) && id <= 0xffff)
		entry->pci_device = id;
}

void opencl_read_bus(struct device_entry *entry, cl_device_id device)
{
	ask_ids(entry, device);
	if (!ask_khronos(entry, device) && !ask_amd(entry, device))
		(void)ask_nvidia(entry, device);
}

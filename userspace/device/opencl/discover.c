// SPDX-License-Identifier: MIT
/*
 * Owns the search for OpenCL devices and the reasons why one cannot be used. Capabilities decide, never
 * names. Refuses to open anything.
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "array.h"
#include "cleanup.h"
#include "family.h"
#include "utf8.h"

enum {
	PLATFORMS_MAX = 32,
	DEVICES_MAX = 64,
	EXTENSIONS_MAX = 16384,
	TEXT_MAX = 4 << 20,
	UNITS_MAX = 4096, /* buffers grow with them, and a driver's word is no reason to */
	LOCAL_BYTES_MIN = 8192,
	GROUP_MIN = 16,
	DATA_BYTES_MIN = 160 << 20,
	ADDRESS_BYTES_MIN = 1 << 30,
};

#define CL_DEVICE_INTEGER_DOT_PRODUCT_ACCELERATION_PACKED 0x1075

/*
 * PoCL lets the kernel place its workers, which stacks two on one core for milliseconds. Its
 * switch against that must be set before the first call, and kills the process where the affinity
 * mask lacks a CPU that it wants.
 */
void opencl_prepare(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t allowed;

	CPU_ZERO(&allowed);
	if (n < 1 || n > CPU_SETSIZE || sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return;
	for (long i = 0; i < n; i++) {
		if (!CPU_ISSET((size_t)i, &allowed))
			return;
	}
	(void)setenv("POCL_AFFINITY", "1", 0);
}

static bool is_limited(struct device_list *list, int resource, rlim_t bytes, const char *what)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0 || limit.rlim_cur >= bytes)
		return false;
	(void)snprintf(list->limit, sizeof(list->limit),
		       "a limit of %" PRIu64 " MiB of %s is less than the %" PRIu64
		       " MiB that drivers take",
		       (uint64_t)limit.rlim_cur >> 20, what, (uint64_t)bytes >> 20);
	return true;
}

/* PoCL kills the process where it finds less than 128 MiB for it, or cannot start its threads. */
static bool has_room_for_drivers(struct device_list *list)
{
	*list->limit = '\0';
	return !is_limited(list, RLIMIT_DATA, DATA_BYTES_MIN, "data (ulimit -d)") &&
	       !is_limited(list, RLIMIT_AS, ADDRESS_BYTES_MIN, "address space (ulimit -v)");
}

/* What a driver says becomes part of lines and of JSON: whole characters that can be shown, cut to size. */
static void keep_showable(const char *whole, size_t size, char text[static DEVICE_TEXT_MAX])
{
	size_t n = 0, length;
	uint32_t c;

	for (size_t i = 0; i < size && whole[i] && n + UTF8_MAX < DEVICE_TEXT_MAX; i += length) {
		char out[UTF8_MAX];
		size_t n_out;

		length = utf8_decode(whole + i, size - i, &c);
		n_out = utf8_encode(c < 0x20 || (c >= 0x7f && c < 0xa0) ? '?' : c, out);
		memcpy(text + n, out, n_out);
		n += n_out;
	}
	text[n] = '\0';
}

static void platform_text(cl_platform_id platform, cl_platform_info what,
			  char text[static DEVICE_TEXT_MAX])
{
	_cleanup_free_ char *whole = NULL;
	size_t size = 0;

	*text = '\0';
	if (clGetPlatformInfo(platform, what, 0, NULL, &size) == CL_SUCCESS && size <= TEXT_MAX)
		whole = calloc(1, size + 1);
	if (whole && clGetPlatformInfo(platform, what, size, whole, NULL) == CL_SUCCESS)
		keep_showable(whole, size, text);
}

static void device_text(cl_device_id device, cl_device_info what, char text[static DEVICE_TEXT_MAX])
{
	_cleanup_free_ char *whole = NULL;
	size_t size = 0;

	*text = '\0';
	if (clGetDeviceInfo(device, what, 0, NULL, &size) == CL_SUCCESS && size <= TEXT_MAX)
		whole = calloc(1, size + 1);
	if (whole && clGetDeviceInfo(device, what, size, whole, NULL) == CL_SUCCESS)
		keep_showable(whole, size, text);
}

static cl_bool device_flag(cl_device_id device, cl_device_info what)
{
	cl_bool flag = CL_FALSE;

	(void)clGetDeviceInfo(device, what, sizeof(flag), &flag, NULL);
	return flag;
}

bool opencl_has_extension(cl_device_id device, const char *name)
{
	char *all = calloc(1, EXTENSIONS_MAX);
	const char *at;
	size_t n = strlen(name);
	bool found = false;

	if (!all)
		return false;
	(void)clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, EXTENSIONS_MAX - 1, all, NULL);
	for (at = strstr(all, name); at && !found; at = strstr(at + 1, name))
		found = (at == all || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0');
	free(all);
	return found;
}

/* Supported does not mean accelerated: the properties say which. */
static bool has_fast_dot(cl_device_id device)
{
	cl_bool properties[6] = {0};

	if (!opencl_has_extension(device, "cl_khr_integer_dot_product"))
		return false;
	if (clGetDeviceInfo(device, CL_DEVICE_INTEGER_DOT_PRODUCT_ACCELERATION_PACKED,
			    sizeof(properties), properties, NULL) != CL_SUCCESS)
		return false;
	return properties[2] == CL_TRUE; /* mixed signedness */
}

static void read_facts(struct opencl_facts *facts, cl_platform_id platform, cl_device_id device)
{
	facts->platform = platform;
	facts->device = device;
	platform_text(platform, CL_PLATFORM_NAME, facts->platform_name);
	platform_text(platform, CL_PLATFORM_VERSION, facts->platform_version);
	device_text(device, CL_DEVICE_NAME, facts->name);
	device_text(device, CL_DEVICE_VERSION, facts->version);
	device_text(device, CL_DRIVER_VERSION, facts->driver_version);
#define READ(what, field) (void)clGetDeviceInfo(device, what, sizeof(field), &(field), NULL)
	READ(CL_DEVICE_TYPE, facts->type);
	READ(CL_DEVICE_MAX_COMPUTE_UNITS, facts->compute_units);
	READ(CL_DEVICE_GLOBAL_MEM_SIZE, facts->memory_bytes);
	READ(CL_DEVICE_MAX_MEM_ALLOC_SIZE, facts->max_buffer_bytes);
	READ(CL_DEVICE_LOCAL_MEM_SIZE, facts->local_bytes);
	READ(CL_DEVICE_MAX_WORK_GROUP_SIZE, facts->max_group);
	READ(CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, facts->vector_width);
#undef READ
	facts->compute_units = MIN(MAX(facts->compute_units, 1u), (cl_uint)UNITS_MAX);
	facts->unified = device_flag(device, CL_DEVICE_HOST_UNIFIED_MEMORY) == CL_TRUE;
	facts->has_int8_dot = has_fast_dot(device);
}

/* Why the device cannot be used, or NULL. */
static const char *objection(const struct opencl_facts *facts)
{
	unsigned major = 0, minor = 0;

	if (!device_flag(facts->device, CL_DEVICE_AVAILABLE))
		return "the driver says that it is not available";
	if (!device_flag(facts->device, CL_DEVICE_COMPILER_AVAILABLE))
		return "its driver has no compiler";
	if (!device_flag(facts->device, CL_DEVICE_ENDIAN_LITTLE))
		return "it is big-endian";
	if (sscanf(facts->version, "OpenCL %u.%u", &major, &minor) != 2 || major * 10 + minor < 12)
		return "it is older than OpenCL 1.2";
	if (facts->type & CL_DEVICE_TYPE_CUSTOM)
		return "it runs built-in kernels only";
	if (facts->memory_bytes == 0 || facts->max_buffer_bytes == 0)
		return "it says that it has no memory";
	if (facts->max_group < GROUP_MIN || facts->local_bytes < LOCAL_BYTES_MIN)
		return "its work-groups or local memory are too small";
	return NULL;
}

static enum device_type type_of(const struct opencl_facts *facts)
{
	if (facts->type & CL_DEVICE_TYPE_GPU)
		return DEVICE_GPU;
	if (facts->type & CL_DEVICE_TYPE_ACCELERATOR)
		return DEVICE_ACCELERATOR;
	return facts->type & CL_DEVICE_TYPE_CPU ? DEVICE_CPU : DEVICE_OTHER;
}

/* What a test forces upon us is not for calibration to choose, and has figures of its own. */
static void describe_driver(struct device_entry *entry, const struct opencl_facts *facts)
{
	const char *family = getenv("SLM_OPENCL_FAMILY"), *form = getenv("SLM_OPENCL_FORM");

	(void)snprintf(entry->driver, sizeof(entry->driver), "%.40s, %.60s%s%.8s%s%.8s",
		       facts->driver_version, facts->platform_version, family ? ", " : "",
		       family ? family : "", form ? ", " : "", form ? form : "");
	entry->kernel_families = family ? NULL : opencl_family_names;
}

static int add_device(struct device_list *list, unsigned p, unsigned d, cl_platform_id platform,
		      cl_device_id device)
{
	struct opencl_facts *facts = calloc(1, sizeof(*facts));
	struct device_entry *entry = facts ? device_list_add(list) : NULL;
	const char *reason;

	if (!entry) {
		free(facts);
		return -ENOMEM;
	}
	read_facts(facts, platform, device);
	facts->platform_index = p;
	facts->device_index = d;
	reason = objection(facts);
	entry->ops = &opencl_device_ops;
	entry->driver_data = facts;
	(void)snprintf(entry->selector, sizeof(entry->selector), "opencl:%u.%u", p, d);
	(void)snprintf(entry->name, sizeof(entry->name), "%s",
		       *facts->name ? facts->name : "without a name");
	(void)snprintf(entry->platform, sizeof(entry->platform), "%s", facts->platform_name);
	describe_driver(entry, facts);
	entry->type = type_of(facts);
	entry->is_host_cpu = entry->type == DEVICE_CPU && facts->unified;
	entry->shares_host = facts->unified;
	entry->memory_bytes = facts->memory_bytes;
	opencl_read_bus(entry, device);
	entry->usable = !reason;
	(void)snprintf(entry->reason, sizeof(entry->reason), "%s",
		       reason		    ? reason
		       : entry->is_host_cpu ? "OpenCL on this processor; used only by name"
					    : "has all that is needed");
	return 0;
}

/* A platform that has nothing to offer is shown all the same, with the reason. */
static int add_empty_platform(struct device_list *list, unsigned p, cl_platform_id platform,
			      cl_int code)
{
	struct device_entry *entry = device_list_add(list);

	if (!entry)
		return -ENOMEM;
	entry->ops = &opencl_device_ops;
	entry->type = DEVICE_OTHER;
	(void)snprintf(entry->selector, sizeof(entry->selector), "opencl:%u", p);
	(void)snprintf(entry->name, sizeof(entry->name), "-");
	platform_text(platform, CL_PLATFORM_NAME, entry->platform);
	if (code == CL_DEVICE_NOT_FOUND || code == CL_SUCCESS)
		(void)snprintf(entry->reason, sizeof(entry->reason), "the platform has no device");
	else
		(void)snprintf(entry->reason, sizeof(entry->reason),
			       "the platform's driver fails: %s", cl_error_name(code));
	list->is_uncertain |= code != CL_DEVICE_NOT_FOUND && code != CL_SUCCESS;
	return 0;
}

static int add_platform(struct device_list *list, unsigned p, cl_platform_id platform)
{
	cl_device_id devices[DEVICES_MAX];
	cl_uint n = 0;
	cl_int code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, DEVICES_MAX, devices, &n);
	int r = 0;

	if (code != CL_SUCCESS || n == 0)
		return add_empty_platform(list, p, platform, code);
	for (unsigned d = 0; d < MIN(n, (cl_uint)DEVICES_MAX) && r == 0; d++)
		r = add_device(list, p, d, platform, devices[d]);
	return r;
}

/* The platform's devices as the list has them. NULL: it has none such. */
static struct device_entry *find_device(struct device_list *list, cl_device_id device)
{
	for (size_t i = 0; i < list->n_entries; i++) {
		const struct opencl_facts *facts = list->entries[i].driver_data;

		if (list->entries[i].ops == &opencl_device_ops && facts && facts->device == device)
			return &list->entries[i];
	}
	return NULL;
}

static void come_or_go(struct device_entry *entry, bool is_there, const struct log *log)
{
	const char *reason = is_there ? objection(entry->driver_data) : "it is not there any more";

	if (entry->is_gone == !is_there)
		return;
	entry->is_gone = !is_there;
	entry->usable = !reason;
	(void)snprintf(entry->reason, sizeof(entry->reason), "%s",
		       reason ? reason : "it is there again");
	log_info(log, "%s (%s): %s", entry->name, entry->selector, entry->reason);
}

static int refresh_platform(struct device_list *list, unsigned p, cl_platform_id platform,
			    const struct log *log)
{
	cl_device_id devices[DEVICES_MAX];
	size_t n_before = list->n_entries;
	cl_uint n = 0;
	int r = 0;

	if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, DEVICES_MAX, devices, &n) != CL_SUCCESS)
		n = 0;
	n = MIN(n, (cl_uint)DEVICES_MAX);
	for (size_t i = 0; i < n_before; i++) {
		const struct opencl_facts *facts = list->entries[i].driver_data;
		bool is_there = false;

		if (list->entries[i].ops != &opencl_device_ops || !facts ||
		    facts->platform != platform)
			continue;
		for (cl_uint d = 0; d < n; d++)
			is_there = is_there || devices[d] == facts->device;
		come_or_go(&list->entries[i], is_there, log);
	}
	for (unsigned d = 0; d < n && r == 0; d++) {
		if (!find_device(list, devices[d]))
			r = add_device(list, p, d, platform, devices[d]);
	}
	return r;
}

int opencl_refresh(struct device_list *list, const struct log *log)
{
	cl_platform_id platforms[PLATFORMS_MAX];
	cl_uint n = 0;
	int r = 0;

	if (clGetPlatformIDs(PLATFORMS_MAX, platforms, &n) != CL_SUCCESS)
		return 0;
	for (unsigned p = 0; p < MIN(n, (cl_uint)PLATFORMS_MAX) && r == 0; p++)
		r = refresh_platform(list, p, platforms[p], log);
	return r;
}

int opencl_discover(struct device_list *list, const struct log *log)
{
	cl_platform_id platforms[PLATFORMS_MAX];
	cl_uint n = 0;
	cl_int code;
	int r = 0;

	list->is_uncertain = true;
	if (!has_room_for_drivers(list)) {
		log_info(log, "no OpenCL: %s", list->limit);
		return 0;
	}
	opencl_prepare();
	code = clGetPlatformIDs(PLATFORMS_MAX, platforms, &n);
	if (code != CL_SUCCESS) {
		log_info(log, "no OpenCL platform: %s", cl_error_name(code));
		return 0;
	}
	list->is_uncertain = false;
	for (unsigned p = 0; p < MIN(n, (cl_uint)PLATFORMS_MAX) && r == 0; p++)
		r = add_platform(list, p, platforms[p]);
	return r < 0 ? log_oom(log, "listing the devices") : 0;
}

void opencl_forget(struct device_list *list)
{
	for (size_t i = 0; i < list->n_entries; i++) {
		if (list->entries[i].ops == &opencl_device_ops)
			free(list->entries[i].driver_data);
	}
}

/* SPDX-License-Identifier: MIT */
/* What the files of the OpenCL back end share. */
#ifndef SLM_DEVICE_OPENCL_INTERNAL_H
#define SLM_DEVICE_OPENCL_INTERNAL_H

#include <CL/cl.h>

#include "cl_error.h"
#include "opencl.h"
#include "watchdog.h"

/* Of the time that compiling for a device took, what must be said once, whoever opens it, in any thread. */
struct compile_wait {
	_Atomic uint64_t spent_ns;
	atomic_bool told;
};

/* What discovery learns of a device; behind device_entry.driver_data. */
struct opencl_facts {
	cl_platform_id platform;
	cl_device_id device;
	unsigned platform_index, device_index; /* of the selector */
	char platform_name[DEVICE_TEXT_MAX];
	char platform_version[DEVICE_TEXT_MAX];
	char name[DEVICE_TEXT_MAX];
	char version[DEVICE_TEXT_MAX];
	char driver_version[DEVICE_TEXT_MAX];
	cl_device_type type;
	cl_uint compute_units;
	cl_ulong memory_bytes;
	cl_ulong max_buffer_bytes;
	cl_ulong local_bytes;
	size_t max_group;
	cl_uint vector_width; /* floats of the device's own vectors; 1: lanes do that */
	bool unified;	      /* memory is the host's */
	bool has_int8_dot;    /* cl_khr_integer_dot_product, packed, accelerated */
	struct compile_wait wait;
};

struct opencl_device {
	struct device base;
	struct opencl_facts facts;
	struct compile_wait *wait; /* of the list's entry, which all who open it share */
	const struct opencl_family *family;
	cl_context context;
	cl_command_queue queue;
	char *cache_dir; /* NULL: none */
	struct watchdog *watchdog;
	const atomic_bool *cancel; /* or NULL */
	void *staging;		   /* [STAGING_BYTES], made when it is first used */
	bool is_lost; /* gone, or hangs: its driver is not asked for anything any more */
};

struct opencl_buffer {
	struct buffer base;
	cl_mem memory;
};

static inline struct opencl_device *opencl_device_from(const struct device *device)
{
	return (struct opencl_device *)device;
}

/* Then what the driver made is left to it. */
static inline bool opencl_hangs(const struct opencl_device *device)
{
	return watchdog_hangs(device->watchdog);
}

static inline cl_mem opencl_memory(const struct buffer *buffer)
{
	return ((const struct opencl_buffer *)buffer)->memory;
}

/* ---- bus.c, discover.c ---- */

/* Where ENTRY's device sits, as far as its driver tells. */
void opencl_read_bus(struct device_entry *entry, cl_device_id device);
bool opencl_has_extension(cl_device_id device, const char *name);

/* ---- opencl.c ---- */

/* Logs as cl_failed(), and knows from then on where a device is lost. */
int opencl_failed(struct opencl_device *device, const char *call, cl_int code);

/* Waits for EVENT of CALL and releases it, unless the device hangs. 0 or as opencl_failed(). */
int opencl_wait(struct opencl_device *device, const char *call, cl_event event);

/* Waits for all that was begun. What failed was said when it failed; a hang is said. */
void opencl_finish(struct opencl_device *device);

/* ---- buffer.c ---- */

/*
 * Zeroed memory that the driver reads or writes by itself; NULL when out of memory. Freed by
 * driver_memory_free(), which keeps it where a lost device may still touch it.
 */
void *driver_memory_alloc(size_t size_bytes);
void driver_memory_free(const struct opencl_device *device, void *memory);

int opencl_write(struct opencl_device *device, cl_mem memory, size_t offset_bytes, const void *from,
		 size_t size_bytes);

int opencl_buffer_create(struct device *device, const struct buffer_params *params,
			 struct buffer **ret_buffer);
void opencl_buffer_destroy(struct buffer *buffer);
int opencl_buffer_write(struct buffer *buffer, size_t offset_bytes, const void *from,
			size_t size_bytes);
int opencl_buffer_read(struct buffer *buffer, size_t offset_bytes, void *to, size_t size_bytes);

/* segment.c */
bool opencl_supports(const struct device *device, const struct op *op);
int opencl_segment_create(struct device *device, const struct segment_params *params,
			  struct segment **ret_segment);
void opencl_segment_destroy(struct segment *segment);
int opencl_segment_run(struct segment *segment, const struct step *step);

#endif

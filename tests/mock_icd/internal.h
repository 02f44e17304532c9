/* SPDX-License-Identifier: MIT */
/* What the files of the failing driver share. Objects begin with what the ICD loader wants. */
#ifndef SLM_TESTS_MOCK_INTERNAL_H
#define SLM_TESTS_MOCK_INTERNAL_H

#include <CL/cl.h>
#include <CL/cl_ext.h>
#include <CL/cl_icd.h>
#include <pthread.h>

#include "mock_icd.h"

#define EXPORTED __attribute__((visibility("default")))

enum fault_point {
	POINT_BUILD,
	POINT_LOAD,
	POINT_BUFFER,
	POINT_LAUNCH,
	POINT_READ,
	POINT_WRITE,
	POINT_RUN,
	POINT_WAIT,
	POINTS,
};

enum { NODE_PATH_MAX = 256 };

enum report {
	REPORT_NORMAL,
	REPORT_ZERO,
	REPORT_ODD,
	REPORT_ABSURD,
};

struct _cl_platform_id {
	const cl_icd_dispatch *dispatch;
	unsigned index;
};

struct _cl_device_id {
	const cl_icd_dispatch *dispatch;
	cl_platform_id platform;
	unsigned index; /* over all platforms */
	cl_device_type type;
	cl_ulong memory_bytes;
	bool is_unified, has_pci;
	cl_device_pci_bus_info_khr pci;
	char node_path[NODE_PATH_MAX]; /* "": none */
	enum report report;
	/* Below the lock of the faults. */
	bool is_gone, is_removed;
	cl_ulong used_bytes;
	uint64_t seen[POINTS];
	uint64_t freed_buffers;
};

struct mock {
	cl_icd_dispatch dispatch;
	unsigned n_platforms, n_devices_each, n_devices;
	struct _cl_platform_id platforms[4];
	struct _cl_device_id devices[MOCK_DEVICES_MAX];
	bool has_binaries;
	/* The driver underneath. */
	const cl_icd_dispatch *real;
	cl_device_id real_device;
};

/* Ready after mock_init() gave true. */
extern struct mock mock;

/* icd.c */
bool mock_init(void);

/* config.c */
void config_read(struct mock *ret_mock);

/* backend.c: loads the driver underneath; false (said on stderr) where that cannot be. */
bool backend_load(struct mock *ret_mock);

/* ---- node.c ---- */

/* An open node of the kernel. NULL everywhere: the device has none, and it never goes. Any thread. */
struct node;

/* Could the device's node be opened now? */
bool node_is_there(cl_device_id device);
/* CL_SUCCESS, CL_DEVICE_NOT_AVAILABLE where it cannot be opened, CL_OUT_OF_HOST_MEMORY. */
cl_int node_create(cl_device_id device, struct node **ret_node);
struct node *node_retain(struct node *node);
void node_release(struct node *node);
bool node_is_gone(const struct node *node);

/* ---- object.c ---- */

enum object_kind {
	OBJECT_CONTEXT = 1,
	OBJECT_QUEUE,
	OBJECT_MEMORY,
	OBJECT_PROGRAM,
	OBJECT_KERNEL,
	OBJECT_EVENT,
};

struct object {
	const cl_icd_dispatch *dispatch;
	enum object_kind kind;
	unsigned refs;
	cl_device_id device;
	struct node *node; /* of the context it came from */
	struct object *next, *previous;
};

struct _cl_context {
	struct object object;
	cl_context real;
};

struct _cl_command_queue {
	struct object object;
	cl_command_queue real;
	cl_context real_context;
	cl_int failure; /* with which all further commands end */
	bool hangs;	/* some command of it never ends */
};

struct _cl_mem {
	struct object object;
	cl_mem real;
	size_t size_bytes;
};

struct _cl_program {
	struct object object;
	cl_program real;
	bool is_binary, failed;
};

struct _cl_kernel {
	struct object object;
	cl_kernel real;
};

struct _cl_event {
	struct object object;
	cl_event real;
	cl_command_queue queue; /* may be freed before */
	cl_int failure;
};

/* On DEVICE, through NODE, which it holds. NULL when out of memory. */
void *object_create(size_t size, enum object_kind kind, cl_device_id device, struct node *node);
/* The same from another object, which says where. */
void *object_create_from(const struct object *from, size_t size, enum object_kind kind);
bool object_is(const void *handle, enum object_kind kind);
/* One that was made and not freed? Reads nothing of HANDLE itself. */
bool object_is_live(const void *handle, enum object_kind kind);
void object_retain(struct object *object);
/* True for the last one: OBJECT is off the list and has no node, and the caller frees it. */
bool object_release(struct object *object);

/* ---- fault.c ---- */

/* What is to happen at a call. */
struct verdict {
	cl_int code;	 /* to return; CL_SUCCESS: go on */
	cl_int run_code; /* with which the command ends */
	bool hangs;
	double hang_ms; /* 0: for ever */
	double slow_ms;
	double hold_ms; /* 0: not at all */
	bool aborts;
};

void faults_init(void);
/* Counts a call on OBJECT at POINT. */
struct verdict fault_at(const struct object *object, enum fault_point point);
/* CL_SUCCESS or CL_DEVICE_NOT_AVAILABLE: for what belongs to a context, and for a device by itself. */
cl_int fault_gone(const struct object *object);
cl_int fault_device_gone(cl_device_id device);
bool fault_removed(cl_device_id device);
void fault_sleep(double ms);
/* Books memory; false where there is not enough. */
bool memory_take(cl_device_id device, size_t size_bytes);
void memory_give(cl_device_id device, size_t size_bytes);

/* ---- the calls, by file; the names are OpenCL's ---- */

void info_fill(cl_icd_dispatch *table);
void memory_fill(cl_icd_dispatch *table);
void program_fill(cl_icd_dispatch *table);
void command_fill(cl_icd_dispatch *table);
void event_fill(cl_icd_dispatch *table);

/* command.c: what was given to QUEUE is done, unless it hangs. */
void command_stop(cl_command_queue queue);

/* Gives SIZE bytes AT as OpenCL's queries do. */
cl_int info_give(const void *at, size_t size, size_t room, void *value, size_t *ret_size);

/* event.c: an event around REAL; on failure REAL is released. */
cl_int event_make(cl_command_queue queue, cl_event real, cl_int failure, cl_event *ret_event);

/* event.c */
enum { WAIT_LIST_MAX = 32 };
cl_int event_list(const cl_event *events, cl_uint n, cl_event *ret_real, cl_int *ret_failure);

#endif

// SPDX-License-Identifier: MIT
/* Owns what is armed, the counting of calls, and the statistics. Refuses faults that it cannot read, all of them. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

enum { FAULTS_MAX = 16, TEXT_MAX = 512 };

enum fault_kind {
	FAULT_BUILD,
	FAULT_ABORT_BUILD,
	FAULT_MEMORY,
	FAULT_RESOURCES,
	FAULT_UNAVAILABLE,
	FAULT_REMOVED,
	FAULT_HANG,
	FAULT_SLOW,
	FAULT_HOLD,
	FAULTS,
};

static const struct {
	const char *name;
	enum fault_point point;
} kinds[FAULTS] = {
	[FAULT_BUILD] = {"build", POINT_BUILD},
	[FAULT_ABORT_BUILD] = {"abort-build", POINT_BUILD},
	[FAULT_MEMORY] = {"memory", POINT_BUFFER},
	[FAULT_RESOURCES] = {"resources", POINT_LAUNCH},
	[FAULT_UNAVAILABLE] = {"unavailable", POINT_LAUNCH},
	[FAULT_REMOVED] = {"removed", POINT_LAUNCH},
	[FAULT_HANG] = {"hang", POINT_RUN},
	[FAULT_SLOW] = {"slow", POINT_LAUNCH},
	[FAULT_HOLD] = {"hold", POINT_LAUNCH},
};

static const char *const point_names[POINTS] = {
	[POINT_BUILD] = "build",   [POINT_LOAD] = "load", [POINT_BUFFER] = "buffer",
	[POINT_LAUNCH] = "launch", [POINT_READ] = "read", [POINT_WRITE] = "write",
	[POINT_RUN] = "run",	   [POINT_WAIT] = "wait",
};

struct fault {
	enum fault_kind kind;
	enum fault_point point;
	uint64_t count;
	bool onwards;
	int device; /* -1: whichever */
	double value;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct fault armed[FAULTS_MAX];
static unsigned n_armed, n_armings, n_held;
static uint64_t seen[MOCK_DEVICES_MAX + 1][POINTS]; /* since arming; the last: all devices */
static char control_text[TEXT_MAX];

/* ---- reading faults ---- */

static bool read_kind(const char **at, struct fault *fault)
{
	size_t n = strcspn(*at, "=@:,");

	for (unsigned k = 0; k < FAULTS; k++) {
		if (strlen(kinds[k].name) != n || strncmp(kinds[k].name, *at, n) != 0)
			continue;
		*fault = (struct fault){k, kinds[k].point, 1, k == FAULT_SLOW, -1, 0};
		*at += n;
		return true;
	}
	return false;
}

static bool read_point(const char **at, struct fault *fault)
{
	size_t n = strcspn(*at, "/,");

	if ((*at)[n] != '/')
		return true;
	for (unsigned p = 0; p < POINTS; p++) {
		if (strlen(point_names[p]) != n || strncmp(point_names[p], *at, n) != 0)
			continue;
		fault->point = p;
		*at += n + 1;
		return true;
	}
	return false;
}

static bool read_fault(const char **at, struct fault *fault)
{
	char *end;

	if (!read_kind(at, fault))
		return false;
	if (**at == '=') {
		fault->value = strtod(*at + 1, &end);
		*at = end;
	}
	if (**at == '@') {
		(*at)++;
		if (!read_point(at, fault))
			return false;
		fault->count = strtoull(*at, &end, 10);
		if (end == *at)
			return false;
		*at = end;
		if (**at == '+') {
			fault->onwards = true;
			(*at)++;
		}
	}
	if (**at == ':') {
		fault->device = (int)strtol(*at + 1, &end, 10);
		*at = end;
	}
	return **at == '\0' || **at == ',';
}

static void lose(cl_device_id device, const struct fault *fault)
{
	device->is_gone = true;
	device->is_removed |= fault->kind == FAULT_REMOVED;
}

static bool is_about(const struct fault *fault, cl_device_id device)
{
	return fault->device < 0 || (unsigned)fault->device == device->index;
}

static void begin(void)
{
	memset(seen, 0, sizeof(seen));
	for (unsigned d = 0; d < mock.n_devices; d++) {
		mock.devices[d].is_gone = mock.devices[d].is_removed = false;
		for (unsigned i = 0; i < n_armed; i++) {
			if (armed[i].count == 0 && is_about(&armed[i], &mock.devices[d]) &&
			    (armed[i].kind == FAULT_UNAVAILABLE || armed[i].kind == FAULT_REMOVED))
				lose(&mock.devices[d], &armed[i]);
		}
	}
}

static bool arm(const char *text)
{
	const char *at = text;

	n_armings++;
	for (n_armed = 0; *at && n_armed < FAULTS_MAX; n_armed++) {
		if (!read_fault(&at, &armed[n_armed])) {
			(void)fprintf(stderr, "mock ICD: no such faults: %s\n", text);
			n_armed = 0;
			return false;
		}
		at += *at == ',';
	}
	begin();
	return true;
}

EXPORTED bool mock_arm(const char *faults)
{
	bool ok;

	(void)pthread_mutex_lock(&lock);
	ok = arm(faults);
	(void)pthread_mutex_unlock(&lock);
	return ok;
}

static void read_control(void)
{
	const char *path = getenv("SLM_MOCK_CONTROL");
	char text[TEXT_MAX];
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	if (fd >= 0)
		(void)close(fd);
	if (n <= 0 || text[n - 1] != '\n')
		return;
	text[n - 1] = '\0';
	if (strcmp(text, control_text) == 0)
		return;
	strcpy(control_text, text);
	(void)arm(text);
}

/* ---- at a call ---- */

static void apply(const struct fault *fault, cl_device_id device, struct verdict *verdict)
{
	switch (fault->kind) {
	case FAULT_BUILD:
		verdict->code = CL_BUILD_PROGRAM_FAILURE;
		break;
	case FAULT_ABORT_BUILD:
		verdict->aborts = true;
		break;
	case FAULT_MEMORY:
		verdict->code = CL_MEM_OBJECT_ALLOCATION_FAILURE;
		break;
	case FAULT_RESOURCES:
		*(fault->point == POINT_RUN ? &verdict->run_code : &verdict->code) =
			CL_OUT_OF_RESOURCES;
		break;
	case FAULT_HANG:
		verdict->hangs = true;
		verdict->hang_ms = fault->value;
		break;
	case FAULT_SLOW:
		verdict->slow_ms += fault->value;
		break;
	case FAULT_HOLD:
		verdict->hold_ms = fault->value;
		break;
	default:
		lose(device, fault);
		verdict->code = CL_DEVICE_NOT_AVAILABLE;
		break;
	}
}

static void count(cl_device_id device, enum fault_point point, struct verdict *verdict)
{
	device->seen[point]++;
	seen[device->index][point]++;
	seen[MOCK_DEVICES_MAX][point]++;
	for (unsigned i = 0; i < n_armed; i++) {
		const struct fault *fault = &armed[i];
		unsigned whose = fault->device < 0 ? MOCK_DEVICES_MAX : device->index;
		uint64_t n = seen[whose][point];

		if (fault->point == point && is_about(fault, device) && fault->count > 0 &&
		    (n == fault->count || (fault->onwards && n > fault->count)))
			apply(fault, device, verdict);
	}
}

/* Until other faults are armed. */
static void hold(double ms, unsigned arming)
{
	(void)pthread_mutex_lock(&lock);
	n_held++;
	while (n_armings == arming && ms > 0) {
		(void)pthread_mutex_unlock(&lock);
		fault_sleep(1);
		ms--;
		(void)pthread_mutex_lock(&lock);
	}
	n_held--;
	(void)pthread_mutex_unlock(&lock);
}

EXPORTED unsigned mock_held(void)
{
	unsigned n;

	(void)pthread_mutex_lock(&lock);
	n = n_held;
	(void)pthread_mutex_unlock(&lock);
	return n;
}

struct verdict fault_at(const struct object *object, enum fault_point point)
{
	cl_device_id device = object->device;
	struct verdict verdict = {CL_SUCCESS};
	unsigned arming;

	(void)pthread_mutex_lock(&lock);
	read_control();
	if (device->is_gone || node_is_gone(object->node)) {
		verdict.code = CL_DEVICE_NOT_AVAILABLE;
	} else {
		count(device, point, &verdict);
		if (point == POINT_LAUNCH || point == POINT_READ || point == POINT_WRITE)
			count(device, POINT_RUN, &verdict);
	}
	arming = n_armings;
	(void)pthread_mutex_unlock(&lock);
	if (verdict.hold_ms > 0)
		hold(verdict.hold_ms, arming);
	if (verdict.aborts)
		abort();
	fault_sleep(verdict.slow_ms);
	return verdict;
}

cl_int fault_device_gone(cl_device_id device)
{
	bool gone;

	(void)pthread_mutex_lock(&lock);
	gone = device->is_gone;
	(void)pthread_mutex_unlock(&lock);
	return gone ? CL_DEVICE_NOT_AVAILABLE : CL_SUCCESS;
}

cl_int fault_gone(const struct object *object)
{
	return node_is_gone(object->node) ? CL_DEVICE_NOT_AVAILABLE
					  : fault_device_gone(object->device);
}

bool fault_removed(cl_device_id device)
{
	bool removed;

	(void)pthread_mutex_lock(&lock);
	removed = device->is_removed;
	(void)pthread_mutex_unlock(&lock);
	return removed;
}

void fault_sleep(double ms)
{
	struct timespec left = {(time_t)(ms / 1000),
				(long)((ms - (long)(ms / 1000) * 1000.0) * 1e6)};

	while (ms > 0 && nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

bool memory_take(cl_device_id device, size_t size_bytes)
{
	bool fits;

	(void)pthread_mutex_lock(&lock);
	fits = device->report == REPORT_ABSURD ||
	       (size_bytes <= device->memory_bytes &&
		device->used_bytes <= device->memory_bytes - size_bytes);
	if (fits)
		device->used_bytes += size_bytes;
	(void)pthread_mutex_unlock(&lock);
	return fits;
}

void memory_give(cl_device_id device, size_t size_bytes)
{
	(void)pthread_mutex_lock(&lock);
	device->used_bytes -= size_bytes;
	device->freed_buffers++;
	(void)pthread_mutex_unlock(&lock);
}

/* ---- statistics ---- */

EXPORTED void mock_counts(unsigned device, struct mock_counts *ret_counts)
{
	const struct _cl_device_id *d = &mock.devices[device];

	(void)pthread_mutex_lock(&lock);
	*ret_counts = (struct mock_counts){
		.builds = d->seen[POINT_BUILD],
		.loads = d->seen[POINT_LOAD],
		.buffers = d->seen[POINT_BUFFER],
		.launches = d->seen[POINT_LAUNCH],
		.reads = d->seen[POINT_READ],
		.writes = d->seen[POINT_WRITE],
		.runs = d->seen[POINT_RUN],
		.waits = d->seen[POINT_WAIT],
		.buffers_freed = d->freed_buffers,
		.live_bytes = d->used_bytes,
	};
	(void)pthread_mutex_unlock(&lock);
}

static void print_counts(FILE *out, unsigned device)
{
	struct mock_counts c;

	mock_counts(device, &c);
	(void)fprintf(out,
		      "%s{\"builds\":%" PRIu64 ",\"loads\":%" PRIu64 ",\"buffers\":%" PRIu64
		      ",\"launches\":%" PRIu64 ",\"reads\":%" PRIu64 ",\"writes\":%" PRIu64
		      ",\"runs\":%" PRIu64 ",\"waits\":%" PRIu64 ",\"buffers_freed\":%" PRIu64
		      ",\"live_bytes\":%" PRIu64 "}",
		      device ? "," : "", c.builds, c.loads, c.buffers, c.launches, c.reads,
		      c.writes, c.runs, c.waits, c.buffers_freed, c.live_bytes);
}

__attribute__((destructor)) static void write_statistics(void)
{
	const char *path = getenv("SLM_MOCK_STATS");
	FILE *out = path && mock.real ? fopen(path, "ae") : NULL;

	if (!out)
		return;
	/* A callback may still be on its way out, with its event. */
	for (int ms = 0; ms < 300 && mock_live() > 0; ms++)
		fault_sleep(1);
	(void)fprintf(out, "{\"program\":\"%s\",\"pid\":%ld,\"live\":%u,\"devices\":[",
		      program_invocation_short_name, (long)getpid(), mock_live());
	for (unsigned d = 0; d < mock.n_devices; d++)
		print_counts(out, d);
	(void)fprintf(out, "]}\n");
	(void)fclose(out);
}

void faults_init(void)
{
	const char *faults = getenv("SLM_MOCK_FAULTS");

	(void)mock_arm(faults ? faults : "");
}

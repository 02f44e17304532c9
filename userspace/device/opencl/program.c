// SPDX-License-Identifier: MIT
/*
 * Owns the choice between forms of a program (with instructions the driver's compiler does not know
 * of by itself, without) and the memory of which form a driver could not compile.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "array.h"
#include "cleanup.h"
#include "clock.h"
#include "compiler.h"
#include "hash.h"
#include "path.h"
#include "program.h"
#include "program_cache.h"

enum { NOTE_SECONDS = 24 * 3600 };

/* One way to compile the same source. */
struct form {
	const char *name;
	const char *option;
	bool (*usable)(const struct opencl_device *device);
};

#if defined(__x86_64__)
static bool is_this_processor(const struct opencl_device *device)
{
	return (device->facts.type & CL_DEVICE_TYPE_CPU) && device->facts.unified;
}

static bool usable_vnni(const struct opencl_device *device)
{
	return device->family == &opencl_family_vector && is_this_processor(device) &&
	       __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vnni");
}

static bool usable_maddubs(const struct opencl_device *device)
{
	return device->family == &opencl_family_vector && is_this_processor(device) &&
	       __builtin_cpu_supports("avx512bw");
}
#else
static bool usable_vnni(const struct opencl_device *device)
{
	return false;
}

static bool usable_maddubs(const struct opencl_device *device)
{
	return false;
}
#endif

static bool usable_dot(const struct opencl_device *device)
{
	return device->family == &opencl_family_lane && device->facts.has_int8_dot;
}

static bool usable_always(const struct opencl_device *device)
{
	return true;
}

/* Best first; the last always compiles. */
static const struct form forms[] = {
	{"vnni", "-DHAVE_VNNI", usable_vnni},
	{"maddubs", "-DHAVE_MADDUBS", usable_maddubs},
	{"dot", "-DHAVE_DOT", usable_dot},
	{"plain", "", usable_always},
};

struct program_request {
	struct opencl_device *device;
	const char *source;
	char options[160];
	char *path; /* of the binary; NULL without a cache */
	char *bad;  /* of the note that this form fails here */
};

static void request_finish(struct program_request *request)
{
	free(request->path);
	free(request->bad);
}

static int cache_key(const struct program_request *request, char key[static SHA256_HEX_SIZE])
{
	const struct opencl_facts *facts = &request->device->facts;
	const char *parts[] = {request->source,		request->options, facts->platform_name,
			       facts->platform_version, facts->name,	  facts->version,
			       facts->driver_version};
	struct sha256 *sha256;

	if (sha256_create(&sha256) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		sha256_update(sha256, parts[i], strlen(parts[i]) + 1);
	sha256_finish(sha256, key);
	sha256_destroy(sha256);
	return 0;
}

static int name_cache_files(struct program_request *request)
{
	const char *cache = request->device->cache_dir;
	_cleanup_free_ char *folder = cache ? path_format("%s/programs", cache) : NULL;
	char key[SHA256_HEX_SIZE];
	int r;

	if (!cache)
		return 0;
	if (!folder || cache_key(request, key) < 0)
		return -ENOMEM;
	r = path_make_dirs(folder);
	if (r < 0) {
		log_warning(
			request->device->base.log,
			"cannot keep compiled kernels in %s (%s); they are compiled at every start",
			folder, strerror(-r));
		return 0;
	}
	request->path = path_format("%s/%.32s.clbin", folder, key);
	request->bad = path_format("%s/%.32s.bad", folder, key);
	return request->path && request->bad ? 0 : -ENOMEM;
}

static void note_bad(const struct program_request *request)
{
	_cleanup_close_ int fd = -1;

	if (request->bad)
		fd = open(request->bad, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

/* Notes are forgotten in time: the driver may be a newer one, or the machine was merely too busy. */
static bool is_noted_bad(const struct program_request *request)
{
	struct stat status;

	if (!request->bad || stat(request->bad, &status) < 0)
		return false;
	if (time(NULL) - status.st_mtime < NOTE_SECONDS)
		return true;
	(void)unlink(request->bad);
	return false;
}

static int build_form(struct program_request *request, cl_program *ret_program)
{
	struct opencl_device *device = request->device;
	struct compile_job job = {.facts = &device->facts,
				  .source = request->source,
				  .options = request->options,
				  .watchdog = device->watchdog,
				  .cancel = device->cancel,
				  .wait = device->wait,
				  .is_kept = request->path != NULL};
	const struct log *log = device->base.log;
	uint64_t begin_ns;
	int r = -ENOENT;

	if (request->path) {
		log_info(log, "%s: compiling kernels for the first time", device->base.name);
		r = compile_in_child(&job, request->path, log);
	}
	if (r == -ENOEXEC || r == -ECANCELED)
		return r;
	/* A driver without binaries leaves nothing behind; the child has tried the compiler. */
	if (r == 0 && program_cache_load(device->context, device->facts.device, request->path,
					 request->options, ret_program) == 0)
		return 0;
	if (r < 0)
		log_debug(log, "%s: no slm-clc, compiling here", device->base.name);
	/* Not asked for the binary: that makes PoCL 6 compile more, and abort at some of it. */
	job.is_kept = false;
	begin_ns = clock_now_ns();
	r = compile_here(device->context, &job, log, ret_program);
	compile_spent(&job, begin_ns, log);
	device->is_lost |= r == -ENODEV;
	return r;
}

/* RET_REMEMBERED is set where it failed before and was not tried again. */
static int try_form(struct opencl_device *device, const char *source, const struct form *form,
		    cl_program *ret_program, bool *ret_remembered)
{
	struct program_request request
		__attribute__((cleanup(request_finish))) = {.device = device, .source = source};
	int r;

	(void)snprintf(request.options, sizeof(request.options), "-cl-std=CL1.2 -DLANES=%u %s",
		       opencl_lanes(&device->facts), form->option);
	r = name_cache_files(&request);
	if (r < 0)
		return log_oom(device->base.log, "compiling kernels");
	if (request.path && program_cache_load(device->context, device->facts.device, request.path,
					       request.options, ret_program) == 0)
		return 0;
	if (is_noted_bad(&request)) {
		*ret_remembered = true;
		return -ENOEXEC;
	}
	r = build_form(&request, ret_program);
	if (r == -ENOEXEC)
		note_bad(&request);
	return r;
}

static int cannot_compile(const struct opencl_device *device, bool is_remembered)
{
	if (is_remembered)
		return log_error(
			device->base.log, ENODEV,
			"%s: its driver did not compile our kernels rightly when that was "
			"tried less than a day ago; remove %s/programs to try it again now",
			device->base.name, device->cache_dir);
	return log_error(
		device->base.log, ENODEV,
		"%s: its driver does not compile our kernels rightly (-vv shows what it says)",
		device->base.name);
}

int opencl_program_create(struct opencl_device *device, const struct program_spec *spec,
			  cl_program *ret_program)
{
	_cleanup_free_ char *source = program_source(device->family, spec);
	const char *only = getenv("SLM_OPENCL_FORM");
	bool is_remembered = false;
	int r = -ENOEXEC;

	if (!source)
		return log_oom(device->base.log, "compiling kernels");
	for (size_t i = 0; i < ARRAY_SIZE(forms) && r == -ENOEXEC; i++) {
		if (!forms[i].usable(device) || (only && strcmp(only, forms[i].name) != 0))
			continue;
		r = try_form(device, source, &forms[i], ret_program, &is_remembered);
		if (r == 0)
			log_info(device->base.log, "%s: %s kernels, form %s", device->base.name,
				 device->family->name, forms[i].name);
	}
	if (r == -ENOEXEC)
		return cannot_compile(device, is_remembered);
	return r;
}

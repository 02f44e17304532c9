// SPDX-License-Identifier: MIT
/*
 * slm-clc PLATFORM DEVICE NAME OPTIONS PATH < SOURCE: compiles one OpenCL program in a process of its
 * own, so that a driver's compiler that crashes or hangs takes only this process with it. Not for people.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler.h"
#include "device_list.h"
#include "program_cache.h"

enum { SOURCE_MAX = 8 << 20 };

static void complain(void *data, enum log_level level, const char *text)
{
	(void)data;
	(void)level;
	(void)fprintf(stderr, "%s\n", text);
}

static char *read_source(void)
{
	char *text = calloc(1, SOURCE_MAX + 1);
	size_t n = text ? fread(text, 1, SOURCE_MAX, stdin) : 0;

	if (n > 0)
		return text;
	free(text);
	return NULL;
}

static const struct opencl_facts *find_facts(const struct device_list *list, const char *platform,
					     const char *device, const char *name)
{
	char selector[40];

	(void)snprintf(selector, sizeof(selector), "opencl:%.15s.%.15s", platform, device);
	for (size_t i = 0; i < list->n_entries; i++) {
		const struct device_entry *entry = &list->entries[i];

		if (strcmp(entry->selector, selector) == 0 && strcmp(entry->name, name) == 0 &&
		    entry->usable)
			return entry->driver_data;
	}
	return NULL;
}

static int compile(int argc, char **argv)
{
	const struct log log = {complain, NULL, LOG_LEVEL_DEBUG};
	struct compile_job job = {0};
	struct device_list *list;
	cl_context context;
	cl_program program;
	cl_int code;

	if (argc != 6 || device_list_create(DEVICES_ALL, &log, &list) < 0)
		return CLC_CANNOT;
	job.facts = find_facts(list, argv[1], argv[2], argv[3]);
	job.options = argv[4];
	job.source = read_source();
	if (!job.facts || !job.source)
		return CLC_CANNOT;
	context = clCreateContext(NULL, 1, &job.facts->device, NULL, NULL, &code);
	if (code != CL_SUCCESS) {
		(void)cl_failed(&log, argv[3], "clCreateContext", code);
		return CLC_CANNOT;
	}
	if (compile_here(context, &job, &log, &program) < 0)
		return CLC_REFUSED;
	return program_cache_store(program, argv[5]) < 0 ? CLC_NOT_KEPT : CLC_DONE;
}

/* Left without exit handlers: a driver's have nothing to add to a binary that is kept, and may crash. */
int main(int argc, char **argv)
{
	_exit(compile(argc, argv));
}

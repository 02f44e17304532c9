/* SPDX-License-Identifier: MIT */
/* Binaries of programs on disk: a header that tells a whole file from a damaged one, then the bytes. */
#ifndef SLM_DEVICE_OPENCL_PROGRAM_CACHE_H
#define SLM_DEVICE_OPENCL_PROGRAM_CACHE_H

#include <CL/cl.h>

/* Writes the program's binary (of its one device) to PATH. 0 or -errno, not logged. */
int program_cache_store(cl_program program, const char *path);

/* 0; -ENOENT where there is none, or it is damaged, or the driver does not want it. */
int program_cache_load(cl_context context, cl_device_id device, const char *path,
		       const char *options, cl_program *ret_program);

#endif

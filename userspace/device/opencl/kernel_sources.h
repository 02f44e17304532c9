/* SPDX-License-Identifier: MIT */
/* The files of opencl_kernels/, embedded by CMake. */
#ifndef SLM_DEVICE_OPENCL_KERNEL_SOURCES_H
#define SLM_DEVICE_OPENCL_KERNEL_SOURCES_H

#include <stddef.h>

struct kernel_source {
	const char *name; /* "vector/tile.cl" */
	const unsigned char *text;
	size_t size_bytes; /* without the NUL that follows */
};

extern const struct kernel_source kernel_sources[];
extern const size_t n_kernel_sources;

#endif

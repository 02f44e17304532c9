/* SPDX-License-Identifier: MIT */
/*
 * A compiled program for a segment: out of the cache, or built, in the fastest form that the driver
 * compiles and computes rightly.
 */
#ifndef SLM_DEVICE_OPENCL_PROGRAM_H
#define SLM_DEVICE_OPENCL_PROGRAM_H

#include "program_source.h"

/* 0; -ENODEV where the driver compiles no form of it (logged); -ENOMEM; or as cl_error_code(). */
int opencl_program_create(struct opencl_device *device, const struct program_spec *spec,
			  cl_program *ret_program);

#endif

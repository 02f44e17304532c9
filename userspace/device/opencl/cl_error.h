/* SPDX-License-Identifier: MIT */
/* OpenCL's error codes by name, and as ours: the one place where they are translated. */
#ifndef SLM_DEVICE_OPENCL_CL_ERROR_H
#define SLM_DEVICE_OPENCL_CL_ERROR_H

#include <CL/cl.h>

#include "log.h"

/* Ours, beside OpenCL's: a wait was given up (watchdog.h). */
#define SLM_DEVICE_HANGS (-9901)

const char *cl_error_name(cl_int code);

/* -ENOMEM for want of memory, -ENODEV for a device that is gone, else -EIO. */
int cl_error_code(cl_int code);

/* "DEVICE: CALL failed: NAME", and the code. */
int cl_failed(const struct log *log, const char *device, const char *call, cl_int code);

#endif

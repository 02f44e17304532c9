/* SPDX-License-Identifier: MIT */
/* Every device of every OpenCL platform that the ICD loader finds. */
#ifndef SLM_DEVICE_OPENCL_H
#define SLM_DEVICE_OPENCL_H

#include "device_list.h"

extern const struct device_ops opencl_device_ops;

/*
 * Adds an entry per device, and one per platform that has none or fails. No platform at all is no
 * failure. 0 or -ENOMEM.
 */
int opencl_discover(struct device_list *list, const struct log *log);

/* What must be done before the first call of OpenCL, while there is one thread. */
void opencl_prepare(void);

/* Looks again: device_list_refresh(). 0 or -ENOMEM. */
int opencl_refresh(struct device_list *list, const struct log *log);

/* Frees what discovery left in the list. */
void opencl_forget(struct device_list *list);

#endif

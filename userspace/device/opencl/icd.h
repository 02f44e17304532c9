/* SPDX-License-Identifier: MIT */
/* Why a driver's library cannot be loaded, which the OpenCL loader keeps to itself. */
#ifndef SLM_DEVICE_OPENCL_ICD_H
#define SLM_DEVICE_OPENCL_ICD_H

enum { ICD_TEXT_MAX = 1024 };

/*
 * Tries each library that the ICD files name ($OCL_ICD_VENDORS, else $OPENCL_VENDOR_PATH, where these are
 * folders, else /etc/OpenCL/vendors) and is not loaded, and calls SAY with a sentence about each that cannot
 * be: a missing file, a missing library behind it, no memory. Slow; for when something was not found.
 */
void icd_load_failures(void (*say)(void *data, const char *text), void *data);

#endif

/* SPDX-License-Identifier: MIT */
/* What ICD files name: what of it is loaded, and why something cannot be, which the loader keeps to itself. */
#ifndef SLM_DEVICE_OPENCL_ICD_H
#define SLM_DEVICE_OPENCL_ICD_H

#include <stdbool.h>

enum { ICD_TEXT_MAX = 1024 };

/*
 * Tries each library that the ICD files name ($OCL_ICD_VENDORS, else $OPENCL_VENDOR_PATH, where these are
 * folders, else /etc/OpenCL/vendors) and is not loaded, and calls SAY with a sentence about each that cannot
 * be: a missing file, a missing library behind it, no memory. Slow; for when something was not found.
 */
void icd_load_failures(void (*say)(void *data, const char *text), void *data);

/*
 * Is the library of any of these ICD files loaded by this process? Then drivers have been asked before, and
 * neither they nor the loader may look again at what has changed since.
 */
bool icd_any_is_loaded(void);

#endif

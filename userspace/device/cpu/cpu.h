/* SPDX-License-Identifier: MIT */
/*
 * The processor itself, by native code: the best of AVX-512 VNNI, AVX2, NEON dotprod and plain C that
 * it has, chosen when the device is opened. $SLM_CPU names one to use instead, for tests.
 */
#ifndef SLM_DEVICE_CPU_H
#define SLM_DEVICE_CPU_H

#include "device.h"

extern const struct device_ops cpu_device_ops;

/* "AMD EPYC, avx512vnni" */
void cpu_describe(char name[static DEVICE_TEXT_MAX]);

#endif

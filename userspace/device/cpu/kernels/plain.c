// SPDX-License-Identifier: MIT
/* The CPU kernels in plain C. */
#include "simd_plain.h"

#define KERNELS	  cpu_kernels_plain
#define SIMD_NAME "plain"

#include "table.h"

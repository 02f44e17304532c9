// SPDX-License-Identifier: MIT
/* The CPU kernels for 64-bit Arm with the dot product extension (Armv8.2 and later). */
#include "simd_neon.h"

#define KERNELS	  cpu_kernels_neon
#define SIMD_NAME "neon"

#include "table.h"

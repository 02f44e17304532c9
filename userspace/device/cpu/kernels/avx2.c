// SPDX-License-Identifier: MIT
/* The CPU kernels for AVX2 with FMA and F16C (Haswell, Zen and later). */
#include "simd_avx2.h"

#define KERNELS	  cpu_kernels_avx2
#define SIMD_NAME "avx2"

#include "table.h"

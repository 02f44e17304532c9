// SPDX-License-Identifier: MIT
/* The CPU kernels for AVX-512 with VNNI (Ice Lake, Zen 4 and later). */
#include "simd_avx512vnni.h"

#define KERNELS	  cpu_kernels_avx512vnni
#define SIMD_NAME "avx512vnni"

#include "table.h"

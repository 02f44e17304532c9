/* SPDX-License-Identifier: MIT */
/* Template: the table, named KERNELS, of one instruction set, SIMD_NAME. */
#include <math.h>

#include "kernels.h"

#include "matmul.h"
#include "rows.h"
#include "attention.h"

const struct cpu_kernels KERNELS = {
	.name = SIMD_NAME,
	.max_width = SIMD_MAX_WIDTH,
	.matmul = MATMUL_TABLE,
	.quantize = quantize_row,
	.norm = norm_row,
	.layer_norm = layer_norm_row,
	.store = store_rows,
	.glu = glu_rows,
	.rotate = rotate_head,
	.store_key = store_key,
	.store_value = store_value,
	.attend = attend,
};

/* SPDX-License-Identifier: MIT */
/*
 * From floats to the blocks of tensor_type.h: for each block the scales and codes are looked for
 * that come nearest to the values in the least squares.
 */
#ifndef SLM_MODEL_QUANTIZE_ROW_H
#define SLM_MODEL_QUANTIZE_ROW_H

#include "tensor_type.h"

/* Can floats be stored as this type? F32, F16, Q4_0, Q5_0, Q8_0, Q4_K and Q6_K. */
bool quantize_row_supported(enum tensor_type type);

/* Stores N_VALUES, a multiple of the block, at RET_ROW. What is not finite counts as 0. */
void quantize_row(enum tensor_type type, const float *values, void *ret_row, size_t n_values);

#endif

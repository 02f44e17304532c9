/* SPDX-License-Identifier: MIT */
/*
 * How numbers are stored in a GGUF tensor. Ids, block sizes and block layouts are ggml's
 * (docs/gguf.md and ggml-common.h of the ggml project), restated.
 */
#ifndef SLM_MODEL_TENSOR_TYPE_H
#define SLM_MODEL_TENSOR_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tensor_type {
	TENSOR_F32 = 0,
	TENSOR_F16 = 1,
	TENSOR_Q4_0 = 2,
	TENSOR_Q4_1 = 3,
	TENSOR_Q5_0 = 6,
	TENSOR_Q5_1 = 7,
	TENSOR_Q8_0 = 8,
	TENSOR_Q2_K = 10,
	TENSOR_Q3_K = 11,
	TENSOR_Q4_K = 12,
	TENSOR_Q5_K = 13,
	TENSOR_Q6_K = 14,
	TENSOR_IQ4_NL = 20,
	TENSOR_IQ4_XS = 23,
	TENSOR_BF16 = 30,
	TENSOR_MXFP4 = 39,
};

enum {
	TENSOR_TYPE_IDS = 64,	/* every id we can name is below */
	TENSOR_BLOCK_MAX = 256, /* values in the largest block */
};

struct tensor_type_info {
	const char *name;      /* as ggml spells it; NULL where no type has this id */
	unsigned block_values; /* 1 for the float types */
	unsigned block_bytes;
	/* Expands N_BLOCKS blocks to floats; NULL: the type is known by name only. */
	void (*dequantize)(const uint8_t *blocks, float *ret_values, size_t n_blocks);
};

/* NULL for an id that nobody has defined. */
const struct tensor_type_info *tensor_type_info(uint32_t id);

/* Can weights of this type be used? */
bool tensor_type_supported(uint32_t id);

/* Bytes of a row of N_VALUES, a multiple of the block. */
static inline uint64_t tensor_row_bytes(enum tensor_type type, uint64_t n_values)
{
	const struct tensor_type_info *info = tensor_type_info(type);

	return n_values / info->block_values * info->block_bytes;
}

/* Expands a row of N_VALUES, a multiple of the block, to floats. */
void tensor_row_to_float(enum tensor_type type, const void *row, float *ret_values,
			 size_t n_values);

/*
 * What the 16 codes of the types without even steps stand for: IQ4_NL and IQ4_XS, and twice the
 * E2M1 floats of MXFP4.
 */
extern const int8_t tensor_values_iq4[16];
extern const int8_t tensor_values_mxfp4[16];

/* IEEE half and bfloat16 as bits. */
float half_to_float(uint16_t half);
uint16_t float_to_half(float value); /* to nearest even */

static inline float bfloat16_to_float(uint16_t bits)
{
	union {
		uint32_t u;
		float f;
	} value = {.u = (uint32_t)bits << 16};

	return value.f;
}

/* 2^(EXPONENT - 128): the scale of a block of MXFP4, whose values are doubled, is exact in bfloat16. */
static inline uint16_t mxfp4_scale_to_bfloat16(uint8_t exponent)
{
	return (uint16_t)(exponent < 2 ? 0x20 << exponent : (exponent - 1) << 7);
}

#endif

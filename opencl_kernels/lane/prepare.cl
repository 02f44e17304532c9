/* SPDX-License-Identifier: MIT */
/*
 * Activations as they meet weights: normed if NORM is one, and quantised to int8 in blocks of 32 or
 * left as floats; one group per row, a block per item.
 *   codes [row][block][32]; scales [row][block]: d, d * sum of codes; sums [row][block]: of the two
 *   halves of a block; floats [row][column]
 */
/* For common/pairs.cl: which group sorts, and the slots that N_ROWS rows take. */
#define SORTING_GROUP GROUP

static inline uint slots_of(uint n_rows)
{
	return n_rows;
}

/* X, normed where NORM is something, as row ROW. */
static inline void quantize_row(__global const float *x, __global const float *norm, uint n,
				float scale, uint row, __global char *codes,
				__global float2 *scales, __global int2 *sums)
{
	uint n_blocks = (n + 63) / 64 * 2;

	for (uint b = get_local_id(0); b < n_blocks; b += LANES) {
		uint at = row * n_blocks + b, count = 32 * b < n ? min(32u, n - 32 * b) : 0;
		float block[32], largest = 0, inverse, d;
		int2 sum = 0;

		for (uint i = 0; i < 32; i++) {
			float y = i < count ? x[32 * b + i] : 0;

			if (norm && i < count)
				y = y * scale * norm[32 * b + i];
			block[i] = y;
			largest = fmax(largest, fabs(y));
		}
		inverse = 127.0f / largest;
		if (!(inverse <= MAXFLOAT)) {
			largest = 0;
			inverse = 0;
		}
		d = largest / 127.0f;
		for (uint i = 0; i < 32; i++) {
			int code = (int)rint(block[i] * inverse);

			codes[32 * at + i] = (char)code;
			if (i < 16)
				sum.x += code;
			else
				sum.y += code;
		}
		sums[at] = sum;
		scales[at] = (float2)(d, d * (float)(sum.x + sum.y));
	}
}

static inline void float_row(__global const float *x, __global const float *norm, uint n, float scale,
			     uint row, __global float *floats)
{
	for (uint i = get_local_id(0); i < n; i += LANES)
		floats[row * n + i] = norm ? x[i] * scale * norm[i] : x[i];
}

__kernel GROUP void quantize_rows(__global const uint *step, __global const float *values,
				  __global const float *vectors, __global char *codes,
				  __global float2 *scales, __global int2 *sums, uint in, uint norm,
				  uint n, float eps, uint per_token, uint alone,
				  uint of_outputs)
{
	__local float scratch[LANES];
	uint row = get_group_id(0);
	__global const float *x = values + in + row * n;
	float scale = norm == NONE ? 1 : NORM_SCALE(x, n, eps, scratch);

	quantize_row(x, norm == NONE ? 0 : vectors + norm, n, scale, row, codes, scales, sums);
}

__kernel GROUP void float_rows(__global const uint *step, __global const float *values,
			       __global const float *vectors, __global float *floats, uint in, uint norm,
			       uint n, float eps, uint per_token, uint alone, uint of_outputs)
{
	__local float scratch[LANES];
	uint row = get_group_id(0);
	__global const float *x = values + in + row * n;
	float scale = norm == NONE ? 1 : NORM_SCALE(x, n, eps, scratch);

	float_row(x, norm == NONE ? 0 : vectors + norm, n, scale, row, floats);
}

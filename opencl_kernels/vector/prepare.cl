/* SPDX-License-Identifier: MIT */
/*
 * Activations as they meet weights: normed if NORM is one, and quantised to int8 in blocks of 32 or
 * left as floats; one work-item per row. Rows stand in tiles of 12, then of 4 (a single row alone);
 * the slots of a last, partly filled tile hold zeros. Where the experts of a single token are next, each
 * row stands ALONE, and the token has PER_TOKEN of them.
 *   codes [block][width][32]; scales [block][width]: d, d * sum of codes; sums [block][width]: of the
 *   two halves of a block; floats [column][width]
 */
struct slot {
	uint base; /* slots before its tile */
	uint width;
	uint t; /* its place in the tile */
};

/* For common/pairs.cl: which group sorts, and the slots that N_ROWS rows take. */
#define SORTING_GROUP ONE_ITEM

static inline uint slots_of(uint n_rows)
{
	return n_rows == 1 ? 1 : n_rows / 12 * 12 + (n_rows % 12 + 3) / 4 * 4;
}

static struct slot slot_at(uint i, uint n_rows, uint alone)
{
	struct slot slot = {i, 1, 0};
	uint full = n_rows / 12 * 12;

	if (n_rows == 1 || alone)
		return slot;
	slot.width = i < full ? 12 : 4;
	slot.base = i < full ? i / 12 * 12 : full + (i - full) / 4 * 4;
	slot.t = i - slot.base;
	return slot;
}

static vf normed(__global const float *x, __global const float *norm, float scale, uint i, uint n)
{
	vf a = i < n ? load_n(x + i, min(n - i, 16u)) : (vf)(0);

	return norm && i < n ? a * scale * load_n(norm + i, min(n - i, 16u)) : a;
}

/* X, or zeros where there is none, normed where NORM is something. */
static void quantize_row(__global const float *x, __global const float *norm, uint n, float eps,
			 struct slot slot, __global char *codes, __global float2 *scales,
			 __global int2 *sums)
{
	uint n_blocks = (n + 63) / 64 * 2;
	float scale = x && norm ? norm_scale(x, n, eps) : 1;

	for (uint b = 0; b < n_blocks; b++) {
		ulong at = (ulong)slot.base * n_blocks + b * slot.width + slot.t;
		vf lo = normed(x, norm, scale, 32 * b, x ? n : 0);
		vf hi = normed(x, norm, scale, 32 * b + 16, x ? n : 0);
		float largest = max_16(fmax(fabs(lo), fabs(hi))), inverse = 127.0f / largest;
		vi a, c;

		if (!(inverse <= MAXFLOAT)) {
			largest = 0;
			inverse = 0;
		}
		a = convert_int16_rte(lo * inverse);
		c = convert_int16_rte(hi * inverse);
		vstore16(convert_char16(a), 0, codes + 32 * at);
		vstore16(convert_char16(c), 0, codes + 32 * at + 16);
		sums[at] = (int2)((int)sum_16(convert_float16(a)), (int)sum_16(convert_float16(c)));
		scales[at] = (float2)(largest / 127.0f,
				      largest / 127.0f * (float)(sums[at].x + sums[at].y));
	}
}

static void float_row(__global const float *x, __global const float *norm, uint n, float eps,
		      struct slot slot, __global float *floats)
{
	__global float *out = floats + (ulong)slot.base * n + slot.t;
	float scale = x && norm ? norm_scale(x, n, eps) : 1;

	for (uint i = 0; i < n; i++)
		out[i * slot.width] = !x ? 0 : norm ? x[i] * scale * norm[i] : x[i];
}

__kernel ONE_ITEM void quantize_rows(__global const uint *step, __global const float *values,
				     __global const float *vectors, __global char *codes,
				     __global float2 *scales, __global int2 *sums, uint in, uint norm,
				     uint n, float eps, uint per_token, uint alone,
				     uint of_outputs)
{
	uint row = get_global_id(0), n_rows = N_ROWS(step, of_outputs) * per_token;

	quantize_row(row < n_rows ? values + in + row * n : 0, norm == NONE ? 0 : vectors + norm, n,
		     eps, slot_at(row, n_rows, alone), codes, scales, sums);
}

__kernel ONE_ITEM void float_rows(__global const uint *step, __global const float *values,
				  __global const float *vectors, __global float *floats, uint in,
				  uint norm, uint n, float eps, uint per_token, uint alone,
				  uint of_outputs)
{
	uint row = get_global_id(0), n_rows = N_ROWS(step, of_outputs) * per_token;

	float_row(row < n_rows ? values + in + row * n : 0, norm == NONE ? 0 : vectors + norm, n, eps,
		  slot_at(row, n_rows, alone), floats);
}

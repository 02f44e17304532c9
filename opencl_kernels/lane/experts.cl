/* SPDX-License-Identifier: MIT */
/*
 * Products with the experts that tokens use, of TYPE: a group makes one tile of 16 rows for one pair of
 * a token and one of its experts. SHARE pairs meet the same row of activations.
 */
#define EXPERT_SETUP                                                                              \
	uint place = get_group_id(0), pair = get_group_id(1), n = (n_rows + ROWS - 1) / ROWS;     \
	uint expert = (uint)values[route + pair / n_used * 2 * n_used + pair % n_used];           \
	ulong at = ((ulong)expert * n + place) * TILE_BYTES(n_cols);                              \
	uint m = place * ROWS + get_local_id(0)

__kernel GROUP void NAMED(expert_glu)(__global const uint *step, __global const uchar *gate,
				      __global const uchar *up, __global float *values,
				      __global const char *codes, __global const float2 *scales,
				      __global const int2 *sums, __global const float *floats,
				      uint route, uint n_used, uint share, uint n_rows, uint out,
				      uint n_cols, uint activation, uint of_outputs)
{
	__local float scratch[LANES], both[2 * ROWS];

	EXPERT_SETUP;
	for (uint which = 0; which < 2; which++)
		TILE(NAMED(tile), 1)
		((which ? up : gate) + at, n_cols, pair / share, 1, codes, scales, sums, floats,
		 scratch, both + which * ROWS);
	if (get_local_id(0) < ROWS && m < n_rows)
		values[out + pair * n_rows + m] = activate(activation, both[get_local_id(0)]) *
						  both[ROWS + get_local_id(0)];
}

__kernel GROUP void NAMED(expert_matmul)(__global const uint *step, __global const uchar *weight,
					 __global float *values, __global const char *codes,
					 __global const float2 *scales, __global const int2 *sums,
					 __global const float *floats, uint route, uint n_used,
					 uint share, uint n_rows, uint out, uint n_cols,
					 uint of_outputs)
{
	__local float scratch[LANES], sums_of[ROWS];

	EXPERT_SETUP;
	TILE(NAMED(tile), 1)
	(weight + at, n_cols, pair / share, 1, codes, scales, sums, floats, scratch, sums_of);
	if (get_local_id(0) < ROWS && m < n_rows)
		values[out + pair * n_rows + m] = sums_of[get_local_id(0)];
}

#undef EXPERT_SETUP

/* SPDX-License-Identifier: MIT */
/*
 * Products with the experts that tokens use, of TYPE: for each pair of a token and one of its experts a
 * run of tiles per work-item, so that experts nobody uses are not read. Activations stand alone, not
 * in tiles of tokens; SHARE pairs meet the same row of them.
 */
#define EXPERT_SETUP                                                                              \
	uint n = (n_rows + ROWS - 1) / ROWS, of = get_global_size(0) / n_pairs(step, n_used, of_outputs); \
	uint pair = get_global_id(0) / of, g = get_global_id(0) % of;                             \
	uint expert = (uint)values[route + pair / n_used * 2 * n_used + pair % n_used];           \
	uint n_blocks = (n_cols + 63) / 64 * 2, row = pair / share;                               \
	ulong bytes = TILE_BYTES(n_cols), begin = (ulong)expert * n * bytes;                      \
	uint first = (ulong)n * g / of, last = (ulong)n * (g + 1) / of;                           \
	__global float *to = values + out + (ulong)pair * n_rows

#define ACTIVATIONS                                                                               \
	codes + 32 * (ulong)row * n_blocks, scales + (ulong)row * n_blocks,                       \
		sums + (ulong)row * n_blocks, floats + (ulong)row * n_cols

#ifndef PAIRS
#define PAIRS
static inline uint n_pairs(__global const uint *step, uint n_used, uint of_outputs)
{
	return N_ROWS(step, of_outputs) * n_used;
}
#endif

__kernel ONE_ITEM void NAMED(expert_glu)(__global const uint *step, __global const uchar *gate,
					 __global const uchar *up, __global float *values,
					 __global const char *codes, __global const float2 *scales,
					 __global const int2 *sums, __global const float *floats,
					 uint route, uint n_used, uint share, uint n_rows, uint out,
					 uint n_cols, uint activation, uint of_outputs)
{
	EXPERT_SETUP;

	for (uint i = first; i < last; i++) {
		vf a[1], b[1];

		TILE(NAMED(tile), 1)(gate + begin + i * bytes, n_cols, ACTIVATIONS, a);
		TILE(NAMED(tile), 1)(up + begin + i * bytes, n_cols, ACTIVATIONS, b);
		store_n(activate(activation, a[0]) * b[0], to + i * ROWS, n_rows - i * ROWS);
	}
}

__kernel ONE_ITEM void NAMED(expert_matmul)(__global const uint *step, __global const uchar *weight,
					    __global float *values, __global const char *codes,
					    __global const float2 *scales,
					    __global const int2 *sums, __global const float *floats,
					    uint route, uint n_used, uint share, uint n_rows,
					    uint out, uint n_cols, uint of_outputs)
{
	EXPERT_SETUP;

	for (uint i = first; i < last; i++) {
		vf acc[1];

		TILE(NAMED(tile), 1)(weight + begin + i * bytes, n_cols, ACTIVATIONS, acc);
		store_n(acc[0], to + i * ROWS, n_rows - i * ROWS);
	}
}

#undef EXPERT_SETUP
#undef ACTIVATIONS

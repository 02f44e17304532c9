/* SPDX-License-Identifier: MIT */
/*
 * Products with the experts that tokens use, of TYPE. Those of a single token: for each pair of it and an
 * expert some work-items, each a run of tiles of weight rows; its activations stand alone, and SHARE pairs
 * meet the same row of them. Those of more tokens: the same for each expert, all whose pairs, sorted
 * (pairs.cl), meet a tile of weights before the next tile is read. Experts nobody uses are not read.
 */
#define ONE_PARAMS                                                                                \
	__global float *values, __global const char *codes, __global const float2 *scales,        \
		__global const int2 *sums, __global const float *floats, uint route, uint n_used, \
		uint share, uint n_rows, uint out, uint n_cols, uint activation

#define ONE_SETUP                                                                                 \
	uint n = (n_rows + ROWS - 1) / ROWS, of = get_global_size(0) / n_used;                    \
	uint pair = get_global_id(0) / of, g = get_global_id(0) % of, row = pair / share;         \
	uint n_blocks = (n_cols + 63) / 64 * 2;                                                   \
	ulong bytes = TILE_BYTES(n_cols), begin = (ulong)values[route + pair] * n * bytes;        \
	uint first = (ulong)n * g / of, last = (ulong)n * (g + 1) / of;                           \
	__global float *to = values + out + (ulong)pair * n_rows

#define ONE_ROW                                                                                   \
	codes + 32 * (ulong)row * n_blocks, scales + (ulong)row * n_blocks,                       \
		sums + (ulong)row * n_blocks, floats + (ulong)row * n_cols

#ifndef STORE_PART
#define STORE_PART
/* act(Y) unless ACTIVATION is NONE, times what is there where ONTO. */
static inline void store_part(vf y, uint activation, uint onto, __global float *to, uint left)
{
	if (activation != NONE)
		y = activate(activation, y);
	if (onto)
		y *= load_n(to, left);
	store_n(y, to, left);
}
#endif

__kernel ONE_ITEM void NAMED(expert_glu_one)(__global const uchar *gate, __global const uchar *up,
					     ONE_PARAMS)
{
	ONE_SETUP;

	for (uint i = first; i < last; i++) {
		vf a[1], b[1];

		TILE(NAMED(tile), 1)(gate + begin + i * bytes, n_cols, ONE_ROW, a);
		TILE(NAMED(tile), 1)(up + begin + i * bytes, n_cols, ONE_ROW, b);
		store_n(activate(activation, a[0]) * b[0], to + i * ROWS, n_rows - i * ROWS);
	}
}

__kernel ONE_ITEM void NAMED(expert_matmul_one)(__global const uchar *weight, ONE_PARAMS, uint onto)
{
	ONE_SETUP;

	for (uint i = first; i < last; i++) {
		vf acc[1];

		TILE(NAMED(tile), 1)(weight + begin + i * bytes, n_cols, ONE_ROW, acc);
		store_part(acc[0], activation, onto, to + i * ROWS, n_rows - i * ROWS);
	}
}

#define MANY_PARAMS                                                                               \
	__global const uint *plan, __global float *values, __global const char *codes,            \
		__global const float2 *scales, __global const int2 *sums,                         \
		__global const float *floats, uint n_experts, uint n_rows, uint out, uint n_cols, \
		uint activation

#define MANY_SETUP                                                                                \
	uint n = (n_rows + ROWS - 1) / ROWS, of = get_global_size(0) / n_experts;                 \
	uint expert = get_global_id(0) / of, g = get_global_id(0) % of;                           \
	uint count = PLAN_COUNTS(plan, n_experts)[expert], n_blocks = (n_cols + 63) / 64 * 2;     \
	uint start = PLAN_STARTS(plan)[expert];                                                   \
	ulong bytes = TILE_BYTES(n_cols), begin = (ulong)expert * n * bytes;                      \
	uint first = (ulong)n * g / of, last = (ulong)n * (g + 1) / of;                           \
	__global const uint *slots = PLAN_SLOTS(plan, n_experts) + 2 * start

/* Where pair T of the tile of slots at BASE goes. */
#define PAIR_OUTPUT(t) values + out + (ulong)slots[2 * (base + t)] * n_rows + i * ROWS

#define SLOT_TILE                                                                                 \
	codes + 32 * (ulong)(start + base) * n_blocks, scales + (ulong)(start + base) * n_blocks, \
		sums + (ulong)(start + base) * n_blocks, floats + (ulong)(start + base) * n_cols

#define GLU_TILE(W)                                                                               \
	{                                                                                         \
		vf a[W], b[W];                                                                    \
                                                                                                  \
		TILE(NAMED(tile), W)(gate + begin + i * bytes, n_cols, SLOT_TILE, a);             \
		TILE(NAMED(tile), W)(up + begin + i * bytes, n_cols, SLOT_TILE, b);               \
		for (uint t = 0; t < min((uint)W, count - base); t++)                             \
			store_n(activate(activation, a[t]) * b[t], PAIR_OUTPUT(t),                \
				n_rows - i * ROWS);                                               \
	}

#define MATMUL_TILE(W)                                                                            \
	{                                                                                         \
		vf acc[W];                                                                        \
                                                                                                  \
		TILE(NAMED(tile), W)(weight + begin + i * bytes, n_cols, SLOT_TILE, acc);         \
		for (uint t = 0; t < min((uint)W, count - base); t++)                             \
			store_part(acc[t], activation, onto, PAIR_OUTPUT(t), n_rows - i * ROWS);  \
	}

__kernel ONE_ITEM void NAMED(expert_glu_many)(__global const uchar *gate, __global const uchar *up,
					      MANY_PARAMS)
{
	MANY_SETUP;

	for (uint i = first; i < last; i++) {
		for (uint base = 0; base < count; base += count - base >= 12 ? 12 : 4) {
			if (count - base >= 12)
				GLU_TILE(12)
			else if (count > 1)
				GLU_TILE(4)
			else
				GLU_TILE(1)
		}
	}
}

__kernel ONE_ITEM void NAMED(expert_matmul_many)(__global const uchar *weight, MANY_PARAMS, uint onto)
{
	MANY_SETUP;

	for (uint i = first; i < last; i++) {
		for (uint base = 0; base < count; base += count - base >= 12 ? 12 : 4) {
			if (count - base >= 12)
				MATMUL_TILE(12)
			else if (count > 1)
				MATMUL_TILE(4)
			else
				MATMUL_TILE(1)
		}
	}
}

#undef ONE_PARAMS
#undef ONE_SETUP
#undef ONE_ROW
#undef MANY_PARAMS
#undef MANY_SETUP
#undef PAIR_OUTPUT
#undef SLOT_TILE
#undef GLU_TILE
#undef MATMUL_TILE

/* SPDX-License-Identifier: MIT */
/*
 * Products with the experts that tokens use, of TYPE; a group makes one tile of 16 rows. Those of a single
 * token: for one pair of it and an expert, SHARE of which meet the same row of activations. Those of more
 * tokens: for all pairs of one expert, which stand side by side (pairs.cl), eight at a time.
 */
#define ONE_PARAMS                                                                                \
	__global float *values, __global const char *codes, __global const float2 *scales,        \
		__global const int2 *sums, __global const float *floats, uint route, uint n_used, \
		uint share, uint n_rows, uint out, uint n_cols, uint activation

#define ONE_SETUP                                                                                 \
	uint place = get_group_id(0), pair = get_group_id(1), n = (n_rows + ROWS - 1) / ROWS;     \
	ulong at = ((ulong)values[route + pair] * n + place) * TILE_BYTES(n_cols);                \
	uint m = place * ROWS + get_local_id(0)

#define MANY_PARAMS                                                                               \
	__global const uint *plan, __global float *values, __global const char *codes,            \
		__global const float2 *scales, __global const int2 *sums,                         \
		__global const float *floats, uint n_experts, uint n_rows, uint out, uint n_cols, \
		uint activation

#define PAIRS 8

#define MANY_SETUP                                                                                \
	uint place = get_group_id(0), expert = get_group_id(1), n = (n_rows + ROWS - 1) / ROWS;   \
	ulong at = ((ulong)expert * n + place) * TILE_BYTES(n_cols);                              \
	uint start = PLAN_STARTS(plan)[expert];                                                   \
	uint end = start + PLAN_COUNTS(plan, n_experts)[expert];                                  \
	__global const uint *slots = PLAN_SLOTS(plan, n_experts)

/* Of the pair in slot I / ROWS from SLOT on, row I % ROWS of the tile. */
#define PAIR_OUTPUT(i) out + slots[2 * (slot + (i) / ROWS)] * n_rows + place * ROWS + (i) % ROWS

#ifndef STORE_PART
#define STORE_PART
/* act(Y) unless ACTIVATION is NONE, times what is there where ONTO. */
static inline void store_part(float y, uint activation, uint onto, __global float *to)
{
	if (activation != NONE)
		y = activate(activation, y);
	*to = onto ? y * *to : y;
}
#endif

__kernel GROUP void NAMED(expert_glu_one)(__global const uchar *gate, __global const uchar *up,
					  ONE_PARAMS)
{
	__local float scratch[LANES], both[2 * ROWS];

	ONE_SETUP;
	for (uint which = 0; which < 2; which++)
		TILE(NAMED(tile), 1)
		((which ? up : gate) + at, n_cols, pair / share, 1, codes, scales, sums, floats,
		 scratch, both + which * ROWS);
	if (get_local_id(0) < ROWS && m < n_rows)
		values[out + pair * n_rows + m] = activate(activation, both[get_local_id(0)]) *
						  both[ROWS + get_local_id(0)];
}

__kernel GROUP void NAMED(expert_matmul_one)(__global const uchar *weight, ONE_PARAMS, uint onto)
{
	__local float scratch[LANES], sums_of[ROWS];

	ONE_SETUP;
	TILE(NAMED(tile), 1)
	(weight + at, n_cols, pair / share, 1, codes, scales, sums, floats, scratch, sums_of);
	if (get_local_id(0) < ROWS && m < n_rows)
		store_part(sums_of[get_local_id(0)], activation, onto,
			   values + out + pair * n_rows + m);
}

__kernel GROUP void NAMED(expert_glu_many)(__global const uchar *gate, __global const uchar *up,
					   MANY_PARAMS)
{
	__local float scratch[PAIRS * LANES], both[2 * PAIRS * ROWS];

	MANY_SETUP;
	for (uint slot = start; slot < end; slot += PAIRS) {
		uint n_pairs = min((uint)PAIRS, end - slot);

		for (uint which = 0; which < 2; which++)
			TILE(NAMED(tile), 8)
			((which ? up : gate) + at, n_cols, slot, n_pairs, codes, scales, sums,
			 floats, scratch, both + which * PAIRS * ROWS);
		for (uint i = get_local_id(0); i < n_pairs * ROWS; i += LANES) {
			if (place * ROWS + i % ROWS < n_rows)
				values[PAIR_OUTPUT(i)] = activate(activation, both[i]) *
							 both[PAIRS * ROWS + i];
		}
	}
}

__kernel GROUP void NAMED(expert_matmul_many)(__global const uchar *weight, MANY_PARAMS, uint onto)
{
	__local float scratch[PAIRS * LANES], sums_of[PAIRS * ROWS];

	MANY_SETUP;
	for (uint slot = start; slot < end; slot += PAIRS) {
		uint n_pairs = min((uint)PAIRS, end - slot);

		TILE(NAMED(tile), 8)
		(weight + at, n_cols, slot, n_pairs, codes, scales, sums, floats, scratch, sums_of);
		for (uint i = get_local_id(0); i < n_pairs * ROWS; i += LANES) {
			if (place * ROWS + i % ROWS < n_rows)
				store_part(sums_of[i], activation, onto,
					   values + PAIR_OUTPUT(i));
		}
	}
}

#undef ONE_PARAMS
#undef ONE_SETUP
#undef MANY_PARAMS
#undef MANY_SETUP
#undef PAIRS
#undef PAIR_OUTPUT

/* SPDX-License-Identifier: MIT */
/*
 * out = act(gate x) * (up x) for matrices of TYPE; groups as in matmul. The tile stands in a loop and not
 * twice, because PoCL 3.1 then leaves it a function of its own and lets its workers share local memory.
 */
#define DEFINE_GLU(name, W)                                                                       \
	__kernel GROUP void NAMED(name)(                                                          \
		__global const uint *step, __global const uchar *gate, __global const uchar *up,  \
		__global float *values, __global const char *codes, __global const float2 *scales, \
		__global const int2 *sums, __global const float *floats, uint n_rows, uint out,   \
		uint n_cols, uint activation, uint of_outputs)                                    \
	{                                                                                         \
		__local float scratch[W * LANES], pair[2 * W * ROWS];                             \
		ulong at = (ulong)get_group_id(0) * TILE_BYTES(n_cols);                           \
		uint row = W * get_group_id(1);                                                   \
		uint n_tokens = min((uint)W, N_ROWS(step, of_outputs) - row);                     \
                                                                                                  \
		for (uint which = 0; which < 2; which++)                                          \
			TILE(NAMED(tile), W)                                                      \
			((which ? up : gate) + at, n_cols, row, n_tokens, codes, scales, sums,    \
			 floats, scratch, pair + which * W * ROWS);                               \
		for (uint e = get_local_id(0); e < n_tokens * ROWS; e += LANES) {                 \
			uint m = get_group_id(0) * ROWS + e % ROWS;                               \
                                                                                                  \
			if (m < n_rows)                                                           \
				values[out + (row + e / ROWS) * n_rows + m] =                     \
					activate(activation, pair[e]) * pair[W * ROWS + e];       \
		}                                                                                 \
	}

DEFINE_GLU(glu_vec, 1)
DEFINE_GLU(glu, 8)

#undef DEFINE_GLU

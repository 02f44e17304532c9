/* SPDX-License-Identifier: MIT */
/*
 * Matrix products of up to three matrices of TYPE that share their input. A group makes one tile of 16
 * rows, for one row of activations (matvec) or, along the second dimension, for eight (matmul).
 */
#define MATMUL_PARAMS                                                                             \
	__global const uint *step, __global const uchar *w0, __global const uchar *w1,            \
		__global const uchar *w2, __global float *values, __global const float *vectors,  \
		__global const char *codes, __global const float2 *scales,                        \
		__global const int2 *sums, __global const float *floats, uint rows0, uint rows1,     \
		uint rows2, uint out0, uint out1, uint out2, uint bias0, uint bias1, uint bias2,  \
		uint add, uint n_cols, float scale, uint of_outputs

#define DEFINE_MATMUL(name, W)                                                                    \
	__kernel GROUP void NAMED(name)(MATMUL_PARAMS)                                            \
	{                                                                                         \
		__local float scratch[W * LANES], sums_of[W * ROWS];                              \
		uint i = get_group_id(0), tiles0 = (rows0 + ROWS - 1) / ROWS;                  \
		uint tiles1 = (rows1 + ROWS - 1) / ROWS;                                       \
		uint k = i < tiles0 ? 0 : i < tiles0 + tiles1 ? 1 : 2;                            \
		uint place = i - (k == 0 ? 0 : k == 1 ? tiles0 : tiles0 + tiles1);                \
		uint total = k == 0 ? rows0 : k == 1 ? rows1 : rows2;                    \
		uint to = k == 0 ? out0 : k == 1 ? out1 : out2;                                \
		uint from = k == 0 ? bias0 : k == 1 ? bias1 : bias2;                           \
		uint row = W * get_group_id(1);                                                   \
		uint n_tokens = min((uint)W, N_ROWS(step, of_outputs) - row);                     \
		__global const uchar *tile = (k == 0 ? w0 : k == 1 ? w1 : w2) +                   \
					     (ulong)place * TILE_BYTES(n_cols);                   \
		TILE(NAMED(tile), W)                                                              \
		(tile, n_cols, row, n_tokens, codes, scales, sums, floats, scratch, sums_of);     \
		for (uint e = get_local_id(0); e < n_tokens * ROWS; e += LANES) {                 \
			uint m = place * ROWS + e % ROWS, at = (row + e / ROWS) * total + m;      \
			float y = sums_of[e];                                                     \
                                                                                                  \
			if (m >= total)                                                           \
				continue;                                                         \
			if (from != NONE)                                                         \
				y += vectors[from + m];                                           \
			y *= scale;                                                               \
			if (add != NONE)                                                          \
				y += values[add + at];                                            \
			values[to + at] = y;                                                      \
		}                                                                                 \
	}

DEFINE_MATMUL(matvec, 1)
DEFINE_MATMUL(matmul, 8)

#undef DEFINE_MATMUL
#undef MATMUL_PARAMS

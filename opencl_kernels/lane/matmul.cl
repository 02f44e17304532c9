/* SPDX-License-Identifier: MIT */
/*
 * Matrix products of up to three matrices of TYPE that share their input. A group makes one tile of 16
 * rows, for one row of activations (matvec) or, along the second dimension, for eight (matmul).
 */
#define MATMUL_PARAMS                                                                             \
	__global const uint *step, __global const uchar *w0, __global const uchar *w1,            \
		__global const uchar *w2, __global float *values, __global const float *vectors,  \
		__global const char *codes, __global const float2 *scales,                        \
		__global const int2 *sums, __global const float *floats, uint4 n_rows, uint4 out, \
		uint4 bias, uint add, uint n_cols, uint of_outputs

#define DEFINE_MATMUL(name, W)                                                                    \
	__kernel GROUP void NAMED(name)(MATMUL_PARAMS)                                            \
	{                                                                                         \
		__local float scratch[LANES];                                                     \
		uint i = get_group_id(0), tiles0 = (n_rows.x + ROWS - 1) / ROWS;                  \
		uint tiles1 = (n_rows.y + ROWS - 1) / ROWS;                                       \
		uint k = i < tiles0 ? 0 : i < tiles0 + tiles1 ? 1 : 2;                            \
		uint place = i - (k == 0 ? 0 : k == 1 ? tiles0 : tiles0 + tiles1);                \
		uint total = k == 0 ? n_rows.x : k == 1 ? n_rows.y : n_rows.z;                    \
		uint to = k == 0 ? out.x : k == 1 ? out.y : out.z;                                \
		uint from = k == 0 ? bias.x : k == 1 ? bias.y : bias.z;                           \
		uint m = place * ROWS + get_local_id(0), row = W * get_group_id(1);               \
		uint n_tokens = min((uint)W, N_ROWS(step, of_outputs) - row);                     \
		__global const uchar *tile = (k == 0 ? w0 : k == 1 ? w1 : w2) +                   \
					     (ulong)place * TILE_BYTES(n_cols);                   \
		float acc[W];                                                                     \
                                                                                                  \
		TILE(NAMED(tile), W)                                                              \
		(tile, n_cols, row, n_tokens, codes, scales, sums, floats, scratch, acc);         \
		if (get_local_id(0) >= ROWS || m >= total)                                        \
			return;                                                                   \
		for (uint t = 0; t < n_tokens; t++) {                                             \
			uint at = (row + t) * total + m;                                          \
			float y = acc[t];                                                         \
                                                                                                  \
			if (from != NONE)                                                         \
				y += vectors[from + m];                                           \
			if (add != NONE)                                                          \
				y += values[add + at];                                            \
			values[to + at] = y;                                                      \
		}                                                                                 \
	}

DEFINE_MATMUL(matvec, 1)
DEFINE_MATMUL(matmul, 8)

#undef DEFINE_MATMUL
#undef MATMUL_PARAMS

/* SPDX-License-Identifier: MIT */
/*
 * Matrix products of up to three matrices of TYPE that share their input. A work-item takes a run of
 * neighbouring tiles; matvec is for one row of activations, matmul for more.
 */
#ifndef MATRICES
#define MATRICES

/* Up to three matrices side by side: the tiles of the first, then of the second, then of the third. */
struct matrices {
	__global const uchar *weight[3];
	uint n_rows[3], out[3], bias[3];
};

/* What a tile's results become. */
static inline void store_row(vf y, __global float *values, __global const float *vectors,
			     uint out, uint bias, float scale, uint add, uint left)
{
	if (bias != NONE)
		y += load_n(vectors + bias, left);
	y *= scale;
	if (add != NONE)
		y += load_n(values + add, left);
	store_n(y, values + out, left);
}
#endif

#define MATMUL_PARAMS                                                                             \
	__global const uint *step, __global const uchar *w0, __global const uchar *w1,            \
		__global const uchar *w2, __global float *values, __global const float *vectors,  \
		__global const char *codes, __global const float2 *scales,                        \
		__global const int2 *sums, __global const float *floats, uint rows0, uint rows1,     \
		uint rows2, uint out0, uint out1, uint out2, uint bias0, uint bias1, uint bias2,  \
		uint add, uint n_cols, float scale, uint of_outputs

/* Which matrix tile I belongs to, and its place there. */
#define PICK_TILE(i)                                                                              \
	uint tiles0 = (rows0 + ROWS - 1) / ROWS, tiles1 = (rows1 + ROWS - 1) / ROWS;        \
	uint k = i < tiles0 ? 0 : i < tiles0 + tiles1 ? 1 : 2;                                    \
	uint place = i - (k == 0 ? 0 : k == 1 ? tiles0 : tiles0 + tiles1);                        \
	uint total = k == 0 ? rows0 : k == 1 ? rows1 : rows2, left = total - place * ROWS; \
	uint to = (k == 0 ? out0 : k == 1 ? out1 : out2) + place * ROWS;                       \
	uint from = k == 0 ? bias0 : k == 1 ? bias1 : bias2;                                   \
	__global const uchar *tile = (k == 0 ? w0 : k == 1 ? w1 : w2) +                           \
				     (ulong)place * TILE_BYTES(n_cols);                           \
	from = from == NONE ? NONE : from + place * ROWS

static inline uint NAMED(count_tiles)(uint rows0, uint rows1, uint rows2)
{
	return (rows0 + ROWS - 1) / ROWS + (rows1 + ROWS - 1) / ROWS +
	       (rows2 + ROWS - 1) / ROWS;
}

__kernel ONE_ITEM void NAMED(matvec)(MATMUL_PARAMS)
{
	uint n = NAMED(count_tiles)(rows0, rows1, rows2), g = get_global_id(0), of = get_global_size(0);

	for (uint i = (ulong)n * g / of; i < (ulong)n * (g + 1) / of; i++) {
		vf acc[1];

		PICK_TILE(i);
		TILE(NAMED(tile), 1)(tile, n_cols, codes, scales, sums, floats, acc);
		store_row(acc[0], values, vectors, to, from, scale,
			  add == NONE ? NONE : add + place * ROWS, left);
	}
}

/* One token tile of WIDTH slots, beginning at slot (and row) BASE. */
#define TOKEN_TILE(W)                                                                             \
	{                                                                                         \
		vf acc[W];                                                                        \
                                                                                                  \
		TILE(NAMED(tile), W)                                                              \
		(tile, n_cols, codes + 32 * (ulong)base * n_blocks,                               \
		 scales + (ulong)base * n_blocks, sums + (ulong)base * n_blocks,                  \
		 floats + (ulong)base * n_cols, acc);                                             \
		UNROLL for (int t = 0; t < W; t++)                                                \
		{                                                                                 \
			if (base + t < n_tokens)                                                  \
				store_row(acc[t], values, vectors, to + (base + t) * total, from, \
					  scale,                                                  \
					  add == NONE ? NONE                                      \
						      : add + (base + t) * total + place * ROWS,  \
					  left);                                                  \
		}                                                                                 \
	}

__kernel ONE_ITEM void NAMED(matmul)(MATMUL_PARAMS)
{
	uint n = NAMED(count_tiles)(rows0, rows1, rows2), g = get_global_id(0), of = get_global_size(0);
	uint n_tokens = N_ROWS(step, of_outputs), n_blocks = (n_cols + 63) / 64 * 2;
	uint first = (ulong)n * g / of, last = (ulong)n * (g + 1) / of;

	for (uint base = 0; base < n_tokens; base += n_tokens - base >= 12 ? 12 : 4) {
		for (uint i = first; i < last; i++) {
			PICK_TILE(i);
			if (n_tokens - base >= 12)
				TOKEN_TILE(12)
			else
				TOKEN_TILE(4)
		}
	}
}

#undef TOKEN_TILE
#undef PICK_TILE
#undef MATMUL_PARAMS

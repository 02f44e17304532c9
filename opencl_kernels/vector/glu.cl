/* SPDX-License-Identifier: MIT */
/* out = act(gate x) * (up x) for matrices of TYPE; runs of tiles as in matmul. */
#define GLU_PARAMS                                                                                \
	__global const uint *step, __global const uchar *gate, __global const uchar *up,          \
		__global float *values, __global const char *codes, __global const float2 *scales, \
		__global const int2 *sums, __global const float *floats, uint n_rows, uint out,   \
		uint n_cols, uint activation, uint of_outputs

/* How many gates are kept while their matrix is read as one stream, before the ups are. */
#define KEPT 8

__kernel ONE_ITEM void NAMED(glu_vec)(GLU_PARAMS)
{
	uint n = (n_rows + ROWS - 1) / ROWS, g = get_global_id(0), of = get_global_size(0);
	uint last = (ulong)n * (g + 1) / of;
	ulong bytes = TILE_BYTES(n_cols);
	vf kept[KEPT];

	for (uint first = (ulong)n * g / of; first < last; first += KEPT) {
		uint end = min(first + KEPT, last);

		for (uint i = first; i < end; i++) {
			vf acc[1];

			TILE(NAMED(tile), 1)
			(gate + i * bytes, n_cols, codes, scales, sums, floats, acc);
			kept[i - first] = activate(activation, acc[0]);
		}
		for (uint i = first; i < end; i++) {
			vf acc[1];

			TILE(NAMED(tile), 1)
			(up + i * bytes, n_cols, codes, scales, sums, floats, acc);
			store_n(acc[0] * kept[i - first], values + out + i * ROWS,
				n_rows - i * ROWS);
		}
	}
}

#define TOKEN_TILE(W)                                                                             \
	{                                                                                         \
		vf a[W], b[W];                                                                    \
                                                                                                  \
		TILE(NAMED(tile), W)                                                              \
		(gate + i * bytes, n_cols, codes + 32 * (ulong)base * n_blocks,                   \
		 scales + (ulong)base * n_blocks, sums + (ulong)base * n_blocks,                  \
		 floats + (ulong)base * n_cols, a);                                               \
		TILE(NAMED(tile), W)                                                              \
		(up + i * bytes, n_cols, codes + 32 * (ulong)base * n_blocks,                     \
		 scales + (ulong)base * n_blocks, sums + (ulong)base * n_blocks,                  \
		 floats + (ulong)base * n_cols, b);                                               \
		for (int t = 0; t < W; t++) {                                                     \
			if (base + t < n_tokens)                                                  \
				store_n(activate(activation, a[t]) * b[t],                        \
					values + out + (base + t) * n_rows + i * ROWS,            \
					n_rows - i * ROWS);                                       \
		}                                                                                 \
	}

__kernel ONE_ITEM void NAMED(glu)(GLU_PARAMS)
{
	uint n = (n_rows + ROWS - 1) / ROWS, g = get_global_id(0), of = get_global_size(0);
	uint n_tokens = N_ROWS(step, of_outputs), n_blocks = (n_cols + 63) / 64 * 2;
	ulong bytes = TILE_BYTES(n_cols);

	for (uint base = 0; base < n_tokens; base += n_tokens - base >= 12 ? 12 : 4) {
		for (uint i = (ulong)n * g / of; i < (ulong)n * (g + 1) / of; i++) {
			if (n_tokens - base >= 12)
				TOKEN_TILE(12)
			else
				TOKEN_TILE(4)
		}
	}
}

#undef TOKEN_TILE
#undef GLU_PARAMS
#undef KEPT

/* SPDX-License-Identifier: MIT */
/* out = act(gate x) * (up x) for matrices of TYPE; groups as in matmul. */
#ifndef ACTIVATE
#define ACTIVATE

/* silu(x) = x sigmoid(x); gelu(x) = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3) */
static inline float activate(uint activation, float x)
{
	float z = activation ? x * -1.59576912f * fma(x * x, 0.044715f, 1.0f) : -x;

	return x / (1.0f + exp(z));
}
#endif

#define DEFINE_GLU(name, W)                                                                       \
	__kernel GROUP void NAMED(name)(                                                          \
		__global const uint *step, __global const uchar *gate, __global const uchar *up,  \
		__global float *values, __global const char *codes, __global const float2 *scales, \
		__global const int2 *sums, __global const float *floats, uint n_rows, uint out,   \
		uint n_cols, uint activation, uint of_outputs)                                    \
	{                                                                                         \
		__local float scratch[LANES];                                                     \
		ulong at = (ulong)get_group_id(0) * TILE_BYTES(n_cols);                           \
		uint m = get_group_id(0) * ROWS + get_local_id(0), row = W * get_group_id(1);     \
		uint n_tokens = min((uint)W, N_ROWS(step, of_outputs) - row);                     \
		float a[W], b[W];                                                                 \
                                                                                                  \
		TILE(NAMED(tile), W)                                                              \
		(gate + at, n_cols, row, n_tokens, codes, scales, sums, floats, scratch, a);      \
		TILE(NAMED(tile), W)                                                              \
		(up + at, n_cols, row, n_tokens, codes, scales, sums, floats, scratch, b);        \
		if (get_local_id(0) >= ROWS || m >= n_rows)                                       \
			return;                                                                   \
		for (uint t = 0; t < n_tokens; t++)                                               \
			values[out + (row + t) * n_rows + m] = activate(activation, a[t]) * b[t]; \
	}

DEFINE_GLU(glu_vec, 1)
DEFINE_GLU(glu, 8)

#undef DEFINE_GLU

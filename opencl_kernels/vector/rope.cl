/* SPDX-License-Identifier: MIT */
/*
 * Norms and rotates queries and keys, and puts keys and values into the cache. One work-item per token
 * and key head, with the query heads that share it. Compiled per model: HEAD_DIM, KV_Q8.
 * A page of a layer is, per key head, its keys, then per key head its values:
 *   keys:   f16 [cell / 16][dim][16]; q8_0 the same as bytes, then half [cell / 16][dim / 32][16]
 *   values: f16 [cell][dim]; q8_0 the same as bytes, then half [cell][dim / 32]
 */
#define KV_BLOCKS ((HEAD_DIM + 31) / 32)
#if KV_Q8
#define KV_HEAD_BYTES (PAGE * HEAD_DIM + PAGE * KV_BLOCKS * 2)
#else
#define KV_HEAD_BYTES (PAGE * HEAD_DIM * 2)
#endif

static void rope_head(__global const float *x, __global const float *norm, float eps,
		      __global const float *table, uint n_dims, uint halves, float *out)
{
	float scale = norm ? norm_scale(x, HEAD_DIM, eps) : 1;

	for (uint i = 0; i < HEAD_DIM; i++)
		out[i] = norm ? x[i] * scale * norm[i] : x[i];
	for (uint i = 0; i < n_dims / 2; i++) {
		uint a = halves ? i : 2 * i, b = halves ? i + n_dims / 2 : 2 * i + 1;
		float u = out[a], v = out[b], c = table[2 * i], s = table[2 * i + 1];

		out[a] = u * c - v * s;
		out[b] = u * s + v * c;
	}
}

#if KV_Q8
/* The half scale of up to 32 numbers, and what one divides by. */
static float block_scale(const float *x, uint n, __global half *to)
{
	float largest = 0;

	for (uint i = 0; i < n; i++)
		largest = fmax(largest, fabs(x[i]));
	vstore_half_rte(largest / 127.0f, 0, to);
	return vload_half(0, to);
}

static char code_of(float x, float d)
{
	return d > 0 ? (char)clamp(rint(x / d), -127.0f, 127.0f) : 0;
}
#endif

static void store_key(const float *x, uint cell, __global uchar *keys)
{
#if KV_Q8
	__global half *scales = (__global half *)(keys + PAGE * HEAD_DIM);

	for (uint b = 0; b < KV_BLOCKS; b++) {
		uint n = min(32u, (uint)HEAD_DIM - 32 * b);
		float d = block_scale(x + 32 * b, n,
				      scales + (cell / 16 * KV_BLOCKS + b) * 16 + cell % 16);

		for (uint i = 0; i < n; i++)
			keys[(cell / 16 * HEAD_DIM + 32 * b + i) * 16 + cell % 16] =
				(uchar)code_of(x[32 * b + i], d);
	}
#else
	for (uint i = 0; i < HEAD_DIM; i++)
		vstore_half_rte(x[i], (cell / 16 * HEAD_DIM + i) * 16 + cell % 16,
				(__global half *)keys);
#endif
}

static void store_value(__global const float *x, uint cell, __global uchar *values)
{
#if KV_Q8
	__global half *scales = (__global half *)(values + PAGE * HEAD_DIM);
	float block[32];

	for (uint b = 0; b < KV_BLOCKS; b++) {
		uint n = min(32u, (uint)HEAD_DIM - 32 * b);
		float d;

		for (uint i = 0; i < n; i++)
			block[i] = x[32 * b + i];
		d = block_scale(block, n, scales + cell * KV_BLOCKS + b);
		for (uint i = 0; i < n; i++)
			values[cell * HEAD_DIM + 32 * b + i] = (uchar)code_of(block[i], d);
	}
#else
	for (uint i = 0; i < HEAD_DIM; i++)
		vstore_half_rte(x[i], cell * HEAD_DIM + i, (__global half *)values);
#endif
}

__kernel ONE_ITEM void rope(__global const uint *step, __global float *values,
			    __global const float *vectors, __global uchar *kv, uint q, uint k, uint v, uint out, uint q_norm,
			 uint k_norm,
			    uint n_head, uint n_head_kv, uint n_dims, uint halves, float eps,
			    uint group, uint table_index)
{
	uint t = get_global_id(0) / n_head_kv, head = get_global_id(0) % n_head_kv;
	uint position = STEP_PART(step, STEP_POSITIONS)[t], share = n_head / n_head_kv;
	uint run = STEP_PART(step, STEP_ROW_RUNS)[t];
	uint page = STEP_PART(step, STEP_PAGES + group)[run * step[STEP_PAGE_STRIDE] + position / PAGE];
	__global const float *table =
		(__global const float *)STEP_PART(step, STEP_ROPES + table_index) + t * n_dims;
	__global const float *of_q = q_norm == NONE ? 0 : vectors + q_norm;
	__global const float *of_k = k_norm == NONE ? 0 : vectors + k_norm;
	__global uchar *base = kv + (ulong)page * 2 * n_head_kv * KV_HEAD_BYTES;
	float turned[HEAD_DIM];

	for (uint h = head * share; h < (head + 1) * share; h++) {
		rope_head(values + q + (t * n_head + h) * HEAD_DIM, of_q, eps, table, n_dims, halves,
			  turned);
		for (uint i = 0; i < HEAD_DIM; i++)
			values[out + (t * n_head + h) * HEAD_DIM + i] = turned[i];
	}
	rope_head(values + k + (t * n_head_kv + head) * HEAD_DIM, of_k, eps, table, n_dims, halves,
		  turned);
	store_key(turned, position % PAGE, base + head * KV_HEAD_BYTES);
	store_value(values + v + (t * n_head_kv + head) * HEAD_DIM, position % PAGE,
		    base + (n_head_kv + head) * KV_HEAD_BYTES);
}

/* SPDX-License-Identifier: MIT */
/*
 * Norms and rotates queries and keys, and puts keys and values into the cache: one group per token and
 * head, the query heads first, then keys, then values. Compiled per model: HEAD_DIM, KV_Q8. The order
 * of bytes in a page is that of vector/rope.cl.
 */
#define KV_BLOCKS ((HEAD_DIM + 31) / 32)
#if KV_Q8
#define KV_HEAD_BYTES (PAGE * HEAD_DIM + PAGE * KV_BLOCKS * 2)
#else
#define KV_HEAD_BYTES (PAGE * HEAD_DIM * 2)
#endif

/* Where number I of a key, or of a value, of a cell stands among its head's. */
static inline uint key_place(uint cell, uint i)
{
	return (cell / 16 * HEAD_DIM + i) * 16 + cell % 16;
}

static inline uint value_place(uint cell, uint i)
{
	return cell * HEAD_DIM + i;
}

static void store_cell(__local const float *x, uint cell, bool is_key, __global uchar *to)
{
#if KV_Q8
	__global half *scales = (__global half *)(to + PAGE * HEAD_DIM);

	for (uint b = get_local_id(0); b < KV_BLOCKS; b += LANES) {
		uint end = min(32 * b + 32, (uint)HEAD_DIM);
		uint at = is_key ? (cell / 16 * KV_BLOCKS + b) * 16 + cell % 16 : cell * KV_BLOCKS + b;
		float largest = 0, d;

		for (uint i = 32 * b; i < end; i++)
			largest = fmax(largest, fabs(x[i]));
		vstore_half_rte(largest / 127.0f, at, scales);
		d = vload_half(at, scales);
		for (uint i = 32 * b; i < end; i++)
			to[is_key ? key_place(cell, i) : value_place(cell, i)] =
				d > 0 ? (uchar)(char)clamp(rint(x[i] / d), -127.0f, 127.0f) : 0;
	}
#else
	for (uint i = get_local_id(0); i < HEAD_DIM; i += LANES)
		vstore_half_rte(x[i], is_key ? key_place(cell, i) : value_place(cell, i),
				(__global half *)to);
#endif
}

__kernel GROUP void rope(__global const uint *step, __global float *values,
			 __global const float *vectors, __global uchar *kv, uint q, uint k, uint v, uint out, uint q_norm,
			 uint k_norm,
			 uint n_head, uint n_head_kv, uint n_dims, uint halves, float eps, uint group,
			 uint table_index)
{
	__local float x[HEAD_DIM], turned[HEAD_DIM], scratch[LANES];
	uint heads = n_head + 2 * n_head_kv, t = get_group_id(0) / heads, head = get_group_id(0) % heads;
	bool is_query = head < n_head, is_key = !is_query && head < n_head + n_head_kv;
	uint h = is_query ? head : is_key ? head - n_head : head - n_head - n_head_kv;
	uint from = is_query ? q + (t * n_head + h) * HEAD_DIM
			     : (is_key ? k : v) + (t * n_head_kv + h) * HEAD_DIM;
	uint norm = is_query ? q_norm : is_key ? k_norm : NONE;
	uint position = STEP_PART(step, STEP_POSITIONS)[t], run = STEP_PART(step, STEP_ROW_RUNS)[t];
	uint page = STEP_PART(step, STEP_PAGES + group)[run * step[STEP_PAGE_STRIDE] + position / PAGE];
	__global const float *table =
		(__global const float *)STEP_PART(step, STEP_ROPES + table_index) + t * n_dims;
	float scale = norm == NONE ? 1 : NORM_SCALE(values + from, HEAD_DIM, eps, scratch);
	uint pairs = n_dims / 2;

	for (uint i = get_local_id(0); i < HEAD_DIM; i += LANES)
		x[i] = norm == NONE ? values[from + i] : values[from + i] * scale * vectors[norm + i];
	barrier(CLK_LOCAL_MEM_FENCE);
	for (uint i = get_local_id(0); i < HEAD_DIM; i += LANES) {
		uint pair = halves ? i % max(pairs, 1u) : i / 2;
		bool second = halves ? i >= pairs : i % 2;
		uint a = halves ? pair : 2 * pair, b = halves ? pair + pairs : 2 * pair + 1;

		if ((!is_query && !is_key) || i >= n_dims)
			turned[i] = x[i];
		else
			turned[i] = second ? x[a] * table[2 * pair + 1] + x[b] * table[2 * pair]
					   : x[a] * table[2 * pair] - x[b] * table[2 * pair + 1];
	}
	barrier(CLK_LOCAL_MEM_FENCE);
	if (is_query) {
		for (uint i = get_local_id(0); i < HEAD_DIM; i += LANES)
			values[out + (t * n_head + h) * HEAD_DIM + i] = turned[i];
		return;
	}
	store_cell(turned, position % PAGE, is_key,
		   kv + (ulong)page * 2 * n_head_kv * KV_HEAD_BYTES +
			   (is_key ? h : n_head_kv + h) * KV_HEAD_BYTES);
}

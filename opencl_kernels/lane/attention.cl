/* SPDX-License-Identifier: MIT */
/*
 * Attention of one token and query head by one group, page by page with an online softmax: an item
 * makes the scores of a position, then sums a dimension of the values. Compiled per model: HEAD_DIM,
 * KV_Q8.
 */
#define ITEM_DIMS ((HEAD_DIM + LANES - 1) / LANES)

static inline float key_at(__global const uchar *keys, uint cell, uint i)
{
#if KV_Q8
	return as_char(keys[key_place(cell, i)]) *
	       vload_half((cell / 16 * KV_BLOCKS + i / 32) * 16 + cell % 16,
			  (__global const half *)(keys + PAGE * HEAD_DIM));
#else
	return vload_half(key_place(cell, i), (__global const half *)keys);
#endif
}

static inline float value_at(__global const uchar *values, uint cell, uint i)
{
#if KV_Q8
	return as_char(values[value_place(cell, i)]) *
	       vload_half(cell * KV_BLOCKS + i / 32,
			  (__global const half *)(values + PAGE * HEAD_DIM));
#else
	return vload_half(value_place(cell, i), (__global const half *)values);
#endif
}

__kernel GROUP void attention1(__global const uint *step, __global float *values,
			       __global const uchar *kv, __global float *partials, uint in, uint out,
			       uint n_head, uint n_head_kv, uint window, uint sees_all, float scale,
			       uint group)
{
	__local float q[HEAD_DIM], weights[PAGE], scratch[LANES];
	uint row = get_group_id(0) / n_head, head = get_group_id(0) % n_head, lane = get_local_id(0);
	uint position = STEP_PART(step, STEP_POSITIONS)[row];
	uint first = window && position >= window ? position - window + 1 : 0;
	uint kv_head = head / (n_head / n_head_kv), at = (row * n_head + head) * HEAD_DIM;
	uint run = STEP_PART(step, STEP_ROW_RUNS)[row];
	__global const uint *runs = STEP_PART(step, STEP_RUNS) + 3 * run;
	uint final = sees_all ? runs[2] + runs[1] - 1 : position;
	__global const uint *pages =
		STEP_PART(step, STEP_PAGES + group) + run * step[STEP_PAGE_STRIDE];
	float max = MASKED, sum = 0, acc[ITEM_DIMS];

	for (uint i = lane; i < HEAD_DIM; i += LANES)
		q[i] = values[in + at + i] * scale;
	for (uint k = 0; k < ITEM_DIMS; k++)
		acc[k] = 0;
	for (uint p = first / PAGE; p <= final / PAGE; p++) {
		__global const uchar *page = kv + (ulong)pages[p] * 2 * n_head_kv * KV_HEAD_BYTES;
		__global const uchar *keys = page + kv_head * KV_HEAD_BYTES;
		__global const uchar *cached = page + (n_head_kv + kv_head) * KV_HEAD_BYTES;
		uint begin = first > p * PAGE ? first - p * PAGE : 0;
		uint end = min((uint)PAGE, final + 1 - p * PAGE);
		float largest = MASKED, old = max, factor, part = 0;

		barrier(CLK_LOCAL_MEM_FENCE);
		for (uint c = lane; c < PAGE; c += LANES) {
			float s = MASKED;

			if (c >= begin && c < end) {
				s = 0;
				for (uint i = 0; i < HEAD_DIM; i++)
					s = fma(q[i], key_at(keys, c, i), s);
			}
			weights[c] = s;
			largest = fmax(largest, s);
		}
		max = fmax(old, group_max(largest, scratch));
		factor = exp(old - max);
		for (uint c = lane; c < PAGE; c += LANES) {
			float w = c >= begin && c < end ? exp(weights[c] - max) : 0;

			weights[c] = w;
			part += w;
		}
		sum = sum * factor + group_sum(part, scratch);
		for (uint k = 0; k < ITEM_DIMS; k++) {
			uint i = k * LANES + lane;
			float a = acc[k] * factor;

			for (uint c = begin; i < HEAD_DIM && c < end; c++)
				a = fma(weights[c], value_at(cached, c, i), a);
			acc[k] = a;
		}
	}
	for (uint k = 0; k < ITEM_DIMS; k++) {
		if (k * LANES + lane < HEAD_DIM)
			values[out + at + k * LANES + lane] = acc[k] / sum;
	}
}

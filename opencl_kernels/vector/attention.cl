/* SPDX-License-Identifier: MIT */
/*
 * Attention over the pages of a sequence with an online softmax. A work-item takes a few tokens times
 * the query heads of one key head, so that keys and values are read once for all of them; over a
 * long context it takes a part of the pages, and attention_join joins the parts. The host includes
 * this per number of tokens in a tile: TILE_TOKENS, with TILE_HEADS heads; also HEAD_DIM, KV_Q8.
 */
#undef QUERIES
#define QUERIES (TILE_TOKENS * TILE_HEADS)
#undef ATTENTION_
#undef ATTENTION
#define ATTENTION_(name, tokens) name##tokens
#define ATTENTION(name, tokens)	 ATTENTION_(name, tokens)

/* Partial results: max, sum [QUERIES], acc [QUERIES][HEAD_DIM]. */
#undef PARTIAL_FLOATS
#define PARTIAL_FLOATS (QUERIES * (HEAD_DIM + 2))

#ifndef KEY_LOADS
#define KEY_LOADS
/* Keys of 16 cells in dimension D. */
static inline vf load_keys(__global const uchar *keys, uint cells, uint d)
{
#if KV_Q8
	return load_i8(keys + (cells * HEAD_DIM + d) * 16) *
	       load_half(keys + PAGE * HEAD_DIM + (cells * KV_BLOCKS + d / 32) * 32);
#else
	return vload_half16(cells * HEAD_DIM + d, (__global const half *)keys);
#endif
}

/* Dimensions [d, d + 16) of a cell's value. */
static inline vf load_values(__global const uchar *values, uint cell, uint d)
{
#if KV_Q8
	return load_i8(values + cell * HEAD_DIM + d) *
	       vload_half(cell * KV_BLOCKS + d / 32,
			  (__global const half *)(values + PAGE * HEAD_DIM));
#else
	return vload_half16(0, (__global const half *)values + cell * HEAD_DIM + d);
#endif
}

static inline float value_at(__global const uchar *values, uint cell, uint d)
{
#if KV_Q8
	return as_char(values[cell * HEAD_DIM + d]) *
	       vload_half(cell * KV_BLOCKS + d / 32,
			  (__global const half *)(values + PAGE * HEAD_DIM));
#else
	return vload_half(cell * HEAD_DIM + d, (__global const half *)values);
#endif
}
#endif

/* One page into max, sum, acc. Query w sees cells [first[w], last[w]) of it. */
static inline void ATTENTION(attend_page, TILE_TOKENS)(const float *q, __global const uchar *keys,
						       __global const uchar *cached,
						       const int *first, const int *last, int from,
						       int to, float *top, float *sum, float *acc)
{
	float scores[QUERIES * PAGE], factors[QUERIES];

	for (int g = from / 16; g < (to + 15) / 16; g++) {
		vf s[QUERIES];

		UNROLL for (int w = 0; w < QUERIES; w++) s[w] = 0;
		for (uint d = 0; d < HEAD_DIM; d++) {
			vf k = load_keys(keys, g, d);

			UNROLL for (int w = 0; w < QUERIES; w++) s[w] =
				fma(k, (vf)(q[d * QUERIES + w]), s[w]);
		}
		UNROLL for (int w = 0; w < QUERIES; w++)
			vstore16(s[w], 0, scores + w * PAGE + 16 * g);
	}
	for (int w = 0; w < QUERIES; w++) {
		float *row = scores + w * PAGE, old = top[w];
		bool blind = first[w] >= last[w];
		vf largest = old, total = 0;

		for (int i = from / 16 * 16; i < (to + 15) / 16 * 16; i++) {
			if (blind || i < first[w] || i >= last[w])
				row[i] = MASKED;
		}
		for (int i = from / 16 * 16; i < to; i += 16)
			largest = fmax(largest, vload16(0, row + i));
		top[w] = max_16(largest);
		factors[w] = exp(old - top[w]);
		for (int i = from / 16 * 16; i < to; i += 16) {
			vf s = vload16(0, row + i);
			vf p = select(exp_16(s - top[w]), (vf)(0), s <= MASKED);

			vstore16(p, 0, row + i);
			total += p;
		}
		sum[w] = sum[w] * factors[w] + sum_16(total);
	}
	for (uint d = 0; d + 16 <= HEAD_DIM; d += 16) {
		vf a[QUERIES];

		UNROLL for (int w = 0; w < QUERIES; w++) a[w] =
			vload16(0, acc + w * HEAD_DIM + d) * factors[w];
		for (int c = from; c < to; c++) {
			vf v = load_values(cached, c, d);

			UNROLL for (int w = 0; w < QUERIES; w++) a[w] =
				fma(v, (vf)(scores[w * PAGE + c]), a[w]);
		}
		UNROLL for (int w = 0; w < QUERIES; w++) vstore16(a[w], 0, acc + w * HEAD_DIM + d);
	}
#if HEAD_DIM % 16
	for (uint d = HEAD_DIM / 16 * 16; d < HEAD_DIM; d++) {
		for (int w = 0; w < QUERIES; w++) {
			float a = acc[w * HEAD_DIM + d] * factors[w];

			for (int c = from; c < to; c++)
				a += value_at(cached, c, d) * scores[w * PAGE + c];
			acc[w * HEAD_DIM + d] = a;
		}
	}
#endif
}

__kernel ONE_ITEM void ATTENTION(attention, TILE_TOKENS)(__global const uint *step,
							 __global float *values,
							 __global const uchar *kv,
							 __global float *partials, uint in, uint out,
							 uint n_head, uint n_head_kv, uint window,
							 uint sees_all, float scale,
							 uint group)
{
	uint n_splits = step[STEP_N_SPLITS], tile = get_global_id(0) / n_splits;
	uint split = get_global_id(0) % n_splits, share = n_head / n_head_kv;
	uint per_kv = (share + TILE_HEADS - 1) / TILE_HEADS, head_tiles = n_head_kv * per_kv;
	__global const uint *run = STEP_PART(step, STEP_RUNS), *positions = STEP_PART(step, STEP_POSITIONS);
	uint r = 0, n, kv_head, head, row, n_rows, n_heads, begin, end, low, n_pages;
	float q[QUERIES * HEAD_DIM], top[QUERIES], sum[QUERIES], acc[QUERIES * HEAD_DIM];
	__global const uint *pages;

	/* The tile's run, heads and rows; heads vary slowest, so that neighbours share keys. */
	for (;; r++, run += 3) {
		n = (run[1] + TILE_TOKENS - 1) / TILE_TOKENS;
		if (tile < n * head_tiles)
			break;
		tile -= n * head_tiles;
	}
	kv_head = tile / n / per_kv;
	head = kv_head * share + tile / n % per_kv * TILE_HEADS;
	n_heads = min((uint)TILE_HEADS, (kv_head + 1) * share - head);
	row = run[0] + tile % n * TILE_TOKENS;
	n_rows = min((uint)TILE_TOKENS, run[0] + run[1] - row);

	for (uint w = 0; w < QUERIES; w++) {
		uint t = w / TILE_HEADS, h = w % TILE_HEADS;
		bool real = t < n_rows && h < n_heads;

		for (uint d = 0; d < HEAD_DIM; d++) {
			q[d * QUERIES + w] =
				real ? values[in + ((row + t) * n_head + head + h) * HEAD_DIM + d] * scale
				     : 0;
			acc[w * HEAD_DIM + d] = 0;
		}
		top[w] = MASKED;
		sum[w] = 0;
	}
	begin = positions[row];
	end = sees_all ? run[2] + run[1] - 1 : positions[row + n_rows - 1];
	low = window && begin >= window ? (begin - window + 1) / PAGE : 0;
	n_pages = end / PAGE + 1 - low;
	pages = STEP_PART(step, STEP_PAGES + group) + r * step[STEP_PAGE_STRIDE];
	for (uint p = low + n_pages * split / n_splits; p < low + n_pages * (split + 1) / n_splits; p++) {
		__global const uchar *page = kv + (ulong)pages[p] * 2 * n_head_kv * KV_HEAD_BYTES;
		int first[QUERIES], last[QUERIES], from = PAGE, to = 0;

		for (uint w = 0; w < QUERIES; w++) {
			uint t = w / TILE_HEADS;
			int position = t < n_rows && w % TILE_HEADS < n_heads ? (int)positions[row + t] : -1;

			first[w] = last[w] = 0;
			if (position < 0)
				continue;
			first[w] = window ? clamp(position - (int)window + 1 - (int)(p * PAGE), 0, PAGE) : 0;
			last[w] = clamp((sees_all ? (int)end : position) + 1 - (int)(p * PAGE), 0, PAGE);
			if (first[w] >= last[w])
				continue;
			from = min(from, first[w]);
			to = max(to, last[w]);
		}
		if (from < to)
			ATTENTION(attend_page, TILE_TOKENS)
			(q, page + kv_head * KV_HEAD_BYTES,
			 page + (n_head_kv + kv_head) * KV_HEAD_BYTES, first, last, from, to, top, sum,
			 acc);
	}
	if (n_splits > 1) {
		__global float *partial = partials + (ulong)get_global_id(0) * PARTIAL_FLOATS;

		for (uint w = 0; w < QUERIES; w++) {
			partial[w] = top[w];
			partial[QUERIES + w] = sum[w];
		}
		for (uint i = 0; i < QUERIES * HEAD_DIM; i++)
			partial[2 * QUERIES + i] = acc[i];
		return;
	}
	for (uint w = 0; w < QUERIES; w++) {
		uint t = w / TILE_HEADS, h = w % TILE_HEADS;

		for (uint d = 0; t < n_rows && h < n_heads && d < HEAD_DIM; d++)
			values[out + ((row + t) * n_head + head + h) * HEAD_DIM + d] =
				acc[w * HEAD_DIM + d] / sum[w];
	}
}

#if TILE_TOKENS == 1
/* Joins the parts of one token's heads: a work-item per head. Only steps of single tokens split. */
__kernel ONE_ITEM void attention_join(__global const uint *step, __global float *values,
				      __global const float *partials, uint out, uint n_head,
				      uint n_head_kv)
{
	uint n_splits = step[STEP_N_SPLITS], share = n_head / n_head_kv;
	uint per_kv = (share + TILE_HEADS - 1) / TILE_HEADS;
	uint row = get_global_id(0) / n_head, head = get_global_id(0) % n_head;
	uint w = head % share % TILE_HEADS;
	uint tile = (row * n_head_kv + head / share) * per_kv + head % share / TILE_HEADS;
	__global const float *partial = partials + (ulong)tile * n_splits * PARTIAL_FLOATS;
	__global float *to = values + out + (row * n_head + head) * HEAD_DIM;
	float max = MASKED, sum = 0;

	for (uint s = 0; s < n_splits; s++)
		max = fmax(max, partial[s * PARTIAL_FLOATS + w]);
	for (uint d = 0; d < HEAD_DIM; d++)
		to[d] = 0;
	for (uint s = 0; s < n_splits; s++, partial += PARTIAL_FLOATS) {
		float factor = exp(partial[w] - max);

		sum += partial[QUERIES + w] * factor;
		for (uint d = 0; d < HEAD_DIM; d++)
			to[d] += partial[2 * QUERIES + w * HEAD_DIM + d] * factor;
	}
	for (uint d = 0; d < HEAD_DIM; d++)
		to[d] /= sum;
}
#endif

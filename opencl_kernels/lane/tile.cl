/* SPDX-License-Identifier: MIT */
/*
 * A tile of 16 weight rows of TYPE times WIDTH tokens by one group: an item makes the part of one row
 * that lies in every (LANES / 16)-th block; the parts are then added up in local memory. Neighbouring
 * items read neighbouring words of the packed layout. The host includes this once per type and width.
 */
#undef TILE
#undef TILE_
#define TILE_(name, width) name##width
#define TILE(name, width)  TILE_(name, width)

#if WIDTH == 1

/* The word of four codes of row R, group G, as unsigned bytes. */
static inline uint NAMED(codes_at)(__global const uchar *unit, uint b, uint g, uint r)
{
#ifdef FOLDED
	uint w = ((__global const uint *)(unit + CODES_AT + CODES_STEP * b + 64 * (g / 4)))[r];
	uint part = unit[64 + ROWS * (2 * b + g / 4) + r];

	w = w >> 2 * (g % 4) & 0x03030303u;
#ifdef THIRD_AT
	w |= (((__global const uint *)(unit + THIRD_AT + BIT_STEP * b))[r] >> g & 0x01010101u) << 2;
	return fold_q3(w, (char)part);
#else
	return w * (part & 15);
#endif
#elif FORM == 8
	return ((__global const uint *)(unit + CODES_AT + CODES_STEP * b + 64 * g))[r] ^ 0x80808080u;
#elif FORM < 16
	uint w = ((__global const uint *)(unit + CODES_AT + CODES_STEP * b + 64 * (g / 2)))[r];

	w = w >> 4 * (g % 2) & 0x0f0f0f0fu;
#ifdef FIFTH_AT
	w |= (((__global const uint *)(unit + FIFTH_AT + BIT_STEP * b))[r] >> g & 0x01010101u) << 4;
#endif
#ifdef UPPER_AT
	w |= (((__global const uint *)(unit + UPPER_AT + UPPER_STEP * b + 64 * (g / 4)))[r] >> 2 * (g % 4) &
	      0x03030303u)
	     << 4;
#endif
#ifdef VALUES
	w = (uint)VALUES[w & 15] | (uint)VALUES[w >> 8 & 15] << 8 |
	    (uint)VALUES[w >> 16 & 15] << 16 | (uint)VALUES[w >> 24] << 24;
#endif
	return w;
#else
	return 0;
#endif
}

/* Scale and minimum of row R in block B, of its half H where halves have their own. */
static inline float2 NAMED(scales_at)(__global const uchar *unit, uint b, uint h, uint r)
{
#if FORM >= 16
	return (float2)(0);
#elif FORM == 2
	return (float2)(vload_half(r, (__global const half *)unit),
			-vload_half(ROWS + r, (__global const half *)unit) *
				(unit[64 + ROWS * (2 * b + h) + r] >> 4));
#elif FORM == 3
	return (float2)(vload_half(r, (__global const half *)unit), 0);
#elif defined(SCALE_BFLOAT16)
	return (float2)(bfloat16_at(unit, ROWS * b + r), 0);
#elif defined(VALUES) && defined(SUPER)
	return (float2)(vload_half(r, (__global const half *)unit) *
				as_char(unit[64 + ROWS * b + r]),
			0);
#elif defined(UPPER_AT)
	return (float2)(vload_half(r, (__global const half *)unit) *
				as_char(unit[64 + ROWS * (2 * b + h) + r]),
			0);
#elif defined(SUPER)
	return (float2)(vload_half(r, (__global const half *)unit) * unit[64 + ROWS * b + r],
			-vload_half(ROWS + r, (__global const half *)unit) *
				unit[MINIMA_AT + ROWS * b + r]);
#elif defined(MINIMA_AT)
	return (float2)(vload_half(ROWS * b + r, (__global const half *)unit),
			vload_half(ROWS * b + r, (__global const half *)(unit + MINIMA_AT)));
#else
	return (float2)(vload_half(ROWS * b + r, (__global const half *)unit), 0);
#endif
}

#endif

/* OUT [WIDTH][16] gets the sums, seen by the whole group. SCRATCH has WIDTH * LANES floats. */
static inline void TILE(NAMED(tile), WIDTH)(__global const uchar *tile, uint n_cols, uint row,
					    uint n_tokens, __global const char *codes,
					    __global const float2 *scales, __global const int2 *sums,
					    __global const float *floats, __local float *scratch,
					    __local float *out)
{
	float acc[WIDTH];
	uint r = get_local_id(0) % ROWS, part = get_local_id(0) / ROWS, parts = LANES / ROWS;

	for (uint t = 0; t < WIDTH; t++)
		acc[t] = 0;
#if FORM < 16
	uint n_blocks = (n_cols + 63) / 64 * 2;

	for (uint block = part; block < n_blocks; block += parts) {
		__global const uchar *unit = tile + block / UNIT_BLOCKS * UNIT_BYTES;
		uint b = block % UNIT_BLOCKS;

		for (uint h = 0; h < 2; h++) {
			float2 scale = NAMED(scales_at)(unit, b, h, r);
			uint w[4];

			for (uint g = 0; g < 4; g++)
				w[g] = NAMED(codes_at)(unit, b, 4 * h + g, r);
			for (uint t = 0; t < WIDTH; t++) {
				uint at = (row + min(t, n_tokens - 1)) * n_blocks + block;
				__global const uint *a = (__global const uint *)(codes + 32 * at) + 4 * h;
				int sum = OFFSET ? -OFFSET * (h ? sums[at].y : sums[at].x) : 0;

				for (uint g = 0; g < 4; g++)
					sum = dot(sum, w[g], a[g]);
				acc[t] = fma((float)sum, scale.x * scales[at].x, acc[t]);
#if FORM == 2
				acc[t] = fma(scale.y,
					     scales[at].x * (float)(h ? sums[at].y : sums[at].x),
					     acc[t]);
#else
				if (h)
					acc[t] = fma(scale.y, scales[at].y, acc[t]);
#endif
			}
		}
	}
#else
	for (uint c = part; c < n_cols; c += parts) {
#if FORM == 32
		float w = ((__global const float *)tile)[ROWS * c + r];
#elif FORM == 16
		float w = vload_half(ROWS * c + r, (__global const half *)tile);
#else
		float w = as_float((uint)((__global const ushort *)tile)[ROWS * c + r] << 16);
#endif
		for (uint t = 0; t < WIDTH; t++)
			acc[t] = fma(w, floats[(row + min(t, n_tokens - 1)) * n_cols + c], acc[t]);
	}
#endif
	barrier(CLK_LOCAL_MEM_FENCE);
	for (uint t = 0; t < WIDTH; t++)
		scratch[t * LANES + get_local_id(0)] = acc[t];
	barrier(CLK_LOCAL_MEM_FENCE);
	for (uint i = get_local_id(0); i < WIDTH * ROWS; i += LANES) {
		float sum = 0;

		for (uint p = 0; p < parts; p++)
			sum += scratch[i / ROWS * LANES + p * ROWS + i % ROWS];
		out[i] = sum;
	}
	barrier(CLK_LOCAL_MEM_FENCE);
}

/* SPDX-License-Identifier: MIT */
/*
 * A tile of 16 weight rows of TYPE times WIDTH tokens: the inner loop of matmul and glu. The host
 * includes this once per type and width. Sums are made as on the CPU device: per block integer sums
 * that start at -OFFSET times the activations' sum, then acc += float(sum) * (d_w * d_a), then minima.
 */
#undef TILE
#undef TILE_
#define TILE_(name, width) name##width
#define TILE(name, width)  TILE_(name, width)

#if FORM < 16

static inline void TILE(NAMED(tile), WIDTH)(__global const uchar *unit, uint n_cols,
					    __global const char *codes,
					    __global const float2 *scales, __global const int2 *sums,
					    __global const float *floats, vf *acc)
{
	UNROLL for (int t = 0; t < WIDTH; t++) acc[t] = 0;
	for (uint u = 0; u < (n_cols + UNIT_COLUMNS - 1) / UNIT_COLUMNS; u++, unit += UNIT_BYTES) {
		for (uint b = 0; b < UNIT_BLOCKS; b++) {
			vi s[WIDTH];

#ifdef FOLDED
			vf scale = load_half(unit);
#ifdef THIRD_AT
			vi third = load_codes(unit + THIRD_AT + BIT_STEP * b);
#else
			vf dmin = -load_half(unit + 32);
#endif
			UNROLL for (int t = 0; t < WIDTH; t++) s[t] =
				OFFSET ? -OFFSET * (sums[t].x + sums[t].y) : 0;
			UNROLL for (int h = 0; h < 2; h++)
			{
				vi pairs = load_codes(unit + CODES_AT + CODES_STEP * b + 64 * h);
				__global const uchar *parts = unit + 64 + ROWS * (2 * b + h);
#ifdef THIRD_AT
				vi part = load_int8(parts), size = as_int16(abs(part));
				vi offset = (128 - (part < 0 ? 3 * size : 4 * size)) * 0x01010101;
#else
				vi part = load_uint8(parts), size = part & 15;
				vf min = dmin * convert_float16(part >> 4);
#endif
				UNROLL for (int p = 0; p < 4; p++)
				{
					vi w = pairs >> 2 * p & 0x03030303;

#ifdef THIRD_AT
					w |= (third >> (4 * h + p) & 0x01010101) << 2;
					w = w * size + offset;
					UNROLL for (int t = 0; t < WIDTH; t++) s[t] = dot_q8(
						s[t], w, codes + 32 * t + 16 * h + 4 * p);
#else
					w *= size;
					UNROLL for (int t = 0; t < WIDTH; t++) s[t] =
						dot(s[t], w, codes + 32 * t + 16 * h + 4 * p);
#endif
				}
#ifndef THIRD_AT
				UNROLL for (int t = 0; t < WIDTH; t++) acc[t] =
					fma(min,
					    (vf)(scales[t].x * (float)(h ? sums[t].y : sums[t].x)),
					    acc[t]);
#endif
			}
			UNROLL for (int t = 0; t < WIDTH; t++) acc[t] =
				fma(convert_float16(s[t]), scale * scales[t].x, acc[t]);
#elif defined(UPPER_AT)
			UNROLL for (int h = 0; h < 2; h++)
			{
				vf scale = load_half(unit) *
					   load_i8(unit + 64 + ROWS * (2 * b + h));

				UNROLL for (int t = 0; t < WIDTH; t++) s[t] =
					-OFFSET * (h ? sums[t].y : sums[t].x);
				UNROLL for (int i = 2 * h; i < 2 * h + 2; i++)
				{
					vi x = load_codes(unit + CODES_AT + CODES_STEP * b + 64 * i);
					vi upper = load_codes(unit + UPPER_AT + UPPER_STEP * b + 64 * h);
					vi lo = (x & 0x0f0f0f0f) |
						((upper >> 4 * (i & 1)) << 4 & 0x30303030);
					vi hi = (x >> 4 & 0x0f0f0f0f) |
						((upper >> (4 * (i & 1) + 2)) << 4 & 0x30303030);

					UNROLL for (int t = 0; t < WIDTH; t++) s[t] =
						dot(s[t], lo, codes + 32 * t + 8 * i);
					UNROLL for (int t = 0; t < WIDTH; t++) s[t] =
						dot(s[t], hi, codes + 32 * t + 8 * i + 4);
				}
				UNROLL for (int t = 0; t < WIDTH; t++) acc[t] = fma(
					convert_float16(s[t]), scale * scales[t].x, acc[t]);
			}
#else
#ifdef SCALE_BFLOAT16
			vf scale = load_bfloat16(unit + 32 * b);
#elif defined(VALUES) && defined(SUPER)
			vf scale = load_half(unit) * load_i8(unit + 64 + ROWS * b);
#elif defined(SUPER)
			vf scale = load_half(unit) * load_u8(unit + 64 + ROWS * b);
			vf min = -load_half(unit + 32) * load_u8(unit + MINIMA_AT + ROWS * b);
#else
			vf scale = load_half(unit + 32 * b);
#ifdef MINIMA_AT
			vf min = load_half(unit + MINIMA_AT + 32 * b);
#endif
#endif
#ifdef FIFTH_AT
			vi fifth = load_codes(unit + FIFTH_AT + BIT_STEP * b);
#endif
			UNROLL for (int t = 0; t < WIDTH; t++) s[t] =
				OFFSET ? -OFFSET * (sums[t].x + sums[t].y) : 0;
			UNROLL for (int i = 0; i < 4; i++)
			{
#if FORM == 8
				vi lo = load_codes(unit + CODES_AT + CODES_STEP * b + 128 * i) ^ (int)0x80808080;
				vi hi = load_codes(unit + CODES_AT + CODES_STEP * b + 128 * i + 64) ^
					(int)0x80808080;

				UNROLL for (int t = 0; t < WIDTH; t++) s[t] =
					dot_q8(s[t], lo, codes + 32 * t + 8 * i);
				UNROLL for (int t = 0; t < WIDTH; t++) s[t] =
					dot_q8(s[t], hi, codes + 32 * t + 8 * i + 4);
#else
				vi x = load_codes(unit + CODES_AT + CODES_STEP * b + 64 * i);
				vi lo = x & 0x0f0f0f0f, hi = x >> 4 & 0x0f0f0f0f;
#ifdef FIFTH_AT
				lo |= fifth >> 2 * i << 4 & 0x10101010;
				hi |= fifth >> (2 * i + 1) << 4 & 0x10101010;
#endif
#ifdef VALUES
				lo = look_up(VALUES, lo);
				hi = look_up(VALUES, hi);
				UNROLL for (int t = 0; t < WIDTH; t++) s[t] =
					dot_q8(s[t], lo, codes + 32 * t + 8 * i);
				UNROLL for (int t = 0; t < WIDTH; t++) s[t] =
					dot_q8(s[t], hi, codes + 32 * t + 8 * i + 4);
#else
				UNROLL for (int t = 0; t < WIDTH; t++) s[t] =
					dot(s[t], lo, codes + 32 * t + 8 * i);
				UNROLL for (int t = 0; t < WIDTH; t++) s[t] =
					dot(s[t], hi, codes + 32 * t + 8 * i + 4);
#endif
#endif
			}
			UNROLL for (int t = 0; t < WIDTH; t++) acc[t] =
				fma(convert_float16(s[t]), scale * scales[t].x, acc[t]);
#ifdef MINIMA_AT
			UNROLL for (int t = 0; t < WIDTH; t++) acc[t] =
				fma(min, (vf)(scales[t].y), acc[t]);
#endif
#endif
			codes += 32 * WIDTH;
			scales += WIDTH;
			sums += WIDTH;
		}
	}
}

#else

static inline void TILE(NAMED(tile), WIDTH)(__global const uchar *tile, uint n_cols,
					    __global const char *codes,
					    __global const float2 *scales, __global const int2 *sums,
					    __global const float *floats, vf *acc)
{
	UNROLL for (int t = 0; t < WIDTH; t++) acc[t] = 0;
	for (uint c = 0; c < n_cols; c++, floats += WIDTH) {
#if FORM == 32
		vf w = vload16(c, (__global const float *)tile);
#elif FORM == 16
		vf w = vload_half16(c, (__global const half *)tile);
#else
		vf w = load_bfloat16(tile + 32 * c);
#endif
		UNROLL for (int t = 0; t < WIDTH; t++) acc[t] = fma(w, (vf)(floats[t]), acc[t]);
	}
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Template: a tile of 16 weight rows times up to SIMD_MAX_WIDTH tokens. Each step takes four columns
 * of 16 rows from one vector and four int8 activations of a token, broadcast. Per block the integer
 * sums become floats and are scaled: acc += float(sum) * (d_w * d_a) (+ m_w * s_a).
 */
#include "unroll.h"

/* Types differ in where a unit keeps its parts (packed_type.h) and in what a block's scale is. */
struct block_parts {
	const uint8_t *codes; /* nibbles or bytes of this block */
	const uint8_t *fifth;
	const uint8_t *upper;
	vb values; /* what nibbles stand for, of CODES_TABLE */
};

enum code_form { CODES_4, CODES_5, CODES_6, CODES_8, CODES_TABLE };

/* Columns 8 i to 8 i + 7 of a block as two vectors of codes. */
SIMD void load_codes(enum code_form form, const struct block_parts *parts, unsigned i, vb *ret_a,
		     vb *ret_b)
{
	vb x;

	if (form == CODES_8) {
		*ret_a = vb_q8(vb_load(parts->codes + 128 * i));
		*ret_b = vb_q8(vb_load(parts->codes + 128 * i + 64));
		return;
	}
	x = vb_load(parts->codes + 64 * i);
	*ret_a = vb_low(x);
	*ret_b = vb_high(x);
	if (form == CODES_TABLE) {
		*ret_a = vb_lookup(parts->values, *ret_a);
		*ret_b = vb_lookup(parts->values, *ret_b);
	}
	if (form == CODES_5) {
		vb fifth = vb_load(parts->fifth);

		*ret_a = vb_with_fifth(*ret_a, fifth, 2 * i);
		*ret_b = vb_with_fifth(*ret_b, fifth, 2 * i + 1);
	}
	if (form == CODES_6) {
		vb upper = vb_load(parts->upper + 64 * (i / 2));

		*ret_a = vb_with_upper(*ret_a, upper, 2 * (i & 1));
		*ret_b = vb_with_upper(*ret_b, upper, 2 * (i & 1) + 1);
	}
}

SIMD vi dot_form(enum code_form form, vi acc, vb w, const int8_t *a)
{
	return form == CODES_8 || form == CODES_TABLE ? vi_dot_q8(acc, w, a) : vi_dot(acc, w, a);
}

/* sums[t] += columns [16 h, 16 h + 16) of the block, for h in [first, last) */
SIMD void dot_halves(enum code_form form, const struct block_parts *parts, const int8_t *a,
		     const unsigned width, const unsigned first, const unsigned last, vi *sums)
{
	UNROLL
	for (unsigned i = 2 * first; i < 2 * last; i++) {
		vb w0, w1;

		load_codes(form, parts, i, &w0, &w1);
		UNROLL
		for (unsigned t = 0; t < width; t++)
			sums[t] = dot_form(form, sums[t], w0, a + 32 * t + 8 * i);
		UNROLL
		for (unsigned t = 0; t < width; t++)
			sums[t] = dot_form(form, sums[t], w1, a + 32 * t + 8 * i + 4);
	}
}

SIMD void set_sums(const int32_t *init, const unsigned width, vi *sums)
{
	UNROLL
	for (unsigned t = 0; t < width; t++)
		sums[t] = init ? vi_set1(init[t]) : vi_zero();
}

SIMD void add_scaled(vf scale, const vi *sums, const float *d, const unsigned width, vf *acc)
{
	UNROLL
	for (unsigned t = 0; t < width; t++)
		acc[t] = vf_fma(vf_from_vi(sums[t]), vf_mul(scale, vf_set1(d[t])), acc[t]);
}

SIMD void add_minima(vf min, const float *s, const unsigned width, vf *acc)
{
	UNROLL
	for (unsigned t = 0; t < width; t++)
		acc[t] = vf_fma(min, vf_set1(s[t]), acc[t]);
}

SIMD void store_tile(const vf *acc, const unsigned width, float *out)
{
	UNROLL
	for (unsigned t = 0; t < width; t++)
		vf_store(out + PACKED_ROWS * t, acc[t]);
}

SIMD void zero_tile(vf *acc, const unsigned width)
{
	UNROLL
	for (unsigned t = 0; t < width; t++)
		acc[t] = vf_zero();
}

/* Q4_0, Q5_0, Q8_0 (one half scale per block), Q4_1, Q5_1 (and a minimum): units of two blocks. */
SIMD void tile_pairs(enum code_form form, const bool has_min, const uint32_t unit_bytes,
		     const uint8_t *unit, uint32_t n_cols, const struct activation_tile *a,
		     const int32_t *init, const unsigned width, float *out)
{
	const uint32_t n_units = (n_cols + 63) / 64, fifth_at = has_min ? 128 : 64;
	const uint32_t codes_at = fifth_at + (form == CODES_5 ? 128 : 0);
	const uint32_t code_bytes = form == CODES_8 ? 512 : 256;
	const int8_t *codes = a->codes;
	const float *d = a->d, *s = a->s;
	vf acc[SIMD_MAX_WIDTH];

	zero_tile(acc, width);
	for (uint32_t u = 0; u < n_units; u++, unit += unit_bytes) {
		for (uint32_t b = 0; b < 2; b++) {
			const struct block_parts parts = {
				.codes = unit + codes_at + code_bytes * b,
				.fifth = unit + fifth_at + 64 * b,
			};
			vi sums[SIMD_MAX_WIDTH];

			set_sums(init, width, sums);
			dot_halves(form, &parts, codes, width, 0, 2, sums);
			add_scaled(vf_load_f16(unit + 32 * b), sums, d, width, acc);
			if (has_min)
				add_minima(vf_load_f16(unit + 64 + 32 * b), s, width, acc);
			codes += 32 * width;
			d += width;
			s += has_min ? width : 0;
			init += init ? width : 0;
		}
	}
	store_tile(acc, width, out);
}

/* Q4_K, Q5_K: units of eight blocks with 6-bit scales and minima. */
SIMD void tile_k4(enum code_form form, const uint8_t *unit, uint32_t n_cols,
		  const struct activation_tile *a, const unsigned width, float *out)
{
	const uint32_t block_bytes = form == CODES_5 ? 320 : 256;
	const uint32_t unit_bytes = 320 + 8 * block_bytes;
	const int8_t *codes = a->codes;
	const float *d = a->d, *s = a->s;
	vf acc[SIMD_MAX_WIDTH];

	zero_tile(acc, width);
	for (uint32_t u = 0; u < n_cols / 256; u++, unit += unit_bytes) {
		vf dw = vf_load_f16(unit), dmin = vf_sub(vf_zero(), vf_load_f16(unit + 32));

		for (uint32_t b = 0; b < 8; b++) {
			const struct block_parts parts = {
				.codes = unit + 320 + block_bytes * b + block_bytes - 256,
				.fifth = unit + 320 + block_bytes * b,
			};
			vi sums[SIMD_MAX_WIDTH];

			set_sums(NULL, width, sums);
			dot_halves(form, &parts, codes, width, 0, 2, sums);
			add_scaled(vf_mul(dw, vf_load_u8(unit + 64 + 16 * b)), sums, d, width, acc);
			add_minima(vf_mul(dmin, vf_load_u8(unit + 192 + 16 * b)), s, width, acc);
			codes += 32 * width;
			d += width;
			s += width;
		}
	}
	store_tile(acc, width, out);
}

/* Q6_K: a signed scale per half block. */
SIMD void tile_k6(const uint8_t *unit, uint32_t n_cols, const struct activation_tile *a,
		  const unsigned width, float *out)
{
	const int32_t *init = a->init_32;
	const int8_t *codes = a->codes;
	const float *d = a->d;
	vf acc[SIMD_MAX_WIDTH];

	zero_tile(acc, width);
	for (uint32_t u = 0; u < n_cols / 256; u++, unit += 3392) {
		vf dw = vf_load_f16(unit);

		for (uint32_t b = 0; b < 8; b++) {
			const struct block_parts parts = {
				.codes = unit + 448 + 384 * b,
				.upper = unit + 320 + 384 * b,
			};

			UNROLL
			for (unsigned h = 0; h < 2; h++) {
				vi sums[SIMD_MAX_WIDTH];
				vf scale = vf_load_i8(unit + 64 + 32 * b + 16 * h);

				set_sums(init + h * width, width, sums);
				dot_halves(CODES_6, &parts, codes, width, h, h + 1, sums);
				add_scaled(vf_mul(dw, scale), sums, d, width, acc);
			}
			codes += 32 * width;
			d += width;
			init += 2 * width;
		}
	}
	store_tile(acc, width, out);
}

SIMD const int32_t *init_of_q8(const struct activation_tile *a)
{
	return SIMD_Q8_NEEDS ? a->init_128 : NULL;
}

/* IQ4_NL, MXFP4: one scale per block and a table of values; units of two blocks. */
SIMD void tile_table(const bool bfloat16, const int8_t *values, const uint8_t *unit,
		     uint32_t n_cols, const struct activation_tile *a, const unsigned width,
		     float *out)
{
	const uint32_t n_blocks = (n_cols + 63) / 64 * 2;
	const vb table = vb_table(values);
	const int32_t *init = init_of_q8(a);
	const int8_t *codes = a->codes;
	const float *d = a->d;
	vf acc[SIMD_MAX_WIDTH];

	zero_tile(acc, width);
	for (uint32_t b = 0; b < n_blocks; b++) {
		const struct block_parts parts = {.codes = unit + 64 + 256 * (b % 2),
						  .values = table};
		const uint8_t *scale = unit + 32 * (b % 2);
		vi sums[SIMD_MAX_WIDTH];

		set_sums(init, width, sums);
		dot_halves(CODES_TABLE, &parts, codes, width, 0, 2, sums);
		add_scaled(bfloat16 ? vf_load_bf16(scale) : vf_load_f16(scale), sums, d, width,
			   acc);
		codes += 32 * width;
		d += width;
		init += init ? width : 0;
		unit += b % 2 ? 576 : 0;
	}
	store_tile(acc, width, out);
}

/* IQ4_XS: a signed scale per block. */
SIMD void tile_iq4_xs_units(const uint8_t *unit, uint32_t n_cols, const struct activation_tile *a,
			    const unsigned width, float *out)
{
	const vb table = vb_table(tensor_values_iq4);
	const int32_t *init = init_of_q8(a);
	const int8_t *codes = a->codes;
	const float *d = a->d;
	vf acc[SIMD_MAX_WIDTH];

	zero_tile(acc, width);
	for (uint32_t u = 0; u < n_cols / 256; u++, unit += 2240) {
		vf dw = vf_load_f16(unit);

		for (uint32_t b = 0; b < 8; b++) {
			const struct block_parts parts = {.codes = unit + 192 + 256 * b,
							  .values = table};
			vi sums[SIMD_MAX_WIDTH];

			set_sums(init, width, sums);
			dot_halves(CODES_TABLE, &parts, codes, width, 0, 2, sums);
			add_scaled(vf_mul(dw, vf_load_i8(unit + 64 + 16 * b)), sums, d, width, acc);
			codes += 32 * width;
			d += width;
			init += init ? width : 0;
		}
	}
	store_tile(acc, width, out);
}

/* acc += (float(sum) * d_w - float(minima) * dmin_w) * d_a, the minima being summed as integers. */
SIMD void add_with_minima(vf dw, vf minus_dmin, const vi *sums, vi minima, const int32_t *halves,
			  const float *d, const unsigned width, vf *acc)
{
	UNROLL
	for (unsigned t = 0; t < width; t++) {
		vf m = vf_from_vi(vi_dot_pairs(vi_zero(), minima, halves[t]));
		vf y = vf_fma(m, minus_dmin, vf_mul(vf_from_vi(sums[t]), dw));

		acc[t] = vf_fma(y, vf_set1(d[t]), acc[t]);
	}
}

/*
 * Q2_K: scales of half blocks are so small that scale times code fits a byte; so a block is summed
 * in one go.
 */
SIMD void tile_k2(const uint8_t *unit, uint32_t n_cols, const struct activation_tile *a,
		  const unsigned width, float *out)
{
	const int32_t *halves = a->halves;
	const int8_t *codes = a->codes;
	const float *d = a->d;
	vf acc[SIMD_MAX_WIDTH];

	zero_tile(acc, width);
	for (uint32_t u = 0; u < n_cols / 256; u++, unit += 1344) {
		vf dw = vf_load_f16(unit), dmin = vf_sub(vf_zero(), vf_load_f16(unit + 32));

		for (uint32_t b = 0; b < 8; b++) {
			const uint8_t *scale_min = unit + 64 + 32 * b;
			vi sums[SIMD_MAX_WIDTH];

			set_sums(NULL, width, sums);
			UNROLL
			for (unsigned i = 0; i < 8; i++) {
				vb scale = vb_low(vb_rows(scale_min + 16 * (i / 4)));
				vb pairs = vb_load(unit + 320 + 128 * b + 64 * (i / 4));
				vb w = vb_times(vb_pairs(pairs, i % 4), scale);

				UNROLL
				for (unsigned t = 0; t < width; t++)
					sums[t] = vi_dot(sums[t], w, codes + 32 * t + 4 * i);
			}
			add_with_minima(dw, dmin, sums, vi_high_pairs(scale_min, scale_min + 16),
					halves, d, width, acc);
			codes += 32 * width;
			d += width;
			halves += width;
		}
	}
	store_tile(acc, width, out);
}

/* Q3_K: likewise, less its offset; the product is a signed byte, as a code of Q8_0 is. */
SIMD void tile_k3(const uint8_t *unit, uint32_t n_cols, const struct activation_tile *a,
		  const unsigned width, float *out)
{
	const int32_t *init = init_of_q8(a);
	const int8_t *codes = a->codes;
	const float *d = a->d;
	vf acc[SIMD_MAX_WIDTH];

	zero_tile(acc, width);
	for (uint32_t u = 0; u < n_cols / 256; u++, unit += 1856) {
		vf dw = vf_load_f16(unit);

		for (uint32_t b = 0; b < 8; b++) {
			vb third = vb_load(unit + 320 + 192 * b);
			vi sums[SIMD_MAX_WIDTH];

			set_sums(init, width, sums);
			UNROLL
			for (unsigned i = 0; i < 8; i++) {
				vb scale = vb_rows(unit + 64 + 32 * b + 16 * (i / 4));
				vb pairs = vb_load(unit + 384 + 192 * b + 64 * (i / 4));
				vb w = vb_with_third(vb_pairs(pairs, i % 4), third, i);

				w = vb_add(vb_times(w, vb_abs(scale)), vb_q8(vb_offset_q3(scale)));
				UNROLL
				for (unsigned t = 0; t < width; t++)
					sums[t] = vi_dot_q8(sums[t], w, codes + 32 * t + 4 * i);
			}
			add_scaled(dw, sums, d, width, acc);
			codes += 32 * width;
			d += width;
			init += init ? width : 0;
		}
	}
	store_tile(acc, width, out);
}

SIMD vf load_float(enum tensor_type type, const uint8_t *p)
{
	if (type == TENSOR_F16)
		return vf_load_f16(p);
	return type == TENSOR_BF16 ? vf_load_bf16(p) : vf_load((const float *)p);
}

/* F32, F16, BF16: columns of 16 values. */
SIMD void tile_floats(enum tensor_type type, const uint8_t *tile, uint32_t n_cols,
		      const struct activation_tile *a, const unsigned width, float *out)
{
	const uint32_t column_bytes = type == TENSOR_F32 ? 64 : 32;
	const float *x = a->x;
	vf acc[SIMD_MAX_WIDTH];

	zero_tile(acc, width);
	for (uint32_t c = 0; c < n_cols; c++, tile += column_bytes, x += width) {
		vf w = load_float(type, tile);

		UNROLL
		for (unsigned t = 0; t < width; t++)
			acc[t] = vf_fma(w, vf_set1(x[t]), acc[t]);
	}
	store_tile(acc, width, out);
}

/* BODY with the tile's width as a constant, which is what lets arrays live in registers. */
#if defined(SIMD_FEW_REGISTERS)
#define WITH_WIDTH(BODY)    \
	switch (a->width) { \
	case 1:             \
		BODY(1);    \
		break;      \
	case 2:             \
		BODY(2);    \
		break;      \
	default:            \
		BODY(4);    \
	}
#else
#define WITH_WIDTH(BODY)    \
	switch (a->width) { \
	case 1:             \
		BODY(1);    \
		break;      \
	case 2:             \
		BODY(2);    \
		break;      \
	case 4:             \
		BODY(4);    \
		break;      \
	case 8:             \
		BODY(8);    \
		break;      \
	default:            \
		BODY(12);   \
	}
#endif

#define DEFINE_TILE(name, CALL)                                                                 \
	static void name(const uint8_t *tile, uint32_t n_cols, const struct activation_tile *a, \
			 float out[TILE_FLOATS])                                                \
	{                                                                                       \
		WITH_WIDTH(CALL)                                                                \
	}

#define CALL_Q4_0(W)   tile_pairs(CODES_4, false, 576, tile, n_cols, a, a->init_8, W, out)
#define CALL_Q4_1(W)   tile_pairs(CODES_4, true, 640, tile, n_cols, a, NULL, W, out)
#define CALL_Q5_0(W)   tile_pairs(CODES_5, false, 704, tile, n_cols, a, a->init_16, W, out)
#define CALL_Q5_1(W)   tile_pairs(CODES_5, true, 768, tile, n_cols, a, NULL, W, out)
#define CALL_Q8_0(W)   tile_pairs(CODES_8, false, 1088, tile, n_cols, a, init_of_q8(a), W, out)
#define CALL_IQ4_NL(W) tile_table(false, tensor_values_iq4, tile, n_cols, a, W, out)
#define CALL_MXFP4(W)  tile_table(true, tensor_values_mxfp4, tile, n_cols, a, W, out)
#define CALL_Q2_K(W)   tile_k2(tile, n_cols, a, W, out)
#define CALL_Q3_K(W)   tile_k3(tile, n_cols, a, W, out)
#define CALL_IQ4_XS(W) tile_iq4_xs_units(tile, n_cols, a, W, out)
#define CALL_Q4_K(W)   tile_k4(CODES_4, tile, n_cols, a, W, out)
#define CALL_Q5_K(W)   tile_k4(CODES_5, tile, n_cols, a, W, out)
#define CALL_Q6_K(W)   tile_k6(tile, n_cols, a, W, out)
#define CALL_F32(W)    tile_floats(TENSOR_F32, tile, n_cols, a, W, out)
#define CALL_F16(W)    tile_floats(TENSOR_F16, tile, n_cols, a, W, out)
#define CALL_BF16(W)   tile_floats(TENSOR_BF16, tile, n_cols, a, W, out)

DEFINE_TILE(tile_q4_0, CALL_Q4_0)
DEFINE_TILE(tile_q4_1, CALL_Q4_1)
DEFINE_TILE(tile_q5_0, CALL_Q5_0)
DEFINE_TILE(tile_q5_1, CALL_Q5_1)
DEFINE_TILE(tile_q8_0, CALL_Q8_0)
DEFINE_TILE(tile_iq4_nl, CALL_IQ4_NL)
DEFINE_TILE(tile_mxfp4, CALL_MXFP4)
DEFINE_TILE(tile_q2_k, CALL_Q2_K)
DEFINE_TILE(tile_q3_k, CALL_Q3_K)
DEFINE_TILE(tile_iq4_xs, CALL_IQ4_XS)
DEFINE_TILE(tile_q4_k, CALL_Q4_K)
DEFINE_TILE(tile_q5_k, CALL_Q5_K)
DEFINE_TILE(tile_q6_k, CALL_Q6_K)
DEFINE_TILE(tile_f32, CALL_F32)
DEFINE_TILE(tile_f16, CALL_F16)
DEFINE_TILE(tile_bf16, CALL_BF16)

#define MATMUL_TABLE                                                                            \
	{                                                                                       \
		[TENSOR_F32] = {NEED_FLOATS, tile_f32}, [TENSOR_F16] = {NEED_FLOATS, tile_f16}, \
		[TENSOR_BF16] = {NEED_FLOATS, tile_bf16},                                       \
		[TENSOR_Q4_0] = {NEED_CODES | NEED_INIT_8, tile_q4_0},                          \
		[TENSOR_Q4_1] = {NEED_CODES | NEED_SUM, tile_q4_1},                             \
		[TENSOR_Q5_0] = {NEED_CODES | NEED_INIT_16, tile_q5_0},                         \
		[TENSOR_Q5_1] = {NEED_CODES | NEED_SUM, tile_q5_1},                             \
		[TENSOR_Q8_0] = {NEED_CODES | SIMD_Q8_NEEDS, tile_q8_0},                        \
		[TENSOR_IQ4_NL] = {NEED_CODES | SIMD_Q8_NEEDS, tile_iq4_nl},                    \
		[TENSOR_MXFP4] = {NEED_CODES | SIMD_Q8_NEEDS, tile_mxfp4},                      \
		[TENSOR_Q2_K] = {NEED_CODES | NEED_HALVES, tile_q2_k},                          \
		[TENSOR_Q3_K] = {NEED_CODES | SIMD_Q8_NEEDS, tile_q3_k},                        \
		[TENSOR_IQ4_XS] = {NEED_CODES | SIMD_Q8_NEEDS, tile_iq4_xs},                    \
		[TENSOR_Q4_K] = {NEED_CODES | NEED_SUM, tile_q4_k},                             \
		[TENSOR_Q5_K] = {NEED_CODES | NEED_SUM, tile_q5_k},                             \
		[TENSOR_Q6_K] = {NEED_CODES | NEED_INIT_32, tile_q6_k},                         \
	}

// SPDX-License-Identifier: MIT
/*
 * Owns the tile layout: writing it from the file's blocks and reading it back value by value.
 * Speed matters a little when writing (once per model) and not at all when reading back.
 */
#include <string.h>

#include "array.h"
#include "packed_type.h"

/* Where the parts of a unit of a block type lie. An offset of 0 means "no such part". */
struct block_layout {
	uint32_t blocks;     /* of 32 columns in a unit */
	uint32_t file_bytes; /* of the file's block, which covers 32 columns or the whole unit */
	uint32_t singles;    /* fifth bits above nibbles, third bits above pairs */
	uint32_t pairs;	     /* upper two bits above nibbles, or the lower two without */
	uint32_t nibbles;
	uint32_t bytes;
	uint32_t step;	      /* from block to block where they keep their parts together; else 0 */
	const int8_t *values; /* of the codes; NULL: themselves */
};

enum {
	NIBBLE_BYTES = 256,
	SINGLE_BYTES = 64,
	PAIR_BYTES = 128,
	CODE_BYTES = 512,
};

/* The codes, as unsigned as the file has them, of 32 columns: BLOCK counts inside the file block. */
typedef void (*codes_fn)(const uint8_t *file_block, uint32_t block, uint8_t ret_codes[32]);
/* Writes scales (and minima) of row R from a file block; BLOCK is its place in the unit. */
typedef void (*scales_fn)(const uint8_t *file_block, uint32_t block, uint32_t r, uint8_t *unit);
/* The scale and the addend of one value: w = scale * value + addend. */
typedef void (*affine_fn)(const uint8_t *unit, uint32_t block, uint32_t column, uint32_t r,
			  float *ret_scale, float *ret_addend);

struct packed_type {
	struct packed_type_info info;
	struct block_layout layout; /* blocks == 0: a float type */
	codes_fn codes;
	scales_fn scales;
	affine_fn affine;
};

static const struct packed_type packed_types[TENSOR_TYPE_IDS];

static uint32_t load_word(const uint8_t *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static void store_word(uint8_t *at, uint32_t word)
{
	memcpy(at, &word, sizeof(word));
}

static float half_at(const uint8_t *at, uint32_t index)
{
	uint16_t half;

	memcpy(&half, at + 2 * index, sizeof(half));
	return half_to_float(half);
}

/* ---- codes out of the file's blocks ---- */

static void nibbles_low_then_high(const uint8_t *qs, uint8_t codes[32])
{
	for (int j = 0; j < 16; j++) {
		codes[j] = qs[j] & 15;
		codes[j + 16] = qs[j] >> 4;
	}
}

static void add_fifth(const uint8_t *qh, uint8_t codes[32])
{
	for (int j = 0; j < 32; j++)
		codes[j] |= (uint8_t)((qh[j / 8] >> j % 8 & 1) << 4);
}

static void codes_q4_0(const uint8_t *block, uint32_t b, uint8_t codes[32])
{
	nibbles_low_then_high(block + 2, codes);
}

static void codes_q4_1(const uint8_t *block, uint32_t b, uint8_t codes[32])
{
	nibbles_low_then_high(block + 4, codes);
}

static void codes_q5_0(const uint8_t *block, uint32_t b, uint8_t codes[32])
{
	nibbles_low_then_high(block + 6, codes);
	add_fifth(block + 2, codes);
}

static void codes_q5_1(const uint8_t *block, uint32_t b, uint8_t codes[32])
{
	nibbles_low_then_high(block + 8, codes);
	add_fifth(block + 4, codes);
}

static void codes_q8_0(const uint8_t *block, uint32_t b, uint8_t codes[32])
{
	memcpy(codes, block + 2, 32);
}

static void codes_q4_k(const uint8_t *block, uint32_t b, uint8_t codes[32])
{
	const uint8_t *qs = block + 16 + b / 2 * 32;

	for (int j = 0; j < 32; j++)
		codes[j] = b % 2 ? qs[j] >> 4 : qs[j] & 15;
}

static void codes_q5_k(const uint8_t *block, uint32_t b, uint8_t codes[32])
{
	codes_q4_k(block + 32, b, codes);
	for (int j = 0; j < 32; j++)
		codes[j] |= (uint8_t)((block[16 + j] >> b & 1) << 4);
}

static void codes_q6_k(const uint8_t *block, uint32_t b, uint8_t codes[32])
{
	const uint8_t *ql = block + b / 4 * 64 + (b & 1) * 32;
	const uint8_t *qh = block + 128 + b / 4 * 32;
	uint32_t quarter = b % 4;

	for (int j = 0; j < 32; j++) {
		uint32_t low = quarter < 2 ? ql[j] & 15 : ql[j] >> 4;

		codes[j] = (uint8_t)(low | (qh[j] >> 2 * quarter & 3) << 4);
	}
}

static void codes_q2_k(const uint8_t *block, uint32_t b, uint8_t codes[32])
{
	const uint8_t *qs = block + 16 + b / 4 * 32;

	for (int j = 0; j < 32; j++)
		codes[j] = qs[j] >> 2 * (b % 4) & 3;
}

/* The scale of sub-block J (0 to 15) of Q3_K, with the sign that the packed layout gives it. */
static int scale_q3_k(const uint8_t *block, uint32_t j)
{
	const uint8_t *s = block + 96;
	int low = j < 8 ? s[j] & 15 : s[j - 8] >> 4;

	return 32 - (low | (s[8 + j % 4] >> 2 * (j / 4) & 3) << 4);
}

static void codes_q3_k(const uint8_t *block, uint32_t b, uint8_t codes[32])
{
	codes_q2_k(block + 16, b, codes);
	for (uint32_t j = 0; j < 32; j++) {
		codes[j] |= (uint8_t)((block[j] >> b & 1) << 2);
		if (scale_q3_k(block, 2 * b + j / 16) < 0)
			codes[j] = 7 - codes[j];
	}
}

static void codes_mxfp4(const uint8_t *block, uint32_t b, uint8_t codes[32])
{
	nibbles_low_then_high(block + 1, codes);
}

static void codes_iq4_xs(const uint8_t *block, uint32_t b, uint8_t codes[32])
{
	nibbles_low_then_high(block + 8 + 16 * b, codes);
}

/* ---- scales: half d[2][16] (and half m[2][16]), or those of the 256-column types ---- */

static void scales_d(const uint8_t *block, uint32_t b, uint32_t r, uint8_t *unit)
{
	memcpy(unit + 32 * b + 2 * r, block, 2);
}

static void scales_dm(const uint8_t *block, uint32_t b, uint32_t r, uint8_t *unit)
{
	memcpy(unit + 32 * b + 2 * r, block, 2);
	memcpy(unit + 64 + 32 * b + 2 * r, block + 2, 2);
}

static void scales_k4(const uint8_t *block, uint32_t b, uint32_t r, uint8_t *unit)
{
	const uint8_t *s = block + 4;

	memcpy(unit + 2 * r, block, 2);
	memcpy(unit + 32 + 2 * r, block + 2, 2);
	for (uint32_t j = 0; j < 8; j++) {
		uint8_t *scale = unit + 64 + 16 * j + r, *min = unit + 192 + 16 * j + r;

		if (j < 4) {
			*scale = s[j] & 63;
			*min = s[j + 4] & 63;
		} else {
			*scale = (uint8_t)((s[j + 4] & 15) | (s[j - 4] >> 6) << 4);
			*min = (uint8_t)((s[j + 4] >> 4) | (s[j] >> 6) << 4);
		}
	}
}

static void scales_k6(const uint8_t *block, uint32_t b, uint32_t r, uint8_t *unit)
{
	memcpy(unit + 2 * r, block + 208, 2);
	for (uint32_t j = 0; j < 16; j++)
		unit[64 + 16 * j + r] = block[192 + j];
}

static void scales_k2(const uint8_t *block, uint32_t b, uint32_t r, uint8_t *unit)
{
	memcpy(unit + 2 * r, block + 80, 2);
	memcpy(unit + 32 + 2 * r, block + 82, 2);
	for (uint32_t j = 0; j < 16; j++)
		unit[64 + 16 * j + r] = block[j];
}

static void scales_k3(const uint8_t *block, uint32_t b, uint32_t r, uint8_t *unit)
{
	memcpy(unit + 2 * r, block + 108, 2);
	unit[2 * r + 1] ^= 0x80;
	for (uint32_t j = 0; j < 16; j++)
		unit[64 + 16 * j + r] = (uint8_t)scale_q3_k(block, j);
}

static void scales_mxfp4(const uint8_t *block, uint32_t b, uint32_t r, uint8_t *unit)
{
	uint16_t d = mxfp4_scale_to_bfloat16(block[0]);

	memcpy(unit + 32 * b + 2 * r, &d, sizeof(d));
}

static void scales_iq4_xs(const uint8_t *block, uint32_t b, uint32_t r, uint8_t *unit)
{
	uint32_t upper = block[2] | (uint32_t)block[3] << 8;

	memcpy(unit + 2 * r, block, 2);
	for (uint32_t j = 0; j < 8; j++)
		unit[64 + 16 * j + r] = (uint8_t)((block[4 + j / 2] >> 4 * (j % 2) & 15) +
						  ((upper >> 2 * j & 3) << 4) - 32);
}

/* ---- reading back ---- */

static void affine_q4_0(const uint8_t *unit, uint32_t b, uint32_t c, uint32_t r, float *s, float *a)
{
	*s = half_at(unit + 32 * b, r);
	*a = -8 * *s;
}

static void affine_q5_0(const uint8_t *unit, uint32_t b, uint32_t c, uint32_t r, float *s, float *a)
{
	*s = half_at(unit + 32 * b, r);
	*a = -16 * *s;
}

static void affine_d(const uint8_t *unit, uint32_t b, uint32_t c, uint32_t r, float *s, float *a)
{
	*s = half_at(unit + 32 * b, r);
	*a = 0;
}

static void affine_dm(const uint8_t *unit, uint32_t b, uint32_t c, uint32_t r, float *s, float *a)
{
	*s = half_at(unit + 32 * b, r);
	*a = half_at(unit + 64 + 32 * b, r);
}

static void affine_k4(const uint8_t *unit, uint32_t b, uint32_t c, uint32_t r, float *s, float *a)
{
	*s = half_at(unit, r) * (float)unit[64 + 16 * b + r];
	*a = -half_at(unit + 32, r) * (float)unit[192 + 16 * b + r];
}

static void affine_k6(const uint8_t *unit, uint32_t b, uint32_t c, uint32_t r, float *s, float *a)
{
	*s = half_at(unit, r) * (float)(int8_t)unit[64 + 16 * (2 * b + c / 16) + r];
	*a = -32 * *s;
}

static void affine_k2(const uint8_t *unit, uint32_t b, uint32_t c, uint32_t r, float *s, float *a)
{
	uint8_t scale_min = unit[64 + 16 * (2 * b + c / 16) + r];

	*s = half_at(unit, r) * (float)(scale_min & 15);
	*a = -half_at(unit + 32, r) * (float)(scale_min >> 4);
}

static void affine_k3(const uint8_t *unit, uint32_t b, uint32_t c, uint32_t r, float *s, float *a)
{
	int scale = (int8_t)unit[64 + 16 * (2 * b + c / 16) + r];

	*s = half_at(unit, r) * (float)(scale < 0 ? -scale : scale);
	*a = *s * (scale < 0 ? -3.0f : -4.0f);
}

static void affine_mxfp4(const uint8_t *unit, uint32_t b, uint32_t c, uint32_t r, float *s,
			 float *a)
{
	uint16_t d;

	memcpy(&d, unit + 32 * b + 2 * r, sizeof(d));
	*s = bfloat16_to_float(d);
	*a = 0;
}

static void affine_iq4_xs(const uint8_t *unit, uint32_t b, uint32_t c, uint32_t r, float *s,
			  float *a)
{
	*s = half_at(unit, r) * (float)(int8_t)unit[64 + 16 * b + r];
	*a = 0;
}

static uint32_t step_of(const struct block_layout *layout, uint32_t part_bytes)
{
	return layout->step ? layout->step : part_bytes;
}

/* The codes of a row's 32 columns of block B; group G of four columns comes as one word. */
static void read_codes(const struct block_layout *layout, const uint8_t *unit, uint32_t b,
		       uint32_t r, uint8_t codes[32])
{
	uint32_t shift = layout->nibbles ? 4 : 0;

	for (uint32_t g = 0; g < 8; g++) {
		uint32_t word = 0;

		if (layout->bytes) {
			word = load_word(unit + layout->bytes + CODE_BYTES * b + 64 * g + 4 * r);
		} else if (layout->nibbles) {
			word = load_word(unit + layout->nibbles +
					 step_of(layout, NIBBLE_BYTES) * b + 64 * (g / 2) + 4 * r);
			word = word >> 4 * (g % 2) & 0x0f0f0f0f;
		}
		if (layout->singles)
			word |= (load_word(unit + layout->singles +
					   step_of(layout, SINGLE_BYTES) * b + 4 * r) >>
					 g &
				 0x01010101)
				<< (shift ? shift : 2);
		if (layout->pairs)
			word |= (load_word(unit + layout->pairs + step_of(layout, PAIR_BYTES) * b +
					   64 * (g / 4) + 4 * r) >>
					 2 * (g % 4) &
				 0x03030303)
				<< shift;
		memcpy(codes + 4 * g, &word, sizeof(word));
	}
}

static void read_block(const struct packed_type *type, const uint8_t *unit, uint32_t b, uint32_t r,
		       float *ret_values)
{
	float scale = 0, addend = 0;
	uint8_t codes[32];

	read_codes(&type->layout, unit, b, r, codes);
	for (uint32_t c = 0; c < 32; c++) {
		int code = type->layout.bytes	 ? (int8_t)codes[c]
			   : type->layout.values ? type->layout.values[codes[c]]
						 : codes[c];

		if (c % 16 == 0)
			type->affine(unit, b, c, r, &scale, &addend);
		ret_values[c] = scale * (float)code + addend;
	}
}

static float float_value(enum tensor_type type, const uint8_t *tile, uint32_t column, uint32_t r)
{
	uint16_t bits;
	float value;

	if (type == TENSOR_F32) {
		memcpy(&value, tile + 64 * column + 4 * r, sizeof(value));
		return value;
	}
	memcpy(&bits, tile + 32 * column + 2 * r, sizeof(bits));
	return type == TENSOR_F16 ? half_to_float(bits) : bfloat16_to_float(bits);
}

void packed_tile_row_to_float(enum tensor_type type, const uint8_t *tile, uint32_t row,
			      uint32_t n_cols, float *ret_values)
{
	const struct packed_type *packed = &packed_types[type];

	for (uint32_t c = 0; !packed->layout.blocks && c < n_cols; c++)
		ret_values[c] = float_value(type, tile, c, row);
	for (uint32_t c = 0; packed->layout.blocks && c < n_cols; c += PACKED_BLOCK)
		read_block(packed, tile + c / packed->info.unit_values * packed->info.unit_bytes,
			   c % packed->info.unit_values / PACKED_BLOCK, row, ret_values + c);
}

/* ---- writing ---- */

/* Four columns of a row lie side by side in a vector, so they move as one word. */
static void write_codes(const struct block_layout *layout, const uint8_t codes[32], uint32_t b,
			uint32_t r, uint8_t *unit)
{
	uint32_t words[8], singles = 0, pairs[2] = {0}, shift = layout->nibbles ? 4 : 0;

	memcpy(words, codes, sizeof(words));
	for (uint32_t g = 0; g < 8; g++) {
		if (layout->bytes)
			store_word(unit + layout->bytes + CODE_BYTES * b + 64 * g + 4 * r,
				   words[g]);
		singles |= (words[g] >> (shift ? shift : 2) & 0x01010101) << g;
		pairs[g / 4] |= (words[g] >> shift & 0x03030303) << 2 * (g % 4);
	}
	for (uint32_t i = 0; layout->nibbles && i < 4; i++)
		store_word(unit + layout->nibbles + step_of(layout, NIBBLE_BYTES) * b + 64 * i +
				   4 * r,
			   (words[2 * i] & 0x0f0f0f0f) | (words[2 * i + 1] & 0x0f0f0f0f) << 4);
	if (layout->singles)
		store_word(unit + layout->singles + step_of(layout, SINGLE_BYTES) * b + 4 * r,
			   singles);
	for (uint32_t h = 0; layout->pairs && h < 2; h++)
		store_word(unit + layout->pairs + step_of(layout, PAIR_BYTES) * b + 64 * h + 4 * r,
			   pairs[h]);
}

static void write_block_row(const struct packed_type *type, const uint8_t *row, uint32_t r,
			    uint32_t n_cols, uint8_t *tile)
{
	const struct block_layout *layout = &type->layout;
	/* A file block covers either one block of 32 columns or the whole unit. */
	uint32_t per_file_block = type->info.unit_values == TENSOR_BLOCK_MAX ? layout->blocks : 1;
	uint8_t codes[PACKED_BLOCK];

	for (uint32_t block = 0; block < n_cols / PACKED_BLOCK; block++) {
		const uint8_t *at = row + block / per_file_block * layout->file_bytes;
		uint8_t *unit = tile + block / layout->blocks * type->info.unit_bytes;
		uint32_t b = block % layout->blocks;

		if (block % per_file_block == 0)
			type->scales(at, b, r, unit);
		type->codes(at, block % per_file_block, codes);
		write_codes(layout, codes, b, r, unit);
	}
}

static void write_float_row(const uint8_t *row, uint32_t value_bytes, uint32_t r, uint32_t n_cols,
			    uint8_t *tile)
{
	for (uint32_t c = 0; c < n_cols; c++)
		memcpy(tile + (PACKED_ROWS * c + r) * value_bytes, row + c * value_bytes,
		       value_bytes);
}

void packed_tile_write(enum tensor_type type, const uint8_t *rows, uint64_t row_bytes,
		       uint32_t n_rows, uint32_t n_cols, uint8_t *tile)
{
	const struct packed_type *packed = &packed_types[type];

	memset(tile, 0, packed_tile_bytes(type, n_cols));
	for (uint32_t r = 0; r < n_rows; r++) {
		const uint8_t *row = rows + r * row_bytes;

		if (packed->layout.blocks)
			write_block_row(packed, row, r, n_cols, tile);
		else
			write_float_row(row, type == TENSOR_F32 ? 4 : 2, r, n_cols, tile);
	}
}

const struct packed_type_info *packed_type_info(enum tensor_type type)
{
	return &packed_types[type].info;
}

uint64_t packed_tile_bytes(enum tensor_type type, uint32_t n_cols)
{
	const struct packed_type_info *info = &packed_types[type].info;

	return div_up(n_cols, info->unit_values) * info->unit_bytes;
}

uint64_t packed_matrix_bytes(enum tensor_type type, uint32_t n_rows, uint32_t n_cols)
{
	return div_up(n_rows, PACKED_ROWS) * packed_tile_bytes(type, n_cols);
}

static const struct packed_type packed_types[TENSOR_TYPE_IDS] = {
	[TENSOR_F32] = {.info = {1, 64}},
	[TENSOR_F16] = {.info = {2, 64}},
	[TENSOR_BF16] = {.info = {2, 64}},
	[TENSOR_Q4_0] = {{64, 576}, {2, 18, .nibbles = 64}, codes_q4_0, scales_d, affine_q4_0},
	[TENSOR_Q4_1] = {{64, 640}, {2, 20, .nibbles = 128}, codes_q4_1, scales_dm, affine_dm},
	[TENSOR_Q5_0] = {{64, 704},
			 {2, 22, .singles = 64, .nibbles = 192},
			 codes_q5_0,
			 scales_d,
			 affine_q5_0},
	[TENSOR_Q5_1] = {{64, 768},
			 {2, 24, .singles = 128, .nibbles = 256},
			 codes_q5_1,
			 scales_dm,
			 affine_dm},
	[TENSOR_Q8_0] = {{64, 1088}, {2, 34, .bytes = 64}, codes_q8_0, scales_d, affine_d},
	[TENSOR_IQ4_NL] = {{64, 576},
			   {2, 18, .nibbles = 64, .values = tensor_values_iq4},
			   codes_q4_0,
			   scales_d,
			   affine_d},
	[TENSOR_MXFP4] = {{64, 576},
			  {2, 17, .nibbles = 64, .values = tensor_values_mxfp4},
			  codes_mxfp4,
			  scales_mxfp4,
			  affine_mxfp4},
	[TENSOR_Q2_K] = {{256, 1344}, {8, 84, .pairs = 320}, codes_q2_k, scales_k2, affine_k2},
	[TENSOR_Q3_K] = {{256, 1856},
			 {8, 110, .singles = 320, .pairs = 384, .step = 192},
			 codes_q3_k,
			 scales_k3,
			 affine_k3},
	[TENSOR_Q4_K] = {{256, 2368}, {8, 144, .nibbles = 320}, codes_q4_k, scales_k4, affine_k4},
	[TENSOR_Q5_K] = {{256, 2880},
			 {8, 176, .singles = 320, .nibbles = 384, .step = 320},
			 codes_q5_k,
			 scales_k4,
			 affine_k4},
	[TENSOR_Q6_K] = {{256, 3392},
			 {8, 210, .pairs = 320, .nibbles = 448, .step = 384},
			 codes_q6_k,
			 scales_k6,
			 affine_k6},
	[TENSOR_IQ4_XS] = {{256, 2240},
			   {8, 136, .nibbles = 192, .values = tensor_values_iq4},
			   codes_iq4_xs,
			   scales_iq4_xs,
			   affine_iq4_xs},
};

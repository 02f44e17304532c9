/* SPDX-License-Identifier: MIT */
/*
 * The layout in which every device but the reference reads matrices: tiles of 16 rows, so that one
 * 64-byte vector holds four neighbouring columns of 16 rows (or 16 values of one column), and a
 * lane is a row. The native CPU device and both OpenCL kernel families share it.
 *
 * A matrix is ceil(n_rows / 16) tiles; a tile is ceil(n_cols / unit_values) units; both follow one
 * another without gaps. Rows and columns beyond the matrix hold zeros, with zero scales. Inside a
 * unit, r is the row in the tile (0 to 15), b a block of 32 columns, c a column in that block:
 *
 * code vectors of a block:  8 groups g of four columns: column c = 4 g + j, byte 4 r + j
 *   nibbles (256 bytes):    vector i (0 to 3) holds group 2 i low and group 2 i + 1 high
 *   single bits (64 bytes): bit g of byte 4 r + j; the fifth of a code, or the third
 *   pairs (128 bytes):      vector h (0, 1), bits 2 p and 2 p + 1 of byte 4 r + j: group 4 h + p;
 *                           the upper two bits of a code, or the lower two
 *   bytes (512 bytes):      vector g, signed
 *
 *   Q4_0   64 columns: half d[2][16], nibbles[2]                               576 bytes
 *   Q4_1   64 columns: half d[2][16], half m[2][16], nibbles[2]                640
 *   Q5_0   64 columns: half d[2][16], fifth[2], nibbles[2]                     704
 *   Q5_1   64 columns: half d[2][16], half m[2][16], fifth[2], nibbles[2]      768
 *   Q8_0   64 columns: half d[2][16], bytes[2]                                1088
 *   IQ4_NL 64 columns: half d[2][16], nibbles[2]                               576
 *   MXFP4  64 columns: bfloat16 d[2][16], nibbles[2]                           576
 *   Q2_K  256 columns: half d[16], half dmin[16], u8 scale_min[16][16], pairs[8]
 *                                                                             1344
 *   Q3_K  256 columns: half d[16], 32 zero bytes, i8 scale[16][16], {third, pairs}[8]
 *                                                                             1856
 *   Q4_K  256 columns: half d[16], half dmin[16], u8 scale[8][16], u8 min[8][16],
 *                      nibbles[8]                                             2368
 *   Q5_K  256 columns: half d[16], half dmin[16], u8 scale[8][16], u8 min[8][16],
 *                      {fifth, nibbles}[8]                                    2880
 *   Q6_K  256 columns: half d[16], 32 zero bytes, i8 scale[16][16], {upper, nibbles}[8]
 *                                                                             3392
 *   IQ4_XS 256 columns: half d[16], 32 zero bytes, i8 scale[8][16], nibbles[8] 2240
 *   F16, BF16  2 columns: u16 value[2][16]                                      64
 *   F32        1 column:  float value[16]                                       64
 *
 * Parts in braces lie block by block: memory likes to be read in one stream.
 *
 * Weights, as in GGUF: Q4_0 d (q - 8); Q4_1, Q5_1 d q + m; Q5_0 d (q - 16); Q8_0 d q;
 * Q4_K, Q5_K d scale q - dmin min (scale and min per block); Q6_K d scale (q - 32), scale[2 b + half]
 * for columns 16 half to 16 half + 15 of block b. Q2_K as Q4_K, scale low and min high in
 * scale_min[2 b + half]; IQ4_NL, MXFP4 d value[q] and IQ4_XS d scale value[q], the values being
 * those of tensor_type.h.
 *
 * Q3_K is kept so that every scale times code, less its offset, is a signed byte and every product
 * on the way an unsigned one: d and scale both change their sign, and where scale is below 0 then,
 * q becomes 7 - q. So the weight is d |scale| (q - 4), or d |scale| (q - 3) where scale < 0.
 */
#ifndef SLM_MODEL_PACKED_TYPE_H
#define SLM_MODEL_PACKED_TYPE_H

#include <stdint.h>

#include "tensor_type.h"

enum {
	PACKED_ROWS = 16,
	PACKED_BLOCK = 32,
	PACKED_ALIGNMENT = 64,
	PACKED_VERSION = 2, /* raise it with any change of the layout above */
};

struct packed_type_info {
	uint32_t unit_values; /* columns */
	uint32_t unit_bytes;
};

/* Of a supported type. */
const struct packed_type_info *packed_type_info(enum tensor_type type);

uint64_t packed_tile_bytes(enum tensor_type type, uint32_t n_cols);
uint64_t packed_matrix_bytes(enum tensor_type type, uint32_t n_rows, uint32_t n_cols);

/*
 * Packs the tile whose N_ROWS (1 to 16) rows begin at ROWS, ROW_BYTES apart, in the file's layout.
 * TILE has packed_tile_bytes().
 */
void packed_tile_write(enum tensor_type type, const uint8_t *rows, uint64_t row_bytes,
		       uint32_t n_rows, uint32_t n_cols, uint8_t *tile);

/* Expands row ROW (0 to 15) of a tile to N_COLS floats: the plain definition of the layout. */
void packed_tile_row_to_float(enum tensor_type type, const uint8_t *tile, uint32_t row,
			      uint32_t n_cols, float *ret_values);

#endif

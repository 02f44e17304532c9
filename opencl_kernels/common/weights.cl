/* SPDX-License-Identifier: MIT */
/*
 * Where a unit of packed weights of type TYPE (a number of enum tensor_type) keeps its parts; the
 * layout is packed_type.h's. The host includes this once per type, before what is made per type.
 *   FORM: bits of a code (2, 3, 4, 5, 6, 8), or 16 for half, 17 for bfloat16, 32 for float
 *   VALUES: the table of what codes stand for; the values meet activations as signed bytes do
 *   FOLDED: scales of half blocks are so small that they are multiplied into the codes, as bytes
 *   OFFSET: what a code stands above its value; the sum starts with -OFFSET times the activations
 */
#undef FORM
#undef UNIT_BYTES
#undef UNIT_BLOCKS
#undef UNIT_COLUMNS
#undef OFFSET
#undef MINIMA_AT
#undef FIFTH_AT
#undef UPPER_AT
#undef THIRD_AT
#undef CODES_AT
#undef SUPER
#undef VALUES
#undef FOLDED
#undef BLOCK_STEP
#undef BIT_STEP
#undef UPPER_STEP
#undef CODES_STEP
#undef SCALE_BFLOAT16

#if TYPE == 0
#define FORM 32
#elif TYPE == 1
#define FORM 16
#elif TYPE == 30
#define FORM 17
#elif TYPE == 2 /* Q4_0 */
#define FORM 4
#define UNIT_BYTES 576
#define OFFSET 8
#define CODES_AT 64
#elif TYPE == 3 /* Q4_1 */
#define FORM 4
#define UNIT_BYTES 640
#define OFFSET 0
#define MINIMA_AT 64
#define CODES_AT 128
#elif TYPE == 6 /* Q5_0 */
#define FORM 5
#define UNIT_BYTES 704
#define OFFSET 16
#define FIFTH_AT 64
#define CODES_AT 192
#elif TYPE == 7 /* Q5_1 */
#define FORM 5
#define UNIT_BYTES 768
#define OFFSET 0
#define MINIMA_AT 64
#define FIFTH_AT 128
#define CODES_AT 256
#elif TYPE == 8 /* Q8_0 */
#define FORM 8
#define UNIT_BYTES 1088
#define OFFSET 128
#define CODES_AT 64
#elif TYPE == 10 /* Q2_K */
#define FORM 2
#define UNIT_BYTES 1344
#define OFFSET 0
#define FOLDED 1
#define SUPER 1
#define CODES_AT 320
#elif TYPE == 11 /* Q3_K: a folded code is a signed byte, made unsigned */
#define FORM 3
#define UNIT_BYTES 1856
#define OFFSET 128
#define FOLDED 1
#define SUPER 1
#define BLOCK_STEP 192
#define THIRD_AT 320
#define CODES_AT 384
#elif TYPE == 20 /* IQ4_NL */
#define FORM 4
#define UNIT_BYTES 576
#define OFFSET 128
#define VALUES values_iq4
#define CODES_AT 64
#elif TYPE == 39 /* MXFP4 */
#define FORM 4
#define UNIT_BYTES 576
#define OFFSET 128
#define VALUES values_mxfp4
#define SCALE_BFLOAT16 1
#define CODES_AT 64
#elif TYPE == 23 /* IQ4_XS */
#define FORM 4
#define UNIT_BYTES 2240
#define OFFSET 128
#define SUPER 1
#define VALUES values_iq4
#define CODES_AT 192
#elif TYPE == 12 /* Q4_K */
#define FORM 4
#define UNIT_BYTES 2368
#define OFFSET 0
#define MINIMA_AT 192
#define SUPER 1
#define CODES_AT 320
#elif TYPE == 13 /* Q5_K */
#define FORM 5
#define UNIT_BYTES 2880
#define OFFSET 0
#define MINIMA_AT 192
#define SUPER 1
#define BLOCK_STEP 320
#define FIFTH_AT 320
#define CODES_AT 384
#elif TYPE == 14 /* Q6_K */
#define FORM 6
#define UNIT_BYTES 3392
#define OFFSET 32
#define SUPER 1
#define BLOCK_STEP 384
#define UPPER_AT 320
#define CODES_AT 448
#else
#error "a weight type without a layout"
#endif

#ifdef SUPER
#define UNIT_COLUMNS 256
#elif FORM < 16
#define UNIT_COLUMNS 64
#elif FORM == 32
#define UNIT_COLUMNS 1
#define UNIT_BYTES   64
#else
#define UNIT_COLUMNS 2
#define UNIT_BYTES   64
#endif
#define UNIT_BLOCKS (UNIT_COLUMNS / 32)

/* From block to block: all parts together, or each part for itself. */
#ifdef BLOCK_STEP
#define BIT_STEP   BLOCK_STEP
#define UPPER_STEP BLOCK_STEP
#define CODES_STEP BLOCK_STEP
#else
#define BIT_STEP   64
#define UPPER_STEP 128
#if FORM == 8
#define CODES_STEP 512
#elif defined(FOLDED)
#define CODES_STEP 128
#else
#define CODES_STEP 256
#endif
#endif

/* Names of what is made per type: NAMED(matvec) is matvec_q4_0. */
#undef NAMED
#undef NAMED_
#undef NAMED__
#define NAMED__(name, type) name##_##type
#define NAMED_(name, type)  NAMED__(name, type)
#define NAMED(name)	    NAMED_(name, TYPE_NAME)

/* Bytes of a tile of 16 rows. */
#undef TILE_BYTES
#define TILE_BYTES(n_cols) (((n_cols) + UNIT_COLUMNS - 1) / UNIT_COLUMNS * UNIT_BYTES)

#ifndef WEIGHT_HELPERS
#define WEIGHT_HELPERS

/* Values of codes, plus 128. */
__constant uchar values_iq4[16] = {1,	24,  45,  63,  79,  93,	 106, 118,
				   129, 141, 153, 166, 181, 197, 217, 241};
__constant uchar values_mxfp4[16] = {128, 129, 130, 131, 132, 134, 136, 140,
				     128, 127, 126, 125, 124, 122, 120, 116};

static inline float bfloat16_at(__global const uchar *p, uint i)
{
	return as_float((uint)((__global const ushort *)p)[i] << 16);
}

/* The code of Q3_K less its offset, times its scale S without sign, plus 128; four of them. */
static inline uint fold_q3(uint codes, int s)
{
	return codes * abs(s) + (uint)(128 - (s < 0 ? -3 * s : 4 * s)) * 0x01010101u;
}
#endif

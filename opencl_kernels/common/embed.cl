/* SPDX-License-Identifier: MIT */
/*
 * Rows of packed weights of TYPE as floats: one work-item expands four neighbouring columns. Rows of
 * positions are added to what is there.
 */

/* Column C of row R of a tile. */
static float NAMED(weight_at)(__global const uchar *tile, uint r, uint column)
{
	__global const uchar *unit = tile + column / UNIT_COLUMNS * UNIT_BYTES;
#if FORM == 32
	return ((__global const float *)unit)[r];
#elif FORM == 16
	return vload_half(ROWS * (column % 2) + r, (__global const half *)unit);
#elif FORM == 17
	return as_float((uint)((__global const ushort *)unit)[ROWS * (column % 2) + r] << 16);
#else
	uint b = column % UNIT_COLUMNS / 32, c = column % 32, g = c / 4, byte = 4 * r + c % 4;
	float scale, value;
#ifdef FOLDED
	uint part = unit[64 + ROWS * (2 * b + c / 16) + r];
	uint code = unit[CODES_AT + CODES_STEP * b + 64 * (g / 4) + byte] >> 2 * (g % 4) & 3;

	scale = vload_half(r, (__global const half *)unit);
#ifdef THIRD_AT
	code |= (unit[THIRD_AT + BIT_STEP * b + byte] >> g & 1) << 2;
	return scale * (float)((int)(fold_q3(code, (char)part) & 255) - 128);
#else
	return scale * (float)(code * (part & 15)) -
	       vload_half(ROWS + r, (__global const half *)unit) * (float)(part >> 4);
#endif
#else
#if FORM == 8
	value = as_char(unit[CODES_AT + CODES_STEP * b + 64 * g + byte]);
#else
	uint code = unit[CODES_AT + CODES_STEP * b + 64 * (g / 2) + byte] >> 4 * (g % 2) & 15;
#ifdef FIFTH_AT
	code |= (unit[FIFTH_AT + BIT_STEP * b + byte] >> g & 1) << 4;
#endif
#ifdef UPPER_AT
	code |= (unit[UPPER_AT + UPPER_STEP * b + 64 * (g / 4) + byte] >> 2 * (g % 4) & 3) << 4;
#endif
#ifdef VALUES
	code = VALUES[code];
#endif
	value = (float)((int)code - OFFSET);
#endif
#ifdef SCALE_BFLOAT16
	return bfloat16_at(unit, ROWS * b + r) * value;
#elif !defined(SUPER)
	scale = vload_half(ROWS * b + r, (__global const half *)unit);
#ifdef MINIMA_AT
	return scale * value + vload_half(ROWS * b + r, (__global const half *)(unit + MINIMA_AT));
#else
	return scale * value;
#endif
#elif defined(UPPER_AT)
	scale = vload_half(r, (__global const half *)unit) *
		as_char(unit[64 + ROWS * (2 * b + c / 16) + r]);
	return scale * value;
#elif defined(VALUES)
	scale = vload_half(r, (__global const half *)unit) * as_char(unit[64 + ROWS * b + r]);
	return scale * value;
#else
	scale = vload_half(r, (__global const half *)unit) * unit[64 + ROWS * b + r];
	return scale * value - vload_half(ROWS + r, (__global const half *)unit) *
				       unit[MINIMA_AT + ROWS * b + r];
#endif
#endif
#endif
}

__kernel void NAMED(embed)(__global const uint *step, __global const uchar *weight,
			   __global float *values, __global const float *vectors, uint out,
			   uint bias, uint n_cols, float scale, uint of_positions)
{
	uint t = get_global_id(1), column = 4 * get_global_id(0);
	uint row = STEP_PART(step, of_positions ? STEP_POSITIONS : STEP_TOKENS)[t];
	__global const uchar *tile = weight + (ulong)(row / ROWS) * TILE_BYTES(n_cols);

	for (uint c = column; c < min(column + 4, n_cols); c++) {
		float x = NAMED(weight_at)(tile, row % ROWS, c) * scale;

		if (bias != NONE)
			x += vectors[bias + c];
		values[out + t * n_cols + c] = of_positions ? values[out + t * n_cols + c] + x : x;
	}
}

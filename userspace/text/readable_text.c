// SPDX-License-Identifier: MIT
/*
 * Owns the differences between the text that is tokenized, UTF-8 and what PCRE2 knows of Unicode.
 * Copies nothing where there are none.
 */
#include <errno.h>
#include <stdlib.h>

#include "array.h"
#include "readable_text.h"
#include "utf8.h"

/* One character of each category, of three and of four bytes. */
enum {
	MARK_3 = 0x903,
	FORMAT_3 = 0x2060,
	SYMBOL_3 = 0x2190,
	PRIVATE_3 = 0xe000,
	PUNCTUATION = 0x10100,
	NUMBER = 0x104a0,
	MARK = 0x11002,
	SYMBOL = 0x1d100,
	LETTER = 0x20000,
};

/*
 * Characters that expressions should see as another one, of the same length in UTF-8: those that
 * Unicode 15.0 and 15.1 added in categories that expressions name, which PCRE2 before 10.43 takes
 * for unassigned; surrogates, which it must not meet; and U+180E, which it still counts as white
 * space. Sorted.
 */
static const struct stand_in {
	uint32_t first, last;
	uint32_t shown;
} stand_ins[] = {
	{0xcf3, 0xcf3, MARK_3},	    {0xece, 0xece, MARK_3},
	{0x180e, 0x180e, FORMAT_3}, {0x2ffc, 0x2fff, SYMBOL_3},
	{0x31ef, 0x31ef, SYMBOL_3}, {0xd800, 0xdfff, PRIVATE_3},
	{0x10efd, 0x10eff, MARK},   {0x1123f, 0x11240, LETTER},
	{0x11241, 0x11241, MARK},   {0x11b00, 0x11b09, PUNCTUATION},
	{0x11f00, 0x11f01, MARK},   {0x11f02, 0x11f02, LETTER},
	{0x11f03, 0x11f03, MARK},   {0x11f04, 0x11f10, LETTER},
	{0x11f12, 0x11f33, LETTER}, {0x11f34, 0x11f3a, MARK},
	{0x11f3e, 0x11f42, MARK},   {0x11f43, 0x11f4f, PUNCTUATION},
	{0x11f50, 0x11f59, NUMBER}, {0x1342f, 0x1342f, LETTER},
	{0x13440, 0x13440, MARK},   {0x13441, 0x13446, LETTER},
	{0x13447, 0x13455, MARK},   {0x1b132, 0x1b132, LETTER},
	{0x1b155, 0x1b155, LETTER}, {0x1d2c0, 0x1d2d3, NUMBER},
	{0x1df25, 0x1df2a, LETTER}, {0x1e030, 0x1e06d, LETTER},
	{0x1e08f, 0x1e08f, MARK},   {0x1e4d0, 0x1e4eb, LETTER},
	{0x1e4ec, 0x1e4ef, MARK},   {0x1e4f0, 0x1e4f9, NUMBER},
	{0x1f6dc, 0x1f6dc, SYMBOL}, {0x1f774, 0x1f776, SYMBOL},
	{0x1f77b, 0x1f77f, SYMBOL}, {0x1f7d9, 0x1f7d9, SYMBOL},
	{0x1fa75, 0x1fa77, SYMBOL}, {0x1fa87, 0x1fa88, SYMBOL},
	{0x1faad, 0x1faaf, SYMBOL}, {0x1fabb, 0x1fabd, SYMBOL},
	{0x1fabf, 0x1fabf, SYMBOL}, {0x1face, 0x1facf, SYMBOL},
	{0x1fada, 0x1fadb, SYMBOL}, {0x1fae8, 0x1fae8, SYMBOL},
	{0x1faf7, 0x1faf8, SYMBOL}, {0x2b739, 0x2b739, LETTER},
	{0x2ebf0, 0x2ee5d, LETTER}, {0x31350, 0x323af, LETTER},
};

static uint32_t shown_as(uint32_t code_point)
{
	size_t first = 0, end = ARRAY_SIZE(stand_ins);

	while (first < end) {
		size_t middle = (first + end) / 2;

		if (code_point < stand_ins[middle].first)
			end = middle;
		else if (code_point > stand_ins[middle].last)
			first = middle + 1;
		else
			return stand_ins[middle].shown;
	}
	return code_point;
}

void readable_text_finish(struct readable_text *readable)
{
	free(readable->text_copy);
	free(readable->shown_copy);
}

/* Like utf8_decode(), and reads surrogates. */
static size_t decode(const char *text, size_t size, uint32_t *ret_code_point)
{
	const uint8_t *at = (const uint8_t *)text;

	if (size < 3 || at[0] != 0xed || (at[1] & 0xe0) != 0xa0 || (at[2] & 0xc0) != 0x80)
		return utf8_decode(text, size, ret_code_point);
	*ret_code_point = 0xd000u | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu);
	return 3;
}

static bool is_broken(const char *text, size_t length)
{
	return length == 1 && (*text & 0x80);
}

/* How large the text becomes when broken bytes turn into U+FFFD; and whether stand-ins are met. */
static size_t measure(struct span text, bool *ret_stand_ins)
{
	size_t size = 0;

	*ret_stand_ins = false;
	for (size_t at = 0, length; at < text.size; at += length) {
		uint32_t code_point;

		length = 1;
		if (!(text.data[at] & 0x80)) {
			size++;
			continue;
		}
		length = decode(text.data + at, text.size - at, &code_point);
		size += is_broken(text.data + at, length) ? 3 : length;
		*ret_stand_ins = *ret_stand_ins || shown_as(code_point) != code_point;
	}
	return size;
}

static void replace_broken(struct span text, char *out)
{
	for (size_t at = 0, length; at < text.size; at += length) {
		uint32_t code_point;

		length = decode(text.data + at, text.size - at, &code_point);
		if (is_broken(text.data + at, length)) {
			out += utf8_encode(code_point, out);
		} else {
			memcpy(out, text.data + at, length);
			out += length;
		}
	}
}

static void replace_stand_ins(struct span text, char *out)
{
	for (size_t at = 0, length; at < text.size; at += length) {
		char bytes[UTF8_MAX];
		uint32_t code_point;

		length = decode(text.data + at, text.size - at, &code_point);
		(void)utf8_encode(shown_as(code_point), bytes);
		memcpy(out + at, bytes, length);
	}
}

int readable_text_init(struct readable_text *readable, struct span text)
{
	bool with_stand_ins;
	size_t size = measure(text, &with_stand_ins);

	*readable = (struct readable_text){.text = text};
	if (size != text.size) {
		readable->text_copy = malloc(size);
		if (!readable->text_copy)
			return -ENOMEM;
		replace_broken(text, readable->text_copy);
		readable->text = (struct span){readable->text_copy, (uint32_t)size};
	}
	readable->shown = readable->text.data;
	if (with_stand_ins) {
		readable->shown_copy = malloc(size);
		if (!readable->shown_copy)
			return -ENOMEM;
		replace_stand_ins(readable->text, readable->shown_copy);
		readable->shown = readable->shown_copy;
	}
	return 0;
}

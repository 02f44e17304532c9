// SPDX-License-Identifier: MIT
/* Owns the tables of characters. Refuses to ask the locale, which is the process's and not ours. */
#include "array.h"
#include "jinja_unicode.h"

struct range {
	uint32_t first;
	uint32_t last;
};

static bool is_in(const struct range *ranges, size_t n, uint32_t c)
{
	for (size_t i = 0; i < n; i++) {
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	}
	return false;
}

bool unicode_is_space(uint32_t c)
{
	static const struct range spaces[] = {
		{0x1680, 0x1680}, {0x2000, 0x200a}, {0x2028, 0x2029},
		{0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000},
	};

	if (c < 0x80)
		return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
	return c == 0x85 || c == 0xa0 || is_in(spaces, ARRAY_SIZE(spaces), c);
}

bool unicode_is_line_end(uint32_t c)
{
	return (c >= '\n' && c <= '\r') || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 ||
	       c == 0x2029;
}

bool unicode_is_letter(uint32_t c)
{
	static const struct range others[] = {
		{0x80, 0xa9},	    {0xab, 0xb4},     {0xb6, 0xb9},	{0xbb, 0xbf},
		{0xd7, 0xd7},	    {0xf7, 0xf7},     {0x2000, 0x2070}, {0x2072, 0x207e},
		{0x2080, 0x208f},   {0x20a0, 0x2101}, {0x2190, 0x2bff}, {0x2e00, 0x3004},
		{0x3007, 0x3030},   {0xd800, 0xf8ff}, {0xfe00, 0xfe6f}, {0xfeff, 0xff20},
		{0xff3b, 0xff40},   {0xff5b, 0xff65}, {0xffe0, 0xffff}, {0x1f000, 0x1faff},
		{0xe0000, 0x10ffff}};

	if (c < 0x80)
		return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
	return !is_in(others, ARRAY_SIZE(others), c);
}

bool unicode_is_digit(uint32_t c)
{
	return c >= '0' && c <= '9';
}

bool unicode_is_printable(uint32_t c)
{
	static const struct range hidden[] = {
		{0, 0x1f},	  {0x7f, 0xa0},	      {0xad, 0xad},	  {0x600, 0x605},
		{0x61c, 0x61c},	  {0x6dd, 0x6dd},     {0x70f, 0x70f},	  {0x1680, 0x1680},
		{0x180e, 0x180e}, {0x2000, 0x200f},   {0x2028, 0x202f},	  {0x205f, 0x206f},
		{0x3000, 0x3000}, {0xd800, 0xf8ff},   {0xfeff, 0xfeff},	  {0xfff0, 0xfffb},
		{0xfffe, 0xffff}, {0xe0000, 0xe00ff}, {0xe01f0, 0x10ffff}};

	return !is_in(hidden, ARRAY_SIZE(hidden), c);
}

/* Ranges in which upper and lower case take turns, and where the first upper case stands. */
static bool alternates(uint32_t c, uint32_t *ret_first)
{
	static const struct range pairs[] = {
		{0x100, 0x12f}, {0x132, 0x137}, {0x139, 0x148}, {0x14a, 0x177},	  {0x179, 0x17e},
		{0x1cd, 0x1dc}, {0x1de, 0x1ef}, {0x1f8, 0x21f}, {0x222, 0x233},	  {0x460, 0x481},
		{0x48a, 0x4bf}, {0x4c1, 0x4ce}, {0x4d0, 0x52f}, {0x1e00, 0x1e95}, {0x1ea0, 0x1eff},
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		if (c >= pairs[i].first && c <= pairs[i].last) {
			*ret_first = pairs[i].first;
			return true;
		}
	}
	return false;
}

/* Ranges whose lower case stands at a fixed distance. */
static const struct {
	uint32_t first, last, distance;
} shifts[] = {
	{'A', 'Z', 32},	    {0xc0, 0xd6, 32},	  {0xd8, 0xde, 32},	  {0x391, 0x3a1, 32},
	{0x3a3, 0x3ab, 32}, {0x386, 0x386, 38},	  {0x388, 0x38a, 37},	  {0x38c, 0x38c, 64},
	{0x38e, 0x38f, 63}, {0x410, 0x42f, 32},	  {0x400, 0x40f, 80},	  {0x4c0, 0x4c0, 15},
	{0x531, 0x556, 48}, {0xff21, 0xff3a, 32}, {0x10400, 0x10427, 40},
};

uint32_t unicode_upper(uint32_t c)
{
	uint32_t first;

	if (c == 0xff)
		return 0x178;
	if (c == 0xb5)
		return 0x39c;
	if (c == 0x131)
		return 'I';
	if (c == 0x17f)
		return 'S';
	if (c == 0x3c2)
		return 0x3a3;
	for (size_t i = 0; i < ARRAY_SIZE(shifts); i++) {
		if (c >= shifts[i].first + shifts[i].distance &&
		    c <= shifts[i].last + shifts[i].distance)
			return c - shifts[i].distance;
	}
	return alternates(c, &first) && (c - first) % 2 == 1 ? c - 1 : c;
}

uint32_t unicode_lower(uint32_t c)
{
	uint32_t first;

	if (c == 0x178)
		return 0xff;
	for (size_t i = 0; i < ARRAY_SIZE(shifts); i++) {
		if (c >= shifts[i].first && c <= shifts[i].last)
			return c + shifts[i].distance;
	}
	return alternates(c, &first) && (c - first) % 2 == 0 ? c + 1 : c;
}

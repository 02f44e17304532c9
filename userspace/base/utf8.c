// SPDX-License-Identifier: MIT
/* Reads and writes single characters; refuses overlong forms, surrogates and what is past U+10FFFF. */
#include "utf8.h"

static size_t length_of(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead < 0xe0)
		return 2;
	if (lead >= 0xe0 && lead < 0xf0)
		return 3;
	return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

size_t utf8_decode(const char *text, size_t size, uint32_t *ret_code_point)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *at = (const unsigned char *)text;
	size_t length = length_of(at[0]);
	uint32_t code = length > 1 ? at[0] & (0x7fu >> length) : at[0];

	*ret_code_point = 0xfffd;
	if (length == 0 || length > size)
		return 1;
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 1;
		code = code << 6 | (at[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 1;
	*ret_code_point = code;
	return length;
}

size_t utf8_encode(uint32_t code, char out[static UTF8_MAX])
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

size_t utf8_complete(const char *text, size_t size)
{
	size_t back = 0;

	while (back < size && back < UTF8_MAX - 1) {
		unsigned char byte = (unsigned char)text[size - 1 - back++];

		if ((byte & 0xc0) == 0x80)
			continue;
		return length_of(byte) > back ? size - back : size;
	}
	return size;
}

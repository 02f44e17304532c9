// SPDX-License-Identifier: MIT
/* Owns what may reach a terminal. Refuses to know where the text came from. */
#include <stdint.h>
#include <string.h>

#include "utf8.h"
#include "visible_text.h"

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

static bool turns_direction(uint32_t c)
{
	return c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

static size_t escape(uint32_t c, char out[static VISIBLE_CHARACTER_MAX])
{
	static const char *const short_forms[] = {['\t'] = "\\t", ['\n'] = "\\n", ['\r'] = "\\r"};

	if (c < sizeof(short_forms) / sizeof(short_forms[0]) && short_forms[c])
		return (size_t)snprintf(out, VISIBLE_CHARACTER_MAX, "%s", short_forms[c]);
	if (c < 0x100)
		return (size_t)snprintf(out, VISIBLE_CHARACTER_MAX, "\\x%02x", c);
	return (size_t)snprintf(out, VISIBLE_CHARACTER_MAX, "\\u%04x", c);
}

size_t visible_character(const char *text, size_t size, bool lines,
			 char out[static VISIBLE_CHARACTER_MAX], size_t *ret_n)
{
	uint32_t c;
	size_t n = utf8_decode(text, size, &c);

	/* A U+FFFD of three bytes stands in the text itself. */
	if (c == 0xfffd && n == 1)
		*ret_n = escape((unsigned char)*text, out);
	else if ((is_control(c) && !(lines && (c == '\n' || c == '\t'))) || turns_direction(c))
		*ret_n = escape(c, out);
	else
		memcpy(out, text, *ret_n = n);
	return n;
}

size_t visible_text(const char *text, size_t size, bool lines, char *out, size_t out_size)
{
	char character[VISIBLE_CHARACTER_MAX];
	size_t at = 0, n = 0;

	while (at < size) {
		size_t shown;

		at += visible_character(text + at, size - at, lines, character, &shown);
		if (n + shown >= out_size)
			break;
		memcpy(out + n, character, shown);
		n += shown;
	}
	out[n] = '\0';
	return n;
}

void visible_print(const char *text, size_t size, bool lines, FILE *out)
{
	char character[VISIBLE_CHARACTER_MAX];
	size_t at = 0;

	while (at < size) {
		size_t shown;

		at += visible_character(text + at, size - at, lines, character, &shown);
		(void)fwrite(character, 1, shown, out);
	}
}

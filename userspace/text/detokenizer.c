// SPDX-License-Identifier: MIT
/*
 * Owns the bytes of a character that has not ended yet. Never fails once created: the longest
 * token bounds all buffers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "detokenizer.h"
#include "utf8.h"

#define REPLACEMENT	  "\xef\xbf\xbd" /* U+FFFD */
#define REPLACEMENT_BYTES (sizeof(REPLACEMENT) - 1)

struct detokenizer {
	const struct tokenizer *tokenizer;
	struct detokenizer_options options;
	bool started;
	char *bytes; /* [UTF8_MAX + longest piece], of which n are waiting */
	size_t n;
	char *text; /* the same three times: each byte may become U+FFFD */
};

DEFINE_CLEANUP(struct detokenizer, detokenizer_destroy)

int detokenizer_create(const struct tokenizer *tokenizer, const struct detokenizer_options *options,
		       struct detokenizer **ret_detokenizer)
{
	_cleanup_(detokenizer_destroy_p) struct detokenizer *detokenizer =
		calloc(1, sizeof(*detokenizer));
	size_t size = UTF8_MAX + tokenizer_piece_max(tokenizer);

	if (!detokenizer)
		return -ENOMEM;
	detokenizer->tokenizer = tokenizer;
	detokenizer->options = *options;
	detokenizer->bytes = malloc(size);
	detokenizer->text = malloc(size * REPLACEMENT_BYTES);
	if (!detokenizer->bytes || !detokenizer->text)
		return -ENOMEM;
	*ret_detokenizer = TAKE(detokenizer);
	return 0;
}

void detokenizer_destroy(struct detokenizer *detokenizer)
{
	if (!detokenizer)
		return;
	free(detokenizer->bytes);
	free(detokenizer->text);
	free(detokenizer);
}

/* Whether the N >= 2 bytes at TEXT begin a character that more bytes would complete. */
static bool is_beginning(const char *text, size_t n)
{
	char padded[UTF8_MAX] = {'\x80', '\x80', '\x80', '\x80'};
	uint32_t code_point;

	memcpy(padded, text, n);
	return utf8_decode(padded, sizeof(padded), &code_point) > n;
}

/* How many of the bytes at TEXT are one character, or one mistake: the beginning of a character
 * that does not go on counts as one. */
static size_t next_length(const char *text, size_t size, bool *ret_valid)
{
	uint32_t code_point;
	size_t length = utf8_decode(text, size, &code_point);

	*ret_valid = length > 1 || !(*text & 0x80);
	if (*ret_valid)
		return length;
	while (length < size && length + 1 < UTF8_MAX && is_beginning(text, length + 1))
		length++;
	return length;
}

/* Moves the first N waiting bytes to the text, the broken ones replaced. */
static struct span take(struct detokenizer *detokenizer, size_t n)
{
	char *out = detokenizer->text;

	for (size_t at = 0, length; at < n; at += length) {
		bool valid;

		length = next_length(detokenizer->bytes + at, n - at, &valid);
		if (valid)
			out = mempcpy(out, detokenizer->bytes + at, length);
		else
			out = mempcpy(out, REPLACEMENT, REPLACEMENT_BYTES);
	}
	detokenizer->n -= n;
	memmove(detokenizer->bytes, detokenizer->bytes + n, detokenizer->n);
	return (struct span){detokenizer->text, (uint32_t)(out - detokenizer->text)};
}

struct span detokenizer_push(struct detokenizer *detokenizer, int32_t id)
{
	char *piece = detokenizer->bytes + detokenizer->n;
	size_t size = tokenizer_piece(detokenizer->tokenizer, id, detokenizer->options.show_control,
				      piece);

	if (!detokenizer->started && detokenizer->options.at_start && size > 0 && piece[0] == ' ' &&
	    tokenizer_adds_blank(detokenizer->tokenizer))
		memmove(piece, piece + 1, --size);
	detokenizer->started = true;
	detokenizer->n += size;
	return take(detokenizer, utf8_complete(detokenizer->bytes, detokenizer->n));
}

struct span detokenizer_flush(struct detokenizer *detokenizer)
{
	detokenizer->started = false;
	return take(detokenizer, detokenizer->n);
}

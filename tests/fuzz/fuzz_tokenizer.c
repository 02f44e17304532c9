// SPDX-License-Identifier: MIT
/*
 * Vocabularies and texts out of random bytes: kind, flags, tokens with type and score, merges, and
 * what is left is the text. Whatever is created must encode, and give back text that is UTF-8.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cursor.h"
#include "detokenizer.h"
#include "tokenizer.h"
#include "utf8.h"

enum {
	TOKENS = 600,
	MERGES = 64,
};

struct input {
	struct cursor cursor;
	struct tokenizer_params params;
	struct span tokens[TOKENS];
	int32_t types[TOKENS];
	float scores[TOKENS];
	struct span merges[MERGES];
	char bytes[256][8];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* require() is compiled out of optimised builds. */
static void require(bool holds)
{
	if (!holds)
		abort();
}

static struct span take_span(struct input *input)
{
	uint8_t size = cursor_u8(&input->cursor) % 24;
	const uint8_t *data = cursor_take(&input->cursor, size);

	return data ? (struct span){(const char *)data, size} : SPAN("");
}

static void add_token(struct input *input, struct span text, int32_t type, float score)
{
	uint64_t id = input->params.n_tokens++;

	input->tokens[id] = text;
	input->types[id] = type;
	input->scores[id] = score;
}

static void add_bytes(struct input *input, bool spm)
{
	static const char digits[] = "0123456789ABCDEF";
	uint32_t next = 0x100;

	for (uint32_t byte = 0; byte < 256; byte++) {
		bool visible = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte != 0xad);
		char *text = input->bytes[byte];
		uint32_t length = 6;

		if (spm)
			memcpy(text,
			       (char[]){'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'},
			       6);
		else
			length = (uint32_t)utf8_encode(visible ? byte : next++, text);
		add_token(input, (struct span){text, length},
			  spm ? TOKEN_TYPE_BYTE : TOKEN_TYPE_NORMAL, 0);
	}
}

static void read_flags(struct input *input)
{
	static const struct span pres[] = {
		SPAN("smollm"),	    SPAN("gpt-2"), SPAN("llama-bpe"),	 SPAN("default"),
		SPAN("qwen2"),	    SPAN(""),	   SPAN("other"),	 SPAN("tekken"),
		SPAN("gpt-4o"),	    SPAN("youtu"), SPAN("deepseek-llm"), SPAN("deepseek-coder"),
		SPAN("deepseek-v3")};
	static const struct span names[] = {SPAN(""), SPAN("phi3"), SPAN("modern-bert")};
	struct tokenizer_params *params = &input->params;
	uint8_t flags = cursor_u8(&input->cursor), pre = cursor_u8(&input->cursor);

	tokenizer_params_init(params);
	params->model = flags & 1 ? SPAN("llama") : SPAN("gpt2");
	params->pre = pres[pre % ARRAY_SIZE(pres)];
	if (pre >= 192) {
		params->model = SPAN("bert");
		params->lower_case = pre % 3;
		params->strip_accents = pre / 3 % 3;
	}
	params->model_name = names[cursor_u8(&input->cursor) % ARRAY_SIZE(names)];
	params->add_bos = (flags >> 1 & 3) % 3;
	params->add_eos = (flags >> 3 & 3) % 3;
	params->add_space_prefix = (flags >> 5 & 3) % 3;
	for (unsigned i = 0; i < TOKEN_ROLES; i++)
		params->roles[i] = (int64_t)cursor_u8(&input->cursor) - 1;
	if (flags & 0x80)
		add_bytes(input, flags & 1);
}

static void read_params(struct input *input)
{
	struct tokenizer_params *params = &input->params;
	unsigned n_tokens, n_merges;

	read_flags(input);
	n_tokens = cursor_u8(&input->cursor);
	n_merges = cursor_u8(&input->cursor) % MERGES;
	for (unsigned i = 0; i < n_tokens && !input->cursor.failed; i++) {
		struct span text = take_span(input);
		uint8_t type = cursor_u8(&input->cursor);

		add_token(input, text, (int32_t)(type & 7),
			  type == 0xff ? __builtin_nanf("") : (float)(int8_t)type);
	}
	for (unsigned i = 0; i < n_merges && !input->cursor.failed; i++)
		input->merges[params->n_merges++] = take_span(input);
	params->tokens = input->tokens;
	params->types = input->types;
	params->scores = input->scores;
	params->merges = input->merges;
}

static void check_utf8(struct span text)
{
	for (uint32_t at = 0; at < text.size;) {
		uint32_t code_point;
		size_t length = utf8_decode(text.data + at, text.size - at, &code_point);

		require(length > 1 || !(text.data[at] & 0x80));
		at += (uint32_t)length;
	}
}

static void use(const struct tokenizer *tokenizer, const char *text, size_t size)
{
	for (unsigned how = 0; how < 8; how++) {
		struct encode_options options = {.add_special = how & 1, .parse_special = how & 2};
		struct detokenizer_options shown = {.show_control = how & 4, .at_start = how & 1};
		struct token_list list = {0};
		struct detokenizer *detokenizer;

		require(tokenizer_encode(tokenizer, text, size, &options, &list) == 0);
		require(detokenizer_create(tokenizer, &shown, &detokenizer) == 0);
		for (size_t i = 0; i < list.n; i++) {
			require((uint32_t)list.ids[i] < tokenizer_n_tokens(tokenizer));
			check_utf8(detokenizer_push(detokenizer, list.ids[i]));
		}
		check_utf8(detokenizer_flush(detokenizer));
		detokenizer_destroy(detokenizer);
		token_list_finish(&list);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input *input = calloc(1, sizeof(*input));
	struct tokenizer *tokenizer;
	size_t left;

	if (!input)
		return 0;
	cursor_init(&input->cursor, data, size);
	read_params(input);
	left = cursor_left(&input->cursor);
	if (tokenizer_create(&input->params, NULL, &tokenizer) == 0) {
		use(tokenizer, (const char *)data + (size - left), left);
		tokenizer_destroy(tokenizer);
	}
	free(input);
	return 0;
}

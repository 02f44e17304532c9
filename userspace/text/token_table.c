// SPDX-License-Identifier: MIT
/*
 * Owns the kinds of the tokens and the index of their texts. Refuses vocabularies in which one
 * text has two numbers: which of them a model was trained with cannot be known.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "token_table.h"

static const uint8_t attributes_of_types[] = {
	[TOKEN_TYPE_UNDEFINED] = 0,
	[TOKEN_TYPE_NORMAL] = TOKEN_IS_NORMAL,
	[TOKEN_TYPE_UNKNOWN] = TOKEN_IS_UNKNOWN,
	[TOKEN_TYPE_CONTROL] = TOKEN_IS_CONTROL,
	[TOKEN_TYPE_USER_DEFINED] = TOKEN_IS_USER_DEFINED,
	[TOKEN_TYPE_UNUSED] = 0,
	[TOKEN_TYPE_BYTE] = TOKEN_IS_BYTE,
};

void tokenizer_params_init(struct tokenizer_params *params)
{
	*params = (struct tokenizer_params){.source = "the model"};
	for (unsigned i = 0; i < TOKEN_ROLES; i++)
		params->roles[i] = TOKEN_NONE;
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

bool byte_token_value(struct span text, uint8_t *ret_byte)
{
	int high, low;

	if (text.size != 6 || memcmp(text.data, "<0x", 3) != 0 || text.data[5] != '>')
		return false;
	high = hex_digit(text.data[3]);
	low = hex_digit(text.data[4]);
	if (high < 0 || low < 0)
		return false;
	*ret_byte = (uint8_t)(high << 4 | low);
	return true;
}

int32_t token_table_find_byte(const struct token_table *table, uint8_t byte)
{
	static const char digits[] = "0123456789ABCDEF";
	const char name[] = {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
	int32_t token = token_table_find(table, name, sizeof(name));

	return token >= 0 ? token : token_table_find(table, (const char *)&byte, 1);
}

static uint8_t attribute_of(const void *types, uint32_t token)
{
	int32_t type = TOKEN_TYPE_NORMAL;

	if (types)
		memcpy(&type, (const uint8_t *)types + sizeof(type) * token, sizeof(type));
	if (type < 0 || type >= (int32_t)ARRAY_SIZE(attributes_of_types))
		return 0;
	return attributes_of_types[type];
}

static int add_token(struct token_table *table, const struct tokenizer_params *params,
		     uint32_t token, const struct log *log)
{
	struct span text = table->texts[token];
	uint32_t first;
	uint8_t byte;

	if (text.size > TOKEN_BYTES_MAX)
		return log_error(log, EBADMSG,
				 "%s: token %" PRIu32 " has %" PRIu32 " bytes; at most %d are read",
				 params->source, token, text.size, TOKEN_BYTES_MAX);
	if (text.size == 0) /* fills a gap between ids; never found and stands for nothing */
		return 0;
	if ((table->attributes[token] & TOKEN_IS_BYTE) && !byte_token_value(text, &byte))
		return log_error(log, EBADMSG,
				 "%s: token %" PRIu32
				 " is marked as a byte and is '%.*s', not <0xXX>",
				 params->source, token, span_shown(text), text.data);
	first = text_index_add(&table->index, token);
	if (first != token)
		return log_error(log, EBADMSG,
				 "%s: '%.*s' is in the vocabulary twice, as tokens %" PRIu32
				 " and %" PRIu32,
				 params->source, span_shown(text), text.data, first, token);
	table->longest_bytes = MAX(table->longest_bytes, text.size);
	return 0;
}

static int check_count(const struct tokenizer_params *params, const struct log *log)
{
	if (params->n_tokens > 0 && params->n_tokens <= TOKENS_MAX)
		return 0;
	return log_error(log, EBADMSG,
			 "%s: the vocabulary has %" PRIu64 " tokens; 1 to %d are read",
			 params->source, params->n_tokens, TOKENS_MAX);
}

int token_table_init(struct token_table *table, const struct tokenizer_params *params,
		     const struct log *log)
{
	int r;

	r = check_count(params, log);
	if (r < 0)
		return r;
	*table = (struct token_table){.texts = params->tokens, .n = (uint32_t)params->n_tokens};
	table->attributes = malloc(table->n);
	if (!table->attributes || text_index_init(&table->index, table->texts, table->n) < 0)
		return log_oom(log, "reading the vocabulary");
	for (uint32_t i = 0; i < table->n && r == 0; i++) {
		table->attributes[i] = attribute_of(params->types, i);
		r = add_token(table, params, i, log);
	}
	return r;
}

void token_table_finish(struct token_table *table)
{
	free(table->attributes);
	text_index_finish(&table->index);
	*table = (struct token_table){0};
}

int32_t token_table_find(const struct token_table *table, const char *text, uint32_t size_bytes)
{
	if (size_bytes == 0 || size_bytes > table->longest_bytes)
		return -ENOENT;
	return text_index_find(&table->index, text, size_bytes);
}

// SPDX-License-Identifier: MIT
/*
 * Owns the tokens in the order of their bytes, where the longest that begins a text is found by
 * narrowing down. What characters are comes from utf8proc; bytes that are none are left out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "array.h"
#include "cleanup.h"
#include "spm.h"
#include "utf8.h"
#include "wordpiece.h"

#define WORD_BEGIN	 "\xe2\x96\x81" /* U+2581 */
#define WORD_BEGIN_BYTES (sizeof(WORD_BEGIN) - 1)

enum { PARTS_MAX = 32 }; /* of one character, decomposed */

struct wordpiece {
	struct token_model base;
	int32_t *sorted; /* [n_sorted], tokens by their bytes */
	uint32_t n_sorted;
	int32_t unknown;
	bool lower_case;
	bool strip_accents;
};

/* A text on its way into tokens, word by word. */
struct encoding {
	const struct wordpiece *wordpiece;
	struct token_list *list;
	char *word; /* [size], begun by WORD_BEGIN once it has a character */
	size_t size, capacity;
};

static struct wordpiece *wordpiece_of(const struct token_model *model)
{
	return (struct wordpiece *)model;
}

/* ---- creation ---- */

static int by_bytes(const void *a, const void *b, void *data)
{
	const struct span *texts = data;
	struct span left = texts[*(const int32_t *)a], right = texts[*(const int32_t *)b];
	int order = memcmp(left.data, right.data, MIN(left.size, right.size));

	return order ? order : (left.size > right.size) - (left.size < right.size);
}

static int sort_tokens(struct wordpiece *wordpiece, const struct log *log)
{
	const struct token_table *table = wordpiece->base.table;

	wordpiece->sorted = calloc(table->n, sizeof(*wordpiece->sorted));
	if (!wordpiece->sorted)
		return log_oom(log, "reading the vocabulary");
	for (uint32_t i = 0; i < table->n; i++) {
		if (table->texts[i].size > 0)
			wordpiece->sorted[wordpiece->n_sorted++] = (int32_t)i;
	}
	qsort_r(wordpiece->sorted, wordpiece->n_sorted, sizeof(*wordpiece->sorted), by_bytes,
		(void *)table->texts);
	return 0;
}

static void wordpiece_destroy(struct token_model *model)
{
	if (!model)
		return;
	free(wordpiece_of(model)->sorted);
	free(model);
}

DEFINE_CLEANUP(struct token_model, wordpiece_destroy)

static int wordpiece_create(const struct tokenizer_params *params, const struct token_table *table,
			    const int32_t roles[static TOKEN_ROLES], const struct log *log,
			    struct token_model **ret_model)
{
	struct wordpiece *wordpiece = calloc(1, sizeof(*wordpiece));
	_cleanup_(wordpiece_destroy_p) struct token_model *model = (struct token_model *)wordpiece;
	int r;

	if (!wordpiece)
		return log_oom(log, "reading the vocabulary");
	*model = (struct token_model){&wordpiece_ops, table, .encloses = true};
	wordpiece->unknown = roles[TOKEN_UNK];
	if (wordpiece->unknown == TOKEN_NONE)
		return log_error(log, EBADMSG,
				 "%s: the file does not say which token stands for unknown words",
				 params->source);
	wordpiece->lower_case = params->lower_case != FLAG_NO;
	wordpiece->strip_accents = params->strip_accents == FLAG_UNSET
					   ? wordpiece->lower_case
					   : params->strip_accents == FLAG_YES;
	r = sort_tokens(wordpiece, log);
	if (r < 0)
		return r;
	*ret_model = TAKE(model);
	return 0;
}

/* ---- words ---- */

static uint32_t without_accent(uint32_t code)
{
	utf8proc_int32_t parts[PARTS_MAX] = {0};
	int boundary_class = 0;
	utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)code, parts, PARTS_MAX,
						     UTF8PROC_DECOMPOSE, &boundary_class);

	return n > 0 ? (uint32_t)parts[0] : code;
}

/* White_Space in Unicode's PropList. */
static bool is_space(uint32_t code, utf8proc_category_t category)
{
	return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
	       category == UTF8PROC_CATEGORY_ZP || (code >= 0x09 && code <= 0x0d) || code == 0x85;
}

static bool is_control(utf8proc_category_t category)
{
	return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
	       category == UTF8PROC_CATEGORY_CO || category == UTF8PROC_CATEGORY_CS;
}

/* Combining marks: what is left of accents. */
static bool is_accent(utf8proc_category_t category)
{
	return category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME;
}

static bool stands_alone(uint32_t code, utf8proc_category_t category)
{
	if (category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO)
		return true;
	return code < 0x7f && category >= UTF8PROC_CATEGORY_SM && category <= UTF8PROC_CATEGORY_SO;
}

/* The ranges that llama.cpp has; not all of Unicode's, and none of Japanese kana. */
static bool is_chinese(uint32_t code)
{
	static const uint32_t ranges[][2] = {
		{0x3400, 0x4dbf},   {0x4e00, 0x9fff},	{0xf900, 0xfaff},   {0x20000, 0x2a6df},
		{0x2a700, 0x2b73f}, {0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf}, {0x2f800, 0x2fa1f},
	};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		if (code >= ranges[i][0] && code <= ranges[i][1])
			return true;
	}
	return false;
}

static int append(struct encoding *encoding, const char *text, size_t size)
{
	int r = array_reserve(&encoding->word, &encoding->capacity, encoding->size + size, 1);

	if (r < 0)
		return r;
	memcpy(encoding->word + encoding->size, text, size);
	encoding->size += size;
	return 0;
}

static int add_character(struct encoding *encoding, uint32_t code)
{
	char text[UTF8_MAX];
	int r = 0;

	if (encoding->wordpiece->lower_case)
		code = (uint32_t)utf8proc_tolower((utf8proc_int32_t)code);
	if (encoding->size == 0)
		r = append(encoding, WORD_BEGIN, WORD_BEGIN_BYTES);
	return r < 0 ? r : append(encoding, text, utf8_encode(code, text));
}

/* ---- tokens ---- */

/* The first of the sorted tokens in [LOW, HIGH) whose byte AT is BYTE or more; all have the same bytes
 * before. */
static uint32_t first_from(const struct wordpiece *wordpiece, uint32_t low, uint32_t high,
			   uint32_t at, unsigned byte)
{
	const struct span *texts = wordpiece->base.table->texts;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		struct span text = texts[wordpiece->sorted[middle]];

		if (text.size <= at || (uint8_t)text.data[at] < byte)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The longest token that TEXT begins with, or TOKEN_NONE. */
static int32_t longest_token(const struct wordpiece *wordpiece, const char *text, size_t size)
{
	const struct span *texts = wordpiece->base.table->texts;
	uint32_t low = 0, high = wordpiece->n_sorted;
	int32_t found = TOKEN_NONE;

	for (uint32_t at = 0; at < size && low < high; at++) {
		unsigned byte = (uint8_t)text[at];

		low = first_from(wordpiece, low, high, at, byte);
		high = first_from(wordpiece, low, high, at, byte + 1);
		/* The shortest of those that are left comes first. */
		if (low < high && texts[wordpiece->sorted[low]].size == at + 1)
			found = wordpiece->sorted[low];
	}
	return found;
}

/* The word so far becomes tokens; the next one begins. */
static int end_word(struct encoding *encoding)
{
	const struct wordpiece *wordpiece = encoding->wordpiece;
	size_t before = encoding->list->n;
	int r = 0;

	for (size_t at = 0; at < encoding->size && r == 0;) {
		int32_t token = longest_token(wordpiece, encoding->word + at, encoding->size - at);

		if (token == TOKEN_NONE) {
			encoding->list->n = before;
			r = token_list_add(encoding->list, wordpiece->unknown);
			break;
		}
		r = token_list_add(encoding->list, token);
		at += wordpiece->base.table->texts[token].size;
	}
	encoding->size = 0;
	return r;
}

static int take_character(struct encoding *encoding, uint32_t code)
{
	utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);
	int r;

	if (is_space(code, category))
		return end_word(encoding);
	if (code == 0xfffd || is_control(category))
		return 0;
	if (encoding->wordpiece->strip_accents && is_accent(category))
		return 0;
	if (!stands_alone(code, category) && !is_chinese(code))
		return add_character(encoding, code);
	r = end_word(encoding);
	if (r == 0)
		r = add_character(encoding, code);
	return r < 0 ? r : end_word(encoding);
}

static int wordpiece_encode(const struct token_model *model, struct span text, bool add_prefix,
			    struct token_list *list)
{
	struct encoding encoding = {.wordpiece = wordpiece_of(model), .list = list};
	int r = 0;

	(void)add_prefix; /* each word has one */
	for (uint32_t at = 0, code; at < text.size && r == 0;) {
		at += (uint32_t)utf8_decode(text.data + at, text.size - at, &code);
		if (encoding.wordpiece->strip_accents && code >= 0x80)
			code = without_accent(code);
		r = take_character(&encoding, code);
	}
	if (r == 0)
		r = end_word(&encoding);
	free(encoding.word);
	return r;
}

const struct token_model_ops wordpiece_ops = {
	.name = "bert",
	.create = wordpiece_create,
	.destroy = wordpiece_destroy,
	.encode = wordpiece_encode,
	.decode = spm_decode,
};

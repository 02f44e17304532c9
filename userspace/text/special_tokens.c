// SPDX-License-Identifier: MIT
/*
 * Owns the search for special tokens. Each place where one begins is queued under its longest
 * match; a match that runs into one taken before it is queued again under the next shorter, so
 * that the work stays near n log n even where everything matches everywhere.
 */
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "rank_queue.h"
#include "special_tokens.h"

/* The tokens of one length: how long, and with which bytes they begin. */
struct special_length {
	uint32_t size;
	uint32_t first[256 / 32];
};

struct search {
	const struct special_tokens *special;
	const char *text;
	uint32_t size;
	const struct special_places *places;
	struct rank_queue queue; /* rank and place of a match */
	uint8_t *taken;		 /* [size], once the first match is found */
	struct fragments *found;
};

/* ---- the tables ---- */

static int by_length(const void *a, const void *b, void *data)
{
	const struct span *texts = data;
	int32_t left = *(const int32_t *)a, right = *(const int32_t *)b;

	if (texts[left].size != texts[right].size)
		return texts[left].size > texts[right].size ? -1 : 1;
	return (left > right) - (left < right);
}

static bool is_special(const struct token_table *table, uint32_t token)
{
	return (table->attributes[token] & TOKEN_IS_SPECIAL) && table->texts[token].size > 0;
}

static int collect(struct special_tokens *special, const struct token_table *table)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < table->n; i++)
		n += is_special(table, i);
	special->ids = calloc(MAX(n, 1), sizeof(*special->ids));
	special->texts = calloc(MAX(n, 1), sizeof(*special->texts));
	if (!special->ids || !special->texts)
		return -ENOMEM;
	for (uint32_t i = 0; i < table->n; i++) {
		if (is_special(table, i))
			special->ids[special->n++] = (int32_t)i;
	}
	qsort_r(special->ids, n, sizeof(*special->ids), by_length, (void *)table->texts);
	for (uint32_t i = 0; i < n; i++)
		special->texts[i] = table->texts[special->ids[i]];
	return 0;
}

static int note_lengths(struct special_tokens *special)
{
	size_t capacity = 0;

	for (uint32_t i = 0; i < special->n; i++) {
		struct span text = special->texts[i];
		uint8_t first = (uint8_t)text.data[0];
		uint32_t at = special->n_lengths;

		if (at == 0 || special->lengths[at - 1].size != text.size) {
			if (array_reserve(&special->lengths, &capacity, at + 1,
					  sizeof(*special->lengths)) < 0)
				return -ENOMEM;
			special->lengths[at] = (struct special_length){.size = text.size};
			special->n_lengths++;
		}
		special->lengths[special->n_lengths - 1].first[first / 32] |= 1u << first % 32;
	}
	return 0;
}

int special_tokens_init(struct special_tokens *special, const struct token_table *table)
{
	special->attributes = table->attributes;
	if (collect(special, table) < 0 || note_lengths(special) < 0 ||
	    text_index_init(&special->index, special->texts, special->n) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < special->n; i++)
		(void)text_index_add(&special->index, i);
	return 0;
}

void special_tokens_finish(struct special_tokens *special)
{
	text_index_finish(&special->index);
	free(special->lengths);
	free(special->texts);
	free(special->ids);
	*special = (struct special_tokens){0};
}

/* ---- the search ---- */

/* Whether one of the ranges, which are in order, shares a byte with [BEGIN, END). */
static bool touches(const struct special_places *places, uint32_t begin, uint32_t end)
{
	size_t low = 0, high = places->n_plain;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (places->plain[middle].end <= begin)
			low = middle + 1;
		else
			high = middle;
	}
	return low < places->n_plain && places->plain[low].begin < end;
}

/* Whether the token of RANK is looked for at AT. */
static bool is_wanted(const struct search *search, int32_t rank, uint32_t at)
{
	const struct special_tokens *special = search->special;

	if (rank < 0)
		return false;
	if (!(special->attributes[special->ids[rank]] & (TOKEN_IS_CONTROL | TOKEN_IS_UNKNOWN)))
		return true;
	return search->places->anywhere &&
	       !touches(search->places, at, at + special->texts[rank].size);
}

/* Queues the longest token at AT of at most LIMIT bytes, if there is one. */
static int queue_match(struct search *search, uint32_t at, uint32_t limit)
{
	const struct special_tokens *special = search->special;
	const char *text = search->text + at;
	uint8_t first = (uint8_t)text[0];

	for (uint32_t i = 0; i < special->n_lengths; i++) {
		const struct special_length *length = &special->lengths[i];
		int32_t rank;

		if (length->size > limit || !(length->first[first / 32] & 1u << first % 32))
			continue;
		rank = text_index_find(&special->index, text, length->size);
		if (is_wanted(search, rank, at))
			return rank_queue_push(&search->queue,
					       (struct ranked){(uint64_t)rank << 32 | at, 0});
	}
	return 0;
}

static int queue_matches(struct search *search)
{
	uint32_t first[256 / 32] = {0};
	int r = 0;

	for (uint32_t i = 0; i < search->special->n_lengths; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(first); j++)
			first[j] |= search->special->lengths[i].first[j];
	}
	for (uint32_t at = 0; at < search->size && r == 0; at++) {
		uint8_t byte = (uint8_t)search->text[at];

		if (first[byte / 32] & 1u << byte % 32)
			r = queue_match(search, at, search->size - at);
	}
	return r;
}

static int add_fragment(struct fragments *fragments, struct fragment fragment)
{
	int r;

	r = array_reserve(&fragments->items, &fragments->capacity, fragments->n + 1,
			  sizeof(fragment));
	if (r < 0)
		return r;
	fragments->items[fragments->n++] = fragment;
	return 0;
}

/* White space as C's isspace() has it in the "C" locale. */
static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static int take_match(struct search *search, uint32_t begin, uint32_t end, int32_t token)
{
	uint8_t attributes = search->special->attributes[token];

	while ((attributes & TOKEN_STRIPS_LEFT) && begin > 0 && !search->taken[begin - 1] &&
	       is_space(search->text[begin - 1]))
		begin--;
	while ((attributes & TOKEN_STRIPS_RIGHT) && end < search->size && !search->taken[end] &&
	       is_space(search->text[end]))
		end++;
	memset(search->taken + begin, 1, end - begin);
	return add_fragment(search->found, (struct fragment){begin, end, token});
}

/*
 * What was taken before is at least as long as what is taken now, so it covers an end of whatever
 * it overlaps.
 */
static int take_matches(struct search *search)
{
	const struct special_tokens *special = search->special;
	int r = 0;

	search->taken = calloc(search->size, 1);
	if (!search->taken)
		return -ENOMEM;
	while (search->queue.n > 0 && r == 0) {
		uint64_t order = rank_queue_pop(&search->queue).order;
		uint32_t rank = (uint32_t)(order >> 32), at = (uint32_t)order;
		uint32_t size = special->texts[rank].size;

		if (search->taken[at])
			continue;
		if (search->taken[at + size - 1])
			r = queue_match(search, at, size - 1);
		else
			r = take_match(search, at, at + size, special->ids[rank]);
	}
	return r;
}

/* ---- the fragments ---- */

static int by_begin(const void *a, const void *b)
{
	const struct fragment *left = a, *right = b;

	return (left->begin > right->begin) - (left->begin < right->begin);
}

static int fill_gaps(const struct fragments *tokens, uint32_t size, struct fragments *fragments)
{
	uint32_t at = 0;
	int r = 0;

	for (size_t i = 0; i < tokens->n && r == 0; i++) {
		const struct fragment *token = &tokens->items[i];

		if (token->begin > at)
			r = add_fragment(fragments,
					 (struct fragment){at, token->begin, TOKEN_NONE});
		if (r == 0)
			r = add_fragment(fragments, *token);
		at = token->end;
	}
	if (r == 0 && size > at)
		r = add_fragment(fragments, (struct fragment){at, size, TOKEN_NONE});
	return r;
}

int special_tokens_split(const struct special_tokens *special, struct span text,
			 const struct special_places *places, struct fragments *fragments)
{
	struct fragments tokens = {0};
	struct search search = {.special = special,
				.text = text.data,
				.size = text.size,
				.places = places,
				.found = &tokens};
	int r;

	r = queue_matches(&search);
	if (r == 0 && search.queue.n > 0)
		r = take_matches(&search);
	if (tokens.n > 1)
		qsort(tokens.items, tokens.n, sizeof(*tokens.items), by_begin);
	if (r == 0)
		r = fill_gaps(&tokens, text.size, fragments);
	rank_queue_finish(&search.queue);
	free(search.taken);
	free(tokens.items);
	return r;
}

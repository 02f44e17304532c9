// SPDX-License-Identifier: MIT
/* Owns an answer's place in its grammar, and the search for tokens that may follow. */
#include "token_filter.h"

#include <errno.h>
#include <stdlib.h>

#include "array.h"
#include "cleanup.h"
#include "matcher.h"
#include "token_trie.h"

enum {
	/* Nodes of the tree a walk may look at before trying candidates is taken to be cheaper:
	 * about 20 us, and less than that where a grammar leaves little choice. */
	WALK_NODES_MAX = 4096,
};

/* A branch that is being walked. */
struct branch {
	uint32_t end;
	uint32_t place;
};

struct token_filter {
	struct token_filter_params params;
	const struct tokenizer *tokenizer;
	const struct token_trie *trie;
	struct matcher *matcher;
	uint32_t place;
	/* The blank that this tokenizer puts before a text belongs to the first token, not to the
	 * text; the detokenizer takes it off. */
	bool drops_blank;
	struct branch *branches; /* [depth + 1] */
	int32_t *tokens;	 /* [WALK_NODES_MAX + n_ends] */
	uint32_t n_tokens;
	char *piece;
};

DEFINE_CLEANUP(struct token_filter, token_filter_destroy)

int token_filter_create(const struct token_filter_params *params, struct token_filter **ret_filter)
{
	_cleanup_(token_filter_destroy_p) struct token_filter *filter = calloc(1, sizeof(*filter));
	int r;

	if (!filter)
		return -ENOMEM;
	filter->params = *params;
	filter->tokenizer = vocabulary_tokenizer(params->vocabulary);
	filter->drops_blank = tokenizer_adds_blank(filter->tokenizer);
	r = vocabulary_token_trie(params->vocabulary, &filter->trie);
	if (r == 0)
		r = matcher_create(params->grammar, &filter->matcher);
	if (r < 0)
		return r;
	filter->place = matcher_start(filter->matcher);
	filter->branches = calloc(filter->trie->depth + 1u, sizeof(*filter->branches));
	filter->tokens = calloc(WALK_NODES_MAX + filter->trie->n_ends, sizeof(*filter->tokens));
	filter->piece = malloc(tokenizer_piece_max(filter->tokenizer) + 1);
	if (!filter->branches || !filter->tokens || !filter->piece)
		return -ENOMEM;
	*ret_filter = TAKE(filter);
	return 0;
}

void token_filter_destroy(struct token_filter *filter)
{
	if (!filter)
		return;
	matcher_destroy(filter->matcher);
	free(filter->branches);
	free(filter->tokens);
	free(filter->piece);
	free(filter);
}

bool token_filter_is_complete(const struct token_filter *filter)
{
	return matcher_may_end(filter->matcher, filter->place);
}

/* ---- one token ---- */

/* 1 and the place after TOKEN; 0 where it may not come. */
static int follow(struct token_filter *filter, int32_t token, uint32_t *ret_place)
{
	size_t size = tokenizer_piece(filter->tokenizer, token, false, filter->piece);
	size_t at = filter->drops_blank && size > 0 && filter->piece[0] == ' ';
	uint32_t place = filter->place;
	int r = at < size;

	for (; at < size && r == 1; at++)
		r = matcher_step(filter->matcher, place, (uint8_t)filter->piece[at], &place);
	if (r == 1)
		*ret_place = place;
	return r;
}

static int allows(void *data, int32_t token)
{
	struct token_filter *filter = data;
	uint32_t place;

	if (tokenizer_is_end(filter->tokenizer, token))
		return !filter->params.ignore_end && token_filter_is_complete(filter);
	return follow(filter, token, &place);
}

int token_filter_accept(struct token_filter *filter, int32_t token)
{
	int r;

	if (tokenizer_is_end(filter->tokenizer, token))
		return allows(filter, token) == 1 ? 1 : -EINVAL;
	r = follow(filter, token, &filter->place);
	if (r <= 0)
		return r == 0 ? -EINVAL : r;
	filter->drops_blank = false;
	r = matcher_trim(filter->matcher, &filter->place);
	return r < 0 ? r : matcher_must_end(filter->matcher, filter->place);
}

/* ---- all tokens ---- */

/* 1 where node I can be reached from PLACE. */
static int enter(struct token_filter *filter, uint32_t i, bool at_root, uint32_t place,
		 uint32_t *ret_place)
{
	if (!at_root || !filter->drops_blank || filter->trie->bytes[i] != ' ')
		return matcher_step(filter->matcher, place, filter->trie->bytes[i], ret_place);
	*ret_place = place;
	return 1;
}

static bool is_dropped(const struct token_filter *filter, uint32_t i, bool at_root)
{
	return at_root && filter->drops_blank && filter->trie->bytes[i] == ' ';
}

/* Puts all tokens of the tree that may come into the list: 1, or 0 where that takes too long. */
static int walk(struct token_filter *filter)
{
	const struct token_trie *trie = filter->trie;
	struct branch *branch = filter->branches;
	uint32_t i = 0;

	*branch = (struct branch){trie->n_nodes, filter->place};
	for (uint32_t n = 0; i < trie->n_nodes; n++) {
		bool at_root;
		uint32_t place;
		int r;

		while (i >= branch->end)
			branch--;
		at_root = branch == filter->branches;
		if (n >= WALK_NODES_MAX)
			return 0;
		r = enter(filter, i, at_root, branch->place, &place);
		if (r < 0)
			return r;
		if (r == 0) {
			i = trie->nodes[i].end;
			continue;
		}
		if (trie->nodes[i].token != TOKEN_NONE && !is_dropped(filter, i, at_root))
			filter->tokens[filter->n_tokens++] = trie->nodes[i].token;
		if (trie->nodes[i].end > i + 1)
			*++branch = (struct branch){trie->nodes[i].end, place};
		i++;
	}
	return 1;
}

static void add_ends(struct token_filter *filter)
{
	if (filter->params.ignore_end || !token_filter_is_complete(filter))
		return;
	for (uint32_t i = 0; i < filter->trie->n_ends; i++)
		filter->tokens[filter->n_tokens++] = filter->trie->ends[i];
}

int token_filter_mask(struct token_filter *filter, struct sampler_mask *ret_mask)
{
	int r;

	filter->n_tokens = 0;
	r = walk(filter);
	if (r < 0)
		return r;
	add_ends(filter);
	*ret_mask = (struct sampler_mask){
		.allows = allows,
		.data = filter,
		.tokens = r == 1 ? filter->tokens : NULL,
		.n_tokens = filter->n_tokens,
	};
	return 0;
}

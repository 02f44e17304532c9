// SPDX-License-Identifier: MIT
/* Owns the tree of tokens: sorts them by their bytes, then writes the tree down in one pass. */
#include "token_trie.h"

#include <errno.h>
#include <stdlib.h>

#include "array.h"
#include "cleanup.h"

struct piece {
	uint32_t begin; /* in bytes */
	uint32_t size;
	int32_t token;
};

struct builder {
	const struct tokenizer *tokenizer;
	struct token_trie *trie;
	char *bytes;
	size_t n_bytes, bytes_capacity;
	struct piece *pieces;
	size_t n_pieces;
	uint32_t *path; /* [depth], the nodes from the root to the last one */
	uint32_t path_size;
	size_t nodes_capacity, node_bytes_capacity, ends_capacity;
};

DEFINE_CLEANUP(struct token_trie, token_trie_destroy)

static void builder_finish(struct builder *builder)
{
	free(builder->bytes);
	free(builder->pieces);
	free(builder->path);
}

static int add_end(struct builder *builder, int32_t token)
{
	struct token_trie *trie = builder->trie;

	if (array_reserve(&trie->ends, &builder->ends_capacity, trie->n_ends + 1u,
			  sizeof(*trie->ends)) < 0)
		return -ENOMEM;
	trie->ends[trie->n_ends++] = token;
	return 0;
}

static int add_piece(struct builder *builder, int32_t token)
{
	size_t size;

	if (tokenizer_is_end(builder->tokenizer, token))
		return add_end(builder, token);
	if (array_reserve(&builder->bytes, &builder->bytes_capacity,
			  builder->n_bytes + tokenizer_piece_max(builder->tokenizer) + 1, 1) < 0)
		return -ENOMEM;
	size = tokenizer_piece(builder->tokenizer, token, false, builder->bytes + builder->n_bytes);
	if (size == 0)
		return 0;
	builder->pieces[builder->n_pieces++] =
		(struct piece){(uint32_t)builder->n_bytes, (uint32_t)size, token};
	builder->n_bytes += size;
	return 0;
}

static int compare_pieces(const void *a, const void *b, void *bytes)
{
	const struct piece *left = a, *right = b;
	int order = memcmp((char *)bytes + left->begin, (char *)bytes + right->begin,
			   MIN(left->size, right->size));

	if (order != 0)
		return order;
	if (left->size != right->size)
		return left->size < right->size ? -1 : 1;
	return left->token < right->token ? -1 : 1;
}

static int find_pieces(struct builder *builder)
{
	uint32_t n = tokenizer_n_tokens(builder->tokenizer);
	int r = 0;

	builder->pieces = calloc(MAX(n, 1), sizeof(*builder->pieces));
	if (!builder->pieces)
		return -ENOMEM;
	for (uint32_t i = 0; i < n && r == 0; i++)
		r = add_piece(builder, (int32_t)i);
	if (r < 0)
		return r;
	qsort_r(builder->pieces, builder->n_pieces, sizeof(*builder->pieces), compare_pieces,
		builder->bytes);
	for (size_t i = 0; i < builder->n_pieces; i++)
		builder->trie->depth = MAX(builder->trie->depth, builder->pieces[i].size);
	builder->path = calloc(MAX(builder->trie->depth, 1), sizeof(*builder->path));
	return builder->path ? 0 : -ENOMEM;
}

/* ---- the tree ---- */

static void close_path(struct builder *builder, uint32_t size)
{
	while (builder->path_size > size)
		builder->trie->nodes[builder->path[--builder->path_size]].end =
			builder->trie->n_nodes;
}

static int add_node(struct builder *builder, uint8_t byte)
{
	struct token_trie *trie = builder->trie;
	uint32_t n = trie->n_nodes;

	if (array_reserve(&trie->nodes, &builder->nodes_capacity, n + 1u, sizeof(*trie->nodes)) <
		    0 ||
	    array_reserve(&trie->bytes, &builder->node_bytes_capacity, n + 1u, 1) < 0)
		return -ENOMEM;
	trie->nodes[n].token = TOKEN_NONE;
	trie->bytes[n] = byte;
	builder->path[builder->path_size++] = trie->n_nodes++;
	return 0;
}

static uint32_t common_size(const struct builder *builder, const struct piece *piece)
{
	const char *bytes = builder->bytes + piece->begin;
	uint32_t n = 0;

	while (n < builder->path_size && n < piece->size &&
	       builder->trie->bytes[builder->path[n]] == (uint8_t)bytes[n])
		n++;
	return n;
}

static int write_piece(struct builder *builder, const struct piece *piece)
{
	uint32_t common = common_size(builder, piece);
	int r = 0;

	/* Another token of the same text gets a node beside the first one's. */
	close_path(builder, MIN(common, piece->size - 1));
	for (uint32_t i = builder->path_size; i < piece->size && r == 0; i++)
		r = add_node(builder, (uint8_t)builder->bytes[piece->begin + i]);
	if (r == 0)
		builder->trie->nodes[builder->trie->n_nodes - 1].token = piece->token;
	return r;
}

static int write_nodes(struct builder *builder)
{
	int r = 0;

	for (size_t i = 0; i < builder->n_pieces && r == 0; i++)
		r = write_piece(builder, &builder->pieces[i]);
	close_path(builder, 0);
	return r;
}

int token_trie_create(const struct tokenizer *tokenizer, struct token_trie **ret_trie)
{
	_cleanup_(token_trie_destroy_p) struct token_trie *trie = calloc(1, sizeof(*trie));
	struct builder builder
		__attribute__((cleanup(builder_finish))) = {.tokenizer = tokenizer, .trie = trie};
	int r;

	if (!trie)
		return -ENOMEM;
	r = find_pieces(&builder);
	if (r == 0)
		r = write_nodes(&builder);
	if (r < 0)
		return r;
	*ret_trie = TAKE(trie);
	return 0;
}

void token_trie_destroy(struct token_trie *trie)
{
	if (!trie)
		return;
	free(trie->nodes);
	free(trie->bytes);
	free(trie->ends);
	free(trie);
}

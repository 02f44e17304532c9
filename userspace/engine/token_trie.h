/* SPDX-License-Identifier: MIT */
/*
 * The tokens of a vocabulary that stand for text, as a tree of their bytes: tokens that begin alike
 * share the way, so that what a grammar forbids is left out by whole branches. Immutable.
 */
#ifndef SLM_ENGINE_TOKEN_TRIE_H
#define SLM_ENGINE_TOKEN_TRIE_H

#include "tokenizer.h"

/* Nodes stand in the order of a walk, each before what is below it. */
struct token_node {
	int32_t token; /* that ends here, or TOKEN_NONE */
	uint32_t end;  /* the first node that is not below this one */
};

struct token_trie {
	struct token_node *nodes; /* [n_nodes] */
	uint8_t *bytes;		  /* [n_nodes], that lead to each */
	uint32_t n_nodes;
	uint32_t depth; /* bytes of the longest token */
	int32_t *ends;	/* [n_ends], tokens that end an answer; they are not in the tree */
	uint32_t n_ends;
};

/* Leaves out tokens without text, control, unknown and end tokens. 0 or -ENOMEM, not logged. */
int token_trie_create(const struct tokenizer *tokenizer, struct token_trie **ret_trie);
void token_trie_destroy(struct token_trie *trie);

#endif

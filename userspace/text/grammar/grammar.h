/* SPDX-License-Identifier: MIT */
/*
 * A grammar that an answer must follow: a network of states joined by bytes and by calls of rules,
 * read by a matcher (matcher.h). Immutable: any number of threads may use one.
 *
 * Rules may call each other in any way but one: a rule that calls itself before it has read
 * anything (left recursion) is refused.
 */
#ifndef SLM_TEXT_GRAMMAR_H
#define SLM_TEXT_GRAMMAR_H

#include <stdbool.h>
#include <stdint.h>

#include "grammar_draft.h"
#include "log.h"

enum {
	GRAMMAR_STATES_MAX = 1 << 19,
	GRAMMAR_EDGES_MAX = 1 << 20,
	GRAMMAR_NESTING_MAX = 1000, /* rules that wait for each other; deeper is not written */
	GRAMMAR_NEED_NONE = 0xffff,
};

enum edge_kind {
	EDGE_BYTES, /* reads a byte from first to last */
	EDGE_FREE,  /* reads nothing */
	EDGE_CALL,  /* reads what the rule that begins at callee reads */
};

struct grammar_edge {
	uint8_t kind;
	uint8_t first;
	uint8_t last;
	uint32_t target;
	uint32_t callee;
};

struct grammar_state {
	uint32_t edges; /* its first; the next state's is where they end */
	uint16_t need;	/* nested calls that ending the rule from here takes, or GRAMMAR_NEED_NONE
			   where it cannot end */
	uint16_t read_need; /* the same by reading a byte first */
	bool is_final;	    /* the end of a rule; has no edges */
};

struct grammar {
	struct grammar_state *states; /* [n_states + 1] */
	struct grammar_edge *edges;
	uint32_t n_states;
	uint32_t n_edges;
	uint32_t start;
	/* Bytes that no edge tells apart have the same class; one byte of each. */
	uint8_t classes[256];
	uint8_t examples[256];
	uint32_t n_classes;
};

/*
 * The grammar of DRAFT's first rule. 0; -EINVAL where a rule is not defined, is left recursive, or
 * no finite text follows the first; -E2BIG past a limit; -ENOMEM; each logged, with WHAT ("the
 * grammar", "the schema") as the subject. A draft that has failed gives its failure.
 */
int grammar_compile(const struct grammar_draft *draft, const char *what, const struct log *log,
		    struct grammar **ret_grammar);
void grammar_destroy(struct grammar *grammar);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The merging that BPE and SPM share: a text cut into symbols, of which neighbours are joined two
 * by two, lowest rank first and leftmost on a tie, until no pair has a rank. O(n log n) in the
 * number of symbols, whatever the text. One merger serves one thread, for any number of texts.
 */
#ifndef SLM_TEXT_MERGER_H
#define SLM_TEXT_MERGER_H

#include <stddef.h>
#include <stdint.h>

#include "rank_queue.h"

#define SYMBOL_NONE UINT32_MAX
#define RANK_NONE   UINT32_MAX

struct symbol {
	uint32_t begin; /* byte in the text */
	uint32_t size;	/* bytes; 0 when it went into the symbol before it */
	uint32_t previous;
	uint32_t next; /* SYMBOL_NONE at the end */
};

struct merger {
	const char *text;
	struct symbol *symbols; /* [n]; the first is never merged away */
	size_t n;
	size_t capacity;
	struct rank_queue queue; /* pairs: rank and left symbol, valued their size in bytes */
};

/* The rank of the pair whose bytes begin at TEXT, or RANK_NONE when it is not to be merged. */
typedef uint32_t (*merger_rank_fn)(const void *data, const char *text, uint32_t left_bytes,
				   uint32_t right_bytes);

/* A merger that was zeroed is ready for start; finish frees what it holds. */
void merger_finish(struct merger *merger);

/* Begins with no symbols; TEXT lives until the last merger call for it. */
void merger_start(struct merger *merger, const char *text);
/* The next SIZE_BYTES (> 0) of the text are a symbol. 0 or -ENOMEM. */
int merger_add(struct merger *merger, uint32_t size_bytes);
/* Merges. Then the symbols that are left are walked from the first by `next`. 0 or -ENOMEM. */
int merger_run(struct merger *merger, merger_rank_fn rank, const void *data);

#endif

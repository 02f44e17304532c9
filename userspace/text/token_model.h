/* SPDX-License-Identifier: MIT */
/*
 * What a kind of tokenizer implements. tokenizer.c has checked every argument, has taken the
 * special tokens out of the text, and keeps the table of tokens, which outlives the model.
 */
#ifndef SLM_TEXT_TOKEN_MODEL_H
#define SLM_TEXT_TOKEN_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "log.h"
#include "token_list.h"
#include "token_table.h"
#include "tokenizer_params.h"

struct token_model_ops;

/* The first member of each implementation's own struct. Immutable once created. */
struct token_model {
	const struct token_model_ops *ops;
	const struct token_table *table;
	bool add_bos; /* where the file does not say */
	bool add_space_prefix;
	bool encloses; /* add_special: BOS before and SEP after, whatever the file says */
};

struct token_model_ops {
	const char *name; /* in tokenizer.ggml.model */
	/* Failures are logged. ROLES are what the file and the known texts say. */
	int (*create)(const struct tokenizer_params *params, const struct token_table *table,
		      const int32_t roles[static TOKEN_ROLES], const struct log *log,
		      struct token_model **ret_model);
	void (*destroy)(struct token_model *model); /* also half-built ones */
	/* Appends the tokens of TEXT, with a blank before it where ADD_PREFIX. 0 or -ENOMEM. */
	int (*encode)(const struct token_model *model, struct span text, bool add_prefix,
		      struct token_list *list);
	/* Writes what a normal token's TEXT stands for, never longer than TEXT; its size. */
	size_t (*decode)(struct span text, char *out);
};

#endif

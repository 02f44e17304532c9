/* SPDX-License-Identifier: MIT */
/*
 * What a model file says about its tokenizer, as plain data: the keys tokenizer.ggml.* of GGUF.
 * Whoever reads the file fills it in; nothing here is checked yet.
 */
#ifndef SLM_TEXT_TOKENIZER_PARAMS_H
#define SLM_TEXT_TOKENIZER_PARAMS_H

#include <stdint.h>

#include "span.h"

#define TOKEN_NONE (-1)

/* Types as GGUF has them; any other number counts as undefined. */
enum token_type {
	TOKEN_TYPE_UNDEFINED,
	TOKEN_TYPE_NORMAL,
	TOKEN_TYPE_UNKNOWN,
	TOKEN_TYPE_CONTROL,
	TOKEN_TYPE_USER_DEFINED,
	TOKEN_TYPE_UNUSED,
	TOKEN_TYPE_BYTE,
};

/* What single tokens are for. */
enum token_role {
	TOKEN_BOS,
	TOKEN_EOS,
	TOKEN_EOT, /* end of a turn of a chat */
	TOKEN_EOM, /* end of a message that a tool's answer follows */
	TOKEN_UNK,
	TOKEN_SEP,
	TOKEN_PAD,
	TOKEN_MASK,
	TOKEN_FIM_PREFIX, /* "fill in the middle" of code */
	TOKEN_FIM_SUFFIX,
	TOKEN_FIM_MIDDLE,
	TOKEN_FIM_PAD,
	TOKEN_FIM_REPOSITORY,
	TOKEN_FIM_SEPARATOR,
	TOKEN_ROLES,
};

enum tokenizer_flag {
	FLAG_UNSET, /* the file does not say: the tokenizer's kind decides */
	FLAG_NO,
	FLAG_YES,
};

struct tokenizer_params {
	const char *source;	/* the file, for messages; never NULL */
	struct span model;	/* "gpt2" (byte-level BPE), "llama" (SPM) or "bert" (WordPiece) */
	struct span pre;	/* the pre-tokenizer of a BPE; no bytes when the file has none */
	struct span model_name; /* general.name: some rules hang on it */
	/* [n_tokens], texts as in the file. The array and the texts outlive the tokenizer. */
	const struct span *tokens;
	uint64_t n_tokens;
	/* [n_tokens] little-endian at any alignment, used only during creation. */
	const void *scores;	   /* float; NULL: all are 0 */
	const void *types;	   /* int32_t, enum token_type; NULL: all are normal */
	const struct span *merges; /* [n_merges] "left right", best first; outlive the tokenizer */
	uint64_t n_merges;
	int64_t roles[TOKEN_ROLES]; /* TOKEN_NONE where the file does not say */
	enum tokenizer_flag add_bos;
	enum tokenizer_flag add_eos;
	enum tokenizer_flag add_space_prefix;
	enum tokenizer_flag lower_case;	   /* WordPiece; unset: yes */
	enum tokenizer_flag strip_accents; /* WordPiece; unset: as lower_case */
};

/* Params that say nothing: every role TOKEN_NONE, every flag unset, "the model" as source. */
void tokenizer_params_init(struct tokenizer_params *params);

#endif

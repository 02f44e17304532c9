/* SPDX-License-Identifier: MIT */
/*
 * The vocabulary of a model file: its tokenizer, and what else the keys tokenizer.* say. Owns what
 * the tokenizer needs beside the file. Immutable: any number of threads may use one.
 */
#ifndef SLM_ENGINE_VOCABULARY_H
#define SLM_ENGINE_VOCABULARY_H

#include "gguf.h"
#include "log.h"
#include "token_trie.h"
#include "tokenizer.h"

struct vocabulary;

/*
 * Reads the keys of GGUF, which outlives the result. 0; -ENOTSUP for a tokenizer that is not known
 * here; -EBADMSG when keys are missing, of the wrong type or make no sense; -ENOMEM. Each failure
 * is logged.
 */
int vocabulary_create(const struct gguf *gguf, const struct log *log,
		      struct vocabulary **ret_vocabulary);
void vocabulary_destroy(struct vocabulary *vocabulary);

const struct tokenizer *vocabulary_tokenizer(const struct vocabulary *vocabulary);

/*
 * The tree of its tokens, for grammars; made with the first call, so that who needs none does not
 * wait for it. It lives as long as the vocabulary. 0 or -ENOMEM, not logged.
 */
int vocabulary_token_trie(const struct vocabulary *vocabulary, const struct token_trie **ret_trie);

/*
 * The model's chat template, in Jinja; with a NAME one of its others, "tool_use" for example. No
 * bytes when the file has none.
 */
struct span vocabulary_chat_template(const struct vocabulary *vocabulary, const char *name);

/* The text of the token of ROLE as chat templates write it (bos_token); no bytes without one. */
struct span vocabulary_role_text(const struct vocabulary *vocabulary, enum token_role role);

#endif

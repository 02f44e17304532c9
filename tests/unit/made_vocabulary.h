/* SPDX-License-Identifier: MIT */
/* Vocabularies small enough to be worked out by hand, and what tests ask of their tokenizers. */
#ifndef SLM_TESTS_MADE_VOCABULARY_H
#define SLM_TESTS_MADE_VOCABULARY_H

#include "array.h"
#include "check.h"
#include "tokenizer.h"

enum { TOKENS = 600 };

struct made {
	struct tokenizer_params params;
	struct span tokens[TOKENS];
	int32_t types[TOKENS];
	float scores[TOKENS];
	struct span merges[64];
	char texts[256][8]; /* of the bytes */
};

/* For free(). A BPE whose tokens 0 to 255 are the bytes. */
struct made *made_bpe(const char *pre);
/* For free(). <unk>, <s>, </s> and the bytes. */
struct made *made_spm(void);
enum { SPM_BYTE = 3 }; /* where the tokens of its bytes begin */
/* For free(). Of another kind and without tokens. */
struct made *made_begin(const char *model);

/* Each gives the token's number; the texts outlive MADE. */
int32_t made_add(struct made *made, const char *text, enum token_type type);
int32_t made_add_scored(struct made *made, const char *text, enum token_type type, float score);
/* "left right" and the token it gives. */
int32_t made_add_merge(struct made *made, const char *merge, const char *token);

/* What it makes, for tokenizer_destroy(); a failure fails the test. */
struct tokenizer *made_tokenizer(struct made *made);
/* It is refused with -ERROR and one message that says SENTENCE. */
void made_refuses(struct made *made, int error, const char *sentence);

enum { PLAIN = 0, SPECIAL = 1, ADD = 2 };

/* Encodes TEXT and compares with the ids, which TOKEN_NONE ends. */
void made_gives(const struct tokenizer *tokenizer, const char *text, size_t size, int how,
		const int32_t *ids);

#define gives(tokenizer, text, how, ...)                     \
	made_gives((tokenizer), (text), strlen(text), (how), \
		   (const int32_t[]){__VA_ARGS__ __VA_OPT__(, ) TOKEN_NONE})

#endif

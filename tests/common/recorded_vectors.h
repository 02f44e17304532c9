/* SPDX-License-Identifier: MIT */
/*
 * Embeddings that llama.cpp gave (tests/data/embeddings, made by tests/model/bert_against_peer.py
 * --record), and the check of an engine against them. A file has a text on one line and the numbers
 * of its vector, of length 1, on the next.
 */
#ifndef SLM_TESTS_RECORDED_VECTORS_H
#define SLM_TESTS_RECORDED_VECTORS_H

#include <math.h>
#include <stdio.h>

#include "check.h"
#include "cleanup.h"
#include "embedding.h"
#include "path.h"
#include "token_list.h"
#include "vocabulary.h"

/* The next line without its end; false at the file's. */
static inline bool recorded_line(FILE *file, char **line, size_t *capacity)
{
	ssize_t size = getline(line, capacity, file);

	if (size > 0 && (*line)[size - 1] == '\n')
		(*line)[size - 1] = '\0';
	return size > 0;
}

/* 1 - cosine of what the session makes of TEXT and the NUMBERS. */
static inline double recorded_distance(struct session *session, const char *text,
				       const char *numbers, enum pooling pooling)
{
	struct engine *engine = session_engine(session);
	const struct embedding_params params = {.pooling = pooling, .normalize = true};
	_cleanup_free_ float *got = calloc(engine_n_result(engine), sizeof(*got));
	const struct encode_options options = {.add_special = true};
	_cleanup_(token_list_finish) struct token_list tokens = {0};
	double dot = 0, square = 0;
	char *end;

	assert_int_equal(tokenizer_encode(vocabulary_tokenizer(engine_vocabulary(engine)), text,
					  strlen(text), &options, &tokens),
			 0);
	assert_int_equal(session_embed(session, tokens.ids, tokens.n, &params, got), 0);
	for (uint32_t i = 0; i < engine_n_result(engine); i++, numbers = end) {
		double wanted = strtod(numbers, &end);

		assert_ptr_not_equal(end, numbers);
		dot += wanted * (double)got[i];
		square += wanted * wanted;
	}
	return 1 - dot / sqrt(square);
}

/* Every text of NAME, pooled in that way ("mean", "cls"), lies within ROOM of what the peer gave. */
static inline void check_recorded(struct engine *engine, const char *name, enum pooling pooling,
				  double room)
{
	static const char *const words[] = {[POOLING_MEAN] = "mean", [POOLING_CLS] = "cls"};
	_cleanup_free_ char *path =
		path_format("%s/embeddings/%s.%s.txt", SLM_TEST_DATA, name, words[pooling]);
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	_cleanup_free_ char *text = NULL, *numbers = NULL;
	size_t text_capacity = 0, numbers_capacity = 0, n = 0;
	struct session *session;

	assert_non_null(file);
	assert_int_equal(session_create(engine, &session), 0);
	for (; recorded_line(file, &text, &text_capacity); n++) {
		double distance;

		assert_true(recorded_line(file, &numbers, &numbers_capacity));
		distance = recorded_distance(session, text, numbers, pooling);
		if (!(fabs(distance) <= room))
			fail_msg("%s, %s, '%s': 1 - cosine is %g", name, words[pooling], text,
				 distance);
	}
	assert_true(n >= 3);
	session_destroy(session);
}

#endif

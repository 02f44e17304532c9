// SPDX-License-Identifier: MIT
/*
 * What schemas_hold.py runs: reads a JSON schema per line and writes a JSON document per line, what
 * came of it: {"error", "end", "text"}.
 *
 *   follow_schemas tiny        whole answers of a tiny model with random weights
 *   follow_schemas GGUF        whole answers of a model
 *   follow_schemas GGUF noise  a real vocabulary with random logits: more of its tokens, and faster
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "check.h"
#include "cleanup.h"
#include "detokenizer.h"
#include "generate.h"
#include "json_schema.h"
#include "tiny_engine.h"
#include "token_filter.h"

enum { ANSWER_MAX = 1500, SLOW_ANSWER_MAX = 120 }; /* tokens */

struct text {
	char data[1 << 16];
	size_t size;
};

struct follower {
	struct tiny_engine tiny;
	struct engine *engine;
	struct session *session;
	struct gguf *gguf; /* noise */
	struct vocabulary *vocabulary;
	float *logits;
	uint32_t random;
};

static int take_text(void *data, const char *more, size_t size)
{
	struct text *text = data;

	if (text->size + size > sizeof(text->data))
		return 1;
	memcpy(text->data + text->size, more, size);
	text->size += size;
	return 0;
}

static struct sampler_params sampler_of(uint64_t seed)
{
	struct sampler_params params = {
		.temperature = 1, .top_p = 1, .repeat_penalty = 1, .seed = seed};

	/* Lists and questions, with and without a heap. */
	params.top_k = seed % 3 == 0 ? 0 : seed % 3 == 1 ? 40 : 1000;
	return params;
}

static const char *whole_answer(struct follower *follower, const struct grammar *grammar,
				uint64_t seed, struct text *text)
{
	static const int32_t start[] = {65, 66, 67};
	struct generate_params params = {.sampler = sampler_of(seed),
					 .max_tokens = follower->tiny.engine ? ANSWER_MAX
									     : SLOW_ANSWER_MAX,
					 .grammar = grammar,
					 .write = take_text,
					 .data = text};
	struct generate_result result;

	if (generate(follower->session, start, 3, &params, &result) < 0)
		return "failed";
	return generate_end_name(result.end);
}

/* ---- a vocabulary with noise ---- */

static void make_noise(struct follower *follower, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		follower->random = follower->random * 1664525 + 1013904223;
		follower->logits[i] =
			(float)(follower->random >> 8) * 0x1p-24f * 200; /* few likely ones */
	}
}

/* 1 when it was the last. */
static int next_token(struct follower *follower, struct sampler *sampler,
		      struct token_filter *filter, struct detokenizer *detokenizer,
		      struct text *text)
{
	struct sampler_mask mask;
	struct span more;
	int32_t token;
	int r;

	make_noise(follower, tokenizer_n_tokens(vocabulary_tokenizer(follower->vocabulary)));
	assert_int_equal(token_filter_mask(filter, &mask), 0);
	token = sampler_pick_masked(sampler, follower->logits, &mask);
	assert_true(token >= 0);
	r = token_filter_accept(filter, token);
	assert_true(r >= 0);
	more = detokenizer_push(detokenizer, token);
	return take_text(text, more.data, more.size) || r;
}

static const char *noisy_answer(struct follower *follower, const struct grammar *grammar,
				uint64_t seed, struct text *text)
{
	const struct tokenizer *tokenizer = vocabulary_tokenizer(follower->vocabulary);
	struct token_filter_params filter_params = {grammar, follower->vocabulary, false};
	struct detokenizer_options options = {.at_start = true};
	struct sampler_params params = sampler_of(seed);
	struct detokenizer *detokenizer;
	struct token_filter *filter;
	struct sampler *sampler;
	int r = 0;

	assert_int_equal(sampler_create(&params, tokenizer_n_tokens(tokenizer), &sampler), 0);
	assert_int_equal(token_filter_create(&filter_params, &filter), 0);
	assert_int_equal(detokenizer_create(tokenizer, &options, &detokenizer), 0);
	for (unsigned n = 0; n < ANSWER_MAX && r == 0; n++)
		r = next_token(follower, sampler, filter, detokenizer, text);
	detokenizer_destroy(detokenizer);
	token_filter_destroy(filter);
	sampler_destroy(sampler);
	return r == 1 ? "end" : "length";
}

/* ---- */

static void follower_init(struct follower *follower, const char *model, bool noise)
{
	struct engine_params params = {.model_path = model, .n_threads = 2, .n_ctx = 2048};

	*follower = (struct follower){.random = 1};
	kept_log_init(&follower->tiny.kept);
	params.log = &follower->tiny.kept.log;
	if (noise) {
		assert_int_equal(gguf_open(model, params.log, &follower->gguf), 0);
		assert_int_equal(
			vocabulary_create(follower->gguf, params.log, &follower->vocabulary), 0);
		follower->logits =
			calloc(tokenizer_n_tokens(vocabulary_tokenizer(follower->vocabulary)),
			       sizeof(*follower->logits));
		assert_non_null(follower->logits);
		return;
	}
	if (strcmp(model, "tiny") == 0)
		tiny_engine_init(&follower->tiny, &tiny_model_default, &params);
	else
		assert_int_equal(engine_create(&params, &follower->engine), 0);
	if (follower->tiny.engine)
		follower->engine = follower->tiny.engine;
	assert_int_equal(session_create(follower->engine, &follower->session), 0);
}

static void follower_finish(struct follower *follower)
{
	session_destroy(follower->session);
	if (follower->tiny.engine)
		tiny_engine_finish(&follower->tiny);
	else
		engine_destroy(follower->engine);
	vocabulary_destroy(follower->vocabulary);
	gguf_close(follower->gguf);
	free(follower->logits);
}

static void follow(struct follower *follower, const char *schema, uint64_t seed)
{
	static struct text text;
	struct grammar *grammar = NULL;
	const char *end = "";
	json_t *line;
	int r;

	text.size = 0;
	r = grammar_from_schema(schema, strlen(schema), &follower->tiny.kept.log, &grammar);
	if (r == 0)
		end = follower->vocabulary ? noisy_answer(follower, grammar, seed, &text)
					   : whole_answer(follower, grammar, seed, &text);
	line = json_pack("{s:s, s:s, s:s%}", "error", r < 0 ? follower->tiny.kept.text : "", "end",
			 end, "text", text.data, text.size);
	if (!line) /* no UTF-8 */
		line = json_pack("{s:s, s:s, s:s}", "error", "no UTF-8", "end", end, "text", "");
	(void)json_dumpf(line, stdout, JSON_COMPACT);
	(void)putchar('\n');
	(void)fflush(stdout);
	json_decref(line);
	grammar_destroy(grammar);
}

int main(int argc, char **argv)
{
	struct follower follower;
	char *line = NULL;
	size_t size = 0;
	uint64_t seed = 0;

	if (argc < 2)
		return 2;
	follower_init(&follower, argv[1], argc > 2);
	while (getline(&line, &size, stdin) > 0)
		follow(&follower, line, seed++);
	free(line);
	follower_finish(&follower);
	return 0;
}

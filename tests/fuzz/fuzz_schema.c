// SPDX-License-Identifier: MIT
/*
 * Any bytes as a JSON schema and as a grammar. What is accepted is followed at random: no place may
 * be a dead end, and a text of a schema's grammar is JSON.
 */
#include <errno.h>
#include <stdlib.h>

#include <jansson.h>

#include "grammar_text.h"
#include "hash.h"
#include "json_schema.h"
#include "matcher.h"
#include "utf8.h"

enum { STEPS = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* assert() is compiled out of optimised builds. */
static void require(bool holds)
{
	if (!holds)
		abort();
}

/* One byte that may follow, looked for from a random one on. -ENOENT where the text must end. */
static int step(struct matcher *matcher, uint32_t *place, uint64_t *state, char *out)
{
	unsigned first =
		(unsigned)(*state = *state * 6364136223846793005u + 1442695040888963407u) >> 24;

	for (unsigned i = 0; i < 256; i++) {
		uint8_t byte = (uint8_t)(first + i);
		int r = matcher_step(matcher, *place, byte, place);

		*out = (char)byte;
		if (r != 0)
			return r;
	}
	require(matcher_must_end(matcher, *place) && matcher_may_end(matcher, *place));
	return -ENOENT;
}

static void follow(const struct grammar *grammar, uint64_t state, bool is_json)
{
	struct matcher *matcher;
	char text[STEPS];
	size_t n = 0;
	uint32_t place;
	int r = matcher_create(grammar, &matcher);

	require(r == 0 || r == -E2BIG);
	if (r < 0)
		return;
	place = matcher_start(matcher);
	while (n < STEPS && r >= 0) {
		r = step(matcher, &place, &state, &text[n]);
		n += r > 0;
		if (r > 0)
			require(matcher_trim(matcher, &place) == 0);
		if (r > 0 && is_json && n % 16 != 0 && !matcher_may_end(matcher, place))
			continue;
		require(!matcher_must_end(matcher, place) || matcher_may_end(matcher, place));
		if (is_json && matcher_may_end(matcher, place)) {
			json_t *value = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

			require(value != NULL);
			json_decref(value);
		}
	}
	require(r > 0 || r == -ENOENT || r == -E2BIG);
	matcher_destroy(matcher);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	uint64_t seed = hash_bytes(data, size);
	struct grammar *grammar;

	if (grammar_from_schema(text, size, NULL, &grammar) == 0) {
		follow(grammar, seed, true);
		grammar_destroy(grammar);
	}
	if (grammar_from_text(text, size, NULL, &grammar) == 0) {
		follow(grammar, seed, false);
		grammar_destroy(grammar);
	}
	return 0;
}

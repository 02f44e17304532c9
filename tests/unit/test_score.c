// SPDX-License-Identifier: MIT
/* Perplexity and divergence against their definitions, and the file of logits. */
#include <errno.h>
#include <math.h>
#include <unistd.h>

#include "array.h"
#include "check.h"
#include "logits_file.h"
#include "score.h"

enum { VOCAB = 37 }; /* odd: rows are rounded up to even */

static void fill(float *logits, uint32_t seed, float scale)
{
	for (int i = 0; i < VOCAB; i++) {
		seed = seed * 1664525 + 1013904223;
		logits[i] = ((float)(seed >> 8) / (1 << 24) - 0.5f) * scale;
	}
}

static double log_p(const float *logits, int token)
{
	double sum = 0;

	for (int i = 0; i < VOCAB; i++)
		sum += exp((double)logits[i]);
	return (double)logits[token] - log(sum);
}

static void perplexity_is_what_it_is_by_definition(void **state)
{
	struct score score = {0};
	double sum = 0, squares = 0, mean, error;
	enum { N = 50 };

	(void)state;
	for (int i = 0; i < N; i++) {
		float logits[VOCAB];
		double nll;

		fill(logits, (uint32_t)i, 10);
		nll = -log_p(logits, i % VOCAB);
		assert_true(fabs(score_add(&score, logits, VOCAB, i % VOCAB) - nll) < 1e-5);
		sum += nll;
		squares += nll * nll;
	}
	mean = sum / N;
	error = sqrt((squares / N - mean * mean) / (N - 1));
	assert_true(fabs(score_perplexity(&score).mean - exp(mean)) < 1e-4 * exp(mean));
	assert_true(fabs(score_perplexity(&score).error - error * exp(mean)) < 1e-4 * exp(mean));
	score_finish(&score);
}

/* One code is worth 16 / 65535 at most, so a row comes back within half of that. */
static void rows_come_back_as_they_went(void **state)
{
	(void)state;
	for (uint32_t seed = 0; seed < 100; seed++) {
		uint16_t codes[VOCAB];
		float logits[VOCAB];
		struct base_row row;

		fill(logits, seed, (float)(seed % 20));
		row = score_encode(logits, VOCAB, codes);
		for (int i = 0; i < VOCAB; i++) {
			double back = (double)(row.scale * (float)codes[i] + row.minimum);

			if (log_p(logits, i) > -12)
				assert_true(fabs(back - log_p(logits, i)) < 2e-4);
		}
	}
}

static void divergence_is_what_it_is_by_definition(void **state)
{
	struct score score = {0};
	double kld = 0;
	unsigned same = 0;
	enum { N = 40 };

	(void)state;
	for (uint32_t k = 0; k < N; k++) {
		float ours[VOCAB], theirs[VOCAB];
		uint16_t codes[VOCAB];
		struct base_row row;
		int top[2] = {0};

		fill(theirs, k, 8);
		fill(ours, k + 1000, 1);
		for (int i = 0; i < VOCAB; i++)
			ours[i] += theirs[i];
		for (int i = 0; i < VOCAB; i++) {
			kld += exp(log_p(theirs, i)) * (log_p(theirs, i) - log_p(ours, i));
			top[0] = ours[i] > ours[top[0]] ? i : top[0];
			top[1] = theirs[i] > theirs[top[1]] ? i : top[1];
		}
		same += top[0] == top[1];
		row = score_encode(theirs, VOCAB, codes);
		assert_int_equal(score_add_compared(&score, ours, VOCAB, 3, &row), 0);
	}
	assert_true(fabs(score_kld(&score).mean - kld / N) < 1e-4);
	assert_true(fabs(score_same_top(&score).mean - 100.0 * same / N) < 1e-9);
	assert_true(score_kld_percentile(&score, 0) <= score_kld_percentile(&score, 0.5));
	assert_true(score_kld_percentile(&score, 0.5) <= score_kld_percentile(&score, 0.99));
	assert_true(score_kld_percentile(&score, 1) >= score_kld(&score).mean);
	score_finish(&score);
}

static void nothing_differs_from_itself(void **state)
{
	struct score score = {0};

	(void)state;
	for (uint32_t k = 0; k < 20; k++) {
		uint16_t codes[VOCAB];
		float logits[VOCAB];
		struct base_row row;

		fill(logits, k, 8);
		row = score_encode(logits, VOCAB, codes);
		assert_int_equal(score_add_compared(&score, logits, VOCAB, 3, &row), 0);
	}
	assert_true(fabs(score_kld(&score).mean) < 1e-5);
	assert_true(score_same_top(&score).mean == 100);
	assert_true(fabs(score_perplexity(&score).mean / score_base_perplexity(&score).mean - 1) <
		    1e-3);
	score_finish(&score);
}

static void equal_logits_have_no_scale(void **state)
{
	float logits[VOCAB] = {0};
	uint16_t codes[VOCAB];
	struct base_row row = score_encode(logits, VOCAB, codes);

	(void)state;
	assert_true(row.scale == 0);
	assert_true(fabs((double)row.minimum + log(VOCAB)) < 1e-6);
}

/* ---- the file ---- */

struct place {
	char folder[32];
	char path[64];
	struct kept_log kept;
};

static void place_init(struct place *place)
{
	strcpy(place->folder, "/tmp/slm-test-XXXXXX");
	assert_non_null(mkdtemp(place->folder));
	(void)snprintf(place->path, sizeof(place->path), "%s/logits", place->folder);
	kept_log_init(&place->kept);
}

static void place_finish(struct place *place)
{
	(void)unlink(place->path);
	(void)rmdir(place->folder);
}

static void write_file(struct place *place, uint32_t n_rows)
{
	int32_t tokens[2 * 8];
	struct logits_head head = {.n_ctx = 8, .n_vocab = VOCAB, .n_chunks = 2, .tokens = tokens};
	struct logits_file file;

	for (int i = 0; i < 16; i++)
		tokens[i] = i;
	assert_int_equal(logits_writer_init(&file, place->path, &head, &place->kept.log), 0);
	for (uint32_t i = 0; i < n_rows; i++) {
		float logits[VOCAB];

		fill(logits, i, 8);
		assert_int_equal(logits_writer_add(&file, logits), 0);
	}
	assert_int_equal(access(place->path, F_OK), -1); /* not before it is whole */
	assert_int_equal(logits_writer_publish(&file), 0);
	logits_file_finish(&file);
}

static void a_file_holds_what_was_put_in(void **state)
{
	struct logits_file file;
	struct place place;
	struct base_row row;

	(void)state;
	place_init(&place);
	write_file(&place, 6);
	assert_int_equal(logits_reader_init(&file, place.path, &place.kept.log), 0);
	assert_int_equal(file.head.n_ctx, 8);
	assert_int_equal(file.head.n_vocab, VOCAB);
	assert_int_equal(file.head.n_chunks, 2);
	assert_int_equal(file.head.tokens[15], 15);
	for (uint32_t i = 0; i < 6; i++) {
		uint16_t codes[VOCAB];
		float logits[VOCAB];
		struct base_row wanted;

		fill(logits, i, 8);
		wanted = score_encode(logits, VOCAB, codes);
		assert_int_equal(logits_reader_next(&file, &row), 0);
		assert_true(row.scale == wanted.scale && row.minimum == wanted.minimum);
		assert_memory_equal(row.codes, codes, sizeof(codes));
	}
	assert_int_equal(logits_reader_next(&file, &row), -EBADMSG);
	logits_file_finish(&file);
	place_finish(&place);
}

static void damaged_files_are_refused(void **state)
{
	static const struct {
		long at; /* a byte to change; negative: cut there instead */
		const char *says;
	} cases[] = {
		{0, "no file of logits"},
		{11, "head makes no sense"},
		{15, "head makes no sense"},
		{19, "head makes no sense"},
		{23, "no token"},
		{-3, "no file of logits"},
		{-40, "cut short"},
		{-200, "cut short"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct logits_file file;
		struct place place;
		FILE *stream;

		place_init(&place);
		write_file(&place, 6);
		if (cases[i].at < 0) {
			assert_int_equal(truncate(place.path, -cases[i].at), 0);
		} else {
			stream = fopen(place.path, "r+");
			assert_int_equal(fseek(stream, cases[i].at, SEEK_SET), 0);
			assert_int_equal(fputc(0x7f, stream), 0x7f);
			assert_int_equal(fclose(stream), 0);
		}
		assert_int_equal(logits_reader_init(&file, place.path, &place.kept.log), -EBADMSG);
		assert_non_null(strstr(place.kept.text, cases[i].says));
		logits_file_finish(&file);
		place_finish(&place);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(perplexity_is_what_it_is_by_definition),
		cmocka_unit_test(rows_come_back_as_they_went),
		cmocka_unit_test(divergence_is_what_it_is_by_definition),
		cmocka_unit_test(nothing_differs_from_itself),
		cmocka_unit_test(equal_logits_have_no_scale),
		cmocka_unit_test(a_file_holds_what_was_put_in),
		cmocka_unit_test(damaged_files_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

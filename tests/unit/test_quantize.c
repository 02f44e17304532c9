// SPDX-License-Identifier: MIT
/* Rounding to blocks: how far off each type may be; and files made from files. */
#include <errno.h>
#include <math.h>
#include <sys/stat.h>

#include "array.h"
#include "check.h"
#include "cleanup.h"
#include "path.h"
#include "quantize_row.h"
#include "requantize.h"
#include "tiny_model.h"

enum { N = 256 * 64 };

/* The error of storing normal values, as a share of their power. */
static double round_trip(enum tensor_type type, const float *values)
{
	static uint8_t row[N * 4];
	static float back[N];
	double error = 0, power = 0;

	quantize_row(type, values, row, N);
	tensor_row_to_float(type, row, back, N);
	for (int i = 0; i < N; i++) {
		error += ((double)back[i] - (double)values[i]) *
			 ((double)back[i] - (double)values[i]);
		power += (double)values[i] * (double)values[i];
	}
	return error / power;
}

static void keeps_values_nearly(void **state)
{
	/* A little above what plain normal values give; rounding without a search is above. */
	static const struct {
		enum tensor_type type;
		double limit;
	} cases[] = {
		{TENSOR_F32, 0},       {TENSOR_F16, 1e-7},     {TENSOR_Q8_0, 3.0e-5},
		{TENSOR_Q6_K, 3.4e-4}, {TENSOR_Q5_0, 1.55e-3}, {TENSOR_Q4_K, 6.1e-3},
		{TENSOR_Q4_0, 6.6e-3},
	};
	static float values[N];
	uint64_t seed = 1;

	(void)state;
	random_row(&seed, TENSOR_F32, N, 0.05f, (uint8_t *)values);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		double error = round_trip(cases[i].type, values);

		if (!(error <= cases[i].limit))
			fail_msg("%s: error %.3g, limit %.3g",
				 tensor_type_info(cases[i].type)->name, error, cases[i].limit);
	}
}

static const enum tensor_type made[] = {TENSOR_F16,  TENSOR_Q4_0, TENSOR_Q5_0,
					TENSOR_Q8_0, TENSOR_Q4_K, TENSOR_Q6_K};

static void fill(float *values, int kind)
{
	static const float tiny = 1e-30f, huge = 3e38f;

	for (int i = 0; i < 256; i++) {
		switch (kind) {
		case 0:
			values[i] = 0;
			break;
		case 1:
			values[i] = 0.5f;
			break;
		case 2:
			values[i] = -0.5f;
			break;
		case 3:
			values[i] = i % 2 ? tiny : -tiny;
			break;
		case 4:
			values[i] = i % 3 ? huge : -huge;
			break;
		default:
			values[i] = i % 2 ? NAN : INFINITY;
		}
	}
}

/* Blocks of odd contents come back finite, and constants nearly as they were. */
static void survives_odd_blocks(void **state)
{
	float values[256], back[256];
	uint8_t row[256 * 4];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		for (int kind = 0; kind <= 5; kind++) {
			fill(values, kind);
			quantize_row(made[i], values, row, 256);
			tensor_row_to_float(made[i], row, back, 256);
			for (int k = 0; k < 256; k++) {
				/* A half of 3e38 is infinite, as everywhere. */
				assert_true(isfinite(back[k]) ||
					    (made[i] == TENSOR_F16 && kind == 4));
				if (kind < 3)
					assert_float_equal(back[k], values[k], 0.01);
			}
		}
	}
}

/* A value that the type can hold exactly is kept exactly. */
static void keeps_what_it_made_itself(void **state)
{
	static float values[N], again[N];
	static uint8_t row[N * 4];
	uint64_t seed = 3;

	(void)state;
	random_row(&seed, TENSOR_F32, N, 0.05f, (uint8_t *)values);
	quantize_row(TENSOR_Q8_0, values, row, N);
	tensor_row_to_float(TENSOR_Q8_0, row, values, N);
	quantize_row(TENSOR_Q8_0, values, row, N);
	tensor_row_to_float(TENSOR_Q8_0, row, again, N);
	for (int i = 0; i < N; i++)
		assert_float_equal(values[i], again[i], 1e-4);
}

/* ---- files ---- */

struct made_file {
	struct kept_log kept;
	struct thread_pool *pool;
	uint8_t *bytes;
	struct gguf *source;
	char *target;
	struct gguf *result; /* NULL where none was made */
	uint64_t n_bytes;
	int r;
};

static void make(struct made_file *m, struct gguf_maker *maker, enum tensor_type type,
		 const char *target)
{
	struct requantize_params params = {.type = type, .target = target};
	size_t size;

	memset(m, 0, sizeof(*m));
	kept_log_init(&m->kept);
	m->bytes = gguf_maker_file(maker, &size);
	gguf_maker_finish(maker);
	assert_int_equal(gguf_parse(m->bytes, size, "source", NULL, &m->source), 0);
	assert_int_equal(thread_pool_create(2, NULL, &m->pool), 0);
	params.gguf = m->source;
	params.pool = m->pool;
	params.log = &m->kept.log;
	m->r = requantize(&params, &m->n_bytes);
	if (m->r == 0)
		assert_int_equal(gguf_open(target, NULL, &m->result), 0);
}

static void made_file_finish(struct made_file *m)
{
	gguf_close(m->source);
	gguf_close(m->result);
	thread_pool_destroy(m->pool);
	free(m->bytes);
}

static uint32_t number_of(const struct gguf *gguf, const char *key)
{
	uint32_t number = 0;

	assert_int_equal(gguf_get_u32(gguf, key, NULL, &number), 0);
	return number;
}

static enum tensor_type type_of(const struct gguf *gguf, const char *name)
{
	const struct gguf_tensor *tensor = gguf_find_tensor(gguf, name);

	assert_non_null(tensor);
	return (enum tensor_type)tensor->type;
}

static void tiny_f16(struct gguf_maker *maker, uint32_t n_embd, bool tied)
{
	struct tiny_model tiny = tiny_model_default;

	tiny.type = TENSOR_F16;
	tiny.n_embd = n_embd;
	tiny.n_layers = 8;
	tiny.tied = tied;
	tiny_model_make(&tiny, maker);
}

static const char target[] = "/tmp/slm-test-quantize.gguf";

static void keeps_keys_and_norms(void **state)
{
	struct gguf_maker maker;
	struct made_file m;

	(void)state;
	tiny_f16(&maker, 256, true);
	gguf_maker_u32(&maker, "general.file_type", 1);
	make(&m, &maker, TENSOR_Q4_K, target);
	assert_int_equal(m.r, 0);
	assert_int_equal(m.kept.n, 0);
	assert_int_equal(number_of(m.result, "general.file_type"), 15);
	assert_int_equal(number_of(m.result, "general.quantization_version"), 2);
	assert_int_equal(gguf_n_values(m.result), gguf_n_values(m.source) + 1);
	assert_int_equal(m.n_bytes, gguf_file_bytes(m.result));
	for (size_t i = 0; i < gguf_n_values(m.source); i++) {
		const struct gguf_value *wanted = gguf_value(m.source, i), *got;
		char key[128];

		(void)snprintf(key, sizeof(key), "%.*s", (int)wanted->key.size, wanted->key.data);
		got = gguf_find(m.result, key);
		assert_non_null(got);
		assert_int_equal(got->size_bytes, wanted->size_bytes);
		if (strcmp(key, "general.file_type") != 0)
			assert_memory_equal(got->data, wanted->data, wanted->size_bytes);
	}
	assert_int_equal(type_of(m.result, "blk.0.attn_norm.weight"), TENSOR_F32);
	assert_int_equal(type_of(m.result, "token_embd.weight"), TENSOR_Q6_K);
	assert_int_equal(type_of(m.result, "blk.0.attn_v.weight"), TENSOR_Q6_K);
	assert_int_equal(type_of(m.result, "blk.1.attn_v.weight"), TENSOR_Q4_K);
	assert_int_equal(type_of(m.result, "blk.3.ffn_down.weight"), TENSOR_Q6_K);
	assert_int_equal(type_of(m.result, "blk.0.attn_q.weight"), TENSOR_Q4_K);
	made_file_finish(&m);
}

static void keeps_the_alignment(void **state)
{
	static const uint64_t dims[] = {256, 3};
	struct gguf_maker maker;
	struct made_file m;

	(void)state;
	gguf_maker_init(&maker);
	maker.alignment = 256;
	gguf_maker_u32(&maker, "general.alignment", 256);
	gguf_maker_tensor(&maker, "a.weight", TENSOR_F16, 2, dims, NULL, 3 * 512);
	gguf_maker_tensor(&maker, "b.weight", TENSOR_F16, 2, dims, NULL, 3 * 512);
	make(&m, &maker, TENSOR_Q8_0, target);
	assert_int_equal(m.r, 0);
	assert_int_equal(gguf_tensor(m.result, 0)->offset % 256, 0);
	assert_int_equal(gguf_tensor(m.result, 1)->offset % 256, 0);
	assert_int_equal(m.n_bytes % 256, 0);
	made_file_finish(&m);
}

/* Whatever the number of members, each row lands in its place. */
static void stores_every_row(void **state)
{
	struct gguf_maker maker;
	struct made_file m;

	(void)state;
	tiny_f16(&maker, 256, false);
	make(&m, &maker, TENSOR_Q8_0, target);
	assert_int_equal(m.r, 0);
	for (size_t i = 0; i < gguf_n_tensors(m.source); i++) {
		const struct gguf_tensor *from = gguf_tensor(m.source, i);
		const struct gguf_tensor *to = gguf_tensor(m.result, i);
		uint64_t n_cols = from->dims[0], n_rows = from->n_dims > 1 ? from->dims[1] : 1;
		float a[1024], b[1024];

		assert_true(n_cols <= ARRAY_SIZE(a));
		for (uint64_t r = 0; r < n_rows; r++) {
			tensor_row_to_float(from->type,
					    from->data + r * tensor_row_bytes(from->type, n_cols),
					    a, n_cols);
			tensor_row_to_float(to->type,
					    to->data + r * tensor_row_bytes(to->type, n_cols), b,
					    n_cols);
			for (uint64_t c = 0; c < n_cols; c++)
				assert_float_equal(a[c], b[c], 0.004);
		}
	}
	assert_int_equal(type_of(m.result, "output.weight"), TENSOR_Q8_0);
	made_file_finish(&m);
}

static void gives_way_where_rows_do_not_fit(void **state)
{
	struct gguf_maker maker;
	struct made_file m;

	(void)state;
	tiny_f16(&maker, 320, true);
	make(&m, &maker, TENSOR_Q4_K, target);
	assert_int_equal(m.r, 0);
	assert_int_equal(m.kept.n, 2);
	assert_non_null(strstr(m.kept.text, "Q8_0 instead of Q6_K"));
	assert_int_equal(type_of(m.result, "blk.1.attn_q.weight"), TENSOR_Q5_0);
	assert_int_equal(type_of(m.result, "token_embd.weight"), TENSOR_Q8_0);
	assert_int_equal(type_of(m.result, "blk.1.ffn_down.weight"), TENSOR_Q4_K);
	made_file_finish(&m);
}

static void refuses_what_it_cannot_read_or_make(void **state)
{
	static const uint64_t dims[] = {256, 2};
	struct gguf_maker maker;
	struct made_file m;

	(void)state;
	(void)remove(target);
	tiny_f16(&maker, 256, true);
	gguf_maker_tensor(&maker, "blk.0.odd.weight", 16, 2, dims, NULL, 132);
	make(&m, &maker, TENSOR_Q8_0, target);
	assert_int_equal(m.r, -ENOTSUP);
	assert_non_null(strstr(m.kept.text, "blk.0.odd.weight is stored as IQ2_XXS"));
	made_file_finish(&m);
	tiny_f16(&maker, 256, true);
	make(&m, &maker, TENSOR_Q5_K, target);
	assert_int_equal(m.r, -ENOTSUP);
	assert_int_equal(m.kept.n, 1);
	made_file_finish(&m);
	assert_int_not_equal(access(target, F_OK), 0); /* nothing was left */
}

static void says_where_it_cannot_write(void **state)
{
	struct gguf_maker maker;
	struct made_file m;

	(void)state;
	tiny_f16(&maker, 256, true);
	make(&m, &maker, TENSOR_Q8_0, "/proc/no/such/place.gguf");
	assert_true(m.r < 0);
	assert_int_equal(m.kept.n, 1);
	assert_non_null(strstr(m.kept.text, "cannot write /proc/no/such/place.gguf"));
	made_file_finish(&m);
}

/* The parts of a split model become one file that does not say it is split. */
static void joins_parts(void **state)
{
	struct requantize_params params = {.type = TENSOR_Q8_0, .target = target};
	struct gguf_source sources[2];
	struct gguf *whole, *parts, *result;
	struct thread_pool *pool;
	struct gguf_maker maker;
	uint64_t bytes;
	uint8_t *file;
	size_t size;

	(void)state;
	tiny_f16(&maker, 256, true);
	file = gguf_maker_file(&maker, &size);
	gguf_maker_finish(&maker);
	assert_int_equal(gguf_parse(file, size, "whole", NULL, &whole), 0);
	for (uint32_t i = 0; i < 2; i++) {
		gguf_maker_split(&maker, whole, i, 2);
		sources[i].data = gguf_maker_file(&maker, &size);
		sources[i].size_bytes = size;
		sources[i].name = "part";
		gguf_maker_finish(&maker);
	}
	assert_int_equal(gguf_parse_parts(sources, 2, NULL, &parts), 0);
	assert_int_equal(thread_pool_create(1, NULL, &pool), 0);
	params.gguf = parts;
	params.pool = pool;
	assert_int_equal(requantize(&params, &bytes), 0);
	assert_int_equal(gguf_open(target, NULL, &result), 0);
	assert_int_equal(gguf_n_tensors(result), gguf_n_tensors(whole));
	assert_null(gguf_find(result, "split.count"));
	thread_pool_destroy(pool);
	gguf_close(result);
	gguf_close(parts);
	gguf_close(whole);
	free(file);
	free((void *)sources[0].data);
	free((void *)sources[1].data);
	(void)remove(target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_values_nearly),
		cmocka_unit_test(survives_odd_blocks),
		cmocka_unit_test(keeps_what_it_made_itself),
		cmocka_unit_test(keeps_keys_and_norms),
		cmocka_unit_test(keeps_the_alignment),
		cmocka_unit_test(stores_every_row),
		cmocka_unit_test(gives_way_where_rows_do_not_fit),
		cmocka_unit_test(refuses_what_it_cannot_read_or_make),
		cmocka_unit_test(says_where_it_cannot_write),
		cmocka_unit_test(joins_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/* The GGUF reader: what it reads, and one test per kind of damage. */
#include <errno.h>
#include <inttypes.h>

#include "array.h"
#include "check.h"
#include "gguf.h"
#include "tiny_model.h"

static const uint64_t dims_2x32[] = {32, 2};

/* A sane file with one of everything. */
static void make_sane(struct gguf_maker *maker)
{
	static const char *const words[] = {"a", "", "ccc"};
	static const float scores[] = {0.5f, -1};

	gguf_maker_init(maker);
	gguf_maker_string(maker, "general.architecture", "llama");
	gguf_maker_u32(maker, "number", 7);
	gguf_maker_f32(maker, "ratio", 2.5f);
	gguf_maker_bool(maker, "flag", 1);
	gguf_maker_strings(maker, "words", words, ARRAY_SIZE(words));
	gguf_maker_array(maker, "scores", GGUF_F32, scores, 2, sizeof(*scores));
	gguf_maker_tensor(maker, "weight", TENSOR_Q8_0, 2, dims_2x32, NULL, 68);
}

static int parse(const struct gguf_maker *maker, struct kept_log *kept, struct gguf **ret)
{
	static uint8_t *file; /* outlives the gguf; one at a time */
	size_t bytes;

	free(file);
	file = gguf_maker_file(maker, &bytes);
	kept_log_init(kept);
	return gguf_parse(file, bytes, "test.gguf", &kept->log, ret);
}

/* The file is refused with ERROR, and one message that contains WORDS. */
static void refused(const struct gguf_maker *maker, int error, const char *words)
{
	struct kept_log kept;
	struct gguf *gguf = NULL;

	assert_int_equal(parse(maker, &kept, &gguf), -error);
	assert_null(gguf);
	assert_int_equal(kept.n, 1);
	if (!strstr(kept.text, words))
		fail_msg("'%s' does not say '%s'", kept.text, words);
}

static void reads_values(void **state)
{
	const struct gguf_value *array;
	struct gguf_maker maker;
	struct gguf_string string;
	struct kept_log kept;
	struct cursor cursor;
	struct gguf *gguf;
	uint32_t number;
	float ratio;
	bool flag;

	(void)state;
	make_sane(&maker);
	assert_int_equal(parse(&maker, &kept, &gguf), 0);
	assert_int_equal(gguf_n_values(gguf), 6);
	assert_int_equal(gguf_get_u32(gguf, "number", NULL, &number), 0);
	assert_int_equal(number, 7);
	assert_int_equal(gguf_get_f32(gguf, "ratio", NULL, &ratio), 0);
	assert_float_equal(ratio, 2.5f, 0);
	assert_int_equal(gguf_get_f32(gguf, "number", NULL, &ratio), 0);
	assert_float_equal(ratio, 7, 0);
	assert_int_equal(gguf_get_bool(gguf, "flag", NULL, &flag), 0);
	assert_true(flag);
	assert_int_equal(gguf_get_array(gguf, "words", GGUF_STRING, NULL, &array), 0);
	cursor = gguf_strings(array);
	assert_true(gguf_string_is(gguf_next_string(&cursor), "a"));
	assert_true(gguf_string_is(gguf_next_string(&cursor), ""));
	assert_true(gguf_string_is(gguf_next_string(&cursor), "ccc"));
	assert_int_equal(gguf_get_array(gguf, "scores", GGUF_F32, NULL, &array), 0);
	assert_float_equal(gguf_number(array, 1), -1, 0);
	assert_int_equal(gguf_get_string(gguf, "general.architecture", NULL, &string), 0);
	assert_true(gguf_string_is(string, "llama"));
	gguf_close(gguf);
	gguf_maker_finish(&maker);
}

static void reads_tensors(void **state)
{
	const struct gguf_tensor *tensor;
	struct gguf_maker maker;
	struct kept_log kept;
	struct gguf *gguf;

	(void)state;
	make_sane(&maker);
	maker.version = 2;
	assert_int_equal(parse(&maker, &kept, &gguf), 0);
	tensor = gguf_find_tensor(gguf, "weight");
	assert_non_null(tensor);
	assert_int_equal(tensor->size_bytes, 68);
	assert_int_equal(tensor->dims[0], 32);
	assert_int_equal(tensor->dims[1], 2);
	assert_int_equal(tensor->dims[2], 1);
	assert_int_equal(tensor->offset % 32, 0);
	assert_null(gguf_find_tensor(gguf, "weigh"));
	gguf_close(gguf);
	gguf_maker_finish(&maker);
}

static void typed_reads_refuse_other_types(void **state)
{
	const struct gguf_value *array;
	struct gguf_maker maker;
	struct kept_log kept;
	struct gguf *gguf;
	uint32_t number = 99;
	float ratio;
	bool flag;

	(void)state;
	make_sane(&maker);
	assert_int_equal(parse(&maker, &kept, &gguf), 0);
	assert_int_equal(gguf_get_u32(gguf, "ratio", &kept.log, &number), -EBADMSG);
	assert_int_equal(gguf_get_u32(gguf, "words", &kept.log, &number), -EBADMSG);
	assert_int_equal(gguf_get_f32(gguf, "flag", &kept.log, &ratio), -EBADMSG);
	assert_int_equal(gguf_get_bool(gguf, "number", &kept.log, &flag), -EBADMSG);
	assert_int_equal(gguf_get_array(gguf, "words", GGUF_F32, &kept.log, &array), -EBADMSG);
	assert_int_equal(kept.n, 5);
	assert_int_equal(gguf_get_u32(gguf, "absent", &kept.log, &number), -ENOENT);
	assert_int_equal(kept.n, 5);
	assert_int_equal(number, 99);
	gguf_close(gguf);
	gguf_maker_finish(&maker);
}

static void refuses_what_is_no_gguf(void **state)
{
	struct kept_log kept;
	struct gguf *gguf;

	(void)state;
	kept_log_init(&kept);
	assert_int_equal(gguf_parse("PK\3\4 and so on", 14, "a.zip", &kept.log, &gguf), -EBADMSG);
	assert_non_null(strstr(kept.text, "a.zip is not a GGUF file"));
	assert_int_equal(gguf_parse("GG", 2, "two bytes", &kept.log, &gguf), -EBADMSG);
	assert_int_equal(gguf_parse("", 0, "empty", &kept.log, &gguf), -EBADMSG);
}

static void refuses_versions(void **state)
{
	static const struct {
		uint32_t version;
		const char *words;
	} cases[] = {{1, "version 1"}, {4, "version 4"}, {0x03000000, "big-endian"}};
	struct gguf_maker maker;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_sane(&maker);
		maker.version = cases[i].version;
		refused(&maker, ENOTSUP, cases[i].words);
		gguf_maker_finish(&maker);
	}
}

/* Whatever the length at which a sane file is cut, it is refused and nothing is read beyond. */
static void refuses_every_truncation(void **state)
{
	struct gguf_maker maker;
	struct gguf *gguf = NULL;
	size_t bytes;
	uint8_t *file;

	(void)state;
	make_sane(&maker);
	file = gguf_maker_file(&maker, &bytes);
	for (size_t n = 0; n < bytes; n++) {
		uint8_t *cut = malloc(n + 1); /* so that the sanitizer sees the end */

		memcpy(cut, file, n);
		assert_int_equal(gguf_parse(cut, n, "cut", NULL, &gguf), -EBADMSG);
		free(cut);
	}
	free(file);
	gguf_maker_finish(&maker);
}

/* Any single byte may change; the reader may accept or refuse, but must survive. */
static void survives_every_flipped_byte(void **state)
{
	struct gguf_maker maker;
	size_t bytes;
	uint8_t *file;

	(void)state;
	make_sane(&maker);
	file = gguf_maker_file(&maker, &bytes);
	for (size_t i = 0; i < bytes; i++) {
		for (int bit = 0; bit < 8; bit++) {
			struct gguf *gguf = NULL;

			file[i] ^= (uint8_t)(1 << bit);
			if (gguf_parse(file, bytes, "flipped", NULL, &gguf) == 0)
				gguf_close(gguf);
			file[i] ^= (uint8_t)(1 << bit);
		}
	}
	free(file);
	gguf_maker_finish(&maker);
}

static void refuses_impossible_counts(void **state)
{
	struct gguf_maker maker;

	(void)state;
	make_sane(&maker);
	maker.n_values = UINT64_MAX;
	refused(&maker, EBADMSG, "impossible number of keys");
	maker.n_values = 60000;
	refused(&maker, EBADMSG, "impossible number of keys");
	maker.n_values = 6;
	maker.n_tensors = UINT64_MAX / 2;
	refused(&maker, EBADMSG, "impossible number of tensors");
	gguf_maker_finish(&maker);
}

static void refuses_twice_the_same(void **state)
{
	struct gguf_maker maker;

	(void)state;
	make_sane(&maker);
	gguf_maker_u32(&maker, "number", 8);
	refused(&maker, EBADMSG, "a key that occurs twice");
	gguf_maker_finish(&maker);
	make_sane(&maker);
	gguf_maker_tensor(&maker, "weight", TENSOR_Q8_0, 2, dims_2x32, NULL, 68);
	refused(&maker, EBADMSG, "a tensor that occurs twice");
	gguf_maker_finish(&maker);
}

static void refuses_types(void **state)
{
	struct gguf_maker maker;

	(void)state;
	make_sane(&maker);
	gguf_maker_raw(&maker, "odd", 99, "\0\0\0\0", 4);
	refused(&maker, EBADMSG, "unknown type");
	gguf_maker_finish(&maker);
	make_sane(&maker);
	gguf_maker_tensor(&maker, "odd", 200, 2, dims_2x32, NULL, 68);
	refused(&maker, ENOTSUP, "tensor odd is stored as type 200");
	gguf_maker_finish(&maker);
}

static void refuses_arrays(void **state)
{
	static const uint8_t endless[] = {8,	0,    0,    0,	  0xff, 0xff,
					  0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
	uint8_t nested[12 * 6];
	struct gguf_maker maker;

	(void)state;
	make_sane(&maker);
	gguf_maker_raw(&maker, "endless", GGUF_ARRAY, endless, sizeof(endless));
	refused(&maker, EBADMSG, "longer than the file");
	gguf_maker_finish(&maker);
	for (size_t i = 0; i < sizeof(nested); i += 12)
		memcpy(nested + i, "\x09\0\0\0\x01\0\0\0\0\0\0\0", 12);
	make_sane(&maker);
	gguf_maker_raw(&maker, "nested", GGUF_ARRAY, nested, sizeof(nested));
	refused(&maker, EBADMSG, "nested too deeply");
	gguf_maker_finish(&maker);
}

static void refuses_shapes(void **state)
{
	static const uint64_t zero[] = {32, 0}, odd[] = {33, 2},
			      huge[] = {UINT64_C(1) << 40, 1 << 30};
	static const uint64_t five[] = {32, 1, 1, 1, 1};
	static const struct {
		const uint64_t *dims;
		uint32_t n_dims;
		const char *words;
	} cases[] = {{zero, 2, "impossible dimension"},
		     {odd, 2, "no multiple of its block"},
		     {huge, 2, "larger than any memory"},
		     {five, 5, "more than 4 dimensions"}};
	struct gguf_maker maker;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_sane(&maker);
		gguf_maker_tensor_info(&maker, "odd", TENSOR_Q8_0, cases[i].n_dims, cases[i].dims,
				       0);
		refused(&maker, EBADMSG, cases[i].words);
		gguf_maker_finish(&maker);
	}
}

static void refuses_offsets(void **state)
{
	static const struct {
		uint64_t offset;
		const char *words;
	} cases[] = {{7, "not aligned"},
		     {1 << 20, "beyond its last byte"},
		     {UINT64_MAX - 31, "beyond its last byte"}};
	struct gguf_maker maker;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_sane(&maker);
		gguf_maker_tensor_info(&maker, "odd", TENSOR_Q8_0, 2, dims_2x32, cases[i].offset);
		refused(&maker, EBADMSG, cases[i].words);
		gguf_maker_finish(&maker);
	}
}

static void refuses_alignments(void **state)
{
	static const uint32_t alignments[] = {0, 3, 48, 1u << 31};
	struct gguf_maker maker;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(alignments); i++) {
		make_sane(&maker);
		gguf_maker_u32(&maker, "general.alignment", alignments[i]);
		refused(&maker, EBADMSG, "general.alignment");
		gguf_maker_finish(&maker);
	}
}

static void refuses_long_names(void **state)
{
	char name[80];
	struct gguf_maker maker;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	make_sane(&maker);
	gguf_maker_tensor(&maker, name, TENSOR_Q8_0, 2, dims_2x32, NULL, 68);
	refused(&maker, EBADMSG, "more than 64 bytes");
	gguf_maker_finish(&maker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_values),
		cmocka_unit_test(reads_tensors),
		cmocka_unit_test(typed_reads_refuse_other_types),
		cmocka_unit_test(refuses_what_is_no_gguf),
		cmocka_unit_test(refuses_versions),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(survives_every_flipped_byte),
		cmocka_unit_test(refuses_impossible_counts),
		cmocka_unit_test(refuses_twice_the_same),
		cmocka_unit_test(refuses_types),
		cmocka_unit_test(refuses_arrays),
		cmocka_unit_test(refuses_shapes),
		cmocka_unit_test(refuses_offsets),
		cmocka_unit_test(refuses_alignments),
		cmocka_unit_test(refuses_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/* Models in several files: what is read as one, and one test per way in which parts do not fit. */
#include <errno.h>
#include <unistd.h>

#include "array.h"
#include "check.h"
#include "cleanup.h"
#include "gguf.h"
#include "model.h"
#include "path.h"
#include "tiny_model.h"

enum { PARTS = 3 };

/* A tiny model, whole in memory, and split into files of a folder. */
struct files {
	char folder[32];
	uint8_t *bytes;
	struct gguf *whole;
};

static char *part_path(const struct files *files, uint32_t no)
{
	return path_format("%s/m-%05u-of-%05u.gguf", files->folder, no, PARTS);
}

static void write_part(const struct files *files, const struct gguf_maker *maker, uint32_t no)
{
	_cleanup_free_ char *path = part_path(files, no);

	gguf_maker_write(maker, path);
}

static void files_init(struct files *files)
{
	struct gguf_maker maker;
	size_t size;

	strcpy(files->folder, "/tmp/slm-test-XXXXXX");
	assert_non_null(mkdtemp(files->folder));
	tiny_model_make(&tiny_model_default, &maker);
	files->bytes = gguf_maker_file(&maker, &size);
	gguf_maker_finish(&maker);
	assert_int_equal(gguf_parse(files->bytes, size, "whole", NULL, &files->whole), 0);
	for (uint32_t i = 0; i < PARTS; i++) {
		gguf_maker_split(&maker, files->whole, i, PARTS);
		write_part(files, &maker, i + 1);
		gguf_maker_finish(&maker);
	}
}

static void files_finish(struct files *files)
{
	_cleanup_free_ char *command = path_format("rm -rf %s", files->folder);

	assert_int_equal(system(command), 0);
	gguf_close(files->whole);
	free(files->bytes);
}

/* Replaces part NO (from 1) by one whose key KEY says VALUE. */
static void rewrite_key(const struct files *files, uint32_t no, const char *key, uint32_t value)
{
	_cleanup_free_ char *path = part_path(files, no);
	struct gguf *part;
	struct gguf_maker maker;

	assert_int_equal(gguf_open_part(path, NULL, &part), 0);
	gguf_maker_init(&maker);
	for (size_t i = 0; i < gguf_n_values(part); i++) {
		if (gguf_string_is(gguf_value(part, i)->key, key))
			gguf_maker_u32(&maker, key, value);
		else
			gguf_maker_value(&maker, gguf_value(part, i));
	}
	gguf_close(part);
	assert_int_equal(unlink(path), 0);
	gguf_maker_write(&maker, path);
	gguf_maker_finish(&maker);
}

static void check_whole(const struct files *files, const struct gguf *gguf)
{
	assert_int_equal(gguf_n_parts(gguf), PARTS);
	assert_int_equal(gguf_n_tensors(gguf), gguf_n_tensors(files->whole));
	for (size_t i = 0; i < gguf_n_tensors(files->whole); i++) {
		const struct gguf_tensor *wanted = gguf_tensor(files->whole, i), *got;
		char name[GGUF_NAME_MAX + 1];

		(void)snprintf(name, sizeof(name), "%.*s", (int)wanted->name.size,
			       wanted->name.data);
		got = gguf_find_tensor(gguf, name);
		assert_non_null(got);
		assert_int_equal(got->part, i % PARTS);
		assert_int_equal(got->size_bytes, wanted->size_bytes);
		assert_memory_equal(got->data, wanted->data, wanted->size_bytes);
		assert_ptr_equal(gguf_part(gguf, got->part)->data + got->offset, got->data);
	}
}

static void any_part_opens_all(void **state)
{
	struct files files;

	(void)state;
	files_init(&files);
	for (uint32_t no = 1; no <= PARTS; no++) {
		_cleanup_free_ char *path = part_path(&files, no), *first = part_path(&files, 1);
		struct kept_log kept;
		struct model *model;
		struct gguf *gguf;

		kept_log_init(&kept);
		assert_int_equal(gguf_open(path, &kept.log, &gguf), 0);
		assert_string_equal(gguf_name(gguf), first);
		check_whole(&files, gguf);
		assert_int_equal(model_create(gguf, &kept.log, &model), 0);
		assert_int_equal(kept.n, 0);
		model_destroy(model);
		gguf_close(gguf);
	}
	files_finish(&files);
}

/* Opening part NO is refused with ERROR, in one sentence that holds both WORDS. */
static void refused(const struct files *files, uint32_t no, int error, const char *file,
		    const char *words)
{
	_cleanup_free_ char *path = part_path(files, no);
	struct gguf *gguf = NULL;
	struct kept_log kept;

	kept_log_init(&kept);
	assert_int_equal(gguf_open(path, &kept.log, &gguf), -error);
	assert_null(gguf);
	assert_int_equal(kept.n, 1);
	if (!strstr(kept.text, words) || !strstr(kept.text, file))
		fail_msg("'%s' does not say '%s' of %s", kept.text, words, file);
}

static void shell(const struct files *files, const char *line)
{
	_cleanup_free_ char *command = path_format("cd %s && %s", files->folder, line);

	assert_int_equal(system(command), 0);
}

static void refuses_a_missing_part(void **state)
{
	struct files files;

	(void)state;
	files_init(&files);
	shell(&files, "rm m-00002-of-00003.gguf");
	refused(&files, 1, ENOENT, "m-00002-of-00003.gguf", "is missing");
	refused(&files, 3, ENOENT, "m-00002-of-00003.gguf", "is missing");
	files_finish(&files);
}

static void refuses_swapped_parts(void **state)
{
	struct files files;

	(void)state;
	files_init(&files);
	shell(&files,
	      "mv m-00002-of-00003.gguf x && mv m-00003-of-00003.gguf m-00002-of-00003.gguf "
	      "&& mv x m-00003-of-00003.gguf");
	refused(&files, 1, EBADMSG, "m-00002-of-00003.gguf", "swapped");
	refused(&files, 2, EBADMSG, "m-00002-of-00003.gguf", "swapped");
	files_finish(&files);
}

static void refuses_a_part_twice(void **state)
{
	struct files files;

	(void)state;
	files_init(&files);
	shell(&files, "cp m-00002-of-00003.gguf m-00003-of-00003.gguf");
	refused(&files, 1, EBADMSG, "m-00003-of-00003.gguf", "says that it is part 2");
	files_finish(&files);
}

static void refuses_another_count(void **state)
{
	struct files files;

	(void)state;
	files_init(&files);
	rewrite_key(&files, 2, "split.count", 4);
	refused(&files, 1, EBADMSG, "m-00002-of-00003.gguf", "part 2 of 4");
	refused(&files, 2, EBADMSG, "m-00002-of-00003.gguf", "which its name does not");
	rewrite_key(&files, 2, "split.count", 2000);
	refused(&files, 1, EBADMSG, "m-00002-of-00003.gguf", "at most 1024");
	rewrite_key(&files, 2, "split.count", 1);
	refused(&files, 1, EBADMSG, "m-00002-of-00003.gguf", "part 2 of 1");
	files_finish(&files);
}

static void refuses_parts_of_other_models(void **state)
{
	struct files files;
	uint32_t n;

	(void)state;
	files_init(&files);
	n = (uint32_t)gguf_n_tensors(files.whole);
	rewrite_key(&files, 2, "split.tensors.count", n + 1);
	refused(&files, 1, EBADMSG, "m-00002-of-00003.gguf", "parts of two models");
	rewrite_key(&files, 2, "split.tensors.count", n);
	/* rewrite_key() leaves the tensors out. */
	refused(&files, 1, EBADMSG, "m-00001-of-00003.gguf", "not of one model");
	files_finish(&files);
}

static void refuses_another_architecture(void **state)
{
	struct gguf_maker maker;
	struct files files;

	(void)state;
	files_init(&files);
	gguf_maker_split(&maker, files.whole, 1, PARTS);
	gguf_maker_string(&maker, "general.architecture", "gemma3");
	shell(&files, "rm m-00002-of-00003.gguf");
	write_part(&files, &maker, 2);
	gguf_maker_finish(&maker);
	refused(&files, 1, EBADMSG, "m-00002-of-00003.gguf", "two architectures");
	files_finish(&files);
}

static void refuses_a_tensor_twice(void **state)
{
	struct gguf_maker maker;
	struct files files;

	(void)state;
	files_init(&files);
	/* Part 2 with the tensors of part 1. */
	gguf_maker_init(&maker);
	gguf_maker_u32(&maker, "split.no", 1);
	gguf_maker_u32(&maker, "split.count", PARTS);
	gguf_maker_u32(&maker, "split.tensors.count", (uint32_t)gguf_n_tensors(files.whole));
	for (size_t i = 1; i < gguf_n_tensors(files.whole); i += PARTS) {
		const struct gguf_tensor *tensor = gguf_tensor(files.whole, i - 1);
		char name[GGUF_NAME_MAX + 1];

		(void)snprintf(name, sizeof(name), "%.*s", (int)tensor->name.size,
			       tensor->name.data);
		gguf_maker_tensor(&maker, name, tensor->type, tensor->n_dims, tensor->dims, NULL,
				  tensor->size_bytes);
	}
	shell(&files, "rm m-00002-of-00003.gguf");
	write_part(&files, &maker, 2);
	gguf_maker_finish(&maker);
	refused(&files, 1, EBADMSG, "m-00002-of-00003.gguf", "another part holds too");
	files_finish(&files);
}

static void refuses_a_name_without_a_number(void **state)
{
	_cleanup_free_ char *path = NULL;
	struct gguf *gguf = NULL;
	struct kept_log kept;
	struct files files;

	(void)state;
	files_init(&files);
	shell(&files, "cp m-00002-of-00003.gguf renamed.gguf");
	path = path_format("%s/renamed.gguf", files.folder);
	kept_log_init(&kept);
	assert_int_equal(gguf_open(path, &kept.log, &gguf), -EBADMSG);
	assert_non_null(strstr(kept.text, "-00002-of-00003.gguf"));
	assert_int_equal(gguf_open_part(path, NULL, &gguf), 0);
	gguf_close(gguf);
	files_finish(&files);
}

/* A single file that says it is part 1 of 1 is whole; one of several is not, when parsed alone. */
static void a_part_alone_is_refused_unless_it_is_all(void **state)
{
	struct files files;

	(void)state;
	files_init(&files);
	for (uint32_t count = 1; count <= 2; count++) {
		struct gguf_maker maker;
		struct gguf *gguf;
		size_t size;
		uint8_t *bytes;

		gguf_maker_split(&maker, files.whole, 0, count);
		bytes = gguf_maker_file(&maker, &size);
		gguf_maker_finish(&maker);
		assert_int_equal(gguf_parse(bytes, size, "alone", NULL, &gguf),
				 count == 1 ? 0 : -EBADMSG);
		if (count == 1)
			gguf_close(gguf);
		free(bytes);
	}
	files_finish(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_part_opens_all),
		cmocka_unit_test(refuses_a_missing_part),
		cmocka_unit_test(refuses_swapped_parts),
		cmocka_unit_test(refuses_a_part_twice),
		cmocka_unit_test(refuses_another_count),
		cmocka_unit_test(refuses_parts_of_other_models),
		cmocka_unit_test(refuses_another_architecture),
		cmocka_unit_test(refuses_a_tensor_twice),
		cmocka_unit_test(refuses_a_name_without_a_number),
		cmocka_unit_test(a_part_alone_is_refused_unless_it_is_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

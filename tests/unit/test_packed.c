// SPDX-License-Identifier: MIT
/* Halves, the packed layout and the file it is kept in. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array.h"
#include "check.h"
#include "cleanup.h"
#include "model.h"
#include "packed.h"
#include "packed_type.h"
#include "path.h"
#include "tiny_model.h"

static const enum tensor_type all_types[] = {
	TENSOR_F32,  TENSOR_F16,    TENSOR_BF16,   TENSOR_Q4_0,	 TENSOR_Q4_1, TENSOR_Q5_0,
	TENSOR_Q5_1, TENSOR_Q8_0,   TENSOR_Q2_K,   TENSOR_Q3_K,	 TENSOR_Q4_K, TENSOR_Q5_K,
	TENSOR_Q6_K, TENSOR_IQ4_NL, TENSOR_IQ4_XS, TENSOR_MXFP4,
};

static void halves_survive_the_way_there_and_back(void **state)
{
	(void)state;
	for (uint32_t bits = 0; bits < 0x10000; bits++) {
		uint16_t half = (uint16_t)bits;
		float value = half_to_float(half);

		if (isnan(value))
			assert_true(isnan(half_to_float(float_to_half(value))));
		else
			assert_int_equal(float_to_half(value), half);
	}
}

static void halves_round_to_nearest_even(void **state)
{
	(void)state;
	assert_int_equal(float_to_half(1.0f + 0x1p-11f), 0x3c00);   /* a tie, down to even */
	assert_int_equal(float_to_half(1.0f + 0x1.8p-10f), 0x3c02); /* a tie, up to even */
	assert_int_equal(float_to_half(0x1p-25f), 0); /* half the smallest, a tie, down */
	assert_int_equal(float_to_half(0x1.8p-25f), 1);
	assert_int_equal(float_to_half(65519.9f), 0x7bff);
	assert_int_equal(float_to_half(65520.0f), 0x7c00);
	assert_int_equal(float_to_half(-1e9f), 0xfc00);
}

/* Packing loses nothing: every type, odd row counts, columns that leave half a unit empty. */
static void packing_keeps_every_value(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all_types); i++) {
		enum tensor_type type = all_types[i];
		uint32_t block = tensor_type_info(type)->block_values;
		uint32_t n_cols = block == 1 ? 37 : 3 * block, n_rows = 13;
		uint64_t row_bytes = tensor_row_bytes(type, n_cols);
		uint64_t tile_bytes = packed_tile_bytes(type, n_cols);
		uint8_t *rows = malloc(n_rows * row_bytes), *tile = malloc(tile_bytes);
		float wanted[768], got[768];

		for (uint32_t r = 0; r < n_rows; r++)
			random_row(&seed, type, n_cols, 1, rows + r * row_bytes);
		packed_tile_write(type, rows, row_bytes, n_rows, n_cols, tile);
		for (uint32_t r = 0; r < n_rows; r++) {
			tensor_row_to_float(type, rows + r * row_bytes, wanted, n_cols);
			packed_tile_row_to_float(type, tile, r, n_cols, got);
			for (uint32_t c = 0; c < n_cols; c++)
				assert_true(wanted[c] == got[c]);
		}
		packed_tile_row_to_float(type, tile, 14, n_cols, got);
		for (uint32_t c = 0; c < n_cols; c++)
			assert_true(got[c] == 0);
		assert_int_equal(tile_bytes % PACKED_ALIGNMENT, 0);
		free(rows);
		free(tile);
	}
}

/* ---- the packed file ---- */

struct folder {
	char *path, *model, *cache;
};

static void folder_init(struct folder *folder)
{
	struct gguf_maker maker;

	folder->path = strdup("/tmp/slm-test-XXXXXX");
	assert_non_null(mkdtemp(folder->path));
	folder->model = path_format("%s/tiny.gguf", folder->path);
	folder->cache = path_format("%s/cache", folder->path);
	tiny_model_make(&tiny_model_default, &maker);
	gguf_maker_write(&maker, folder->model);
	gguf_maker_finish(&maker);
}

/* Runs a shell line in which $1 is PATH. */
static int run(const char *line, const char *path)
{
	_cleanup_free_ char *command = path_format("set -- '%s'; %s", path, line);

	return system(command);
}

static void folder_finish(struct folder *folder)
{
	assert_int_equal(run("rm -rf $1", folder->path), 0);
	free(folder->path);
	free(folder->model);
	free(folder->cache);
}

struct packing {
	struct gguf *gguf;
	struct model *model;
	struct thread_pool *pool;
	struct packed *packed;
	struct kept_log kept;
};

static void pack(struct packing *p, const struct folder *folder, const char *cache)
{
	struct packed_params params = {.cache_dir = cache};

	memset(p, 0, sizeof(*p));
	kept_log_init(&p->kept);
	assert_int_equal(gguf_open(folder->model, &p->kept.log, &p->gguf), 0);
	assert_int_equal(model_create(p->gguf, &p->kept.log, &p->model), 0);
	assert_int_equal(thread_pool_create(2, NULL, &p->pool), 0);
	params.model = p->model;
	params.pool = p->pool;
	params.log = &p->kept.log;
	assert_int_equal(packed_create(&params, &p->packed), 0);
}

static void unpack(struct packing *p)
{
	packed_destroy(p->packed);
	thread_pool_destroy(p->pool);
	model_destroy(p->model);
	gguf_close(p->gguf);
}

static void check_packed(const struct packing *p)
{
	for (uint32_t i = 0; i < p->model->n_matrices; i++) {
		const struct matrix *matrix = &p->model->matrices[i];
		uint64_t row_bytes = tensor_row_bytes(matrix->type, matrix->n_cols);
		uint64_t tile_bytes = packed_tile_bytes(matrix->type, matrix->n_cols);
		uint8_t *tile = malloc(tile_bytes);
		uint32_t last = (matrix->n_rows - 1) / PACKED_ROWS * PACKED_ROWS;

		packed_tile_write(matrix->type, matrix_data(matrix) + last * row_bytes, row_bytes,
				  matrix->n_rows - last, matrix->n_cols, tile);
		assert_memory_equal(packed_matrix(p->packed, i) + last / PACKED_ROWS * tile_bytes,
				    tile, tile_bytes);
		assert_int_equal((uintptr_t)packed_matrix(p->packed, i) % 4096, 0);
		free(tile);
	}
}

static int count_packs(const struct folder *folder)
{
	return run("exit $(ls -A $1/packed | wc -l)", folder->cache) >> 8;
}

static void packs_once_and_maps_after(void **state)
{
	struct folder folder;
	struct packing p;
	struct stat first, second;
	_cleanup_free_ char *name = NULL;

	(void)state;
	folder_init(&folder);
	pack(&p, &folder, folder.cache);
	assert_true(packed_is_mapped(p.packed));
	assert_int_equal(p.kept.n, 0);
	check_packed(&p);
	unpack(&p);
	assert_int_equal(count_packs(&folder), 1);
	name = path_format("%s/packed", folder.cache);
	assert_int_equal(stat(name, &first), 0);
	pack(&p, &folder, folder.cache);
	check_packed(&p);
	unpack(&p);
	assert_int_equal(stat(name, &second), 0);
	assert_int_equal(first.st_mtim.tv_nsec, second.st_mtim.tv_nsec); /* nothing was written */
	folder_finish(&folder);
}

static void a_changed_model_is_packed_anew(void **state)
{
	struct tiny_model tiny = tiny_model_default;
	struct gguf_maker maker;
	struct folder folder;
	struct packing p;

	(void)state;
	folder_init(&folder);
	pack(&p, &folder, folder.cache);
	unpack(&p);
	tiny.seed = 2; /* the same size, other bytes */
	tiny_model_make(&tiny, &maker);
	gguf_maker_write(&maker, folder.model);
	gguf_maker_finish(&maker);
	pack(&p, &folder, folder.cache);
	check_packed(&p);
	unpack(&p);
	assert_int_equal(count_packs(&folder), 1); /* the old one was swept away */
	folder_finish(&folder);
}

/* Replaces the folder's model by one in two files; the second has what SEED makes of it. */
static void write_split(struct folder *folder, uint64_t seed)
{
	struct tiny_model tiny = tiny_model_default;
	struct gguf_maker maker;
	struct gguf *whole;
	uint8_t *file;
	size_t size;

	for (uint32_t i = 0; i < 2; i++) {
		_cleanup_free_ char *path =
			path_format("%s/m-%05u-of-00002.gguf", folder->path, i + 1);

		tiny.seed = i == 0 ? 1 : seed;
		tiny_model_make(&tiny, &maker);
		file = gguf_maker_file(&maker, &size);
		gguf_maker_finish(&maker);
		assert_int_equal(gguf_parse(file, size, "whole", NULL, &whole), 0);
		gguf_maker_split(&maker, whole, i, 2);
		gguf_maker_write(&maker, path);
		gguf_maker_finish(&maker);
		gguf_close(whole);
		free(file);
	}
	free(folder->model);
	folder->model = path_format("%s/m-00001-of-00002.gguf", folder->path);
}

static void a_changed_part_is_packed_anew(void **state)
{
	struct folder folder;
	struct packing p;

	(void)state;
	folder_init(&folder);
	write_split(&folder, 1);
	pack(&p, &folder, folder.cache);
	check_packed(&p);
	unpack(&p);
	write_split(&folder, 2);
	pack(&p, &folder, folder.cache);
	check_packed(&p);
	unpack(&p);
	assert_int_equal(count_packs(&folder), 1);
	folder_finish(&folder);
}

static void a_damaged_pack_is_made_anew(void **state)
{
	struct folder folder;
	struct packing p;

	(void)state;
	folder_init(&folder);
	pack(&p, &folder, folder.cache);
	unpack(&p);
	assert_int_equal(run("truncate -s 5000 $1/packed/*.pack", folder.cache), 0);
	pack(&p, &folder, folder.cache);
	assert_true(packed_is_mapped(p.packed));
	check_packed(&p);
	unpack(&p);
	assert_int_equal(run("printf x | dd of=$(ls $1/packed/*.pack) conv=notrunc status=none",
			     folder.cache),
			 0);
	pack(&p, &folder, folder.cache);
	check_packed(&p);
	unpack(&p);
	folder_finish(&folder);
}

static void without_a_folder_it_packs_into_memory(void **state)
{
	struct folder folder;
	struct packing p;

	(void)state;
	folder_init(&folder);
	pack(&p, &folder, NULL);
	assert_false(packed_is_mapped(p.packed));
	assert_int_equal(p.kept.n, 0);
	check_packed(&p);
	unpack(&p);
	pack(&p, &folder, "/proc/no/such/place");
	assert_false(packed_is_mapped(p.packed));
	assert_int_equal(p.kept.n, 1);
	assert_non_null(strstr(p.kept.text, "packed into memory"));
	check_packed(&p);
	unpack(&p);
	folder_finish(&folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(halves_survive_the_way_there_and_back),
		cmocka_unit_test(halves_round_to_nearest_even),
		cmocka_unit_test(packing_keeps_every_value),
		cmocka_unit_test(packs_once_and_maps_after),
		cmocka_unit_test(a_changed_model_is_packed_anew),
		cmocka_unit_test(a_changed_part_is_packed_anew),
		cmocka_unit_test(a_damaged_pack_is_made_anew),
		cmocka_unit_test(without_a_folder_it_packs_into_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

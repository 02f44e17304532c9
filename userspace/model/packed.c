// SPDX-License-Identifier: MIT
/*
 * Owns the packed copy of a model's matrices and its file. Refuses to trust a file whose header does
 * not match in every field, and to leave a half-written one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "array.h"
#include "cleanup.h"
#include "file_map.h"
#include "hash.h"
#include "packed.h"
#include "packed_type.h"
#include "path.h"

enum {
	PAGE = 4096,
	KEY_SAMPLES = 16,
	KEY_SAMPLE_BYTES = 256,
	WRITE_BYTES = 1 << 20, /* of tiles gathered before a write */
	NAME_HEX = 16,
};

static const char pack_magic[8] = "SLMPACK";

/* The first page of the file; the table of offsets follows, then the matrices, page-aligned. */
struct pack_header {
	char magic[8];
	uint32_t version;
	uint32_t n_matrices;
	uint64_t file_bytes;
	char key[SHA256_HEX_SIZE];
	char source[PATH_MAX - 256]; /* the model's path, so that orphans can be told */
};

struct packed {
	struct file_map map; /* of the cache file, or */
	uint8_t *memory;     /* what was packed into memory */
	uint64_t memory_bytes;
	uint64_t *offsets; /* [n_matrices] into either */
};

DEFINE_CLEANUP(struct packed, packed_destroy)

uint64_t packed_bytes_of(const struct matrix *matrix)
{
	return matrix->n_experts *
	       packed_matrix_bytes(matrix->type, matrix->n_rows, matrix->n_cols);
}

/* Where each matrix goes; the total is returned. */
static uint64_t lay_out(const struct model *model, uint64_t header_bytes, uint64_t *ret_offsets)
{
	uint64_t at = round_up(header_bytes, PAGE);

	for (uint32_t i = 0; i < model->n_matrices; i++) {
		const struct matrix *matrix = &model->matrices[i];

		if (ret_offsets)
			ret_offsets[i] = at;
		at += round_up(packed_bytes_of(matrix), PAGE);
	}
	return at;
}

uint64_t packed_bytes(const struct model *model)
{
	return lay_out(model, 0, NULL);
}

/* ---- packing ---- */

struct pack_job {
	const struct model *model;
	struct thread_pool *pool;
	const struct progress *progress;
	const uint64_t *offsets;
	uint8_t *memory; /* NULL: write to FD */
	int fd;
	uint64_t total;
	atomic_uint_fast64_t done;
	atomic_int error;
};

static int report_progress(struct pack_job *job, unsigned index, uint64_t bytes)
{
	uint64_t done = atomic_fetch_add(&job->done, bytes) + bytes;

	return index == 0 ? progress_report(job->progress, "packing", done, job->total) : 0;
}

static void pack_tiles(struct pack_job *job, const struct matrix *matrix, size_t first, size_t last,
		       uint8_t *out)
{
	uint64_t tile_bytes = packed_tile_bytes(matrix->type, matrix->n_cols);
	uint64_t row_bytes = tensor_row_bytes(matrix->type, matrix->n_cols);
	size_t per_expert = div_up(matrix->n_rows, PACKED_ROWS);

	for (size_t tile = first; tile < last; tile++) {
		uint64_t expert_row = tile / per_expert * matrix->n_rows;
		uint32_t row = (uint32_t)(tile % per_expert) * PACKED_ROWS;

		packed_tile_write(matrix->type,
				  matrix_data(matrix) + (expert_row + row) * row_bytes, row_bytes,
				  MIN(matrix->n_rows - row, PACKED_ROWS), matrix->n_cols,
				  out + (tile - first) * tile_bytes);
	}
}

static int pack_chunk(struct pack_job *job, const struct matrix *matrix, size_t first, size_t last,
		      uint8_t *buffer)
{
	uint64_t tile_bytes = packed_tile_bytes(matrix->type, matrix->n_cols);
	uint64_t offset = job->offsets[matrix->id] + first * tile_bytes;

	if (job->memory) {
		pack_tiles(job, matrix, first, last, job->memory + offset);
		return 0;
	}
	pack_tiles(job, matrix, first, last, buffer);
	return write_all_at(job->fd, offset, buffer, (last - first) * tile_bytes);
}

static int pack_matrix(struct pack_job *job, const struct matrix *matrix, unsigned index)
{
	uint64_t tile_bytes = packed_tile_bytes(matrix->type, matrix->n_cols);
	size_t n_tiles = matrix->n_experts * div_up(matrix->n_rows, PACKED_ROWS);
	size_t chunk = MAX(WRITE_BYTES / tile_bytes, 1), first, last;
	_cleanup_free_ uint8_t *buffer = NULL;
	int r = 0;

	if (!job->memory) {
		buffer = malloc(chunk * tile_bytes);
		if (!buffer)
			return -ENOMEM;
	}
	while (r == 0 && thread_pool_next(job->pool, index, n_tiles, chunk, &first, &last)) {
		r = pack_chunk(job, matrix, first, last, buffer);
		if (r == 0)
			r = report_progress(job, index, (last - first) * tile_bytes);
	}
	return r;
}

static void pack_member(void *arg, unsigned index)
{
	struct pack_job *job = arg;

	for (uint32_t i = 0; i < job->model->n_matrices; i++) {
		int r = atomic_load(&job->error);

		if (r == 0)
			r = pack_matrix(job, &job->model->matrices[i], index);
		if (r < 0)
			atomic_store(&job->error, r);
		thread_pool_barrier(job->pool, index);
	}
}

static int pack_all(struct pack_job *job)
{
	thread_pool_run(job->pool, pack_member, job);
	return atomic_load(&job->error);
}

/* ---- the key ---- */

static void key_sample(struct sha256 *sha256, const struct gguf_part *part)
{
	uint64_t begin = part->header_bytes;
	uint64_t left = part->size_bytes - MIN(begin, part->size_bytes);

	if (left < KEY_SAMPLE_BYTES)
		return;
	for (uint64_t i = 0; i < KEY_SAMPLES; i++) {
		uint64_t at = begin + (left - KEY_SAMPLE_BYTES) / (KEY_SAMPLES - 1) * i;

		sha256_update(sha256, part->data + at, KEY_SAMPLE_BYTES);
	}
}

static void key_part(struct sha256 *sha256, const struct gguf_part *part)
{
	uint64_t facts[] = {
		PACKED_VERSION,
		part->size_bytes,
		(uint64_t)part->mtime_ns,
		hash_bytes(part->data, MIN(part->header_bytes, part->size_bytes)),
	};

	sha256_update(sha256, facts, sizeof(facts));
	key_sample(sha256, part);
}

static int make_key(const struct gguf *gguf, char key[static SHA256_HEX_SIZE])
{
	struct sha256 *sha256;
	int r;

	r = sha256_create(&sha256);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < gguf_n_parts(gguf); i++)
		key_part(sha256, gguf_part(gguf, i));
	sha256_finish(sha256, key);
	sha256_destroy(sha256);
	return 0;
}

/* ---- the file ---- */

struct pack_file {
	char *folder;
	char *path;
	char *source;	 /* the model's absolute path */
	char prefix[17]; /* of the names of all packs of this source */
	char key[SHA256_HEX_SIZE];
};

static void pack_file_finish(struct pack_file *file)
{
	free(file->folder);
	free(file->path);
	free(file->source);
}

static int pack_file_init(struct pack_file *file, const struct packed_params *params)
{
	const struct gguf *gguf = params->model->gguf;
	int r;

	r = make_key(gguf, file->key);
	if (r < 0)
		return r;
	file->source = realpath(gguf_name(gguf), NULL);
	if (!file->source)
		file->source = strdup(gguf_name(gguf));
	file->folder = path_format("%s/packed", params->cache_dir);
	if (!file->source || !file->folder)
		return -ENOMEM;
	(void)snprintf(file->prefix, sizeof(file->prefix), "%016" PRIx64,
		       hash_bytes(file->source, strlen(file->source)));
	file->path =
		path_format("%s/%s-%.*s.pack", file->folder, file->prefix, NAME_HEX, file->key);
	return file->path ? 0 : -ENOMEM;
}

static void fill_header(struct pack_header *header, const struct pack_file *file,
			const struct model *model, uint64_t file_bytes)
{
	memset(header, 0, sizeof(*header));
	memcpy(header->magic, pack_magic, sizeof(header->magic));
	header->version = PACKED_VERSION;
	header->n_matrices = model->n_matrices;
	header->file_bytes = file_bytes;
	memcpy(header->key, file->key, sizeof(header->key));
	strncpy(header->source, file->source, sizeof(header->source) - 1);
}

/* Maps the file if it is there and is what KEY says. */
static int map_existing(struct packed *packed, const struct pack_file *file,
			const struct model *model, uint64_t file_bytes)
{
	_cleanup_free_ struct pack_header *wanted = malloc(sizeof(*wanted));
	struct file_map map;
	int r;

	if (!wanted)
		return -ENOMEM;
	fill_header(wanted, file, model, file_bytes);
	r = file_map_init(&map, file->path, NULL);
	if (r < 0)
		return r;
	if (map.size != file_bytes || memcmp(map.data, wanted, sizeof(*wanted)) != 0) {
		file_map_finish(&map);
		return -ENOENT;
	}
	packed->map = map;
	return 0;
}

static int write_pack(struct pack_job *job, struct new_file *out, const struct pack_file *file)
{
	_cleanup_free_ struct pack_header *header = malloc(sizeof(*header));
	int r;

	if (!header)
		return -ENOMEM;
	/* A full disk shows here and not after minutes of work, where the file system can tell. */
	r = fallocate(out->fd, 0, 0, (off_t)job->total) < 0 ? -errno : 0;
	if (r == -EOPNOTSUPP)
		r = ftruncate(out->fd, (off_t)job->total) < 0 ? -errno : 0;
	if (r < 0)
		return r;
	fill_header(header, file, job->model, job->total);
	job->fd = out->fd;
	r = write_all_at(job->fd, 0, header, sizeof(*header));
	if (r < 0)
		return r;
	r = pack_all(job);
	if (r < 0)
		return r;
	return new_file_publish(out);
}

static bool pack_is_stale(const struct pack_file *file, const char *path, const char *name)
{
	_cleanup_free_ struct pack_header *header = malloc(sizeof(*header));
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (!header || fd < 0)
		return false;
	if (strncmp(name, file->prefix, strlen(file->prefix)) == 0)
		return true; /* of an older state of the same model */
	if (read(fd, header, sizeof(*header)) != (ssize_t)sizeof(*header))
		return true;
	if (memcmp(header->magic, pack_magic, sizeof(header->magic)) != 0)
		return true;
	header->source[sizeof(header->source) - 1] = '\0';
	return access(header->source, F_OK) < 0 && errno == ENOENT;
}

/* Removes packs whose model is gone or has changed: the cache grows with the models in use only. */
static void sweep(const struct pack_file *file, const struct log *log)
{
	DIR *folder = opendir(file->folder);
	struct dirent *entry;

	if (!folder)
		return;
	while ((entry = readdir(folder))) {
		_cleanup_free_ char *path = path_format("%s/%s", file->folder, entry->d_name);
		const char *end = strrchr(entry->d_name, '.');

		if (!path || !end || strcmp(end, ".pack") != 0 || strcmp(path, file->path) == 0)
			continue;
		if (pack_is_stale(file, path, entry->d_name) && unlink(path) == 0)
			log_info(log, "removed %s: its model is gone or has changed", path);
	}
	(void)closedir(folder);
}

static int make_file(struct pack_job *job, const struct pack_file *file, const struct log *log)
{
	struct new_file out = NEW_FILE_NONE;
	int r;

	r = path_make_dirs(file->folder);
	if (r < 0)
		return r;
	r = new_file_init(&out, file->path);
	if (r < 0)
		return r;
	r = write_pack(job, &out, file);
	new_file_finish(&out);
	if (r == 0)
		sweep(file, log);
	new_file_sweep(file->folder);
	return r;
}

/* ---- */

static int pack_into_file(struct packed *packed, const struct packed_params *params)
{
	struct pack_file file __attribute__((cleanup(pack_file_finish))) = {0};
	struct pack_job job = {.model = params->model,
			       .pool = params->pool,
			       .progress = params->progress,
			       .offsets = packed->offsets};
	int r;

	job.total = lay_out(params->model, sizeof(struct pack_header), packed->offsets);
	r = pack_file_init(&file, params);
	if (r < 0)
		return r;
	r = map_existing(packed, &file, params->model, job.total);
	if (r == 0)
		return 0;
	r = make_file(&job, &file, params->log);
	if (r == -ECANCELED)
		return r;
	if (r < 0) {
		log_warning(params->log,
			    "cannot keep packed weights in %s (%s); they are packed into memory at "
			    "every start",
			    file.folder, strerror(-r));
		return r;
	}
	return map_existing(packed, &file, params->model, job.total);
}

static int pack_into_memory(struct packed *packed, const struct packed_params *params)
{
	struct pack_job job = {.model = params->model,
			       .pool = params->pool,
			       .progress = params->progress,
			       .offsets = packed->offsets,
			       .fd = -1};

	job.total = lay_out(params->model, 0, packed->offsets);
	packed->memory = mmap(NULL, MAX(job.total, PAGE), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (packed->memory == MAP_FAILED) {
		packed->memory = NULL;
		return log_oom(params->log, "packing the weights");
	}
	packed->memory_bytes = MAX(job.total, PAGE);
	(void)madvise(packed->memory, packed->memory_bytes, MADV_HUGEPAGE);
	job.memory = packed->memory;
	return pack_all(&job);
}

int packed_create(const struct packed_params *params, struct packed **ret_packed)
{
	_cleanup_(packed_destroy_p) struct packed *packed = calloc(1, sizeof(*packed));
	int r = -ENOENT;

	if (!packed)
		return log_oom(params->log, "packing the weights");
	packed->offsets = calloc(MAX(params->model->n_matrices, 1), sizeof(*packed->offsets));
	if (!packed->offsets)
		return log_oom(params->log, "packing the weights");
	if (params->cache_dir)
		r = pack_into_file(packed, params);
	if (r < 0 && r != -ECANCELED)
		r = pack_into_memory(packed, params);
	if (r < 0)
		return r;
	*ret_packed = TAKE(packed);
	return 0;
}

void packed_destroy(struct packed *packed)
{
	if (!packed)
		return;
	file_map_finish(&packed->map);
	if (packed->memory)
		(void)munmap(packed->memory, packed->memory_bytes);
	free(packed->offsets);
	free(packed);
}

const uint8_t *packed_matrix(const struct packed *packed, uint32_t id)
{
	return (packed->memory ? packed->memory : packed->map.data) + packed->offsets[id];
}

bool packed_is_mapped(const struct packed *packed)
{
	return packed->map.data != NULL;
}

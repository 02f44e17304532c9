// SPDX-License-Identifier: MIT
/*
 * Owns the making of a file from a file: which tensor becomes what, and the writing, in which every
 * member of the pool quantises rows and puts them in their place.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "array.h"
#include "cleanup.h"
#include "gguf_header.h"
#include "path.h"
#include "quantize_row.h"
#include "requantize.h"

enum {
	CHUNK_VALUES = 1 << 18, /* quantised before they are written */
	QUANTIZATION_VERSION = 2,
};

/* A type that can be asked for, and how general.file_type calls it. */
static const struct recipe {
	enum tensor_type type;
	enum tensor_type output;
	enum tensor_type important; /* attn_v and ffn_down of some layers */
	uint32_t file_type;
} recipes[] = {
	{TENSOR_F16, TENSOR_F16, TENSOR_F16, 1},     {TENSOR_Q4_0, TENSOR_Q6_K, TENSOR_Q4_0, 2},
	{TENSOR_Q8_0, TENSOR_Q8_0, TENSOR_Q8_0, 7},  {TENSOR_Q4_K, TENSOR_Q6_K, TENSOR_Q6_K, 15},
	{TENSOR_Q6_K, TENSOR_Q6_K, TENSOR_Q6_K, 18},
};

/* A tensor of the new file. */
struct item {
	const struct gguf_tensor *from;
	enum tensor_type type;
	uint64_t offset; /* from the start of the file; of the data, until the header is made */
	uint64_t size_bytes;
};

struct job {
	const struct requantize_params *params;
	const struct recipe *recipe;
	struct item *items; /* [n_items] */
	size_t n_items;
	struct gguf_header header;
	uint64_t file_bytes;
	int fd;
	atomic_uint_fast64_t done;
	atomic_int error;
};

static const struct recipe *recipe_of(enum tensor_type type)
{
	for (size_t i = 0; i < ARRAY_SIZE(recipes); i++) {
		if (recipes[i].type == type)
			return &recipes[i];
	}
	return NULL;
}

bool requantize_type_supported(enum tensor_type type)
{
	return recipe_of(type) != NULL;
}

/* ---- which tensor becomes what ---- */

static bool name_holds(const struct gguf_tensor *tensor, const char *word)
{
	return memmem(tensor->name.data, tensor->name.size, word, strlen(word)) != NULL;
}

static bool name_ends(const struct gguf_tensor *tensor, const char *word)
{
	size_t n = strlen(word);

	return tensor->name.size >= n &&
	       memcmp(tensor->name.data + tensor->name.size - n, word, n) == 0;
}

static bool is_matrix(const struct gguf_tensor *tensor)
{
	return tensor->n_dims >= 2 && name_ends(tensor, ".weight") &&
	       !name_holds(tensor, "_norm.") && !name_holds(tensor, "ffn_gate_inp.") &&
	       !name_holds(tensor, "rope_");
}

static bool is_output(const struct gguf *gguf, const struct gguf_tensor *tensor)
{
	if (gguf_find_tensor(gguf, "output.weight"))
		return gguf_string_is(tensor->name, "output.weight");
	return gguf_string_is(tensor->name, "token_embd.weight");
}

/* The number after "blk."; false where the tensor is of no layer. */
static bool read_layer(const struct gguf_tensor *tensor, uint32_t *ret_layer)
{
	uint32_t layer = 0;

	if (tensor->name.size < 5 || memcmp(tensor->name.data, "blk.", 4) != 0)
		return false;
	for (size_t i = 4; i < tensor->name.size && tensor->name.data[i] != '.'; i++) {
		char c = tensor->name.data[i];

		if (c < '0' || c > '9' || layer > 100000)
			return false;
		layer = 10 * layer + (uint32_t)(c - '0');
	}
	*ret_layer = layer;
	return true;
}

static uint32_t count_layers(const struct gguf *gguf)
{
	uint32_t n = 0, layer;

	for (size_t i = 0; i < gguf_n_tensors(gguf); i++) {
		if (read_layer(gguf_tensor(gguf, i), &layer))
			n = MAX(n, layer + 1);
	}
	return n;
}

static bool is_important(const struct gguf_tensor *tensor, uint32_t n_layers)
{
	uint32_t layer, eighth = n_layers / 8;

	if (!name_holds(tensor, ".attn_v.") && !name_holds(tensor, ".ffn_down"))
		return false;
	if (!read_layer(tensor, &layer))
		return false;
	return layer < eighth || layer >= 7 * n_layers / 8 || (layer - eighth) % 3 == 2;
}

static enum tensor_type wanted_type(const struct job *job, const struct gguf_tensor *tensor,
				    uint32_t n_layers)
{
	if (!is_matrix(tensor))
		return tensor->type;
	if (is_output(job->params->gguf, tensor))
		return job->recipe->output;
	return is_important(tensor, n_layers) ? job->recipe->important : job->recipe->type;
}

static enum tensor_type second_best(enum tensor_type type)
{
	return type == TENSOR_Q4_K ? TENSOR_Q5_0 : type == TENSOR_Q6_K ? TENSOR_Q8_0 : TENSOR_F16;
}

static enum tensor_type fitting_type(enum tensor_type type, uint64_t row_values)
{
	while (row_values % tensor_type_info(type)->block_values != 0)
		type = second_best(type);
	return type;
}

/* How many matrices did not get the type they should have. */
static void warn_of_changes(const struct log *log,
			    uint32_t changes[TENSOR_TYPE_IDS][TENSOR_TYPE_IDS])
{
	for (uint32_t from = 0; from < TENSOR_TYPE_IDS; from++) {
		for (uint32_t to = 0; to < TENSOR_TYPE_IDS; to++) {
			if (changes[from][to] > 0)
				log_warning(log,
					    "%s instead of %s for %" PRIu32
					    " of the matrices, whose "
					    "rows are no multiple of %u values",
					    tensor_type_info(to)->name,
					    tensor_type_info(from)->name, changes[from][to],
					    tensor_type_info(from)->block_values);
		}
	}
}

static int check_source(const struct job *job, const struct gguf_tensor *tensor,
			enum tensor_type type)
{
	if (tensor->type == (uint32_t)type || tensor_type_supported(tensor->type))
		return 0;
	return log_error(job->params->log, ENOTSUP,
			 "%s: tensor %.*s is stored as %s, which cannot be read to be made into "
			 "another type",
			 gguf_name(job->params->gguf), (int)tensor->name.size, tensor->name.data,
			 tensor_type_info(tensor->type)->name);
}

static int choose_types(struct job *job)
{
	const struct gguf *gguf = job->params->gguf;
	uint32_t changes[TENSOR_TYPE_IDS][TENSOR_TYPE_IDS] = {0}, n_layers = count_layers(gguf);
	int r = 0;

	for (size_t i = 0; i < job->n_items && r == 0; i++) {
		struct item *item = &job->items[i];
		enum tensor_type wanted;

		item->from = gguf_tensor(gguf, i);
		wanted = wanted_type(job, item->from, n_layers);
		item->type = fitting_type(wanted, item->from->dims[0]);
		if (item->type != wanted)
			changes[wanted][item->type]++;
		r = check_source(job, item->from, item->type);
	}
	if (r == 0)
		warn_of_changes(job->params->log, changes);
	return r;
}

/* ---- the header ---- */

static uint64_t rows_of(const struct gguf_tensor *tensor)
{
	return tensor->dims[1] * tensor->dims[2] * tensor->dims[3];
}

static bool is_ours(const struct gguf_value *value)
{
	return gguf_string_is(value->key, "general.file_type") ||
	       gguf_string_is(value->key, "general.quantization_version") ||
	       (value->key.size >= 6 && memcmp(value->key.data, "split.", 6) == 0);
}

static void add_values(struct job *job)
{
	const struct gguf *gguf = job->params->gguf;
	size_t n = gguf_n_values(gguf), kept = 0;

	for (size_t i = 0; i < n; i++)
		kept += !is_ours(gguf_value(gguf, i));
	gguf_header_init(&job->header, job->n_items, kept + 2);
	for (size_t i = 0; i < n; i++) {
		if (!is_ours(gguf_value(gguf, i)))
			gguf_header_value(&job->header, gguf_value(gguf, i));
	}
	gguf_header_u32(&job->header, "general.quantization_version", QUANTIZATION_VERSION);
	gguf_header_u32(&job->header, "general.file_type", job->recipe->file_type);
}

static int make_header(struct job *job)
{
	uint32_t alignment = gguf_alignment(job->params->gguf);
	uint64_t at = 0;

	add_values(job);
	for (size_t i = 0; i < job->n_items; i++) {
		struct item *item = &job->items[i];

		item->size_bytes =
			rows_of(item->from) * tensor_row_bytes(item->type, item->from->dims[0]);
		item->offset = at;
		gguf_header_tensor(&job->header, item->from, item->type, at);
		at += round_up(item->size_bytes, alignment);
	}
	gguf_header_align(&job->header, alignment);
	if (job->header.failed)
		return log_oom(job->params->log, "writing a model");
	for (size_t i = 0; i < job->n_items; i++)
		job->items[i].offset += job->header.size;
	job->file_bytes = job->header.size + at;
	return 0;
}

/* ---- the data ---- */

static int report_progress(struct job *job, unsigned index, uint64_t bytes)
{
	uint64_t done = atomic_fetch_add(&job->done, bytes) + bytes;

	return index == 0
		       ? progress_report(job->params->progress, "quantising", done, job->file_bytes)
		       : 0;
}

/* What a member works with. */
struct buffers {
	float *values; /* of a row */
	uint8_t *rows; /* of a chunk */
};

static void buffers_finish(struct buffers *buffers)
{
	free(buffers->values);
	free(buffers->rows);
}

static int buffers_init(struct buffers *buffers, const struct item *item, uint64_t chunk)
{
	uint64_t n_values = item->from->dims[0];

	buffers->values = malloc(n_values * sizeof(float));
	buffers->rows = malloc(chunk * tensor_row_bytes(item->type, n_values));
	return buffers->values && buffers->rows ? 0 : -ENOMEM;
}

static int write_rows(const struct job *job, const struct item *item, struct buffers *buffers,
		      size_t first, size_t last)
{
	uint64_t n_values = item->from->dims[0];
	uint64_t from_bytes = tensor_row_bytes(item->from->type, n_values);
	uint64_t row_bytes = tensor_row_bytes(item->type, n_values);

	if (item->type == item->from->type)
		return write_all_at(job->fd, item->offset + first * row_bytes,
				    item->from->data + first * row_bytes,
				    (last - first) * row_bytes);
	for (size_t row = first; row < last; row++) {
		tensor_row_to_float(item->from->type, item->from->data + row * from_bytes,
				    buffers->values, n_values);
		quantize_row(item->type, buffers->values, buffers->rows + (row - first) * row_bytes,
			     n_values);
	}
	return write_all_at(job->fd, item->offset + first * row_bytes, buffers->rows,
			    (last - first) * row_bytes);
}

static int write_item(struct job *job, const struct item *item, unsigned index)
{
	struct buffers buffers _cleanup_(buffers_finish) = {0};
	uint64_t row_bytes = tensor_row_bytes(item->type, item->from->dims[0]);
	size_t n_rows = rows_of(item->from), first, last;
	size_t chunk = MAX(CHUNK_VALUES / item->from->dims[0], 1);
	int r = 0;

	if (item->type != item->from->type)
		r = buffers_init(&buffers, item, chunk);
	while (r == 0 && thread_pool_next(job->params->pool, index, n_rows, chunk, &first, &last)) {
		r = write_rows(job, item, &buffers, first, last);
		if (r == 0)
			r = report_progress(job, index, (last - first) * row_bytes);
	}
	return r;
}

static void write_member(void *arg, unsigned index)
{
	struct job *job = arg;

	for (size_t i = 0; i < job->n_items; i++) {
		int r = atomic_load(&job->error);

		if (r == 0)
			r = write_item(job, &job->items[i], index);
		if (r < 0)
			atomic_store(&job->error, r);
		thread_pool_barrier(job->params->pool, index);
	}
}

/* Whoever may read the source may read what is made of it; where that fails, only we may. */
static void share_like_source(const struct job *job)
{
	struct stat source;

	if (stat(gguf_name(job->params->gguf), &source) == 0)
		(void)fchmod(job->fd, source.st_mode & 0666);
}

static int write_file(struct job *job, struct new_file *out)
{
	int r;

	job->fd = out->fd;
	share_like_source(job);
	/* A full disk shows here and not after minutes of work, where the file system can tell. */
	r = fallocate(out->fd, 0, 0, (off_t)job->file_bytes) < 0 ? -errno : 0;
	if (r == -EOPNOTSUPP)
		r = ftruncate(out->fd, (off_t)job->file_bytes) < 0 ? -errno : 0;
	if (r == 0)
		r = write_all_at(job->fd, 0, job->header.bytes, job->header.size);
	if (r < 0)
		return r;
	thread_pool_run(job->params->pool, write_member, job);
	r = atomic_load(&job->error);
	return r < 0 ? r : new_file_publish(out);
}

static int make_file(struct job *job)
{
	const struct requantize_params *params = job->params;
	struct new_file out = NEW_FILE_NONE;
	int r;

	r = new_file_init(&out, params->target);
	if (r == 0)
		r = write_file(job, &out);
	new_file_finish(&out);
	if (r == -ENOSPC || r == -EDQUOT)
		return log_error(params->log, -r,
				 "cannot write %s: there is no room for its %.1f MB",
				 params->target, (double)job->file_bytes * 1e-6);
	if (r < 0)
		return log_error(params->log, -r, "cannot write %s: %s", params->target,
				 strerror(-r));
	return 0;
}

static void job_finish(struct job *job)
{
	gguf_header_finish(&job->header);
	free(job->items);
}

int requantize(const struct requantize_params *params, uint64_t *ret_file_bytes)
{
	struct job job _cleanup_(job_finish) = {.params = params,
						.recipe = recipe_of(params->type),
						.n_items = gguf_n_tensors(params->gguf)};
	int r;

	if (!job.recipe)
		return log_error(params->log, ENOTSUP, "matrices cannot be made into %s",
				 tensor_type_info(params->type)->name);
	job.items = calloc(MAX(job.n_items, 1), sizeof(*job.items));
	if (!job.items)
		return log_oom(params->log, "writing a model");
	r = choose_types(&job);
	if (r == 0)
		r = make_header(&job);
	if (r == 0)
		r = make_file(&job);
	if (r == 0)
		*ret_file_bytes = job.file_bytes;
	return r;
}

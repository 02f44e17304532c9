// SPDX-License-Identifier: MIT
/* Owns the format of llama-perplexity's logits. Refuses a file whose size is not what its head says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "array.h"
#include "cleanup.h"
#include "logits_file.h"
#include "model.h"

enum {
	HEAD_BYTES = 20,
	ROW_HEAD_BYTES = 8,
	CHUNKS_MAX = 1 << 20,
};

static const char magic[8] = {'_', 'l', 'o', 'g', 'i', 't', 's', '_'};

static size_t row_bytes(uint32_t n_vocab)
{
	return ROW_HEAD_BYTES + round_up(n_vocab, 2) * sizeof(uint16_t);
}

static uint64_t n_rows(const struct logits_head *head)
{
	return (uint64_t)head->n_chunks * (head->n_ctx - 1 - head->n_ctx / 2);
}

static uint64_t file_bytes(const struct logits_head *head)
{
	return HEAD_BYTES + (uint64_t)head->n_chunks * head->n_ctx * sizeof(int32_t) +
	       n_rows(head) * row_bytes(head->n_vocab);
}

void logits_file_finish(struct logits_file *file)
{
	if (file->stream)
		(void)fclose(file->stream);
	if (file->out.target)
		new_file_finish(&file->out);
	free(file->head.tokens);
	free(file->row);
	*file = (struct logits_file){0};
}

static int make_row(struct logits_file *file)
{
	file->row_bytes = row_bytes(file->head.n_vocab);
	file->row = calloc(1, file->row_bytes);
	return file->row ? 0 : log_oom(file->log, "preparing for logits");
}

/* ---- reading ---- */

static int cut_short(const struct logits_file *file)
{
	return log_error(file->log, EBADMSG, "%s is cut short: is it written to its end?",
			 file->path);
}

static int read_head(struct logits_file *file)
{
	struct logits_head *head = &file->head;
	uint8_t bytes[HEAD_BYTES];

	if (fread(bytes, 1, sizeof(bytes), file->stream) != sizeof(bytes) ||
	    memcmp(bytes, magic, sizeof(magic)) != 0)
		return log_error(file->log, EBADMSG,
				 "%s is no file of logits as llama-perplexity writes it",
				 file->path);
	memcpy(&head->n_ctx, bytes + 8, 4);
	memcpy(&head->n_vocab, bytes + 12, 4);
	memcpy(&head->n_chunks, bytes + 16, 4);
	if (head->n_ctx < 4 || head->n_ctx > MODEL_CONTEXT_MAX || head->n_vocab == 0 ||
	    head->n_vocab > MODEL_DIMENSION_MAX * 16 || head->n_chunks == 0 ||
	    head->n_chunks > CHUNKS_MAX)
		return log_error(file->log, EBADMSG, "%s is damaged: its head makes no sense",
				 file->path);
	return 0;
}

static int check_size(const struct logits_file *file)
{
	struct stat info;

	if (fstat(fileno(file->stream), &info) < 0)
		return log_error(file->log, errno, "cannot stat %s: %s", file->path,
				 strerror(errno));
	if (!S_ISREG(info.st_mode) || (uint64_t)info.st_size < file_bytes(&file->head))
		return cut_short(file);
	return 0;
}

static int read_tokens(struct logits_file *file)
{
	struct logits_head *head = &file->head;
	size_t n = (size_t)head->n_chunks * head->n_ctx;

	head->tokens = malloc(n * sizeof(*head->tokens));
	if (!head->tokens)
		return log_oom(file->log, "reading logits");
	if (fread(head->tokens, sizeof(*head->tokens), n, file->stream) != n)
		return cut_short(file);
	for (size_t i = 0; i < n; i++) {
		if (head->tokens[i] < 0 || (uint32_t)head->tokens[i] >= head->n_vocab)
			return log_error(file->log, EBADMSG,
					 "%s is damaged: %d is no token of its vocabulary",
					 file->path, head->tokens[i]);
	}
	return 0;
}

int logits_reader_init(struct logits_file *file, const char *path, const struct log *log)
{
	int r;

	*file = (struct logits_file){.path = path, .log = log, .out = NEW_FILE_NONE};
	file->stream = fopen(path, "re");
	if (!file->stream)
		return log_error(log, errno, "cannot open %s: %s", path, strerror(errno));
	r = read_head(file);
	if (r == 0)
		r = check_size(file);
	if (r == 0)
		r = read_tokens(file);
	return r < 0 ? r : make_row(file);
}

int logits_reader_next(struct logits_file *file, struct base_row *ret_row)
{
	if (fread(file->row, 1, file->row_bytes, file->stream) != file->row_bytes)
		return cut_short(file);
	memcpy(&ret_row->scale, file->row, sizeof(ret_row->scale));
	memcpy(&ret_row->minimum, file->row + 4, sizeof(ret_row->minimum));
	ret_row->codes = (const uint16_t *)(const void *)(file->row + ROW_HEAD_BYTES);
	return 0;
}

/* ---- writing ---- */

static int put(struct logits_file *file, const void *data, size_t size)
{
	if (fwrite(data, 1, size, file->stream) == size)
		return 0;
	return log_error(file->log, errno, "cannot write %s: %s", file->path, strerror(errno));
}

int logits_writer_init(struct logits_file *file, const char *path, const struct logits_head *head,
		       const struct log *log)
{
	uint32_t numbers[3] = {head->n_ctx, head->n_vocab, head->n_chunks};
	int r;

	*file = (struct logits_file){.path = path, .log = log, .out = NEW_FILE_NONE};
	file->head = *head;
	file->head.tokens = NULL;
	r = new_file_init(&file->out, path);
	if (r == 0) {
		file->stream = fdopen(dup(file->out.fd), "w");
		r = file->stream ? 0 : -errno;
	}
	if (r < 0)
		return log_error(log, -r, "cannot write %s: %s", path, strerror(-r));
	r = put(file, magic, sizeof(magic));
	if (r == 0)
		r = put(file, numbers, sizeof(numbers));
	if (r == 0)
		r = put(file, head->tokens,
			(size_t)head->n_chunks * head->n_ctx * sizeof(*head->tokens));
	return r < 0 ? r : make_row(file);
}

int logits_writer_add(struct logits_file *file, const float *logits)
{
	struct base_row row = score_encode(logits, file->head.n_vocab,
					   (uint16_t *)(void *)(file->row + ROW_HEAD_BYTES));

	memcpy(file->row, &row.scale, sizeof(row.scale));
	memcpy(file->row + 4, &row.minimum, sizeof(row.minimum));
	return put(file, file->row, file->row_bytes);
}

int logits_writer_publish(struct logits_file *file)
{
	int r = fclose(TAKE(file->stream)) == 0 ? 0 : -errno;

	if (r == 0)
		r = new_file_publish(&file->out);
	if (r < 0)
		return log_error(file->log, -r, "cannot write %s: %s", file->path, strerror(-r));
	return 0;
}

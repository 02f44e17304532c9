/* SPDX-License-Identifier: MIT */
/*
 * The file in which llama-perplexity keeps the logits of a model over a text (its
 * --kl-divergence-base): "_logits_", int32 n_ctx, n_vocab, n_chunks; int32 tokens
 * [n_chunks][n_ctx]; then for each chunk the rows of positions n_ctx / 2 to n_ctx - 2, each float
 * scale, float minimum, uint16 [n_vocab rounded up to even].
 */
#ifndef SLM_PROGRAMS_LOGITS_FILE_H
#define SLM_PROGRAMS_LOGITS_FILE_H

#include <stdint.h>
#include <stdio.h>

#include "log.h"
#include "path.h"
#include "score.h"

/* Shape and text of what is compared. */
struct logits_head {
	uint32_t n_ctx;
	uint32_t n_vocab;
	uint32_t n_chunks;
	int32_t *tokens; /* [n_chunks][n_ctx] */
};

struct logits_file {
	struct logits_head head; /* a reader's tokens are its own */
	const char *path;
	const struct log *log;
	FILE *stream;
	struct new_file out;
	uint8_t *row;
	size_t row_bytes;
};

/* Zeroed, or made by either init. */
void logits_file_finish(struct logits_file *file);

/* Reads the head and compares the size with it. 0; -EBADMSG when it is no such file; -errno. */
int logits_reader_init(struct logits_file *file, const char *path, const struct log *log);
/* The next row, valid until the next call. */
int logits_reader_next(struct logits_file *file, struct base_row *ret_row);

/* Begins a file of that head, of which tokens are used only now. 0 or -errno. */
int logits_writer_init(struct logits_file *file, const char *path, const struct logits_head *head,
		       const struct log *log);
int logits_writer_add(struct logits_file *file, const float *logits);
/* The file appears. */
int logits_writer_publish(struct logits_file *file);

#endif

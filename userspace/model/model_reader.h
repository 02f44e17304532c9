/* SPDX-License-Identifier: MIT */
/*
 * How the files that read a model (model.c, model_rope.c, archs.c) get at keys and tensors. A reader
 * lives during model_create() only. Every call: 0, or a negative errno that has been logged.
 */
#ifndef SLM_MODEL_READER_H
#define SLM_MODEL_READER_H

#include "model.h"

enum { PARTS_MAX = 3 };

struct reader {
	struct model *model;
	const struct gguf *gguf;
	const struct log *log;
	const struct arch *arch;
	size_t n_used;	   /* tensors of the file that have a role */
	size_t vectors_at; /* floats used of model->vectors */
};

/* How a token's experts are weighted: by a softmax over all of them, or over those that it uses. */
enum arch_experts {
	EXPERTS_NONE,
	EXPERTS_OF_ALL,
	EXPERTS_OF_USED,
};

/* What an architecture is beyond the keys and tensors of its file. */
struct arch {
	const char *name;
	enum rope_style rope_style;
	enum activation activation;
	bool is_encoder;     /* read by model_encoder.c */
	bool has_gate_in_up; /* ffn_up holds the gate's rows, then its own */
	enum arch_experts experts;
	/* Reads what it has of its own, after all that the others have too; NULL: nothing. */
	int (*read)(struct reader *reader);
};

/* NULL for an unknown one. */
const struct arch *arch_find(struct gguf_string name);
/* "llama, gemma3" into NAMES. */
void arch_names(char names[static 256]);

/* ---- keys: "<arch>.<key>" ---- */

/* FALLBACK where the key is absent. */
int reader_u32(const struct reader *reader, const char *key, uint32_t fallback, uint32_t *ret);
int reader_f32(const struct reader *reader, const char *key, float fallback, float *ret);
int reader_bool(const struct reader *reader, const char *key, bool fallback, bool *ret);
int reader_string(const struct reader *reader, const char *key, const char *fallback,
		  struct gguf_string *ret);
bool reader_has_key(const struct reader *reader, const char *key);
/* A size that must be there and lie in 1 to MAX. */
int reader_size(const struct reader *reader, const char *key, uint32_t max, uint32_t *ret);
/* A size that may differ from layer to layer: a scalar for all or an array of n_layers. */
int reader_layer_size(const struct reader *reader, const char *key, uint32_t layer,
		      uint32_t fallback, uint32_t *ret);

/* Both log and give -EBADMSG. */
int reader_out_of_range(const struct reader *reader, const char *key, uint32_t value);
int reader_bad_number(const struct reader *reader, const char *key, double value);

/* ---- tensors ---- */

/* Room for every tensor as a matrix, and for all values of the one-row tensors. */
int reader_allocate(struct reader *reader);

/* Is there a tensor of that name? */
bool reader_has(const struct reader *reader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The matrix of that name; NULL through *RET when it is OPTIONAL and absent. */
int reader_matrix(struct reader *reader, bool optional, uint32_t n_cols, uint32_t n_rows,
		  const struct matrix **ret, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/* The matrices of that name of all the model's experts. */
int reader_experts(struct reader *reader, uint32_t n_cols, uint32_t n_rows,
		   const struct matrix **ret, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/*
 * Matrices that the file keeps in one tensor, the rows of one under those of the other, first to
 * last; at most PARTS_MAX.
 */
struct matrix_part {
	const struct matrix **ret;
	uint32_t n_rows;
};

int reader_parts(struct reader *reader, uint32_t n_cols, const struct matrix_part *parts,
		 uint32_t n_parts, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The vector of that name, as floats; n == 0 when it is OPTIONAL and absent. */
int reader_vector(struct reader *reader, bool optional, uint32_t n, struct vector *ret,
		  const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The first row of the matrix of that name, as floats. */
int reader_first_row(struct reader *reader, uint32_t n_cols, struct vector *ret, const char *name);

/* ---- parts ---- */

/* model->ropes[0], from the keys of the file (model_rope.c). */
int reader_rope(struct reader *reader);

/* What is around the layers of an encoder, and in layer I, whose sizes are known (model_encoder.c). */
int reader_encoder_ends(struct reader *reader);
int reader_encoder_layer(struct reader *reader, uint32_t i);

/* Queries, keys and values with their biases, and the output matrix with its own (model.c). */
int reader_attention(struct reader *reader, uint32_t i);

#endif

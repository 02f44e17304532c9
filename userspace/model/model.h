/* SPDX-License-Identifier: MIT */
/*
 * A model: hyper-parameters and weights by role, read from a GGUF file and checked, so that what
 * comes after may rely on every shape. Immutable once made. Key and tensor names, and what each
 * architecture does, follow the llama.cpp project's converters.
 */
#ifndef SLM_MODEL_MODEL_H
#define SLM_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gguf.h"
#include "log.h"

enum {
	MODEL_LAYERS_MAX = 1024,
	MODEL_ROPES_MAX = 2,
	MODEL_DIMENSION_MAX = 1 << 20, /* of any hyper-parameter that sizes a buffer */
	MODEL_CONTEXT_MAX = 1 << 24,
	MODEL_EXPERTS_MAX = 1024,
};

/*
 * A matrix in the file: n_rows rows of n_cols values; it maps n_cols inputs to n_rows outputs. Where
 * a file keeps several in one tensor, it is some of the tensor's rows. The matrices of a layer's
 * experts are one: those of the first expert, then those of the second, ...
 */
struct matrix {
	const struct gguf_tensor *tensor;
	enum tensor_type type;
	uint32_t n_rows; /* of one expert */
	uint32_t n_cols;
	uint32_t id;	    /* index into model->matrices */
	uint32_t first_row; /* in the tensor */
	uint32_t n_experts; /* 1 where there are none */
};

/* A vector as floats, whatever its type in the file. */
struct vector {
	const float *data; /* [n] */
	uint32_t n;
};

/* (x - mean) / sqrt(variance + eps) * weight + bias */
struct layer_norm {
	struct vector weight, bias;
};

enum rope_style {
	ROPE_PAIRS,  /* rotates (0,1), (2,3), ... */
	ROPE_HALVES, /* rotates (0, n/2), (1, n/2 + 1), ... (NEOX) */
};

/*
 * Angle of pair i at position p: p * base^(-2i/n_dims) / factors[i], times scale; with YaRN
 * (arXiv 2309.00071) pairs up to ramp_begin are not scaled, those from ramp_end on are, and those
 * between are mixed.
 */
struct rope {
	enum rope_style style;
	uint32_t n_dims; /* of each head, even; the rest is left as it is; 0: no rotation */
	float base;
	float scale;
	float magnitude; /* of sine and cosine */
	bool is_yarn;
	double ramp_begin, ramp_end; /* pairs */
	struct vector factors;	     /* [n_dims / 2], or n == 0: 1 */
	struct vector long_factors;  /* in their place, in contexts of more than ... */
	uint32_t n_ctx_short;	     /* ... this */
};

enum activation {
	ACTIVATION_SILU,
	ACTIVATION_GELU_TANH,
};

/* How the hidden states of a text's tokens become one vector, as files number it. */
enum pooling {
	POOLING_NONE, /* they do not */
	POOLING_MEAN,
	POOLING_CLS, /* the first */
	POOLING_LAST,
	POOLING_RANK,	/* a score by matrices of its own; not known here */
	POOLING_UNSAID, /* the file does not say */
};

/* Optional parts are NULL or n == 0. */
struct model_layer {
	uint32_t n_head;
	uint32_t n_head_kv; /* divides n_head */
	uint32_t n_ff;
	uint32_t window; /* positions a token sees, itself included; 0: all */
	uint32_t rope;	 /* index into model->ropes */
	struct vector attn_norm, ffn_norm;
	struct vector q_norm, k_norm; /* [head_dim]: of each head; or over all heads at once */
	struct vector post_attn_norm, post_ffn_norm;   /* of what a block adds */
	struct layer_norm attn_out_norm, ffn_out_norm; /* encoders: of what it is added to, too */
	struct vector q_bias, k_bias, v_bias, o_bias, up_bias, down_bias;
	const struct matrix *q, *k, *v, *o;
	const struct matrix *router; /* n_experts rows, or NULL: one dense block */
	/* Of n_experts each where there is a router. Encoders have no gate: down act(up x + bias). */
	const struct matrix *gate, *up, *down;
};

struct model {
	const struct gguf *gguf;
	const char *arch; /* "llama", "gemma3", ... */
	/* A token sees the whole text, not only what is before it; there is no head, so that what
	 * comes out are hidden states. */
	bool is_encoder;
	uint32_t n_layers;
	uint32_t n_embd;
	uint32_t n_vocab;
	uint32_t n_ctx_train;
	uint32_t head_dim; /* of queries, keys and values */
	float norm_eps;
	float embedding_scale;
	float attention_scale;
	float residual_scale; /* of what a block adds to the residual stream */
	float logit_scale;
	enum activation activation;
	enum pooling pooling;
	uint32_t n_experts; /* of a layer that has any; 0: none has */
	uint32_t n_experts_used;
	bool experts_sum_to_one; /* the weights of those used, or of all */
	struct rope ropes[MODEL_ROPES_MAX];
	uint32_t n_ropes;
	struct vector output_norm;
	const struct matrix *token_embd; /* n_vocab rows of n_embd */
	const struct matrix *output; /* the same object as token_embd when tied; encoders: NULL */
	/* Encoders add these to a token's row, then comes embd_norm. */
	const struct matrix *position_embd; /* n_ctx_train rows: contexts are no longer than that */
	struct vector type_embd;	    /* of type 0 */
	struct layer_norm embd_norm;
	struct model_layer *layers; /* [n_layers] */
	struct matrix *matrices;    /* [n_matrices], every matrix that is used */
	uint32_t n_matrices;
	uint64_t n_parameters;
	float *vectors; /* what every struct vector points into */
};

/*
 * Reads the model out of GGUF, which must outlive it. 0; -ENOTSUP for an architecture, type or
 * feature that is not known (named); -EBADMSG where the file contradicts itself; -ENOMEM.
 */
int model_create(const struct gguf *gguf, const struct log *log, struct model **ret_model);
void model_destroy(struct model *model);

/* The rows of a matrix in the file, and how many bytes they are (of all experts). */
const uint8_t *matrix_data(const struct matrix *matrix);
uint64_t matrix_bytes(const struct matrix *matrix);

/* Bytes of all matrices as stored in the file. */
uint64_t model_weight_bytes(const struct model *model);

#endif

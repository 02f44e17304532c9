/* SPDX-License-Identifier: MIT */
/*
 * The transformer as a list of operations over values. A graph says what is computed and nothing
 * about where or how; shapes leave the number of rows open, because a step may hold any number of
 * tokens. Immutable once built.
 *
 * A value is a matrix of floats: one row per token of the step (or per wanted output), n_cols wide.
 */
#ifndef SLM_GRAPH_GRAPH_H
#define SLM_GRAPH_GRAPH_H

#include <stdint.h>
#include <stdio.h>

#include "low_rank.h"
#include "model.h"

enum {
	OP_WEIGHTS_MAX = 3,
	KV_GROUPS_MAX = 2,
	NO_VALUE = -1,
};

enum op_kind {
	/* out[0] = scale * row token[t] of weight[0] (+ bias[0]) (+ row position[t] of weight[1],
	 * where there are two) */
	OP_EMBED,
	/* out[0] = normed(in[0]) (+ add), normed(x) = x / sqrt(mean(x^2) + eps) * norm; with
	 * norm_bias, (x - mean(x)) / sqrt(variance(x) + eps) * norm + norm_bias */
	OP_NORM,
	/* out[i] = scale * (weight[i] x (+ bias[i])) (+ add, only where n_weights is 1),
	 * x = normed(in[0]) if norm is set, else in[0] */
	OP_MATMUL,
	/* out[0] = act(weight[0] x) * (weight[1] x), x as above; both weights are of one type */
	OP_GLU,
	/* in = q, k, v. Each head of q and k is normed by q_norm, k_norm where set and rotated;
	 * out[0] = q; k and v of the token go to the layer's cache at the token's position. */
	OP_ROPE,
	/* in[0] = q; out[0] = per head, softmax(scale q K) V over the cached positions of
	 * the token's sequence that its window shows, its own included; where sees_all (and there
	 * is no window), those of its run's later rows too */
	OP_ATTENTION,
	/* out[0] = the rows of in[0] whose results are wanted, in the order of the step's outputs */
	OP_SELECT,
	/* in[0] = scores of all experts; out[0] = of the n_used largest, the largest first (the lower
	 * of equals): their numbers, as floats, then their weights: softmax over all experts' scores,
	 * or over those of the used where sums_to_one */
	OP_ROUTE,
	/* Per expert e used, one after another: out[0] = act(weight[0] of e x) * (weight[1] of e x),
	 * x as above; in[1] = what OP_ROUTE gave */
	OP_EXPERT_GLU,
	/* Per expert e used: out[0] = weight[0] of e x, x the part of in[0] that is e's; in[1] = as
	 * above */
	OP_EXPERT_MATMUL,
	/* out[0] = scale * sum over the experts used of weight * part of in[0] (+ add); in[1] = as
	 * above */
	OP_MIX,
	/* Each value I of in, in place (out is in): column c times the step's scale of the row for
	 * adapter adapters[I][c]; 0 where that is 0, whatever was there */
	OP_ADAPT,
	/* out[0] = act(in[0]) (* in[1]) */
	OP_GATE,
	OP_KINDS,
};

/* In which steps an op runs: adapters cost nothing where nobody uses one. */
enum op_when {
	WHEN_ALWAYS,
	WHEN_PLAIN,   /* no row has an adapter */
	WHEN_ADAPTED, /* some row has */
};

enum value_rows {
	ROWS_TOKENS,
	ROWS_OUTPUTS,
};

struct value {
	const char *name; /* "x", "q", ...; static */
	enum value_rows rows;
	uint32_t n_cols;
};

struct op {
	enum op_kind kind;
	enum op_when when;
	int32_t layer; /* -1 outside the layers */
	int32_t in[3]; /* values, or NO_VALUE */
	int32_t add;
	int32_t out[OP_WEIGHTS_MAX]; /* one that is in[] or add too is changed in place */
	uint32_t n_weights;
	const struct matrix *weight[OP_WEIGHTS_MAX];
	struct vector bias[OP_WEIGHTS_MAX];	/* n == 0: none */
	struct vector adapters[OP_WEIGHTS_MAX]; /* OP_ADAPT: of each column, as a float */
	struct vector norm;
	struct vector norm_bias; /* OP_NORM only; n == 0: none */
	float eps;
	float scale; /* OP_EMBED, OP_MATMUL, OP_ATTENTION, OP_MIX */
	enum activation activation;
	uint32_t n_used; /* OP_ROUTE and what comes after it: experts of a token */
	bool sums_to_one;
	/* OP_ROPE, OP_ATTENTION */
	uint32_t n_head;
	uint32_t n_head_kv;
	uint32_t head_dim;
	uint32_t window;   /* 0: all */
	bool sees_all;	   /* OP_ATTENTION */
	uint32_t rope;	   /* index into model->ropes */
	uint32_t kv_group; /* layers of one group keep the same positions */
	struct vector q_norm, k_norm;
};

/* Layers whose cache holds the same positions: all of them, or the last WINDOW. */
struct kv_group {
	uint32_t window; /* 0: all */
	uint32_t n_layers;
};

struct graph {
	const struct model *model;
	struct value *values; /* [n_values] */
	uint32_t n_values;
	struct op *ops; /* [n_ops], in an order that respects what they need */
	uint32_t n_ops;
	struct kv_group kv_groups[KV_GROUPS_MAX];
	uint32_t n_kv_groups;
	uint32_t n_matrices; /* the ids of weights lie below */
	uint32_t n_adapters; /* 0: no op is WHEN_ADAPTED */
	int32_t result;	     /* the value that holds what is wanted: ROWS_OUTPUTS */
};

const char *op_kind_name(enum op_kind kind);

/* What a graph computes for each wanted row. */
enum graph_result {
	GRAPH_LOGITS,	  /* of the next token, [n_vocab]; of encoders, as below */
	GRAPH_EMBEDDINGS, /* the hidden state after the last norm, [n_embd]: no head */
};

/* Builds the graph of MODEL, which must outlive it. 0 or -ENOMEM. */
int graph_build(const struct model *model, enum graph_result result, const struct log *log,
		struct graph **ret_graph);

/* The same with what ADAPTERS add, which outlive it too; NULL: nothing. */
int graph_build_adapted(const struct model *model, enum graph_result result,
			const struct low_rank_set *adapters, const struct log *log,
			struct graph **ret_graph);
void graph_destroy(struct graph *graph);

/* Multiply-adds count as two. N_TOKENS rows, of which N_OUTPUTS are wanted, at DEPTH positions. */
struct op_cost {
	uint64_t flops;
	uint64_t weight_bytes; /* read from weights, as stored in the file */
	uint64_t kv_bytes;     /* read from and written to the cache, f16 */
	uint64_t value_bytes;  /* read from and written to values */
};

struct op_cost op_cost(const struct graph *graph, const struct op *op, uint32_t n_tokens,
		       uint32_t n_outputs, uint32_t depth);

/* Prints the ops with shapes, FLOPs and bytes of a step, as a table or as JSON. */
void graph_print(const struct graph *graph, uint32_t n_tokens, uint32_t depth, FILE *out);
int graph_print_json(const struct graph *graph, uint32_t n_tokens, uint32_t depth, FILE *out);

#endif

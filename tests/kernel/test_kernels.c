// SPDX-License-Identifier: MIT
/*
 * Every op x type on a device, with random shapes and data, against the reference device with the
 * same quantised activations; and timed.
 *
 *   test_kernels [--device D] [--rounds N] [--seed S] [--only WORD] [--small] [--bench] [--verbose]
 */
#include <getopt.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "clock.h"
#include "kernel_case.h"
#include "packed_type.h"

enum { SKIPPED = 77 };

/* Only the order of float sums differs when both sides see the same codes. */
static const double SAME_CODES = 1e-10;
/* A norm before quantising may flip a code: one quantum in a few thousand. */
static const double FLIPPED_CODES = 3e-5;
static const double FLOATS = 1e-10;
/* Fast exponentials, half-precision caches. */
static const double ATTENTION = 1e-6;

static const enum tensor_type weight_types[] = {
	TENSOR_F32,  TENSOR_F16,    TENSOR_BF16,   TENSOR_Q4_0,	 TENSOR_Q4_1, TENSOR_Q5_0,
	TENSOR_Q5_1, TENSOR_Q8_0,   TENSOR_Q2_K,   TENSOR_Q3_K,	 TENSOR_Q4_K, TENSOR_Q5_K,
	TENSOR_Q6_K, TENSOR_IQ4_NL, TENSOR_IQ4_XS, TENSOR_MXFP4,
};

struct harness {
	struct device *device;
	struct device *reference;
	uint64_t seed;
	unsigned rounds;
	const char *only;
	bool small; /* shapes that a simulator gets through */
	unsigned n_run, n_failed;
};

static void write_log(void *data, enum log_level level, const char *text)
{
	(void)data;
	(void)level;
	(void)fprintf(stderr, "%s\n", text);
}

/* --verbose shows what a driver says of a program it does not compile. */
static struct log harness_log = {write_log, NULL, LOG_LEVEL_WARNING};

/* ---- comparing ---- */

struct both {
	struct bound_case device;
	struct bound_case reference;
};

static int both_init(struct both *both, struct harness *h, struct kernel_case *c)
{
	int r = bound_case_init(&both->device, c, h->device);

	memset(&both->reference, 0, sizeof(both->reference));
	both->reference.c = c;
	return r < 0 ? r : bound_case_init(&both->reference, c, h->reference);
}

static void both_finish(struct both *both)
{
	bound_case_finish(&both->device);
	bound_case_finish(&both->reference);
}

static void both_random_input(struct both *both, struct kernel_case *c, int32_t value,
			      uint32_t n_rows)
{
	size_t n = (size_t)n_rows * c->values[value].n_cols;
	float *data = malloc(n * sizeof(*data));

	for (size_t i = 0; i < n; i++)
		data[i] = random_normal(&c->random) * (i % 97 == 0 ? 8 : 1);
	(void)bound_case_write(&both->device, value, data, n_rows);
	(void)bound_case_write(&both->reference, value, data, n_rows);
	free(data);
}

static int both_run(struct both *both, const struct step *step)
{
	int r = segment_run(both->device.segment, step);

	return r < 0 ? r : segment_run(both->reference.segment, step);
}

static double both_compare(struct both *both, struct kernel_case *c, int32_t value, uint32_t n_rows)
{
	size_t n = (size_t)n_rows * c->values[value].n_cols;
	float *wanted = calloc(n, sizeof(*wanted)), *got = calloc(n, sizeof(*got));
	double error = INFINITY;

	if (bound_case_read(&both->reference, value, wanted, n_rows) == 0 &&
	    bound_case_read(&both->device, value, got, n_rows) == 0)
		error = nmse(wanted, got, n);
	free(wanted);
	free(got);
	return error;
}

/* Each goes on with the other's cache: a page is the same bytes on every device. */
static int both_swap_caches(struct both *both)
{
	struct buffer *a = both->device.kv, *b = both->reference.kv;
	uint8_t *of_a = malloc(a->size_bytes), *of_b = malloc(a->size_bytes);
	int r = of_a && of_b ? 0 : -ENOMEM;

	if (r == 0)
		r = buffer_read(a, 0, of_a, a->size_bytes);
	if (r == 0)
		r = buffer_read(b, 0, of_b, a->size_bytes);
	if (r == 0)
		r = buffer_write(a, 0, of_b, a->size_bytes);
	if (r == 0)
		r = buffer_write(b, 0, of_a, a->size_bytes);
	free(of_a);
	free(of_b);
	return r;
}

static void verdict(struct harness *h, const char *what, double error, double limit)
{
	h->n_run++;
	if (error <= limit)
		return;
	h->n_failed++;
	(void)printf("FAILED %s: NMSE %.3g, limit %.3g\n", what, error, limit);
}

/* ---- matmul and glu ---- */

static uint32_t random_columns(struct harness *h, struct kernel_case *c, enum tensor_type type)
{
	unsigned block = tensor_type_info(type)->block_values;

	if (h->small)
		return block == 1 ? random_in(&c->random, 1, 40)
				  : block * random_in(&c->random, 1, block == 32 ? 3 : 1);
	if (block == 1)
		return random_in(&c->random, 1, 300);
	return block * random_in(&c->random, 1, block == 32 ? 40 : 6);
}

static uint32_t random_tokens(struct harness *h, struct kernel_case *c)
{
	if (h->small)
		return random_in(&c->random, 1, 14);
	switch (random_in(&c->random, 0, 3)) {
	case 0:
		return 1;
	case 1:
		return random_in(&c->random, 2, 16);
	default:
		return random_in(&c->random, 1, 70);
	}
}

static void set_weights(struct harness *h, struct kernel_case *c, struct op *op,
			enum tensor_type type, uint32_t n_cols, uint32_t n_weights, bool same_rows)
{
	uint32_t most = h->small ? 20 : 150, n_rows = random_in(&c->random, 1, most);

	for (uint32_t i = 0; i < n_weights; i++) {
		if (!same_rows)
			n_rows = random_in(&c->random, 1, most);
		op->weight[i] = case_matrix(c, type, n_rows, n_cols);
		if (op->kind == OP_MATMUL || i == 0)
			op->out[i] = case_value(c, ROWS_TOKENS, n_rows);
		if (op->kind == OP_MATMUL && random_in(&c->random, 0, 1))
			op->bias[i] = case_vector(c, n_rows, 0, 1);
	}
	op->n_weights = n_weights;
}

static void try_matmul(struct harness *h, enum op_kind kind, enum tensor_type type, uint64_t seed)
{
	struct kernel_case c;
	struct case_step s;
	struct both both;
	char what[160];
	uint32_t n_cols, n_tokens, start = 0;
	struct op *op;
	int32_t in;
	bool normed;

	kernel_case_init(&c, seed);
	n_cols = random_columns(h, &c, type);
	n_tokens = c.max_tokens = random_tokens(h, &c);
	in = case_value(&c, ROWS_TOKENS, n_cols);
	op = case_op(&c, kind, in);
	op->activation = random_in(&c.random, 0, 1) ? ACTIVATION_SILU : ACTIVATION_GELU_TANH;
	normed = random_in(&c.random, 0, 1);
	if (normed)
		op->norm = case_vector(&c, n_cols, 1, 0.3f);
	set_weights(h, &c, op, type, n_cols, kind == OP_GLU ? 2 : random_in(&c.random, 1, 3),
		    kind == OP_GLU);
	if (kind == OP_MATMUL && op->n_weights == 1 && random_in(&c.random, 0, 1))
		op->add = random_in(&c.random, 0, 1)
				  ? op->out[0] /* in place, as the memory plan likes it */
				  : case_value(&c, ROWS_TOKENS, op->weight[0]->n_rows);
	if (random_in(&c.random, 0, 1))
		op->scale = 0.22f;
	(void)snprintf(what, sizeof(what), "%s %s %ux%u tokens %u weights %u%s%s seed %" PRIu64,
		       op_kind_name(kind), tensor_type_info(type)->name, op->weight[0]->n_rows,
		       n_cols, n_tokens, op->n_weights, normed ? " normed" : "",
		       op->add != NO_VALUE ? " add" : "", seed);
	(void)case_step_init(&s, &c, 1, &n_tokens, &start, 0);
	if (both_init(&both, h, &c) == 0) {
		bool rounded = tensor_type_info(type)->block_values > 1;

		both_random_input(&both, &c, in, n_tokens);
		if (op->add != NO_VALUE)
			both_random_input(&both, &c, op->add, n_tokens);
		if (both_run(&both, &s.step) < 0)
			verdict(h, what, INFINITY, 0);
		for (uint32_t i = 0; i < OP_WEIGHTS_MAX && op->out[i] != NO_VALUE; i++)
			verdict(h, what, both_compare(&both, &c, op->out[i], n_tokens),
				!rounded ? FLOATS
				: normed ? FLIPPED_CODES
					 : SAME_CODES);
	} else {
		verdict(h, what, INFINITY, 0);
	}
	both_finish(&both);
	case_step_finish(&s);
	kernel_case_finish(&c);
}

/* ---- rows ---- */

static void try_embed(struct harness *h, enum tensor_type type, uint64_t seed)
{
	struct kernel_case c;
	struct case_step s;
	struct both both;
	char what[160];
	uint32_t n_cols, n_tokens, start;
	struct op *op;

	kernel_case_init(&c, seed);
	n_cols = random_columns(h, &c, type);
	n_tokens = c.max_tokens = random_tokens(h, &c);
	start = random_in(&c.random, 0, 40);
	c.model.n_vocab = random_in(&c.random, 1, 100);
	op = case_op(&c, OP_EMBED, NO_VALUE);
	op->n_weights = 1;
	op->weight[0] = case_matrix(&c, type, c.model.n_vocab, n_cols);
	op->scale = random_in(&c.random, 0, 1) ? 1.0f : 25.3f;
	if (random_in(&c.random, 0, 1))
		op->bias[0] = case_vector(&c, n_cols, 0, 1);
	if (random_in(&c.random, 0, 1))
		op->weight[op->n_weights++] =
			case_matrix(&c, random_in(&c.random, 0, 1) ? type : TENSOR_F32,
				    start + n_tokens, n_cols);
	op->out[0] = case_value(&c, ROWS_TOKENS, n_cols);
	c.max_pages = 2;
	(void)snprintf(what, sizeof(what), "embed %s %ux%u tokens %u%s%s seed %" PRIu64,
		       tensor_type_info(type)->name, c.model.n_vocab, n_cols, n_tokens,
		       op->bias[0].n > 0 ? " bias" : "", op->n_weights > 1 ? " positions" : "",
		       seed);
	(void)case_step_init(&s, &c, 1, &n_tokens, &start, 0);
	if (both_init(&both, h, &c) == 0 && both_run(&both, &s.step) == 0)
		verdict(h, what, both_compare(&both, &c, op->out[0], n_tokens), 1e-13);
	else
		verdict(h, what, INFINITY, 0);
	both_finish(&both);
	case_step_finish(&s);
	kernel_case_finish(&c);
}

static void try_norm(struct harness *h, uint64_t seed)
{
	struct kernel_case c;
	struct case_step s;
	struct both both;
	char what[160];
	uint32_t n_cols, n_tokens, start = 0;
	struct op *op;
	int32_t in;

	kernel_case_init(&c, seed);
	n_cols = random_in(&c.random, 1, 700);
	n_tokens = c.max_tokens = random_tokens(h, &c);
	in = case_value(&c, ROWS_TOKENS, n_cols);
	op = case_op(&c, OP_NORM, in);
	op->norm = case_vector(&c, n_cols, 1, 0.3f);
	if (random_in(&c.random, 0, 1))
		op->norm_bias = case_vector(&c, n_cols, 0, 1);
	op->out[0] = case_value(&c, ROWS_TOKENS, n_cols);
	if (random_in(&c.random, 0, 1))
		op->add = random_in(&c.random, 0, 1) ? op->out[0]
						     : case_value(&c, ROWS_TOKENS, n_cols);
	(void)snprintf(what, sizeof(what), "norm %u tokens %u%s%s seed %" PRIu64, n_cols, n_tokens,
		       op->norm_bias.n > 0 ? " bias" : "", op->add != NO_VALUE ? " add" : "", seed);
	(void)case_step_init(&s, &c, 1, &n_tokens, &start, 0);
	if (both_init(&both, h, &c) == 0) {
		both_random_input(&both, &c, in, n_tokens);
		if (op->add != NO_VALUE)
			both_random_input(&both, &c, op->add, n_tokens);
		verdict(h, what,
			both_run(&both, &s.step) < 0
				? (double)INFINITY
				: both_compare(&both, &c, op->out[0], n_tokens),
			1e-11);
	} else {
		verdict(h, what, INFINITY, 0);
	}
	both_finish(&both);
	case_step_finish(&s);
	kernel_case_finish(&c);
}

static void try_select(struct harness *h, uint64_t seed)
{
	struct kernel_case c;
	struct case_step s;
	struct both both;
	char what[160];
	uint32_t n_cols, n_tokens, n_outputs, start = 0;
	struct op *op;
	int32_t in;

	kernel_case_init(&c, seed);
	n_cols = random_in(&c.random, 1, 700);
	n_tokens = c.max_tokens = random_tokens(h, &c);
	n_outputs = random_in(&c.random, 0, n_tokens);
	c.max_outputs = MAX(n_outputs, 1);
	in = case_value(&c, ROWS_TOKENS, n_cols);
	op = case_op(&c, OP_SELECT, in);
	op->out[0] = case_value(&c, ROWS_OUTPUTS, n_cols);
	(void)snprintf(what, sizeof(what), "select %u of %u x %u seed %" PRIu64, n_outputs,
		       n_tokens, n_cols, seed);
	(void)case_step_init(&s, &c, 1, &n_tokens, &start, n_outputs);
	if (both_init(&both, h, &c) == 0) {
		both_random_input(&both, &c, in, n_tokens);
		verdict(h, what,
			both_run(&both, &s.step) < 0
				? (double)INFINITY
				: both_compare(&both, &c, op->out[0], n_outputs),
			0);
	} else {
		verdict(h, what, INFINITY, 0);
	}
	both_finish(&both);
	case_step_finish(&s);
	kernel_case_finish(&c);
}

/* ---- experts ---- */

/* scores, x -> route -> glu -> matmul -> mix: values 0 to 5 */
enum { SCORES, INPUT, ROUTE, FF, PARTS, MIXED };

/* Few, because every expert has them. */
static uint32_t expert_columns(struct harness *h, struct kernel_case *c, enum tensor_type type)
{
	unsigned block = tensor_type_info(type)->block_values;

	if (h->small)
		return random_columns(h, c, type);
	return block == 256 ? block : block * random_in(&c->random, 1, block == 1 ? 90 : 5);
}

/* TYPE, or another that goes with the same rows: files mix them. */
static enum tensor_type mixed_with(struct kernel_case *c, enum tensor_type type)
{
	if (random_in(&c->random, 0, 2) > 0)
		return type;
	return tensor_type_info(type)->block_values == 1 ? TENSOR_F16 : TENSOR_Q8_0;
}

static void build_experts(struct harness *h, struct kernel_case *c, enum tensor_type type)
{
	uint32_t n_experts = random_in(&c->random, 1, h->small ? 4 : 20);
	uint32_t n_used = random_in(&c->random, 1, MIN(n_experts, h->small ? 2u : 8u));
	uint32_t n_cols = expert_columns(h, c, type), n_ff = expert_columns(h, c, type);
	struct op *op;

	(void)case_value(c, ROWS_TOKENS, n_experts);
	(void)case_value(c, ROWS_TOKENS, n_cols);
	(void)case_value(c, ROWS_TOKENS, 2 * n_used);
	(void)case_value(c, ROWS_TOKENS, n_used * n_ff);
	(void)case_value(c, ROWS_TOKENS, n_used * n_cols);
	op = case_op(c, OP_ROUTE, SCORES);
	op->sums_to_one = random_in(&c->random, 0, 1);
	op->out[0] = ROUTE;
	op = case_op(c, OP_EXPERT_GLU, INPUT);
	if (random_in(&c->random, 0, 1))
		op->norm = case_vector(c, n_cols, 1, 0.3f);
	op->activation = random_in(&c->random, 0, 1) ? ACTIVATION_SILU : ACTIVATION_GELU_TANH;
	op->weight[0] = case_experts(c, type, n_experts, n_ff, n_cols);
	op->weight[1] = case_experts(c, mixed_with(c, type), n_experts, n_ff, n_cols);
	op->n_weights = 2;
	op->out[0] = FF;
	op = case_op(c, OP_EXPERT_MATMUL, FF);
	op->weight[0] = case_experts(c, type, n_experts, n_cols, n_ff);
	op->n_weights = 1;
	op->out[0] = PARTS;
	op = case_op(c, OP_MIX, PARTS);
	op->scale = random_in(&c->random, 0, 1) ? 1 : 0.22f;
	op->out[0] = case_value(c, ROWS_TOKENS, n_cols);
	if (random_in(&c->random, 0, 1))
		op->add = INPUT;
	for (uint32_t i = 0; i < c->graph.n_ops; i++) {
		c->ops[i].n_used = n_used;
		c->ops[i].in[1] = i > 0 ? ROUTE : NO_VALUE;
	}
}

static void try_experts(struct harness *h, enum tensor_type type, uint64_t seed)
{
	bool rounded = tensor_type_info(type)->block_values > 1;
	uint32_t n_tokens, start = 0;
	struct kernel_case c;
	struct case_step s;
	struct both both;
	char what[160];

	kernel_case_init(&c, seed);
	n_tokens = c.max_tokens = h->small ? random_in(&c.random, 1, 2) : random_tokens(h, &c);
	build_experts(h, &c, type);
	(void)snprintf(what, sizeof(what), "experts %s %u of %u, %u -> %u tokens %u seed %" PRIu64,
		       tensor_type_info(type)->name, c.ops[0].n_used, c.values[SCORES].n_cols,
		       c.values[INPUT].n_cols, c.ops[1].weight[0]->n_rows, n_tokens, seed);
	(void)case_step_init(&s, &c, 1, &n_tokens, &start, 0);
	if (both_init(&both, h, &c) == 0) {
		both_random_input(&both, &c, SCORES, n_tokens);
		both_random_input(&both, &c, INPUT, n_tokens);
		if (both_run(&both, &s.step) < 0)
			verdict(h, what, INFINITY, 0);
		verdict(h, what, both_compare(&both, &c, ROUTE, n_tokens), 1e-11);
		verdict(h, what, both_compare(&both, &c, FF, n_tokens),
			!rounded	      ? FLOATS
			: c.ops[1].norm.n > 0 ? FLIPPED_CODES
					      : SAME_CODES);
		verdict(h, what, both_compare(&both, &c, PARTS, n_tokens),
			rounded ? FLIPPED_CODES : FLOATS);
		verdict(h, what, both_compare(&both, &c, MIXED, n_tokens),
			rounded ? FLIPPED_CODES : FLOATS);
	} else {
		verdict(h, what, INFINITY, 0);
	}
	both_finish(&both);
	case_step_finish(&s);
	kernel_case_finish(&c);
}

/* ---- rope and attention ---- */

static const uint32_t head_dims[] = {32, 64, 80, 96, 128, 256, 16, 10};

static void set_heads(struct kernel_case *c, struct op *op, const struct op *like)
{
	if (like) {
		op->n_head = like->n_head;
		op->n_head_kv = like->n_head_kv;
		op->head_dim = like->head_dim;
		op->window = like->window;
		op->sees_all = like->window == 0 && random_in(&c->random, 0, 1);
		op->scale = like->scale;
		return;
	}
	op->n_head_kv = random_in(&c->random, 1, 4);
	op->n_head = op->n_head_kv * random_in(&c->random, 1, 4);
	op->head_dim = head_dims[random_in(&c->random, 0, ARRAY_SIZE(head_dims) - 1)];
	op->window = random_in(&c->random, 0, 1) ? random_in(&c->random, 1, 150) : 0;
	op->scale = 1 / sqrtf((float)op->head_dim);
	if (random_in(&c->random, 0, 1)) {
		op->q_norm = case_vector(c, op->head_dim, 1, 0.3f);
		op->k_norm = case_vector(c, op->head_dim, 1, 0.3f);
	}
}

static void build_attention(struct kernel_case *c, int32_t inputs[3], int32_t *ret_q,
			    int32_t *ret_out)
{
	struct op *rope = case_op(c, OP_ROPE, 0), *attention;

	set_heads(c, rope, NULL);
	c->model.n_ropes = 1;
	c->model.ropes[0] = (struct rope){
		.style = random_in(&c->random, 0, 1) ? ROPE_PAIRS : ROPE_HALVES,
		.n_dims = rope->head_dim / 4 * random_in(&c->random, 0, 2) * 2,
		.base = 10000,
		.scale = 1,
		.magnitude = 1 + (float)random_in(&c->random, 0, 1) / 8,
	};
	c->layer.n_head = rope->n_head;
	c->kv_type = random_in(&c->random, 0, 1) ? KV_F16 : KV_Q8_0;
	inputs[0] = case_value(c, ROWS_TOKENS, rope->n_head * rope->head_dim);
	inputs[1] = case_value(c, ROWS_TOKENS, rope->n_head_kv * rope->head_dim);
	inputs[2] = case_value(c, ROWS_TOKENS, rope->n_head_kv * rope->head_dim);
	memcpy(rope->in, inputs, sizeof(rope->in));
	rope->out[0] = *ret_q = random_in(&c->random, 0, 1)
					? inputs[0]
					: case_value(c, ROWS_TOKENS, rope->n_head * rope->head_dim);
	attention = case_op(c, OP_ATTENTION, rope->out[0]);
	set_heads(c, attention, rope);
	attention->out[0] = *ret_out = case_value(c, ROWS_TOKENS, rope->n_head * rope->head_dim);
	c->graph.kv_groups[0].window = rope->window;
}

/* Three steps over up to three sequences, each continuing what the one before cached. */
static void try_attention(struct harness *h, uint64_t seed)
{
	uint32_t starts[3] = {0}, lengths[3], n_runs, n_tokens, longest;
	int32_t inputs[3], q, out;
	struct kernel_case c;
	struct both both;
	char what[200];

	kernel_case_init(&c, seed);
	n_runs = c.max_runs = random_in(&c.random, 1, 3);
	c.max_tokens = 3 * 150;
	c.max_pages = 8;
	c.n_pages = 29; /* more than 3 x 8, and no divisor of the scattering step */
	build_attention(&c, inputs, &q, &out);
	longest = h->small ? 5 : 150;
	(void)snprintf(
		what, sizeof(what),
		"attention heads %u/%u x %u window %u all %d kv %d rope %d/%u norms %d runs %u "
		"seed %" PRIu64,
		c.ops[0].n_head, c.ops[0].n_head_kv, c.ops[0].head_dim, c.ops[0].window,
		c.ops[1].sees_all, c.kv_type, c.model.ropes[0].style, c.model.ropes[0].n_dims,
		c.ops[0].q_norm.n > 0, n_runs, seed);
	if (both_init(&both, h, &c) < 0) {
		verdict(h, what, INFINITY, 0);
		both_finish(&both);
		kernel_case_finish(&c);
		return;
	}
	for (int step = 0; step < 3; step++) {
		struct case_step s;

		n_tokens = 0;
		for (uint32_t i = 0; i < n_runs; i++) {
			lengths[i] = step == 1 ? 1 : random_in(&c.random, 1, longest);
			n_tokens += lengths[i];
		}
		(void)case_step_init(&s, &c, n_runs, lengths, starts, 0);
		for (int i = 0; i < 3; i++)
			both_random_input(&both, &c, inputs[i], n_tokens);
		if (both_run(&both, &s.step) < 0 || both_swap_caches(&both) < 0)
			verdict(h, what, INFINITY, 0);
		verdict(h, what, both_compare(&both, &c, q, n_tokens), 1e-11);
		/* An 8-bit cache may round a number the other way: one quantum of 127. */
		verdict(h, what, both_compare(&both, &c, out, n_tokens),
			c.kv_type == KV_F16 ? ATTENTION : 1e-5);
		case_step_finish(&s);
		for (uint32_t i = 0; i < n_runs; i++)
			starts[i] += lengths[i];
	}
	both_finish(&both);
	kernel_case_finish(&c);
}

/* ---- adapters ---- */

enum { CASE_ADAPTERS = 3 };

static float *random_scales(struct kernel_case *c, uint32_t n_tokens)
{
	float *scales = calloc((size_t)n_tokens * CASE_ADAPTERS, sizeof(*scales));

	for (uint32_t i = 0; scales && i < n_tokens * CASE_ADAPTERS; i++)
		scales[i] = random_in(&c->random, 0, 2) > 0 ? random_normal(&c->random) : 0;
	return scales;
}

/* y += B (scales * (A x)), then z = act(y) * u. Values: x, y, u, A x, z. */
static void build_adapted(struct harness *h, struct kernel_case *c, enum value_rows rows)
{
	uint32_t n_cols = random_columns(h, c, TENSOR_F32), rank = random_in(&c->random, 1, 40);
	uint32_t n_rows = random_in(&c->random, 1, h->small ? 20 : 150);
	int32_t x = case_value(c, rows, n_cols), y = case_value(c, rows, n_rows);
	int32_t u = case_value(c, rows, n_rows), t = case_value(c, rows, rank);
	float *owners = calloc(rank, sizeof(*owners));
	struct op *op = case_op(c, OP_MATMUL, x);

	op->weight[0] = case_matrix(c, TENSOR_F32, rank, n_cols);
	op->out[0] = t;
	op->n_weights = 1;
	op = case_op(c, OP_ADAPT, t);
	op->out[0] = t;
	for (uint32_t i = 0; owners && i < rank; i++)
		owners[i] = (float)random_in(&c->random, 0, CASE_ADAPTERS - 1);
	op->adapters[0] = (struct vector){owners, rank};
	c->vectors[c->n_vectors++] = owners;
	op = case_op(c, OP_MATMUL, t);
	op->weight[0] = case_matrix(c, TENSOR_F32, n_rows, rank);
	op->n_weights = 1;
	op->add = op->out[0] = y;
	op = case_op(c, OP_GATE, y);
	if (random_in(&c->random, 0, 1))
		op->in[1] = u;
	op->out[0] = case_value(c, rows, n_rows);
	op->activation = random_in(&c->random, 0, 1) ? ACTIVATION_SILU : ACTIVATION_GELU_TANH;
	for (int i = 0; i < 3; i++)
		c->ops[i].when = WHEN_ADAPTED;
	c->graph.n_adapters = CASE_ADAPTERS;
}

static void try_adapted(struct harness *h, uint64_t seed)
{
	struct kernel_case c;
	struct case_step s;
	struct both both;
	uint32_t n_tokens, start = 0, n;
	enum value_rows rows;
	float *scales;
	char what[96];

	kernel_case_init(&c, seed);
	rows = random_in(&c.random, 0, 1) ? ROWS_TOKENS : ROWS_OUTPUTS;
	n_tokens = c.max_tokens = random_tokens(h, &c);
	c.max_outputs = random_in(&c.random, 1, n_tokens);
	build_adapted(h, &c, rows);
	(void)snprintf(what, sizeof(what), "adapt %u of %u rank %u seed %" PRIu64, n_tokens,
		       c.max_outputs, c.values[3].n_cols, seed);
	(void)case_step_init(&s, &c, 1, &n_tokens, &start, c.max_outputs);
	n = rows == ROWS_TOKENS ? n_tokens : c.max_outputs;
	scales = random_scales(&c, n_tokens);
	if (both_init(&both, h, &c) < 0)
		verdict(h, what, INFINITY, 0);
	for (int adapted = 1; adapted >= 0; adapted--) {
		for (int32_t value = 0; value < 3; value++)
			both_random_input(&both, &c, value, n);
		s.step.adapter_scales = adapted ? scales : NULL;
		if (both_run(&both, &s.step) < 0)
			verdict(h, what, INFINITY, 0);
		verdict(h, what, both_compare(&both, &c, 1, n), adapted ? FLOATS : 0);
		verdict(h, what, both_compare(&both, &c, 4, n), ATTENTION);
	}
	both_finish(&both);
	case_step_finish(&s);
	kernel_case_finish(&c);
	free(scales);
}

/* ---- timing ---- */

enum { BENCH_ROWS = 2048, BENCH_COLS = 2048, BENCH_TOKENS = 256, BENCH_COPIES = 4 };

static double time_run(struct bound_case *bound, const struct step *step)
{
	double best = INFINITY;
	float last;

	for (int i = 0; i < 7; i++) {
		uint64_t begin = clock_now_ns();

		if (segment_run(bound->segment, step) < 0 ||
		    buffer_read(bound->values, 0, &last, sizeof(last)) < 0)
			return INFINITY;
		best = fmin(best, (double)(clock_now_ns() - begin) * 1e-9);
	}
	return best;
}

static void bench_type(struct harness *h, enum tensor_type type, uint32_t n_tokens)
{
	struct kernel_case c;
	struct case_step s;
	struct bound_case bound;
	uint32_t start = 0;
	double seconds, macs = 0, bytes = 0;
	int32_t in;

	kernel_case_init(&c, 1);
	c.max_tokens = n_tokens;
	in = case_value(&c, ROWS_TOKENS, BENCH_COLS);
	for (int i = 0; i < BENCH_COPIES; i++) {
		struct op *op = case_op(&c, OP_MATMUL, in);

		op->n_weights = 1;
		op->weight[0] = case_matrix(&c, type, 4 * BENCH_ROWS, BENCH_COLS);
		op->out[0] = case_value(&c, ROWS_TOKENS, 4 * BENCH_ROWS);
		macs += 4.0 * BENCH_ROWS * BENCH_COLS * n_tokens;
		bytes += (double)packed_matrix_bytes(type, 4 * BENCH_ROWS, BENCH_COLS);
	}
	(void)case_step_init(&s, &c, 1, &n_tokens, &start, 0);
	if (bound_case_init(&bound, &c, h->device) == 0) {
		seconds = time_run(&bound, &s.step);
		(void)printf("%-6s tokens %4u  %8.3f ms  %7.1f GMAC/s  %6.1f GB/s\n",
			     tensor_type_info(type)->name, n_tokens, seconds * 1e3,
			     macs / seconds * 1e-9, bytes / seconds * 1e-9);
		(void)fflush(stdout);
	}
	bound_case_finish(&bound);
	case_step_finish(&s);
	kernel_case_finish(&c);
}

/* ---- */

static bool wanted(const struct harness *h, const char *name)
{
	return !h->only || strstr(name, h->only);
}

static void try_all(struct harness *h, uint64_t seed)
{
	for (size_t i = 0; i < ARRAY_SIZE(weight_types); i++) {
		const char *type = tensor_type_info(weight_types[i])->name;
		char name[32];

		(void)snprintf(name, sizeof(name), "matmul %s", type);
		if (wanted(h, name))
			try_matmul(h, OP_MATMUL, weight_types[i], seed);
		(void)snprintf(name, sizeof(name), "glu %s", type);
		if (wanted(h, name))
			try_matmul(h, OP_GLU, weight_types[i], seed);
		(void)snprintf(name, sizeof(name), "embed %s", type);
		if (wanted(h, name))
			try_embed(h, weight_types[i], seed);
		(void)snprintf(name, sizeof(name), "experts %s", type);
		if (wanted(h, name))
			try_experts(h, weight_types[i], seed);
	}
	if (wanted(h, "norm"))
		try_norm(h, seed);
	if (wanted(h, "select"))
		try_select(h, seed);
	if (wanted(h, "attention"))
		try_attention(h, seed);
	if (wanted(h, "adapt"))
		try_adapted(h, seed);
}

static void bench_all(struct harness *h)
{
	static const uint32_t tokens[] = {1, 4, BENCH_TOKENS};

	for (size_t t = 0; t < ARRAY_SIZE(tokens); t++) {
		for (size_t i = 0; i < ARRAY_SIZE(weight_types); i++) {
			if (wanted(h, tensor_type_info(weight_types[i])->name))
				bench_type(h, weight_types[i], tokens[t]);
		}
	}
}

static int open_devices(struct harness *h, const struct device_list *list, const char *selector)
{
	const struct device_entry *entry;
	struct device_params params = {.log = &harness_log, .cache_dir = getenv("SLM_CACHE_DIR")};
	int r;

	if (device_list_select(list, selector, &harness_log, &entry, 1) < 1)
		return -1;
	params.ops = entry->ops;
	params.driver_data = entry->driver_data;
	r = device_open(&params, &h->device);
	if (r < 0 || device_list_select(list, "reference", NULL, &entry, 1) < 1)
		return -1;
	params.ops = entry->ops;
	params.activations = ACTIVATIONS_INT8;
	(void)printf("device: %s\n", h->device->name);
	return device_open(&params, &h->reference);
}

static int run_tests(struct harness *h, bool bench)
{
	if (bench) {
		bench_all(h);
		return 0;
	}
	for (unsigned i = 0; i < h->rounds; i++)
		try_all(h, h->seed + i);
	(void)printf("%u comparisons, %u failed\n", h->n_run, h->n_failed);
	return h->n_failed > 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"device", required_argument, NULL, 'd'}, {"rounds", required_argument, NULL, 'r'},
		{"seed", required_argument, NULL, 's'},	  {"only", required_argument, NULL, 'o'},
		{"bench", no_argument, NULL, 'b'},	  {"verbose", no_argument, NULL, 'v'},
		{"small", no_argument, NULL, 'm'},	  {0},
	};
	struct harness h = {.seed = 1, .rounds = 40};
	struct device_list *list;
	const char *selector = "cpu";
	bool bench = false;
	int option, result = SKIPPED;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'd')
			selector = optarg;
		else if (option == 'r')
			h.rounds = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 's')
			h.seed = strtoull(optarg, NULL, 10);
		else if (option == 'o')
			h.only = optarg;
		else if (option == 'b')
			bench = true;
		else if (option == 'm')
			h.small = true;
		else if (option == 'v')
			harness_log.max_level = LOG_LEVEL_DEBUG;
		else
			return 2;
	}
	if (device_list_create(strcmp(selector, "cpu") == 0 ? DEVICES_NATIVE : DEVICES_ALL, NULL,
			       &list) < 0)
		return 1;
	if (open_devices(&h, list, selector) == 0)
		result = run_tests(&h, bench);
	device_close(h.device);
	device_close(h.reference);
	device_list_destroy(list);
	return result;
}

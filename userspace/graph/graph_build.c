// SPDX-License-Identifier: MIT
/*
 * Owns the order of operations of a transformer: one function per block. Differences between
 * architectures are data in struct model by now, so a block asks what is there.
 */
#include <errno.h>
#include <stdlib.h>

#include "array.h"
#include "cleanup.h"
#include "graph.h"

DEFINE_CLEANUP(struct graph, graph_destroy)

/* Appending may fail once; the failure is kept and asked for at the end. */
struct builder {
	struct graph *graph;
	const struct low_rank_set *adapters; /* NULL: none */
	size_t values_capacity;
	size_t ops_capacity;
	int error;
};

static int32_t add_value(struct builder *b, const char *name, enum value_rows rows, uint32_t n_cols)
{
	struct graph *graph = b->graph;

	if (b->error == 0)
		b->error = array_reserve(&graph->values, &b->values_capacity, graph->n_values + 1,
					 sizeof(*graph->values));
	if (b->error < 0)
		return 0;
	graph->values[graph->n_values] = (struct value){name, rows, n_cols};
	return (int32_t)graph->n_values++;
}

static void add_op(struct builder *b, const struct op *op)
{
	struct graph *graph = b->graph;

	if (b->error == 0)
		b->error = array_reserve(&graph->ops, &b->ops_capacity, graph->n_ops + 1,
					 sizeof(*graph->ops));
	if (b->error < 0)
		return;
	graph->ops[graph->n_ops++] = *op;
}

static struct op new_op(enum op_kind kind, int32_t layer, int32_t in)
{
	return (struct op){
		.kind = kind,
		.layer = layer,
		.in = {in, NO_VALUE, NO_VALUE},
		.add = NO_VALUE,
		.scale = 1,
		.out = {NO_VALUE, NO_VALUE, NO_VALUE},
	};
}

static enum value_rows rows_of(const struct builder *b, int32_t value)
{
	return b->error < 0 ? ROWS_TOKENS : b->graph->values[value].rows;
}

/* ---- single operations ---- */

static int32_t embed(struct builder *b)
{
	const struct model *model = b->graph->model;
	struct op op = new_op(OP_EMBED, -1, NO_VALUE);

	op.n_weights = model->position_embd ? 2 : 1;
	op.weight[0] = model->token_embd;
	op.weight[1] = model->position_embd;
	op.bias[0] = model->type_embd;
	op.scale = model->embedding_scale;
	op.out[0] = add_value(b, "x", ROWS_TOKENS, model->n_embd);
	add_op(b, &op);
	return op.out[0];
}

static int32_t norm_add(struct builder *b, int32_t layer, int32_t in, struct vector norm,
			int32_t add)
{
	const struct model *model = b->graph->model;
	struct op op = new_op(OP_NORM, layer, in);

	op.norm = norm;
	op.eps = model->norm_eps;
	op.add = add;
	op.out[0] = add_value(b, "x", rows_of(b, in), norm.n);
	add_op(b, &op);
	return op.out[0];
}

static int32_t layer_norm(struct builder *b, int32_t layer, int32_t in,
			  const struct layer_norm *norm)
{
	struct op op = new_op(OP_NORM, layer, in);

	op.norm = norm->weight;
	op.norm_bias = norm->bias;
	op.eps = b->graph->model->norm_eps;
	op.out[0] = add_value(b, "x", rows_of(b, in), norm->weight.n);
	add_op(b, &op);
	return op.out[0];
}

static void set_matmul(struct builder *b, struct op *op, uint32_t i, const struct matrix *weight,
		       struct vector bias, const char *name)
{
	op->weight[i] = weight;
	op->bias[i] = bias;
	op->out[i] = add_value(b, name, rows_of(b, op->in[0]), weight->n_rows);
	op->n_weights = i + 1;
}

/* ---- adapters ---- */

static bool is_adapted(const struct builder *b, const struct op *op)
{
	for (uint32_t i = 0; i < op->n_weights; i++) {
		if (low_rank_of(b->adapters, op->weight[i]))
			return true;
	}
	return false;
}

/* scale * B T onto the result that LIKE gave. */
static void add_expansion(struct builder *b, const struct op *like, uint32_t i,
			  const struct low_rank *low, int32_t t)
{
	struct op op = new_op(OP_MATMUL, like->layer, t);

	op.when = WHEN_ADAPTED;
	op.scale = like->scale;
	op.n_weights = 1;
	op.weight[0] = &low->b;
	op.add = like->out[i];
	op.out[0] = like->out[i];
	add_op(b, &op);
}

/* What adapters add to the products of the matmul OP: A x, scaled for each row, then B of that. */
static void add_adapters(struct builder *b, const struct op *op)
{
	struct op down = new_op(OP_MATMUL, op->layer, op->in[0]), adapt;
	uint32_t indices[OP_WEIGHTS_MAX], n = 0;

	adapt = new_op(OP_ADAPT, op->layer, NO_VALUE);
	down.when = adapt.when = WHEN_ADAPTED;
	down.norm = op->norm;
	down.eps = op->eps;
	for (uint32_t i = 0; i < op->n_weights; i++) {
		const struct low_rank *low = low_rank_of(b->adapters, op->weight[i]);

		if (!low)
			continue;
		set_matmul(b, &down, n, &low->a, (struct vector){0}, "low");
		adapt.in[n] = adapt.out[n] = down.out[n];
		adapt.adapters[n] = low->adapters;
		indices[n++] = i;
	}
	if (n == 0)
		return;
	add_op(b, &down);
	add_op(b, &adapt);
	for (uint32_t k = 0; k < n; k++)
		add_expansion(b, op, indices[k], low_rank_of(b->adapters, op->weight[indices[k]]),
			      down.out[k]);
}

static void add_matmul(struct builder *b, const struct op *op)
{
	add_op(b, op);
	add_adapters(b, op);
}

/* A glu as its parts. */
static void add_glu_parts(struct builder *b, const struct op *op, enum op_when when)
{
	struct op parts = new_op(OP_MATMUL, op->layer, op->in[0]), gate;

	parts.when = when;
	parts.norm = op->norm;
	parts.eps = op->eps;
	set_matmul(b, &parts, 0, op->weight[0], (struct vector){0}, "gate");
	set_matmul(b, &parts, 1, op->weight[1], (struct vector){0}, "up");
	add_matmul(b, &parts);
	gate = new_op(OP_GATE, op->layer, parts.out[0]);
	gate.when = when;
	gate.in[1] = parts.out[1];
	gate.activation = op->activation;
	gate.out[0] = op->out[0];
	add_op(b, &gate);
}

/* In parts where its matrices are of two types, and in the steps in which it is adapted. */
static void add_glu(struct builder *b, struct op *op)
{
	bool adapted = is_adapted(b, op);

	if (op->weight[0]->type != op->weight[1]->type) {
		add_glu_parts(b, op, WHEN_ALWAYS);
		return;
	}
	op->when = adapted ? WHEN_PLAIN : WHEN_ALWAYS;
	add_op(b, op);
	if (adapted)
		add_glu_parts(b, op, WHEN_ADAPTED);
}

/* W in (+ bias), of which the residual stream ADD gets its share */
static int32_t matmul(struct builder *b, int32_t layer, int32_t in, const struct matrix *weight,
		      struct vector bias, int32_t add, const char *name)
{
	struct op op = new_op(OP_MATMUL, layer, in);

	op.add = add;
	if (add != NO_VALUE)
		op.scale = b->graph->model->residual_scale;
	set_matmul(b, &op, 0, weight, bias, name);
	add_matmul(b, &op);
	return op.out[0];
}

static int32_t select_outputs(struct builder *b, int32_t layer, int32_t in)
{
	struct op op = new_op(OP_SELECT, layer, in);

	op.out[0] = add_value(b, "x", ROWS_OUTPUTS, b->error < 0 ? 0 : b->graph->values[in].n_cols);
	add_op(b, &op);
	return op.out[0];
}

/* ---- blocks ---- */

/* One group for layers that see all and one, as wide as the widest window, for the others. */
static uint32_t kv_group_of(struct graph *graph, uint32_t window)
{
	uint32_t i = 0;

	while (i < graph->n_kv_groups && (graph->kv_groups[i].window > 0) != (window > 0))
		i++;
	if (i == graph->n_kv_groups)
		graph->n_kv_groups++;
	graph->kv_groups[i].window = MAX(graph->kv_groups[i].window, window);
	return i;
}

/* Norms over all heads are operations of their own; those of each head are done while rotating. */
static bool norms_all_heads(const struct model *model, const struct model_layer *layer)
{
	return layer->q_norm.n > 0 && layer->q_norm.n != model->head_dim;
}

static void set_heads(struct graph *graph, struct op *op, const struct model_layer *layer)
{
	op->n_head = layer->n_head;
	op->n_head_kv = layer->n_head_kv;
	op->head_dim = graph->model->head_dim;
	op->window = layer->window;
	op->rope = layer->rope;
	op->kv_group = kv_group_of(graph, layer->window);
	if (!norms_all_heads(graph->model, layer)) {
		op->q_norm = layer->q_norm;
		op->k_norm = layer->k_norm;
	}
	op->eps = graph->model->norm_eps;
	op->scale = graph->model->attention_scale;
}

/* From the residual stream to the heads' results, [n_head * head_dim] per token. */
static int32_t attention_block(struct builder *b, int32_t i, const struct model_layer *layer,
			       int32_t x)
{
	struct graph *graph = b->graph;
	struct op qkv = new_op(OP_MATMUL, i, x), rope, attention;

	qkv.norm = layer->attn_norm;
	qkv.eps = graph->model->norm_eps;
	set_matmul(b, &qkv, 0, layer->q, layer->q_bias, "q");
	set_matmul(b, &qkv, 1, layer->k, layer->k_bias, "k");
	set_matmul(b, &qkv, 2, layer->v, layer->v_bias, "v");
	add_matmul(b, &qkv);

	rope = new_op(OP_ROPE, i, qkv.out[0]);
	rope.in[1] = qkv.out[1];
	if (norms_all_heads(graph->model, layer)) {
		rope.in[0] = norm_add(b, i, qkv.out[0], layer->q_norm, NO_VALUE);
		rope.in[1] = norm_add(b, i, qkv.out[1], layer->k_norm, NO_VALUE);
	}
	rope.in[2] = qkv.out[2];
	set_heads(graph, &rope, layer);
	graph->kv_groups[rope.kv_group].n_layers++;
	rope.out[0] = add_value(b, "q", ROWS_TOKENS, layer->q->n_rows);
	add_op(b, &rope);

	attention = new_op(OP_ATTENTION, i, rope.out[0]);
	set_heads(graph, &attention, layer);
	attention.sees_all = graph->model->is_encoder;
	attention.out[0] = add_value(b, "heads", ROWS_TOKENS, layer->q->n_rows);
	add_op(b, &attention);
	return attention.out[0];
}

/* The heads' results through the output matrix onto the residual stream. */
static int32_t attention_output(struct builder *b, int32_t i, const struct model_layer *layer,
				int32_t heads, int32_t x)
{
	int32_t y;

	if (layer->post_attn_norm.n == 0)
		return matmul(b, i, heads, layer->o, layer->o_bias, x, "x");
	y = matmul(b, i, heads, layer->o, layer->o_bias, NO_VALUE, "o");
	return norm_add(b, i, y, layer->post_attn_norm, x);
}

static void set_glu(struct builder *b, struct op *op, const struct model_layer *layer)
{
	const struct model *model = b->graph->model;

	op->norm = layer->ffn_norm;
	op->eps = model->norm_eps;
	op->activation = model->activation;
	op->n_weights = 2;
	op->weight[0] = layer->gate;
	op->weight[1] = layer->up;
}

/* The router chooses, the experts work side by side, their results are mixed. */
static int32_t expert_block(struct builder *b, int32_t i, const struct model_layer *layer,
			    int32_t x)
{
	const struct model *model = b->graph->model;
	uint32_t n_used = model->n_experts_used;
	struct op scores = new_op(OP_MATMUL, i, x), route, glu, down, mix;

	scores.norm = layer->ffn_norm;
	scores.eps = model->norm_eps;
	set_matmul(b, &scores, 0, layer->router, (struct vector){0}, "scores");
	add_matmul(b, &scores);

	route = new_op(OP_ROUTE, i, scores.out[0]);
	route.n_used = n_used;
	route.sums_to_one = model->experts_sum_to_one;
	route.out[0] = add_value(b, "route", rows_of(b, x), 2 * n_used);
	add_op(b, &route);

	glu = new_op(OP_EXPERT_GLU, i, x);
	set_glu(b, &glu, layer);
	glu.in[1] = route.out[0];
	glu.n_used = n_used;
	glu.out[0] = add_value(b, "ff", rows_of(b, x), n_used * layer->n_ff);
	add_op(b, &glu);

	down = new_op(OP_EXPERT_MATMUL, i, glu.out[0]);
	down.in[1] = route.out[0];
	down.n_used = n_used;
	down.n_weights = 1;
	down.weight[0] = layer->down;
	down.out[0] = add_value(b, "parts", rows_of(b, x), n_used * model->n_embd);
	add_op(b, &down);

	mix = new_op(OP_MIX, i, down.out[0]);
	mix.in[1] = route.out[0];
	mix.n_used = n_used;
	mix.add = x;
	mix.scale = model->residual_scale;
	mix.out[0] = add_value(b, "x", rows_of(b, x), model->n_embd);
	add_op(b, &mix);
	return mix.out[0];
}

static int32_t ffn_block(struct builder *b, int32_t i, const struct model_layer *layer, int32_t x)
{
	struct op glu = new_op(OP_GLU, i, x);
	struct vector none = {0};
	int32_t y;

	if (layer->router)
		return expert_block(b, i, layer, x);
	set_glu(b, &glu, layer);
	glu.out[0] = add_value(b, "ff", rows_of(b, x), layer->n_ff);
	add_glu(b, &glu);

	if (layer->post_ffn_norm.n == 0)
		return matmul(b, i, glu.out[0], layer->down, none, x, "x");
	y = matmul(b, i, glu.out[0], layer->down, none, NO_VALUE, "down");
	return norm_add(b, i, y, layer->post_ffn_norm, x);
}

/* Encoders norm the residual stream after each addition, not what goes into a block. */
static int32_t encoder_block(struct builder *b, int32_t i, const struct model_layer *layer,
			     int32_t heads, int32_t x)
{
	struct op gate;
	int32_t y;

	x = matmul(b, i, heads, layer->o, layer->o_bias, x, "x");
	x = layer_norm(b, i, x, &layer->attn_out_norm);
	y = matmul(b, i, x, layer->up, layer->up_bias, NO_VALUE, "ff");
	gate = new_op(OP_GATE, i, y);
	gate.activation = b->graph->model->activation;
	gate.out[0] = y;
	add_op(b, &gate);
	x = matmul(b, i, y, layer->down, layer->down_bias, x, "x");
	return layer_norm(b, i, x, &layer->ffn_out_norm);
}

static int32_t layer_block(struct builder *b, uint32_t i, int32_t x)
{
	const struct model *model = b->graph->model;
	const struct model_layer *layer = &model->layers[i];
	int32_t heads = attention_block(b, (int32_t)i, layer, x);

	/* After the last cache write only the rows whose results are wanted matter. */
	if (i == model->n_layers - 1) {
		heads = select_outputs(b, (int32_t)i, heads);
		x = select_outputs(b, (int32_t)i, x);
	}
	if (model->is_encoder)
		return encoder_block(b, (int32_t)i, layer, heads, x);
	x = attention_output(b, (int32_t)i, layer, heads, x);
	return ffn_block(b, (int32_t)i, layer, x);
}

static int32_t head_block(struct builder *b, int32_t x)
{
	const struct model *model = b->graph->model;
	struct op op = new_op(OP_MATMUL, -1, x);

	op.norm = model->output_norm;
	op.eps = model->norm_eps;
	op.scale = model->logit_scale;
	set_matmul(b, &op, 0, model->output, (struct vector){0}, "logits");
	add_matmul(b, &op);
	return op.out[0];
}

int graph_build_adapted(const struct model *model, enum graph_result result,
			const struct low_rank_set *adapters, const struct log *log,
			struct graph **ret_graph)
{
	_cleanup_(graph_destroy_p) struct graph *graph = calloc(1, sizeof(*graph));
	struct builder b = {.graph = graph, .adapters = adapters};
	int32_t x;

	if (!graph)
		return log_oom(log, "building the graph");
	graph->model = model;
	graph->n_matrices = adapters ? adapters->n_matrices : model->n_matrices;
	graph->n_adapters = adapters ? adapters->n_adapters : 0;
	x = embed(&b);
	if (model->is_encoder)
		x = layer_norm(&b, -1, x, &model->embd_norm);
	for (uint32_t i = 0; i < model->n_layers; i++)
		x = layer_block(&b, i, x);
	graph->result = model->is_encoder ? x
			: result == GRAPH_LOGITS
				? head_block(&b, x)
				: norm_add(&b, -1, x, model->output_norm, NO_VALUE);
	if (b.error < 0)
		return log_oom(log, "building the graph");
	*ret_graph = TAKE(graph);
	return 0;
}

int graph_build(const struct model *model, enum graph_result result, const struct log *log,
		struct graph **ret_graph)
{
	return graph_build_adapted(model, result, NULL, log, ret_graph);
}

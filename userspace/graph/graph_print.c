// SPDX-License-Identifier: MIT
/* Shows a graph to people and programs. Refuses to compute anything that graph.c does not. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cleanup.h"
#include "graph.h"
#include "json_ref.h"

enum { SHAPE_MAX = 96 };

/* "576 -> 576 + 192 + 192" */
static void shape_of(const struct graph *graph, const struct op *op, char shape[static SHAPE_MAX])
{
	int n = 0;

	if (op->in[0] == NO_VALUE)
		n = snprintf(shape, SHAPE_MAX, "tokens");
	else
		n = snprintf(shape, SHAPE_MAX, "%" PRIu32, graph->values[op->in[0]].n_cols);
	for (int i = 0; i < OP_WEIGHTS_MAX && op->out[i] != NO_VALUE; i++)
		n += snprintf(shape + n, (size_t)(SHAPE_MAX - n), "%s%" PRIu32,
			      i == 0 ? " -> " : " + ", graph->values[op->out[i]].n_cols);
}

static const char *types_of(const struct op *op, char types[static SHAPE_MAX])
{
	int n = 0;

	types[0] = '\0';
	for (uint32_t i = 0; i < op->n_weights; i++) {
		const char *name = tensor_type_info(op->weight[i]->type)->name;

		if (i > 0 && op->weight[i]->type == op->weight[i - 1]->type)
			continue;
		n += snprintf(types + n, (size_t)(SHAPE_MAX - n), "%s%s", n > 0 ? "," : "", name);
	}
	return types;
}

static const char *notes_of(const struct op *op, char notes[static SHAPE_MAX])
{
	int n = 0;

	notes[0] = '\0';
	if (op->kind == OP_ATTENTION || op->kind == OP_ROPE)
		n += snprintf(notes, SHAPE_MAX, "%" PRIu32 "/%" PRIu32 " heads of %" PRIu32,
			      op->n_head, op->n_head_kv, op->head_dim);
	if (op->kind == OP_ATTENTION && op->window > 0)
		n += snprintf(notes + n, (size_t)(SHAPE_MAX - n), ", window %" PRIu32, op->window);
	if (op->sees_all)
		n += snprintf(notes + n, (size_t)(SHAPE_MAX - n), ", sees all");
	if (op->kind != OP_NORM && op->norm.n > 0)
		n += snprintf(notes + n, (size_t)(SHAPE_MAX - n), "norm first");
	if (op->add != NO_VALUE)
		n += snprintf(notes + n, (size_t)(SHAPE_MAX - n), "%sadds x", n > 0 ? ", " : "");
	return notes;
}

static void print_op(const struct graph *graph, uint32_t i, uint32_t n_tokens, uint32_t depth,
		     FILE *out)
{
	const struct op *op = &graph->ops[i];
	struct op_cost cost = op_cost(graph, op, n_tokens, 1, depth);
	char shape[SHAPE_MAX], types[SHAPE_MAX], notes[SHAPE_MAX], layer[16] = "";

	if (op->layer >= 0)
		(void)snprintf(layer, sizeof(layer), "%" PRId32, op->layer);
	shape_of(graph, op, shape);
	(void)fprintf(out, "%4" PRIu32 "  %5s  %-9s  %-28s  %-12s  %10.3f  %10.1f  %8.1f  %s\n", i,
		      layer, op_kind_name(op->kind), shape, types_of(op, types),
		      (double)cost.flops * 1e-6, (double)cost.weight_bytes / 1024,
		      (double)cost.kv_bytes / 1024, notes_of(op, notes));
}

static struct op_cost total_cost(const struct graph *graph, uint32_t n_tokens, uint32_t depth)
{
	struct op_cost total = {0};

	for (uint32_t i = 0; i < graph->n_ops; i++) {
		struct op_cost cost = op_cost(graph, &graph->ops[i], n_tokens, 1, depth);

		total.flops += cost.flops;
		total.weight_bytes += cost.weight_bytes;
		total.kv_bytes += cost.kv_bytes;
		total.value_bytes += cost.value_bytes;
	}
	return total;
}

void graph_print(const struct graph *graph, uint32_t n_tokens, uint32_t depth, FILE *out)
{
	struct op_cost total = total_cost(graph, n_tokens, depth);

	(void)fprintf(out,
		      "%s: %" PRIu32 " ops for %" PRIu32 " token(s) at depth %" PRIu32 "\n"
		      "  op  layer  kind       shape                         weights       "
		      "    MFLOP  weights KiB   KV KiB  notes\n",
		      graph->model->arch, graph->n_ops, n_tokens, depth);
	for (uint32_t i = 0; i < graph->n_ops; i++)
		print_op(graph, i, n_tokens, depth, out);
	(void)fprintf(out, "total: %.1f MFLOP, %.1f MiB of weights, %.1f MiB of KV cache\n",
		      (double)total.flops * 1e-6, (double)total.weight_bytes / (1 << 20),
		      (double)total.kv_bytes / (1 << 20));
}

static json_t *op_json(const struct graph *graph, uint32_t i, uint32_t n_tokens, uint32_t depth)
{
	const struct op *op = &graph->ops[i];
	struct op_cost cost = op_cost(graph, op, n_tokens, 1, depth);
	char types[SHAPE_MAX], notes[SHAPE_MAX];
	json_t *outs = json_array();

	for (int k = 0; k < OP_WEIGHTS_MAX && op->out[k] != NO_VALUE; k++)
		json_array_append_new(outs, json_integer(graph->values[op->out[k]].n_cols));
	return json_pack("{s:i, s:i, s:s, s:i, s:o, s:s, s:I, s:I, s:I, s:I, s:s}", "op", (int)i,
			 "layer", op->layer, "kind", op_kind_name(op->kind), "in",
			 op->in[0] == NO_VALUE ? 0 : (int)graph->values[op->in[0]].n_cols, "out",
			 outs, "weights", types_of(op, types), "flops", (json_int_t)cost.flops,
			 "weight_bytes", (json_int_t)cost.weight_bytes, "kv_bytes",
			 (json_int_t)cost.kv_bytes, "value_bytes", (json_int_t)cost.value_bytes,
			 "notes", notes_of(op, notes));
}

int graph_print_json(const struct graph *graph, uint32_t n_tokens, uint32_t depth, FILE *out)
{
	struct op_cost total = total_cost(graph, n_tokens, depth);
	_cleanup_(json_decref_p) json_t *root = NULL;
	json_t *ops = json_array();

	for (uint32_t i = 0; i < graph->n_ops; i++)
		json_array_append_new(ops, op_json(graph, i, n_tokens, depth));
	root = json_pack("{s:s, s:i, s:i, s:I, s:I, s:I, s:o}", "arch", graph->model->arch,
			 "tokens", (int)n_tokens, "depth", (int)depth, "flops",
			 (json_int_t)total.flops, "weight_bytes", (json_int_t)total.weight_bytes,
			 "kv_bytes", (json_int_t)total.kv_bytes, "ops", ops);
	if (!root || json_dumpf(root, out, JSON_INDENT(2)) < 0)
		return -ENOMEM;
	(void)fputc('\n', out);
	return 0;
}

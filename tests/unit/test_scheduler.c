// SPDX-License-Identifier: MIT
/* Graphs and the pure decisions over them: placement of values, size of the cache, the cut. */
#include <errno.h>

#include "arch_cases.h"
#include "array.h"
#include "built_graph.h"
#include "check.h"
#include "graph.h"
#include "memory_plan.h"
#include "plan.h"
#include "tiny_model.h"

static struct tiny_model gemma(uint32_t n_layers)
{
	struct tiny_model tiny = tiny_model_default;

	tiny.arch = "gemma3";
	tiny.window = 96;
	tiny.n_layers = n_layers;
	return tiny;
}

static void a_llama_layer_is_six_ops(void **state)
{
	static const enum op_kind kinds[] = {OP_MATMUL, OP_ROPE, OP_ATTENTION,
					     OP_MATMUL, OP_GLU,	 OP_MATMUL};
	struct built b;

	(void)state;
	build(&b, &tiny_model_default);
	assert_int_equal(b.graph->n_ops, 1 + 6 + 8 + 1); /* the last layer selects twice */
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		assert_int_equal(b.graph->ops[1 + i].kind, kinds[i]);
	assert_int_equal(b.graph->n_kv_groups, 1);
	assert_int_equal(b.graph->values[b.graph->result].n_cols, 260);
	assert_int_equal(b.graph->values[b.graph->result].rows, ROWS_OUTPUTS);
	unbuild(&b);
}

static void a_layer_of_experts_is_nine_ops(void **state)
{
	static const enum op_kind kinds[] = {OP_MATMUL,	    OP_ROPE,	      OP_ATTENTION,
					     OP_MATMUL,	    OP_MATMUL,	      OP_ROUTE,
					     OP_EXPERT_GLU, OP_EXPERT_MATMUL, OP_MIX};
	struct built b;

	(void)state;
	build(&b, &arch_case_find("qwen3moe")->model);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		assert_int_equal(b.graph->ops[1 + i].kind, kinds[i]);
	unbuild(&b);
}

/* 3 of 16 experts, 64 x 96 floats each */
static void only_the_experts_in_use_are_read(void **state)
{
	enum { DOWN = 1 + 7 };
	struct built b;

	(void)state;
	build(&b, &arch_case_find("qwen3moe")->model);
	assert_int_equal(op_cost(b.graph, &b.graph->ops[DOWN], 1, 1, 0).weight_bytes,
			 3 * 64 * 96 * 4);
	assert_int_equal(op_cost(b.graph, &b.graph->ops[DOWN], 100, 1, 0).weight_bytes,
			 16 * 64 * 96 * 4);
	assert_int_equal(op_cost(b.graph, &b.graph->ops[DOWN], 2, 1, 0).flops, 2 * 2 * 3 * 64 * 96);
	unbuild(&b);
}

/* OLMoE's norms over all heads are ops of their own. */
static void norms_over_all_heads_come_before_rotation(void **state)
{
	struct built b;

	(void)state;
	build(&b, &arch_case_find("olmoe")->model);
	assert_int_equal(b.graph->ops[2].kind, OP_NORM);
	assert_int_equal(b.graph->ops[3].kind, OP_NORM);
	assert_int_equal(b.graph->ops[4].kind, OP_ROPE);
	assert_int_equal(b.graph->ops[4].q_norm.n, 0);
	unbuild(&b);
}

static void windows_make_a_second_group(void **state)
{
	struct tiny_model tiny = gemma(7);
	struct built b;

	(void)state;
	build(&b, &tiny);
	assert_int_equal(b.graph->n_kv_groups, 2);
	assert_int_equal(b.graph->kv_groups[0].window, 96);
	assert_int_equal(b.graph->kv_groups[0].n_layers, 6);
	assert_int_equal(b.graph->kv_groups[1].window, 0);
	assert_int_equal(b.graph->kv_groups[1].n_layers, 1);
	unbuild(&b);
}

static void flops_are_two_per_weight(void **state)
{
	uint64_t flops = 0, weights = 0;
	struct built b;

	(void)state;
	build(&b, &tiny_model_default);
	for (uint32_t i = 0; i < b.graph->n_ops; i++) {
		const struct op *op = &b.graph->ops[i];

		if (op->kind != OP_MATMUL && op->kind != OP_GLU)
			continue;
		flops += op_cost(b.graph, op, 1, 1, 0).flops;
		for (uint32_t k = 0; k < op->n_weights; k++)
			weights += (uint64_t)op->weight[k]->n_rows * op->weight[k]->n_cols;
	}
	assert_int_equal(flops, 2 * weights);
	unbuild(&b);
}

static void attention_cost_follows_the_window(void **state)
{
	struct tiny_model tiny = gemma(7);
	struct built b;
	const struct op *op = NULL;

	(void)state;
	build(&b, &tiny);
	for (uint32_t i = 0; i < b.graph->n_ops; i++) {
		if (b.graph->ops[i].kind == OP_ATTENTION && b.graph->ops[i].window == 96)
			op = &b.graph->ops[i];
	}
	assert_non_null(op);
	assert_int_equal(op_cost(b.graph, op, 1, 1, 10).flops, 4 * 11 * 4 * 64);
	assert_int_equal(op_cost(b.graph, op, 1, 1, 1000).flops, 4 * 96 * 4 * 64);
	assert_int_equal(op_cost(b.graph, op, 1, 1, 1000).kv_bytes, 96 * 2 * 2 * 64 * 2);
	unbuild(&b);
}

/* ---- placement of values ---- */

static uint64_t bytes_of(const struct graph *graph, int32_t value)
{
	return (graph->values[value].rows == ROWS_TOKENS ? 16 : 3) *
	       (uint64_t)graph->values[value].n_cols * sizeof(float);
}

static uint32_t last_use(const struct graph *graph, int32_t value)
{
	uint32_t last = 0;

	if (value == graph->result)
		return graph->n_ops;
	for (uint32_t i = 0; i < graph->n_ops; i++) {
		const struct op *op = &graph->ops[i];

		if (op->in[0] == value || op->in[1] == value || op->in[2] == value ||
		    op->add == value)
			last = i;
	}
	return last;
}

static uint32_t defined_at(const struct graph *graph, int32_t value)
{
	for (uint32_t i = 0; i < graph->n_ops; i++) {
		for (int k = 0; k < OP_WEIGHTS_MAX; k++) {
			if (graph->ops[i].out[k] == value)
				return i;
		}
	}
	fail_msg("value %d comes from nowhere", value);
	return 0;
}

/* May A take B's place at the op that makes A? Only what is read element by element may go. */
static bool may_replace(const struct graph *graph, int32_t a, int32_t b)
{
	const struct op *op = &graph->ops[defined_at(graph, a)];

	if (last_use(graph, b) != defined_at(graph, a) || op->out[0] != a)
		return false;
	return op->kind == OP_ROPE ? op->in[0] == b : op->add == b && op->in[0] != b;
}

static void values_never_overlap(void **state)
{
	struct tiny_model tinies[] = {tiny_model_default, gemma(7)};

	(void)state;
	for (size_t m = 0; m < ARRAY_SIZE(tinies); m++) {
		uint64_t offsets[256], total;
		struct built b;

		build(&b, &tinies[m]);
		assert_true(b.graph->n_values <= ARRAY_SIZE(offsets));
		total = memory_plan_values(b.graph, 16, 3, offsets);
		for (int32_t v = 0; v < (int32_t)b.graph->n_values; v++) {
			assert_int_equal(offsets[v] % VALUE_ALIGNMENT, 0);
			assert_true(offsets[v] + bytes_of(b.graph, v) <= total);
			for (int32_t w = 0; w < v; w++) {
				uint32_t begin =
					MAX(defined_at(b.graph, v), defined_at(b.graph, w));
				uint32_t end = MIN(last_use(b.graph, v), last_use(b.graph, w));

				if (begin > end ||
				    offsets[v] + bytes_of(b.graph, v) <= offsets[w] ||
				    offsets[w] + bytes_of(b.graph, w) <= offsets[v])
					continue;
				if (!may_replace(b.graph, v, w))
					fail_msg("values %d and %d overlap", v, w);
			}
		}
		/* A handful of rows, however many layers. */
		assert_true(total <= 16 * sizeof(float) * (3 * 256 + 2 * 512 + 512));
		unbuild(&b);
	}
}

static void windowed_caches_stay_small(void **state)
{
	struct kv_params params = {
		.n_ctx = 32768, .n_sequences = 2, .n_batch = 512, .page_cells = 64, .rewind = 1024};
	struct tiny_model tiny = gemma(7);
	struct built b;

	(void)state;
	build(&b, &tiny);
	assert_int_equal(memory_plan_kv_pages(b.graph, 1, &params), 2 * 512);
	assert_int_equal(memory_plan_kv_pages(b.graph, 0, &params),
			 2 * ((96 + 512 + 1024 + 128 + 63) / 64));
	params.n_ctx = 100;
	assert_int_equal(memory_plan_kv_pages(b.graph, 0, &params), 2 * 2);
	unbuild(&b);
}

/* ---- the cut ---- */

static void check_cut(const struct built *b, const struct plan_device *devices, uint32_t n,
		      uint32_t n_segments)
{
	struct plan plan;
	uint32_t at = 0;

	assert_int_equal(partition_by_share(b->graph, devices, n, &plan), 0);
	assert_int_equal(plan.phases[PHASE_DECODE].n_segments, n_segments);
	for (uint32_t i = 0; i < plan.phases[PHASE_DECODE].n_segments; i++) {
		const struct plan_segment *segment = &plan.phases[PHASE_DECODE].segments[i];

		assert_int_equal(segment->first_op, at);
		assert_true(segment->n_ops > 0);
		if (i > 0)
			assert_int_equal(segment->input, b->graph->ops[at].in[0]);
		else
			assert_int_equal(segment->input, NO_VALUE);
		at += segment->n_ops;
	}
	assert_int_equal(at, b->graph->n_ops);
}

static void cuts_lie_between_layers(void **state)
{
	struct tiny_model tiny = gemma(12);
	static const struct plan_device even[] = {
		{.name = "a", .share = 1}, {.name = "b", .share = 1}, {.name = "c", .share = 1}};
	static const struct plan_device skewed[] = {
		{.name = "a", .share = 60}, {.name = "b", .share = 0}, {.name = "c", .share = 40}};
	static const struct plan_device none[] = {{.name = "a", .share = 0},
						  {.name = "b", .share = -1}};
	struct plan plan;
	struct built b;

	(void)state;
	build(&b, &tiny);
	check_cut(&b, even, 1, 1);
	check_cut(&b, even, 3, 3);
	check_cut(&b, skewed, 3, 2);
	assert_int_equal(partition_by_share(b.graph, skewed, 3, &plan), 0);
	assert_int_equal(plan.phases[PHASE_DECODE].segments[1].device, 2);
	assert_true(plan.phases[PHASE_DECODE].segments[0].n_layers >
		    plan.phases[PHASE_DECODE].segments[1].n_layers);
	assert_int_equal(partition_by_share(b.graph, none, 2, &plan), -EINVAL);
	assert_int_equal(partition_by_share(b.graph, even, 0, &plan), -EINVAL);
	unbuild(&b);
}

static void more_devices_than_layers_leave_some_out(void **state)
{
	static const struct plan_device many[] = {{.name = "a", .share = 1},
						  {.name = "b", .share = 1},
						  {.name = "c", .share = 1},
						  {.name = "d", .share = 1},
						  {.name = "e", .share = 1}};
	struct built b;
	struct plan plan;

	(void)state;
	build(&b, &tiny_model_default); /* two layers */
	assert_int_equal(partition_by_share(b.graph, many, 5, &plan), 0);
	assert_true(plan.phases[PHASE_DECODE].n_segments <= 2);
	check_cut(&b, many, 5, plan.phases[PHASE_DECODE].n_segments);
	unbuild(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_llama_layer_is_six_ops),
		cmocka_unit_test(a_layer_of_experts_is_nine_ops),
		cmocka_unit_test(only_the_experts_in_use_are_read),
		cmocka_unit_test(norms_over_all_heads_come_before_rotation),
		cmocka_unit_test(windows_make_a_second_group),
		cmocka_unit_test(flops_are_two_per_weight),
		cmocka_unit_test(attention_cost_follows_the_window),
		cmocka_unit_test(values_never_overlap),
		cmocka_unit_test(windowed_caches_stay_small),
		cmocka_unit_test(cuts_lie_between_layers),
		cmocka_unit_test(more_devices_than_layers_leave_some_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/* The places where graphs may be cut: found from values, for every architecture and with adapters. */
#include "arch_cases.h"
#include "array.h"
#include "built_graph.h"
#include "low_rank.h"
#include "stages.h"
#include "tiny_adapter.h"

static bool reads(const struct op *op, int32_t value)
{
	return op->in[0] == value || op->in[1] == value || op->in[2] == value || op->add == value;
}

static bool was_made_before(const struct graph *graph, int32_t value, uint32_t end)
{
	for (uint32_t i = 0; i < end; i++) {
		for (int k = 0; k < OP_WEIGHTS_MAX; k++) {
			if (graph->ops[i].out[k] == value)
				return true;
		}
	}
	return false;
}

/* Nothing but the input comes from before, whatever comes after. */
static void check_stages(const struct graph *graph, const struct stages *stages)
{
	uint32_t at = 0;

	for (uint32_t s = 0; s < stages->n; s++) {
		const struct stage *stage = &stages->items[s];

		assert_int_equal(stage->first_op, at);
		assert_true(stage->n_ops > 0);
		at += stage->n_ops;
		if (s == 0) {
			assert_int_equal(stage->input, NO_VALUE);
			continue;
		}
		for (int32_t v = 0; v < (int32_t)graph->n_values; v++) {
			if (v == stage->input || !was_made_before(graph, v, stage->first_op))
				continue;
			for (uint32_t i = stage->first_op; i < graph->n_ops; i++)
				assert_false(reads(&graph->ops[i], v));
		}
	}
	assert_int_equal(at, graph->n_ops);
}

static void every_arch_is_cut_in_half_layers(void **state)
{
	static struct stages stages;

	(void)state;
	for (size_t i = 0; i < n_arch_cases; i++) {
		struct built b;
		uint32_t n_in_layer;

		build(&b, &arch_cases[i].model);
		assert_int_equal(stages_init(&stages, b.graph), 0);
		check_stages(b.graph, &stages);
		/* Embedding, head, and two halves of each layer; an encoder's end with a norm each. */
		n_in_layer = b.model->is_encoder ? 4 : 2;
		if (stages.n != 2 + n_in_layer * arch_cases[i].model.n_layers)
			fail_msg("%s: %u stages", arch_cases[i].name, stages.n);
		unbuild(&b);
	}
}

static void embeddings_graphs_are_cut_too(void **state)
{
	static struct stages stages;
	struct built b;

	(void)state;
	build_for(&b, &tiny_model_default, GRAPH_EMBEDDINGS);
	assert_int_equal(stages_init(&stages, b.graph), 0);
	check_stages(b.graph, &stages);
	assert_int_equal(stages.n, 2 + 2 * 2);
	unbuild(&b);
}

/* What adapters add lives inside of the halves. */
static void adapters_add_no_cuts(void **state)
{
	static struct stages stages;
	const struct tiny_adapter tiny = {.rank = 4, .type = TENSOR_F32, .seed = 7};
	struct low_rank_set *set;
	struct adapter *adapter;
	struct gguf_maker maker;
	struct graph *graph;
	struct gguf *gguf;
	uint8_t *file;
	struct built b;
	size_t bytes;

	(void)state;
	build(&b, &tiny_model_default);
	tiny_adapter_make(&tiny, b.gguf, &maker);
	file = gguf_maker_file(&maker, &bytes);
	assert_int_equal(gguf_parse(file, bytes, "adapter", NULL, &gguf), 0);
	assert_int_equal(adapter_create(gguf, b.model, NULL, &adapter), 0);
	assert_int_equal(low_rank_set_create(b.model, (const struct adapter *const[]){adapter}, 1,
					     NULL, &set),
			 0);
	assert_int_equal(graph_build_adapted(b.model, GRAPH_LOGITS, set, NULL, &graph), 0);
	assert_true(graph->n_ops > b.graph->n_ops);
	assert_int_equal(stages_init(&stages, graph), 0);
	check_stages(graph, &stages);
	assert_int_equal(stages.n, 2 + 2 * 2);
	graph_destroy(graph);
	low_rank_set_destroy(set);
	adapter_destroy(adapter);
	gguf_close(gguf);
	free(file);
	gguf_maker_finish(&maker);
	unbuild(&b);
}

static void weights_count_once(void **state)
{
	static struct stages stages;
	struct tiny_model tiny = tiny_model_default;

	(void)state;
	for (int tied = 0; tied < 2; tied++) {
		struct built b;
		uint64_t bytes = 0;

		tiny.tied = tied;
		build(&b, &tiny);
		assert_int_equal(stages_init(&stages, b.graph), 0);
		for (uint32_t s = 0; s < stages.n; s++)
			bytes += stages.items[s].weight_bytes;
		assert_int_equal(stages.shared != NULL, tied);
		if (tied) {
			assert_ptr_equal(stages.shared, b.model->token_embd);
			assert_true(stages.items[0].reads_shared);
			assert_true(stages.items[stages.n - 1].reads_shared);
			assert_false(stages.items[1].reads_shared);
			bytes += matrix_bytes(stages.shared);
		}
		assert_int_equal(bytes, model_weight_bytes(b.model));
		unbuild(&b);
	}
}

static void deep_graphs_have_fewer_cuts(void **state)
{
	static struct stages stages;
	struct tiny_model tiny = tiny_model_default;
	struct built b;

	(void)state;
	tiny.n_layers = 300;
	tiny.n_embd = tiny.n_ff = 64;
	tiny.n_head = tiny.n_head_kv = 1;
	tiny.head_dim = 64;
	tiny.type = TENSOR_F16;
	build(&b, &tiny);
	assert_int_equal(stages_init(&stages, b.graph), 0);
	assert_true(stages.n <= PLAN_SEGMENTS_MAX && stages.n > PLAN_SEGMENTS_MAX / 2);
	check_stages(b.graph, &stages);
	unbuild(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_arch_is_cut_in_half_layers),
		cmocka_unit_test(embeddings_graphs_are_cut_too),
		cmocka_unit_test(adapters_add_no_cuts),
		cmocka_unit_test(weights_count_once),
		cmocka_unit_test(deep_graphs_have_fewer_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/* What plans take, against sums done by hand over the ops. */
#include <errno.h>
#include <math.h>

#include "array.h"
#include "built_graph.h"
#include "plan.h"

static void check_close(double a, double b)
{
	if (fabs(a - b) > 1e-9 * fmax(fabs(a), fabs(b)))
		fail_msg("%.17g is not %.17g", a, b);
}

struct two {
	struct built built;
	struct device_rates rates[2];
	struct plan_device devices[2];
	struct partition_params params;
	struct plan plan; /* by even shares */
	uint64_t kv_bytes[8];
};

static void two_init(struct two *two)
{
	struct tiny_model tiny = tiny_model_default;

	memset(two, 0, sizeof(*two));
	tiny.n_layers = 8;
	tiny.tied = true;
	build(&two->built, &tiny);
	for (int d = 0; d < 2; d++) {
		two->rates[d] = (struct device_rates){
			.run_s = 0.001 * (d + 1),
			.launch_s = 0.0001,
			.attention_one_macs_s = 1e8,
			.attention_many_macs_s = 1e9,
			.values_bytes_s = 1e9,
			.link_s = 0.01 * (d + 1),
			.link_bytes_s = 1e6 * (d + 1),
		};
		for (int t = 0; t < TENSOR_TYPE_IDS; t++) {
			two->rates[d].weights_bytes_s[t] = 1e8 * (d + 1);
			two->rates[d].macs_s[t] = 1e9;
		}
		two->devices[d] = (struct plan_device){.name = d ? "b" : "a",
						       .share = 1,
						       .rates = &two->rates[d],
						       .memory_bytes = UINT64_MAX};
	}
	for (int i = 0; i < 8; i++)
		two->kv_bytes[i] = 1000;
	two->params = (struct partition_params){
		.devices = two->devices,
		.n_devices = 2,
		.work = {.n_batch = 16, .depth = 10, .n_prompt = 40, .n_answer = 5},
		.kv_bytes = two->kv_bytes,
		.value_bytes = 77,
		.host_bytes = UINT64_MAX,
	};
	assert_int_equal(partition_by_share(two->built.graph, two->devices, 2, &two->plan), 0);
	assert_int_equal(two->plan.phases[0].n_segments, 2);
}

static double ops_s(const struct two *two, const struct plan_segment *segment,
		    struct step_shape shape)
{
	const struct device_rates *rates = &two->rates[segment->device];
	double seconds = rates->run_s;

	for (uint32_t i = 0; i < segment->n_ops; i++)
		seconds += op_seconds(two->built.graph,
				      &two->built.graph->ops[segment->first_op + i], rates, &shape);
	return seconds;
}

/* 40 tokens are 16, 16 and 8; the first two begin at 10 and 26, of which 18 is the mean. */
static void phases_are_sums_of_their_steps(void **state)
{
	static struct plan_prediction p;
	static struct two two;
	const struct plan_segment *segments;
	struct step_shape full = {16, 0, 18}, last = {8, 1, 42}, answer = {1, 1, 52};
	double link16, link8, link1, logits;

	(void)state;
	two_init(&two);
	assert_int_equal(plan_predict(two.built.graph, &two.plan, &two.params, &p), 0);
	segments = two.plan.phases[0].segments;
	assert_int_equal(p.phases[PHASE_PREFILL].n_steps, 3);
	check_close(p.phases[PHASE_PREFILL].segments[0].run_s,
		    (2 * ops_s(&two, &segments[0], full) + ops_s(&two, &segments[0], last)) / 3);
	check_close(p.phases[PHASE_DECODE].segments[1].run_s, ops_s(&two, &segments[1], answer));
	/* The residual stream is 256 wide: out of a at 1 MB/s, into b at 2 MB/s. */
	link16 = 0.03 + 16 * 1024 / 1e6 + 16 * 1024 / 2e6;
	link8 = 0.03 + 8 * 1024 / 1e6 + 8 * 1024 / 2e6;
	link1 = 0.03 + 1024 / 1e6 + 1024 / 2e6;
	check_close(p.phases[PHASE_PREFILL].segments[1].crossing_s, (2 * link16 + link8) / 3);
	check_close(p.phases[PHASE_DECODE].segments[1].crossing_s, link1);
	assert_int_equal(p.phases[PHASE_PREFILL].segments[1].crossing_bytes, 16 * 1024);
	logits = 0.02 + 260 * 4 / 2e6;
	check_close(p.phases[PHASE_DECODE].result_s, logits);
	check_close(p.phases[PHASE_PREFILL].result_s, logits / 3);
	check_close(p.phases[PHASE_DECODE].total_s,
		    5 * (ops_s(&two, &segments[0], answer) + ops_s(&two, &segments[1], answer) +
			 link1 + logits));
	check_close(p.phases[PHASE_DECODE].tokens_s, 5 / p.phases[PHASE_DECODE].total_s);
	check_close(p.phases[PHASE_PREFILL].tokens_s, 40 / p.phases[PHASE_PREFILL].total_s);
	assert_int_equal(p.kv_bytes, 0);
	check_close(p.total_s, p.phases[0].total_s + p.phases[1].total_s);
	unbuild(&two.built);
}

/* All eight caches: 40 positions there, 5 back, of 2 heads of 64 keys and values in f16. */
static void caches_move_where_phases_differ(void **state)
{
	static struct plan_prediction p;
	static struct two two;
	uint64_t position = 2 * 2 * 64 * 2;

	(void)state;
	two_init(&two);
	for (int i = 0; i < 2; i++) {
		struct phase_plan *phase = &two.plan.phases[i];

		phase->n_segments = 1;
		phase->segments[0] = (struct plan_segment){.device = (uint32_t)i,
							   .n_ops = two.built.graph->n_ops,
							   .input = NO_VALUE,
							   .n_layers = 8};
	}
	assert_int_equal(plan_predict(two.built.graph, &two.plan, &two.params, &p), 0);
	assert_int_equal(p.kv_bytes, 8 * 45 * position);
	check_close(p.kv_s, 8 * (2 * 0.01 + 2 * 0.02 + 45 * (double)position / 1e6 +
				 45 * (double)position / 2e6));
	check_close(p.total_s, p.phases[0].total_s + p.phases[1].total_s + p.kv_s);
	/* Every device has everything once. */
	assert_int_equal(p.device_bytes[0], model_weight_bytes(two.built.model) + 8 * 1000 + 77);
	assert_int_equal(p.device_bytes[1], p.device_bytes[0]);
	assert_int_equal(p.host_bytes, 0);
	/* In the host's memory weights are there once, caches and values twice. */
	two.devices[0].shares_host = two.devices[1].shares_host = true;
	two.params.host_bytes = model_weight_bytes(two.built.model);
	assert_int_equal(plan_predict(two.built.graph, &two.plan, &two.params, &p), 0);
	assert_int_equal(p.host_bytes, model_weight_bytes(two.built.model) + 2 * (8 * 1000 + 77));
	assert_int_equal(p.short_of, PLAN_HOST);
	assert_int_equal(p.short_bytes, 2 * (8 * 1000 + 77));
	unbuild(&two.built);
}

/* A tied embedding is on the device of the head, too. */
static void what_is_tied_is_on_both_ends(void **state)
{
	static struct plan_prediction p;
	static struct two two;

	(void)state;
	two_init(&two);
	assert_int_equal(plan_predict(two.built.graph, &two.plan, &two.params, &p), 0);
	assert_int_equal(p.device_bytes[0] + p.device_bytes[1],
			 model_weight_bytes(two.built.model) +
				 matrix_bytes(two.built.model->token_embd) + 8 * 1000 + 2 * 77);
	assert_int_equal(p.device_bytes[0],
			 plan_weight_bytes(two.built.graph, &two.plan.phases[0].segments[0]) +
				 two.plan.phases[0].segments[0].n_layers * 1000 + 77);
	two.devices[1].memory_bytes = p.device_bytes[1] - 5;
	assert_int_equal(plan_predict(two.built.graph, &two.plan, &two.params, &p), 0);
	assert_int_equal(p.short_of, 1);
	assert_int_equal(p.short_bytes, 5);
	unbuild(&two.built);
}

/* Two devices that take the same and cost nothing to reach: parts overlap, up to what they cost. */
static void parts_of_a_batch_overlap(void **state)
{
	static struct plan_prediction p;
	static struct two two;

	(void)state;
	two_init(&two);
	for (int d = 0; d < 2; d++) {
		two.rates[d].run_s = two.rates[d].launch_s = two.rates[d].link_s = 0;
		two.rates[d].link_bytes_s = 1e30;
		for (int t = 0; t < TENSOR_TYPE_IDS; t++)
			two.rates[d].weights_bytes_s[t] = 1e30;
	}
	two.params.work = (struct plan_work){.n_batch = 512, .n_prompt = 512};
	assert_int_equal(plan_predict(two.built.graph, &two.plan, &two.params, &p), 0);
	assert_int_equal(p.n_parts, 16);
	assert_true(p.pipelined_s < 0.6 * p.phases[PHASE_PREFILL].total_s);
	assert_true(p.pipelined_s > 0.5 * p.phases[PHASE_PREFILL].total_s);
	/* A start that costs more than is gained. */
	two.rates[0].run_s = two.rates[1].run_s = 10;
	assert_int_equal(plan_predict(two.built.graph, &two.plan, &two.params, &p), 0);
	assert_int_equal(p.n_parts, 1);
	check_close(p.pipelined_s, p.phases[PHASE_PREFILL].total_s);
	unbuild(&two.built);
}

static void what_cannot_run_takes_for_ever(void **state)
{
	static bool supported[2 * 128];
	static struct plan_prediction p;
	static struct two two;

	(void)state;
	two_init(&two);
	assert_true(two.built.graph->n_ops <= 128);
	memset(supported, true, sizeof(supported));
	supported[0] = false;
	two.params.supported = supported;
	assert_int_equal(plan_predict(two.built.graph, &two.plan, &two.params, &p), 0);
	assert_true(isinf(p.total_s));
	assert_true(p.phases[PHASE_DECODE].tokens_s == 0);
	unbuild(&two.built);
}

static void a_refusal_leaves_the_result_alone(void **state)
{
	static struct plan_prediction p;
	static struct two two;

	(void)state;
	two_init(&two);
	p.total_s = 42;
	two.rates[1].link_s = NAN;
	assert_int_equal(plan_predict(two.built.graph, &two.plan, &two.params, &p), -EINVAL);
	assert_true(p.total_s == 42);
	unbuild(&two.built);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(phases_are_sums_of_their_steps),
		cmocka_unit_test(caches_move_where_phases_differ),
		cmocka_unit_test(what_is_tied_is_on_both_ends),
		cmocka_unit_test(parts_of_a_batch_overlap),
		cmocka_unit_test(what_cannot_run_takes_for_ever),
		cmocka_unit_test(a_refusal_leaves_the_result_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

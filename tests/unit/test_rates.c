// SPDX-License-Identifier: MIT
/* What ops take by a device's rates, and rates that cannot be true. */
#include <math.h>

#include "arch_cases.h"
#include "array.h"
#include "built_graph.h"
#include "rates.h"

static void check_close(double a, double b)
{
	if (fabs(a - b) > 1e-9 * fmax(fabs(a), fabs(b)))
		fail_msg("%.17g is not %.17g", a, b);
}

static const struct op *find(const struct graph *graph, enum op_kind kind)
{
	for (uint32_t i = 0; i < graph->n_ops; i++) {
		if (graph->ops[i].kind == kind)
			return &graph->ops[i];
	}
	fail_msg("there is no %s", op_kind_name(kind));
	return NULL;
}

static struct device_rates flat(double bytes_s, double macs_s)
{
	struct device_rates rates = {.launch_s = 1e-5};

	for (int i = 0; i < TENSOR_TYPE_IDS; i++) {
		rates.weights_bytes_s[i] = bytes_s;
		rates.macs_s[i] = macs_s;
	}
	return rates;
}

static void a_row_is_limited_by_bytes_and_many_by_macs(void **state)
{
	struct device_rates rates = flat(1e6, 1e8);
	struct step_shape one = {.n_tokens = 1, .n_outputs = 1};
	struct step_shape many = {.n_tokens = 1000, .n_outputs = 1};
	const struct op *op;
	struct built b;
	double bytes = 0, values = 0;

	(void)state;
	build(&b, &tiny_model_default);
	op = find(b.graph, OP_MATMUL);
	for (uint32_t i = 0; i < op->n_weights; i++) {
		bytes += (double)matrix_bytes(op->weight[i]);
		values += (double)op->weight[i]->n_rows * op->weight[i]->n_cols;
	}
	check_close(op_seconds(b.graph, op, &rates, &one), 1e-5 + bytes / 1e6);
	check_close(op_seconds(b.graph, op, &rates, &many), 1e-5 + 1000 * values / 1e8);
	/* Values come on top. */
	rates.values_bytes_s = 1;
	check_close(op_seconds(b.graph, op, &rates, &one),
		    1e-5 + bytes / 1e6 + (double)op_cost(b.graph, op, 1, 1, 0).value_bytes);
	unbuild(&b);
}

static void matrices_of_an_op_have_their_own_types(void **state)
{
	struct device_rates rates = flat(0, 0);
	struct step_shape one = {.n_tokens = 1, .n_outputs = 1};
	struct step_shape many = {.n_tokens = 64, .n_outputs = 1};
	struct matrix other;
	struct built b;
	struct op op;
	double first, second;

	(void)state;
	build(&b, &tiny_model_default);
	op = *find(b.graph, OP_GLU);
	other = *op.weight[1];
	other.type = TENSOR_F32;
	op.weight[1] = &other;
	assert_int_not_equal(op.weight[0]->type, TENSOR_F32);
	rates.weights_bytes_s[op.weight[0]->type] = 1e6;
	assert_true(isinf(op_seconds(b.graph, &op, &rates, &one)));
	rates.weights_bytes_s[TENSOR_F32] = 4e6;
	first = (double)matrix_bytes(op.weight[0]) / 1e6;
	second = (double)matrix_bytes(&other) / 4e6;
	check_close(op_seconds(b.graph, &op, &rates, &one), 1e-5 + first + second);
	/* Multiply-adds go by values: both matrices have as many. */
	rates.macs_s[TENSOR_F32] = 1e6;
	check_close(op_seconds(b.graph, &op, &rates, &many),
		    1e-5 + first + 64.0 * other.n_rows * other.n_cols / 1e6);
	unbuild(&b);
}

static void attention_has_rates_of_its_own(void **state)
{
	struct device_rates rates = flat(1, 1);
	struct step_shape one = {.n_tokens = 1, .n_outputs = 1, .depth = 99};
	struct step_shape two = {.n_tokens = 2, .n_outputs = 1, .depth = 99};
	const struct op *op;
	struct built b;
	double macs;

	(void)state;
	build(&b, &tiny_model_default);
	op = find(b.graph, OP_ATTENTION);
	macs = 2.0 * op->n_head * op->head_dim;
	rates.attention_one_macs_s = 1e3;
	rates.attention_many_macs_s = 1e4;
	check_close(op_seconds(b.graph, op, &rates, &one), 1e-5 + 100 * macs / 1e3);
	check_close(op_seconds(b.graph, op, &rates, &two), 1e-5 + 201 * macs / 1e4);
	unbuild(&b);
}

static void ops_without_rows_only_start(void **state)
{
	struct device_rates rates = flat(1, 1);
	struct step_shape none = {.n_tokens = 8};
	struct built b;

	(void)state;
	build(&b, &tiny_model_default);
	check_close(op_seconds(b.graph, &b.graph->ops[b.graph->n_ops - 1], &rates, &none), 1e-5);
	unbuild(&b);
}

static void embedding_reads_rows_only(void **state)
{
	struct device_rates rates = flat(1, 1);
	struct step_shape one = {.n_tokens = 1, .n_outputs = 1};
	struct built b;

	(void)state;
	build(&b, &tiny_model_default);
	check_close(op_seconds(b.graph, find(b.graph, OP_EMBED), &rates, &one), 1e-5);
	unbuild(&b);
}

static void ops_of_every_arch_take_finite_time(void **state)
{
	struct device_rates rates = flat(1e9, 1e9);
	struct step_shape shape = {.n_tokens = 7, .n_outputs = 2, .depth = 3};

	(void)state;
	for (size_t i = 0; i < n_arch_cases; i++) {
		struct built b;

		build(&b, &arch_cases[i].model);
		for (uint32_t k = 0; k < b.graph->n_ops; k++) {
			double seconds = op_seconds(b.graph, &b.graph->ops[k], &rates, &shape);

			assert_true(seconds >= 1e-5 && seconds < 1);
		}
		unbuild(&b);
	}
}

static void links_take_a_start_and_their_bytes(void **state)
{
	struct device_rates rates = {.link_s = 0.5, .link_bytes_s = 100};

	(void)state;
	check_close(link_seconds(&rates, 200), 2.5);
	rates.link_bytes_s = 0;
	check_close(link_seconds(&rates, 200), 0.5);
}

static void faults_have_names(void **state)
{
	static const double absurd[] = {NAN, INFINITY, -INFINITY, -1, 1e300, 1e-300};
	struct device_rates good = flat(1e9, 1e9);

	(void)state;
	assert_null(device_rates_fault(&good));
	for (size_t i = 0; i < ARRAY_SIZE(absurd); i++) {
		struct device_rates rates = good;

		if (absurd[i] != 1e-300) { /* a short time is no fault */
			rates.run_s = absurd[i];
			assert_string_equal(device_rates_fault(&rates), "run_s");
			rates = good;
			rates.link_s = absurd[i];
			assert_string_equal(device_rates_fault(&rates), "link_s");
		}
		rates = good;
		rates.link_bytes_s = absurd[i];
		assert_string_equal(device_rates_fault(&rates), "link_bytes_s");
		rates = good;
		rates.attention_many_macs_s = absurd[i];
		assert_string_equal(device_rates_fault(&rates), "attention_many_macs_s");
		rates = good;
		rates.weights_bytes_s[TENSOR_Q4_K] = absurd[i];
		assert_string_equal(device_rates_fault(&rates), "weights_bytes_s");
		rates = good;
		rates.macs_s[TENSOR_TYPE_IDS - 1] = absurd[i];
		assert_string_equal(device_rates_fault(&rates), "macs_s");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_is_limited_by_bytes_and_many_by_macs),
		cmocka_unit_test(matrices_of_an_op_have_their_own_types),
		cmocka_unit_test(attention_has_rates_of_its_own),
		cmocka_unit_test(ops_without_rows_only_start),
		cmocka_unit_test(embedding_reads_rows_only),
		cmocka_unit_test(ops_of_every_arch_take_finite_time),
		cmocka_unit_test(links_take_a_start_and_their_bytes),
		cmocka_unit_test(faults_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

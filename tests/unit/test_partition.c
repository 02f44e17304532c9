// SPDX-License-Identifier: MIT
/*
 * Optimal plans against all plans there are, on small random graphs and devices; what is refused; how
 * long it takes.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "array.h"
#include "check.h"
#include "cost.h"
#include "plan.h"
#include "search.h"

enum {
	STAGES_MAX = 66,
	SMALL_STAGES_MAX = 6,
	DEVICES_MAX = 8,
};

/* ---- graphs made of parts that cannot be cut ---- */

struct part {
	uint32_t first_op, n_ops;
	uint64_t weight_bytes, kv_bytes;
	bool reads_shared;
};

struct made {
	struct model model;
	struct graph graph;
	struct value values[3 * STAGES_MAX + 1];
	struct op ops[3 * STAGES_MAX];
	struct matrix matrices[2 * STAGES_MAX];
	struct part parts[STAGES_MAX];
	uint32_t n_parts;
	bool is_tied;
	uint64_t kv_bytes[STAGES_MAX];
	struct device_rates rates[DEVICES_MAX];
	struct plan_device devices[DEVICES_MAX];
	bool supported[DEVICES_MAX * 3 * STAGES_MAX];
	struct partition_params params;
};

static uint64_t random_state;

static uint32_t below(uint32_t n)
{
	random_state = random_state * 6364136223846793005U + 1442695040888963407U;
	return (uint32_t)((random_state >> 33) % n);
}

static int32_t add_value(struct made *made, enum value_rows rows)
{
	made->values[made->graph.n_values] = (struct value){"x", rows, 32 * (1 + below(3))};
	return (int32_t)made->graph.n_values++;
}

static struct op *add_op(struct made *made, enum op_kind kind, int32_t in, enum value_rows rows)
{
	struct op *op = &made->ops[made->graph.n_ops++];

	*op = (struct op){
		.kind = kind,
		.layer = (int32_t)made->n_parts,
		.in = {in, NO_VALUE, NO_VALUE},
		.add = NO_VALUE,
		.out = {add_value(made, rows), NO_VALUE, NO_VALUE},
		.n_head = 2,
		.n_head_kv = 1 + below(2),
		.head_dim = 32,
		.window = below(3) == 0 ? 8 : 0,
	};
	return op;
}

static void add_matrix(struct made *made, struct op *op)
{
	struct matrix *matrix = &made->matrices[made->graph.n_matrices];

	*matrix = (struct matrix){
		.type = below(2) ? TENSOR_F32 : TENSOR_F16,
		.n_rows = 1 + below(6) * 20,
		.n_cols = 32 * (1 + below(4)),
		.id = made->graph.n_matrices++,
		.n_experts = 1,
	};
	op->weight[op->n_weights++] = matrix;
	made->parts[made->n_parts].weight_bytes += matrix_bytes(matrix);
}

/* Attention with its residual, two products with theirs, or one product. */
static int32_t add_part(struct made *made, int32_t x)
{
	struct part *part = &made->parts[made->n_parts];
	uint32_t kind = below(3);
	struct op *op;

	part->first_op = made->graph.n_ops;
	if (kind == 0) {
		made->kv_bytes[made->n_parts] = part->kv_bytes = below(4) * 5000;
		op = add_op(made, OP_ROPE, x, ROWS_TOKENS);
		op = add_op(made, OP_ATTENTION, op->out[0], ROWS_TOKENS);
	} else {
		op = add_op(made, OP_MATMUL, x, ROWS_TOKENS);
		add_matrix(made, op);
	}
	if (kind != 2) {
		op = add_op(made, OP_MATMUL, op->out[0], ROWS_TOKENS);
		op->add = x;
		if (kind == 1)
			add_matrix(made, op);
	}
	/* The second product of attention has no matrix here: what it reads is its values. */
	part->n_ops = made->graph.n_ops - part->first_op;
	made->n_parts++;
	return op->out[0];
}

static void make_graph(struct made *made, uint32_t n_parts)
{
	struct op *op = add_op(made, OP_EMBED, NO_VALUE, ROWS_TOKENS);
	int32_t x = op->out[0];

	made->is_tied = below(2);
	op->layer = -1;
	add_matrix(made, op);
	made->parts[0].n_ops = 1;
	made->n_parts = 1;
	while (made->n_parts < n_parts - 1)
		x = add_part(made, x);
	if (n_parts > 1) {
		struct part *head = &made->parts[made->n_parts];

		head->first_op = made->graph.n_ops;
		head->n_ops = 1;
		op = add_op(made, OP_MATMUL, x, ROWS_OUTPUTS);
		op->layer = -1;
		if (made->is_tied) {
			op->weight[op->n_weights++] = &made->matrices[0];
			head->reads_shared = made->parts[0].reads_shared = true;
			made->parts[0].weight_bytes = 0;
		} else {
			add_matrix(made, op);
		}
		x = op->out[0];
		made->n_parts++;
	}
	made->model.n_layers = made->n_parts;
	made->graph.model = &made->model;
	made->graph.values = made->values;
	made->graph.ops = made->ops;
	made->graph.result = x;
}

/* ---- devices ---- */

/* A few values only, so that equals happen. */
static double some_rate(void)
{
	static const double rates[] = {1e6, 3e6, 1e7, 4e7, 1e8};

	return rates[below(ARRAY_SIZE(rates))];
}

static void make_device(struct made *made, uint32_t d)
{
	static const double times[] = {0, 1e-6, 1e-5, 1e-4};
	struct device_rates *rates = &made->rates[d];
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};

	if (d > 0 && below(4) == 0) {
		made->rates[d] = made->rates[d - 1];
		made->devices[d] = made->devices[d - 1];
	} else {
		rates->run_s = times[below(4)];
		rates->launch_s = times[below(3)];
		for (int t = 0; t < TENSOR_TYPE_IDS; t++) {
			rates->weights_bytes_s[t] = some_rate();
			rates->macs_s[t] = some_rate() * 10;
		}
		rates->attention_one_macs_s = some_rate();
		rates->attention_many_macs_s = some_rate() * 10;
		rates->values_bytes_s = some_rate() * 10;
		rates->link_s = times[below(4)];
		rates->link_bytes_s = some_rate();
		made->devices[d].shares_host = below(2);
		made->devices[d].memory_bytes = UINT64_MAX;
	}
	made->devices[d].name = names[d];
	made->devices[d].rates = &made->rates[d];
}

static uint64_t all_bytes(const struct made *made)
{
	uint64_t bytes = made->is_tied ? matrix_bytes(&made->matrices[0]) : 0;

	for (uint32_t i = 0; i < made->n_parts; i++)
		bytes += made->parts[i].weight_bytes + made->parts[i].kv_bytes;
	return bytes;
}

static void make_limits(struct made *made)
{
	struct partition_params *params = &made->params;
	uint64_t all = all_bytes(made);

	params->host_bytes = below(2) ? UINT64_MAX : all * (20 + below(120)) / 100;
	for (uint32_t d = 0; d < params->n_devices; d++) {
		/* Equals stay equal as often as not. */
		if (below(2))
			made->devices[d].memory_bytes = all * (10 + below(100)) / 100;
	}
	for (uint32_t phase = 0; phase < PHASES; phase++) {
		if (below(6) == 0)
			params->allowed[phase] = 1 + below((1U << params->n_devices) - 1);
	}
	if (below(5) == 0)
		params->required = below(1U << params->n_devices);
	if (below(4) == 0) {
		for (size_t i = 0; i < ARRAY_SIZE(made->supported); i++)
			made->supported[i] = below(8) > 0;
		params->supported = made->supported;
	}
}

static void make(struct made *made, uint32_t n_parts, uint32_t n_devices, uint64_t seed)
{
	memset(made, 0, sizeof(*made));
	random_state = seed * 2654435761U + 1;
	make_graph(made, n_parts);
	for (uint32_t d = 0; d < n_devices; d++)
		make_device(made, d);
	made->params = (struct partition_params){
		.devices = made->devices,
		.n_devices = n_devices,
		.work = {.n_batch = 1 + below(40),
			 .depth = below(3) * 50,
			 .n_prompt = below(8) ? below(100) : 0,
			 .n_answer = below(8) ? 1 + below(50) : 0,
			 .wants_all = below(6) == 0},
		.kv_bytes = made->kv_bytes,
		.value_bytes = below(2) * 3000,
		.host_bytes = UINT64_MAX,
	};
	if (made->params.work.n_prompt + made->params.work.n_answer == 0)
		made->params.work.n_answer = 1;
}

/* ---- all plans there are ---- */

struct all {
	const struct made *made;
	double run_s[PHASES][SMALL_STAGES_MAX][DEVICES_MAX];
	double link_s[PHASES][SMALL_STAGES_MAX][DEVICES_MAX];
	double move_s[SMALL_STAGES_MAX][DEVICES_MAX];
	double result_s[PHASES][DEVICES_MAX];
	double start_s[PHASES][DEVICES_MAX];
	uint8_t now[PHASES][SMALL_STAGES_MAX];
	double best_s, best_single_s;
};

static void fill_all(struct all *all, const struct made *made)
{
	const struct partition_params *params = &made->params;

	*all = (struct all){.made = made, .best_s = INFINITY, .best_single_s = INFINITY};
	for (uint32_t d = 0; d < params->n_devices; d++) {
		const struct device_rates *rates = &made->rates[d];

		for (enum phase phase = 0; phase < PHASES; phase++) {
			struct phase_steps steps = cost_steps(&params->work, phase);
			uint32_t allowed = params->allowed[phase] ? params->allowed[phase] : ~0U;

			all->start_s[phase][d] = rates->run_s * steps.n_steps;
			all->result_s[phase][d] =
				cost_link(&made->graph, made->graph.result, rates, &steps);
			for (uint32_t s = 0; s < made->n_parts; s++) {
				const struct part *part = &made->parts[s];
				uint32_t end = part->first_op + part->n_ops;

				if (s > 0)
					all->link_s[phase][s][d] = cost_link(
						&made->graph, made->ops[part->first_op].in[0],
						rates, &steps);
				if (!(allowed & 1U << d) && steps.n_steps > 0)
					all->run_s[phase][s][d] = INFINITY;
				for (uint32_t i = part->first_op; i < end; i++) {
					all->run_s[phase][s][d] +=
						params->supported &&
								!params->supported
									 [d * made->graph.n_ops + i]
							? INFINITY
							: cost_op(&made->graph, &made->ops[i],
								  rates, &steps);
					if (phase == 0 && made->ops[i].kind == OP_ROPE)
						all->move_s[s][d] +=
							cost_kv_move(params, &made->ops[i], rates);
				}
			}
		}
	}
}

/* The bytes of the assignment at hand, counted anew. */
static bool fits(const struct all *all)
{
	const struct made *made = all->made;
	uint64_t host = 0;
	uint32_t used = 0;

	for (uint32_t d = 0; d < made->params.n_devices; d++) {
		uint64_t bytes = 0;
		bool has_shared = false, is_used = false;

		for (uint32_t s = 0; s < made->n_parts; s++) {
			if (all->now[0][s] != d && all->now[1][s] != d)
				continue;
			is_used = true;
			bytes += made->parts[s].weight_bytes + made->parts[s].kv_bytes;
			has_shared = has_shared || made->parts[s].reads_shared;
			if (made->devices[d].shares_host)
				host += made->parts[s].kv_bytes;
		}
		bytes += has_shared ? matrix_bytes(&made->matrices[0]) : 0;
		if (is_used) {
			used |= 1U << d;
			bytes += made->params.value_bytes;
			if (made->devices[d].shares_host)
				host += made->params.value_bytes;
		}
		if (bytes > made->devices[d].memory_bytes)
			return false;
	}
	for (uint32_t s = 0, shared = 0; s < made->n_parts; s++) {
		if (!made->devices[all->now[0][s]].shares_host &&
		    !made->devices[all->now[1][s]].shares_host)
			continue;
		host += made->parts[s].weight_bytes;
		if (made->parts[s].reads_shared && !shared++)
			host += matrix_bytes(&made->matrices[0]);
	}
	return host <= made->params.host_bytes && (made->params.required & ~used) == 0;
}

static bool is_single(const struct all *all)
{
	for (uint32_t s = 0; s < all->made->n_parts; s++) {
		if (all->now[0][s] != all->now[0][0] || all->now[1][s] != all->now[0][0])
			return false;
	}
	return true;
}

static double change_s(const struct all *all, enum phase phase, uint32_t s, uint32_t to)
{
	uint32_t from = s > 0 ? all->now[phase][s - 1] : 0;

	if (s == 0)
		return all->start_s[phase][to];
	return from == to ? 0
			  : all->link_s[phase][s][from] + all->link_s[phase][s][to] +
				    all->start_s[phase][to];
}

static void try_all(struct all *all, uint32_t s, double cost)
{
	const struct made *made = all->made;
	const struct plan_work *work = &made->params.work;
	bool same = work->n_prompt == 0 || work->n_answer == 0;

	if (s == made->n_parts) {
		cost += all->result_s[0][all->now[0][s - 1]] + all->result_s[1][all->now[1][s - 1]];
		if (cost < all->best_s && fits(all))
			all->best_s = cost;
		if (is_single(all) && cost < all->best_single_s && fits(all))
			all->best_single_s = cost;
		return;
	}
	for (uint8_t a = 0; a < made->params.n_devices; a++) {
		for (uint8_t b = 0; b < made->params.n_devices; b++) {
			double here = cost + all->run_s[0][s][a] + all->run_s[1][s][b] +
				      change_s(all, 0, s, a) + change_s(all, 1, s, b);

			if ((a != b && same) || !isfinite(here))
				continue;
			if (a != b)
				here += all->move_s[s][a] + all->move_s[s][b];
			all->now[0][s] = a;
			all->now[1][s] = b;
			try_all(all, s + 1, here);
		}
	}
}

/* ---- tests ---- */

static void check_close(double a, double b)
{
	if (fabs(a - b) > 1e-9 * fmax(fabs(a), fabs(b)))
		fail_msg("%.17g is not %.17g", a, b);
}

static void check_whole(const struct made *made, const struct plan *plan)
{
	for (enum phase phase = 0; phase < PHASES; phase++) {
		const struct phase_plan *p = &plan->phases[phase];
		uint32_t at = 0;

		for (uint32_t i = 0; i < p->n_segments; i++) {
			assert_int_equal(p->segments[i].first_op, at);
			assert_true(p->segments[i].n_ops > 0);
			if (i > 0)
				assert_int_not_equal(p->segments[i].device,
						     p->segments[i - 1].device);
			at += p->segments[i].n_ops;
		}
		assert_int_equal(at, made->graph.n_ops);
	}
}

static void optimal_is_the_best_of_all(void **state)
{
	static struct plan_prediction prediction, again;
	static struct plan plan;
	static struct made made;
	static struct all all;
	uint32_t n_found = 0, n_limited = 0, n_cut = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 2500; seed++) {
		uint32_t n_parts = 1 + (uint32_t)(seed % SMALL_STAGES_MAX);
		uint32_t n_devices = 1 + (uint32_t)(seed / SMALL_STAGES_MAX % 3);
		double unlimited;
		int r;

		/* The largest are 3^12 plans: some of them are enough. */
		if (n_parts == SMALL_STAGES_MAX && n_devices == 3 && seed % 5 != 0)
			n_parts--;
		make(&made, n_parts, n_devices, seed);
		unlimited = partition_optimal(&made.graph, &made.params, &plan, &prediction) == 0
				    ? prediction.total_s
				    : INFINITY;
		make_limits(&made);
		fill_all(&all, &made);
		try_all(&all, 0, 0);
		r = partition_optimal(&made.graph, &made.params, &plan, &prediction);
		if (!isfinite(all.best_s)) {
			assert_true(r == -ENODEV || r == -ENOMEM || r == -EINVAL);
			continue;
		}
		if (r != 0)
			fail_msg("seed %d: %d", (int)seed, r);
		check_whole(&made, &plan);
		check_close(prediction.total_s, all.best_s);
		assert_true(prediction.total_s <= all.best_single_s * (1 + 1e-9));
		assert_true(prediction.proven);
		assert_int_equal(prediction.short_bytes, 0);
		assert_int_equal(plan_predict(&made.graph, &plan, &made.params, &again), 0);
		check_close(prediction.total_s, again.total_s);
		n_found++;
		n_limited += all.best_s > unlimited * (1 + 1e-9);
		n_cut += plan.phases[PHASE_DECODE].n_segments > 1 ||
			 plan.phases[PHASE_PREFILL].n_segments > 1;
	}
	/* Enough of each kind, or the test says little. */
	assert_true(n_found > 1200);
	assert_true(n_limited > 300);
	assert_true(n_cut > 300);
}

/* ---- as large as it gets ---- */

static double between(double low, double high)
{
	return low * pow(high / low, below(1000) / 999.0);
}

static void make_real_device(struct made *made, uint32_t d)
{
	double bytes_s = between(5e9, 5e11), macs_s = between(1e11, 2e13);
	struct device_rates *rates = &made->rates[d];

	if (d > 0 && below(3) == 0) {
		*rates = made->rates[d - 1];
		made->devices[d].shares_host = made->devices[d - 1].shares_host;
		return;
	}
	rates->run_s = between(5e-6, 1e-4);
	rates->launch_s = between(1e-6, 2e-5);
	for (int t = 0; t < TENSOR_TYPE_IDS; t++) {
		rates->weights_bytes_s[t] = bytes_s;
		rates->macs_s[t] = macs_s;
	}
	rates->attention_one_macs_s = bytes_s / 4;
	rates->attention_many_macs_s = macs_s / 3;
	rates->values_bytes_s = bytes_s;
	rates->link_s = between(3e-6, 1e-4);
	rates->link_bytes_s = between(1e9, 2e10);
	made->devices[d].shares_host = d == 0 || below(3) == 0;
}

/* A model of 32 layers in halves and eight devices, most of them too small for all of it. */
static void make_large(struct made *made, uint64_t seed)
{
	uint64_t all = 0;

	make(made, STAGES_MAX, DEVICES_MAX, seed);
	made->params.work = plan_work_default;
	made->params.value_bytes = 100 << 20;
	for (uint32_t i = 0; i < made->graph.n_values; i++)
		made->values[i].n_cols = 2048;
	for (uint32_t i = 0; i < made->graph.n_matrices; i++) {
		bool is_end = i == 0 || i + 1 == made->graph.n_matrices;

		made->matrices[i].n_cols = 2048;
		made->matrices[i].n_rows = is_end ? 100000 : i % 2 ? 6000 : 16000;
		all += matrix_bytes(&made->matrices[i]);
	}
	for (uint32_t i = 0; i < STAGES_MAX; i++)
		made->kv_bytes[i] = 4096 * 2048;
	for (uint32_t d = 0; d < DEVICES_MAX; d++) {
		make_real_device(made, d);
		if (d > 0 && below(4) > 0)
			made->devices[d].memory_bytes = all * (10 + below(40)) / 100;
	}
	made->params.host_bytes = all * (40 + below(100)) / 100;
}

/* Of this thread alone, whatever the neighbours do. */
static uint64_t cpu_ns(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* 10 ms is what is wanted; a slow machine gets some more, and sanitizers are told apart by no one. */
static void planning_is_quick(void **state)
{
	static struct plan_prediction prediction, single;
	static struct plan plan;
	static struct made made;
	uint64_t slowest_ns = 0;
	uint32_t n_found = 0, n_proven = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		uint64_t begin, fastest_ns = UINT64_MAX;
		int r = 0;

		make_large(&made, seed);
		for (int i = 0; i < 3; i++) {
			begin = cpu_ns();
			r = partition_optimal(&made.graph, &made.params, &plan, &prediction);
			fastest_ns = MIN(fastest_ns, cpu_ns() - begin);
		}
		slowest_ns = MAX(slowest_ns, fastest_ns);
		if (r < 0)
			continue;
		n_found++;
		n_proven += prediction.proven;
		check_whole(&made, &plan);
		assert_int_equal(prediction.short_bytes, 0);
		assert_true(prediction.total_s >= prediction.least_s * (1 - 1e-9));
		for (uint32_t d = 0; d < DEVICES_MAX; d++) {
			struct partition_params alone = made.params;

			alone.allowed[0] = alone.allowed[1] = 1U << d;
			if (partition_optimal(&made.graph, &alone, &plan, &single) == 0)
				assert_true(prediction.total_s <= single.total_s * (1 + 1e-9));
		}
	}
	print_message("%u plans, %u proven, at most %.1f ms\n", n_found, n_proven,
		      (double)slowest_ns / 1e6);
	assert_true(n_found > 40);
	assert_true(slowest_ns < 150000000);
}

/* ---- a search that is cut short ---- */

/* Fewer labels than are needed: worse at times, but honest about it. */
static void short_searches_say_so(void **state)
{
	static struct search_result full, cut;
	static struct search_stage stages[9];
	uint32_t n_worse = 0, n_unproven = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct search_problem problem = {
			.stages = stages, .n_stages = ARRAY_SIZE(stages), .n_devices = 4};

		random_state = seed * 77777;
		memset(stages, 0, sizeof(stages));
		for (uint32_t i = 0; i < ARRAY_SIZE(stages); i++) {
			stages[i].weight_bytes = 50 + below(100);
			for (uint32_t d = 0; d < 4; d++) {
				stages[i].move_s[d] = below(30);
				for (enum phase phase = 0; phase < PHASES; phase++) {
					stages[i].run_s[phase][d] = 10 + below(100);
					stages[i].out_s[phase][d] = below(20);
					stages[i].in_s[phase][d] = below(20);
				}
			}
		}
		for (uint32_t d = 0; d < 4; d++) {
			problem.limit_bytes[d] = 250 + below(400);
			problem.twin[d] = -1;
		}
		assert_int_equal(search_run(&problem, 5000000, &full), 0);
		assert_int_equal(search_run(&problem, 0, &cut), 0);
		assert_true(full.proven);
		if (!cut.found) {
			assert_true(!full.found || !cut.proven);
			continue;
		}
		assert_true(full.found && full.best.cost_s <= cut.best.cost_s + 1e-6);
		assert_true(cut.least_s <= full.best.cost_s + 1e-6);
		if (cut.proven)
			check_close(cut.best.cost_s, full.best.cost_s);
		n_worse += cut.best.cost_s > full.best.cost_s + 1e-6;
		n_unproven += !cut.proven;
	}
	assert_true(n_worse > 0);
	assert_true(n_unproven >= n_worse);
}

/* ---- what is refused ---- */

struct refusal {
	struct made made;
	struct plan plan;
	struct plan_prediction prediction;
	struct kept_log log;
};

static struct refusal *refusal_init(void)
{
	static struct refusal refusal;

	make(&refusal.made, 6, 2, 4242);
	kept_log_init(&refusal.log);
	refusal.made.devices[0].name = "first";
	refusal.made.devices[1].name = "second";
	refusal.made.params.log = &refusal.log.log;
	refusal.made.params.work = plan_work_default;
	return &refusal;
}

static void check_refused(struct refusal *refusal, int error, const char *text)
{
	assert_int_equal(partition_optimal(&refusal->made.graph, &refusal->made.params,
					   &refusal->plan, &refusal->prediction),
			 error);
	assert_int_equal(refusal->log.n, 1);
	if (!strstr(refusal->log.text, text))
		fail_msg("'%s' is not in: %s", text, refusal->log.text);
}

static void absurd_rates_are_refused(void **state)
{
	static const double absurd[] = {NAN, INFINITY, -INFINITY, -1, 1e300};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(absurd); i++) {
		struct refusal *refusal = refusal_init();

		refusal->made.rates[1].macs_s[TENSOR_F16] = absurd[i];
		check_refused(refusal, -EINVAL, "the rates of second cannot be true: macs_s");
		refusal = refusal_init();
		refusal->made.rates[0].run_s = absurd[i];
		check_refused(refusal, -EINVAL, "the rates of first cannot be true: run_s");
	}
}

static void extreme_rates_give_a_plan(void **state)
{
	static const double extreme[] = {1, 1e30, 1e6};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(extreme); i++) {
		struct refusal *refusal = refusal_init();

		for (int t = 0; t < TENSOR_TYPE_IDS; t++)
			refusal->made.rates[0].weights_bytes_s[t] = extreme[i];
		refusal->made.rates[1].launch_s = 1e6;
		assert_int_equal(partition_optimal(&refusal->made.graph, &refusal->made.params,
						   &refusal->plan, &refusal->prediction),
				 0);
		assert_true(isfinite(refusal->prediction.total_s));
	}
}

static void devices_without_rates_are_refused(void **state)
{
	struct refusal *refusal = refusal_init();

	(void)state;
	refusal->made.devices[1].rates = NULL;
	check_refused(refusal, -EINVAL, "there are no rates of second");
}

static void unmeasured_devices_cannot_be_used(void **state)
{
	struct refusal *refusal = refusal_init();

	(void)state;
	memset(refusal->made.rates, 0, sizeof(refusal->made.rates));
	check_refused(refusal, -ENODEV, "can run matmul");
}

static void ops_that_no_device_has_are_named(void **state)
{
	struct refusal *refusal = refusal_init();
	size_t n_ops = refusal->made.graph.n_ops;

	(void)state;
	memset(refusal->made.supported, true, sizeof(refusal->made.supported));
	refusal->made.supported[n_ops - 1] = refusal->made.supported[2 * n_ops - 1] = false;
	refusal->made.params.supported = refusal->made.supported;
	check_refused(refusal, -ENODEV, "for prompts can run matmul");
}

static void what_is_short_is_named(void **state)
{
	struct refusal *refusal = refusal_init();

	(void)state;
	refusal->made.devices[0].memory_bytes = refusal->made.devices[1].memory_bytes = 1000;
	check_refused(refusal, -ENOMEM, "of memory of ");
	refusal = refusal_init();
	refusal->made.devices[0].shares_host = refusal->made.devices[1].shares_host = true;
	refusal->made.params.host_bytes = 1;
	check_refused(refusal, -ENOMEM, "of memory of the host");
}

static void sets_that_cannot_be_met_are_refused(void **state)
{
	struct refusal *refusal = refusal_init();

	(void)state;
	refusal->made.params.required = 1U << 2;
	check_refused(refusal, -EINVAL, "beyond the 2 there are");
	refusal = refusal_init();
	refusal->made.params.allowed[PHASE_PREFILL] = refusal->made.params.allowed[PHASE_DECODE] =
		1;
	refusal->made.params.required = 2;
	check_refused(refusal, -EINVAL, "cannot all be used");
}

static void absurd_work_is_refused(void **state)
{
	struct refusal *refusal = refusal_init();

	(void)state;
	refusal->made.params.work = (struct plan_work){.n_batch = 0, .n_prompt = 1};
	check_refused(refusal, -EINVAL, "batches of no tokens");
	refusal = refusal_init();
	refusal->made.params.work = (struct plan_work){.n_batch = 1};
	check_refused(refusal, -EINVAL, "neither a prompt nor an answer");
	refusal = refusal_init();
	refusal->made.params.work =
		(struct plan_work){.n_batch = UINT32_MAX, .n_prompt = UINT32_MAX};
	check_refused(refusal, -EINVAL, "positions");
	refusal = refusal_init();
	refusal->made.params.work = (struct plan_work){.n_batch = UINT32_MAX, .n_prompt = 1000000};
	check_refused(refusal, -EINVAL, "batches of");
	refusal = refusal_init();
	refusal->made.params.value_bytes = UINT64_MAX;
	check_refused(refusal, -EINVAL, "a cache or values of");
	refusal = refusal_init();
	refusal->made.params.n_devices = 0;
	check_refused(refusal, -EINVAL, "0 devices");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(optimal_is_the_best_of_all),
		cmocka_unit_test(planning_is_quick),
		cmocka_unit_test(short_searches_say_so),
		cmocka_unit_test(absurd_rates_are_refused),
		cmocka_unit_test(extreme_rates_give_a_plan),
		cmocka_unit_test(devices_without_rates_are_refused),
		cmocka_unit_test(unmeasured_devices_cannot_be_used),
		cmocka_unit_test(ops_that_no_device_has_are_named),
		cmocka_unit_test(what_is_short_is_named),
		cmocka_unit_test(sets_that_cannot_be_met_are_refused),
		cmocka_unit_test(absurd_work_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

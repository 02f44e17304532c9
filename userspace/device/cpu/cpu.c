// SPDX-License-Identifier: MIT
/*
 * Owns the CPU device: the choice of kernels, the threads, the segments. Refuses to fuse or order
 * anything anew: every member of the team walks the ops in order, with a barrier after each.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#endif

#include "array.h"
#include "cleanup.h"
#include "internal.h"

typedef void (*op_fn)(const struct cpu_run *run, const struct op *op, unsigned index);

static const op_fn op_functions[OP_KINDS] = {
	[OP_EMBED] = cpu_embed,
	[OP_NORM] = cpu_norm,
	[OP_MATMUL] = cpu_matmul,
	[OP_GLU] = cpu_matmul,
	[OP_ROPE] = cpu_rope,
	[OP_ATTENTION] = cpu_attention,
	[OP_SELECT] = cpu_select,
	[OP_ROUTE] = cpu_route,
	[OP_EXPERT_GLU] = cpu_experts,
	[OP_EXPERT_MATMUL] = cpu_experts,
	[OP_MIX] = cpu_mix,
	[OP_ADAPT] = cpu_adapt,
	[OP_GATE] = cpu_gate,
};

/* ---- choice of kernels ---- */

#if defined(__x86_64__)
static bool has_avx512vnni(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
	       __builtin_cpu_supports("avx512vnni");
}

/* clang 14 does not take "f16c" as a name. */
static bool has_f16c(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}
#elif defined(__aarch64__)
static bool has_neon_dotprod(void)
{
	return getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
}
#endif

static bool always(void)
{
	return true;
}

/* Best first. */
static const struct {
	const struct cpu_kernels *kernels;
	bool (*usable)(void);
} kernel_sets[] = {
#if defined(__x86_64__)
	{&cpu_kernels_avx512vnni, has_avx512vnni},
	{&cpu_kernels_avx2, has_avx2},
#elif defined(__aarch64__)
	{&cpu_kernels_neon, has_neon_dotprod},
#endif
	{&cpu_kernels_plain, always},
};

static const struct cpu_kernels *choose_kernels(const struct log *log)
{
	const char *wanted = getenv("SLM_CPU");

	for (size_t i = 0; i < ARRAY_SIZE(kernel_sets); i++) {
		if (!kernel_sets[i].usable())
			continue;
		if (!wanted || !*wanted || strcmp(wanted, kernel_sets[i].kernels->name) == 0)
			return kernel_sets[i].kernels;
	}
	log_warning(log, "SLM_CPU=%s names no kernels that this processor can run, ignoring",
		    wanted);
	return kernel_sets[ARRAY_SIZE(kernel_sets) - 1].kernels;
}

static void processor_name(char name[static DEVICE_TEXT_MAX])
{
	_cleanup_fclose_ FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	(void)snprintf(name, DEVICE_TEXT_MAX, "processor");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "model name : %100[^\n]", name) == 1)
			return;
	}
}

void cpu_describe(char name[static DEVICE_TEXT_MAX])
{
	char processor[DEVICE_TEXT_MAX];

	processor_name(processor);
	(void)snprintf(name, DEVICE_TEXT_MAX, "%.90s, %s", processor, choose_kernels(NULL)->name);
}

/* ---- device ---- */

static void cpu_close(struct device *base)
{
	struct cpu_device *device = (struct cpu_device *)base;

	thread_pool_destroy(device->pool);
	free(device);
}

static int cpu_open(const struct device_params *params, struct device **ret_device)
{
	struct cpu_device *device = calloc(1, sizeof(*device));
	int r;

	if (!device)
		return log_oom(params->log, "opening the CPU device");
	device->base = (struct device){.ops = params->ops, .log = params->log};
	device->kernels = choose_kernels(params->log);
	(void)snprintf(device->base.name, sizeof(device->base.name), "cpu (%s)",
		       device->kernels->name);
	r = thread_pool_create(params->n_threads, params->log, &device->pool);
	if (r < 0) {
		free(device);
		return r;
	}
	*ret_device = &device->base;
	return 0;
}

static bool cpu_supports(const struct device *device, const struct op *op)
{
	return op->kind < OP_KINDS && op_functions[op->kind] && op->head_dim <= HEAD_DIM_MAX;
}

/* ---- segments ---- */

static void member_finish(struct cpu_member *member)
{
	activation_tile_finish(&member->own);
	free(member->row);
	free(member->head);
	free(member->q);
	free(member->attention.max);
	free(member->attention.page_f32);
	expert_plan_finish(&member->experts);
}

static void cpu_segment_destroy(struct segment *base)
{
	struct cpu_segment *segment = (struct cpu_segment *)base;
	const struct cpu_device *device = (const struct cpu_device *)base->device;

	for (unsigned i = 0; segment->members && i < thread_pool_size(device->pool); i++)
		member_finish(&segment->members[i]);
	free(segment->members);
	activation_tile_finish(&segment->shared);
	free(segment->partials);
	free((void *)segment->params.weights);
	free((void *)segment->params.kv);
	free((void *)segment->params.value_offsets);
	free(segment);
}

static void cpu_segment_destroy_p(struct cpu_segment **segment)
{
	if (*segment)
		cpu_segment_destroy(&(*segment)->base);
}

/* What the ops of a segment want of scratch memory. */
struct scratch_needs {
	struct activation_size own, shared;
	uint32_t n_cols; /* of the widest input */
	uint32_t head_dim;
	uint32_t n_experts; /* 0: none */
	uint64_t n_pairs;
};

static void add_needs(struct scratch_needs *needs, const struct cpu_device *device,
		      const struct op *op, uint64_t n_rows)
{
	uint32_t n_cols = op->n_weights > 0 ? op->weight[0]->n_cols : 0;
	uint64_t n_slots = round_up(n_rows, 4) + TILE_WIDTH_MAX;
	uint32_t activations;

	needs->head_dim = MAX(needs->head_dim, op->head_dim);
	needs->n_cols = MAX(MAX(needs->n_cols, op->norm.n), n_cols); /* embed's positions, too */
	if (n_cols == 0 || op->kind == OP_EMBED)
		return;
	if (op->n_used > 0) {
		needs->n_experts = MAX(needs->n_experts, op->weight[0]->n_experts);
		needs->n_pairs = MAX(needs->n_pairs, n_rows * op->n_used);
		n_slots = expert_slots_max(n_rows * op->n_used, op->weight[0]->n_experts);
	}
	activations = cpu_needs_of(device->kernels, op);
	activation_size_add(&needs->own, activations, 1, n_cols);
	activation_size_add(&needs->shared, activations, n_slots, n_cols);
}

static struct scratch_needs scratch_needs(const struct cpu_device *device,
					  const struct segment_params *params)
{
	struct scratch_needs needs = {.n_cols = 32, .head_dim = 2};

	for (uint32_t i = 0; i < params->n_ops; i++)
		add_needs(&needs, device, &params->graph->ops[params->first_op + i],
			  MAX(params->max_tokens, params->max_outputs));
	return needs;
}

static int member_init(struct cpu_member *member, const struct scratch_needs *needs)
{
	size_t dim = needs->head_dim;
	float *state;

	if (activation_tile_init(&member->own, &needs->own) < 0 ||
	    expert_plan_init(&member->experts, needs->n_pairs, needs->n_experts) < 0)
		return -ENOMEM;
	member->row = calloc(needs->n_cols + 64, sizeof(float));
	member->head = calloc(2 * dim + 64, sizeof(float));
	member->q = calloc(dim * TILE_WIDTH_MAX, sizeof(float));
	/* max, sum and acc in one piece */
	state = calloc(TILE_WIDTH_MAX * (dim + 2), sizeof(float));
	member->attention.max = state;
	member->attention.page_f32 = calloc(2 * KV_PAGE * dim, sizeof(float));
	if (!member->row || !member->head || !member->q || !state || !member->attention.page_f32)
		return -ENOMEM;
	member->attention.q = member->q;
	member->attention.sum = state + TILE_WIDTH_MAX;
	member->attention.acc = state + 2 * TILE_WIDTH_MAX;
	return 0;
}

static int segment_scratch(struct cpu_segment *segment, const struct cpu_device *device)
{
	const struct segment_params *params = &segment->params;
	struct scratch_needs needs = scratch_needs(device, params);
	unsigned n_threads = thread_pool_size(device->pool);
	int r;

	r = activation_tile_init(&segment->shared, &needs.shared);
	segment->partials = calloc((size_t)n_threads * CPU_SPLITS,
				   sizeof(float) * TILE_WIDTH_MAX * (needs.head_dim + 2));
	segment->members = calloc(n_threads, sizeof(*segment->members));
	if (r < 0 || !segment->partials || !segment->members)
		return -ENOMEM;
	for (unsigned i = 0; i < n_threads && r == 0; i++)
		r = member_init(&segment->members[i], &needs);
	return r;
}

static void *copy_of(const void *data, size_t n, size_t item_bytes)
{
	void *copy = calloc(MAX(n, 1), item_bytes);

	if (copy && n > 0)
		memcpy(copy, data, n * item_bytes);
	return copy;
}

static int cpu_segment_create(struct device *base, const struct segment_params *params,
			      struct segment **ret_segment)
{
	struct cpu_device *device = (struct cpu_device *)base;
	const struct graph *graph = params->graph;
	_cleanup_(cpu_segment_destroy_p) struct cpu_segment *segment = calloc(1, sizeof(*segment));

	if (!segment)
		return log_oom(base->log, "preparing a segment");
	segment->base.device = base;
	segment->params = *params;
	segment->params.weights =
		copy_of(params->weights, graph->n_matrices, sizeof(*params->weights));
	segment->params.kv = copy_of(params->kv, graph->model->n_layers, sizeof(*params->kv));
	segment->params.value_offsets =
		copy_of(params->value_offsets, graph->n_values, sizeof(*params->value_offsets));
	if (!segment->params.weights || !segment->params.kv || !segment->params.value_offsets ||
	    segment_scratch(segment, device) < 0)
		return log_oom(base->log, "preparing a segment");
	*ret_segment = &TAKE(segment)->base;
	return 0;
}

static void run_member(void *arg, unsigned index)
{
	const struct cpu_run *run = arg;
	const struct segment_params *params = &run->segment->params;

	for (uint32_t i = 0; i < params->n_ops; i++) {
		const struct op *op = &params->graph->ops[params->first_op + i];

		if (cpu_n_rows(run, op) > 0 && step_runs(run->step, op->when))
			op_functions[op->kind](run, op, index);
	}
}

static int cpu_segment_run(struct segment *base, const struct step *step)
{
	struct cpu_device *device = (struct cpu_device *)base->device;
	struct cpu_run run = {
		.segment = (struct cpu_segment *)base,
		.kernels = device->kernels,
		.pool = device->pool,
		.step = step,
	};

	thread_pool_run(device->pool, run_member, &run);
	return 0;
}

float *cpu_row(const struct cpu_run *run, int32_t value, uint32_t row)
{
	const struct segment_params *params = &run->segment->params;
	uint8_t *data = host_buffer_data(params->values) + params->value_offsets[value];

	return (float *)data + (size_t)row * params->graph->values[value].n_cols;
}

uint32_t cpu_n_rows(const struct cpu_run *run, const struct op *op)
{
	const struct graph *graph = run->segment->params.graph;

	return graph->values[op->out[0]].rows == ROWS_TOKENS ? run->step->n_tokens
							     : run->step->n_outputs;
}

const struct device_ops cpu_device_ops = {
	.name = "cpu",
	.weight_form = WEIGHTS_PACKED,
	.open = cpu_open,
	.close = cpu_close,
	.supports = cpu_supports,
	.buffer_create = host_buffer_create,
	.buffer_destroy = host_buffer_destroy,
	.buffer_write = host_buffer_write,
	.buffer_read = host_buffer_read,
	.segment_create = cpu_segment_create,
	.segment_destroy = cpu_segment_destroy,
	.segment_run = cpu_segment_run,
	.memory_info = host_memory_info,
};

// SPDX-License-Identifier: MIT
/*
 * Owns the made-up model and the stopwatch. Refuses to interpret what it measures: that is
 * calibrate.c's.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "array.h"
#include "cleanup.h"
#include "clock.h"
#include "packed.h"
#include "probe.h"

enum {
	LAYER_MATRICES = 7,
	LAYER_OPS_MAX = 6,
	PATTERN_BYTES = 1 << 16,
	PAGE_BYTES = 4096,
	SAMPLES_MAX = 512,
	SAMPLES_WANTED = 5,
};

/* A measurement ends when it has enough of samples and of time, or far too much of time. */
static const double time_wanted_s = 0.08, time_max_s = 0.15;
/* So long others wait, or for one run. */
static const uint64_t turn_ns = 20000000;

enum probe_value {
	VALUE_X,
	VALUE_Q,
	VALUE_K,
	VALUE_V,
	VALUE_ROTATED,
	VALUE_HEADS,
	VALUE_FF,
	PROBE_VALUES,
};

struct probe {
	struct device *device;
	struct probe_pace pace;
	uint64_t turn_began_ns;
	struct probe_shape shape;
	struct model model;
	struct graph graph;
	struct value values[PROBE_VALUES];
	float *norm;
	uint8_t *weight_data; /* mapped */
	size_t weight_bytes;
	uint32_t n_buffers;
	struct buffer **weights; /* [n_matrices] */
	struct buffer **kv;	 /* [n_layers] */
	struct buffer *value_memory;
	uint64_t offsets[PROBE_VALUES];
	struct segment *segment;
	/* of steps */
	uint32_t *positions, *zeros, *pages;
	float *rope;
	uint8_t *link; /* PROBE_LINK_BYTES */
};

DEFINE_CLEANUP(struct probe, probe_destroy)

static int no_memory(const struct probe *probe)
{
	return log_oom(probe->device->log, "measuring a device");
}

/* ---- the model ---- */

static uint32_t heads_cols(const struct probe_shape *shape)
{
	return shape->n_head > 0 ? shape->n_head * shape->head_dim : shape->n_embd;
}

static uint32_t kv_cols(const struct probe_shape *shape)
{
	return shape->n_head > 0 ? shape->n_head_kv * shape->head_dim : shape->n_embd / 4;
}

static void layer_matrices(const struct probe_shape *shape, struct matrix *matrices)
{
	const uint32_t sizes[LAYER_MATRICES][2] = {
		{heads_cols(shape), shape->n_embd}, {kv_cols(shape), shape->n_embd},
		{kv_cols(shape), shape->n_embd},    {shape->n_embd, heads_cols(shape)},
		{shape->n_ff, shape->n_embd},	    {shape->n_ff, shape->n_embd},
		{shape->n_embd, shape->n_ff},
	};

	for (uint32_t i = 0; i < LAYER_MATRICES; i++)
		matrices[i] = (struct matrix){
			.type = shape->type,
			.n_rows = sizes[i][0],
			.n_cols = sizes[i][1],
			.n_experts = 1,
		};
}

static uint64_t held_bytes(const struct matrix *matrix, enum weight_form form)
{
	return form == WEIGHTS_PACKED ? packed_bytes_of(matrix) : matrix_bytes(matrix);
}

uint64_t probe_layer_bytes(const struct probe_shape *shape, enum weight_form form)
{
	struct matrix matrices[LAYER_MATRICES];
	uint64_t bytes = 0;

	layer_matrices(shape, matrices);
	for (uint32_t i = 0; i < LAYER_MATRICES; i++)
		bytes += held_bytes(&matrices[i], form);
	return bytes;
}

static struct op *add_op(struct probe *probe, enum op_kind kind, uint32_t layer, int32_t in,
			 int32_t out)
{
	struct op *op = &probe->graph.ops[probe->graph.n_ops++];

	*op = (struct op){
		.kind = kind,
		/* Steps with an adapter, of which there is none, run the first layer only. */
		.when = layer == 0 ? WHEN_ALWAYS : WHEN_PLAIN,
		.layer = (int32_t)layer,
		.in = {in, NO_VALUE, NO_VALUE},
		.add = NO_VALUE,
		.out = {out, NO_VALUE, NO_VALUE},
		.eps = 1e-5f,
		.scale = 1,
	};
	return op;
}

static void set_heads(const struct probe *probe, struct op *op)
{
	op->n_head = probe->shape.n_head;
	op->n_head_kv = probe->shape.n_head_kv;
	op->head_dim = probe->shape.head_dim;
}

static void add_attention(struct probe *probe, uint32_t layer)
{
	struct op *op = add_op(probe, OP_ROPE, layer, VALUE_Q, VALUE_ROTATED);

	op->in[1] = VALUE_K;
	op->in[2] = VALUE_V;
	set_heads(probe, op);
	op = add_op(probe, OP_ATTENTION, layer, VALUE_ROTATED, VALUE_HEADS);
	set_heads(probe, op);
}

/* Back onto the residual stream, by so little that it stays finite however often it runs. */
static void add_residual(struct probe *probe, uint32_t layer, int32_t in,
			 const struct matrix *matrix)
{
	struct op *op = add_op(probe, OP_MATMUL, layer, in, VALUE_X);

	op->n_weights = 1;
	op->weight[0] = matrix;
	op->add = VALUE_X;
	op->scale = 1e-6f;
}

static void add_layer(struct probe *probe, uint32_t layer)
{
	struct matrix *matrices = &probe->model.matrices[(size_t)layer * LAYER_MATRICES];
	struct vector norm = {probe->norm, probe->shape.n_embd};
	bool attends = probe->shape.n_head > 0;
	struct op *op;

	layer_matrices(&probe->shape, matrices);
	for (uint32_t i = 0; i < LAYER_MATRICES; i++)
		matrices[i].id = layer * LAYER_MATRICES + i;
	op = add_op(probe, OP_MATMUL, layer, VALUE_X, VALUE_Q);
	op->norm = norm;
	op->n_weights = 3;
	for (int i = 0; i < 3; i++) {
		op->weight[i] = &matrices[i];
		op->out[i] = VALUE_Q + i;
	}
	if (attends)
		add_attention(probe, layer);
	add_residual(probe, layer, attends ? VALUE_HEADS : VALUE_Q, &matrices[3]);
	op = add_op(probe, OP_GLU, layer, VALUE_X, VALUE_FF);
	op->norm = norm;
	op->n_weights = 2;
	op->weight[0] = &matrices[4];
	op->weight[1] = &matrices[5];
	add_residual(probe, layer, VALUE_FF, &matrices[6]);
}

static void make_values(struct probe *probe)
{
	const struct probe_shape *shape = &probe->shape;
	const struct value values[PROBE_VALUES] = {
		[VALUE_X] = {"x", ROWS_TOKENS, shape->n_embd},
		[VALUE_Q] = {"q", ROWS_TOKENS, heads_cols(shape)},
		[VALUE_K] = {"k", ROWS_TOKENS, kv_cols(shape)},
		[VALUE_V] = {"v", ROWS_TOKENS, kv_cols(shape)},
		[VALUE_ROTATED] = {"q", ROWS_TOKENS, heads_cols(shape)},
		[VALUE_HEADS] = {"heads", ROWS_TOKENS, heads_cols(shape)},
		[VALUE_FF] = {"ff", ROWS_TOKENS, shape->n_ff},
	};

	memcpy(probe->values, values, sizeof(values));
	probe->graph.values = probe->values;
	probe->graph.n_values = PROBE_VALUES;
}

static int make_graph(struct probe *probe)
{
	const struct probe_shape *shape = &probe->shape;

	probe->model = (struct model){
		.arch = "probe",
		.n_layers = shape->n_layers,
		.n_embd = shape->n_embd,
		.head_dim = shape->head_dim,
		.n_matrices = shape->n_layers * LAYER_MATRICES,
		.ropes = {{.style = ROPE_HALVES, .n_dims = shape->head_dim, .magnitude = 1}},
		.n_ropes = shape->n_head > 0 ? 1 : 0,
	};
	probe->model.matrices = calloc(probe->model.n_matrices, sizeof(struct matrix));
	probe->graph.ops = calloc((size_t)shape->n_layers * LAYER_OPS_MAX, sizeof(struct op));
	probe->norm = calloc(shape->n_embd, sizeof(float));
	if (!probe->model.matrices || !probe->graph.ops || !probe->norm)
		return no_memory(probe);
	for (uint32_t i = 0; i < shape->n_embd; i++)
		probe->norm[i] = 1;
	make_values(probe);
	probe->graph.model = &probe->model;
	probe->graph.kv_groups[0].n_layers = shape->n_head > 0 ? shape->n_layers : 0;
	probe->graph.n_kv_groups = 1;
	probe->graph.n_matrices = probe->model.n_matrices;
	probe->graph.n_adapters = 1;
	probe->graph.result = NO_VALUE;
	for (uint32_t i = 0; i < shape->n_layers; i++)
		add_layer(probe, i);
	return 0;
}

/* ---- on the device ---- */

/*
 * Bytes of which every two or four, wherever a type has its scales, make a small normal number:
 * nothing overflows, and nothing is slow for being subnormal.
 */
static void fill_pattern(uint8_t *data, size_t size_bytes, enum tensor_type type)
{
	bool has_float_range = type == TENSOR_F32 || type == TENSOR_BF16 || type == TENSOR_MXFP4;
	uint8_t base = has_float_range ? 0x20 : 0x04, mask = has_float_range ? 0x1b : 0x13;
	uint64_t state = 88172645463325252u;
	size_t n = MIN(size_bytes, (size_t)PATTERN_BYTES);

	for (size_t i = 0; i < n; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		data[i] = (uint8_t)(base | (state & mask));
	}
	for (size_t at = n; at < size_bytes; at += n)
		memcpy(data + at, data, MIN(n, size_bytes - at));
}

static int make_weights(struct probe *probe)
{
	enum weight_form form = device_weight_form(probe->device);
	size_t at = 0;
	int r = 0;

	for (uint32_t i = 0; i < probe->model.n_matrices; i++)
		probe->weight_bytes +=
			round_up(held_bytes(&probe->model.matrices[i], form), PAGE_BYTES);
	probe->weights = calloc(probe->model.n_matrices, sizeof(struct buffer *));
	probe->weight_data = mmap(NULL, probe->weight_bytes, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (probe->weight_data == MAP_FAILED)
		probe->weight_data = NULL;
	if (!probe->weights || !probe->weight_data)
		return no_memory(probe);
	fill_pattern(probe->weight_data, probe->weight_bytes, probe->shape.type);
	for (uint32_t i = 0; i < probe->model.n_matrices && r == 0; i++) {
		struct buffer_params params = {
			.size_bytes = held_bytes(&probe->model.matrices[i], form),
			.initial = probe->weight_data + at,
			.read_only = true,
		};

		r = buffer_create(probe->device, &params, &probe->weights[i]);
		at += round_up(params.size_bytes, PAGE_BYTES);
	}
	return r;
}

/* Nobody looks at what is in it, but it must be numbers. */
static int make_cache(struct probe *probe)
{
	const struct probe_shape *shape = &probe->shape;
	struct buffer_params params = {0};
	_cleanup_free_ void *nothing = NULL;
	int r = 0;

	probe->kv = calloc(shape->n_layers, sizeof(struct buffer *));
	if (!probe->kv)
		return no_memory(probe);
	if (shape->n_head == 0)
		return 0;
	params.size_bytes = shape->max_positions / KV_PAGE *
			    kv_page_bytes(KV_F16, shape->n_head_kv, shape->head_dim);
	nothing = calloc(1, params.size_bytes);
	if (!nothing)
		return no_memory(probe);
	for (uint32_t i = 0; i < shape->n_layers && r == 0; i++) {
		r = buffer_create(probe->device, &params, &probe->kv[i]);
		if (r == 0)
			r = buffer_write(probe->kv[i], 0, nothing, params.size_bytes);
	}
	return r;
}

static int make_value_memory(struct probe *probe)
{
	struct buffer_params params = {0};
	_cleanup_free_ void *nothing = NULL;
	int r;

	for (uint32_t i = 0; i < PROBE_VALUES; i++) {
		probe->offsets[i] = params.size_bytes;
		params.size_bytes += round_up((uint64_t)probe->shape.max_tokens *
						      probe->values[i].n_cols * sizeof(float),
					      256);
	}
	params.size_bytes = MAX(params.size_bytes, (size_t)PROBE_LINK_BYTES);
	nothing = calloc(1, params.size_bytes);
	if (!nothing)
		return no_memory(probe);
	r = buffer_create(probe->device, &params, &probe->value_memory);
	return r < 0 ? r : buffer_write(probe->value_memory, 0, nothing, params.size_bytes);
}

static int make_step_memory(struct probe *probe)
{
	const struct probe_shape *shape = &probe->shape;
	size_t angles = (size_t)shape->max_tokens * MAX(shape->head_dim, 1u);
	uint32_t n_pages = shape->max_positions / KV_PAGE;

	probe->positions = calloc(shape->max_tokens, sizeof(uint32_t));
	probe->zeros = calloc(shape->max_tokens, sizeof(uint32_t));
	probe->pages = calloc(n_pages, sizeof(uint32_t));
	probe->rope = calloc(angles, sizeof(float));
	probe->link = calloc(1, PROBE_LINK_BYTES);
	if (!probe->positions || !probe->zeros || !probe->pages || !probe->rope || !probe->link)
		return no_memory(probe);
	for (uint32_t i = 0; i < n_pages; i++)
		probe->pages[i] = i;
	for (size_t i = 0; i < angles; i += 2)
		probe->rope[i] = 1;
	return 0;
}

static int make_segment(struct probe *probe)
{
	const struct segment_params params = {
		.graph = &probe->graph,
		.n_ops = probe->graph.n_ops,
		.max_tokens = probe->shape.max_tokens,
		.max_outputs = 1,
		.max_runs = 1,
		.max_pages = probe->shape.max_positions / KV_PAGE,
		.kv_type = KV_F16,
		.weights = probe->weights,
		.values = probe->value_memory,
		.value_offsets = probe->offsets,
		.kv = probe->kv,
	};

	return segment_create(probe->device, &params, &probe->segment);
}

static bool is_supported(const struct probe *probe)
{
	for (uint32_t i = 0; i < probe->graph.n_ops; i++) {
		if (!device_supports(probe->device, &probe->graph.ops[i]))
			return false;
	}
	return true;
}

static int make_probe(struct probe *probe)
{
	int r = make_graph(probe);

	if (r == 0 && !is_supported(probe))
		return -ENOTSUP;
	if (r == 0)
		r = make_step_memory(probe);
	if (r == 0)
		r = make_weights(probe);
	if (r == 0)
		r = make_cache(probe);
	if (r == 0)
		r = make_value_memory(probe);
	return r < 0 ? r : make_segment(probe);
}

int probe_create(struct device *device, const struct probe_shape *shape,
		 const struct probe_pace *pace, struct probe **ret_probe)
{
	_cleanup_(probe_destroy_p) struct probe *probe = calloc(1, sizeof(*probe));
	int r;

	if (!probe)
		return log_oom(device->log, "measuring a device");
	probe->device = device;
	probe->pace = *pace;
	probe->shape = *shape;
	r = make_probe(probe);
	if (r < 0)
		return r;
	*ret_probe = TAKE(probe);
	return 0;
}

void probe_destroy(struct probe *probe)
{
	if (!probe)
		return;
	segment_destroy(probe->segment);
	buffer_destroy(probe->value_memory);
	for (uint32_t i = 0; probe->kv && i < probe->shape.n_layers; i++)
		buffer_destroy(probe->kv[i]);
	for (uint32_t i = 0; probe->weights && i < probe->model.n_matrices; i++)
		buffer_destroy(probe->weights[i]);
	if (probe->weight_data)
		(void)munmap(probe->weight_data, probe->weight_bytes);
	free(probe->weights);
	free(probe->kv);
	free(probe->positions);
	free(probe->zeros);
	free(probe->pages);
	free(probe->rope);
	free(probe->link);
	free(probe->norm);
	free(probe->graph.ops);
	free(probe->model.matrices);
	free(probe);
}

const struct log *probe_log(const struct probe *probe)
{
	return probe->device->log;
}

/* ---- running ---- */

struct probe_work probe_work(const struct probe *probe, const struct probe_step *step)
{
	struct probe_work work = {0};

	for (uint32_t i = 0; i < probe->graph.n_ops; i++) {
		const struct op *op = &probe->graph.ops[i];
		struct op_cost cost;

		if (step->first_only && op->when != WHEN_ALWAYS)
			continue;
		cost = op_cost(&probe->graph, op, step->n_tokens, 0, step->depth);
		work.n_ops++;
		work.weight_bytes += (double)cost.weight_bytes;
		work.value_bytes += (double)cost.value_bytes;
		if (op->kind == OP_ATTENTION)
			work.attention_macs += (double)cost.flops / 2;
		else if (op->n_weights > 0)
			work.macs += (double)cost.flops / 2;
	}
	return work;
}

static void begin_turn(struct probe *probe)
{
	if (!probe->pace.turns)
		return;
	turns_take(probe->pace.turns);
	probe->turn_began_ns = clock_now_ns();
}

static void end_turn(struct probe *probe)
{
	if (probe->pace.turns)
		turns_give(probe->pace.turns);
}

/* Within a turn, which is handed on in time: is there to be another run? */
static int go_on(struct probe *probe)
{
	if (probe->pace.turns && clock_now_ns() - probe->turn_began_ns > turn_ns) {
		end_turn(probe);
		begin_turn(probe);
	}
	return probe->pace.cancel && atomic_load(probe->pace.cancel) ? -ECANCELED : 0;
}

static int run_once(struct probe *probe, const struct probe_step *step, double *ret_seconds)
{
	const struct step_run run = {0, step->n_tokens, step->depth};
	const struct step s = {
		.n_tokens = step->n_tokens,
		.n_runs = 1,
		.tokens = (const int32_t *)probe->zeros,
		.positions = probe->positions,
		.row_runs = probe->zeros,
		.runs = &run,
		.outputs = probe->zeros,
		.rope = {probe->rope},
		.pages = {probe->pages},
		.page_stride = (uint32_t)div_up(step->depth + step->n_tokens, KV_PAGE),
		.adapter_scales = step->first_only ? probe->rope : NULL,
	};
	uint64_t begin;
	float seen;
	int r = go_on(probe);

	*ret_seconds = 0;
	if (r < 0)
		return r;
	begin = clock_now_ns();
	for (uint32_t i = 0; i < step->n_tokens; i++)
		probe->positions[i] = step->depth + i;
	r = segment_run(probe->segment, &s);
	if (r == 0)
		r = buffer_read(probe->value_memory, 0, &seen, sizeof(seen));
	*ret_seconds = (double)(clock_now_ns() - begin) * 1e-9;
	return r;
}

int probe_run_once(struct probe *probe, const struct probe_step *step, double *ret_seconds)
{
	int r;

	begin_turn(probe);
	r = run_once(probe, step, ret_seconds);
	end_turn(probe);
	return r;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* What an answer of many steps gets, however much a few of them were held up. */
static double usual(double *samples, size_t n)
{
	qsort(samples, n, sizeof(*samples), compare_doubles);
	return samples[n / 2];
}

static bool is_enough(size_t n, double seconds)
{
	return n == SAMPLES_MAX || (n >= SAMPLES_WANTED && seconds >= time_wanted_s) ||
	       (n > 0 && seconds >= time_max_s);
}

int probe_run(struct probe *probe, const struct probe_step *step, double *ret_seconds)
{
	double samples[SAMPLES_MAX], sum = 0, warm_up;
	size_t n = 0;
	int r;

	begin_turn(probe);
	r = run_once(probe, step, &warm_up);
	while (r == 0 && !is_enough(n, sum)) {
		r = run_once(probe, step, &samples[n]);
		sum += samples[n++];
	}
	end_turn(probe);
	if (r == 0)
		*ret_seconds = usual(samples, n);
	return r;
}

static int transfer_once(struct probe *probe, size_t size_bytes, double *ret_seconds)
{
	uint64_t begin;
	int r = go_on(probe);

	*ret_seconds = 0;
	if (r < 0)
		return r;
	begin = clock_now_ns();
	r = buffer_write(probe->value_memory, 0, probe->link, size_bytes);
	if (r == 0)
		r = buffer_read(probe->value_memory, 0, probe->link, size_bytes);
	*ret_seconds = (double)(clock_now_ns() - begin) * 1e-9 / 2;
	return r;
}

int probe_transfer(struct probe *probe, size_t size_bytes, double *ret_seconds)
{
	double samples[SAMPLES_MAX], sum = 0;
	size_t n = 0;
	int r = 0;

	begin_turn(probe);
	while (r == 0 && !is_enough(n, sum)) {
		r = transfer_once(probe, size_bytes, &samples[n]);
		sum += 2 * samples[n++];
	}
	end_turn(probe);
	if (r == 0)
		*ret_seconds = usual(samples, n);
	return r;
}

// SPDX-License-Identifier: MIT
/*
 * Owns the way from ops to launches: which kernels an op becomes and their arguments, set once. Refuses
 * to know how many work-items they get; that is family.c's.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "packed_type.h"
#include "program.h"
#include "scratch.h"
#include "segment.h"

enum {
	ARGS_MAX = 26,
	NONE = UINT32_MAX,
};

struct lowering {
	struct opencl_device *device;
	struct opencl_segment *segment;
	const struct segment_params *params;
	float *vectors; /* what goes into segment->vectors */
	size_t n_vectors, vectors_capacity;
	enum op_when when;     /* of the op at hand */
	enum launch_rows rows; /* of the launches at hand */
	int32_t sorted;	       /* the value whose pairs segment->pairs has by now */
};

/* Arguments of one kernel, in order. */
struct args {
	struct {
		size_t size;
		union {
			cl_mem memory;
			cl_uint u;
			cl_float f;
		} value;
	} items[ARGS_MAX];
	cl_uint n;
};

static void arg_memory(struct args *args, cl_mem memory)
{
	assert(args->n < ARGS_MAX);
	args->items[args->n].size = sizeof(memory);
	args->items[args->n++].value.memory = memory;
}

static void arg_uint(struct args *args, cl_uint value)
{
	assert(args->n < ARGS_MAX);
	args->items[args->n].size = sizeof(value);
	args->items[args->n++].value.u = value;
}

static void arg_float(struct args *args, cl_float value)
{
	assert(args->n < ARGS_MAX);
	args->items[args->n].size = sizeof(value);
	args->items[args->n++].value.f = value;
}

static void arg_uints(struct args *args, const cl_uint *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		arg_uint(args, values[i]);
}

static int make_kernel(struct lowering *low, const char *name, const struct args *args,
		       cl_kernel *ret_kernel)
{
	cl_kernel kernel;
	cl_int code;

	kernel = clCreateKernel(low->segment->program, name, &code);
	if (code != CL_SUCCESS)
		return opencl_failed(low->device, name, code);
	for (cl_uint i = 0; i < args->n && code == CL_SUCCESS; i++)
		code = clSetKernelArg(kernel, i, args->items[i].size, &args->items[i].value);
	if (code != CL_SUCCESS) {
		(void)clReleaseKernel(kernel);
		return opencl_failed(low->device, name, code);
	}
	*ret_kernel = kernel;
	return 0;
}

/* A launch of kernel ONE, or of MANY (NULL: the same) in steps of several rows. */
static int add_launch(struct lowering *low, const char *one, const char *many,
		      const struct args *args, const struct launch *like)
{
	struct opencl_segment *segment = low->segment;
	struct launch *launch;
	int r;

	if (array_reserve(&segment->launches, &segment->capacity, segment->n_launches + 1,
			  sizeof(*launch)) < 0)
		return log_oom(low->device->base.log, "preparing a segment");
	launch = &segment->launches[segment->n_launches];
	*launch = *like;
	launch->when = low->when;
	launch->rows = low->rows;
	r = make_kernel(low, one, args, &launch->one);
	if (r < 0)
		return r;
	launch->many = launch->one;
	segment->n_launches++;
	return many ? make_kernel(low, many, args, &launch->many) : 0;
}

/* ---- values and vectors ---- */

/* Where a value begins, in floats. */
static cl_uint value_at(const struct lowering *low, int32_t value)
{
	return value == NO_VALUE ? NONE
				 : (cl_uint)(low->params->value_offsets[value] / sizeof(float));
}

static bool is_of_outputs(const struct lowering *low, const struct op *op)
{
	return low->params->graph->values[op->out[0]].rows == ROWS_OUTPUTS;
}

/* Adds a vector to those that go to the device; its place is kept in *RET, NONE for no vector. */
static int add_vector(struct lowering *low, const struct vector *vector, cl_uint *ret)
{
	*ret = NONE;
	if (vector->n == 0)
		return 0;
	if (array_reserve(&low->vectors, &low->vectors_capacity, low->n_vectors + vector->n,
			  sizeof(*low->vectors)) < 0)
		return log_oom(low->device->base.log, "preparing a segment");
	memcpy(low->vectors + low->n_vectors, vector->data, vector->n * sizeof(*vector->data));
	*ret = (cl_uint)low->n_vectors;
	low->n_vectors += vector->n;
	return 0;
}

/* ---- ops ---- */

static cl_mem weight_memory(const struct lowering *low, const struct op *op, uint32_t i)
{
	return opencl_memory(low->params->weights[op->weight[i]->id]);
}

static cl_mem values_memory(const struct lowering *low)
{
	return opencl_memory(low->params->values);
}

/* The rows of tokens are written, those of positions are added to them. */
static int lower_embed_rows(struct lowering *low, const struct op *op, uint32_t i)
{
	const struct matrix *weight = op->weight[i];
	const struct launch launch = {
		.shape = {.kind = LAUNCH_EMBED, .n_cols = weight->n_cols},
	};
	char type[16], name[32];
	struct args args = {0};
	cl_uint bias;
	int r;

	r = add_vector(low, &op->bias[i], &bias);
	if (r < 0)
		return r;
	program_type_name(weight->type, type);
	(void)snprintf(name, sizeof(name), "embed_%s", type);
	arg_memory(&args, low->segment->step);
	arg_memory(&args, weight_memory(low, op, i));
	arg_memory(&args, values_memory(low));
	arg_memory(&args, low->segment->vectors);
	arg_uint(&args, value_at(low, op->out[0]));
	arg_uint(&args, bias);
	arg_uint(&args, weight->n_cols);
	arg_float(&args, i == 0 ? op->scale : 1);
	arg_uint(&args, i);
	return add_launch(low, name, NULL, &args, &launch);
}

static int lower_embed(struct lowering *low, const struct op *op)
{
	int r = 0;

	for (uint32_t i = 0; i < op->n_weights && r == 0; i++)
		r = lower_embed_rows(low, op, i);
	return r;
}

static int lower_norm(struct lowering *low, const struct op *op)
{
	const struct launch launch = {.shape = {.kind = LAUNCH_NORM},
				      .of_outputs = is_of_outputs(low, op)};
	struct args args = {0};
	cl_uint norm, bias;
	int r;

	r = add_vector(low, &op->norm, &norm);
	if (r == 0)
		r = add_vector(low, &op->norm_bias, &bias);
	if (r < 0)
		return r;
	arg_memory(&args, low->segment->step);
	arg_memory(&args, values_memory(low));
	arg_memory(&args, low->segment->vectors);
	arg_uint(&args, value_at(low, op->in[0]));
	arg_uint(&args, norm);
	arg_uint(&args, bias);
	arg_uint(&args, value_at(low, op->add));
	arg_uint(&args, value_at(low, op->out[0]));
	arg_uint(&args, op->norm.n);
	arg_float(&args, op->eps);
	return add_launch(low, "norm_rows", NULL, &args, &launch);
}

static int lower_select(struct lowering *low, const struct op *op)
{
	uint32_t n_cols = low->params->graph->values[op->out[0]].n_cols;
	const struct launch launch = {.shape = {.kind = LAUNCH_SELECT, .n_cols = n_cols},
				      .of_outputs = true};
	struct args args = {0};

	arg_memory(&args, low->segment->step);
	arg_memory(&args, values_memory(low));
	arg_uint(&args, value_at(low, op->in[0]));
	arg_uint(&args, value_at(low, op->out[0]));
	arg_uint(&args, n_cols);
	return add_launch(low, "select_rows", NULL, &args, &launch);
}

static void arg_prepared(struct args *args, const struct opencl_segment *segment, bool quantised)
{
	if (!quantised) {
		arg_memory(args, segment->floats);
		return;
	}
	arg_memory(args, segment->codes);
	arg_memory(args, segment->scales);
	arg_memory(args, segment->sums);
}

/* The op's input as int8 codes, or as floats. */
static int lower_activations(struct lowering *low, const struct op *op, bool quantised,
			     cl_uint norm)
{
	const struct opencl_segment *segment = low->segment;
	/* An expert's rows of activations stand alone. */
	const bool alone = op->n_used > 0;
	const uint32_t per_token = op->kind == OP_EXPERT_MATMUL ? op->n_used : 1;
	const struct launch launch = {
		.shape = {.kind = LAUNCH_PREPARE, .per_row = alone ? per_token : 0},
		.of_outputs = is_of_outputs(low, op),
	};
	struct args args = {0};

	arg_memory(&args, segment->step);
	arg_memory(&args, values_memory(low));
	arg_memory(&args, segment->vectors);
	arg_prepared(&args, segment, quantised);
	arg_uint(&args, value_at(low, op->in[0]));
	arg_uint(&args, norm);
	arg_uint(&args, op->weight[0]->n_cols);
	arg_float(&args, op->eps);
	arg_uint(&args, per_token);
	arg_uint(&args, alone);
	arg_uint(&args, is_of_outputs(low, op));
	return add_launch(low, quantised ? "quantize_rows" : "float_rows", NULL, &args, &launch);
}

/* The same for each pair of a row and an expert, where the plan of the step's pairs has it. */
static int lower_pairs(struct lowering *low, const struct op *op, bool quantised, cl_uint norm)
{
	const struct opencl_segment *segment = low->segment;
	const uint32_t n_experts = op->weight[0]->n_experts;
	const struct launch launch = {
		.shape = {.kind = LAUNCH_PAIRS, .per_row = op->n_used, .n_experts = n_experts},
		.of_outputs = is_of_outputs(low, op),
	};
	struct args args = {0};

	arg_memory(&args, segment->pairs);
	arg_memory(&args, values_memory(low));
	arg_memory(&args, segment->vectors);
	arg_prepared(&args, segment, quantised);
	arg_uint(&args, value_at(low, op->in[0]));
	arg_uint(&args, norm);
	arg_uint(&args, op->weight[0]->n_cols);
	arg_float(&args, op->eps);
	arg_uint(&args, op->kind == OP_EXPERT_MATMUL ? 1 : op->n_used);
	arg_uint(&args, n_experts);
	return add_launch(low, quantised ? "quantize_pairs" : "float_pairs", NULL, &args, &launch);
}

/* For one row or any number of them; for several rows of experts by their pairs. */
static int prepare_as(struct lowering *low, const struct op *op, bool quantised, cl_uint norm)
{
	return low->rows == ROWS_SEVERAL ? lower_pairs(low, op, quantised, norm)
					 : lower_activations(low, op, quantised, norm);
}

static int lower_prepare(struct lowering *low, const struct op *op, cl_uint norm)
{
	bool some_quantised = false, some_float = false;
	int r = 0;

	for (uint32_t i = 0; i < op->n_weights; i++) {
		some_quantised |= opencl_is_quantised(op->weight[i]->type);
		some_float |= !opencl_is_quantised(op->weight[i]->type);
	}
	if (some_quantised)
		r = prepare_as(low, op, true, norm);
	if (r == 0 && some_float)
		r = prepare_as(low, op, false, norm);
	return r;
}

static int lower_normed(struct lowering *low, const struct op *op)
{
	cl_uint norm;
	int r = add_vector(low, &op->norm, &norm);

	return r < 0 ? r : lower_prepare(low, op, norm);
}

static void arg_activations(struct args *args, const struct opencl_segment *segment)
{
	arg_memory(args, segment->codes);
	arg_memory(args, segment->scales);
	arg_memory(args, segment->sums);
	arg_memory(args, segment->floats);
}

/* One launch for the weights of an op that are of TYPE. */
static int lower_matmul_type(struct lowering *low, const struct op *op, enum tensor_type type)
{
	cl_uint n_rows[OP_WEIGHTS_MAX] = {0}, out[OP_WEIGHTS_MAX] = {0}, n = 0;
	cl_uint bias[OP_WEIGHTS_MAX] = {NONE, NONE, NONE};
	struct launch launch = {.shape = {.kind = LAUNCH_MATMUL},
				.of_outputs = is_of_outputs(low, op)};
	cl_mem weights[OP_WEIGHTS_MAX] = {0};
	char name[16], one[32], many[32];
	struct args args = {0};
	int r;

	for (uint32_t i = 0; i < op->n_weights; i++) {
		if (op->weight[i]->type != type)
			continue;
		weights[n] = weight_memory(low, op, i);
		n_rows[n] = op->weight[i]->n_rows;
		out[n] = value_at(low, op->out[i]);
		launch.shape.n_tiles += (uint32_t)div_up(n_rows[n], PACKED_ROWS);
		r = add_vector(low, &op->bias[i], &bias[n++]);
		if (r < 0)
			return r;
	}
	program_type_name(type, name);
	(void)snprintf(one, sizeof(one), "matvec_%s", name);
	(void)snprintf(many, sizeof(many), "matmul_%s", name);
	arg_memory(&args, low->segment->step);
	for (int i = 0; i < OP_WEIGHTS_MAX; i++)
		arg_memory(&args, weights[i] ? weights[i] : weights[0]);
	arg_memory(&args, values_memory(low));
	arg_memory(&args, low->segment->vectors);
	arg_activations(&args, low->segment);
	arg_uints(&args, n_rows, OP_WEIGHTS_MAX);
	arg_uints(&args, out, OP_WEIGHTS_MAX);
	arg_uints(&args, bias, OP_WEIGHTS_MAX);
	arg_uint(&args, value_at(low, op->add));
	arg_uint(&args, op->weight[0]->n_cols);
	arg_float(&args, op->scale);
	arg_uint(&args, launch.of_outputs);
	return add_launch(low, one, many, &args, &launch);
}

static bool type_came_before(const struct op *op, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++) {
		if (op->weight[k]->type == op->weight[i]->type)
			return true;
	}
	return false;
}

static int lower_matmul(struct lowering *low, const struct op *op)
{
	int r = lower_normed(low, op);

	for (uint32_t i = 0; i < op->n_weights && r == 0; i++) {
		if (!type_came_before(op, i))
			r = lower_matmul_type(low, op, op->weight[i]->type);
	}
	return r;
}

static int lower_glu(struct lowering *low, const struct op *op)
{
	const struct matrix *gate = op->weight[0];
	const struct launch launch = {
		.shape = {.kind = LAUNCH_MATMUL,
			  .n_tiles = (uint32_t)div_up(gate->n_rows, PACKED_ROWS)},
		.of_outputs = is_of_outputs(low, op),
	};
	char name[16], one[32], many[32];
	struct args args = {0};
	int r = lower_normed(low, op);

	if (r < 0)
		return r;
	program_type_name(gate->type, name);
	(void)snprintf(one, sizeof(one), "glu_vec_%s", name);
	(void)snprintf(many, sizeof(many), "glu_%s", name);
	arg_memory(&args, low->segment->step);
	arg_memory(&args, weight_memory(low, op, 0));
	arg_memory(&args, weight_memory(low, op, 1));
	arg_memory(&args, values_memory(low));
	arg_activations(&args, low->segment);
	arg_uint(&args, gate->n_rows);
	arg_uint(&args, value_at(low, op->out[0]));
	arg_uint(&args, gate->n_cols);
	arg_uint(&args, op->activation == ACTIVATION_GELU_TANH);
	arg_uint(&args, launch.of_outputs);
	return add_launch(low, one, many, &args, &launch);
}

/* What kernels of experts share; ROW says which of the two kinds they are. */
static void arg_experts(struct args *args, struct lowering *low, const struct op *op)
{
	const struct matrix *weight = op->weight[0];

	if (low->rows == ROWS_SEVERAL)
		arg_memory(args, low->segment->pairs);
	arg_memory(args, values_memory(low));
	arg_activations(args, low->segment);
	if (low->rows == ROWS_SEVERAL) {
		arg_uint(args, weight->n_experts);
	} else {
		arg_uint(args, value_at(low, op->in[1]));
		arg_uint(args, op->n_used);
		arg_uint(args, op->kind == OP_EXPERT_GLU ? op->n_used : 1);
	}
	arg_uint(args, weight->n_rows);
	arg_uint(args, value_at(low, op->out[0]));
	arg_uint(args, weight->n_cols);
}

static int add_expert_launch(struct lowering *low, const struct op *op, const char *kernel,
			     enum tensor_type type, const struct args *args)
{
	const bool is_one = low->rows == ROWS_ONE;
	const struct launch launch = {
		.shape = {.kind = is_one ? LAUNCH_EXPERT : LAUNCH_EXPERTS,
			  .n_tiles = (uint32_t)div_up(op->weight[0]->n_rows, PACKED_ROWS),
			  .per_row = op->n_used,
			  .n_experts = op->weight[0]->n_experts},
		.of_outputs = is_of_outputs(low, op),
	};
	char name[16], full[48];

	program_type_name(type, name);
	(void)snprintf(full, sizeof(full), "%s_%s_%s", kernel, is_one ? "one" : "many", name);
	return add_launch(low, full, NULL, args, &launch);
}

/* Weight I; IS_GATE: through the activation; ONTO: what is there is multiplied. */
static int lower_expert_matmul(struct lowering *low, const struct op *op, uint32_t i, bool is_gate,
			       bool onto)
{
	struct args args = {0};

	arg_memory(&args, weight_memory(low, op, i));
	arg_experts(&args, low, op);
	arg_uint(&args, is_gate ? op->activation == ACTIVATION_GELU_TANH : NONE);
	arg_uint(&args, onto);
	return add_expert_launch(low, op, "expert_matmul", op->weight[i]->type, &args);
}

/* One kernel reads both matrices where they are of one type. */
static int lower_expert_glu(struct lowering *low, const struct op *op)
{
	struct args args = {0};
	int r;

	if (op->weight[0]->type != op->weight[1]->type) {
		r = lower_expert_matmul(low, op, 0, true, false);
		return r < 0 ? r : lower_expert_matmul(low, op, 1, false, true);
	}
	arg_memory(&args, weight_memory(low, op, 0));
	arg_memory(&args, weight_memory(low, op, 1));
	arg_experts(&args, low, op);
	arg_uint(&args, op->activation == ACTIVATION_GELU_TANH);
	return add_expert_launch(low, op, "expert_glu", op->weight[0]->type, &args);
}

static int lower_sort(struct lowering *low, const struct op *op)
{
	const struct launch launch = {.shape = {.kind = LAUNCH_SORT},
				      .of_outputs = is_of_outputs(low, op)};
	struct args args = {0};

	if (low->sorted == op->in[1])
		return 0;
	low->sorted = op->in[1];
	arg_memory(&args, low->segment->step);
	arg_memory(&args, values_memory(low));
	arg_memory(&args, low->segment->pairs);
	arg_uint(&args, value_at(low, op->in[1]));
	arg_uint(&args, op->n_used);
	arg_uint(&args, op->weight[0]->n_experts);
	arg_uint(&args, low->segment->pairs_counted);
	arg_uint(&args, launch.of_outputs);
	return add_launch(low, "sort_pairs", NULL, &args, &launch);
}

static int lower_expert_products(struct lowering *low, const struct op *op)
{
	return op->kind == OP_EXPERT_GLU ? lower_expert_glu(low, op)
					 : lower_expert_matmul(low, op, 0, false, false);
}

/* A single row's pairs one by one; those of several rows sorted, so that weights are read once. */
static int lower_experts(struct lowering *low, const struct op *op)
{
	cl_uint norm;
	int r = add_vector(low, &op->norm, &norm);

	low->rows = ROWS_ONE;
	if (r == 0)
		r = lower_prepare(low, op, norm);
	if (r == 0)
		r = lower_expert_products(low, op);
	low->rows = ROWS_SEVERAL;
	if (r == 0)
		r = lower_sort(low, op);
	if (r == 0)
		r = lower_prepare(low, op, norm);
	if (r == 0)
		r = lower_expert_products(low, op);
	low->rows = ROWS_ANY;
	return r;
}

static int lower_route(struct lowering *low, const struct op *op)
{
	const struct launch launch = {.shape = {.kind = LAUNCH_ROUTE},
				      .of_outputs = is_of_outputs(low, op)};
	struct args args = {0};

	arg_memory(&args, low->segment->step);
	arg_memory(&args, values_memory(low));
	arg_uint(&args, value_at(low, op->in[0]));
	arg_uint(&args, value_at(low, op->out[0]));
	arg_uint(&args, low->params->graph->values[op->in[0]].n_cols);
	arg_uint(&args, op->n_used);
	arg_uint(&args, op->sums_to_one);
	arg_uint(&args, launch.of_outputs);
	return add_launch(low, "route_rows", NULL, &args, &launch);
}

static int lower_mix(struct lowering *low, const struct op *op)
{
	uint32_t n_cols = low->params->graph->values[op->out[0]].n_cols;
	const struct launch launch = {.shape = {.kind = LAUNCH_MIX, .n_cols = n_cols},
				      .of_outputs = is_of_outputs(low, op)};
	struct args args = {0};

	arg_memory(&args, low->segment->step);
	arg_memory(&args, values_memory(low));
	arg_uint(&args, value_at(low, op->in[0]));
	arg_uint(&args, value_at(low, op->in[1]));
	arg_uint(&args, value_at(low, op->add));
	arg_uint(&args, value_at(low, op->out[0]));
	arg_uint(&args, n_cols);
	arg_uint(&args, op->n_used);
	arg_float(&args, op->scale);
	return add_launch(low, "mix_rows", NULL, &args, &launch);
}

static int lower_adapt_value(struct lowering *low, const struct op *op, int i)
{
	uint32_t n_cols = low->params->graph->values[op->out[i]].n_cols;
	const struct launch launch = {.shape = {.kind = LAUNCH_ADAPT, .n_cols = n_cols},
				      .of_outputs = is_of_outputs(low, op)};
	struct args args = {0};
	cl_uint adapters;
	int r;

	r = add_vector(low, &op->adapters[i], &adapters);
	if (r < 0)
		return r;
	arg_memory(&args, low->segment->step);
	arg_memory(&args, values_memory(low));
	arg_memory(&args, low->segment->vectors);
	arg_uint(&args, value_at(low, op->out[i]));
	arg_uint(&args, adapters);
	arg_uint(&args, n_cols);
	arg_uint(&args, low->params->graph->n_adapters);
	arg_uint(&args, launch.of_outputs);
	return add_launch(low, "adapt_rows", NULL, &args, &launch);
}

static int lower_adapt(struct lowering *low, const struct op *op)
{
	int r = 0;

	for (int i = 0; i < OP_WEIGHTS_MAX && op->out[i] != NO_VALUE && r == 0; i++)
		r = lower_adapt_value(low, op, i);
	return r;
}

static int lower_gate(struct lowering *low, const struct op *op)
{
	uint32_t n_cols = low->params->graph->values[op->out[0]].n_cols;
	const struct launch launch = {.shape = {.kind = LAUNCH_GATE, .n_cols = n_cols},
				      .of_outputs = is_of_outputs(low, op)};
	struct args args = {0};

	arg_memory(&args, low->segment->step);
	arg_memory(&args, values_memory(low));
	arg_uint(&args, value_at(low, op->in[0]));
	arg_uint(&args, value_at(low, op->in[1]));
	arg_uint(&args, value_at(low, op->out[0]));
	arg_uint(&args, n_cols);
	arg_uint(&args, op->activation == ACTIVATION_GELU_TANH);
	return add_launch(low, "gate_rows", NULL, &args, &launch);
}

static int lower_rope(struct lowering *low, const struct op *op)
{
	const struct rope *rope = &low->params->graph->model->ropes[op->rope];
	const struct launch launch = {
		.shape = {.kind = LAUNCH_ROPE, .n_head = op->n_head, .n_head_kv = op->n_head_kv},
	};
	const cl_uint io[] = {value_at(low, op->in[0]), value_at(low, op->in[1]),
			      value_at(low, op->in[2]), value_at(low, op->out[0])};
	struct args args = {0};
	cl_uint norms[2];
	int r;

	r = add_vector(low, &op->q_norm, &norms[0]);
	if (r == 0)
		r = add_vector(low, &op->k_norm, &norms[1]);
	if (r < 0)
		return r;
	arg_memory(&args, low->segment->step);
	arg_memory(&args, values_memory(low));
	arg_memory(&args, low->segment->vectors);
	arg_memory(&args, opencl_memory(low->params->kv[op->layer]));
	arg_uints(&args, io, ARRAY_SIZE(io));
	arg_uints(&args, norms, ARRAY_SIZE(norms));
	arg_uint(&args, op->n_head);
	arg_uint(&args, op->n_head_kv);
	arg_uint(&args, rope->n_dims);
	arg_uint(&args, rope->style == ROPE_HALVES);
	arg_float(&args, op->eps);
	arg_uint(&args, op->kv_group);
	arg_uint(&args, op->rope);
	return add_launch(low, "rope", NULL, &args, &launch);
}

static int lower_join(struct lowering *low, const struct op *op)
{
	const struct launch launch = {
		.shape = {.kind = LAUNCH_JOIN, .n_head = op->n_head, .n_head_kv = op->n_head_kv},
	};
	struct args args = {0};

	arg_memory(&args, low->segment->step);
	arg_memory(&args, values_memory(low));
	arg_memory(&args, low->segment->partials);
	arg_uint(&args, value_at(low, op->out[0]));
	arg_uint(&args, op->n_head);
	arg_uint(&args, op->n_head_kv);
	return add_launch(low, "attention_join", NULL, &args, &launch);
}

static int lower_attention(struct lowering *low, const struct op *op)
{
	const struct opencl_segment *segment = low->segment;
	const struct launch launch = {
		.shape = {.kind = LAUNCH_ATTENTION,
			  .n_head = op->n_head,
			  .n_head_kv = op->n_head_kv},
	};
	char many[32];
	struct args args = {0};
	int r;

	(void)snprintf(many, sizeof(many), "attention%u", segment->tile_tokens);
	arg_memory(&args, segment->step);
	arg_memory(&args, values_memory(low));
	arg_memory(&args, opencl_memory(low->params->kv[op->layer]));
	arg_memory(&args, segment->partials);
	arg_uint(&args, value_at(low, op->in[0]));
	arg_uint(&args, value_at(low, op->out[0]));
	arg_uint(&args, op->n_head);
	arg_uint(&args, op->n_head_kv);
	arg_uint(&args, op->window);
	arg_uint(&args, op->sees_all);
	arg_float(&args, op->scale);
	arg_uint(&args, op->kv_group);
	r = add_launch(low, "attention1", segment->tile_tokens > 1 ? many : NULL, &args, &launch);
	if (r == 0 && low->device->family->splits_attention)
		r = lower_join(low, op);
	return r;
}

typedef int (*lower_fn)(struct lowering *low, const struct op *op);

static const lower_fn lower_functions[OP_KINDS] = {
	[OP_EMBED] = lower_embed,
	[OP_NORM] = lower_norm,
	[OP_MATMUL] = lower_matmul,
	[OP_GLU] = lower_glu,
	[OP_ROPE] = lower_rope,
	[OP_ATTENTION] = lower_attention,
	[OP_SELECT] = lower_select,
	[OP_ROUTE] = lower_route,
	[OP_EXPERT_GLU] = lower_experts,
	[OP_EXPERT_MATMUL] = lower_experts,
	[OP_MIX] = lower_mix,
	[OP_ADAPT] = lower_adapt,
	[OP_GATE] = lower_gate,
};

bool opencl_supports(const struct device *device, const struct op *op)
{
	/* Both matrices are read by one kernel. */
	if (op->kind == OP_GLU && op->weight[0]->type != op->weight[1]->type)
		return false;
	return op->kind < OP_KINDS && lower_functions[op->kind];
}

/* ---- all of them ---- */

static uint64_t count_vectors(const struct segment_params *params)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < params->n_ops; i++) {
		const struct op *op = &params->graph->ops[params->first_op + i];

		n += op->norm.n + op->norm_bias.n + op->q_norm.n + op->k_norm.n;
		for (int k = 0; k < OP_WEIGHTS_MAX; k++)
			n += op->bias[k].n + op->adapters[k].n;
	}
	return n;
}

static int upload_vectors(struct lowering *low)
{
	return opencl_write(low->device, low->segment->vectors, 0, low->vectors,
			    low->n_vectors * sizeof(*low->vectors));
}

static int lower_ops(struct lowering *low)
{
	const struct segment_params *params = low->params;
	int r = 0;

	for (uint32_t i = 0; i < params->n_ops && r == 0; i++) {
		const struct op *op = &params->graph->ops[params->first_op + i];

		low->when = op->when;
		r = lower_functions[op->kind](low, op);
	}
	return r < 0 ? r : upload_vectors(low);
}

static void lowering_finish(struct lowering *low)
{
	free(low->vectors);
}

int opencl_lower(struct opencl_segment *segment, const struct segment_params *params)
{
	struct lowering low __attribute__((cleanup(lowering_finish))) = {
		.device = opencl_device_from(segment->base.device),
		.segment = segment,
		.params = params,
		.sorted = NO_VALUE,
	};
	struct opencl_needs needs = opencl_needs_of(low.device, params);
	int r;

	segment->tile_heads = needs.program.tile_heads;
	segment->tile_tokens = needs.program.tile_tokens;
	r = opencl_program_create(low.device, &needs.program, &segment->program);
	if (r == 0)
		r = opencl_make_scratch(segment, params, &needs);
	if (r == 0)
		r = opencl_make_memory(low.device, count_vectors(params) * sizeof(float),
				       &segment->vectors);
	return r < 0 ? r : lower_ops(&low);
}

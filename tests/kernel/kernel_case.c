// SPDX-License-Identifier: MIT
/* Owns random graphs of a few ops and their life on a device. Exits on allocation failure: a test. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "kernel_case.h"
#include "packed.h"
#include "packed_type.h"
#include "tiny_model.h"

static void *must(void *pointer)
{
	if (!pointer) {
		(void)fprintf(stderr, "out of memory in a test\n");
		exit(99);
	}
	return pointer;
}

uint32_t random_u32(struct random *random)
{
	/* splitmix64 */
	uint64_t z = random->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ z >> 31) >> 32);
}

uint32_t random_in(struct random *random, uint32_t first, uint32_t last)
{
	return first + (uint32_t)((uint64_t)random_u32(random) * (last - first + 1) >> 32);
}

static float random_unit(struct random *random)
{
	return (float)random_u32(random) * 0x1p-32f;
}

float random_normal(struct random *random)
{
	/* The sum of four uniforms is close enough and never far out. */
	float sum = 0;

	for (int i = 0; i < 4; i++)
		sum += random_unit(random) - 0.5f;
	return sum * 1.7320508f;
}

void kernel_case_init(struct kernel_case *c, uint64_t seed)
{
	memset(c, 0, sizeof(*c));
	c->random.state = seed;
	c->model.matrices = c->matrices;
	c->model.layers = &c->layer;
	c->model.n_layers = 1;
	c->model.arch = "case";
	c->graph.model = &c->model;
	c->graph.values = c->values;
	c->graph.ops = c->ops;
	c->graph.result = NO_VALUE;
	c->graph.n_kv_groups = 1;
	c->graph.kv_groups[0].n_layers = 1;
	c->max_tokens = c->max_outputs = c->max_runs = c->max_pages = 1;
	c->n_pages = 1;
}

void kernel_case_finish(struct kernel_case *c)
{
	for (uint32_t i = 0; i < c->model.n_matrices; i++)
		free((void *)c->tensors[i].data);
	for (unsigned i = 0; i < c->n_vectors; i++)
		free(c->vectors[i]);
}

int32_t case_value(struct kernel_case *c, enum value_rows rows, uint32_t n_cols)
{
	c->values[c->graph.n_values] = (struct value){"case", rows, n_cols};
	return (int32_t)c->graph.n_values++;
}

struct op *case_op(struct kernel_case *c, enum op_kind kind, int32_t in)
{
	struct op *op = &c->ops[c->graph.n_ops++];

	*op = (struct op){
		.kind = kind,
		.in = {in, NO_VALUE, NO_VALUE},
		.add = NO_VALUE,
		.out = {NO_VALUE, NO_VALUE, NO_VALUE},
		.scale = 1,
		.eps = 1e-5f,
	};
	return op;
}

const struct matrix *case_matrix(struct kernel_case *c, enum tensor_type type, uint32_t n_rows,
				 uint32_t n_cols)
{
	return case_experts(c, type, 1, n_rows, n_cols);
}

const struct matrix *case_experts(struct kernel_case *c, enum tensor_type type, uint32_t n_experts,
				  uint32_t n_rows, uint32_t n_cols)
{
	uint32_t id = c->model.n_matrices++;
	uint64_t row_bytes = tensor_row_bytes(type, n_cols);
	uint8_t *data = must(malloc(n_experts * n_rows * row_bytes));

	for (uint32_t i = 0; i < n_experts * n_rows; i++)
		random_row(&c->random.state, type, n_cols, 0.06f, data + i * row_bytes);
	c->tensors[id] = (struct gguf_tensor){
		.name = {"case", 4},
		.n_dims = 2,
		.dims = {n_cols, n_rows, 1, 1},
		.type = type,
		.size_bytes = n_experts * n_rows * row_bytes,
		.data = data,
	};
	c->matrices[id] = (struct matrix){
		.tensor = &c->tensors[id],
		.type = type,
		.n_rows = n_rows,
		.n_cols = n_cols,
		.id = id,
		.n_experts = n_experts,
	};
	return &c->matrices[id];
}

struct vector case_vector(struct kernel_case *c, uint32_t n, float mean, float spread)
{
	float *data = must(malloc(n * sizeof(*data)));

	for (uint32_t i = 0; i < n; i++)
		data[i] = mean + spread * random_normal(&c->random);
	c->vectors[c->n_vectors++] = data;
	return (struct vector){data, n};
}

/* ---- on a device ---- */

static int bind_weight(struct bound_case *bound, uint32_t id)
{
	const struct matrix *matrix = &bound->c->matrices[id];
	struct buffer_params params = {.read_only = true};
	uint64_t row_bytes = tensor_row_bytes(matrix->type, matrix->n_cols);
	uint64_t tile_bytes = packed_tile_bytes(matrix->type, matrix->n_cols);
	const uint8_t *from = matrix_data(matrix);
	uint8_t *to;

	if (device_weight_form(bound->device) == WEIGHTS_AS_IN_FILE) {
		params.initial = matrix->tensor->data;
		params.size_bytes = matrix->tensor->size_bytes;
		return buffer_create(bound->device, &params, &bound->weights[id]);
	}
	params.size_bytes = packed_bytes_of(matrix);
	bound->packed[id] = must(aligned_alloc(4096, round_up(params.size_bytes, 4096)));
	to = bound->packed[id];
	for (uint32_t e = 0; e < matrix->n_experts; e++) {
		for (uint32_t row = 0; row < matrix->n_rows; row += PACKED_ROWS, to += tile_bytes)
			packed_tile_write(matrix->type, from + row * row_bytes, row_bytes,
					  MIN(matrix->n_rows - row, PACKED_ROWS), matrix->n_cols,
					  to);
		from += matrix->n_rows * row_bytes;
	}
	params.initial = bound->packed[id];
	return buffer_create(bound->device, &params, &bound->weights[id]);
}

static int bind_values(struct bound_case *bound)
{
	struct kernel_case *c = bound->c;
	uint64_t at = 0;

	for (uint32_t i = 0; i < c->graph.n_values; i++) {
		uint64_t rows = c->values[i].rows == ROWS_TOKENS ? c->max_tokens : c->max_outputs;

		bound->offsets[i] = at;
		at += round_up(rows * c->values[i].n_cols * sizeof(float), 256);
	}
	return buffer_create(bound->device, &(struct buffer_params){.size_bytes = at},
			     &bound->values);
}

static int bind_kv(struct bound_case *bound)
{
	const struct kernel_case *c = bound->c;
	uint64_t bytes = 64;

	for (uint32_t i = 0; i < c->graph.n_ops; i++) {
		if (c->ops[i].kind == OP_ROPE)
			bytes = c->n_pages *
				kv_page_bytes(c->kv_type, c->ops[i].n_head_kv, c->ops[i].head_dim);
	}
	return buffer_create(bound->device, &(struct buffer_params){.size_bytes = bytes},
			     &bound->kv);
}

struct segment_params bound_case_params(const struct bound_case *bound)
{
	const struct kernel_case *c = bound->c;

	return (struct segment_params){
		.graph = &c->graph,
		.n_ops = c->graph.n_ops,
		.max_tokens = c->max_tokens,
		.max_outputs = c->max_outputs,
		.max_runs = c->max_runs,
		.max_pages = c->max_pages,
		.kv_type = c->kv_type,
		.weights = bound->weights,
		.values = bound->values,
		.value_offsets = bound->offsets,
		.kv = &bound->kv,
	};
}

int bound_case_init(struct bound_case *bound, struct kernel_case *c, struct device *device)
{
	struct segment_params params;
	int r = 0;

	memset(bound, 0, sizeof(*bound));
	bound->c = c;
	bound->device = device;
	for (uint32_t i = 0; i < c->model.n_matrices && r == 0; i++)
		r = bind_weight(bound, i);
	if (r == 0)
		r = bind_values(bound);
	if (r == 0)
		r = bind_kv(bound);
	if (r < 0)
		return r;
	c->graph.n_matrices = c->model.n_matrices;
	params = bound_case_params(bound);
	return segment_create(device, &params, &bound->segment);
}

void bound_case_finish(struct bound_case *bound)
{
	segment_destroy(bound->segment);
	buffer_destroy(bound->values);
	buffer_destroy(bound->kv);
	for (uint32_t i = 0; i < bound->c->model.n_matrices; i++) {
		buffer_destroy(bound->weights[i]);
		free(bound->packed[i]);
	}
}

int bound_case_write(struct bound_case *bound, int32_t value, const float *data, uint32_t n_rows)
{
	return buffer_write(bound->values, bound->offsets[value], data,
			    (size_t)n_rows * bound->c->values[value].n_cols * sizeof(float));
}

int bound_case_read(struct bound_case *bound, int32_t value, float *data, uint32_t n_rows)
{
	return buffer_read(bound->values, bound->offsets[value], data,
			   (size_t)n_rows * bound->c->values[value].n_cols * sizeof(float));
}

/* ---- steps ---- */

/* Sequence i's pages are a fixed scattered set, so that later steps find what earlier ones wrote. */
static void fill_pages(struct case_step *s, struct kernel_case *c, uint32_t n_runs)
{
	for (uint32_t g = 0; g < c->graph.n_kv_groups; g++) {
		s->pages[g] = must(calloc((size_t)n_runs * c->max_pages, sizeof(uint32_t)));
		for (uint32_t i = 0; i < n_runs * c->max_pages; i++)
			s->pages[g][i] = (i * 7 + 3) % c->n_pages;
		s->step.pages[g] = s->pages[g];
	}
	s->step.page_stride = c->max_pages;
}

static void fill_rope(struct case_step *s, struct kernel_case *c)
{
	for (uint32_t i = 0; i < c->model.n_ropes; i++) {
		uint32_t pairs = c->model.ropes[i].n_dims / 2;
		double frequencies[512];

		rope_frequencies(&c->model.ropes[i], 1, frequencies);
		s->rope[i] = must(malloc((size_t)s->step.n_tokens * pairs * 2 * sizeof(float) + 1));
		rope_table(&c->model.ropes[i], frequencies, s->positions, s->step.n_tokens,
			   s->rope[i]);
		s->step.rope[i] = s->rope[i];
	}
}

int case_step_init(struct case_step *s, struct kernel_case *c, uint32_t n_runs,
		   const uint32_t *lengths, const uint32_t *starts, uint32_t n_outputs)
{
	uint32_t n = 0, t = 0;

	memset(s, 0, sizeof(*s));
	for (uint32_t i = 0; i < n_runs; i++)
		n += lengths[i];
	s->tokens = must(calloc(n, sizeof(*s->tokens)));
	s->positions = must(calloc(n, sizeof(*s->positions)));
	s->row_runs = must(calloc(n, sizeof(*s->row_runs)));
	s->outputs = must(calloc(n_outputs + 1, sizeof(*s->outputs)));
	s->runs = must(calloc(n_runs, sizeof(*s->runs)));
	for (uint32_t i = 0; i < n_runs; i++) {
		s->runs[i] = (struct step_run){t, lengths[i], starts[i]};
		for (uint32_t k = 0; k < lengths[i]; k++, t++) {
			s->tokens[t] =
				c->model.n_vocab > 0
					? (int32_t)random_in(&c->random, 0, c->model.n_vocab - 1)
					: 0;
			s->positions[t] = starts[i] + k;
			s->row_runs[t] = i;
		}
	}
	for (uint32_t i = 0; i < n_outputs; i++)
		s->outputs[i] = random_in(&c->random, 0, n - 1);
	s->step = (struct step){.n_tokens = n,
				.n_outputs = n_outputs,
				.n_runs = n_runs,
				.tokens = s->tokens,
				.positions = s->positions,
				.row_runs = s->row_runs,
				.runs = s->runs,
				.outputs = s->outputs};
	fill_pages(s, c, n_runs);
	fill_rope(s, c);
	return 0;
}

void case_step_finish(struct case_step *s)
{
	free(s->tokens);
	free(s->positions);
	free(s->row_runs);
	free(s->outputs);
	free(s->runs);
	for (int i = 0; i < KV_GROUPS_MAX; i++)
		free(s->pages[i]);
	for (int i = 0; i < MODEL_ROPES_MAX; i++)
		free(s->rope[i]);
}

double nmse(const float *wanted, const float *got, size_t n)
{
	double error = 0, power = 0;

	for (size_t i = 0; i < n; i++) {
		double difference = (double)wanted[i] - (double)got[i];

		if (!isfinite((double)got[i]))
			return INFINITY;
		error += difference * difference;
		power += (double)wanted[i] * (double)wanted[i];
	}
	return power > 0 ? error / power : error;
}

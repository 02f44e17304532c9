// SPDX-License-Identifier: MIT
/*
 * Owns the memory that launches of a segment share: what a step brings, activations, pairs, parts of
 * attention. Refuses to know what kernels do with it.
 */
#include "array.h"
#include "scratch.h"

enum { TILE_QUERIES_MAX = 12 };

/* Rows of activations that OP has in the largest step, with what they are padded to. */
static uint64_t most_slots(const struct opencl_device *device, const struct segment_params *params,
			   const struct op *op)
{
	uint64_t rows = MAX(params->max_tokens, params->max_outputs);

	if (op->n_used == 0)
		return rows + TILE_QUERIES_MAX;
	return opencl_pair_slots(device->family, rows * op->n_used, op->weight[0]->n_experts);
}

static void need_program(struct program_spec *program, const struct op *op,
			 const struct matrix *weight)
{
	uint64_t bit = UINT64_C(1) << weight->type;

	if (op->kind == OP_EMBED)
		program->embed_types |= bit;
	else if (op->kind == OP_GLU)
		program->glu_types |= bit;
	else if (op->n_used > 0)
		program->expert_types |= bit;
	else
		program->matmul_types |= bit;
}

static void need_activations(struct opencl_needs *needs, const struct op *op,
			     const struct matrix *weight, uint64_t slots)
{
	if (op->kind == OP_EMBED)
		return;
	if (opencl_is_quantised(weight->type))
		needs->n_quantised = MAX(needs->n_quantised, slots * round_up(weight->n_cols, 64));
	else
		needs->n_floats = MAX(needs->n_floats, slots * weight->n_cols);
	if (op->n_used == 0)
		return;
	needs->n_pair_slots = MAX(needs->n_pair_slots, slots);
	needs->most_experts = MAX(needs->most_experts, weight->n_experts);
}

struct opencl_needs opencl_needs_of(const struct opencl_device *device,
				    const struct segment_params *params)
{
	struct opencl_needs needs = {.program = {.kv_q8 = params->kv_type == KV_Q8_0},
				     .most_heads = 1};

	for (uint32_t i = 0; i < params->n_ops; i++) {
		const struct op *op = &params->graph->ops[params->first_op + i];

		for (uint32_t k = 0; k < op->n_weights; k++) {
			need_program(&needs.program, op, op->weight[k]);
			need_activations(&needs, op, op->weight[k], most_slots(device, params, op));
		}
		needs.program.adapts |= op->kind == OP_ADAPT || op->kind == OP_GATE;
		if (op->kind != OP_ROPE && op->kind != OP_ATTENTION)
			continue;
		needs.program.head_dim = op->head_dim;
		needs.most_heads = MAX(needs.most_heads, op->n_head / op->n_head_kv);
	}
	needs.program.tile_heads = MIN(needs.most_heads, device->family->tile_queries);
	needs.program.tile_tokens =
		MAX(device->family->tile_queries / needs.program.tile_heads, 1u);
	return needs;
}

int opencl_make_memory(struct opencl_device *device, uint64_t size_bytes, cl_mem *ret_memory)
{
	cl_int code;

	*ret_memory = clCreateBuffer(device->context, CL_MEM_READ_WRITE, MAX(size_bytes, 64), NULL,
				     &code);
	return code == CL_SUCCESS ? 0 : opencl_failed(device, "clCreateBuffer", code);
}

static int make_step(struct opencl_device *device, struct opencl_segment *segment,
		     const struct segment_params *params)
{
	segment->step_capacity = step_words_capacity(params);
	segment->step_words =
		driver_memory_alloc(segment->step_capacity * sizeof(*segment->step_words));
	if (!segment->step_words)
		return log_oom(device->base.log, "preparing a segment");
	return opencl_make_memory(device, segment->step_capacity * sizeof(uint32_t),
				  &segment->step);
}

/* As common/pairs.cl has them. */
static int make_pairs(struct opencl_device *device, struct opencl_segment *segment,
		      const struct opencl_needs *needs)
{
	uint64_t plan = 1 + 2 * (uint64_t)needs->most_experts + 2 * needs->n_pair_slots;
	uint64_t counted = (uint64_t)needs->most_experts * opencl_lanes(&device->facts);

	segment->pairs_counted = (cl_uint)plan;
	return opencl_make_memory(device, (plan + counted) * sizeof(cl_uint), &segment->pairs);
}

int opencl_make_scratch(struct opencl_segment *segment, const struct segment_params *params,
			const struct opencl_needs *needs)
{
	struct opencl_device *device = opencl_device_from(segment->base.device);
	uint64_t blocks = needs->n_quantised / 32;
	int r;

	segment->max_splits_items = device->facts.compute_units * SPLITS_PER_UNIT;
	r = make_step(device, segment, params);
	if (r == 0)
		r = opencl_make_memory(device, blocks * 32, &segment->codes);
	if (r == 0)
		r = opencl_make_memory(device, blocks * 8, &segment->scales);
	if (r == 0)
		r = opencl_make_memory(device, blocks * 8, &segment->sums);
	if (r == 0)
		r = opencl_make_memory(device, needs->n_floats * sizeof(float), &segment->floats);
	if (r == 0)
		r = opencl_make_memory(device,
				       (uint64_t)segment->max_splits_items *
					       needs->program.tile_heads *
					       (needs->program.head_dim + 2) * sizeof(float),
				       &segment->partials);
	return r < 0 ? r : make_pairs(device, segment, needs);
}

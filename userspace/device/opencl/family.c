// SPDX-License-Identifier: MIT
/* Owns the sizes of launches. Refuses to know what kernels compute. */
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "family.h"

enum {
	/* Work-groups per compute unit: fewer leave units idle at the end, more cost their start. */
	GROUPS_PER_UNIT = 8,
	TILES_PER_GROUP = 4, /* of weight rows, in a prefill */
	/* A processor whose driver spreads items over lanes says 1. */
	VECTOR_WIDTH_MIN = 4,
	LANES_WANTED = 64,
	LANE_WIDTH = 8, /* tokens per group of the lane family's matmul */
};

static struct launch_size one_dimension(size_t items, size_t local)
{
	return (struct launch_size){1, {items * local, 1}, {local, 1}};
}

/* Columns by rows: for kernels that both families share. */
static struct launch_size columns_by_rows(uint32_t columns, uint32_t rows)
{
	return (struct launch_size){2, {round_up(columns, 16), rows}, {16, 1}};
}

static uint32_t vector_slots(uint32_t n_rows)
{
	uint32_t full = n_rows / 12 * 12;

	return n_rows == 1 ? 1 : full + (uint32_t)round_up(n_rows - full, 4);
}

static size_t vector_matmul_items(const struct opencl_device *device,
				  const struct launch_shape *shape)
{
	size_t groups = (size_t)device->facts.compute_units * GROUPS_PER_UNIT;

	if (shape->n_rows == 1)
		return MIN(shape->n_tiles, groups);
	return div_up(shape->n_tiles, TILES_PER_GROUP);
}

/* As many items for each of the parts of SHAPE, pairs or experts, as keep all units busy. */
static size_t vector_expert_items(const struct opencl_device *device,
				  const struct launch_shape *shape)
{
	size_t groups = (size_t)device->facts.compute_units * GROUPS_PER_UNIT;

	if (shape->kind == LAUNCH_EXPERTS)
		return shape->n_experts * MAX(MIN(div_up(groups, shape->n_experts), shape->n_tiles),
					      div_up(shape->n_tiles, TILES_PER_GROUP));
	return shape->per_row * MIN(div_up(groups, shape->per_row), shape->n_tiles);
}

uint64_t opencl_pair_slots(const struct opencl_family *family, uint64_t n_pairs, uint32_t n_experts)
{
	return n_pairs + family->padding_max * MIN(n_pairs, n_experts);
}

static struct launch_size vector_size(const struct opencl_device *device,
				      const struct launch_shape *shape)
{
	switch (shape->kind) {
	case LAUNCH_EMBED:
		return columns_by_rows((uint32_t)div_up(shape->n_cols, 4), shape->n_rows);
	case LAUNCH_GATE:
		return columns_by_rows((uint32_t)div_up(shape->n_cols, 16), shape->n_rows);
	case LAUNCH_SELECT:
	case LAUNCH_MIX:
	case LAUNCH_ADAPT:
		return columns_by_rows(shape->n_cols, shape->n_rows);
	case LAUNCH_ROUTE:
		return columns_by_rows(1, shape->n_rows);
	case LAUNCH_PREPARE:
		return one_dimension(shape->per_row > 0 ? (size_t)shape->n_rows * shape->per_row
							: vector_slots(shape->n_rows),
				     1);
	case LAUNCH_SORT:
		return one_dimension(1, 1);
	case LAUNCH_PAIRS:
		return one_dimension(opencl_pair_slots(&opencl_family_vector,
						       (uint64_t)shape->n_rows * shape->per_row,
						       shape->n_experts),
				     1);
	case LAUNCH_EXPERT:
	case LAUNCH_EXPERTS:
		return one_dimension(vector_expert_items(device, shape), 1);
	case LAUNCH_MATMUL:
		return one_dimension(vector_matmul_items(device, shape), 1);
	case LAUNCH_ROPE:
		return one_dimension((size_t)shape->n_rows * shape->n_head_kv, 1);
	case LAUNCH_ATTENTION:
		return one_dimension((size_t)shape->n_attention_tiles * shape->n_splits, 1);
	case LAUNCH_JOIN:
		return one_dimension((size_t)shape->n_rows * shape->n_head, 1);
	default:
		return one_dimension(shape->n_rows, 1);
	}
}

static uint32_t lane_slots(uint32_t n_rows)
{
	return n_rows;
}

uint32_t opencl_lanes(const struct opencl_facts *facts)
{
	uint32_t lanes = LANES_WANTED;

	while (lanes > facts->max_group && lanes > 16)
		lanes /= 2;
	return lanes;
}

static struct launch_size lane_size(const struct opencl_device *device,
				    const struct launch_shape *shape)
{
	uint32_t lanes = opencl_lanes(&device->facts);

	switch (shape->kind) {
	case LAUNCH_EMBED:
		return columns_by_rows((uint32_t)div_up(shape->n_cols, 4), shape->n_rows);
	case LAUNCH_SELECT:
	case LAUNCH_MIX:
	case LAUNCH_ADAPT:
	case LAUNCH_GATE:
		return columns_by_rows(shape->n_cols, shape->n_rows);
	case LAUNCH_MATMUL:
		return (struct launch_size){
			2,
			{(size_t)shape->n_tiles * lanes,
			 shape->n_rows == 1 ? 1 : div_up(shape->n_rows, LANE_WIDTH)},
			{lanes, 1}};
	case LAUNCH_ROUTE:
		return columns_by_rows(1, shape->n_rows);
	case LAUNCH_PREPARE:
		return one_dimension((size_t)shape->n_rows * MAX(shape->per_row, 1u), lanes);
	case LAUNCH_SORT:
		return one_dimension(1, lanes);
	case LAUNCH_PAIRS:
		return one_dimension((size_t)shape->n_rows * shape->per_row, lanes);
	case LAUNCH_EXPERT:
	case LAUNCH_EXPERTS:
		return (struct launch_size){2,
					    {(size_t)shape->n_tiles * lanes,
					     shape->kind == LAUNCH_EXPERT ? shape->per_row
									  : shape->n_experts},
					    {lanes, 1}};
	case LAUNCH_ROPE:
		return one_dimension((size_t)shape->n_rows * (shape->n_head + 2 * shape->n_head_kv),
				     lanes);
	case LAUNCH_ATTENTION:
		return one_dimension((size_t)shape->n_rows * shape->n_head, lanes);
	default:
		return one_dimension(shape->n_rows, lanes);
	}
}

static const struct opencl_family *family_of_name(const char *name)
{
	static const struct opencl_family *const families[] = {&opencl_family_vector,
							       &opencl_family_lane};

	for (size_t i = 0; name && i < ARRAY_SIZE(families); i++) {
		if (strcmp(families[i]->name, name) == 0)
			return families[i];
	}
	return NULL;
}

const struct opencl_family *opencl_family_choose(const struct opencl_facts *facts,
						 const char *calibrated)
{
	const struct opencl_family *wanted = family_of_name(getenv("SLM_OPENCL_FAMILY"));

	if (!wanted)
		wanted = family_of_name(calibrated);
	if (wanted)
		return wanted;
	if ((facts->type & CL_DEVICE_TYPE_CPU) && facts->vector_width >= VECTOR_WIDTH_MIN)
		return &opencl_family_vector;
	return &opencl_family_lane;
}

const char *const opencl_family_names[] = {"vector", "lane", NULL};

const struct opencl_family opencl_family_vector = {
	.name = "vector",
	.widths = {1, 4, 12},
	.tile_queries = 12,
	.splits_attention = true,
	.n_slots = vector_slots,
	.padding_max = 3,
	.size = vector_size,
};

const struct opencl_family opencl_family_lane = {
	.name = "lane",
	.widths = {1, 8},
	.tile_queries = 1,
	.n_slots = lane_slots,
	.size = lane_size,
};

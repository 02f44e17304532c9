/* SPDX-License-Identifier: MIT */
/*
 * The two kernel families: which files make a program, and over how many work-items a kernel runs.
 * Kernels have the same names and arguments in both.
 */
#ifndef SLM_DEVICE_OPENCL_FAMILY_H
#define SLM_DEVICE_OPENCL_FAMILY_H

#include "internal.h"

enum launch_kind {
	LAUNCH_EMBED,
	LAUNCH_NORM,
	LAUNCH_PREPARE,
	LAUNCH_MATMUL,
	LAUNCH_ROPE,
	LAUNCH_ATTENTION,
	LAUNCH_JOIN, /* of attention's parts, where there are any */
	LAUNCH_SELECT,
	LAUNCH_ROUTE,
	LAUNCH_SORT,	/* pairs of tokens and experts */
	LAUNCH_PAIRS,	/* prepares activations of pairs */
	LAUNCH_EXPERT,	/* of a single row */
	LAUNCH_EXPERTS, /* of several */
	LAUNCH_MIX,
	LAUNCH_ADAPT,
	LAUNCH_GATE,
};

/* What decides a launch's size. */
struct launch_shape {
	enum launch_kind kind;
	uint32_t n_rows; /* of activations, in this step */
	uint32_t n_cols; /* embed, select, mix, adapt, gate */
	uint32_t
		per_row; /* pairs, expert(s): pairs of each row; prepare for them: rows of each, 0 else */
	uint32_t n_experts;
	uint32_t n_tiles; /* of weight rows */
	uint32_t n_head;
	uint32_t n_head_kv;
	uint32_t n_attention_tiles; /* in this step */
	uint32_t n_splits;
};

struct launch_size {
	cl_uint dimensions;
	size_t global[2];
	size_t local[2];
};

struct opencl_family {
	const char *name;
	uint32_t widths[4];    /* of token tiles, ending with 0 */
	uint32_t tile_queries; /* query rows that attention takes at once */
	bool splits_attention;
	uint32_t (*n_slots)(uint32_t n_rows); /* rows that activations are padded to */
	uint32_t padding_max;		      /* n_slots(n) - n, at most */
	struct launch_size (*size)(const struct opencl_device *device,
				   const struct launch_shape *shape);
};

extern const struct opencl_family opencl_family_vector;
extern const struct opencl_family opencl_family_lane;

extern const char *const opencl_family_names[]; /* ending with NULL */

/*
 * The family that $SLM_OPENCL_FAMILY names, for tests; else the one that CALIBRATED names (NULL or
 * "": none); else processors that compute on vectors get the vector family, all others the lane
 * family.
 */
const struct opencl_family *opencl_family_choose(const struct opencl_facts *facts,
						 const char *calibrated);

/* Slots that N_PAIRS of a token and one of N_EXPERTS take at most, where each expert has its own. */
uint64_t opencl_pair_slots(const struct opencl_family *family, uint64_t n_pairs,
			   uint32_t n_experts);

/* Items of a group of the lane family on this device. */
uint32_t opencl_lanes(const struct opencl_facts *facts);

#endif

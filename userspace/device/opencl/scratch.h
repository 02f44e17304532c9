/* SPDX-License-Identifier: MIT */
/* The memory of a segment beside weights and values, of the size that its ops need together. */
#ifndef SLM_DEVICE_OPENCL_SCRATCH_H
#define SLM_DEVICE_OPENCL_SCRATCH_H

#include "program_source.h"
#include "segment.h"

struct opencl_needs {
	struct program_spec program;
	uint64_t n_quantised; /* activations of the largest input */
	uint64_t n_floats;
	uint64_t n_pair_slots; /* of the largest step: pairs of tokens and experts, padded */
	uint32_t most_experts;
	uint32_t most_heads; /* query heads per key head */
};

/* Types that meet activations as codes. */
static inline bool opencl_is_quantised(enum tensor_type type)
{
	return tensor_type_info(type)->block_values > 1;
}

struct opencl_needs opencl_needs_of(const struct opencl_device *device,
				    const struct segment_params *params);

/* Memory of the device; at least a little, so that it can be an argument. Logged. */
int opencl_make_memory(struct opencl_device *device, uint64_t size_bytes, cl_mem *ret_memory);

/* Everything but the vectors; what was made before a failure is the segment's. Logged. */
int opencl_make_scratch(struct opencl_segment *segment, const struct segment_params *params,
			const struct opencl_needs *needs);

#endif

/* SPDX-License-Identifier: MIT */
/* A segment as a list of launches whose arguments were set when it was made; parts of segment.c. */
#ifndef SLM_DEVICE_OPENCL_SEGMENT_H
#define SLM_DEVICE_OPENCL_SEGMENT_H

#include "family.h"

enum {
	/* Work-groups per compute unit that attention over a long context is cut into. */
	SPLITS_PER_UNIT = 4,
};

/* In which steps a launch runs, by the rows it would have. */
enum launch_rows {
	ROWS_ANY,
	ROWS_ONE,
	ROWS_SEVERAL,
};

struct launch {
	cl_kernel one;	/* for a single row (attention: for runs of single rows) */
	cl_kernel many; /* for more; the same object where there is no difference */
	struct launch_shape shape;
	bool of_outputs;
	enum op_when when;
	enum launch_rows rows;
};

struct opencl_segment {
	struct segment base;
	struct segment_params params; /* its arrays are not kept */
	cl_program program;
	struct launch *launches; /* [n_launches] */
	size_t n_launches;
	size_t capacity;
	cl_mem step;			    /* what a step brings */
	cl_mem vectors;			    /* norms and biases */
	cl_mem codes, scales, sums, floats; /* activations */
	cl_mem partials;		    /* of attention */
	cl_mem pairs;			    /* of tokens and experts, sorted */
	cl_uint pairs_counted;		    /* where in them the sorting items count */
	uint32_t *step_words;
	size_t step_capacity;  /* words */
	cl_event step_written; /* NULL, or of the last write of step_words */
	bool has_run[2];       /* steps of several rows, of single ones */
	uint32_t tile_heads, tile_tokens;
	uint32_t max_splits_items;
};

/* lower.c: makes the program, the buffers and the launches of a segment. */
int opencl_lower(struct opencl_segment *segment, const struct segment_params *params);

/* step_words.c */
size_t step_words_capacity(const struct segment_params *params);
/* Writes the step as the kernels read it (common/step.cl); gives the number of words. */
size_t step_words_write(uint32_t *words, const struct graph *graph, const struct step *step,
			uint32_t n_splits);

#endif

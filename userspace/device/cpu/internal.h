/* SPDX-License-Identifier: MIT */
/* What the files of the CPU device share. */
#ifndef SLM_DEVICE_CPU_INTERNAL_H
#define SLM_DEVICE_CPU_INTERNAL_H

#include "cpu.h"
#include "host_buffer.h"
#include "kernels.h"

struct cpu_device {
	struct device base;
	const struct cpu_kernels *kernels;
	struct thread_pool *pool;
};

/* Scratch of one thread. */
struct cpu_member {
	struct activation_tile own; /* one row, for steps of one token: nobody waits for it */
	float *row;		    /* [widest]: a normed row, or zeros */
	float *head;		    /* [2 * HEAD_DIM_MAX] */
	struct attention_tile attention;
	float *q; /* [head_dim][TILE_WIDTH_MAX], what attention.q points to */
};

struct cpu_segment {
	struct segment base;
	struct segment_params params;  /* its arrays are copies */
	struct activation_tile shared; /* all rows of a step, tile after tile */
	struct cpu_member *members;    /* [threads] */
	float *partials; /* [threads * CPU_SPLITS]: attention over parts of a context */
};

enum {
	/* Work items per thread that attention over one long context is cut into. */
	CPU_SPLITS = 4,
};

/* A run as every member sees it. */
struct cpu_run {
	struct cpu_segment *segment;
	const struct cpu_kernels *kernels;
	struct thread_pool *pool;
	const struct step *step;
};

/* Every member calls with its own INDEX; what they do ends with a barrier. */
void cpu_embed(const struct cpu_run *run, const struct op *op, unsigned index);
void cpu_norm(const struct cpu_run *run, const struct op *op, unsigned index);
void cpu_select(const struct cpu_run *run, const struct op *op, unsigned index);
void cpu_matmul(const struct cpu_run *run, const struct op *op, unsigned index);
void cpu_rope(const struct cpu_run *run, const struct op *op, unsigned index);
void cpu_attention(const struct cpu_run *run, const struct op *op, unsigned index);

/* Row ROW of a value; rows of out[0]. */
float *cpu_row(const struct cpu_run *run, int32_t value, uint32_t row);
uint32_t cpu_n_rows(const struct cpu_run *run, const struct op *op);

/* Scratch of the parts above, made with the segment. 0 or -ENOMEM; finish takes half-made ones. */
int activation_tile_init(struct activation_tile *tile, uint32_t needs, uint64_t n_rows,
			 uint32_t n_cols);
void activation_tile_finish(struct activation_tile *tile);

#endif

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

/* Which experts a step uses, and for what; cpu/experts.c. A pair is a token and one of its experts. */
struct expert_plan {
	uint32_t *pairs;  /* [pairs]: token * n_used + slot, those of one expert side by side */
	uint32_t *starts; /* [experts + 1] */
	struct expert_tile *tiles;   /* [pairs] */
	struct expert_group *groups; /* [experts in use] */
	uint32_t n_tiles, n_groups, n_slots;
};

/* Scratch of one thread. */
struct cpu_member {
	struct activation_tile own; /* one row, for steps of one token: nobody waits for it */
	float *row;		    /* [widest]: a normed row, or zeros */
	float *head;		    /* [2 * HEAD_DIM_MAX] */
	struct attention_tile attention;
	float *q; /* [head_dim][TILE_WIDTH_MAX], what attention.q points to */
	struct expert_plan experts;
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
	/* Tiles of weights that a thread takes at once: long streams from memory, or what stays in
	 * the first-level cache. */
	CPU_DECODE_CHUNK = 24,
	CPU_PREFILL_CHUNK = 4,
	CPU_CHUNKS_PER_MEMBER = 4,
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
void cpu_route(const struct cpu_run *run, const struct op *op, unsigned index);
void cpu_experts(const struct cpu_run *run, const struct op *op, unsigned index);
void cpu_mix(const struct cpu_run *run, const struct op *op, unsigned index);
void cpu_adapt(const struct cpu_run *run, const struct op *op, unsigned index);
void cpu_gate(const struct cpu_run *run, const struct op *op, unsigned index);
void cpu_rope(const struct cpu_run *run, const struct op *op, unsigned index);
void cpu_attention(const struct cpu_run *run, const struct op *op, unsigned index);

/* Row ROW of a value; rows of out[0]. */
float *cpu_row(const struct cpu_run *run, int32_t value, uint32_t row);
uint32_t cpu_n_rows(const struct cpu_run *run, const struct op *op);

/* ---- activations, matmul.c ---- */

/* The smallest tile width that holds N rows. */
uint32_t cpu_tile_width(const struct cpu_kernels *kernels, uint32_t n);
/* The tile that begins at slot SLOT of all tiles' slots. */
struct activation_tile cpu_tile_at(const struct activation_tile *all, uint32_t slot, uint32_t width,
				   uint32_t n_cols);
/* What the weights of an op want of activations, as enum activation_need. */
uint32_t cpu_needs_of(const struct cpu_kernels *kernels, const struct op *op);
/* X, normed if the op norms, into slot T of a tile; zeros where X is NULL. */
void cpu_prepare(const struct cpu_run *run, const struct op *op, struct cpu_member *member,
		 const float *x, const struct activation_tile *tile, uint32_t t);
/* How many of N_ITEMS weight tiles a thread takes at once. */
size_t cpu_chunk_of(const struct cpu_run *run, size_t n_items, uint32_t n_rows);

/* Room that activations take: the most that any op wants. */
struct activation_size {
	uint32_t needs;
	uint64_t code_values, float_values;
};

void activation_size_add(struct activation_size *size, uint32_t needs, uint64_t n_slots,
			 uint32_t n_cols);

/* Scratch of the parts above, made with the segment. 0 or -ENOMEM; finish takes half-made ones. */
int activation_tile_init(struct activation_tile *tile, const struct activation_size *size);
void activation_tile_finish(struct activation_tile *tile);

/* For steps of up to N_PAIRS pairs over N_EXPERTS. */
int expert_plan_init(struct expert_plan *plan, uint64_t n_pairs, uint32_t n_experts);
void expert_plan_finish(struct expert_plan *plan);
/* Slots of activations that N_PAIRS can take, where each expert's fill tiles of their own. */
uint64_t expert_slots_max(uint64_t n_pairs, uint32_t n_experts);

#endif

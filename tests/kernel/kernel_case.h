/* SPDX-License-Identifier: MIT */
/*
 * One operation (or a short chain) with random weights and inputs, run on a device and on the
 * reference device and compared. Shared by the kernel test and the device conformance suite.
 */
#ifndef SLM_TESTS_KERNEL_CASE_H
#define SLM_TESTS_KERNEL_CASE_H

#include "device.h"
#include "device_list.h"
#include "graph.h"

enum { CASE_OPS_MAX = 4, CASE_VALUES_MAX = 12, CASE_MATRICES_MAX = 4 };

/* A small fast generator; the state is the seed. */
struct random {
	uint64_t state;
};

uint32_t random_u32(struct random *random);
/* In [first, last]. */
uint32_t random_in(struct random *random, uint32_t first, uint32_t last);
float random_normal(struct random *random);

/* A model and graph made by hand. Fill with the case_ calls, then run. */
struct kernel_case {
	struct random random;
	struct model model;
	struct graph graph;
	struct value values[CASE_VALUES_MAX];
	struct op ops[CASE_OPS_MAX];
	struct matrix matrices[CASE_MATRICES_MAX];
	struct gguf_tensor tensors[CASE_MATRICES_MAX];
	struct model_layer layer;
	float *vectors[16];
	unsigned n_vectors;
	enum kv_type kv_type;
	uint32_t max_tokens, max_outputs, max_runs, max_pages;
	uint32_t n_pages; /* in the pool */
};

void kernel_case_init(struct kernel_case *c, uint64_t seed);
void kernel_case_finish(struct kernel_case *c);

int32_t case_value(struct kernel_case *c, enum value_rows rows, uint32_t n_cols);
struct op *case_op(struct kernel_case *c, enum op_kind kind, int32_t in);
const struct matrix *case_matrix(struct kernel_case *c, enum tensor_type type, uint32_t n_rows,
				 uint32_t n_cols);
const struct matrix *case_experts(struct kernel_case *c, enum tensor_type type, uint32_t n_experts,
				  uint32_t n_rows, uint32_t n_cols);
struct vector case_vector(struct kernel_case *c, uint32_t n, float mean, float spread);

/* The case bound to one device: buffers, packed weights, segment. */
struct bound_case {
	struct kernel_case *c;
	struct device *device;
	struct buffer *weights[CASE_MATRICES_MAX];
	void *packed[CASE_MATRICES_MAX];
	struct buffer *values;
	struct buffer *kv;
	uint64_t offsets[CASE_VALUES_MAX];
	struct segment *segment;
};

int bound_case_init(struct bound_case *bound, struct kernel_case *c, struct device *device);
/* What its segment was made by, for tests that make another. */
struct segment_params bound_case_params(const struct bound_case *bound);
void bound_case_finish(struct bound_case *bound);

/* Writes and reads the first N_ROWS rows of a value. */
int bound_case_write(struct bound_case *bound, int32_t value, const float *data, uint32_t n_rows);
int bound_case_read(struct bound_case *bound, int32_t value, float *data, uint32_t n_rows);

/*
 * A step of N_RUNS sequences with random page tables (the same for every device): run i has
 * lengths[i] rows beginning at position starts[i].
 */
struct case_step {
	struct step step;
	int32_t *tokens;
	uint32_t *positions, *row_runs, *outputs, *pages[KV_GROUPS_MAX];
	struct step_run *runs;
	float *rope[MODEL_ROPES_MAX];
};

int case_step_init(struct case_step *s, struct kernel_case *c, uint32_t n_runs,
		   const uint32_t *lengths, const uint32_t *starts, uint32_t n_outputs);
void case_step_finish(struct case_step *s);

/* sum((a - b)^2) / sum(a^2), a = wanted. NaN counts as infinite. */
double nmse(const float *wanted, const float *got, size_t n);

#endif

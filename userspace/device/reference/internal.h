/* SPDX-License-Identifier: MIT */
/* What the files of the reference device share. */
#ifndef SLM_DEVICE_REFERENCE_INTERNAL_H
#define SLM_DEVICE_REFERENCE_INTERNAL_H

#include "host_buffer.h"
#include "reference.h"

struct reference_device {
	struct device base;
	enum activation_form activations;
	struct thread_pool *pool;
};

struct reference_segment {
	struct segment base;
	struct segment_params
		params; /* pointers in it outlive the segment, weights and kv copied */
	double *x;	/* [max rows][widest input]: activations as they enter a matmul */
	float *row;	/* [threads][x_width]: a weight row as floats */
	double *scores; /* [threads][max positions] */
	uint32_t x_width;
};

/* One op at work. */
struct reference_run {
	struct reference_device *device;
	const struct reference_segment *segment;
	const struct op *op;
	const struct step *step;
	uint32_t n_rows; /* of out[0] */
};

/* Row ROW of a value. */
float *reference_row(const struct reference_run *run, int32_t value, uint32_t row);

void reference_embed(const struct reference_run *run);
void reference_norm(const struct reference_run *run);
void reference_select(const struct reference_run *run);
void reference_matmul(const struct reference_run *run);
void reference_glu(const struct reference_run *run);
void reference_expert_glu(const struct reference_run *run);
void reference_expert_matmul(const struct reference_run *run);
void reference_route(const struct reference_run *run);
void reference_mix(const struct reference_run *run);
void reference_adapt(const struct reference_run *run);
void reference_gate(const struct reference_run *run);
void reference_rope(const struct reference_run *run);
void reference_attention(const struct reference_run *run);

double reference_activate(enum activation activation, double x);

/* out = x / sqrt(mean(x^2) + eps) * norm */
void reference_norm_row(const float *x, const struct vector *norm, float eps, double *ret_out);

#endif

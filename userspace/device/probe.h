/* SPDX-License-Identifier: MIT */
/*
 * A made-up model on a device, for timing: layers as those of a small model, their matrices of one
 * type with contents that mean nothing. Its first layer can be run alone.
 */
#ifndef SLM_DEVICE_PROBE_H
#define SLM_DEVICE_PROBE_H

#include "device.h"
#include "turns.h"

struct probe_shape {
	enum tensor_type type;
	uint32_t n_embd;
	uint32_t n_ff;
	uint32_t n_head; /* 0: layers of matrices only */
	uint32_t n_head_kv;
	uint32_t head_dim;
	uint32_t max_tokens;
	uint32_t max_positions; /* a multiple of KV_PAGE */
	uint32_t n_layers;
};

/* What is run: one sequence's rows. */
struct probe_step {
	uint32_t n_tokens;
	uint32_t depth;	 /* positions before them */
	bool first_only; /* the first layer */
};

/* The sum over the ops that are run. */
struct probe_work {
	double n_ops;
	double weight_bytes;
	double macs; /* of matrices */
	double attention_macs;
	double value_bytes;
};

/* As in calibrate_params; either may be NULL. */
struct probe_pace {
	struct turns *turns;
	const atomic_bool *cancel;
};

struct probe;

/* Bytes of a layer's matrices as DEVICE holds them. */
uint64_t probe_layer_bytes(const struct probe_shape *shape, enum weight_form form);

/* 0, -ENOTSUP (not logged) where DEVICE has no such ops, or as the device fails (logged). */
int probe_create(struct device *device, const struct probe_shape *shape,
		 const struct probe_pace *pace, struct probe **ret_probe);
void probe_destroy(struct probe *probe);

const struct log *probe_log(const struct probe *probe); /* its device's */

struct probe_work probe_work(const struct probe *probe, const struct probe_step *step);

/* What is run below gives -ECANCELED where PACE says so. */

/*
 * Seconds from the begin of a run until the host has seen its end. Of many runs the median
 * counts, which is what an answer of many steps gets, however much a few of them are held up.
 */
int probe_run(struct probe *probe, const struct probe_step *step, double *ret_seconds);

/* The same of a single run, which may be the first and then prepares the kernels. */
int probe_run_once(struct probe *probe, const struct probe_step *step, double *ret_seconds);

/* Seconds that one transfer of SIZE_BYTES takes, the mean of both ways; at most PROBE_LINK_BYTES. */
enum { PROBE_LINK_BYTES = 1 << 20 };
int probe_transfer(struct probe *probe, size_t size_bytes, double *ret_seconds);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What several adapters add to a model, as one pair of matrices for each matrix of the model: the
 * rows of all A under one another, the columns of all B (times their factors) side by side, so that
 * any mixture is one B diag(scales) A. In floats, whatever the types in the files.
 */
#ifndef SLM_MODEL_LOW_RANK_H
#define SLM_MODEL_LOW_RANK_H

#include "adapter.h"

struct low_rank {
	const struct matrix *base;
	struct matrix a;	/* [rank] rows of base->n_cols; ids follow the model's */
	struct matrix b;	/* base->n_rows rows of [rank] */
	struct vector adapters; /* [rank]: which adapter each belongs to, as a float */
};

/* Where the values of a matrix are to lie: in rows, or packed (packed_type.h). */
enum low_rank_form {
	LOW_RANK_ROWS,
	LOW_RANK_PACKED,
	LOW_RANK_FORMS,
};

struct low_rank_set {
	const struct model *model;
	const struct adapter *const *adapters; /* [n_adapters] */
	uint32_t n_adapters;
	uint32_t n_matrices;	/* of the model and ours: ids lie below */
	struct low_rank *items; /* [n_items], in the order of the model's matrices */
	uint32_t n_items;
	float *owners;		     /* what every adapters vector points into */
	void **data[LOW_RANK_FORMS]; /* [2 * n_items], made when asked for */
};

/* Joins the N ADAPTERS, all of MODEL; they, their array and the model outlive it. 0 or -ENOMEM. */
int low_rank_set_create(const struct model *model, const struct adapter *const *adapters,
			uint32_t n, const struct log *log, struct low_rank_set **ret_set);
void low_rank_set_destroy(struct low_rank_set *set);

/* What is added to MATRIX, or NULL; SET may be NULL. */
const struct low_rank *low_rank_of(const struct low_rank_set *set, const struct matrix *matrix);

/*
 * The values of matrix ID in FORM, 4096-aligned, as long as the set lives, and how many bytes they are.
 * 0; -EBADMSG when some are no numbers (logged); -ENOMEM.
 */
int low_rank_data(struct low_rank_set *set, uint32_t id, enum low_rank_form form,
		  const struct log *log, const void **ret_data, uint64_t *ret_bytes);

/* Bytes of all matrices, packed. */
uint64_t low_rank_bytes(const struct low_rank_set *set);

#endif

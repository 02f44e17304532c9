/* SPDX-License-Identifier: MIT */
/*
 * A plan shown to people and programs: as a table, as JSON, as a picture. Beside it what else could
 * have been done, why it was not, and what was measured.
 */
#ifndef SLM_SCHEDULER_PLAN_REPORT_H
#define SLM_SCHEDULER_PLAN_REPORT_H

#include <stdio.h>

#include "plan.h"

enum {
	PLAN_REASON_MAX = 768,
	PLAN_ALTERNATIVES_MAX = PLAN_DEVICES_MAX + 1,
	PLAN_NAME_SIZE = 160, /* 39 characters and a NUL */
	PLAN_PARTS_SIZE = 96,
};

/* What a run of the plan took. */
struct plan_measured {
	double segment_s[PHASES]
			[PLAN_SEGMENTS_MAX]; /* of a step like the prediction's; 0: unknown */
	double tokens_s[PHASES];	     /* 0: unknown */
};

struct plan_alternative {
	char name[PLAN_NAME_SIZE + 8]; /* "cpu alone", "by shares" */
	bool is_single;
	struct plan_prediction prediction;
};

/* Immutable once made; graph, plan, params (with its devices) and measured outlive it. */
struct plan_report {
	const struct graph *graph;
	const struct plan *plan;
	const struct partition_params *params;
	const struct plan_measured *measured; /* or NULL */
	bool has_prediction;		      /* false: some device has no rates */
	struct plan_prediction prediction;
	/* Each device alone that could do it, then by shares where that is another plan again. */
	struct plan_alternative alternatives[PLAN_ALTERNATIVES_MAX];
	uint32_t n_alternatives;
	char reason[PLAN_REASON_MAX]; /* one sentence; empty without a prediction */
};

/*
 * CHOSEN is what partition_optimal() gave for PLAN, or NULL, when it is predicted here where all
 * devices have rates. 0; -ENOMEM; -EINVAL as plan_predict(). Logged.
 */
int plan_report_create(const struct graph *graph, const struct plan *plan,
		       const struct partition_params *params, const struct plan_prediction *chosen,
		       const struct plan_measured *measured, struct plan_report **ret_report);
void plan_report_destroy(struct plan_report *report);

/*
 * A device's name fit to be shown: of at most 39 characters, without control characters; what is no UTF-8
 * is replaced. RET_N_CHARACTERS may be NULL.
 */
const char *plan_device_name(const struct plan_report *report, uint32_t device,
			     char name[static PLAN_NAME_SIZE], uint32_t *ret_n_characters);
/* "embedding, layers 0 to 3, attention of layer 4" */
const char *plan_parts(const struct graph *graph, const struct plan_segment *segment,
		       char parts[static PLAN_PARTS_SIZE]);

/* A table. What OUT cannot take shows in ferror(). */
void plan_print(const struct plan_report *report, FILE *out);
/* One JSON document. 0, -ENOMEM, or -EIO where OUT does not take it. */
int plan_print_json(const struct plan_report *report, FILE *out);
/* An SVG document that stands by itself, on a dark or a light page. 0, or -EIO. */
int plan_print_svg(const struct plan_report *report, FILE *out);

#endif

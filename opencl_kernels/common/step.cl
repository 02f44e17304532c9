/* SPDX-License-Identifier: MIT */
/*
 * What a step brings, as one block of words that the host writes before it enqueues. The first words
 * say where in the block each part begins; parts are as in struct step (device.h).
 */
enum {
	STEP_N_TOKENS,
	STEP_N_OUTPUTS,
	STEP_N_RUNS,
	STEP_PAGE_STRIDE,
	STEP_TOKENS,	/* [n_tokens] */
	STEP_POSITIONS, /* [n_tokens] */
	STEP_ROW_RUNS,	/* [n_tokens] */
	STEP_OUTPUTS,	/* [n_outputs] */
	STEP_RUNS,	/* [n_runs][3]: first row, rows, first position */
	STEP_PAGES,	/* two groups: [n_runs][page_stride] each */
	STEP_ROPES = STEP_PAGES + 2, /* two: [n_tokens][n_dims / 2][2] floats */
	STEP_N_SPLITS = STEP_ROPES + 2, /* parts into which attention over a long context is cut */
	STEP_N_TILES, /* of attention */
	STEP_ADAPTERS, /* [n_tokens][n_adapters] floats */
	STEP_HEADER
};

/* Must equal KV_PAGE and PACKED_ROWS of the host. */
#define PAGE 64
#define ROWS 16
#define NONE 0xffffffffu
#define MASKED (-3e38f)

#define STEP_PART(step, part) ((step) + (step)[part])

/* Rows of a value: one per token, or one per wanted output. */
#define N_ROWS(step, of_outputs) ((step)[(of_outputs) ? STEP_N_OUTPUTS : STEP_N_TOKENS])

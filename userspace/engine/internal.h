/* SPDX-License-Identifier: MIT */
/* What engine.c, session.c and step.c share. */
#ifndef SLM_ENGINE_INTERNAL_H
#define SLM_ENGINE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "calibrate.h"
#include "device_list.h"
#include "engine.h"
#include "kv_pool.h"
#include "memory_plan.h"
#include "plan_report.h"
#include "session.h"
#include "turns.h"

struct arrival;

enum {
	/* Positions that a windowed group keeps beyond its window, so that taking back an answer or
	 * editing a question does not begin the conversation anew. */
	SESSION_REWIND = 1024,
};

/* A device in use with what it holds. */
struct engine_device {
	const struct device_entry *entry; /* NULL: the place is free */
	struct device *device;
	struct buffer **weights; /* [n_matrices], NULL where no segment on it reads one */
	struct buffer **kv;	 /* [n_layers], NULL where no attention of it runs here */
	struct buffer *values;
};

/* A plan's segment made ready; both phases use one where they agree. */
struct engine_segment {
	struct engine_device *device;
	uint32_t first_op;
	uint32_t n_ops;
	struct segment *segment;
};

/* What a step needs on the host; sized for n_batch rows and n_sessions runs. */
struct step_memory {
	int32_t *tokens;
	uint32_t *positions, *row_runs, *outputs;
	struct step_run *runs;
	struct session **run_owners; /* [n_sessions] */
	uint32_t *pages[KV_GROUPS_MAX];
	float *rope[MODEL_ROPES_MAX];
	double *frequencies[MODEL_ROPES_MAX];
	float *adapter_scales; /* [n_batch][n_adapters] */
	/* Of a step in parts: row_runs [n_batch], outputs [n_outputs], runs, all counted from where
	 * the part begins. */
	uint32_t *part_row_runs, *part_outputs;
	struct step_run *part_runs;
	struct session **owners; /* [n_outputs], whose row of results it is */
	uint32_t *output_positions;
	float *result; /* one row, for observers */
};

/* A device that was set aside. */
struct engine_aside {
	const struct device_entry *entry;
	uint64_t again_ns; /* when to try it again; 0: it is in use again, or could be */
	uint64_t tried_ns; /* when it was tried last; 0: never */
	uint32_t n_failures;
};

/* What was measured of a device, or read, since the engine was made. */
struct engine_figures {
	const struct device_entry *entry;
	struct calibration calibration;
};

/* Which devices there are to choose from, what is known of them, and what was made of it. */
struct placement {
	const struct device_entry *entries[PLAN_DEVICES_MAX];
	uint32_t n_entries;
	uint32_t allowed[PHASES];			   /* bit I: entry I, in that phase */
	double shares[PLAN_DEVICES_MAX];		   /* of entries, where there is a split */
	struct calibration calibrations[PLAN_DEVICES_MAX]; /* of entries; types 0: not measured */
	struct plan_device devices[PLAN_DEVICES_MAX];
	struct partition_params costs;
	struct plan plan;
	struct plan_prediction prediction;
	bool has_prediction;
};

struct engine {
	struct engine_params params; /* numbers filled in; pointers beyond log are not kept */
	const struct log *log;
	char *selector; /* what params.device said, or NULL; likewise below */
	char *phase_selector[PHASES];
	char *split;
	char *cache_dir; /* or NULL */
	struct gguf *gguf;
	struct model *model;
	struct gguf *adapter_files[ADAPTERS_MAX];
	struct adapter *adapters[ADAPTERS_MAX];
	float adapter_scales[ADAPTERS_MAX]; /* of new sessions */
	uint32_t n_adapters;
	struct low_rank_set *low_rank; /* NULL where there are none */
	struct graph *graph;
	struct vocabulary *vocabulary;
	struct packed *packed;
	struct device_list *device_list;
	struct placement placed;
	uint64_t *kv_costs;		/* [2][n_layers], for placed.costs */
	struct plan_measured *measured; /* where a step's times are added up, or NULL */
	struct engine_device devices[PLAN_DEVICES_MAX];
	struct engine_segment segments[PHASES * PLAN_SEGMENTS_MAX];
	uint32_t n_segments;
	/* The plan's segments in order, as far as phases[p].n_segments. */
	struct engine_segment *routes[PHASES][PLAN_SEGMENTS_MAX];
	/* [n_layers]: whose attention runs where, and so whose cache lies where */
	struct engine_device **kv_homes[PHASES];
	bool kv_is_split;	/* some layer has two homes */
	float *crossing;	/* values on their way between devices */
	size_t crossing_floats; /* of one boundary between segments */
	uint32_t n_parts;	/* of a prefill step; 1: whole */
	/* Whom planning failed on: it cannot be measured, or its memory is too small. Or NULL. */
	const struct device_entry *unfit;
	struct engine_aside asides[PLAN_DEVICES_MAX];
	uint32_t n_asides;
	struct engine_figures *figures;
	size_t n_figures, figures_capacity;
	struct arrival *arrival; /* what is done beside the steps, or NULL */
	struct turns turns;	 /* of a step and of measuring this processor */
	atomic_bool devices_changed;
	atomic_bool is_ending;	      /* ends what is done beside the steps */
	bool is_ready;		      /* the plan's segments are there */
	struct engine_device *failed; /* whom the last error of a device came from, or NULL */
	uint64_t *value_offsets;
	uint64_t values_bytes;
	struct kv_pool pools[KV_GROUPS_MAX];
	uint32_t max_pages; /* of one sequence */
	struct step_memory step;
	pthread_mutex_t lock;
	pthread_mutex_t adapters_lock; /* of low_rank, which makes data when it is asked for */
	uint32_t n_sessions;	       /* there are now */
	struct session *sessions;
};

struct session {
	struct engine *engine;
	struct session *next; /* of the engine's */
	int32_t *tokens;
	size_t n_tokens; /* the text */
	size_t n_done;	 /* its beginning that is in the cache */
	/* Positions of it that lie in each phase's homes; n_done in one of them. */
	size_t n_cached[PHASES];
	size_t n_again; /* below, nothing is observed again when a device was lost */
	size_t capacity;
	struct kv_table tables[KV_GROUPS_MAX];
	float adapter_scales[ADAPTERS_MAX];
	float *result; /* [engine_n_result()], of the last token */
	bool has_result;
	session_observe_fn observe;
	void *observe_data;
	uint32_t observe_from;
};

/* adapters.c: what PARAMS name, of the model that has been read; closing takes half-opened ones. */
int engine_adapters_open(struct engine *engine, const struct engine_params *params);
void engine_adapters_close(struct engine *engine);
/* Fills in what a buffer of matrix ID, which is an adapter's, begins with. Any thread. */
int engine_adapter_data(struct engine *engine, uint32_t id, enum weight_form form,
			struct buffer_params *params);

/* choice.c: what was asked for in PHASE, or NULL; and whether that takes drivers. */
const char *engine_selector(const struct engine *engine, enum phase phase);
enum device_scope engine_device_scope(const struct engine *engine);
/* Fills in placed.entries anew. LOG: of what is wrong with what was asked for; NULL: nobody wants to know. */
int engine_choose(struct engine *engine, const struct log *log);
/* Of the entries those that are left; where none is, the best there is. */
int engine_choose_left(struct engine *engine);

/*
 * engine_device.c: ENTRY opened as DEVICE, a zeroed place, with what kernel_family_of() it says; finishing
 * takes what is half opened, once its segments are gone. Threads: each device from one at a time.
 */
int engine_device_open(const struct engine *engine, const struct device_entry *entry,
		       const char *kernel_family, struct engine_device *device);
void engine_device_finish(const struct engine *engine, struct engine_device *device);
/* Makes SEGMENT ready on DEVICE, which gets the weights, caches and values that it lacks. */
int engine_segment_init(struct engine *engine, const struct packed *packed,
			struct engine_device *device, const struct plan_segment *segment,
			struct engine_segment *ret_segment);

/* placement.c: decides where the model runs and prepares it there. */
int engine_place(struct engine *engine, const struct progress *progress);
void engine_unplace(struct engine *engine);
/*
 * After ERROR, which engine->failed made: sets the device aside, makes a plan for those that are
 * left and prepares it; all sessions begin again. False where the error is nobody's or nothing is left.
 */
bool engine_recover(struct engine *engine, int error);
/*
 * Where devices came, went or are to be tried again: makes another plan, and goes by it if that differs. What
 * takes long is done by an arrival, which a later call finds done.
 */
void engine_reconsider(struct engine *engine);
/* Waits for what is done beside the steps, which engine->is_ending ends, and forgets it. */
void engine_end_arrival(struct engine *engine);

/* costs.c: measures each entry where it was not before, and fills in placed.costs. */
int engine_measure_devices(struct engine *engine, const struct progress *progress);
/* The first entry of which nothing is known without measuring it, or NULL. */
const struct device_entry *engine_unmeasured(struct engine *engine);
int engine_keep_figures(struct engine *engine, const struct device_entry *entry,
			const struct calibration *calibration);
struct calibrate_params engine_calibrate_params(const struct engine *engine,
						const struct device_entry *entry);
int engine_costs_init(struct engine *engine);

/* kv_move.c: copies what PHASE lacks of the session's cache from the other phase's homes. */
int engine_bring_cache(struct engine *engine, struct session *session, enum phase phase);
/* Copies all of it from where it lay, HOMES [n_layers], to where it now lies in decoding. */
int engine_carry_cache(struct engine *engine, struct session *session,
		       struct engine_device *const *homes);

/* route.c: runs the phase's segments over STEP and hands out its results. */
int engine_run(struct engine *engine, enum phase phase, const struct step *step);

struct kv_params engine_kv_params(const struct engine *engine);
uint64_t engine_layer_kv_bytes(const struct engine *engine, const struct op *rope,
			       const struct kv_params *kv);
/* 0, or -ENOMEM with what would fit. */
int engine_check_memory(struct engine *engine);
uint64_t engine_host_available(const struct engine *engine);

/* Remembers who failed. */
static inline int blame(struct engine *engine, struct engine_device *device, int r)
{
	if (r < 0)
		engine->failed = device;
	return r;
}

/* Is the result of POSITION the observer's? */
static inline bool session_is_observed(const struct session *session, size_t position)
{
	return session->observe && position >= session->observe_from &&
	       position >= session->n_again;
}

/* Nothing of the session's text counts as evaluated; its last results stay. */
void session_begin_again(struct session *session);

int step_memory_init(struct engine *engine);
void step_memory_finish(struct engine *engine);

#endif

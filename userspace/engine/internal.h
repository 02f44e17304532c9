/* SPDX-License-Identifier: MIT */
/* What engine.c, session.c and step.c share. */
#ifndef SLM_ENGINE_INTERNAL_H
#define SLM_ENGINE_INTERNAL_H

#include <pthread.h>

#include "device_list.h"
#include "engine.h"
#include "kv_pool.h"
#include "memory_plan.h"
#include "session.h"

enum {
	/* Positions that a windowed group keeps beyond its window, so that taking back an answer or
	 * editing a question does not begin the conversation anew. */
	SESSION_REWIND = 1024,
};

/* One device of the plan with what it holds. */
struct engine_device {
	struct device *device;
	struct buffer **weights; /* [n_matrices], NULL where the segment reads none */
	struct buffer **kv;	 /* [n_layers] */
	struct buffer *values;
	struct segment *segment; /* of plan segment I, this being device I of engine->devices */
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
	float *adapter_scales;	 /* [n_batch][n_adapters] */
	struct session **owners; /* [n_outputs], whose row of results it is */
	uint32_t *output_positions;
	float *crossing; /* a value on its way between devices */
	float *result;	 /* one row, for observers */
};

struct engine {
	struct engine_params params; /* numbers filled in; pointers beyond log are not kept */
	const struct log *log;
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
	struct plan plan;
	struct plan_device plan_devices[PLAN_DEVICES_MAX];
	const struct device_entry *entries[PLAN_DEVICES_MAX];
	uint32_t n_entries;
	struct engine_device devices[PLAN_DEVICES_MAX]; /* by plan segment */
	uint64_t *value_offsets;
	uint64_t values_bytes;
	struct kv_pool pools[KV_GROUPS_MAX];
	uint32_t max_pages; /* of one sequence */
	struct step_memory step;
	pthread_mutex_t lock;
	uint32_t n_sessions; /* there are now */
};

struct session {
	struct engine *engine;
	int32_t *tokens;
	size_t n_tokens; /* the text */
	size_t n_done;	 /* its beginning that is in the cache */
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
/* Fills in what a buffer of matrix ID, which is an adapter's, begins with. */
int engine_adapter_data(struct engine *engine, uint32_t id, enum weight_form form,
			struct buffer_params *params);

int step_memory_init(struct engine *engine);
void step_memory_finish(struct engine *engine);

#endif

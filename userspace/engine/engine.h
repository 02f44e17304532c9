/* SPDX-License-Identifier: MIT */
/*
 * A loaded model on its devices. The engine is what all conversations share: weights, plan, the pool
 * of cache pages; after engine_create() only that pool and the devices' scratch memory change. A
 * session (session.h) is one conversation. Steps are taken by engine_step(), for several sessions at
 * once if wanted.
 *
 * Threads: engine_step() and session calls on one engine may come from any thread; they take turns.
 */
#ifndef SLM_ENGINE_ENGINE_H
#define SLM_ENGINE_ENGINE_H

#include "device.h"
#include "graph.h"
#include "log.h"
#include "model.h"
#include "packed.h"
#include "packed_type.h"
#include "plan_report.h"

enum {
	ENGINE_CONTEXT_DEFAULT =
		8192, /* positions, or fewer where the model was trained on fewer */
	ENGINE_BATCH_DEFAULT = 512,
	ENGINE_SESSIONS_MAX = 1024,
	ENGINE_DEVICES_TEXT_MAX = 256,
	ENGINE_PARTS_MAX = 16,
	ENGINE_RETRY_MS = 30000,
};

struct engine;
struct session;
struct vocabulary;

/* A LoRA adapter (adapter.h) to load beside the model. */
struct engine_adapter {
	const char *path;
	float scale; /* in sessions that say nothing else (session_set_adapters()); 0: not at work */
};

/* Zero in a number means its default. Lives only during the call. */
struct engine_params {
	const char *model_path;
	const char *device; /* as device_list_select() reads it; NULL: the best there is */
	/* The devices of one phase, where not DEVICE's; likewise. */
	const char *phase_device[PHASES];
	/* Shares of the weights, "60,40", for the devices that DEVICE means, in its order; NULL: the
	 * layers lie where measurements say that they are done soonest */
	const char *split;
	unsigned n_threads;
	uint32_t n_ctx;	     /* positions of a session */
	uint32_t n_sessions; /* at most, at once; default 1 */
	uint32_t n_batch;    /* tokens of a step */
	uint32_t n_outputs;  /* rows of results of a step; default n_sessions, or n_batch where
			      * embeddings are made */
	/* Parts of a prefill step that follow each other through the devices of a plan, so that
	 * these work at once; 1: none; 0: as measurements say. At most ENGINE_PARTS_MAX */
	uint32_t n_parts;
	enum kv_type kv_type;
	enum activation_form activations;
	const struct engine_adapter *adapters; /* [n_adapters], at most ADAPTERS_MAX */
	uint32_t n_adapters;
	const char *cache_dir; /* NULL: keep nothing on disk */
	bool ignore_memory;    /* load even what does not seem to fit */
	bool embeddings;       /* results are normed hidden states, not logits: embedding.h */
	/*
	 * A device that was set aside is tried again after so many ms, then after twice as many, and so
	 * on, at most an hour; 0: ENGINE_RETRY_MS
	 */
	uint32_t retry_ms;
	bool measures;	/* the devices also where there is nothing to choose, for predictions */
	bool plan_only; /* stop at the plan: no vocabulary, no weights, no sessions */
	const struct progress *progress; /* NULL: none */
	const struct log *log;		 /* outlives the engine */
};

/* What a model would take, before it is loaded. */
struct engine_estimate {
	uint64_t weight_bytes;
	uint64_t adapter_bytes;
	uint64_t kv_bytes;
	uint64_t value_bytes;
	uint64_t total_bytes;
	uint64_t available_bytes; /* of the host now */
	uint32_t n_ctx;		  /* that the figures are for */
	uint32_t n_ctx_that_fits; /* 0: not even the weights fit */
};

/*
 * 0; what reading the model and its adapters gave (gguf.h, model.h, adapter.h); -ENODEV when the wanted device cannot be had;
 * -ENOMEM when the model does not fit (logged with the estimate) or memory is short; -EINVAL for
 * numbers out of range.
 */
int engine_create(const struct engine_params *params, struct engine **ret_engine);
/* All its sessions are gone by then. */
void engine_destroy(struct engine *engine);

int engine_estimate(const struct engine_params *params, struct engine_estimate *ret_estimate);

/* The same of an engine that is there, or only planned. */
void engine_memory(const struct engine *engine, struct engine_estimate *ret_estimate);

/*
 * The device whose memory is too small for its part of the plan, what that takes and what there is; NULL:
 * there is none, or nobody wants to know (ignore_memory). It lives as long as the engine.
 */
const struct device_entry *engine_short_device(const struct engine *engine, uint64_t *ret_bytes,
					       uint64_t *ret_available_bytes);

const struct model *engine_model(const struct engine *engine);
const struct graph *engine_graph(const struct engine *engine);
const struct vocabulary *engine_vocabulary(const struct engine *engine); /* NULL: only planned */
const struct plan *engine_plan(const struct engine *engine);
const struct plan_device *engine_plan_devices(const struct engine *engine);
/* What the plan was made by; and what it is thought to take, or NULL where devices were not measured. */
const struct partition_params *engine_costs(const struct engine *engine);
const struct plan_prediction *engine_prediction(const struct engine *engine);
/*
 * Runs a turn like that of engine_costs(), with tokens of no meaning, and tells what each segment of the
 * plan took. 0, or as session_create() and engine_step().
 */
int engine_measure(struct engine *engine, struct plan_measured *ret_measured);
/* The devices in use, by the words that --device knows, separated by commas. Gives TEXT. */
const char *engine_devices_text(const struct engine *engine,
				char text[static ENGINE_DEVICES_TEXT_MAX]);
uint32_t engine_n_threads(const struct engine *engine); /* of the native devices */
uint32_t engine_n_ctx(const struct engine *engine);
uint32_t engine_n_batch(const struct engine *engine);
bool engine_makes_embeddings(const struct engine *engine);
/* Width of a row of results: n_vocab, or n_embd where embeddings are made. */
uint32_t engine_n_result(const struct engine *engine);
uint32_t engine_n_adapters(const struct engine *engine);
const struct log *engine_log(const struct engine *engine);

/*
 * Devices came or went: the next step looks at what there is now. What is new is measured and prepared
 * beside the steps that follow; the first one after that goes by another plan, where that is better, and
 * what is in the cache goes along. Any thread.
 */
void engine_devices_changed(struct engine *engine);
/* False where only native devices were asked for: then nothing that comes or goes matters. */
bool engine_may_change_devices(const struct engine *engine);

/*
 * One pass over tokens that the SESSIONS still have to evaluate (session_sync() said which), at most
 * n_batch in all, shared out among them. Returns how many tokens are left to evaluate in all of
 * them, so that 0 means: all have their logits. A device that fails is set aside, and what is left takes
 * over; -EIO, -ENODEV, -ENOMEM where nothing is.
 */
int64_t engine_step(struct engine *engine, struct session *const *sessions, uint32_t n_sessions);

#endif

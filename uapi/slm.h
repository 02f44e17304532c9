/* SPDX-License-Identifier: MIT */
/*
 * libslm: small language models from GGUF files, on the accelerators and processors of this box.
 *
 * An engine is a loaded model: immutable, shared, what conversations have in common. A session is
 * one conversation: it is always handed the whole text as tokens and works out what of it is
 * evaluated already, so that nothing can get out of step.
 *
 *	struct slm_engine_params params = {.size_bytes = sizeof(params), .model_path = "model.gguf"};
 *	struct slm_engine *engine;
 *	int r = slm_engine_create(&params, &engine);
 *
 * Results: functions give 0 or a negative errno; what they give beside it comes last, named ret_,
 * and is untouched on failure. The cause is told once, as a sentence, to the log of the params; not
 * that of a struct of no version's size, or of sessions that do not belong together. Pointers are
 * not NULL unless it is said what that means.
 * The library never exits, aborts or writes to stdout or stderr. (OpenCL drivers run in the same
 * process and may do so; the first build of their programs happens in a child process.)
 *
 * Structs begin with size_bytes = sizeof(the struct), set by the caller, and are zeroed else: zero
 * or NULL means the default. A library that is newer fills in what an older caller does not know; one
 * that is older refuses (-EINVAL) members it does not know unless they are zero. Pointers in
 * params need to live only during the call, except the log's and what says otherwise.
 *
 * Threads: an engine may be used from any number of threads, and several engines may live side by
 * side. A session belongs to one thread at a time, save for slm_session_cancel(). Evaluations on one
 * engine take turns. There are no globals, but two things belong to the process: the OpenCL drivers,
 * and the environment, in which the first engine that looks for them sets POCL_AFFINITY unless it
 * is set: create that engine before threads that call setenv().
 *
 * Text is UTF-8 and has a size; NUL bytes are text like others.
 */
#ifndef SLM_H
#define SLM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SLM_API __attribute__((visibility("default")))
#else
#define SLM_API
#endif

#define SLM_VERSION_MAJOR 0
#define SLM_VERSION_MINOR 1
#define SLM_VERSION_PATCH 0

struct slm_engine;
struct slm_session;

/* "0.1.0": of the library that runs, which may differ from the header's. */
SLM_API const char *slm_version(void);

/* ---- log ---- */

enum slm_log_level {
	SLM_LOG_ERROR = 0,   /* the call fails because of this */
	SLM_LOG_WARNING = 1, /* something is ignored or done in a worse way, or takes long */
	SLM_LOG_INFO = 2,
	SLM_LOG_DEBUG = 3,
};

struct slm_log {
	/* TEXT is one sentence without a newline and lives during the call; NULL: silent. May be
	 * called from any thread that is in the library. */
	void (*write)(void *data, enum slm_log_level level, const char *text);
	void *data;
	enum slm_log_level max_level;
};

/* ---- engine ---- */

enum slm_kv_type {
	SLM_KV_F16 = 0,
	SLM_KV_Q8_0 = 1, /* half the memory, a little less exact */
};

/* Of one engine. */
#define SLM_ADAPTERS_MAX 16

/* A LoRA adapter in a GGUF file, made for the engine's model. */
struct slm_adapter {
	const char *path;
	float scale; /* in sessions that slm_session_set_adapters() is not called for; 0: none */
	uint32_t reserved; /* 0 */
};

/* Load even what does not seem to fit into memory. */
#define SLM_ENGINE_IGNORE_MEMORY 1u
/* The engine makes embeddings (slm_embed()) instead of logits and answers. */
#define SLM_ENGINE_EMBEDDINGS 2u

struct slm_engine_params {
	size_t size_bytes;
	const char *model_path; /* a GGUF file, which must not change while the engine lives */
	/*
	 * "cpu", "reference", "opencl" (all), "opencl:P.D", or part of a device's or platform's
	 * name; several, separated by commas, share the layers. Binding: -ENODEV where it cannot
	 * be met. NULL: the best there is.
	 */
	const char *device;
	/* Where packed weights and compiled programs are kept. NULL: $SLM_CACHE_DIR, else
	 * $CACHE_DIRECTORY, else $XDG_CACHE_HOME/slm, else $HOME/.cache/slm. "": nowhere. */
	const char *cache_dir;
	uint32_t n_threads;  /* of the CPU devices; 0: one for each core */
	uint32_t n_ctx;	     /* tokens that a session holds; 0: as trained, at most 8192 (an
			      * encoder has no more positions than that) */
	uint32_t n_sessions; /* at once, at most; 0: 1. Memory for all of them is set aside */
	uint32_t n_batch;    /* tokens evaluated at once; 0: 512; of encoders always n_ctx */
	uint32_t kv_type;    /* enum slm_kv_type */
	uint32_t flags;	     /* SLM_ENGINE_ */
	/* Told of the load's progress, DONE of TOTAL; not 0 ends the load with -ECANCELED. */
	int (*progress)(void *data, const char *doing, uint64_t done, uint64_t total);
	void *progress_data;
	struct slm_log log;		    /* what it points to outlives the engine */
	const struct slm_adapter *adapters; /* [n_adapters] to load beside the model */
	size_t n_adapters;
};

/*
 * 0; -ENOENT and other codes of the file system; -EBADMSG for a damaged or contradictory file, or an
 * adapter for another model;
 * -ENOTSUP for an architecture, type or tokenizer that is not known, and for an encoder without
 * SLM_ENGINE_EMBEDDINGS; -ENOMEM where the model does not
 * fit; -ENODEV where the device cannot be had; -EIO where a driver fails; -ECANCELED; -EINVAL.
 */
SLM_API int slm_engine_create(const struct slm_engine_params *params,
			      struct slm_engine **ret_engine);
/* All its sessions are gone by then. NULL does nothing. */
SLM_API void slm_engine_destroy(struct slm_engine *engine);

struct slm_estimate {
	size_t size_bytes;
	uint64_t weight_bytes;
	uint64_t kv_bytes; /* for all n_sessions */
	uint64_t value_bytes;
	uint64_t total_bytes;
	uint64_t available_bytes; /* of host memory, now */
	uint32_t n_ctx;		  /* that the figures are for */
	uint32_t n_ctx_that_fits; /* 0: not even the weights fit */
	uint64_t adapter_bytes;
};

/* What slm_engine_create() would take, from the file's header alone. Codes as there. */
SLM_API int slm_estimate(const struct slm_engine_params *params, struct slm_estimate *ret_estimate);

struct slm_engine_info {
	size_t size_bytes;
	const char *architecture; /* these strings live as long as the engine */
	const char *name;	  /* general.name of the file, or "" */
	const char *devices;	  /* in use, as the params' device spells them */
	uint64_t n_parameters;
	uint32_t n_vocab;
	uint32_t n_ctx;
	uint32_t n_ctx_train;
	uint32_t n_embd;
	uint32_t n_layers;
	uint32_t n_batch;
	int32_t bos_token; /* -1: none */
	int32_t eos_token;
	int32_t has_chat_template;
};

SLM_API int slm_engine_info(const struct slm_engine *engine, struct slm_engine_info *ret_info);

enum slm_device_type {
	SLM_DEVICE_CPU = 0,
	SLM_DEVICE_GPU = 1,
	SLM_DEVICE_ACCELERATOR = 2,
	SLM_DEVICE_OTHER = 3,
};

struct slm_device {
	size_t size_bytes;
	char selector[32]; /* the word for slm_engine_params.device */
	char name[128];
	char platform[128]; /* of the driver, "" for our own */
	char reason[128];   /* why it can or cannot be used */
	uint64_t memory_bytes;
	uint32_t type; /* enum slm_device_type */
	int32_t usable;
};

/*
 * Calls SHOW with each device there is, usable or not; not 0 ends it. LOG may be NULL. 0 or -ENOMEM.
 */
SLM_API int slm_devices(const struct slm_log *log,
			int (*show)(void *data, const struct slm_device *device), void *data);

/* ---- text and tokens ---- */

#define SLM_TEXT_ADD_SPECIAL   1u /* BOS and EOS where the model wants them */
#define SLM_TEXT_PARSE_SPECIAL 2u /* control tokens written out in the text are meant */
#define SLM_TEXT_SHOW_SPECIAL  4u /* control tokens appear in the text as they are written */

/*
 * Writes the tokens of TEXT to TOKENS [CAPACITY] and how many there are to *RET_N. Where they are
 * more than CAPACITY none is written, *RET_N says how many it takes, and the result is -ENOSPC.
 */
SLM_API int slm_tokenize(const struct slm_engine *engine, const char *text, size_t text_size,
			 uint32_t flags, int32_t *tokens, size_t capacity, size_t *ret_n);

/* The same the other way: whole characters, bytes that are none as U+FFFD, no NUL at the end. */
SLM_API int slm_detokenize(const struct slm_engine *engine, const int32_t *tokens, size_t n,
			   uint32_t flags, char *text, size_t capacity, size_t *ret_size);

struct slm_message {
	const char *role; /* "system", "user", "assistant", "tool" */
	const char *content;
	size_t content_size; /* 0: up to the NUL */
};

/*
 * The tokens that a model continues with its answer to MESSAGES, by its chat template; what is in a
 * message never becomes a control token. Without a template the contents follow one another as
 * they are. Capacity as in slm_tokenize(). -EINVAL where the template refuses the messages;
 * -ENOTSUP or -EBADMSG where the template is not understood.
 */
SLM_API int slm_chat_tokens(const struct slm_engine *engine, const struct slm_message *messages,
			    size_t n_messages, int32_t *tokens, size_t capacity, size_t *ret_n);

/* ---- session ---- */

/* -EBUSY when n_sessions of the engine's params are there; -ENOMEM. */
SLM_API int slm_session_create(struct slm_engine *engine, struct slm_session **ret_session);
SLM_API void slm_session_destroy(struct slm_session *session);

/*
 * Makes the N tokens the session's text. What is evaluated of a common beginning is kept; *RET_KEPT
 * (may be NULL) says how much. -E2BIG over the context; -EINVAL without tokens or for one that is
 * none; -ENOMEM.
 */
SLM_API int slm_session_sync(struct slm_session *session, const int32_t *tokens, size_t n,
			     size_t *ret_kept);

/*
 * Evaluates the session's text with the engine's adapters at these SCALES [N], in the order of its
 * params; 0 leaves one out. Sessions differ freely, also in one slm_evaluate(). Where a scale changes,
 * nothing of the text counts as evaluated. -EINVAL for another N or a scale that is no finite number.
 */
SLM_API int slm_session_set_adapters(struct slm_session *session, const float *scales, size_t n);

/* The text, [*RET_N]; it lives until the next call that changes the session. */
SLM_API const int32_t *slm_session_tokens(const struct slm_session *session, size_t *ret_n);

/*
 * Evaluates the texts of N sessions of one engine together, which costs less than one after the
 * other. 0; -ECANCELED when one of them was canceled; -EIO or -ENODEV where a device fails; -ENOMEM.
 */
SLM_API int slm_evaluate(struct slm_session *const *sessions, size_t n);

/* Logits of the token after the text, [n_vocab], as long as the session does not change; NULL
 * before the text is evaluated, and with SLM_ENGINE_EMBEDDINGS. */
SLM_API const float *slm_session_logits(const struct slm_session *session);

/*
 * From any thread: ends the evaluation or answer that the session is at, within one batch, and if
 * there is none, the next. What is evaluated by then stays.
 */
SLM_API void slm_session_cancel(struct slm_session *session);

/* ---- answers ---- */

struct slm_logit_bias {
	int32_t token;
	float bias; /* added to its logit; -100 and less bans it */
};

/* The answer goes on after an end token. */
#define SLM_GENERATE_IGNORE_END 1u
/* Control tokens appear in the text. */
#define SLM_GENERATE_SHOW_SPECIAL 2u

/* slm_generate_params_init() fills in the defaults, which here are not zeros. */
struct slm_generate_params {
	size_t size_bytes;
	float temperature;	 /* 0: always the most likely token */
	float top_p;		 /* 1: off */
	float min_p;		 /* 0: off */
	float repeat_penalty;	 /* 1: off */
	float frequency_penalty; /* 0: off */
	float presence_penalty;	 /* 0: off */
	uint32_t top_k;		 /* 0: off */
	uint32_t penalty_last_n; /* tokens that penalties look back */
	uint64_t seed;
	int64_t max_tokens; /* negative: as many as the context holds */
	uint32_t flags;	    /* SLM_GENERATE_ */
	uint32_t n_stops;
	const char *const *stops; /* [n_stops] the answer ends before one appears */
	const struct slm_logit_bias *biases;
	size_t n_biases;
	/*
	 * Gets the answer as it grows: whole characters, never the beginning of what may become a
	 * stop string. Not 0 ends the answer. May be NULL.
	 */
	int (*write)(void *data, const char *text, size_t size_bytes);
	void *write_data;
	/*
	 * What the answer must follow: a JSON schema ("{}": any JSON), or a grammar in llama.cpp's
	 * notation (GBNF); not both. An answer of SLM_END_TOKEN does, one that ended before is the
	 * beginning of one that does.
	 */
	const char *json_schema;
	const char *grammar;
};

SLM_API void slm_generate_params_init(struct slm_generate_params *params, size_t size_bytes);

enum slm_end {
	SLM_END_TOKEN = 0,  /* the model ended its answer */
	SLM_END_STOP = 1,   /* a stop string was about to appear */
	SLM_END_LENGTH = 2, /* max_tokens, or the context is full */
	SLM_END_CANCELED = 3,
};

struct slm_result {
	size_t size_bytes;
	uint64_t n_prompt;    /* tokens handed in */
	uint64_t n_kept;      /* of them, evaluated before */
	uint64_t n_generated; /* an end token included */
	uint64_t prompt_ns;   /* until the first logits */
	uint64_t answer_ns;   /* from then on */
	uint32_t end;	      /* enum slm_end */
	int32_t is_complete;  /* the answer satisfies the schema or grammar; 1 without one */
};

/*
 * Continues the N tokens, which become the session's text together with the answer (without an end
 * token). RET_RESULT may be NULL. A canceled answer gives 0 and SLM_END_CANCELED; else codes as
 * slm_session_sync() and slm_evaluate(), and -EINVAL for params that make no sense or a schema
 * or grammar that is none, -ENOTSUP for what of it cannot be enforced, -E2BIG for one that is too
 * large or too ambiguous.
 */
SLM_API int slm_generate(struct slm_session *session, const int32_t *tokens, size_t n,
			 const struct slm_generate_params *params, struct slm_result *ret_result);

/* ---- embeddings ---- */

enum slm_pooling {
	SLM_POOLING_MODEL = 0, /* as the file says; the mean where it says nothing */
	SLM_POOLING_NONE = 1,  /* a vector for each token */
	SLM_POOLING_MEAN = 2,
	SLM_POOLING_CLS = 3, /* the first token's */
	SLM_POOLING_LAST = 4,
};

/* Vectors are given as they are, not brought to length 1. */
#define SLM_EMBED_RAW 1u

struct slm_embed_params {
	size_t size_bytes;
	uint32_t pooling; /* enum slm_pooling */
	uint32_t flags;	  /* SLM_EMBED_ */
};

/*
 * The vector of the N tokens, which become the session's text, into VECTOR [CAPACITY]: n_embd
 * numbers, or with SLM_POOLING_NONE n_embd for each token, the hidden states after the model's last
 * norm. *RET_N says how many; where they are more than CAPACITY nothing is computed, and the result is
 * -ENOSPC. PARAMS may be NULL. The engine has SLM_ENGINE_EMBEDDINGS, else -EINVAL; -ENOTSUP where
 * the file wants a pooling that is not known; else codes as slm_session_sync() and slm_evaluate().
 * On other failures VECTOR is undefined.
 */
SLM_API int slm_embed(struct slm_session *session, const int32_t *tokens, size_t n,
		      const struct slm_embed_params *params, float *vector, size_t capacity,
		      size_t *ret_n);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The one interface behind which a graph runs: the plain C reference, the CPU, any OpenCL device.
 * A back end is handed whole segments (consecutive ops of a graph) and is free to fuse inside.
 *
 * device.c checks what it is given; a back end trusts it. Calls on one device come from one thread
 * at a time; different devices may be used at once.
 */
#ifndef SLM_DEVICE_DEVICE_H
#define SLM_DEVICE_DEVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph.h"
#include "log.h"
#include "thread_pool.h"

enum {
	KV_PAGE = 64, /* positions in a page of the cache, a multiple of 16 */
	DEVICE_TEXT_MAX = 128,
	WATCHDOG_DEFAULT_MS = 30000,
};

#define WATCHDOG_NONE UINT32_MAX

enum device_type {
	DEVICE_CPU,
	DEVICE_GPU,
	DEVICE_ACCELERATOR,
	DEVICE_OTHER,
};

/* In which form a device wants matrices. */
enum weight_form {
	WEIGHTS_AS_IN_FILE, /* rows of GGUF blocks */
	WEIGHTS_PACKED,	    /* packed_type.h */
};

/* How a device multiplies with quantised weights. Float weights always meet float activations. */
enum activation_form {
	ACTIVATIONS_INT8,  /* blocks of 32 with a float scale: what every fast path does */
	ACTIVATIONS_FLOAT, /* exact; the reference device only */
};

/*
 * How keys and values are kept. A page of a layer is, for each kv head, its keys, then for each kv head its
 * values; so on every device, because pages move between devices. Of a head: keys [position / 16][dim][16],
 * values [position][dim]. f16: halves. q8_0: signed bytes in that order, then the half scales of blocks of
 * 32 along the head in the same order: [position / 16][block][16], [position][block].
 */
enum kv_type {
	KV_F16,
	KV_Q8_0,
};

/* ---- what a step is ---- */

/* Neighbouring rows of a step that continue one sequence. */
struct step_run {
	uint32_t first_row;
	uint32_t n_rows;
	uint32_t first_position;
};

/*
 * One pass through the graph: N_TOKENS rows of one or several sequences. The cache is a pool of
 * pages; page table entry pages[g][run * page_stride + p] is the page of group g that holds
 * positions p * KV_PAGE and on of that run's sequence. Entries that no row's window reaches are
 * undefined.
 */
struct step {
	uint32_t n_tokens;
	uint32_t n_outputs; /* may be 0 */
	uint32_t n_runs;
	const int32_t *tokens;		    /* [n_tokens] */
	const uint32_t *positions;	    /* [n_tokens] */
	const uint32_t *row_runs;	    /* [n_tokens], the run of each row */
	const struct step_run *runs;	    /* [n_runs], covering all rows in order */
	const uint32_t *outputs;	    /* [n_outputs], rows */
	const float *rope[MODEL_ROPES_MAX]; /* [n_tokens][n_dims / 2][2]: cos, sin */
	const uint32_t *pages[KV_GROUPS_MAX];
	uint32_t page_stride;
	/* [n_tokens][n_adapters of the graph]; NULL: no row has an adapter */
	const float *adapter_scales;
};

/* Do ops of WHEN run in STEP? */
static inline bool step_runs(const struct step *step, enum op_when when)
{
	return when == WHEN_ALWAYS || (when == WHEN_ADAPTED) == (step->adapter_scales != NULL);
}

/* Does STEP continue each of its texts by one token? */
static inline bool step_has_single_rows(const struct step *step)
{
	return step->n_tokens == step->n_runs;
}

/* ---- what a device holds ---- */

struct device;

/* A range of device memory. Back ends embed it first. */
struct buffer {
	struct device *device;
	size_t size_bytes;
};

struct buffer_params {
	size_t size_bytes;
	/*
	 * Bytes to begin with, or NULL for undefined contents. With READ_ONLY the device may use
	 * them in place: they stay put and unchanged as long as the buffer lives. 4096-aligned.
	 */
	const void *initial;
	bool read_only;
};

struct segment_params {
	const struct graph *graph;
	uint32_t first_op;
	uint32_t n_ops;
	uint32_t max_tokens;
	uint32_t max_outputs;
	uint32_t max_runs;
	uint32_t max_pages; /* of one sequence: the largest page_stride */
	enum kv_type kv_type;
	/* By matrix id; those that no op of the segment reads may be NULL. */
	struct buffer *const *weights;
	/* Holds the values: value i begins value_offsets[i] bytes into it, rows one after another. */
	struct buffer *values;
	const uint64_t *value_offsets;
	/* By layer; pages as kv_page_bytes() long. Layers outside the segment may be NULL. */
	struct buffer *const *kv;
};

/* Ops made ready to run. Back ends embed it first. */
struct segment {
	struct device *device;
	uint32_t max_tokens;
	uint32_t max_outputs;
	uint32_t max_runs;
	uint32_t max_pages;
	uint32_t n_adapters;
};

struct memory_info {
	uint64_t total_bytes;
	uint64_t available_bytes; /* best knowledge now */
	uint64_t max_buffer_bytes;
	bool shared_with_host; /* host memory: counted once */
};

struct device_params {
	const struct device_ops *ops;
	void *driver_data; /* what the back end's discovery left, e.g. a cl_device_id */
	unsigned n_threads;
	enum activation_form activations;
	const char *kernel_family; /* that calibration chose; NULL or "": by rule */
	const char *cache_dir;	   /* for compiled programs; NULL: none. Lives only during open */
	/*
	 * After so long without progress a driver hangs: the call gives -ENODEV and the device is
	 * gone. 0: WATCHDOG_DEFAULT_MS; WATCHDOG_NONE: wait for ever.
	 */
	unsigned watchdog_ms;
	/* Once it is set, what takes long (compiling) ends with -ECANCELED. NULL: none; outlives the device */
	const atomic_bool *cancel;
	const struct log *log; /* outlives the device */
};

struct device_ops {
	const char *name;
	enum weight_form weight_form;
	int (*open)(const struct device_params *params, struct device **ret_device);
	void (*close)(struct device *device);
	bool (*supports)(const struct device *device, const struct op *op);
	int (*buffer_create)(struct device *device, const struct buffer_params *params,
			     struct buffer **ret_buffer);
	void (*buffer_destroy)(struct buffer *buffer);
	int (*buffer_write)(struct buffer *buffer, size_t offset_bytes, const void *from,
			    size_t size_bytes);
	int (*buffer_read)(struct buffer *buffer, size_t offset_bytes, void *to, size_t size_bytes);
	int (*segment_create)(struct device *device, const struct segment_params *params,
			      struct segment **ret_segment);
	void (*segment_destroy)(struct segment *segment);
	int (*segment_run)(struct segment *segment, const struct step *step);
	int (*memory_info)(struct device *device, struct memory_info *ret_info);
};

/* Back ends embed it first. */
struct device {
	const struct device_ops *ops;
	const struct log *log;
	char name[DEVICE_TEXT_MAX];
};

/* ---- the front ---- */

/*
 * Errors of every call below: -EINVAL for arguments that cannot be; -ENOMEM where host or device
 * memory is short; -EIO where a driver fails; -ENODEV when the device is gone or hangs. Logged by the
 * back end, where the cause is known. Destroying NULL does nothing.
 *
 * Once a device is gone or hangs every later call gives -ENODEV, silently and at once. Destroying what
 * is on it and closing it do not wait for its driver then: what that may still touch is never freed.
 */
int device_open(const struct device_params *params, struct device **ret_device);
void device_close(struct device *device); /* all its buffers and segments are gone by then */

bool device_supports(const struct device *device, const struct op *op);
enum weight_form device_weight_form(const struct device *device);
int device_memory_info(struct device *device, struct memory_info *ret_info);

int buffer_create(struct device *device, const struct buffer_params *params,
		  struct buffer **ret_buffer);
void buffer_destroy(struct buffer *buffer);
/* Both are complete when they return, and come after all runs that were begun before. */
int buffer_write(struct buffer *buffer, size_t offset_bytes, const void *from, size_t size_bytes);
int buffer_read(struct buffer *buffer, size_t offset_bytes, void *to, size_t size_bytes);

int segment_create(struct device *device, const struct segment_params *params,
		   struct segment **ret_segment);
void segment_destroy(struct segment *segment);
/* Begins the run; its results are seen by later calls on the same device. */
int segment_run(struct segment *segment, const struct step *step);

/* ---- shared arithmetic ---- */

/* Bytes of one page of one layer. */
uint64_t kv_page_bytes(enum kv_type type, uint32_t n_head_kv, uint32_t head_dim);

/*
 * cos and sin for the positions of a step, into TABLE [n][n_dims / 2][2]. FREQUENCIES [n_dims / 2]
 * come from rope_frequencies(), for sequences of up to N_CTX positions. Angles are reckoned in
 * double, because at position 30 000 a float's angle is off by a thousandth of a turn.
 */
void rope_frequencies(const struct rope *rope, uint32_t n_ctx, double *ret_frequencies);
void rope_table(const struct rope *rope, const double *frequencies, const uint32_t *positions,
		uint32_t n, float *ret_table);

#endif

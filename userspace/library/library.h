/* SPDX-License-Identifier: MIT */
/* What the files of libslm share: the handles, and how structs of other versions are taken in. */
#ifndef SLM_LIBRARY_LIBRARY_H
#define SLM_LIBRARY_LIBRARY_H

#include <stdatomic.h>
#include <stdbool.h>

#include "engine.h"
#include "session.h"
#include "slm.h"
#include "vocabulary.h"

/* The library's log in the caller's terms; what LOG points to outlives it. */
struct caller_log {
	struct slm_log caller;
	struct log log;
};

struct slm_engine {
	struct engine *engine;
	struct caller_log log;
	char devices[ENGINE_DEVICES_TEXT_MAX];
	char *name;
};

struct slm_session {
	struct session *session;
	struct slm_engine *engine;
	atomic_int cancel;
};

/* Fills LOG, which stays where it is; CALLER may be NULL. */
void caller_log_init(struct caller_log *log, const struct slm_log *caller);

/*
 * Copies FROM, a struct of the caller's version, over TO, ours: both begin with size_bytes. 0;
 * -EINVAL (logged) for a size that no version has, or when members that we do not know are set.
 */
int struct_take(void *to, size_t to_bytes, const void *from, const struct log *log);

/* Copies FROM, ours and zeroed at its end, to as much of TO as the caller has; -EINVAL as above. */
int struct_give(void *to, const void *from, size_t from_bytes);

/* Cancellation is asked for once and ends one call. */
int session_end_call(struct slm_session *session, int result);

#endif

/* SPDX-License-Identifier: MIT */
/* Text on its way out, held back where it may be the beginning of a stop string. */
#ifndef SLM_ENGINE_STOP_TEXT_H
#define SLM_ENGINE_STOP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stop_text {
	const char *const *stops; /* [n_stops], not empty strings */
	uint32_t n_stops;
	char *held;
	size_t n_held;
	size_t n_shown; /* of them, at the front; dropped with the next push */
	size_t capacity;
};

void stop_text_init(struct stop_text *text, const char *const *stops, uint32_t n_stops);
void stop_text_finish(struct stop_text *text);

/*
 * Adds what comes next. *RET_SHOW are the first *RET_SIZE bytes held that can be shown now; they
 * stay until the next call. *RET_STOPPED once a stop string is complete: what came before it is to
 * be shown and nothing after. 0 or -ENOMEM.
 */
int stop_text_push(struct stop_text *text, const char *more, size_t size_bytes,
		   const char **ret_show, size_t *ret_size, bool *ret_stopped);

/* What is still held when the answer ends by itself. */
void stop_text_flush(struct stop_text *text, const char **ret_show, size_t *ret_size);

#endif

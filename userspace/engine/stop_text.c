// SPDX-License-Identifier: MIT
/* Owns the search for stop strings in a growing text. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "stop_text.h"

void stop_text_init(struct stop_text *text, const char *const *stops, uint32_t n_stops)
{
	*text = (struct stop_text){.stops = stops, .n_stops = n_stops};
}

void stop_text_finish(struct stop_text *text)
{
	free(text->held);
	*text = (struct stop_text){0};
}

/* The earliest place where a whole stop string stands, or the size held. */
static size_t find_stop(const struct stop_text *text)
{
	size_t first = text->n_held;

	for (uint32_t i = 0; i < text->n_stops; i++) {
		const char *at =
			memmem(text->held, text->n_held, text->stops[i], strlen(text->stops[i]));

		if (at && (size_t)(at - text->held) < first)
			first = (size_t)(at - text->held);
	}
	return first;
}

/* The longest tail of what is held that begins a stop string. */
static size_t open_tail(const struct stop_text *text)
{
	size_t longest = 0;

	for (uint32_t i = 0; i < text->n_stops; i++) {
		size_t n = MIN(strlen(text->stops[i]) - 1, text->n_held);

		while (n > longest && memcmp(text->held + text->n_held - n, text->stops[i], n) != 0)
			n--;
		longest = MAX(longest, n);
	}
	return longest;
}

int stop_text_push(struct stop_text *text, const char *more, size_t size_bytes,
		   const char **ret_show, size_t *ret_size, bool *ret_stopped)
{
	size_t stop;

	if (array_reserve(&text->held, &text->capacity, text->n_held + size_bytes + 1, 1) < 0)
		return -ENOMEM;
	text->n_held -= text->n_shown;
	memmove(text->held, text->held + text->n_shown, text->n_held);
	memcpy(text->held + text->n_held, more, size_bytes);
	text->n_held += size_bytes;
	stop = find_stop(text);
	*ret_stopped = stop < text->n_held;
	text->n_shown = *ret_stopped ? stop : text->n_held - open_tail(text);
	*ret_show = text->held;
	*ret_size = text->n_shown;
	if (*ret_stopped)
		text->n_held = text->n_shown; /* nothing after it is ever shown */
	return 0;
}

void stop_text_flush(struct stop_text *text, const char **ret_show, size_t *ret_size)
{
	*ret_show = text->held + text->n_shown;
	*ret_size = text->n_held - text->n_shown;
	text->n_shown = text->n_held;
}

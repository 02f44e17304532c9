/* SPDX-License-Identifier: MIT */
/* One line on a terminal that says how far something has come; nothing where stderr is no terminal. */
#ifndef SLM_PROGRAMS_PROGRESS_BAR_H
#define SLM_PROGRAMS_PROGRESS_BAR_H

#include <stdbool.h>
#include <stdint.h>

struct progress_bar {
	bool visible;
	uint64_t begin_ns;
	uint64_t begin_bytes; /* what was there already when it began */
	uint64_t shown_ns;
};

void progress_bar_init(struct progress_bar *bar, uint64_t begin_bytes);
/* DOING is one word or name; TOTAL 0: unknown. Draws ten times a second at most. */
void progress_bar_show(struct progress_bar *bar, const char *doing, uint64_t done_bytes,
		       uint64_t total_bytes);
/* The same for struct progress: BAR is a struct progress_bar; never ends the work. */
int progress_bar_report(void *bar, const char *doing, uint64_t done_bytes, uint64_t total_bytes);
void progress_bar_finish(struct progress_bar *bar);

/* "93.8 MiB", into TEXT. */
enum { SIZE_TEXT_MAX = 32 };
const char *size_text(uint64_t bytes, char text[static SIZE_TEXT_MAX]);

#endif

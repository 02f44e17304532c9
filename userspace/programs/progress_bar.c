// SPDX-License-Identifier: MIT
/* Owns the drawing of progress. Refuses to draw where nobody looks. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "clock.h"
#include "progress.h"
#include "progress_bar.h"
#include "terminal_log.h"
#include "visible_text.h"

enum {
	BAR_CELLS = 24,
	REDRAW_NS = 100000000,
	RATE_AFTER_NS = 1000000000, /* a rate over less says nothing */
	NAME_MAX_BYTES = 48,
};

const char *size_text(uint64_t bytes, char text[static SIZE_TEXT_MAX])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && unit + 1 < ARRAY_SIZE(units)) {
		value /= 1024;
		unit++;
	}
	(void)snprintf(text, SIZE_TEXT_MAX, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
	return text;
}

void progress_bar_init(struct progress_bar *bar, uint64_t begin_bytes)
{
	*bar = (struct progress_bar){
		.visible = isatty(STDERR_FILENO) == 1,
		.begin_ns = clock_now_ns(),
		.begin_bytes = begin_bytes,
	};
}

static void draw_cells(uint64_t done, uint64_t total, char cells[static BAR_CELLS + 1])
{
	uint64_t n = total > 0 ? MIN(done, total) * BAR_CELLS / total : 0;

	memset(cells, '.', BAR_CELLS);
	memset(cells, '#', n);
	cells[BAR_CELLS] = '\0';
}

static void rate_text(const struct progress_bar *bar, uint64_t now, uint64_t done, char *text,
		      size_t text_size)
{
	char size[SIZE_TEXT_MAX];
	double seconds = (double)(now - bar->begin_ns) * 1e-9;

	text[0] = '\0';
	if (now - bar->begin_ns >= RATE_AFTER_NS && done > bar->begin_bytes)
		(void)snprintf(text, text_size, ", %s/s",
			       size_text((uint64_t)((double)(done - bar->begin_bytes) / seconds),
					 size));
}

void progress_bar_show(struct progress_bar *bar, const char *doing, uint64_t done_bytes,
		       uint64_t total_bytes)
{
	char line[256], cells[BAR_CELLS + 1], done[SIZE_TEXT_MAX], total[SIZE_TEXT_MAX], rate[48];
	char name[NAME_MAX_BYTES];
	uint64_t now = clock_now_ns();

	if (!bar->visible ||
	    (bar->shown_ns && now - bar->shown_ns < REDRAW_NS && done_bytes != total_bytes))
		return;
	bar->shown_ns = now;
	(void)visible_text(doing, strlen(doing), false, name, sizeof(name));
	rate_text(bar, now, done_bytes, rate, sizeof(rate));
	draw_cells(done_bytes, total_bytes, cells);
	if (total_bytes > PROGRESS_PARTS_MAX) {
		(void)snprintf(line, sizeof(line), "%s [%s] %s of %s%s", name, cells,
			       size_text(done_bytes, done), size_text(total_bytes, total), rate);
	} else if (total_bytes > 0) {
		(void)snprintf(line, sizeof(line), "%s [%s]", name, cells);
	} else {
		(void)snprintf(line, sizeof(line), "%s %s%s", name, size_text(done_bytes, done),
			       rate);
	}
	terminal_status(line);
}

int progress_bar_report(void *bar, const char *doing, uint64_t done_bytes, uint64_t total_bytes)
{
	progress_bar_show(bar, doing, done_bytes, total_bytes);
	return 0;
}

void progress_bar_finish(struct progress_bar *bar)
{
	if (bar->visible)
		terminal_status(NULL);
	bar->visible = false;
}

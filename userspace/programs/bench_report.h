/* SPDX-License-Identifier: MIT */
/* Results of `slm bench` as they come: a Markdown table, CSV, or one JSON list at the end. */
#ifndef SLM_PROGRAMS_BENCH_REPORT_H
#define SLM_PROGRAMS_BENCH_REPORT_H

#include <jansson.h>

#include "engine.h"
#include "exit_code.h"

enum bench_format {
	BENCH_MARKDOWN,
	BENCH_CSV,
	BENCH_JSON,
};

enum { BENCH_NAME_MAX = 48 };

struct bench_report {
	enum bench_format format;
	const char *model; /* as it is called in the report */
	char device[ENGINE_DEVICES_TEXT_MAX];
	char size[32];
	char parameters[32];
	uint32_t n_threads;
	bool has_head;
	json_t *rows; /* JSON only */
};

/* "pp512", "tg128@d4096". */
void bench_test_name(const char *kind, uint32_t n, uint32_t depth,
		     char name[static BENCH_NAME_MAX]);

void bench_report_init(struct bench_report *report, enum bench_format format, const char *model);
/* What the next rows were measured on. */
void bench_report_engine(struct bench_report *report, const struct engine *engine);
/* The mean and the standard deviation of N samples, tokens a second. */
void bench_report_speed(struct bench_report *report, const char *test, const double *samples,
			uint32_t n);
void bench_report_time(struct bench_report *report, const char *test, uint64_t ns);
/* The most memory this process had resident. */
void bench_report_memory(struct bench_report *report);
/* Prints what is left to print. Gives CODE, or another failure. */
enum exit_code bench_report_finish(struct bench_report *report, enum exit_code code,
				   const struct log *log);

#endif

// SPDX-License-Identifier: MIT
/* Owns the three forms of a report. Refuses to measure. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "bench_report.h"
#include "output.h"
#include "progress_bar.h"
#include "visible_text.h"

enum row_kind {
	ROW_SPEED,  /* a in tok/s, b its deviation */
	ROW_TIME,   /* a in ms */
	ROW_MEMORY, /* a in MiB */
};

struct row {
	enum row_kind kind;
	const char *test;
	double a, b;
};

void bench_test_name(const char *kind, uint32_t n, uint32_t depth, char name[static BENCH_NAME_MAX])
{
	int size = snprintf(name, BENCH_NAME_MAX, "%s%" PRIu32, kind, n);

	if (depth > 0)
		(void)snprintf(name + size, BENCH_NAME_MAX - (size_t)size, "@d%" PRIu32, depth);
}

void bench_report_init(struct bench_report *report, enum bench_format format, const char *model)
{
	const char *slash = strrchr(model, '/');

	*report = (struct bench_report){.format = format, .model = slash ? slash + 1 : model};
	if (format == BENCH_JSON)
		report->rows = json_array();
}

void bench_report_engine(struct bench_report *report, const struct engine *engine)
{
	const struct model *model = engine_model(engine);

	(void)engine_devices_text(engine, report->device);
	(void)size_text(gguf_file_bytes(model->gguf), report->size);
	(void)snprintf(report->parameters, sizeof(report->parameters), "%.2f M",
		       (double)model->n_parameters * 1e-6);
	report->n_threads = engine_n_threads(engine);
}

/* ---- the forms ---- */

static void print_markdown(const struct bench_report *report, const struct row *row)
{
	if (!report->has_head)
		(void)printf("| model | size | params | device | threads | test | result |\n"
			     "| --- | ---: | ---: | --- | ---: | ---: | ---: |\n");
	(void)printf("| ");
	visible_print(report->model, strlen(report->model), false, stdout);
	(void)printf(" | %s | %s | %s | %" PRIu32 " | %s | ", report->size, report->parameters,
		     report->device, report->n_threads, row->test);
	if (row->kind == ROW_SPEED)
		(void)printf("%.2f ± %.2f tok/s |\n", row->a, row->b);
	else
		(void)printf("%.1f %s |\n", row->a, row->kind == ROW_TIME ? "ms" : "MiB");
	(void)fflush(stdout);
}

/* As RFC 4180 has it. */
static void print_csv_text(const char *text)
{
	(void)putchar('"');
	for (; *text; text++) {
		if (*text == '"')
			(void)putchar('"');
		(void)putchar(*text);
	}
	(void)putchar('"');
}

static void print_csv(const struct bench_report *report, const struct row *row)
{
	if (!report->has_head)
		(void)printf("model,device,threads,test,tok_s,tok_s_sd,ms,mib\n");
	print_csv_text(report->model);
	(void)putchar(',');
	print_csv_text(report->device);
	(void)printf(",%" PRIu32 ",%s,", report->n_threads, row->test);
	if (row->kind == ROW_SPEED)
		(void)printf("%.3f,%.3f,,\n", row->a, row->b);
	else if (row->kind == ROW_TIME)
		(void)printf(",,%.3f,\n", row->a);
	else
		(void)printf(",,,%.1f\n", row->a);
	(void)fflush(stdout);
}

static void add_json(const struct bench_report *report, const struct row *row)
{
	json_t *object = json_pack("{s:o, s:s, s:i, s:s}", "model",
				   json_text(report->model, strlen(report->model)), "device",
				   report->device, "threads", (int)report->n_threads, "test",
				   row->test);

	if (object && row->kind == ROW_SPEED) {
		json_object_set_new(object, "tok_s", json_number(row->a));
		json_object_set_new(object, "tok_s_sd", json_number(row->b));
	} else if (object) {
		json_object_set_new(object, row->kind == ROW_TIME ? "ms" : "mib",
				    json_number(row->a));
	}
	json_array_append_new(report->rows, object);
}

static void add_row(struct bench_report *report, const struct row *row)
{
	if (report->format == BENCH_MARKDOWN)
		print_markdown(report, row);
	else if (report->format == BENCH_CSV)
		print_csv(report, row);
	else
		add_json(report, row);
	report->has_head = true;
}

/* ---- rows ---- */

void bench_report_speed(struct bench_report *report, const char *test, const double *samples,
			uint32_t n)
{
	struct row row = {.kind = ROW_SPEED, .test = test};
	double squares = 0;

	for (uint32_t i = 0; i < n; i++)
		row.a += samples[i] / n;
	for (uint32_t i = 0; i < n; i++)
		squares += (samples[i] - row.a) * (samples[i] - row.a);
	row.b = n > 1 ? sqrt(squares / (n - 1)) : 0;
	add_row(report, &row);
}

void bench_report_time(struct bench_report *report, const char *test, uint64_t ns)
{
	add_row(report, &(struct row){ROW_TIME, test, (double)ns * 1e-6, 0});
}

void bench_report_memory(struct bench_report *report)
{
	struct rusage usage = {0};

	(void)getrusage(RUSAGE_SELF, &usage);
	add_row(report, &(struct row){ROW_MEMORY, "rss", (double)usage.ru_maxrss / 1024, 0});
}

enum exit_code bench_report_finish(struct bench_report *report, enum exit_code code,
				   const struct log *log)
{
	json_t *rows = report->rows;

	report->rows = NULL;
	if (report->format == BENCH_JSON && code == EXIT_CODE_DONE)
		return output_json(rows, log);
	json_decref(rows);
	return code;
}

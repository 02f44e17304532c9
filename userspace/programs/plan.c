// SPDX-License-Identifier: MIT
/*
 * Owns `slm plan`: what `slm run` with the same options would do, shown and not done. The engine
 * makes the plan by the very way it takes when it loads, and stops there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "cleanup.h"
#include "commands.h"
#include "device_list.h"
#include "engine_setup.h"
#include "output.h"
#include "path.h"
#include "plan_report.h"

DEFINE_CLEANUP(struct engine, engine_destroy)
DEFINE_CLEANUP(struct plan_report, plan_report_destroy)

struct plan_values {
	bool json;
	bool runs;
	const char *svg;
};

static const struct option_spec plan_specs[] = {
	{
		.name = "json",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct plan_values, json),
		.help = "print one JSON document",
	},
	{
		.name = "run",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct plan_values, runs),
		.help = "load the model and show what each part takes beside what was predicted",
	},
	{
		.name = "svg",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct plan_values, svg),
		.value = "FILE",
		.help = "draw the plan into FILE too",
		.completion = COMPLETE_FILES,
	},
};

static const struct option_table plan_table = {
	.title = "Options",
	.specs = plan_specs,
	.n_specs = ARRAY_SIZE(plan_specs),
	.size_bytes = sizeof(struct plan_values),
};

const struct options plan_options = {
	.command = "plan",
	.synopsis = "MODEL",
	.text = "Shows where each part of a model would run, why, how long that is thought to take "
		"and how much memory, without loading it. Devices that were not measured before are "
		"measured first. Ends with status 4 when it does not fit.",
	.tables = {&plan_table, &engine_options, &general_options},
	.min_arguments = 1,
	.max_arguments = 1,
	.arguments = {COMPLETE_MODELS},
};

/* What the host and the devices have for the plan. */
struct memory_view {
	struct engine_estimate host;
	const struct device_entry *short_device; /* whose memory is too small, or NULL */
	uint64_t device_takes, device_has;
	bool fits;
};

static void memory_view_init(struct memory_view *view, const struct engine *engine)
{
	*view = (struct memory_view){0};
	engine_memory(engine, &view->host);
	view->short_device = engine_short_device(engine, &view->device_takes, &view->device_has);
	view->fits = !view->short_device && view->host.total_bytes <= view->host.available_bytes;
}

static json_t *memory_json(const struct memory_view *view)
{
	const struct engine_estimate *e = &view->host;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:i}", "weight_bytes",
			 (json_int_t)e->weight_bytes, "adapter_bytes", (json_int_t)e->adapter_bytes,
			 "kv_bytes", (json_int_t)e->kv_bytes, "value_bytes",
			 (json_int_t)e->value_bytes, "total_bytes", (json_int_t)e->total_bytes,
			 "available_bytes", (json_int_t)e->available_bytes, "fits", view->fits,
			 "ctx_that_fits", (int)e->n_ctx_that_fits);
}

/* The scheduler's document, as it prints it. */
static json_t *segments_json(const struct plan_report *report)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r;

	if (!out)
		return NULL;
	r = plan_print_json(report, out);
	if (fclose(out) != 0 || r < 0)
		return NULL;
	return json_loadb(text, size, 0, NULL);
}

static enum exit_code print_json(const struct engine *engine, const struct plan_report *report,
				 const struct memory_view *view, const struct log *log)
{
	const char *path = gguf_name(engine_model(engine)->gguf);
	json_t *root = segments_json(report);

	if (root) {
		json_object_set_new(root, "model", json_text(path, strlen(path)));
		json_object_set_new(root, "ctx", json_integer(view->host.n_ctx));
		json_object_set_new(root, "batch", json_integer(engine_n_batch(engine)));
		json_object_set_new(root, "memory", memory_json(view));
	}
	return output_json(root, log);
}

static void print_short_device(const struct memory_view *view)
{
	char takes[SIZE_TEXT_MAX], there[SIZE_TEXT_MAX];

	(void)printf("%s: its part takes %s and %s can be used there: does not fit; use a shorter "
		     "context, a smaller model or more devices\n",
		     view->short_device->name, size_text(view->device_takes, takes),
		     size_text(view->device_has, there));
}

static void print_memory(const struct memory_view *view)
{
	const struct engine_estimate *e = &view->host;
	char weights[SIZE_TEXT_MAX], kv[SIZE_TEXT_MAX], values[SIZE_TEXT_MAX];
	char total[SIZE_TEXT_MAX], available[SIZE_TEXT_MAX], adapters[SIZE_TEXT_MAX];
	bool fits = e->total_bytes <= e->available_bytes;

	(void)printf("\nweights %s", size_text(e->weight_bytes, weights));
	if (e->adapter_bytes > 0)
		(void)printf(" + adapters %s", size_text(e->adapter_bytes, adapters));
	(void)printf(" + cache %s (context of %" PRIu32 ") + values %s = %s; "
		     "available %s%s\n",
		     size_text(e->kv_bytes, kv), e->n_ctx, size_text(e->value_bytes, values),
		     size_text(e->total_bytes, total), size_text(e->available_bytes, available),
		     view->fits ? ": fits"
		     : fits	? ""
				: ": does not fit");
	if (!fits && e->n_ctx_that_fits > 0)
		(void)printf("a context of %" PRIu32 " would fit\n", e->n_ctx_that_fits);
	if (view->short_device)
		print_short_device(view);
}

static enum exit_code print(const struct engine *engine, const struct plan_report *report,
			    bool json, const struct log *log)
{
	enum exit_code code = EXIT_CODE_DONE;
	struct memory_view view;

	memory_view_init(&view, engine);
	if (json) {
		code = print_json(engine, report, &view, log);
	} else {
		plan_print(report, stdout);
		print_memory(&view);
	}
	return code == EXIT_CODE_DONE && !view.fits ? EXIT_CODE_MEMORY : code;
}

/* Into FILE, which has no name yet. */
static int draw_into(const struct new_file *file, const struct plan_report *report)
{
	FILE *out = fdopen(dup(file->fd), "w");
	int r = out ? plan_print_svg(report, out) : -errno;

	if (out && fclose(out) != 0 && r == 0)
		r = -errno;
	return r;
}

static enum exit_code draw(const struct plan_report *report, const char *path,
			   const struct log *log)
{
	struct new_file file = NEW_FILE_NONE;
	int r;

	r = new_file_init(&file, path);
	if (r == 0)
		r = draw_into(&file, report);
	if (r == 0)
		r = new_file_publish(&file);
	new_file_finish(&file);
	if (r == 0)
		return EXIT_CODE_DONE;
	(void)log_error(log, -r, "cannot write the picture %s: %s", path, strerror(-r));
	return EXIT_CODE_FAILED;
}

static enum exit_code show(struct engine *engine, const struct plan_values *values,
			   const struct log *log)
{
	_cleanup_(plan_report_destroy_p) struct plan_report *report = NULL;
	struct plan_measured measured;
	enum exit_code code = EXIT_CODE_DONE;
	int r = 0;

	if (values->runs)
		r = engine_measure(engine, &measured);
	if (r == 0)
		r = plan_report_create(engine_graph(engine), engine_plan(engine),
				       engine_costs(engine), engine_prediction(engine),
				       values->runs ? &measured : NULL, &report);
	if (r < 0)
		return exit_code_of(STAGE_RUN, r);
	if (values->svg)
		code = draw(report, values->svg, log);
	return code == EXIT_CODE_DONE ? print(engine, report, values->json, log) : code;
}

enum exit_code plan_run(struct program *program, int argc, char **argv)
{
	_cleanup_(engine_destroy_p) struct engine *engine = NULL;
	_cleanup_(engine_setup_finish) struct engine_setup setup = {0};
	struct plan_values values;
	struct engine_values engine_values;
	struct general_values general;
	struct arguments arguments;
	enum exit_code code;

	if (!command_parse(program, &plan_options, (void *[]){&values, &engine_values, &general},
			   argc, argv, &arguments, &code))
		return code;
	code = engine_setup_init(&setup, program, &engine_values, arguments.items[0]);
	setup.params.plan_only = !values.runs;
	setup.params.measures = true;
	if (code == EXIT_CODE_DONE)
		code = engine_setup_load(&setup, &engine);
	if (code != EXIT_CODE_DONE)
		return code;
	return show(engine, &values, &program->log);
}

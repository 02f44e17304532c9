// SPDX-License-Identifier: MIT
/* Plans shown: the table, the JSON document, the picture; names and numbers that nobody expects. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "array.h"
#include "built_graph.h"
#include "plan_report.h"

enum { DEVICES = 3 };

/* Three devices, of which the second is quick at many rows and slow to reach. */
struct shown {
	struct built built;
	struct device_rates rates[DEVICES];
	struct plan_device devices[DEVICES];
	struct partition_params params;
	struct plan plan;
	struct plan_prediction prediction;
	struct plan_report *report;
	char *text;
	size_t size;
};

static void set_rates(struct device_rates *rates, double bytes_s, double macs_s, double link_s)
{
	*rates = (struct device_rates){
		.run_s = link_s,
		.launch_s = 1e-7,
		.attention_one_macs_s = bytes_s,
		.attention_many_macs_s = macs_s,
		.values_bytes_s = bytes_s,
		.link_s = link_s,
		.link_bytes_s = 1e9,
	};
	for (int i = 0; i < TENSOR_TYPE_IDS; i++) {
		rates->weights_bytes_s[i] = bytes_s;
		rates->macs_s[i] = macs_s;
	}
}

static void show(struct shown *shown, uint32_t n_layers)
{
	struct tiny_model tiny = tiny_model_default;

	memset(shown, 0, sizeof(*shown));
	tiny.n_layers = n_layers;
	build(&shown->built, &tiny);
	set_rates(&shown->rates[0], 2e10, 1e11, 1e-7);
	set_rates(&shown->rates[1], 3e10, 3e12, 3e-4);
	set_rates(&shown->rates[2], 1e10, 5e10, 1e-5);
	for (uint32_t i = 0; i < DEVICES; i++)
		shown->devices[i] = (struct plan_device){
			.name = i == 0	 ? "cpu"
				: i == 1 ? "gpu"
					 : "npu",
			.share = 1,
			.rates = &shown->rates[i],
			.memory_bytes = UINT64_MAX,
		};
	shown->params = (struct partition_params){
		.devices = shown->devices,
		.n_devices = DEVICES,
		.work = plan_work_default,
		.host_bytes = UINT64_MAX,
	};
}

static void plan_it(struct shown *shown, const struct plan_measured *measured)
{
	assert_int_equal(partition_optimal(shown->built.graph, &shown->params, &shown->plan,
					   &shown->prediction),
			 0);
	assert_int_equal(plan_report_create(shown->built.graph, &shown->plan, &shown->params,
					    &shown->prediction, measured, &shown->report),
			 0);
}

static void cut_it(struct shown *shown, const struct plan_measured *measured)
{
	assert_int_equal(
		partition_by_share(shown->built.graph, shown->devices, DEVICES, &shown->plan), 0);
	assert_int_equal(plan_report_create(shown->built.graph, &shown->plan, &shown->params, NULL,
					    measured, &shown->report),
			 0);
}

static void unshow(struct shown *shown)
{
	plan_report_destroy(shown->report);
	free(shown->text);
	unbuild(&shown->built);
}

static const char *table(struct shown *shown)
{
	FILE *out = open_memstream(&shown->text, &shown->size);

	assert_non_null(out);
	plan_print(shown->report, out);
	assert_int_equal(fclose(out), 0);
	return shown->text;
}

static json_t *document(struct shown *shown)
{
	FILE *out = open_memstream(&shown->text, &shown->size);
	json_t *json;

	assert_non_null(out);
	assert_int_equal(plan_print_json(shown->report, out), 0);
	assert_int_equal(fclose(out), 0);
	json = json_loads(shown->text, 0, NULL);
	assert_non_null(json);
	return json;
}

/* SLM_TEST_KEEP: a folder where pictures stay, to be looked at. */
static const char *picture(struct shown *shown, const char *name)
{
	FILE *out = open_memstream(&shown->text, &shown->size);
	const char *folder = getenv("SLM_TEST_KEEP");

	assert_non_null(out);
	assert_int_equal(plan_print_svg(shown->report, out), 0);
	assert_int_equal(fclose(out), 0);
	if (folder) {
		char path[512];
		FILE *file;

		(void)snprintf(path, sizeof(path), "%s/%s.svg", folder, name);
		file = fopen(path, "w");
		assert_non_null(file);
		assert_int_equal(fwrite(shown->text, 1, shown->size, file), shown->size);
		assert_int_equal(fclose(file), 0);
	}
	return shown->text;
}

static uint32_t count(const char *text, const char *part)
{
	uint32_t n = 0;

	for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
		n++;
	return n;
}

/* ---- the table ---- */

static void the_table_says_what_else_and_why(void **state)
{
	struct shown shown;
	const char *text;

	(void)state;
	show(&shown, 4);
	plan_it(&shown, NULL);
	text = table(&shown);
	assert_non_null(strstr(text, "prefill        0  gpu"));
	assert_non_null(strstr(text, "decode         0  cpu"));
	assert_non_null(strstr(text, "embedding, layers 0 to 3, head"));
	assert_non_null(strstr(text, "cpu alone"));
	assert_non_null(strstr(text, "gpu alone"));
	assert_non_null(strstr(text, "by shares"));
	assert_non_null(strstr(text, "why: prefill goes to gpu and decode to cpu: "));
	assert_non_null(strstr(text, "moving the cache between phases"));
	assert_null(strstr(text, "measured"));
	unshow(&shown);
}

static void a_decode_that_stays_has_its_reason(void **state)
{
	struct shown shown;
	const char *text;

	(void)state;
	show(&shown, 4);
	shown.params.allowed[PHASE_PREFILL] = 1;
	plan_it(&shown, NULL);
	text = table(&shown);
	assert_non_null(strstr(text, "why: decode stays on cpu: npu would need "));
	assert_non_null(strstr(text, " ms per token"));
	unshow(&shown);
}

static void without_rates_there_is_no_prediction(void **state)
{
	struct shown shown;
	const char *text;

	(void)state;
	show(&shown, 4);
	shown.devices[1].rates = NULL;
	cut_it(&shown, NULL);
	assert_false(shown.report->has_prediction);
	text = table(&shown);
	assert_int_equal(count(text, "both"), 3);
	assert_null(strstr(text, "why"));
	assert_null(strstr(text, "tok/s"));
	unshow(&shown);
}

static void measured_times_have_their_error(void **state)
{
	static struct plan_measured measured;
	struct shown shown;
	json_t *json, *segment;

	(void)state;
	show(&shown, 6);
	cut_it(&shown, NULL);
	for (enum phase phase = 0; phase < PHASES; phase++) {
		const struct segment_prediction *first =
			&shown.report->prediction.phases[phase].segments[0];

		measured.segment_s[phase][0] = (first->run_s + first->crossing_s) / 2;
		measured.tokens_s[phase] = shown.report->prediction.phases[phase].tokens_s * 2;
	}
	plan_report_destroy(shown.report);
	cut_it(&shown, &measured);
	/* twice as fast as was thought: so say segments and phases, with one sign */
	assert_int_equal(count(table(&shown), "+100 %"), 4);
	assert_non_null(strstr(shown.text, "measured (error +100 % +100 %)"));
	assert_non_null(strstr(shown.text, "errors are of predicted times"));
	free(shown.text);
	json = document(&shown);
	segment = json_array_get(json_object_get(json, "decode"), 0);
	assert_true(fabs(json_real_value(json_object_get(segment, "error_percent")) - 100) < 1e-6);
	/* Of the others nothing is known. */
	assert_null(
		json_object_get(json_array_get(json_object_get(json, "decode"), 1), "measured_s"));
	json_decref(json);
	unshow(&shown);
}

/* ---- JSON ---- */

static void json_keeps_its_keys(void **state)
{
	static const char *const keys[] = {"device",
					   "first_op",
					   "ops",
					   "first_layer",
					   "layers",
					   "weight_bytes",
					   "crossing_bytes_per_token"};
	struct shown shown;
	json_t *json;

	(void)state;
	show(&shown, 4);
	plan_it(&shown, NULL);
	json = document(&shown);
	assert_string_equal(json_string_value(json_object_get(json, "arch")), "llama");
	assert_true(json_equal(json_object_get(json, "segments"), json_object_get(json, "decode")));
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		assert_non_null(json_object_get(
			json_array_get(json_object_get(json, "segments"), 0), keys[i]));
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(json, "prefill"), 0), "device")),
			    "gpu");
	assert_true(json_is_true(json_object_get(json_object_get(json, "prediction"), "proven")));
	assert_int_equal(json_array_size(json_object_get(json, "alternatives")), 4);
	assert_non_null(json_object_get(json, "reason"));
	json_decref(json);
	unshow(&shown);
}

/* ---- names ---- */

static const char *const odd_names[] = {
	"<script>alert(\"&amp;\")</script>",
	"Größe 加速器 №3",
	"bro\xffken \x1b[31m\n\xe2\x80\xae name",
	"",
	"an accelerator whose vendor was paid by the letter and had nothing else to do",
};

static void names_cannot_break_what_shows_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd_names); i++) {
		struct shown shown;
		const char *text;

		show(&shown, 4);
		shown.devices[0].name = odd_names[i];
		plan_it(&shown, NULL);
		json_decref(document(&shown));
		free(shown.text);
		text = picture(&shown, "odd");
		assert_null(strstr(text, "<script"));
		assert_null(strstr(text, "\x1b"));
		assert_null(strstr(text, "\xff"));
		free(shown.text);
		text = table(&shown);
		assert_null(strstr(text, "\x1b"));
		assert_null(strstr(text, "\xe2\x80\xae"));
		unshow(&shown);
	}
}

static void long_names_end_in_an_ellipsis(void **state)
{
	char name[PLAN_NAME_SIZE];
	struct shown shown;
	uint32_t n;

	(void)state;
	show(&shown, 1);
	shown.devices[0].name = odd_names[4];
	plan_it(&shown, NULL);
	plan_device_name(shown.report, 0, name, &n);
	assert_int_equal(n, 39);
	assert_string_equal(name + 38, "\xe2\x80\xa6");
	unshow(&shown);
}

static void parts_of_layers_are_named(void **state)
{
	struct plan_segment segment = {.first_op = 1 + 6 + 3, .first_layer = 1, .n_layers = 3};
	char parts[PLAN_PARTS_SIZE];
	struct shown shown;

	(void)state;
	show(&shown, 6);
	/* A layer has six ops: four of attention, two of the feed-forward part. */
	segment.first_op = 1 + 6 + 4;
	segment.n_ops = 2 + 6 + 4;
	assert_string_equal(plan_parts(shown.built.graph, &segment, parts),
			    "feed-forward of layer 1, layer 2, attention of layer 3");
	segment.n_ops = 2;
	segment.n_layers = 1;
	assert_string_equal(plan_parts(shown.built.graph, &segment, parts),
			    "feed-forward of layer 1");
	segment = (struct plan_segment){.n_ops = 1};
	assert_string_equal(plan_parts(shown.built.graph, &segment, parts), "embedding");
	segment = (struct plan_segment){
		.first_op = shown.built.graph->n_ops - 1, .n_ops = 1, .n_layers = 0};
	assert_string_equal(plan_parts(shown.built.graph, &segment, parts), "head");
	segment = (struct plan_segment){.first_op = 1, .n_ops = 12, .n_layers = 2};
	assert_string_equal(plan_parts(shown.built.graph, &segment, parts), "layers 0 to 1");
	unbuild(&shown.built);
}

/* ---- pictures ---- */

static void a_picture_has_every_layer_in_both_lanes(void **state)
{
	static const uint32_t layers[] = {1, 30, 80};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(layers); i++) {
		struct shown shown;
		const char *text;
		char name[32];

		show(&shown, layers[i]);
		shown.devices[0].name = odd_names[0];
		shown.devices[1].name = odd_names[1];
		shown.devices[2].name = odd_names[4];
		if (layers[i] > 1)
			shown.devices[1].memory_bytes = layers[i] * 700000;
		plan_it(&shown, NULL);
		(void)snprintf(name, sizeof(name), "optimal-%u", layers[i]);
		text = picture(&shown, name);
		/* Boxes, the card and the legend. */
		assert_true(count(text, "<rect") >= 2 * (layers[i] + 2) + 1 + DEVICES);
		assert_int_equal(count(text, "<svg"), count(text, "</svg>"));
		assert_int_equal(count(text, "<text"), count(text, "</text>"));
		free(shown.text);
		plan_report_destroy(shown.report);
		cut_it(&shown, NULL);
		(void)snprintf(name, sizeof(name), "shares-%u", layers[i]);
		assert_int_equal(count(picture(&shown, name), "class=\"arrow\" marker-end"),
				 2 * (shown.plan.phases[PHASE_DECODE].n_segments - 1));
		unshow(&shown);
	}
}

/* A device that cannot do attention makes a segment of each half layer. */
static void crowded_pictures_leave_labels_out(void **state)
{
	static bool supported[DEVICES * 1024];
	struct shown shown;
	const struct graph *graph;
	uint32_t n_crossings, n_labels;

	(void)state;
	show(&shown, 30);
	graph = shown.built.graph;
	assert_true(graph->n_ops <= 1024);
	for (uint32_t i = 0; i < graph->n_ops; i++) {
		bool is_attention = graph->ops[i].kind == OP_ATTENTION ||
				    graph->ops[i].kind == OP_ROPE;

		supported[i] = is_attention;
		supported[graph->n_ops + i] = !is_attention;
		/* What is cut between them is a whole half of a layer. */
		for (uint32_t k = i > 0 ? i - 1 : 0; k < MIN(i + 3, graph->n_ops); k++)
			supported[i] = supported[i] || graph->ops[k].kind == OP_ATTENTION ||
				       graph->ops[k].kind == OP_SELECT;
	}
	shown.params.supported = supported;
	shown.params.n_devices = 2;
	plan_it(&shown, NULL);
	assert_true(shown.plan.phases[PHASE_DECODE].n_segments > 50);
	n_crossings = 2 * (shown.plan.phases[PHASE_DECODE].n_segments - 1);
	assert_int_equal(count(picture(&shown, "crowded"), "class=\"arrow\" marker-end"),
			 n_crossings);
	n_labels = count(shown.text, "small back");
	assert_true(n_labels > 10 && n_labels < n_crossings);
	unshow(&shown);
}

static void full_disks_are_told(void **state)
{
	struct shown shown;
	FILE *out = fopen("/dev/full", "w");

	(void)state;
	if (!out)
		skip();
	show(&shown, 2);
	plan_it(&shown, NULL);
	(void)setvbuf(out, NULL, _IONBF, 0);
	assert_int_equal(plan_print_svg(shown.report, out), -EIO);
	assert_int_equal(plan_print_json(shown.report, out), -EIO);
	(void)fclose(out);
	unshow(&shown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_says_what_else_and_why),
		cmocka_unit_test(a_decode_that_stays_has_its_reason),
		cmocka_unit_test(without_rates_there_is_no_prediction),
		cmocka_unit_test(measured_times_have_their_error),
		cmocka_unit_test(json_keeps_its_keys),
		cmocka_unit_test(names_cannot_break_what_shows_them),
		cmocka_unit_test(long_names_end_in_an_ellipsis),
		cmocka_unit_test(parts_of_layers_are_named),
		cmocka_unit_test(a_picture_has_every_layer_in_both_lanes),
		cmocka_unit_test(crowded_pictures_leave_labels_out),
		cmocka_unit_test(full_disks_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

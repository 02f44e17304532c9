// SPDX-License-Identifier: MIT
/*
 * What calibration says of a model's speed on a device, for bench/prediction.py: a line of "NAME
 * TOKENS_PER_SECOND" for each test, named as `slm bench` names them.
 *
 *   predict_speed GGUF DEVICE N_PROMPT N_ANSWER DEPTH...
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "calibrate.h"
#include "path.h"

enum { BATCH = 512 };

struct subject {
	struct graph *graph;
	struct calibration calibration;
	bool shows_ops;
};

static void print_message(void *data, enum log_level level, const char *text)
{
	(void)fprintf(stderr, "%s\n", text);
}

static const struct log to_stderr = {print_message, NULL, LOG_LEVEL_WARNING};

static double step_seconds(const struct subject *subject, uint32_t n_tokens, uint32_t depth)
{
	const struct graph *graph = subject->graph;
	const struct device_rates *rates = &subject->calibration.rates;
	const struct step_shape shape = {n_tokens, 1, depth};
	double kinds[OP_KINDS] = {0};
	double seconds = rates->run_s +
			 link_seconds(rates, graph->values[graph->result].n_cols * sizeof(float));

	for (uint32_t i = 0; i < graph->n_ops; i++)
		kinds[graph->ops[i].kind] += op_seconds(graph, &graph->ops[i], rates, &shape);
	for (int i = 0; i < OP_KINDS; i++) {
		seconds += kinds[i];
		if (subject->shows_ops && kinds[i] > 0)
			(void)fprintf(stderr, "  %-16s %9.1f us\n", op_kind_name((enum op_kind)i),
				      kinds[i] * 1e6);
	}
	return seconds;
}

static double prompt_speed(const struct subject *subject, uint32_t n, uint32_t depth)
{
	double seconds = 0;

	for (uint32_t at = 0; at < n; at += BATCH)
		seconds += step_seconds(subject, n - at < BATCH ? n - at : BATCH, depth + at);
	return n / seconds;
}

static void print_test(const char *kind, uint32_t n, uint32_t depth, double speed)
{
	if (depth > 0)
		(void)printf("%s%" PRIu32 "@d%" PRIu32 " %.3f\n", kind, n, depth, speed);
	else
		(void)printf("%s%" PRIu32 " %.3f\n", kind, n, speed);
}

static int calibrate_for(struct subject *subject, const char *selector)
{
	const struct device_entry *entry;
	struct device_list *list;
	struct calibrate_params params;
	char *cache = NULL;
	int r = device_list_create(DEVICES_ALL, &to_stderr, &list);

	if (r < 0)
		return r;
	r = device_list_select(list, selector, &to_stderr, &entry, 1);
	if (r >= 0) {
		(void)path_cache_dir(&cache);
		params = (struct calibrate_params){
			.entry = entry,
			.types = calibrate_types(subject->graph),
			.cache_dir = cache,
			.log = &to_stderr,
		};
		r = calibrate(&params, &subject->calibration);
		free(cache);
	}
	device_list_destroy(list);
	return r;
}

int main(int argc, char **argv)
{
	struct subject subject = {.shows_ops = getenv("SHOW_OPS")};
	struct gguf *gguf = NULL;
	struct model *model = NULL;
	int r;

	if (argc < 6) {
		(void)fprintf(stderr, "usage: %s GGUF DEVICE N_PROMPT N_ANSWER DEPTH...\n",
			      argv[0]);
		return 2;
	}
	r = gguf_open(argv[1], &to_stderr, &gguf);
	if (r == 0)
		r = model_create(gguf, &to_stderr, &model);
	if (r == 0)
		r = graph_build(model, GRAPH_LOGITS, &to_stderr, &subject.graph);
	if (r == 0)
		r = calibrate_for(&subject, argv[2]);
	for (int i = 5; i < argc && r == 0; i++) {
		uint32_t n_prompt = (uint32_t)strtoul(argv[3], NULL, 10);
		uint32_t n_answer = (uint32_t)strtoul(argv[4], NULL, 10);
		uint32_t depth = (uint32_t)strtoul(argv[i], NULL, 10);

		print_test("pp", n_prompt, depth, prompt_speed(&subject, n_prompt, depth));
		print_test("tg", n_answer, depth,
			   1 / step_seconds(&subject, 1, depth + n_answer / 2));
	}
	graph_destroy(subject.graph);
	model_destroy(model);
	gguf_close(gguf);
	return r < 0;
}

// SPDX-License-Identifier: MIT
/* Shows a plan to people and programs. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>

#include "cleanup.h"
#include "plan.h"

static void json_decref_p(json_t **json)
{
	json_decref(*json);
}

static uint32_t crossing_bytes(const struct graph *graph, const struct plan_segment *segment)
{
	if (segment->input == NO_VALUE)
		return 0;
	return graph->values[segment->input].n_cols * (uint32_t)sizeof(float);
}

static const char *parts_of(const struct graph *graph, const struct plan_segment *segment,
			    char parts[static 64])
{
	int n = 0;

	if (segment->first_op == 0)
		n = snprintf(parts, 64, "embedding, ");
	n += snprintf(parts + n, (size_t)(64 - n), "layers %" PRIu32 " to %" PRIu32,
		      segment->first_layer, segment->first_layer + segment->n_layers - 1);
	if (segment->first_op + segment->n_ops == graph->n_ops)
		(void)snprintf(parts + n, (size_t)(64 - n), ", head");
	return parts;
}

void plan_print(const struct graph *graph, const struct plan *plan,
		const struct plan_device *devices, FILE *out)
{
	char parts[64];

	(void)fprintf(out,
		      "segment  device                            parts                           "
		      "   weights MiB  crosses in\n");
	for (uint32_t i = 0; i < plan->phases[PHASE_DECODE].n_segments; i++) {
		const struct plan_segment *segment = &plan->phases[PHASE_DECODE].segments[i];

		(void)fprintf(out,
			      "%7" PRIu32 "  %-32.32s  %-34s  %11.1f  %" PRIu32 " B per token\n", i,
			      devices[segment->device].name, parts_of(graph, segment, parts),
			      (double)plan_weight_bytes(graph, segment) / (1 << 20),
			      crossing_bytes(graph, segment));
	}
}

int plan_print_json(const struct graph *graph, const struct plan *plan,
		    const struct plan_device *devices, FILE *out)
{
	_cleanup_(json_decref_p) json_t *root = NULL;
	json_t *segments = json_array();

	for (uint32_t i = 0; i < plan->phases[PHASE_DECODE].n_segments; i++) {
		const struct plan_segment *segment = &plan->phases[PHASE_DECODE].segments[i];

		json_array_append_new(
			segments,
			json_pack("{s:s, s:i, s:i, s:i, s:i, s:I, s:i}", "device",
				  devices[segment->device].name, "first_op", (int)segment->first_op,
				  "ops", (int)segment->n_ops, "first_layer",
				  (int)segment->first_layer, "layers", (int)segment->n_layers,
				  "weight_bytes", (json_int_t)plan_weight_bytes(graph, segment),
				  "crossing_bytes_per_token", (int)crossing_bytes(graph, segment)));
	}
	root = json_pack("{s:s, s:o}", "arch", graph->model->arch, "segments", segments);
	if (!root || json_dumpf(root, out, JSON_INDENT(2)) < 0)
		return -ENOMEM;
	(void)fputc('\n', out);
	return 0;
}

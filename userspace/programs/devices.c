// SPDX-License-Identifier: MIT
/* Owns `slm devices`: every device there is and what speaks for or against using it. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "absence.h"
#include "array.h"
#include "cleanup.h"
#include "commands.h"
#include "device_list.h"
#include "device_nodes.h"
#include "devices_calibrate.h"
#include "output.h"
#include "path.h"
#include "progress_bar.h"
#include "table.h"

DEFINE_CLEANUP(struct device_list, device_list_destroy)

struct devices_values {
	bool json;
	bool query;
	struct devices_calibrate_params calibrate;
	bool calibrates;
};

static const struct option_spec devices_specs[] = {
	{
		.name = "json",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct devices_values, json),
		.help = "print one JSON document",
	},
	{
		.name = "query",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct devices_values, query),
		.help = "open each node of the kernel's and ask its driver too, which may wake hardware up",
	},
	{
		.name = "calibrate",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct devices_values, calibrates),
		.help = "show how fast devices are, and measure what was not measured before",
	},
	{
		.name = "anew",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct devices_values, calibrate.anew),
		.help = "with --calibrate: measure again what was measured before",
	},
	{
		.name = "types",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct devices_values, calibrate.types),
		.value = "TYPE,...",
		.help = "with --calibrate: types of weights; Q4_0,Q8_0,Q4_K,F16 else",
	},
	{
		.name = "device",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct devices_values, calibrate.device),
		.value = "LIST",
		.help = "with --calibrate: which; all that can be used else, but the reference",
		.completion = COMPLETE_DEVICES,
	},
	{
		.letter = 't',
		.name = "threads",
		.kind = OPTION_U32,
		.offset = offsetof(struct devices_values, calibrate.n_threads),
		.value = "N",
		.help = "with --calibrate: threads of the CPU devices; 0: one for each core",
		.max = THREAD_POOL_MAX,
	},
	{
		.name = "no-cache",
		.kind = OPTION_NO_FLAG,
		.offset = offsetof(struct devices_values, calibrate.use_cache),
		.help = "with --calibrate: keep nothing on disk",
	},
};

static const struct devices_values devices_defaults = {.calibrate.use_cache = true};

static const struct option_table devices_table = {
	.title = "Options",
	.specs = devices_specs,
	.n_specs = ARRAY_SIZE(devices_specs),
	.defaults = &devices_defaults,
	.size_bytes = sizeof(devices_defaults),
};

const struct options devices_options = {
	.command = "devices",
	.synopsis = "",
	.text = "Lists the devices that models can run on, with the word by which --device means "
		"each. Where nothing is said, GPUs, accelerators and the processor are weighed by "
		"measurement; * marks them, and slm plan shows which of them a model gets.",
	.tables = {&devices_table, &general_options},
};

/* What slm devices shows. */
struct devices_view {
	const struct device_list *list;
	const struct device_nodes *nodes;
	bool with_nodes; /* print what is known of each node too */
	const struct log *log;
};

static json_t *address_json(const struct device_entry *entry)
{
	char text[PCI_ADDRESS_TEXT_MAX];

	return entry->has_pci ? json_string(pci_address_text(&entry->pci, text)) : json_null();
}

static json_t *device_json(const struct devices_view *view, size_t i)
{
	const struct device_entry *entry = &view->list->entries[i];
	const struct node_match *match = &view->nodes->matches[i];

	return json_pack("{s:s, s:o, s:s, s:o, s:s, s:b, s:b, s:o, s:o, s:o, s:o}", "selector",
			 entry->selector, "name", json_text(entry->name, strlen(entry->name)),
			 "backend", entry->ops ? entry->ops->name : "opencl", "platform",
			 json_text(entry->platform, strlen(entry->platform)), "type",
			 device_type_name(entry->type), "used",
			 device_list_is_candidate(view->list, entry), "usable", entry->usable,
			 "reason", json_text(entry->reason, strlen(entry->reason)), "memory",
			 json_count(entry->memory_bytes), "pci_address", address_json(entry),
			 "node", device_node_json(view->nodes, match->node, match));
}

static const char *node_type(const struct drm_node *node)
{
	return device_type_name(node->kind == NODE_ACCEL ? DEVICE_ACCELERATOR : DEVICE_GPU);
}

/* A node that no device uses: nothing means it, so that it has no selector. */
static json_t *unused_json(const struct devices_view *view, size_t n)
{
	const struct drm_node *node = &view->nodes->nodes.nodes[n];
	uint64_t memory = view->nodes->telemetry[n].memory_total_bytes;

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:o, s:o, s:o}", "selector", "",
			 "name", node->name, "backend", "none", "platform", "", "type",
			 node_type(node), "used", 0, "usable", 0, "reason", view->nodes->reasons[n],
			 "memory", json_count(memory == FACT_UNKNOWN ? 0 : memory), "pci_address",
			 json_null(), "node", device_node_json(view->nodes, node, NULL));
}

static enum exit_code print_json(const struct devices_view *view)
{
	json_t *array = json_array();

	for (size_t i = 0; i < view->list->n_entries; i++)
		json_array_append_new(array, device_json(view, i));
	for (size_t n = 0; n < view->nodes->nodes.n_nodes; n++) {
		if (*view->nodes->reasons[n])
			json_array_append_new(array, unused_json(view, n));
	}
	return output_json(array, view->log);
}

static void add_device(struct table *table, const struct devices_view *view, size_t i)
{
	const struct device_entry *entry = &view->list->entries[i];
	const struct node_match *match = &view->nodes->matches[i];
	const bool is_certain = match->how != MATCH_AMBIGUOUS;
	const char *objection = match->node && is_certain ? match->node->objection : "";
	char memory[SIZE_TEXT_MAX], cell[NODE_CELL_MAX];

	table_add(table, "%s",
		  device_list_is_candidate(view->list, entry) ? "*"
		  : entry->usable			      ? " "
							      : "-");
	table_add(table, "%s", entry->selector);
	table_add(table, "%s", device_type_name(entry->type));
	table_add(table, "%s", size_text(entry->memory_bytes, memory));
	table_add(table, "%s%s%s%s", entry->name, *entry->platform ? " (" : "", entry->platform,
		  *entry->platform ? ")" : "");
	if (view->nodes->nodes.n_nodes > 0)
		table_add(table, "%s",
			  is_certain ? device_node_cell(match->node, cell) : "ambiguous");
	table_add(table, "%s%s%s%s%s", entry->reason, *objection ? "; " : "", objection,
		  is_certain ? "" : "; ", is_certain ? "" : match->note);
}

static void add_unused(struct table *table, const struct devices_view *view, size_t n)
{
	const struct drm_node *node = &view->nodes->nodes.nodes[n];
	char cell[NODE_CELL_MAX];

	table_add(table, "-");
	table_add(table, "-");
	table_add(table, "%s", node_type(node));
	table_add(table, "-");
	table_add(table, "-");
	table_add(table, "%s", device_node_cell(node, cell));
	table_add(table, "%s%s%s", view->nodes->reasons[n], *node->objection ? "; " : "",
		  node->objection);
}

/* What the marks mean, so that nobody takes * for a promise. */
static void print_legend(const struct devices_view *view)
{
	size_t n = 0;

	for (size_t i = 0; i < view->list->n_entries; i++)
		n += device_list_is_candidate(view->list, &view->list->entries[i]);
	if (n > 1)
		(void)printf(
			"\n* weighed by measurement where --device is not given; slm plan MODEL "
			"shows which of them a model gets\n");
	else
		(void)printf("\n* used where --device is not given\n");
}

static enum exit_code print_table(const struct devices_view *view)
{
	static const char *const bare[] = {" ", "--device", "type", ">memory", "device", "note"};
	static const char *const full[] = {" ",	     "--device", "type", ">memory",
					   "device", "node",	 "note"};
	const bool has_nodes = view->nodes->nodes.n_nodes > 0;
	struct table table;
	int r;

	table_init(&table, has_nodes ? full : bare,
		   has_nodes ? ARRAY_SIZE(full) : ARRAY_SIZE(bare));
	for (size_t i = 0; i < view->list->n_entries; i++)
		add_device(&table, view, i);
	for (size_t n = 0; n < view->nodes->nodes.n_nodes; n++) {
		if (*view->nodes->reasons[n])
			add_unused(&table, view, n);
	}
	r = table_print(&table, stdout);
	table_finish(&table);
	if (r == 0)
		print_legend(view);
	if (r == 0 && has_nodes && view->with_nodes) {
		(void)fputc('\n', stdout);
		r = device_nodes_print(view->nodes, stdout);
	}
	if (r < 0)
		(void)log_oom(view->log, "listing the devices");
	return exit_code_of(STAGE_RUN, r);
}

/* The option that says how to measure, where nothing is to be measured; NULL: there is none. */
static const char *idle_option(const struct devices_values *values)
{
	const struct devices_calibrate_params *given = &values->calibrate;

	if (values->calibrates)
		return NULL;
	return given->anew	   ? "--anew"
	       : given->types	   ? "--types"
	       : given->device	   ? "--device"
	       : given->n_threads  ? "--threads"
	       : !given->use_cache ? "--no-cache"
				   : NULL;
}

static void say_failure(void *data, const char *text)
{
	log_warning((const struct log *)data, "%s", text);
}

/* Whoever is shown a device is to get it. */
static int list_devices(const struct log *log, struct device_list **ret_list)
{
	_cleanup_free_ char *cache_dir = NULL;
	int r = device_list_create(DEVICES_ALL, log, ret_list);

	if (r == 0 && device_list_has_hardware(*ret_list) && path_cache_dir(&cache_dir) == 0)
		absence_forget(cache_dir);
	if (r == 0 && *(*ret_list)->limit)
		log_notice(log, "OpenCL drivers are not asked: %s", (*ret_list)->limit);
	if (r == 0)
		device_list_load_failures(*ret_list, say_failure, (void *)log);
	return r;
}

enum exit_code devices_run(struct program *program, int argc, char **argv)
{
	_cleanup_(device_list_destroy_p) struct device_list *list = NULL;
	struct devices_values values;
	struct general_values general;
	struct arguments arguments;
	struct device_nodes nodes;
	struct devices_view view;
	enum exit_code code;
	int r;

	if (!command_parse(program, &devices_options, (void *[]){&values, &general}, argc, argv,
			   &arguments, &code))
		return code;
	if (idle_option(&values)) {
		log_error(&program->log, EINVAL, "%s needs --calibrate: nothing is measured else",
			  idle_option(&values));
		return EXIT_CODE_USAGE;
	}
	r = list_devices(&program->log, &list);
	if (r == 0 && values.calibrates) {
		values.calibrate.list = list;
		values.calibrate.json = values.json;
		return devices_calibrate(&values.calibrate, &program->log);
	}
	if (r == 0)
		r = device_nodes_init(&nodes, list, values.query, &program->log);
	if (r < 0)
		return exit_code_of(STAGE_RUN, r);
	view = (struct devices_view){list, &nodes, values.query || general.verbose > 0,
				     &program->log};
	code = values.json ? print_json(&view) : print_table(&view);
	device_nodes_finish(&nodes);
	return code;
}

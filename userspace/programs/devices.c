// SPDX-License-Identifier: MIT
/* Owns `slm devices`: every device there is and what speaks for or against using it. */
#include <inttypes.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "commands.h"
#include "device_list.h"
#include "devices_calibrate.h"
#include "output.h"
#include "progress_bar.h"
#include "table.h"

DEFINE_CLEANUP(struct device_list, device_list_destroy)

struct devices_values {
	bool json;
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
		"each. The one marked * is used when nothing is said.",
	.tables = {&devices_table, &general_options},
};

static json_t *device_json(const struct device_entry *entry, bool used)
{
	return json_pack("{s:s, s:o, s:s, s:o, s:s, s:b, s:b, s:o, s:o}", "selector",
			 entry->selector, "name", json_text(entry->name, strlen(entry->name)),
			 "backend", entry->ops ? entry->ops->name : "opencl", "platform",
			 json_text(entry->platform, strlen(entry->platform)), "type",
			 device_type_name(entry->type), "used", used, "usable", entry->usable,
			 "reason", json_text(entry->reason, strlen(entry->reason)), "memory",
			 json_count(entry->memory_bytes));
}

static enum exit_code print_json(const struct device_list *list, const struct log *log)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->n_entries; i++) {
		const struct device_entry *entry = &list->entries[i];

		json_array_append_new(array,
				      device_json(entry, entry == device_list_default(list)));
	}
	return output_json(array, log);
}

static enum exit_code print_table(const struct device_list *list, const struct log *log)
{
	static const char *const titles[] = {" ", "--device", "type", ">memory", "device", "note"};
	struct table table;
	int r;

	table_init(&table, titles, ARRAY_SIZE(titles));
	for (size_t i = 0; i < list->n_entries; i++) {
		const struct device_entry *entry = &list->entries[i];
		char memory[SIZE_TEXT_MAX];

		table_add(&table, "%s",
			  entry == device_list_default(list) ? "*"
			  : entry->usable		     ? " "
							     : "-");
		table_add(&table, "%s", entry->selector);
		table_add(&table, "%s", device_type_name(entry->type));
		table_add(&table, "%s", size_text(entry->memory_bytes, memory));
		table_add(&table, "%s%s%s%s", entry->name, *entry->platform ? " (" : "",
			  entry->platform, *entry->platform ? ")" : "");
		table_add(&table, "%s", entry->reason);
	}
	r = table_print(&table, stdout);
	table_finish(&table);
	if (r < 0)
		(void)log_oom(log, "listing the devices");
	return exit_code_of(STAGE_RUN, r);
}

enum exit_code devices_run(struct program *program, int argc, char **argv)
{
	_cleanup_(device_list_destroy_p) struct device_list *list = NULL;
	struct devices_values values;
	struct general_values general;
	struct arguments arguments;
	enum exit_code code;
	int r;

	if (!command_parse(program, &devices_options, (void *[]){&values, &general}, argc, argv,
			   &arguments, &code))
		return code;
	r = device_list_create(DEVICES_ALL, &program->log, &list);
	if (r < 0)
		return exit_code_of(STAGE_RUN, r);
	if (values.calibrates) {
		values.calibrate.list = list;
		values.calibrate.json = values.json;
		return devices_calibrate(&values.calibrate, &program->log);
	}
	return values.json ? print_json(list, &program->log) : print_table(list, &program->log);
}

// SPDX-License-Identifier: MIT
/*
 * Owns `slm inspect`: what a GGUF file holds, whether or not it is a model that can run here.
 * Refuses to interpret: keys and tensors are shown as they stand.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "adapter.h"
#include "array.h"
#include "cleanup.h"
#include "commands.h"
#include "gguf_text.h"
#include "model_name.h"
#include "output.h"
#include "progress_bar.h"
#include "table.h"
#include "visible_text.h"

DEFINE_CLEANUP(struct gguf, gguf_close)

struct inspect_values {
	bool full;
	bool json;
};

static const struct option_spec inspect_specs[] = {
	{
		.name = "full",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct inspect_values, full),
		.help = "print arrays and texts whole",
	},
	{
		.name = "json",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct inspect_values, json),
		.help = "print one JSON document",
	},
};

static const struct option_table inspect_table = {
	.title = "Options",
	.specs = inspect_specs,
	.n_specs = ARRAY_SIZE(inspect_specs),
	.size_bytes = sizeof(struct inspect_values),
};

const struct options inspect_options = {
	.command = "inspect",
	.synopsis = "MODEL",
	.text = "Shows the metadata and the tensors of a GGUF file, and what each type of tensor "
		"adds up to.",
	.tables = {&inspect_table, &general_options},
	.min_arguments = 1,
	.max_arguments = 1,
	.arguments = {COMPLETE_MODELS},
};

struct total {
	uint64_t n_tensors;
	uint64_t n_values;
	uint64_t bytes;
};

static uint64_t values_of(const struct gguf_tensor *tensor)
{
	uint64_t n = 1;

	for (int i = 0; i < GGUF_DIMS_MAX; i++)
		n *= tensor->dims[i];
	return n;
}

static void add_up(const struct gguf *gguf, struct total totals[static TENSOR_TYPE_IDS],
		   struct total *sum)
{
	for (size_t i = 0; i < gguf_n_tensors(gguf); i++) {
		const struct gguf_tensor *tensor = gguf_tensor(gguf, i);
		struct total *total = &totals[tensor->type];

		total->n_tensors++;
		total->n_values += values_of(tensor);
		total->bytes += tensor->size_bytes;
		sum->n_tensors++;
		sum->n_values += values_of(tensor);
		sum->bytes += tensor->size_bytes;
	}
}

/* ---- JSON ---- */

static json_t *tensor_json(const struct gguf_tensor *tensor)
{
	json_t *shape = json_array();

	for (unsigned i = 0; i < tensor->n_dims; i++)
		json_array_append_new(shape, json_count(tensor->dims[i]));
	return json_pack("{s:o, s:s, s:o, s:i, s:o, s:o}", "name",
			 json_text(tensor->name.data, tensor->name.size), "type",
			 tensor_type_info(tensor->type)->name, "shape", shape, "part",
			 (int)tensor->part + 1, "offset", json_count(tensor->offset), "bytes",
			 json_count(tensor->size_bytes));
}

static json_t *parts_json(const struct gguf *gguf)
{
	json_t *parts = json_array();

	for (uint32_t i = 0; i < gguf_n_parts(gguf); i++) {
		const struct gguf_part *part = gguf_part(gguf, i);

		json_array_append_new(parts, json_pack("{s:o, s:o, s:o}", "file",
						       json_text(part->name, strlen(part->name)),
						       "bytes", json_count(part->size_bytes),
						       "tensors", json_count(part->n_tensors)));
	}
	return parts;
}

static json_t *total_json(const struct total *total)
{
	return json_pack("{s:o, s:o, s:o}", "tensors", json_count(total->n_tensors), "values",
			 json_count(total->n_values), "bytes", json_count(total->bytes));
}

static json_t *metadata_json(const struct gguf *gguf, bool full)
{
	json_t *object = json_object();

	for (size_t i = 0; i < gguf_n_values(gguf); i++) {
		const struct gguf_value *value = gguf_value(gguf, i);
		json_t *key = json_text(value->key.data, value->key.size);

		if (key)
			json_object_set_new(object, json_string_value(key),
					    gguf_value_json(value, full));
		json_decref(key);
	}
	return object;
}

static enum exit_code print_json(const struct gguf *gguf, bool full, const struct log *log)
{
	struct total totals[TENSOR_TYPE_IDS] = {0}, sum = {0};
	json_t *tensors = json_array(), *types = json_object();
	const char *name = gguf_name(gguf);

	add_up(gguf, totals, &sum);
	for (size_t i = 0; i < gguf_n_tensors(gguf); i++)
		json_array_append_new(tensors, tensor_json(gguf_tensor(gguf, i)));
	for (uint32_t i = 0; i < TENSOR_TYPE_IDS; i++) {
		if (totals[i].n_tensors > 0)
			json_object_set_new(types, tensor_type_info(i)->name,
					    total_json(&totals[i]));
	}
	return output_json(json_pack("{s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "file",
				     json_text(name, strlen(name)), "version",
				     (int)gguf_version(gguf), "bytes",
				     json_count(gguf_file_bytes(gguf)), "parts", parts_json(gguf),
				     "metadata", metadata_json(gguf, full), "tensors", tensors,
				     "types", types, "total", total_json(&sum)),
			   log);
}

/* ---- text ---- */

static void print_metadata(const struct gguf *gguf, bool full)
{
	for (size_t i = 0; i < gguf_n_values(gguf); i++) {
		const struct gguf_value *value = gguf_value(gguf, i);

		(void)printf("  ");
		visible_print(value->key.data, value->key.size, false, stdout);
		if (value->type == GGUF_ARRAY)
			(void)printf("  %s[%" PRIu64 "]  ", gguf_type_name(value->item_type),
				     value->n_items);
		else
			(void)printf("  %s  ", gguf_type_name(value->type));
		gguf_value_print(value, full, stdout);
		(void)putchar('\n');
	}
}

static void shape_text(const struct gguf_tensor *tensor, char *text, size_t size)
{
	size_t n = 0;

	*text = '\0';
	for (unsigned i = 0; i < tensor->n_dims && n < size; i++)
		n += (size_t)snprintf(text + n, size - n, "%s%" PRIu64, i > 0 ? " x " : "",
				      tensor->dims[i]);
}

static int print_tensors(const struct gguf *gguf)
{
	static const char *const titles[] = {"  tensor", "type",   ">shape",
					     ">offset",	 ">bytes", ">part"};
	bool split = gguf_n_parts(gguf) > 1;
	struct table table;
	int r;

	table_init(&table, titles, ARRAY_SIZE(titles) - (split ? 0 : 1));
	for (size_t i = 0; i < gguf_n_tensors(gguf); i++) {
		const struct gguf_tensor *tensor = gguf_tensor(gguf, i);
		char shape[96];

		shape_text(tensor, shape, sizeof(shape));
		table_add(&table, "  %.*s", (int)tensor->name.size, tensor->name.data);
		table_add(&table, "%s", tensor_type_info(tensor->type)->name);
		table_add(&table, "%s", shape);
		table_add(&table, "%" PRIu64, tensor->offset);
		table_add(&table, "%" PRIu64, tensor->size_bytes);
		if (split)
			table_add(&table, "%" PRIu32, tensor->part + 1);
	}
	r = table_print(&table, stdout);
	table_finish(&table);
	return r;
}

static void add_total(struct table *table, const char *name, const struct total *total)
{
	char size[SIZE_TEXT_MAX];

	table_add(table, "  %s", name);
	table_add(table, "%" PRIu64, total->n_tensors);
	table_add(table, "%.2f M", (double)total->n_values * 1e-6);
	table_add(table, "%s", size_text(total->bytes, size));
	table_add(table, "%.2f",
		  total->n_values > 0 ? 8 * (double)total->bytes / (double)total->n_values : 0);
}

static int print_totals(const struct gguf *gguf)
{
	static const char *const titles[] = {"  type", ">tensors", ">values", ">size",
					     ">bits per value"};
	struct total totals[TENSOR_TYPE_IDS] = {0}, sum = {0};
	struct table table;
	int r;

	add_up(gguf, totals, &sum);
	table_init(&table, titles, ARRAY_SIZE(titles));
	for (uint32_t i = 0; i < TENSOR_TYPE_IDS; i++) {
		if (totals[i].n_tensors > 0)
			add_total(&table, tensor_type_info(i)->name, &totals[i]);
	}
	add_total(&table, "all", &sum);
	r = table_print(&table, stdout);
	table_finish(&table);
	return r;
}

static void print_parts(const struct gguf *gguf)
{
	(void)printf("\n%" PRIu32 " parts:\n", gguf_n_parts(gguf));
	for (uint32_t i = 0; i < gguf_n_parts(gguf); i++) {
		const struct gguf_part *part = gguf_part(gguf, i);
		char size[SIZE_TEXT_MAX];

		(void)printf("  ");
		visible_print(part->name, strlen(part->name), false, stdout);
		(void)printf("  %s, %zu tensors\n", size_text(part->size_bytes, size),
			     part->n_tensors);
	}
}

static void print_text_of(const struct gguf *gguf, const char *key, const char *fallback)
{
	struct gguf_string text = {fallback, strlen(fallback)};

	(void)gguf_get_string(gguf, key, NULL, &text);
	visible_print(text.data, text.size, false, stdout);
}

/* Ranks may differ from tensor to tensor: the largest is shown. */
static void print_adapter(const struct gguf *gguf)
{
	uint64_t rank = 0;
	size_t n = 0;

	for (size_t i = 0; i < gguf_n_tensors(gguf); i++) {
		const struct gguf_tensor *tensor = gguf_tensor(gguf, i);
		const char *end = tensor->name.data + tensor->name.size;

		if (tensor->name.size < 7 || memcmp(end - 7, ".lora_a", 7) != 0)
			continue;
		rank = MAX(rank, tensor->dims[1]);
		n++;
	}
	(void)printf("An adapter (");
	print_text_of(gguf, "adapter.type", "of no type");
	(void)printf(") for models of architecture ");
	print_text_of(gguf, "general.architecture", "unknown");
	(void)printf(": %zu tensors adapted, rank %" PRIu64 "; load it with --lora\n", n, rank);
}

static enum exit_code print_text(const struct gguf *gguf, bool full, const struct log *log)
{
	char size[SIZE_TEXT_MAX];
	int r;

	visible_print(gguf_name(gguf), strlen(gguf_name(gguf)), false, stdout);
	(void)printf(": GGUF version %" PRIu32 ", %s\n", gguf_version(gguf),
		     size_text(gguf_file_bytes(gguf), size));
	if (gguf_n_parts(gguf) > 1)
		print_parts(gguf);
	if (gguf_is_adapter(gguf))
		print_adapter(gguf);
	(void)printf("\n%zu keys:\n", gguf_n_values(gguf));
	print_metadata(gguf, full);
	(void)printf("\n%zu tensors:\n", gguf_n_tensors(gguf));
	r = print_tensors(gguf);
	(void)printf("\nTotals:\n");
	if (r == 0)
		r = print_totals(gguf);
	if (r < 0)
		(void)log_oom(log, "inspecting the file");
	return exit_code_of(STAGE_RUN, r);
}

enum exit_code inspect_run(struct program *program, int argc, char **argv)
{
	_cleanup_(gguf_close_p) struct gguf *gguf = NULL;
	_cleanup_free_ char *path = NULL;
	const struct log *log = &program->log;
	struct inspect_values values;
	struct general_values general;
	struct arguments arguments;
	enum exit_code code;
	int r;

	if (!command_parse(program, &inspect_options, (void *[]){&values, &general}, argc, argv,
			   &arguments, &code))
		return code;
	r = model_name_resolve(arguments.items[0], log, &path);
	if (r == 0)
		r = gguf_open(path, log, &gguf);
	if (r < 0)
		return exit_code_of(STAGE_MODEL, r);
	return values.json ? print_json(gguf, values.full, log)
			   : print_text(gguf, values.full, log);
}

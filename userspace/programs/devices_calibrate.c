// SPDX-License-Identifier: MIT
/* Owns how measured figures are asked for and shown. What is measured is device/calibrate.h's. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "array.h"
#include "calibrate.h"
#include "cleanup.h"
#include "devices_calibrate.h"
#include "interrupt.h"
#include "output.h"
#include "path.h"
#include "table.h"
#include "terminal_log.h"
#include "visible_text.h"

enum { DEVICES_MAX = 64 };

static const char default_types[] = "Q4_0,Q8_0,Q4_K,F16";

/* One device and what came of it. */
struct result {
	const struct device_entry *entry;
	struct calibration calibration;
	int error;
	char reason[256]; /* of the error: what was logged of it first */
};

/* ---- what is wanted ---- */

static bool find_type(const char *name, size_t n, uint64_t *types)
{
	for (uint32_t i = 0; i < TENSOR_TYPE_IDS; i++) {
		if (!tensor_type_supported(i) || strlen(tensor_type_info(i)->name) != n ||
		    strncasecmp(tensor_type_info(i)->name, name, n) != 0)
			continue;
		*types |= UINT64_C(1) << i;
		return true;
	}
	return false;
}

static int read_types(const char *text, const struct log *log, uint64_t *ret_types)
{
	uint64_t types = 0;

	for (const char *at = text;; at++) {
		size_t n = strcspn(at, ",");

		if (!find_type(at, n, &types))
			return log_error(log, EINVAL,
					 "--types must be names of types as files have them, like "
					 "%s, not '%.*s'",
					 default_types, (int)MIN(n, 32), at);
		at += n;
		if (!*at)
			break;
	}
	*ret_types = types;
	return 0;
}

static int choose_entries(const struct devices_calibrate_params *params, const struct log *log,
			  const struct device_entry **entries)
{
	int n = 0;

	if (params->device)
		return device_list_select(params->list, params->device, log, entries, DEVICES_MAX);
	for (size_t i = 0; i < params->list->n_entries && n < DEVICES_MAX; i++) {
		const struct device_entry *entry = &params->list->entries[i];

		if (entry->usable && strcmp(entry->selector, "reference") != 0)
			entries[n++] = entry;
	}
	return n;
}

/* ---- measuring ---- */

static int report(void *data, const char *doing, uint64_t done, uint64_t total)
{
	(void)data, (void)done, (void)total;
	terminal_status(doing);
	return *interrupt_flag();
}

/* Keeps the first error, which is the cause, and passes everything on. */
struct kept_error {
	const struct log *log;
	struct result *result;
};

static void keep_error(void *data, enum log_level level, const char *text)
{
	const struct kept_error *kept = data;

	if (level == LOG_LEVEL_ERROR && !*kept->result->reason)
		(void)snprintf(kept->result->reason, sizeof(kept->result->reason), "%s", text);
	log_message(kept->log, level, "%s", text);
}

static void measure(const struct devices_calibrate_params *params, uint64_t types,
		    const char *cache_dir, const struct log *log, struct result *result)
{
	struct kept_error kept = {log, result};
	const struct log keeping = {keep_error, &kept, log->max_level};
	const struct progress progress = {report, (void *)result->entry};
	const struct calibrate_params calibrate_params = {
		.entry = result->entry,
		.n_threads = params->n_threads,
		.types = types,
		.cache_dir = cache_dir,
		.anew = params->anew,
		.progress = &progress,
		.log = &keeping,
	};

	result->error = calibrate(&calibrate_params, &result->calibration);
	terminal_status(NULL);
}

/* ---- showing ---- */

static void when_text(const struct calibration *calibration, char text[static 64])
{
	time_t when = (time_t)calibration->measured_s;
	struct tm tm;

	if (!calibration->is_kept)
		(void)snprintf(text, 64, calibration->is_rough ? "now, roughly" : "now");
	else if (!localtime_r(&when, &tm) || strftime(text, 64, "%Y-%m-%d %H:%M", &tm) == 0)
		(void)snprintf(text, 64, "before");
}

static void print_device(const struct result *result)
{
	const struct calibration *calibration = &result->calibration;
	const struct device_rates *rates = &calibration->rates;
	char when[64], values[64] = "in no time";

	when_text(calibration, when);
	if (rates->values_bytes_s > 0)
		(void)snprintf(values, sizeof(values), "%.2f GB/s", rates->values_bytes_s * 1e-9);
	(void)printf("%s%s%s: measured %s; a run %.1f us, an op %.2f us; link %.1f us, %.2f GB/s; "
		     "attention %.2f GMAC/s for one row, %.2f for many; values %s\n",
		     result->entry->selector, *calibration->kernel_family ? ", " : "",
		     calibration->kernel_family, when, rates->run_s * 1e6, rates->launch_s * 1e6,
		     rates->link_s * 1e6, rates->link_bytes_s * 1e-9,
		     rates->attention_one_macs_s * 1e-9, rates->attention_many_macs_s * 1e-9,
		     values);
}

static int print_types(const struct result *results, int n, uint64_t types)
{
	static const char *const titles[] = {"--device", "weights", ">GB/s, one row",
					     ">GMAC/s, many rows"};
	struct table table;
	int r;

	table_init(&table, titles, ARRAY_SIZE(titles));
	for (int i = 0; i < n; i++) {
		const struct calibration *calibration = &results[i].calibration;

		for (uint32_t t = 0; t < TENSOR_TYPE_IDS && results[i].error == 0; t++) {
			if (!(types & calibration->types & UINT64_C(1) << t))
				continue;
			table_add(&table, "%s", results[i].entry->selector);
			table_add(&table, "%s", tensor_type_info(t)->name);
			table_add(&table, "%.2f", calibration->rates.weights_bytes_s[t] * 1e-9);
			table_add(&table, "%.2f", calibration->rates.macs_s[t] * 1e-9);
		}
	}
	r = table_print(&table, stdout);
	table_finish(&table);
	return r;
}

static enum exit_code print(const struct result *results, int n, uint64_t types,
			    const struct log *log)
{
	int r = print_types(results, n, types);

	if (r < 0)
		return exit_code_of(STAGE_RUN, log_oom(log, "showing what was measured"));
	(void)putchar('\n');
	for (int i = 0; i < n; i++) {
		if (results[i].error == 0) {
			print_device(&results[i]);
			continue;
		}
		(void)printf("%s: failed, ", results[i].entry->selector);
		visible_print(results[i].reason, strlen(results[i].reason), false, stdout);
		(void)putchar('\n');
	}
	return EXIT_CODE_DONE;
}

static json_t *rates_json(const struct calibration *calibration)
{
	const struct device_rates *rates = &calibration->rates;
	json_t *types = json_object();

	for (uint32_t t = 0; t < TENSOR_TYPE_IDS; t++) {
		if (calibration->types & UINT64_C(1) << t)
			(void)json_object_set_new(types, tensor_type_info(t)->name,
						  json_pack("{s:f, s:f}", "weights_bytes_s",
							    rates->weights_bytes_s[t], "macs_s",
							    rates->macs_s[t]));
	}
	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o}", "run_s", rates->run_s,
			 "launch_s", rates->launch_s, "attention_one_macs_s",
			 rates->attention_one_macs_s, "attention_many_macs_s",
			 rates->attention_many_macs_s, "values_bytes_s", rates->values_bytes_s,
			 "link_s", rates->link_s, "link_bytes_s", rates->link_bytes_s, "types",
			 types);
}

static json_t *result_json(const struct result *result)
{
	const struct calibration *calibration = &result->calibration;
	const char *name = result->entry->name;

	if (result->error < 0)
		return json_pack("{s:s, s:o, s:o}", "selector", result->entry->selector, "name",
				 json_text(name, strlen(name)), "error",
				 json_text(result->reason, strlen(result->reason)));
	return json_pack("{s:s, s:o, s:s, s:I, s:b, s:b, s:o}", "selector", result->entry->selector,
			 "name", json_text(name, strlen(name)), "kernel_family",
			 calibration->kernel_family, "measured_s",
			 (json_int_t)calibration->measured_s, "is_kept", calibration->is_kept,
			 "is_rough", calibration->is_rough, "rates", rates_json(calibration));
}

static enum exit_code print_json(const struct result *results, int n, const struct log *log)
{
	json_t *array = json_array();

	for (int i = 0; i < n; i++)
		(void)json_array_append_new(array, result_json(&results[i]));
	return output_json(array, log);
}

/* ---- */

static enum exit_code show(const struct devices_calibrate_params *params, uint64_t types,
			   const struct result *results, int n, const struct log *log)
{
	enum exit_code code = params->json ? print_json(results, n, log)
					   : print(results, n, types, log);

	for (int i = 0; i < n; i++) {
		if (results[i].error == 0)
			return code;
	}
	return code == EXIT_CODE_DONE ? EXIT_CODE_DEVICE : code;
}

static enum exit_code measure_all(const struct devices_calibrate_params *params, uint64_t types,
				  const char *cache_dir, const struct log *log)
{
	const struct device_entry *entries[DEVICES_MAX];
	_cleanup_free_ struct result *results = calloc(DEVICES_MAX, sizeof(*results));
	int n = choose_entries(params, log, entries);

	if (n < 0)
		return exit_code_of(STAGE_MODEL, n);
	if (!results)
		return exit_code_of(STAGE_RUN, log_oom(log, "measuring devices"));
	interrupt_catch();
	for (int i = 0; i < n; i++) {
		results[i].entry = entries[i];
		measure(params, types, cache_dir, log, &results[i]);
		if (results[i].error == -ECANCELED || interrupt_take())
			return EXIT_CODE_INTERRUPTED;
	}
	return show(params, types, results, n, log);
}

enum exit_code devices_calibrate(const struct devices_calibrate_params *params,
				 const struct log *log)
{
	_cleanup_free_ char *cache_dir = NULL;
	uint64_t types;
	int r = read_types(params->types ? params->types : default_types, log, &types);

	if (r < 0)
		return EXIT_CODE_USAGE;
	r = params->use_cache ? path_cache_dir(&cache_dir) : 0;
	if (r == -ENOMEM)
		return exit_code_of(STAGE_RUN, log_oom(log, "looking for the cache folder"));
	return measure_all(params, types, cache_dir, log);
}

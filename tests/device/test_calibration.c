// SPDX-License-Identifier: MIT
/*
 * Calibration of real devices: its figures can be, are kept, and the kernels it chose are those that a
 * device then uses. What the figures should be is known for a made-up device: tests/unit.
 */
#include <math.h>
#include <stdio.h>

#include "calibrate.h"
#include "chosen_device.h"
#include "clock.h"

enum { TYPE = TENSOR_Q8_0 };

static struct calibrate_params params_of(const struct device_entry *entry)
{
	return (struct calibrate_params){
		.entry = entry,
		.n_threads = TEST_THREADS,
		.types = UINT64_C(1) << TYPE,
		.cache_dir = getenv("SLM_CACHE_DIR"),
		.log = &chosen.kept.log,
	};
}

static void assert_rate(double rate)
{
	assert_true(isfinite(rate) && rate > 0);
}

static void assert_figures(const struct calibration *calibration)
{
	const struct device_rates *rates = &calibration->rates;

	assert_true(calibration->types & UINT64_C(1) << TYPE);
	assert_rate(rates->weights_bytes_s[TYPE]);
	assert_rate(rates->macs_s[TYPE]);
	assert_rate(rates->attention_one_macs_s);
	assert_rate(rates->attention_many_macs_s);
	assert_rate(rates->link_bytes_s);
}

static bool is_named(const char *const *families, const char *name)
{
	for (size_t i = 0; families && families[i]; i++) {
		if (strcmp(families[i], name) == 0)
			return true;
	}
	return !families && strcmp(name, "") == 0;
}

static int count_report(void *data, const char *doing, uint64_t done, uint64_t total)
{
	(void)doing, (void)done, (void)total;
	++*(int *)data;
	return 0;
}

static void figures_are_measured_and_kept(void **state)
{
	int n_reports = 0;
	const struct progress progress = {count_report, &n_reports};

	(void)state;
	if (getenv("SLM_OPENCL_FAMILY"))
		skip();
	for (int i = 0; i < chosen.n; i++) {
		struct calibrate_params params = params_of(chosen.entries[i]);
		struct calibration first, second;

		params.anew = true;
		params.progress = &progress;
		if (calibrate(&params, &first) < 0)
			fail_msg("%s", chosen.kept.text);
		assert_false(first.is_kept);
		assert_figures(&first);
		assert_true(is_named(params.entry->kernel_families, first.kernel_family));
		if (first.is_rough)
			skip();
		assert_true(n_reports > 0);
		n_reports = 0;
		params.anew = false;
		assert_int_equal(calibrate(&params, &second), 0);
		assert_int_equal(n_reports, 0);
		assert_true(second.is_kept);
		assert_string_equal(second.kernel_family, first.kernel_family);
		assert_true(fabs(second.rates.macs_s[TYPE] / first.rates.macs_s[TYPE] - 1) < 1e-9);
	}
}

static void reading_them_takes_no_time(void **state)
{
	struct calibrate_params params = params_of(chosen.entries[0]);
	struct calibration calibration;
	uint64_t best_ns = UINT64_MAX;

	(void)state;
	if (calibrate_read(&params, &calibration) < 0)
		skip();
	/* The best of many: the test may share its core. */
	for (int i = 0; i < 100; i++) {
		uint64_t begin = clock_now_ns(), end;

		assert_int_equal(calibrate_read(&params, &calibration), 0);
		end = clock_now_ns();
		best_ns = end - begin < best_ns ? end - begin : best_ns;
	}
	print_message("read in %llu us\n", (unsigned long long)best_ns / 1000);
	assert_true(best_ns < 1000000);
}

static bool opens_as(const struct device_entry *entry, const char *family, const char *wanted)
{
	struct device_params params = {
		.ops = entry->ops,
		.driver_data = entry->driver_data,
		.kernel_family = family,
		.log = &chosen.kept.log,
	};
	struct device *device = NULL;
	bool is_so;

	if (device_open(&params, &device) < 0)
		return false;
	is_so = strstr(device->name, wanted);
	device_close(device);
	return is_so;
}

static void a_device_takes_the_kernels_it_is_told(void **state)
{
	(void)state;
	for (int i = 0; i < chosen.n; i++) {
		const char *const *families = chosen.entries[i]->kernel_families;

		for (size_t f = 0; families && families[f]; f++)
			assert_true(opens_as(chosen.entries[i], families[f], families[f]));
	}
}

/* Neither the rule nor calibration has a say. */
static void the_environment_has_the_last_word(void **state)
{
	const char *family = getenv("SLM_OPENCL_FAMILY");

	(void)state;
	if (!family)
		skip();
	for (int i = 0; i < chosen.n; i++) {
		assert_null(chosen.entries[i]->kernel_families);
		assert_true(opens_as(chosen.entries[i], "vector", family));
		assert_true(opens_as(chosen.entries[i], "lane", family));
		assert_true(opens_as(chosen.entries[i], NULL, family));
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_environment_has_the_last_word),
		cmocka_unit_test(a_device_takes_the_kernels_it_is_told),
		cmocka_unit_test(figures_are_measured_and_kept),
		cmocka_unit_test(reading_them_takes_no_time),
	};

	return chosen_run(argc, argv, tests);
}

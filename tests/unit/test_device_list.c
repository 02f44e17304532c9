// SPDX-License-Identifier: MIT
/* Hardware that two drivers offer: it is used once, by whichever is named or comes first. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "check.h"
#include "device_list.h"

static struct device_entry entries[6];
static struct device_list list = {.entries = entries, .capacity = ARRAY_SIZE(entries)};

static void add(const char *selector, const char *platform, enum device_type type, int bus)
{
	struct device_entry *entry = &entries[list.n_entries++];

	*entry = (struct device_entry){.type = type, .usable = true};
	(void)snprintf(entry->selector, sizeof(entry->selector), "%s", selector);
	(void)snprintf(entry->platform, sizeof(entry->platform), "%s", platform);
	(void)snprintf(entry->name, sizeof(entry->name), "Card %d", bus);
	(void)snprintf(entry->reason, sizeof(entry->reason), "has all that is needed");
	entry->has_pci = bus > 0;
	entry->pci.bus = (uint8_t)bus;
}

static int set_up(void **state)
{
	(void)state;
	list.n_entries = 0;
	add("cpu", "", DEVICE_CPU, 0);
	add("reference", "", DEVICE_CPU, 0);
	add("opencl:0.0", "Vendor", DEVICE_GPU, 3);
	add("opencl:0.1", "Vendor", DEVICE_GPU, 4);
	add("opencl:1.0", "rusticl", DEVICE_GPU, 3);
	add("opencl:1.1", "rusticl", DEVICE_GPU, 5);
	return 0;
}

static void expect_words(const char *words, const char *wanted)
{
	const struct device_entry *chosen[8];
	char text[128] = "";
	int n = device_list_select(&list, words, NULL, chosen, ARRAY_SIZE(chosen));

	for (int i = 0; i < n; i++) {
		(void)strcat(text, chosen[i]->selector);
		(void)strcat(text, " ");
	}
	assert_string_equal(n < 0 ? "none" : text, wanted);
}

static void two_drivers_of_one_device_are_seen(void **state)
{
	(void)state;
	device_list_find_twins(&list);
	assert_int_equal(entries[4].twin, 2);
	assert_true(entries[4].usable);
	assert_string_equal(entries[4].reason, "the same device as opencl:0.0; used only by name");
	assert_int_equal(entries[2].twin, 0);
	assert_int_equal(entries[3].twin, 0);
	assert_int_equal(entries[5].twin, 0);
	assert_ptr_equal(device_list_default(&list), &entries[2]);
}

static void one_device_is_never_used_twice(void **state)
{
	(void)state;
	device_list_find_twins(&list);
	expect_words("opencl", "opencl:0.0 opencl:0.1 opencl:1.1 ");
	expect_words("opencl:1", "opencl:1.0 opencl:1.1 ");
	expect_words("opencl:1.0", "opencl:1.0 ");
	expect_words("rusticl,opencl:0.1", "opencl:1.0 opencl:1.1 opencl:0.1 ");
	expect_words("Card 3", "opencl:0.0 ");
	expect_words("opencl:0.0,opencl:1.0", "none");
	expect_words("opencl:1.0,opencl:0", "opencl:1.0 opencl:0.1 ");
}

static void the_other_driver_takes_over_where_the_first_cannot(void **state)
{
	(void)state;
	device_list_find_twins(&list);
	assert_true(device_list_set_aside(&list, &entries[2], "gone"));
	expect_words("opencl", "opencl:0.1 opencl:1.0 opencl:1.1 ");
	assert_true(device_list_set_aside(&list, &entries[3], "gone"));
	assert_ptr_equal(device_list_default(&list), &entries[4]);
}

static void an_unusable_driver_has_no_twin(void **state)
{
	(void)state;
	entries[2].usable = false;
	device_list_find_twins(&list);
	assert_int_equal(entries[4].twin, 0);
	assert_string_equal(entries[4].reason, "has all that is needed");
}

static void platforms_are_told_apart_though_their_names_are_not(void **state)
{
	(void)state;
	for (size_t i = 2; i < list.n_entries; i++)
		(void)strcpy(entries[i].platform, "Vendor");
	device_list_find_twins(&list);
	assert_int_equal(entries[4].twin, 2);
}

/* A card that its driver offers in parts. */
static void parts_of_one_platform_are_no_twins(void **state)
{
	(void)state;
	entries[3].pci.bus = 3;
	device_list_find_twins(&list);
	assert_int_equal(entries[3].twin, 0);
	assert_int_equal(entries[4].twin, 2);
}

/* PoCL beside our own kernels. */
static void this_processor_named_twice_is_said_so(void **state)
{
	const struct device_entry *chosen[8];
	struct kept_log kept;

	(void)state;
	list.n_entries = 3;
	entries[0].is_host_cpu = true;
	entries[2].is_host_cpu = true;
	kept_log_init(&kept);
	assert_int_equal(device_list_select(&list, "cpu,opencl", &kept.log, chosen, 8), -ENODEV);
	assert_int_equal(kept.n, 1);
	assert_non_null(strstr(kept.text, "named already"));
	expect_words("opencl", "opencl:0.0 ");
	expect_words("cpu,opencl:0.0", "cpu opencl:0.0 ");
}

#define WITH_LIST(test) cmocka_unit_test_setup(test, set_up)

static void hardware_is_weighed_once(void **state)
{
	const struct device_entry *found[8];

	(void)state;
	device_list_find_twins(&list);
	assert_int_equal(device_list_candidates(&list, found, ARRAY_SIZE(found)), 4);
	assert_ptr_equal(found[0], &entries[2]);
	assert_ptr_equal(found[1], &entries[3]);
	assert_ptr_equal(found[2], &entries[5]);
	assert_ptr_equal(found[3], &entries[0]);
	assert_ptr_equal(device_list_default(&list), &entries[2]);
	/* The other driver's view takes over. */
	assert_true(device_list_set_aside(&list, &entries[2], "it failed"));
	assert_int_equal(device_list_candidates(&list, found, ARRAY_SIZE(found)), 4);
	assert_ptr_equal(found[1], &entries[4]);
	device_list_take_back(&list, &entries[2]);
	assert_ptr_equal(device_list_default(&list), &entries[2]);
	entries[2].usable = false;
	entries[2].is_gone = true;
	device_list_take_back(&list, &entries[2]);
	assert_false(entries[2].usable);
	assert_false(device_list_set_aside(&list, &entries[0], "the processor stays"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_LIST(two_drivers_of_one_device_are_seen),
		WITH_LIST(hardware_is_weighed_once),
		WITH_LIST(one_device_is_never_used_twice),
		WITH_LIST(the_other_driver_takes_over_where_the_first_cannot),
		WITH_LIST(an_unusable_driver_has_no_twin),
		WITH_LIST(platforms_are_told_apart_though_their_names_are_not),
		WITH_LIST(parts_of_one_platform_are_no_twins),
		WITH_LIST(this_processor_named_twice_is_said_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

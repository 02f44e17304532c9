/* SPDX-License-Identifier: MIT */
/* The devices a conformance test was told to run on, by the words that --device knows. */
#ifndef SLM_TESTS_CHOSEN_DEVICE_H
#define SLM_TESTS_CHOSEN_DEVICE_H

#include <stdio.h>

#include "check.h"
#include "device_list.h"

enum { CHOSEN_MAX = 8, SKIPPED = 77, TEST_THREADS = 2 };

struct chosen {
	const char *selector;
	struct kept_log kept;
	struct device_list *list;
	const struct device_entry *entries[CHOSEN_MAX];
	int n;
};

static struct chosen chosen;

/* 0, or the exit code of a test that cannot run here. */
static inline int chosen_init(int argc, char **argv)
{
	if (argc != 2) {
		(void)fprintf(stderr, "usage: %s DEVICES\n", argv[0]);
		return 2;
	}
	chosen.selector = argv[1];
	kept_log_init(&chosen.kept);
	if (device_list_create(DEVICES_ALL, &chosen.kept.log, &chosen.list) < 0)
		return 1;
	chosen.n = device_list_select(chosen.list, chosen.selector, &chosen.kept.log,
				      chosen.entries, CHOSEN_MAX);
	if (chosen.n > 0)
		return 0;
	(void)printf("skipped: %s\n", chosen.kept.text);
	device_list_destroy(chosen.list);
	return SKIPPED;
}

/* Even shares for an engine on all of them, or NULL where SELECTOR means one device. */
static inline const char *chosen_split(const char *selector)
{
	static char shares[2 * CHOSEN_MAX];

	if (strcmp(selector, chosen.selector) != 0 || chosen.n == 1)
		return NULL;
	for (int i = 0; i < chosen.n; i++)
		memcpy(shares + 2 * i, i + 1 < chosen.n ? "1," : "1", 2);
	return shares;
}

static inline void chosen_finish(void)
{
	device_list_destroy(chosen.list);
}

/* What main() of a suite returns. */
#define chosen_run(argc, argv, tests)                                   \
	__extension__({                                                 \
		int _r = chosen_init(argc, argv);                       \
                                                                        \
		if (_r == 0) {                                          \
			_r = cmocka_run_group_tests(tests, NULL, NULL); \
			chosen_finish();                                \
		}                                                       \
		_r;                                                     \
	})

static inline struct device *chosen_open(int index)
{
	const struct device_entry *entry = chosen.entries[index];
	struct device_params params = {
		.ops = entry->ops,
		.driver_data = entry->driver_data,
		.n_threads = TEST_THREADS,
		.cache_dir = getenv("SLM_CACHE_DIR"),
		.log = &chosen.kept.log,
	};
	struct device *device = NULL;

	assert_int_equal(device_open(&params, &device), 0);
	return device;
}

#endif

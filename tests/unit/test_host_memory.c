// SPDX-License-Identifier: MIT
/* How much memory there is, read from a folder that stands for the machine. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "cleanup.h"
#include "host_memory.h"
#include "path.h"

#define MIB (UINT64_C(1) << 20)

static char root[64];

static void put(const char *name, const char *text)
{
	_cleanup_free_ char *path = path_format("%s/%s", root, name);
	char *end = strrchr(path, '/');
	FILE *file;

	*end = '\0';
	assert_int_equal(path_make_dirs(path), 0);
	*end = '/';
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* A machine of 4 GiB, of which 3 are available. */
static int set_up(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof(root), "/tmp/test_host_memory-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	put("proc/meminfo", "MemTotal:        4194304 kB\nMemFree:         1000 kB\n"
			    "MemAvailable:    3145728 kB\n");
	return 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void gives(uint64_t total_mib, uint64_t available_mib)
{
	struct host_memory memory;

	assert_int_equal(host_memory_read(root, &memory), 0);
	assert_int_equal(memory.total_bytes / MIB, total_mib);
	assert_int_equal(memory.available_bytes / MIB, available_mib);
}

static void without_cgroups_the_machine_counts(void **state)
{
	(void)state;
	gives(4096, 3072);
	put("proc/self/cgroup", "4:memory:/old\n1:name=systemd:/x\n");
	gives(4096, 3072);
	put("proc/self/cgroup", "0::/nowhere/to/be/seen\n");
	gives(4096, 3072);
}

static void a_container_has_its_limit(void **state)
{
	(void)state;
	put("proc/self/cgroup", "0::/\n");
	put("sys/fs/cgroup/memory.max", "536870912\n");
	gives(512, 512);
	put("sys/fs/cgroup/memory.current", "268435456\n");
	gives(512, 256);
	put("sys/fs/cgroup/memory.stat", "anon 1\nworkingset_inactive_file 9\n"
					 "inactive_file 104857600\nactive_file 7\n");
	gives(512, 356);
	put("sys/fs/cgroup/memory.current", "999999999999\n");
	gives(512, 0);
	put("sys/fs/cgroup/memory.max", "max\n");
	gives(4096, 3072);
}

static void the_narrowest_of_a_chain_counts(void **state)
{
	(void)state;
	put("proc/self/cgroup", "3:cpu:/\n0::/system.slice/slm.service\n");
	put("sys/fs/cgroup/system.slice/slm.service/memory.max", "max\n");
	put("sys/fs/cgroup/system.slice/slm.service/memory.high", "1073741824\n");
	put("sys/fs/cgroup/system.slice/slm.service/memory.current", "104857600\n");
	gives(1024, 924);
	put("sys/fs/cgroup/system.slice/memory.max", "2147483648\n");
	put("sys/fs/cgroup/system.slice/memory.current", "1610612736\n");
	gives(1024, 512);
	put("sys/fs/cgroup/memory.max", "104857600\n");
	gives(100, 100);
}

static void limits_above_the_machine_change_nothing(void **state)
{
	(void)state;
	put("proc/self/cgroup", "0::/a\n");
	put("sys/fs/cgroup/a/memory.max", "1099511627776\n");
	gives(4096, 3072);
}

static void outside_of_the_namespace_its_root_counts(void **state)
{
	(void)state;
	put("proc/self/cgroup", "0::/../other\n");
	put("other/memory.max", "1048576\n");
	put("sys/fs/other/memory.max", "1048576\n");
	put("sys/fs/cgroup/memory.max", "1073741824\n");
	gives(1024, 1024);
}

static void a_machine_that_says_nothing_is_an_error(void **state)
{
	struct host_memory memory;

	(void)state;
	put("proc/meminfo", "MemTotal:        4194304 kB\n");
	assert_int_equal(host_memory_read(root, &memory), -EIO);
	assert_int_equal(host_memory_read("/nowhere", &memory), -EIO);
	assert_int_equal(host_memory_read("", &memory), 0);
	assert_true(memory.total_bytes > 0 && memory.available_bytes <= memory.total_bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_cgroups_the_machine_counts, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_container_has_its_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_narrowest_of_a_chain_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(limits_above_the_machine_change_nothing, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(outside_of_the_namespace_its_root_counts, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_machine_that_says_nothing_is_an_error, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

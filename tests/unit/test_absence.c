// SPDX-License-Identifier: MIT
/* The memory that there is no device to choose: what voids it, and what it makes of a damaged file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "absence.h"
#include "check.h"
#include "cleanup.h"
#include "fake_tree.h"
#include "path.h"

static struct fake_tree tree;
static char *cache;

static int set_up(void **state)
{
	(void)state;
	fake_tree_init(&tree);
	fake_text(&tree, "/proc/sys/kernel/random/boot_id", "a boot\n");
	fake_text(&tree, "/proc/self/cgroup", "0::/\n");
	fake_link(&tree, "/proc/self/ns/mnt", "mnt:[1]");
	fake_text(&tree, "/dev/null", "");
	fake_text(&tree, "/dev/dri/renderD128", "");
	fake_text(&tree, "/dev/bus/usb/001/002", "");
	fake_text(&tree, "/etc/ld.so.cache", "libraries");
	fake_text(&tree, "/etc/OpenCL/vendors/some.icd", "/opt/libsome.so\n");
	fake_text(&tree, "/opt/libsome.so", "code");
	fake_folder(&tree, "/sys/module/i915");
	fake_folder(&tree, "/sys/bus/pci/devices/0000:00:02.0");
	cache = path_format("%s/cache/slm", tree.root);
	return cache ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	free(TAKE(cache));
	fake_tree_finish(&tree);
	return 0;
}

static void remember(void)
{
	struct absence absence;

	assert_int_equal(absence_init(&absence, tree.root, cache), 0);
	absence_remember(&absence);
	absence_finish(&absence);
}

/* LATER_S from now. */
static bool known_later(int64_t later_s)
{
	struct absence absence;
	bool known;

	assert_int_equal(absence_init(&absence, tree.root, cache), 0);
	absence.now_s = (uint64_t)((int64_t)absence.now_s + later_s);
	known = absence_is_known(&absence);
	absence_finish(&absence);
	return known;
}

static bool known(void)
{
	return known_later(0);
}

static void change_mode(const char *path, mode_t mode)
{
	_cleanup_free_ char *whole = path_format("%s%s", tree.root, path);

	assert_int_equal(chmod(whole, mode), 0);
}

static void remove_file(const char *path)
{
	_cleanup_free_ char *whole = path_format("%s%s", tree.root, path);

	assert_int_equal(remove(whole), 0);
}

static void is_kept_until_it_is_old(void **state)
{
	(void)state;
	assert_false(known());
	remember();
	assert_true(known());
	assert_true(known_later(ABSENCE_SECONDS - 5));
	assert_false(known_later(ABSENCE_SECONDS + 5));
	/* a file of the time to come is no file of ours */
	assert_false(known_later(-5));
}

static void add_node(void)
{
	fake_text(&tree, "/dev/accel/accel0", "");
}

static void give_node(void)
{
	change_mode("/dev/dri/renderD128", 0666);
}

static void replace_node(void)
{
	/* a clock of 4 ms must move on, and the number of the file may be given again */
	(void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	remove_file("/dev/dri/renderD128");
	fake_text(&tree, "/dev/dri/renderD128", "");
}

static void plug_usb(void)
{
	fake_text(&tree, "/dev/bus/usb/001/003", "");
}

static void unplug(void)
{
	remove_file("/dev/bus/usb/001/002");
}

static void add_pci(void)
{
	fake_folder(&tree, "/sys/bus/pci/devices/0000:01:00.0");
}

static void load_module(void)
{
	fake_folder(&tree, "/sys/module/nvidia");
}

static void add_icd(void)
{
	fake_text(&tree, "/etc/OpenCL/vendors/new.icd", "libnew.so\n");
}

static void change_icd(void)
{
	fake_text(&tree, "/etc/OpenCL/vendors/some.icd", "libanother.so\n");
}

static void change_library(void)
{
	fake_text(&tree, "/opt/libsome.so", "other code");
}

static void change_linker(void)
{
	fake_text(&tree, "/etc/ld.so.cache", "more libraries");
}

static void boot(void)
{
	fake_text(&tree, "/proc/sys/kernel/random/boot_id", "another\n");
}

static void go_elsewhere(void)
{
	fake_link(&tree, "/proc/self/ns/mnt", "mnt:[2]");
}

static void move_group(void)
{
	fake_text(&tree, "/proc/self/cgroup", "0::/system.slice\n");
}

static void set_variable(void)
{
	assert_int_equal(setenv("RUSTICL_ENABLE", "llvmpipe", 1), 0);
}

static void what_could_change_the_answer_voids_it(void **state)
{
	static void (*const changes[])(void) = {
		add_node,      give_node,   replace_node, plug_usb,	  unplug,
		add_pci,       load_module, add_icd,	  change_library, change_icd,
		change_linker, boot,	    go_elsewhere, move_group,	  set_variable,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		remember();
		assert_true(known());
		changes[i]();
		if (known())
			fail_msg("change %zu goes unseen", i);
	}
	/* what was known of the environment before is known of it again */
	assert_int_equal(unsetenv("RUSTICL_ENABLE"), 0);
	assert_true(known());
}

static void a_limit_voids_it(void **state)
{
	struct rlimit before, now;

	(void)state;
	remember();
	assert_int_equal(getrlimit(RLIMIT_CORE, &before), 0);
	now = before;
	now.rlim_cur = before.rlim_cur == 0 ? 1 : 0;
	now.rlim_max = before.rlim_max;
	if (setrlimit(RLIMIT_CORE, &now) < 0)
		skip();
	assert_false(known());
	assert_int_equal(setrlimit(RLIMIT_CORE, &before), 0);
	assert_true(known());
}

/* Where it hung on everything it would never be of use. */
static void what_changes_all_the_time_does_not(void **state)
{
	(void)state;
	fake_text(&tree, "/dev/tty1", "");
	fake_text(&tree, "/dev/pts/0", "");
	remember();
	change_mode("/dev/tty1", 0600);
	change_mode("/dev/pts/0", 0600);
	fake_text(&tree, "/dev/shm/a-file", "");
	fake_link(&tree, "/dev/disk/by-id", "../sda");
	assert_int_equal(setenv("OLDPWD", "/somewhere", 1), 0);
	assert_int_equal(setenv("_", "/bin/slm", 1), 0);
	assert_true(known());
}

static int begin(void)
{
	struct absence absence = {0};
	int r = absence_init(&absence, tree.root, cache);

	absence_finish(&absence);
	return r;
}

static void devices_of_other_machines_are_always_asked_for(void **state)
{
	(void)state;
	assert_int_equal(setenv("POCL_DEVICES", "cpu,remote", 1), 0);
	assert_int_equal(begin(), -ENOENT);
	assert_int_equal(setenv("POCL_DEVICES", "cpu", 1), 0);
	assert_int_equal(setenv("POCL_DISCOVERY", "1", 1), 0);
	assert_int_equal(begin(), -ENOENT);
	assert_int_equal(unsetenv("POCL_DISCOVERY"), 0);
	assert_int_equal(begin(), 0);
	assert_int_equal(unsetenv("POCL_DEVICES"), 0);
}

static void a_machine_that_does_not_say_its_boot_is_always_asked(void **state)
{
	(void)state;
	remove_file("/proc/sys/kernel/random/boot_id");
	assert_int_equal(begin(), -ENOENT);
}

static void cut_file(off_t size)
{
	_cleanup_free_ char *path = path_format("%s/no-devices", cache);

	assert_int_equal(truncate(path, size), 0);
}

static void a_file_that_is_not_whole_says_nothing(void **state)
{
	_cleanup_free_ char *path = path_format("%s/no-devices", cache);
	struct stat status;

	(void)state;
	remember();
	assert_int_equal(stat(path, &status), 0);
	for (off_t size = status.st_size - 1; size >= 0; size--) {
		cut_file(size);
		assert_false(known());
		/* with zeros behind; those of the number's end were there before */
		cut_file(status.st_size);
		assert_true(!known() || size > status.st_size - 8);
	}
	remember();
	assert_true(known());
	cut_file(1 << 20);
	assert_false(known());
	remember();
	assert_true(known());
}

/* A user with several environments, or machines that share a folder. */
static void others_keep_theirs(void **state)
{
	char text[16];

	(void)state;
	for (int i = 0; i < 2 * ABSENCE_KEYS_MAX; i++) {
		(void)snprintf(text, sizeof(text), "boot %d\n", i);
		fake_text(&tree, "/proc/sys/kernel/random/boot_id", text);
		remember();
		assert_true(known());
	}
	fake_text(&tree, "/proc/sys/kernel/random/boot_id", "boot 31\n");
	assert_true(known());
	fake_text(&tree, "/proc/sys/kernel/random/boot_id", "boot 16\n");
	assert_true(known());
	fake_text(&tree, "/proc/sys/kernel/random/boot_id", "boot 15\n");
	assert_false(known());
}

static void is_forgotten(void **state)
{
	(void)state;
	absence_forget(NULL);
	absence_forget(cache);
	remember();
	absence_forget(cache);
	assert_false(known());
}

static void a_folder_that_takes_no_file_is_no_failure(void **state)
{
	(void)state;
	fake_text(&tree, "/cache", "no folder");
	remember();
	assert_false(known());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(is_kept_until_it_is_old),
		TEST(what_could_change_the_answer_voids_it),
		TEST(a_limit_voids_it),
		TEST(what_changes_all_the_time_does_not),
		TEST(devices_of_other_machines_are_always_asked_for),
		TEST(a_machine_that_does_not_say_its_boot_is_always_asked),
		TEST(a_file_that_is_not_whole_says_nothing),
		TEST(others_keep_theirs),
		TEST(is_forgotten),
		TEST(a_folder_that_takes_no_file_is_no_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

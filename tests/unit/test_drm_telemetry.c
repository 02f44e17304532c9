// SPDX-License-Identifier: MIT
/* What sysfs and fdinfo tell of a node's hardware, in folders that stand for /. */
#include <stdio.h>

#include "array.h"
#include "check.h"
#include "drm_telemetry.h"
#include "fake_tree.h"
#include "fdinfo.h"

#define NPU "/sys/devices/pci0000:00/0000:00:0b.0/"
#define GPU "/sys/devices/pci0000:00/0000:03:00.0/"
#define SOC "/sys/devices/platform/fb000000.gpu/"

static const struct fake_node npu = {
	"accel", "accel0",    "/dev/accel/accel0", "261:0",   "pci0000:00/0000:00:0b.0",
	"pci",	 "intel_vpu", "0x8086\n",	   "0x7d1d\n"};
static const struct fake_node gpu = {"drm",
				     "renderD128",
				     "/dev/dri/renderD128",
				     "226:128",
				     "pci0000:00/0000:03:00.0",
				     "pci",
				     "amdgpu",
				     "0x1002\n",
				     "0x744c\n"};
static const struct fake_node soc = {"drm",
				     "renderD129",
				     "/dev/dri/renderD129",
				     "226:129",
				     "platform/fb000000.gpu",
				     "platform",
				     "panthor",
				     NULL,
				     NULL};

struct scene {
	struct fake_tree tree;
	struct drm_node npu, gpu, soc;
	struct drm_telemetry telemetry;
	struct kept_log kept;
};

static int set_up(void **state)
{
	static struct scene scene;
	const char *root = scene.tree.root;

	fake_tree_init(&scene.tree);
	fake_node(&scene.tree, &npu);
	fake_node(&scene.tree, &gpu);
	fake_node(&scene.tree, &soc);
	assert_int_equal(drm_node_read(root, "accel0", NULL, &scene.npu), 0);
	assert_int_equal(drm_node_read(root, "renderD128", NULL, &scene.gpu), 0);
	assert_int_equal(drm_node_read(root, "renderD129", NULL, &scene.soc), 0);
	drm_telemetry_init(&scene.telemetry);
	kept_log_init(&scene.kept);
	*state = &scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	fake_tree_finish(&scene->tree);
	return 0;
}

static void read_sysfs(struct scene *scene, const struct drm_node *node)
{
	drm_telemetry_init(&scene->telemetry);
	drm_telemetry_read_sysfs(&scene->telemetry, node, &scene->kept.log);
}

static unsigned n_known(const struct drm_telemetry *telemetry)
{
	unsigned n = 0;

	for (size_t i = 0; i < n_drm_facts; i++)
		n += drm_fact_value(&drm_facts[i], telemetry) != FACT_UNKNOWN;
	return n;
}

static void nothing_is_known_of_silent_hardware(void **state)
{
	struct scene *scene = *state;

	read_sysfs(scene, &scene->npu);
	assert_int_equal(n_known(&scene->telemetry), 0);
	assert_string_equal(scene->telemetry.firmware, "");
	assert_int_equal(scene->kept.n, 0);
}

static void an_intel_npu(void **state)
{
	struct scene *scene = *state;

	fake_text(&scene->tree, NPU "npu_busy_time_us", "123456789\n");
	fake_text(&scene->tree, NPU "npu_memory_utilization", "2097152\n");
	fake_text(&scene->tree, NPU "npu_current_frequency_mhz", "0\n");
	fake_text(&scene->tree, NPU "npu_max_frequency_mhz", "1850\n");
	fake_text(&scene->tree, NPU "fw_version", "20250115*MTL_CLIENT\n");
	read_sysfs(scene, &scene->npu);
	assert_int_equal(n_known(&scene->telemetry), 4);
	assert_int_equal(scene->telemetry.busy_us, 123456789);
	assert_int_equal(scene->telemetry.memory_used_bytes, 2097152);
	assert_int_equal(scene->telemetry.clock_mhz, 0); /* asleep, which is known */
	assert_int_equal(scene->telemetry.clock_max_mhz, 1850);
	assert_true(scene->telemetry.power_mw == FACT_UNKNOWN);
	assert_string_equal(scene->telemetry.firmware, "20250115*MTL_CLIENT");
	assert_int_equal(scene->kept.n, 0);
}

static void a_graphics_card(void **state)
{
	struct scene *scene = *state;

	fake_text(&scene->tree, GPU "mem_info_vram_total", "25753026560\n");
	fake_text(&scene->tree, GPU "mem_info_vram_used", "1048576\n");
	fake_text(&scene->tree, GPU "gpu_busy_percent", "7\n");
	fake_text(&scene->tree, GPU "hwmon/hwmon3/freq1_input", "2482000000\n");
	fake_text(&scene->tree, GPU "hwmon/hwmon3/power1_average", "12500000\n");
	fake_text(&scene->tree, GPU "hwmon/hwmon3/temp1_input", "45000\n");
	fake_text(&scene->tree, GPU "npu_busy_time_us", "1\n"); /* another driver's */
	read_sysfs(scene, &scene->gpu);
	assert_int_equal(n_known(&scene->telemetry), 6);
	assert_int_equal(scene->telemetry.memory_total_bytes, 25753026560);
	assert_int_equal(scene->telemetry.busy_percent, 7);
	assert_int_equal(scene->telemetry.clock_mhz, 2482);
	assert_int_equal(scene->telemetry.power_mw, 12500);
	assert_int_equal(scene->telemetry.temperature_mc, 45000);
}

static void hardware_of_a_board(void **state)
{
	struct scene *scene = *state;

	fake_text(&scene->tree, SOC "devfreq/fb000000.gpu/cur_freq", "300000000\n");
	fake_text(&scene->tree, SOC "devfreq/fb000000.gpu/max_freq", "1000000000\n");
	read_sysfs(scene, &scene->soc);
	assert_int_equal(n_known(&scene->telemetry), 2);
	assert_int_equal(scene->telemetry.clock_mhz, 300);
	assert_int_equal(scene->telemetry.clock_max_mhz, 1000);
}

static void absurd_figures_are_unknown_and_named(void **state)
{
	static const char *const texts[] = {
		"-5\n", "999999999999999999999\n", "100001\n", "12 MHz\n", "\n", "nan\n"};
	struct scene *scene = *state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		kept_log_init(&scene->kept);
		fake_text(&scene->tree, NPU "npu_current_frequency_mhz", texts[i]);
		read_sysfs(scene, &scene->npu);
		assert_int_equal(n_known(&scene->telemetry), 0);
		assert_int_equal(scene->kept.n, 1);
		assert_non_null(strstr(scene->kept.text, "npu_current_frequency_mhz"));
	}
}

static void a_folder_where_a_file_should_be(void **state)
{
	struct scene *scene = *state;

	fake_folder(&scene->tree, NPU "npu_busy_time_us");
	fake_folder(&scene->tree, NPU "hwmon/hwmon0/power1_input");
	read_sysfs(scene, &scene->npu);
	assert_int_equal(n_known(&scene->telemetry), 0);
	assert_int_equal(scene->kept.n, 2);
}

/* ---- fdinfo ---- */

static void fdinfo_as_the_kernel_writes_it(void **state)
{
	static const char text[] = "pos:\t0\nflags:\t0100002\ndrm-driver:\ti915\n"
				   "drm-client-id:\t12\ndrm-pdev:\t0000:03:00.0\n"
				   "drm-total-system0:\t8192 KiB\ndrm-shared-system0:\t0\n"
				   "drm-resident-system0:\t4 MiB\ndrm-resident-stolen:\t512\n"
				   "drm-engine-render:\t1500 ns\ndrm-engine-capacity-video:\t2\n"
				   "drm-engine-video:\t500 ns\n";
	struct fdinfo info;

	(void)state;
	fdinfo_parse(text, sizeof(text) - 1, &info);
	assert_true(info.is_drm);
	assert_true(info.has_pci);
	assert_int_equal(info.pci.bus, 3);
	assert_int_equal(info.client_id, 12);
	assert_int_equal(info.memory_bytes, (4 << 20) + 512);
	assert_int_equal(info.busy_ns, 2000);
}

static void fdinfo_of_older_kernels(void **state)
{
	static const char text[] = "drm-driver: msm\ndrm-memory-vram: 3 KiB\n";
	struct fdinfo info;

	(void)state;
	fdinfo_parse(text, sizeof(text) - 1, &info);
	assert_int_equal(info.memory_bytes, 3072);
	assert_true(info.busy_ns == UINT64_MAX);
	assert_true(info.client_id == UINT64_MAX);
	fdinfo_parse("pos: 0\nflags: 02\n", 17, &info);
	assert_false(info.is_drm);
}

static void fdinfo_with_nonsense(void **state)
{
	static const char text[] =
		"drm-driver:\n:\n\n\0drm-total-a: -1\ndrm-resident-a: 5 parsecs\n"
		"drm-total-b: 9999999999999999999 GiB\ndrm-engine-x: many ns\n"
		"drm-pdev: here\ndrm-client-id: me";
	struct fdinfo info;

	(void)state;
	fdinfo_parse(text, sizeof(text) - 1, &info);
	assert_true(info.is_drm);
	assert_false(info.has_pci);
	assert_true(info.memory_bytes == UINT64_MAX);
	assert_true(info.busy_ns == UINT64_MAX);
	for (size_t n = 0; n < sizeof(text); n++)
		fdinfo_parse(text, n, &info);
}

static void our_own_use_of_a_node(void **state)
{
	struct scene *scene = *state;
	struct drm_telemetry *telemetry = &scene->telemetry;

#define FD   "/proc/self/fd/"
#define INFO "/proc/self/fdinfo/"
	fake_link(&scene->tree, FD "0", "/dev/null");
	fake_text(&scene->tree, INFO "0", "pos: 0\n");
	fake_link(&scene->tree, FD "7", "/dev/dri/renderD129");
	fake_text(&scene->tree, INFO "7",
		  "drm-driver: panthor\ndrm-client-id: 1\ndrm-resident-memory: 1 MiB\n"
		  "drm-engine-panthor: 7000000 ns\n");
	fake_link(&scene->tree, FD "8", "/dev/dri/renderD129"); /* the same client */
	fake_text(&scene->tree, INFO "8",
		  "drm-driver: panthor\ndrm-client-id: 1\ndrm-resident-memory: 1 MiB\n"
		  "drm-engine-panthor: 7000000 ns\n");
	fake_link(&scene->tree, FD "9", "/dev/dri/renderD129");
	fake_text(&scene->tree, INFO "9",
		  "drm-driver: panthor\ndrm-client-id: 2\ndrm-resident-memory: 2 MiB\n");
	fake_link(&scene->tree, FD "10", "/dev/dri/card1"); /* the same card, by its address */
	fake_text(&scene->tree, INFO "10",
		  "drm-driver: amdgpu\ndrm-pdev: 0000:03:00.0\ndrm-memory-vram: 4 KiB\n");
#undef FD
#undef INFO
	drm_telemetry_read_fdinfo(telemetry, scene->tree.root, &scene->soc);
	assert_int_equal(telemetry->own_memory_bytes, 3 << 20);
	assert_int_equal(telemetry->own_busy_us, 7000);
	assert_int_equal(n_known(telemetry), 2);
	drm_telemetry_init(telemetry);
	drm_telemetry_read_fdinfo(telemetry, scene->tree.root, &scene->gpu);
	assert_int_equal(telemetry->own_memory_bytes, 4096);
	drm_telemetry_init(telemetry);
	drm_telemetry_read_fdinfo(telemetry, scene->tree.root, &scene->npu);
	assert_int_equal(n_known(telemetry), 0);
}

/* Any bytes in any file: nothing crashes, and every figure is one that can be. */
static void random_bytes_in_every_file(void **state)
{
	static const char *const paths[] = {
		NPU "npu_busy_time_us",		 NPU "npu_memory_utilization",
		NPU "npu_max_frequency_mhz",	 NPU "fw_version",
		NPU "hwmon/hwmon0/power1_input", "/proc/self/fdinfo/3",
	};
	struct scene *scene = *state;
	uint32_t seed = 7;

	fake_link(&scene->tree, "/proc/self/fd/3", "/dev/accel/accel0");
	for (unsigned round = 0; round < 600; round++) {
		unsigned char bytes[300];
		size_t n = round % sizeof(bytes);

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525 + 1013904223;
			bytes[i] = seed >> 31
					   ? (unsigned char)(seed >> 16)
					   : (unsigned char)"0123456789 drm-:\n"[(seed >> 20) % 17];
		}
		fake_bytes(&scene->tree, paths[round % ARRAY_SIZE(paths)], bytes, n);
		read_sysfs(scene, &scene->npu);
		drm_telemetry_read_fdinfo(&scene->telemetry, scene->tree.root, &scene->npu);
		assert_true(scene->telemetry.clock_max_mhz == FACT_UNKNOWN ||
			    scene->telemetry.clock_max_mhz <= 100000);
		for (const char *c = scene->telemetry.firmware; *c; c++)
			assert_in_range(*c, ' ', '~');
	}
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCENE(nothing_is_known_of_silent_hardware),
		IN_SCENE(an_intel_npu),
		IN_SCENE(a_graphics_card),
		IN_SCENE(hardware_of_a_board),
		IN_SCENE(absurd_figures_are_unknown_and_named),
		IN_SCENE(a_folder_where_a_file_should_be),
		cmocka_unit_test(fdinfo_as_the_kernel_writes_it),
		cmocka_unit_test(fdinfo_of_older_kernels),
		cmocka_unit_test(fdinfo_with_nonsense),
		IN_SCENE(our_own_use_of_a_node),
		IN_SCENE(random_bytes_in_every_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

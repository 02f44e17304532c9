// SPDX-License-Identifier: MIT
/*
 * Nodes, uevents and answers of drivers as a process sees them at the real paths: umockdev stands for the
 * kernel, below libc. To be run through umockdev-wrapper; skipped (77) without.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <drm.h>
#include <libudev.h>
#include <umockdev.h>
/* GLib has them too. */
#undef MIN
#undef MAX

#include "accel/amdxdna.h"
#include "accel/ethosu.h"
#include "accel/habanalabs.h"
#include "accel/ivpu.h"
#include "accel/qaic.h"
#include "array.h"
#include "check.h"
#include "drm_telemetry.h"
#include "hotplug.h"

/* ---- a driver that answers ---- */

struct driver {
	const char *name; /* of DRM */
	bool refuses;	  /* every question */
	bool lies;	  /* figures that cannot be */
	unsigned n_asked;
	unsigned n_forbidden; /* what must never be asked */
};

static struct driver driver;

static UMockdevIoctlData *resolve(UMockdevIoctlData *data, size_t offset, size_t size)
{
	UMockdevIoctlData *found = umockdev_ioctl_data_resolve(data, offset, size, NULL);

	if (!found || found->data_len < (int)size)
		abort();
	return found;
}

/* Writes SIZE bytes to where the pointer at OFFSET of DATA points. */
static void answer_at(UMockdevIoctlData *data, size_t offset, const void *answer, size_t size)
{
	g_autoptr(UMockdevIoctlData) target = resolve(data, offset, size);

	umockdev_ioctl_data_update(target, 0, (guint8 *)answer, (int)size);
}

static bool answer_version(UMockdevIoctlData *arg)
{
	g_autoptr(UMockdevIoctlData) data = resolve(arg, 0, sizeof(struct drm_version));
	struct drm_version *version = (struct drm_version *)data->data;
	size_t n = strlen(driver.name);

	if (version->name_len >= n)
		answer_at(data, offsetof(struct drm_version, name), driver.name, n);
	version->version_major = 1;
	version->version_minor = 2;
	version->version_patchlevel = 3;
	version->name_len = n;
	version->date_len = version->desc_len = 0;
	return true;
}

static bool answer_ivpu(UMockdevIoctlData *arg)
{
	g_autoptr(UMockdevIoctlData) data = resolve(arg, 0, sizeof(struct slm_ivpu_param));
	struct slm_ivpu_param *param = (struct slm_ivpu_param *)data->data;

	if (param->key == SLM_IVPU_CORE_CLOCK_RATE)
		param->value = driver.lies ? UINT64_MAX : 1850000000;
	else if (param->key == SLM_IVPU_FW_API_VERSION)
		param->value = 3 << 16 | 22;
	else
		return false;
	return true;
}

static size_t amdxdna_sensors(struct slm_amdxdna_sensor sensors[3])
{
	memset(sensors, 0, 3 * sizeof(sensors[0]));
	sensors[0].type = SLM_AMDXDNA_SENSOR_POWER;
	sensors[0].input = 2500;
	(void)strcpy((char *)sensors[0].units, "mW");
	for (size_t i = 1; i < 3; i++) {
		sensors[i].type = SLM_AMDXDNA_SENSOR_UTILIZATION;
		sensors[i].input = (uint32_t)(i * 20);
	}
	if (driver.lies) {
		sensors[0].exponent = 127;
		sensors[1].input = sensors[2].input = UINT32_MAX;
	}
	return 3 * sizeof(sensors[0]);
}

static bool answer_amdxdna(UMockdevIoctlData *arg)
{
	g_autoptr(UMockdevIoctlData) data = resolve(arg, 0, sizeof(struct slm_amdxdna_info));
	struct slm_amdxdna_info *info = (struct slm_amdxdna_info *)data->data;
	struct slm_amdxdna_clocks clocks = {.array = {.frequency_mhz = 1800}};
	struct slm_amdxdna_resources resources = {.clock_max = 2000};
	struct slm_amdxdna_firmware firmware = {1, 1, 2, 65};
	struct slm_amdxdna_power_mode mode = {.mode = driver.lies ? 99 : SLM_AMDXDNA_POWER_HIGH};
	struct slm_amdxdna_sensor sensors[3];
	const void *answer = sensors;
	size_t size = amdxdna_sensors(sensors);

	if (driver.lies)
		clocks.array.frequency_mhz = UINT32_MAX;
	switch (info->what) {
	case SLM_AMDXDNA_CLOCKS:
		answer = &clocks, size = sizeof(clocks);
		break;
	case SLM_AMDXDNA_RESOURCES:
		answer = &resources, size = sizeof(resources);
		break;
	case SLM_AMDXDNA_FIRMWARE_VERSION:
		answer = &firmware, size = sizeof(firmware);
		break;
	case SLM_AMDXDNA_POWER_MODE:
		answer = &mode, size = sizeof(mode);
		break;
	case SLM_AMDXDNA_SENSORS:
		break;
	default:
		return false;
	}
	if (info->size_bytes < size)
		return false;
	answer_at(data, offsetof(struct slm_amdxdna_info, buffer), answer, size);
	info->size_bytes = driver.lies ? UINT32_MAX : (uint32_t)size;
	return true;
}

static bool answer_habanalabs(UMockdevIoctlData *arg)
{
	g_autoptr(UMockdevIoctlData) data = resolve(arg, 0, sizeof(struct slm_habanalabs_info));
	struct slm_habanalabs_info *info = (struct slm_habanalabs_info *)data->data;
	struct slm_habanalabs_hardware hardware = {.dram_bytes = UINT64_C(96) << 30,
						   .sram_bytes = 48 << 20};
	struct slm_habanalabs_dram dram = {UINT64_C(90) << 30, 0};
	struct slm_habanalabs_utilization utilization = {driver.lies ? 101 : 42, 0};
	struct slm_habanalabs_clock clock = {1000, 1650};

	memset(hardware.firmware, 'f', sizeof(hardware.firmware)); /* does not end */
	hardware.firmware[1] = '\n';
	switch (info->op) {
	case SLM_HABANALABS_HARDWARE:
		answer_at(data, 0, &hardware, sizeof(hardware));
		break;
	case SLM_HABANALABS_DRAM:
		answer_at(data, 0, &dram, sizeof(dram));
		break;
	case SLM_HABANALABS_UTILIZATION:
		answer_at(data, 0, &utilization, sizeof(utilization));
		break;
	case SLM_HABANALABS_CLOCK:
		answer_at(data, 0, &clock, sizeof(clock));
		break;
	default:
		return false;
	}
	return true;
}

static bool answer_ethosu(UMockdevIoctlData *arg)
{
	g_autoptr(UMockdevIoctlData) data = resolve(arg, 0, sizeof(struct slm_ethosu_query));
	struct slm_ethosu_query *query = (struct slm_ethosu_query *)data->data;
	struct slm_ethosu_npu npu = {.id = 0x10060000, .sram_bytes = 384 << 10};

	answer_at(data, offsetof(struct slm_ethosu_query, answer), &npu, sizeof(npu));
	if (driver.lies)
		query->size_bytes = 4;
	return true;
}

static bool answer_qaic(UMockdevIoctlData *arg)
{
	g_autoptr(UMockdevIoctlData) data = resolve(arg, 0, sizeof(struct slm_qaic_message));
	const struct slm_qaic_status status = {
		.head = {SLM_QAIC_STATUS_ANSWER, sizeof(status)}, .major = 1, .minor = 5};

	answer_at(data, offsetof(struct slm_qaic_message, transactions), &status, sizeof(status));
	return true;
}

static const struct {
	const char *driver;
	bool (*answer)(UMockdevIoctlData *arg);
	unsigned long request;
} answers[] = {
	{SLM_IVPU_DRIVER, answer_ivpu, SLM_IVPU_PARAM_IOCTL},
	{SLM_AMDXDNA_DRIVER, answer_amdxdna, SLM_AMDXDNA_INFO_IOCTL},
	{SLM_HABANALABS_DRIVER, answer_habanalabs, SLM_HABANALABS_INFO_IOCTL},
	{SLM_ETHOSU_DRIVER, answer_ethosu, SLM_ETHOSU_QUERY_IOCTL},
	{SLM_QAIC_DRIVER, answer_qaic, SLM_QAIC_MANAGE_IOCTL},
};

static bool answer(unsigned long request, UMockdevIoctlData *arg)
{
	if (request == DRM_IOCTL_VERSION)
		return answer_version(arg);
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		if (strcmp(driver.name, answers[i].driver) == 0 && request == answers[i].request)
			return answers[i].answer(arg);
	}
	driver.n_forbidden++;
	return false;
}

static gboolean handle(UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer data)
{
	unsigned long request = umockdev_ioctl_client_get_request(client);
	bool is_answered;

	(void)base, (void)data;
	/* what terminals are asked, which the node is under the mask */
	if (_IOC_TYPE(request) != 'd')
		return FALSE;
	driver.n_asked++;
	is_answered = !driver.refuses && answer(request, umockdev_ioctl_client_get_arg(client));
	umockdev_ioctl_client_complete(client, is_answered ? 0 : -1, is_answered ? 0 : EINVAL);
	return TRUE;
}

/* ---- a machine ---- */

struct machine {
	UMockdevTestbed *testbed;
	UMockdevIoctlBase *base;
	char *root;
};

static int set_up(void **state)
{
	static struct machine machine;

	machine.testbed = umockdev_testbed_new();
	machine.base = umockdev_ioctl_base_new();
	machine.root = umockdev_testbed_get_root_dir(machine.testbed);
	g_signal_connect(machine.base, "handle-ioctl", G_CALLBACK(handle), NULL);
	*state = &machine;
	return 0;
}

static int tear_down(void **state)
{
	struct machine *machine = *state;

	g_object_unref(machine->base);
	g_object_unref(machine->testbed);
	g_free(machine->root);
	return 0;
}

/* An accel node and the PCI function below it, as DRIVER's. */
static void plug(struct machine *machine, const char *name)
{
	g_autofree char *text = g_strdup_printf(
		"P: /devices/pci0000:00/0000:00:0b.0\nE: SUBSYSTEM=pci\nE: DRIVER=%s\n"
		"A: vendor=0x8086\\n\nA: device=0x7d1d\\n\n"
		"L: driver=../../../bus/pci/drivers/%s\n\n"
		"P: /devices/pci0000:00/0000:00:0b.0/accel/accel0\nN: accel/accel0\n"
		"E: SUBSYSTEM=accel\nE: DEVNAME=/dev/accel/accel0\nE: MAJOR=261\nE: MINOR=0\n"
		"A: dev=261:0\\n\nL: device=../../../0000:00:0b.0\n\n",
		name, name);

	driver = (struct driver){.name = name};
	assert_true(umockdev_testbed_add_from_string(machine->testbed, text, NULL));
}

static struct drm_telemetry query(struct machine *machine)
{
	struct drm_telemetry telemetry;
	struct drm_node node;

	assert_true(umockdev_testbed_attach_ioctl(machine->testbed, "/dev/accel/accel0",
						  machine->base, NULL));
	drm_telemetry_init(&telemetry);
	assert_int_equal(drm_node_read("", "accel0", NULL, &node), 0);
	assert_string_equal(node.objection, "");
	assert_true(node.may_open);
	assert_string_equal(node.driver, driver.name);
	assert_true(node.has_pci);
	assert_int_equal(drm_telemetry_open_and_query(&telemetry, "", &node), 0);
	assert_true(umockdev_testbed_detach_ioctl(machine->testbed, "/dev/accel/accel0", NULL));
	assert_true(driver.n_asked > 0);
	assert_int_equal(driver.n_forbidden, 0);
	return telemetry;
}

static void intel(void **state)
{
	struct drm_telemetry telemetry;

	plug(*state, SLM_IVPU_DRIVER);
	telemetry = query(*state);
	assert_string_equal(telemetry.driver_version, "intel_vpu 1.2.3");
	assert_int_equal(telemetry.clock_max_mhz, 1850);
	assert_string_equal(telemetry.firmware, "API 3.22");
	assert_true(telemetry.power_mw == FACT_UNKNOWN);
	driver.lies = true;
	assert_true(query(*state).clock_max_mhz == FACT_UNKNOWN);
}

static void amd(void **state)
{
	struct drm_telemetry telemetry;

	plug(*state, SLM_AMDXDNA_DRIVER);
	telemetry = query(*state);
	assert_int_equal(telemetry.clock_mhz, 1800);
	assert_int_equal(telemetry.clock_max_mhz, 2000);
	assert_int_equal(telemetry.power_mw, 2500);
	assert_int_equal(telemetry.busy_percent, 30);
	assert_string_equal(telemetry.firmware, "1.1.2.65");
	assert_string_equal(telemetry.power_mode, "high");
	driver.lies = true;
	telemetry = query(*state);
	assert_true(telemetry.clock_mhz == FACT_UNKNOWN);
	assert_true(telemetry.power_mw == FACT_UNKNOWN);
	assert_true(telemetry.busy_percent == FACT_UNKNOWN);
	assert_string_equal(telemetry.power_mode, "");
}

static void habana(void **state)
{
	struct drm_telemetry telemetry;

	plug(*state, SLM_HABANALABS_DRIVER);
	telemetry = query(*state);
	assert_int_equal(telemetry.memory_total_bytes, UINT64_C(96) << 30);
	assert_int_equal(telemetry.memory_free_bytes, UINT64_C(90) << 30);
	assert_int_equal(telemetry.own_memory_bytes, 0); /* known to be nothing */
	assert_int_equal(telemetry.busy_percent, 42);
	assert_int_equal(telemetry.clock_max_mhz, 1650);
	assert_int_equal(strlen(telemetry.firmware), sizeof(telemetry.firmware) - 1);
	assert_int_equal(telemetry.firmware[1], '?');
	driver.lies = true;
	assert_true(query(*state).busy_percent == FACT_UNKNOWN);
}

static void arm(void **state)
{
	struct drm_telemetry telemetry;

	plug(*state, SLM_ETHOSU_DRIVER);
	telemetry = query(*state);
	assert_int_equal(telemetry.sram_bytes, 384 << 10);
	assert_string_equal(telemetry.firmware, "architecture 1.0.6");
	driver.lies = true;
	assert_true(query(*state).sram_bytes == FACT_UNKNOWN);
}

static void qualcomm(void **state)
{
	plug(*state, SLM_QAIC_DRIVER);
	assert_string_equal(query(*state).firmware, "protocol 1.5");
}

static void drivers_that_refuse(void **state)
{
	static const char *const names[] = {SLM_IVPU_DRIVER, SLM_AMDXDNA_DRIVER,
					    SLM_HABANALABS_DRIVER, SLM_ETHOSU_DRIVER,
					    SLM_QAIC_DRIVER};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct drm_telemetry telemetry;

		plug(*state, names[i]);
		driver.refuses = true;
		telemetry = query(*state);
		for (size_t f = 0; f < n_drm_facts; f++)
			assert_true(drm_fact_value(&drm_facts[f], &telemetry) == FACT_UNKNOWN);
		assert_string_equal(telemetry.driver_version, "");
		assert_string_equal(telemetry.firmware, "");
		/* another machine for the next: a node's name is taken once */
		(void)tear_down(state);
		(void)set_up(state);
	}
}

/* ---- what comes and goes ---- */

struct seen {
	struct hotplug_event events[8];
	unsigned n;
};

static void see(void *data, const struct hotplug_event *event)
{
	struct seen *seen = data;

	assert_true(seen->n < ARRAY_SIZE(seen->events));
	seen->events[seen->n++] = *event;
}

static void wait_for(struct hotplug *hotplug, struct seen *seen, unsigned n)
{
	struct pollfd fd = {.fd = hotplug_fd(hotplug), .events = POLLIN};

	while (seen->n < n) {
		assert_int_equal(poll(&fd, 1, 10000), 1);
		(void)hotplug_drain(hotplug, see, seen);
	}
	assert_int_equal(seen->n, n);
	seen->n = 0;
}

static void expect_event(const struct hotplug_event *event, enum hotplug_action action,
			 enum drm_node_kind kind, const char *name)
{
	assert_int_equal(event->action, action);
	assert_int_equal(event->kind, kind);
	assert_string_equal(event->name, name);
}

static void nodes_that_come_and_go_while_we_poll(void **state)
{
	static const char accel[] = "/sys/devices/pci0000:00/0000:00:0b.0/accel/accel0";
	struct machine *machine = *state;
	UMockdevTestbed *testbed = machine->testbed;
	struct seen seen = {.n = 0};
	struct hotplug *hotplug;
	struct drm_node node;

	assert_int_equal(hotplug_create(NULL, &hotplug), 0);
	assert_int_equal(hotplug_drain(hotplug, see, &seen), 0);
	plug(machine, SLM_IVPU_DRIVER);
	wait_for(hotplug, &seen, 1);
	expect_event(&seen.events[0], HOTPLUG_ADD, NODE_ACCEL, "accel0");
	assert_int_equal(drm_node_read("", seen.events[0].name, NULL, &node), 0);
	umockdev_testbed_uevent(testbed, accel, "change");
	wait_for(hotplug, &seen, 1);
	expect_event(&seen.events[0], HOTPLUG_CHANGE, NODE_ACCEL, "accel0");
	umockdev_testbed_uevent(testbed, accel, "remove");
	wait_for(hotplug, &seen, 1);
	expect_event(&seen.events[0], HOTPLUG_REMOVE, NODE_ACCEL, "accel0");
	/* newer ones send another event */
	umockdev_testbed_remove_device(testbed, accel);
	if (hotplug_drain(hotplug, see, &seen) > 0)
		expect_event(&seen.events[0], HOTPLUG_REMOVE, NODE_ACCEL, "accel0");
	assert_int_equal(drm_node_read("", "accel0", NULL, &node), -ENOENT);
	assert_int_equal(hotplug_drain(hotplug, see, &seen), 0);
	hotplug_destroy(hotplug);
	hotplug_destroy(NULL);
}

static void events_of_others_are_not_told(void **state)
{
	struct machine *machine = *state;
	UMockdevTestbed *testbed = machine->testbed;
	struct seen seen = {.n = 0};
	struct hotplug *hotplug;

	assert_int_equal(hotplug_create(NULL, &hotplug), 0);
	assert_true(umockdev_testbed_add_from_string(
		testbed,
		"P: /devices/virtual/block/loop7\nE: SUBSYSTEM=block\n\n"
		"P: /devices/pci0000:00/0000:00:02.0/drm/card0\nE: SUBSYSTEM=drm\n\n"
		"P: /devices/pci0000:00/0000:00:02.0/drm/renderD128\nE: SUBSYSTEM=drm\n\n",
		NULL));
	umockdev_testbed_uevent(testbed, "/sys/devices/pci0000:00/0000:00:02.0/drm/renderD128",
				"bind");
	umockdev_testbed_uevent(testbed, "/sys/devices/pci0000:00/0000:00:02.0/drm/renderD128",
				"change");
	wait_for(hotplug, &seen, 2);
	expect_event(&seen.events[0], HOTPLUG_ADD, NODE_RENDER, "renderD128");
	expect_event(&seen.events[1], HOTPLUG_CHANGE, NODE_RENDER, "renderD128");
	hotplug_destroy(hotplug);
}

/* ---- what the kernel does to slow readers and to sandboxes; by the linker, --wrap ---- */

static struct {
	int lost;    /* so many receptions find that events were dropped */
	bool closed; /* there is no netlink */
} kernel;

struct udev_device *__real_udev_monitor_receive_device(struct udev_monitor *monitor);
struct udev_device *__wrap_udev_monitor_receive_device(struct udev_monitor *monitor);
struct udev_monitor *__real_udev_monitor_new_from_netlink(struct udev *udev, const char *name);
struct udev_monitor *__wrap_udev_monitor_new_from_netlink(struct udev *udev, const char *name);

struct udev_device *__wrap_udev_monitor_receive_device(struct udev_monitor *monitor)
{
	if (kernel.lost == 0)
		return __real_udev_monitor_receive_device(monitor);
	kernel.lost--;
	errno = ENOBUFS;
	return NULL;
}

struct udev_monitor *__wrap_udev_monitor_new_from_netlink(struct udev *udev, const char *name)
{
	if (!kernel.closed)
		return __real_udev_monitor_new_from_netlink(udev, name);
	errno = EAFNOSUPPORT;
	return NULL;
}

static void lost_events_are_told(void **state)
{
	struct seen seen = {.n = 0};
	struct hotplug *hotplug;

	assert_int_equal(hotplug_create(NULL, &hotplug), 0);
	plug(*state, SLM_IVPU_DRIVER);
	kernel.lost = 1;
	while (seen.n < 2)
		(void)hotplug_drain(hotplug, see, &seen);
	assert_int_equal(seen.events[0].action, HOTPLUG_LOST);
	expect_event(&seen.events[1], HOTPLUG_ADD, NODE_ACCEL, "accel0");
	hotplug_destroy(hotplug);
}

static void without_netlink_one_sentence(void **state)
{
	struct hotplug *hotplug = NULL;
	struct kept_log kept;

	(void)state;
	kept_log_init(&kept);
	kernel.closed = true;
	assert_int_equal(hotplug_create(&kept.log, &hotplug), -ENOTSUP);
	kernel.closed = false;
	assert_null(hotplug);
	assert_int_equal(kept.n, 1);
	assert_non_null(strstr(kept.text, "not seen"));
}

static bool has_terminals(void)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);
	const char *name = fd < 0 || unlockpt(fd) < 0 ? NULL : ptsname(fd);
	bool is_there = name && access(name, R_OK | W_OK) == 0;

	if (fd >= 0)
		(void)close(fd);
	return is_there;
}

#define ON_MACHINE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_MACHINE(intel),
		ON_MACHINE(amd),
		ON_MACHINE(habana),
		ON_MACHINE(arm),
		ON_MACHINE(qualcomm),
		ON_MACHINE(drivers_that_refuse),
		ON_MACHINE(nodes_that_come_and_go_while_we_poll),
		ON_MACHINE(events_of_others_are_not_told),
		ON_MACHINE(lost_events_are_told),
		ON_MACHINE(without_netlink_one_sentence),
	};
	const char *preloaded = getenv("LD_PRELOAD");

	if (!preloaded || !strstr(preloaded, "umockdev")) {
		print_message("umockdev-wrapper is not around this program\n");
		return 77;
	}
	if (!has_terminals()) {
		print_message("umockdev makes nodes of pseudo terminals: /dev/pts is not there\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

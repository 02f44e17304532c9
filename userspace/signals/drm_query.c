// SPDX-License-Identifier: MIT
/*
 * Owns the questions to drivers through an open node: DRM's own, and those of uapi/accel. Refuses
 * DRM_IOCTL_GET_UNIQUE (libdrm's drmGetBusid), and anything that sets or submits.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <xf86drm.h>

#include "array.h"
#include "drm_telemetry.h"

#include "accel/amdxdna.h"
#include "accel/ethosu.h"
#include "accel/habanalabs.h"
#include "accel/ivpu.h"
#include "accel/qaic.h"

enum {
	SENSORS_MAX = 32,
	UTILIZATION_OVER_MS = 100,
};

#define MHZ_MAX	  UINT64_C(100000)
#define BYTES_MAX (UINT64_C(1) << 50)

static void set(uint64_t *fact, uint64_t value, uint64_t limit)
{
	if (value <= limit)
		*fact = value;
}

/* N bytes that need not end in NUL, into TEXT, without what a terminal should not see. */
static void set_text(char *text, size_t size, const void *from, size_t n)
{
	size_t length = MIN(strnlen(from, n), size - 1);

	memcpy(text, from, length);
	text[length] = '\0';
	for (size_t i = 0; i < length; i++) {
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	}
}

/* ---- Intel ---- */

static bool ivpu_param(int fd, uint32_t key, uint32_t index, uint64_t *ret_value)
{
	struct slm_ivpu_param param = {.key = key, .index = index};

	if (drmIoctl(fd, SLM_IVPU_PARAM_IOCTL, &param) < 0)
		return false;
	*ret_value = param.value;
	return true;
}

static void query_ivpu(struct drm_telemetry *telemetry, int fd)
{
	uint64_t value;

	if (telemetry->clock_max_mhz == FACT_UNKNOWN &&
	    ivpu_param(fd, SLM_IVPU_CORE_CLOCK_RATE, 0, &value))
		set(&telemetry->clock_max_mhz, value / 1000000, MHZ_MAX);
	if (!*telemetry->firmware && ivpu_param(fd, SLM_IVPU_FW_API_VERSION, 0, &value))
		(void)snprintf(telemetry->firmware, sizeof(telemetry->firmware),
			       "API %" PRIu64 ".%" PRIu64, value >> 16 & 0xffff, value & 0xffff);
}

/* ---- AMD ---- */

/* The size that the driver answered with; 0: it did not. */
static uint32_t amdxdna_info(int fd, uint32_t what, void *answer, size_t size_bytes)
{
	struct slm_amdxdna_info info = {
		.what = what,
		.size_bytes = (uint32_t)size_bytes,
		.buffer = (uint64_t)(uintptr_t)answer,
	};

	if (drmIoctl(fd, SLM_AMDXDNA_INFO_IOCTL, &info) < 0)
		return 0;
	return MIN(info.size_bytes, (uint32_t)size_bytes);
}

/* Only watts and milliwatts are understood. */
static uint64_t sensor_mw(const struct slm_amdxdna_sensor *sensor)
{
	char units[sizeof(sensor->units) + 1];
	double value = sensor->input;

	set_text(units, sizeof(units), sensor->units, sizeof(sensor->units));
	for (int i = sensor->exponent; i > 0 && value < 1e12; i--)
		value *= 10;
	for (int i = sensor->exponent; i < 0; i++)
		value /= 10;
	if (strcmp(units, "W") == 0)
		value *= 1000;
	else if (strcmp(units, "mW") != 0)
		return FACT_UNKNOWN;
	return value < 1e8 ? (uint64_t)(value + 0.5) : FACT_UNKNOWN;
}

static void query_amdxdna_sensors(struct drm_telemetry *telemetry, int fd)
{
	struct slm_amdxdna_sensor sensors[SENSORS_MAX] = {0};
	uint32_t size = amdxdna_info(fd, SLM_AMDXDNA_SENSORS, sensors, sizeof(sensors));
	uint64_t percents = 0, n_columns = 0;

	for (size_t i = 0; i < size / sizeof(sensors[0]); i++) {
		if (sensors[i].type == SLM_AMDXDNA_SENSOR_POWER && sensors[i].units[0] &&
		    telemetry->power_mw == FACT_UNKNOWN)
			telemetry->power_mw = sensor_mw(&sensors[i]);
		if (sensors[i].type == SLM_AMDXDNA_SENSOR_UTILIZATION && sensors[i].input <= 100) {
			percents += sensors[i].input;
			n_columns++;
		}
	}
	if (n_columns > 0)
		telemetry->busy_percent = percents / n_columns;
}

static void query_amdxdna_mode(struct drm_telemetry *telemetry, int fd)
{
	static const char *const modes[] = {"default", "low", "medium", "high", "turbo"};
	struct slm_amdxdna_power_mode mode = {0};

	if (amdxdna_info(fd, SLM_AMDXDNA_POWER_MODE, &mode, sizeof(mode)) &&
	    mode.mode < ARRAY_SIZE(modes))
		(void)snprintf(telemetry->power_mode, sizeof(telemetry->power_mode), "%s",
			       modes[mode.mode]);
}

static void query_amdxdna(struct drm_telemetry *telemetry, int fd)
{
	struct slm_amdxdna_clocks clocks = {0};
	struct slm_amdxdna_resources resources = {0};
	struct slm_amdxdna_firmware firmware = {0};

	if (amdxdna_info(fd, SLM_AMDXDNA_CLOCKS, &clocks, sizeof(clocks)) == sizeof(clocks))
		set(&telemetry->clock_mhz, clocks.array.frequency_mhz, MHZ_MAX);
	if (amdxdna_info(fd, SLM_AMDXDNA_RESOURCES, &resources, sizeof(resources)) ==
	    sizeof(resources))
		set(&telemetry->clock_max_mhz, resources.clock_max, MHZ_MAX);
	if (!*telemetry->firmware && amdxdna_info(fd, SLM_AMDXDNA_FIRMWARE_VERSION, &firmware,
						  sizeof(firmware)) == sizeof(firmware))
		(void)snprintf(telemetry->firmware, sizeof(telemetry->firmware), "%u.%u.%u.%u",
			       firmware.major, firmware.minor, firmware.patch, firmware.build);
	query_amdxdna_sensors(telemetry, fd);
	query_amdxdna_mode(telemetry, fd);
}

/* ---- Habana ---- */

static bool habanalabs_info(int fd, uint32_t op, uint32_t argument, void *answer, size_t size_bytes)
{
	struct slm_habanalabs_info info = {
		.answer = (uint64_t)(uintptr_t)answer,
		.size_bytes = (uint32_t)size_bytes,
		.op = op,
		.argument = argument,
	};

	return drmIoctl(fd, SLM_HABANALABS_INFO_IOCTL, &info) == 0;
}

static void query_habanalabs(struct drm_telemetry *telemetry, int fd)
{
	struct slm_habanalabs_hardware hardware = {0};
	struct slm_habanalabs_dram dram = {0};
	struct slm_habanalabs_utilization utilization = {0};
	struct slm_habanalabs_clock clock = {0};

	if (habanalabs_info(fd, SLM_HABANALABS_HARDWARE, 0, &hardware, sizeof(hardware))) {
		set(&telemetry->memory_total_bytes, hardware.dram_bytes, BYTES_MAX);
		set(&telemetry->sram_bytes, hardware.sram_bytes, BYTES_MAX);
		set_text(telemetry->firmware, sizeof(telemetry->firmware), hardware.firmware,
			 sizeof(hardware.firmware));
	}
	if (habanalabs_info(fd, SLM_HABANALABS_DRAM, 0, &dram, sizeof(dram))) {
		set(&telemetry->memory_free_bytes, dram.free_bytes, BYTES_MAX);
		set(&telemetry->own_memory_bytes, dram.context_bytes, BYTES_MAX);
	}
	if (habanalabs_info(fd, SLM_HABANALABS_UTILIZATION, UTILIZATION_OVER_MS, &utilization,
			    sizeof(utilization)))
		set(&telemetry->busy_percent, utilization.percent, 100);
	if (habanalabs_info(fd, SLM_HABANALABS_CLOCK, 0, &clock, sizeof(clock))) {
		set(&telemetry->clock_mhz, clock.now_mhz, MHZ_MAX);
		set(&telemetry->clock_max_mhz, clock.max_mhz, MHZ_MAX);
	}
}

/* ---- Arm, Qualcomm ---- */

static void query_ethosu(struct drm_telemetry *telemetry, int fd)
{
	struct slm_ethosu_npu npu = {0};
	struct slm_ethosu_query query = {
		.what = SLM_ETHOSU_NPU,
		.size_bytes = sizeof(npu),
		.answer = (uint64_t)(uintptr_t)&npu,
	};

	if (drmIoctl(fd, SLM_ETHOSU_QUERY_IOCTL, &query) < 0 || query.size_bytes < sizeof(npu))
		return;
	set(&telemetry->sram_bytes, npu.sram_bytes, BYTES_MAX);
	(void)snprintf(telemetry->firmware, sizeof(telemetry->firmware), "architecture %u.%u.%u",
		       SLM_ETHOSU_ARCH_MAJOR(npu.id), SLM_ETHOSU_ARCH_MINOR(npu.id),
		       SLM_ETHOSU_ARCH_PATCH(npu.id));
}

static void query_qaic(struct drm_telemetry *telemetry, int fd)
{
	struct slm_qaic_status status = {
		.head = {.type = SLM_QAIC_STATUS_ASKED,
			 .size_bytes = sizeof(struct slm_qaic_transaction)},
	};
	struct slm_qaic_message message = {
		.size_bytes = sizeof(struct slm_qaic_transaction),
		.n_transactions = 1,
		.transactions = (uint64_t)(uintptr_t)&status,
	};

	if (drmIoctl(fd, SLM_QAIC_MANAGE_IOCTL, &message) == 0 &&
	    status.head.type == SLM_QAIC_STATUS_ANSWER && status.status == 0)
		(void)snprintf(telemetry->firmware, sizeof(telemetry->firmware), "protocol %u.%u",
			       status.major, status.minor);
}

/* ---- all ---- */

/* Keyed on the bus driver's name; rocket answers nothing. */
static const struct {
	const char *driver;
	void (*query)(struct drm_telemetry *telemetry, int fd);
} queries[] = {
	{SLM_IVPU_DRIVER, query_ivpu},
	{SLM_AMDXDNA_DRIVER, query_amdxdna},
	{SLM_HABANALABS_DRIVER, query_habanalabs},
	{SLM_ETHOSU_DRIVER, query_ethosu},
	{SLM_QAIC_DRIVER, query_qaic},
};

/* Not libdrm's drmGetVersion(): that one crashes where a driver has no date. */
static void query_version(struct drm_telemetry *telemetry, int fd)
{
	char name[32] = "", shown[sizeof(name)];
	struct drm_version version = {.name = name, .name_len = sizeof(name) - 1};

	if (drmIoctl(fd, DRM_IOCTL_VERSION, &version) < 0)
		return;
	set_text(shown, sizeof(shown), name, sizeof(name));
	(void)snprintf(telemetry->driver_version, sizeof(telemetry->driver_version), "%s %d.%d.%d",
		       shown, version.version_major, version.version_minor,
		       version.version_patchlevel);
}

void drm_telemetry_query(struct drm_telemetry *telemetry, const struct drm_node *node, int fd)
{
	if (node->kind == NODE_VENDOR)
		return;
	query_version(telemetry, fd);
	for (size_t i = 0; node->kind == NODE_ACCEL && i < ARRAY_SIZE(queries); i++) {
		if (strcmp(node->driver, queries[i].driver) == 0)
			queries[i].query(telemetry, fd);
	}
}

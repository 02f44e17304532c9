// SPDX-License-Identifier: MIT
/*
 * The numbers of uapi/accel: as they were when they were written down, which 32-bit builds must have
 * too, and as the kernel's own headers have them, where those are installed (SLM_KERNEL_HEADERS).
 */
#include <stddef.h>

#include <linux/ioctl.h>
#include <linux/stddef.h>
/* Newer headers of drivers need what older ones of the compiler's system do not have. */
#ifndef __counted_by
#define __counted_by(count)
#endif

#include "accel/amdxdna.h"
#include "accel/ethosu.h"
#include "accel/habanalabs.h"
#include "accel/ivpu.h"
#include "accel/qaic.h"
#include "accel/rocket.h"

/* ---- as written down ---- */

#define SIZE(type, bytes)	   _Static_assert(sizeof(struct type) == (bytes), #type)
#define PLACE(type, member, bytes) _Static_assert(offsetof(struct type, member) == (bytes), #member)
#define NUMBER(ioctl, number)	   _Static_assert((ioctl) == (number), #ioctl)

SIZE(slm_ivpu_param, 16);
PLACE(slm_ivpu_param, value, 8);
SIZE(slm_amdxdna_info, 16);
PLACE(slm_amdxdna_info, buffer, 8);
SIZE(slm_amdxdna_clock, 24);
SIZE(slm_amdxdna_clocks, 48);
SIZE(slm_amdxdna_sensor, 168);
PLACE(slm_amdxdna_sensor, status, 80);
PLACE(slm_amdxdna_sensor, exponent, 160);
SIZE(slm_amdxdna_firmware, 16);
SIZE(slm_amdxdna_power_mode, 8);
SIZE(slm_amdxdna_resources, 40);
SIZE(slm_habanalabs_info, 24);
SIZE(slm_habanalabs_hardware, 216);
PLACE(slm_habanalabs_hardware, firmware, 72);
SIZE(slm_habanalabs_dram, 16);
SIZE(slm_habanalabs_idle, 40);
SIZE(slm_habanalabs_utilization, 8);
SIZE(slm_habanalabs_clock, 8);
SIZE(slm_habanalabs_throttle, 40);
SIZE(slm_ethosu_query, 16);
SIZE(slm_ethosu_npu, 12);
SIZE(slm_qaic_message, 16);
SIZE(slm_qaic_status, 24);
NUMBER(SLM_IVPU_CORE_CLOCK_RATE, 3);
NUMBER(SLM_IVPU_FW_API_VERSION, 8);
NUMBER(SLM_AMDXDNA_CLOCKS, 3);
NUMBER(SLM_AMDXDNA_SENSORS, 4);
NUMBER(SLM_AMDXDNA_FIRMWARE_VERSION, 8);
NUMBER(SLM_AMDXDNA_POWER_MODE, 9);
NUMBER(SLM_AMDXDNA_RESOURCES, 12);
NUMBER(SLM_HABANALABS_HARDWARE, 0);
NUMBER(SLM_HABANALABS_DRAM, 2);
NUMBER(SLM_HABANALABS_UTILIZATION, 6);
NUMBER(SLM_HABANALABS_CLOCK, 8);
NUMBER(SLM_ETHOSU_NPU, 0);
NUMBER(SLM_QAIC_STATUS_ASKED, 12);
NUMBER(SLM_QAIC_STATUS_ANSWER, 13);
#if defined(__x86_64__) || defined(__i386__) || defined(__aarch64__) || defined(__arm__)
NUMBER(SLM_IVPU_PARAM_IOCTL, 0xc0106440);
NUMBER(SLM_AMDXDNA_INFO_IOCTL, 0xc0106447);
NUMBER(SLM_HABANALABS_INFO_IOCTL, 0xc0186440);
NUMBER(SLM_ETHOSU_QUERY_IOCTL, 0xc0106440);
NUMBER(SLM_QAIC_MANAGE_IOCTL, 0xc0106440);
#endif

/* A build for another machine stops here: it has no headers to compare with. */
#ifndef SLM_ABI_ONLY

#include <stdbool.h>

#include "check.h"

/* ---- as the kernel has them ---- */

static unsigned n_compared;

__attribute__((unused)) static void same(const char *what, unsigned long long ours,
					 unsigned long long kernels)
{
	n_compared++;
	if (ours != kernels)
		fail_msg("%s: %#llx here, %#llx in the kernel's header", what, ours, kernels);
}

#define SAME(ours, kernels) same(#ours, (unsigned long long)(ours), (unsigned long long)(kernels))
#define SAME_SIZE(a, b)	    same(#a, sizeof(struct a), sizeof(struct b))
#define SAME_PLACE(a, m, b, n)                                                           \
	do {                                                                             \
		same(#a "." #m, offsetof(struct a, m), offsetof(struct b, n));           \
		same(#a "." #m, sizeof(((struct a *)0)->m), sizeof(((struct b *)0)->n)); \
	} while (0)

static void begin(const char *driver, bool has_header)
{
	n_compared = 0;
	if (has_header)
		return;
	print_message("%s: skipped, no header in %s\n", driver, SLM_KERNEL_HEADERS);
	skip();
}

__attribute__((unused)) static void done(const char *driver)
{
	print_message("%s: %u numbers compared with %s\n", driver, n_compared, SLM_KERNEL_HEADERS);
	assert_true(n_compared > 0);
}

#ifdef SLM_HAS_IVPU
#include "drm/ivpu_accel.h"

static void ivpu(void **state)
{
	(void)state;
	begin("ivpu", true);
	SAME(SLM_IVPU_PARAM_IOCTL, DRM_IOCTL_IVPU_GET_PARAM);
	SAME_SIZE(slm_ivpu_param, drm_ivpu_param);
	SAME_PLACE(slm_ivpu_param, key, drm_ivpu_param, param);
	SAME_PLACE(slm_ivpu_param, index, drm_ivpu_param, index);
	SAME_PLACE(slm_ivpu_param, value, drm_ivpu_param, value);
	SAME(SLM_IVPU_DEVICE_ID, DRM_IVPU_PARAM_DEVICE_ID);
	SAME(SLM_IVPU_DEVICE_REVISION, DRM_IVPU_PARAM_DEVICE_REVISION);
	SAME(SLM_IVPU_PLATFORM_TYPE, DRM_IVPU_PARAM_PLATFORM_TYPE);
	SAME(SLM_IVPU_CORE_CLOCK_RATE, DRM_IVPU_PARAM_CORE_CLOCK_RATE);
	SAME(SLM_IVPU_NUM_CONTEXTS, DRM_IVPU_PARAM_NUM_CONTEXTS);
	SAME(SLM_IVPU_FW_API_VERSION, DRM_IVPU_PARAM_FW_API_VERSION);
	SAME(SLM_IVPU_ENGINE_HEARTBEAT, DRM_IVPU_PARAM_ENGINE_HEARTBEAT);
	SAME(SLM_IVPU_TILE_CONFIG, DRM_IVPU_PARAM_TILE_CONFIG);
	SAME(SLM_IVPU_SKU, DRM_IVPU_PARAM_SKU);
	SAME(SLM_IVPU_CAPABILITIES, DRM_IVPU_PARAM_CAPABILITIES);
	done("ivpu");
}
#else
static void ivpu(void **state)
{
	(void)state;
	begin("ivpu", false);
}
#endif

#ifdef SLM_HAS_AMDXDNA
#include "drm/amdxdna_accel.h"

static void amdxdna_sensors(void)
{
	SAME_SIZE(slm_amdxdna_sensor, amdxdna_drm_query_sensor);
	SAME_PLACE(slm_amdxdna_sensor, label, amdxdna_drm_query_sensor, label);
	SAME_PLACE(slm_amdxdna_sensor, input, amdxdna_drm_query_sensor, input);
	SAME_PLACE(slm_amdxdna_sensor, max, amdxdna_drm_query_sensor, max);
	SAME_PLACE(slm_amdxdna_sensor, average, amdxdna_drm_query_sensor, average);
	SAME_PLACE(slm_amdxdna_sensor, highest, amdxdna_drm_query_sensor, highest);
	SAME_PLACE(slm_amdxdna_sensor, status, amdxdna_drm_query_sensor, status);
	SAME_PLACE(slm_amdxdna_sensor, units, amdxdna_drm_query_sensor, units);
	SAME_PLACE(slm_amdxdna_sensor, exponent, amdxdna_drm_query_sensor, unitm);
	SAME_PLACE(slm_amdxdna_sensor, type, amdxdna_drm_query_sensor, type);
	SAME(SLM_AMDXDNA_SENSOR_POWER, AMDXDNA_SENSOR_TYPE_POWER);
#ifdef SLM_HAS_AMDXDNA_UTILIZATION
	SAME(SLM_AMDXDNA_SENSOR_UTILIZATION, AMDXDNA_SENSOR_TYPE_COLUMN_UTILIZATION);
#endif
}

static void amdxdna_resources(void)
{
#ifdef SLM_HAS_AMDXDNA_RESOURCES
	SAME(SLM_AMDXDNA_RESOURCES, DRM_AMDXDNA_QUERY_RESOURCE_INFO);
	SAME_SIZE(slm_amdxdna_resources, amdxdna_drm_get_resource_info);
	SAME_PLACE(slm_amdxdna_resources, clock_max, amdxdna_drm_get_resource_info, npu_clk_max);
	SAME_PLACE(slm_amdxdna_resources, tops_max, amdxdna_drm_get_resource_info, npu_tops_max);
	SAME_PLACE(slm_amdxdna_resources, tasks_max, amdxdna_drm_get_resource_info, npu_task_max);
	SAME_PLACE(slm_amdxdna_resources, tops_now, amdxdna_drm_get_resource_info, npu_tops_curr);
	SAME_PLACE(slm_amdxdna_resources, tasks_now, amdxdna_drm_get_resource_info, npu_task_curr);
#endif
}

static void amdxdna(void **state)
{
	(void)state;
	begin("amdxdna", true);
	SAME(SLM_AMDXDNA_INFO_IOCTL, DRM_IOCTL_AMDXDNA_GET_INFO);
	SAME_SIZE(slm_amdxdna_info, amdxdna_drm_get_info);
	SAME_PLACE(slm_amdxdna_info, what, amdxdna_drm_get_info, param);
	SAME_PLACE(slm_amdxdna_info, size_bytes, amdxdna_drm_get_info, buffer_size);
	SAME_PLACE(slm_amdxdna_info, buffer, amdxdna_drm_get_info, buffer);
	SAME(SLM_AMDXDNA_AIE_VERSION, DRM_AMDXDNA_QUERY_AIE_VERSION);
	SAME(SLM_AMDXDNA_CLOCKS, DRM_AMDXDNA_QUERY_CLOCK_METADATA);
	SAME(SLM_AMDXDNA_SENSORS, DRM_AMDXDNA_QUERY_SENSORS);
	SAME(SLM_AMDXDNA_FIRMWARE_VERSION, DRM_AMDXDNA_QUERY_FIRMWARE_VERSION);
	SAME(SLM_AMDXDNA_POWER_MODE, DRM_AMDXDNA_GET_POWER_MODE);
	SAME_SIZE(slm_amdxdna_version, amdxdna_drm_query_aie_version);
	SAME_SIZE(slm_amdxdna_clock, amdxdna_drm_query_clock);
	SAME_PLACE(slm_amdxdna_clock, frequency_mhz, amdxdna_drm_query_clock, freq_mhz);
	SAME_SIZE(slm_amdxdna_clocks, amdxdna_drm_query_clock_metadata);
	SAME_PLACE(slm_amdxdna_clocks, controller, amdxdna_drm_query_clock_metadata, mp_npu_clock);
	SAME_PLACE(slm_amdxdna_clocks, array, amdxdna_drm_query_clock_metadata, h_clock);
	SAME_SIZE(slm_amdxdna_firmware, amdxdna_drm_query_firmware_version);
	SAME_PLACE(slm_amdxdna_firmware, patch, amdxdna_drm_query_firmware_version, patch);
	SAME_PLACE(slm_amdxdna_firmware, build, amdxdna_drm_query_firmware_version, build);
	SAME_SIZE(slm_amdxdna_power_mode, amdxdna_drm_get_power_mode);
	SAME_PLACE(slm_amdxdna_power_mode, mode, amdxdna_drm_get_power_mode, power_mode);
	SAME(SLM_AMDXDNA_POWER_TURBO, POWER_MODE_TURBO);
	SAME(SLM_AMDXDNA_POWER_LOW, POWER_MODE_LOW);
	amdxdna_sensors();
	amdxdna_resources();
	done("amdxdna");
}
#else
static void amdxdna(void **state)
{
	(void)state;
	begin("amdxdna", false);
}
#endif

#ifdef SLM_HAS_HABANALABS
#include "drm/habanalabs_accel.h"

static void habanalabs_hardware(void)
{
	/* of the kernel's struct only the beginning is restated */
	SAME_PLACE(slm_habanalabs_hardware, sram_base, hl_info_hw_ip_info, sram_base_address);
	SAME_PLACE(slm_habanalabs_hardware, dram_bytes, hl_info_hw_ip_info, dram_size);
	SAME_PLACE(slm_habanalabs_hardware, sram_bytes, hl_info_hw_ip_info, sram_size);
	SAME_PLACE(slm_habanalabs_hardware, device_id, hl_info_hw_ip_info, device_id);
	SAME_PLACE(slm_habanalabs_hardware, server_type, hl_info_hw_ip_info, server_type);
	SAME_PLACE(slm_habanalabs_hardware, cpld_version, hl_info_hw_ip_info, cpld_version);
	SAME_PLACE(slm_habanalabs_hardware, dram_enabled, hl_info_hw_ip_info, dram_enabled);
	SAME_PLACE(slm_habanalabs_hardware, firmware, hl_info_hw_ip_info, cpucp_version);
	SAME_PLACE(slm_habanalabs_hardware, card_name, hl_info_hw_ip_info, card_name);
	assert_true(sizeof(struct slm_habanalabs_hardware) <= sizeof(struct hl_info_hw_ip_info));
}

static void habanalabs_answers(void)
{
	SAME_SIZE(slm_habanalabs_dram, hl_info_dram_usage);
	SAME_PLACE(slm_habanalabs_dram, free_bytes, hl_info_dram_usage, dram_free_mem);
	SAME_PLACE(slm_habanalabs_dram, context_bytes, hl_info_dram_usage, ctx_dram_mem);
	SAME_SIZE(slm_habanalabs_idle, hl_info_hw_idle);
	SAME_PLACE(slm_habanalabs_idle, busy_engines_wide, hl_info_hw_idle, busy_engines_mask_ext);
	SAME_SIZE(slm_habanalabs_utilization, hl_info_device_utilization);
	SAME_PLACE(slm_habanalabs_utilization, percent, hl_info_device_utilization, utilization);
	SAME_SIZE(slm_habanalabs_clock, hl_info_clk_rate);
	SAME_PLACE(slm_habanalabs_clock, max_mhz, hl_info_clk_rate, max_clk_rate_mhz);
	SAME_SIZE(slm_habanalabs_throttle, hl_info_clk_throttle);
	SAME_PLACE(slm_habanalabs_throttle, duration_ns, hl_info_clk_throttle,
		   clk_throttling_duration_ns);
	SAME(SLM_HABANALABS_THROTTLE_POWER, HL_CLK_THROTTLE_POWER);
	SAME(SLM_HABANALABS_THROTTLE_THERMAL, HL_CLK_THROTTLE_THERMAL);
}

static void habanalabs(void **state)
{
	(void)state;
	begin("habanalabs", true);
	SAME(SLM_HABANALABS_INFO_IOCTL, DRM_IOCTL_HL_INFO);
	SAME_SIZE(slm_habanalabs_info, hl_info_args);
	SAME_PLACE(slm_habanalabs_info, answer, hl_info_args, return_pointer);
	SAME_PLACE(slm_habanalabs_info, size_bytes, hl_info_args, return_size);
	SAME_PLACE(slm_habanalabs_info, op, hl_info_args, op);
	SAME_PLACE(slm_habanalabs_info, argument, hl_info_args, period_ms);
	SAME(SLM_HABANALABS_HARDWARE, HL_INFO_HW_IP_INFO);
	SAME(SLM_HABANALABS_DRAM, HL_INFO_DRAM_USAGE);
	SAME(SLM_HABANALABS_IDLE, HL_INFO_HW_IDLE);
	SAME(SLM_HABANALABS_UTILIZATION, HL_INFO_DEVICE_UTILIZATION);
	SAME(SLM_HABANALABS_CLOCK, HL_INFO_CLK_RATE);
	SAME(SLM_HABANALABS_THROTTLE, HL_INFO_CLK_THROTTLE_REASON);
	SAME(SLM_HABANALABS_ENERGY, HL_INFO_TOTAL_ENERGY);
	SAME(SLM_HABANALABS_POWER, HL_INFO_POWER);
	habanalabs_hardware();
	habanalabs_answers();
	done("habanalabs");
}
#else
static void habanalabs(void **state)
{
	(void)state;
	begin("habanalabs", false);
}
#endif

#ifdef SLM_HAS_ETHOSU
#include "drm/ethosu_accel.h"

static void ethosu(void **state)
{
	const __u32 id = 0x12345678;

	(void)state;
	begin("ethosu", true);
	SAME(SLM_ETHOSU_QUERY_IOCTL, DRM_IOCTL_ETHOSU_DEV_QUERY);
	SAME_SIZE(slm_ethosu_query, drm_ethosu_dev_query);
	SAME_PLACE(slm_ethosu_query, what, drm_ethosu_dev_query, type);
	SAME_PLACE(slm_ethosu_query, size_bytes, drm_ethosu_dev_query, size);
	SAME_PLACE(slm_ethosu_query, answer, drm_ethosu_dev_query, pointer);
	SAME(SLM_ETHOSU_NPU, DRM_ETHOSU_DEV_QUERY_NPU_INFO);
	SAME_PLACE(slm_ethosu_npu, id, drm_ethosu_npu_info, id);
	SAME_PLACE(slm_ethosu_npu, config, drm_ethosu_npu_info, config);
	SAME_PLACE(slm_ethosu_npu, sram_bytes, drm_ethosu_npu_info, sram_size);
	SAME(SLM_ETHOSU_ARCH_MAJOR(id), DRM_ETHOSU_ARCH_MAJOR(id));
	SAME(SLM_ETHOSU_ARCH_MINOR(id), DRM_ETHOSU_ARCH_MINOR(id));
	SAME(SLM_ETHOSU_ARCH_PATCH(id), DRM_ETHOSU_ARCH_PATCH(id));
	done("ethosu");
}
#else
static void ethosu(void **state)
{
	(void)state;
	begin("ethosu", false);
}
#endif

#ifdef SLM_HAS_QAIC
#include "drm/qaic_accel.h"

static void qaic(void **state)
{
	(void)state;
	begin("qaic", true);
	SAME(SLM_QAIC_MANAGE_IOCTL, DRM_IOCTL_QAIC_MANAGE);
	SAME_SIZE(slm_qaic_message, qaic_manage_msg);
	SAME_PLACE(slm_qaic_message, size_bytes, qaic_manage_msg, len);
	SAME_PLACE(slm_qaic_message, n_transactions, qaic_manage_msg, count);
	SAME_PLACE(slm_qaic_message, transactions, qaic_manage_msg, data);
	SAME(SLM_QAIC_STATUS_ASKED, QAIC_TRANS_STATUS_FROM_USR);
	SAME(SLM_QAIC_STATUS_ANSWER, QAIC_TRANS_STATUS_TO_USR);
	SAME_SIZE(slm_qaic_transaction, qaic_manage_trans_status_to_dev);
	SAME_SIZE(slm_qaic_status, qaic_manage_trans_status_from_dev);
	SAME_PLACE(slm_qaic_status, head, qaic_manage_trans_status_from_dev, hdr);
	SAME_PLACE(slm_qaic_status, major, qaic_manage_trans_status_from_dev, major);
	SAME_PLACE(slm_qaic_status, minor, qaic_manage_trans_status_from_dev, minor);
	SAME_PLACE(slm_qaic_status, status, qaic_manage_trans_status_from_dev, status);
	SAME_PLACE(slm_qaic_status, flags, qaic_manage_trans_status_from_dev, status_flags);
	done("qaic");
}
#else
static void qaic(void **state)
{
	(void)state;
	begin("qaic", false);
}
#endif

/* Five drivers answer; that rocket's has no query is why there is nothing of it to compare. */
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ivpu),	  cmocka_unit_test(amdxdna), cmocka_unit_test(habanalabs),
		cmocka_unit_test(ethosu), cmocka_unit_test(qaic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif

/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/*
 * What AMD's NPU driver (bus driver amdxdna, DRM name amdxdna_accel_driver, since Linux 6.14) answers
 * about itself. Restated; only queries. The numbers are those of the kernel's drm/amdxdna_accel.h, with
 * which tests/unit/test_accel_abi.c compares them. To use the macros that end in _IOCTL include
 * <sys/ioctl.h> too.
 */
#ifndef SLM_ACCEL_AMDXDNA_H
#define SLM_ACCEL_AMDXDNA_H

#include <linux/types.h>

#define SLM_AMDXDNA_DRIVER "amdxdna"

/* WHAT is asked; the answer goes to BUFFER, of which SIZE_BYTES says how large it is, then was. */
struct slm_amdxdna_info {
	__u32 what;
	__u32 size_bytes;
	__u64 buffer; /* a pointer */
};

#define SLM_AMDXDNA_INFO_IOCTL _IOWR('d', 0x47, struct slm_amdxdna_info)

#define SLM_AMDXDNA_AIE_VERSION	     2	/* struct slm_amdxdna_version */
#define SLM_AMDXDNA_CLOCKS	     3	/* struct slm_amdxdna_clocks */
#define SLM_AMDXDNA_SENSORS	     4	/* struct slm_amdxdna_sensor[] */
#define SLM_AMDXDNA_FIRMWARE_VERSION 8	/* struct slm_amdxdna_firmware */
#define SLM_AMDXDNA_POWER_MODE	     9	/* struct slm_amdxdna_power_mode */
#define SLM_AMDXDNA_RESOURCES	     12 /* struct slm_amdxdna_resources */

struct slm_amdxdna_version {
	__u32 major;
	__u32 minor;
};

struct slm_amdxdna_clock {
	__u8 name[16];
	__u32 frequency_mhz;
	__u32 pad;
};

struct slm_amdxdna_clocks {
	struct slm_amdxdna_clock controller; /* of the NPU's own processor */
	struct slm_amdxdna_clock array;	     /* of the AIE columns */
};

#define SLM_AMDXDNA_SENSOR_POWER       0
#define SLM_AMDXDNA_SENSOR_UTILIZATION 1 /* of columns */

/* A figure is FIELD * 10^EXPONENT UNITS. */
struct slm_amdxdna_sensor {
	__u8 label[64];
	__u32 input;
	__u32 max;
	__u32 average;
	__u32 highest;
	__u8 status[64];
	__u8 units[16];
	__s8 exponent;
	__u8 type; /* SLM_AMDXDNA_SENSOR_x */
	__u8 pad[6];
};

struct slm_amdxdna_firmware {
	__u32 major;
	__u32 minor;
	__u32 patch;
	__u32 build;
};

#define SLM_AMDXDNA_POWER_DEFAULT 0
#define SLM_AMDXDNA_POWER_LOW	  1
#define SLM_AMDXDNA_POWER_MEDIUM  2
#define SLM_AMDXDNA_POWER_HIGH	  3
#define SLM_AMDXDNA_POWER_TURBO	  4

struct slm_amdxdna_power_mode {
	__u8 mode;
	__u8 pad[7];
};

struct slm_amdxdna_resources {
	__u64 clock_max;
	__u64 tops_max;
	__u64 tasks_max;
	__u64 tops_now;
	__u64 tasks_now;
};

#endif

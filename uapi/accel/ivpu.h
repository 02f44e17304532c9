/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/*
 * What Intel's NPU driver (intel_vpu, since Linux 6.3) answers about itself. Restated; only queries.
 * The numbers are those of the kernel's drm/ivpu_accel.h, with which tests/unit/test_accel_abi.c
 * compares them. To use the macros that end in _IOCTL include <sys/ioctl.h> too.
 */
#ifndef SLM_ACCEL_IVPU_H
#define SLM_ACCEL_IVPU_H

#include <linux/types.h>

#define SLM_IVPU_DRIVER "intel_vpu"

/* One value per call: KEY and INDEX go in, VALUE comes out. */
struct slm_ivpu_param {
	__u32 key;
	__u32 index; /* of what there are several of, such as FW_API_VERSION; else 0 */
	__u64 value;
};

#define SLM_IVPU_PARAM_IOCTL _IOWR('d', 0x40, struct slm_ivpu_param)

#define SLM_IVPU_DEVICE_ID	  0 /* PCI device */
#define SLM_IVPU_DEVICE_REVISION  1
#define SLM_IVPU_PLATFORM_TYPE	  2 /* 0: silicon, else a simulator */
#define SLM_IVPU_CORE_CLOCK_RATE  3 /* highest clock of the data unit, Hz */
#define SLM_IVPU_NUM_CONTEXTS	  4 /* at most at once */
#define SLM_IVPU_FW_API_VERSION	  8 /* indexed */
#define SLM_IVPU_ENGINE_HEARTBEAT 9 /* indexed by engine */
#define SLM_IVPU_TILE_CONFIG	  11
#define SLM_IVPU_SKU		  12
#define SLM_IVPU_CAPABILITIES	  13 /* indexed by capability */

#endif

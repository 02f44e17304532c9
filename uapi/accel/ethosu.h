/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/*
 * What the driver of Arm's Ethos-U NPUs (ethosu, since Linux 6.19) answers about itself. Restated; only
 * queries. The numbers are those of the kernel's drm/ethosu_accel.h, with which
 * tests/unit/test_accel_abi.c compares them. To use the macros that end in _IOCTL include
 * <sys/ioctl.h> too.
 */
#ifndef SLM_ACCEL_ETHOSU_H
#define SLM_ACCEL_ETHOSU_H

#include <linux/types.h>

#define SLM_ETHOSU_DRIVER "ethosu"

/* At most SIZE_BYTES of the answer go to ANSWER; where that is 0, SIZE_BYTES is set to its size. */
struct slm_ethosu_query {
	__u32 what;
	__u32 size_bytes;
	__u64 answer; /* a pointer */
};

#define SLM_ETHOSU_QUERY_IOCTL _IOWR('d', 0x40, struct slm_ethosu_query)

#define SLM_ETHOSU_NPU 0 /* struct slm_ethosu_npu */

/* Later kernels append. */
struct slm_ethosu_npu {
	__u32 id;
	__u32 config;
	__u32 sram_bytes;
};

#define SLM_ETHOSU_ARCH_MAJOR(id) ((id) >> 28)
#define SLM_ETHOSU_ARCH_MINOR(id) (((id) >> 20) & 0xff)
#define SLM_ETHOSU_ARCH_PATCH(id) (((id) >> 16) & 0xf)

#endif

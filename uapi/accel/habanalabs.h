/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/*
 * What the driver of Gaudi cards (habanalabs, an accel driver since Linux 6.3) answers about itself.
 * Restated; only queries. The numbers are those of the kernel's drm/habanalabs_accel.h, with which
 * tests/unit/test_accel_abi.c compares them. To use the macros that end in _IOCTL include
 * <sys/ioctl.h> too. The kernel does not say in what unit power and energy are.
 */
#ifndef SLM_ACCEL_HABANALABS_H
#define SLM_ACCEL_HABANALABS_H

#include <linux/types.h>

#define SLM_HABANALABS_DRIVER "habanalabs"

/* OP is asked; at most SIZE_BYTES of the answer go to ANSWER. */
struct slm_habanalabs_info {
	__u64 answer; /* a pointer */
	__u32 size_bytes;
	__u32 op;
	__u32 argument; /* of UTILIZATION: over how many milliseconds */
	__u32 pad;	/* 0 */
};

#define SLM_HABANALABS_INFO_IOCTL _IOWR('d', 0x40, struct slm_habanalabs_info)

#define SLM_HABANALABS_HARDWARE	   0  /* struct slm_habanalabs_hardware */
#define SLM_HABANALABS_DRAM	   2  /* struct slm_habanalabs_dram */
#define SLM_HABANALABS_IDLE	   3  /* struct slm_habanalabs_idle */
#define SLM_HABANALABS_UTILIZATION 6  /* struct slm_habanalabs_utilization */
#define SLM_HABANALABS_CLOCK	   8  /* struct slm_habanalabs_clock */
#define SLM_HABANALABS_THROTTLE	   13 /* struct slm_habanalabs_throttle */
#define SLM_HABANALABS_ENERGY	   15 /* __u64 */
#define SLM_HABANALABS_POWER	   17 /* __u64 */

/* The beginning of what the kernel has. */
struct slm_habanalabs_hardware {
	__u64 sram_base;
	__u64 dram_base;
	__u64 dram_bytes;
	__u32 sram_bytes;
	__u32 n_events;
	__u32 device_id;
	__u32 module_id;
	__u32 decoder_mask;
	__u16 first_interrupt;
	__u16 server_type;
	__u32 cpld_version;
	__u32 pll[4];
	__u8 tpc_mask;
	__u8 dram_enabled;
	__u8 security_enabled;
	__u8 mme_mode;
	__u8 firmware[128];
	__u8 card_name[16];
};

struct slm_habanalabs_dram {
	__u64 free_bytes;
	__u64 context_bytes; /* of the caller's context */
};

struct slm_habanalabs_idle {
	__u32 is_idle;
	__u32 busy_engines;
	__u64 busy_engines_wide[4];
};

struct slm_habanalabs_utilization {
	__u32 percent;
	__u32 pad;
};

struct slm_habanalabs_clock {
	__u32 now_mhz;
	__u32 max_mhz;
};

#define SLM_HABANALABS_THROTTLE_POWER	1
#define SLM_HABANALABS_THROTTLE_THERMAL 2

struct slm_habanalabs_throttle {
	__u32 reasons;
	__u32 pad;
	__u64 begin_us[2];
	__u64 duration_ns[2];
};

#endif

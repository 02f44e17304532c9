/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/*
 * What the driver of Qualcomm's Cloud AI cards (qaic, since Linux 6.4) answers about itself: a message
 * that holds one status transaction goes to the device and comes back filled. Restated; only this
 * query. The numbers are those of the kernel's drm/qaic_accel.h, with which
 * tests/unit/test_accel_abi.c compares them. To use the macros that end in _IOCTL include
 * <sys/ioctl.h> too.
 */
#ifndef SLM_ACCEL_QAIC_H
#define SLM_ACCEL_QAIC_H

#include <linux/types.h>

#define SLM_QAIC_DRIVER "qaic"

struct slm_qaic_message {
	__u32 size_bytes; /* of all transactions */
	__u32 n_transactions;
	__u64 transactions; /* a pointer */
};

#define SLM_QAIC_MANAGE_IOCTL _IOWR('d', 0x40, struct slm_qaic_message)

#define SLM_QAIC_STATUS_ASKED  12
#define SLM_QAIC_STATUS_ANSWER 13

struct slm_qaic_transaction {
	__u32 type;
	__u32 size_bytes; /* with these eight */
};

struct slm_qaic_status {
	struct slm_qaic_transaction head;
	__u16 major; /* of the protocol that the device speaks */
	__u16 minor;
	__u32 status; /* 0: well */
	__u64 flags;
};

#endif

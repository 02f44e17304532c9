/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/*
 * The driver of the NPU in Rockchip's RK3588 (rocket, since Linux 6.18) answers no question about itself:
 * its name is all there is to know. The platform device below its node is made up by the driver and
 * called rknn; the cores are elsewhere in sysfs.
 */
#ifndef SLM_ACCEL_ROCKET_H
#define SLM_ACCEL_ROCKET_H

#define SLM_ROCKET_DRIVER "rocket"

#endif

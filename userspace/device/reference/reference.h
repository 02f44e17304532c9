/* SPDX-License-Identifier: MIT */
/*
 * The device that every other one is tested against: plain C, weights as they are in the file, sums
 * in double. Slow. With ACTIVATIONS_INT8 it quantises activations exactly as the fast devices do.
 */
#ifndef SLM_DEVICE_REFERENCE_H
#define SLM_DEVICE_REFERENCE_H

#include "device.h"

extern const struct device_ops reference_device_ops;

/*
 * The one definition of quantised activations: per block of 32, d = max|x| / 127 and
 * q = x / d rounded to nearest even; a block of zeros, or one whose largest value is so small that
 * 127 / max|x| is infinite, has d = 0 and q = 0. N is a multiple of 32.
 */
void reference_quantize(const float *x, uint32_t n, int8_t *ret_q, float *ret_d);

#endif

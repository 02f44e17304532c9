/* SPDX-License-Identifier: MIT */
/* The file in which a device's figures are kept, <cache>/calibration/<key>.json. */
#ifndef SLM_DEVICE_CALIBRATION_FILE_H
#define SLM_DEVICE_CALIBRATION_FILE_H

#include "calibrate.h"

/*
 * What is kept for the device of PARAMS: 0; -ENOENT where there is nothing, or nothing that can be
 * trusted (logged at info: the file is then measured and written anew); -ENOMEM.
 */
int calibration_file_read(const struct calibrate_params *params, struct calibration *ret);

/* Replaces it. A folder that cannot be written is a warning and no failure. */
void calibration_file_write(const struct calibrate_params *params,
			    const struct calibration *calibration);

/* Can these be the figures of a device? */
bool calibration_is_sane(const struct calibration *calibration);

#endif

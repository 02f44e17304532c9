/* SPDX-License-Identifier: MIT */
/* `slm devices --calibrate`: measures devices, or reads what was measured, and shows it. */
#ifndef SLM_PROGRAMS_DEVICES_CALIBRATE_H
#define SLM_PROGRAMS_DEVICES_CALIBRATE_H

#include "command.h"
#include "device_list.h"

struct devices_calibrate_params {
	const struct device_list *list;
	const char *device; /* as --device has it; NULL: all usable ones but the reference */
	const char *types;  /* "Q4_0,F16"; NULL: the commonest */
	unsigned n_threads;
	bool anew; /* measure also what is kept */
	bool use_cache;
	bool json;
};

/* A device that fails is shown with that; the exit code says whether any worked. */
enum exit_code devices_calibrate(const struct devices_calibrate_params *params,
				 const struct log *log);

#endif

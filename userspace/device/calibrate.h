/* SPDX-License-Identifier: MIT */
/*
 * How fast a device is (graph/rates.h), found out by timing it, and what it does best. Figures are
 * kept in a file of the cache folder, under a key of the device, its driver, the kernel's version
 * and our own way of measuring, so that a start reads them and measures nothing.
 *
 * Threads: calls for different devices may run at once; their figures are worth little then.
 */
#ifndef SLM_DEVICE_CALIBRATE_H
#define SLM_DEVICE_CALIBRATE_H

#include "device_list.h"
#include "progress.h"
#include "rates.h"
#include "turns.h"

enum {
	CALIBRATION_VERSION = 3, /* raise it when the same rate is measured in another way */
	KERNEL_FAMILY_MAX = 16,
};

/* Lives only during the call. */
struct calibrate_params {
	const struct device_entry *entry; /* a usable one */
	unsigned n_threads;		  /* as in device_params: figures are for this number */
	uint64_t types;			  /* bit T: matrices of tensor type T are wanted */
	const char *cache_dir;		  /* NULL: nothing is kept */
	bool anew;			  /* measure also what is kept */
	const struct progress *progress;  /* NULL: none */
	/*
	 * Taken for every run on the device, for some hundredths of a second or one run, so that who
	 * computes beside us neither spoils the figures nor waits for long. NULL: nobody does
	 */
	struct turns *turns;
	const atomic_bool *cancel; /* once it is set: -ECANCELED before the next run. NULL: none */
	const struct log *log;
};

struct calibration {
	struct device_rates rates;
	uint64_t types; /* that rates are for; one that the device cannot use stays away */
	char kernel_family[KERNEL_FAMILY_MAX]; /* for device_params; "": nothing to choose */
	int64_t measured_s;		       /* when: seconds since 1970, UTC */
	bool is_kept;			       /* nothing had to be measured */
	bool is_rough; /* the machine was too busy: good for a start, not kept */
};

/* Bit T is set where some op of GRAPH, adapters' aside, reads a matrix of type T. */
uint64_t calibrate_types(const struct graph *graph);

/*
 * Reads what is kept and measures what is wanted beyond: a few tenths of a second for each type,
 * and what a driver takes to compile. 0; -ENODEV, -EIO or -ENOMEM as the device gave it, -EIO where
 * what was measured cannot be (all logged); -ECANCELED by PROGRESS or CANCEL. A file that cannot be read or
 * written is a warning.
 */
int calibrate(const struct calibrate_params *params, struct calibration *ret_calibration);

/*
 * Only reads what is kept: opens no device, takes less than a millisecond. 0, with the types there
 * are (perhaps not all that are wanted), or -ENOENT.
 */
int calibrate_read(const struct calibrate_params *params, struct calibration *ret_calibration);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * An OpenCL driver that fails on command. The ICD loader loads libslm_mock_icd.so like any driver; it
 * computes through a real driver underneath, wraps every object of that, and knows the calls slm makes
 * (the others give CL_INVALID_OPERATION or NULL).
 *
 * What it shows, from the environment, read once (lists: per device, the last one holds for the rest):
 *
 *   SLM_MOCK_PLATFORMS=N     1 .. 4 platforms (1)
 *   SLM_MOCK_DEVICES=N       1 .. 4 devices in each (1)
 *   SLM_MOCK_TYPE=LIST       accelerator (default), gpu or cpu; slm's own choice takes the first two
 *   SLM_MOCK_MEMORY_MIB=LIST memory, also enforced (512); one buffer may take all of it
 *   SLM_MOCK_UNIFIED=LIST    1: memory is the host's (0)
 *   SLM_MOCK_PCI=LIST        0000:03:00.0: cl_khr_pci_bus_info says so (absent)
 *   SLM_MOCK_NODE=LIST       /dev/accel/accel0: the kernel's DRM node that the device depends on (none), as with a
 *                            driver of hardware. It is listed while the node can be opened. A context opens
 *                            it, and asks the kernel for its version at each call on what came from the
 *                            context; once that says ENODEV, because what was behind the node is
 *                            unplugged, all of these but releases give CL_DEVICE_NOT_AVAILABLE, for good;
 *                            nothing runs on by then. A context made after the next plug works
 *   SLM_MOCK_REPORT=LIST     normal; zero (all figures 0, no names); odd (no compute units, vectors or
 *                            names, but memory: such a device works); absurd (the largest figures, a
 *                            name of 1 MiB with control characters: such a device works too)
 *   SLM_MOCK_BINARIES=0      programs have no binaries (1)
 *   SLM_MOCK_UNDER=FILE      the .icd file of the driver underneath (/etc/OpenCL/vendors/pocl.icd)
 *   SLM_MOCK_FAULTS=FAULTS   what is armed when the driver is loaded
 *   SLM_MOCK_CONTROL=FILE    read at every counted call: one line of FAULTS with its newline; when it
 *                            changes they are armed in place of those before
 *   SLM_MOCK_STATS=FILE      at exit of each process (but not _exit) a line of JSON is added: "program",
 *                            "pid", "live" (objects not freed), "devices": [mock_counts by name]
 *
 * FAULTS are separated by commas, each KIND[=VALUE][@[POINT/]COUNT[+]][:DEVICE]: at the COUNTth call (1)
 * at POINT since arming, on DEVICE (0 ..) or counted over all; "+": from then on at each.
 *
 *   kind         point   what happens
 *   build        build   CL_BUILD_PROGRAM_FAILURE, with a log
 *   abort-build  build   abort()
 *   memory       buffer  CL_MEM_OBJECT_ALLOCATION_FAILURE
 *   resources    launch  CL_OUT_OF_RESOURCES; at run: the command is taken and it and all later ones of
 *                        its queue end with that status
 *   unavailable  launch  CL_DEVICE_NOT_AVAILABLE, then from every call but releases
 *   removed      launch  the same, and the device is not listed any more (a platform without devices
 *                        gives CL_DEVICE_NOT_FOUND); COUNT 0 of both: from the beginning
 *   hang         run     the command never ends, nor what is behind it; with VALUE: for so many ms from its turn. At
 *                        wait: the calling thread sleeps in the call
 *   slow         launch  each takes VALUE ms more ("+" is understood)
 *   hold         launch  the calling thread sleeps in the call until faults are armed anew, VALUE ms at most
 *
 * Points: build (of a source), load (of a binary), buffer (clCreateBuffer), launch, read, write, run
 * (any of those three), wait (clFinish, clWaitForEvents, blocking reads and writes).
 */
#ifndef SLM_TESTS_MOCK_ICD_H
#define SLM_TESTS_MOCK_ICD_H

#include <stdbool.h>
#include <stdint.h>

enum { MOCK_DEVICES_MAX = 16 };

/* Since the driver was loaded, by this process. */
struct mock_counts {
	uint64_t builds, loads, buffers, launches, reads, writes, runs, waits;
	uint64_t buffers_freed;
	uint64_t live_bytes; /* of buffers that are not freed */
};

/* For tests that link the driver. Any thread. */

/* Arms FAULTS in place of all before, counting anew; "" arms none. Devices that were gone are back. */
bool mock_arm(const char *faults);
/* Threads that are held now. */
unsigned mock_held(void);
void mock_counts(unsigned device, struct mock_counts *ret_counts);
/* Objects of all kinds and devices that are not freed. */
unsigned mock_live(void);

#endif

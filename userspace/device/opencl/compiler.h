/* SPDX-License-Identifier: MIT */
/*
 * Building a program, in this process or in a child. A driver's compiler may abort, crash or hang; the
 * first build of a program is therefore left to the program slm-clc, which also runs a self-test and
 * leaves the binary for us to load.
 */
#ifndef SLM_DEVICE_OPENCL_COMPILER_H
#define SLM_DEVICE_OPENCL_COMPILER_H

#include "internal.h"

/* How slm-clc ends. */
enum {
	CLC_DONE = 0,
	CLC_REFUSED = 1,  /* the driver does not compile it, or gives wrong numbers */
	CLC_CANNOT = 2,	  /* the device is not there */
	CLC_NOT_KEPT = 3, /* it compiles, but the driver gives no binary or the disk takes none */
};

struct compile_job {
	const struct opencl_facts *facts;
	const char *source;
	const char *options;
	struct watchdog *watchdog; /* NULL: whoever waits for this process looks after it */
	struct compile_wait *wait; /* NULL: nobody is told that it takes long */
	bool is_kept;		   /* by the cache: it takes long only once */
	const atomic_bool *cancel; /* ends a child; NULL: none */
};

/*
 * Builds in CONTEXT and checks the kernel `self_test` against plain C. 0; -ENOEXEC where the driver
 * refuses the source (its log through LOG) or gives wrong numbers; else as cl_error_code().
 */
int compile_here(cl_context context, const struct compile_job *job, const struct log *log,
		 cl_program *ret_program);

/*
 * Adds BEGIN_NS until now to the time that was spent compiling for the device. Where it is beyond
 * COMPILE_PATIENCE_NS a notice says so, once for each device of a list.
 */
#define COMPILE_PATIENCE_NS UINT64_C(2000000000)
void compile_spent(const struct compile_job *job, uint64_t begin_ns, const struct log *log);

/* Runs the self-test of a program that was loaded. */
int compile_self_test(cl_context context, cl_program program, const struct compile_job *job,
		      const struct log *log);

/*
 * Has slm-clc ($SLM_CLC, beside the running program, or installed) build it and write the binary to
 * PATH (a program_cache.h file). 0, and then there may still be no binary; -ENOEXEC as above, also
 * where the child crashed or took longer than $SLM_CLC_SECONDS (180); -ENOENT when there is no
 * slm-clc that can do it; -ECANCELED where CANCEL did, or (logged) somebody else stopped it.
 */
int compile_in_child(const struct compile_job *job, const char *path, const struct log *log);

#endif

// SPDX-License-Identifier: MIT
/* Owns the building of programs in this process and the self-test. Refuses a program that miscounts. */
#include <errno.h>
#include <stdlib.h>

#include "array.h"
#include "cleanup.h"
#include "clock.h"
#include "compiler.h"

enum { LOG_SHOWN = 900 }; /* bytes of a compiler's log */

static void show_build_log(cl_program program, const struct compile_job *job, const struct log *log)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;

	if (clGetProgramBuildInfo(program, job->facts->device, CL_PROGRAM_BUILD_LOG, 0, NULL,
				  &size) != CL_SUCCESS ||
	    size == 0)
		return;
	text = calloc(1, size + 1);
	if (!text || clGetProgramBuildInfo(program, job->facts->device, CL_PROGRAM_BUILD_LOG, size,
					   text, NULL) != CL_SUCCESS)
		return;
	log_debug(log, "%s: the driver says: %.*s", job->facts->name, LOG_SHOWN, text);
}

static int build(cl_context context, const struct compile_job *job, const struct log *log,
		 cl_program *ret_program)
{
	cl_program program;
	cl_int code;

	program = clCreateProgramWithSource(context, 1, (const char *[]){job->source}, NULL, &code);
	if (code != CL_SUCCESS)
		return cl_failed(log, job->facts->name, "clCreateProgramWithSource", code);
	code = clBuildProgram(program, 1, &job->facts->device, job->options, NULL, NULL);
	if (code == CL_SUCCESS) {
		*ret_program = program;
		return 0;
	}
	show_build_log(program, job, log);
	(void)clReleaseProgram(program);
	if (code == CL_BUILD_PROGRAM_FAILURE || code == CL_INVALID_BUILD_OPTIONS)
		return -ENOEXEC;
	return cl_failed(log, job->facts->name, "clBuildProgram", code);
}

int compile_here(cl_context context, const struct compile_job *job, const struct log *log,
		 cl_program *ret_program)
{
	cl_program program = NULL;
	int r;

	r = build(context, job, log, &program);
	if (r < 0)
		return r;
	r = compile_self_test(context, program, job, log);
	if (r < 0) {
		if (!watchdog_hangs(job->watchdog))
			(void)clReleaseProgram(program);
		return r;
	}
	*ret_program = program;
	return 0;
}

void compile_spent(const struct compile_job *job, uint64_t begin_ns, const struct log *log)
{
	struct compile_wait *wait = job->wait;

	if (!wait)
		return;
	wait->spent_ns += clock_now_ns() - begin_ns;
	if (wait->spent_ns < COMPILE_PATIENCE_NS || atomic_exchange(&wait->told, true))
		return;
	log_notice(log, "compiling kernels for %s: this may take a minute, %s", job->facts->name,
		   job->is_kept ? "once for each version of its driver"
				: "and does so at every start where nothing can be kept");
}

/* ---- the self-test: out[r] = sum over j of unsigned byte j of w[r] times a[j] ---- */

struct self_test {
	cl_context context;
	struct watchdog *watchdog;
	cl_command_queue queue;
	cl_kernel kernel;
	cl_mem w, a, out;
	int32_t *words; /* [16], what came out */
};

static void self_test_finish(struct self_test *test)
{
	/* The driver may still use them, and write the words. */
	if (watchdog_hangs(test->watchdog))
		return;
	free(test->words);
	if (test->out)
		(void)clReleaseMemObject(test->out);
	if (test->a)
		(void)clReleaseMemObject(test->a);
	if (test->w)
		(void)clReleaseMemObject(test->w);
	if (test->kernel)
		(void)clReleaseKernel(test->kernel);
	if (test->queue)
		(void)clReleaseCommandQueue(test->queue);
}

static cl_int self_test_make(struct self_test *test, cl_program program, cl_device_id device,
			     uint8_t w[64], int8_t a[4])
{
	cl_int code;

	test->queue = clCreateCommandQueue(test->context, device, 0, &code);
	if (code == CL_SUCCESS)
		test->kernel = clCreateKernel(program, "self_test", &code);
	if (code == CL_SUCCESS)
		test->w = clCreateBuffer(test->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, 64,
					 w, &code);
	if (code == CL_SUCCESS)
		test->a = clCreateBuffer(test->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, 4,
					 a, &code);
	if (code == CL_SUCCESS)
		test->out = clCreateBuffer(test->context, CL_MEM_READ_WRITE, 64, NULL, &code);
	return code;
}

static cl_int self_test_read(struct self_test *test)
{
	cl_event event;
	cl_int code;

	if (!test->watchdog)
		return clEnqueueReadBuffer(test->queue, test->out, CL_TRUE, 0, 64, test->words, 0,
					   NULL, NULL);
	code = clEnqueueReadBuffer(test->queue, test->out, CL_FALSE, 0, 64, test->words, 0, NULL,
				   &event);
	if (code != CL_SUCCESS)
		return code;
	code = clFlush(test->queue);
	if (code == CL_SUCCESS)
		code = watchdog_wait(test->watchdog, event);
	if (code != SLM_DEVICE_HANGS)
		(void)clReleaseEvent(event);
	return code;
}

static cl_int self_test_run(struct self_test *test)
{
	const cl_mem args[] = {test->w, test->a, test->out};
	const size_t items = 1;
	cl_int code = CL_SUCCESS;

	for (cl_uint i = 0; i < ARRAY_SIZE(args) && code == CL_SUCCESS; i++)
		code = clSetKernelArg(test->kernel, i, sizeof(args[i]), &args[i]);
	if (code == CL_SUCCESS)
		code = clEnqueueNDRangeKernel(test->queue, test->kernel, 1, NULL, &items, &items, 0,
					      NULL, NULL);
	return code == CL_SUCCESS ? self_test_read(test) : code;
}

int compile_self_test(cl_context context, cl_program program, const struct compile_job *job,
		      const struct log *log)
{
	struct self_test test __attribute__((cleanup(self_test_finish))) = {
		.context = context,
		.watchdog = job->watchdog,
		.words = driver_memory_alloc(16 * sizeof(int32_t)),
	};
	int8_t a[4] = {127, -127, 88, -3};
	uint8_t w[64];
	cl_int code;

	if (!test.words)
		return log_oom(log, "compiling kernels");

	for (unsigned i = 0; i < sizeof(w); i++)
		w[i] = (uint8_t)(i * 37 + 255);
	code = self_test_make(&test, program, job->facts->device, w, a);
	if (code == CL_SUCCESS)
		code = self_test_run(&test);
	if (code != CL_SUCCESS)
		return cl_failed(log, job->facts->name, "the self-test", code);
	for (int r = 0; r < 16; r++) {
		int32_t sum = 0;

		for (int j = 0; j < 4; j++)
			sum += w[4 * r + j] * a[j];
		if (test.words[r] != sum)
			return -ENOEXEC;
	}
	return 0;
}

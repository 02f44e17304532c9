// SPDX-License-Identifier: MIT
/* Owns the building of programs and the self-test. The other side of compile_in_child() is at the end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "array.h"
#include "cleanup.h"
#include "clock.h"
#include "compiler.h"
#include "path.h"
#include "program_cache.h"

#ifndef SLM_LIBEXEC_DIR
#define SLM_LIBEXEC_DIR "/usr/local/libexec/slm"
#endif

enum {
	LOG_SHOWN = 900, /* bytes of a compiler's log */
	SOURCE_MAX = 8 << 20,
};

extern char **environ;

/* ---- here ---- */

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
	r = compile_self_test(context, program, job->facts, log);
	if (r < 0) {
		(void)clReleaseProgram(program);
		return r;
	}
	*ret_program = program;
	return 0;
}

/* ---- the self-test: out[r] = sum over j of unsigned byte j of w[r] times a[j] ---- */

struct self_test {
	cl_context context;
	cl_command_queue queue;
	cl_kernel kernel;
	cl_mem w, a, out;
};

static void self_test_finish(struct self_test *test)
{
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

static cl_int self_test_run(struct self_test *test, int32_t out[16])
{
	const cl_mem args[] = {test->w, test->a, test->out};
	const size_t items = 1;
	cl_int code = CL_SUCCESS;

	for (cl_uint i = 0; i < ARRAY_SIZE(args) && code == CL_SUCCESS; i++)
		code = clSetKernelArg(test->kernel, i, sizeof(args[i]), &args[i]);
	if (code == CL_SUCCESS)
		code = clEnqueueNDRangeKernel(test->queue, test->kernel, 1, NULL, &items, &items, 0,
					      NULL, NULL);
	if (code == CL_SUCCESS)
		code = clEnqueueReadBuffer(test->queue, test->out, CL_TRUE, 0, 64, out, 0, NULL,
					   NULL);
	return code;
}

int compile_self_test(cl_context context, cl_program program, const struct opencl_facts *facts,
		      const struct log *log)
{
	struct self_test test __attribute__((cleanup(self_test_finish))) = {.context = context};
	int8_t a[4] = {127, -127, 88, -3};
	int32_t out[16];
	uint8_t w[64];
	cl_int code;

	for (unsigned i = 0; i < sizeof(w); i++)
		w[i] = (uint8_t)(i * 37 + 255);
	code = self_test_make(&test, program, facts->device, w, a);
	if (code == CL_SUCCESS)
		code = self_test_run(&test, out);
	if (code != CL_SUCCESS)
		return cl_failed(log, facts->name, "the self-test", code);
	for (int r = 0; r < 16; r++) {
		int32_t sum = 0;

		for (int j = 0; j < 4; j++)
			sum += w[4 * r + j] * a[j];
		if (out[r] != sum)
			return -ENOEXEC;
	}
	return 0;
}

/* ---- in a child ---- */

/* slm-clc: named by the environment, beside the running program, or where it was installed. */
static char *find_compiler(void)
{
	const char *named = getenv("SLM_CLC");
	char self[4096], *slash, *path;
	ssize_t n;

	if (named && *named)
		return access(named, X_OK) == 0 ? strdup(named) : NULL;
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		path = slash ? path_format("%.*s/slm-clc", (int)(slash - self), self) : NULL;
		if (path && access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return access(SLM_LIBEXEC_DIR "/slm-clc", X_OK) == 0 ? strdup(SLM_LIBEXEC_DIR "/slm-clc")
							     : NULL;
}

struct child {
	pid_t pid;
	int input;  /* its standard input: the source */
	int output; /* its standard error: what it has to say */
};

static int spawn_child(const struct compile_job *job, const char *program, const char *path,
		       struct child *ret_child)
{
	char platform[16], device[16];
	char *argv[] = {(char *)program,      platform,	    device, (char *)job->facts->name,
			(char *)job->options, (char *)path, NULL};
	int in[2], out[2], error;
	posix_spawn_file_actions_t actions;

	(void)snprintf(platform, sizeof(platform), "%u", job->facts->platform_index);
	(void)snprintf(device, sizeof(device), "%u", job->facts->device_index);
	if (pipe2(in, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(out, O_CLOEXEC) < 0) {
		error = errno;
		(void)close(in[0]);
		(void)close(in[1]);
		return -error;
	}
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, out[1], STDERR_FILENO);
	error = posix_spawn(&ret_child->pid, program, &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(in[0]);
	(void)close(out[1]);
	ret_child->input = in[1];
	ret_child->output = out[0];
	if (error != 0) {
		(void)close(in[1]);
		(void)close(out[0]);
	}
	return -error;
}

/* Feeds the source and gathers what the child says until it ends or its time is over. */
static bool talk_to_child(const struct child *child, const char *source, char *said,
			  size_t said_size)
{
	uint64_t until = clock_now_ns() + COMPILER_TIMEOUT_MS * UINT64_C(1000000), now;
	size_t left = strlen(source), n_said = 0;
	int input = child->input;

	for (now = clock_now_ns(); now < until; now = clock_now_ns()) {
		struct pollfd fds[] = {{child->output, POLLIN, 0}, {input, POLLOUT, 0}};
		char bytes[512];
		ssize_t n;

		if (poll(fds, input >= 0 ? 2 : 1, (int)((until - now) / 1000000) + 1) < 0 &&
		    errno != EINTR)
			break;
		if (input >= 0 && fds[1].revents) {
			n = left > 0 ? write(input, source, MIN(left, 4096u)) : 0;
			source += MAX(n, 0);
			left -= (size_t)MAX(n, 0);
			if (left == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
				(void)close(input);
				input = -1;
			}
		}
		if (!fds[0].revents)
			continue;
		n = read(child->output, bytes, sizeof(bytes));
		if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
			if (input >= 0)
				(void)close(input);
			return true;
		}
		for (ssize_t i = 0; i < n && n_said + 1 < said_size; i++)
			said[n_said++] = bytes[i];
	}
	if (input >= 0)
		(void)close(input);
	return false;
}

static int judge_child(const struct compile_job *job, bool in_time, int status, const char *said,
		       const struct log *log)
{
	if (!in_time) {
		log_warning(log,
			    "%s: its driver's compiler did not end within %d s and was stopped",
			    job->facts->name, COMPILER_TIMEOUT_MS / 1000);
		return -ENOEXEC;
	}
	if (WIFSIGNALED(status)) {
		log_warning(log, "%s: its driver's compiler was killed by signal %d (%s)",
			    job->facts->name, WTERMSIG(status), strsignal(WTERMSIG(status)));
		return -ENOEXEC;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	log_debug(log, "%s: slm-clc says: %s", job->facts->name, said);
	return -ENOEXEC;
}

/* A write to a child that has died must be an error code, not a signal to the whole program. */
static void hold_sigpipe(bool hold, sigset_t *before)
{
	const struct timespec now = {0};
	sigset_t pipe_only;

	(void)sigemptyset(&pipe_only);
	(void)sigaddset(&pipe_only, SIGPIPE);
	if (hold) {
		(void)pthread_sigmask(SIG_BLOCK, &pipe_only, before);
		return;
	}
	if (!sigismember(before, SIGPIPE))
		(void)sigtimedwait(&pipe_only, NULL, &now);
	(void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

int compile_in_child(const struct compile_job *job, const char *path, const struct log *log)
{
	_cleanup_free_ char *program = find_compiler();
	char said[LOG_SHOWN] = "";
	struct child child;
	int status = 0, r;
	sigset_t before;
	bool in_time;

	if (!program)
		return -ENOENT;
	r = spawn_child(job, program, path, &child);
	if (r < 0)
		return -ENOENT;
	hold_sigpipe(true, &before);
	in_time = talk_to_child(&child, job->source, said, sizeof(said));
	hold_sigpipe(false, &before);
	(void)close(child.output);
	if (!in_time)
		(void)kill(child.pid, SIGKILL);
	while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR)
		;
	return judge_child(job, in_time, status, said, log);
}

/* ---- the child: slm-clc PLATFORM DEVICE NAME OPTIONS PATH < SOURCE ---- */

static void complain(void *data, enum log_level level, const char *text)
{
	(void)data;
	(void)level;
	(void)fprintf(stderr, "%s\n", text);
}

static char *read_source(void)
{
	char *text = calloc(1, SOURCE_MAX + 1);
	size_t n = text ? fread(text, 1, SOURCE_MAX, stdin) : 0;

	if (n > 0)
		return text;
	free(text);
	return NULL;
}

static const struct opencl_facts *find_facts(const struct device_list *list, const char *platform,
					     const char *device, const char *name)
{
	char selector[40];

	(void)snprintf(selector, sizeof(selector), "opencl:%.15s.%.15s", platform, device);
	for (size_t i = 0; i < list->n_entries; i++) {
		const struct device_entry *entry = &list->entries[i];

		if (strcmp(entry->selector, selector) == 0 && strcmp(entry->name, name) == 0 &&
		    entry->usable)
			return entry->driver_data;
	}
	return NULL;
}

int opencl_compiler_main(int argc, char **argv)
{
	const struct log log = {complain, NULL, LOG_LEVEL_DEBUG};
	struct compile_job job = {0};
	struct device_list *list;
	cl_context context;
	cl_program program;
	cl_int code;

	if (argc != 6 || device_list_create(DEVICES_ALL, &log, &list) < 0)
		return 2;
	job.facts = find_facts(list, argv[1], argv[2], argv[3]);
	job.options = argv[4];
	job.source = read_source();
	if (!job.facts || !job.source)
		return 2;
	context = clCreateContext(NULL, 1, &job.facts->device, NULL, NULL, &code);
	if (code != CL_SUCCESS)
		return cl_failed(&log, argv[3], "clCreateContext", code) < 0;
	if (compile_here(context, &job, &log, &program) < 0)
		return 1;
	return program_cache_store(program, argv[5]) < 0;
}

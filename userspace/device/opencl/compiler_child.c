// SPDX-License-Identifier: MIT
/* Owns the child that compiles. Refuses to wait for ever, and to blame a driver for our being stopped. */
#include <dlfcn.h>
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

enum { SAID_MAX = 900, SECONDS_DEFAULT = 180, LOOK_MS = 100 };

extern char **environ;

static unsigned compiler_seconds(void)
{
	const char *wanted = getenv("SLM_CLC_SECONDS");
	unsigned long seconds = wanted ? strtoul(wanted, NULL, 10) : 0;

	return seconds > 0 && seconds <= 86400 ? (unsigned)seconds : SECONDS_DEFAULT;
}

/* FOLDER/slm-clc if it can be run, else NULL. */
static char *compiler_in(const char *folder)
{
	char *path = path_format("%s/slm-clc", folder);

	if (path && access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/* Beside FILE, or where an installation puts it as seen from FILE. */
static char *compiler_near(const char *file, const char *libexec_from_there)
{
	_cleanup_free_ char *folder = realpath(file, NULL), *installed = NULL;
	char *path;

	if (!folder)
		return NULL;
	*strrchr(folder, '/') = '\0';
	path = compiler_in(folder);
	if (path)
		return path;
	installed = path_format("%s/%s", folder, libexec_from_there);
	return installed ? compiler_in(installed) : NULL;
}

/* The file that holds this code: libslm, where that is not part of a program of ours. */
static char *compiler_near_library(void)
{
	static const char here;
	Dl_info info;

	if (dladdr(&here, &info) == 0 || !info.dli_fname || *info.dli_fname != '/')
		return NULL;
	return compiler_near(info.dli_fname, SLM_LIBEXEC_FROM_LIB);
}

/* slm-clc: named by the environment, near the running code, or where it was installed. */
static char *find_compiler(void)
{
	const char *named = getenv("SLM_CLC");
	char *path;

	if (named && *named)
		return access(named, X_OK) == 0 ? strdup(named) : NULL;
	path = compiler_near("/proc/self/exe", SLM_LIBEXEC_FROM_BIN);
	if (!path)
		path = compiler_near_library();
	return path ? path : compiler_in(SLM_LIBEXEC_DIR);
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
	posix_spawnattr_t attributes;
	sigset_t none;

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
	/* We may be a thread that takes no signals; the child is to. */
	(void)sigemptyset(&none);
	(void)posix_spawnattr_init(&attributes);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	error = posix_spawn(&ret_child->pid, program, &actions, &attributes, argv, environ);
	(void)posix_spawnattr_destroy(&attributes);
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

static bool is_cancelled(const struct compile_job *job)
{
	return job->cancel && atomic_load(job->cancel);
}

/* Feeds JOB's source and gathers what the child says until it ends, is cancelled or its time is over. */
static bool talk_to_child(const struct child *child, const struct compile_job *job, char *said,
			  size_t said_size)
{
	uint64_t until = clock_now_ns() + compiler_seconds() * UINT64_C(1000000000);
	const char *source = job->source;
	size_t left = strlen(source), n_said = 0;
	int input = child->input;

	while (clock_now_ns() < until && !is_cancelled(job)) {
		struct pollfd fds[] = {{child->output, POLLIN, 0}, {input, POLLOUT, 0}};
		char bytes[512];
		ssize_t n;

		if (poll(fds, input >= 0 ? 2 : 1, LOOK_MS) < 0 && errno != EINTR)
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

/* What people and a kernel short of memory send; nothing that says how good the compiler is. */
static bool is_from_outside(int signal)
{
	return signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGKILL;
}

static int judge_child(const struct compile_job *job, bool in_time, int status, const char *said,
		       const struct log *log)
{
	if (!in_time && is_cancelled(job))
		return -ECANCELED;
	if (!in_time) {
		log_warning(log,
			    "%s: its driver's compiler did not end within %d s and was stopped",
			    job->facts->name, (int)compiler_seconds());
		return -ENOEXEC;
	}
	if (WIFSIGNALED(status) && is_from_outside(WTERMSIG(status)))
		return log_error(log, ECANCELED,
				 "%s: the compiling of its kernels was stopped (%s)",
				 job->facts->name, strsignal(WTERMSIG(status)));
	if (WIFSIGNALED(status)) {
		log_warning(log, "%s: its driver's compiler was killed by signal %d (%s)",
			    job->facts->name, WTERMSIG(status), strsignal(WTERMSIG(status)));
		return -ENOEXEC;
	}
	log_debug(log, "%s: slm-clc says: %s", job->facts->name, said);
	switch (WEXITSTATUS(status)) {
	case CLC_DONE:
	case CLC_NOT_KEPT:
		return 0;
	case CLC_REFUSED:
		return -ENOEXEC;
	default:
		return -ENOENT;
	}
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
	char said[SAID_MAX] = "";
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
	in_time = talk_to_child(&child, job, said, sizeof(said));
	hold_sigpipe(false, &before);
	(void)close(child.output);
	if (!in_time)
		(void)kill(child.pid, SIGKILL);
	while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR)
		;
	return judge_child(job, in_time, status, said, log);
}

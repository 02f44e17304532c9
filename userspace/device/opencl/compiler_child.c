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

#define LOOK_NS UINT64_C(100000000)

enum { SAID_MAX = 900, SECONDS_DEFAULT = 180 };

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

struct talk {
	int input; /* the child's; -1: all was said */
	int output;
	const char *source;
	size_t left; /* of the source */
	char *said;
	size_t said_size, n_said;
};

static void hang_up(struct talk *talk)
{
	if (talk->input >= 0)
		(void)close(talk->input);
	talk->input = -1;
}

static void feed(struct talk *talk)
{
	ssize_t n = talk->left > 0 ? write(talk->input, talk->source, MIN(talk->left, 4096u)) : 0;

	talk->source += MAX(n, 0);
	talk->left -= (size_t)MAX(n, 0);
	if (talk->left == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		hang_up(talk);
}

/* False when the child has ended. */
static bool listen_to(struct talk *talk)
{
	char bytes[512];
	ssize_t n = read(talk->output, bytes, sizeof(bytes));

	for (ssize_t i = 0; i < n && talk->n_said + 1 < talk->said_size; i++)
		talk->said[talk->n_said++] = bytes[i];
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

/* Waits so long for what can be done, and does it. False when the child has ended. */
static bool talk_on(struct talk *talk, uint64_t ns)
{
	struct pollfd fds[] = {{talk->output, POLLIN, 0}, {talk->input, POLLOUT, 0}};

	if (poll(fds, talk->input >= 0 ? 2 : 1, (int)(ns / 1000000) + 1) <= 0)
		return true;
	if (talk->input >= 0 && fds[1].revents)
		feed(talk);
	return !fds[0].revents || listen_to(talk);
}

/* How long nobody needs to be told that it takes long. */
static uint64_t patience_ns(const struct compile_wait *wait)
{
	uint64_t spent_ns = wait ? wait->spent_ns : 0;

	if (!wait || wait->told)
		return UINT64_MAX;
	return COMPILE_PATIENCE_NS - MIN(spent_ns, COMPILE_PATIENCE_NS);
}

static bool is_cancelled(const struct compile_job *job)
{
	return job->cancel && atomic_load(job->cancel);
}

/* Feeds the source and gathers what the child says. Has it ended before its time is over? */
static bool talk_to_child(const struct compile_job *job, const struct child *child,
			  char said[static SAID_MAX], const struct log *log)
{
	uint64_t now = clock_now_ns(), until = now + compiler_seconds() * UINT64_C(1000000000);
	struct talk talk = {.input = child->input,
			    .output = child->output,
			    .source = job->source,
			    .left = strlen(job->source),
			    .said = said,
			    .said_size = SAID_MAX};
	bool lives = true;

	while (lives && now < until && !is_cancelled(job)) {
		lives = talk_on(&talk, MIN(MIN(until - now, LOOK_NS), patience_ns(job->wait)));
		compile_spent(job, now, log);
		now = clock_now_ns();
	}
	hang_up(&talk);
	return !lives;
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
	in_time = talk_to_child(job, &child, said, log);
	hold_sigpipe(false, &before);
	(void)close(child.output);
	if (!in_time)
		(void)kill(child.pid, SIGKILL);
	while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR)
		;
	return judge_child(job, in_time, status, said, log);
}

// SPDX-License-Identifier: MIT
/* Owns child processes. Refuses to leave one behind: it dies with us. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "process.h"

static void become(const struct process_params *params, int out_fd, int error_fd, pid_t parent)
{
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGXFSZ, SIG_DFL);
	if (getppid() != parent || dup2(null_fd, STDIN_FILENO) < 0 ||
	    dup2(out_fd, STDOUT_FILENO) < 0 || dup2(error_fd, STDERR_FILENO) < 0)
		_exit(PROCESS_NOT_FOUND);
	if (params->temporary)
		(void)setenv("TMPDIR", params->temporary, 1);
	(void)execvp(params->argv[0], (char *const *)params->argv);
	_exit(PROCESS_NOT_FOUND);
}

int process_start(struct process *process, const struct process_params *params,
		  const struct log *log)
{
	_cleanup_close_ int error_fd = memfd_create("slm-pull", MFD_CLOEXEC);
	_cleanup_close_ int read_fd = -1, write_fd = -1;
	pid_t parent = getpid(), pid;
	int ends[2];

	if (error_fd < 0)
		return log_error(log, errno, "cannot start %s: %s", params->argv[0],
				 strerror(errno));
	if (params->wants_output) {
		if (pipe2(ends, O_CLOEXEC) < 0)
			return log_error(log, errno, "cannot start %s: %s", params->argv[0],
					 strerror(errno));
		read_fd = ends[0];
		write_fd = ends[1];
	}
	pid = fork();
	if (pid == 0)
		become(params, write_fd >= 0 ? write_fd : error_fd, error_fd, parent);
	if (pid < 0)
		return log_error(log, errno, "cannot start %s: %s", params->argv[0],
				 strerror(errno));
	*process = (struct process){pid, take_fd(&read_fd), take_fd(&error_fd)};
	return 0;
}

static int status_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool process_is_running(struct process *process, int *ret_status)
{
	int status;
	pid_t pid = waitpid(process->pid, &status, WNOHANG);

	if (pid == 0 || (pid < 0 && errno == EINTR))
		return true;
	process->pid = -1;
	*ret_status = pid < 0 ? PROCESS_NOT_FOUND : status_of(status);
	return false;
}

int process_wait(struct process *process)
{
	int status = 0;

	while (waitpid(process->pid, &status, 0) < 0) {
		if (errno != EINTR)
			return PROCESS_NOT_FOUND;
	}
	process->pid = -1;
	return status_of(status);
}

void process_finish(struct process *process)
{
	if (process->pid > 0) {
		(void)kill(process->pid, SIGKILL);
		(void)process_wait(process);
	}
	if (process->out_fd >= 0)
		(void)close(process->out_fd);
	if (process->error_fd >= 0)
		(void)close(process->error_fd);
	*process = PROCESS_NONE;
}

void process_errors(const struct process *process, char text[static PROCESS_ERROR_MAX])
{
	off_t size = lseek(process->error_fd, 0, SEEK_END);
	off_t first = size >= PROCESS_ERROR_MAX ? size - PROCESS_ERROR_MAX + 1 : 0;
	ssize_t n = pread(process->error_fd, text, PROCESS_ERROR_MAX - 1, first);

	text[n > 0 ? n : 0] = '\0';
}

// SPDX-License-Identifier: MIT
/* Owns the program's handling of SIGBUS. Refuses to guess at one that is not about a mapped file. */
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "exit_code.h"
#include "lost_file.h"
#include "terminal_log.h"

static const char sentence[] =
	"\nslm: a file in use, the model or its pack in the cache, was cut short or "
	"can no longer be read; restore it and start again\n";

static void report_lost_file(int number, siginfo_t *info, void *context)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;
	/* its newline only where something stands before it */
	size_t skip = terminal_is_in_line() ? 0 : 1;
	ssize_t size;

	(void)context;
	if (info->si_code != BUS_ADRERR) {
		/* Not ours: back at the instruction it comes again, and has its usual end. */
		(void)signal(number, SIG_DFL);
		return;
	}
	/* Several threads may come here at once: one speaks, and ends all. */
	while (atomic_flag_test_and_set(&said))
		(void)pause();
	size = write(STDERR_FILENO, sentence + skip, sizeof(sentence) - 1 - skip);
	(void)size;
	_exit(EXIT_CODE_FAILED);
}

void lost_file_init(void)
{
	struct sigaction action = {.sa_sigaction = report_lost_file, .sa_flags = SA_SIGINFO};

	(void)sigaction(SIGBUS, &action, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Messages to whoever embeds us: one callback, five levels, no global state. A message is written
 * once, where the cause is known, as one sentence that says what, where, whose fault and what to
 * do; callers pass the code on without repeating it. A NULL log is silent everywhere.
 */
#ifndef SLM_BASE_LOG_H
#define SLM_BASE_LOG_H

#include <errno.h>

enum log_level {
	LOG_LEVEL_ERROR,   /* the call fails because of this */
	LOG_LEVEL_WARNING, /* something is ignored or done in a worse way; the call goes on */
	LOG_LEVEL_NOTICE, /* all is well, and it must be said: what a user would wait for and wonder */
	LOG_LEVEL_INFO,	 /* what a user who asked for it (-v) wants to know */
	LOG_LEVEL_DEBUG, /* what we want to know when a user reports a bug (-vv) */
};

struct log {
	/* TEXT has no newline at its end and lives only during the call. Any thread may call. */
	void (*write)(void *data, enum log_level level, const char *text);
	void *data;
	enum log_level max_level;
};

void log_message(const struct log *log, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * log_error(log, ERROR, format, ...): logs and gives -ERROR (a positive errno), so that
 * `return log_error(...)` reads well. A macro, so that the compiler sees that it is not 0.
 */
#define log_error(log, error, ...)                              \
	__extension__({                                         \
		int _error = (error);                           \
		log_message(log, LOG_LEVEL_ERROR, __VA_ARGS__); \
		-_error;                                        \
	})
#define log_warning(log, ...) log_message(log, LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(log, ...)  log_message(log, LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(log, ...)    log_message(log, LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(log, ...)   log_message(log, LOG_LEVEL_DEBUG, __VA_ARGS__)

/* The one sentence for every failed allocation: "out of memory while DOING". Gives -ENOMEM. */
#define log_oom(log, doing) log_error(log, ENOMEM, "out of memory while %s", doing)

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Cleanup by scope: the only way this tree frees on early return. A constructor keeps its
 * half-built object in such a variable and hands it out with TAKE(). Never mixed with goto.
 */
#ifndef SLM_BASE_CLEANUP_H
#define SLM_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

/* DEFINE_CLEANUP(struct thing, thing_destroy): allows `_cleanup_(thing_destroy_p) struct thing *t`. */
#define DEFINE_CLEANUP(type, function)                  \
	static inline void function##_p(type **pointer) \
	{                                               \
		function(*pointer);                     \
	}

/* TAKE(p): the value of p, which is NULL afterwards. */
#define TAKE(pointer)                                   \
	__extension__({                                 \
		__typeof__(pointer) _taken = (pointer); \
		(pointer) = NULL;                       \
		_taken;                                 \
	})

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static inline void free_p(void *pointer)
{
	free(*(void **)pointer);
}

static inline void close_p(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline void fclose_p(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

#define _cleanup_free_	 _cleanup_(free_p)
#define _cleanup_close_	 _cleanup_(close_p)
#define _cleanup_fclose_ _cleanup_(fclose_p)

#endif

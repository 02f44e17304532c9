/* SPDX-License-Identifier: MIT */
/* Small attributes in files, as sysfs has them: one line each, of which nothing is taken on trust. */
#ifndef SLM_SIGNALS_SYSFS_H
#define SLM_SIGNALS_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SYSFS_TEXT_MAX = 128,
	SYSFS_PATH_MAX = 512,
};

/*
 * The first line of DIR/NAME without blanks at its ends, into TEXT. 0; -ENOENT where there is no such
 * file; -EINVAL for a line that is empty, longer than TEXT or not printable ASCII; -ENAMETOOLONG; else
 * -errno. TEXT is "" then. Never waits: a FIFO is -EINVAL.
 */
int sysfs_text(const char *dir, const char *name, char text[static SYSFS_TEXT_MAX]);

/* A number that fills the line, decimal or 0x..., of at most LIMIT; -ERANGE above. Else as above. */
int sysfs_number(const char *dir, const char *name, uint64_t limit, uint64_t *ret_number);

/* The last part of what the link DIR/NAME points to. 0, -ENOENT, -EINVAL (no link, or odd). */
int sysfs_link(const char *dir, const char *name, char text[static SYSFS_TEXT_MAX]);

/* The same for a text that is there already; LIMIT as above. */
int sysfs_parse(const char *text, uint64_t limit, uint64_t *ret_number);

#endif

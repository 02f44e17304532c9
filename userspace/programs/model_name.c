// SPDX-License-Identifier: MIT
/* Owns the names of models. A file that exists is meant before any name is. */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "known_models.h"
#include "model_name.h"
#include "path.h"
#include "spelling.h"

#define MODEL_ENDING ".gguf"

static bool has_ending(const char *name)
{
	size_t n = strlen(name);

	return n > strlen(MODEL_ENDING) &&
	       strcasecmp(name + n - strlen(MODEL_ENDING), MODEL_ENDING) == 0;
}

int model_folder(const struct log *log, char **ret_folder)
{
	_cleanup_free_ char *cache = NULL;
	const char *chosen = getenv("SLM_MODELS");
	char *folder;
	int r;

	if (chosen && *chosen) {
		folder = strdup(chosen);
	} else {
		r = path_cache_dir(&cache);
		if (r == -ENOENT)
			return log_error(log, ENOENT,
					 "there is no folder for models: set "
					 "SLM_MODELS, or HOME");
		folder = r < 0 ? NULL : path_format("%s/models", cache);
	}
	if (!folder)
		return log_oom(log, "looking for the model");
	*ret_folder = folder;
	return 0;
}

/* ---- names of files in the folder ---- */

static bool name_matches(const char *file, const char *name)
{
	size_t n = strlen(name);

	return has_ending(file) &&
	       (strcasecmp(file, name) == 0 ||
		(strncasecmp(file, name, n) == 0 && strlen(file) == n + strlen(MODEL_ENDING)));
}

static void each_file(const char *folder, bool (*visit)(void *data, const char *file), void *data)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.' && has_ending(entry->d_name) &&
		    visit(data, entry->d_name))
			break;
	}
	(void)closedir(dir);
}

struct search {
	const char *name;
	const char *folder;
	char *path; /* NULL: not found */
	struct spelling spelling;
	char near_file[256];
};

static bool search_file(void *data, const char *file)
{
	struct search *search = data;
	const char *best = search->spelling.best;

	if (name_matches(file, search->name)) {
		search->path = path_format("%s/%s", search->folder, file);
		return true;
	}
	spelling_offer(&search->spelling, file);
	/* FILE is gone with the next entry. */
	if (search->spelling.best != best) {
		(void)snprintf(search->near_file, sizeof(search->near_file), "%s", file);
		search->spelling.best = search->near_file;
	}
	return false;
}

/* ---- */

static int not_pulled(const struct known_model *known, const char *path, const struct log *log)
{
	return log_error(log, ENOENT, "%s is not there yet (%s): run 'slm pull %s'", known->name,
			 path, known->name);
}

static int check_kind(const char *path, const struct stat *info, const struct log *log)
{
	if (S_ISREG(info->st_mode))
		return 0;
	if (S_ISDIR(info->st_mode))
		return log_error(log, EISDIR, "%s is a directory, not a model", path);
	return log_error(log, ENOTSUP, "%s is not a regular file", path);
}

static int not_found(struct search *search, const struct log *log)
{
	struct stat info;

	if (stat(search->name, &info) == 0)
		return check_kind(search->name, &info, log);
	if (search->spelling.best)
		return log_error(log, ENOENT, "there is no model '%s'; is '%s' meant?",
				 search->name, search->spelling.best);
	return log_error(log, ENOENT,
			 "there is no model '%s': give the path of a GGUF file, or run 'slm pull "
			 "%s' and use that name",
			 search->name, known_model(0)->name);
}

static int resolve_known(const struct known_model *known, const char *folder, const struct log *log,
			 char **ret_path)
{
	_cleanup_free_ char *path = path_format("%s/%s", folder, known->file);

	if (!path)
		return log_oom(log, "looking for the model");
	if (access(path, F_OK) < 0)
		return not_pulled(known, path, log);
	*ret_path = TAKE(path);
	return 0;
}

static int resolve_in_folder(const char *name, const struct log *log, char **ret_path)
{
	const struct known_model *known = known_model_find(name);
	_cleanup_free_ char *folder = NULL;
	struct search search = {.name = name};
	int r;

	r = model_folder(log, &folder);
	if (r < 0)
		return r;
	if (known)
		return resolve_known(known, folder, log, ret_path);
	search.folder = folder;
	spelling_init(&search.spelling, name);
	for (size_t i = 0; (known = known_model(i)); i++)
		spelling_offer(&search.spelling, known->name);
	each_file(folder, search_file, &search);
	if (!search.path)
		return not_found(&search, log);
	*ret_path = search.path;
	return 0;
}

int model_name_resolve(const char *name, const struct log *log, char **ret_path)
{
	struct stat info;
	int r = stat(name, &info) < 0 ? -errno : 0;

	if (!strchr(name, '/') && !(r == 0 && S_ISREG(info.st_mode)))
		return resolve_in_folder(name, log, ret_path);
	if (r < 0)
		return log_error(log, -r, "cannot open %s: %s", name, strerror(-r));
	r = check_kind(name, &info, log);
	if (r < 0)
		return r;
	*ret_path = strdup(name);
	return *ret_path ? 0 : log_oom(log, "looking for the model");
}

/* ---- lists ---- */

struct listing {
	void (*found)(void *data, const char *name);
	void *data;
};

static bool list_file(void *data, const char *file)
{
	const struct listing *listing = data;

	listing->found(listing->data, file);
	return false;
}

void model_name_list(void (*found)(void *data, const char *name), void *data)
{
	struct listing listing = {found, data};
	_cleanup_free_ char *folder = NULL;
	const struct known_model *known;

	for (size_t i = 0; (known = known_model(i)); i++)
		found(data, known->name);
	if (model_folder(NULL, &folder) == 0)
		each_file(folder, list_file, &listing);
}

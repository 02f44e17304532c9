// SPDX-License-Identifier: MIT
/* Owns the file "source" of the staging folder: JSON with url, validator, total. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json_ref.h"
#include "path.h"
#include "source_file.h"

void source_finish(struct source *source)
{
	free(source->url);
	free(source->validator);
	*source = (struct source){0};
}

static int fill(struct source *source, const char *url, const char *validator, uint64_t total)
{
	struct source made = {.total = total};

	made.url = strdup(url);
	made.validator = validator ? strdup(validator) : NULL;
	if (!made.url || (validator && !made.validator)) {
		source_finish(&made);
		return -ENOMEM;
	}
	source_finish(source);
	*source = made;
	return 0;
}

int source_load(struct source *source, const struct staging *staging)
{
	_cleanup_free_ char *path = staging_file(staging, "source");
	_cleanup_(json_decref_p) json_t *root = NULL;
	const char *url, *validator = NULL;
	json_int_t total = 0;

	*source = (struct source){0};
	if (!path)
		return -ENOMEM;
	root = json_load_file(path, 0, NULL);
	if (!root ||
	    json_unpack(root, "{s:s, s?s, s?I}", "url", &url, "validator", &validator, "total",
			&total) < 0 ||
	    total < 0)
		return 0;
	if (fill(source, url, validator, (uint64_t)total) < 0)
		return log_oom(staging->log, "pulling");
	return 0;
}

static int write_file(const char *path, const char *text)
{
	struct new_file file = NEW_FILE_NONE;
	int r = new_file_init(&file, path);

	if (r == 0)
		r = write_all(file.fd, text, strlen(text));
	if (r == 0)
		r = new_file_publish(&file);
	new_file_finish(&file);
	return r;
}

int source_save(struct source *source, const struct staging *staging, const char *url,
		const char *validator, uint64_t total)
{
	_cleanup_free_ char *path = staging_file(staging, "source");
	_cleanup_(json_decref_p) json_t *root = NULL;
	_cleanup_free_ char *text = NULL;
	int r;

	if (!path)
		return -ENOMEM;
	if (fill(source, url, validator, total) < 0)
		return log_oom(staging->log, "pulling");
	root = json_pack("{s:s, s:I}", "url", url, "total", (json_int_t)total);
	if (root && validator)
		json_object_set_new(root, "validator", json_string(validator));
	text = root ? json_dumps(root, 0) : NULL;
	if (!text)
		return log_oom(staging->log, "pulling");
	r = write_file(path, text);
	return r < 0 ? staging_write_failed(staging, -r) : 0;
}

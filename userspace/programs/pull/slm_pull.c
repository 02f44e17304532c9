// SPDX-License-Identifier: MIT
/*
 * Owns the program behind `slm pull`: which model is meant, whether it is there already, and that
 * only a whole and checked file takes its place. Prints the path of the model on stdout.
 */
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "gguf.h"
#include "interrupt.h"
#include "model_name.h"
#include "output.h"
#include "package_fetch.h"
#include "path.h"
#include "pull_options.h"
#include "spelling.h"
#include "terminal_log.h"
#include "url_fetch.h"

#define MODEL_ENDING ".gguf"

struct pull {
	const struct log *log;
	const struct pull_values *values;
	char *models; /* folder */
	char *file;   /* name in it */
	struct staging staging;
	struct part_file part;
	struct progress_bar bar;
};

static void pull_finish(struct pull *pull)
{
	progress_bar_finish(&pull->bar);
	if (pull->part.fd >= 0 && pull->part.size == 0)
		staging_remove(&pull->staging, PART_FILE);
	part_file_finish(&pull->part);
	staging_finish(&pull->staging);
	free(pull->models);
	free(pull->file);
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char line[4096];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	terminal_log_write(NULL, LOG_LEVEL_INFO, line);
}

/* ---- the model's place ---- */

static enum exit_code code_of(int r)
{
	switch (r) {
	case -EBADMSG:
	case -ENOTSUP:
		return EXIT_CODE_FILE;
	case -EINVAL:
		return EXIT_CODE_USAGE;
	case -ECANCELED:
		return EXIT_CODE_INTERRUPTED;
	default:
		return r < 0 ? EXIT_CODE_FAILED : EXIT_CODE_DONE;
	}
}

static bool is_there(const struct pull *pull)
{
	struct stat info;

	return stat(pull->staging.target, &info) == 0 && S_ISREG(info.st_mode);
}

/* Does the file in the model's place have this hash? */
static bool has_hash(const struct pull *pull, const char *wanted)
{
	char hex[SHA256_HEX_SIZE];

	return hash_of_file(pull->staging.target, hex) == 0 && strcasecmp(hex, wanted) == 0;
}

static int already_there(const struct pull *pull)
{
	say("%s is there already", pull->file);
	(void)printf("%s\n", pull->staging.target);
	return 0;
}

static int publish(struct pull *pull, const char *how_to_run)
{
	int r;

	progress_bar_finish(&pull->bar);
	part_file_finish(&pull->part);
	r = staging_publish(&pull->staging, PART_FILE);
	if (r < 0)
		return r;
	say("done: try 'slm run %s'", how_to_run);
	(void)printf("%s\n", pull->staging.target);
	return 0;
}

static void begin_progress(struct pull *pull)
{
	progress_bar_init(&pull->bar, pull->part.size);
	if (pull->values->quiet)
		pull->bar.visible = false;
}

/* ---- a known name ---- */

static int pull_known(struct pull *pull, const struct known_model *known)
{
	char hex[SHA256_HEX_SIZE];
	int r;

	if (known->terms)
		say("%s", known->terms);
	pull->file = strdup(known->file);
	r = pull->file ? staging_init(&pull->staging, pull->models, pull->file, pull->log)
		       : log_oom(pull->log, "pulling");
	if (r < 0)
		return r;
	if (is_there(pull) && has_hash(pull, known->sha256))
		return already_there(pull);
	r = part_file_init(&pull->part, &pull->staging, false);
	begin_progress(pull);
	if (r == 0)
		r = package_fetch(known, &pull->staging, &pull->bar, &pull->part);
	if (r == 0)
		r = part_file_check(&pull->part, known->sha256, hex);
	return r < 0 ? r : publish(pull, known->name);
}

static int check_known(const struct pull_values *values, const struct known_model *known,
		       const struct log *log)
{
	if (values->output)
		return log_error(log, EINVAL, "--output is for URLs: %s is always called %s",
				 known->name, known->file);
	if (values->sha256 && strcasecmp(values->sha256, known->sha256) != 0)
		return log_error(log, EINVAL, "--sha256 is not that of %s, which is %s",
				 known->name, known->sha256);
	return 0;
}

static int no_such_name(const char *name, const struct log *log)
{
	const struct known_model *known;
	struct spelling spelling;

	spelling_init(&spelling, name);
	for (size_t i = 0; (known = known_model(i)); i++)
		spelling_offer(&spelling, known->name);
	if (spelling.best)
		return log_error(log, EINVAL, "no model is known as '%s'; is '%s' meant?", name,
				 spelling.best);
	return log_error(log, EINVAL,
			 "no model is known as '%s': 'slm pull' lists the names; anything else is "
			 "fetched by its URL",
			 name);
}

/* ---- a URL ---- */

static int choose_file(struct pull *pull, const char *url)
{
	const char *output = pull->values->output;
	size_t n;
	int r = 0;

	if (output) {
		pull->file = strdup(output);
		if (!pull->file)
			return log_oom(pull->log, "pulling");
		if (strchr(output, '/') || *output == '.' || *output == '\0')
			return log_error(pull->log, EINVAL,
					 "--output must be a name for the folder %s, not '%s'",
					 pull->models, output);
	} else {
		r = url_file_name(url, pull->log, &pull->file);
	}
	if (r < 0)
		return r;
	n = strlen(pull->file);
	if (n <= strlen(MODEL_ENDING) ||
	    strcasecmp(pull->file + n - strlen(MODEL_ENDING), MODEL_ENDING) != 0)
		return log_error(pull->log, EINVAL,
				 "a model's file is called NAME%s, not '%s': give a name with "
				 "--output",
				 MODEL_ENDING, pull->file);
	return 0;
}

/* Without a hash a file that is cut short still shows: tensors lie beyond its end. */
static int check_gguf(const struct pull *pull)
{
	_cleanup_free_ char *path = staging_file(&pull->staging, PART_FILE);
	struct gguf *gguf;
	int r;

	if (!path)
		return -ENOMEM;
	r = gguf_open_part(path, pull->log, &gguf);
	if (r < 0) {
		staging_empty(&pull->staging);
		return r;
	}
	gguf_close(gguf);
	return 0;
}

static int fetch_url(struct pull *pull, const char *url)
{
	char hex[SHA256_HEX_SIZE];
	int r;

	r = url_part_init(&pull->part, url, &pull->staging);
	begin_progress(pull);
	if (r == 0)
		r = url_fetch(url, &pull->staging, &pull->bar, &pull->part);
	progress_bar_finish(&pull->bar);
	if (r == -EBADMSG)
		staging_empty(&pull->staging);
	if (r == 0)
		r = part_file_check(&pull->part, pull->values->sha256, hex);
	if (r == 0)
		r = check_gguf(pull);
	if (r < 0)
		return r;
	say("its SHA-256 is %s", hex);
	return publish(pull, pull->file);
}

static int pull_url(struct pull *pull, const char *url)
{
	const char *sha256 = pull->values->sha256;
	int r;

	r = choose_file(pull, url);
	if (r == 0)
		r = staging_init(&pull->staging, pull->models, pull->file, pull->log);
	if (r < 0)
		return r;
	if (!is_there(pull))
		return fetch_url(pull, url);
	if (!sha256 || has_hash(pull, sha256))
		return already_there(pull);
	return log_error(pull->log, EBADMSG,
			 "%s is there already and its SHA-256 is not the wanted one: remove it, or "
			 "give another name with --output",
			 pull->staging.target);
}

/* ---- */

static int check_sha256(const char *sha256, const struct log *log)
{
	size_t n = 0;

	while (sha256[n] && isxdigit((unsigned char)sha256[n]))
		n++;
	if (n == SHA256_HEX_SIZE - 1 && sha256[n] == '\0')
		return 0;
	return log_error(log, EINVAL, "--sha256 must be 64 hexadecimal digits, not '%s'", sha256);
}

static enum exit_code list_names(void)
{
	const struct known_model *known;

	for (size_t i = 0; (known = known_model(i)); i++)
		(void)printf("%-14s  %s\n", known->name, known->about);
	return EXIT_CODE_DONE;
}

static int pull_model(struct pull *pull, const char *what)
{
	const struct known_model *known = known_model_find(what);
	int r = 0;

	if (pull->values->sha256)
		r = check_sha256(pull->values->sha256, pull->log);
	if (r == 0 && known)
		r = check_known(pull->values, known, pull->log);
	if (r == 0 && !known && !url_is_one(what))
		r = no_such_name(what, pull->log);
	if (r == 0)
		r = model_folder(pull->log, &pull->models);
	if (r < 0)
		return r;
	interrupt_catch();
	return known ? pull_known(pull, known) : pull_url(pull, what);
}

static enum exit_code slm_pull(struct program *program, int argc, char **argv)
{
	struct pull_values values;
	struct general_values general;
	struct pull pull __attribute__((cleanup(pull_finish))) = {
		.log = &program->log,
		.values = &values,
		.staging = STAGING_NONE,
		.part = {.fd = -1},
	};
	struct arguments arguments;
	enum exit_code code;

	if (!command_parse(program, &pull_options, (void *[]){&values, &general}, argc, argv,
			   &arguments, &code))
		return code;
	if (arguments.n == 0)
		return list_names();
	return code_of(pull_model(&pull, arguments.items[0]));
}

int main(int argc, char **argv)
{
	struct program program = {.log = {terminal_log_write, NULL, LOG_LEVEL_NOTICE}};
	enum exit_code code;

	output_init();
	interrupt_init();
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	code = slm_pull(&program, argc, argv);
	curl_global_cleanup();
	return output_finish(code, &program.log);
}

// SPDX-License-Identifier: MIT
/*
 * Renders templates for jinja_against_python.py: each line of stdin is {"template", "variables"},
 * each line of stdout {"text"}, {"foreign"} ranges with it, or {"error", "message"}.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "jinja.h"
#include "jinja_from_json.h"

enum { STEPS = 2000000, MEMORY = 64 << 20 };

static void keep_message(void *data, enum log_level level, const char *text)
{
	(void)level;
	(void)snprintf(data, 512, "%s", text);
}

static int render(const json_t *line, const struct log *log, json_t **ret_answer)
{
	const json_t *source = json_object_get(line, "template");
	struct tm now = {.tm_year = 125,
			 .tm_mon = 6,
			 .tm_mday = 4,
			 .tm_hour = 15,
			 .tm_wday = 5,
			 .tm_yday = 184};
	struct jinja_render_params params = {.now = &now, .max_steps = STEPS};
	struct jinja_template *template;
	const struct jinja_string *text;
	struct jinja_value variables;
	struct arena arena;
	int r;

	r = jinja_template_create((struct span){json_string_value(source),
						(uint32_t)json_string_length(source)},
				  log, &template);
	if (r < 0)
		return r;
	arena_init(&arena, MEMORY);
	r = jinja_from_json(&arena, json_object_get(line, "variables"), &variables);
	params.variables = variables.dict;
	if (r == 0)
		r = jinja_render(template, &params, &arena, log, &text);
	if (r == 0)
		*ret_answer =
			json_pack("{s:o}", "text", json_stringn_nocheck(text->data, text->size));
	arena_finish(&arena);
	jinja_template_destroy(template);
	return r;
}

int main(void)
{
	char message[512] = "";
	const struct log log = {keep_message, message, LOG_LEVEL_WARNING};
	_cleanup_free_ char *text = NULL;
	size_t capacity = 0;

	while (getline(&text, &capacity, stdin) > 0) {
		json_t *line = json_loads(text, JSON_ALLOW_NUL, NULL), *answer = NULL;
		int r = line ? render(line, &log, &answer) : -1;

		if (r < 0)
			answer = json_pack("{s:i, s:s}", "error", r, "message", message);
		if (!answer || json_dumpf(answer, stdout, JSON_COMPACT) < 0)
			return 1;
		(void)putchar('\n');
		(void)fflush(stdout);
		json_decref(answer);
		json_decref(line);
	}
	return 0;
}

// SPDX-License-Identifier: MIT
/*
 * Owns two answers of libslm in the virtual machine, with the device pulled below the first and plugged
 * before the second: pulled_answer MODEL DEVICE [ID DRIVER]. Says the tokens, and on stderr what the library says.
 * Without a DRIVER folder (ID is its device's) nothing is pulled. Refuses to judge: inside.sh compares.
 */
#include <slm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The library tries a device again after half a minute. */
enum { TOKENS = 120, PULLED_AFTER_BYTES = 60, AGAIN_S = 31, TEXT_MAX = 64 };

struct plug {
	const char *id, *driver; /* NULL: is left alone */
	size_t n_bytes;
};

/* WHAT is bind or unbind. */
static int tell_driver(const struct plug *plug, const char *what)
{
	char path[256];
	FILE *file;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", plug->driver, what);
	file = fopen(path, "we");
	if (!file)
		return -1;
	r = fputs(plug->id, file);
	return fclose(file) == 0 && r >= 0 ? 0 : -1;
}

static int pull_in_the_middle(void *data, const char *text, size_t size_bytes)
{
	struct plug *plug = data;
	size_t before = plug->n_bytes;

	(void)text;
	plug->n_bytes += size_bytes;
	if (!plug->driver || before >= PULLED_AFTER_BYTES || plug->n_bytes < PULLED_AFTER_BYTES)
		return 0;
	return tell_driver(plug, "unbind");
}

static void show_message(void *data, enum slm_log_level level, const char *text)
{
	(void)data;
	(void)level;
	(void)fprintf(stderr, "%s\n", text);
}

static int answer(const struct slm_engine *engine, struct slm_session *session, struct plug *plug)
{
	struct slm_generate_params params;
	const int32_t *text;
	int32_t tokens[TEXT_MAX];
	size_t n = 0;
	int r;

	r = slm_tokenize(engine, "Hello", 5, SLM_TEXT_ADD_SPECIAL, tokens, TEXT_MAX, &n);
	if (r < 0)
		return r;
	slm_generate_params_init(&params, sizeof(params));
	params.temperature = 0;
	params.repeat_penalty = 1;
	params.max_tokens = TOKENS;
	params.flags = SLM_GENERATE_IGNORE_END;
	params.write = pull_in_the_middle;
	params.write_data = plug;
	r = slm_generate(session, tokens, n, &params, NULL);
	text = slm_session_tokens(session, &n);
	for (size_t i = 0; i < n && r == 0; i++)
		(void)printf("%d\n", (int)text[i]);
	return r;
}

static int answer_twice(const struct slm_engine *engine, struct slm_session *session,
			struct plug *plug)
{
	int r = answer(engine, session, plug);

	if (r < 0)
		return r;
	if (plug->driver && tell_driver(plug, "bind") < 0)
		return -1;
	if (plug->driver)
		(void)sleep(AGAIN_S);
	plug->driver = NULL;
	return answer(engine, session, plug);
}

int main(int argc, char **argv)
{
	struct slm_engine_params params = {.size_bytes = sizeof(params), .n_ctx = 512};
	struct plug plug = {argc == 5 ? argv[3] : NULL, argc == 5 ? argv[4] : NULL, 0};
	struct slm_session *session = NULL;
	struct slm_engine *engine = NULL;
	int r;

	if (argc != 3 && argc != 5)
		return 2;
	params.model_path = argv[1];
	params.device = argv[2];
	params.log.write = show_message;
	params.log.max_level = SLM_LOG_INFO;
	r = slm_engine_create(&params, &engine);
	if (r == 0)
		r = slm_session_create(engine, &session);
	if (r == 0)
		r = answer_twice(engine, session, &plug);
	slm_session_destroy(session);
	slm_engine_destroy(engine);
	return r < 0;
}

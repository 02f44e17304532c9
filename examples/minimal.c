// SPDX-License-Identifier: MIT
/* minimal MODEL.gguf PROMPT: one answer. Build: cc minimal.c $(pkg-config --cflags --libs slm) */
#include <slm.h>
#include <stdio.h>

static void show_message(void *data, enum slm_log_level level, const char *text)
{
	fprintf(stderr, "%s\n", text);
}

static int show_text(void *data, const char *text, size_t size_bytes)
{
	return fwrite(text, 1, size_bytes, stdout) != size_bytes || fflush(stdout) != 0;
}

static int answer(struct slm_engine *engine, struct slm_session *session, const char *question)
{
	struct slm_message message = {"user", question, 0};
	struct slm_generate_params params;
	int32_t tokens[4096];
	size_t n;
	int r;

	r = slm_chat_tokens(engine, &message, 1, tokens, sizeof(tokens) / sizeof(*tokens), &n);
	if (r < 0)
		return r;
	slm_generate_params_init(&params, sizeof(params));
	params.write = show_text;
	params.max_tokens = 256;
	return slm_generate(session, tokens, n, &params, NULL);
}

int main(int argc, char **argv)
{
	struct slm_engine_params params = {.size_bytes = sizeof(params)};
	struct slm_engine *engine = NULL;
	struct slm_session *session = NULL;
	int r;

	if (argc != 3)
		return fprintf(stderr, "usage: %s MODEL.gguf PROMPT\n", argv[0]), 2;
	params.model_path = argv[1];
	params.log.write = show_message;
	r = slm_engine_create(&params, &engine);
	if (r == 0)
		r = slm_session_create(engine, &session);
	if (r == 0)
		r = answer(engine, session, argv[2]);
	slm_session_destroy(session);
	slm_engine_destroy(engine);
	puts("");
	return r < 0;
}

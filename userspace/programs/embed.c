// SPDX-License-Identifier: MIT
/* Owns `slm embed`: texts as vectors. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "commands.h"
#include "embedding.h"
#include "engine_setup.h"
#include "output.h"
#include "span.h"
#include "text_input.h"
#include "token_list.h"
#include "vocabulary.h"

/* The first stands for what the file says. */
static const char *const poolings[] = {"model", "none", "mean", "cls", "last", NULL};

struct embed_values {
	const char *file;
	int pooling; /* index in poolings */
	bool normalize;
	bool json;
};

static const struct option_spec embed_specs[] = {
	{
		.letter = 'f',
		.name = "file",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct embed_values, file),
		.value = "FILE",
		.help = "read the texts from FILE, - for stdin, one on each line",
		.completion = COMPLETE_FILES,
	},
	{
		.name = "pooling",
		.kind = OPTION_CHOICE,
		.offset = offsetof(struct embed_values, pooling),
		.value = "HOW",
		.help = "how a text's tokens become one vector: as the model's file says, else "
			"their mean; none: a vector for each token",
		.choices = poolings,
	},
	{
		.name = "no-normalize",
		.kind = OPTION_NO_FLAG,
		.offset = offsetof(struct embed_values, normalize),
		.help = "print vectors as they are, not of length 1",
	},
	{
		.name = "json",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct embed_values, json),
		.help = "print one JSON document",
	},
};

static const struct embed_values embed_defaults = {.normalize = true};

static const struct option_table embed_table = {
	.title = "Options",
	.specs = embed_specs,
	.n_specs = ARRAY_SIZE(embed_specs),
	.defaults = &embed_defaults,
	.size_bytes = sizeof(embed_defaults),
};

const struct options embed_options = {
	.command = "embed",
	.synopsis = "MODEL [TEXT]...",
	.text = "Shows each TEXT, or each line of a file or of stdin, as the vector that the model "
		"makes of it: numbers on one line, or an empty line where an empty one has nothing to "
		"make a vector of.",
	.tables = {&embed_table, &engine_options, &general_options},
	.min_arguments = 1,
	.max_arguments = INT_MAX,
	.arguments = {COMPLETE_MODELS},
};

struct embedding_run {
	const struct embed_values *values;
	const struct log *log;
	struct engine *engine;
	struct session *session;
	enum pooling pooling;
	bool by_line;	    /* line N of what is read is line N of what is shown */
	json_t *embeddings; /* where JSON is wanted */
};

static void embedding_run_finish(struct embedding_run *run)
{
	session_destroy(run->session);
	engine_destroy(run->engine);
	json_decref(run->embeddings);
}

/* ---- results ---- */

static void print_vector(const float *vector, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		(void)printf("%s%.9g", i > 0 ? " " : "", (double)vector[i]);
	(void)putchar('\n');
}

static json_t *vector_json(const float *vector, uint32_t n)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(array, json_number((double)vector[i]));
	return array;
}

static json_t *vectors_json(const float *vectors, size_t n_vectors, uint32_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n_vectors; i++)
		json_array_append_new(array, vector_json(vectors + i * n, n));
	return array;
}

static int keep_json(struct embedding_run *run, const float *vectors, size_t n_tokens)
{
	uint32_t n = engine_n_result(run->engine);
	json_t *embedding = run->pooling == POOLING_NONE ? vectors_json(vectors, n_tokens, n)
							 : vector_json(vectors, n);
	json_t *text =
		json_pack("{s:I, s:o}", "tokens", (json_int_t)n_tokens, "embedding", embedding);

	return json_array_append_new(run->embeddings, text) < 0 ? log_oom(run->log, "making JSON")
								: 0;
}

static int show(struct embedding_run *run, const float *vectors, size_t n_tokens)
{
	size_t n_vectors = embedding_n_vectors(run->pooling, n_tokens);
	uint32_t n = engine_n_result(run->engine);

	if (run->values->json)
		return keep_json(run, vectors, n_tokens);
	for (size_t i = 0; i < n_vectors; i++)
		print_vector(vectors + i * n, n);
	/* Where a text gives several lines, an empty one ends them. */
	if (run->pooling == POOLING_NONE)
		(void)putchar('\n');
	return 0;
}

/*
 * An empty line, of a model that puts no control tokens around a text: there is nothing to make a vector
 * of, and what follows must keep its place.
 */
static int show_nothing(struct embedding_run *run)
{
	json_t *text;

	if (!run->values->json) {
		(void)putchar('\n');
		return 0;
	}
	text = json_pack("{s:i, s:n}", "tokens", 0, "embedding");
	return json_array_append_new(run->embeddings, text) < 0 ? log_oom(run->log, "making JSON")
								: 0;
}

static enum exit_code print_json(struct embedding_run *run)
{
	return output_json(json_pack("{s:s, s:b, s:i, s:O}", "pooling", poolings[run->pooling + 1],
				     "normalized", run->values->normalize, "n_embd",
				     (int)engine_n_result(run->engine), "texts", run->embeddings),
			   run->log);
}

/* ---- texts ---- */

static int encode(const struct embedding_run *run, struct span text, size_t number,
		  struct token_list *tokens)
{
	struct encode_options options = {.add_special = true};
	int r = tokenizer_encode(vocabulary_tokenizer(engine_vocabulary(run->engine)), text.data,
				 text.size, &options, tokens);

	if (r == -E2BIG)
		return log_error(run->log, E2BIG, "text %zu is longer than %d MiB", number,
				 TOKENIZER_TEXT_MAX >> 20);
	return r < 0 ? log_oom(run->log, "cutting the text into tokens") : 0;
}

static int embed(struct embedding_run *run, struct span text, size_t number)
{
	_cleanup_(token_list_finish) struct token_list tokens = {0};
	const struct embedding_params params = {.pooling = run->pooling,
						.normalize = run->values->normalize};
	_cleanup_free_ float *vectors = NULL;
	int r = encode(run, text, number, &tokens);

	if (r < 0)
		return r;
	if (tokens.n == 0 && run->by_line)
		return show_nothing(run);
	if (tokens.n == 0)
		return log_error(run->log, EINVAL, "text %zu is empty: it has no embedding",
				 number);
	if (tokens.n > engine_n_ctx(run->engine))
		return log_error(run->log, E2BIG,
				 "text %zu has %zu tokens and the context holds %" PRIu32, number,
				 tokens.n, engine_n_ctx(run->engine));
	vectors = calloc(embedding_n_vectors(run->pooling, tokens.n) * engine_n_result(run->engine),
			 sizeof(*vectors));
	if (!vectors)
		return log_oom(run->log, "making an embedding");
	r = session_embed(run->session, tokens.ids, tokens.n, &params, vectors);
	return r < 0 ? r : show(run, vectors, tokens.n);
}

/* Without the carriage return of files from elsewhere. */
static uint32_t line_bytes(const char *begin, const char *end)
{
	return (uint32_t)(end - begin) - (end > begin && end[-1] == '\r');
}

static int embed_lines(struct embedding_run *run, const char *text, size_t size)
{
	const char *at = text, *end = text + size;
	int r = 0;

	for (size_t number = 1; at < end && r == 0; number++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *line_end = newline ? newline : end;

		r = embed(run, (struct span){at, line_bytes(at, line_end)}, number);
		at = line_end + 1;
	}
	return r;
}

static int embed_arguments(struct embedding_run *run, const struct arguments *arguments)
{
	int r = 0;

	for (int i = 1; i < arguments->n && r == 0; i++) {
		const char *text = arguments->items[i];

		r = embed(run, (struct span){text, (uint32_t)strlen(text)}, (size_t)i);
	}
	return r;
}

/* ---- */

static enum exit_code load(struct embedding_run *run, const struct program *program,
			   const struct engine_values *engine_values, const char *model)
{
	_cleanup_(engine_setup_finish) struct engine_setup setup = {0};
	enum exit_code code = engine_setup_init(&setup, program, engine_values, model);
	enum pooling wanted = POOLING_UNSAID;
	int r;

	if (code != EXIT_CODE_DONE)
		return code;
	setup.params.embeddings = true;
	code = engine_setup_load(&setup, &run->engine);
	if (code != EXIT_CODE_DONE)
		return code;
	if (run->values->pooling > 0)
		wanted = (enum pooling)(run->values->pooling - 1);
	r = embedding_pooling(run->engine, wanted, &run->pooling);
	if (r == 0)
		r = session_create(run->engine, &run->session);
	run->embeddings = json_array();
	if (r == 0 && !run->embeddings)
		r = log_oom(run->log, "making JSON");
	return exit_code_of(STAGE_MODEL, r);
}

enum exit_code embed_run(struct program *program, int argc, char **argv)
{
	struct embed_values values;
	struct engine_values engine_values;
	struct general_values general;
	struct embedding_run run __attribute__((cleanup(embedding_run_finish))) = {
		.values = &values, .log = &program->log};
	_cleanup_free_ char *lines = NULL;
	struct arguments arguments;
	enum exit_code code;
	size_t size = 0;
	int r = 0;

	if (!command_parse(program, &embed_options, (void *[]){&values, &engine_values, &general},
			   argc, argv, &arguments, &code))
		return code;
	if (arguments.n > 1 && values.file)
		return exit_code_of(STAGE_OPTIONS, log_error(&program->log, EINVAL,
							     "TEXT and --file exclude each other"));
	if (arguments.n == 1)
		r = text_input_read(values.file, TOKENIZER_TEXT_MAX, &program->log, &lines, &size);
	if (r < 0)
		return exit_code_of(STAGE_FILE, r);
	code = load(&run, program, &engine_values, arguments.items[0]);
	if (code != EXIT_CODE_DONE)
		return code;
	run.by_line = lines != NULL;
	r = lines ? embed_lines(&run, lines, size) : embed_arguments(&run, &arguments);
	if (r < 0)
		return exit_code_of(STAGE_RUN, r);
	return values.json ? print_json(&run) : EXIT_CODE_DONE;
}

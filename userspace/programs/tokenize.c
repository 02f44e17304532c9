// SPDX-License-Identifier: MIT
/* Owns `slm tokenize`: the tokens that a model sees in a text. Loads no weights. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "commands.h"
#include "model_name.h"
#include "output.h"
#include "text_input.h"
#include "visible_text.h"
#include "vocabulary.h"

DEFINE_CLEANUP(struct gguf, gguf_close)
DEFINE_CLEANUP(struct vocabulary, vocabulary_destroy)

struct tokenize_values {
	const char *file;
	bool ids;
	bool json;
	bool parse_special;
	bool add_special;
};

static const struct option_spec tokenize_specs[] = {
	{
		.letter = 'f',
		.name = "file",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct tokenize_values, file),
		.value = "FILE",
		.help = "read the text from FILE, - for stdin",
		.completion = COMPLETE_FILES,
	},
	{
		.name = "ids",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct tokenize_values, ids),
		.help = "print the numbers only, as [1, 2, 3]",
	},
	{
		.name = "json",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct tokenize_values, json),
		.help = "print one JSON document",
	},
	{
		.name = "no-parse-special",
		.kind = OPTION_NO_FLAG,
		.offset = offsetof(struct tokenize_values, parse_special),
		.help = "control tokens written out in the text are just text",
	},
	{
		.name = "no-bos",
		.kind = OPTION_NO_FLAG,
		.offset = offsetof(struct tokenize_values, add_special),
		.help = "add no token at the beginning or end, even where the model wants one",
	},
};

static const struct tokenize_values tokenize_defaults = {.parse_special = true,
							 .add_special = true};

static const struct option_table tokenize_table = {
	.title = "Options",
	.specs = tokenize_specs,
	.n_specs = ARRAY_SIZE(tokenize_specs),
	.defaults = &tokenize_defaults,
	.size_bytes = sizeof(tokenize_defaults),
};

const struct options tokenize_options = {
	.command = "tokenize",
	.synopsis = "MODEL [TEXT]",
	.text = "Shows TEXT, or that of a file, or stdin, as the tokens that the model sees.",
	.tables = {&tokenize_table, &general_options},
	.min_arguments = 1,
	.max_arguments = 2,
	.arguments = {COMPLETE_MODELS},
};

static enum exit_code print_ids(const struct token_list *tokens)
{
	(void)putchar('[');
	for (size_t i = 0; i < tokens->n; i++)
		(void)printf("%s%" PRId32, i > 0 ? ", " : "", tokens->ids[i]);
	(void)printf("]\n");
	return EXIT_CODE_DONE;
}

static enum exit_code print_lines(const struct tokenizer *tokenizer,
				  const struct token_list *tokens, const struct log *log)
{
	_cleanup_free_ char *piece = malloc(tokenizer_piece_max(tokenizer) + 1);

	if (!piece) {
		(void)log_oom(log, "showing the tokens");
		return EXIT_CODE_FAILED;
	}
	for (size_t i = 0; i < tokens->n; i++) {
		size_t size = tokenizer_piece(tokenizer, tokens->ids[i], true, piece);

		(void)printf("%6" PRId32 " -> '", tokens->ids[i]);
		visible_print(piece, size, false, stdout);
		(void)printf("'\n");
	}
	return EXIT_CODE_DONE;
}

static enum exit_code print_json(const struct tokenizer *tokenizer, const struct token_list *tokens,
				 const struct log *log)
{
	_cleanup_free_ char *piece = malloc(tokenizer_piece_max(tokenizer) + 1);
	json_t *array = json_array();

	for (size_t i = 0; piece && i < tokens->n; i++) {
		size_t size = tokenizer_piece(tokenizer, tokens->ids[i], true, piece);

		json_array_append_new(array, json_pack("{s:i, s:o}", "id", (int)tokens->ids[i],
						       "text", json_text(piece, size)));
	}
	return output_json(json_pack("{s:I, s:o}", "n", (json_int_t)tokens->n, "tokens", array),
			   log);
}

static enum exit_code tokenize(const struct tokenizer *tokenizer, const char *text, size_t size,
			       const struct tokenize_values *values, const struct log *log)
{
	_cleanup_(token_list_finish) struct token_list tokens = {0};
	struct encode_options options = {.add_special = values->add_special,
					 .parse_special = values->parse_special};
	int r = tokenizer_encode(tokenizer, text, size, &options, &tokens);

	if (r == -E2BIG)
		(void)log_error(log, E2BIG, "the text is longer than %d MiB",
				TOKENIZER_TEXT_MAX >> 20);
	else if (r < 0)
		(void)log_oom(log, "cutting the text into tokens");
	if (r < 0)
		return exit_code_of(STAGE_RUN, r);
	if (values->json)
		return print_json(tokenizer, &tokens, log);
	return values->ids ? print_ids(&tokens) : print_lines(tokenizer, &tokens, log);
}

/* The text comes from one place: the argument, the file, or stdin. */
static enum exit_code read_text(const struct arguments *arguments, const char *file,
				const struct log *log, char **ret_text, size_t *ret_size)
{
	if (arguments->n == 2 && file) {
		(void)log_error(log, EINVAL, "TEXT and --file exclude each other");
		return EXIT_CODE_USAGE;
	}
	if (arguments->n < 2)
		return exit_code_of(STAGE_FILE, text_input_read(file, TOKENIZER_TEXT_MAX, log,
								ret_text, ret_size));
	*ret_text = strdup(arguments->items[1]);
	*ret_size = strlen(arguments->items[1]);
	return *ret_text ? EXIT_CODE_DONE
			 : exit_code_of(STAGE_FILE, log_oom(log, "reading the text"));
}

enum exit_code tokenize_run(struct program *program, int argc, char **argv)
{
	_cleanup_(gguf_close_p) struct gguf *gguf = NULL;
	_cleanup_(vocabulary_destroy_p) struct vocabulary *vocabulary = NULL;
	_cleanup_free_ char *path = NULL, *text = NULL;
	const struct log *log = &program->log;
	struct tokenize_values values;
	struct general_values general;
	struct arguments arguments;
	enum exit_code code;
	size_t size = 0;
	int r;

	if (!command_parse(program, &tokenize_options, (void *[]){&values, &general}, argc, argv,
			   &arguments, &code))
		return code;
	r = model_name_resolve(arguments.items[0], log, &path);
	if (r < 0)
		return exit_code_of(STAGE_MODEL, r);
	code = read_text(&arguments, values.file, log, &text, &size);
	if (code != EXIT_CODE_DONE)
		return code;
	r = gguf_open(path, log, &gguf);
	if (r == 0)
		r = vocabulary_create(gguf, log, &vocabulary);
	if (r < 0)
		return exit_code_of(STAGE_MODEL, r);
	return tokenize(vocabulary_tokenizer(vocabulary), text, size, &values, log);
}

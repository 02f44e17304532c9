// SPDX-License-Identifier: MIT
/*
 * Tokenizes records for tokens_against_peer.py: each is a 32-bit length and that many bytes on
 * standard input, and becomes a line of ids, with --text followed by a tab and the text they stand
 * for, in hex. With --vocabulary it prints every token's bytes instead, --time says how long
 * things take.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "detokenizer.h"
#include "vocabulary.h"

struct request {
	const char *model;
	struct encode_options encode;
	bool text;
	bool vocabulary;
	bool time;
};

static void show(void *data, enum log_level level, const char *text)
{
	(void)data;
	(void)level;
	(void)fprintf(stderr, "%s\n", text);
}

static const struct log to_stderr = {show, NULL, LOG_LEVEL_WARNING};

static void print_hex(struct span text)
{
	for (uint32_t i = 0; i < text.size; i++)
		printf("%02x", (uint8_t)text.data[i]);
}

static int print_text(const struct tokenizer *tokenizer, const struct token_list *list)
{
	static const struct detokenizer_options options = {.at_start = true};
	struct detokenizer *detokenizer;
	int r;

	r = detokenizer_create(tokenizer, &options, &detokenizer);
	if (r < 0)
		return r;
	putchar('\t');
	for (size_t i = 0; i < list->n; i++)
		print_hex(detokenizer_push(detokenizer, list->ids[i]));
	print_hex(detokenizer_flush(detokenizer));
	detokenizer_destroy(detokenizer);
	return 0;
}

static int print_record(const struct tokenizer *tokenizer, const struct request *request,
			struct span text, uint64_t *time_ns)
{
	struct token_list list = {0};
	uint64_t begin = clock_now_ns();
	int r;

	r = tokenizer_encode(tokenizer, text.data, text.size, &request->encode, &list);
	*time_ns += clock_now_ns() - begin;
	for (size_t i = 0; i < list.n; i++)
		printf(i == 0 ? "%" PRId32 : " %" PRId32, list.ids[i]);
	if (r == 0 && request->text)
		r = print_text(tokenizer, &list);
	putchar('\n');
	token_list_finish(&list);
	return r;
}

static int print_records(const struct tokenizer *tokenizer, const struct request *request)
{
	uint64_t bytes = 0, time_ns = 0;
	uint32_t size;
	int r = 0;

	while (r == 0 && fread(&size, sizeof(size), 1, stdin) == 1) {
		_cleanup_free_ char *text = malloc((size_t)size + 1);

		if (!text || fread(text, 1, size, stdin) != size)
			return -ENOMEM;
		r = print_record(tokenizer, request, (struct span){text, size}, &time_ns);
		bytes += size;
	}
	if (request->time)
		(void)fprintf(stderr, "encode %" PRIu64 " bytes in %.3f ms\n", bytes,
			      (double)time_ns / 1e6);
	return r;
}

static int print_vocabulary(const struct tokenizer *tokenizer)
{
	_cleanup_free_ char *piece = malloc(tokenizer_piece_max(tokenizer));

	if (!piece)
		return -ENOMEM;
	for (int32_t i = 0; i < (int32_t)tokenizer_n_tokens(tokenizer); i++) {
		size_t size = tokenizer_piece(tokenizer, i, true, piece);

		print_hex((struct span){piece, (uint32_t)size});
		printf(" %d %d\n", tokenizer_is_control(tokenizer, i),
		       tokenizer_is_end(tokenizer, i));
	}
	return 0;
}

static int run(const struct request *request)
{
	struct vocabulary *vocabulary;
	struct gguf *gguf;
	uint64_t begin, opened;
	int r;

	begin = clock_now_ns();
	r = gguf_open(request->model, &to_stderr, &gguf);
	if (r < 0)
		return r;
	opened = clock_now_ns();
	r = vocabulary_create(gguf, &to_stderr, &vocabulary);
	if (r == 0 && request->time)
		(void)fprintf(stderr, "open %.3f ms, vocabulary %.3f ms\n",
			      (double)(opened - begin) / 1e6,
			      (double)(clock_now_ns() - opened) / 1e6);
	if (r == 0) {
		r = request->vocabulary ? print_vocabulary(vocabulary_tokenizer(vocabulary))
					: print_records(vocabulary_tokenizer(vocabulary), request);
		vocabulary_destroy(vocabulary);
	}
	gguf_close(gguf);
	return r;
}

static bool read_argument(struct request *request, const char *argument)
{
	if (strcmp(argument, "--add-special") == 0)
		request->encode.add_special = true;
	else if (strcmp(argument, "--parse-special") == 0)
		request->encode.parse_special = true;
	else if (strcmp(argument, "--text") == 0)
		request->text = true;
	else if (strcmp(argument, "--vocabulary") == 0)
		request->vocabulary = true;
	else if (strcmp(argument, "--time") == 0)
		request->time = true;
	else if (!request->model && argument[0] != '-')
		request->model = argument;
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	struct request request = {0};
	bool usable = true;

	for (int i = 1; i < argc; i++)
		usable = usable && read_argument(&request, argv[i]);
	if (!usable || !request.model) {
		(void)fprintf(stderr,
			      "usage: tokenize_lines MODEL [--add-special] [--parse-special] "
			      "[--text] [--vocabulary] [--time]\n");
		return 2;
	}
	return run(&request) < 0 ? 1 : 0;
}

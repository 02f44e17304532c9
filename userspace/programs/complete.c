// SPDX-License-Identifier: MIT
/*
 * Owns `slm complete WORD...`, which shells ask what the last word may become: one candidate a line,
 * or the line ":files" where a file name is wanted. It reads the tables that parsing reads, so what
 * is offered is what is taken.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "commands.h"
#include "device_list.h"
#include "known_models.h"
#include "model_name.h"
#include "requantize.h"

DEFINE_CLEANUP(struct device_list, device_list_destroy)

struct completion_request {
	const char *before; /* what stays as it is: "--device=" or "cpu," */
	int before_size;
	const char *word; /* what is to be completed */
};

static void offer(void *data, const char *candidate)
{
	const struct completion_request *request = data;

	if (strncasecmp(candidate, request->word, strlen(request->word)) == 0)
		(void)printf("%.*s%s\n", request->before_size, request->before, candidate);
}

static void offer_commands(struct completion_request *request)
{
	for (const struct command *command = commands; command->name; command++) {
		if (command->summary)
			offer(request, command->name);
	}
	offer(request, "--help");
	offer(request, "--version");
}

static void offer_options(const struct options *options, struct completion_request *request)
{
	const struct option_spec *spec;

	for (size_t i = 0; (spec = options_spec(options, i, NULL)); i++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "--%s", spec->name);
		offer(request, text);
	}
	offer(request, "--help");
}

/* Skips words of a list that are there already. */
static void offer_devices(struct completion_request *request)
{
	_cleanup_(device_list_destroy_p) struct device_list *list = NULL;
	const char *comma = strrchr(request->word, ',');
	struct completion_request last = *request;
	char before[256];

	if (comma) {
		last.word = comma + 1;
		last.before_size = snprintf(before, sizeof(before), "%.*s%.*s",
					    request->before_size, request->before,
					    (int)(last.word - request->word), request->word);
		last.before = before;
		if (last.before_size >= (int)sizeof(before))
			return;
	}
	if (device_list_create(DEVICES_ALL, NULL, &list) < 0)
		return;
	for (size_t i = 0; i < list->n_entries; i++) {
		if (list->entries[i].usable)
			offer(&last, list->entries[i].selector);
	}
}

static void offer_kind(enum completion kind, struct completion_request *request)
{
	const struct known_model *known;

	if (kind == COMPLETE_DEVICES)
		offer_devices(request);
	if (kind == COMPLETE_MODELS)
		model_name_list(offer, request);
	for (uint32_t i = 0; kind == COMPLETE_TYPES && i < TENSOR_TYPE_IDS; i++) {
		if (requantize_type_supported((enum tensor_type)i))
			offer(request, tensor_type_info(i)->name);
	}
	for (size_t i = 0; kind == COMPLETE_PULLABLE && (known = known_model(i)); i++)
		offer(request, known->name);
	if (kind == COMPLETE_FILES || kind == COMPLETE_MODELS)
		(void)printf(":files\n");
}

static void offer_values(const struct option_spec *spec, struct completion_request *request)
{
	for (size_t i = 0; spec->choices && spec->choices[i]; i++)
		offer(request, spec->choices[i]);
	offer_kind(spec->completion, request);
}

/* The option that WORD is, when the next word is its value. */
static const struct option_spec *option_of(const struct options *options, const char *word)
{
	const struct option_spec *spec;

	for (size_t i = 0; (spec = options_spec(options, i, NULL)); i++) {
		bool is_long = strncmp(word, "--", 2) == 0 &&
			       strncmp(word + 2, spec->name, strcspn(word + 2, "=")) == 0 &&
			       strlen(spec->name) == strcspn(word + 2, "=");
		bool is_short = spec->letter && word[0] == '-' && word[1] == spec->letter &&
				word[2] == '\0';

		if ((is_long || is_short) && spec->value)
			return spec;
	}
	return NULL;
}

/* How many of the N words are arguments. */
static int count_arguments(const struct options *options, char **words, int n)
{
	int count = 0;

	for (int i = 0; i < n; i++) {
		if (words[i][0] != '-')
			count++;
		else if (!strchr(words[i], '=') && option_of(options, words[i]))
			i++;
	}
	return count;
}

static void complete_command(const struct options *options, char **words, int n)
{
	const char *last = words[n - 1], *equals = strchr(last, '=');
	struct completion_request request = {.before = last, .word = last};
	const struct option_spec *spec = n > 1 ? option_of(options, words[n - 2]) : NULL;
	int argument;

	if (spec && !strchr(words[n - 2], '=')) {
		offer_values(spec, &request);
	} else if (strncmp(last, "--", 2) == 0 && equals) {
		request.before_size = (int)(equals + 1 - last);
		request.word = equals + 1;
		spec = option_of(options, last);
		if (spec)
			offer_values(spec, &request);
	} else if (*last == '-') {
		offer_options(options, &request);
	} else {
		argument = count_arguments(options, words, n - 1);
		if (argument < (int)options->max_arguments)
			offer_kind(options->arguments[MIN(argument, 2)], &request);
	}
}

enum exit_code complete_run(struct program *program, int argc, char **argv)
{
	struct completion_request request = {.before = "", .word = argc > 1 ? argv[argc - 1] : ""};
	const struct command *command;

	if (argc <= 2) {
		offer_commands(&request);
		return EXIT_CODE_DONE;
	}
	command = command_find(argv[1]);
	if (command && command->options)
		complete_command(command->options, argv + 2, argc - 2);
	return EXIT_CODE_DONE;
}

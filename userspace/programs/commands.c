// SPDX-License-Identifier: MIT
/* Owns the table of sub-commands. */
#include <string.h>

#include "commands.h"

const struct command commands[] = {
	{"run", "answer a prompt, or hold a conversation", &run_options, run_run},
	{"pull", "fetch a model", &pull_options, pull_run},
	{"devices", "list what models can run on", &devices_options, devices_run},
	{"plan", "show where each part of a model would run", &plan_options, plan_run},
	{"graph", "show a model's operations and what they cost", &graph_options, graph_run},
	{"inspect", "show what a model file holds", &inspect_options, inspect_run},
	{"tokenize", "show a text as a model's tokens", &tokenize_options, tokenize_run},
	{"embed", "show texts as a model's vectors", &embed_options, embed_run},
	{"bench", "measure the speed of a model", &bench_options, bench_run},
	{"perplexity", "measure how well a model predicts a text", &perplexity_options,
	 perplexity_run},
	{"quantize", "store a model in fewer bits", &quantize_options, quantize_run},
	{"complete", NULL, NULL, complete_run},
	{NULL, NULL, NULL, NULL},
};

const struct command *command_find(const char *name)
{
	for (const struct command *command = commands; command->name; command++) {
		if (strcmp(command->name, name) == 0)
			return command;
	}
	return NULL;
}

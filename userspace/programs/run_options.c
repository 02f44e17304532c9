// SPDX-License-Identifier: MIT
/* Owns the options of `slm run`. */
#include "array.h"
#include "commands.h"
#include "engine_setup.h"
#include "run_values.h"

static const struct option_spec run_specs[] = {
	{
		.letter = 'n',
		.name = "predict",
		.kind = OPTION_I64,
		.offset = offsetof(struct run_values, max_tokens),
		.value = "N",
		.help = "tokens of an answer at most; -1: as many as the context holds",
		.min = -1,
		.max = MODEL_CONTEXT_MAX,
	},
	{
		.letter = 'f',
		.name = "file",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct run_values, file),
		.value = "FILE",
		.help = "read the prompt from FILE, - for stdin",
		.completion = COMPLETE_FILES,
	},
	{
		.letter = 's',
		.name = "system",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct run_values, system),
		.value = "TEXT",
		.help = "what the model is told before the conversation",
	},
	{
		.name = "tools",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct run_values, tools),
		.value = "FILE",
		.help = "tell the model of the functions in FILE, a JSON array as the OpenAI "
			"protocol has it; it answers with calls in its own notation",
		.completion = COMPLETE_FILES,
	},
	{
		.name = "raw",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct run_values, raw),
		.help = "use no chat template: the model goes on with the bare text",
	},
	{
		.name = "stop",
		.kind = OPTION_TEXTS,
		.offset = offsetof(struct run_values, stops),
		.value = "TEXT",
		.help = "end the answer where TEXT would appear; may be given several times",
	},
	{
		.name = "schema",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct run_values, form.schema),
		.value = "SCHEMA",
		.help = "let the answer be JSON that satisfies a JSON schema, in a file or written "
			"out; '{}': any JSON",
		.completion = COMPLETE_FILES,
	},
	{
		.name = "grammar",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct run_values, form.grammar),
		.value = "FILE",
		.help = "let the answer follow the grammar in FILE, in llama.cpp's notation (GBNF)",
		.completion = COMPLETE_FILES,
	},
	{
		.name = "ignore-eos",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct run_values, ignore_end),
		.help = "go on when the model wants to end",
	},
	{
		.name = "special",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct run_values, show_control),
		.help = "show control tokens in the answer",
	},
	{
		.name = "json",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct run_values, json),
		.help = "print one JSON document once the answer is complete; not in a chat",
	},
	{
		.name = "stats",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct run_values, stats),
		.help = "say on stderr how fast it was",
	},
	{
		.name = "no-history",
		.kind = OPTION_NO_FLAG,
		.offset = offsetof(struct run_values, keep_history),
		.help = "do not keep what is typed in a chat for the next one",
	},
};

static const struct option_spec draw_specs[] = {
	{
		.name = "seed",
		.kind = OPTION_I64,
		.offset = offsetof(struct draw_values, seed),
		.value = "S",
		.help = "the same seed gives the same answer; -1: another one each time",
		.min = SEED_RANDOM,
		.max = 9007199254740992.0,
	},
	{
		.name = "logit-bias",
		.kind = OPTION_TEXTS,
		.offset = offsetof(struct draw_values, biases),
		.value = "TOKEN=B",
		.help = "add B, from -100 to 100, to the logit of the token of that number; -100 "
			"bans it; may be given several times",
	},
};

static const struct option_spec sampler_specs[] = {
	{
		.name = "temp",
		.kind = OPTION_F32,
		.offset = offsetof(struct sampler_params, temperature),
		.value = "T",
		.help = "temperature; 0: always the most likely token",
		.max = 100,
	},
	{
		.name = "top-k",
		.kind = OPTION_U32,
		.offset = offsetof(struct sampler_params, top_k),
		.value = "K",
		.help = "choose among the K most likely tokens; 0: all",
		.max = MODEL_DIMENSION_MAX,
	},
	{
		.name = "top-p",
		.kind = OPTION_F32,
		.offset = offsetof(struct sampler_params, top_p),
		.value = "P",
		.help = "choose among the fewest tokens whose probability reaches P; 1: all",
		.min = 1e-6,
		.max = 1,
	},
	{
		.name = "min-p",
		.kind = OPTION_F32,
		.offset = offsetof(struct sampler_params, min_p),
		.value = "P",
		.help = "leave out tokens less than P times as likely as the likeliest; 0: none",
		.max = 1,
	},
	{
		.name = "repeat-penalty",
		.kind = OPTION_F32,
		.offset = offsetof(struct sampler_params, repeat_penalty),
		.value = "R",
		.help = "divide the logits of recent tokens; 1: no",
		.min = 0.01,
		.max = 100,
	},
	{
		.name = "frequency-penalty",
		.kind = OPTION_F32,
		.offset = offsetof(struct sampler_params, frequency_penalty),
		.value = "F",
		.help = "take F off the logit of a token for each time it occurred recently",
		.min = -100,
		.max = 100,
	},
	{
		.name = "presence-penalty",
		.kind = OPTION_F32,
		.offset = offsetof(struct sampler_params, presence_penalty),
		.value = "F",
		.help = "take F off the logit of a token that occurred recently",
		.min = -100,
		.max = 100,
	},
	{
		.name = "repeat-last-n",
		.kind = OPTION_U32,
		.offset = offsetof(struct sampler_params, penalty_last_n),
		.value = "N",
		.help = "what recent means, in tokens; 0: no penalties",
		.max = UINT16_MAX,
	},
};

static const struct run_values run_defaults = {.max_tokens = -1, .keep_history = true};
static const struct draw_values draw_defaults = {.seed = SEED_RANDOM};

static const struct option_table run_table = {
	.title = "Answer",
	.specs = run_specs,
	.n_specs = ARRAY_SIZE(run_specs),
	.defaults = &run_defaults,
	.size_bytes = sizeof(run_defaults),
};

static const struct option_table draw_table = {
	.title = "Seed and bias",
	.specs = draw_specs,
	.n_specs = ARRAY_SIZE(draw_specs),
	.defaults = &draw_defaults,
	.size_bytes = sizeof(draw_defaults),
};

static const struct option_table sampler_table = {
	.title = "Choice of tokens",
	.specs = sampler_specs,
	.n_specs = ARRAY_SIZE(sampler_specs),
	.defaults = &sampler_defaults,
	.size_bytes = sizeof(sampler_defaults),
};

const struct options run_options = {
	.command = "run",
	.synopsis = "MODEL [PROMPT]",
	.text = "Answers PROMPT, or what stdin holds when it is no terminal; else holds a "
		"conversation, in which /help lists what can be done. With a PROMPT stdin is not "
		"read.",
	.tables = {&run_table, &sampler_table, &draw_table, &engine_options, &general_options},
	.min_arguments = 1,
	.max_arguments = 2,
	.arguments = {COMPLETE_MODELS},
};

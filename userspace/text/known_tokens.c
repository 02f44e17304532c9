// SPDX-License-Identifier: MIT
/*
 * Owns the lists of well-known texts and the order in which the rules run. Where several texts of
 * one role are present, the first of the list has it. Refuses nothing.
 */
#include <inttypes.h>

#include "array.h"
#include "known_tokens.h"

struct known_text {
	enum token_role role;
	const char *text;
};

static const struct known_text known_roles[] = {
	{TOKEN_EOT, "<|eot_id|>"},
	{TOKEN_EOT, "<|im_end|>"},
	{TOKEN_EOT, "<|end|>"},
	{TOKEN_EOT, "<end_of_turn>"},
	{TOKEN_EOT, "<|endoftext|>"},
	{TOKEN_EOT, "<|end_of_text|>"},
	{TOKEN_EOT, "<EOT>"},
	{TOKEN_EOT, "_<EOT>"},
	{TOKEN_EOT, "[EOT]"},
	{TOKEN_EOT, "<｜end▁of▁sentence｜>"},
	{TOKEN_EOT, "<end_of_utterance>"},
	{TOKEN_EOM, "<|eom_id|>"},
	{TOKEN_FIM_PREFIX, "<|fim_prefix|>"},
	{TOKEN_FIM_PREFIX, "<fim-prefix>"},
	{TOKEN_FIM_PREFIX, "<fim_prefix>"},
	{TOKEN_FIM_PREFIX, "<｜fim▁begin｜>"},
	{TOKEN_FIM_PREFIX, "<PRE>"},
	{TOKEN_FIM_PREFIX, "▁<PRE>"},
	{TOKEN_FIM_PREFIX, "<|code_prefix|>"},
	{TOKEN_FIM_PREFIX, "<|prefix|>"},
	{TOKEN_FIM_PREFIX, "<|plamo:fim_prefix|>"},
	{TOKEN_FIM_SUFFIX, "<|fim_suffix|>"},
	{TOKEN_FIM_SUFFIX, "<fim-suffix>"},
	{TOKEN_FIM_SUFFIX, "<fim_suffix>"},
	{TOKEN_FIM_SUFFIX, "<｜fim▁hole｜>"},
	{TOKEN_FIM_SUFFIX, "<SUF>"},
	{TOKEN_FIM_SUFFIX, "▁<SUF>"},
	{TOKEN_FIM_SUFFIX, "<|code_suffix|>"},
	{TOKEN_FIM_SUFFIX, "<|suffix|>"},
	{TOKEN_FIM_SUFFIX, "<|plamo:fim_suffix|>"},
	{TOKEN_FIM_MIDDLE, "<|fim_middle|>"},
	{TOKEN_FIM_MIDDLE, "<fim-middle>"},
	{TOKEN_FIM_MIDDLE, "<fim_middle>"},
	{TOKEN_FIM_MIDDLE, "<｜fim▁end｜>"},
	{TOKEN_FIM_MIDDLE, "<MID>"},
	{TOKEN_FIM_MIDDLE, "▁<MID>"},
	{TOKEN_FIM_MIDDLE, "<|code_middle|>"},
	{TOKEN_FIM_MIDDLE, "<|middle|>"},
	{TOKEN_FIM_MIDDLE, "<|plamo:fim_middle|>"},
	{TOKEN_FIM_PAD, "<|fim_pad|>"},
	{TOKEN_FIM_PAD, "<fim-pad>"},
	{TOKEN_FIM_PAD, "<fim_pad>"},
	{TOKEN_FIM_PAD, "<PAD>"},
	{TOKEN_FIM_PAD, "[PAD]"},
	{TOKEN_FIM_REPOSITORY, "<|fim_repo|>"},
	{TOKEN_FIM_REPOSITORY, "<|repo_name|>"},
	{TOKEN_FIM_REPOSITORY, "<fim-repo>"},
	{TOKEN_FIM_REPOSITORY, "<REPO>"},
	{TOKEN_FIM_REPOSITORY, "<reponame>"},
	{TOKEN_FIM_SEPARATOR, "<|file_sep|>"},
	{TOKEN_FIM_SEPARATOR, "<|plamo:file_separator|>"},
};

static const char *const known_ends[] = {
	"<|eot_id|>",
	"<|im_end|>",
	"<|end|>",
	"<|return|>",
	"<|call|>",
	"<|flush|>",
	"<|calls|>",
	"<end_of_turn>",
	"<|endoftext|>",
	"</s>",
	"<|eom_id|>",
	"<EOT>",
	"_<EOT>",
	"[EOT]",
	"[EOS]",
	"<|end_of_text|>",
	"<end_of_utterance>",
	"<eos>",
	"<turn|>",
	"<|tool_response>",
	"<｜end▁of▁sentence｜>",
	"[e~[",
	"<|ifm|im_end|>",
};

static int32_t find(const struct token_table *table, const char *text)
{
	return token_table_find(table, text, (uint32_t)strlen(text));
}

static bool ends(const struct token_table *table, const char *text)
{
	int32_t token = find(table, text);

	return token >= 0 && (table->attributes[token] & TOKEN_ENDS);
}

static void set_kind(struct token_table *table, const char *text, uint8_t kind)
{
	int32_t token = find(table, text);

	if (token >= 0)
		table->attributes[token] =
			(uint8_t)((table->attributes[token] & ~TOKEN_KINDS) | kind);
}

/* ---- roles ---- */

/*
 * The numbers that files without these keys mean. 11 is where Falcon's first files had their end
 * token; elsewhere it is an ordinary one, which must not end an answer.
 */
static int32_t default_role(const struct tokenizer_params *params, const struct token_table *table,
			    enum token_role role)
{
	static const int8_t spm[TOKEN_ROLES] = {[TOKEN_BOS] = 1, [TOKEN_EOS] = 2};
	static const int8_t bert[TOKEN_ROLES] = {
		[TOKEN_BOS] = 101, [TOKEN_UNK] = 100, [TOKEN_SEP] = 102, [TOKEN_MASK] = 103};
	bool is_bert = span_is(params->model, "bert");
	uint32_t token = 11;

	if (is_bert || span_is(params->model, "llama")) {
		token = (uint32_t)(is_bert ? bert : spm)[role];
		/* 0 is the padding of the one and the unknown token of the other. */
		if (token == 0 && role != (is_bert ? TOKEN_PAD : TOKEN_UNK))
			return TOKEN_NONE;
		return token < table->n ? (int32_t)token : TOKEN_NONE;
	}
	if ((role != TOKEN_BOS && role != TOKEN_EOS) || token >= table->n)
		return TOKEN_NONE;
	return table->attributes[token] & TOKEN_IS_CONTROL ? (int32_t)token : TOKEN_NONE;
}

static void read_roles(const struct tokenizer_params *params, const struct log *log,
		       const struct token_table *table, int32_t roles[static TOKEN_ROLES])
{
	for (enum token_role role = 0; role < TOKEN_ROLES; role++) {
		int64_t wanted = params->roles[role];

		roles[role] = default_role(params, table, role);
		if (wanted >= 0 && wanted < table->n)
			roles[role] = (int32_t)wanted;
		else if (wanted != TOKEN_NONE)
			log_warning(log,
				    "%s: token %" PRId64
				    " is given a special role and is not among the %" PRIu32
				    " of the vocabulary, ignoring",
				    params->source, wanted, table->n);
	}
}

static void find_roles(struct token_table *table, int32_t roles[static TOKEN_ROLES])
{
	for (size_t i = 0; i < ARRAY_SIZE(known_roles); i++) {
		const struct known_text *known = &known_roles[i];
		int32_t token = roles[known->role] == TOKEN_NONE ? find(table, known->text) : -1;

		if (token < 0)
			continue;
		roles[known->role] = token;
		table->attributes[token] |= TOKEN_IS_CONTROL;
	}
}

/* ---- what ends generation ---- */

static void mark_role(struct token_table *table, const int32_t roles[static TOKEN_ROLES],
		      enum token_role role)
{
	if (roles[role] != TOKEN_NONE)
		table->attributes[roles[role]] |= TOKEN_ENDS;
}

static void mark_ends(struct token_table *table, const int32_t roles[static TOKEN_ROLES])
{
	mark_role(table, roles, TOKEN_FIM_PAD);
	mark_role(table, roles, TOKEN_FIM_REPOSITORY);
	mark_role(table, roles, TOKEN_FIM_SEPARATOR);
	for (size_t i = 0; i < ARRAY_SIZE(known_ends); i++) {
		int32_t token = find(table, known_ends[i]);

		if (token >= 0)
			table->attributes[token] |= TOKEN_ENDS | TOKEN_IS_CONTROL;
	}
	mark_role(table, roles, TOKEN_EOS);
	mark_role(table, roles, TOKEN_EOT);
	mark_role(table, roles, TOKEN_EOM);
}

static void unmark_end(struct token_table *table, const char *text, uint8_t kind)
{
	int32_t token = find(table, text);

	if (token < 0)
		return;
	table->attributes[token] &= (uint8_t)~TOKEN_ENDS;
	set_kind(table, text, kind);
}

/* Formats in which a usual end token only ends a part of the answer. */
static void unmark_part_ends(struct token_table *table)
{
	bool call = ends(table, "<|call|>") || ends(table, "<|calls|>");

	if (call && ends(table, "<|end|>") &&
	    (ends(table, "<|return|>") || ends(table, "<|flush|>")))
		unmark_end(table, "<|end|>", TOKEN_IS_USER_DEFINED);
	if (ends(table, "<|tool_response>") && ends(table, "</s>"))
		unmark_end(table, "</s>", TOKEN_IS_NORMAL);
}

/* ---- white space around a token ---- */

static bool contains(struct span text, const char *part, bool any_case)
{
	size_t size = strlen(part);

	for (uint32_t i = 0; i + size <= text.size; i++) {
		if (any_case ? strncasecmp(text.data + i, part, size) == 0
			     : memcmp(text.data + i, part, size) == 0)
			return true;
	}
	return false;
}

static void add_attribute(struct token_table *table, const char *text, uint8_t attribute)
{
	int32_t token = find(table, text);

	if (token >= 0)
		table->attributes[token] |= attribute;
}

static void strip_right_of_special(struct token_table *table)
{
	static const char *const exceptions[] = {"<unk>", "<s>", "<|endoftext|>"};

	for (uint32_t i = 0; i < table->n; i++) {
		if (table->attributes[i] & TOKEN_IS_SPECIAL)
			table->attributes[i] |= TOKEN_STRIPS_RIGHT;
	}
	add_attribute(table, "</s>", TOKEN_STRIPS_RIGHT);
	for (size_t i = 0; i < ARRAY_SIZE(exceptions); i++) {
		int32_t token = find(table, exceptions[i]);

		if (token >= 0)
			table->attributes[token] &= (uint8_t)~TOKEN_STRIPS_RIGHT;
	}
}

static void set_strips(struct token_table *table, const struct tokenizer_params *params)
{
	if (contains(params->pre, "jina-v2-de", false) ||
	    contains(params->pre, "jina-v2-es", false) ||
	    contains(params->pre, "jina-v2-code", false))
		add_attribute(table, "<mask>", TOKEN_STRIPS_LEFT);
	else if (contains(params->model_name, "phi-3", true) ||
		 contains(params->model_name, "phi3", true))
		strip_right_of_special(table);
	else if (contains(params->model_name, "modern-bert", true))
		add_attribute(table, "[MASK]", TOKEN_STRIPS_LEFT);
}

void known_tokens_apply(const struct tokenizer_params *params, const struct log *log,
			struct token_table *table, int32_t roles[static TOKEN_ROLES])
{
	static const char *const shown[] = {"<|channel|>", "<|message|>", "<|start|>",
					    "<|constrain|>"};

	read_roles(params, log, table, roles);
	find_roles(table, roles);
	mark_ends(table, roles);
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
		set_kind(table, shown[i], TOKEN_IS_USER_DEFINED);
	unmark_part_ends(table);
	set_strips(table, params);
}

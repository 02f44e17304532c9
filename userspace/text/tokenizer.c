// SPDX-License-Identifier: MIT
/*
 * The front of the tokenizers: checks what it is given, takes the special tokens out of a text and
 * leaves what is between them to the model's kind. Refuses kinds it does not have by name.
 */
#include <errno.h>
#include <stdlib.h>

#include "array.h"
#include "bpe.h"
#include "cleanup.h"
#include "known_tokens.h"
#include "special_tokens.h"
#include "spm.h"
#include "token_table.h"
#include "tokenizer.h"
#include "utf8.h"
#include "wordpiece.h"

struct tokenizer {
	struct token_table table;
	struct special_tokens special;
	struct token_model *model;
	int32_t roles[TOKEN_ROLES];
	bool add_bos;
	bool add_eos;
	bool add_sep;
	bool add_space_prefix;
};

DEFINE_CLEANUP(struct tokenizer, tokenizer_destroy)

/* ---- creation ---- */

static const struct token_model_ops *find_model(struct span name)
{
	static const struct token_model_ops *const models[] = {&bpe_ops, &spm_ops, &wordpiece_ops};

	for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
		if (span_is(name, models[i]->name))
			return models[i];
	}
	return NULL;
}

static bool flag_or(enum tokenizer_flag flag, bool otherwise)
{
	return flag == FLAG_UNSET ? otherwise : flag == FLAG_YES;
}

static int set_flags(struct tokenizer *tokenizer, const struct tokenizer_params *params,
		     const struct log *log)
{
	const struct token_model *model = tokenizer->model;

	tokenizer->add_bos = model->encloses || flag_or(params->add_bos, model->add_bos);
	tokenizer->add_eos = !model->encloses && flag_or(params->add_eos, false);
	tokenizer->add_sep = model->encloses;
	tokenizer->add_space_prefix = model->add_space_prefix &&
				      flag_or(params->add_space_prefix, true);
	if (tokenizer->add_bos && tokenizer->roles[TOKEN_BOS] == TOKEN_NONE)
		return log_error(
			log, EBADMSG,
			"%s: texts are to begin with the BOS token, and the file does not say which that is",
			params->source);
	if (tokenizer->add_eos && tokenizer->roles[TOKEN_EOS] == TOKEN_NONE)
		return log_error(
			log, EBADMSG,
			"%s: texts are to end with the EOS token, and the file does not say which that is",
			params->source);
	if (tokenizer->add_sep && tokenizer->roles[TOKEN_SEP] == TOKEN_NONE)
		return log_error(
			log, EBADMSG,
			"%s: texts are to end with the SEP token, and the file does not say which that is",
			params->source);
	return 0;
}

static int tokenizer_init(struct tokenizer *tokenizer, const struct token_model_ops *ops,
			  const struct tokenizer_params *params, const struct log *log)
{
	int r;

	r = token_table_init(&tokenizer->table, params, log);
	if (r < 0)
		return r;
	known_tokens_apply(params, log, &tokenizer->table, tokenizer->roles);
	r = ops->create(params, &tokenizer->table, tokenizer->roles, log, &tokenizer->model);
	if (r < 0)
		return r;
	r = set_flags(tokenizer, params, log);
	if (r < 0)
		return r;
	if (special_tokens_init(&tokenizer->special, &tokenizer->table) < 0)
		return log_oom(log, "reading the vocabulary");
	return 0;
}

int tokenizer_create(const struct tokenizer_params *params, const struct log *log,
		     struct tokenizer **ret_tokenizer)
{
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	const struct token_model_ops *ops = find_model(params->model);
	int r;

	if (!ops)
		return log_error(
			log, ENOTSUP,
			"%s: the tokenizer '%.*s' is not supported; 'gpt2', 'llama' and 'bert' are",
			params->source, span_shown(params->model), params->model.data);
	tokenizer = calloc(1, sizeof(*tokenizer));
	if (!tokenizer)
		return log_oom(log, "reading the vocabulary");
	r = tokenizer_init(tokenizer, ops, params, log);
	if (r < 0)
		return r;
	*ret_tokenizer = TAKE(tokenizer);
	return 0;
}

void tokenizer_destroy(struct tokenizer *tokenizer)
{
	if (!tokenizer)
		return;
	if (tokenizer->model)
		tokenizer->model->ops->destroy(tokenizer->model);
	special_tokens_finish(&tokenizer->special);
	token_table_finish(&tokenizer->table);
	free(tokenizer);
}

/* ---- encoding ---- */

static int encode_text(const struct tokenizer *tokenizer, struct span text, bool add_prefix,
		       bool without_control, struct token_list *list);

/*
 * Control tokens among the tokens from FIRST on came of merging: the first character of such a one is
 * encoded apart from the rest, so that they do not meet.
 */
static int break_control(const struct tokenizer *tokenizer, size_t first, struct token_list *list)
{
	struct token_list broken = {0};
	int r = 0;

	for (size_t i = first; i < list->n && r == 0; i++) {
		struct span text = tokenizer_text(tokenizer, list->ids[i]);
		uint32_t c, size = text.size ? (uint32_t)utf8_decode(text.data, text.size, &c) : 0;

		if (!tokenizer_is_control(tokenizer, list->ids[i]) || size == text.size) {
			r = token_list_add(&broken, list->ids[i]);
			continue;
		}
		r = encode_text(tokenizer, (struct span){text.data, size}, false, true, &broken);
		if (r == 0)
			r = encode_text(tokenizer,
					(struct span){text.data + size, text.size - size}, false,
					true, &broken);
	}
	list->n = first;
	for (size_t i = 0; i < broken.n && r == 0; i++)
		r = token_list_add(list, broken.ids[i]);
	token_list_finish(&broken);
	return r;
}

static int encode_text(const struct tokenizer *tokenizer, struct span text, bool add_prefix,
		       bool without_control, struct token_list *list)
{
	size_t first = list->n;
	int r = tokenizer->model->ops->encode(tokenizer->model, text, add_prefix, list);

	for (size_t i = first; without_control && i < list->n && r == 0; i++) {
		if (tokenizer_is_control(tokenizer, list->ids[i]))
			return break_control(tokenizer, first, list);
	}
	return r;
}

static int encode_fragments(const struct tokenizer *tokenizer, const char *text,
			    const struct fragments *fragments, bool without_control,
			    struct token_list *list)
{
	bool after_special = true; /* so is the beginning */
	int r = 0;

	for (size_t i = 0; i < fragments->n && r == 0; i++) {
		const struct fragment *fragment = &fragments->items[i];
		struct span part = {text + fragment->begin, fragment->end - fragment->begin};

		if (fragment->token != TOKEN_NONE)
			r = token_list_add(list, fragment->token);
		else
			r = encode_text(tokenizer, part,
					after_special && tokenizer->add_space_prefix,
					without_control, list);
		after_special = fragment->token != TOKEN_NONE;
	}
	return r;
}

static int encode(const struct tokenizer *tokenizer, struct span text,
		  const struct encode_options *options, struct token_list *list)
{
	struct special_places places = {options->parse_special, options->plain, options->n_plain};
	struct fragments fragments = {0};
	int r = 0;

	if (options->add_special && tokenizer->add_bos)
		r = token_list_add(list, tokenizer->roles[TOKEN_BOS]);
	if (r == 0)
		r = special_tokens_split(&tokenizer->special, text, &places, &fragments);
	if (r == 0)
		r = encode_fragments(tokenizer, text.data, &fragments, options->n_plain > 0, list);
	if (r == 0 && options->add_special && tokenizer->add_eos)
		r = token_list_add(list, tokenizer->roles[TOKEN_EOS]);
	if (r == 0 && options->add_special && tokenizer->add_sep)
		r = token_list_add(list, tokenizer->roles[TOKEN_SEP]);
	free(fragments.items);
	return r;
}

int tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t size_bytes,
		     const struct encode_options *options, struct token_list *list)
{
	size_t before = list->n;
	int r;

	if (size_bytes > TOKENIZER_TEXT_MAX)
		return -E2BIG;
	r = encode(tokenizer, (struct span){text, (uint32_t)size_bytes}, options, list);
	if (r < 0)
		list->n = before;
	return r;
}

/* ---- tokens ---- */

static uint8_t attributes_of(const struct tokenizer *tokenizer, int32_t id)
{
	return (uint32_t)id < tokenizer->table.n ? tokenizer->table.attributes[id] : 0;
}

size_t tokenizer_piece(const struct tokenizer *tokenizer, int32_t id, bool show_control, char *out)
{
	struct span text = tokenizer_text(tokenizer, id);
	uint8_t attributes = attributes_of(tokenizer, id);
	uint8_t byte;

	if (!show_control && (attributes & (TOKEN_IS_CONTROL | TOKEN_IS_UNKNOWN)))
		return 0;
	if (attributes & TOKEN_IS_SPECIAL) {
		memcpy(out, text.data, text.size);
		return text.size;
	}
	if (attributes & TOKEN_IS_NORMAL)
		return tokenizer->model->ops->decode(text, out);
	if (!(attributes & TOKEN_IS_BYTE) || !byte_token_value(text, &byte))
		return 0;
	out[0] = (char)byte;
	return 1;
}

size_t tokenizer_piece_max(const struct tokenizer *tokenizer)
{
	return tokenizer->table.longest_bytes;
}

uint32_t tokenizer_n_tokens(const struct tokenizer *tokenizer)
{
	return tokenizer->table.n;
}

struct span tokenizer_text(const struct tokenizer *tokenizer, int32_t id)
{
	return (uint32_t)id < tokenizer->table.n ? tokenizer->table.texts[id] : SPAN("");
}

int32_t tokenizer_find(const struct tokenizer *tokenizer, const char *text, size_t size_bytes)
{
	if (size_bytes > TOKEN_BYTES_MAX)
		return -ENOENT;
	return token_table_find(&tokenizer->table, text, (uint32_t)size_bytes);
}

int32_t tokenizer_role(const struct tokenizer *tokenizer, enum token_role role)
{
	return tokenizer->roles[role];
}

bool tokenizer_is_end(const struct tokenizer *tokenizer, int32_t id)
{
	return attributes_of(tokenizer, id) & TOKEN_ENDS;
}

bool tokenizer_is_control(const struct tokenizer *tokenizer, int32_t id)
{
	return attributes_of(tokenizer, id) & TOKEN_IS_CONTROL;
}

bool tokenizer_adds_bos(const struct tokenizer *tokenizer)
{
	return tokenizer->add_bos;
}

bool tokenizer_adds_eos(const struct tokenizer *tokenizer)
{
	return tokenizer->add_eos;
}

bool tokenizer_adds_blank(const struct tokenizer *tokenizer)
{
	return tokenizer->add_space_prefix;
}

// SPDX-License-Identifier: MIT
/* Owns the checks of an adapter against its model. Refuses whatever would be left out in silence. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "adapter.h"
#include "array.h"
#include "cleanup.h"

DEFINE_CLEANUP(struct adapter, adapter_destroy)

struct adapter_reader {
	struct adapter *adapter;
	const struct gguf *gguf;
	const struct model *model;
	const struct log *log;
	float alpha;
};

static const char *file_of(const struct adapter_reader *reader)
{
	return gguf_name(reader->gguf);
}

/* For "%.*s". */
static int shown(struct gguf_string string)
{
	return (int)MIN(string.size, 80u);
}

/* ---- keys ---- */

bool gguf_is_adapter(const struct gguf *gguf)
{
	struct gguf_string type;

	return gguf_get_string(gguf, "general.type", NULL, &type) == 0 &&
	       gguf_string_is(type, "adapter");
}

/* An empty string where the key is absent. */
static int read_string(const struct adapter_reader *reader, const char *key,
		       struct gguf_string *ret)
{
	int r;

	*ret = (struct gguf_string){"", 0};
	r = gguf_get_string(reader->gguf, key, reader->log, ret);
	return r == -ENOENT ? 0 : r;
}

static int check_kind(const struct adapter_reader *reader)
{
	struct gguf_string kind;
	int r;

	if (!gguf_is_adapter(reader->gguf))
		return log_error(reader->log, EBADMSG,
				 "%s is not an adapter: its general.type is not 'adapter'",
				 file_of(reader));
	r = read_string(reader, "adapter.type", &kind);
	if (r < 0)
		return r;
	if (!gguf_string_is(kind, "lora"))
		return log_error(reader->log, ENOTSUP,
				 "%s is an adapter of type '%.*s'; this version knows lora",
				 file_of(reader), shown(kind), kind.data);
	if (gguf_find(reader->gguf, "adapter.alora.invocation_tokens"))
		return log_error(reader->log, ENOTSUP,
				 "%s is an activated LoRA (adapter.alora.invocation_tokens), which "
				 "this version does not know",
				 file_of(reader));
	return 0;
}

static int check_arch(const struct adapter_reader *reader)
{
	struct gguf_string arch;
	int r = read_string(reader, "general.architecture", &arch);

	if (r < 0 || gguf_string_is(arch, reader->model->arch))
		return r;
	return log_error(reader->log, EBADMSG,
			 "%s is an adapter for models of architecture '%.*s', and %s is %s",
			 file_of(reader), shown(arch), arch.data, gguf_name(reader->model->gguf),
			 reader->model->arch);
}

static int read_alpha(struct adapter_reader *reader)
{
	int r = gguf_get_f32(reader->gguf, "adapter.lora.alpha", reader->log, &reader->alpha);

	return r == -ENOENT ? 0 : r;
}

/* ---- tensors ---- */

/* NAME without its last seven characters, where those are END. */
static bool cut_end(struct gguf_string name, const char *end, struct gguf_string *ret_base)
{
	size_t n = strlen(end);

	if (name.size <= n || memcmp(name.data + name.size - n, end, n) != 0)
		return false;
	*ret_base = (struct gguf_string){name.data, name.size - n};
	return true;
}

/* The tensor called BASE, or BASE with END. */
static const struct gguf_tensor *find_tensor(const struct gguf *gguf, struct gguf_string base,
					     const char *end)
{
	char name[GGUF_NAME_MAX + 16];

	if (base.size > GGUF_NAME_MAX)
		return NULL;
	(void)snprintf(name, sizeof(name), "%.*s%s", (int)base.size, base.data, end);
	return gguf_find_tensor(gguf, name);
}

/* A matrix that is kept in TENSOR, or NULL. */
static const struct matrix *matrix_in(const struct model *model, const struct gguf_tensor *tensor)
{
	for (uint32_t i = 0; i < model->n_matrices; i++) {
		if (model->matrices[i].tensor == tensor)
			return &model->matrices[i];
	}
	return NULL;
}

static int refuse(const struct adapter_reader *reader, struct gguf_string base, const char *why)
{
	return log_error(reader->log, ENOTSUP, "%s adapts %.*s, which %s", file_of(reader),
			 shown(base), base.data, why);
}

static int find_base(const struct adapter_reader *reader, struct gguf_string name,
		     const struct gguf_tensor **ret_base)
{
	const struct model *model = reader->model;
	const struct gguf_tensor *base = find_tensor(model->gguf, name, "");
	const struct matrix *matrix;

	if (!base)
		return log_error(reader->log, EBADMSG,
				 "%s adapts %.*s, and %s has no such tensor: it was made for "
				 "another model",
				 file_of(reader), shown(name), name.data, gguf_name(model->gguf));
	matrix = matrix_in(model, base);
	if (!matrix)
		return refuse(reader, name, "is no matrix");
	if (base == model->token_embd->tensor)
		return refuse(reader, name, "is the embedding; this version adapts no embeddings");
	if (matrix->n_experts > 1)
		return refuse(reader, name, "holds experts; this version adapts no experts");
	*ret_base = base;
	return 0;
}

static bool fits(const struct adapter_pair *pair)
{
	return pair->a->n_dims == 2 && pair->b->n_dims == 2 &&
	       pair->a->dims[0] == pair->base->dims[0] && pair->a->dims[1] == pair->b->dims[0] &&
	       pair->b->dims[1] == pair->base->dims[1];
}

static int check_shapes(const struct adapter_reader *reader, const struct adapter_pair *pair,
			struct gguf_string base)
{
	const uint64_t *a = pair->a->dims, *b = pair->b->dims, *w = pair->base->dims;

	if (fits(pair))
		return 0;
	return log_error(reader->log, EBADMSG,
			 "%s: %.*s.lora_a is %" PRIu64 " x %" PRIu64 " and .lora_b %" PRIu64
			 " x %" PRIu64 ", which does not fit the %" PRIu64 " x %" PRIu64
			 " of that tensor in %s: it was made for another model",
			 file_of(reader), shown(base), base.data, a[0], a[1], b[0], b[1], w[0],
			 w[1], gguf_name(reader->model->gguf));
}

static int check_rank(const struct adapter_reader *reader, const struct adapter_pair *pair,
		      struct gguf_string base)
{
	uint64_t rank = pair->a->dims[1];

	if (rank > 0 && rank <= ADAPTER_RANK_MAX)
		return 0;
	return log_error(reader->log, EBADMSG,
			 "%s: %.*s.lora_a has rank %" PRIu64 ", and this version takes 1 to %d",
			 file_of(reader), shown(base), base.data, rank, ADAPTER_RANK_MAX);
}

static int check_type(const struct adapter_reader *reader, const struct gguf_tensor *tensor)
{
	if (tensor_type_supported(tensor->type))
		return 0;
	return log_error(reader->log, ENOTSUP, "%s: %.*s is of type %s, which is not known here",
			 file_of(reader), shown(tensor->name), tensor->name.data,
			 tensor_type_info(tensor->type)->name);
}

static int add_pair(struct adapter_reader *reader, struct gguf_string base,
		    const struct gguf_tensor *a)
{
	struct adapter *adapter = reader->adapter;
	struct adapter_pair *pair = &adapter->pairs[adapter->n_pairs];
	int r;

	pair->a = a;
	pair->b = find_tensor(reader->gguf, base, ".lora_b");
	if (!pair->b)
		return log_error(reader->log, EBADMSG, "%s has %.*s.lora_a without its .lora_b",
				 file_of(reader), shown(base), base.data);
	r = find_base(reader, base, &pair->base);
	if (r == 0)
		r = check_shapes(reader, pair, base);
	if (r == 0)
		r = check_rank(reader, pair, base);
	if (r == 0)
		r = check_type(reader, pair->a);
	if (r == 0)
		r = check_type(reader, pair->b);
	if (r < 0)
		return r;
	pair->rank = (uint32_t)a->dims[1];
	pair->factor = reader->alpha == 0 ? 1 : reader->alpha / (float)pair->rank;
	adapter->n_pairs++;
	return 0;
}

static int read_tensor(struct adapter_reader *reader, const struct gguf_tensor *tensor)
{
	struct gguf_string base;

	if (cut_end(tensor->name, ".lora_a", &base))
		return add_pair(reader, base, tensor);
	if (!cut_end(tensor->name, ".lora_b", &base))
		return log_error(reader->log, EBADMSG,
				 "%s: %.*s is neither a .lora_a nor a .lora_b, and an adapter "
				 "holds nothing else",
				 file_of(reader), shown(tensor->name), tensor->name.data);
	if (!find_tensor(reader->gguf, base, ".lora_a"))
		return log_error(reader->log, EBADMSG, "%s has %.*s.lora_b without its .lora_a",
				 file_of(reader), shown(base), base.data);
	return 0;
}

static int read_tensors(struct adapter_reader *reader)
{
	size_t n = gguf_n_tensors(reader->gguf);
	int r = 0;

	if (n == 0)
		return log_error(reader->log, EBADMSG, "%s is an adapter without tensors",
				 file_of(reader));
	reader->adapter->pairs = calloc(n, sizeof(*reader->adapter->pairs));
	if (!reader->adapter->pairs)
		return log_oom(reader->log, "reading an adapter");
	for (size_t i = 0; i < n && r == 0; i++)
		r = read_tensor(reader, gguf_tensor(reader->gguf, i));
	return r;
}

int adapter_create(const struct gguf *gguf, const struct model *model, const struct log *log,
		   struct adapter **ret_adapter)
{
	_cleanup_(adapter_destroy_p) struct adapter *adapter = calloc(1, sizeof(*adapter));
	struct adapter_reader reader = {
		.adapter = adapter, .gguf = gguf, .model = model, .log = log};
	int r;

	if (!adapter)
		return log_oom(log, "reading an adapter");
	adapter->gguf = gguf;
	r = check_kind(&reader);
	if (r == 0)
		r = check_arch(&reader);
	if (r == 0)
		r = read_alpha(&reader);
	if (r == 0)
		r = read_tensors(&reader);
	if (r < 0)
		return r;
	*ret_adapter = TAKE(adapter);
	return 0;
}

void adapter_destroy(struct adapter *adapter)
{
	if (!adapter)
		return;
	free(adapter->pairs);
	free(adapter);
}

const struct adapter_pair *adapter_find(const struct adapter *adapter,
					const struct gguf_tensor *base)
{
	for (uint32_t i = 0; i < adapter->n_pairs; i++) {
		if (adapter->pairs[i].base == base)
			return &adapter->pairs[i];
	}
	return NULL;
}

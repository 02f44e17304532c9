// SPDX-License-Identifier: MIT
/*
 * Owns the way from GGUF keys and tensors to a checked struct model. What differs between
 * architectures is one row of the table at the end and one short function. Refuses what it cannot
 * compute exactly: unknown architectures, types, rope scalings and tensors nobody would read.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "model.h"

struct reader {
	struct model *model;
	const struct gguf *gguf;
	const struct log *log;
	const struct arch *arch;
	size_t n_used;	   /* tensors of the file that have a role */
	size_t vectors_at; /* floats used of model->vectors */
};

struct arch {
	const char *name;
	enum rope_style rope_style;
	enum activation activation;
	int (*read)(struct reader *reader); /* what this architecture has of its own */
};

DEFINE_CLEANUP(struct model, model_destroy)

/* ---- keys: "<arch>.<key>" ---- */

static const char *arch_key(const struct reader *reader, const char *key, char name[static 128])
{
	(void)snprintf(name, 128, "%s.%s", reader->arch->name, key);
	return name;
}

static int missing_key(const struct reader *reader, const char *key)
{
	return log_error(reader->log, EBADMSG, "%s lacks %s.%s, which a model needs",
			 gguf_name(reader->gguf), reader->arch->name, key);
}

static int read_u32_or(const struct reader *reader, const char *key, uint32_t fallback,
		       uint32_t *ret)
{
	char name[128];
	uint32_t value = fallback;
	int r;

	r = gguf_get_u32(reader->gguf, arch_key(reader, key, name), reader->log, &value);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret = value;
	return 0;
}

static int read_f32_or(const struct reader *reader, const char *key, float fallback, float *ret)
{
	char name[128];
	float value = fallback;
	int r;

	r = gguf_get_f32(reader->gguf, arch_key(reader, key, name), reader->log, &value);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret = value;
	return 0;
}

static int out_of_range(const struct reader *reader, const char *key, uint32_t value)
{
	return log_error(reader->log, EBADMSG, "%s: %s.%s is %" PRIu32 ", which is out of range",
			 gguf_name(reader->gguf), reader->arch->name, key, value);
}

/* A size that must be there and lie in 1 to MAX. */
static int read_size(const struct reader *reader, const char *key, uint32_t max, uint32_t *ret)
{
	uint32_t value;
	int r;

	r = read_u32_or(reader, key, 0, &value);
	if (r < 0)
		return r;
	if (value == 0)
		return missing_key(reader, key);
	if (value > max)
		return out_of_range(reader, key, value);
	*ret = value;
	return 0;
}

/* A size that may differ from layer to layer: a scalar for all or an array of n_layers. */
static int read_layer_size(const struct reader *reader, const char *key, uint32_t layer,
			   uint32_t fallback, uint32_t *ret)
{
	char name[128];
	const struct gguf_value *value = gguf_find(reader->gguf, arch_key(reader, key, name));
	double number;

	if (!value || value->type != GGUF_ARRAY) {
		int r = read_u32_or(reader, key, fallback, ret);

		if (r < 0)
			return r;
	} else {
		if (value->n_items < reader->model->n_layers || value->item_type == GGUF_STRING ||
		    value->item_type == GGUF_ARRAY)
			return log_error(reader->log, EBADMSG, "%s: %s is no number per layer",
					 gguf_name(reader->gguf), name);
		number = gguf_number(value, layer);
		*ret = number >= 0 && number <= MODEL_DIMENSION_MAX ? (uint32_t)number : 0;
	}
	if (*ret == 0)
		return missing_key(reader, key);
	return *ret > MODEL_DIMENSION_MAX ? out_of_range(reader, key, *ret) : 0;
}

/* ---- tensors ---- */

static int wrong_shape(const struct reader *reader, const struct gguf_tensor *tensor,
		       uint32_t n_cols, uint32_t n_rows)
{
	return log_error(reader->log, EBADMSG,
			 "%s contradicts itself: tensor %.*s is %" PRIu64 " x %" PRIu64
			 " and the hyper-parameters want %" PRIu32 " x %" PRIu32,
			 gguf_name(reader->gguf), (int)tensor->name.size, tensor->name.data,
			 tensor->dims[0], tensor->dims[1], n_cols, n_rows);
}

static int check_type(const struct reader *reader, const struct gguf_tensor *tensor)
{
	if (tensor_type_supported(tensor->type))
		return 0;
	return log_error(reader->log, ENOTSUP,
			 "%s: tensor %.*s is stored as %s, which this version cannot compute with",
			 gguf_name(reader->gguf), (int)tensor->name.size, tensor->name.data,
			 tensor_type_info(tensor->type)->name);
}

static const struct gguf_tensor *find_tensor(struct reader *reader, char name[static 96],
					     const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

static const struct gguf_tensor *find_tensor(struct reader *reader, char name[static 96],
					     const char *format, va_list args)
{
	(void)vsnprintf(name, 96, format, args);
	return gguf_find_tensor(reader->gguf, name);
}

/* The matrix of that name, or NULL through *RET when it may be and is absent. */
static int read_matrix(struct reader *reader, bool optional, uint32_t n_cols, uint32_t n_rows,
		       const struct matrix **ret, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

static int read_matrix(struct reader *reader, bool optional, uint32_t n_cols, uint32_t n_rows,
		       const struct matrix **ret, const char *format, ...)
{
	struct model *model = reader->model;
	const struct gguf_tensor *tensor;
	struct matrix *matrix;
	char name[96];
	va_list args;
	int r;

	va_start(args, format);
	tensor = find_tensor(reader, name, format, args);
	va_end(args);
	*ret = NULL;
	if (!tensor && optional)
		return 0;
	if (!tensor)
		return log_error(reader->log, EBADMSG, "%s lacks tensor %s, which a model needs",
				 gguf_name(reader->gguf), name);
	r = check_type(reader, tensor);
	if (r < 0)
		return r;
	if (tensor->dims[0] != n_cols || tensor->dims[1] != n_rows || tensor->dims[2] != 1 ||
	    tensor->dims[3] != 1)
		return wrong_shape(reader, tensor, n_cols, n_rows);
	matrix = &model->matrices[model->n_matrices];
	*matrix = (struct matrix){tensor, tensor->type, n_rows, n_cols, model->n_matrices++};
	model->n_parameters += (uint64_t)n_rows * n_cols;
	reader->n_used++;
	*ret = matrix;
	return 0;
}

static int read_vector(struct reader *reader, bool optional, uint32_t n, struct vector *ret,
		       const char *format, ...) __attribute__((format(printf, 5, 6)));

static int read_vector(struct reader *reader, bool optional, uint32_t n, struct vector *ret,
		       const char *format, ...)
{
	const struct gguf_tensor *tensor;
	char name[96];
	va_list args;
	int r;

	va_start(args, format);
	tensor = find_tensor(reader, name, format, args);
	va_end(args);
	*ret = (struct vector){0};
	if (!tensor && optional)
		return 0;
	if (!tensor)
		return log_error(reader->log, EBADMSG, "%s lacks tensor %s, which a model needs",
				 gguf_name(reader->gguf), name);
	r = check_type(reader, tensor);
	if (r < 0)
		return r;
	if (tensor->dims[0] != n || tensor->size_bytes != tensor_row_bytes(tensor->type, n))
		return wrong_shape(reader, tensor, n, 1);
	/* Cannot overrun: space was counted over all one-row tensors of the file. */
	ret->data = reader->model->vectors + reader->vectors_at;
	ret->n = n;
	tensor_row_to_float(tensor->type, tensor->data, reader->model->vectors + reader->vectors_at,
			    n);
	reader->vectors_at += n;
	reader->model->n_parameters += n;
	reader->n_used++;
	return 0;
}

/* Room for every tensor as a matrix, and for all values of the one-row tensors. */
static int allocate_tensors(struct reader *reader)
{
	struct model *model = reader->model;
	uint64_t n = 0;

	for (size_t i = 0; i < gguf_n_tensors(reader->gguf); i++) {
		const struct gguf_tensor *tensor = gguf_tensor(reader->gguf, i);

		if (tensor->dims[1] == 1 && tensor->dims[0] <= MODEL_DIMENSION_MAX)
			n += tensor->dims[0];
	}
	model->matrices = calloc(gguf_n_tensors(reader->gguf) + 1, sizeof(*model->matrices));
	model->vectors = calloc(n + 1, sizeof(*model->vectors));
	model->layers = calloc(model->n_layers, sizeof(*model->layers));
	if (!model->matrices || !model->vectors || !model->layers)
		return log_oom(reader->log, "reading the model's tensors");
	return 0;
}

/* ---- the parts every architecture has ---- */

static int read_rope_factors(struct reader *reader, struct rope *rope)
{
	/* Llama 3.1 and later: one divisor per pair. */
	return read_vector(reader, true, rope->n_dims / 2, &rope->factors, "rope_freqs.weight");
}

static int read_rope_scaling(const struct reader *reader, float *ret_scale)
{
	char name[128];
	struct gguf_string kind = {"none", 4};
	float factor;
	int r;

	r = gguf_get_string(reader->gguf, arch_key(reader, "rope.scaling.type", name), reader->log,
			    &kind);
	if (r < 0 && r != -ENOENT)
		return r;
	r = read_f32_or(reader, "rope.scaling.factor", 1, &factor);
	if (r < 0)
		return r;
	if (gguf_string_is(kind, "none")) {
		*ret_scale = 1;
		return 0;
	}
	if (!gguf_string_is(kind, "linear"))
		return log_error(reader->log, ENOTSUP,
				 "%s scales its positions by '%.*s'; only 'linear' is known",
				 gguf_name(reader->gguf), (int)MIN(kind.size, 32u), kind.data);
	if (!(factor > 0))
		return log_error(reader->log, EBADMSG, "%s: %s.rope.scaling.factor is %g",
				 gguf_name(reader->gguf), reader->arch->name, (double)factor);
	*ret_scale = 1 / factor;
	return 0;
}

static int read_rope(struct reader *reader)
{
	struct model *model = reader->model;
	struct rope *rope = &model->ropes[0];
	int r;

	rope->style = reader->arch->rope_style;
	model->n_ropes = 1;
	r = read_u32_or(reader, "rope.dimension_count", model->head_dim, &rope->n_dims);
	if (r < 0)
		return r;
	if (rope->n_dims > model->head_dim || rope->n_dims % 2 != 0)
		return out_of_range(reader, "rope.dimension_count", rope->n_dims);
	r = read_f32_or(reader, "rope.freq_base", 10000, &rope->base);
	if (r < 0)
		return r;
	if (!(rope->base > 0))
		return log_error(reader->log, EBADMSG, "%s: %s.rope.freq_base is %g",
				 gguf_name(reader->gguf), reader->arch->name, (double)rope->base);
	r = read_rope_scaling(reader, &rope->scale);
	if (r < 0)
		return r;
	return read_rope_factors(reader, rope);
}

static int read_head_dim(struct reader *reader)
{
	struct model *model = reader->model;
	uint32_t value_length, n_head;
	int r;

	r = read_layer_size(reader, "attention.head_count", 0, 0, &n_head);
	if (r < 0)
		return r;
	r = read_u32_or(reader, "attention.key_length", model->n_embd / n_head, &model->head_dim);
	if (r < 0)
		return r;
	if (model->head_dim == 0 || model->head_dim > 1024 || model->head_dim % 2 != 0)
		return out_of_range(reader, "attention.key_length", model->head_dim);
	r = read_u32_or(reader, "attention.value_length", model->head_dim, &value_length);
	if (r < 0)
		return r;
	if (value_length != model->head_dim)
		return log_error(reader->log, ENOTSUP,
				 "%s has keys of %" PRIu32 " and values of %" PRIu32
				 " numbers; only equal lengths are known",
				 gguf_name(reader->gguf), model->head_dim, value_length);
	return 0;
}

static int read_sizes(struct reader *reader)
{
	struct model *model = reader->model;
	uint32_t n_experts;
	int r;

	r = read_size(reader, "block_count", MODEL_LAYERS_MAX, &model->n_layers);
	if (r < 0)
		return r;
	r = read_size(reader, "embedding_length", MODEL_DIMENSION_MAX, &model->n_embd);
	if (r < 0)
		return r;
	r = read_size(reader, "context_length", MODEL_CONTEXT_MAX, &model->n_ctx_train);
	if (r < 0)
		return r;
	r = read_f32_or(reader, "attention.layer_norm_rms_epsilon", 1e-5f, &model->norm_eps);
	if (r < 0)
		return r;
	r = read_u32_or(reader, "expert_count", 0, &n_experts);
	if (r < 0)
		return r;
	if (n_experts > 0)
		return log_error(reader->log, ENOTSUP,
				 "%s is a mixture of %" PRIu32
				 " experts, which this version cannot compute",
				 gguf_name(reader->gguf), n_experts);
	r = read_head_dim(reader);
	if (r < 0)
		return r;
	model->attention_scale = 1 / sqrtf((float)model->head_dim);
	model->embedding_scale = 1;
	model->activation = reader->arch->activation;
	return 0;
}

static int read_layer_sizes(struct reader *reader, uint32_t i)
{
	struct model_layer *layer = &reader->model->layers[i];
	int r;

	r = read_layer_size(reader, "attention.head_count", i, 0, &layer->n_head);
	if (r < 0)
		return r;
	r = read_layer_size(reader, "attention.head_count_kv", i, layer->n_head, &layer->n_head_kv);
	if (r < 0)
		return r;
	r = read_layer_size(reader, "feed_forward_length", i, 0, &layer->n_ff);
	if (r < 0)
		return r;
	if (layer->n_head % layer->n_head_kv != 0)
		return log_error(reader->log, EBADMSG,
				 "%s: %" PRIu32 " query heads cannot share %" PRIu32
				 " key heads in layer %" PRIu32,
				 gguf_name(reader->gguf), layer->n_head, layer->n_head_kv, i);
	if ((uint64_t)layer->n_head * reader->model->head_dim > MODEL_DIMENSION_MAX)
		return out_of_range(reader, "attention.head_count", layer->n_head);
	return 0;
}

static int read_attention(struct reader *reader, uint32_t i)
{
	const struct model *model = reader->model;
	struct model_layer *layer = &model->layers[i];
	uint32_t n_q = layer->n_head * model->head_dim, n_kv = layer->n_head_kv * model->head_dim;
	uint32_t n = model->n_embd;
	int r;

	r = read_vector(reader, false, n, &layer->attn_norm, "blk.%u.attn_norm.weight", i);
	if (r == 0)
		r = read_matrix(reader, false, n, n_q, &layer->q, "blk.%u.attn_q.weight", i);
	if (r == 0)
		r = read_matrix(reader, false, n, n_kv, &layer->k, "blk.%u.attn_k.weight", i);
	if (r == 0)
		r = read_matrix(reader, false, n, n_kv, &layer->v, "blk.%u.attn_v.weight", i);
	if (r == 0)
		r = read_matrix(reader, false, n_q, n, &layer->o, "blk.%u.attn_output.weight", i);
	if (r == 0)
		r = read_vector(reader, true, n_q, &layer->q_bias, "blk.%u.attn_q.bias", i);
	if (r == 0)
		r = read_vector(reader, true, n_kv, &layer->k_bias, "blk.%u.attn_k.bias", i);
	if (r == 0)
		r = read_vector(reader, true, n_kv, &layer->v_bias, "blk.%u.attn_v.bias", i);
	if (r == 0)
		r = read_vector(reader, true, n, &layer->o_bias, "blk.%u.attn_output.bias", i);
	return r;
}

static int read_ffn(struct reader *reader, uint32_t i)
{
	const struct model *model = reader->model;
	struct model_layer *layer = &model->layers[i];
	uint32_t n = model->n_embd, n_ff = layer->n_ff;
	int r;

	r = read_vector(reader, false, n, &layer->ffn_norm, "blk.%u.ffn_norm.weight", i);
	if (r == 0)
		r = read_matrix(reader, false, n, n_ff, &layer->gate, "blk.%u.ffn_gate.weight", i);
	if (r == 0)
		r = read_matrix(reader, false, n, n_ff, &layer->up, "blk.%u.ffn_up.weight", i);
	if (r == 0)
		r = read_matrix(reader, false, n_ff, n, &layer->down, "blk.%u.ffn_down.weight", i);
	return r;
}

static int read_layers(struct reader *reader)
{
	int r = 0;

	for (uint32_t i = 0; i < reader->model->n_layers && r == 0; i++) {
		r = read_layer_sizes(reader, i);
		if (r == 0)
			r = read_attention(reader, i);
		if (r == 0)
			r = read_ffn(reader, i);
	}
	return r;
}

static int read_ends(struct reader *reader)
{
	struct model *model = reader->model;
	const struct gguf_tensor *embd = gguf_find_tensor(reader->gguf, "token_embd.weight");
	int r;

	if (!embd)
		return log_error(reader->log, EBADMSG, "%s lacks tensor token_embd.weight",
				 gguf_name(reader->gguf));
	if (embd->dims[1] > MODEL_DIMENSION_MAX * UINT64_C(16))
		return log_error(reader->log, EBADMSG, "%s has an impossible number of tokens",
				 gguf_name(reader->gguf));
	model->n_vocab = (uint32_t)embd->dims[1];
	r = read_matrix(reader, false, model->n_embd, model->n_vocab, &model->token_embd,
			"token_embd.weight");
	if (r < 0)
		return r;
	r = read_vector(reader, false, model->n_embd, &model->output_norm, "output_norm.weight");
	if (r < 0)
		return r;
	r = read_matrix(reader, true, model->n_embd, model->n_vocab, &model->output,
			"output.weight");
	if (!model->output)
		model->output = model->token_embd;
	return r;
}

/* A tensor without a role would be a part of the model that we silently leave out. */
static int check_all_used(const struct reader *reader)
{
	size_t n = gguf_n_tensors(reader->gguf);

	if (reader->n_used == n)
		return 0;
	return log_error(
		reader->log, ENOTSUP,
		"%s holds %zu tensors that architecture %s does not explain, so its output "
		"would be wrong",
		gguf_name(reader->gguf), n - reader->n_used, reader->arch->name);
}

/* ---- architectures ---- */

static int read_llama(struct reader *reader)
{
	return 0;
}

static int read_gemma3_layer(struct reader *reader, uint32_t i)
{
	const struct model *model = reader->model;
	struct model_layer *layer = &model->layers[i];
	uint32_t n = model->n_embd, n_head = model->head_dim;
	int r;

	r = read_vector(reader, false, n_head, &layer->q_norm, "blk.%u.attn_q_norm.weight", i);
	if (r == 0)
		r = read_vector(reader, false, n_head, &layer->k_norm, "blk.%u.attn_k_norm.weight",
				i);
	if (r == 0)
		r = read_vector(reader, false, n, &layer->post_attn_norm,
				"blk.%u.post_attention_norm.weight", i);
	if (r == 0)
		r = read_vector(reader, false, n, &layer->post_ffn_norm,
				"blk.%u.post_ffw_norm.weight", i);
	return r;
}

/* Five layers see a window and rotate by a base of their own, each sixth sees all. */
static int read_gemma3_windows(struct reader *reader)
{
	struct model *model = reader->model;
	struct rope *local = &model->ropes[1];
	uint32_t window, period;
	int r;

	r = read_u32_or(reader, "attention.sliding_window", 0, &window);
	if (r < 0)
		return r;
	r = read_u32_or(reader, "attention.sliding_window_pattern", 6, &period);
	if (r < 0)
		return r;
	if (window > MODEL_CONTEXT_MAX || period == 0)
		return out_of_range(reader, "attention.sliding_window", window);
	*local = model->ropes[0];
	local->scale = 1;
	model->n_ropes = 2;
	for (uint32_t i = 0; window > 0 && i < model->n_layers; i++) {
		if (i % period == period - 1)
			continue;
		model->layers[i].window = window;
		model->layers[i].rope = 1;
	}
	return read_f32_or(reader, "rope.freq_base_swa", 10000, &local->base);
}

static int read_gemma3(struct reader *reader)
{
	enum { LAYERS_OF_27B = 62 };
	struct model *model = reader->model;
	float softcap;
	int r;

	r = read_f32_or(reader, "final_logit_softcapping", 0, &softcap);
	if (r < 0)
		return r;
	if (softcap > 0)
		return log_error(reader->log, ENOTSUP,
				 "%s caps its logits, which this version cannot compute",
				 gguf_name(reader->gguf));
	model->embedding_scale = sqrtf((float)model->n_embd);
	if (model->n_layers == LAYERS_OF_27B)
		model->attention_scale =
			1 / sqrtf((float)model->n_embd / (float)model->layers[0].n_head);
	for (uint32_t i = 0; i < model->n_layers; i++) {
		r = read_gemma3_layer(reader, i);
		if (r < 0)
			return r;
	}
	return read_gemma3_windows(reader);
}

static const struct arch archs[] = {
	{"llama", ROPE_PAIRS, ACTIVATION_SILU, read_llama},
	{"gemma3", ROPE_HALVES, ACTIVATION_GELU_TANH, read_gemma3},
};

static int find_arch(struct reader *reader)
{
	struct gguf_string name = {"", 0};
	int r;

	r = gguf_get_string(reader->gguf, "general.architecture", reader->log, &name);
	if (r == -ENOENT)
		return log_error(reader->log, EBADMSG, "%s does not say its architecture",
				 gguf_name(reader->gguf));
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++) {
		if (gguf_string_is(name, archs[i].name))
			reader->arch = &archs[i];
	}
	if (!reader->arch)
		return log_error(
			reader->log, ENOTSUP,
			"%s is of architecture '%.*s'; this version knows llama and gemma3",
			gguf_name(reader->gguf), (int)MIN(name.size, 64u), name.data);
	reader->model->arch = reader->arch->name;
	return 0;
}

static int read_model(struct reader *reader)
{
	int r;

	r = find_arch(reader);
	if (r == 0)
		r = read_sizes(reader);
	if (r == 0)
		r = allocate_tensors(reader);
	if (r == 0)
		r = read_rope(reader);
	if (r == 0)
		r = read_ends(reader);
	if (r == 0)
		r = read_layers(reader);
	if (r == 0)
		r = reader->arch->read(reader);
	if (r == 0)
		r = check_all_used(reader);
	return r;
}

int model_create(const struct gguf *gguf, const struct log *log, struct model **ret_model)
{
	_cleanup_(model_destroy_p) struct model *model = calloc(1, sizeof(*model));
	struct reader reader = {.model = model, .gguf = gguf, .log = log};
	int r;

	if (!model)
		return log_oom(log, "reading the model");
	model->gguf = gguf;
	r = read_model(&reader);
	if (r < 0)
		return r;
	*ret_model = TAKE(model);
	return 0;
}

void model_destroy(struct model *model)
{
	if (!model)
		return;
	free(model->matrices);
	free(model->vectors);
	free(model->layers);
	free(model);
}

uint64_t model_weight_bytes(const struct model *model)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < model->n_matrices; i++)
		bytes += model->matrices[i].tensor->size_bytes;
	return bytes;
}

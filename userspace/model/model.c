// SPDX-License-Identifier: MIT
/*
 * Owns the way from GGUF keys and tensors to a checked struct model; what differs between
 * architectures is in archs.c. Refuses what it cannot compute exactly: unknown architectures, types,
 * scalings and caps, and tensors nobody would read.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "adapter.h"
#include "model_reader.h"

DEFINE_CLEANUP(struct model, model_destroy)

static int read_head_dim(struct reader *reader)
{
	struct model *model = reader->model;
	uint32_t value_length, n_head;
	int r;

	r = reader_layer_size(reader, "attention.head_count", 0, 0, &n_head);
	if (r < 0)
		return r;
	r = reader_u32(reader, "attention.key_length", model->n_embd / n_head, &model->head_dim);
	if (r < 0)
		return r;
	if (model->head_dim == 0 || model->head_dim > 1024 || model->head_dim % 2 != 0)
		return reader_out_of_range(reader, "attention.key_length", model->head_dim);
	r = reader_u32(reader, "attention.value_length", model->head_dim, &value_length);
	if (r < 0)
		return r;
	if (value_length != model->head_dim)
		return log_error(reader->log, ENOTSUP,
				 "%s has keys of %" PRIu32 " and values of %" PRIu32
				 " numbers; only equal lengths are known",
				 gguf_name(reader->gguf), model->head_dim, value_length);
	return 0;
}

/* Keys that change what is computed in ways we do not know, and the value that leaves it alone. */
static int refuse_unknown_keys(const struct reader *reader)
{
	static const struct {
		const char *key;
		float neutral;
	} keys[] = {
		{"attn_logit_softcapping", 0},	      {"final_logit_softcapping", 0},
		{"attention.temperature_scale", 0},   {"attention.max_alibi_bias", 0},
		{"attention.clamp_kqv", 0},	      {"rope.scaling.yarn_ext_factor", 1},
		{"rope.scaling.yarn_attn_factor", 1}, {"rope.scaling.yarn_log_multiplier", 0},
		{"expert_shared_count", 0},	      {"expert_group_count", 0},
		{"expert_weights_scale", 1},	      {"expert_gating_func", 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		float value;
		int r = reader_f32(reader, keys[i].key, keys[i].neutral, &value);

		if (r < 0)
			return r;
		if (value != keys[i].neutral)
			return log_error(reader->log, ENOTSUP,
					 "%s sets %s.%s to %g, which this version cannot compute",
					 gguf_name(reader->gguf), reader->arch->name, keys[i].key,
					 (double)value);
	}
	return 0;
}

/* A factor that must not be 0. */
static int read_scale(const struct reader *reader, const char *key, float fallback, float *ret)
{
	int r = reader_f32(reader, key, fallback, ret);

	if (r == 0 && *ret == 0)
		return reader_bad_number(reader, key, (double)*ret);
	return r;
}

static int read_scales(struct reader *reader)
{
	struct model *model = reader->model;
	int r;

	r = reader_f32(reader,
		       reader->arch->is_encoder ? "attention.layer_norm_epsilon"
						: "attention.layer_norm_rms_epsilon",
		       reader->arch->is_encoder ? 1e-12f : 1e-5f, &model->norm_eps);
	if (r == 0)
		r = read_scale(reader, "attention.scale", 1 / sqrtf((float)model->head_dim),
			       &model->attention_scale);
	if (r == 0)
		r = read_scale(reader, "embedding_scale", 1, &model->embedding_scale);
	if (r == 0)
		r = read_scale(reader, "residual_scale", 1, &model->residual_scale);
	model->logit_scale = 1;
	model->activation = reader->arch->activation;
	return r;
}

static int read_expert_counts(struct reader *reader)
{
	struct model *model = reader->model;
	int r;

	r = reader_u32(reader, "expert_count", 0, &model->n_experts);
	if (r == 0)
		r = reader_u32(reader, "expert_used_count", 0, &model->n_experts_used);
	if (r < 0 || model->n_experts == 0)
		return r;
	if (reader->arch->experts == EXPERTS_NONE)
		return log_error(reader->log, ENOTSUP,
				 "%s is a mixture of %" PRIu32
				 " experts, which this version cannot compute in architecture %s",
				 gguf_name(reader->gguf), model->n_experts, reader->arch->name);
	if (model->n_experts > MODEL_EXPERTS_MAX)
		return reader_out_of_range(reader, "expert_count", model->n_experts);
	if (!reader_has_key(reader, "expert_used_count"))
		return log_error(
			reader->log, EBADMSG,
			"%s has %" PRIu32
			" experts and does not say how many of them are used (%s.expert_used_count)",
			gguf_name(reader->gguf), model->n_experts, reader->arch->name);
	if (model->n_experts_used == 0 || model->n_experts_used > model->n_experts)
		return reader_out_of_range(reader, "expert_used_count", model->n_experts_used);
	if ((uint64_t)model->n_experts_used * model->n_embd > MODEL_DIMENSION_MAX)
		return reader_out_of_range(reader, "expert_used_count", model->n_experts_used);
	model->experts_sum_to_one = reader->arch->experts == EXPERTS_OF_USED;
	return 0;
}

static int read_pooling(struct reader *reader)
{
	uint32_t pooling = POOLING_UNSAID;
	int r = reader_u32(reader, "pooling_type", POOLING_UNSAID, &pooling);

	if (r < 0)
		return r;
	if (pooling >= POOLING_UNSAID && reader_has_key(reader, "pooling_type"))
		return reader_out_of_range(reader, "pooling_type", pooling);
	reader->model->pooling = (enum pooling)pooling;
	return 0;
}

/* Encoders let tokens see later ones, all others do not. */
static int read_direction(struct reader *reader)
{
	bool causal;
	int r = reader_bool(reader, "attention.causal", true, &causal);

	if (r < 0)
		return r;
	reader->model->is_encoder = reader->arch->is_encoder;
	if (causal != reader->arch->is_encoder)
		return 0;
	return log_error(
		reader->log, ENOTSUP, "%s %s, which this version cannot compute in architecture %s",
		gguf_name(reader->gguf),
		causal ? "does not let tokens see later ones" : "lets tokens see later ones",
		reader->arch->name);
}

static int read_sizes(struct reader *reader)
{
	struct model *model = reader->model;
	int r;

	r = reader_size(reader, "block_count", MODEL_LAYERS_MAX, &model->n_layers);
	if (r == 0)
		r = reader_size(reader, "embedding_length", MODEL_DIMENSION_MAX, &model->n_embd);
	if (r == 0)
		r = reader_size(reader, "context_length", MODEL_CONTEXT_MAX, &model->n_ctx_train);
	if (r == 0)
		r = read_expert_counts(reader);
	if (r == 0)
		r = read_head_dim(reader);
	if (r == 0)
		r = read_scales(reader);
	if (r == 0)
		r = read_pooling(reader);
	if (r == 0)
		r = refuse_unknown_keys(reader);
	return r < 0 ? r : read_direction(reader);
}

static bool has_experts(const struct reader *reader, uint32_t layer)
{
	return reader_has(reader, "blk.%u.ffn_gate_inp.weight", layer);
}

/* Where experts are of another size than dense blocks, that has a key of its own. */
static int read_ff_length(const struct reader *reader, uint32_t layer, uint32_t *ret)
{
	uint32_t length = 0;
	int r = 0;

	if (has_experts(reader, layer))
		r = reader_u32(reader, "expert_feed_forward_length", 0, &length);
	if (r < 0)
		return r;
	return reader_layer_size(reader,
				 length > 0 ? "expert_feed_forward_length" : "feed_forward_length",
				 layer, 0, ret);
}

static int read_layer_sizes(struct reader *reader, uint32_t i)
{
	struct model_layer *layer = &reader->model->layers[i];
	int r;

	r = reader_layer_size(reader, "attention.head_count", i, 0, &layer->n_head);
	if (r < 0)
		return r;
	r = reader_layer_size(reader, "attention.head_count_kv", i, layer->n_head,
			      &layer->n_head_kv);
	if (r < 0)
		return r;
	r = read_ff_length(reader, i, &layer->n_ff);
	if (r == 0)
		r = reader_u32(reader, "attention.sliding_window", 0, &layer->window);
	if (r < 0)
		return r;
	if (layer->window > MODEL_CONTEXT_MAX)
		return reader_out_of_range(reader, "attention.sliding_window", layer->window);
	if (layer->n_head % layer->n_head_kv != 0)
		return log_error(reader->log, EBADMSG,
				 "%s: %" PRIu32 " query heads cannot share %" PRIu32
				 " key heads in layer %" PRIu32,
				 gguf_name(reader->gguf), layer->n_head, layer->n_head_kv, i);
	if ((uint64_t)layer->n_head * reader->model->head_dim > MODEL_DIMENSION_MAX)
		return reader_out_of_range(reader, "attention.head_count", layer->n_head);
	return 0;
}

static int read_apart_qkv(struct reader *reader, uint32_t i, uint32_t n_q, uint32_t n_kv)
{
	struct model_layer *layer = &reader->model->layers[i];
	uint32_t n = reader->model->n_embd;
	int r;

	r = reader_matrix(reader, false, n, n_q, &layer->q, "blk.%u.attn_q.weight", i);
	if (r == 0)
		r = reader_matrix(reader, false, n, n_kv, &layer->k, "blk.%u.attn_k.weight", i);
	if (r == 0)
		r = reader_matrix(reader, false, n, n_kv, &layer->v, "blk.%u.attn_v.weight", i);
	if (r == 0)
		r = reader_vector(reader, true, n_q, &layer->q_bias, "blk.%u.attn_q.bias", i);
	if (r == 0)
		r = reader_vector(reader, true, n_kv, &layer->k_bias, "blk.%u.attn_k.bias", i);
	if (r == 0)
		r = reader_vector(reader, true, n_kv, &layer->v_bias, "blk.%u.attn_v.bias", i);
	return r;
}

static int read_fused_qkv(struct reader *reader, uint32_t i, uint32_t n_q, uint32_t n_kv)
{
	struct model_layer *layer = &reader->model->layers[i];
	const struct matrix_part parts[] = {{&layer->q, n_q}, {&layer->k, n_kv}, {&layer->v, n_kv}};
	struct vector bias;
	int r;

	r = reader_parts(reader, reader->model->n_embd, parts, ARRAY_SIZE(parts),
			 "blk.%u.attn_qkv.weight", i);
	if (r == 0)
		r = reader_vector(reader, true, n_q + 2 * n_kv, &bias, "blk.%u.attn_qkv.bias", i);
	if (r < 0 || bias.n == 0)
		return r;
	layer->q_bias = (struct vector){bias.data, n_q};
	layer->k_bias = (struct vector){bias.data + n_q, n_kv};
	layer->v_bias = (struct vector){bias.data + n_q + n_kv, n_kv};
	return 0;
}

int reader_attention(struct reader *reader, uint32_t i)
{
	const struct model *model = reader->model;
	struct model_layer *layer = &model->layers[i];
	uint32_t n_q = layer->n_head * model->head_dim, n_kv = layer->n_head_kv * model->head_dim;
	bool is_fused = reader_has(reader, "blk.%u.attn_qkv.weight", i);
	uint32_t n = model->n_embd;
	int r;

	r = (is_fused ? read_fused_qkv : read_apart_qkv)(reader, i, n_q, n_kv);
	if (r == 0)
		r = reader_matrix(reader, false, n_q, n, &layer->o, "blk.%u.attn_output.weight", i);
	if (r == 0)
		r = reader_vector(reader, true, n, &layer->o_bias, "blk.%u.attn_output.bias", i);
	return r;
}

static int read_experts(struct reader *reader, uint32_t i)
{
	const struct model *model = reader->model;
	struct model_layer *layer = &model->layers[i];
	uint32_t n = model->n_embd, n_ff = layer->n_ff;
	int r;

	if (model->n_experts == 0 || (uint64_t)model->n_experts_used * n_ff > MODEL_DIMENSION_MAX)
		return reader_out_of_range(reader, "expert_count", model->n_experts);
	r = reader_matrix(reader, false, n, model->n_experts, &layer->router,
			  "blk.%u.ffn_gate_inp.weight", i);
	if (r == 0)
		r = reader_experts(reader, n, n_ff, &layer->gate, "blk.%u.ffn_gate_exps.weight", i);
	if (r == 0)
		r = reader_experts(reader, n, n_ff, &layer->up, "blk.%u.ffn_up_exps.weight", i);
	if (r == 0)
		r = reader_experts(reader, n_ff, n, &layer->down, "blk.%u.ffn_down_exps.weight", i);
	return r;
}

/* Without a gate of its own, the upper half of ffn_up is the gate (Phi 3). */
static int read_ffn(struct reader *reader, uint32_t i)
{
	const struct model *model = reader->model;
	struct model_layer *layer = &model->layers[i];
	const struct matrix_part parts[] = {{&layer->gate, layer->n_ff}, {&layer->up, layer->n_ff}};
	uint32_t n = model->n_embd, n_ff = layer->n_ff;
	int r;

	r = reader_vector(reader, false, n, &layer->ffn_norm, "blk.%u.ffn_norm.weight", i);
	if (r < 0)
		return r;
	if (has_experts(reader, i))
		return read_experts(reader, i);
	if (reader->arch->has_gate_in_up) {
		r = reader_parts(reader, n, parts, ARRAY_SIZE(parts), "blk.%u.ffn_up.weight", i);
	} else {
		r = reader_matrix(reader, false, n, n_ff, &layer->gate, "blk.%u.ffn_gate.weight",
				  i);
		if (r == 0)
			r = reader_matrix(reader, false, n, n_ff, &layer->up,
					  "blk.%u.ffn_up.weight", i);
	}
	if (r == 0)
		r = reader_matrix(reader, false, n_ff, n, &layer->down, "blk.%u.ffn_down.weight",
				  i);
	return r;
}

static int read_layer(struct reader *reader, uint32_t i)
{
	const struct model *model = reader->model;
	int r;

	r = reader_vector(reader, false, model->n_embd, &model->layers[i].attn_norm,
			  "blk.%u.attn_norm.weight", i);
	if (r == 0)
		r = reader_attention(reader, i);
	return r < 0 ? r : read_ffn(reader, i);
}

static int read_layers(struct reader *reader)
{
	int r = 0;

	for (uint32_t i = 0; i < reader->model->n_layers && r == 0; i++) {
		r = read_layer_sizes(reader, i);
		if (r == 0)
			r = (reader->arch->is_encoder ? reader_encoder_layer : read_layer)(reader,
											   i);
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
	r = reader_matrix(reader, false, model->n_embd, model->n_vocab, &model->token_embd,
			  "token_embd.weight");
	if (r < 0)
		return r;
	if (reader->arch->is_encoder)
		return reader_encoder_ends(reader);
	r = reader_vector(reader, false, model->n_embd, &model->output_norm, "output_norm.weight");
	if (r < 0)
		return r;
	r = reader_matrix(reader, true, model->n_embd, model->n_vocab, &model->output,
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

static int find_arch(struct reader *reader)
{
	struct gguf_string name = {"", 0};
	char names[256];
	int r;

	r = gguf_get_string(reader->gguf, "general.architecture", reader->log, &name);
	if (r == -ENOENT)
		return log_error(reader->log, EBADMSG, "%s does not say its architecture",
				 gguf_name(reader->gguf));
	if (r < 0)
		return r;
	reader->arch = arch_find(name);
	arch_names(names);
	if (!reader->arch)
		return log_error(reader->log, ENOTSUP,
				 "%s is of architecture '%.*s'; this version knows %s",
				 gguf_name(reader->gguf), (int)MIN(name.size, 64u), name.data,
				 names);
	reader->model->arch = reader->arch->name;
	return 0;
}

static int read_model(struct reader *reader)
{
	int r;

	if (gguf_is_adapter(reader->gguf))
		return log_error(
			reader->log, EBADMSG,
			"%s is an adapter and no model: load the model that it was made for, "
			"with --lora %s",
			gguf_name(reader->gguf), gguf_name(reader->gguf));
	r = find_arch(reader);
	if (r == 0)
		r = read_sizes(reader);
	if (r == 0)
		r = reader_allocate(reader);
	if (r == 0 && !reader->arch->is_encoder)
		r = reader_rope(reader);
	if (r == 0)
		r = read_ends(reader);
	if (r == 0)
		r = read_layers(reader);
	if (r == 0 && reader->arch->read)
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

const uint8_t *matrix_data(const struct matrix *matrix)
{
	return matrix->tensor->data +
	       matrix->first_row * tensor_row_bytes(matrix->type, matrix->n_cols);
}

uint64_t matrix_bytes(const struct matrix *matrix)
{
	return (uint64_t)matrix->n_experts * matrix->n_rows *
	       tensor_row_bytes(matrix->type, matrix->n_cols);
}

uint64_t model_weight_bytes(const struct model *model)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < model->n_matrices; i++)
		bytes += matrix_bytes(&model->matrices[i]);
	return bytes;
}

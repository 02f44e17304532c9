// SPDX-License-Identifier: MIT
/*
 * Owns what differs between architectures: one row of the table at the end and, where keys and
 * tensors do not say it, one short function. CONTRIBUTING.md tells how one is added.
 */
#include <math.h>
#include <stdio.h>

#include "array.h"
#include "model_reader.h"

/* Norms of each head of the queries and keys. */
static int read_head_norms(struct reader *reader)
{
	const struct model *model = reader->model;
	int r = 0;

	for (uint32_t i = 0; i < model->n_layers && r == 0; i++) {
		struct model_layer *layer = &model->layers[i];

		r = reader_vector(reader, false, model->head_dim, &layer->q_norm,
				  "blk.%u.attn_q_norm.weight", i);
		if (r == 0)
			r = reader_vector(reader, false, model->head_dim, &layer->k_norm,
					  "blk.%u.attn_k_norm.weight", i);
	}
	return r;
}

/* ---- smollm3 ---- */

/* Each fourth layer does not rotate. */
static int read_smollm3(struct reader *reader)
{
	struct model *model = reader->model;

	model->ropes[model->n_ropes] = (struct rope){.style = ROPE_PAIRS, .magnitude = 1};
	for (uint32_t i = 3; i < model->n_layers; i += 4)
		model->layers[i].rope = model->n_ropes;
	model->n_ropes++;
	return 0;
}

/* ---- granite ---- */

/* Its logits are divided by the scale. */
static int read_granite(struct reader *reader)
{
	struct model *model = reader->model;
	bool rotates;
	float scale;
	int r;

	r = reader_f32(reader, "logit_scale", 1, &scale);
	if (r == 0)
		r = reader_bool(reader, "rope.scaling.finetuned", true, &rotates);
	if (r < 0)
		return r;
	if (scale == 0)
		return reader_bad_number(reader, "logit_scale", (double)scale);
	if (!rotates)
		model->ropes[0].n_dims = 0;
	model->logit_scale = 1 / scale;
	return 0;
}

/* ---- olmoe ---- */

/* Norms over all heads at once. */
static int read_olmoe(struct reader *reader)
{
	const struct model *model = reader->model;
	int r = 0;

	for (uint32_t i = 0; i < model->n_layers && r == 0; i++) {
		struct model_layer *layer = &model->layers[i];

		r = reader_vector(reader, false, layer->q->n_rows, &layer->q_norm,
				  "blk.%u.attn_q_norm.weight", i);
		if (r == 0)
			r = reader_vector(reader, false, layer->k->n_rows, &layer->k_norm,
					  "blk.%u.attn_k_norm.weight", i);
	}
	return r;
}

/* ---- gemma3 ---- */

static int read_post_norms(struct reader *reader)
{
	const struct model *model = reader->model;
	int r = 0;

	for (uint32_t i = 0; i < model->n_layers && r == 0; i++) {
		struct model_layer *layer = &model->layers[i];

		r = reader_vector(reader, false, model->n_embd, &layer->post_attn_norm,
				  "blk.%u.post_attention_norm.weight", i);
		if (r == 0)
			r = reader_vector(reader, false, model->n_embd, &layer->post_ffn_norm,
					  "blk.%u.post_ffw_norm.weight", i);
	}
	return r;
}

/* Five layers see a window and rotate by a base of their own, each sixth sees all. */
static int read_gemma3_windows(struct reader *reader)
{
	struct model *model = reader->model;
	struct rope *local = &model->ropes[1];
	uint32_t period;
	int r;

	r = reader_u32(reader, "attention.sliding_window_pattern", 6, &period);
	if (r < 0)
		return r;
	if (period == 0)
		return reader_out_of_range(reader, "attention.sliding_window_pattern", period);
	*local = model->ropes[0];
	local->scale = 1;
	local->magnitude = 1;
	local->is_yarn = false;
	model->n_ropes = 2;
	for (uint32_t i = 0; i < model->n_layers; i++) {
		if (i % period == period - 1)
			model->layers[i].window = 0;
		model->layers[i].rope = model->layers[i].window > 0;
	}
	return reader_f32(reader, "rope.freq_base_swa", 10000, &local->base);
}

static int read_gemma3(struct reader *reader)
{
	enum { LAYERS_OF_27B = 62 };
	struct model *model = reader->model;
	int r;

	model->embedding_scale = sqrtf((float)model->n_embd);
	if (model->n_layers == LAYERS_OF_27B)
		model->attention_scale =
			1 / sqrtf((float)model->n_embd / (float)model->layers[0].n_head);
	r = read_head_norms(reader);
	if (r == 0)
		r = read_post_norms(reader);
	return r < 0 ? r : read_gemma3_windows(reader);
}

static const struct arch archs[] = {
	{.name = "bert", .is_encoder = true, .activation = ACTIVATION_GELU_TANH},
	{.name = "llama", .rope_style = ROPE_PAIRS, .experts = EXPERTS_OF_USED},
	{.name = "mistral3", .rope_style = ROPE_PAIRS},
	{.name = "smollm3", .rope_style = ROPE_PAIRS, .read = read_smollm3},
	{.name = "granite", .rope_style = ROPE_PAIRS, .read = read_granite},
	{.name = "granitemoe",
	 .rope_style = ROPE_PAIRS,
	 .experts = EXPERTS_OF_USED,
	 .read = read_granite},
	{.name = "qwen2", .rope_style = ROPE_HALVES},
	{.name = "qwen3", .rope_style = ROPE_HALVES, .read = read_head_norms},
	{.name = "qwen3moe",
	 .rope_style = ROPE_HALVES,
	 .experts = EXPERTS_OF_USED,
	 .read = read_head_norms},
	{.name = "olmoe", .rope_style = ROPE_HALVES, .experts = EXPERTS_OF_ALL, .read = read_olmoe},
	{.name = "phi3", .rope_style = ROPE_HALVES, .has_gate_in_up = true},
	{.name = "gemma3",
	 .rope_style = ROPE_HALVES,
	 .activation = ACTIVATION_GELU_TANH,
	 .read = read_gemma3},
};

const struct arch *arch_find(struct gguf_string name)
{
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++) {
		if (gguf_string_is(name, archs[i].name))
			return &archs[i];
	}
	return NULL;
}

void arch_names(char names[static 256])
{
	int n = 0;

	names[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(archs) && n < 255; i++)
		n += snprintf(names + n, (size_t)(256 - n), "%s%s", i > 0 ? ", " : "",
			      archs[i].name);
}

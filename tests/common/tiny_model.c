// SPDX-License-Identifier: MIT
/* Owns random tiny models. Their vocabulary is the 256 bytes as GPT-2 spells them, and an end. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tiny_model.h"

const struct tiny_model tiny_model_default = {
	.arch = "llama",
	.n_layers = 2,
	.n_embd = 256,
	.n_head = 4,
	.n_head_kv = 2,
	.head_dim = 64,
	.n_ff = 512,
	.n_vocab = 260,
	.n_ctx = 512,
	.type = TENSOR_Q8_0,
	.tied = true,
	.seed = 1,
};

static uint32_t next_u32(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ z >> 31) >> 32);
}

static float next_unit(uint64_t *state)
{
	return (float)next_u32(state) * 0x1p-32f;
}

/* About normal, of variance 1. */
static float next_normal(uint64_t *state)
{
	float sum = 0;

	for (int i = 0; i < 4; i++)
		sum += next_unit(state) - 0.5f;
	return sum * 1.7320508f;
}

static void put_half(uint8_t *at, float value)
{
	uint16_t half = float_to_half(value);

	memcpy(at, &half, sizeof(half));
}

/* Codes are uniform, so a block of b bits has a spread of about 2^b / sqrt(12) quanta. */
/* Where a block keeps its scale and its offset, as halves, and how large they are. */
static const struct block_scale {
	enum tensor_type type;
	uint16_t scale_at;
	uint16_t offset_at;
	float codes;  /* how far codes reach from 0 */
	float scales; /* and scales within the block */
	float offset; /* in steps of the code; 0: the block has none */
} block_scales[] = {
	{TENSOR_Q4_0, 0, 0, 4.6f, 1, 0},       {TENSOR_Q5_0, 0, 0, 9.2f, 1, 0},
	{TENSOR_Q8_0, 0, 0, 74, 1, 0},	       {TENSOR_Q4_1, 0, 2, 4.6f, 1, -7.5f},
	{TENSOR_Q5_1, 0, 2, 9.2f, 1, -15.5f},  {TENSOR_Q4_K, 0, 2, 4.6f, 36, 7.5f},
	{TENSOR_Q5_K, 0, 2, 9.2f, 36, 15.5f},  {TENSOR_Q6_K, 208, 0, 18.5f, 74, 0},
	{TENSOR_Q2_K, 80, 82, 1.15f, 8, 1.5f}, {TENSOR_Q3_K, 108, 0, 2.3f, 18, 0},
	{TENSOR_IQ4_NL, 0, 0, 72, 1, 0},       {TENSOR_IQ4_XS, 0, 0, 72, 18, 0},
};

static void put_scales(enum tensor_type type, float jitter, uint8_t *block)
{
	for (size_t i = 0; i < sizeof(block_scales) / sizeof(*block_scales); i++) {
		const struct block_scale *at = &block_scales[i];
		float scale = jitter / at->codes / at->scales;

		if (at->type != type)
			continue;
		put_half(block + at->scale_at, scale);
		if (at->offset != 0)
			put_half(block + at->offset_at, scale * at->offset);
		return;
	}
	exit(99);
}

static void random_block(uint64_t *state, enum tensor_type type, float scale, uint8_t *block)
{
	const struct tensor_type_info *info = tensor_type_info(type);
	float value = next_normal(state) * scale, sign = next_u32(state) & 1 ? 1 : -1;
	float jitter = sign * (0.75f + 0.5f * next_unit(state)) * scale;

	for (unsigned i = 0; i < info->block_bytes; i++)
		block[i] = (uint8_t)next_u32(state);
	switch (type) {
	case TENSOR_F32:
		memcpy(block, &value, sizeof(value));
		break;
	case TENSOR_F16:
		put_half(block, value);
		break;
	case TENSOR_BF16:
		memcpy(block, (const uint8_t *)&value + 2, 2);
		break;
	case TENSOR_MXFP4:
		block[0] = (uint8_t)(128 - 2 + (int)log2f(scale) - (int)(next_u32(state) % 2));
		break;
	default:
		put_scales(type, jitter, block);
	}
}

void random_row(uint64_t *state, enum tensor_type type, uint32_t n_values, float scale,
		uint8_t *row)
{
	const struct tensor_type_info *info = tensor_type_info(type);

	for (uint32_t i = 0; i < n_values; i += info->block_values, row += info->block_bytes)
		random_block(state, type, scale, row);
}

/* What a tiny model is on its way into a file. */
struct making {
	const struct tiny_model *tiny;
	struct gguf_maker *maker;
	uint64_t state;
	uint32_t n_matrices; /* made so far */
};

static bool is_arch(const struct making *m, const char *arch)
{
	return strcmp(m->tiny->arch, arch) == 0;
}

/* "blk.3.ffn_up.weight"; LAYER -1: without a layer. */
static void tensor_name(char name[static 64], int layer, const char *role, const char *end)
{
	if (layer < 0)
		(void)snprintf(name, 64, "%s.%s", role, end);
	else
		(void)snprintf(name, 64, "blk.%d.%s.%s", layer, role, end);
}

struct shape {
	uint32_t n_cols, n_rows, n_experts; /* n_experts 0: a matrix */
};

static void add_weights(struct making *m, int layer, const char *role, struct shape shape,
			enum tensor_type type, float scale)
{
	uint64_t dims[] = {shape.n_cols, shape.n_rows, shape.n_experts};
	uint64_t row_bytes = tensor_row_bytes(type, shape.n_cols);
	uint64_t n = (uint64_t)shape.n_rows * (shape.n_experts > 0 ? shape.n_experts : 1);
	uint8_t *data = malloc(n * row_bytes);
	char name[64];

	if (!data)
		exit(99);
	if (layer >= 0 && m->tiny->gain > 0)
		scale *= m->tiny->gain;
	for (uint64_t i = 0; i < n; i++)
		random_row(&m->state, type, shape.n_cols, scale, data + i * row_bytes);
	tensor_name(name, layer, role, "weight");
	gguf_maker_tensor(m->maker, name, type, shape.n_experts > 0 ? 3 : 2, dims, data,
			  n * row_bytes);
	free(data);
}

/* Neighbours differ, gates and ups too, and so do layers: seven matrices and these counts go apart. */
static enum tensor_type next_type(struct making *m)
{
	static const enum tensor_type types[TINY_TYPES] = {
		TENSOR_Q6_K, TENSOR_Q4_K,  TENSOR_F16,	TENSOR_IQ4_XS, TENSOR_Q5_K, TENSOR_Q8_0,
		TENSOR_Q3_K, TENSOR_MXFP4, TENSOR_Q2_K, TENSOR_Q5_1,   TENSOR_Q4_0, TENSOR_IQ4_NL,
		TENSOR_Q5_0, TENSOR_BF16,  TENSOR_Q4_1, TENSOR_F32,
	};

	if (m->tiny->n_mixed == 0)
		return m->tiny->type;
	return types[m->n_matrices++ % m->tiny->n_mixed];
}

static void add_matrix(struct making *m, int layer, const char *role, uint32_t n_cols,
		       uint32_t n_rows, float scale)
{
	struct shape shape = {n_cols, n_rows, 0};

	add_weights(m, layer, role, shape, next_type(m), scale);
}

/* END is "weight" or "bias". */
static void add_vector(struct making *m, int layer, const char *role, const char *end, uint32_t n,
		       float mean, float spread)
{
	float *data = malloc(n * sizeof(*data));
	uint64_t dims[] = {n};
	char name[64];

	if (!data)
		exit(99);
	for (uint32_t i = 0; i < n; i++)
		data[i] = mean + spread * next_normal(&m->state);
	tensor_name(name, layer, role, end);
	gguf_maker_tensor(m->maker, name, TENSOR_F32, 1, dims, data, n * sizeof(*data));
	free(data);
}

static void add_norm(struct making *m, int layer, const char *role, uint32_t n)
{
	add_vector(m, layer, role, "weight", n, 1, 0.1f);
}

/* ---- keys ---- */

static const char *arch_key(const struct making *m, const char *key, char name[static 96])
{
	(void)snprintf(name, 96, "%s.%s", m->tiny->arch, key);
	return name;
}

static void add_key(struct making *m, const char *key, uint32_t value)
{
	char name[96];

	gguf_maker_u32(m->maker, arch_key(m, key, name), value);
}

static void add_number(struct making *m, const char *key, float value)
{
	char name[96];

	gguf_maker_f32(m->maker, arch_key(m, key, name), value);
}

static void add_rope_keys(struct making *m)
{
	const struct tiny_model *tiny = m->tiny;
	char name[96];

	add_key(m, "rope.dimension_count", tiny->rope_dims > 0 ? tiny->rope_dims : tiny->head_dim);
	if (tiny->rope_scaling || is_arch(m, "phi3"))
		add_key(m, "rope.scaling.original_context_length", tiny->n_ctx / 4);
	if (is_arch(m, "phi3"))
		add_number(m, "rope.scaling.attn_factor", 1.19f);
	if (!tiny->rope_scaling)
		return;
	gguf_maker_string(m->maker, arch_key(m, "rope.scaling.type", name), tiny->rope_scaling);
	add_number(m, "rope.scaling.factor", 4);
}

static void add_bert_keys(struct making *m)
{
	char name[96];

	add_number(m, "attention.layer_norm_epsilon", 1e-12f);
	gguf_maker_bool(m->maker, arch_key(m, "attention.causal", name), 0);
	add_key(m, "pooling_type", 1);
}

static void add_granite_keys(struct making *m)
{
	add_number(m, "embedding_scale", 3);
	add_number(m, "residual_scale", 0.22f);
	add_number(m, "attention.scale", 0.2f);
	add_number(m, "logit_scale", 0.8f);
}

static void add_keys(struct making *m)
{
	const struct tiny_model *tiny = m->tiny;

	gguf_maker_string(m->maker, "general.architecture", tiny->arch);
	gguf_maker_string(m->maker, "general.name", "tiny");
	add_key(m, "block_count", tiny->n_layers);
	add_key(m, "context_length", tiny->n_ctx);
	add_key(m, "embedding_length", tiny->n_embd);
	add_key(m, "feed_forward_length", tiny->n_ff);
	add_key(m, "attention.head_count", tiny->n_head);
	add_key(m, "attention.head_count_kv", tiny->n_head_kv);
	add_key(m, "attention.key_length", tiny->head_dim);
	add_key(m, "attention.value_length", tiny->head_dim);
	if (is_arch(m, "bert")) {
		add_bert_keys(m);
		return;
	}
	add_number(m, "attention.layer_norm_rms_epsilon", 1e-5f);
	add_rope_keys(m);
	if (tiny->window > 0)
		add_key(m, "attention.sliding_window", tiny->window);
	if (strncmp(tiny->arch, "granite", 7) == 0)
		add_granite_keys(m);
	if (tiny->n_experts == 0)
		return;
	add_key(m, "expert_count", tiny->n_experts);
	add_key(m, "expert_used_count", tiny->n_experts_used);
	if (is_arch(m, "qwen3moe"))
		add_key(m, "expert_feed_forward_length", tiny->n_ff);
}

/* The byte alphabet of GPT-2: printable bytes are themselves, the others follow from U+0100. */
static void spell_byte(unsigned byte, unsigned *next, char out[static 4])
{
	unsigned code = byte;

	if (!((byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174))
		code = 256 + (*next)++;
	if (code < 128) {
		out[0] = (char)code;
		out[1] = '\0';
		return;
	}
	out[0] = (char)(0xc0 | code >> 6);
	out[1] = (char)(0x80 | (code & 63));
	out[2] = '\0';
}

/*
 * BERT's special tokens where BERT has them, every small letter, digit and mark with which a word may
 * begin or go on, a few words and endings, and what is never found.
 */
static void spell_piece(uint32_t i, char out[static 24])
{
	static const char *const special[] = {"[UNK]", "[CLS]", "[SEP]", "[MASK]"};
	static const char *const pieces[] = {"\u2581the",    "\u2581of", "\u2581quick",
					     "\u2581fox",    "ing",	 "\u2581\u4e2d",
					     "\u2581\u043f", "\u0440"};
	enum { FIRST = 104, CHARACTERS = '~' - ' ', PIECES = sizeof(pieces) / sizeof(pieces[0]) };
	uint32_t k = i - FIRST;

	(void)snprintf(out, 24, "[unused%u]", i);
	if (i == 0)
		(void)strcpy(out, "[PAD]");
	else if (i >= 100 && i < FIRST)
		(void)strcpy(out, special[i - 100]);
	else if (i >= FIRST && k < 2 * CHARACTERS && (k / 2 + '!' < 'A' || k / 2 + '!' > 'Z'))
		(void)snprintf(out, 24, "%s%c", k % 2 ? "" : "\u2581", (char)(k / 2 + '!'));
	else if (i >= FIRST && k >= 2 * CHARACTERS && k < 2 * CHARACTERS + PIECES)
		(void)strcpy(out, pieces[k - 2 * CHARACTERS]);
}

static void add_pieces(struct gguf_maker *maker, const struct tiny_model *tiny)
{
	char(*texts)[24] = calloc(tiny->n_vocab, sizeof(*texts));
	const char **tokens = calloc(tiny->n_vocab, sizeof(*tokens));
	int32_t *types = calloc(tiny->n_vocab, sizeof(*types));

	if (!texts || !tokens || !types)
		exit(99);
	for (uint32_t i = 0; i < tiny->n_vocab; i++) {
		spell_piece(i, texts[i]);
		tokens[i] = texts[i];
		types[i] = i == 0 || (i >= 100 && i < 104) ? 3 : 1;
	}
	gguf_maker_string(maker, "tokenizer.ggml.model", "bert");
	gguf_maker_strings(maker, "tokenizer.ggml.tokens", tokens, tiny->n_vocab);
	gguf_maker_array(maker, "tokenizer.ggml.token_type", GGUF_I32, types, tiny->n_vocab,
			 sizeof(*types));
	gguf_maker_u32(maker, "tokenizer.ggml.token_type_count", 2);
	gguf_maker_u32(maker, "tokenizer.ggml.unknown_token_id", 100);
	gguf_maker_u32(maker, "tokenizer.ggml.bos_token_id", 101);
	gguf_maker_u32(maker, "tokenizer.ggml.seperator_token_id", 102);
	gguf_maker_u32(maker, "tokenizer.ggml.padding_token_id", 0);
	free(texts);
	free(tokens);
	free(types);
}

static void add_vocabulary(struct gguf_maker *maker, const struct tiny_model *tiny)
{
	char(*texts)[24] = calloc(tiny->n_vocab, sizeof(*texts));
	const char **tokens = calloc(tiny->n_vocab, sizeof(*tokens));
	int32_t *types = calloc(tiny->n_vocab, sizeof(*types));
	unsigned next = 0;

	if (!texts || !tokens || !types)
		exit(99);
	for (uint32_t i = 0; i < tiny->n_vocab; i++) {
		if (i < 256)
			spell_byte(i, &next, texts[i]);
		else
			(void)snprintf(texts[i], sizeof(texts[i]), "<|%u|>", i);
		tokens[i] = texts[i];
		types[i] = i < 256 ? 1 : 3;
	}
	gguf_maker_string(maker, "tokenizer.ggml.model", "gpt2");
	gguf_maker_string(maker, "tokenizer.ggml.pre", "gpt-2");
	gguf_maker_strings(maker, "tokenizer.ggml.tokens", tokens, tiny->n_vocab);
	gguf_maker_array(maker, "tokenizer.ggml.token_type", GGUF_I32, types, tiny->n_vocab,
			 sizeof(*types));
	gguf_maker_strings(maker, "tokenizer.ggml.merges", (const char *const[]){"h e"}, 0);
	gguf_maker_u32(maker, "tokenizer.ggml.eos_token_id", 256);
	gguf_maker_bool(maker, "tokenizer.ggml.add_bos_token", 0);
	free(texts);
	free(tokens);
	free(types);
}

/* ---- layers ---- */

static const float MATRIX_SCALE = 0.06f;

/* Divisors that grow with the pair, as those of real models do. */
static void add_factors(struct making *m, const char *role, float most)
{
	uint32_t dims = m->tiny->rope_dims > 0 ? m->tiny->rope_dims : m->tiny->head_dim;
	uint64_t n = dims / 2;
	float factors[512];
	char name[64];

	for (uint32_t i = 0; i < n; i++)
		factors[i] = 1 + (most - 1) * (float)i / (float)n;
	tensor_name(name, -1, role, "weight");
	gguf_maker_tensor(m->maker, name, TENSOR_F32, 1, &n, factors, n * sizeof(float));
}

static void add_all_factors(struct making *m)
{
	if (is_arch(m, "phi3")) {
		add_factors(m, "rope_factors_long", 16);
		add_factors(m, "rope_factors_short", 1.5f);
	} else {
		add_factors(m, "rope_freqs", 8);
	}
}

static void add_attention(struct making *m, int i)
{
	const struct tiny_model *tiny = m->tiny;
	uint32_t n = tiny->n_embd, n_q = tiny->n_head * tiny->head_dim;
	uint32_t n_kv = tiny->n_head_kv * tiny->head_dim;

	if (is_arch(m, "phi3")) {
		add_matrix(m, i, "attn_qkv", n, n_q + 2 * n_kv, MATRIX_SCALE);
	} else {
		add_matrix(m, i, "attn_q", n, n_q, MATRIX_SCALE);
		add_matrix(m, i, "attn_k", n, n_kv, MATRIX_SCALE);
		add_matrix(m, i, "attn_v", n, n_kv, MATRIX_SCALE);
	}
	add_matrix(m, i, "attn_output", n_q, n, MATRIX_SCALE);
	if (is_arch(m, "bert"))
		add_vector(m, i, "attn_output", "bias", n, 0, 0.5f);
	if (is_arch(m, "qwen2") || is_arch(m, "bert")) {
		add_vector(m, i, "attn_q", "bias", n_q, 0, 0.5f);
		add_vector(m, i, "attn_k", "bias", n_kv, 0, 0.5f);
		add_vector(m, i, "attn_v", "bias", n_kv, 0, 0.5f);
	}
}

static void add_experts(struct making *m, int i)
{
	const struct tiny_model *tiny = m->tiny;
	const struct shape router = {tiny->n_embd, tiny->n_experts, 0};
	const struct shape in = {tiny->n_embd, tiny->n_ff, tiny->n_experts};
	const struct shape out = {tiny->n_ff, tiny->n_embd, tiny->n_experts};

	add_weights(m, i, "ffn_gate_inp", router, TENSOR_F32, 0.2f);
	add_weights(m, i, "ffn_gate_exps", in, next_type(m), MATRIX_SCALE);
	add_weights(m, i, "ffn_up_exps", in, next_type(m), MATRIX_SCALE);
	add_weights(m, i, "ffn_down_exps", out, next_type(m), MATRIX_SCALE);
}

static void add_ffn(struct making *m, int i)
{
	const struct tiny_model *tiny = m->tiny;

	if (tiny->n_experts > 0) {
		add_experts(m, i);
		return;
	}
	if (is_arch(m, "phi3")) {
		add_matrix(m, i, "ffn_up", tiny->n_embd, 2 * tiny->n_ff, MATRIX_SCALE);
	} else {
		add_matrix(m, i, "ffn_gate", tiny->n_embd, tiny->n_ff, MATRIX_SCALE);
		add_matrix(m, i, "ffn_up", tiny->n_embd, tiny->n_ff, MATRIX_SCALE);
	}
	add_matrix(m, i, "ffn_down", tiny->n_ff, tiny->n_embd, MATRIX_SCALE);
}

static void add_norms(struct making *m, int i)
{
	const struct tiny_model *tiny = m->tiny;

	add_norm(m, i, "attn_norm", tiny->n_embd);
	add_norm(m, i, "ffn_norm", tiny->n_embd);
	if (is_arch(m, "gemma3")) {
		add_norm(m, i, "post_attention_norm", tiny->n_embd);
		add_norm(m, i, "post_ffw_norm", tiny->n_embd);
	}
	if (is_arch(m, "olmoe")) {
		add_norm(m, i, "attn_q_norm", tiny->n_head * tiny->head_dim);
		add_norm(m, i, "attn_k_norm", tiny->n_head_kv * tiny->head_dim);
	}
	if (is_arch(m, "gemma3") || strncmp(tiny->arch, "qwen3", 5) == 0) {
		add_norm(m, i, "attn_q_norm", tiny->head_dim);
		add_norm(m, i, "attn_k_norm", tiny->head_dim);
	}
}

static void add_layer_norm(struct making *m, int layer, const char *role)
{
	add_norm(m, layer, role, m->tiny->n_embd);
	add_vector(m, layer, role, "bias", m->tiny->n_embd, 0, 0.3f);
}

static void add_encoder(struct making *m)
{
	const struct tiny_model *tiny = m->tiny;
	const struct shape positions = {tiny->n_embd, tiny->n_ctx, 0}, types = {tiny->n_embd, 2, 0};

	/* Converters keep these as floats, whatever the type of the others. */
	add_weights(m, -1, "position_embd", positions, TENSOR_F32, 0.3f);
	add_weights(m, -1, "token_types", types, TENSOR_F32, 0.3f);
	add_layer_norm(m, -1, "token_embd_norm");
	for (int i = 0; i < (int)tiny->n_layers; i++) {
		add_attention(m, i);
		add_layer_norm(m, i, "attn_output_norm");
		add_matrix(m, i, "ffn_up", tiny->n_embd, tiny->n_ff, MATRIX_SCALE);
		add_vector(m, i, "ffn_up", "bias", tiny->n_ff, 0, 0.5f);
		add_matrix(m, i, "ffn_down", tiny->n_ff, tiny->n_embd, MATRIX_SCALE);
		add_vector(m, i, "ffn_down", "bias", tiny->n_embd, 0, 0.5f);
		add_layer_norm(m, i, "layer_output_norm");
	}
}

void tiny_model_make(const struct tiny_model *tiny, struct gguf_maker *maker)
{
	struct making m = {.tiny = tiny, .maker = maker, .state = tiny->seed};
	float embedding_scale = 1.2f / sqrtf((float)tiny->n_embd); /* of sane logits */

	gguf_maker_init(maker);
	add_keys(&m);
	if (is_arch(&m, "bert")) {
		add_pieces(maker, tiny);
		add_matrix(&m, -1, "token_embd", tiny->n_embd, tiny->n_vocab, 0.6f);
		add_encoder(&m);
		return;
	}
	add_vocabulary(maker, tiny);
	add_matrix(&m, -1, "token_embd", tiny->n_embd, tiny->n_vocab, embedding_scale);
	for (uint32_t i = 0; i < tiny->n_layers; i++) {
		add_attention(&m, (int)i);
		add_ffn(&m, (int)i);
		add_norms(&m, (int)i);
	}
	add_norm(&m, -1, "output_norm", tiny->n_embd);
	if (tiny->rope_factors)
		add_all_factors(&m);
	if (!tiny->tied)
		add_matrix(&m, -1, "output", tiny->n_embd, tiny->n_vocab, embedding_scale);
}

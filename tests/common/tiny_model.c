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
	.window = 96,
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
	case TENSOR_Q4_0:
		put_half(block, jitter / 4.6f);
		break;
	case TENSOR_Q5_0:
		put_half(block, jitter / 9.2f);
		break;
	case TENSOR_Q8_0:
		put_half(block, jitter / 74);
		break;
	case TENSOR_Q4_1:
		put_half(block, jitter / 4.6f);
		put_half(block + 2, -jitter / 4.6f * 7.5f);
		break;
	case TENSOR_Q5_1:
		put_half(block, jitter / 9.2f);
		put_half(block + 2, -jitter / 9.2f * 15.5f);
		break;
	case TENSOR_Q4_K:
		put_half(block, jitter / 4.6f / 36);
		put_half(block + 2, jitter / 4.6f / 36 * 7.5f);
		break;
	case TENSOR_Q5_K:
		put_half(block, jitter / 9.2f / 36);
		put_half(block + 2, jitter / 9.2f / 36 * 15.5f);
		break;
	case TENSOR_Q6_K:
		put_half(block + 208, jitter / 18.5f / 74);
		break;
	case TENSOR_Q2_K:
		put_half(block + 80, jitter / 1.15f / 8);
		put_half(block + 82, jitter / 1.15f / 8 * 1.5f);
		break;
	case TENSOR_Q3_K:
		put_half(block + 108, jitter / 2.3f / 18);
		break;
	case TENSOR_IQ4_NL:
		put_half(block, jitter / 72);
		break;
	case TENSOR_IQ4_XS:
		put_half(block, jitter / 72 / 18);
		break;
	case TENSOR_MXFP4:
		block[0] = (uint8_t)(128 - 2 + (int)log2f(scale) - (int)(next_u32(state) % 2));
		break;
	default:
		exit(99);
	}
}

void random_row(uint64_t *state, enum tensor_type type, uint32_t n_values, float scale,
		uint8_t *row)
{
	const struct tensor_type_info *info = tensor_type_info(type);

	for (uint32_t i = 0; i < n_values; i += info->block_values, row += info->block_bytes)
		random_block(state, type, scale, row);
}

static void add_matrix(struct gguf_maker *maker, const struct tiny_model *tiny, uint64_t *state,
		       const char *name, uint32_t n_cols, uint32_t n_rows, float scale)
{
	uint64_t dims[] = {n_cols, n_rows}, row_bytes = tensor_row_bytes(tiny->type, n_cols);
	uint8_t *data = malloc(n_rows * row_bytes);

	if (!data)
		exit(99);
	for (uint32_t i = 0; i < n_rows; i++)
		random_row(state, tiny->type, n_cols, scale, data + i * row_bytes);
	gguf_maker_tensor(maker, name, tiny->type, 2, dims, data, n_rows * row_bytes);
	free(data);
}

static void add_norm(struct gguf_maker *maker, uint64_t *state, const char *name, uint32_t n)
{
	float *data = malloc(n * sizeof(*data));
	uint64_t dims[] = {n};

	if (!data)
		exit(99);
	for (uint32_t i = 0; i < n; i++)
		data[i] = 1 + 0.1f * next_normal(state);
	gguf_maker_tensor(maker, name, TENSOR_F32, 1, dims, data, n * sizeof(*data));
	free(data);
}

static void add_key(struct gguf_maker *maker, const struct tiny_model *tiny, const char *key,
		    uint32_t value)
{
	char name[96];

	(void)snprintf(name, sizeof(name), "%s.%s", tiny->arch, key);
	gguf_maker_u32(maker, name, value);
}

static void add_sizes(struct gguf_maker *maker, const struct tiny_model *tiny)
{
	char name[96];

	gguf_maker_string(maker, "general.architecture", tiny->arch);
	gguf_maker_string(maker, "general.name", "tiny");
	add_key(maker, tiny, "block_count", tiny->n_layers);
	add_key(maker, tiny, "context_length", tiny->n_ctx);
	add_key(maker, tiny, "embedding_length", tiny->n_embd);
	add_key(maker, tiny, "feed_forward_length", tiny->n_ff);
	add_key(maker, tiny, "attention.head_count", tiny->n_head);
	add_key(maker, tiny, "attention.head_count_kv", tiny->n_head_kv);
	add_key(maker, tiny, "attention.key_length", tiny->head_dim);
	add_key(maker, tiny, "attention.value_length", tiny->head_dim);
	add_key(maker, tiny, "rope.dimension_count", tiny->head_dim);
	if (strcmp(tiny->arch, "gemma3") == 0)
		add_key(maker, tiny, "attention.sliding_window", tiny->window);
	(void)snprintf(name, sizeof(name), "%s.attention.layer_norm_rms_epsilon", tiny->arch);
	gguf_maker_f32(maker, name, 1e-5f);
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

static void add_layer(struct gguf_maker *maker, const struct tiny_model *tiny, uint64_t *state,
		      uint32_t i)
{
	uint32_t n = tiny->n_embd, n_q = tiny->n_head * tiny->head_dim;
	uint32_t n_kv = tiny->n_head_kv * tiny->head_dim;
	const struct {
		const char *name;
		uint32_t n_cols, n_rows;
		float scale;
	} matrices[] = {
		{"attn_q", n, n_q, 0.06f},	    {"attn_k", n, n_kv, 0.06f},
		{"attn_v", n, n_kv, 0.06f},	    {"attn_output", n_q, n, 0.06f},
		{"ffn_gate", n, tiny->n_ff, 0.06f}, {"ffn_up", n, tiny->n_ff, 0.06f},
		{"ffn_down", tiny->n_ff, n, 0.06f},
	};
	const struct {
		const char *name;
		uint32_t n;
		bool gemma_only;
	} norms[] = {
		{"attn_norm", n, false},
		{"ffn_norm", n, false},
		{"post_attention_norm", n, true},
		{"post_ffw_norm", n, true},
		{"attn_q_norm", tiny->head_dim, true},
		{"attn_k_norm", tiny->head_dim, true},
	};
	char name[64];

	for (size_t k = 0; k < sizeof(matrices) / sizeof(matrices[0]); k++) {
		(void)snprintf(name, sizeof(name), "blk.%u.%s.weight", i, matrices[k].name);
		add_matrix(maker, tiny, state, name, matrices[k].n_cols, matrices[k].n_rows,
			   matrices[k].scale);
	}
	for (size_t k = 0; k < sizeof(norms) / sizeof(norms[0]); k++) {
		if (norms[k].gemma_only && strcmp(tiny->arch, "gemma3") != 0)
			continue;
		(void)snprintf(name, sizeof(name), "blk.%u.%s.weight", i, norms[k].name);
		add_norm(maker, state, name, norms[k].n);
	}
}

void tiny_model_make(const struct tiny_model *tiny, struct gguf_maker *maker)
{
	uint64_t state = tiny->seed;

	gguf_maker_init(maker);
	add_sizes(maker, tiny);
	add_vocabulary(maker, tiny);
	add_matrix(maker, tiny, &state, "token_embd.weight", tiny->n_embd, tiny->n_vocab, 0.12f);
	for (uint32_t i = 0; i < tiny->n_layers; i++)
		add_layer(maker, tiny, &state, i);
	add_norm(maker, &state, "output_norm.weight", tiny->n_embd);
	if (!tiny->tied)
		add_matrix(maker, tiny, &state, "output.weight", tiny->n_embd, tiny->n_vocab,
			   0.12f);
}

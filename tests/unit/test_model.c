// SPDX-License-Identifier: MIT
/* Models, number formats and the packed layout with its file. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch_cases.h"
#include "array.h"
#include "check.h"
#include "cleanup.h"
#include "model.h"
#include "packed.h"
#include "packed_type.h"
#include "path.h"
#include "tiny_model.h"

static const enum tensor_type all_types[] = {
	TENSOR_F32,  TENSOR_F16,    TENSOR_BF16,   TENSOR_Q4_0,	 TENSOR_Q4_1, TENSOR_Q5_0,
	TENSOR_Q5_1, TENSOR_Q8_0,   TENSOR_Q2_K,   TENSOR_Q3_K,	 TENSOR_Q4_K, TENSOR_Q5_K,
	TENSOR_Q6_K, TENSOR_IQ4_NL, TENSOR_IQ4_XS, TENSOR_MXFP4,
};

static void halves_survive_the_way_there_and_back(void **state)
{
	(void)state;
	for (uint32_t bits = 0; bits < 0x10000; bits++) {
		uint16_t half = (uint16_t)bits;
		float value = half_to_float(half);

		if (isnan(value))
			assert_true(isnan(half_to_float(float_to_half(value))));
		else
			assert_int_equal(float_to_half(value), half);
	}
}

static void halves_round_to_nearest_even(void **state)
{
	(void)state;
	assert_int_equal(float_to_half(1.0f + 0x1p-11f), 0x3c00);   /* a tie, down to even */
	assert_int_equal(float_to_half(1.0f + 0x1.8p-10f), 0x3c02); /* a tie, up to even */
	assert_int_equal(float_to_half(0x1p-25f), 0); /* half the smallest, a tie, down */
	assert_int_equal(float_to_half(0x1.8p-25f), 1);
	assert_int_equal(float_to_half(65519.9f), 0x7bff);
	assert_int_equal(float_to_half(65520.0f), 0x7c00);
	assert_int_equal(float_to_half(-1e9f), 0xfc00);
}

/* Packing loses nothing: every type, odd row counts, columns that leave half a unit empty. */
static void packing_keeps_every_value(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all_types); i++) {
		enum tensor_type type = all_types[i];
		uint32_t block = tensor_type_info(type)->block_values;
		uint32_t n_cols = block == 1 ? 37 : 3 * block, n_rows = 13;
		uint64_t row_bytes = tensor_row_bytes(type, n_cols);
		uint64_t tile_bytes = packed_tile_bytes(type, n_cols);
		uint8_t *rows = malloc(n_rows * row_bytes), *tile = malloc(tile_bytes);
		float wanted[768], got[768];

		for (uint32_t r = 0; r < n_rows; r++)
			random_row(&seed, type, n_cols, 1, rows + r * row_bytes);
		packed_tile_write(type, rows, row_bytes, n_rows, n_cols, tile);
		for (uint32_t r = 0; r < n_rows; r++) {
			tensor_row_to_float(type, rows + r * row_bytes, wanted, n_cols);
			packed_tile_row_to_float(type, tile, r, n_cols, got);
			for (uint32_t c = 0; c < n_cols; c++)
				assert_true(wanted[c] == got[c]);
		}
		packed_tile_row_to_float(type, tile, 14, n_cols, got);
		for (uint32_t c = 0; c < n_cols; c++)
			assert_true(got[c] == 0);
		assert_int_equal(tile_bytes % PACKED_ALIGNMENT, 0);
		free(rows);
		free(tile);
	}
}

/* ---- models ---- */

struct loaded {
	struct gguf_maker maker;
	uint8_t *file;
	struct gguf *gguf;
	struct model *model;
	struct kept_log kept;
};

static int load(struct loaded *l)
{
	size_t bytes;
	int r;

	l->file = gguf_maker_file(&l->maker, &bytes);
	l->gguf = NULL;
	l->model = NULL;
	kept_log_init(&l->kept);
	r = gguf_parse(l->file, bytes, "tiny.gguf", &l->kept.log, &l->gguf);
	return r < 0 ? r : model_create(l->gguf, &l->kept.log, &l->model);
}

static void unload(struct loaded *l)
{
	model_destroy(l->model);
	gguf_close(l->gguf);
	free(l->file);
	gguf_maker_finish(&l->maker);
}

static void reads_a_llama(void **state)
{
	struct loaded l;

	(void)state;
	tiny_model_make(&tiny_model_default, &l.maker);
	assert_int_equal(load(&l), 0);
	assert_int_equal(l.model->n_layers, 2);
	assert_int_equal(l.model->head_dim, 64);
	assert_int_equal(l.model->layers[1].n_head_kv, 2);
	assert_int_equal(l.model->layers[0].window, 0);
	assert_ptr_equal(l.model->output, l.model->token_embd);
	assert_int_equal(l.model->n_matrices, 15);
	assert_int_equal(l.model->layers[0].q->n_rows, 256);
	unload(&l);
}

static void reads_a_gemma3(void **state)
{
	struct tiny_model tiny = tiny_model_default;
	struct loaded l;

	(void)state;
	tiny.arch = "gemma3";
	tiny.window = 96;
	tiny.n_layers = 7;
	tiny.tied = false;
	tiny_model_make(&tiny, &l.maker);
	assert_int_equal(load(&l), 0);
	assert_float_equal(l.model->embedding_scale, 16, 0);
	assert_int_equal(l.model->layers[4].window, 96);
	assert_int_equal(l.model->layers[4].rope, 1);
	assert_int_equal(l.model->layers[5].window, 0);
	assert_int_equal(l.model->layers[5].rope, 0);
	assert_int_equal(l.model->layers[3].q_norm.n, 64);
	assert_ptr_not_equal(l.model->output, l.model->token_embd);
	unload(&l);
}

static void refused_model(struct loaded *l, int error, const char *words)
{
	assert_int_equal(load(l), -error);
	assert_int_equal(l->kept.n, 1);
	if (!strstr(l->kept.text, words))
		fail_msg("'%s' does not say '%s'", l->kept.text, words);
	unload(l);
}

static void refuses_other_architectures(void **state)
{
	struct tiny_model tiny = tiny_model_default;
	struct loaded l;

	(void)state;
	tiny.arch = "mamba";
	tiny_model_make(&tiny, &l.maker);
	refused_model(&l, ENOTSUP, "architecture 'mamba'");
}

static void refuses_a_shape_that_contradicts(void **state)
{
	struct tiny_model tiny = tiny_model_default;
	struct loaded l;

	(void)state;
	tiny.n_head_kv = 3; /* four heads cannot share three */
	tiny_model_make(&tiny, &l.maker);
	refused_model(&l, EBADMSG, "cannot share");
}

static void refuses_tensors_without_a_role(void **state)
{
	static const uint64_t dims[] = {256};
	struct loaded l;

	(void)state;
	tiny_model_make(&tiny_model_default, &l.maker);
	gguf_maker_tensor(&l.maker, "blk.0.attn_sinks.weight", TENSOR_F32, 1, dims, NULL, 1024);
	refused_model(&l, ENOTSUP, "1 tensors that architecture llama does not explain");
}

/* ---- architectures ---- */

static void make_case(struct loaded *l, const char *name)
{
	const struct arch_case *arch = arch_case_find(name);

	assert_non_null(arch);
	tiny_model_make(&arch->model, &l->maker);
}

static void load_case(struct loaded *l, const char *name)
{
	make_case(l, name);
	if (load(l) < 0)
		fail_msg("%s: %s", name, l->kept.text);
}

static void reads_every_architecture(void **state)
{
	struct loaded l;

	(void)state;
	for (size_t i = 0; i < n_arch_cases; i++) {
		load_case(&l, arch_cases[i].name);
		assert_string_equal(l.model->arch, arch_cases[i].model.arch);
		assert_int_equal(l.model->n_layers, arch_cases[i].model.n_layers);
		unload(&l);
	}
}

static void reads_the_divisors_of_llama3(void **state)
{
	struct loaded l;

	(void)state;
	load_case(&l, "llama3");
	assert_int_equal(l.model->ropes[0].factors.n, 32);
	assert_int_equal(l.model->ropes[0].long_factors.n, 0);
	unload(&l);
}

static void reads_a_window(void **state)
{
	struct loaded l;

	(void)state;
	load_case(&l, "llama-window");
	assert_int_equal(l.model->layers[0].window, 40);
	assert_int_equal(l.model->layers[1].window, 40);
	unload(&l);
}

static void reads_yarn(void **state)
{
	const struct rope *rope;
	struct loaded l;

	(void)state;
	load_case(&l, "mistral3-yarn");
	rope = &l.model->ropes[0];
	assert_true(rope->is_yarn);
	assert_float_equal(rope->scale, 0.25, 0);
	assert_float_equal(rope->magnitude, 1 + 0.1 * log(4), 1e-6);
	/* 128 dims, 256 positions, base 10 000: 64 ln(256 / (32 2 pi)) / ln 10000 = 1.68 */
	assert_float_equal(rope->ramp_begin, 1, 0);
	/* 64 ln(256 / (2 pi)) / ln 10000 = 25.8 */
	assert_float_equal(rope->ramp_end, 26, 0);
	unload(&l);
}

static void every_fourth_layer_of_smollm3_does_not_rotate(void **state)
{
	struct loaded l;

	(void)state;
	load_case(&l, "smollm3");
	for (uint32_t i = 0; i < l.model->n_layers; i++)
		assert_int_equal(l.model->ropes[l.model->layers[i].rope].n_dims, i == 3 ? 0 : 64);
	unload(&l);
}

static void reads_the_biases_of_qwen2(void **state)
{
	struct loaded l;

	(void)state;
	load_case(&l, "qwen2");
	assert_int_equal(l.model->layers[1].q_bias.n, 224);
	assert_int_equal(l.model->layers[1].k_bias.n, 32);
	assert_int_equal(l.model->layers[1].v_bias.n, 32);
	unload(&l);
}

static void reads_the_norms_of_qwen3(void **state)
{
	struct loaded l;

	(void)state;
	load_case(&l, "qwen3");
	assert_int_equal(l.model->head_dim, 128);
	assert_int_equal(l.model->layers[1].q_norm.n, 128);
	assert_int_equal(l.model->layers[1].k_norm.n, 128);
	unload(&l);
}

static void reads_the_scales_of_granite(void **state)
{
	struct loaded l;

	(void)state;
	load_case(&l, "granite");
	assert_float_equal(l.model->embedding_scale, 3, 0);
	assert_float_equal(l.model->residual_scale, 0.22, 1e-7);
	assert_float_equal(l.model->attention_scale, 0.2, 1e-7);
	assert_float_equal(l.model->logit_scale, 1.25, 1e-6);
	unload(&l);
}

static void a_granite_may_not_rotate(void **state)
{
	struct loaded l;

	(void)state;
	make_case(&l, "granite");
	gguf_maker_bool(&l.maker, "granite.rope.scaling.finetuned", 0);
	assert_int_equal(load(&l), 0);
	assert_int_equal(l.model->ropes[0].n_dims, 0);
	unload(&l);
}

static void reads_the_fused_matrices_of_phi3(void **state)
{
	const struct model_layer *layer;
	struct loaded l;

	(void)state;
	load_case(&l, "phi3-short");
	layer = &l.model->layers[1];
	assert_ptr_equal(layer->q->tensor, layer->v->tensor);
	assert_int_equal(layer->q->first_row, 0);
	assert_int_equal(layer->k->first_row, 256);
	assert_int_equal(layer->v->first_row, 256 + 128);
	assert_int_equal(layer->gate->first_row, 0);
	assert_int_equal(layer->up->first_row, 160);
	assert_ptr_equal(matrix_data(layer->up), layer->up->tensor->data + 160 * 256 * 4);
	assert_int_equal(l.model->ropes[0].n_dims, 48);
	assert_int_equal(l.model->ropes[0].n_ctx_short, 1024);
	assert_float_equal(l.model->ropes[0].magnitude, 1.19, 1e-6);
	unload(&l);
}

/* The parts of a fused tensor begin where they like, not where tiles do. */
static void packing_takes_any_rows_of_a_tensor(void **state)
{
	struct tiny_model tiny = arch_case_find("phi3-short")->model;
	struct packed_params params = {0};
	struct packed *packed;
	struct loaded l;

	(void)state;
	tiny.head_dim = 10; /* 40 + 20 + 20 rows */
	tiny.rope_dims = 6;
	tiny.type = TENSOR_F16;
	tiny.n_ff = 25;
	tiny_model_make(&tiny, &l.maker);
	assert_int_equal(load(&l), 0);
	assert_int_equal(thread_pool_create(2, NULL, &params.pool), 0);
	params.model = l.model;
	assert_int_equal(packed_create(&params, &packed), 0);
	for (uint32_t i = 0; i < l.model->n_matrices; i++) {
		const struct matrix *matrix = &l.model->matrices[i];
		uint64_t row_bytes = tensor_row_bytes(matrix->type, matrix->n_cols);
		uint64_t tile_bytes = packed_tile_bytes(matrix->type, matrix->n_cols);
		float wanted[512], got[512];

		for (uint32_t r = 0; r < matrix->n_rows; r++) {
			tensor_row_to_float(matrix->type,
					    matrix->tensor->data +
						    (matrix->first_row + r) * row_bytes,
					    wanted, matrix->n_cols);
			packed_tile_row_to_float(matrix->type,
						 packed_matrix(packed, i) +
							 r / PACKED_ROWS * tile_bytes,
						 r % PACKED_ROWS, matrix->n_cols, got);
			assert_memory_equal(got, wanted, matrix->n_cols * sizeof(float));
		}
	}
	packed_destroy(packed);
	thread_pool_destroy(params.pool);
	unload(&l);
}

/* ---- refused by name ---- */

static void refuses_an_unknown_scaling(void **state)
{
	struct loaded l;

	(void)state;
	make_case(&l, "llama");
	gguf_maker_string(&l.maker, "llama.rope.scaling.type", "dynamic");
	refused_model(&l, ENOTSUP, "by 'dynamic'");
}

static void refuses_longrope_without_its_factors(void **state)
{
	struct loaded l;

	(void)state;
	make_case(&l, "qwen2");
	gguf_maker_string(&l.maker, "qwen2.rope.scaling.type", "longrope");
	refused_model(&l, ENOTSUP, "by 'longrope'");
}

static void refuses_a_factor_of_nothing(void **state)
{
	struct loaded l;

	(void)state;
	make_case(&l, "llama");
	gguf_maker_string(&l.maker, "llama.rope.scaling.type", "linear");
	gguf_maker_f32(&l.maker, "llama.rope.scaling.factor", 0);
	refused_model(&l, EBADMSG, "llama.rope.scaling.factor is 0");
}

static void refuses_a_magnitude_of_nothing(void **state)
{
	struct loaded l;

	(void)state;
	make_case(&l, "llama");
	gguf_maker_f32(&l.maker, "llama.rope.scaling.attn_factor", -1);
	refused_model(&l, EBADMSG, "llama.rope.scaling.attn_factor is -1");
}

static void refuses_yarn_that_ends_before_it_begins(void **state)
{
	struct loaded l;

	(void)state;
	make_case(&l, "mistral3-yarn");
	gguf_maker_f32(&l.maker, "mistral3.rope.scaling.yarn_beta_fast", 1);
	refused_model(&l, EBADMSG, "yarn_beta_fast is 1");
}

static void refuses_a_base_of_one(void **state)
{
	struct loaded l;

	(void)state;
	make_case(&l, "llama");
	gguf_maker_f32(&l.maker, "llama.rope.freq_base", 1);
	refused_model(&l, EBADMSG, "llama.rope.freq_base is 1");
}

static void refuses_rotation_of_odd_dimensions(void **state)
{
	struct tiny_model tiny = tiny_model_default;
	struct loaded l;

	(void)state;
	tiny.rope_dims = 31;
	tiny_model_make(&tiny, &l.maker);
	refused_model(&l, EBADMSG, "llama.rope.dimension_count is 31");
}

static void refuses_one_set_of_factors_of_two(void **state)
{
	static const uint64_t dims[] = {48};
	struct tiny_model tiny = arch_case_find("phi3-long")->model;
	struct loaded l;

	(void)state;
	tiny.rope_factors = false;
	tiny_model_make(&tiny, &l.maker);
	gguf_maker_tensor(&l.maker, "rope_factors_long.weight", TENSOR_F32, 1, dims, NULL, 192);
	refused_model(&l, EBADMSG, "lacks tensor rope_factors_short.weight");
}

static void refuses_capped_logits(void **state)
{
	struct loaded l;

	(void)state;
	make_case(&l, "gemma3");
	gguf_maker_f32(&l.maker, "gemma3.final_logit_softcapping", 30);
	refused_model(&l, ENOTSUP, "gemma3.final_logit_softcapping to 30");
}

static void refuses_attention_that_cools_down(void **state)
{
	struct loaded l;

	(void)state;
	make_case(&l, "mistral3-yarn");
	gguf_maker_f32(&l.maker, "mistral3.attention.temperature_scale", 0.1f);
	refused_model(&l, ENOTSUP, "mistral3.attention.temperature_scale");
}

static void refuses_attention_that_looks_ahead(void **state)
{
	struct loaded l;

	(void)state;
	make_case(&l, "llama");
	gguf_maker_bool(&l.maker, "llama.attention.causal", 0);
	refused_model(&l, ENOTSUP, "see later ones");
}

/* ---- encoders ---- */

static void reads_a_bert(void **state)
{
	const struct model_layer *layer;
	struct loaded l;

	(void)state;
	load_case(&l, "bert");
	layer = &l.model->layers[2];
	assert_true(l.model->is_encoder);
	assert_int_equal(l.model->pooling, POOLING_MEAN);
	assert_null(l.model->output);
	assert_int_equal(l.model->position_embd->n_rows, 160);
	assert_int_equal(l.model->type_embd.n, 96);
	assert_memory_equal(l.model->type_embd.data,
			    gguf_find_tensor(l.gguf, "token_types.weight")->data, 96 * 4);
	assert_int_equal(l.model->embd_norm.bias.n, 96);
	assert_int_equal(layer->ffn_out_norm.weight.n, 96);
	assert_int_equal(layer->up_bias.n, 160);
	assert_int_equal(layer->down_bias.n, 96);
	assert_int_equal(layer->o_bias.n, 96);
	assert_null(layer->gate);
	assert_int_equal(l.model->ropes[layer->rope].n_dims, 0);
	assert_true(l.model->norm_eps < 1e-11f);
	unload(&l);
}

/* What stands after the name of a key or tensor among the maker's N BYTES. */
static uint8_t *after_name(uint8_t *bytes, size_t n, const char *name)
{
	uint8_t *at = memmem(bytes, n, name, strlen(name));

	assert_non_null(at);
	return at + strlen(name);
}

static void refuses_a_bert_that_looks_back_only(void **state)
{
	struct loaded l;

	(void)state;
	make_case(&l, "bert");
	after_name(l.maker.header, l.maker.header_bytes, "bert.attention.causal")[-1] = 'x';
	refused_model(&l, ENOTSUP, "does not let tokens see later ones");
}

/* Each tensor of a bert is needed, but for types, of which not all models know any. */
static void refuses_a_bert_without_a_part(void **state)
{
	static const char *const parts[] = {
		"position_embd.weight",		"token_embd_norm.weight",
		"token_embd_norm.bias",		"blk.0.attn_q.weight",
		"blk.1.attn_output.weight",	"blk.2.attn_output_norm.weight",
		"blk.0.attn_output_norm.bias",	"blk.1.ffn_up.weight",
		"blk.2.ffn_down.weight",	"blk.0.layer_output_norm.weight",
		"blk.1.layer_output_norm.bias",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		char sentence[96];
		struct loaded l;

		(void)snprintf(sentence, sizeof(sentence), "lacks tensor %s", parts[i]);
		make_case(&l, "bert");
		after_name(l.maker.tensors, l.maker.tensors_bytes, parts[i])[-1] = 'x';
		refused_model(&l, EBADMSG, sentence);
	}
}

static void refuses_other_positions_than_the_context_has(void **state)
{
	struct loaded l;

	(void)state;
	make_case(&l, "bert");
	after_name(l.maker.header, l.maker.header_bytes, "bert.context_length")[4]++;
	refused_model(
		&l, EBADMSG,
		"position_embd.weight is 96 x 160 x 1 and the hyper-parameters want 96 x 161");
}

static void refuses_types_of_another_width(void **state)
{
	static const uint64_t dims[] = {64, 3};
	struct loaded l;

	(void)state;
	make_case(&l, "bert");
	memcpy(after_name(l.maker.tensors, l.maker.tensors_bytes, "token_types.weight") + 4, dims,
	       sizeof(dims));
	refused_model(&l, EBADMSG, "token_types.weight is 64 x 3 x 1");
}

static void refuses_the_head_of_a_ranking_bert(void **state)
{
	static const uint64_t dims[] = {96, 96};
	struct loaded l;

	(void)state;
	make_case(&l, "bert");
	gguf_maker_tensor(&l.maker, "cls.weight", TENSOR_F32, 2, dims, NULL, 96 * 96 * 4);
	refused_model(&l, ENOTSUP, "1 tensors that architecture bert does not explain");
}

static void refuses_a_bert_of_experts(void **state)
{
	struct loaded l;

	(void)state;
	make_case(&l, "bert");
	gguf_maker_u32(&l.maker, "bert.expert_count", 4);
	refused_model(&l, ENOTSUP, "a mixture of 4 experts");
}

static void refuses_a_scale_of_nothing(void **state)
{
	struct loaded l;

	(void)state;
	make_case(&l, "llama");
	gguf_maker_f32(&l.maker, "llama.residual_scale", 0);
	refused_model(&l, EBADMSG, "llama.residual_scale is 0");
}

static void refuses_a_window_beyond_every_context(void **state)
{
	struct tiny_model tiny = tiny_model_default;
	struct loaded l;

	(void)state;
	tiny.window = MODEL_CONTEXT_MAX + 1;
	tiny_model_make(&tiny, &l.maker);
	refused_model(&l, EBADMSG, "llama.attention.sliding_window is 16777217");
}

static void refuses_a_fused_matrix_of_other_size(void **state)
{
	static const uint64_t dims[] = {256, 100};
	struct loaded l;

	(void)state;
	tiny_model_make(&tiny_model_default, &l.maker);
	gguf_maker_tensor(&l.maker, "blk.0.attn_qkv.weight", TENSOR_F32, 2, dims, NULL, 102400);
	refused_model(&l, EBADMSG, "tensor blk.0.attn_qkv.weight is 256 x 100");
}

static void reads_experts(void **state)
{
	const struct model_layer *layer;
	struct loaded l;

	(void)state;
	load_case(&l, "qwen3moe");
	assert_int_equal(l.model->n_experts, 16);
	assert_int_equal(l.model->n_experts_used, 3);
	assert_true(l.model->experts_sum_to_one);
	layer = &l.model->layers[1];
	assert_int_equal(layer->router->n_rows, 16);
	assert_int_equal(layer->gate->n_experts, 16);
	assert_int_equal(layer->gate->n_rows, 64);
	assert_int_equal(layer->down->n_cols, 64);
	assert_int_equal(matrix_bytes(layer->down), 16 * 64 * 96 * 4);
	unload(&l);
}

static void the_weights_of_olmoe_do_not_sum_to_one(void **state)
{
	struct loaded l;

	(void)state;
	load_case(&l, "olmoe");
	assert_false(l.model->experts_sum_to_one);
	assert_int_equal(l.model->layers[0].q_norm.n, 128);
	unload(&l);
}

/* Each expert begins with a tile of its own. */
static void packing_keeps_experts_apart(void **state)
{
	struct tiny_model tiny = arch_case_find("mixtral")->model;
	const struct matrix *gate;
	struct packed_params params = {0};
	struct packed *packed;
	struct loaded l;

	(void)state;
	tiny.n_ff = 20; /* a tile and a quarter */
	tiny_model_make(&tiny, &l.maker);
	assert_int_equal(load(&l), 0);
	assert_int_equal(thread_pool_create(2, NULL, &params.pool), 0);
	params.model = l.model;
	assert_int_equal(packed_create(&params, &packed), 0);
	gate = l.model->layers[1].gate;
	assert_int_equal(packed_bytes_of(gate), 4 * packed_matrix_bytes(gate->type, 20, 96));
	for (uint32_t r = 0; r < 4 * 20; r++) {
		uint32_t tile = r / 20 * 2 + r % 20 / PACKED_ROWS;
		float got[96];

		packed_tile_row_to_float(gate->type,
					 packed_matrix(packed, gate->id) +
						 tile * packed_tile_bytes(gate->type, 96),
					 r % 20 % PACKED_ROWS, 96, got);
		assert_memory_equal(got, matrix_data(gate) + r * sizeof(got), sizeof(got));
	}
	packed_destroy(packed);
	thread_pool_destroy(params.pool);
	unload(&l);
}

static void refuse_counts(uint32_t n_experts, uint32_t n_used, const char *words)
{
	struct tiny_model tiny = arch_case_find("mixtral")->model;
	struct loaded l;

	tiny.n_experts = n_experts;
	tiny.n_experts_used = n_used;
	tiny_model_make(&tiny, &l.maker);
	refused_model(&l, EBADMSG, words);
}

static void refuses_to_use_no_expert(void **state)
{
	(void)state;
	refuse_counts(4, 0, "llama.expert_used_count is 0");
}

static void refuses_to_use_more_experts_than_there_are(void **state)
{
	(void)state;
	refuse_counts(4, 5, "llama.expert_used_count is 5");
}

static void refuses_too_many_experts(void **state)
{
	(void)state;
	refuse_counts(MODEL_EXPERTS_MAX + 1, 2, "llama.expert_count is 1025");
}

static void refuses_another_number_of_experts_than_said(void **state)
{
	struct tiny_model tiny = arch_case_find("mixtral")->model;
	static const uint64_t dims[] = {96, 5};
	struct loaded l;

	(void)state;
	tiny.n_experts = 0; /* dense, with a router on top */
	tiny_model_make(&tiny, &l.maker);
	gguf_maker_u32(&l.maker, "llama.expert_count", 4);
	gguf_maker_u32(&l.maker, "llama.expert_used_count", 2);
	gguf_maker_tensor(&l.maker, "blk.0.ffn_gate_inp.weight", TENSOR_F32, 2, dims, NULL, 1920);
	refused_model(&l, EBADMSG, "tensor blk.0.ffn_gate_inp.weight is 96 x 5");
}

static void refuses_a_router_without_experts(void **state)
{
	static const uint64_t dims[] = {256, 4};
	struct loaded l;

	(void)state;
	tiny_model_make(&tiny_model_default, &l.maker);
	gguf_maker_tensor(&l.maker, "blk.0.ffn_gate_inp.weight", TENSOR_F32, 2, dims, NULL, 4096);
	refused_model(&l, EBADMSG, "llama.expert_count is 0");
}

static void refuses_shared_experts(void **state)
{
	struct loaded l;

	(void)state;
	make_case(&l, "qwen3moe");
	gguf_maker_u32(&l.maker, "qwen3moe.expert_shared_count", 1);
	refused_model(&l, ENOTSUP, "qwen3moe.expert_shared_count to 1");
}

static void refuses_experts_where_it_does_not_know_their_weights(void **state)
{
	struct loaded l;

	(void)state;
	make_case(&l, "qwen2");
	gguf_maker_u32(&l.maker, "qwen2.expert_count", 8);
	refused_model(&l, ENOTSUP, "mixture of 8 experts");
}

static void refuses_types_it_cannot_compute(void **state)
{
	static const uint64_t dims[] = {256, 260};
	struct tiny_model tiny = tiny_model_default;
	struct loaded l;

	(void)state;
	tiny_model_make(&tiny, &l.maker);
	gguf_maker_tensor(&l.maker, "output.weight", 16, 2, dims, NULL, 260 * 66);
	refused_model(&l, ENOTSUP, "output.weight is stored as IQ2_XXS");
}

/* ---- the packed file ---- */

struct folder {
	char *path, *model, *cache;
};

static void folder_init(struct folder *folder)
{
	struct gguf_maker maker;

	folder->path = strdup("/tmp/slm-test-XXXXXX");
	assert_non_null(mkdtemp(folder->path));
	folder->model = path_format("%s/tiny.gguf", folder->path);
	folder->cache = path_format("%s/cache", folder->path);
	tiny_model_make(&tiny_model_default, &maker);
	gguf_maker_write(&maker, folder->model);
	gguf_maker_finish(&maker);
}

/* Runs a shell line in which $1 is PATH. */
static int run(const char *line, const char *path)
{
	_cleanup_free_ char *command = path_format("set -- '%s'; %s", path, line);

	return system(command);
}

static void folder_finish(struct folder *folder)
{
	assert_int_equal(run("rm -rf $1", folder->path), 0);
	free(folder->path);
	free(folder->model);
	free(folder->cache);
}

struct packing {
	struct gguf *gguf;
	struct model *model;
	struct thread_pool *pool;
	struct packed *packed;
	struct kept_log kept;
};

static void pack(struct packing *p, const struct folder *folder, const char *cache)
{
	struct packed_params params = {.cache_dir = cache};

	memset(p, 0, sizeof(*p));
	kept_log_init(&p->kept);
	assert_int_equal(gguf_open(folder->model, &p->kept.log, &p->gguf), 0);
	assert_int_equal(model_create(p->gguf, &p->kept.log, &p->model), 0);
	assert_int_equal(thread_pool_create(2, NULL, &p->pool), 0);
	params.model = p->model;
	params.pool = p->pool;
	params.log = &p->kept.log;
	assert_int_equal(packed_create(&params, &p->packed), 0);
}

static void unpack(struct packing *p)
{
	packed_destroy(p->packed);
	thread_pool_destroy(p->pool);
	model_destroy(p->model);
	gguf_close(p->gguf);
}

static void check_packed(const struct packing *p)
{
	for (uint32_t i = 0; i < p->model->n_matrices; i++) {
		const struct matrix *matrix = &p->model->matrices[i];
		uint64_t row_bytes = tensor_row_bytes(matrix->type, matrix->n_cols);
		uint64_t tile_bytes = packed_tile_bytes(matrix->type, matrix->n_cols);
		uint8_t *tile = malloc(tile_bytes);
		uint32_t last = (matrix->n_rows - 1) / PACKED_ROWS * PACKED_ROWS;

		packed_tile_write(matrix->type, matrix_data(matrix) + last * row_bytes, row_bytes,
				  matrix->n_rows - last, matrix->n_cols, tile);
		assert_memory_equal(packed_matrix(p->packed, i) + last / PACKED_ROWS * tile_bytes,
				    tile, tile_bytes);
		assert_int_equal((uintptr_t)packed_matrix(p->packed, i) % 4096, 0);
		free(tile);
	}
}

static int count_packs(const struct folder *folder)
{
	return run("exit $(ls -A $1/packed | wc -l)", folder->cache) >> 8;
}

static void packs_once_and_maps_after(void **state)
{
	struct folder folder;
	struct packing p;
	struct stat first, second;
	_cleanup_free_ char *name = NULL;

	(void)state;
	folder_init(&folder);
	pack(&p, &folder, folder.cache);
	assert_true(packed_is_mapped(p.packed));
	assert_int_equal(p.kept.n, 0);
	check_packed(&p);
	unpack(&p);
	assert_int_equal(count_packs(&folder), 1);
	name = path_format("%s/packed", folder.cache);
	assert_int_equal(stat(name, &first), 0);
	pack(&p, &folder, folder.cache);
	check_packed(&p);
	unpack(&p);
	assert_int_equal(stat(name, &second), 0);
	assert_int_equal(first.st_mtim.tv_nsec, second.st_mtim.tv_nsec); /* nothing was written */
	folder_finish(&folder);
}

static void a_changed_model_is_packed_anew(void **state)
{
	struct tiny_model tiny = tiny_model_default;
	struct gguf_maker maker;
	struct folder folder;
	struct packing p;

	(void)state;
	folder_init(&folder);
	pack(&p, &folder, folder.cache);
	unpack(&p);
	tiny.seed = 2; /* the same size, other bytes */
	tiny_model_make(&tiny, &maker);
	gguf_maker_write(&maker, folder.model);
	gguf_maker_finish(&maker);
	pack(&p, &folder, folder.cache);
	check_packed(&p);
	unpack(&p);
	assert_int_equal(count_packs(&folder), 1); /* the old one was swept away */
	folder_finish(&folder);
}

/* Replaces the folder's model by one in two files; the second has what SEED makes of it. */
static void write_split(struct folder *folder, uint64_t seed)
{
	struct tiny_model tiny = tiny_model_default;
	struct gguf_maker maker;
	struct gguf *whole;
	uint8_t *file;
	size_t size;

	for (uint32_t i = 0; i < 2; i++) {
		_cleanup_free_ char *path =
			path_format("%s/m-%05u-of-00002.gguf", folder->path, i + 1);

		tiny.seed = i == 0 ? 1 : seed;
		tiny_model_make(&tiny, &maker);
		file = gguf_maker_file(&maker, &size);
		gguf_maker_finish(&maker);
		assert_int_equal(gguf_parse(file, size, "whole", NULL, &whole), 0);
		gguf_maker_split(&maker, whole, i, 2);
		gguf_maker_write(&maker, path);
		gguf_maker_finish(&maker);
		gguf_close(whole);
		free(file);
	}
	free(folder->model);
	folder->model = path_format("%s/m-00001-of-00002.gguf", folder->path);
}

static void a_changed_part_is_packed_anew(void **state)
{
	struct folder folder;
	struct packing p;

	(void)state;
	folder_init(&folder);
	write_split(&folder, 1);
	pack(&p, &folder, folder.cache);
	check_packed(&p);
	unpack(&p);
	write_split(&folder, 2);
	pack(&p, &folder, folder.cache);
	check_packed(&p);
	unpack(&p);
	assert_int_equal(count_packs(&folder), 1);
	folder_finish(&folder);
}

static void a_damaged_pack_is_made_anew(void **state)
{
	struct folder folder;
	struct packing p;

	(void)state;
	folder_init(&folder);
	pack(&p, &folder, folder.cache);
	unpack(&p);
	assert_int_equal(run("truncate -s 5000 $1/packed/*.pack", folder.cache), 0);
	pack(&p, &folder, folder.cache);
	assert_true(packed_is_mapped(p.packed));
	check_packed(&p);
	unpack(&p);
	assert_int_equal(run("printf x | dd of=$(ls $1/packed/*.pack) conv=notrunc status=none",
			     folder.cache),
			 0);
	pack(&p, &folder, folder.cache);
	check_packed(&p);
	unpack(&p);
	folder_finish(&folder);
}

static void without_a_folder_it_packs_into_memory(void **state)
{
	struct folder folder;
	struct packing p;

	(void)state;
	folder_init(&folder);
	pack(&p, &folder, NULL);
	assert_false(packed_is_mapped(p.packed));
	assert_int_equal(p.kept.n, 0);
	check_packed(&p);
	unpack(&p);
	pack(&p, &folder, "/proc/no/such/place");
	assert_false(packed_is_mapped(p.packed));
	assert_int_equal(p.kept.n, 1);
	assert_non_null(strstr(p.kept.text, "packed into memory"));
	check_packed(&p);
	unpack(&p);
	folder_finish(&folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(halves_survive_the_way_there_and_back),
		cmocka_unit_test(halves_round_to_nearest_even),
		cmocka_unit_test(packing_keeps_every_value),
		cmocka_unit_test(reads_a_llama),
		cmocka_unit_test(reads_a_gemma3),
		cmocka_unit_test(refuses_other_architectures),
		cmocka_unit_test(refuses_a_shape_that_contradicts),
		cmocka_unit_test(refuses_tensors_without_a_role),
		cmocka_unit_test(reads_every_architecture),
		cmocka_unit_test(reads_the_divisors_of_llama3),
		cmocka_unit_test(reads_a_window),
		cmocka_unit_test(reads_yarn),
		cmocka_unit_test(every_fourth_layer_of_smollm3_does_not_rotate),
		cmocka_unit_test(reads_the_biases_of_qwen2),
		cmocka_unit_test(reads_the_norms_of_qwen3),
		cmocka_unit_test(reads_the_scales_of_granite),
		cmocka_unit_test(a_granite_may_not_rotate),
		cmocka_unit_test(reads_the_fused_matrices_of_phi3),
		cmocka_unit_test(packing_takes_any_rows_of_a_tensor),
		cmocka_unit_test(refuses_an_unknown_scaling),
		cmocka_unit_test(refuses_longrope_without_its_factors),
		cmocka_unit_test(refuses_a_factor_of_nothing),
		cmocka_unit_test(refuses_a_magnitude_of_nothing),
		cmocka_unit_test(refuses_yarn_that_ends_before_it_begins),
		cmocka_unit_test(refuses_a_base_of_one),
		cmocka_unit_test(refuses_rotation_of_odd_dimensions),
		cmocka_unit_test(refuses_one_set_of_factors_of_two),
		cmocka_unit_test(refuses_capped_logits),
		cmocka_unit_test(refuses_attention_that_cools_down),
		cmocka_unit_test(refuses_attention_that_looks_ahead),
		cmocka_unit_test(refuses_a_scale_of_nothing),
		cmocka_unit_test(reads_a_bert),
		cmocka_unit_test(refuses_a_bert_that_looks_back_only),
		cmocka_unit_test(refuses_a_bert_without_a_part),
		cmocka_unit_test(refuses_other_positions_than_the_context_has),
		cmocka_unit_test(refuses_types_of_another_width),
		cmocka_unit_test(refuses_the_head_of_a_ranking_bert),
		cmocka_unit_test(refuses_a_bert_of_experts),
		cmocka_unit_test(refuses_a_window_beyond_every_context),
		cmocka_unit_test(refuses_a_fused_matrix_of_other_size),
		cmocka_unit_test(reads_experts),
		cmocka_unit_test(the_weights_of_olmoe_do_not_sum_to_one),
		cmocka_unit_test(packing_keeps_experts_apart),
		cmocka_unit_test(refuses_to_use_no_expert),
		cmocka_unit_test(refuses_to_use_more_experts_than_there_are),
		cmocka_unit_test(refuses_too_many_experts),
		cmocka_unit_test(refuses_another_number_of_experts_than_said),
		cmocka_unit_test(refuses_a_router_without_experts),
		cmocka_unit_test(refuses_shared_experts),
		cmocka_unit_test(refuses_experts_where_it_does_not_know_their_weights),
		cmocka_unit_test(refuses_types_it_cannot_compute),
		cmocka_unit_test(packs_once_and_maps_after),
		cmocka_unit_test(a_changed_model_is_packed_anew),
		cmocka_unit_test(a_changed_part_is_packed_anew),
		cmocka_unit_test(a_damaged_pack_is_made_anew),
		cmocka_unit_test(without_a_folder_it_packs_into_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

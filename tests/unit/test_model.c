// SPDX-License-Identifier: MIT
/* Models as their files describe them, and every refusal. */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "arch_cases.h"
#include "array.h"
#include "check.h"
#include "cleanup.h"
#include "model.h"
#include "packed.h"
#include "packed_type.h"
#include "tiny_model.h"

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

static void refuses_to_guess_how_many_experts_are_used(void **state)
{
	struct tiny_model tiny = arch_case_find("mixtral")->model;
	struct loaded l;

	(void)state;
	tiny.n_experts = 0;
	tiny_model_make(&tiny, &l.maker);
	gguf_maker_u32(&l.maker, "llama.expert_count", 4);
	refused_model(&l, EBADMSG, "does not say how many");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
		cmocka_unit_test(refuses_to_guess_how_many_experts_are_used),
		cmocka_unit_test(refuses_to_use_more_experts_than_there_are),
		cmocka_unit_test(refuses_too_many_experts),
		cmocka_unit_test(refuses_another_number_of_experts_than_said),
		cmocka_unit_test(refuses_a_router_without_experts),
		cmocka_unit_test(refuses_shared_experts),
		cmocka_unit_test(refuses_experts_where_it_does_not_know_their_weights),
		cmocka_unit_test(refuses_types_it_cannot_compute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

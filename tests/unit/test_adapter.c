// SPDX-License-Identifier: MIT
/* Adapters: what is read of one, each that is refused with its reason, and what several add up to. */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "array.h"
#include "check.h"
#include "low_rank.h"
#include "tiny_adapter.h"
#include "tiny_model.h"

/* A parsed file from memory. */
struct file {
	uint8_t *bytes;
	size_t size;
	struct gguf *gguf;
};

static void file_init(struct file *file, struct gguf_maker *maker, const char *name)
{
	file->bytes = gguf_maker_file(maker, &file->size);
	gguf_maker_finish(maker);
	assert_int_equal(gguf_parse(file->bytes, file->size, name, NULL, &file->gguf), 0);
}

static void file_finish(struct file *file)
{
	gguf_close(file->gguf);
	free(file->bytes);
}

/* What every test has: a model, and a log. */
struct base {
	struct file file;
	struct model *model;
	struct kept_log kept;
};

static const struct tiny_model small = {
	.arch = "llama",
	.n_layers = 1,
	.n_embd = 32,
	.n_head = 2,
	.n_head_kv = 1,
	.head_dim = 16,
	.n_ff = 64,
	.n_vocab = 260,
	.n_ctx = 64,
	.type = TENSOR_F32,
	.tied = true,
	.seed = 1,
};

static void base_init(struct base *base, const struct tiny_model *tiny)
{
	struct gguf_maker maker;

	tiny_model_make(tiny, &maker);
	file_init(&base->file, &maker, "base.gguf");
	assert_int_equal(model_create(base->file.gguf, NULL, &base->model), 0);
	kept_log_init(&base->kept);
}

static void base_finish(struct base *base)
{
	model_destroy(base->model);
	file_finish(&base->file);
}

/* ---- what is refused ---- */

/* An adapter of one pair with something changed; fields at 0 or NULL are as they should be. */
struct odd {
	const char *type, *kind, *arch, *extra, *name, *only;
	float alpha;
	uint64_t n_in, n_out, rank, rank_of_b;
	uint32_t tensor_type;
	int code;
	const char *says;
};

static const char *or_else(const char *text, const char *fallback)
{
	return text ? text : fallback;
}

static void add_tensor(struct gguf_maker *maker, const struct odd *odd, const char *end,
		       uint64_t n_cols, uint64_t n_rows)
{
	uint64_t dims[] = {n_cols, n_rows};
	char name[96];

	/* .lora_c is there only to be refused. */
	if (odd->only ? strcmp(odd->only, end) != 0 : strcmp(end, ".lora_c") == 0)
		return;
	(void)snprintf(name, sizeof(name), "%s%s", or_else(odd->name, "blk.0.attn_k.weight"), end);
	gguf_maker_tensor(maker, name, odd->tensor_type, 2, dims, NULL,
			  n_rows * tensor_row_bytes(odd->tensor_type, n_cols));
}

static void make_odd(struct gguf_maker *maker, const struct odd *odd)
{
	uint64_t rank = odd->rank > 0 ? odd->rank : 4;

	gguf_maker_init(maker);
	gguf_maker_string(maker, "general.type", or_else(odd->type, "adapter"));
	gguf_maker_string(maker, "adapter.type", or_else(odd->kind, "lora"));
	gguf_maker_string(maker, "general.architecture", or_else(odd->arch, "llama"));
	gguf_maker_f32(maker, "adapter.lora.alpha", odd->alpha);
	if (odd->extra)
		gguf_maker_u32(maker, odd->extra, 1);
	add_tensor(maker, odd, ".lora_a", odd->n_in > 0 ? odd->n_in : 32, rank);
	add_tensor(maker, odd, ".lora_b", odd->rank_of_b > 0 ? odd->rank_of_b : rank,
		   odd->n_out > 0 ? odd->n_out : 16);
	add_tensor(maker, odd, ".lora_c", 32, 4);
}

static void check_odd(struct base *base, const struct odd *odd)
{
	struct adapter *adapter = NULL;
	struct gguf_maker maker;
	struct file file;
	int r;

	make_odd(&maker, odd);
	file_init(&file, &maker, "odd.gguf");
	r = adapter_create(file.gguf, base->model, &base->kept.log, &adapter);
	if (r != odd->code || !strstr(base->kept.text, odd->says))
		print_error("wanted %d '%s', got %d '%s'\n", odd->code, odd->says, r,
			    base->kept.text);
	assert_int_equal(r, odd->code);
	assert_null(adapter);
	assert_non_null(strstr(base->kept.text, odd->says));
	assert_non_null(strstr(base->kept.text, "odd.gguf"));
	file_finish(&file);
}

static void each_flaw_is_named(void **state)
{
	static const struct odd odds[] = {
		{.type = "model", .code = -EBADMSG, .says = "is not an adapter"},
		{.kind = "control_vector", .code = -ENOTSUP, .says = "type 'control_vector'"},
		{.extra = "adapter.alora.invocation_tokens",
		 .code = -ENOTSUP,
		 .says = "activated LoRA"},
		{.arch = "qwen2",
		 .code = -EBADMSG,
		 .says = "architecture 'qwen2', and base.gguf is llama"},
		{.alpha = NAN, .code = -EBADMSG, .says = "alpha is not a finite"},
		{.alpha = INFINITY, .code = -EBADMSG, .says = "alpha is not a finite"},
		{.name = "blk.7.attn_k.weight", .code = -EBADMSG, .says = "has no such tensor"},
		{.name = "blk.0.attn_norm.weight", .code = -ENOTSUP, .says = "is no matrix"},
		{.name = "token_embd.weight", .code = -ENOTSUP, .says = "is the embedding"},
		{.only = ".lora_a", .code = -EBADMSG, .says = "lora_a without its .lora_b"},
		{.only = ".lora_b", .code = -EBADMSG, .says = "lora_b without its .lora_a"},
		{.only = ".lora_c", .code = -EBADMSG, .says = "neither a .lora_a nor a .lora_b"},
		{.only = "none", .code = -EBADMSG, .says = "without tensors"},
		{.n_in = 64,
		 .code = -EBADMSG,
		 .says = "blk.0.attn_k.weight.lora_a is 64 x 4 and .lora_b 4 x 16, which does not "
			 "fit the 32 x 16"},
		{.n_out = 32, .code = -EBADMSG, .says = "which does not fit the 32 x 16"},
		{.rank_of_b = 5, .code = -EBADMSG, .says = "32 x 4 and .lora_b 5 x 16"},
		{.rank = 1025, .code = -EBADMSG, .says = "rank 1025"},
	};
	struct base base;

	(void)state;
	base_init(&base, &small);
	for (size_t i = 0; i < ARRAY_SIZE(odds); i++)
		check_odd(&base, &odds[i]);
	base_finish(&base);
}

static void experts_are_refused_by_name(void **state)
{
	struct tiny_model moe = small;
	struct base base;

	(void)state;
	moe.n_experts = 4;
	moe.n_experts_used = 2;
	base_init(&base, &moe);
	check_odd(&base, &(struct odd){.name = "blk.0.ffn_up_exps.weight",
				       .n_out = 64,
				       .code = -ENOTSUP,
				       .says = "blk.0.ffn_up_exps.weight, which holds experts"});
	base_finish(&base);
}

static void an_adapter_is_no_model(void **state)
{
	struct model *model = NULL;
	struct gguf_maker maker;
	struct kept_log kept;
	struct file file;

	(void)state;
	kept_log_init(&kept);
	make_odd(&maker, &(struct odd){0});
	file_init(&file, &maker, "odd.gguf");
	assert_int_equal(model_create(file.gguf, &kept.log, &model), -EBADMSG);
	assert_non_null(strstr(kept.text, "is an adapter and no model"));
	file_finish(&file);
}

static void a_file_cut_short_is_refused(void **state)
{
	struct gguf *gguf = NULL;
	struct gguf_maker maker;
	uint8_t *bytes;
	size_t size;

	(void)state;
	make_odd(&maker, &(struct odd){.only = ".lora_a"});
	bytes = gguf_maker_file(&maker, &size);
	gguf_maker_finish(&maker);
	for (size_t n = 0; n < size; n++)
		assert_int_equal(gguf_parse(bytes, n, "short", NULL, &gguf), -EBADMSG);
	free(bytes);
}

/* ---- what is joined ---- */

struct pair {
	struct base base;
	struct file files[2];
	struct adapter *adapters[2];
	struct low_rank_set *set;
};

static void pair_init(struct pair *pair, const struct tiny_adapter tiny[2])
{
	struct gguf_maker maker;

	base_init(&pair->base, &small);
	for (int i = 0; i < 2; i++) {
		tiny_adapter_make(&tiny[i], pair->base.file.gguf, &maker);
		file_init(&pair->files[i], &maker, "adapter.gguf");
		assert_int_equal(adapter_create(pair->files[i].gguf, pair->base.model, NULL,
						&pair->adapters[i]),
				 0);
	}
	assert_int_equal(low_rank_set_create(pair->base.model,
					     (const struct adapter *const *)pair->adapters, 2, NULL,
					     &pair->set),
			 0);
}

static void pair_finish(struct pair *pair)
{
	low_rank_set_destroy(pair->set);
	for (int i = 0; i < 2; i++) {
		adapter_destroy(pair->adapters[i]);
		file_finish(&pair->files[i]);
	}
	base_finish(&pair->base);
}

/* Columns of B belong to adapters in order, times alpha / rank; where only one adapts, only its. */
static void pairs_lie_side_by_side(void **state)
{
	const struct tiny_adapter tiny[2] = {
		{.rank = 3, .alpha = 6, .type = TENSOR_F32, .seed = 1},
		{.rank = 4, .alpha = 0, .type = TENSOR_F16, .only = "ffn_down", .seed = 2}};
	const struct matrix *down, *up;
	const struct low_rank *low;
	const void *data;
	uint64_t bytes;
	struct pair pair;

	(void)state;
	pair_init(&pair, tiny);
	down = pair.base.model->layers[0].down;
	up = pair.base.model->layers[0].up;
	assert_null(low_rank_of(pair.set, pair.base.model->token_embd));
	assert_null(low_rank_of(NULL, down));
	assert_int_equal(low_rank_of(pair.set, up)->a.n_rows, 3);
	low = low_rank_of(pair.set, down);
	assert_int_equal(low->a.n_rows, 7);
	assert_int_equal(low->b.n_cols, 7);
	assert_int_equal(low->b.n_rows, down->n_rows);
	for (uint32_t k = 0; k < 7; k++)
		assert_true(low->adapters.data[k] == (k < 3 ? 0.0f : 1.0f));
	assert_int_equal(low_rank_data(pair.set, low->b.id, LOW_RANK_ROWS, NULL, &data, &bytes), 0);
	assert_int_equal(bytes, 7 * down->n_rows * sizeof(float));
	for (uint32_t m = 0; m < down->n_rows; m++) {
		const struct adapter_pair *first = adapter_find(pair.adapters[0], down->tensor);
		const float *b = (const float *)(const void *)first->b->data + (size_t)m * 3;

		for (uint32_t k = 0; k < 3; k++)
			assert_true(((const float *)data)[m * 7 + k] == 2 * b[k]);
	}
	pair_finish(&pair);
}

static void values_that_are_no_numbers_are_refused(void **state)
{
	const struct tiny_adapter tiny[2] = {{.rank = 2, .type = TENSOR_F32, .seed = 1},
					     {.rank = 2, .type = TENSOR_F32, .seed = 2}};
	const struct adapter_pair *spoilt;
	const void *data = NULL;
	uint64_t bytes;
	struct pair pair;
	float nan = NAN;

	(void)state;
	pair_init(&pair, tiny);
	spoilt = &pair.adapters[1]->pairs[0];
	memcpy(pair.files[1].bytes + (spoilt->a->data - pair.files[1].bytes), &nan, sizeof(nan));
	for (uint32_t i = 0; i < pair.set->n_items; i++) {
		const struct low_rank *low = &pair.set->items[i];
		int r = low_rank_data(pair.set, low->a.id, LOW_RANK_PACKED, &pair.base.kept.log,
				      &data, &bytes);

		assert_int_equal(r, low->base->tensor == spoilt->base ? -EBADMSG : 0);
	}
	assert_non_null(strstr(pair.base.kept.text, "no finite numbers"));
	pair_finish(&pair);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_flaw_is_named),
		cmocka_unit_test(experts_are_refused_by_name),
		cmocka_unit_test(an_adapter_is_no_model),
		cmocka_unit_test(a_file_cut_short_is_refused),
		cmocka_unit_test(pairs_lie_side_by_side),
		cmocka_unit_test(values_that_are_no_numbers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

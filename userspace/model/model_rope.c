// SPDX-License-Identifier: MIT
/* Owns how positions become angles: the keys and tensors of rotation. Refuses unknown scalings. */
#include <errno.h>
#include <math.h>

#include "array.h"
#include "model_reader.h"

/* One divisor per pair (Llama 3), or two sets of them for short and long contexts (Phi 3). */
static int read_factors(struct reader *reader, struct rope *rope)
{
	uint32_t n = rope->n_dims / 2;
	int r;

	if (!reader_has(reader, "rope_factors_long.weight"))
		return reader_vector(reader, true, n, &rope->factors, "rope_freqs.weight");
	r = reader_vector(reader, false, n, &rope->long_factors, "rope_factors_long.weight");
	if (r == 0)
		r = reader_vector(reader, false, n, &rope->factors, "rope_factors_short.weight");
	if (r == 0)
		r = reader_u32(reader, "rope.scaling.original_context_length",
			       reader->model->n_ctx_train, &rope->n_ctx_short);
	return r;
}

static int read_factor(const struct reader *reader, float *ret_factor)
{
	float factor;
	int r;

	r = reader_f32(reader, "rope.scaling.factor", 1, &factor);
	if (r < 0)
		return r;
	if (factor <= 0)
		return reader_bad_number(reader, "rope.scaling.factor", (double)factor);
	*ret_factor = factor;
	return 0;
}

/* The pair that turns TURNS times over the original context. */
static double pair_of_turns(const struct rope *rope, double n_ctx, double turns)
{
	const double full_turn = 6.283185307179586;

	return rope->n_dims * log(n_ctx / (turns * full_turn)) / (2 * log((double)rope->base));
}

static int read_yarn(const struct reader *reader, struct rope *rope)
{
	float fast, slow;
	uint32_t n_ctx;
	int r;

	r = reader_u32(reader, "rope.scaling.original_context_length", reader->model->n_ctx_train,
		       &n_ctx);
	if (r == 0)
		r = reader_f32(reader, "rope.scaling.yarn_beta_fast", 32, &fast);
	if (r == 0)
		r = reader_f32(reader, "rope.scaling.yarn_beta_slow", 1, &slow);
	if (r < 0)
		return r;
	if (n_ctx == 0)
		return reader_out_of_range(reader, "rope.scaling.original_context_length", n_ctx);
	if (slow <= 0 || fast <= slow)
		return reader_bad_number(reader, "rope.scaling.yarn_beta_fast", (double)fast);
	rope->ramp_begin = fmax(0, floor(pair_of_turns(rope, n_ctx, (double)fast)));
	rope->ramp_end = fmin(rope->n_dims - 1.0, ceil(pair_of_turns(rope, n_ctx, (double)slow)));
	if (rope->scale < 1)
		rope->magnitude *= 1 - 0.1f * logf(rope->scale);
	rope->is_yarn = true;
	return 0;
}

static int read_scaling(const struct reader *reader, struct rope *rope)
{
	struct gguf_string kind;
	float factor = 1;
	int r;

	r = reader_string(reader, "rope.scaling.type", "none", &kind);
	if (r == 0)
		r = read_factor(reader, &factor);
	if (r == 0)
		r = reader_f32(reader, "rope.scaling.attn_factor", 1, &rope->magnitude);
	if (r < 0)
		return r;
	if (rope->magnitude <= 0)
		return reader_bad_number(reader, "rope.scaling.attn_factor",
					 (double)rope->magnitude);
	rope->scale = 1;
	/* Phi 3's: all of it is in the factors. */
	if (gguf_string_is(kind, "none") ||
	    (gguf_string_is(kind, "longrope") && rope->long_factors.n > 0 && factor == 1))
		return 0;
	rope->scale = 1 / factor;
	if (gguf_string_is(kind, "linear"))
		return 0;
	if (gguf_string_is(kind, "yarn"))
		return read_yarn(reader, rope);
	return log_error(reader->log, ENOTSUP,
			 "%s scales its positions by '%.*s', which this version cannot compute",
			 gguf_name(reader->gguf), (int)MIN(kind.size, 32u), kind.data);
}

int reader_rope(struct reader *reader)
{
	struct model *model = reader->model;
	struct rope *rope = &model->ropes[0];
	int r;

	rope->style = reader->arch->rope_style;
	model->n_ropes = 1;
	r = reader_u32(reader, "rope.dimension_count", model->head_dim, &rope->n_dims);
	if (r < 0)
		return r;
	if (rope->n_dims == 0 || rope->n_dims > model->head_dim || rope->n_dims % 2 != 0)
		return reader_out_of_range(reader, "rope.dimension_count", rope->n_dims);
	r = reader_f32(reader, "rope.freq_base", 10000, &rope->base);
	if (r < 0)
		return r;
	if (rope->base <= 1)
		return reader_bad_number(reader, "rope.freq_base", (double)rope->base);
	r = read_factors(reader, rope);
	return r < 0 ? r : read_scaling(reader, rope);
}

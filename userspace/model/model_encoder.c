// SPDX-License-Identifier: MIT
/*
 * Owns what a BERT has instead of a decoder's parts (arXiv 1810.04805; tensor names as llama.cpp's
 * converter writes them): learned positions, norms after each addition, with means and biases, and no
 * gates. GELU is computed by its usual approximation, as llama.cpp does. Refuses positions beyond those that were learned.
 */
#include <stdio.h>

#include "model_reader.h"

enum { ROLE_MAX = 64 };

/* ROLE: a name before ".weight" and ".bias". */
static int read_layer_norm(struct reader *reader, struct layer_norm *ret, const char *role)
{
	uint32_t n = reader->model->n_embd;
	int r;

	r = reader_vector(reader, false, n, &ret->weight, "%s.weight", role);
	return r < 0 ? r : reader_vector(reader, false, n, &ret->bias, "%s.bias", role);
}

int reader_encoder_ends(struct reader *reader)
{
	struct model *model = reader->model;
	int r;

	model->ropes[0] = (struct rope){.style = ROPE_PAIRS, .magnitude = 1}; /* of no dimensions */
	model->n_ropes = 1;
	r = reader_matrix(reader, false, model->n_embd, model->n_ctx_train, &model->position_embd,
			  "position_embd.weight");
	if (r == 0 && reader_has(reader, "token_types.weight"))
		r = reader_first_row(reader, model->n_embd, &model->type_embd,
				     "token_types.weight");
	return r < 0 ? r : read_layer_norm(reader, &model->embd_norm, "token_embd_norm");
}

static int read_ffn(struct reader *reader, uint32_t i)
{
	struct model_layer *layer = &reader->model->layers[i];
	uint32_t n = reader->model->n_embd, n_ff = layer->n_ff;
	int r;

	r = reader_matrix(reader, false, n, n_ff, &layer->up, "blk.%u.ffn_up.weight", i);
	if (r == 0)
		r = reader_vector(reader, true, n_ff, &layer->up_bias, "blk.%u.ffn_up.bias", i);
	if (r == 0)
		r = reader_matrix(reader, false, n_ff, n, &layer->down, "blk.%u.ffn_down.weight",
				  i);
	if (r == 0)
		r = reader_vector(reader, true, n, &layer->down_bias, "blk.%u.ffn_down.bias", i);
	return r;
}

int reader_encoder_layer(struct reader *reader, uint32_t i)
{
	struct model_layer *layer = &reader->model->layers[i];
	char role[ROLE_MAX];
	int r;

	r = reader_attention(reader, i);
	if (r < 0)
		return r;
	(void)snprintf(role, sizeof(role), "blk.%u.attn_output_norm", i);
	r = read_layer_norm(reader, &layer->attn_out_norm, role);
	if (r == 0)
		r = read_ffn(reader, i);
	if (r < 0)
		return r;
	(void)snprintf(role, sizeof(role), "blk.%u.layer_output_norm", i);
	return read_layer_norm(reader, &layer->ffn_out_norm, role);
}

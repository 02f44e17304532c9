// SPDX-License-Identifier: MIT
/* Owns adapters made for tests. Exits when out of memory: a test. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "tiny_adapter.h"
#include "tiny_model.h"

static void *must(void *pointer)
{
	if (!pointer)
		exit(99);
	return pointer;
}

static void name_of(const struct gguf_tensor *tensor, const char *end, char name[static 96])
{
	(void)snprintf(name, 96, "%.*s%s", (int)tensor->name.size, tensor->name.data, end);
}

static bool is_wanted(const struct tiny_adapter *tiny, const struct gguf_tensor *tensor)
{
	char name[96];

	name_of(tensor, "", name);
	return tensor->n_dims == 2 && strcmp(name, "token_embd.weight") != 0 &&
	       (!tiny->only || strstr(name, tiny->only));
}

static void add_random(const struct tiny_adapter *tiny, struct gguf_maker *maker, uint64_t *state,
		       const char *name, const uint64_t dims[2])
{
	uint64_t row_bytes = tensor_row_bytes(tiny->type, dims[0]);
	uint8_t *data = must(malloc(dims[1] * row_bytes));

	for (uint64_t i = 0; i < dims[1]; i++)
		random_row(state, tiny->type, (uint32_t)dims[0], 0.1f, data + i * row_bytes);
	gguf_maker_tensor(maker, name, tiny->type, 2, dims, data, dims[1] * row_bytes);
	free(data);
}

void tiny_adapter_make(const struct tiny_adapter *tiny, const struct gguf *model,
		       struct gguf_maker *maker)
{
	uint64_t state = tiny->seed;

	gguf_maker_init(maker);
	gguf_maker_string(maker, "general.type", "adapter");
	gguf_maker_string(maker, "adapter.type", "lora");
	gguf_maker_value(maker, gguf_find(model, "general.architecture"));
	gguf_maker_f32(maker, "adapter.lora.alpha", tiny->alpha);
	for (size_t i = 0; i < gguf_n_tensors(model); i++) {
		const struct gguf_tensor *tensor = gguf_tensor(model, i);
		char name[96];

		if (!is_wanted(tiny, tensor))
			continue;
		name_of(tensor, ".lora_a", name);
		add_random(tiny, maker, &state, name, (uint64_t[]){tensor->dims[0], tiny->rank});
		name_of(tensor, ".lora_b", name);
		add_random(tiny, maker, &state, name, (uint64_t[]){tiny->rank, tensor->dims[1]});
	}
}

/* ---- merging ---- */

static float *floats_of(const struct gguf_tensor *tensor, uint64_t *ret_n_rows)
{
	uint64_t n = tensor->dims[0], n_rows = tensor->dims[1] * tensor->dims[2];
	float *values = must(malloc(n * n_rows * sizeof(*values)));

	for (uint64_t i = 0; i < n_rows; i++)
		tensor_row_to_float(tensor->type,
				    tensor->data + i * tensor_row_bytes(tensor->type, n),
				    values + i * n, n);
	*ret_n_rows = n_rows;
	return values;
}

/* values[m][c] += scale * alpha / rank * sum over k of b[m][k] a[k][c] */
static void add_product(float *values, const struct gguf_tensor *a, const struct gguf_tensor *b,
			double scale)
{
	uint64_t n_cols = a->dims[0], rank = a->dims[1], n_rows = b->dims[1], unused;
	float *as = floats_of(a, &unused), *bs = floats_of(b, &unused);

	for (uint64_t m = 0; m < n_rows; m++) {
		for (uint64_t c = 0; c < n_cols; c++) {
			double sum = 0;

			for (uint64_t k = 0; k < rank; k++)
				sum += (double)bs[m * rank + k] * (double)as[k * n_cols + c];
			values[m * n_cols + c] =
				(float)((double)values[m * n_cols + c] + scale * sum);
		}
	}
	free(as);
	free(bs);
}

static void merge(float *values, const struct gguf_tensor *tensor, const struct gguf *adapter,
		  float scale)
{
	const struct gguf_tensor *a, *b;
	float alpha = 0;
	char name[96];

	name_of(tensor, ".lora_a", name);
	a = gguf_find_tensor(adapter, name);
	name_of(tensor, ".lora_b", name);
	b = gguf_find_tensor(adapter, name);
	if (!a || !b)
		return;
	(void)gguf_get_f32(adapter, "adapter.lora.alpha", NULL, &alpha);
	add_product(values, a, b,
		    alpha == 0 ? (double)scale
			       : (double)scale * (double)alpha / (double)a->dims[1]);
}

void tiny_adapter_merge(const struct gguf *model, const struct gguf *const *adapters,
			const float *scales, size_t n, struct gguf_maker *maker)
{
	gguf_maker_init(maker);
	for (size_t i = 0; i < gguf_n_values(model); i++)
		gguf_maker_value(maker, gguf_value(model, i));
	for (size_t i = 0; i < gguf_n_tensors(model); i++) {
		const struct gguf_tensor *tensor = gguf_tensor(model, i);
		uint64_t n_rows;
		float *values = floats_of(tensor, &n_rows);
		char name[96];

		for (size_t k = 0; k < n; k++)
			merge(values, tensor, adapters[k], scales[k]);
		name_of(tensor, "", name);
		gguf_maker_tensor(maker, name, TENSOR_F32, tensor->n_dims, tensor->dims, values,
				  n_rows * tensor->dims[0] * sizeof(*values));
		free(values);
	}
}

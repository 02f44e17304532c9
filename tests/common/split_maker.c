// SPDX-License-Identifier: MIT
/* Owns the making of one part of a split model. Apart from gguf_maker.c, which needs no reader. */
#include <stdio.h>

#include "gguf_maker.h"

void gguf_maker_split(struct gguf_maker *maker, const struct gguf *whole, uint32_t no,
		      uint32_t count)
{
	gguf_maker_init(maker);
	for (size_t i = 0; no == 0 && i < gguf_n_values(whole); i++)
		gguf_maker_value(maker, gguf_value(whole, i));
	gguf_maker_u32(maker, "split.no", no);
	gguf_maker_u32(maker, "split.count", count);
	gguf_maker_u32(maker, "split.tensors.count", (uint32_t)gguf_n_tensors(whole));
	for (size_t i = no; i < gguf_n_tensors(whole); i += count) {
		const struct gguf_tensor *tensor = gguf_tensor(whole, i);
		char name[GGUF_NAME_MAX + 1];

		(void)snprintf(name, sizeof(name), "%.*s", (int)tensor->name.size,
			       tensor->name.data);
		gguf_maker_tensor(maker, name, tensor->type, tensor->n_dims, tensor->dims,
				  tensor->data, tensor->size_bytes);
	}
}

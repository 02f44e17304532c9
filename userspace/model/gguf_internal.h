/* SPDX-License-Identifier: MIT */
/* What the files that make up gguf.h share. Private to them. */
#ifndef SLM_MODEL_GGUF_INTERNAL_H
#define SLM_MODEL_GGUF_INTERNAL_H

#include "cleanup.h"
#include "file_map.h"
#include "gguf.h"
#include "name_index.h"

struct gguf {
	char *name;
	struct file_map map; /* empty when parsed from memory */
	struct gguf_part part;
	uint32_t version;
	uint32_t alignment;
	struct gguf_value *values; /* [n_values] */
	size_t n_values;
	struct gguf_tensor *tensors; /* [n_tensors], of all parts */
	size_t n_tensors;
	struct name_index value_index;
	struct name_index tensor_index;
	struct gguf **others; /* [n_parts - 1], ours */
	uint32_t n_parts;
};

DEFINE_CLEANUP(struct gguf, gguf_close)

/* Of a struct gguf, for name_index.h. */
struct name_index_key gguf_tensor_key(const void *data, size_t item);

#endif

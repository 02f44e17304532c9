// SPDX-License-Identifier: MIT
/* Owns the bytes of a header that is being written. Refuses to check: what is copied was read. */
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "gguf_header.h"

enum { GGUF_VERSION = 3 };

static void add(struct gguf_header *header, const void *bytes, size_t size)
{
	if (header->failed ||
	    array_reserve(&header->bytes, &header->capacity, header->size + size, 1) < 0) {
		header->failed = true;
		return;
	}
	if (size > 0)
		memcpy(header->bytes + header->size, bytes, size);
	header->size += size;
}

static void add_u32(struct gguf_header *header, uint32_t number)
{
	add(header, &number, sizeof(number));
}

static void add_u64(struct gguf_header *header, uint64_t number)
{
	add(header, &number, sizeof(number));
}

static void add_text(struct gguf_header *header, const char *text, uint64_t size)
{
	add_u64(header, size);
	add(header, text, size);
}

void gguf_header_init(struct gguf_header *header, uint64_t n_tensors, uint64_t n_values)
{
	*header = (struct gguf_header){0};
	add(header, "GGUF", 4);
	add_u32(header, GGUF_VERSION);
	add_u64(header, n_tensors);
	add_u64(header, n_values);
}

void gguf_header_finish(struct gguf_header *header)
{
	free(header->bytes);
	*header = (struct gguf_header){0};
}

void gguf_header_value(struct gguf_header *header, const struct gguf_value *value)
{
	add_text(header, value->key.data, value->key.size);
	add_u32(header, value->type);
	if (value->type == GGUF_STRING)
		add_u64(header, value->size_bytes);
	if (value->type == GGUF_ARRAY) {
		add_u32(header, value->item_type);
		add_u64(header, value->n_items);
	}
	add(header, value->data, value->size_bytes);
}

void gguf_header_u32(struct gguf_header *header, const char *key, uint32_t number)
{
	add_text(header, key, strlen(key));
	add_u32(header, GGUF_U32);
	add_u32(header, number);
}

void gguf_header_tensor(struct gguf_header *header, const struct gguf_tensor *like,
			enum tensor_type type, uint64_t offset)
{
	add_text(header, like->name.data, like->name.size);
	add_u32(header, like->n_dims);
	for (unsigned i = 0; i < like->n_dims; i++)
		add_u64(header, like->dims[i]);
	add_u32(header, type);
	add_u64(header, offset);
}

void gguf_header_align(struct gguf_header *header, uint32_t alignment)
{
	static const uint8_t zeros[64];

	while (!header->failed && header->size % alignment != 0)
		add(header, zeros, MIN(alignment - header->size % alignment, sizeof(zeros)));
}

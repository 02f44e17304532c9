// SPDX-License-Identifier: MIT
/* Owns the writing of GGUF for tests. Checks nothing: that is the reader's part. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "gguf_maker.h"

static void put(uint8_t **to, size_t *n, size_t *capacity, const void *bytes, size_t size)
{
	if (size == 0)
		return;
	if (array_reserve(to, capacity, *n + size, 1) < 0)
		exit(99);
	if (bytes)
		memcpy(*to + *n, bytes, size);
	else
		memset(*to + *n, 0, size);
	*n += size;
}

static void put_header(struct gguf_maker *maker, const void *bytes, size_t size)
{
	put(&maker->header, &maker->header_bytes, &maker->header_capacity, bytes, size);
}

static void put_string(struct gguf_maker *maker, const char *text)
{
	uint64_t size = strlen(text);

	put_header(maker, &size, sizeof(size));
	put_header(maker, text, size);
}

void gguf_maker_init(struct gguf_maker *maker)
{
	*maker = (struct gguf_maker){.version = 3, .alignment = 32};
}

void gguf_maker_finish(struct gguf_maker *maker)
{
	free(maker->header);
	free(maker->tensors);
	free(maker->data);
}

void gguf_maker_raw(struct gguf_maker *maker, const char *key, uint32_t type, const void *bytes,
		    size_t size_bytes)
{
	put_string(maker, key);
	put_header(maker, &type, sizeof(type));
	put_header(maker, bytes, size_bytes);
	maker->n_values++;
}

void gguf_maker_u32(struct gguf_maker *maker, const char *key, uint32_t value)
{
	gguf_maker_raw(maker, key, GGUF_U32, &value, sizeof(value));
}

void gguf_maker_f32(struct gguf_maker *maker, const char *key, float value)
{
	gguf_maker_raw(maker, key, GGUF_F32, &value, sizeof(value));
}

void gguf_maker_bool(struct gguf_maker *maker, const char *key, int value)
{
	uint8_t byte = value != 0;

	gguf_maker_raw(maker, key, GGUF_BOOL, &byte, sizeof(byte));
}

void gguf_maker_string(struct gguf_maker *maker, const char *key, const char *value)
{
	uint64_t size = strlen(value);

	gguf_maker_raw(maker, key, GGUF_STRING, &size, sizeof(size));
	put_header(maker, value, size);
}

static void put_array_head(struct gguf_maker *maker, const char *key, uint32_t type, uint64_t n)
{
	gguf_maker_raw(maker, key, GGUF_ARRAY, &type, sizeof(type));
	put_header(maker, &n, sizeof(n));
}

void gguf_maker_strings(struct gguf_maker *maker, const char *key, const char *const *values,
			size_t n)
{
	put_array_head(maker, key, GGUF_STRING, n);
	for (size_t i = 0; i < n; i++)
		put_string(maker, values[i]);
}

void gguf_maker_array(struct gguf_maker *maker, const char *key, enum gguf_type type,
		      const void *items, size_t n, size_t item_bytes)
{
	put_array_head(maker, key, type, n);
	put_header(maker, items, n * item_bytes);
}

static void put_info(struct gguf_maker *maker, const void *bytes, size_t size)
{
	put(&maker->tensors, &maker->tensors_bytes, &maker->tensors_capacity, bytes, size);
}

void gguf_maker_tensor_info(struct gguf_maker *maker, const char *name, uint32_t type,
			    uint32_t n_dims, const uint64_t *dims, uint64_t offset)
{
	uint64_t size = strlen(name);

	put_info(maker, &size, sizeof(size));
	put_info(maker, name, size);
	put_info(maker, &n_dims, sizeof(n_dims));
	put_info(maker, dims, n_dims * sizeof(*dims));
	put_info(maker, &type, sizeof(type));
	put_info(maker, &offset, sizeof(offset));
	maker->n_tensors++;
}

void gguf_maker_value(struct gguf_maker *maker, const struct gguf_value *value)
{
	/* What stands before the first byte: a length, and for an array the type of its items. */
	size_t head = value->type == GGUF_STRING ? 8 : value->type == GGUF_ARRAY ? 12 : 0;
	char key[256];

	(void)snprintf(key, sizeof(key), "%.*s", (int)value->key.size, value->key.data);
	gguf_maker_raw(maker, key, value->type, value->data - head, value->size_bytes + head);
}

void gguf_maker_tensor(struct gguf_maker *maker, const char *name, uint32_t type, uint32_t n_dims,
		       const uint64_t *dims, const void *data, size_t size_bytes)
{
	size_t padding = round_up(maker->data_bytes, maker->alignment) - maker->data_bytes;

	put(&maker->data, &maker->data_bytes, &maker->data_capacity, NULL, padding);
	gguf_maker_tensor_info(maker, name, type, n_dims, dims, maker->data_bytes);
	put(&maker->data, &maker->data_bytes, &maker->data_capacity, data, size_bytes);
}

uint8_t *gguf_maker_file(const struct gguf_maker *maker, size_t *ret_bytes)
{
	size_t n = 0, capacity = 0, header;
	uint8_t *file = NULL;

	put(&file, &n, &capacity, "GGUF", 4);
	put(&file, &n, &capacity, &maker->version, sizeof(maker->version));
	put(&file, &n, &capacity, &maker->n_tensors, sizeof(maker->n_tensors));
	put(&file, &n, &capacity, &maker->n_values, sizeof(maker->n_values));
	put(&file, &n, &capacity, maker->header, maker->header_bytes);
	put(&file, &n, &capacity, maker->tensors, maker->tensors_bytes);
	header = round_up(n, maker->alignment);
	put(&file, &n, &capacity, NULL, header - n);
	put(&file, &n, &capacity, maker->data, maker->data_bytes);
	*ret_bytes = n;
	return file;
}

void gguf_maker_write(const struct gguf_maker *maker, const char *path)
{
	size_t bytes;
	uint8_t *file = gguf_maker_file(maker, &bytes);
	FILE *out = fopen(path, "wb");

	if (!out || fwrite(file, 1, bytes, out) != bytes || fclose(out) != 0)
		exit(99);
	free(file);
}

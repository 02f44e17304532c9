/* SPDX-License-Identifier: MIT */
/* GGUF files in memory, for tests: begin, put keys in, end. Running out of memory ends the test. */
#ifndef SLM_TESTS_GGUF_BUILDER_H
#define SLM_TESTS_GGUF_BUILDER_H

#include <stdint.h>
#include <string.h>

#include "array.h"
#include "check.h"
#include "gguf.h"

struct gguf_builder {
	uint8_t *data; /* free() when done */
	size_t size;
	size_t capacity;
	uint64_t n_values;
};

static inline void builder_bytes(struct gguf_builder *builder, const void *bytes, size_t size)
{
	assert_int_equal(array_reserve(&builder->data, &builder->capacity, builder->size + size, 1),
			 0);
	if (size > 0)
		memcpy(builder->data + builder->size, bytes, size);
	builder->size += size;
}

static inline void builder_u32(struct gguf_builder *builder, uint32_t value)
{
	builder_bytes(builder, &value, sizeof(value));
}

static inline void builder_u64(struct gguf_builder *builder, uint64_t value)
{
	builder_bytes(builder, &value, sizeof(value));
}

static inline void builder_text(struct gguf_builder *builder, const char *text)
{
	builder_u64(builder, strlen(text));
	builder_bytes(builder, text, strlen(text));
}

static inline void builder_begin(struct gguf_builder *builder)
{
	*builder = (struct gguf_builder){0};
	builder_bytes(builder, "GGUF", 4);
	builder_u32(builder, 3);
	builder_u64(builder, 0); /* tensors */
	builder_u64(builder, 0); /* keys: builder_end() */
}

static inline void builder_key(struct gguf_builder *builder, const char *key, enum gguf_type type)
{
	builder_text(builder, key);
	builder_u32(builder, (uint32_t)type);
	builder->n_values++;
}

static inline void builder_string(struct gguf_builder *builder, const char *key, const char *value)
{
	builder_key(builder, key, GGUF_STRING);
	builder_text(builder, value);
}

static inline void builder_number(struct gguf_builder *builder, const char *key, uint32_t value)
{
	builder_key(builder, key, GGUF_U32);
	builder_u32(builder, value);
}

static inline void builder_flag(struct gguf_builder *builder, const char *key, uint8_t value)
{
	builder_key(builder, key, GGUF_BOOL);
	builder_bytes(builder, &value, 1);
}

/* The items follow. */
static inline void builder_array(struct gguf_builder *builder, const char *key, enum gguf_type type,
				 uint64_t n)
{
	builder_key(builder, key, GGUF_ARRAY);
	builder_u32(builder, (uint32_t)type);
	builder_u64(builder, n);
}

/* The finished file, read; the bytes stay the builder's. */
static inline struct gguf *builder_end(struct gguf_builder *builder)
{
	struct gguf *gguf = NULL;

	memcpy(builder->data + 16, &builder->n_values, sizeof(builder->n_values));
	assert_int_equal(gguf_parse(builder->data, builder->size, "test.gguf", NULL, &gguf), 0);
	return gguf;
}

#endif

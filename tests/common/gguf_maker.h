/* SPDX-License-Identifier: MIT */
/*
 * Writes GGUF files for tests: sane ones and, by leaving the order and the numbers to the caller,
 * broken ones. Exits when out of memory: a test.
 */
#ifndef SLM_TESTS_GGUF_MAKER_H
#define SLM_TESTS_GGUF_MAKER_H

#include <stddef.h>
#include <stdint.h>

#include "gguf.h"

struct gguf_maker {
	uint8_t *header; /* values and tensor infos */
	size_t header_bytes, header_capacity;
	uint8_t *tensors; /* infos, kept apart until finished */
	size_t tensors_bytes, tensors_capacity;
	uint8_t *data;
	size_t data_bytes, data_capacity;
	uint64_t n_values, n_tensors;
	uint32_t version;
	uint32_t alignment;
};

void gguf_maker_init(struct gguf_maker *maker);
void gguf_maker_finish(struct gguf_maker *maker);

void gguf_maker_u32(struct gguf_maker *maker, const char *key, uint32_t value);
void gguf_maker_f32(struct gguf_maker *maker, const char *key, float value);
void gguf_maker_bool(struct gguf_maker *maker, const char *key, int value);
void gguf_maker_string(struct gguf_maker *maker, const char *key, const char *value);
void gguf_maker_strings(struct gguf_maker *maker, const char *key, const char *const *values,
			size_t n);
void gguf_maker_array(struct gguf_maker *maker, const char *key, enum gguf_type type,
		      const void *items, size_t n, size_t item_bytes);
/* A pair with bytes of the caller's making. */
void gguf_maker_raw(struct gguf_maker *maker, const char *key, uint32_t type, const void *bytes,
		    size_t size_bytes);

/* A pair as another file has it. */
void gguf_maker_value(struct gguf_maker *maker, const struct gguf_value *value);
/* Part NO of COUNT of WHOLE, which is not split: every COUNT-th tensor, and the keys where NO is 0. */
void gguf_maker_split(struct gguf_maker *maker, const struct gguf *whole, uint32_t no,
		      uint32_t count);

/* DATA NULL: zeros. dims[0] is the row length. */
void gguf_maker_tensor(struct gguf_maker *maker, const char *name, uint32_t type, uint32_t n_dims,
		       const uint64_t *dims, const void *data, size_t size_bytes);
/* Only the info, with an offset of the caller's making. */
void gguf_maker_tensor_info(struct gguf_maker *maker, const char *name, uint32_t type,
			    uint32_t n_dims, const uint64_t *dims, uint64_t offset);

/* The whole file; the caller frees. */
uint8_t *gguf_maker_file(const struct gguf_maker *maker, size_t *ret_bytes);
/* The same into a file at PATH; exits on failure. */
void gguf_maker_write(const struct gguf_maker *maker, const char *path);

#endif

/* SPDX-License-Identifier: MIT */
/* The header of a new GGUF file, as it grows. Version 3, little-endian. */
#ifndef SLM_MODEL_GGUF_HEADER_H
#define SLM_MODEL_GGUF_HEADER_H

#include "gguf.h"

struct gguf_header {
	uint8_t *bytes; /* [size] */
	size_t size, capacity;
	bool failed; /* out of memory: the bytes are of no use */
};

/* The counts are those of the calls that follow: all values, then all tensors. */
void gguf_header_init(struct gguf_header *header, uint64_t n_tensors, uint64_t n_values);
void gguf_header_finish(struct gguf_header *header);

/* A pair as another file has it. */
void gguf_header_value(struct gguf_header *header, const struct gguf_value *value);
void gguf_header_u32(struct gguf_header *header, const char *key, uint32_t number);

/* Name and shape of LIKE, stored as TYPE at OFFSET from the first byte of data. */
void gguf_header_tensor(struct gguf_header *header, const struct gguf_tensor *like,
			enum tensor_type type, uint64_t offset);

/* Zeros up to a multiple of ALIGNMENT: there the data begins. */
void gguf_header_align(struct gguf_header *header, uint32_t alignment);

#endif

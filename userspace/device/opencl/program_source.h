/* SPDX-License-Identifier: MIT */
/* The text of a program: files of a family, some of them once per weight type or tile size. */
#ifndef SLM_DEVICE_OPENCL_PROGRAM_SOURCE_H
#define SLM_DEVICE_OPENCL_PROGRAM_SOURCE_H

#include "family.h"

/* What a segment needs of its program. Bit N of a mask stands for enum tensor_type N. */
struct program_spec {
	uint64_t matmul_types;
	uint64_t glu_types;
	uint64_t embed_types;
	uint64_t expert_types;
	uint32_t head_dim; /* 0: no attention */
	uint32_t tile_heads;
	uint32_t tile_tokens;
	bool kv_q8;
	bool adapts; /* OP_ADAPT, OP_GATE */
};

/* The caller frees. NULL when out of memory. */
char *program_source(const struct opencl_family *family, const struct program_spec *spec);

/* "q4_0" as kernels are named, into NAME. */
void program_type_name(enum tensor_type type, char name[static 16]);

#endif

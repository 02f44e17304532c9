// SPDX-License-Identifier: MIT
/* Owns the table of tiny models. Shapes are odd on purpose: few heads, narrow ones, wide ones. */
#include <string.h>

#include "arch_cases.h"

#define COMMON .n_vocab = 260, .type = TENSOR_F32, .tied = true, .seed = 1
#define SHAPE(layers, embd, heads, heads_kv, dim, ff)                                       \
	.n_layers = (layers), .n_embd = (embd), .n_head = (heads), .n_head_kv = (heads_kv), \
	.head_dim = (dim), .n_ff = (ff)

const struct arch_case arch_cases[] = {
	{"llama", {COMMON, SHAPE(2, 96, 3, 1, 32, 160), .arch = "llama", .n_ctx = 512}, false},
	{"llama-odd", {COMMON, SHAPE(2, 100, 5, 1, 20, 134), .arch = "llama", .n_ctx = 512}, false},
	{"llama3",
	 {COMMON, SHAPE(2, 64, 4, 2, 64, 160), .arch = "llama", .n_ctx = 512, .rope_factors = true},
	 false},
	{"llama-linear",
	 {COMMON, SHAPE(2, 96, 3, 3, 64, 160), .arch = "llama", .n_ctx = 512,
	  .rope_scaling = "linear"},
	 false},
	{"llama-window",
	 {COMMON, SHAPE(2, 96, 4, 2, 80, 160), .arch = "llama", .n_ctx = 512, .window = 40},
	 true},
	{"mistral3-yarn",
	 {COMMON, SHAPE(2, 96, 4, 2, 128, 160), .arch = "mistral3", .n_ctx = 1024,
	  .rope_scaling = "yarn"},
	 false},
	{"smollm3", {COMMON, SHAPE(5, 96, 4, 1, 64, 160), .arch = "smollm3", .n_ctx = 512}, false},
	{"qwen2", {COMMON, SHAPE(2, 224, 7, 1, 32, 160), .arch = "qwen2", .n_ctx = 512}, false},
	{"qwen3", {COMMON, SHAPE(2, 96, 3, 1, 128, 160), .arch = "qwen3", .n_ctx = 512}, false},
	{"phi3-long",
	 {COMMON, SHAPE(2, 288, 3, 3, 96, 160), .arch = "phi3", .n_ctx = 512, .rope_factors = true},
	 false},
	{"phi3-short",
	 {COMMON, SHAPE(2, 256, 4, 2, 64, 160), .arch = "phi3", .n_ctx = 4096, .rope_factors = true,
	  .rope_dims = 48},
	 false},
	{"granite", {COMMON, SHAPE(3, 96, 6, 2, 64, 160), .arch = "granite", .n_ctx = 512}, false},
	{"gemma3",
	 {COMMON, SHAPE(7, 96, 2, 1, 256, 160), .arch = "gemma3", .n_ctx = 512, .window = 40},
	 false},
};

const size_t n_arch_cases = sizeof(arch_cases) / sizeof(arch_cases[0]);

const struct arch_case *arch_case_find(const char *name)
{
	for (size_t i = 0; i < n_arch_cases; i++) {
		if (strcmp(arch_cases[i].name, name) == 0)
			return &arch_cases[i];
	}
	return NULL;
}

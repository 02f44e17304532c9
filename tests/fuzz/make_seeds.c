// SPDX-License-Identifier: MIT
/* Writes small sane models for fuzz_gguf to begin with: make_seeds FOLDER */
#include <stdio.h>
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
	tiny.arch = "gemma3";
	write_seed(&tiny, argv[1], "gemma3");
	tiny.type = TENSOR_F16;
	tiny.tied = false;
	write_seed(&tiny, argv[1], "untied");
	return 0;
}

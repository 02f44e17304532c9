// SPDX-License-Identifier: MIT
/*
 * Writes what the fuzzers of files begin with: small sane models for fuzz_gguf, adapters for fuzz_lora and
 * models in parts for fuzz_split. make_seeds FOLDER FOLDER FOLDER
 */
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

/* A model of a few small tensors, for fuzz_split. */
static struct gguf *make_whole(uint8_t **ret_file)
{
	static const char *const names[] = {"token_embd.weight", "blk.0.attn_q.weight",
					    "output_norm.weight"};
	const uint64_t dims[] = {32, 1};
	struct gguf_maker maker;
	struct gguf *whole;
	size_t size;

	gguf_maker_init(&maker);
	gguf_maker_string(&maker, "general.architecture", "llama");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		gguf_maker_tensor(&maker, names[i], i == 1 ? TENSOR_Q4_0 : TENSOR_F32, 1, dims,
				  NULL, i == 1 ? 18 : 128);
	*ret_file = gguf_maker_file(&maker, &size);
	gguf_maker_finish(&maker);
	if (gguf_parse(*ret_file, size, "seed", NULL, &whole) < 0)
		exit(1);
	return whole;
}

/* WHOLE in COUNT parts, as fuzz_split takes them, behind the CONTROL bytes. */
static void write_split_seed(const struct gguf *whole, uint32_t count, const char *control,
			     const char *folder)
{
	char path[512];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/%u-%02x-%02x.parts", folder, count,
		       (unsigned)control[0], (unsigned)control[2]);
	out = fopen(path, "w");
	if (!out)
		exit(1);
	(void)fwrite(control, 1, 3, out);
	for (uint32_t i = 0; i < count; i++) {
		struct gguf_maker maker;
		uint8_t *part;
		size_t size;

		gguf_maker_split(&maker, whole, i, count);
		part = gguf_maker_file(&maker, &size);
		gguf_maker_finish(&maker);
		(void)fwrite(part, 1, size, out);
		free(part);
	}
	if (fclose(out) != 0)
		exit(1);
}

static void write_split_seeds(const char *folder)
{
	uint8_t *file;
	struct gguf *whole = make_whole(&file);

	(void)mkdir(folder, 0755);
	for (uint32_t count = 1; count <= 3; count++) {
		write_split_seed(whole, count, "\0\0\0", folder);
		write_split_seed(whole, count, "\1\0\0", folder);
		write_split_seed(whole, count, "\1\0\1", folder);
		write_split_seed(whole, count, "\3\0\0", folder); /* one is missing */
	}
	gguf_close(whole);
	free(file);
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

	if (argc != 4)
		return 2;
	(void)mkdir(argv[1], 0755);
	write_seed(&tiny, argv[1], "llama");
	tiny.arch = "gemma3";
	write_seed(&tiny, argv[1], "gemma3");
	tiny.type = TENSOR_F16;
	tiny.tied = false;
	write_seed(&tiny, argv[1], "untied");
	write_adapter_seeds(tiny, argv[2]);
	write_split_seeds(argv[3]);
	return 0;
}

// SPDX-License-Identifier: MIT
/* Writes a random LoRA adapter for a model: make_lora MODEL ADAPTER [RANK [ALPHA [SEED]]] */
#include <stdio.h>
#include <stdlib.h>

#include "tiny_adapter.h"

static void write_log(void *data, enum log_level level, const char *text)
{
	(void)data;
	(void)level;
	(void)fprintf(stderr, "%s\n", text);
}

int main(int argc, char **argv)
{
	const struct log log = {write_log, NULL, LOG_LEVEL_WARNING};
	struct tiny_adapter tiny = {.rank = 8, .alpha = 0.1f, .type = TENSOR_F16, .seed = 1};
	struct gguf_maker maker;
	struct gguf *model;

	if (argc < 3 || argc > 6)
		return 2;
	if (argc > 3)
		tiny.rank = (uint32_t)strtoul(argv[3], NULL, 10);
	if (argc > 4)
		tiny.alpha = strtof(argv[4], NULL);
	if (argc > 5)
		tiny.seed = strtoull(argv[5], NULL, 10);
	if (gguf_open(argv[1], &log, &model) < 0)
		return 1;
	tiny_adapter_make(&tiny, model, &maker);
	gguf_maker_write(&maker, argv[2]);
	gguf_maker_finish(&maker);
	gguf_close(model);
	return 0;
}

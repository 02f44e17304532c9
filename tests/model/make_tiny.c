// SPDX-License-Identifier: MIT
/*
 * Writes the tiny model of an architecture as a file, for arch_against_peer.py.
 *
 *   make_tiny CASE FILE [type=Q8_0] [n_head=5] ...   the case, with other numbers where given;
 *       untied; seed=2; wide: widths that every type fits; mixed: all types in one file
 *   make_tiny [encoders]          names the cases that the peer computes too: decoders, or these
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch_cases.h"

enum { UNFIT = 3 }; /* rows are no whole number of blocks */

static const float WIDE_GAIN = 0.5f;

struct number {
	const char *name;
	uint32_t *value;
};

static bool set_type(struct tiny_model *tiny, const char *name)
{
	for (int type = 0; type < TENSOR_TYPE_IDS; type++) {
		const struct tensor_type_info *info = tensor_type_info((enum tensor_type)type);

		if (info && info->name && strcmp(info->name, name) == 0) {
			tiny->type = (enum tensor_type)type;
			return true;
		}
	}
	return false;
}

/*
 * At least as wide as the case, in whole blocks of every type, and weights smaller in turn: wider layers
 * amplify more, and then say more about how activations are rounded than about what is computed.
 */
static void widen(struct tiny_model *tiny)
{
	bool heads_fill = tiny->n_embd == tiny->n_head * tiny->head_dim;
	bool share_keys = tiny->n_head != tiny->n_head_kv;

	tiny->gain = WIDE_GAIN;
	tiny->n_ff = (tiny->n_ff + 255) / 256 * 256;
	while (tiny->n_head * tiny->head_dim % 256 != 0)
		tiny->n_head += share_keys ? tiny->n_head_kv : 1;
	if (!share_keys)
		tiny->n_head_kv = tiny->n_head;
	tiny->n_embd = heads_fill ? tiny->n_head * tiny->head_dim
				  : (tiny->n_embd + 255) / 256 * 256;
}

/* WORD is "name=value" or a word of its own. */
static bool change(struct tiny_model *tiny, const char *word)
{
	const struct number numbers[] = {
		{"n_layers=", &tiny->n_layers},	    {"n_embd=", &tiny->n_embd},
		{"n_head=", &tiny->n_head},	    {"n_head_kv=", &tiny->n_head_kv},
		{"head_dim=", &tiny->head_dim},	    {"n_ff=", &tiny->n_ff},
		{"rope_dims=", &tiny->rope_dims},   {"window=", &tiny->window},
		{"n_ctx=", &tiny->n_ctx},	    {"n_experts=", &tiny->n_experts},
		{"n_used=", &tiny->n_experts_used},
	};

	if (strncmp(word, "type=", 5) == 0)
		return set_type(tiny, word + 5);
	if (strncmp(word, "seed=", 5) == 0) {
		tiny->seed = strtoul(word + 5, NULL, 10);
		return true;
	}
	if (strcmp(word, "untied") == 0) {
		tiny->tied = false;
		return true;
	}
	if (strcmp(word, "wide") == 0) {
		widen(tiny);
		return true;
	}
	if (strcmp(word, "mixed") == 0) {
		tiny->n_mixed = TINY_TYPES;
		return true;
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		size_t n = strlen(numbers[i].name);

		if (strncmp(word, numbers[i].name, n) == 0) {
			*numbers[i].value = (uint32_t)strtoul(word + n, NULL, 10);
			return true;
		}
	}
	return false;
}

static void print_names(bool encoders)
{
	for (size_t i = 0; i < n_arch_cases; i++) {
		if (!arch_cases[i].is_ours_alone && arch_cases[i].is_encoder == encoders)
			(void)puts(arch_cases[i].name);
	}
}

int main(int argc, char **argv)
{
	const struct arch_case *found = argc > 2 ? arch_case_find(argv[1]) : NULL;
	struct gguf_maker maker;
	struct tiny_model tiny;
	uint32_t block;

	if (argc == 1 || (argc == 2 && strcmp(argv[1], "encoders") == 0)) {
		print_names(argc == 2);
		return 0;
	}
	if (!found) {
		(void)fprintf(stderr, "usage: make_tiny CASE FILE [NAME=VALUE]...\n");
		return 2;
	}
	tiny = found->model;
	for (int i = 3; i < argc; i++) {
		if (!change(&tiny, argv[i])) {
			(void)fprintf(stderr, "make_tiny: %s is not understood\n", argv[i]);
			return 2;
		}
	}
	block = tensor_type_info(tiny.type)->block_values;
	if (tiny.n_embd % block != 0 || tiny.n_ff % block != 0 ||
	    tiny.n_head * tiny.head_dim % block != 0)
		return UNFIT;
	tiny_model_make(&tiny, &maker);
	gguf_maker_write(&maker, argv[2]);
	gguf_maker_finish(&maker);
	return 0;
}

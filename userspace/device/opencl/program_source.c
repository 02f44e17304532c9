// SPDX-License-Identifier: MIT
/* Owns the order in which files make a program. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "kernel_sources.h"
#include "program_source.h"

struct writer {
	FILE *out;
	const struct opencl_family *family;
};

void program_type_name(enum tensor_type type, char name[static 16])
{
	size_t i = 0;

	(void)snprintf(name, 16, "%s", tensor_type_info(type)->name);
	for (; name[i]; i++)
		name[i] = (char)tolower((unsigned char)name[i]);
}

static void add_text(struct writer *writer, const char *folder, const char *file)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%s/%s", folder, file);
	for (size_t i = 0; i < n_kernel_sources; i++) {
		if (strcmp(kernel_sources[i].name, name) != 0)
			continue;
		(void)fprintf(writer->out, "#line 1 \"%s\"\n", name);
		(void)fwrite(kernel_sources[i].text, 1, kernel_sources[i].size_bytes, writer->out);
	}
}

static void add_common(struct writer *writer, const char *file)
{
	add_text(writer, "common", file);
}

static void add_family(struct writer *writer, const char *file)
{
	add_text(writer, writer->family->name, file);
}

static void add_define(struct writer *writer, const char *name, uint32_t value)
{
	(void)fprintf(writer->out, "#undef %s\n#define %s %u\n", name, name, value);
}

static void add_type(struct writer *writer, enum tensor_type type, const struct program_spec *spec)
{
	uint64_t bit = UINT64_C(1) << type;
	char name[16];

	program_type_name(type, name);
	add_define(writer, "TYPE", type);
	(void)fprintf(writer->out, "#undef TYPE_NAME\n#define TYPE_NAME %s\n", name);
	add_common(writer, "weights.cl");
	if (spec->embed_types & bit)
		add_common(writer, "embed.cl");
	if (!((spec->matmul_types | spec->glu_types | spec->expert_types) & bit))
		return;
	for (int i = 0; writer->family->widths[i] > 0; i++) {
		add_define(writer, "WIDTH", writer->family->widths[i]);
		add_family(writer, "tile.cl");
	}
	if (spec->matmul_types & bit)
		add_family(writer, "matmul.cl");
	if (spec->glu_types & bit)
		add_family(writer, "glu.cl");
	if (spec->expert_types & bit)
		add_family(writer, "experts.cl");
}

static void add_attention(struct writer *writer, const struct program_spec *spec)
{
	add_define(writer, "HEAD_DIM", spec->head_dim);
	add_define(writer, "KV_Q8", spec->kv_q8);
	add_define(writer, "TILE_HEADS", spec->tile_heads);
	add_family(writer, "rope.cl");
	add_define(writer, "TILE_TOKENS", 1);
	add_family(writer, "attention.cl");
	if (spec->tile_tokens == 1)
		return;
	add_define(writer, "TILE_TOKENS", spec->tile_tokens);
	add_family(writer, "attention.cl");
}

char *program_source(const struct opencl_family *family, const struct program_spec *spec)
{
	uint64_t all_types = spec->matmul_types | spec->glu_types | spec->embed_types |
			     spec->expert_types;
	struct writer writer = {.family = family};
	char *text = NULL;
	size_t size;
	bool failed;

	writer.out = open_memstream(&text, &size);
	if (!writer.out)
		return NULL;
	add_common(&writer, "step.cl");
	add_family(&writer, "simd.cl");
	add_common(&writer, "select.cl");
	add_family(&writer, "norm.cl");
	add_family(&writer, "prepare.cl");
	if (spec->head_dim > 0)
		add_attention(&writer, spec);
	if (spec->glu_types | spec->expert_types || spec->adapts)
		add_family(&writer, "activate.cl");
	if (spec->adapts) {
		add_common(&writer, "adapt.cl");
		add_family(&writer, "gate.cl");
	}
	if (spec->expert_types) {
		add_common(&writer, "route.cl");
		add_common(&writer, "mix.cl");
		add_common(&writer, "pairs.cl");
		add_family(&writer, "pairs.cl");
	}
	for (uint32_t type = 0; type < TENSOR_TYPE_IDS; type++) {
		if (all_types >> type & 1)
			add_type(&writer, (enum tensor_type)type, spec);
	}
	failed = ferror(writer.out);
	if (fclose(writer.out) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}

// SPDX-License-Identifier: MIT
/*
 * Any bytes as the files of a split model: each "GGUF" in them begins a part, three bytes before the
 * first say how the parts are given: from memory or as files, in which order, which is opened. What is
 * accepted has to lie where it says.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "gguf.h"

enum { PARTS_MAX = 8, CONTROL = 3 };

struct parts {
	struct gguf_source items[PARTS_MAX];
	uint32_t n;
};

static char folder[64];

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* assert() is compiled out of optimised builds. */
static void require(bool holds)
{
	if (!holds)
		abort();
}

/* ---- the input ---- */

static void cut(const uint8_t *data, size_t size, struct parts *parts)
{
	const uint8_t *end = data + size, *at = memmem(data, size, "GGUF", 4);

	parts->n = 0;
	while (at && parts->n < PARTS_MAX) {
		const uint8_t *next = memmem(at + 4, (size_t)(end - at) - 4, "GGUF", 4);

		/* The last one has all that is left. */
		if (!next || parts->n == PARTS_MAX - 1)
			next = end;
		parts->items[parts->n++] = (struct gguf_source){at, (uint64_t)(next - at), "part"};
		at = next < end ? next : NULL;
	}
}

static void rotate(struct parts *parts, unsigned by)
{
	struct parts old = *parts;

	for (uint32_t i = 0; i < parts->n; i++)
		parts->items[i] = old.items[(i + by) % parts->n];
}

/* ---- what must hold ---- */

static void check_tensor(const struct gguf *gguf, const struct gguf_tensor *tensor)
{
	const struct gguf_part *part;
	volatile uint8_t sink;

	require(tensor->part < gguf_n_parts(gguf));
	part = gguf_part(gguf, tensor->part);
	require(tensor->offset >= part->header_bytes && tensor->offset <= part->size_bytes &&
		tensor->size_bytes <= part->size_bytes - tensor->offset);
	require(tensor->data == part->data + tensor->offset);
	for (uint64_t i = 0; i < tensor->size_bytes; i++)
		sink = tensor->data[i];
	(void)sink;
}

static void check(const struct gguf *gguf, uint32_t n_parts)
{
	size_t n = 0;

	require(gguf_n_parts(gguf) == n_parts);
	for (uint32_t i = 0; i < n_parts; i++)
		n += gguf_part(gguf, i)->n_tensors;
	require(n == gguf_n_tensors(gguf));
	for (size_t i = 0; i < n; i++) {
		const struct gguf_tensor *tensor = gguf_tensor(gguf, i);
		char name[GGUF_NAME_MAX + 1];

		check_tensor(gguf, tensor);
		require(tensor->name.size <= GGUF_NAME_MAX);
		(void)snprintf(name, sizeof(name), "%.*s", (int)tensor->name.size,
			       tensor->name.data);
		if (strlen(name) == tensor->name.size)
			require(gguf_find_tensor(gguf, name) == tensor);
	}
}

/* ---- from memory and from files ---- */

static void from_memory(const struct parts *parts)
{
	struct gguf *gguf;

	if (gguf_parse_parts(parts->items, parts->n, NULL, &gguf) < 0)
		return;
	check(gguf, parts->n);
	gguf_close(gguf);
}

static void name_part(uint32_t no, uint32_t count, char path[static 128])
{
	(void)snprintf(path, 128, "%s/m-%05u-of-%05u.gguf", folder, no + 1, count);
}

static void write_part(const struct gguf_source *part, const char *path)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	require(file >= 0 &&
		write(file, part->data, part->size_bytes) == (ssize_t)part->size_bytes);
	(void)close(file);
}

/* COUNT is in the names; one of the files is opened, which has to find the others. */
static void from_files(const struct parts *parts, uint32_t count, uint32_t opened)
{
	struct gguf *gguf;
	char path[128];

	for (uint32_t i = 0; i < parts->n; i++) {
		name_part(i, count, path);
		write_part(&parts->items[i], path);
	}
	name_part(opened, count, path);
	if (gguf_open(path, NULL, &gguf) == 0) {
		require(gguf_n_parts(gguf) == 1 || gguf_n_parts(gguf) == count);
		check(gguf, gguf_n_parts(gguf));
		gguf_close(gguf);
	}
	for (uint32_t i = 0; i < parts->n; i++) {
		name_part(i, count, path);
		(void)unlink(path);
	}
}

/* ---- */

static void remove_folder(void)
{
	(void)rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const roots[] = {"/dev/shm", "/tmp"}; /* the first is memory */

	(void)argc;
	(void)argv;
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		(void)snprintf(folder, sizeof(folder), "%s/fuzz_split-XXXXXX", roots[i]);
		if (mkdtemp(folder)) {
			(void)atexit(remove_folder);
			return 0;
		}
	}
	require(false);
	return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parts parts;

	if (size < CONTROL)
		return 0;
	cut(data + CONTROL, size - CONTROL, &parts);
	if (parts.n == 0)
		return 0;
	rotate(&parts, data[1]);
	if (data[0] & 1)
		from_files(&parts, parts.n + (data[0] & 2 ? 1 : 0), data[2] % parts.n);
	else
		from_memory(&parts);
	return 0;
}

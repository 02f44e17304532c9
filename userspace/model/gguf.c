// SPDX-License-Identifier: MIT
/*
 * Owns the reading of GGUF files: everything in the header is checked against the file before it
 * is believed. Refuses to interpret: what a key means is for model.c and the tokenizer.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "file_map.h"
#include "gguf_internal.h"
#include "gguf_split.h"

enum {
	GGUF_MAGIC = 0x46554747, /* "GGUF" */
	GGUF_ALIGNMENT_DEFAULT = 32,
	GGUF_ALIGNMENT_MAX = 1 << 20,
	VALUE_BYTES_MIN = 13,  /* length, no key, type, one byte */
	TENSOR_BYTES_MIN = 24, /* length, no name, no dims, type, offset */
};

struct parser {
	struct gguf *gguf;
	struct cursor cursor;
	const struct log *log;
};

static int damaged(const struct parser *p, uint64_t at, const char *what)
{
	return log_error(p->log, EBADMSG, "%s is damaged: %s at byte %" PRIu64, p->gguf->part.name,
			 what, at);
}

static int truncated(const struct parser *p)
{
	return log_error(p->log, EBADMSG,
			 "%s is cut short: its header goes on after the last byte, %" PRIu64
			 " (is the download complete?)",
			 p->gguf->part.name, p->cursor.size);
}

/* ---- values ---- */

static int skip_items(struct parser *p, enum gguf_type type, uint64_t n, unsigned depth);

static int skip_string(struct parser *p)
{
	uint64_t size = cursor_u64(&p->cursor);

	return cursor_take(&p->cursor, size) ? 0 : truncated(p);
}

static int read_array_head(struct parser *p, enum gguf_type *ret_type, uint64_t *ret_n)
{
	uint64_t at = p->cursor.position;
	uint32_t type = cursor_u32(&p->cursor);
	uint64_t n = cursor_u64(&p->cursor);

	if (p->cursor.failed)
		return truncated(p);
	if (type >= GGUF_TYPES)
		return damaged(p, at, "an array of an unknown type");
	if (n > cursor_left(&p->cursor))
		return damaged(p, at, "an array that is longer than the file");
	*ret_type = type;
	*ret_n = n;
	return 0;
}

static int skip_array(struct parser *p, unsigned depth)
{
	enum gguf_type type;
	uint64_t n;
	int r;

	if (depth >= GGUF_NESTING_MAX)
		return damaged(p, p->cursor.position, "arrays nested too deeply");
	r = read_array_head(p, &type, &n);
	if (r < 0)
		return r;
	return skip_items(p, type, n, depth + 1);
}

static int skip_items(struct parser *p, enum gguf_type type, uint64_t n, unsigned depth)
{
	uint64_t bytes;
	int r = 0;

	if (gguf_type_bytes(type) != 0) {
		if (!size_mul(n, gguf_type_bytes(type), &bytes))
			return damaged(p, p->cursor.position, "an impossible array length");
		return cursor_take(&p->cursor, bytes) ? 0 : truncated(p);
	}
	for (uint64_t i = 0; i < n && r == 0; i++)
		r = type == GGUF_STRING ? skip_string(p) : skip_array(p, depth);
	return r;
}

static int read_string(struct parser *p, struct gguf_string *ret)
{
	uint64_t size = cursor_u64(&p->cursor);
	const uint8_t *data = cursor_take(&p->cursor, size);

	if (!data)
		return truncated(p);
	*ret = (struct gguf_string){(const char *)data, size};
	return 0;
}

static int read_value_data(struct parser *p, struct gguf_value *value)
{
	struct gguf_string string;
	uint64_t begin;
	int r;

	if (value->type == GGUF_STRING) {
		r = read_string(p, &string);
		if (r < 0)
			return r;
		value->data = (const uint8_t *)string.data;
		value->size_bytes = string.size;
		return 0;
	}
	value->n_items = 1;
	value->item_type = value->type;
	if (value->type == GGUF_ARRAY) {
		r = read_array_head(p, &value->item_type, &value->n_items);
		if (r < 0)
			return r;
	}
	begin = p->cursor.position;
	value->data = p->cursor.data + begin;
	r = skip_items(p, value->item_type, value->n_items, 1);
	value->size_bytes = p->cursor.position - begin;
	return r;
}

static int read_value(struct parser *p, struct gguf_value *value)
{
	uint64_t at = p->cursor.position;
	uint32_t type;
	int r;

	r = read_string(p, &value->key);
	if (r < 0)
		return r;
	type = cursor_u32(&p->cursor);
	if (p->cursor.failed)
		return truncated(p);
	if (type >= GGUF_TYPES)
		return damaged(p, at, "a key of an unknown type");
	value->type = type;
	return read_value_data(p, value);
}

static struct name_index_key value_key(const void *data, size_t item)
{
	const struct gguf *gguf = data;

	return (struct name_index_key){gguf->values[item].key.data, gguf->values[item].key.size};
}

struct name_index_key gguf_tensor_key(const void *data, size_t item)
{
	const struct gguf *gguf = data;

	return (struct name_index_key){gguf->tensors[item].name.data,
				       gguf->tensors[item].name.size};
}

static int read_values(struct parser *p, uint64_t n)
{
	struct gguf *gguf = p->gguf;

	gguf->values = calloc(MAX(n, 1), sizeof(*gguf->values));
	if (!gguf->values || name_index_init(&gguf->value_index, n) < 0)
		return log_oom(p->log, "reading a GGUF header");
	for (size_t i = 0; i < n; i++) {
		uint64_t at = p->cursor.position;
		int r = read_value(p, &gguf->values[i]);

		if (r < 0)
			return r;
		gguf->n_values = i + 1;
		if (name_index_add(&gguf->value_index, value_key, gguf, i) < 0)
			return damaged(p, at, "a key that occurs twice");
	}
	return 0;
}

/* ---- tensors ---- */

static int check_tensor_type(const struct parser *p, const struct gguf_tensor *tensor, uint64_t at)
{
	if (tensor_type_info(tensor->type))
		return 0;
	return log_error(p->log, ENOTSUP,
			 "%s: tensor %.*s is stored as type %" PRIu32
			 ", which this version does not know (byte %" PRIu64 ")",
			 p->gguf->part.name, (int)tensor->name.size, tensor->name.data,
			 tensor->type, at);
}

static int measure_tensor(const struct parser *p, struct gguf_tensor *tensor, uint64_t at)
{
	const struct tensor_type_info *info = tensor_type_info(tensor->type);
	uint64_t n = tensor->dims[0];

	for (unsigned i = 0; i < GGUF_DIMS_MAX; i++) {
		if (tensor->dims[i] == 0 || tensor->dims[i] > INT64_MAX)
			return damaged(p, at, "a tensor with an impossible dimension");
	}
	if (n % info->block_values != 0)
		return damaged(p, at, "a tensor whose rows are no multiple of its block");
	n = n / info->block_values * info->block_bytes;
	for (unsigned i = 1; i < GGUF_DIMS_MAX; i++) {
		if (!size_mul(n, tensor->dims[i], &n))
			return damaged(p, at, "a tensor larger than any memory");
	}
	tensor->size_bytes = n;
	return 0;
}

static int read_tensor(struct parser *p, struct gguf_tensor *tensor)
{
	uint64_t at = p->cursor.position;
	int r;

	r = read_string(p, &tensor->name);
	if (r < 0)
		return r;
	if (tensor->name.size > GGUF_NAME_MAX)
		return damaged(p, at, "a tensor name of more than 64 bytes");
	tensor->n_dims = cursor_u32(&p->cursor);
	if (!p->cursor.failed && tensor->n_dims > GGUF_DIMS_MAX)
		return damaged(p, at, "a tensor of more than 4 dimensions");
	for (unsigned i = 0; i < GGUF_DIMS_MAX; i++)
		tensor->dims[i] = i < tensor->n_dims ? cursor_u64(&p->cursor) : 1;
	tensor->type = cursor_u32(&p->cursor);
	tensor->offset = cursor_u64(&p->cursor); /* made absolute by place_tensors() */
	if (p->cursor.failed)
		return truncated(p);
	r = check_tensor_type(p, tensor, at);
	if (r < 0)
		return r;
	return measure_tensor(p, tensor, at);
}

static int read_tensors(struct parser *p, uint64_t n)
{
	struct gguf *gguf = p->gguf;

	gguf->tensors = calloc(MAX(n, 1), sizeof(*gguf->tensors));
	if (!gguf->tensors || name_index_init(&gguf->tensor_index, n) < 0)
		return log_oom(p->log, "reading a GGUF header");
	for (size_t i = 0; i < n; i++) {
		uint64_t at = p->cursor.position;
		int r = read_tensor(p, &gguf->tensors[i]);

		if (r < 0)
			return r;
		gguf->n_tensors = i + 1;
		if (name_index_add(&gguf->tensor_index, gguf_tensor_key, gguf, i) < 0)
			return damaged(p, at, "a tensor that occurs twice");
	}
	return 0;
}

static int read_alignment(const struct parser *p, uint32_t *ret_alignment)
{
	uint32_t alignment = GGUF_ALIGNMENT_DEFAULT;
	int r;

	r = gguf_get_u32(p->gguf, "general.alignment", p->log, &alignment);
	if (r < 0 && r != -ENOENT)
		return r;
	if (alignment == 0 || (alignment & (alignment - 1)) != 0 || alignment > GGUF_ALIGNMENT_MAX)
		return log_error(p->log, EBADMSG,
				 "%s is damaged: general.alignment is %" PRIu32
				 ", which is no power of two up to 1 MiB",
				 p->gguf->part.name, alignment);
	*ret_alignment = alignment;
	return 0;
}

static int place_tensor(const struct parser *p, struct gguf_tensor *tensor, uint32_t alignment)
{
	struct gguf *gguf = p->gguf;
	uint64_t end;

	if (tensor->offset % alignment != 0)
		return log_error(p->log, EBADMSG,
				 "%s is damaged: tensor %.*s is not aligned to %" PRIu32,
				 gguf->part.name, (int)tensor->name.size, tensor->name.data,
				 alignment);
	if (!size_add(tensor->offset, gguf->part.header_bytes, &tensor->offset) ||
	    !size_add(tensor->offset, tensor->size_bytes, &end) || end > gguf->part.size_bytes)
		return log_error(p->log, EBADMSG,
				 "%s is cut short: tensor %.*s lies beyond its last byte, %" PRIu64
				 " (is the download complete?)",
				 gguf->part.name, (int)tensor->name.size, tensor->name.data,
				 gguf->part.size_bytes);
	tensor->data = gguf->part.data + tensor->offset;
	return 0;
}

static int place_tensors(struct parser *p)
{
	struct gguf *gguf = p->gguf;
	uint32_t alignment;
	int r;

	r = read_alignment(p, &alignment);
	if (r < 0)
		return r;
	gguf->part.header_bytes = round_up(p->cursor.position, alignment);
	gguf->alignment = alignment;
	gguf->part.n_tensors = gguf->n_tensors;
	for (size_t i = 0; i < gguf->n_tensors && r == 0; i++)
		r = place_tensor(p, &gguf->tensors[i], alignment);
	return r;
}

/* ---- the file ---- */

static int check_version(struct parser *p)
{
	uint32_t magic = cursor_u32(&p->cursor);
	uint32_t version = cursor_u32(&p->cursor);

	if (magic != GGUF_MAGIC || p->cursor.failed)
		return log_error(p->log, EBADMSG, "%s is not a GGUF file", p->gguf->part.name);
	if (version == 2 || version == 3) {
		p->gguf->version = version;
		return 0;
	}
	if ((version & 0xffff) == 0 && version != 0)
		return log_error(p->log, ENOTSUP,
				 "%s is a big-endian GGUF file, which cannot be read here",
				 p->gguf->part.name);
	return log_error(p->log, ENOTSUP,
			 "%s is GGUF version %" PRIu32 "; versions 2 and 3 are read",
			 p->gguf->part.name, version);
}

static int parse_header(struct parser *p)
{
	uint64_t n_tensors, n_values;
	int r;

	r = check_version(p);
	if (r < 0)
		return r;
	n_tensors = cursor_u64(&p->cursor);
	n_values = cursor_u64(&p->cursor);
	if (p->cursor.failed)
		return truncated(p);
	if (n_values > GGUF_KEYS_MAX || n_values > cursor_left(&p->cursor) / VALUE_BYTES_MIN)
		return damaged(p, 16, "an impossible number of keys");
	if (n_tensors > GGUF_TENSORS_MAX || n_tensors > cursor_left(&p->cursor) / TENSOR_BYTES_MIN)
		return damaged(p, 8, "an impossible number of tensors");
	r = read_values(p, n_values);
	if (r < 0)
		return r;
	r = read_tensors(p, n_tensors);
	if (r < 0)
		return r;
	return place_tensors(p);
}

static int read_part(struct gguf *gguf, const void *data, uint64_t size_bytes,
		     const struct log *log)
{
	struct parser parser = {.gguf = gguf, .log = log};

	gguf->part.data = data;
	gguf->part.size_bytes = size_bytes;
	cursor_init(&parser.cursor, data, size_bytes);
	return parse_header(&parser);
}

static struct gguf *gguf_new(const char *name)
{
	struct gguf *gguf = calloc(1, sizeof(*gguf));

	if (!gguf)
		return NULL;
	gguf->n_parts = 1;
	gguf->part.name = gguf->name = strdup(name);
	return gguf->name ? gguf : (free(gguf), NULL);
}

static int parse_part(const struct gguf_source *source, const struct log *log,
		      struct gguf **ret_gguf)
{
	_cleanup_(gguf_close_p) struct gguf *gguf = gguf_new(source->name);
	int r;

	if (!gguf)
		return log_oom(log, "reading a GGUF header");
	r = read_part(gguf, source->data, source->size_bytes, log);
	if (r < 0)
		return r;
	*ret_gguf = TAKE(gguf);
	return 0;
}

int gguf_parse_parts(const struct gguf_source *sources, uint32_t n, const struct log *log,
		     struct gguf **ret_gguf)
{
	_cleanup_free_ struct gguf **parts = calloc(MAX(n, 1), sizeof(*parts));
	int r = 0;

	if (!parts)
		return log_oom(log, "reading a GGUF header");
	for (uint32_t i = 0; i < n && r == 0; i++)
		r = parse_part(&sources[i], log, &parts[i]);
	if (r == 0)
		r = gguf_join(parts, n, log);
	if (r == 0) {
		*ret_gguf = parts[0];
		return 0;
	}
	for (uint32_t i = 0; i < n; i++)
		gguf_close(parts[i]);
	return r;
}

int gguf_parse(const void *data, uint64_t size_bytes, const char *name, const struct log *log,
	       struct gguf **ret_gguf)
{
	const struct gguf_source source = {data, size_bytes, name};

	return gguf_parse_parts(&source, 1, log, ret_gguf);
}

int gguf_open_part(const char *path, const struct log *log, struct gguf **ret_gguf)
{
	_cleanup_(gguf_close_p) struct gguf *gguf = gguf_new(path);
	int r;

	if (!gguf)
		return log_oom(log, "reading a GGUF header");
	r = file_map_init(&gguf->map, path, log);
	if (r < 0)
		return r;
	gguf->part.mtime_ns = gguf->map.mtime_ns;
	r = read_part(gguf, gguf->map.data, gguf->map.size, log);
	if (r < 0)
		return r;
	*ret_gguf = TAKE(gguf);
	return 0;
}

int gguf_open(const char *path, const struct log *log, struct gguf **ret_gguf)
{
	struct gguf *gguf = NULL;
	int r;

	r = gguf_open_part(path, log, &gguf);
	if (r == 0)
		r = gguf_open_others(&gguf, log);
	if (r < 0) {
		gguf_close(gguf);
		return r;
	}
	*ret_gguf = gguf;
	return 0;
}

void gguf_close(struct gguf *gguf)
{
	if (!gguf)
		return;
	for (uint32_t i = 0; gguf->others && i + 1 < gguf->n_parts; i++)
		gguf_close(gguf->others[i]);
	free(gguf->others);
	name_index_finish(&gguf->value_index);
	name_index_finish(&gguf->tensor_index);
	free(gguf->values);
	free(gguf->tensors);
	file_map_finish(&gguf->map);
	free(gguf->name);
	free(gguf);
}

const char *gguf_name(const struct gguf *gguf)
{
	return gguf->part.name;
}

uint32_t gguf_version(const struct gguf *gguf)
{
	return gguf->version;
}

uint32_t gguf_alignment(const struct gguf *gguf)
{
	return gguf->alignment;
}

uint32_t gguf_n_parts(const struct gguf *gguf)
{
	return gguf->n_parts;
}

const struct gguf_part *gguf_part(const struct gguf *gguf, uint32_t index)
{
	return index == 0 ? &gguf->part : &gguf->others[index - 1]->part;
}

uint64_t gguf_file_bytes(const struct gguf *gguf)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < gguf->n_parts; i++)
		bytes += gguf_part(gguf, i)->size_bytes;
	return bytes;
}

size_t gguf_n_values(const struct gguf *gguf)
{
	return gguf->n_values;
}

const struct gguf_value *gguf_value(const struct gguf *gguf, size_t index)
{
	return &gguf->values[index];
}

size_t gguf_n_tensors(const struct gguf *gguf)
{
	return gguf->n_tensors;
}

const struct gguf_tensor *gguf_tensor(const struct gguf *gguf, size_t index)
{
	return &gguf->tensors[index];
}

const struct gguf_value *gguf_find(const struct gguf *gguf, const char *key)
{
	int64_t i = name_index_find(&gguf->value_index, value_key, gguf, key, strlen(key));

	return i < 0 ? NULL : &gguf->values[i];
}

const struct gguf_tensor *gguf_find_tensor(const struct gguf *gguf, const char *name)
{
	int64_t i = name_index_find(&gguf->tensor_index, gguf_tensor_key, gguf, name, strlen(name));

	return i < 0 ? NULL : &gguf->tensors[i];
}

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
#include "gguf.h"
#include "name_index.h"

enum {
	GGUF_MAGIC = 0x46554747, /* "GGUF" */
	GGUF_ALIGNMENT_DEFAULT = 32,
	GGUF_ALIGNMENT_MAX = 1 << 20,
	VALUE_BYTES_MIN = 13,  /* length, no key, type, one byte */
	TENSOR_BYTES_MIN = 24, /* length, no name, no dims, type, offset */
};

struct gguf {
	char *name;
	struct file_map map; /* empty when parsed from memory */
	const uint8_t *data;
	uint64_t size;
	uint64_t header_bytes;
	uint32_t version;
	struct gguf_value *values; /* [n_values] */
	size_t n_values;
	struct gguf_tensor *tensors; /* [n_tensors] */
	size_t n_tensors;
	struct name_index value_index;
	struct name_index tensor_index;
};

DEFINE_CLEANUP(struct gguf, gguf_close)

struct parser {
	struct gguf *gguf;
	struct cursor cursor;
	const struct log *log;
};

static const struct {
	const char *name;
	unsigned bytes; /* 0: variable */
} gguf_types[GGUF_TYPES] = {
	[GGUF_U8] = {"u8", 1},	 [GGUF_I8] = {"i8", 1},	      [GGUF_U16] = {"u16", 2},
	[GGUF_I16] = {"i16", 2}, [GGUF_U32] = {"u32", 4},     [GGUF_I32] = {"i32", 4},
	[GGUF_F32] = {"f32", 4}, [GGUF_BOOL] = {"bool", 1},   [GGUF_STRING] = {"string", 0},
	[GGUF_U64] = {"u64", 8}, [GGUF_ARRAY] = {"array", 0}, [GGUF_I64] = {"i64", 8},
	[GGUF_F64] = {"f64", 8},
};

const char *gguf_type_name(enum gguf_type type)
{
	return (unsigned)type < GGUF_TYPES ? gguf_types[type].name : "unknown";
}

static int damaged(const struct parser *p, uint64_t at, const char *what)
{
	return log_error(p->log, EBADMSG, "%s is damaged: %s at byte %" PRIu64, p->gguf->name, what,
			 at);
}

static int truncated(const struct parser *p)
{
	return log_error(p->log, EBADMSG,
			 "%s is cut short: its header goes on after the last byte, %" PRIu64
			 " (is the download complete?)",
			 p->gguf->name, p->cursor.size);
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

	if (gguf_types[type].bytes != 0) {
		if (!size_mul(n, gguf_types[type].bytes, &bytes))
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

static struct name_index_key tensor_key(const void *data, size_t item)
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
			 p->gguf->name, (int)tensor->name.size, tensor->name.data, tensor->type,
			 at);
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
		if (name_index_add(&gguf->tensor_index, tensor_key, gguf, i) < 0)
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
				 p->gguf->name, alignment);
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
				 gguf->name, (int)tensor->name.size, tensor->name.data, alignment);
	if (!size_add(tensor->offset, gguf->header_bytes, &tensor->offset) ||
	    !size_add(tensor->offset, tensor->size_bytes, &end) || end > gguf->size)
		return log_error(p->log, EBADMSG,
				 "%s is cut short: tensor %.*s lies beyond its last byte, %" PRIu64
				 " (is the download complete?)",
				 gguf->name, (int)tensor->name.size, tensor->name.data, gguf->size);
	tensor->data = gguf->data + tensor->offset;
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
	gguf->header_bytes = round_up(p->cursor.position, alignment);
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
		return log_error(p->log, EBADMSG, "%s is not a GGUF file", p->gguf->name);
	if (version == 2 || version == 3) {
		p->gguf->version = version;
		return 0;
	}
	if ((version & 0xffff) == 0 && version != 0)
		return log_error(p->log, ENOTSUP,
				 "%s is a big-endian GGUF file, which cannot be read here",
				 p->gguf->name);
	return log_error(p->log, ENOTSUP,
			 "%s is GGUF version %" PRIu32 "; versions 2 and 3 are read", p->gguf->name,
			 version);
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

static int gguf_read(struct gguf *gguf, const void *data, uint64_t size_bytes,
		     const struct log *log)
{
	struct parser parser = {.gguf = gguf, .log = log};

	gguf->data = data;
	gguf->size = size_bytes;
	cursor_init(&parser.cursor, data, size_bytes);
	return parse_header(&parser);
}

int gguf_parse(const void *data, uint64_t size_bytes, const char *name, const struct log *log,
	       struct gguf **ret_gguf)
{
	_cleanup_(gguf_close_p) struct gguf *gguf = calloc(1, sizeof(*gguf));
	int r;

	if (!gguf)
		return log_oom(log, "reading a GGUF header");
	gguf->name = strdup(name);
	if (!gguf->name)
		return log_oom(log, "reading a GGUF header");
	r = gguf_read(gguf, data, size_bytes, log);
	if (r < 0)
		return r;
	*ret_gguf = TAKE(gguf);
	return 0;
}

int gguf_open(const char *path, const struct log *log, struct gguf **ret_gguf)
{
	_cleanup_(gguf_close_p) struct gguf *gguf = calloc(1, sizeof(*gguf));
	int r;

	if (!gguf)
		return log_oom(log, "reading a GGUF header");
	gguf->name = strdup(path);
	if (!gguf->name)
		return log_oom(log, "reading a GGUF header");
	r = file_map_init(&gguf->map, path, log);
	if (r < 0)
		return r;
	r = gguf_read(gguf, gguf->map.data, gguf->map.size, log);
	if (r < 0)
		return r;
	*ret_gguf = TAKE(gguf);
	return 0;
}

void gguf_close(struct gguf *gguf)
{
	if (!gguf)
		return;
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
	return gguf->name;
}

uint32_t gguf_version(const struct gguf *gguf)
{
	return gguf->version;
}

uint64_t gguf_file_bytes(const struct gguf *gguf)
{
	return gguf->size;
}

uint64_t gguf_header_bytes(const struct gguf *gguf)
{
	return gguf->header_bytes;
}

const uint8_t *gguf_file_data(const struct gguf *gguf)
{
	return gguf->data;
}

int64_t gguf_mtime_ns(const struct gguf *gguf)
{
	return gguf->map.mtime_ns;
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
	int64_t i = name_index_find(&gguf->tensor_index, tensor_key, gguf, name, strlen(name));

	return i < 0 ? NULL : &gguf->tensors[i];
}

bool gguf_string_is(struct gguf_string string, const char *text)
{
	return string.size == strlen(text) && memcmp(string.data, text, string.size) == 0;
}

/* ---- typed reads ---- */

double gguf_number(const struct gguf_value *value, uint64_t index)
{
	union {
		uint8_t u8;
		int8_t i8;
		uint16_t u16;
		int16_t i16;
		uint32_t u32;
		int32_t i32;
		float f32;
		uint64_t u64;
		int64_t i64;
		double f64;
	} x = {0};

	memcpy(&x, value->data + index * gguf_types[value->item_type].bytes,
	       gguf_types[value->item_type].bytes);
	switch (value->item_type) {
	case GGUF_U8:
	case GGUF_BOOL:
		return x.u8;
	case GGUF_I8:
		return x.i8;
	case GGUF_U16:
		return x.u16;
	case GGUF_I16:
		return x.i16;
	case GGUF_U32:
		return x.u32;
	case GGUF_I32:
		return x.i32;
	case GGUF_F32:
		return (double)x.f32;
	case GGUF_U64:
		return (double)x.u64;
	case GGUF_I64:
		return (double)x.i64;
	case GGUF_F64:
		return x.f64;
	default:
		return 0;
	}
}

static bool is_integer(enum gguf_type type)
{
	return type != GGUF_F32 && type != GGUF_F64 && type != GGUF_BOOL && type != GGUF_STRING &&
	       type != GGUF_ARRAY;
}

static int wrong_value(const struct gguf *gguf, const struct gguf_value *value, const char *wanted,
		       const struct log *log)
{
	return log_error(log, EBADMSG, "%s: %.*s should be %s and is %s %s", gguf->name,
			 (int)value->key.size, value->key.data, wanted,
			 value->type == GGUF_ARRAY ? "an array of" : "a value of type",
			 gguf_type_name(value->item_type));
}

int gguf_get_u32(const struct gguf *gguf, const char *key, const struct log *log, uint32_t *ret)
{
	const struct gguf_value *value = gguf_find(gguf, key);
	double number;

	if (!value)
		return -ENOENT;
	if (!is_integer(value->type))
		return wrong_value(gguf, value, "a whole number", log);
	number = gguf_number(value, 0);
	if (number < 0 || number > UINT32_MAX)
		return log_error(log, EBADMSG, "%s: %s is %.0f, which is out of range", gguf->name,
				 key, number);
	*ret = (uint32_t)number;
	return 0;
}

int gguf_get_f32(const struct gguf *gguf, const char *key, const struct log *log, float *ret)
{
	const struct gguf_value *value = gguf_find(gguf, key);
	double number;

	if (!value)
		return -ENOENT;
	if (!is_integer(value->type) && value->type != GGUF_F32 && value->type != GGUF_F64)
		return wrong_value(gguf, value, "a number", log);
	number = gguf_number(value, 0);
	if (!isfinite(number))
		return log_error(log, EBADMSG, "%s: %s is not a finite number", gguf->name, key);
	*ret = (float)number;
	return 0;
}

int gguf_get_bool(const struct gguf *gguf, const char *key, const struct log *log, bool *ret)
{
	const struct gguf_value *value = gguf_find(gguf, key);

	if (!value)
		return -ENOENT;
	if (value->type != GGUF_BOOL)
		return wrong_value(gguf, value, "true or false", log);
	*ret = value->data[0] != 0;
	return 0;
}

int gguf_get_string(const struct gguf *gguf, const char *key, const struct log *log,
		    struct gguf_string *ret)
{
	const struct gguf_value *value = gguf_find(gguf, key);

	if (!value)
		return -ENOENT;
	if (value->type != GGUF_STRING)
		return wrong_value(gguf, value, "a string", log);
	*ret = (struct gguf_string){(const char *)value->data, value->size_bytes};
	return 0;
}

int gguf_get_array(const struct gguf *gguf, const char *key, enum gguf_type item_type,
		   const struct log *log, const struct gguf_value **ret)
{
	const struct gguf_value *value = gguf_find(gguf, key);

	if (!value)
		return -ENOENT;
	if (value->type != GGUF_ARRAY || value->item_type != item_type)
		return log_error(log, EBADMSG, "%s: %s should be an array of %s", gguf->name, key,
				 gguf_type_name(item_type));
	*ret = value;
	return 0;
}

struct cursor gguf_strings(const struct gguf_value *value)
{
	struct cursor cursor;

	cursor_init(&cursor, value->data, value->size_bytes);
	return cursor;
}

struct gguf_string gguf_next_string(struct cursor *cursor)
{
	uint64_t size = cursor_u64(cursor);
	const uint8_t *data = cursor_take(cursor, size);

	return (struct gguf_string){data ? (const char *)data : "", data ? size : 0};
}

// SPDX-License-Identifier: MIT
/* Owns typed reads of what gguf.c has found. Refuses to convert where something would be lost. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "gguf.h"

static const struct {
	const char *name;
	unsigned bytes;
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

unsigned gguf_type_bytes(enum gguf_type type)
{
	return gguf_types[type].bytes;
}

bool gguf_string_is(struct gguf_string string, const char *text)
{
	return string.size == strlen(text) && memcmp(string.data, text, string.size) == 0;
}

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
	return log_error(log, EBADMSG, "%s: %.*s should be %s and is %s %s", gguf_name(gguf),
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
		return log_error(log, EBADMSG, "%s: %s is %.0f, which is out of range",
				 gguf_name(gguf), key, number);
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
		return log_error(log, EBADMSG, "%s: %s is not a finite number", gguf_name(gguf),
				 key);
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
		return log_error(log, EBADMSG, "%s: %s should be an array of %s", gguf_name(gguf),
				 key, gguf_type_name(item_type));
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

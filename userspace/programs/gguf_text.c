// SPDX-License-Identifier: MIT
/* Owns how metadata looks. Strings are shown in quotes, everything else as the number it is. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "gguf_text.h"
#include "output.h"
#include "visible_text.h"

enum {
	ITEMS_SHOWN = 6,   /* of a shortened array, numbers */
	STRINGS_SHOWN = 4, /* and strings */
	BYTES_SHOWN = 100, /* of a shortened string */
};

static int64_t whole_number(enum gguf_type type, const uint8_t *data)
{
	int64_t wide = 0;

	switch (type) {
	case GGUF_I8:
		return (int8_t)*data;
	case GGUF_I16:
		return (int16_t)(data[0] | data[1] << 8);
	case GGUF_I32:
		memcpy(&wide, data, 4);
		return (int32_t)wide;
	case GGUF_U8:
	case GGUF_BOOL:
		return *data;
	case GGUF_U16:
		return data[0] | data[1] << 8;
	case GGUF_U32:
		memcpy(&wide, data, 4);
		return wide;
	default:
		memcpy(&wide, data, 8);
		return wide;
	}
}

static double real_number(enum gguf_type type, const uint8_t *data)
{
	double wide;
	float narrow;

	if (type == GGUF_F32) {
		memcpy(&narrow, data, sizeof(narrow));
		return (double)narrow;
	}
	memcpy(&wide, data, sizeof(wide));
	return wide;
}

static bool is_real(enum gguf_type type)
{
	return type == GGUF_F32 || type == GGUF_F64;
}

static size_t item_bytes(enum gguf_type type)
{
	static const uint8_t bytes[GGUF_TYPES] = {
		[GGUF_U8] = 1,	[GGUF_I8] = 1,	[GGUF_U16] = 2, [GGUF_I16] = 2,
		[GGUF_U32] = 4, [GGUF_I32] = 4, [GGUF_F32] = 4, [GGUF_BOOL] = 1,
		[GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
	};

	return bytes[type];
}

/* How many items are shown; an array of arrays only says that it is one. */
static uint64_t n_shown(const struct gguf_value *value, bool full)
{
	if (value->item_type == GGUF_ARRAY)
		return 0;
	if (full)
		return value->n_items;
	return MIN(value->n_items, value->item_type == GGUF_STRING ? STRINGS_SHOWN : ITEMS_SHOWN);
}

/* ---- text ---- */

static void print_string(const char *data, uint64_t size, bool full, FILE *out)
{
	uint64_t shown = full ? size : MIN(size, BYTES_SHOWN);

	/* Not in the middle of a character. */
	while (shown > 0 && shown < size && ((unsigned char)data[shown] & 0xc0) == 0x80)
		shown--;
	(void)fputc('"', out);
	visible_print(data, shown, false, out);
	(void)fputc('"', out);
	if (shown < size)
		(void)fprintf(out, "... (%" PRIu64 " bytes)", size);
}

/* With the fewest digits that name it: 1e-05, not 9.99999975e-06. */
static void print_float(float value, FILE *out)
{
	char text[32];
	int digits = 6;

	do
		(void)snprintf(text, sizeof(text), "%.*g", digits, (double)value);
	while (++digits <= 9 && strtof(text, NULL) != value);
	(void)fputs(text, out);
}

static void print_scalar(enum gguf_type type, const uint8_t *data, FILE *out)
{
	if (type == GGUF_BOOL)
		(void)fputs(*data ? "true" : "false", out);
	else if (type == GGUF_F32)
		print_float((float)real_number(type, data), out);
	else if (type == GGUF_F64)
		(void)fprintf(out, "%.17g", real_number(type, data));
	else if (type == GGUF_U64)
		(void)fprintf(out, "%" PRIu64, (uint64_t)whole_number(type, data));
	else
		(void)fprintf(out, "%" PRId64, whole_number(type, data));
}

static void print_array(const struct gguf_value *value, bool full, FILE *out)
{
	uint64_t n = n_shown(value, full);
	struct cursor strings = {0};

	if (value->item_type == GGUF_STRING)
		strings = gguf_strings(value);
	(void)fputc('[', out);
	for (uint64_t i = 0; i < n; i++) {
		(void)fputs(i > 0 ? ", " : "", out);
		if (value->item_type == GGUF_STRING) {
			struct gguf_string string = gguf_next_string(&strings);

			print_string(string.data, string.size, full, out);
		} else {
			print_scalar(value->item_type,
				     value->data + i * item_bytes(value->item_type), out);
		}
	}
	(void)fputs(n < value->n_items ? (n > 0 ? ", ...]" : "...]") : "]", out);
}

void gguf_value_print(const struct gguf_value *value, bool full, FILE *out)
{
	if (value->type == GGUF_STRING)
		print_string((const char *)value->data, value->size_bytes, full, out);
	else if (value->type == GGUF_ARRAY)
		print_array(value, full, out);
	else
		print_scalar(value->type, value->data, out);
}

/* ---- JSON ---- */

static json_t *scalar_json(enum gguf_type type, const uint8_t *data)
{
	if (type == GGUF_BOOL)
		return json_boolean(*data);
	if (is_real(type))
		return json_number(real_number(type, data));
	if (type == GGUF_U64)
		return json_count((uint64_t)whole_number(type, data));
	return json_integer((json_int_t)whole_number(type, data));
}

static json_t *items_json(const struct gguf_value *value, bool full)
{
	json_t *array = json_array();
	struct cursor strings = {0};

	if (value->item_type == GGUF_STRING)
		strings = gguf_strings(value);
	for (uint64_t i = 0; i < n_shown(value, full); i++) {
		struct gguf_string string = {0};

		if (value->item_type == GGUF_STRING)
			string = gguf_next_string(&strings);
		json_array_append_new(
			array,
			value->item_type == GGUF_STRING
				? json_text(string.data, string.size)
				: scalar_json(value->item_type,
					      value->data + i * item_bytes(value->item_type)));
	}
	return array;
}

json_t *gguf_value_json(const struct gguf_value *value, bool full)
{
	if (value->type == GGUF_STRING)
		return json_text((const char *)value->data, value->size_bytes);
	if (value->type != GGUF_ARRAY)
		return scalar_json(value->type, value->data);
	if (n_shown(value, full) == value->n_items)
		return items_json(value, full);
	return json_pack("{s:s, s:o, s:o}", "type", gguf_type_name(value->item_type), "n",
			 json_count(value->n_items), "first", items_json(value, full));
}

// SPDX-License-Identifier: MIT
/* Owns the filters that make texts and numbers. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "jinja_methods.h"
#include "jinja_number.h"
#include "jinja_unicode.h"
#include "utf8.h"

static struct jinja_value argument_or(const struct jinja_call *call, int i,
				      struct jinja_value otherwise)
{
	return call->arguments[i].kind == JINJA_MISSING ? otherwise : call->arguments[i];
}

static int64_t integer_argument(struct jinja_state *state, const struct jinja_call *call, int i,
				int64_t otherwise)
{
	struct jinja_value value = argument_or(call, i, jinja_int(otherwise));

	if (jinja_is_integer(value))
		return jinja_integer(value);
	(void)jinja_fail_kind(state, "a filter that wants an integer", value);
	return otherwise;
}

/* ---- filters that are methods ---- */

typedef struct jinja_value method_fn(struct jinja_state *state, const struct jinja_call *call);

/* METHOD of what is filtered, as text. */
static struct jinja_value as_method(struct jinja_state *state, const struct jinja_call *call,
				    method_fn *method)
{
	const struct jinja_string *text = jinja_text_of(state, call->self);
	struct jinja_call changed = *call;

	if (!text)
		return jinja_undefined();
	changed.self = jinja_of_string(text);
	return method(state, &changed);
}

static struct jinja_value filter_upper(struct jinja_state *state, const struct jinja_call *call)
{
	return as_method(state, call, jinja_upper);
}

static struct jinja_value filter_lower(struct jinja_state *state, const struct jinja_call *call)
{
	return as_method(state, call, jinja_lower);
}

static struct jinja_value filter_capitalize(struct jinja_state *state,
					    const struct jinja_call *call)
{
	return as_method(state, call, jinja_capitalize);
}

static struct jinja_value filter_center(struct jinja_state *state, const struct jinja_call *call)
{
	struct jinja_call changed = *call;

	changed.arguments[0] = argument_or(call, 0, jinja_int(80));
	changed.arguments[1].kind = JINJA_MISSING;
	return as_method(state, &changed, jinja_center);
}

static struct jinja_value filter_trim(struct jinja_state *state, const struct jinja_call *call)
{
	return as_method(
		state, call,
		jinja_find_method((struct jinja_value){.kind = JINJA_STRING}, "strip", 5)->call);
}

static struct jinja_value filter_replace(struct jinja_state *state, const struct jinja_call *call)
{
	struct jinja_call changed = *call;

	for (int i = 0; i < 2; i++) {
		const struct jinja_string *text = jinja_text_of(state, call->arguments[i]);

		if (!text)
			return jinja_undefined();
		changed.arguments[i] = jinja_of_string(text);
	}
	return as_method(state, &changed, jinja_replace);
}

static struct jinja_value filter_string(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_string *text = jinja_text_of(state, call->self);

	return text ? jinja_of_string(text) : jinja_undefined();
}

/* Words begin after white space, '-' and opening brackets, as Jinja has it and Python has not. */
static struct jinja_value filter_title(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_string *text = jinja_text_of(state, call->self);
	struct jinja_builder builder = jinja_begin_text(state);
	bool begins = true;

	for (size_t at = 0; text && at < text->size && jinja_charge(state, 0);) {
		uint32_t c, changed;
		size_t size = utf8_decode(text->data + at, text->size - at, &c);
		bool between = unicode_is_space(c) || (c && c < 0x80 && strchr("-({[<", (int)c));

		changed = begins && !between ? unicode_upper(c) : unicode_lower(c);
		if (changed == c)
			jinja_builder_part(&builder, text, at, at + size);
		else
			jinja_builder_character(&builder, changed, jinja_string_mark(text, at));
		begins = between;
		at += size;
	}
	return jinja_end_text(state, &builder);
}

/* ---- texts ---- */

static struct jinja_value filter_escape(struct jinja_state *state, const struct jinja_call *call)
{
	static const char special[] = "&<>'\"";
	static const char *const escapes[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
	const struct jinja_string *text = jinja_text_of(state, call->self);
	struct jinja_builder builder = jinja_begin_text(state);

	for (size_t i = 0; text && i < text->size && jinja_charge(state, 0); i++) {
		const char *found = text->data[i] ? strchr(special, text->data[i]) : NULL;

		if (found)
			jinja_builder_add(&builder, escapes[found - special],
					  strlen(escapes[found - special]),
					  jinja_string_mark(text, i));
		else
			jinja_builder_part(&builder, text, i, i + 1);
	}
	return jinja_end_text(state, &builder);
}

static const struct jinja_string *spaces(struct jinja_state *state, int64_t n)
{
	struct jinja_value blank = jinja_own_text(state, " ");

	if (!jinja_failed(state))
		blank = jinja_binary(state, '*', blank, jinja_int(n));
	return jinja_failed(state) ? NULL : blank.string;
}

static const struct jinja_string *indent_of(struct jinja_state *state,
					    const struct jinja_call *call, int i)
{
	if (call->arguments[i].kind == JINJA_STRING)
		return call->arguments[i].string;
	return spaces(state, integer_argument(state, call, i, 4));
}

static struct jinja_value filter_indent(struct jinja_state *state, const struct jinja_call *call)
{
	struct jinja_value newline = jinja_own_text(state, "\n"), text, lines;
	const struct jinja_string *indent = indent_of(state, call, 0);
	bool first = jinja_truth(call->arguments[1]), blank = jinja_truth(call->arguments[2]);
	struct jinja_arguments none = {0};
	struct jinja_builder builder = jinja_begin_text(state);

	if (call->self.kind != JINJA_STRING)
		return jinja_fail_kind(state, "indent", call->self);
	text = jinja_failed(state) ? newline : jinja_binary(state, '+', call->self, newline);
	if (jinja_failed(state))
		return text;
	lines = jinja_call_builtin(state, jinja_find_method(text, "splitlines", 10), text, &none);
	for (size_t i = 0; !jinja_failed(state) && i < lines.list->n; i++) {
		const struct jinja_string *line = lines.list->items[i].string;

		if (i > 0)
			jinja_builder_own(&builder, "\n");
		if (i == 0 ? first : (blank || line->size > 0))
			jinja_builder_string(&builder, indent);
		jinja_builder_string(&builder, line);
	}
	return jinja_end_text(state, &builder);
}

static struct jinja_value filter_wordcount(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_string *text = jinja_text_of(state, call->self);
	bool inside = false;
	int64_t n = 0;

	for (size_t at = 0; text && at < text->size && jinja_charge(state, 0);) {
		uint32_t c;

		at += utf8_decode(text->data + at, text->size - at, &c);
		bool word = c == '_' || unicode_is_digit(c) || unicode_is_letter(c);

		n += word && !inside;
		inside = word;
	}
	return jinja_int(n);
}

/* ---- "%s" ---- */

static void add_converted(struct jinja_state *state, struct jinja_builder *builder, char letter,
			  int precision, struct jinja_value value)
{
	char text[JINJA_NUMBER_TEXT_MAX];

	if (letter == 's') {
		jinja_print(state, builder, value);
	} else if (letter == 'r') {
		jinja_show(state, builder, value);
	} else if (!jinja_is_number(value)) {
		(void)jinja_fail_kind(state, "a number's format", value);
	} else if (letter == 'f' || letter == 'F') {
		jinja_builder_own(builder, jinja_fixed_text(jinja_number(value), precision, text));
	} else if (jinja_is_integer(value)) {
		jinja_print(state, builder, jinja_int(jinja_integer(value)));
	} else if (fabs(value.number) < 9e18) {
		jinja_print(state, builder, jinja_int((int64_t)value.number));
	} else {
		(void)jinja_fail_kind(state, "an integer's format", value);
	}
}

/* A conversion: "%" was at AT - 1. How many bytes it takes, 0 where it is not known. */
static size_t read_conversion(const struct jinja_string *text, size_t at, char *ret_letter,
			      int *ret_precision)
{
	size_t begin = at;

	*ret_precision = 6;
	if (at + 1 < text->size && text->data[at] == '.' &&
	    unicode_is_digit((unsigned char)text->data[at + 1])) {
		*ret_precision = text->data[at + 1] - '0';
		at += 2;
	}
	if (at >= text->size || text->data[at] == '\0' || !strchr("srdifF%", text->data[at]) ||
	    (at > begin && (text->data[at] | 0x20) != 'f'))
		return 0;
	*ret_letter = text->data[at];
	return at + 1 - begin;
}

static size_t convert(struct jinja_state *state, const struct jinja_call *call,
		      struct jinja_builder *builder, size_t at, size_t *next)
{
	const struct jinja_string *text = call->self.string;
	char letter = '\0';
	int precision;
	size_t size = read_conversion(text, at, &letter, &precision);

	if (size == 0)
		(void)jinja_fail(state, "the conversion '%%%.*s' is not known here",
				 (int)MIN(text->size - at, (size_t)3), text->data + at);
	else if (letter == '%')
		jinja_builder_part(builder, text, at, at + 1);
	else if (*next >= call->given->n)
		(void)jinja_fail(state, "a format is given too few values");
	else
		add_converted(state, builder, letter, precision, call->given->values[(*next)++]);
	return size;
}

static struct jinja_value format_values(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_string *text = call->self.string;
	struct jinja_builder builder = jinja_begin_text(state);
	size_t next = 0;

	for (size_t at = 0; at < text->size && jinja_charge(state, 0);) {
		const char *found = memchr(text->data + at, '%', text->size - at);
		size_t end = found ? (size_t)(found - text->data) : text->size;

		jinja_builder_part(&builder, text, at, end);
		at = end;
		if (found)
			at += 1 + convert(state, call, &builder, at + 1, &next);
	}
	if (next < call->given->n && !jinja_failed(state))
		return jinja_fail(state, "a format is given too many values");
	return jinja_end_text(state, &builder);
}

static struct jinja_value filter_format(struct jinja_state *state, const struct jinja_call *call)
{
	if (call->given->named && call->given->named->n > 0)
		return jinja_fail(state, "a format with names is not known here");
	return as_method(state, call, format_values);
}

/* ---- JSON ---- */

static bool json_separators(struct jinja_state *state, const struct jinja_call *call,
			    struct jinja_json_options *options)
{
	struct jinja_value given = call->arguments[2];
	struct jinja_value items = jinja_own_text(state, options->indents ? "," : ", ");
	struct jinja_value key = jinja_own_text(state, ": ");

	if (given.kind == JINJA_LIST && given.list->n == 2) {
		items = given.list->items[0];
		key = given.list->items[1];
	} else if (given.kind != JINJA_MISSING && given.kind != JINJA_NONE) {
		(void)jinja_fail_kind(state, "separators", given);
	}
	if (jinja_failed(state))
		return false;
	if (items.kind != JINJA_STRING || key.kind != JINJA_STRING) {
		(void)jinja_fail_kind(state, "separators", given);
		return false;
	}
	options->between_items = items.string;
	options->after_key = key.string;
	return true;
}

static struct jinja_value filter_tojson(struct jinja_state *state, const struct jinja_call *call)
{
	struct jinja_builder builder = jinja_begin_text(state);
	struct jinja_json_options options = {
		.ascii = jinja_truth(call->arguments[0]),
		.sorted = jinja_truth(call->arguments[3]),
	};

	if (call->arguments[1].kind != JINJA_MISSING && call->arguments[1].kind != JINJA_NONE) {
		options.indents = true;
		options.indent = indent_of(state, call, 1);
	}
	if (!json_separators(state, call, &options))
		return jinja_undefined();
	jinja_write_json(state, &builder, &options, call->self);
	return jinja_end_text(state, &builder);
}

/* ---- numbers ---- */

static struct jinja_value truncate_number(struct jinja_state *state, double value,
					  struct jinja_value otherwise)
{
	if (isnan(value))
		return otherwise;
	if (fabs(value) >= 9.2e18)
		return jinja_fail(state, "an integer grows past 64 bits");
	return jinja_int((int64_t)value);
}

static struct jinja_value filter_int(struct jinja_state *state, const struct jinja_call *call)
{
	struct jinja_value otherwise = argument_or(call, 0, jinja_int(0));
	int64_t base = integer_argument(state, call, 1, 10), integer;
	double number;

	if (jinja_is_integer(call->self))
		return jinja_int(jinja_integer(call->self));
	if (call->self.kind == JINJA_UNDEFINED)
		return jinja_fail_kind(state, "int", call->self);
	if (call->self.kind == JINJA_FLOAT)
		return truncate_number(state, call->self.number, otherwise);
	if (call->self.kind != JINJA_STRING)
		return otherwise;
	if (jinja_read_integer(call->self.string->data, call->self.string->size,
			       (int)MIN(MAX(base, -1), 99), &integer))
		return jinja_int(integer);
	if (jinja_read_float(call->self.string->data, call->self.string->size, &number))
		return truncate_number(state, number, otherwise);
	return otherwise;
}

static struct jinja_value filter_float(struct jinja_state *state, const struct jinja_call *call)
{
	double number;

	if (call->self.kind == JINJA_UNDEFINED)
		return jinja_fail_kind(state, "float", call->self);
	if (jinja_is_number(call->self))
		return jinja_float(jinja_number(call->self));
	if (call->self.kind == JINJA_STRING &&
	    jinja_read_float(call->self.string->data, call->self.string->size, &number))
		return jinja_float(number);
	return argument_or(call, 0, jinja_float(0));
}

/* To PRECISION digits as Python does it: the decimal value itself decides, halves go to even. */
static double round_number(double value, int64_t precision)
{
	char text[JINJA_NUMBER_TEXT_MAX];
	double scale;

	if (precision >= 0 && isfinite(value)) {
		(void)jinja_fixed_text(value, (int)MIN(precision, (int64_t)60), text);
		(void)jinja_read_float(text, strlen(text), &value);
		return value;
	}
	scale = pow(10, (double)-precision);
	return isfinite(scale) && isfinite(value) ? rint(value / scale) * scale : value;
}

static struct jinja_value filter_round(struct jinja_state *state, const struct jinja_call *call)
{
	int64_t precision = integer_argument(state, call, 0, 0);
	struct jinja_value method = call->arguments[1];
	double scale = pow(10, (double)precision), value;

	if (!jinja_is_number(call->self))
		return jinja_fail_kind(state, "round", call->self);
	value = jinja_number(call->self);
	if (method.kind == JINJA_MISSING || jinja_is_string(method, "common")) {
		if (jinja_is_integer(call->self) && precision >= 0)
			return jinja_int(jinja_integer(call->self));
		value = round_number(value, precision);
		return jinja_is_integer(call->self) ? truncate_number(state, value, call->self)
						    : jinja_float(value);
	}
	if (jinja_is_string(method, "ceil"))
		return jinja_float(ceil(value * scale) / scale);
	if (jinja_is_string(method, "floor"))
		return jinja_float(floor(value * scale) / scale);
	return jinja_fail(state, "round knows common, ceil and floor");
}

static struct jinja_value filter_abs(struct jinja_state *state, const struct jinja_call *call)
{
	if (!jinja_is_number(call->self))
		return jinja_fail_kind(state, "abs", call->self);
	if (call->self.kind == JINJA_FLOAT)
		return jinja_float(fabs(call->self.number));
	return jinja_unary(state, jinja_integer(call->self) < 0 ? '-' : '+', call->self);
}

/* ---- default ---- */

static struct jinja_value filter_default(struct jinja_state *state, const struct jinja_call *call)
{
	bool wanted = call->self.kind == JINJA_UNDEFINED ||
		      (jinja_truth(call->arguments[1]) && !jinja_truth(call->self));

	if (!wanted)
		return call->self;
	if (call->arguments[0].kind == JINJA_MISSING)
		return jinja_own_text(state, "");
	return call->arguments[0];
}

const struct jinja_builtin jinja_text_filters[] = {
	{.name = "upper", .call = filter_upper},
	{.name = "lower", .call = filter_lower},
	{.name = "title", .call = filter_title},
	{.name = "capitalize", .call = filter_capitalize},
	{.name = "center", .call = filter_center, {"width"}},
	{.name = "trim", .call = filter_trim, {"chars"}},
	{.name = "replace", .call = filter_replace, {"old", "new", "count"}, 2},
	{.name = "string", .call = filter_string},
	{.name = "safe", .call = filter_string},
	{.name = "escape", .call = filter_escape},
	{.name = "e", .call = filter_escape},
	{.name = "forceescape", .call = filter_escape},
	{.name = "indent", .call = filter_indent, {"width", "first", "blank"}},
	{.name = "wordcount", .call = filter_wordcount},
	{.name = "format", .call = filter_format, .takes_any = true},
	{.name = "tojson",
	 .call = filter_tojson,
	 {"ensure_ascii", "indent", "separators", "sort_keys"}},
	{.name = "int", .call = filter_int, {"default", "base"}},
	{.name = "float", .call = filter_float, {"default"}},
	{.name = "round", .call = filter_round, {"precision", "method"}},
	{.name = "abs", .call = filter_abs},
	{.name = "default", .call = filter_default, {"default_value", "boolean"}},
	{.name = "d", .call = filter_default, {"default_value", "boolean"}},
	{0},
};

// SPDX-License-Identifier: MIT
/* Owns the methods of strings that make strings. Every piece of a result keeps its mark. */
#include <string.h>

#include "array.h"
#include "jinja_methods.h"
#include "jinja_unicode.h"
#include "utf8.h"

/* ---- arguments ---- */

/* An argument that is a string, or FALLBACK where it was not given or is none; NULL: a failure. */
static const struct jinja_string *text_argument(struct jinja_state *state,
						const struct jinja_call *call, int i)
{
	if (call->arguments[i].kind == JINJA_STRING)
		return call->arguments[i].string;
	(void)jinja_fail_kind(state, "a method of strings", call->arguments[i]);
	return NULL;
}

static bool is_given(const struct jinja_call *call, int i)
{
	return call->arguments[i].kind != JINJA_MISSING && call->arguments[i].kind != JINJA_NONE;
}

static int64_t number_argument(struct jinja_state *state, const struct jinja_call *call, int i,
			       int64_t otherwise)
{
	if (!is_given(call, i))
		return otherwise;
	if (jinja_is_integer(call->arguments[i]))
		return jinja_integer(call->arguments[i]);
	(void)jinja_fail_kind(state, "a method of strings", call->arguments[i]);
	return otherwise;
}

/* ---- stripping ---- */

static bool is_among(const struct jinja_string *set, uint32_t c)
{
	if (!set)
		return unicode_is_space(c);
	for (size_t at = 0; at < set->size;) {
		uint32_t other;

		at += utf8_decode(set->data + at, set->size - at, &other);
		if (other == c)
			return true;
	}
	return false;
}

/* Where the last character of TEXT[0, END) begins. */
static size_t last_character(const char *text, size_t end)
{
	size_t begin = end - 1;
	uint32_t c;

	while (begin > 0 && end - begin < UTF8_MAX && ((unsigned char)text[begin] & 0xc0) == 0x80)
		begin--;
	return utf8_decode(text + begin, end - begin, &c) == end - begin ? begin : end - 1;
}

static struct jinja_value strip(struct jinja_state *state, const struct jinja_call *call, bool left,
				bool right)
{
	const struct jinja_string *text = call->self.string, *set = NULL;
	size_t begin = 0, end = text->size;

	if (is_given(call, 0) && !(set = text_argument(state, call, 0)))
		return jinja_undefined();
	(void)jinja_charge(state, set ? set->size * 16 : 0);
	while (left && begin < end && jinja_charge(state, set ? set->size : 0)) {
		uint32_t c;
		size_t size = utf8_decode(text->data + begin, end - begin, &c);

		if (!is_among(set, c))
			break;
		begin += size;
	}
	while (right && end > begin && jinja_charge(state, set ? set->size : 0)) {
		size_t last = last_character(text->data + begin, end - begin) + begin;
		uint32_t c;

		(void)utf8_decode(text->data + last, end - last, &c);
		if (!is_among(set, c))
			break;
		end = last;
	}
	return jinja_part(state, text, begin, end);
}

static struct jinja_value method_strip(struct jinja_state *state, const struct jinja_call *call)
{
	return strip(state, call, true, true);
}

static struct jinja_value method_lstrip(struct jinja_state *state, const struct jinja_call *call)
{
	return strip(state, call, true, false);
}

static struct jinja_value method_rstrip(struct jinja_state *state, const struct jinja_call *call)
{
	return strip(state, call, false, true);
}

static struct jinja_value remove_end(struct jinja_state *state, const struct jinja_call *call,
				     bool suffix)
{
	const struct jinja_string *text = call->self.string, *part = text_argument(state, call, 0);

	if (!part)
		return jinja_undefined();
	if (part->size > text->size || memcmp(text->data + (suffix ? text->size - part->size : 0),
					      part->data, part->size) != 0)
		return call->self;
	return suffix ? jinja_part(state, text, 0, text->size - part->size)
		      : jinja_part(state, text, part->size, text->size);
}

static struct jinja_value method_removeprefix(struct jinja_state *state,
					      const struct jinja_call *call)
{
	return remove_end(state, call, false);
}

static struct jinja_value method_removesuffix(struct jinja_state *state,
					      const struct jinja_call *call)
{
	return remove_end(state, call, true);
}

/* ---- case ---- */

enum letter_case { CASE_LOWER, CASE_UPPER, CASE_SWAP, CASE_FIRST, CASE_WORDS };

static bool has_case(uint32_t c)
{
	return unicode_upper(c) != c || unicode_lower(c) != c;
}

static uint32_t change_case(uint32_t c, enum letter_case how, bool begins)
{
	switch (how) {
	case CASE_LOWER:
		return unicode_lower(c);
	case CASE_UPPER:
		return unicode_upper(c);
	case CASE_SWAP:
		return unicode_upper(c) != c ? unicode_upper(c) : unicode_lower(c);
	default:
		return begins ? unicode_upper(c) : unicode_lower(c);
	}
}

static struct jinja_value with_case(struct jinja_state *state, const struct jinja_string *text,
				    enum letter_case how)
{
	struct jinja_builder builder = jinja_begin_text(state);
	bool begins = true;

	(void)jinja_charge(state, text->size);
	for (size_t at = 0; at < text->size && !builder.failed;) {
		uint32_t c, changed;
		size_t size = utf8_decode(text->data + at, text->size - at, &c);

		changed = change_case(c, how, begins);
		if (changed == c)
			jinja_builder_part(&builder, text, at, at + size);
		else
			jinja_builder_character(&builder, changed, jinja_string_mark(text, at));
		begins = how == CASE_WORDS && !has_case(c);
		at += size;
	}
	return jinja_end_text(state, &builder);
}

struct jinja_value jinja_upper(struct jinja_state *state, const struct jinja_call *call)
{
	return with_case(state, call->self.string, CASE_UPPER);
}

struct jinja_value jinja_lower(struct jinja_state *state, const struct jinja_call *call)
{
	return with_case(state, call->self.string, CASE_LOWER);
}

struct jinja_value jinja_capitalize(struct jinja_state *state, const struct jinja_call *call)
{
	return with_case(state, call->self.string, CASE_FIRST);
}

static struct jinja_value method_title(struct jinja_state *state, const struct jinja_call *call)
{
	return with_case(state, call->self.string, CASE_WORDS);
}

static struct jinja_value method_swapcase(struct jinja_state *state, const struct jinja_call *call)
{
	return with_case(state, call->self.string, CASE_SWAP);
}

/* ---- replacing and joining ---- */

/* Puts NEW before each of the first N characters, and at the end if N is not used up. */
static void insert_everywhere(struct jinja_state *state, struct jinja_builder *builder,
			      const struct jinja_string *text, const struct jinja_string *new,
			      uint64_t n)
{
	for (size_t at = 0; at < text->size && jinja_charge(state, 0) && !builder->failed;) {
		uint32_t c;
		size_t size = utf8_decode(text->data + at, text->size - at, &c);

		if (n > 0) {
			jinja_builder_string(builder, new);
			n--;
		}
		jinja_builder_part(builder, text, at, at + size);
		at += size;
	}
	if (n > 0)
		jinja_builder_string(builder, new);
}

static void replace_all(struct jinja_state *state, struct jinja_builder *builder,
			const struct jinja_string *text, const struct jinja_string *old,
			const struct jinja_string *new, uint64_t n)
{
	size_t begin = 0;

	while (n-- > 0 && jinja_charge(state, 0) && !builder->failed) {
		const char *found =
			memmem(text->data + begin, text->size - begin, old->data, old->size);

		if (!found)
			break;
		jinja_builder_part(builder, text, begin, (size_t)(found - text->data));
		jinja_builder_string(builder, new);
		begin = (size_t)(found - text->data) + old->size;
	}
	jinja_builder_part(builder, text, begin, text->size);
}

struct jinja_value jinja_replace(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_string *text = call->self.string;
	const struct jinja_string *old = text_argument(state, call, 0);
	const struct jinja_string *new = text_argument(state, call, 1);
	int64_t n = number_argument(state, call, 2, -1);
	struct jinja_builder builder = jinja_begin_text(state);

	if (jinja_failed(state))
		return jinja_undefined();
	(void)jinja_charge(state, text->size);
	if (old->size == 0)
		insert_everywhere(state, &builder, text, new, (uint64_t)n);
	else
		replace_all(state, &builder, text, old, new, (uint64_t)n);
	return jinja_end_text(state, &builder);
}

static struct jinja_value method_join(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_list *items = jinja_items(state, call->arguments[0]);
	struct jinja_builder builder = jinja_begin_text(state);

	for (size_t i = 0; items && i < items->n && jinja_charge(state, 0); i++) {
		if (items->items[i].kind != JINJA_STRING)
			return jinja_fail_kind(state, "join()", items->items[i]);
		if (i > 0)
			jinja_builder_string(&builder, call->self.string);
		jinja_builder_string(&builder, items->items[i].string);
	}
	return jinja_end_text(state, &builder);
}

/* ---- filling ---- */

static void add_fill(struct jinja_state *state, struct jinja_builder *builder,
		     const struct jinja_string *fill, int64_t n)
{
	for (; n > 0 && jinja_charge(state, 0) && !builder->failed; n--) {
		if (fill)
			jinja_builder_string(builder, fill);
		else
			jinja_builder_own(builder, " ");
	}
}

/* TEXT with LEFT and RIGHT times the fill character around it. */
static struct jinja_value fill_up(struct jinja_state *state, const struct jinja_call *call,
				  int64_t left, int64_t right)
{
	struct jinja_builder builder = jinja_begin_text(state);
	const struct jinja_string *fill = NULL;

	if (call->arguments[1].kind != JINJA_MISSING)
		fill = text_argument(state, call, 1);
	if (fill && jinja_count_characters(fill->data, fill->size) != 1)
		return jinja_fail(state, "the fill is not one character");
	add_fill(state, &builder, fill, left);
	jinja_builder_string(&builder, call->self.string);
	add_fill(state, &builder, fill, right);
	return jinja_end_text(state, &builder);
}

/* How many characters are missing up to the width that is the first argument. */
static int64_t missing_width(struct jinja_state *state, const struct jinja_call *call)
{
	int64_t width = number_argument(state, call, 0, 80);
	int64_t n = jinja_length(state, call->self);

	return width > n ? width - n : 0;
}

struct jinja_value jinja_center(struct jinja_state *state, const struct jinja_call *call)
{
	int64_t missing = missing_width(state, call);
	int64_t n = jinja_length(state, call->self);
	int64_t left = missing / 2 + (missing & (missing + n) & 1);

	return fill_up(state, call, left, missing - left);
}

static struct jinja_value method_ljust(struct jinja_state *state, const struct jinja_call *call)
{
	return fill_up(state, call, 0, missing_width(state, call));
}

static struct jinja_value method_rjust(struct jinja_state *state, const struct jinja_call *call)
{
	return fill_up(state, call, missing_width(state, call), 0);
}

static struct jinja_value method_zfill(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_string *text = call->self.string;
	struct jinja_builder builder = jinja_begin_text(state);
	size_t sign = text->size > 0 && (*text->data == '-' || *text->data == '+');
	int64_t n = missing_width(state, call);

	jinja_builder_part(&builder, text, 0, sign);
	for (; n > 0 && jinja_charge(state, 0) && !builder.failed; n--)
		jinja_builder_own(&builder, "0");
	jinja_builder_part(&builder, text, sign, text->size);
	return jinja_end_text(state, &builder);
}

/* ---- str.format() ---- */

static const struct jinja_value *field_value(struct jinja_state *state,
					     const struct jinja_call *call, const char *name,
					     size_t size, size_t *next)
{
	const struct jinja_arguments *given = call->given;
	size_t index = 0;

	if (size == 0) {
		index = (*next)++;
	} else if (strspn(name, "0123456789") >= size && size < 6) {
		for (size_t i = 0; i < size; i++)
			index = index * 10 + (size_t)(name[i] - '0');
	} else {
		const struct jinja_value *found =
			given->named ? jinja_dict_find(given->named, name, size) : NULL;

		if (!found)
			(void)jinja_fail(state, "format() is not given '%.*s'",
					 (int)MIN(size, (size_t)64), name);
		return found;
	}
	if (index < given->n)
		return &given->values[index];
	(void)jinja_fail(state, "format() is given too few arguments");
	return NULL;
}

/* The field that begins after the '{' at AT; where it ends. */
static size_t add_field(struct jinja_state *state, const struct jinja_call *call,
			struct jinja_builder *builder, size_t at, size_t *next)
{
	const struct jinja_string *text = call->self.string;
	const char *begin = text->data + at, *end = memchr(begin, '}', text->size - at);
	const struct jinja_value *value;

	if (!end) {
		(void)jinja_fail(state, "format() finds a '{' without its '}'");
		return text->size;
	}
	for (const char *c = begin; c < end; c++) {
		if (strchr(".[!:{", *c))
			(void)jinja_fail(state, "format() is told more than a name: '%.*s'",
					 (int)MIN(end - begin, 64), begin);
	}
	if (jinja_failed(state))
		return text->size;
	value = field_value(state, call, begin, (size_t)(end - begin), next);
	if (value)
		jinja_print(state, builder, *value);
	return (size_t)(end + 1 - text->data);
}

static struct jinja_value method_format(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_string *text = call->self.string;
	struct jinja_builder builder = jinja_begin_text(state);
	size_t next = 0;

	for (size_t at = 0; at < text->size && jinja_charge(state, 0);) {
		char c = text->data[at];
		bool doubled = (c == '{' || c == '}') && at + 1 < text->size &&
			       text->data[at + 1] == c;

		if (c == '{' && !doubled) {
			at = add_field(state, call, &builder, at + 1, &next);
			continue;
		}
		if (c == '}' && !doubled)
			return jinja_fail(state, "format() finds a single '}'");
		jinja_builder_part(&builder, text, at, at + 1);
		at += doubled ? 2 : 1;
	}
	return jinja_end_text(state, &builder);
}

const struct jinja_builtin jinja_string_methods[] = {
	{.name = "strip", .call = method_strip, {"chars"}},
	{.name = "lstrip", .call = method_lstrip, {"chars"}},
	{.name = "rstrip", .call = method_rstrip, {"chars"}},
	{.name = "removeprefix", .call = method_removeprefix, {"prefix"}, 1},
	{.name = "removesuffix", .call = method_removesuffix, {"suffix"}, 1},
	{.name = "upper", .call = jinja_upper},
	{.name = "lower", .call = jinja_lower},
	{.name = "casefold", .call = jinja_lower},
	{.name = "capitalize", .call = jinja_capitalize},
	{.name = "title", .call = method_title},
	{.name = "swapcase", .call = method_swapcase},
	{.name = "replace", .call = jinja_replace, {"old", "new", "count"}, 2},
	{.name = "join", .call = method_join, {"iterable"}, 1},
	{.name = "center", .call = jinja_center, {"width", "fillchar"}, 1},
	{.name = "ljust", .call = method_ljust, {"width", "fillchar"}, 1},
	{.name = "rjust", .call = method_rjust, {"width", "fillchar"}, 1},
	{.name = "zfill", .call = method_zfill, {"width"}, 1},
	{.name = "format", .call = method_format, .takes_any = true},
	{.name = "split", .call = jinja_split, {"sep", "maxsplit"}},
	{.name = "rsplit", .call = jinja_rsplit, {"sep", "maxsplit"}},
	{.name = "splitlines", .call = jinja_splitlines, {"keepends"}},
	{.name = "partition", .call = jinja_partition, {"sep"}, 1},
	{.name = "rpartition", .call = jinja_rpartition, {"sep"}, 1},
	{0},
};

// SPDX-License-Identifier: MIT
/* Owns Python's operators. Refuses what Python refuses, and integers past 64 bits. */
#include <math.h>
#include <string.h>

#include "array.h"
#include "jinja_state.h"
#include "utf8.h"

/* ---- questions ---- */

bool jinja_truth(struct jinja_value value)
{
	switch (value.kind) {
	case JINJA_UNDEFINED:
	case JINJA_MISSING:
	case JINJA_NONE:
		return false;
	case JINJA_BOOL:
		return value.boolean;
	case JINJA_INT:
		return value.integer != 0;
	case JINJA_FLOAT:
		return value.number != 0;
	case JINJA_STRING:
		return value.string->size > 0;
	case JINJA_LIST:
		return value.list->n > 0 || value.list->type == JINJA_LIST_GENERATOR;
	case JINJA_DICT:
		return value.dict->n > 0;
	default:
		return true;
	}
}

static bool items_equal(struct jinja_state *state, const struct jinja_list *a,
			const struct jinja_list *b)
{
	if (a == b)
		return true;
	if (a->type != b->type || a->n != b->n || a->type > JINJA_LIST_RANGE)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (!jinja_equal(state, a->items[i], b->items[i]))
			return false;
	}
	return true;
}

static bool pairs_equal(struct jinja_state *state, const struct jinja_dict *a,
			const struct jinja_dict *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n && !jinja_failed(state); i++) {
		const struct jinja_value *other = jinja_dict_at(state, b, a->pairs[i].key);

		if (!other || !jinja_equal(state, a->pairs[i].value, *other))
			return false;
	}
	return true;
}

static bool same_kind_equal(struct jinja_state *state, struct jinja_value a, struct jinja_value b)
{
	switch (a.kind) {
	case JINJA_STRING:
		(void)jinja_charge(state, MIN(a.string->size, b.string->size));
		return jinja_string_equal(a.string, b.string);
	case JINJA_LIST:
		return items_equal(state, a.list, b.list);
	case JINJA_DICT:
		return pairs_equal(state, a.dict, b.dict);
	case JINJA_NAMESPACE:
		return a.dict == b.dict;
	case JINJA_LOOP:
		return a.loop == b.loop;
	case JINJA_CALLABLE:
		return a.callable == b.callable;
	default:
		return true; /* none, undefined */
	}
}

bool jinja_equal(struct jinja_state *state, struct jinja_value a, struct jinja_value b)
{
	bool equal;

	if (jinja_is_integer(a) && jinja_is_integer(b))
		return jinja_integer(a) == jinja_integer(b);
	if (jinja_is_number(a) && jinja_is_number(b))
		return jinja_number(a) == jinja_number(b);
	if (a.kind != b.kind || !jinja_descend(state))
		return false;
	equal = same_kind_equal(state, a, b);
	jinja_ascend(state);
	return equal;
}

static int order_numbers(struct jinja_value a, struct jinja_value b)
{
	if (jinja_is_integer(a) && jinja_is_integer(b))
		return (jinja_integer(a) > jinja_integer(b)) -
		       (jinja_integer(a) < jinja_integer(b));
	return (jinja_number(a) > jinja_number(b)) - (jinja_number(a) < jinja_number(b));
}

/* By code points, which is the order of bytes in UTF-8. */
static int order_strings(const struct jinja_string *a, const struct jinja_string *b)
{
	int order = memcmp(a->data, b->data, MIN(a->size, b->size));

	return order ? order : (a->size > b->size) - (a->size < b->size);
}

static int order_lists(struct jinja_state *state, const struct jinja_list *a,
		       const struct jinja_list *b)
{
	for (size_t i = 0; i < MIN(a->n, b->n) && !jinja_failed(state); i++) {
		if (!jinja_equal(state, a->items[i], b->items[i]))
			return jinja_order(state, a->items[i], b->items[i]);
	}
	return (a->n > b->n) - (a->n < b->n);
}

int jinja_order(struct jinja_state *state, struct jinja_value a, struct jinja_value b)
{
	int order = 0;

	if (jinja_is_number(a) && jinja_is_number(b))
		return order_numbers(a, b);
	if (!jinja_descend(state))
		return 0;
	if (a.kind == JINJA_STRING && b.kind == JINJA_STRING) {
		(void)jinja_charge(state, MIN(a.string->size, b.string->size));
		order = order_strings(a.string, b.string);
	} else if (a.kind == JINJA_LIST && b.kind == JINJA_LIST && a.list->type == b.list->type &&
		   a.list->type <= JINJA_LIST_TUPLE) {
		order = order_lists(state, a.list, b.list);
	} else {
		bool first = a.kind == JINJA_UNDEFINED || b.kind != JINJA_UNDEFINED;

		(void)jinja_fail_kind(state, "a comparison of order", first ? a : b);
	}
	jinja_ascend(state);
	return order;
}

bool jinja_contains(struct jinja_state *state, struct jinja_value container,
		    struct jinja_value item)
{
	const struct jinja_list *items;

	if (container.kind == JINJA_STRING) {
		const struct jinja_string *text = container.string;

		if (item.kind != JINJA_STRING) {
			(void)jinja_fail_kind(state, "looking into a string", item);
			return false;
		}
		(void)jinja_charge(state, text->size);
		return memmem(text->data, text->size, item.string->data, item.string->size) != NULL;
	}
	if (container.kind == JINJA_DICT) {
		if (item.kind == JINJA_DICT ||
		    (item.kind == JINJA_LIST && item.list->type == JINJA_LIST_PLAIN))
			(void)jinja_fail_kind(state, "a key", item);
		return jinja_dict_at(state, container.dict, item) != NULL;
	}
	items = jinja_items(state, container);
	for (size_t i = 0; items && i < items->n && jinja_charge(state, 0); i++) {
		if (jinja_equal(state, items->items[i], item))
			return true;
	}
	return false;
}

bool jinja_compare(struct jinja_state *state, int operation, struct jinja_value a,
		   struct jinja_value b)
{
	bool unordered = (a.kind == JINJA_FLOAT && isnan(a.number)) ||
			 (b.kind == JINJA_FLOAT && isnan(b.number));

	switch (operation) {
	case OPERATOR('=', '='):
		return jinja_equal(state, a, b);
	case OPERATOR('!', '='):
		return !jinja_equal(state, a, b);
	case OPERATION_IN:
		return jinja_contains(state, b, a);
	case OPERATION_NOT_IN:
		return !jinja_contains(state, b, a);
	case '<':
		return jinja_order(state, a, b) < 0 && !unordered;
	case '>':
		return jinja_order(state, a, b) > 0 && !unordered;
	case OPERATOR('<', '='):
		return jinja_order(state, a, b) <= 0 && !unordered;
	default:
		return jinja_order(state, a, b) >= 0 && !unordered;
	}
}

/* ---- sequences ---- */

int64_t jinja_length(struct jinja_state *state, struct jinja_value value)
{
	switch (value.kind) {
	case JINJA_UNDEFINED:
		return 0;
	case JINJA_STRING:
		(void)jinja_charge(state, value.string->size);
		return (int64_t)jinja_count_characters(value.string->data, value.string->size);
	case JINJA_LIST:
		return value.list->type == JINJA_LIST_GENERATOR ? -1 : (int64_t)value.list->n;
	case JINJA_DICT:
		return (int64_t)value.dict->n;
	case JINJA_LOOP:
		return (int64_t)value.loop->items->n;
	default:
		return -1;
	}
}

static const struct jinja_list *characters_of(struct jinja_state *state,
					      const struct jinja_string *string)
{
	struct jinja_list *list = jinja_new_list(state, JINJA_LIST_PLAIN);

	for (size_t at = 0; at < string->size && !jinja_failed(state);) {
		uint32_t c;
		size_t size = utf8_decode(string->data + at, string->size - at, &c);

		jinja_append(state, list, jinja_part(state, string, at, at + size));
		at += size;
	}
	return list;
}

/* What is left in a generator, which then has nothing. */
static const struct jinja_list *read_up(struct jinja_state *state, struct jinja_list *generator)
{
	struct jinja_list *list = jinja_new_list(state, JINJA_LIST_PLAIN);

	if (!list)
		return NULL;
	list->items = generator->items;
	list->n = generator->n;
	list->capacity = generator->n;
	generator->n = 0;
	return list;
}

const struct jinja_list *jinja_items(struct jinja_state *state, struct jinja_value value)
{
	struct jinja_list *list;

	switch (value.kind) {
	case JINJA_UNDEFINED:
		return jinja_new_list(state, JINJA_LIST_PLAIN);
	case JINJA_STRING:
		return characters_of(state, value.string);
	case JINJA_LIST:
		if (value.list->type == JINJA_LIST_GENERATOR)
			return read_up(state, value.list);
		return value.list;
	case JINJA_DICT:
		list = jinja_new_list(state, JINJA_LIST_PLAIN);
		for (size_t i = 0; i < value.dict->n && !jinja_failed(state); i++)
			jinja_append(state, list, value.dict->pairs[i].key);
		return list;
	default:
		(void)jinja_fail_kind(state, "iterating", value);
		return NULL;
	}
}

static struct jinja_value join_strings(struct jinja_state *state, const struct jinja_string *a,
				       const struct jinja_string *b)
{
	struct jinja_builder builder = jinja_begin_text(state);

	jinja_builder_string(&builder, a);
	jinja_builder_string(&builder, b);
	return jinja_end_text(state, &builder);
}

static void append_all(struct jinja_state *state, struct jinja_list *list,
		       const struct jinja_list *more)
{
	for (size_t i = 0; i < more->n && !jinja_failed(state); i++)
		jinja_append(state, list, more->items[i]);
}

static struct jinja_value repeat(struct jinja_state *state, struct jinja_value value, int64_t times)
{
	struct jinja_builder builder = jinja_begin_text(state);
	struct jinja_list *list = NULL;

	if (value.kind == JINJA_LIST)
		list = jinja_new_list(state, value.list->type);
	for (int64_t i = 0; i < times && jinja_charge(state, 0) && !builder.failed; i++) {
		if (list)
			append_all(state, list, value.list);
		else
			jinja_builder_string(&builder, value.string);
		if (!list && value.string->size == 0)
			break;
	}
	if (list)
		return jinja_of_list(list);
	return jinja_end_text(state, &builder);
}

/* ---- arithmetic ---- */

static struct jinja_value overflow(struct jinja_state *state)
{
	return jinja_fail(state, "an integer grows past 64 bits");
}

static struct jinja_value divide(struct jinja_state *state, struct jinja_value a,
				 struct jinja_value b)
{
	if (jinja_number(b) == 0)
		return jinja_fail(state, "a division by zero");
	return jinja_float(jinja_number(a) / jinja_number(b));
}

/* Python's way: the remainder has the divisor's sign. */
static struct jinja_value divide_integers(struct jinja_state *state, int operation, int64_t a,
					  int64_t b)
{
	int64_t quotient, rest;

	if (b == 0)
		return jinja_fail(state, "a division by zero");
	if (b == -1) {
		if (operation == '%')
			return jinja_int(0);
		return a == INT64_MIN ? overflow(state) : jinja_int(-a);
	}
	quotient = a / b;
	rest = a % b;
	if (rest != 0 && (rest < 0) != (b < 0)) {
		quotient--;
		rest += b;
	}
	return jinja_int(operation == '%' ? rest : quotient);
}

static struct jinja_value divide_floats(struct jinja_state *state, int operation, double a,
					double b)
{
	double rest, quotient, whole;

	if (b == 0)
		return jinja_fail(state, "a division by zero");
	rest = fmod(a, b);
	quotient = (a - rest) / b;
	if (rest != 0 && (rest < 0) != (b < 0)) {
		rest += b;
		quotient -= 1;
	} else if (rest == 0) {
		rest = copysign(0, b);
	}
	if (operation == '%')
		return jinja_float(rest);
	whole = floor(quotient);
	if (quotient - whole > 0.5)
		whole += 1;
	return jinja_float(quotient == 0 ? copysign(0, a / b) : whole);
}

static struct jinja_value raise_integer(struct jinja_state *state, int64_t base, int64_t exponent)
{
	int64_t result = 1;

	while (exponent > 0) {
		if ((exponent & 1) && __builtin_mul_overflow(result, base, &result))
			return overflow(state);
		exponent >>= 1;
		if (exponent > 0 && __builtin_mul_overflow(base, base, &base))
			return overflow(state);
	}
	return jinja_int(result);
}

static struct jinja_value raise(struct jinja_state *state, struct jinja_value a,
				struct jinja_value b)
{
	double result;

	if (jinja_is_integer(a) && jinja_is_integer(b) && jinja_integer(b) >= 0)
		return raise_integer(state, jinja_integer(a), jinja_integer(b));
	result = pow(jinja_number(a), jinja_number(b));
	if (!isfinite(result) && isfinite(jinja_number(a)) && isfinite(jinja_number(b)))
		return jinja_fail(state, "a power has no value");
	return jinja_float(result);
}

static struct jinja_value operate_integers(struct jinja_state *state, int operation, int64_t a,
					   int64_t b)
{
	int64_t result;
	bool past;

	if (operation == '+')
		past = __builtin_add_overflow(a, b, &result);
	else if (operation == '-')
		past = __builtin_sub_overflow(a, b, &result);
	else
		past = __builtin_mul_overflow(a, b, &result);
	return past ? overflow(state) : jinja_int(result);
}

static struct jinja_value operate_numbers(struct jinja_state *state, int operation,
					  struct jinja_value a, struct jinja_value b)
{
	bool integers = jinja_is_integer(a) && jinja_is_integer(b);

	switch (operation) {
	case '+':
	case '-':
	case '*':
		if (integers)
			return operate_integers(state, operation, jinja_integer(a),
						jinja_integer(b));
		if (operation == '*')
			return jinja_float(jinja_number(a) * jinja_number(b));
		return jinja_float(operation == '+' ? jinja_number(a) + jinja_number(b)
						    : jinja_number(a) - jinja_number(b));
	case '/':
		return divide(state, a, b);
	case OPERATOR('*', '*'):
		return raise(state, a, b);
	default:
		if (integers)
			return divide_integers(state, operation, jinja_integer(a),
					       jinja_integer(b));
		return divide_floats(state, operation, jinja_number(a), jinja_number(b));
	}
}

static bool can_repeat(struct jinja_value value)
{
	return value.kind == JINJA_STRING ||
	       (value.kind == JINJA_LIST && value.list->type <= JINJA_LIST_TUPLE);
}

static struct jinja_value join_lists(struct jinja_state *state, const struct jinja_list *a,
				     const struct jinja_list *b)
{
	struct jinja_list *list = jinja_new_list(state, a->type);

	append_all(state, list, a);
	append_all(state, list, b);
	return jinja_of_list(list);
}

/* "%s" % value */
static struct jinja_value format_with(struct jinja_state *state, struct jinja_value format,
				      struct jinja_value value)
{
	struct jinja_arguments arguments = {&value, 1, NULL};

	if (value.kind == JINJA_LIST && value.list->type == JINJA_LIST_TUPLE)
		arguments = (struct jinja_arguments){value.list->items, value.list->n, NULL};
	else if ((value.kind == JINJA_LIST || value.kind == JINJA_DICT ||
		  value.kind == JINJA_UNDEFINED) &&
		 !memchr(format.string->data, '%', format.string->size))
		return format; /* Python minds what is left over, but not of these */
	return jinja_call_builtin(state, jinja_find_filter("format", 6), format, &arguments);
}

struct jinja_value jinja_binary(struct jinja_state *state, int operation, struct jinja_value a,
				struct jinja_value b)
{
	char name[] = {'\'', (char)operation, (char)(operation >> 8 ? operation >> 8 : '\''),
		       (char)(operation >> 8 ? '\'' : '\0'), '\0'};

	if (jinja_is_number(a) && jinja_is_number(b))
		return operate_numbers(state, operation, a, b);
	if (operation == '+' && a.kind == JINJA_STRING && b.kind == JINJA_STRING)
		return join_strings(state, a.string, b.string);
	if (operation == '+' && a.kind == JINJA_LIST && b.kind == JINJA_LIST &&
	    a.list->type == b.list->type && a.list->type <= JINJA_LIST_TUPLE)
		return join_lists(state, a.list, b.list);
	if (operation == '*' && can_repeat(a) && jinja_is_integer(b))
		return repeat(state, a, jinja_integer(b));
	if (operation == '*' && can_repeat(b) && jinja_is_integer(a))
		return repeat(state, b, jinja_integer(a));
	if (operation == '%' && a.kind == JINJA_STRING)
		return format_with(state, a, b);
	if (a.kind == JINJA_UNDEFINED || b.kind == JINJA_UNDEFINED)
		return jinja_fail_kind(state, name, a.kind == JINJA_UNDEFINED ? a : b);
	return jinja_fail(state, "%s cannot be done with %s and %s", name, jinja_kind_name(a),
			  jinja_kind_name(b));
}

struct jinja_value jinja_unary(struct jinja_state *state, int operation, struct jinja_value a)
{
	if (!jinja_is_number(a))
		return jinja_fail_kind(state, operation == '-' ? "'-'" : "'+'", a);
	if (a.kind == JINJA_FLOAT)
		return operation == '-' ? jinja_float(-a.number) : a;
	if (operation == '-' && jinja_integer(a) == INT64_MIN)
		return overflow(state);
	return jinja_int(operation == '-' ? -jinja_integer(a) : jinja_integer(a));
}

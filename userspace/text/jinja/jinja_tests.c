// SPDX-License-Identifier: MIT
/* Owns what may follow "is". */
#include "jinja_state.h"
#include "jinja_unicode.h"
#include "utf8.h"

#define TEST(name)                                                       \
	static struct jinja_value test_##name(struct jinja_state *state, \
					      const struct jinja_call *call)

/* A test that asks only what kind of value it is given. */
#define KIND_TEST(name, condition)                                           \
	static struct jinja_value test_##name(struct jinja_state *state,     \
					      const struct jinja_call *call) \
	{                                                                    \
		struct jinja_value value = call->self;                       \
                                                                             \
		(void)state;                                                 \
		return jinja_bool(condition);                                \
	}

KIND_TEST(defined, value.kind != JINJA_UNDEFINED)
KIND_TEST(undefined, value.kind == JINJA_UNDEFINED)
KIND_TEST(none, value.kind == JINJA_NONE)
KIND_TEST(boolean, value.kind == JINJA_BOOL)
KIND_TEST(true, value.kind == JINJA_BOOL && value.boolean)
KIND_TEST(false, value.kind == JINJA_BOOL && !value.boolean)
KIND_TEST(integer, value.kind == JINJA_INT)
KIND_TEST(float, value.kind == JINJA_FLOAT)
KIND_TEST(number, jinja_is_number(value))
KIND_TEST(string, value.kind == JINJA_STRING)
KIND_TEST(mapping, value.kind == JINJA_DICT)
/* Jinja's undefined value can be called as far as callable() knows, and has a length of 0. */
KIND_TEST(callable, value.kind == JINJA_CALLABLE || value.kind == JINJA_UNDEFINED)
KIND_TEST(iterable, value.kind == JINJA_STRING || value.kind == JINJA_LIST ||
			    value.kind == JINJA_DICT || value.kind == JINJA_UNDEFINED ||
			    value.kind == JINJA_LOOP)
KIND_TEST(sequence, value.kind == JINJA_STRING || value.kind == JINJA_DICT ||
			    value.kind == JINJA_UNDEFINED ||
			    (value.kind == JINJA_LIST && value.list->type <= JINJA_LIST_RANGE))
KIND_TEST(escaped, value.kind == JINJA_MISSING)

/* ---- numbers ---- */

static struct jinja_value rest_of(struct jinja_state *state, struct jinja_value value,
				  struct jinja_value by)
{
	if (!jinja_is_number(value))
		return jinja_fail_kind(state, "a division", value);
	return jinja_binary(state, '%', value, by);
}

TEST(odd)
{
	return jinja_bool(
		jinja_equal(state, rest_of(state, call->self, jinja_int(2)), jinja_int(1)));
}

TEST(even)
{
	return jinja_bool(
		jinja_equal(state, rest_of(state, call->self, jinja_int(2)), jinja_int(0)));
}

TEST(divisibleby)
{
	return jinja_bool(
		jinja_equal(state, rest_of(state, call->self, call->arguments[0]), jinja_int(0)));
}

/* ---- comparisons ---- */

#define COMPARISON_TEST(name, operation)                                                  \
	TEST(name)                                                                        \
	{                                                                                 \
		return jinja_bool(                                                        \
			jinja_compare(state, operation, call->self, call->arguments[0])); \
	}

COMPARISON_TEST(eq, OPERATOR('=', '='))
COMPARISON_TEST(ne, OPERATOR('!', '='))
COMPARISON_TEST(lt, '<')
COMPARISON_TEST(le, OPERATOR('<', '='))
COMPARISON_TEST(gt, '>')
COMPARISON_TEST(ge, OPERATOR('>', '='))
COMPARISON_TEST(in, OPERATION_IN)

/* Identity as far as it can be told: of containers, and of equal small values of one kind. */
TEST(sameas)
{
	struct jinja_value a = call->self, b = call->arguments[0];

	if (a.kind != b.kind)
		return jinja_bool(false);
	if (a.kind == JINJA_LIST)
		return jinja_bool(a.list == b.list);
	if (a.kind == JINJA_DICT)
		return jinja_bool(a.dict == b.dict);
	return jinja_bool(jinja_equal(state, a, b));
}

/* ---- strings ---- */

/* Whether TEXT has letters with a case, and all of them are in the one that CHANGE leads to. */
static bool is_cased(const struct jinja_string *text, uint32_t (*change)(uint32_t c))
{
	bool any = false;

	for (size_t at = 0; at < text->size;) {
		uint32_t c;

		at += utf8_decode(text->data + at, text->size - at, &c);
		if (change(c) != c)
			return false;
		any = any || unicode_upper(c) != c || unicode_lower(c) != c;
	}
	return any;
}

static struct jinja_value test_case(struct jinja_state *state, struct jinja_value value,
				    uint32_t (*change)(uint32_t c))
{
	const struct jinja_string *text = jinja_text_of(state, value);

	return jinja_bool(text && is_cased(text, change));
}

TEST(lower)
{
	return test_case(state, call->self, unicode_lower);
}

TEST(upper)
{
	return test_case(state, call->self, unicode_upper);
}

const struct jinja_builtin jinja_tests[] = {
	{.name = "defined", .call = test_defined},
	{.name = "undefined", .call = test_undefined},
	{.name = "none", .call = test_none},
	{.name = "boolean", .call = test_boolean},
	{.name = "true", .call = test_true},
	{.name = "false", .call = test_false},
	{.name = "integer", .call = test_integer},
	{.name = "float", .call = test_float},
	{.name = "number", .call = test_number},
	{.name = "string", .call = test_string},
	{.name = "mapping", .call = test_mapping},
	{.name = "callable", .call = test_callable},
	{.name = "iterable", .call = test_iterable},
	{.name = "sequence", .call = test_sequence},
	{.name = "escaped", .call = test_escaped},
	{.name = "odd", .call = test_odd},
	{.name = "even", .call = test_even},
	{.name = "divisibleby", .call = test_divisibleby, {"num"}, 1},
	{.name = "eq", .call = test_eq, {"other"}, 1},
	{.name = "equalto", .call = test_eq, {"other"}, 1},
	{.name = "==", .call = test_eq, {"other"}, 1},
	{.name = "ne", .call = test_ne, {"other"}, 1},
	{.name = "!=", .call = test_ne, {"other"}, 1},
	{.name = "lt", .call = test_lt, {"other"}, 1},
	{.name = "lessthan", .call = test_lt, {"other"}, 1},
	{.name = "<", .call = test_lt, {"other"}, 1},
	{.name = "le", .call = test_le, {"other"}, 1},
	{.name = "<=", .call = test_le, {"other"}, 1},
	{.name = "gt", .call = test_gt, {"other"}, 1},
	{.name = "greaterthan", .call = test_gt, {"other"}, 1},
	{.name = ">", .call = test_gt, {"other"}, 1},
	{.name = "ge", .call = test_ge, {"other"}, 1},
	{.name = ">=", .call = test_ge, {"other"}, 1},
	{.name = "in", .call = test_in, {"seq"}, 1},
	{.name = "sameas", .call = test_sameas, {"other"}, 1},
	{.name = "lower", .call = test_lower},
	{.name = "upper", .call = test_upper},
	{0},
};

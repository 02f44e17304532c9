// SPDX-License-Identifier: MIT
/*
 * Owns the walk through a schema's keywords: which are known, in what order they are taken apart,
 * what one value each type allows. Refuses by name what a grammar cannot enforce.
 */
#include "json_schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "array.h"
#include "grammar_text.h"
#include "schema_reader.h"

#define WHAT "the schema"

static void reader_finish(struct schema_reader *reader)
{
	grammar_draft_finish(&reader->draft);
	json_decref(reader->made);
	json_decref(reader->document);
	free(reader->places);
}

/* ---- failures and places ---- */

uint32_t schema_refuse(struct schema_reader *reader, int error, const char *format, ...)
{
	char why[256];
	va_list arguments;

	if (reader->draft.error < 0)
		return EXPR_NONE;
	va_start(arguments, format);
	(void)vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	(void)schema_is_well(reader, log_error(reader->log, error, "%s, at '%s': %s", WHAT,
					       reader->path[0] ? reader->path : "/", why));
	return EXPR_NONE;
}

bool schema_is_well(struct schema_reader *reader, int r)
{
	if (r < 0 && reader->error == 0)
		reader->error = r;
	/* The draft takes nothing more either. */
	if (reader->error < 0 && reader->draft.error == 0)
		reader->draft.error = reader->error;
	return reader->draft.error == 0;
}

size_t schema_enter(struct schema_reader *reader, const char *format, ...)
{
	size_t length = strlen(reader->path);
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(reader->path + length, sizeof(reader->path) - length, format, arguments);
	va_end(arguments);
	return length;
}

void schema_leave(struct schema_reader *reader, size_t length)
{
	reader->path[length] = '\0';
}

uint32_t schema_own_rule(struct schema_reader *reader, uint32_t expr)
{
	uint32_t rule = draft_add_rule(&reader->draft, SPAN(""));

	draft_define_rule(&reader->draft, rule, expr);
	return rule;
}

uint32_t schema_call(struct schema_reader *reader, const json_t *schema)
{
	struct span name = {reader->path, (uint32_t)strlen(reader->path)};
	uint32_t rule;

	for (size_t i = 0; i < reader->n_places; i++) {
		if (reader->places[i].schema == schema)
			return draft_rule(&reader->draft, reader->places[i].rule);
	}
	rule = draft_add_rule(&reader->draft, name);
	if (!schema_is_well(reader, array_reserve(&reader->places, &reader->places_capacity,
						  reader->n_places + 1, sizeof(*reader->places))))
		return EXPR_NONE;
	reader->places[reader->n_places++] = (struct schema_place){schema, rule};
	return draft_rule(&reader->draft, rule);
}

bool schema_count(struct schema_reader *reader, const json_t *schema, const char *key,
		  uint32_t *ret_count)
{
	const json_t *value = json_object_get(schema, key);
	double count = json_number_value(value);

	if (!value)
		return false;
	if (!json_is_number(value) || count < 0 || count != (double)(int64_t)count) {
		(void)schema_refuse(reader, EINVAL, "%s must be a whole number", key);
		return false;
	}
	if (count > DRAFT_REPEAT_MAX && key[1] == 'i') {
		(void)schema_refuse(reader, E2BIG, "%s of more than %d is too large", key,
				    DRAFT_REPEAT_MAX);
		return false;
	}
	/* Fewer than are allowed satisfy it too. */
	count = MIN(count, DRAFT_REPEAT_MAX);
	*ret_count = (uint32_t)count;
	return true;
}

/* ---- shared rules ---- */

static uint32_t set_of(struct schema_reader *reader, uint32_t first, uint32_t last)
{
	struct code_set set = {0};
	uint32_t expr = EXPR_NONE;

	if (schema_is_well(reader, code_set_add(&set, first, last)))
		expr = draft_set(&reader->draft, &set);
	code_set_finish(&set);
	return expr;
}

/* "" | " " | newlines and indentation */
static uint32_t make_space(struct schema_reader *reader)
{
	struct grammar_draft *draft = &reader->draft;
	uint32_t choice = draft_choice(draft), indent = draft_choice(draft);

	draft_append(draft, indent, draft_word(draft, " "));
	draft_append(draft, indent, draft_word(draft, "\t"));
	draft_append(draft, choice, draft_word(draft, ""));
	draft_append(draft, choice, draft_word(draft, " "));
	draft_append(draft, choice,
		     DRAFT_ROW(draft, draft_repeat(draft, draft_word(draft, "\n"), 1, 2),
			       draft_repeat(draft, indent, 0, 20)));
	return choice;
}

/* One of CHARACTERS, all ASCII. */
static uint32_t one_of(struct schema_reader *reader, const char *characters)
{
	struct code_set set = {0};
	uint32_t expr = EXPR_NONE;
	int r = 0;

	for (const char *c = characters; *c && r == 0; c++)
		r = code_set_add(&set, (uint8_t)*c, (uint8_t)*c);
	if (schema_is_well(reader, r))
		expr = draft_set(&reader->draft, &set);
	code_set_finish(&set);
	return expr;
}

static uint32_t hex(struct schema_reader *reader, uint32_t n)
{
	return draft_repeat(&reader->draft, one_of(reader, "0123456789abcdefABCDEF"), n, n);
}

/* uXXXX of all but surrogates, and surrogates in pairs. */
static uint32_t unicode_escape(struct schema_reader *reader)
{
	struct grammar_draft *draft = &reader->draft;
	uint32_t choice = draft_choice(draft);

	draft_append(draft, choice,
		     DRAFT_ROW(draft, draft_word(draft, "u"),
			       one_of(reader, "0123456789abcefABCEF"), hex(reader, 3)));
	draft_append(draft, choice,
		     DRAFT_ROW(draft, draft_word(draft, "u"), one_of(reader, "dD"),
			       one_of(reader, "01234567"), hex(reader, 2)));
	draft_append(draft, choice,
		     DRAFT_ROW(draft, draft_word(draft, "u"), one_of(reader, "dD"),
			       one_of(reader, "89abAB"), hex(reader, 2), draft_word(draft, "\\u"),
			       one_of(reader, "dD"), one_of(reader, "cdefCDEF"), hex(reader, 2)));
	return choice;
}

static uint32_t make_character(struct schema_reader *reader)
{
	struct grammar_draft *draft = &reader->draft;
	uint32_t choice = draft_choice(draft), escape = draft_choice(draft);

	draft_append(draft, choice, set_of(reader, 0x20, 0x21));
	draft_append(draft, choice, set_of(reader, 0x23, 0x5b));
	draft_append(draft, choice, set_of(reader, 0x5d, CODE_POINT_MAX));
	draft_append(draft, escape, one_of(reader, "\"\\/bfnrt"));
	draft_append(draft, escape, unicode_escape(reader));
	draft_append(draft, choice, DRAFT_ROW(draft, draft_word(draft, "\\"), escape));
	return choice;
}

static uint32_t make_string(struct schema_reader *reader)
{
	struct grammar_draft *draft = &reader->draft;
	uint32_t character = schema_shared(reader, SCHEMA_CHARACTER);

	return DRAFT_ROW(draft, draft_word(draft, "\""),
			 draft_repeat(draft, character, 0, REPEAT_MANY), draft_word(draft, "\""));
}

static uint32_t make_key_rest(struct schema_reader *reader)
{
	struct grammar_draft *draft = &reader->draft;
	uint32_t choice = draft_choice(draft);

	draft_append(draft, choice, set_of(reader, 0x20, 0x21));
	draft_append(draft, choice, set_of(reader, 0x23, 0x5b));
	draft_append(draft, choice, set_of(reader, 0x5d, CODE_POINT_MAX));
	return draft_repeat(draft, choice, 0, REPEAT_MANY);
}

static uint32_t make_key_string(struct schema_reader *reader)
{
	struct grammar_draft *draft = &reader->draft;

	return DRAFT_ROW(draft, draft_word(draft, "\""), schema_shared(reader, SCHEMA_KEY_REST),
			 draft_word(draft, "\""));
}

static uint32_t make_integer(struct schema_reader *reader)
{
	return schema_number(reader, NULL, true);
}

static uint32_t make_number(struct schema_reader *reader)
{
	struct grammar_draft *draft = &reader->draft;
	uint32_t fraction = DRAFT_ROW(draft, draft_word(draft, "."),
				      draft_repeat(draft, set_of(reader, '0', '9'), 1, 16));
	uint32_t exponent = DRAFT_ROW(draft, one_of(reader, "eE"),
				      draft_repeat(draft, one_of(reader, "+-"), 0, 1),
				      draft_repeat(draft, set_of(reader, '0', '9'), 1, 2));

	return DRAFT_ROW(draft, schema_shared(reader, SCHEMA_INTEGER),
			 draft_repeat(draft, fraction, 0, 1), draft_repeat(draft, exponent, 0, 1));
}

static uint32_t make_object(struct schema_reader *reader)
{
	return schema_object(reader, NULL);
}

static uint32_t make_array(struct schema_reader *reader)
{
	return schema_array(reader, NULL);
}

static uint32_t make_value(struct schema_reader *reader)
{
	static const enum schema_rule kinds[] = {SCHEMA_OBJECT, SCHEMA_ARRAY, SCHEMA_STRING,
						 SCHEMA_NUMBER};
	struct grammar_draft *draft = &reader->draft;
	uint32_t choice = draft_choice(draft);

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		draft_append(draft, choice, schema_shared(reader, kinds[i]));
	draft_append(draft, choice, draft_word(draft, "true"));
	draft_append(draft, choice, draft_word(draft, "false"));
	draft_append(draft, choice, draft_word(draft, "null"));
	return choice;
}

uint32_t schema_shared(struct schema_reader *reader, enum schema_rule rule)
{
	static uint32_t (*const makers[SCHEMA_RULES])(struct schema_reader *) = {
		[SCHEMA_SPACE] = make_space,	   [SCHEMA_CHARACTER] = make_character,
		[SCHEMA_STRING] = make_string,	   [SCHEMA_KEY_STRING] = make_key_string,
		[SCHEMA_KEY_REST] = make_key_rest, [SCHEMA_NUMBER] = make_number,
		[SCHEMA_INTEGER] = make_integer,   [SCHEMA_VALUE] = make_value,
		[SCHEMA_OBJECT] = make_object,	   [SCHEMA_ARRAY] = make_array,
	};

	if (reader->rules[rule] == 0) {
		uint32_t number = draft_add_rule(&reader->draft, SPAN("JSON"));

		if (number == EXPR_NONE)
			return EXPR_NONE;
		reader->rules[rule] = number + 1;
		draft_define_rule(&reader->draft, number, makers[rule](reader));
	}
	return draft_rule(&reader->draft, reader->rules[rule] - 1);
}

/* ---- values ---- */

/* JSON as short as it can be, and reals so that reading them gives the same. */
static char *dump(const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	json_t *again = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
	bool is_same = again && json_equal(again, value);

	json_decref(again);
	if (is_same)
		return text;
	free(text);
	return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
}

static uint32_t literal(struct schema_reader *reader, const json_t *value)
{
	char *text = dump(value);
	uint32_t expr = EXPR_NONE;

	if (schema_is_well(reader, text ? 0 : -ENOMEM))
		expr = draft_word(&reader->draft, text);
	free(text);
	return expr;
}

/* What may stand beside enum and const: a value's type is looked at, nothing else. */
static bool refuse_beside(struct schema_reader *reader, const json_t *schema, const char *what)
{
	static const char *const keys[] = {
		"properties",	    "required",	     "additionalProperties",
		"minProperties",    "maxProperties", "items",
		"prefixItems",	    "minItems",	     "maxItems",
		"minLength",	    "maxLength",     "pattern",
		"minimum",	    "maximum",	     "exclusiveMinimum",
		"exclusiveMaximum", "multipleOf",
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!json_object_get(schema, keys[i]))
			continue;
		(void)schema_refuse(reader, ENOTSUP, "'%s' beside '%s' cannot be enforced", keys[i],
				    what);
		return true;
	}
	return false;
}

static uint32_t read_enum(struct schema_reader *reader, const json_t *schema)
{
	const json_t *values = json_object_get(schema, "enum");
	const json_t *only = json_object_get(schema, "const"), *value;
	uint32_t choice = draft_choice(&reader->draft);
	unsigned types = json_object_get(schema, "type") ? schema_types(reader, schema)
							 : SCHEMA_IS_ANY;
	size_t i;

	if (values && !json_is_array(values))
		return schema_refuse(reader, EINVAL, "enum must be an array");
	if (refuse_beside(reader, schema, values ? "enum" : "const"))
		return EXPR_NONE;
	json_array_foreach(values, i, value) {
		if ((schema_types_of(value) & types) && (!only || json_equal(value, only)))
			draft_append(&reader->draft, choice, literal(reader, value));
	}
	if (!values && (schema_types_of(only) & types))
		draft_append(&reader->draft, choice, literal(reader, only));
	return choice;
}

static uint32_t of_type(struct schema_reader *reader, const json_t *schema, unsigned type)
{
	uint32_t choice;

	switch (type) {
	case SCHEMA_IS_NULL:
		return draft_word(&reader->draft, "null");
	case SCHEMA_IS_BOOLEAN:
		choice = draft_choice(&reader->draft);
		draft_append(&reader->draft, choice, draft_word(&reader->draft, "true"));
		draft_append(&reader->draft, choice, draft_word(&reader->draft, "false"));
		return choice;
	case SCHEMA_IS_INTEGER:
		return schema_number(reader, schema, true);
	case SCHEMA_IS_NUMBER:
		return schema_number(reader, schema, false);
	case SCHEMA_IS_STRING:
		return schema_string(reader, schema);
	case SCHEMA_IS_ARRAY:
		return schema_array(reader, schema);
	default:
		return schema_object(reader, schema);
	}
}

static uint32_t read_types(struct schema_reader *reader, const json_t *schema)
{
	unsigned types = schema_types(reader, schema);
	uint32_t choice = draft_choice(&reader->draft);

	if (!schema_says_more(schema, ""))
		return schema_shared(reader, SCHEMA_VALUE);
	if (types & SCHEMA_IS_NUMBER)
		types &= ~(unsigned)SCHEMA_IS_INTEGER;
	for (unsigned type = 1; type < SCHEMA_IS_ANY && reader->draft.error == 0; type <<= 1) {
		if (types & type)
			draft_append(&reader->draft, choice, of_type(reader, schema, type));
	}
	return choice;
}

/* ---- keywords that take other schemas ---- */

static uint32_t read_schema(struct schema_reader *reader, const json_t *schema);

static bool one_excludes_other(struct schema_reader *reader, const json_t *branches)
{
	size_t n = json_array_size(branches);

	if (n > SCHEMA_ONE_OF_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (!schema_excludes(reader, json_array_get(branches, i),
					     json_array_get(branches, k)))
				return false;
		}
	}
	return true;
}

/* anyOf, and oneOf whose alternatives exclude each other: each with what stands beside it. */
static uint32_t read_branches(struct schema_reader *reader, const json_t *schema, const char *key)
{
	const json_t *branches = json_object_get(schema, key), *branch;
	const json_t *rest = schema_without(reader, schema, key);
	uint32_t choice = draft_choice(&reader->draft);
	size_t i;

	if (!json_is_array(branches) || json_array_size(branches) == 0)
		return schema_refuse(reader, EINVAL, "%s must be an array that is not empty", key);
	if (strcmp(key, "oneOf") == 0 && !one_excludes_other(reader, branches))
		return schema_refuse(reader, ENOTSUP,
				     "oneOf whose alternatives do not plainly exclude each other "
				     "cannot be enforced; anyOf can");
	json_array_foreach(branches, i, branch) {
		size_t length = schema_enter(reader, "/%s/%zu", key, i);

		if (schema_says_more(rest, ""))
			branch = schema_join(reader, rest, branch);
		if (branch && schema_is_well(reader, 0))
			draft_append(&reader->draft, choice, schema_call(reader, branch));
		schema_leave(reader, length);
	}
	return choice;
}

static uint32_t read_all_of(struct schema_reader *reader, const json_t *schema)
{
	const json_t *parts = json_object_get(schema, "allOf"), *part;
	const json_t *joined = schema_without(reader, schema, "allOf");
	size_t i;
	uint32_t expr = EXPR_NONE;

	if (!json_is_array(parts))
		return schema_refuse(reader, EINVAL, "allOf must be an array");
	json_array_foreach(parts, i, part) {
		size_t length = schema_enter(reader, "/allOf/%zu", i);

		if (joined)
			joined = schema_join(reader, joined, part);
		schema_leave(reader, length);
	}
	if (joined && schema_is_well(reader, 0))
		expr = read_schema(reader, joined);
	return expr;
}

static uint32_t read_reference(struct schema_reader *reader, const json_t *schema)
{
	const json_t *target = schema_target(reader, schema);
	const json_t *rest;

	if (!target)
		return EXPR_NONE;
	if (!schema_says_more(schema, "$ref")) {
		(void)snprintf(reader->path, sizeof(reader->path), "%s",
			       json_string_value(json_object_get(schema, "$ref")) + 1);
		return schema_call(reader, target);
	}
	rest = schema_without(reader, schema, "$ref");
	target = rest ? schema_join(reader, target, rest) : NULL;
	return target && schema_is_well(reader, 0) ? read_schema(reader, target) : EXPR_NONE;
}

/* ---- one schema ---- */

/* Whether KEY of SCHEMA forbids nothing. */
static bool is_idle(const json_t *schema, const char *key)
{
	const json_t *value = json_object_get(schema, key);
	bool is_empty = json_is_object(value) && json_object_size(value) == 0;

	if (!value)
		return true;
	if (strcmp(key, "uniqueItems") == 0 || strcmp(key, "not") == 0)
		return json_is_false(value);
	if (strcmp(key, "if") == 0)
		return !json_object_get(schema, "then") && !json_object_get(schema, "else");
	if (strcmp(key, "contains") == 0)
		return false;
	return is_empty || json_is_true(value);
}

static bool refuse_unenforceable(struct schema_reader *reader, const json_t *schema)
{
	static const char *const keys[] = {
		"not",
		"if",
		"patternProperties",
		"propertyNames",
		"contains",
		"uniqueItems",
		"dependentRequired",
		"dependentSchemas",
		"dependencies",
		"unevaluatedItems",
		"unevaluatedProperties",
		"$dynamicRef",
		"$recursiveRef",
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (is_idle(schema, keys[i]))
			continue;
		(void)schema_refuse(reader, ENOTSUP, "'%s' cannot be enforced", keys[i]);
		return true;
	}
	return false;
}

static uint32_t read_keywords(struct schema_reader *reader, const json_t *schema)
{
	if (refuse_unenforceable(reader, schema))
		return EXPR_NONE;
	if (json_object_get(schema, "$ref"))
		return read_reference(reader, schema);
	if (json_object_get(schema, "allOf"))
		return read_all_of(reader, schema);
	if (json_object_get(schema, "anyOf"))
		return read_branches(reader, schema, "anyOf");
	if (json_object_get(schema, "oneOf"))
		return read_branches(reader, schema, "oneOf");
	if (json_object_get(schema, "enum") || json_object_get(schema, "const"))
		return read_enum(reader, schema);
	return read_types(reader, schema);
}

static uint32_t read_schema(struct schema_reader *reader, const json_t *schema)
{
	uint32_t expr;

	if (reader->draft.error < 0)
		return EXPR_NONE;
	if (json_is_true(schema))
		return schema_shared(reader, SCHEMA_VALUE);
	if (json_is_false(schema))
		return draft_choice(&reader->draft);
	if (!json_is_object(schema))
		return schema_refuse(reader, EINVAL, "a schema must be an object, true or false");
	if (++reader->depth > SCHEMA_DEPTH_MAX)
		return schema_refuse(reader, E2BIG, "$ref and allOf are nested too deeply");
	expr = read_keywords(reader, schema);
	reader->depth--;
	return expr;
}

/* Reads what was called, and what that calls, until nothing is left. */
static void read_places(struct schema_reader *reader)
{
	for (size_t i = 0; i < reader->n_places; i++) {
		struct schema_place place = reader->places[i];
		struct span name = SPAN("");
		uint32_t expr;

		if (reader->draft.error < 0)
			return;
		name = draft_rule_name(&reader->draft, place.rule);
		memcpy(reader->path, name.data, name.size);
		reader->path[name.size] = '\0';
		reader->depth = 0;
		expr = read_schema(reader, place.schema);
		if (schema_is_well(reader, 0))
			draft_define_rule(&reader->draft, place.rule, expr);
	}
}

static int load(struct schema_reader *reader, const char *text, size_t size_bytes)
{
	json_error_t error;

	reader->document =
		json_loadb(text, size_bytes, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
	if (!reader->document && json_error_code(&error) == json_error_out_of_memory)
		return -ENOMEM;
	if (!reader->document)
		return log_error(reader->log, EINVAL, "%s is no JSON: line %d: %s", WHAT,
				 error.line, error.text);
	reader->made = json_array();
	return reader->made ? 0 : -ENOMEM;
}

int grammar_from_schema(const char *text, size_t size_bytes, const struct log *log,
			struct grammar **ret_grammar)
{
	struct schema_reader reader __attribute__((cleanup(reader_finish))) = {.log = log};
	int r;

	if (size_bytes > GRAMMAR_TEXT_MAX)
		return log_error(log, E2BIG, "%s has %zu bytes; at most %d can be read", WHAT,
				 size_bytes, GRAMMAR_TEXT_MAX);
	r = load(&reader, text, size_bytes);
	if (r == 0) {
		(void)schema_call(&reader, reader.document);
		read_places(&reader);
		r = reader.error;
	}
	if (r == -ENOMEM)
		return log_oom(log, "reading a schema");
	return r < 0 ? r : grammar_compile(&reader.draft, WHAT, log, ret_grammar);
}

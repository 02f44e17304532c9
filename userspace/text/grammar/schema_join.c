// SPDX-License-Identifier: MIT
/*
 * Owns references, and the joining of two schemas into one that asks for both, keyword by keyword.
 * Refuses what cannot be joined so.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "schema_reader.h"

/* Keeps MADE, which may be NULL for want of memory. */
static json_t *keep(struct schema_reader *reader, json_t *made)
{
	reader->n_joined += json_object_size(made);
	if (json_array_size(reader->made) >= SCHEMA_JOINS_MAX ||
	    reader->n_joined > SCHEMA_JOINED_MAX) {
		json_decref(made);
		(void)schema_refuse(reader, E2BIG, "allOf, anyOf and $ref make it too large");
		return NULL;
	}
	return schema_is_well(reader,
			      made && json_array_append_new(reader->made, made) == 0 ? 0 : -ENOMEM)
		       ? made
		       : NULL;
}

const json_t *schema_without(struct schema_reader *reader, const json_t *schema, const char *key)
{
	json_t *copy = keep(reader, json_copy((json_t *)schema));

	if (copy)
		(void)json_object_del(copy, key);
	return copy;
}

/* ---- references ---- */

/* The name that begins at *AT, after a "/", with ~0, ~1 and %XX read; moves past it. */
static bool next_name(const char **at, char *name, size_t size)
{
	size_t n = 0;

	for ((*at)++; **at && **at != '/'; (*at)++) {
		char c = **at;

		if (c == '~' && ((*at)[1] == '0' || (*at)[1] == '1')) {
			c = *++*at == '0' ? '~' : '/';
		} else if (c == '%') {
			char digits[3] = {(*at)[1], (*at)[1] ? (*at)[2] : '\0', '\0'}, *end;

			c = (char)strtoul(digits, &end, 16);
			if (end != digits + 2)
				return false;
			*at += 2;
		}
		if (n + 1 >= size || c == '\0')
			return false;
		name[n++] = c;
	}
	name[n] = '\0';
	return true;
}

static const json_t *member(const json_t *value, const char *name)
{
	char *end;
	unsigned long i;

	if (!json_is_array(value))
		return json_object_get(value, name);
	i = strtoul(name, &end, 10);
	return *name && !*end ? json_array_get(value, i) : NULL;
}

const json_t *schema_target(struct schema_reader *reader, const json_t *schema)
{
	const json_t *reference = json_object_get(schema, "$ref"), *target = reader->document;
	const char *at = json_string_value(reference);
	char name[SCHEMA_PATH_MAX];

	if (!at || at[0] != '#' || (at[1] != '\0' && at[1] != '/')) {
		(void)schema_refuse(reader, ENOTSUP,
				    "$ref to '%.80s': only places in the same document, '#/...', "
				    "can be followed",
				    at ? at : "this");
		return NULL;
	}
	for (at++; *at && target;)
		target = next_name(&at, name, sizeof(name)) ? member(target, name) : NULL;
	if (!target)
		(void)schema_refuse(reader, EINVAL, "$ref to '%.80s': there is no such place",
				    json_string_value(reference));
	return target;
}

const json_t *schema_resolve(struct schema_reader *reader, const json_t *schema)
{
	for (unsigned n = 0; schema && json_object_get(schema, "$ref"); n++) {
		if (schema_says_more(schema, "$ref"))
			break;
		if (n >= SCHEMA_DEPTH_MAX) {
			(void)schema_refuse(reader, EINVAL, "$ref leads in a circle");
			return NULL;
		}
		schema = schema_target(reader, schema);
	}
	return schema;
}

/* ---- joining ---- */

/* Gives what both ask for in *RET, which is then the caller's. */
typedef bool (*join_fn)(struct schema_reader *reader, json_t *a, json_t *b, json_t **ret);

static bool join_highest(struct schema_reader *reader, json_t *a, json_t *b, json_t **ret)
{
	(void)reader;
	*ret = json_incref(json_number_value(a) >= json_number_value(b) ? a : b);
	return json_is_number(a) && json_is_number(b);
}

static bool join_lowest(struct schema_reader *reader, json_t *a, json_t *b, json_t **ret)
{
	(void)reader;
	*ret = json_incref(json_number_value(a) <= json_number_value(b) ? a : b);
	return json_is_number(a) && json_is_number(b);
}

/* Both, one after the other: lists of names, and of schemas that all hold. */
static bool join_lists(struct schema_reader *reader, json_t *a, json_t *b, json_t **ret)
{
	(void)reader;
	*ret = json_copy(a);
	return json_is_array(a) && json_is_array(b) && json_array_extend(*ret, b) == 0;
}

static bool join_schemas(struct schema_reader *reader, json_t *a, json_t *b, json_t **ret)
{
	(void)reader;
	*ret = json_pack("{s:[O,O]}", "allOf", a, b);
	return true;
}

static bool join_first(struct schema_reader *reader, json_t *a, json_t *b, json_t **ret)
{
	(void)reader;
	(void)b;
	*ret = json_incref(a);
	return true;
}

static bool join_properties(struct schema_reader *reader, json_t *a, json_t *b, json_t **ret)
{
	json_t *value, *joined = json_copy(a);
	const char *name;

	*ret = joined;
	if (!json_is_object(a) || !json_is_object(b))
		return false;
	json_object_foreach(b, name, value) {
		json_t *old = json_object_get(a, name), *both = NULL;

		if (!old)
			both = json_incref(value);
		else
			(void)join_schemas(reader, old, value, &both);
		if (json_object_set_new(joined, name, both) < 0)
			return false;
	}
	return true;
}

static bool join_types(struct schema_reader *reader, json_t *a, json_t *b, json_t **ret)
{
	static const char *const names[] = {"null",   "boolean", "integer", "number",
					    "string", "array",	 "object"};
	json_t *one = json_pack("{s:O}", "type", a), *other = json_pack("{s:O}", "type", b);
	unsigned types = schema_types(reader, one) & schema_types(reader, other);

	json_decref(one);
	json_decref(other);
	*ret = json_array();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (types & (1u << i))
			(void)json_array_append_new(*ret, json_string(names[i]));
	}
	return true;
}

static bool join_enums(struct schema_reader *reader, json_t *a, json_t *b, json_t **ret)
{
	json_t *value, *other;
	size_t i, k;

	(void)reader;
	*ret = json_array();
	if (json_array_size(a) * json_array_size(b) > SCHEMA_PAIRS_MAX)
		return false;
	json_array_foreach(a, i, value) {
		json_array_foreach(b, k, other) {
			if (json_equal(value, other)) {
				(void)json_array_append(*ret, value);
				break;
			}
		}
	}
	return true;
}

static const struct {
	const char *key;
	join_fn join;
} joins[] = {
	{"type", join_types},
	{"enum", join_enums},
	{"properties", join_properties},
	{"required", join_lists},
	{"additionalProperties", join_schemas},
	{"items", join_schemas},
	{"allOf", join_lists},
	{"minProperties", join_highest},
	{"maxProperties", join_lowest},
	{"minItems", join_highest},
	{"maxItems", join_lowest},
	{"minLength", join_highest},
	{"maxLength", join_lowest},
	{"minimum", join_highest},
	{"maximum", join_lowest},
	{"exclusiveMinimum", join_highest},
	{"exclusiveMaximum", join_lowest},
	{"title", join_first},
	{"description", join_first},
	{"default", join_first},
	{"examples", join_first},
	{"example", join_first},
	{"$comment", join_first},
	{"$schema", join_first},
	{"$id", join_first},
	{"$defs", join_first},
	{"definitions", join_first},
	{"deprecated", join_first},
	{"readOnly", join_first},
	{"writeOnly", join_first},
	{"format", join_first},
	{"nullable", join_first},
};

static join_fn find_join(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(joins); i++) {
		if (strcmp(joins[i].key, key) == 0)
			return joins[i].join;
	}
	return NULL;
}

static bool join_member(struct schema_reader *reader, json_t *joined, const char *key, json_t *old,
			json_t *value)
{
	join_fn join = find_join(key);
	json_t *both = NULL;

	reader->n_joined += MAX(json_object_size(old), json_array_size(old));
	if (reader->n_joined <= SCHEMA_JOINED_MAX && json_equal(old, value))
		return true;
	if (!join || !join(reader, old, value, &both)) {
		json_decref(both);
		(void)schema_refuse(reader, ENOTSUP, "two different '%.64s' cannot be joined", key);
		return false;
	}
	return schema_is_well(reader, json_object_set_new(joined, key, both) < 0 ? -ENOMEM : 0);
}

/* additionalProperties is about the properties beside it, items about the prefix beside it. */
static bool is_closed_to(const json_t *a, const json_t *b)
{
	const json_t *others = json_object_get(a, "additionalProperties");
	json_t *properties = json_object_get(b, "properties"), *value;
	const char *name;

	if (json_object_get(a, "items") && !json_object_get(a, "prefixItems") &&
	    json_object_get(b, "prefixItems"))
		return true;
	if (!others || json_is_true(others))
		return false;
	json_object_foreach(properties, name, value) {
		if (!json_object_get(json_object_get(a, "properties"), name))
			return true;
	}
	return false;
}

static const json_t *join_objects(struct schema_reader *reader, const json_t *a, const json_t *b)
{
	json_t *joined = keep(reader, json_copy((json_t *)a)), *value;
	const char *key;

	if (is_closed_to(a, b) || is_closed_to(b, a)) {
		(void)schema_refuse(reader, ENOTSUP,
				    "additionalProperties or items of one part cannot be joined "
				    "with what another part describes");
		return NULL;
	}
	json_object_foreach((json_t *)b, key, value) {
		json_t *old = json_object_get(a, key);

		if (!joined || !schema_is_well(reader, 0))
			return NULL;
		if (!old)
			(void)schema_is_well(reader,
					     json_object_set(joined, key, value) < 0 ? -ENOMEM : 0);
		else if (!join_member(reader, joined, key, old, value))
			return NULL;
	}
	/* Where one part forbids null, so do both. */
	if (json_object_get(a, "nullable") != json_object_get(b, "nullable"))
		(void)json_object_del(joined, "nullable");
	return joined;
}

const json_t *schema_join(struct schema_reader *reader, const json_t *a, const json_t *b)
{
	a = schema_resolve(reader, a);
	b = schema_resolve(reader, b);
	if (!a || !b || !schema_is_well(reader, 0))
		return NULL;
	if (json_is_true(a) || json_is_false(b))
		return b;
	if (json_is_true(b) || json_is_false(a))
		return a;
	if (!json_is_object(a) || !json_is_object(b)) {
		(void)schema_refuse(reader, EINVAL, "a schema must be an object, true or false");
		return NULL;
	}
	return join_objects(reader, a, b);
}

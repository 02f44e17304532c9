// SPDX-License-Identifier: MIT
/* Owns what a schema says about the type of a value, and when two schemas exclude each other. */
#include <errno.h>
#include <string.h>

#include "array.h"
#include "schema_reader.h"

static const struct {
	const char *name;
	unsigned types;
} type_names[] = {
	{"null", SCHEMA_IS_NULL},	{"boolean", SCHEMA_IS_BOOLEAN},
	{"integer", SCHEMA_IS_INTEGER}, {"number", SCHEMA_IS_NUMBER | SCHEMA_IS_INTEGER},
	{"string", SCHEMA_IS_STRING},	{"array", SCHEMA_IS_ARRAY},
	{"object", SCHEMA_IS_OBJECT},	{"json_object", SCHEMA_IS_OBJECT},
};

/* What keywords without a type are about, and all others that forbid something. */
static const struct {
	const char *key;
	unsigned types; /* 0: of any */
} keywords[] = {
	{"properties", SCHEMA_IS_OBJECT},
	{"required", SCHEMA_IS_OBJECT},
	{"additionalProperties", SCHEMA_IS_OBJECT},
	{"minProperties", SCHEMA_IS_OBJECT},
	{"maxProperties", SCHEMA_IS_OBJECT},
	{"items", SCHEMA_IS_ARRAY},
	{"prefixItems", SCHEMA_IS_ARRAY},
	{"minItems", SCHEMA_IS_ARRAY},
	{"maxItems", SCHEMA_IS_ARRAY},
	{"minLength", SCHEMA_IS_STRING},
	{"maxLength", SCHEMA_IS_STRING},
	{"pattern", SCHEMA_IS_STRING},
	{"format", SCHEMA_IS_STRING},
	{"minimum", SCHEMA_IS_NUMBER | SCHEMA_IS_INTEGER},
	{"maximum", SCHEMA_IS_NUMBER | SCHEMA_IS_INTEGER},
	{"exclusiveMinimum", SCHEMA_IS_NUMBER | SCHEMA_IS_INTEGER},
	{"exclusiveMaximum", SCHEMA_IS_NUMBER | SCHEMA_IS_INTEGER},
	{"multipleOf", SCHEMA_IS_NUMBER | SCHEMA_IS_INTEGER},
	{"type", 0},
	{"enum", 0},
	{"const", 0},
	{"anyOf", 0},
	{"oneOf", 0},
	{"allOf", 0},
	{"$ref", 0},
	{"not", 0},
	{"if", 0},
	{"patternProperties", 0},
	{"propertyNames", 0},
	{"contains", 0},
	{"uniqueItems", 0},
	{"dependentRequired", 0},
	{"dependentSchemas", 0},
	{"dependencies", 0},
	{"unevaluatedItems", 0},
	{"unevaluatedProperties", 0},
	{"$dynamicRef", 0},
	{"$recursiveRef", 0},
};

bool schema_says_more(const json_t *schema, const char *key)
{
	if (!json_is_object(schema))
		return !json_is_true(schema);
	for (size_t i = 0; i < ARRAY_SIZE(keywords); i++) {
		if (strcmp(keywords[i].key, key) != 0 && json_object_get(schema, keywords[i].key))
			return true;
	}
	return false;
}

static unsigned types_named(struct schema_reader *reader, const json_t *name)
{
	for (size_t i = 0; json_is_string(name) && i < ARRAY_SIZE(type_names); i++) {
		if (strcmp(json_string_value(name), type_names[i].name) == 0)
			return type_names[i].types;
	}
	(void)schema_refuse(reader, EINVAL, "'%.64s' is no type",
			    json_is_string(name) ? json_string_value(name) : "this");
	return 0;
}

static unsigned types_by_keywords(const json_t *schema)
{
	unsigned types = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keywords); i++) {
		if (json_object_get(schema, keywords[i].key))
			types |= keywords[i].types;
	}
	return types ? types : SCHEMA_IS_ANY;
}

unsigned schema_types(struct schema_reader *reader, const json_t *schema)
{
	const json_t *type = json_object_get(schema, "type"), *name;
	unsigned types = json_is_true(json_object_get(schema, "nullable")) ? SCHEMA_IS_NULL : 0;
	size_t i;

	if (!type)
		return types | types_by_keywords(schema);
	if (!json_is_array(type))
		return types | types_named(reader, type);
	json_array_foreach(type, i, name)
		types |= types_named(reader, name);
	return types;
}

unsigned schema_types_of(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_NULL:
		return SCHEMA_IS_NULL;
	case JSON_TRUE:
	case JSON_FALSE:
		return SCHEMA_IS_BOOLEAN;
	case JSON_INTEGER:
		return SCHEMA_IS_INTEGER | SCHEMA_IS_NUMBER;
	case JSON_REAL:
		return SCHEMA_IS_NUMBER |
		       (json_real_value(value) == (double)(int64_t)json_real_value(value)
				? SCHEMA_IS_INTEGER
				: 0);
	case JSON_STRING:
		return SCHEMA_IS_STRING;
	case JSON_ARRAY:
		return SCHEMA_IS_ARRAY;
	case JSON_OBJECT:
		break;
	}
	return SCHEMA_IS_OBJECT;
}

/* ---- exclusion ---- */

/* The values that SCHEMA is limited to, as an array to be released; NULL where it is not. */
static json_t *values_of(const json_t *schema)
{
	json_t *values = json_object_get(schema, "enum");
	json_t *only = json_object_get(schema, "const");

	if (only)
		return json_pack("[O]", only);
	return json_is_array(values) ? json_incref(values) : NULL;
}

/* Numbers are the same value whichever way they are written. */
static bool is_same_value(const json_t *a, const json_t *b)
{
	if (json_is_number(a) && json_is_number(b))
		return json_number_value(a) == json_number_value(b);
	/* Deeper down numbers may hide: then it is not seen easily. */
	if (json_is_object(a) || json_is_array(a))
		return json_typeof(a) == json_typeof(b);
	return json_equal(a, b);
}

static bool values_differ(const json_t *a, const json_t *b)
{
	if (json_array_size(a) * json_array_size(b) > SCHEMA_PAIRS_MAX / SCHEMA_ONE_OF_MAX)
		return false;
	for (size_t i = 0; i < json_array_size(a); i++) {
		for (size_t k = 0; k < json_array_size(b); k++) {
			if (is_same_value(json_array_get(a, i), json_array_get(b, k)))
				return false;
		}
	}
	return true;
}

static bool values_exclude(const json_t *a, const json_t *b)
{
	json_t *values = values_of(a), *others = values_of(b);
	bool exclude = values && others && values_differ(values, others);

	json_decref(values);
	json_decref(others);
	return exclude;
}

static bool requires(const json_t *schema, const char *name)
{
	const json_t *required = json_object_get(schema, "required"), *value;
	size_t i;

	json_array_foreach(required, i, value) {
		if (json_is_string(value) && strcmp(json_string_value(value), name) == 0)
			return true;
	}
	return false;
}

/* A property that both require and that cannot have the same value: a discriminator. */
static bool properties_exclude(struct schema_reader *reader, json_t *a, json_t *b)
{
	json_t *properties = json_object_get(a, "properties"), *property, *other;
	const char *name;

	json_object_foreach(properties, name, property) {
		other = json_object_get(json_object_get(b, "properties"), name);
		if (other && requires(a, name) && requires(b, name) &&
		    values_exclude(schema_resolve(reader, property), schema_resolve(reader, other)))
			return true;
	}
	return false;
}

/* The types that can occur, by "type", "enum" and "const" alone. */
static unsigned possible_types(struct schema_reader *reader, const json_t *schema)
{
	unsigned types = SCHEMA_IS_ANY, of_values = 0;
	json_t *values = values_of(schema);

	if (json_object_get(schema, "type"))
		types = schema_types(reader, schema);
	for (size_t i = 0; i < json_array_size(values); i++)
		of_values |= schema_types_of(json_array_get(values, i));
	if (values)
		types &= of_values;
	json_decref(values);
	return types;
}

bool schema_excludes(struct schema_reader *reader, const json_t *a, const json_t *b)
{
	unsigned common;

	a = schema_resolve(reader, a);
	b = schema_resolve(reader, b);
	if (json_is_false(a) || json_is_false(b))
		return true;
	if (!json_is_object(a) || !json_is_object(b))
		return false;
	common = possible_types(reader, a) & possible_types(reader, b);
	return common == 0 || values_exclude(a, b) ||
	       (common == SCHEMA_IS_OBJECT && properties_exclude(reader, (json_t *)a, (json_t *)b));
}

// SPDX-License-Identifier: MIT
/* Owns objects and arrays: what stands between braces and brackets, and the commas. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "schema_reader.h"

/* ---- names ---- */

struct name {
	const char *text;
	size_t size;
};

struct names {
	struct name *items; /* [n], in order */
	size_t n;
};

static int compare_names(const void *a, const void *b)
{
	const struct name *left = a, *right = b;
	int order = memcmp(left->text, right->text, MIN(left->size, right->size));

	return order != 0 ? order : (left->size > right->size) - (left->size < right->size);
}

static uint32_t space(struct schema_reader *reader)
{
	return schema_shared(reader, SCHEMA_SPACE);
}

static uint32_t comma(struct schema_reader *reader)
{
	return DRAFT_ROW(&reader->draft, draft_word(&reader->draft, ","), space(reader));
}

/* The characters a key may have without an escape, but for those in SET, which is changed. */
static int other_key_characters(struct code_set *set)
{
	int r = code_set_add(set, 0, 0x1f);

	if (r == 0)
		r = code_set_add(set, '"', '"');
	if (r == 0)
		r = code_set_add(set, '\\', '\\');
	return r == 0 ? code_set_invert(set) : r;
}

static uint32_t other_character(struct schema_reader *reader, struct code_set *set)
{
	uint32_t expr = EXPR_NONE;

	if (schema_is_well(reader, other_key_characters(set)))
		expr = draft_set(&reader->draft, set);
	code_set_finish(set);
	return expr;
}

/*
 * What may follow the first AT bytes of NAMES, which all have those in common, so that the whole is
 * none of them: its end, where that is no name; one of their next characters; another one.
 */
static uint32_t unlike(struct schema_reader *reader, const struct names *names, size_t at)
{
	struct grammar_draft *draft = &reader->draft;
	uint32_t choice = draft_choice(draft);
	struct code_set set = {0};
	size_t i = names->n > 0 && names->items[0].size == at;

	if (i == 0)
		draft_append(draft, choice, draft_word(draft, ""));
	if (at > SCHEMA_KEY_MAX)
		return schema_refuse(reader, E2BIG,
				     "a name of more than %d bytes beside additionalProperties",
				     SCHEMA_KEY_MAX);
	while (i < names->n && schema_is_well(reader, 0)) {
		struct names alike = {names->items + i, 1};
		const char *character = names->items[i].text + at;
		uint32_t code;
		size_t size = utf8_decode(character, names->items[i].size - at, &code);

		while (i + alike.n < names->n && names->items[i + alike.n].size >= at + size &&
		       memcmp(names->items[i + alike.n].text + at, character, size) == 0)
			alike.n++;
		(void)schema_is_well(reader, code_set_add(&set, code, code));
		draft_append(draft, choice,
			     DRAFT_ROW(draft,
				       draft_text(draft, (struct span){character, (uint32_t)size}),
				       unlike(reader, &alike, at + size)));
		i += alike.n;
	}
	draft_append(draft, choice,
		     DRAFT_ROW(draft, other_character(reader, &set),
			       schema_shared(reader, SCHEMA_KEY_REST)));
	return choice;
}

/* A key that is none of PROPERTIES. Names that need escapes cannot be met without. */
static uint32_t other_key(struct schema_reader *reader, json_t *properties)
{
	struct grammar_draft *draft = &reader->draft;
	size_t n = json_object_size(properties);
	_cleanup_free_ struct name *items = calloc(MAX(n, 1), sizeof(*items));
	struct names names = {items, 0};
	json_t *value;
	const char *name;

	if (n == 0)
		return schema_shared(reader, SCHEMA_KEY_STRING);
	if (!schema_is_well(reader, items ? 0 : -ENOMEM))
		return EXPR_NONE;
	json_object_foreach(properties, name, value) {
		if (strcspn(name, "\"\\") == strlen(name))
			items[names.n++] = (struct name){name, strlen(name)};
	}
	qsort(items, names.n, sizeof(*items), compare_names);
	return DRAFT_ROW(draft, draft_word(draft, "\""), unlike(reader, &names, 0),
			 draft_word(draft, "\""));
}

/* ---- objects ---- */

struct property {
	const char *name;
	const json_t *schema;
	bool is_required;
};

struct object {
	struct property *properties; /* [n] */
	size_t n;
	size_t n_required;
	json_t *others; /* what additionalProperties says; NULL: none are written */
	uint32_t least; /* additional ones */
	uint32_t most;
	bool is_not_empty;
};

/* KEY : value; NAME is NULL for an additional one. */
static uint32_t pair(struct schema_reader *reader, uint32_t key, const char *name,
		     const json_t *schema)
{
	struct grammar_draft *draft = &reader->draft;
	size_t length = schema_enter(reader, name ? "/properties/%s" : "/additionalProperties%s",
				     name ? name : "");
	uint32_t value = schema ? schema_call(reader, schema) : schema_shared(reader, SCHEMA_VALUE);

	schema_leave(reader, length);
	return DRAFT_ROW(draft, key, draft_word(draft, ":"), space(reader), value);
}

static uint32_t key_of(struct schema_reader *reader, const char *name)
{
	json_t *text = json_string(name);
	char *dumped = text ? json_dumps(text, JSON_ENCODE_ANY) : NULL;
	uint32_t expr = EXPR_NONE;

	if (schema_is_well(reader, dumped ? 0 : -ENOMEM))
		expr = draft_word(&reader->draft, dumped);
	free(dumped);
	json_decref(text);
	return expr;
}

static uint32_t property_pair(struct schema_reader *reader, const struct property *property)
{
	return pair(reader, key_of(reader, property->name), property->name, property->schema);
}

/* , pair for each property from I on, and the additional ones: what follows a first pair. */
static uint32_t rest_after(struct schema_reader *reader, uint32_t pair_rule, bool is_required,
			   uint32_t rest_rule)
{
	struct grammar_draft *draft = &reader->draft;
	uint32_t one = DRAFT_ROW(draft, comma(reader), draft_rule(draft, pair_rule));

	if (!is_required)
		one = draft_repeat(draft, one, 0, 1);
	return DRAFT_ROW(draft, one, draft_rule(draft, rest_rule));
}

static uint32_t less(uint32_t most, uint32_t n)
{
	return most == REPEAT_MANY ? most : most > n ? most - n : 0;
}

/*
 * The pairs of an object. Backwards over the properties: REST is what may follow once something is
 * written, FIRST what may be written from here while nothing is.
 */
static uint32_t pairs(struct schema_reader *reader, const struct object *object,
		      uint32_t other_rule)
{
	struct grammar_draft *draft = &reader->draft;
	uint32_t first = draft_choice(draft), rest, before;

	if (!object->is_not_empty && object->n_required == 0)
		draft_append(draft, first, draft_word(draft, ""));
	rest = schema_own_rule(
		reader,
		draft_repeat(draft, DRAFT_ROW(draft, comma(reader), draft_rule(draft, other_rule)),
			     0, object->others ? object->most : 0));
	if (object->others && object->most > 0)
		draft_append(draft, first,
			     DRAFT_ROW(draft, draft_rule(draft, other_rule),
				       draft_repeat(draft,
						    DRAFT_ROW(draft, comma(reader),
							      draft_rule(draft, other_rule)),
						    0, less(object->most, 1))));
	for (size_t i = object->n; i-- > 0 && schema_is_well(reader, 0);) {
		const struct property *property = &object->properties[i];
		uint32_t rule = schema_own_rule(reader, property_pair(reader, property));

		before = draft_choice(draft);
		draft_append(draft, before,
			     DRAFT_ROW(draft, draft_rule(draft, rule), draft_rule(draft, rest)));
		if (!property->is_required)
			draft_append(draft, before, first);
		first = draft_rule(draft, schema_own_rule(reader, before));
		rest = schema_own_rule(reader,
				       rest_after(reader, rule, property->is_required, rest));
	}
	return first;
}

static bool is_named(const json_t *list, const char *name)
{
	const json_t *value;
	size_t i;

	json_array_foreach(list, i, value) {
		if (json_is_string(value) && strcmp(json_string_value(value), name) == 0)
			return true;
	}
	return false;
}

/* Required names that nothing describes come last. */
static void add_undescribed(struct object *object, json_t *properties, const json_t *required)
{
	const json_t *value;
	size_t i;

	json_array_foreach(required, i, value) {
		const char *name = json_string_value(value);
		bool is_known = !name || json_object_get(properties, name);

		for (size_t k = 0; k < object->n && !is_known; k++)
			is_known = strcmp(object->properties[k].name, name) == 0;
		if (!is_known)
			object->properties[object->n++] =
				(struct property){name, object->others, true};
	}
}

static bool find_properties(struct schema_reader *reader, const json_t *schema,
			    struct object *object)
{
	json_t *properties = json_object_get(schema, "properties"), *value;
	const json_t *required = json_object_get(schema, "required");
	const char *name;

	if ((properties && !json_is_object(properties)) || (required && !json_is_array(required)))
		(void)schema_refuse(reader, EINVAL,
				    "properties must be an object, required an array");
	if (json_object_size(properties) + json_array_size(required) > SCHEMA_PROPERTIES_MAX)
		(void)schema_refuse(reader, E2BIG, "more than %d properties",
				    SCHEMA_PROPERTIES_MAX);
	object->properties = calloc(json_object_size(properties) + json_array_size(required) + 1,
				    sizeof(*object->properties));
	if (!schema_is_well(reader, object->properties ? 0 : -ENOMEM))
		return false;
	json_object_foreach(properties, name, value)
		object->properties[object->n++] =
			(struct property){name, value, is_named(required, name)};
	object->others = json_object_get(schema, "additionalProperties");
	add_undescribed(object, properties, required);
	for (size_t i = 0; i < object->n; i++)
		object->n_required += object->properties[i].is_required;
	if (!object->others && object->n == 0)
		object->others = json_true();
	if (json_is_false(object->others))
		object->others = NULL;
	return true;
}

/* Whether the numbers of properties that SCHEMA wants can be counted while writing. A key may be
 * written twice and is one property then, so more than one cannot be told from additional ones. */
static bool find_counts(struct schema_reader *reader, const json_t *schema, struct object *object)
{
	uint32_t least = 0, most = REPEAT_MANY;

	(void)schema_count(reader, schema, "minProperties", &least);
	(void)schema_count(reader, schema, "maxProperties", &most);
	object->is_not_empty = least > 0;
	object->most = less(most, (uint32_t)object->n);
	if (least > MAX(object->n_required, 1) || most < object->n)
		(void)schema_refuse(
			reader, ENOTSUP,
			"minProperties and maxProperties cannot be enforced unless the "
			"required properties are as many, or the described ones no more");
	return schema_is_well(reader, 0);
}

uint32_t schema_object(struct schema_reader *reader, const json_t *schema)
{
	struct grammar_draft *draft = &reader->draft;
	struct object object = {0};
	uint32_t expr = EXPR_NONE;

	if (find_properties(reader, schema, &object) && find_counts(reader, schema, &object)) {
		json_t *properties = json_object_get(schema, "properties");
		uint32_t other_rule =
			object.others ? schema_own_rule(reader,
							pair(reader, other_key(reader, properties),
							     NULL, object.others))
				      : schema_own_rule(reader, draft_choice(draft));

		expr = DRAFT_ROW(draft, draft_word(draft, "{"), space(reader),
				 pairs(reader, &object, other_rule), space(reader),
				 draft_word(draft, "}"));
	}
	free(object.properties);
	return expr;
}

/* ---- arrays ---- */

struct list {
	const json_t *prefix; /* NULL: none */
	const json_t *items;  /* NULL: none are written */
	uint32_t least;
	uint32_t most;
};

static bool read_list(struct schema_reader *reader, const json_t *schema, struct list *list)
{
	list->prefix = json_object_get(schema, "prefixItems");
	list->items = json_object_get(schema, "items");
	if (json_is_array(list->items)) { /* before draft 2020 */
		list->prefix = list->items;
		list->items = json_object_get(schema, "additionalItems");
	}
	if (list->prefix && !json_is_array(list->prefix))
		(void)schema_refuse(reader, EINVAL, "prefixItems must be an array");
	list->most = REPEAT_MANY;
	(void)schema_count(reader, schema, "minItems", &list->least);
	(void)schema_count(reader, schema, "maxItems", &list->most);
	/* Past a tuple's end only what is asked for. */
	if (!list->items && (!list->prefix || list->least > json_array_size(list->prefix)))
		list->items = json_true();
	if (json_is_false(list->items))
		list->items = NULL;
	return schema_is_well(reader, 0);
}

/* LEAST to MOST times ITEM, with commas between them, and before the first where AFTER. */
static uint32_t items(struct schema_reader *reader, uint32_t item_rule, uint32_t least,
		      uint32_t most, bool after)
{
	struct grammar_draft *draft = &reader->draft;
	uint32_t next = DRAFT_ROW(draft, comma(reader), draft_rule(draft, item_rule)), row;

	if (after)
		return draft_repeat(draft, next, least, most);
	row = DRAFT_ROW(draft, draft_rule(draft, item_rule),
			draft_repeat(draft, next, least > 0 ? least - 1 : 0, less(most, 1)));
	return draft_repeat(draft, row, least > 0, most > 0);
}

static uint32_t list_items(struct schema_reader *reader, const struct list *list)
{
	struct grammar_draft *draft = &reader->draft;
	uint32_t sequence = draft_sequence(draft), n = 0, item_rule;
	const json_t *schema;
	size_t i, length;

	json_array_foreach(list->prefix, i, schema) {
		if (n == list->most)
			break;
		if (n++ > 0)
			draft_append(draft, sequence, comma(reader));
		length = schema_enter(reader, "/prefixItems/%zu", i);
		draft_append(draft, sequence, schema_call(reader, schema));
		schema_leave(reader, length);
	}
	length = schema_enter(reader, "/items");
	if (list->least > n && (!list->items || list->most < list->least)) {
		sequence = draft_choice(draft); /* nothing has so many */
	} else if (list->items && less(list->most, n) > 0) {
		item_rule = schema_own_rule(reader, schema_call(reader, list->items));
		draft_append(draft, sequence,
			     items(reader, item_rule, list->least > n ? list->least - n : 0,
				   less(list->most, n), n > 0));
	}
	schema_leave(reader, length);
	return sequence;
}

uint32_t schema_array(struct schema_reader *reader, const json_t *schema)
{
	struct grammar_draft *draft = &reader->draft;
	struct list list = {0};

	if (!read_list(reader, schema, &list))
		return EXPR_NONE;
	return DRAFT_ROW(draft, draft_word(draft, "["), space(reader), list_items(reader, &list),
			 space(reader), draft_word(draft, "]"));
}

// SPDX-License-Identifier: MIT
/* Owns the conversion of JSON. Refuses what is nested too deep to be walked. */
#include <errno.h>
#include <string.h>

#include "jinja_from_json.h"

static int convert(struct arena *arena, const json_t *json, int depth, struct jinja_value *ret);

static int convert_string(struct arena *arena, const char *text, size_t size,
			  struct jinja_value *ret)
{
	const struct jinja_string *string = jinja_string_create(arena, text, size, true);

	if (!string)
		return -ENOMEM;
	*ret = jinja_of_string(string);
	return 0;
}

static int convert_array(struct arena *arena, const json_t *json, int depth,
			 struct jinja_value *ret)
{
	struct jinja_list *list = jinja_list_create(arena, JINJA_LIST_PLAIN, json_array_size(json));
	int r = list ? 0 : -ENOMEM;

	for (size_t i = 0; i < json_array_size(json) && r == 0; i++) {
		struct jinja_value item;

		r = convert(arena, json_array_get(json, i), depth, &item);
		if (r == 0)
			r = jinja_list_add(arena, list, item);
	}
	if (r == 0)
		*ret = jinja_of_list(list);
	return r;
}

static int convert_object(struct arena *arena, const json_t *json, int depth,
			  struct jinja_value *ret)
{
	struct jinja_dict *dict = jinja_dict_create(arena, json_object_size(json));
	json_t *object = (json_t *)json; /* jansson's iterators are not const */
	int r = dict ? 0 : -ENOMEM;

	for (void *at = json_object_iter(object); at && r == 0;
	     at = json_object_iter_next(object, at)) {
		const char *name = json_object_iter_key(at);
		struct jinja_value key, value;

		r = convert_string(arena, name, strlen(name), &key);
		if (r == 0)
			r = convert(arena, json_object_iter_value(at), depth, &value);
		if (r == 0)
			r = jinja_dict_add(arena, dict, key, value);
	}
	if (r == 0)
		*ret = jinja_of_dict(dict);
	return r;
}

static int convert(struct arena *arena, const json_t *json, int depth, struct jinja_value *ret)
{
	if (depth > JINJA_JSON_DEPTH_MAX)
		return -E2BIG;
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		return convert_object(arena, json, depth + 1, ret);
	case JSON_ARRAY:
		return convert_array(arena, json, depth + 1, ret);
	case JSON_STRING:
		return convert_string(arena, json_string_value(json), json_string_length(json),
				      ret);
	case JSON_INTEGER:
		*ret = jinja_int(json_integer_value(json));
		return 0;
	case JSON_REAL:
		*ret = jinja_float(json_real_value(json));
		return 0;
	case JSON_NULL:
		*ret = jinja_none();
		return 0;
	default:
		*ret = jinja_bool(json_is_true(json));
		return 0;
	}
}

int jinja_from_json(struct arena *arena, const json_t *json, struct jinja_value *ret_value)
{
	return convert(arena, json, 0, ret_value);
}

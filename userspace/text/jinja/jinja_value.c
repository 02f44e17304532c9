// SPDX-License-Identifier: MIT
/* Owns how lists and dicts are kept: arrays that double, searched from the front. */
#include <errno.h>
#include <string.h>

#include "array.h"
#include "jinja_value.h"

const char *jinja_kind_name(struct jinja_value value)
{
	static const char *const names[] = {
		[JINJA_UNDEFINED] = "an undefined value",
		[JINJA_MISSING] = "nothing",
		[JINJA_NONE] = "none",
		[JINJA_BOOL] = "a boolean",
		[JINJA_INT] = "an integer",
		[JINJA_FLOAT] = "a float",
		[JINJA_STRING] = "a string",
		[JINJA_LIST] = "a list",
		[JINJA_DICT] = "a dict",
		[JINJA_NAMESPACE] = "a namespace",
		[JINJA_LOOP] = "a loop",
		[JINJA_CALLABLE] = "a function",
	};

	return names[value.kind];
}

struct jinja_list *jinja_list_create(struct arena *arena, enum jinja_list_type type,
				     size_t capacity)
{
	struct jinja_list *list = arena_alloc(arena, sizeof(*list));

	if (!list)
		return NULL;
	list->type = type;
	if (capacity == 0)
		return list;
	list->items = arena_array(arena, capacity, sizeof(*list->items));
	list->capacity = capacity;
	return list->items ? list : NULL;
}

/* Room for one more of *ITEMS. */
static int make_room(struct arena *arena, void *items, size_t n, size_t *capacity,
		     size_t item_bytes)
{
	size_t wanted = MAX(2 * *capacity, (size_t)4);
	void *grown;

	if (n < *capacity)
		return 0;
	grown = arena_grow(arena, *(void **)items, n * item_bytes, wanted * item_bytes);
	if (!grown)
		return -ENOMEM;
	*(void **)items = grown;
	*capacity = wanted;
	return 0;
}

int jinja_list_add(struct arena *arena, struct jinja_list *list, struct jinja_value value)
{
	if (make_room(arena, &list->items, list->n, &list->capacity, sizeof(value)) < 0)
		return -ENOMEM;
	list->items[list->n++] = value;
	return 0;
}

struct jinja_dict *jinja_dict_create(struct arena *arena, size_t capacity)
{
	struct jinja_dict *dict = arena_alloc(arena, sizeof(*dict));

	if (!dict)
		return NULL;
	if (capacity == 0)
		return dict;
	dict->pairs = arena_array(arena, capacity, sizeof(*dict->pairs));
	dict->capacity = capacity;
	return dict->pairs ? dict : NULL;
}

struct jinja_value *jinja_dict_find(const struct jinja_dict *dict, const char *name, size_t size)
{
	for (size_t i = 0; i < dict->n; i++) {
		struct jinja_pair *pair = &dict->pairs[i];

		if (pair->key.kind == JINJA_STRING && pair->key.string->size == size &&
		    memcmp(pair->key.string->data, name, size) == 0)
			return &pair->value;
	}
	return NULL;
}

int jinja_dict_add(struct arena *arena, struct jinja_dict *dict, struct jinja_value key,
		   struct jinja_value value)
{
	struct jinja_pair pair = {key, value};

	if (make_room(arena, &dict->pairs, dict->n, &dict->capacity, sizeof(pair)) < 0)
		return -ENOMEM;
	dict->pairs[dict->n++] = pair;
	return 0;
}

int jinja_dict_set(struct arena *arena, struct jinja_dict *dict, const char *name,
		   struct jinja_value value)
{
	struct jinja_value *found = jinja_dict_find(dict, name, strlen(name));
	const struct jinja_string *key;

	if (found) {
		*found = value;
		return 0;
	}
	key = jinja_string_create(arena, name, strlen(name), false);
	if (!key)
		return -ENOMEM;
	return jinja_dict_add(arena, dict, jinja_of_string(key), value);
}

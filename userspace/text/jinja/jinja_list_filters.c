// SPDX-License-Identifier: MIT
/*
 * Owns the filters that work on lists. What Jinja makes one by one, when it is asked for, is made at
 * once here: only the moment of a failure differs.
 */
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "jinja_methods.h"
#include "jinja_unicode.h"

/* ---- attributes of items ---- */

/* One name between dots, which is an index where it is made of digits. */
static struct jinja_value step_into(struct jinja_state *state, struct jinja_value item,
				    const struct jinja_string *path, size_t begin, size_t end)
{
	size_t digits = begin;
	int64_t index = 0;

	while (digits < end && digits - begin < 9 &&
	       unicode_is_digit((unsigned char)path->data[digits]))
		index = index * 10 + (path->data[digits++] - '0');
	if (digits == end && end > begin)
		return jinja_item(state, item, jinja_int(index));
	return jinja_item(state, item, jinja_part(state, path, begin, end));
}

/* What ATTRIBUTE ("a.b.0", or an index) finds in ITEM. */
static struct jinja_value attribute_of(struct jinja_state *state, struct jinja_value item,
				       struct jinja_value attribute)
{
	const struct jinja_string *path;
	size_t begin = 0;

	if (attribute.kind == JINJA_MISSING || attribute.kind == JINJA_NONE)
		return item;
	if (attribute.kind != JINJA_STRING)
		return jinja_item(state, item, attribute);
	path = attribute.string;
	while (begin <= path->size && !jinja_failed(state)) {
		const char *dot = memchr(path->data + begin, '.', path->size - begin);
		size_t end = dot ? (size_t)(dot - path->data) : path->size;

		item = step_into(state, item, path, begin, end);
		begin = end + 1;
	}
	return item;
}

/* What items are compared by: an attribute, without regard to case unless SENSITIVE. */
static struct jinja_value key_of(struct jinja_state *state, struct jinja_value item,
				 struct jinja_value attribute, bool sensitive)
{
	struct jinja_value key = attribute_of(state, item, attribute);
	struct jinja_arguments none = {0};

	if (sensitive || key.kind != JINJA_STRING || jinja_failed(state))
		return key;
	return jinja_call_builtin(state, jinja_find_filter("lower", 5), key, &none);
}

static struct jinja_value of_list(struct jinja_list *list)
{
	return list ? jinja_of_list(list) : jinja_undefined();
}

/* ---- whole lists ---- */

static struct jinja_value filter_length(struct jinja_state *state, const struct jinja_call *call)
{
	int64_t n = jinja_length(state, call->self);

	return n < 0 ? jinja_fail_kind(state, "length", call->self) : jinja_int(n);
}

static struct jinja_value filter_list(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_list *items = jinja_items(state, call->self);
	struct jinja_list *list = jinja_new_list(state, JINJA_LIST_PLAIN);

	for (size_t i = 0; items && i < items->n && !jinja_failed(state); i++)
		jinja_append(state, list, items->items[i]);
	return of_list(list);
}

static struct jinja_value filter_first(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_list *items = jinja_items(state, call->self);

	return items && items->n > 0 ? items->items[0] : jinja_undefined();
}

static struct jinja_value filter_last(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_list *items;

	if (call->self.kind == JINJA_LIST && call->self.list->type == JINJA_LIST_GENERATOR)
		return jinja_fail(state, "the last of a generator is not to be had without a list");
	items = jinja_items(state, call->self);
	return items && items->n > 0 ? items->items[items->n - 1] : jinja_undefined();
}

static struct jinja_value filter_reverse(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_value bounds[3] = {jinja_none(), jinja_none(), jinja_int(-1)};
	const struct jinja_list *items;
	struct jinja_list *list;

	if (call->self.kind == JINJA_STRING)
		return jinja_slice(state, call->self, bounds);
	list = jinja_new_list(state, JINJA_LIST_GENERATOR);
	if (call->self.kind == JINJA_LIST && call->self.list->type == JINJA_LIST_GENERATOR && list)
		list->type = JINJA_LIST_PLAIN;
	items = jinja_items(state, call->self);
	for (size_t i = items ? items->n : 0; i > 0 && !jinja_failed(state); i--)
		jinja_append(state, list, items->items[i - 1]);
	return of_list(list);
}

static struct jinja_value filter_join(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_list *items = jinja_items(state, call->self);
	struct jinja_builder builder = jinja_begin_text(state);

	for (size_t i = 0; items && i < items->n && jinja_charge(state, 0); i++) {
		if (i > 0 && call->arguments[0].kind != JINJA_MISSING)
			jinja_print(state, &builder, call->arguments[0]);
		jinja_print(state, &builder,
			    attribute_of(state, items->items[i], call->arguments[1]));
	}
	return jinja_end_text(state, &builder);
}

static struct jinja_value filter_items(struct jinja_state *state, const struct jinja_call *call)
{
	struct jinja_list *list = jinja_new_list(state, JINJA_LIST_GENERATOR);

	if (call->self.kind == JINJA_UNDEFINED)
		return of_list(list);
	if (call->self.kind != JINJA_DICT)
		return jinja_fail_kind(state, "items", call->self);
	for (size_t i = 0; i < call->self.dict->n && !jinja_failed(state); i++)
		jinja_append(state, list, jinja_pair_of(state, &call->self.dict->pairs[i]));
	return of_list(list);
}

static struct jinja_value filter_sum(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_list *items = jinja_items(state, call->self);
	struct jinja_value sum = call->arguments[1];

	if (sum.kind == JINJA_MISSING)
		sum = jinja_int(0);
	if (sum.kind == JINJA_STRING)
		return jinja_fail_kind(state, "sum", sum);
	for (size_t i = 0; items && i < items->n && !jinja_failed(state); i++) {
		struct jinja_value item = attribute_of(state, items->items[i], call->arguments[0]);

		if (!jinja_failed(state))
			sum = jinja_binary(state, '+', sum, item);
	}
	return sum;
}

static struct jinja_value filter_attr(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_string *name = jinja_text_of(state, call->arguments[0]);

	if (!name)
		return jinja_undefined();
	if (call->self.kind == JINJA_DICT && !jinja_find_method(call->self, name->data, name->size))
		return jinja_undefined();
	return jinja_attribute(state, call->self, name);
}

/* ---- order ---- */

struct sortable {
	struct jinja_value key;
	struct jinja_value item;
	size_t place;
};

struct sorting {
	struct jinja_state *state;
	bool reverse;
};

static int by_key(const void *a, const void *b, void *data)
{
	const struct sortable *left = a, *right = b;
	const struct sorting *sorting = data;
	int order = 0;

	if (jinja_charge(sorting->state, 0))
		order = jinja_order(sorting->state, left->key, right->key);
	if (order == 0)
		return left->place < right->place ? -1 : 1;
	return sorting->reverse ? -order : order;
}

/* ITEMS by their KEYS into a new list. */
static struct jinja_value sort_items(struct jinja_state *state, struct sortable *sortables,
				     size_t n, bool reverse)
{
	struct sorting sorting = {state, reverse};
	struct jinja_list *list = jinja_new_list(state, JINJA_LIST_PLAIN);

	if (jinja_failed(state))
		return jinja_undefined();
	if (n > 1)
		qsort_r(sortables, n, sizeof(*sortables), by_key, &sorting);
	for (size_t i = 0; i < n && !jinja_failed(state); i++)
		jinja_append(state, list, sortables[i].item);
	return of_list(list);
}

static struct sortable *new_sortables(struct jinja_state *state, size_t n)
{
	struct sortable *sortables = arena_array(state->arena, n, sizeof(*sortables));

	if (!sortables)
		(void)jinja_fail_memory(state);
	return sortables;
}

/* The key of a sort by several attributes, with commas between them, is a list. */
static struct jinja_value sort_key(struct jinja_state *state, struct jinja_value item,
				   struct jinja_value attribute, bool sensitive)
{
	const struct jinja_string *path = attribute.string;
	struct jinja_list *keys;
	size_t begin = 0;

	if (attribute.kind != JINJA_STRING || !memchr(path->data, ',', path->size))
		return key_of(state, item, attribute, sensitive);
	keys = jinja_new_list(state, JINJA_LIST_PLAIN);
	while (begin <= path->size && !jinja_failed(state)) {
		const char *comma = memchr(path->data + begin, ',', path->size - begin);
		size_t end = comma ? (size_t)(comma - path->data) : path->size;
		struct jinja_value part = jinja_part(state, path, begin, end);

		jinja_append(state, keys, key_of(state, item, part, sensitive));
		begin = end + 1;
	}
	return of_list(keys);
}

static struct jinja_value filter_sort(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_list *items = jinja_items(state, call->self);
	struct sortable *sortables = items ? new_sortables(state, items->n) : NULL;

	for (size_t i = 0; sortables && i < items->n && !jinja_failed(state); i++)
		sortables[i] = (struct sortable){
			.key = sort_key(state, items->items[i], call->arguments[2],
					jinja_truth(call->arguments[1])),
			.item = items->items[i],
			.place = i,
		};
	if (jinja_failed(state))
		return jinja_undefined();
	return sort_items(state, sortables, items->n, jinja_truth(call->arguments[0]));
}

static struct jinja_value filter_dictsort(struct jinja_state *state, const struct jinja_call *call)
{
	bool by_value = jinja_is_string(call->arguments[1], "value");
	const struct jinja_dict *dict = call->self.dict;
	struct sortable *sortables;

	if (call->self.kind != JINJA_DICT)
		return jinja_fail_kind(state, "dictsort", call->self);
	if (!by_value && call->arguments[1].kind != JINJA_MISSING &&
	    !jinja_is_string(call->arguments[1], "key"))
		return jinja_fail(state, "dictsort sorts by key or value");
	sortables = new_sortables(state, dict->n);
	for (size_t i = 0; i < dict->n && !jinja_failed(state); i++)
		sortables[i] = (struct sortable){
			.key = key_of(state, by_value ? dict->pairs[i].value : dict->pairs[i].key,
				      jinja_none(), jinja_truth(call->arguments[0])),
			.item = jinja_pair_of(state, &dict->pairs[i]),
			.place = i,
		};
	return sort_items(state, sortables, dict->n, jinja_truth(call->arguments[2]));
}

/* The first of the items that none comes before (SIGN -1) or after (1). */
static struct jinja_value outermost(struct jinja_state *state, const struct jinja_call *call,
				    int sign)
{
	const struct jinja_list *items = jinja_items(state, call->self);
	bool sensitive = jinja_truth(call->arguments[0]);
	struct jinja_value best = jinja_undefined(), best_key = best;

	for (size_t i = 0; items && i < items->n && jinja_charge(state, 0); i++) {
		struct jinja_value key =
			key_of(state, items->items[i], call->arguments[1], sensitive);

		if (jinja_failed(state))
			break;
		if (i > 0 && jinja_order(state, key, best_key) * sign <= 0)
			continue;
		best = items->items[i];
		best_key = key;
	}
	return best;
}

static struct jinja_value filter_min(struct jinja_state *state, const struct jinja_call *call)
{
	return outermost(state, call, -1);
}

static struct jinja_value filter_max(struct jinja_state *state, const struct jinja_call *call)
{
	return outermost(state, call, 1);
}

static struct jinja_value filter_unique(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_list *items = jinja_items(state, call->self);
	struct jinja_list *list = jinja_new_list(state, JINJA_LIST_GENERATOR);
	struct jinja_dict *seen = jinja_new_dict(state);

	for (size_t i = 0; items && i < items->n && !jinja_failed(state); i++) {
		struct jinja_value key = key_of(state, items->items[i], call->arguments[1],
						jinja_truth(call->arguments[0]));
		size_t n;

		if (jinja_failed(state))
			break;
		n = seen->n;
		jinja_put(state, seen, key, jinja_none());
		if (seen->n > n)
			jinja_append(state, list, items->items[i]);
	}
	return of_list(list);
}

/* ---- map, select, reject ---- */

/* What map, select and their like go through: nothing where there is none or it is false. */
static const struct jinja_list *items_or_none(struct jinja_state *state, struct jinja_value value)
{
	return jinja_items(state, jinja_truth(value) ? value : jinja_undefined());
}

/* The arguments of a call without the first N by position. */
static struct jinja_arguments rest_of(const struct jinja_arguments *given, size_t n)
{
	n = MIN(n, given->n);
	return (struct jinja_arguments){n > 0 ? given->values + n : given->values, given->n - n,
					given->named};
}

static struct jinja_value filter_map(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_list *items = items_or_none(state, call->self);
	struct jinja_list *list = jinja_new_list(state, JINJA_LIST_GENERATOR);
	const struct jinja_arguments *given = call->given;
	const struct jinja_value *attribute = jinja_named(given, "attribute");
	const struct jinja_value *otherwise = jinja_named(given, "default");
	const struct jinja_builtin *filter = NULL;
	struct jinja_arguments rest = rest_of(given, 1);

	if (given->n > 0 && given->values[0].kind == JINJA_STRING)
		filter = jinja_find_filter(given->values[0].string->data,
					   given->values[0].string->size);
	if ((given->n == 0) != (attribute != NULL) || (given->n > 0 && !filter))
		return jinja_fail(state, "map wants the name of a filter, or attribute=");
	for (size_t i = 0; items && i < items->n && !jinja_failed(state); i++) {
		struct jinja_value item = items->items[i];

		if (filter)
			item = jinja_call_builtin(state, filter, item, &rest);
		else
			item = attribute_of(state, item, *attribute);
		if (!filter && item.kind == JINJA_UNDEFINED && otherwise)
			item = *otherwise;
		jinja_append(state, list, item);
	}
	return of_list(list);
}

/* What select and its like ask of each item. */
struct question {
	struct jinja_value attribute;	  /* MISSING: the item itself */
	const struct jinja_builtin *test; /* NULL: whether it is true */
	struct jinja_arguments arguments;
	bool wanted; /* the answer of those that are kept */
};

static struct jinja_value select_items(struct jinja_state *state, struct jinja_value from,
				       const struct question *question)
{
	const struct jinja_list *items = items_or_none(state, from);
	struct jinja_list *list = jinja_new_list(state, JINJA_LIST_GENERATOR);

	for (size_t i = 0; items && i < items->n && !jinja_failed(state); i++) {
		struct jinja_value value =
			attribute_of(state, items->items[i], question->attribute);

		if (question->test && !jinja_failed(state))
			value = jinja_call_builtin(state, question->test, value,
						   &question->arguments);
		if (jinja_truth(value) == question->wanted)
			jinja_append(state, list, items->items[i]);
	}
	return of_list(list);
}

static struct jinja_value ask(struct jinja_state *state, const struct jinja_call *call,
			      bool by_attribute, bool wanted)
{
	const struct jinja_arguments *given = call->given;
	struct question question = {.attribute = {.kind = JINJA_MISSING}, .wanted = wanted};
	size_t n = 0;

	if (by_attribute && given->n == 0)
		return jinja_fail(state, "selectattr and rejectattr want an attribute");
	if (by_attribute)
		question.attribute = given->values[n++];
	if (given->n > n) {
		struct jinja_value name = given->values[n++];

		if (name.kind == JINJA_STRING)
			question.test = jinja_find_test(name.string->data, name.string->size);
		if (!question.test)
			return jinja_fail(state, "select and its like want the name of a test");
	}
	question.arguments = rest_of(given, n);
	return select_items(state, call->self, &question);
}

static struct jinja_value filter_select(struct jinja_state *state, const struct jinja_call *call)
{
	return ask(state, call, false, true);
}

static struct jinja_value filter_reject(struct jinja_state *state, const struct jinja_call *call)
{
	return ask(state, call, false, false);
}

static struct jinja_value filter_selectattr(struct jinja_state *state,
					    const struct jinja_call *call)
{
	return ask(state, call, true, true);
}

static struct jinja_value filter_rejectattr(struct jinja_state *state,
					    const struct jinja_call *call)
{
	return ask(state, call, true, false);
}

/* ---- parts ---- */

static int64_t part_argument(struct jinja_state *state, const struct jinja_call *call)
{
	struct jinja_value value = call->arguments[0];

	if (jinja_is_integer(value) && jinja_integer(value) > 0 &&
	    jinja_integer(value) <= INT32_MAX)
		return jinja_integer(value);
	(void)jinja_fail(state, "batch and slice want a number from 1");
	return 1;
}

static bool fills(const struct jinja_call *call)
{
	return call->arguments[1].kind != JINJA_MISSING && call->arguments[1].kind != JINJA_NONE;
}

static struct jinja_value filter_batch(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_list *items = jinja_items(state, call->self);
	struct jinja_list *list = jinja_new_list(state, JINJA_LIST_GENERATOR), *part = NULL;
	size_t size = (size_t)part_argument(state, call);

	for (size_t i = 0; items && i < items->n && !jinja_failed(state); i++) {
		if (i % size == 0) {
			part = jinja_new_list(state, JINJA_LIST_PLAIN);
			jinja_append(state, list, of_list(part));
		}
		jinja_append(state, part, items->items[i]);
	}
	while (part && fills(call) && part->n < size && !jinja_failed(state))
		jinja_append(state, part, call->arguments[1]);
	return of_list(list);
}

static struct jinja_value filter_slice(struct jinja_state *state, const struct jinja_call *call)
{
	const struct jinja_list *items = jinja_items(state, call->self);
	struct jinja_list *list = jinja_new_list(state, JINJA_LIST_GENERATOR);
	size_t n = (size_t)part_argument(state, call), at = 0;
	size_t each = items ? items->n / n : 0, more = items ? items->n % n : 0;

	for (size_t i = 0; i < n && items && !jinja_failed(state); i++) {
		struct jinja_list *part = jinja_new_list(state, JINJA_LIST_PLAIN);
		size_t end = at + each + (i < more);

		while (at < end && !jinja_failed(state))
			jinja_append(state, part, items->items[at++]);
		if (fills(call) && i >= more)
			jinja_append(state, part, call->arguments[1]);
		jinja_append(state, list, of_list(part));
	}
	return of_list(list);
}

const struct jinja_builtin jinja_list_filters[] = {
	{.name = "length", .call = filter_length},
	{.name = "count", .call = filter_length},
	{.name = "list", .call = filter_list},
	{.name = "first", .call = filter_first},
	{.name = "last", .call = filter_last},
	{.name = "reverse", .call = filter_reverse},
	{.name = "join", .call = filter_join, {"d", "attribute"}},
	{.name = "items", .call = filter_items},
	{.name = "sum", .call = filter_sum, {"attribute", "start"}},
	{.name = "attr", .call = filter_attr, {"name"}, 1},
	{.name = "sort", .call = filter_sort, {"reverse", "case_sensitive", "attribute"}},
	{.name = "dictsort", .call = filter_dictsort, {"case_sensitive", "by", "reverse"}},
	{.name = "min", .call = filter_min, {"case_sensitive", "attribute"}},
	{.name = "max", .call = filter_max, {"case_sensitive", "attribute"}},
	{.name = "unique", .call = filter_unique, {"case_sensitive", "attribute"}},
	{.name = "map", .call = filter_map, .takes_any = true},
	{.name = "select", .call = filter_select, .takes_any = true},
	{.name = "reject", .call = filter_reject, .takes_any = true},
	{.name = "selectattr", .call = filter_selectattr, .takes_any = true},
	{.name = "rejectattr", .call = filter_rejectattr, .takes_any = true},
	{.name = "batch", .call = filter_batch, {"linecount", "fill_with"}, 1},
	{.name = "slice", .call = filter_slice, {"slices", "fill_with"}, 1},
	{0},
};

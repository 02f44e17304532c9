// SPDX-License-Identifier: MIT
/* Owns the search for builtins by name, and the list of names that are known to be refused. */
#include <string.h>

#include "array.h"
#include "jinja_builtin.h"

static bool is_named(const char *name, const char *text, size_t size)
{
	return strlen(name) == size && memcmp(name, text, size) == 0;
}

static const struct jinja_builtin *find(const struct jinja_builtin *list, const char *name,
					size_t size)
{
	for (; list->name; list++) {
		if (is_named(list->name, name, size))
			return list;
	}
	return NULL;
}

const struct jinja_builtin *jinja_find_filter(const char *name, size_t size)
{
	const struct jinja_builtin *found = find(jinja_text_filters, name, size);

	return found ? found : find(jinja_list_filters, name, size);
}

const struct jinja_builtin *jinja_find_test(const char *name, size_t size)
{
	return find(jinja_tests, name, size);
}

const struct jinja_builtin *jinja_find_method(struct jinja_value value, const char *name,
					      size_t size)
{
	const struct jinja_builtin *found;

	switch (value.kind) {
	case JINJA_STRING:
		found = find(jinja_string_methods, name, size);
		return found ? found : find(jinja_string_questions, name, size);
	case JINJA_DICT:
		return find(jinja_dict_methods, name, size);
	case JINJA_LIST:
		return value.list->type <= JINJA_LIST_RANGE ? find(jinja_list_methods, name, size)
							    : NULL;
	case JINJA_LOOP:
		return find(jinja_loop_methods, name, size);
	default:
		return NULL;
	}
}

static bool is_listed(const char *const *names, size_t n, const char *name, size_t size)
{
	for (size_t i = 0; i < n; i++) {
		if (is_named(names[i], name, size))
			return true;
	}
	return false;
}

bool jinja_is_refused_method(const char *name, size_t size)
{
	static const char *const names[] = {
		"encode",	    "expandtabs", "format_map", "isidentifier",
		"isprintable",	    "istitle",	  "maketrans",	"translate",
		"fromkeys",	    "strftime",	  "isoformat",	"hex",
		"as_integer_ratio", "bit_length", "to_bytes",	"is_integer",
	};

	return is_listed(names, ARRAY_SIZE(names), name, size);
}

bool jinja_is_refused_function(const char *name, size_t size)
{
	static const char *const names[] = {"cycler", "joiner", "lipsum", "get_flashed_messages"};

	return is_listed(names, ARRAY_SIZE(names), name, size);
}

/* SPDX-License-Identifier: MIT */
/* The filters, tests, methods and functions that templates find, by name. */
#ifndef SLM_TEXT_JINJA_BUILTIN_H
#define SLM_TEXT_JINJA_BUILTIN_H

#include "jinja_value.h"

enum { JINJA_PARAMETERS_MAX = 6 };

struct jinja_state;

/* Arguments as they were given. */
struct jinja_arguments {
	const struct jinja_value *values; /* [n] by position */
	size_t n;
	const struct jinja_dict *named; /* NULL: none */
};

struct jinja_call {
	struct jinja_value self; /* what is filtered, tested, or has the method */
	/* By the builtin's parameters; those that were not given are JINJA_MISSING. */
	struct jinja_value arguments[JINJA_PARAMETERS_MAX];
	const struct jinja_arguments *given;
};

struct jinja_builtin {
	const char *name;
	/* A failure is in STATE, and then the value does not matter. */
	struct jinja_value (*call)(struct jinja_state *state, const struct jinja_call *call);
	const char *parameters[JINJA_PARAMETERS_MAX];
	uint8_t n_required;
	bool takes_any; /* reads GIVEN: any number of arguments, also by name */
};

/* A list of builtins, ended by one without a name. */
extern const struct jinja_builtin jinja_text_filters[];
extern const struct jinja_builtin jinja_list_filters[];
extern const struct jinja_builtin jinja_tests[];
extern const struct jinja_builtin jinja_string_methods[];
extern const struct jinja_builtin jinja_string_questions[];
extern const struct jinja_builtin jinja_dict_methods[];
extern const struct jinja_builtin jinja_list_methods[];
extern const struct jinja_builtin jinja_loop_methods[];
extern const struct jinja_builtin jinja_functions[];

/* NULL for a name that is not known here. */
const struct jinja_builtin *jinja_find_filter(const char *name, size_t size);
const struct jinja_builtin *jinja_find_test(const char *name, size_t size);
/* The method of VALUE, NULL where it has none of that name. */
const struct jinja_builtin *jinja_find_method(struct jinja_value value, const char *name,
					      size_t size);

/* What Jinja or Python know and we do not. */
bool jinja_is_refused_method(const char *name, size_t size);
bool jinja_is_refused_function(const char *name, size_t size);

#endif

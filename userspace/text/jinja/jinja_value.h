/* SPDX-License-Identifier: MIT */
/*
 * The values of templates, as Python has them: what a template is given, and what its expressions
 * make. They live in arenas; small ones are passed by value.
 */
#ifndef SLM_TEXT_JINJA_VALUE_H
#define SLM_TEXT_JINJA_VALUE_H

#include "jinja_string.h"

enum jinja_kind {
	JINJA_UNDEFINED,
	JINJA_MISSING, /* an argument that was not given; no value of a template */
	JINJA_NONE,
	JINJA_BOOL,
	JINJA_INT,
	JINJA_FLOAT,
	JINJA_STRING,
	JINJA_LIST,
	JINJA_DICT,
	JINJA_NAMESPACE, /* the only thing that a template changes */
	JINJA_LOOP,
	JINJA_CALLABLE,
};

/* What Python would call a sequence; they differ in what may be done with them. */
enum jinja_list_type {
	JINJA_LIST_PLAIN,
	JINJA_LIST_TUPLE,
	JINJA_LIST_RANGE,
	JINJA_LIST_VIEW,      /* dict.items(): no index */
	JINJA_LIST_GENERATOR, /* map(): no index, no length, read once */
};

struct jinja_value {
	enum jinja_kind kind;
	union {
		bool boolean;
		int64_t integer;
		double number;
		const struct jinja_string *string; /* of UNDEFINED: its name, or NULL */
		struct jinja_list *list;
		struct jinja_dict *dict; /* also of NAMESPACE */
		struct jinja_loop *loop;
		const struct jinja_callable *callable;
	};
};

struct jinja_list {
	struct jinja_value *items; /* [n] */
	size_t n;
	size_t capacity;
	enum jinja_list_type type;
};

struct jinja_pair {
	struct jinja_value key;
	struct jinja_value value;
};

/* In the order of insertion. */
struct jinja_dict {
	struct jinja_pair *pairs; /* [n] */
	size_t n;
	size_t capacity;
};

static inline struct jinja_value jinja_undefined(void)
{
	return (struct jinja_value){.kind = JINJA_UNDEFINED};
}

static inline struct jinja_value jinja_none(void)
{
	return (struct jinja_value){.kind = JINJA_NONE};
}

static inline struct jinja_value jinja_bool(bool value)
{
	return (struct jinja_value){.kind = JINJA_BOOL, .boolean = value};
}

static inline struct jinja_value jinja_int(int64_t value)
{
	return (struct jinja_value){.kind = JINJA_INT, .integer = value};
}

static inline struct jinja_value jinja_float(double value)
{
	return (struct jinja_value){.kind = JINJA_FLOAT, .number = value};
}

static inline struct jinja_value jinja_of_string(const struct jinja_string *string)
{
	return (struct jinja_value){.kind = JINJA_STRING, .string = string};
}

static inline struct jinja_value jinja_of_list(struct jinja_list *list)
{
	return (struct jinja_value){.kind = JINJA_LIST, .list = list};
}

static inline struct jinja_value jinja_of_dict(struct jinja_dict *dict)
{
	return (struct jinja_value){.kind = JINJA_DICT, .dict = dict};
}

static inline bool jinja_is_string(struct jinja_value value, const char *text)
{
	return value.kind == JINJA_STRING && jinja_string_is(value.string, text);
}

/* An integer; booleans are integers too. */
static inline bool jinja_is_integer(struct jinja_value value)
{
	return value.kind == JINJA_INT || value.kind == JINJA_BOOL;
}

static inline int64_t jinja_integer(struct jinja_value value)
{
	return value.kind == JINJA_BOOL ? value.boolean : value.integer;
}

static inline bool jinja_is_number(struct jinja_value value)
{
	return jinja_is_integer(value) || value.kind == JINJA_FLOAT;
}

static inline double jinja_number(struct jinja_value value)
{
	return value.kind == JINJA_FLOAT ? value.number : (double)jinja_integer(value);
}

/* For messages: "a list". */
const char *jinja_kind_name(struct jinja_value value);

/* An empty list with room for CAPACITY items; NULL when out of memory. */
struct jinja_list *jinja_list_create(struct arena *arena, enum jinja_list_type type,
				     size_t capacity);
/* 0 or -ENOMEM (or past the arena's limit). */
int jinja_list_add(struct arena *arena, struct jinja_list *list, struct jinja_value value);

struct jinja_dict *jinja_dict_create(struct arena *arena, size_t capacity);
/* The value of the key that is the string NAME of SIZE bytes, or NULL. */
struct jinja_value *jinja_dict_find(const struct jinja_dict *dict, const char *name, size_t size);
/* Adds a pair whose key is not in DICT. 0 or -ENOMEM (or past the arena's limit). */
int jinja_dict_add(struct arena *arena, struct jinja_dict *dict, struct jinja_value key,
		   struct jinja_value value);
/* Sets what NAME (the template's own, NUL-terminated, not copied) stands for. 0 or -ENOMEM. */
int jinja_dict_set(struct arena *arena, struct jinja_dict *dict, const char *name,
		   struct jinja_value value);

#endif

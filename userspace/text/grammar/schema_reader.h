/* SPDX-License-Identifier: MIT */
/*
 * What the files that turn a JSON schema into a draft share. Functions give an expression; once
 * something has failed, EXPR_NONE, and reader->error is set.
 */
#ifndef SLM_TEXT_SCHEMA_READER_H
#define SLM_TEXT_SCHEMA_READER_H

#include <jansson.h>

#include "grammar_draft.h"
#include "log.h"

enum {
	SCHEMA_DEPTH_MAX = 48,	      /* $ref, allOf and anyOf in each other */
	SCHEMA_JOINS_MAX = 1 << 13,   /* schemas made by joining others */
	SCHEMA_JOINED_MAX = 1 << 18,  /* members that those have in all */
	SCHEMA_PAIRS_MAX = 1 << 20,   /* values compared to find what two schemas share */
	SCHEMA_ONE_OF_MAX = 64,	      /* alternatives, each compared with each */
	SCHEMA_PROPERTIES_MAX = 4096, /* of an object, and names required */
	SCHEMA_KEY_MAX = 64,	      /* bytes of a name that additional ones must differ from */
	SCHEMA_MULTIPLE_MAX = 500,    /* of multipleOf, powers of ten aside */
	SCHEMA_INTEGER_DIGITS = 18,
	SCHEMA_PATH_MAX = 256, /* shown */
};

/* Rules that many schemas use, made when first used. */
enum schema_rule {
	SCHEMA_SPACE,
	SCHEMA_CHARACTER, /* of a string, escaped where it must be */
	SCHEMA_STRING,
	SCHEMA_KEY_STRING, /* without escapes */
	SCHEMA_KEY_REST,   /* any number of its characters */
	SCHEMA_NUMBER,
	SCHEMA_INTEGER,
	SCHEMA_VALUE,
	SCHEMA_OBJECT,
	SCHEMA_ARRAY,
	SCHEMA_RULES,
};

struct schema_place {
	const json_t *schema;
	uint32_t rule; /* its expression, named by its JSON pointer */
};

struct schema_reader {
	const struct log *log;
	struct grammar_draft draft;
	json_t *document;
	json_t *made; /* an array that owns schemas made by joining */
	size_t n_joined;
	struct schema_place *places;
	size_t n_places, places_capacity;
	uint32_t rules[SCHEMA_RULES]; /* + 1; 0: not made */
	char path[SCHEMA_PATH_MAX];   /* of what is being read */
	unsigned depth;
	int error;
};

/* Logs "the schema, at 'PATH': ..." and sets ERROR (positive), if nothing has failed. EXPR_NONE. */
uint32_t schema_refuse(struct schema_reader *reader, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Sets what a call gave, where that is negative; whether all is well. */
bool schema_is_well(struct schema_reader *reader, int r);

/* Makes the path, a JSON pointer, longer; gives what schema_leave() takes to make it as before. */
size_t schema_enter(struct schema_reader *reader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void schema_leave(struct schema_reader *reader, size_t length);

/* A call of what satisfies SCHEMA, which is read later, at the present path. */
uint32_t schema_call(struct schema_reader *reader, const json_t *schema);
uint32_t schema_shared(struct schema_reader *reader, enum schema_rule rule);
/* A rule of EXPR without a name of its own, for what is used more than once. */
uint32_t schema_own_rule(struct schema_reader *reader, uint32_t expr);

/*
 * SCHEMA's member KEY as a count; false where there is none. Refuses what is no count. Where it is a
 * maximum, at most DRAFT_REPEAT_MAX: so many are not written anyway.
 */
bool schema_count(struct schema_reader *reader, const json_t *schema, const char *key,
		  uint32_t *ret_count);

/* schema_object.c: {...} and [...] */
uint32_t schema_object(struct schema_reader *reader, const json_t *schema);
uint32_t schema_array(struct schema_reader *reader, const json_t *schema);

/* schema_number.c */
uint32_t schema_number(struct schema_reader *reader, const json_t *schema, bool is_integer);

/* schema_string.c */
uint32_t schema_string(struct schema_reader *reader, const json_t *schema);
/* A character of SET as JSON writes it inside a string. SET is changed. */
uint32_t schema_characters(struct schema_reader *reader, struct code_set *set);

/* schema_pattern.c: what matches PATTERN, without quotes, of LEAST to MOST characters. */
uint32_t schema_pattern(struct schema_reader *reader, const char *pattern, uint32_t least,
			uint32_t most);

/* schema_join.c: what satisfies both A and B; lives as long as the reader. NULL on failure. */
const json_t *schema_join(struct schema_reader *reader, const json_t *a, const json_t *b);
/* SCHEMA without KEY. */
const json_t *schema_without(struct schema_reader *reader, const json_t *schema, const char *key);
/* What $ref at SCHEMA means, through any number of them; SCHEMA itself where there is none, or
 * where it stands beside keywords that say more. NULL on failure. */
const json_t *schema_resolve(struct schema_reader *reader, const json_t *schema);
const json_t *schema_target(struct schema_reader *reader, const json_t *schema);
/* Whether there is a keyword, KEY aside ("": none), that forbids something. */
bool schema_says_more(const json_t *schema, const char *key);
/* Whether no value can satisfy both A and B; false where that is not seen easily. */
bool schema_excludes(struct schema_reader *reader, const json_t *a, const json_t *b);

/* Types of values, as bits. */
enum schema_type {
	SCHEMA_IS_NULL = 1,
	SCHEMA_IS_BOOLEAN = 2,
	SCHEMA_IS_INTEGER = 4,
	SCHEMA_IS_NUMBER = 8, /* with integers */
	SCHEMA_IS_STRING = 16,
	SCHEMA_IS_ARRAY = 32,
	SCHEMA_IS_OBJECT = 64,
	SCHEMA_IS_ANY = 127,
};

/* The types that SCHEMA allows, by its type or its keywords. 0 with a failure for an unknown one. */
unsigned schema_types(struct schema_reader *reader, const json_t *schema);
/* Of a value, with all that it is. */
unsigned schema_types_of(const json_t *value);

#endif

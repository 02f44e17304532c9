/* SPDX-License-Identifier: MIT */
/*
 * One rendering: what every part of the interpreter works with. The first failure is logged and
 * kept in the state; functions then return anything, and loops ask jinja_failed(). Whatever a
 * template does is paid for in steps, memory and depth, each of which ends.
 */
#ifndef SLM_TEXT_JINJA_STATE_H
#define SLM_TEXT_JINJA_STATE_H

#include <time.h>

#include "jinja_builtin.h"
#include "jinja_node.h"

enum { JINJA_DEPTH_MAX = 800 };

struct jinja_binding {
	uint32_t symbol;
	struct jinja_value value;
};

/* Names and what they stand for; one that is not here may be in the parent. */
struct jinja_scope {
	struct jinja_scope *parent;
	struct jinja_binding *bindings; /* [n] */
	size_t n;
	size_t capacity;
};

/* A macro with the scope that it was defined in. */
struct jinja_callable {
	const struct jinja_builtin *builtin; /* NULL: a macro */
	struct jinja_value self;	     /* of a method */
	const struct jinja_node *macro;
	struct jinja_scope *scope;
};

struct jinja_loop {
	const struct jinja_list *items;
	size_t index;		    /* from 0 */
	struct jinja_value changed; /* what changed() saw last */
};

struct jinja_state {
	const struct jinja_tree *tree;
	struct arena *arena;
	const struct log *log;
	const struct tm *now;
	struct jinja_scope *scope;
	struct jinja_builder *out;
	uint64_t steps_left;
	size_t text_limit; /* bytes of any string */
	uint32_t depth;
	uint32_t line;
	int error;
};

static inline bool jinja_failed(const struct jinja_state *state)
{
	return state->error < 0;
}

/* The template or what it was given is wrong: -EINVAL, logged with the line. An undefined value. */
struct jinja_value jinja_fail(struct jinja_state *state, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Something could not be allocated: -ENOMEM, or -E2BIG past a limit. */
struct jinja_value jinja_fail_memory(struct jinja_state *state);
/* OPERATION cannot be done with VALUE. */
struct jinja_value jinja_fail_kind(struct jinja_state *state, const char *operation,
				   struct jinja_value value);

/* Pays for work on N bytes or items; false (and failed) when the steps are used up. */
bool jinja_charge(struct jinja_state *state, size_t n);
/* Around anything that recurses; false (and failed) when it is too deep, and then not to leave. */
bool jinja_descend(struct jinja_state *state);
void jinja_ascend(struct jinja_state *state);

/* ---- scopes ---- */

/* A new scope inside PARENT, not yet the state's; NULL after a failure. */
struct jinja_scope *jinja_scope_create(struct jinja_state *state, struct jinja_scope *parent);
void jinja_bind(struct jinja_state *state, struct jinja_scope *scope, uint32_t symbol,
		struct jinja_value value);
/* Binds a name, if the template has it at all. */
void jinja_bind_name(struct jinja_state *state, struct jinja_scope *scope, const char *name,
		     size_t size, struct jinja_value value);
/* What SYMBOL stands for; an undefined value of that name where it stands for nothing. */
struct jinja_value jinja_look_up(struct jinja_state *state, uint32_t symbol);

/* ---- making values ---- */

struct jinja_builder jinja_begin_text(struct jinja_state *state);
struct jinja_value jinja_end_text(struct jinja_state *state, struct jinja_builder *builder);
/* The template's own TEXT, NUL-terminated and copied. */
struct jinja_value jinja_own_text(struct jinja_state *state, const char *text);
struct jinja_value jinja_part(struct jinja_state *state, const struct jinja_string *string,
			      size_t begin, size_t end);
/* NULL only after a failure. */
struct jinja_list *jinja_new_list(struct jinja_state *state, enum jinja_list_type type);
struct jinja_dict *jinja_new_dict(struct jinja_state *state);
/* LIST may be NULL after a failure. */
void jinja_append(struct jinja_state *state, struct jinja_list *list, struct jinja_value value);
/* Sets a key, which must be one that Python can hash. */
void jinja_put(struct jinja_state *state, struct jinja_dict *dict, struct jinja_value key,
	       struct jinja_value value);

/* ---- jinja_operate.c ---- */

bool jinja_truth(struct jinja_value value);
bool jinja_equal(struct jinja_state *state, struct jinja_value a, struct jinja_value b);
/* Less than, equal or greater than 0; what Python cannot order is a failure. */
int jinja_order(struct jinja_state *state, struct jinja_value a, struct jinja_value b);
bool jinja_contains(struct jinja_state *state, struct jinja_value container,
		    struct jinja_value item);
/* What OPERATION, a lexeme's or OPERATION_IN, says of two values. */
bool jinja_compare(struct jinja_state *state, int operation, struct jinja_value a,
		   struct jinja_value b);
struct jinja_value jinja_binary(struct jinja_state *state, int operation, struct jinja_value a,
				struct jinja_value b);
struct jinja_value jinja_unary(struct jinja_state *state, int operation, struct jinja_value a);
/* The number of items or characters; -1 where the value has none (no failure). */
int64_t jinja_length(struct jinja_state *state, struct jinja_value value);
/* The items of anything that can be iterated over, else NULL (and failed). Reads generators up. */
const struct jinja_list *jinja_items(struct jinja_state *state, struct jinja_value value);

/* ---- jinja_member.c ---- */

/* object.name, and object[key]: what is not there is undefined. */
struct jinja_value jinja_attribute(struct jinja_state *state, struct jinja_value object,
				   const struct jinja_string *name);
struct jinja_value jinja_item(struct jinja_state *state, struct jinja_value object,
			      struct jinja_value key);
/* Bounds are integers, or none. */
struct jinja_value jinja_slice(struct jinja_state *state, struct jinja_value object,
			       const struct jinja_value bounds[static 3]);
struct jinja_value *jinja_dict_at(struct jinja_state *state, const struct jinja_dict *dict,
				  struct jinja_value key);
/* The byte at which character N of STRING begins, its end when it has fewer. */
size_t jinja_character_at(const struct jinja_string *string, size_t n);
size_t jinja_count_characters(const char *text, size_t size);

/* ---- jinja_print.c ---- */

/* str(): as a template shows a value. */
void jinja_print(struct jinja_state *state, struct jinja_builder *builder,
		 struct jinja_value value);
/* repr(): as it is shown inside a list. */
void jinja_show(struct jinja_state *state, struct jinja_builder *builder, struct jinja_value value);
/* A string as it is, anything else as str() has it. NULL after a failure. */
const struct jinja_string *jinja_text_of(struct jinja_state *state, struct jinja_value value);

/* ---- jinja_json.c ---- */

struct jinja_json_options {
	bool ascii;
	bool sorted;
	bool indents;
	const struct jinja_string *indent; /* when it indents */
	const struct jinja_string *between_items;
	const struct jinja_string *after_key;
};

/* json.dumps() */
void jinja_write_json(struct jinja_state *state, struct jinja_builder *builder,
		      const struct jinja_json_options *options, struct jinja_value value);

/* ---- jinja_call.c ---- */

struct jinja_value jinja_call_builtin(struct jinja_state *state,
				      const struct jinja_builtin *builtin, struct jinja_value self,
				      const struct jinja_arguments *arguments);
struct jinja_value jinja_call(struct jinja_state *state, struct jinja_value callee,
			      const struct jinja_arguments *arguments);
struct jinja_value jinja_builtin_value(struct jinja_state *state,
				       const struct jinja_builtin *builtin,
				       struct jinja_value self);
/* The argument NAME, or NULL. */
const struct jinja_value *jinja_named(const struct jinja_arguments *arguments, const char *name);

/* ---- jinja_evaluate.c, jinja_execute.c ---- */

struct jinja_value jinja_evaluate(struct jinja_state *state, const struct jinja_node *node);
void jinja_evaluate_arguments(struct jinja_state *state, const struct jinja_argument_nodes *nodes,
			      struct jinja_arguments *ret_arguments);

enum jinja_flow { JINJA_FLOW_ON, JINJA_FLOW_BREAK, JINJA_FLOW_CONTINUE };

enum jinja_flow jinja_execute(struct jinja_state *state, const struct jinja_node *node);
/* What BODY writes, as a string. */
struct jinja_value jinja_capture(struct jinja_state *state, const struct jinja_node *body,
				 enum jinja_flow *ret_flow);
void jinja_assign(struct jinja_state *state, const struct jinja_node *target,
		  struct jinja_value value);

#endif

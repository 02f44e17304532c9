/* SPDX-License-Identifier: MIT */
/* Methods that filters share. Each wants a string as the call's self. */
#ifndef SLM_TEXT_JINJA_METHODS_H
#define SLM_TEXT_JINJA_METHODS_H

#include "jinja_state.h"

struct jinja_value jinja_upper(struct jinja_state *state, const struct jinja_call *call);
struct jinja_value jinja_lower(struct jinja_state *state, const struct jinja_call *call);
struct jinja_value jinja_capitalize(struct jinja_state *state, const struct jinja_call *call);
struct jinja_value jinja_replace(struct jinja_state *state, const struct jinja_call *call);
struct jinja_value jinja_center(struct jinja_state *state, const struct jinja_call *call);

/* jinja_split.c: methods that make lists. */
struct jinja_value jinja_split(struct jinja_state *state, const struct jinja_call *call);
struct jinja_value jinja_rsplit(struct jinja_state *state, const struct jinja_call *call);
struct jinja_value jinja_splitlines(struct jinja_state *state, const struct jinja_call *call);
struct jinja_value jinja_partition(struct jinja_state *state, const struct jinja_call *call);
struct jinja_value jinja_rpartition(struct jinja_state *state, const struct jinja_call *call);

/* (key, value) */
struct jinja_value jinja_pair_of(struct jinja_state *state, const struct jinja_pair *pair);

#endif

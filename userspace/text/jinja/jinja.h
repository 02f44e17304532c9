/* SPDX-License-Identifier: MIT */
/*
 * Templates as chat templates are written: the part of Jinja that they use, with Python's rules,
 * set up as transformers sets it up (trim_blocks, lstrip_blocks, loopcontrols, no autoescape,
 * nothing that is given can be changed). Reference: jinja.palletsprojects.com, version 3.1.
 *
 * What differs: integers have 64 bits; upper and lower case know Latin, Greek, Cyrillic and
 * Armenian; map, select and their like are evaluated at once; sequences that Python shows in a form
 * of its own (range, dict_items) are shown as lists; escaped text is text like any other.
 */
#ifndef SLM_TEXT_JINJA_H
#define SLM_TEXT_JINJA_H

#include <time.h>

#include "jinja_value.h"
#include "log.h"
#include "span.h"

enum {
	JINJA_SOURCE_MAX = 4 << 20,   /* bytes */
	JINJA_TEXT_MAX = 64 << 20,    /* bytes of what is rendered */
	JINJA_MEMORY_MAX = 512 << 20, /* bytes, also for making values */
	JINJA_STEPS_MAX = 20000000,
};

/* Immutable: any number of threads may render one at the same time. */
struct jinja_template;

/*
 * SOURCE need live only during the call. 0; -EBADMSG for a template that is broken; -ENOTSUP for
 * one that uses what is not known here, which the message names; both logged with the line; -ENOMEM
 * (logged).
 */
int jinja_template_create(struct span source, const struct log *log,
			  struct jinja_template **ret_template);
void jinja_template_destroy(struct jinja_template *template);

struct jinja_render_params {
	const struct jinja_dict *variables; /* keys are strings */
	const struct tm *now;		    /* for strftime_now(), NULL: it fails */
	/* 0: JINJA_STEPS_MAX and JINJA_TEXT_MAX. */
	uint64_t max_steps;
	size_t max_text_bytes;
};

/*
 * Renders into ARENA, in which PARAMS' values may live and which ends what the template may use up.
 * 0; -EINVAL where the template refuses what it is given (raise_exception), or cannot work with it;
 * -E2BIG past a limit; -ENOMEM; each logged.
 */
int jinja_render(const struct jinja_template *template, const struct jinja_render_params *params,
		 struct arena *arena, const struct log *log, const struct jinja_string **ret_text);

#endif

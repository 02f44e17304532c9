/* SPDX-License-Identifier: MIT */
/* Sets of characters as ranges of code points, and what their UTF-8 looks like byte by byte. */
#ifndef SLM_TEXT_CODE_SET_H
#define SLM_TEXT_CODE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "utf8.h"

enum { CODE_POINT_MAX = 0x10ffff };

struct code_range {
	uint32_t first;
	uint32_t last; /* >= first */
};

/* Empty when zeroed. */
struct code_set {
	struct code_range *ranges; /* [n]; in order and apart once tidied */
	size_t n;
	size_t capacity;
};

void code_set_finish(struct code_set *set);

/* 0 or -ENOMEM. */
int code_set_add(struct code_set *set, uint32_t first, uint32_t last);
int code_set_add_all(struct code_set *set, const struct code_set *other);

/* Puts the ranges in order and joins those that touch. */
void code_set_tidy(struct code_set *set);
/* All other code points, tidied. 0 or -ENOMEM. */
int code_set_invert(struct code_set *set);
/* Takes out FIRST to LAST; tidied. 0 or -ENOMEM. */
int code_set_remove(struct code_set *set, uint32_t first, uint32_t last);
bool code_set_has(const struct code_set *set, uint32_t code_point);

/* The characters whose UTF-8 has byte I between first[I] and last[I], for each of N bytes. */
struct byte_ranges {
	uint8_t first[UTF8_MAX];
	uint8_t last[UTF8_MAX];
	unsigned n;
};

/*
 * Gives the UTF-8 of RANGE piece by piece; surrogates, which have none, are left out. Anything but
 * 0 from FUNCTION ends it with that result.
 */
typedef int (*byte_ranges_fn)(void *data, const struct byte_ranges *bytes);
int code_range_to_utf8(struct code_range range, byte_ranges_fn function, void *data);

#endif

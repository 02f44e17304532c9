// SPDX-License-Identifier: MIT
/* Owns the arithmetic of character sets. Knows nothing of what the characters mean. */
#include "code_set.h"

#include <stdlib.h>

#include "array.h"

void code_set_finish(struct code_set *set)
{
	free(set->ranges);
	*set = (struct code_set){0};
}

int code_set_add(struct code_set *set, uint32_t first, uint32_t last)
{
	int r = array_reserve(&set->ranges, &set->capacity, set->n + 1, sizeof(*set->ranges));

	if (r == 0)
		set->ranges[set->n++] = (struct code_range){first, last};
	return r;
}

int code_set_add_all(struct code_set *set, const struct code_set *other)
{
	int r = 0;

	for (size_t i = 0; i < other->n && r == 0; i++)
		r = code_set_add(set, other->ranges[i].first, other->ranges[i].last);
	return r;
}

static int compare_ranges(const void *a, const void *b)
{
	uint32_t left = ((const struct code_range *)a)->first;
	uint32_t right = ((const struct code_range *)b)->first;

	return left < right ? -1 : left > right;
}

void code_set_tidy(struct code_set *set)
{
	size_t n = 0;

	if (set->n == 0)
		return;
	qsort(set->ranges, set->n, sizeof(*set->ranges), compare_ranges);
	for (size_t i = 1; i < set->n; i++) {
		struct code_range *before = &set->ranges[n], *range = &set->ranges[i];

		if (range->first <= before->last || range->first == before->last + 1)
			before->last = MAX(before->last, range->last);
		else
			set->ranges[++n] = *range;
	}
	set->n = n + 1;
}

int code_set_invert(struct code_set *set)
{
	struct code_set inverse = {0};
	uint32_t next = 0;
	int r = 0;

	code_set_tidy(set);
	for (size_t i = 0; i < set->n && r == 0; i++) {
		if (set->ranges[i].first > next)
			r = code_set_add(&inverse, next, set->ranges[i].first - 1);
		next = set->ranges[i].last + 1;
	}
	if (r == 0 && next <= CODE_POINT_MAX)
		r = code_set_add(&inverse, next, CODE_POINT_MAX);
	if (r < 0) {
		code_set_finish(&inverse);
		return r;
	}
	code_set_finish(set);
	*set = inverse;
	return 0;
}

int code_set_remove(struct code_set *set, uint32_t first, uint32_t last)
{
	int r = code_set_invert(set);

	if (r == 0)
		r = code_set_add(set, first, last);
	return r == 0 ? code_set_invert(set) : r;
}

bool code_set_has(const struct code_set *set, uint32_t code_point)
{
	for (size_t i = 0; i < set->n; i++) {
		if (code_point >= set->ranges[i].first && code_point <= set->ranges[i].last)
			return true;
	}
	return false;
}

/* ---- to UTF-8 ---- */

static int give(struct code_range range, byte_ranges_fn function, void *data)
{
	char first[UTF8_MAX], last[UTF8_MAX];
	struct byte_ranges bytes = {.n = (unsigned)utf8_encode(range.first, first)};

	(void)utf8_encode(range.last, last);
	for (unsigned i = 0; i < bytes.n; i++) {
		bytes.first[i] = (uint8_t)first[i];
		bytes.last[i] = (uint8_t)last[i];
	}
	return function(data, &bytes);
}

/*
 * Where a range of characters of one length can be cut so that each part is a product of ranges of
 * bytes; 0 when it is one already. A part is a product when, from the first byte that differs on,
 * the later ones run from 0x80 to 0xbf.
 */
static uint32_t cut_of(struct code_range range)
{
	for (unsigned bits = 6; bits < 21; bits += 6) {
		uint32_t low = (1u << bits) - 1;

		if ((range.first & ~low) == (range.last & ~low))
			return 0;
		if ((range.first & low) != 0)
			return (range.first | low) + 1;
		if ((range.last & low) != low)
			return range.last & ~low;
	}
	return 0;
}

static int give_parts(struct code_range range, byte_ranges_fn function, void *data)
{
	int r = 0;

	while (r == 0) {
		struct code_range part = range;
		uint32_t cut;

		while ((cut = cut_of(part)) != 0)
			part.last = cut - 1;
		r = give(part, function, data);
		if (part.last == range.last)
			break;
		range.first = part.last + 1;
	}
	return r;
}

int code_range_to_utf8(struct code_range range, byte_ranges_fn function, void *data)
{
	static const struct code_range lengths[] = {
		{0, 0x7f}, {0x80, 0x7ff}, {0x800, 0xd7ff}, {0xe000, 0xffff}, {0x10000, 0x10ffff},
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(lengths) && r == 0; i++) {
		struct code_range part = {MAX(range.first, lengths[i].first),
					  MIN(range.last, lengths[i].last)};

		if (part.first <= part.last)
			r = give_parts(part, function, data);
	}
	return r;
}

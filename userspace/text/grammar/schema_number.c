// SPDX-License-Identifier: MIT
/*
 * Owns numbers between bounds, as rows of digits: between two numbers of the same length the digits
 * are bounded while they are those of a bound, and free once they differ.
 *
 * Fractions are scaled by a power of ten until the bounds are whole; behind the digits that are
 * bounded then a few more may follow where they cannot lead past a bound.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "array.h"
#include "cleanup.h"
#include "schema_reader.h"

#define LARGEST INT64_C(999999999999999999) /* SCHEMA_INTEGER_DIGITS nines */

enum {
	SCALE_MAX = 6, /* decimals of a bound */
	/* Digits that any reader of JSON keeps apart: doubles have 15. */
	EXACT_DIGITS = 15,
};

struct bounds {
	int64_t low, high; /* scaled; both may be met unless open */
	bool has_low, has_high;
	bool is_low_open, is_high_open;
	unsigned scale;	  /* digits behind the point that low and high have */
	int64_t multiple; /* of integers; > 0 */
	bool is_integer;
};

/* Digits between two rows of as many, so far those of a bound. */
struct row {
	struct schema_reader *reader;
	char low[SCHEMA_INTEGER_DIGITS + 2], high[SCHEMA_INTEGER_DIGITS + 2];
	unsigned n;
	unsigned point; /* digits before the point; n: no point */
	int64_t multiple;
	uint32_t *free_rules; /* [multiple * (n + 1)] + 1: by remainder and digits left; 0: none */
};

static int64_t power_of_ten(unsigned n)
{
	int64_t power = 1;

	while (n-- > 0)
		power *= 10;
	return power;
}

/* ---- rows of digits ---- */

static uint32_t digits(struct schema_reader *reader, char first, char last)
{
	struct code_set set = {0};
	uint32_t expr = EXPR_NONE;

	if (schema_is_well(reader, code_set_add(&set, (uint8_t)first, (uint8_t)last)))
		expr = draft_set(&reader->draft, &set);
	code_set_finish(&set);
	return expr;
}

static uint32_t point_at(const struct row *row, unsigned at)
{
	return draft_word(&row->reader->draft, at == row->point && at < row->n ? "." : "");
}

static uint32_t free_digits(struct row *row, unsigned at, int64_t remainder);

/* All digits with which the multiple can still be reached, one by one. */
static uint32_t free_multiples(struct row *row, unsigned at, int64_t remainder)
{
	struct grammar_draft *draft = &row->reader->draft;
	uint32_t choice = draft_choice(draft);

	if (at == row->n)
		return remainder == 0 ? draft_word(draft, "") : choice;
	for (char digit = '0'; digit <= '9'; digit++)
		draft_append(
			draft, choice,
			DRAFT_ROW(draft, digits(row->reader, digit, digit),
				  free_digits(row, at + 1,
					      (remainder * 10 + digit - '0') % row->multiple)));
	return choice;
}

static uint32_t free_digits(struct row *row, unsigned at, int64_t remainder)
{
	struct grammar_draft *draft = &row->reader->draft;
	uint32_t *rule = &row->free_rules[remainder * (SCHEMA_INTEGER_DIGITS + 1) + row->n - at];
	uint32_t expr = draft_sequence(draft);

	if (row->multiple > 1 && *rule == 0) {
		uint32_t number = draft_add_rule(draft, SPAN("digits"));

		if (number == EXPR_NONE)
			return EXPR_NONE;
		*rule = number + 1;
		draft_define_rule(draft, number, free_multiples(row, at, remainder));
	}
	if (row->multiple > 1)
		return draft_rule(draft, *rule - 1);
	for (; at < row->n; at++) {
		draft_append(draft, expr, point_at(row, at));
		draft_append(draft, expr, digits(row->reader, '0', '9'));
	}
	return expr;
}

static uint32_t bounded_digits(struct row *row, unsigned at, bool at_low, bool at_high,
			       int64_t remainder)
{
	struct grammar_draft *draft = &row->reader->draft;
	uint32_t choice = draft_choice(draft);
	char first = at_low ? row->low[at] : '0', last = at_high ? row->high[at] : '9';

	if (at == row->n)
		return remainder == 0 ? draft_word(draft, "") : choice;
	if (!at_low && !at_high)
		return free_digits(row, at, remainder);
	for (char digit = first; digit <= last; digit++) {
		bool is_low = at_low && digit == row->low[at];
		bool is_high = at_high && digit == row->high[at];
		char same = digit;

		/* Digits after which all are free are taken together. */
		if (row->multiple == 1 && !is_low && !is_high)
			same = last - (at_high ? 1 : 0);
		draft_append(
			draft, choice,
			DRAFT_ROW(draft, point_at(row, at), digits(row->reader, digit, same),
				  bounded_digits(row, at + 1, is_low, is_high,
						 (remainder * 10 + digit - '0') % row->multiple)));
		digit = same;
	}
	return choice;
}

static unsigned length_of(int64_t number)
{
	unsigned n = 1;

	while (number >= 10) {
		number /= 10;
		n++;
	}
	return n;
}

static void spell(int64_t number, unsigned n, char *out)
{
	out[n] = '\0';
	while (n-- > 0) {
		out[n] = (char)('0' + number % 10);
		number /= 10;
	}
}

/* 0 <= LOW <= HIGH, written with at least SCALE + 1 digits and the point before the last SCALE. */
static uint32_t between(struct schema_reader *reader, int64_t low, int64_t high, int64_t multiple,
			unsigned scale)
{
	_cleanup_free_ uint32_t *free_rules =
		calloc((size_t)multiple * (SCHEMA_INTEGER_DIGITS + 1), sizeof(*free_rules));
	struct row row = {.reader = reader, .multiple = multiple, .free_rules = free_rules};
	uint32_t choice = draft_choice(&reader->draft);

	if (!schema_is_well(reader, free_rules ? 0 : -ENOMEM))
		return EXPR_NONE;
	for (row.n = MAX(length_of(low), scale + 1); low <= high; row.n++) {
		int64_t last = MIN(high, power_of_ten(row.n) - 1);

		row.point = row.n - scale;
		spell(low, row.n, row.low);
		spell(last, row.n, row.high);
		draft_append(&reader->draft, choice, bounded_digits(&row, 0, true, true, 0));
		low = last + 1;
	}
	return choice;
}

/* ---- integers ---- */

/* MULTIPLEs of 10^N end with N zeros, which leaves little to count. */
static uint32_t multiples_between(struct schema_reader *reader, int64_t low, int64_t high,
				  int64_t multiple)
{
	struct grammar_draft *draft = &reader->draft;
	uint32_t choice = draft_choice(draft), zeros = draft_sequence(draft);
	int64_t power = 1;

	for (; multiple % 10 == 0; multiple /= 10, power *= 10)
		draft_append(draft, zeros, draft_word(draft, "0"));
	if (multiple > SCHEMA_MULTIPLE_MAX)
		return schema_refuse(reader, E2BIG,
				     "multipleOf, without zeros at its end, is larger than %d",
				     SCHEMA_MULTIPLE_MAX);
	if (low == 0 && power > 1)
		draft_append(draft, choice, draft_word(draft, "0"));
	low = (low == 0 && power > 1) ? 1 : low / power + (low % power != 0);
	draft_append(draft, choice,
		     DRAFT_ROW(draft, between(reader, low, high / power, multiple, 0), zeros));
	return choice;
}

/* No bounds: the common case, and the smallest way to say it. */
static uint32_t any_integer(struct schema_reader *reader)
{
	struct grammar_draft *draft = &reader->draft;
	uint32_t choice = draft_choice(draft);

	draft_append(draft, choice, draft_word(draft, "0"));
	draft_append(draft, choice,
		     DRAFT_ROW(draft, draft_repeat(draft, draft_word(draft, "-"), 0, 1),
			       digits(reader, '1', '9'),
			       draft_repeat(draft, digits(reader, '0', '9'), 0, EXACT_DIGITS - 1)));
	return choice;
}

static uint32_t integer(struct schema_reader *reader, const struct bounds *bounds)
{
	struct grammar_draft *draft = &reader->draft;
	int64_t usual = power_of_ten(EXACT_DIGITS) - 1;
	int64_t low = bounds->low + bounds->is_low_open;
	int64_t high = bounds->high - bounds->is_high_open;
	uint32_t choice = draft_choice(draft);

	if (!bounds->has_low && !bounds->has_high && bounds->multiple == 1)
		return any_integer(reader);
	if (!bounds->has_high)
		high = bounds->has_low && low > usual ? LARGEST : usual;
	if (!bounds->has_low)
		low = bounds->has_high && high < -usual ? -LARGEST : -usual;
	if (high >= 0 && high >= low)
		draft_append(draft, choice,
			     multiples_between(reader, MAX(low, 0), high, bounds->multiple));
	if (low < 0 && high >= low)
		draft_append(draft, choice,
			     DRAFT_ROW(draft, draft_word(draft, "-"),
				       multiples_between(reader, MAX(-high, 1), -low,
							 bounds->multiple)));
	return choice;
}

/* ---- fractions ---- */

/* Between two magnitudes. */
struct range {
	int64_t low, high;
	bool is_low_open, is_high_open;
	unsigned scale;
	unsigned n_more; /* digits that may follow */
};

/* Up to N digits more, with a point where the scaled ones have none. */
static uint32_t more_digits(struct schema_reader *reader, const struct range *range)
{
	struct grammar_draft *draft = &reader->draft;
	uint32_t row = DRAFT_ROW(draft, draft_word(draft, range->scale == 0 ? "." : ""),
				 draft_repeat(draft, digits(reader, '0', '9'), 1, range->n_more));

	return draft_repeat(draft, row, 0, 1);
}

/* The same, but not only zeros: above an open bound. */
static uint32_t more_than_zeros(struct schema_reader *reader, const struct range *range)
{
	struct grammar_draft *draft = &reader->draft;
	uint32_t n = (range->n_more - 1) / 2;

	return DRAFT_ROW(draft, draft_word(draft, range->scale == 0 ? "." : ""),
			 draft_repeat(draft, draft_word(draft, "0"), 0, n),
			 digits(reader, '1', '9'),
			 draft_repeat(draft, digits(reader, '0', '9'), 0, n));
}

/* Those that need fewer decimals than the bounds have. */
static void append_shorter(struct schema_reader *reader, const struct range *range, uint32_t choice)
{
	int64_t low = range->low + range->is_low_open, high = range->high - range->is_high_open;

	for (unsigned k = 1; k <= range->scale; k++) {
		int64_t power = power_of_ten(k);

		draft_append(&reader->draft, choice,
			     between(reader, low / power + (low % power != 0), high / power, 1,
				     range->scale - k));
	}
}

static uint32_t magnitude(struct schema_reader *reader, const struct range *range)
{
	struct grammar_draft *draft = &reader->draft;
	uint32_t choice = draft_choice(draft);
	int64_t low = range->low + range->is_low_open;

	if (range->is_low_open && range->low < range->high)
		draft_append(draft, choice,
			     DRAFT_ROW(draft,
				       between(reader, range->low, range->low, 1, range->scale),
				       more_than_zeros(reader, range)));
	if (low < range->high)
		draft_append(draft, choice,
			     DRAFT_ROW(draft,
				       between(reader, low, range->high - 1, 1, range->scale),
				       more_digits(reader, range)));
	if (!range->is_high_open && low <= range->high)
		draft_append(draft, choice,
			     between(reader, range->high, range->high, 1, range->scale));
	append_shorter(reader, range, choice);
	return choice;
}

static uint32_t fraction(struct schema_reader *reader, const struct bounds *bounds)
{
	struct grammar_draft *draft = &reader->draft;
	int64_t largest = power_of_ten(EXACT_DIGITS);
	int64_t low = bounds->has_low ? bounds->low : -largest;
	int64_t high = bounds->has_high ? bounds->high : largest;
	int64_t given = MAX(bounds->has_low ? llabs(low) : 0, bounds->has_high ? llabs(high) : 0);
	unsigned n_more = EXACT_DIGITS - length_of(given);
	struct range above = {MAX(low, 0),	    high,	   low >= 0 && bounds->is_low_open,
			      bounds->is_high_open, bounds->scale, n_more};
	struct range below = {
		high < 0 ? -high : 0, -low,	     high >= 0 || bounds->is_high_open,
		bounds->is_low_open,  bounds->scale, n_more};
	uint32_t choice = draft_choice(draft);

	if (high >= 0)
		draft_append(draft, choice, magnitude(reader, &above));
	if (low < 0)
		draft_append(draft, choice,
			     DRAFT_ROW(draft, draft_word(draft, "-"), magnitude(reader, &below)));
	return choice;
}

/* ---- keywords ---- */

struct bound {
	bool is_set;
	bool is_open;
	double value;
};

/* KEY is a number, or with draft 4 its open form is a flag beside it. */
static struct bound read_bound(struct schema_reader *reader, const json_t *schema, const char *key,
			       const char *open_key, int sign)
{
	const json_t *closed = json_object_get(schema, key);
	const json_t *open = json_object_get(schema, open_key);
	struct bound bound = {closed || json_is_number(open), json_is_true(open),
			      json_number_value(closed)};

	if ((closed && !json_is_number(closed)) ||
	    (open && !json_is_number(open) && !json_is_boolean(open)))
		(void)schema_refuse(reader, EINVAL, "%s must be a number", key);
	if (!json_is_number(open))
		return bound;
	if (closed && sign * bound.value > sign * json_number_value(open))
		return bound;
	bound.value = json_number_value(open);
	bound.is_open = true;
	return bound;
}

/* The decimals of VALUE, or more than SCALE_MAX. */
static unsigned scale_of(double value)
{
	unsigned scale = 0;

	for (double scaled = value; scale <= SCALE_MAX; scale++) {
		scaled = value * (double)power_of_ten(scale);
		if (nearbyint(scaled) / (double)power_of_ten(scale) == value)
			break;
	}
	return scale;
}

/* Integers need no decimals of a bound: the next whole number inside is as good. */
static void round_inwards(struct bound *bound, int sign)
{
	double whole = sign > 0 ? ceil(bound->value) : floor(bound->value);

	bound->is_open &= whole == bound->value;
	bound->value = whole;
}

static bool scale_bounds(struct schema_reader *reader, struct bound *low, struct bound *high,
			 struct bounds *bounds)
{
	double limit = bounds->is_integer ? 1e17 : 1e12;

	if (bounds->is_integer) {
		round_inwards(low, 1);
		round_inwards(high, -1);
	}
	bounds->scale = MAX(scale_of(low->value), scale_of(high->value));
	for (const struct bound *bound = low; bound; bound = bound == low ? high : NULL) {
		if (bounds->scale > SCALE_MAX ||
		    fabs(bound->value) * (double)power_of_ten(bounds->scale) > limit) {
			(void)schema_refuse(reader, ENOTSUP,
					    "the bound %.17g has more digits than can be enforced",
					    bound->value);
			return false;
		}
	}
	bounds->low = llrint(low->value * (double)power_of_ten(bounds->scale));
	bounds->high = llrint(high->value * (double)power_of_ten(bounds->scale));
	return true;
}

static bool read_multiple(struct schema_reader *reader, const json_t *schema, struct bounds *bounds)
{
	const json_t *multiple = json_object_get(schema, "multipleOf");
	double value = json_number_value(multiple);

	bounds->multiple = 1;
	if (!multiple)
		return true;
	if (!json_is_number(multiple) || value <= 0)
		(void)schema_refuse(reader, EINVAL, "multipleOf must be a number above 0");
	else if (value != floor(value) || value > 1e15)
		(void)schema_refuse(reader, ENOTSUP,
				    "multipleOf %.17g: only whole numbers can be "
				    "enforced",
				    value);
	else
		bounds->multiple = (int64_t)value;
	/* All its multiples are whole. */
	bounds->is_integer = true;
	return schema_is_well(reader, 0);
}

uint32_t schema_number(struct schema_reader *reader, const json_t *schema, bool is_integer)
{
	struct bound low = read_bound(reader, schema, "minimum", "exclusiveMinimum", 1);
	struct bound high = read_bound(reader, schema, "maximum", "exclusiveMaximum", -1);
	struct bounds bounds = {
		.has_low = low.is_set, .has_high = high.is_set, .is_integer = is_integer};

	if (!read_multiple(reader, schema, &bounds) || !scale_bounds(reader, &low, &high, &bounds))
		return EXPR_NONE;
	bounds.is_low_open = low.is_open;
	bounds.is_high_open = high.is_open;
	if (bounds.is_integer)
		return integer(reader, &bounds);
	if (!low.is_set && !high.is_set)
		return schema_shared(reader, SCHEMA_NUMBER);
	return fraction(reader, &bounds);
}

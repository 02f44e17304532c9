// SPDX-License-Identifier: MIT
/* Owns the spelling of numbers. Refuses the process's locale. */
#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "jinja_number.h"

/* The digits and the decimal exponent of a positive VALUE: 0.DIGITS times ten to EXPONENT. */
struct decimal {
	char digits[24];
	int n;
	int exponent;
};

static struct decimal decimal_of(double value)
{
	struct decimal decimal = {.n = 0};
	char text[64];

	for (int precision = 0; precision < 17; precision++) {
		(void)snprintf(text, sizeof(text), "%.*e", precision, value);
		/* strtod() reads what the same locale wrote. */
		if (strtod(text, NULL) == value)
			break;
	}
	for (const char *at = text; *at && *at != 'e'; at++) {
		if (isdigit((unsigned char)*at))
			decimal.digits[decimal.n++] = *at;
	}
	decimal.exponent = atoi(strchr(text, 'e') + 1) + 1;
	while (decimal.n > 1 && decimal.digits[decimal.n - 1] == '0')
		decimal.n--;
	return decimal;
}

static char *put_zeros(char *out, int n)
{
	while (n-- > 0)
		*out++ = '0';
	return out;
}

static char *put_plain(char *out, const struct decimal *decimal)
{
	int whole = MIN(MAX(decimal->exponent, 0), decimal->n);

	out = mempcpy(out, decimal->digits, (size_t)whole);
	out = put_zeros(out, decimal->exponent - whole);
	if (decimal->exponent <= 0)
		*out++ = '0';
	*out++ = '.';
	out = put_zeros(out, -decimal->exponent);
	out = mempcpy(out, decimal->digits + whole, (size_t)(decimal->n - whole));
	if (whole == decimal->n)
		*out++ = '0';
	return out;
}

static char *put_scientific(char *out, const struct decimal *decimal)
{
	*out++ = decimal->digits[0];
	if (decimal->n > 1) {
		*out++ = '.';
		out = mempcpy(out, decimal->digits + 1, (size_t)(decimal->n - 1));
	}
	return out + sprintf(out, "e%+03d", decimal->exponent - 1);
}

const char *jinja_float_text(double value, char out[static JINJA_NUMBER_TEXT_MAX])
{
	struct decimal decimal;
	char *at = out;

	if (isnan(value))
		return strcpy(out, "nan");
	if (signbit(value))
		*at++ = '-';
	if (isinf(value)) {
		strcpy(at, "inf");
		return out;
	}
	decimal = decimal_of(fabs(value));
	if (decimal.exponent > 16 || decimal.exponent < -3)
		at = put_scientific(at, &decimal);
	else
		at = put_plain(at, &decimal);
	*at = '\0';
	return out;
}

const char *jinja_fixed_text(double value, int precision, char out[static JINJA_NUMBER_TEXT_MAX])
{
	(void)snprintf(out, JINJA_NUMBER_TEXT_MAX, "%.*f", precision, value);
	for (char *at = out; *at; at++) {
		if (*at == ',')
			*at = '.';
	}
	return out;
}

/* ---- reading ---- */

/* A NUL-terminated copy without blanks around it and underscores between digits; NULL: too long. */
static char *tidy(const char *text, size_t size, char out[static JINJA_NUMBER_TEXT_MAX])
{
	char *at = out;

	while (size > 0 && isspace((unsigned char)*text)) {
		text++;
		size--;
	}
	while (size > 0 && isspace((unsigned char)text[size - 1]))
		size--;
	if (size == 0 || size >= JINJA_NUMBER_TEXT_MAX)
		return NULL;
	for (size_t i = 0; i < size; i++) {
		bool between = i > 0 && i + 1 < size && isalnum((unsigned char)text[i - 1]) &&
			       isalnum((unsigned char)text[i + 1]);

		if (text[i] == '\0' || (text[i] == '_' && !between))
			return NULL;
		if (text[i] != '_')
			*at++ = text[i];
	}
	*at = '\0';
	return out;
}

bool jinja_read_float(const char *text, size_t size, double *ret_value)
{
	char tidied[JINJA_NUMBER_TEXT_MAX], *end;
	locale_t plain;
	double value;

	if (!tidy(text, size, tidied) || strpbrk(tidied, "xX()"))
		return false;
	plain = newlocale(LC_ALL_MASK, "C", NULL);
	if (!plain)
		return false;
	value = strtod_l(tidied, &end, plain);
	freelocale(plain);
	if (*end)
		return false;
	*ret_value = value;
	return true;
}

bool jinja_read_integer(const char *text, size_t size, int base, int64_t *ret_value)
{
	char tidied[JINJA_NUMBER_TEXT_MAX], *end;
	long long value;

	if (!tidy(text, size, tidied) || (base != 0 && (base < 2 || base > 36)))
		return false;
	/* strtoll() takes blanks after nothing, and octal by a leading 0; Python neither. */
	if (isspace((unsigned char)tidied[strspn(tidied, "+-")]))
		return false;
	errno = 0;
	value = strtoll(tidied, &end, base);
	if (*end || end == tidied || errno == ERANGE)
		return false;
	*ret_value = value;
	return true;
}

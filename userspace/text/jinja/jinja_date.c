// SPDX-License-Identifier: MIT
/* Owns the conversions of dates. Refuses those that depend on a locale or a table of zones. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "jinja_date.h"

static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
				   "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January",	  "February", "March",	  "April",
				     "May",	  "June",     "July",	  "August",
				     "September", "October",  "November", "December"};

struct conversion {
	char letter;
	int width;
	long long value;
};

static const char *name_of(const char *const *names, size_t n, int index)
{
	return index >= 0 && (size_t)index < n ? names[index] : "?";
}

/* Letters whose conversion is a number; PLAIN ('-' after the %) leaves the zeros before it away. */
static bool write_number(const struct tm *date, char letter, bool plain, char *out)
{
	const struct conversion conversions[] = {
		{'Y', 4, 1900LL + date->tm_year},
		{'y', 2, (1900LL + date->tm_year) % 100},
		{'C', 2, (1900LL + date->tm_year) / 100},
		{'m', 2, 1LL + date->tm_mon},
		{'d', 2, date->tm_mday},
		{'H', 2, date->tm_hour},
		{'I', 2, date->tm_hour % 12 == 0 ? 12 : date->tm_hour % 12},
		{'M', 2, date->tm_min},
		{'S', 2, date->tm_sec},
		{'j', 3, 1LL + date->tm_yday},
		{'u', 1, date->tm_wday == 0 ? 7 : date->tm_wday},
		{'w', 1, date->tm_wday},
		{'f', 6, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(conversions); i++) {
		const struct conversion *conversion = &conversions[i];

		if (conversion->letter != letter)
			continue;
		(void)snprintf(out, JINJA_DATE_TEXT_MAX, "%0*lld", plain ? 1 : conversion->width,
			       conversion->value);
		return true;
	}
	return false;
}

static bool write_name(const struct tm *date, char letter, char *out)
{
	switch (letter) {
	case 'A':
		strcpy(out, name_of(days, ARRAY_SIZE(days), date->tm_wday));
		return true;
	case 'a':
		(void)snprintf(out, 4, "%s", name_of(days, ARRAY_SIZE(days), date->tm_wday));
		return true;
	case 'B':
		strcpy(out, name_of(months, ARRAY_SIZE(months), date->tm_mon));
		return true;
	case 'b':
	case 'h':
		(void)snprintf(out, 4, "%s", name_of(months, ARRAY_SIZE(months), date->tm_mon));
		return true;
	case 'p':
		strcpy(out, date->tm_hour < 12 ? "AM" : "PM");
		return true;
	case 'e':
		(void)snprintf(out, JINJA_DATE_TEXT_MAX, "%2d", date->tm_mday);
		return true;
	case '%':
	case 'n':
	case 't':
		out[0] = letter == '%' ? '%' : letter == 'n' ? '\n' : '\t';
		out[1] = '\0';
		return true;
	default:
		return false;
	}
}

/* Conversions that are several others. */
static bool write_compound(const struct tm *date, char letter, char *out)
{
	static const struct {
		char letter;
		const char *parts;
	} compounds[] = {{'D', "%m/%d/%y"},    {'x', "%m/%d/%y"},
			 {'F', "%Y-%m-%d"},    {'R', "%H:%M"},
			 {'T', "%H:%M:%S"},    {'X', "%H:%M:%S"},
			 {'r', "%I:%M:%S %p"}, {'c', "%a %b %e %H:%M:%S %Y"}};

	for (size_t i = 0; i < ARRAY_SIZE(compounds); i++) {
		const char *parts = compounds[i].parts;
		char *at = out;

		if (compounds[i].letter != letter)
			continue;
		while (*parts) {
			char text[JINJA_DATE_TEXT_MAX];
			size_t room = JINJA_DATE_TEXT_MAX - (size_t)(at - out);

			parts += jinja_date_part(date, parts, strlen(parts), text);
			at += MIN((size_t)snprintf(at, room, "%s", text), room - 1);
		}
		return true;
	}
	return false;
}

size_t jinja_date_part(const struct tm *date, const char *format, size_t size,
		       char out[static JINJA_DATE_TEXT_MAX])
{
	bool plain = size > 2 && format[1] == '-';
	char letter;

	if (format[0] != '%') {
		out[0] = format[0];
		out[1] = '\0';
		return 1;
	}
	if (size < 2)
		return 0;
	letter = format[plain ? 2 : 1];
	if (!write_number(date, letter, plain, out) && !write_name(date, letter, out) &&
	    !write_compound(date, letter, out))
		return 0;
	return plain ? 3 : 2;
}

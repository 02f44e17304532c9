// SPDX-License-Identifier: MIT
/* Owns the text of --help, made from the tables alone: names, what they do, what they allow. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "array.h"
#include "options.h"

enum {
	INDENT = 26, /* where the explanation of an option begins */
	WIDTH_MIN = 60,
	WIDTH_DEFAULT = 80,
	WIDTH_MAX = 110,
	TEXT_MAX = 1024,
};

static unsigned width_of(FILE *out)
{
	struct winsize size = {0};

	if (ioctl(fileno(out), TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return WIDTH_DEFAULT;
	return MIN(MAX(size.ws_col, WIDTH_MIN), WIDTH_MAX);
}

/* TEXT from column COLUMN on, in lines that begin at INDENT. */
static void print_wrapped(const char *text, unsigned column, unsigned indent, FILE *out)
{
	unsigned width = width_of(out);

	while (*text) {
		size_t word = strcspn(text, " \n"), next;

		if (column > indent && column + word > width) {
			(void)fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		}
		(void)fwrite(text, 1, word, out);
		column += (unsigned)word;
		text += word;
		if (*text == '\n') {
			(void)fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
			text++;
		} else if (*text == ' ') {
			text++;
			next = strcspn(text, " \n");
			if (column + 1 + next <= width)
				(void)fputc(' ', out);
			column++;
		}
	}
	(void)fputc('\n', out);
}

static void describe_range(const struct option_spec *spec, char *out, size_t out_size)
{
	out[0] = '\0';
	if (spec->kind == OPTION_CHOICE)
		options_describe_value(spec, out, out_size);
	else if (spec->kind == OPTION_F32)
		(void)snprintf(out, out_size, "%g to %g", spec->min, spec->max);
	else if (spec->kind == OPTION_U32 || spec->kind == OPTION_I64)
		(void)snprintf(out, out_size, "%.0f to %.0f", spec->min, spec->max);
}

static void describe_numbers(const struct option_numbers *numbers, char *out, size_t out_size)
{
	size_t n = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < numbers->n && n < out_size; i++)
		n += (size_t)snprintf(out + n, out_size - n, "%s%" PRIu32, i > 0 ? "," : "",
				      numbers->items[i]);
}

/* The default as it would be typed; nothing where zero only means that the program decides. */
static void describe_default(const struct option_spec *spec, const void *value, char *out,
			     size_t out_size)
{
	out[0] = '\0';
	if (spec->kind == OPTION_CHOICE)
		(void)snprintf(out, out_size, "%s", spec->choices[*(const int *)value]);
	else if (spec->kind == OPTION_F32)
		(void)snprintf(out, out_size, "%g", (double)*(const float *)value);
	else if (spec->kind == OPTION_U32 && *(const uint32_t *)value != 0)
		(void)snprintf(out, out_size, "%" PRIu32, *(const uint32_t *)value);
	else if (spec->kind == OPTION_I64)
		(void)snprintf(out, out_size, "%" PRId64, *(const int64_t *)value);
	else if (spec->kind == OPTION_NUMBERS)
		describe_numbers(value, out, out_size);
}

static void print_option(const struct option_table *table, const struct option_spec *spec,
			 FILE *out)
{
	char text[TEXT_MAX], allowed[256] = "", chosen[128] = "";
	int column, n = snprintf(text, sizeof(text), "%s", spec->help);

	describe_range(spec, allowed, sizeof(allowed));
	if (table->defaults)
		describe_default(spec, (const char *)table->defaults + spec->offset, chosen,
				 sizeof(chosen));
	if (*allowed || *chosen)
		(void)snprintf(text + n, sizeof(text) - (size_t)n, " (%s%s%s%s)", allowed,
			       *allowed && *chosen ? ", " : "", *chosen ? "default " : "", chosen);
	if (spec->letter)
		column = fprintf(out, "  -%c, --%s", spec->letter, spec->name);
	else
		column = fprintf(out, "      --%s", spec->name);
	if (spec->value)
		column += fprintf(out, " %s", spec->value);
	if (column >= INDENT) {
		(void)fputc('\n', out);
		column = 0;
	}
	(void)fprintf(out, "%*s", INDENT - column, "");
	print_wrapped(text, INDENT, INDENT, out);
}

void options_print_help(const struct options *options, FILE *out)
{
	(void)fprintf(out, "Usage: slm%s%s [OPTION]...%s%s\n\n", *options->command ? " " : "",
		      options->command, *options->synopsis ? " " : "", options->synopsis);
	print_wrapped(options->text, 0, 0, out);
	for (size_t t = 0; options->tables[t]; t++) {
		const struct option_table *table = options->tables[t];

		(void)fprintf(out, "\n%s:\n", table->title);
		for (size_t i = 0; i < table->n_specs; i++)
			print_option(table, &table->specs[i], out);
	}
	(void)fprintf(out, "  -h, --help%*sshow this and exit\n", INDENT - 12, "");
}

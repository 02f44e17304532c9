// SPDX-License-Identifier: MIT
/*
 * Owns the reading of argv by tables; getopt_long finds the words, this gives them their meaning.
 * Refuses every value that a table does not allow, with the sentence that says what it allows.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "options.h"
#include "spelling.h"

enum {
	HELP_CODE = 1000, /* what getopt_long returns: CODE_BASE + option, or HELP_CODE */
	CODE_BASE = 1001,
	SHORTS_MAX = 4 + 3 * OPTIONS_MAX,
	DESCRIPTION_MAX = 256,
};

struct parser {
	const struct options *options;
	void *const *values;
	const struct log *log;
	struct option longs[OPTIONS_MAX + 2];
	char shorts[SHORTS_MAX];
};

const struct option_spec *options_spec(const struct options *options, size_t i, size_t *ret_table)
{
	for (size_t t = 0; options->tables[t]; t++) {
		const struct option_table *table = options->tables[t];

		if (i < table->n_specs) {
			if (ret_table)
				*ret_table = t;
			return &table->specs[i];
		}
		i -= table->n_specs;
	}
	return NULL;
}

static bool takes_value(const struct option_spec *spec)
{
	return spec->kind > OPTION_COUNT;
}

/* ---- descriptions ---- */

static void describe_choices(const struct option_spec *spec, char *out, size_t out_size)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; spec->choices[i] && n < out_size; i++) {
		const char *between = i == 0 ? "" : spec->choices[i + 1] ? ", " : " or ";

		n += (size_t)snprintf(out + n, out_size - n, "%s%s", between, spec->choices[i]);
	}
}

void options_describe_value(const struct option_spec *spec, char *out, size_t out_size)
{
	switch (spec->kind) {
	case OPTION_CHOICE:
		describe_choices(spec, out, out_size);
		break;
	case OPTION_F32:
		(void)snprintf(out, out_size, "a number from %g to %g", spec->min, spec->max);
		break;
	case OPTION_U32:
	case OPTION_I64:
		(void)snprintf(out, out_size, "a whole number from %.0f to %.0f", spec->min,
			       spec->max);
		break;
	case OPTION_NUMBERS:
		(void)snprintf(out, out_size,
			       "whole numbers from %.0f to %.0f, separated by commas", spec->min,
			       spec->max);
		break;
	default:
		(void)snprintf(out, out_size, "a %s", spec->value ? spec->value : "value");
	}
}

static int refuse(const struct parser *parser, const struct option_spec *spec, const char *value)
{
	char allowed[DESCRIPTION_MAX];

	options_describe_value(spec, allowed, sizeof(allowed));
	return log_error(parser->log, EINVAL, "--%s must be %s, not '%s'", spec->name, allowed,
			 value);
}

/* ---- values ---- */

static bool read_whole(const struct option_spec *spec, const char *text, char end,
		       const char **ret_end, int64_t *ret)
{
	char *after;

	errno = 0;
	*ret = strtoll(text, &after, 10);
	*ret_end = after;
	return after != text && errno == 0 && (*after == '\0' || *after == end) &&
	       (double)*ret >= spec->min && (double)*ret <= spec->max;
}

static bool read_real(const struct option_spec *spec, const char *text, float *ret)
{
	char *after;
	double value = strtod(text, &after);

	*ret = (float)value;
	return after != text && *after == '\0' && isfinite(value) && value >= spec->min &&
	       value <= spec->max;
}

static int set_text(const struct parser *parser, const struct option_spec *spec, const char *value,
		    struct option_texts *texts)
{
	if (texts->n == OPTION_TEXTS_MAX)
		return log_error(parser->log, EINVAL, "--%s may be given at most %d times",
				 spec->name, OPTION_TEXTS_MAX);
	texts->items[texts->n++] = value;
	return 0;
}

static int set_numbers(const struct parser *parser, const struct option_spec *spec,
		       const char *value, struct option_numbers *numbers)
{
	const char *at = value, *end;

	if (!numbers->given)
		*numbers = (struct option_numbers){.given = true};
	for (;; at = end + 1) {
		int64_t number;

		if (!read_whole(spec, at, ',', &end, &number))
			return refuse(parser, spec, value);
		if (numbers->n == OPTION_NUMBERS_MAX)
			return log_error(parser->log, EINVAL, "--%s takes at most %d numbers",
					 spec->name, OPTION_NUMBERS_MAX);
		numbers->items[numbers->n++] = (uint32_t)number;
		if (*end == '\0')
			return 0;
	}
}

static int set_choice(const struct parser *parser, const struct option_spec *spec,
		      const char *value, int *ret)
{
	for (int i = 0; spec->choices[i]; i++) {
		if (strcmp(spec->choices[i], value) == 0) {
			*ret = i;
			return 0;
		}
	}
	return refuse(parser, spec, value);
}

static int set_number(const struct parser *parser, const struct option_spec *spec,
		      const char *value, void *to)
{
	const char *end;
	int64_t whole;

	if (spec->kind == OPTION_F32)
		return read_real(spec, value, to) ? 0 : refuse(parser, spec, value);
	if (!read_whole(spec, value, '\0', &end, &whole))
		return refuse(parser, spec, value);
	if (spec->kind == OPTION_U32)
		*(uint32_t *)to = (uint32_t)whole;
	else
		*(int64_t *)to = whole;
	return 0;
}

static int set_value(const struct parser *parser, const struct option_spec *spec, const char *value,
		     void *to)
{
	switch (spec->kind) {
	case OPTION_FLAG:
	case OPTION_NO_FLAG:
		*(bool *)to = spec->kind == OPTION_FLAG;
		return 0;
	case OPTION_COUNT:
		++*(unsigned *)to;
		return 0;
	case OPTION_TEXT:
		*(const char **)to = value;
		return 0;
	case OPTION_TEXTS:
		return set_text(parser, spec, value, to);
	case OPTION_NUMBERS:
		return set_numbers(parser, spec, value, to);
	case OPTION_CHOICE:
		return set_choice(parser, spec, value, to);
	default:
		return set_number(parser, spec, value, to);
	}
}

/* ---- words ---- */

static void add_letter(struct parser *parser, char letter, bool with_value)
{
	size_t n = strlen(parser->shorts);

	(void)snprintf(parser->shorts + n, sizeof(parser->shorts) - n, "%c%s", letter,
		       with_value ? ":" : "");
}

static void prepare(struct parser *parser)
{
	const struct option_spec *spec;
	size_t i = 0;

	/* ':' first: tell a missing value from an unknown option. '+': stop at the first argument. */
	(void)snprintf(parser->shorts, sizeof(parser->shorts), "%s:h",
		       parser->options->stop_at_argument ? "+" : "");
	for (; i < OPTIONS_MAX && (spec = options_spec(parser->options, i, NULL)); i++) {
		parser->longs[i] = (struct option){spec->name,
						   takes_value(spec) ? required_argument : 0, NULL,
						   CODE_BASE + (int)i};
		if (spec->letter)
			add_letter(parser, spec->letter, takes_value(spec));
	}
	parser->longs[i] = (struct option){"help", no_argument, NULL, HELP_CODE};
}

static const struct option_spec *spec_of_code(const struct parser *parser, int code,
					      size_t *ret_table)
{
	const struct option_spec *spec;

	if (code >= CODE_BASE)
		return options_spec(parser->options, (size_t)(code - CODE_BASE), ret_table);
	for (size_t i = 0; (spec = options_spec(parser->options, i, ret_table)); i++) {
		if (spec->letter == code)
			return spec;
	}
	return NULL;
}

static const char *command_text(const struct parser *parser, char *out, size_t out_size)
{
	(void)snprintf(out, out_size, "slm%s%s", *parser->options->command ? " " : "",
		       parser->options->command);
	return out;
}

static int refuse_value(const struct parser *parser, const char *word)
{
	return log_error(parser->log, EINVAL, "%.*s takes no value", (int)strcspn(word, "="), word);
}

/* A long option that getopt_long did not take: ambiguous, or none. */
static int refuse_long(const struct parser *parser, const char *word)
{
	const char *name = word + 2, *first = NULL;
	char command[64], bare[64];
	struct spelling spelling;
	size_t n = strcspn(name, "=");

	(void)snprintf(bare, sizeof(bare), "%.*s", (int)n, name);
	spelling_init(&spelling, bare);
	for (size_t i = 0; parser->longs[i].name; i++) {
		const char *candidate = parser->longs[i].name;

		if (strncmp(candidate, bare, strlen(bare)) == 0) {
			if (first)
				return log_error(parser->log, EINVAL, "--%s may mean --%s or --%s",
						 bare, first, candidate);
			first = candidate;
		}
		spelling_offer(&spelling, candidate);
	}
	if (spelling.best)
		return log_error(parser->log, EINVAL, "there is no option --%s; is --%s meant?",
				 bare, spelling.best);
	return log_error(parser->log, EINVAL, "there is no option --%s; see '%s --help'", bare,
			 command_text(parser, command, sizeof(command)));
}

static int refuse_unknown(const struct parser *parser, char **argv)
{
	const char *word = argv[optind - 1];
	char command[64];

	if (optopt >= HELP_CODE)
		return refuse_value(parser, word);
	if (optopt == 0)
		return refuse_long(parser, word);
	return log_error(parser->log, EINVAL, "there is no option -%c; see '%s --help'", optopt,
			 command_text(parser, command, sizeof(command)));
}

static int refuse_missing(const struct parser *parser)
{
	const struct option_spec *spec = spec_of_code(parser, optopt, NULL);
	char allowed[DESCRIPTION_MAX];

	options_describe_value(spec, allowed, sizeof(allowed));
	return log_error(parser->log, EINVAL, "--%s needs a value: %s", spec->name, allowed);
}

static int take_option(const struct parser *parser, int code, char **argv)
{
	const struct option_spec *spec;
	size_t table;

	if (code == '?')
		return refuse_unknown(parser, argv);
	if (code == ':')
		return refuse_missing(parser);
	spec = spec_of_code(parser, code, &table);
	return set_value(parser, spec, optarg, (char *)parser->values[table] + spec->offset);
}

static void fill_defaults(const struct options *options, void *const *values)
{
	for (size_t t = 0; options->tables[t]; t++) {
		const struct option_table *table = options->tables[t];

		if (table->defaults)
			memcpy(values[t], table->defaults, table->size_bytes);
		else
			memset(values[t], 0, table->size_bytes);
	}
}

static int check_arguments(const struct parser *parser, const struct arguments *arguments)
{
	const struct options *options = parser->options;
	char command[64];

	(void)command_text(parser, command, sizeof(command));
	if (arguments->n < (int)options->min_arguments)
		return log_error(parser->log, EINVAL, "%s wants %s; see '%s --help'", command,
				 options->synopsis, command);
	if (!options->stop_at_argument && arguments->n > (int)options->max_arguments)
		return log_error(parser->log, EINVAL, "'%s' is one argument too many for '%s %s'",
				 arguments->items[options->max_arguments], command,
				 options->synopsis);
	return 0;
}

int options_parse(const struct options *options, void *const *values, int argc, char **argv,
		  const struct log *log, struct arguments *ret_arguments)
{
	struct parser parser = {.options = options, .values = values, .log = log};
	struct arguments arguments;
	int code, r;

	prepare(&parser);
	fill_defaults(options, values);
	optind = 0; /* glibc: begin anew, another table */
	opterr = 0;
	while ((code = getopt_long(argc, argv, parser.shorts, parser.longs, NULL)) != -1) {
		if (code == 'h' || code == HELP_CODE) {
			options_print_help(options, stdout);
			return OPTIONS_HELP;
		}
		r = take_option(&parser, code, argv);
		if (r < 0)
			return r;
	}
	arguments = (struct arguments){argv + optind, argc - optind};
	r = check_arguments(&parser, &arguments);
	if (r < 0)
		return r;
	*ret_arguments = arguments;
	return 0;
}

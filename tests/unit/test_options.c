// SPDX-License-Identifier: MIT
/* Options by table: what is taken, what is refused and in which words, and help. */
#include <errno.h>

#include "array.h"
#include "check.h"
#include "cleanup.h"
#include "exit_code.h"
#include "options.h"
#include "spelling.h"

struct values {
	bool flag, cache;
	unsigned verbose;
	uint32_t count;
	int64_t seed;
	float temperature;
	const char *file;
	struct option_texts stops;
	struct option_numbers sizes;
	int form;
};

static const char *const forms[] = {"md", "csv", "json", NULL};

#define AT(field) offsetof(struct values, field)

static const struct option_spec specs[] = {
	{.letter = 'x', .name = "flag", .kind = OPTION_FLAG, .offset = AT(flag), .help = "a flag"},
	{.name = "no-cache", .kind = OPTION_NO_FLAG, .offset = AT(cache), .help = "no cache"},
	{.letter = 'v',
	 .name = "verbose",
	 .kind = OPTION_COUNT,
	 .offset = AT(verbose),
	 .help = "v"},
	{.letter = 'n',
	 .name = "count",
	 .kind = OPTION_U32,
	 .offset = AT(count),
	 .value = "N",
	 .help = "how many",
	 .min = 1,
	 .max = 100},
	{.name = "seed",
	 .kind = OPTION_I64,
	 .offset = AT(seed),
	 .value = "S",
	 .help = "seed",
	 .min = -1,
	 .max = 9007199254740992.0},
	{.name = "temp",
	 .kind = OPTION_F32,
	 .offset = AT(temperature),
	 .value = "T",
	 .help = "temperature",
	 .max = 2},
	{.letter = 'f',
	 .name = "file",
	 .kind = OPTION_TEXT,
	 .offset = AT(file),
	 .value = "FILE",
	 .help = "a file"},
	{.name = "stop",
	 .kind = OPTION_TEXTS,
	 .offset = AT(stops),
	 .value = "TEXT",
	 .help = "stops"},
	{.name = "sizes",
	 .kind = OPTION_NUMBERS,
	 .offset = AT(sizes),
	 .value = "N,...",
	 .help = "sizes",
	 .max = 1000},
	{.name = "form",
	 .kind = OPTION_CHOICE,
	 .offset = AT(form),
	 .value = "FORM",
	 .help = "a form",
	 .choices = forms},
};

static const struct values defaults = {
	.cache = true, .count = 7, .seed = -1, .temperature = 0.5f, .sizes = {{512}, 1, false}};

static const struct option_table table = {
	.title = "Options",
	.specs = specs,
	.n_specs = ARRAY_SIZE(specs),
	.defaults = &defaults,
	.size_bytes = sizeof(defaults),
};

static const struct options options = {
	.command = "try",
	.synopsis = "WHAT [MORE]",
	.text = "Tries.",
	.tables = {&table},
	.min_arguments = 1,
	.max_arguments = 2,
};

/* Parses WORDS, ended by NULL; the result, and in KEPT the message. */
static int parse(const char *const *words, struct values *values, struct arguments *arguments,
		 struct kept_log *kept)
{
	static char *argv[80];
	int argc = 1;

	argv[0] = (char *)"try";
	for (; *words; words++)
		argv[argc++] = (char *)*words;
	argv[argc] = NULL;
	kept_log_init(kept);
	return options_parse(&options, (void *[]){values}, argc, argv, &kept->log, arguments);
}

static void defaults_stand_where_nothing_is_said(void **state)
{
	struct arguments arguments;
	struct kept_log kept;
	struct values values;

	(void)state;
	assert_int_equal(parse((const char *[]){"a", NULL}, &values, &arguments, &kept), 0);
	assert_int_equal(values.count, 7);
	assert_true(values.cache);
	assert_int_equal(values.seed, -1);
	assert_int_equal(values.sizes.items[0], 512);
	assert_int_equal(arguments.n, 1);
	assert_string_equal(arguments.items[0], "a");
	assert_null(arguments.items[1]);
}

static void every_kind_is_taken(void **state)
{
	static const char *const words[] = {"-xvv",	  "--no-cache",
					    "-n5",	  "a",
					    "--seed",	  "9007199254740991",
					    "--temp=1.5", "--file",
					    "-",	  "--stop",
					    "x",	  "--stop",
					    "",		  "--sizes",
					    "1,20,1000",  "--form=json",
					    "--",	  "--flag"};
	const char *ended[ARRAY_SIZE(words) + 1] = {0};
	struct arguments arguments;
	struct kept_log kept;
	struct values values;

	(void)state;
	memcpy(ended, words, sizeof(words));
	assert_int_equal(parse(ended, &values, &arguments, &kept), 0);
	assert_true(values.flag);
	assert_int_equal(values.verbose, 2);
	assert_false(values.cache);
	assert_int_equal(values.count, 5);
	assert_true(values.seed == 9007199254740991);
	assert_true(values.temperature == 1.5f);
	assert_string_equal(values.file, "-");
	assert_int_equal(values.stops.n, 2);
	assert_string_equal(values.stops.items[1], "");
	assert_int_equal(values.sizes.n, 3);
	assert_int_equal(values.sizes.items[2], 1000);
	assert_int_equal(values.form, 2);
	assert_int_equal(arguments.n, 2);
	assert_string_equal(arguments.items[1], "--flag");
}

static void unambiguous_beginnings_are_taken(void **state)
{
	struct arguments arguments;
	struct kept_log kept;
	struct values values;

	(void)state;
	assert_int_equal(
		parse((const char *[]){"--co", "9", "a", NULL}, &values, &arguments, &kept), 0);
	assert_int_equal(values.count, 9);
	assert_int_equal(parse((const char *[]){"--f", "9", "a", NULL}, &values, &arguments, &kept),
			 -EINVAL);
	assert_string_equal(kept.text, "--f may mean --flag or --file");
}

static void what_cannot_be_is_refused_with_what_can(void **state)
{
	static const struct {
		const char *words[4];
		const char *says;
	} cases[] = {
		{{"a", "--nonsense"}, "there is no option --nonsense; see 'slm try --help'"},
		{{"a", "--tmep", "1"}, "there is no option --tmep; is --temp meant?"},
		{{"a", "-y"}, "there is no option -y; see 'slm try --help'"},
		{{"a", "--count"}, "--count needs a value: a whole number from 1 to 100"},
		{{"a", "-n"}, "--count needs a value: a whole number from 1 to 100"},
		{{"a", "-n", "0"}, "--count must be a whole number from 1 to 100, not '0'"},
		{{"a", "-n", "101"}, "--count must be a whole number from 1 to 100, not '101'"},
		{{"a", "-n", "5x"}, "--count must be a whole number from 1 to 100, not '5x'"},
		{{"a", "-n", ""}, "--count must be a whole number from 1 to 100, not ''"},
		{{"a", "-n", "1.5"}, "--count must be a whole number from 1 to 100, not '1.5'"},
		{{"a", "-n", "99999999999999999999"},
		 "--count must be a whole number from 1 to 100, not '99999999999999999999'"},
		{{"a", "--temp", "nan"}, "--temp must be a number from 0 to 2, not 'nan'"},
		{{"a", "--temp", "inf"}, "--temp must be a number from 0 to 2, not 'inf'"},
		{{"a", "--temp", "-0.1"}, "--temp must be a number from 0 to 2, not '-0.1'"},
		{{"a", "--temp", "1,5"}, "--temp must be a number from 0 to 2, not '1,5'"},
		{{"a", "--form", "xml"}, "--form must be md, csv or json, not 'xml'"},
		{{"a", "--sizes", "1,,2"},
		 "--sizes must be whole numbers from 0 to 1000, separated by commas, not '1,,2'"},
		{{"a", "--sizes", "5,2000"},
		 "--sizes must be whole numbers from 0 to 1000, separated by commas, not '5,2000'"},
		{{"a", "--flag=1"}, "--flag takes no value"},
		{{"a", "--help=1"}, "--help takes no value"},
		{{NULL}, "slm try wants WHAT [MORE]; see 'slm try --help'"},
		{{"a", "b", "c"}, "'c' is one argument too many for 'slm try WHAT [MORE]'"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct arguments arguments;
		struct kept_log kept;
		struct values values;
		const char *words[5] = {0};

		memcpy(words, cases[i].words, sizeof(cases[i].words));
		assert_int_equal(parse(words, &values, &arguments, &kept), -EINVAL);
		assert_string_equal(kept.text, cases[i].says);
		assert_int_equal(kept.n, 1);
	}
}

static void lists_have_limits(void **state)
{
	const char *words[2 * OPTION_TEXTS_MAX + 4] = {0};
	struct arguments arguments;
	struct kept_log kept;
	struct values values;

	(void)state;
	for (int i = 0; i <= OPTION_TEXTS_MAX; i++)
		words[i] = "--stop=x";
	assert_int_equal(parse(words, &values, &arguments, &kept), -EINVAL);
	assert_string_equal(kept.text, "--stop may be given at most 64 times");
}

static void help_shows_every_option(void **state)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	options_print_help(&options, out);
	assert_int_equal(fclose(out), 0);
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
		assert_non_null(strstr(text, specs[i].name));
	assert_non_null(strstr(text, "Usage: slm try [OPTION]... WHAT [MORE]\n"));
	assert_non_null(strstr(text, "(1 to 100, default 7)"));
	assert_non_null(strstr(text, "(md, csv or json, default md)"));
	assert_non_null(strstr(text, "(default 512)"));
	assert_null(strstr(text, " \n"));
	for (const char *line = text; line; line = strchr(line + 1, '\n'))
		assert_true(strcspn(line + 1, "\n") <= 80);
}

static void misspelt_words_are_understood(void **state)
{
	static const char *const words[] = {"run", "pull", "devices", "perplexity", "smollm2-135m"};
	static const struct {
		const char *typed, *meant;
	} cases[] = {
		{"rnu", "run"},
		{"pul", "pull"},
		{"devcies", "devices"},
		{"perplex", "perplexity"},
		{"Device", "devices"},
		{"smol", "smollm2-135m"},
		{"something", NULL},
		{"qqq", NULL},
		{"", NULL},
		{"smolm2", "smollm2-135m"},
		{"smollm-135m", "smollm2-135m"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct spelling spelling;

		spelling_init(&spelling, cases[i].typed);
		for (size_t k = 0; k < ARRAY_SIZE(words); k++)
			spelling_offer(&spelling, words[k]);
		if (cases[i].meant)
			assert_string_equal(spelling.best ? spelling.best : "", cases[i].meant);
		else
			assert_null(spelling.best);
	}
}

static void failures_have_their_exit_codes(void **state)
{
	static const struct {
		enum stage stage;
		int result, code;
	} cases[] = {
		{STAGE_RUN, 0, 0},
		{STAGE_RUN, 5, 0},
		{STAGE_OPTIONS, -EINVAL, 2},
		{STAGE_MODEL, -ENOENT, 3},
		{STAGE_MODEL, -EACCES, 3},
		{STAGE_MODEL, -EISDIR, 3},
		{STAGE_MODEL, -EBADMSG, 3},
		{STAGE_MODEL, -ENOTSUP, 3},
		{STAGE_MODEL, -ENOMEM, 4},
		{STAGE_MODEL, -ENODEV, 5},
		{STAGE_MODEL, -EINVAL, 2},
		{STAGE_MODEL, -EIO, 1},
		{STAGE_FILE, -ENOENT, 3},
		{STAGE_RUN, -E2BIG, 2},
		{STAGE_RUN, -EINVAL, 2},
		{STAGE_RUN, -ENODEV, 1},
		{STAGE_RUN, -EIO, 1},
		{STAGE_RUN, -ENOMEM, 4},
		{STAGE_RUN, -ECANCELED, 130},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(exit_code_of(cases[i].stage, cases[i].result), cases[i].code);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_stand_where_nothing_is_said),
		cmocka_unit_test(every_kind_is_taken),
		cmocka_unit_test(unambiguous_beginnings_are_taken),
		cmocka_unit_test(what_cannot_be_is_refused_with_what_can),
		cmocka_unit_test(lists_have_limits),
		cmocka_unit_test(help_shows_every_option),
		cmocka_unit_test(misspelt_words_are_understood),
		cmocka_unit_test(failures_have_their_exit_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

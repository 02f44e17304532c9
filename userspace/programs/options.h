/* SPDX-License-Identifier: MIT */
/*
 * The options of a command as tables, which parsing, help and completion all read, so that they
 * cannot differ. Syntax is getopt_long's: -n 5, -n5, --name value, --name=value, -vv, options and
 * arguments in any order, unambiguous beginnings of long names, -- to end the options.
 */
#ifndef SLM_PROGRAMS_OPTIONS_H
#define SLM_PROGRAMS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "log.h"

enum {
	OPTION_TEXTS_MAX = 64,
	OPTION_NUMBERS_MAX = 32,
	OPTIONS_TABLES_MAX = 6, /* of one command */
	OPTIONS_MAX = 64,	/* of one command */
};

/* What a value is, and the type of the field it goes to. */
enum option_kind {
	OPTION_FLAG,	/* bool, becomes true */
	OPTION_NO_FLAG, /* bool, becomes false */
	OPTION_COUNT,	/* unsigned, one more each time */
	OPTION_U32,
	OPTION_I64,
	OPTION_F32,
	OPTION_TEXT,	/* const char * */
	OPTION_TEXTS,	/* struct option_texts, each use adds one */
	OPTION_NUMBERS, /* struct option_numbers: N,N,...; a further use adds to it */
	OPTION_CHOICE,	/* int-sized enum, the index in choices */
};

struct option_texts {
	const char *items[OPTION_TEXTS_MAX]; /* [n], of argv */
	uint32_t n;
};

struct option_numbers {
	uint32_t items[OPTION_NUMBERS_MAX]; /* [n] */
	uint32_t n;
	bool given; /* else they are the default's */
};

/* What completion offers for a value or an argument beyond the choices. */
enum completion {
	COMPLETE_NOTHING,
	COMPLETE_FILES,
	COMPLETE_MODELS,
	COMPLETE_DEVICES,
	COMPLETE_PULLABLE,
	COMPLETE_TYPES, /* that matrices can be quantised to */
};

struct option_spec {
	char letter;	  /* 0: none */
	const char *name; /* long, without dashes */
	enum option_kind kind;
	size_t offset;	   /* of the value in the table's struct */
	const char *value; /* what help calls it; NULL where there is none */
	const char *help;
	double min, max;	    /* of numbers */
	const char *const *choices; /* ended by NULL */
	enum completion completion;
};

struct option_table {
	const char *title;
	const struct option_spec *specs; /* [n_specs] */
	size_t n_specs;
	const void *defaults; /* [size_bytes]; NULL: zeros */
	size_t size_bytes;    /* of the struct of values */
};

/* What a command takes; static. */
struct options {
	const char *command;					   /* "run"; "" for slm itself */
	const char *synopsis;					   /* "MODEL [PROMPT]" */
	const char *text;					   /* paragraphs for help */
	const struct option_table *tables[OPTIONS_TABLES_MAX + 1]; /* ended by NULL */
	unsigned min_arguments, max_arguments;
	enum completion arguments[3]; /* the first, the second, the others */
	bool stop_at_argument;	      /* what follows the first argument is not ours */
};

struct arguments {
	char **items; /* [n], ended by NULL */
	int n;
};

enum { OPTIONS_HELP = 1 };

/*
 * Fills VALUES, one struct per table, from the defaults and argv[1] on; argv is permuted. 0;
 * OPTIONS_HELP when help was wanted, and printed on stdout; -EINVAL, logged with what is allowed.
 */
int options_parse(const struct options *options, void *const *values, int argc, char **argv,
		  const struct log *log, struct arguments *ret_arguments);

/* -h and --help are in no table: every command has them. */
void options_print_help(const struct options *options, FILE *out);

/* Table TABLE's option I of OPTIONS counted over all its tables, or NULL when there are fewer. */
const struct option_spec *options_spec(const struct options *options, size_t i, size_t *ret_table);

/* "a number from 0 to 1", "cpu, gpu or all", for messages and help. */
void options_describe_value(const struct option_spec *spec, char *out, size_t out_size);

#endif

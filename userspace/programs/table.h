/* SPDX-License-Identifier: MIT */
/* Rows of text printed in columns as wide as they need to be. */
#ifndef SLM_PROGRAMS_TABLE_H
#define SLM_PROGRAMS_TABLE_H

#include <stddef.h>
#include <stdio.h>

enum { TABLE_COLUMNS_MAX = 12 };

struct table {
	const char *const *titles; /* [n_columns]; one that begins with '>' is set to the right */
	size_t n_columns;
	char **cells; /* [n_cells], row after row; NULL where memory was short */
	size_t n_cells;
	size_t capacity;
};

void table_init(struct table *table, const char *const *titles, size_t n_columns);
void table_finish(struct table *table);

/* The next cell, formatted and made harmless for a terminal. */
void table_add(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints titles and rows; 0, or -ENOMEM when a cell is missing. */
int table_print(const struct table *table, FILE *out);

#endif

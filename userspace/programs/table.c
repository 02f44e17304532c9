// SPDX-License-Identifier: MIT
/* Owns the setting of columns. Width is counted in characters, not bytes. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "table.h"
#include "visible_text.h"

void table_init(struct table *table, const char *const *titles, size_t n_columns)
{
	*table = (struct table){.titles = titles, .n_columns = n_columns};
}

void table_finish(struct table *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i]);
	free(table->cells);
}

void table_add(struct table *table, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	char *shown = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0)
		text = NULL;
	else
		shown = malloc((size_t)n * VISIBLE_CHARACTER_MAX + 1);
	if (shown)
		(void)visible_text(text, (size_t)n, false, shown,
				   (size_t)n * VISIBLE_CHARACTER_MAX + 1);
	if (array_reserve(&table->cells, &table->capacity, table->n_cells + 1,
			  sizeof(*table->cells)) < 0)
		free(shown);
	else
		table->cells[table->n_cells++] = shown;
}

static size_t width_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static bool is_right(const char *title)
{
	return *title == '>';
}

static void print_cell(const char *text, size_t width, bool right, bool last, FILE *out)
{
	int padding = (int)(width - MIN(width_of(text), width));

	if (right)
		(void)fprintf(out, "%*s%s%s", padding, "", text, last ? "\n" : "  ");
	else
		(void)fprintf(out, "%s%*s%s", text, last ? 0 : padding, "", last ? "\n" : "  ");
}

int table_print(const struct table *table, FILE *out)
{
	size_t widths[TABLE_COLUMNS_MAX], n = table->n_columns;

	if (table->n_cells % n != 0)
		return -ENOMEM;
	for (size_t c = 0; c < n; c++)
		widths[c] = width_of(table->titles[c] + is_right(table->titles[c]));
	for (size_t i = 0; i < table->n_cells; i++) {
		if (!table->cells[i])
			return -ENOMEM;
		widths[i % n] = MAX(widths[i % n], width_of(table->cells[i]));
	}
	for (size_t c = 0; c < n; c++)
		print_cell(table->titles[c] + is_right(table->titles[c]), widths[c],
			   is_right(table->titles[c]), c + 1 == n, out);
	for (size_t i = 0; i < table->n_cells; i++)
		print_cell(table->cells[i], widths[i % n], is_right(table->titles[i % n]),
			   i % n + 1 == n, out);
	return 0;
}

// SPDX-License-Identifier: MIT
/* Owns the joining of lines. */
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "typed_text.h"

#define PROMPT	    "> "
#define PROMPT_MORE ". "
#define QUOTES	    "\"\"\""

enum { QUOTES_SIZE = 3 };

static int append(struct typed_text *typed, const char *text, size_t size)
{
	int r = array_reserve(&typed->text, &typed->capacity, typed->size + size + 1, 1);

	if (r < 0)
		return r;
	memcpy(typed->text + typed->size, text, size);
	typed->size += size;
	typed->text[typed->size] = '\0';
	return 0;
}

/* A line that may end with a backslash: whether another one follows. */
static bool take_line(struct typed_text *typed, const char *line)
{
	size_t n = strlen(line);
	bool more = n > 0 && line[n - 1] == '\\';

	if (append(typed, line, more ? n - 1 : n) < 0)
		return false;
	return more && append(typed, "\n", 1) == 0;
}

/* A line between the quotes: whether another one follows. */
static bool take_quoted(struct typed_text *typed, const char *line)
{
	size_t n = strlen(line);
	bool last = n >= QUOTES_SIZE && strcmp(line + n - QUOTES_SIZE, QUOTES) == 0;

	if (append(typed, line, last ? n - QUOTES_SIZE : n) < 0)
		return false;
	return !last && append(typed, "\n", 1) == 0;
}

enum line_result typed_text_read(struct typed_text *typed)
{
	bool more = true, quoted = false, first = true;

	typed->size = 0;
	while (more) {
		const char *line;
		enum line_result result =
			line_editor_read(typed->editor, first ? PROMPT : PROMPT_MORE, &line);

		/* To leave a text of several lines takes one Ctrl-C, not the chat. */
		if (result == LINE_ABANDONED && !first)
			return LINE_INTERRUPTED;
		if (result != LINE_TEXT)
			return result;
		if (first && strncmp(line, QUOTES, QUOTES_SIZE) == 0) {
			quoted = true;
			line += QUOTES_SIZE;
		}
		more = quoted ? take_quoted(typed, line) : take_line(typed, line);
		first = false;
	}
	return typed->text ? LINE_TEXT : LINE_END;
}

void typed_text_finish(struct typed_text *typed)
{
	free(typed->text);
}

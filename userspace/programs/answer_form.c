// SPDX-License-Identifier: MIT
/* Owns the way from options to the grammar of answers. */
#include "answer_form.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "grammar_text.h"
#include "json_schema.h"
#include "text_input.h"

static bool is_json(const char *text)
{
	text += strspn(text, " \t\r\n");
	return *text == '{' || strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
}

static int read_file(const char *path, const struct log *log, char **ret_text, size_t *ret_size)
{
	return text_input_read(path, GRAMMAR_TEXT_MAX, log, ret_text, ret_size);
}

int answer_form_read(const struct answer_form *form, const struct log *log,
		     struct grammar **ret_grammar)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r;

	if (form->schema && form->grammar)
		return log_error(log, EINVAL, "--schema and --grammar exclude each other");
	*ret_grammar = NULL;
	if (form->schema && is_json(form->schema))
		return grammar_from_schema(form->schema, strlen(form->schema), log, ret_grammar);
	if (!form->schema && !form->grammar)
		return 0;
	r = read_file(form->schema ? form->schema : form->grammar, log, &text, &size);
	if (r < 0)
		return r;
	return form->schema ? grammar_from_schema(text, size, log, ret_grammar)
			    : grammar_from_text(text, size, log, ret_grammar);
}

// SPDX-License-Identifier: MIT
/* Owns the reading of lists of tools. Refuses what no template could walk through. */
#include "tool_list.h"

#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "json_text.h"
#include "text_input.h"

enum { TOOLS_TEXT_MAX = 4 << 20 };

static int check(const char *path, const json_t *tools, const struct log *log)
{
	size_t i;
	json_t *tool;

	if (!json_is_array(tools))
		return log_error(log, EBADMSG,
				 "%s: tools are an array: [{\"type\": \"function\", \"function\": "
				 "{\"name\": ...}}, ...]",
				 path);
	json_array_foreach(tools, i, tool) {
		if (!json_is_string(json_object_get(json_object_get(tool, "function"), "name")))
			return log_error(log, EBADMSG,
					 "%s: tool %zu has no \"function\" with a \"name\"", path,
					 i + 1);
	}
	return 0;
}

int tool_list_read(const char *path, const struct log *log, json_t **ret_tools)
{
	_cleanup_(json_decref_p) json_t *tools = NULL;
	_cleanup_free_ char *text = NULL;
	json_error_t error;
	size_t size;
	int r;

	r = text_input_read(path, TOOLS_TEXT_MAX, log, &text, &size);
	if (r < 0)
		return r;
	tools = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	if (!tools)
		return log_error(log, EBADMSG, "%s is no JSON: line %d: %s", path, error.line,
				 error.text);
	r = check(path, tools, log);
	if (r < 0)
		return r;
	*ret_tools = TAKE(tools);
	return 0;
}

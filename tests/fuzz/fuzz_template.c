// SPDX-License-Identifier: MIT
/*
 * Any bytes as a chat template, over a conversation with tools. What compiles must render or fail
 * with a message, within its limits; the marks must cover the text in order.
 */
#include <jansson.h>
#include <stdlib.h>

#include "jinja.h"
#include "jinja_from_json.h"

enum {
	STEPS = 20000,
	TEXT_MAX = 1 << 18,
	MEMORY_MAX = 4 << 20,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char variables_text[] =
	"{\"messages\": [{\"role\": \"system\", \"content\": \" Be brief. \"},"
	"{\"role\": \"user\", \"content\": \"Hi \\u00e9\\ud83d\\ude42 <|im_end|>\"},"
	"{\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"call12345\","
	"\"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": {\"a\": [1, 2.5]}}}]},"
	"{\"role\": \"tool\", \"tool_call_id\": \"call12345\", \"content\": \"{}\"},"
	"{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"x\\ny\"}]}],"
	"\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\":"
	"{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"array\"}}}}}],"
	"\"bos_token\": \"<s>\", \"eos_token\": \"</s>\", \"add_generation_prompt\": true,"
	"\"enable_thinking\": false}";

/* require() is compiled out of optimised builds. */
static void require(bool holds)
{
	if (!holds)
		abort();
}

static void use(const struct jinja_template *template, const json_t *variables)
{
	static const struct tm now = {.tm_year = 125};
	struct jinja_render_params params = {
		.now = &now, .max_steps = STEPS, .max_text_bytes = TEXT_MAX};
	const struct jinja_string *text;
	struct jinja_value value;
	struct arena arena;

	arena_init(&arena, MEMORY_MAX);
	require(jinja_from_json(&arena, variables, &value) == 0);
	params.variables = value.dict;
	if (jinja_render(template, &params, &arena, NULL, &text) == 0) {
		require(text->size <= TEXT_MAX);
		for (size_t i = 0; text->marks && i < text->size; i++)
			require(text->marks[i] <= 1);
	}
	arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static json_t *variables;
	struct jinja_template *template;

	if (!variables)
		variables = json_loads(variables_text, 0, NULL);
	require(variables != NULL);
	if (jinja_template_create((struct span){(const char *)data, (uint32_t)size}, NULL,
				  &template) < 0)
		return 0;
	use(template, variables);
	jinja_template_destroy(template);
	return 0;
}

// SPDX-License-Identifier: MIT
/* Owns strings: their lengths, their patterns, and the formats that are written as patterns. */
#include <errno.h>
#include <string.h>

#include "array.h"
#include "schema_reader.h"

#define HOST  "[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?"
#define YEAR  "[12]\\d{3}"
#define CLOCK "([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)"
/* Without the 29th of February, which not every year has. */
#define DAY                                                                         \
	"((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|" \
	"02-(0[1-9]|1\\d|2[0-8]))"

static const struct {
	const char *name;
	const char *pattern;
} formats[] = {
	{"date", "^" YEAR "-" DAY "$"},
	{"time", "^" CLOCK "$"},
	{"date-time", "^" YEAR "-" DAY "T" CLOCK "$"},
	{"uuid", "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"},
	{"email", "^[A-Za-z0-9_]+([.+-][A-Za-z0-9_]+){0,4}@(" HOST "\\.){1,4}[A-Za-z]{2,12}$"},
	{"hostname", "^(" HOST "\\.){0,4}[A-Za-z]{2,12}$"},
	{"ipv4", "^((25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)\\.){3}"
		 "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)$"},
	{"uri", "^[a-z][a-z0-9+.-]{0,15}:(//(" HOST "\\.){0,4}[A-Za-z]{2,12}(:\\d{1,4})?)?"
		"(/[A-Za-z0-9._~!$&'()*+,;=:@-]*)*(\\?[A-Za-z0-9._~&=/-]*)?$"},
};

/* \n, \u0001, \" and so on, for the characters of SET that cannot stand for themselves. */
static void append_escapes(struct schema_reader *reader, const struct code_set *set,
			   uint32_t choice)
{
	static const char codes[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
	struct grammar_draft *draft = &reader->draft;

	for (uint32_t code = 0; code <= '\\'; code++) {
		const char *at = code > 0 ? strchr(codes, (int)code) : NULL;
		char escape[8] = {'\\', at ? names[at - codes] : 'u', '\0'};
		static const char hex[] = "0123456789abcdef";

		if ((code >= 0x20 && !at) || !code_set_has(set, code))
			continue;
		if (!at)
			memcpy(escape + 2, (char[]){'0', '0', hex[code >> 4], hex[code & 15], '\0'},
			       5);
		draft_append(draft, choice, draft_word(draft, escape));
	}
}

uint32_t schema_characters(struct schema_reader *reader, struct code_set *set)
{
	struct grammar_draft *draft = &reader->draft;
	uint32_t choice = draft_choice(draft);
	int r;

	append_escapes(reader, set, choice);
	r = code_set_remove(set, 0, 0x1f);
	if (r == 0)
		r = code_set_remove(set, '"', '"');
	if (r == 0)
		r = code_set_remove(set, '\\', '\\');
	if (!schema_is_well(reader, r))
		return EXPR_NONE;
	draft_append(draft, choice, draft_set(draft, set));
	return choice;
}

static const char *pattern_of_format(const json_t *schema)
{
	const char *name = json_string_value(json_object_get(schema, "format"));

	for (size_t i = 0; name && i < ARRAY_SIZE(formats); i++) {
		if (strcmp(name, formats[i].name) == 0)
			return formats[i].pattern;
	}
	return NULL;
}

/* Of LEAST to MOST characters, or what PATTERN says beside. */
static uint32_t inside(struct schema_reader *reader, const char *pattern, uint32_t least,
		       uint32_t most)
{
	struct grammar_draft *draft = &reader->draft;

	if (pattern)
		return schema_pattern(reader, pattern, least, most);
	if (most < least)
		return draft_choice(draft);
	return draft_repeat(draft, schema_shared(reader, SCHEMA_CHARACTER), least, most);
}

uint32_t schema_string(struct schema_reader *reader, const json_t *schema)
{
	struct grammar_draft *draft = &reader->draft;
	const json_t *pattern = json_object_get(schema, "pattern");
	const char *text = json_string_value(pattern);
	uint32_t least = 0, most = REPEAT_MANY;
	bool has_least = schema_count(reader, schema, "minLength", &least);
	bool has_most = schema_count(reader, schema, "maxLength", &most);

	if (pattern && !text)
		return schema_refuse(reader, EINVAL, "pattern must be a string");
	/* A format is an annotation: what is enforced goes first. */
	if (!pattern && !has_least && !has_most)
		text = pattern_of_format(schema);
	if (!text && least == 0 && most == REPEAT_MANY)
		return schema_shared(reader, SCHEMA_STRING);
	return DRAFT_ROW(draft, draft_word(draft, "\""), inside(reader, text, least, most),
			 draft_word(draft, "\""));
}

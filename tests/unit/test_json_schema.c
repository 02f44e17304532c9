// SPDX-License-Identifier: MIT
/* JSON schemas as grammars: which texts they allow, and what is refused by name. */
#include <errno.h>
#include <stdio.h>

#include "array.h"
#include "check.h"
#include "failing_malloc.h"
#include "grammar_text.h"
#include "json_schema.h"
#include "matcher.h"

static struct grammar *grammar_of(const char *schema)
{
	struct grammar *grammar = NULL;
	struct kept_log kept;

	kept_log_init(&kept);
	if (grammar_from_schema(schema, strlen(schema), &kept.log, &grammar) < 0)
		fail_msg("%s: %s", schema, kept.text);
	return grammar;
}

/* Whether all of TEXT follows GRAMMAR. */
static bool match(const struct grammar *grammar, const char *text)
{
	struct matcher *matcher;
	uint32_t place;
	int r = 1;

	assert_int_equal(matcher_create(grammar, &matcher), 0);
	place = matcher_start(matcher);
	for (; *text && r == 1; text++)
		r = matcher_step(matcher, place, (uint8_t)*text, &place);
	assert_true(r >= 0);
	r = r == 1 && matcher_may_end(matcher, place);
	matcher_destroy(matcher);
	return r;
}

struct schema_case {
	const char *schema;
	const char *good[10];
	const char *bad[10];
};

static const struct schema_case schema_cases[] = {
	{"{}",
	 {"null", "true", "-1.5e3", "\"a\\u00e9\\n\xc3\xa9\"", "[]", "[1, {\"a\": []}]", "{}",
	  "{\"a\":1,\n  \"b\":[2]}", "\"\\ud83d\\ude00\""},
	 {"nul", "01", "\"\t\"", "\"\\ud83d\"", "\"\\x\"", "[1,]", "{a:1}", "\"\xff\"", "+1"}},
	{"true", {"1", "[]"}, {""}},
	{"{\"type\": \"json_object\"}", {"{}", "{\"a\": [1]}"}, {"[]", "1"}},
	{"{\"type\": [\"boolean\", \"null\"]}", {"true", "false", "null"}, {"0", "\"\""}},
	{"{\"type\": \"string\", \"nullable\": true}", {"\"\"", "null"}, {"1"}},
	{"{\"enum\": [1, \"a\\\"\xc3\xa9\", [null, {\"b\": 0.1}], 1.5]}",
	 {"1", "\"a\\\"\xc3\xa9\"", "[null,{\"b\":0.1}]", "1.5"},
	 {"2", "[null]"}},
	{"{\"enum\": [1, \"a\", null], \"type\": [\"string\", \"null\"]}",
	 {"\"a\"", "null"},
	 {"1"}},
	{"{\"const\": false}", {"false"}, {"true"}},
	/* Objects. */
	{"{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"null\"}, \"b\": true, \"c\": {}},"
	 "\"required\": [\"b\"]}",
	 {"{\"b\":1}", "{ \"a\": null, \"b\": [] }", "{\"b\":1,\"c\":2}",
	  "{\"a\":null,\"b\":1,\"c\":2}"},
	 {"{}", "{\"a\":null}", "{\"c\":1,\"b\":1}", "{\"b\":1,}", "{\"b\":1,\"d\":1}",
	  "{\"b\":1 \"c\":1}", "{,\"b\":1}"}},
	{"{\"properties\": {\"a\": {}, \"b\": {}}}",
	 {"{}", "{\"b\":1}", "{\"a\":1,\"b\":1}"},
	 {"1", "{,}"}},
	{"{\"properties\": {\"a\": {}, \"b\": {}}, \"minProperties\": 1}", {"{\"b\":1}"}, {"{}"}},
	{"{\"properties\": {\"a\": false, \"b\": {}}}", {"{}", "{\"b\":1}"}, {"{\"a\":1}"}},
	{"{\"required\": [\"x\", \"x\"]}", {"{\"x\":1}"}, {"{}", "{\"x\":1,\"x\":1}"}},
	{"{\"properties\": {\"ab\": {\"const\": 1}, \"a\": {\"const\": 2}, \"\": {\"const\": 3}, \"\xc3\xa9\": {}},"
	 "\"additionalProperties\": {\"const\": 0}}",
	 {"{\"ab\":1,\"a\":2,\"\":3}", "{\"x\":0}", "{\"abc\":0,\"b\":0}", "{\"\xc3\xaa\":0}",
	  "{\"ac\":0}"},
	 {"{\"ab\":0}", "{\"a\":0}", "{\"\":0}", "{\"\xc3\xa9\":1,\"a\":0}", "{\"x\":1}",
	  "{\"\\u0061\":0}"}},
	{"{\"additionalProperties\": {\"type\": \"null\"}, \"maxProperties\": 2, \"minProperties\": 1}",
	 {"{\"a\":null}", "{\"a\":null,\"b\":null}"},
	 {"{}", "{\"a\":1}", "{\"a\":null,\"b\":null,\"c\":null}"}},
	{"{\"type\": \"object\", \"additionalProperties\": false}", {"{}", "{ }"}, {"{\"a\":1}"}},
	{"{\"type\": \"object\", \"properties\": {\"q\\\"t\": {}}}",
	 {"{\"q\\\"t\":1}"},
	 {"{\"q\"t\":1}"}},
	/* Arrays. */
	{"{\"items\": {\"const\": 1}}", {"[]", "[1]", "[1,1, 1]"}, {"[2]", "[1 1]", "[,1]"}},
	{"{\"items\": {\"const\": 1}, \"minItems\": 2, \"maxItems\": 3}",
	 {"[1,1]", "[1,1,1]"},
	 {"[1]", "[1,1,1,1]", "[]"}},
	{"{\"type\": \"array\", \"maxItems\": 0}", {"[]", "[ ]"}, {"[1]"}},
	{"{\"prefixItems\": [{\"const\": 1}, {\"const\": 2}]}",
	 {"[1,2]"},
	 {"[1]", "[1,2,3]", "[2,1]"}},
	{"{\"prefixItems\": [{\"const\": 1}], \"items\": {\"const\": 2}, \"minItems\": 2}",
	 {"[1,2]", "[1,2,2]"},
	 {"[1]", "[1,1]"}},
	{"{\"items\": [{\"const\": 1}], \"additionalItems\": false, \"type\": \"array\"}",
	 {"[1]"},
	 {"[]", "[1,1]"}},
	{"{\"prefixItems\": [{}, {}], \"maxItems\": 1}", {"[1]"}, {"[1,1]"}},
	/* Strings. */
	{"{\"minLength\": 2, \"maxLength\": 3}",
	 {"\"ab\"", "\"\xc3\xa9\xf0\x9f\x98\x80z\"", "\"\\u0041\\n\"", "\"\\ud83d\\ude00a\""},
	 {"\"a\"", "\"abcd\"", "ab"}},
	{"{\"pattern\": \"^a[b-d]{2}(x|yz)*$\"}",
	 {"\"abd\"", "\"accxyz\""},
	 {"\"ab\"", "\"abdz\"", "\"zabd\""}},
	{"{\"pattern\": \"b|^c\"}", {"\"abc\"", "\"b\"", "\"cx\""}, {"\"ac\"", "\"\""}},
	{"{\"pattern\": \"^[^a]\\\\.$\"}",
	 {"\"b.\"", "\"\\\".\"", "\"\\n.\"", "\"\xe2\x82\xac.\""},
	 {"\"a.\"", "\"bb\"", "\"\n.\"", "\"\".\""}},
	{"{\"pattern\": \"^(?:\\\\d+|\\\\w\\\\s\\\\S)?$\"}",
	 {"\"\"", "\"12\"", "\"a b\"", "\"_\\tx\""},
	 {"\"a\"", "\"a  \""}},
	{"{\"pattern\": \"^\\\\x41\\\\u00e9\\\\/\\\\\\\\$\"}", {"\"A\xc3\xa9/\\\\\""}, {"\"A\""}},
	{"{\"pattern\": \"^[a-z]+$\", \"maxLength\": 3}",
	 {"\"a\"", "\"abc\""},
	 {"\"\"", "\"abcd\""}},
	{"{\"pattern\": \"^id-[0-9]*$\", \"minLength\": 5, \"maxLength\": 6}",
	 {"\"id-12\"", "\"id-123\""},
	 {"\"id-1\"", "\"id-1234\""}},
	{"{\"format\": \"date\"}",
	 {"\"2024-02-28\"", "\"1999-12-31\""},
	 {"\"2024-02-30\"", "\"2024-13-01\"", "\"24-01-01\""}},
	{"{\"format\": \"ipv4\"}", {"\"0.255.10.99\""}, {"\"256.1.1.1\"", "\"01.1.1.1\""}},
	{"{\"format\": \"unheard-of\"}", {"\"x\""}, {"1"}},
	/* Numbers. */
	{"{\"type\": \"integer\"}", {"0", "-12", "99"}, {"-0", "1.0", "01", "1e3", "--1"}},
	{"{\"type\": \"integer\", \"minimum\": -12, \"maximum\": 105}",
	 {"-12", "-1", "0", "9", "10", "99", "100", "105"},
	 {"-13", "106", "1000", "-20", "00", "-0", "1.0"}},
	{"{\"type\": \"integer\", \"exclusiveMinimum\": 9, \"exclusiveMaximum\": 12}",
	 {"10", "11"},
	 {"9", "12"}},
	{"{\"type\": \"integer\", \"minimum\": 0.5, \"maximum\": 2.5}", {"1", "2"}, {"0", "3"}},
	{"{\"type\": \"integer\", \"minimum\": 5, \"exclusiveMinimum\": true}",
	 {"6", "123456"},
	 {"5"}},
	{"{\"type\": \"integer\", \"multipleOf\": 7, \"maximum\": 50, \"minimum\": -14}",
	 {"0", "7", "49", "-14"},
	 {"1", "56", "-21", "8"}},
	{"{\"type\": \"integer\", \"multipleOf\": 300, \"minimum\": 0, \"maximum\": 1000}",
	 {"0", "300", "900"},
	 {"3", "1200", "100", "000"}},
	{"{\"type\": \"number\", \"multipleOf\": 10}", {"0", "-20", "1230"}, {"5", "10.0"}},
	{"{\"type\": \"number\"}",
	 {"0", "-1.5", "2e10", "1.5E-3", "0.1"},
	 {"1.", ".5", "01", "1e", "-"}},
	{"{\"type\": \"number\", \"minimum\": 0, \"maximum\": 1}",
	 {"0", "0.5", "1", "0.25"},
	 {"1.1", "-0.5", "2"}},
	{"{\"type\": \"number\", \"exclusiveMinimum\": 0}",
	 {"0.5", "1", "12.75", "0.01"},
	 {"0", "0.0", "-1"}},
	{"{\"type\": \"number\", \"minimum\": -0.5, \"exclusiveMaximum\": 1.25}",
	 {"0.00", "-0.50", "1.24", "1.249", "-0.49", "0.1"},
	 {"-0.51", "1.25", "1.3", "-1"}},
	/* Several. */
	{"{\"anyOf\": [{\"type\": \"null\"}, {\"const\": 3}]}", {"null", "3"}, {"4"}},
	{"{\"oneOf\": [{\"type\": \"string\"}, {\"type\": \"integer\"}]}", {"\"\"", "1"}, {"null"}},
	{"{\"oneOf\": [{\"enum\": [1, 2]}, {\"const\": 3}]}", {"1", "3"}, {"4"}},
	{"{\"oneOf\": [{\"properties\": {\"k\": {\"const\": 1}}, \"required\": [\"k\"], \"type\": \"object\"},"
	 "{\"properties\": {\"k\": {\"const\": 2}, \"v\": {}}, \"required\": [\"k\"], \"type\": \"object\"}]}",
	 {"{\"k\":1}", "{\"k\":2,\"v\":0}"},
	 {"{\"k\":3}", "{\"k\":1,\"v\":0}"}},
	{"{\"allOf\": [{\"type\": [\"integer\", \"string\"]}, {\"type\": \"number\"}, {\"minimum\": 3}], \"maximum\": 5}",
	 {"3", "5"},
	 {"2", "6", "3.5", "\"\""}},
	{"{\"allOf\": [{\"properties\": {\"a\": {\"minimum\": 1}}}, {\"properties\": {\"a\": {\"maximum\": 2}}, \"required\": [\"a\"]}]}",
	 {"{\"a\":1}", "{\"a\":2}"},
	 {"{\"a\":0}", "{\"a\":3}", "{}"}},
	{"{\"properties\": {\"a\": {}, \"b\": {}}, \"anyOf\": [{\"required\": [\"a\"]}, {\"required\": [\"b\"]}]}",
	 {"{\"a\":1}", "{\"b\":1}", "{\"a\":1,\"b\":1}"},
	 {"{}"}},
	/* References. */
	{"{\"$ref\": \"#/$defs/a~1b/%25\", \"$defs\": {\"a/b\": {\"%\": {\"const\": 1}}}}",
	 {"1"},
	 {"2"}},
	{"{\"items\": {\"$ref\": \"#\"}}", {"[]", "[[],[[]]]"}, {"[1]"}},
	{"{\"$ref\": \"#/$defs/n\", \"maximum\": 3, \"$defs\": {\"n\": {\"type\": \"integer\", \"minimum\": 2}}}",
	 {"2", "3"},
	 {"1", "4"}},
	{"{\"$defs\": {\"t\": {\"type\": \"object\", \"properties\": {\"l\": {\"$ref\": \"#/$defs/t\"}, \"v\": {\"const\": 0}},"
	 "\"required\": [\"v\"]}}, \"$ref\": \"#/$defs/t\"}",
	 {"{\"v\":0}", "{\"l\":{\"l\":{\"v\":0},\"v\":0},\"v\":0}"},
	 {"{\"l\":{},\"v\":0}"}},
	{"{\"anyOf\": [{\"const\": 1}, {\"properties\": {\"never\": {\"$ref\": \"#/$defs/x\"}}, \"required\": [\"never\"]}],"
	 "\"$defs\": {\"x\": {\"properties\": {\"x\": {\"$ref\": \"#/$defs/x\"}}, \"required\": [\"x\"]}}}",
	 {"1"},
	 {"{"}},
};

static void schemas_allow_what_they_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(schema_cases); i++) {
		const struct schema_case *c = &schema_cases[i];
		struct grammar *grammar = grammar_of(c->schema);

		for (size_t k = 0; k < ARRAY_SIZE(c->good); k++) {
			if (c->good[k] && !match(grammar, c->good[k]))
				fail_msg("%s should allow %s", c->schema, c->good[k]);
			if (c->bad[k] && match(grammar, c->bad[k]))
				fail_msg("%s should not allow %s", c->schema, c->bad[k]);
		}
		grammar_destroy(grammar);
	}
}

static const struct {
	const char *schema;
	int error;
	const char *says;
} refused[] = {
	{"", EINVAL, "is no JSON"},
	{"{\"type\": \"string\"", EINVAL, "is no JSON: line 1"},
	{"{\"type\": \"string\", \"type\": \"string\"}", EINVAL, "is no JSON"},
	{"3", EINVAL, "at '/': a schema must be"},
	{"{\"properties\": {\"a\": 3}}", EINVAL, "at '/properties/a': a schema must be"},
	{"{\"type\": \"text\"}", EINVAL, "'text' is no type"},
	{"{\"type\": 1}", EINVAL, "is no type"},
	{"{\"properties\": []}", EINVAL, "properties must be"},
	{"{\"required\": {}}", EINVAL, "required an array"},
	{"{\"enum\": 1}", EINVAL, "enum must be an array"},
	{"{\"anyOf\": []}", EINVAL, "anyOf must be"},
	{"{\"allOf\": 1}", EINVAL, "allOf must be"},
	{"{\"prefixItems\": {}}", EINVAL, "prefixItems must be"},
	{"{\"pattern\": 1}", EINVAL, "pattern must be"},
	{"{\"minLength\": -1}", EINVAL, "minLength must be"},
	{"{\"minItems\": 1.5}", EINVAL, "minItems must be"},
	{"{\"type\": \"integer\", \"minimum\": \"a\"}", EINVAL, "minimum must be"},
	{"{\"type\": \"integer\", \"multipleOf\": 0}", EINVAL, "multipleOf must be"},
	{"{\"prefixItems\": [{}, {\"items\": {\"anyOf\": [{}, {\"not\": {}}]}}]}", ENOTSUP,
	 "at '/prefixItems/1/items/anyOf/1': 'not'"},
	{"{\"$ref\": \"#/$defs/a\", \"$defs\": {\"a\": {\"not\": {}}}}", ENOTSUP, "at '/$defs/a'"},
	{"{\"not\": {}}", ENOTSUP, "'not' cannot be enforced"},
	{"{\"if\": {}, \"then\": {}}", ENOTSUP, "'if'"},
	{"{\"patternProperties\": {\"a\": {}}}", ENOTSUP, "'patternProperties'"},
	{"{\"propertyNames\": {\"pattern\": \"a\"}}", ENOTSUP, "'propertyNames'"},
	{"{\"contains\": {}}", ENOTSUP, "'contains'"},
	{"{\"uniqueItems\": true}", ENOTSUP, "'uniqueItems'"},
	{"{\"dependentRequired\": {\"a\": [\"b\"]}}", ENOTSUP, "'dependentRequired'"},
	{"{\"dependentSchemas\": {\"a\": {}}}", ENOTSUP, "'dependentSchemas'"},
	{"{\"dependencies\": {\"a\": {}}}", ENOTSUP, "'dependencies'"},
	{"{\"unevaluatedItems\": false}", ENOTSUP, "'unevaluatedItems'"},
	{"{\"unevaluatedProperties\": false}", ENOTSUP, "'unevaluatedProperties'"},
	{"{\"$dynamicRef\": \"#a\"}", ENOTSUP, "'$dynamicRef'"},
	{"{\"$recursiveRef\": \"#\"}", ENOTSUP, "'$recursiveRef'"},
	{"{\"$ref\": \"http://example.com\"}", ENOTSUP, "only places in the same document"},
	{"{\"$ref\": \"#anchor\"}", ENOTSUP, "only places in the same document"},
	{"{\"$ref\": \"#/$defs/a\"}", EINVAL, "there is no such place"},
	{"{\"$ref\": \"#/%zz\"}", EINVAL, "there is no such place"},
	{"{\"$ref\": \"#\"}", EINVAL, "left recursive"},
	{"{\"$ref\": \"#\", \"type\": \"object\"}", E2BIG, "nested too deeply"},
	{"{\"allOf\": [{\"$ref\": \"#/$defs/a\"}], \"$defs\": {\"a\": {\"$ref\": \"#/$defs/a\"}}}",
	 EINVAL, "circle"},
	{"{\"oneOf\": [{}, {\"type\": \"string\"}]}", ENOTSUP, "plainly exclude"},
	{"{\"oneOf\": [{\"type\": \"integer\"}, {\"type\": \"number\"}]}", ENOTSUP,
	 "plainly exclude"},
	{"{\"oneOf\": [{\"enum\": [1, 2]}, {\"enum\": [2.0]}]}", ENOTSUP, "plainly exclude"},
	{"{\"oneOf\": [{\"const\": [1]}, {\"const\": [1.0]}]}", ENOTSUP, "plainly exclude"},
	{"{\"oneOf\": [{\"properties\": {\"k\": {\"const\": 1}}, \"type\": \"object\"}, {\"properties\": {\"k\": {\"const\": 2}}, \"type\": \"object\"}]}",
	 ENOTSUP, "plainly exclude"},
	{"{\"allOf\": [{\"pattern\": \"a\"}, {\"pattern\": \"b\"}]}", ENOTSUP,
	 "two different 'pattern'"},
	{"{\"allOf\": [{\"anyOf\": [{}]}, {\"anyOf\": [true]}]}", ENOTSUP, "two different 'anyOf'"},
	{"{\"allOf\": [{\"properties\": {\"a\": {}}, \"additionalProperties\": false}, {\"properties\": {\"b\": {}}}]}",
	 ENOTSUP, "cannot be joined"},
	{"{\"allOf\": [{\"items\": {}, \"type\": \"array\"}, {\"prefixItems\": [{}]}]}", ENOTSUP,
	 "cannot be joined"},
	{"{\"enum\": [1], \"minimum\": 0}", ENOTSUP, "'minimum' beside 'enum'"},
	{"{\"const\": \"a\", \"pattern\": \"a\"}", ENOTSUP, "'pattern' beside 'const'"},
	{"{\"properties\": {\"a\": {}}, \"minProperties\": 2}", ENOTSUP, "minProperties"},
	{"{\"properties\": {\"a\": {}, \"b\": {}}, \"maxProperties\": 1}", ENOTSUP,
	 "maxProperties"},
	{"{\"type\": \"number\", \"multipleOf\": 0.01}", ENOTSUP, "multipleOf 0.01"},
	{"{\"type\": \"integer\", \"multipleOf\": 501}", E2BIG, "larger than 500"},
	{"{\"type\": \"number\", \"minimum\": 0.12345678}", ENOTSUP, "more digits"},
	{"{\"type\": \"integer\", \"maximum\": 1e18}", ENOTSUP, "more digits"},
	{"{\"pattern\": \"a(?=b)\"}", ENOTSUP, "looking around"},
	{"{\"pattern\": \"(?<!b)a\"}", ENOTSUP, "looking around"},
	{"{\"pattern\": \"(a)\\\\1\"}", ENOTSUP, "escape"},
	{"{\"pattern\": \"\\\\bword\"}", ENOTSUP, "escape"},
	{"{\"pattern\": \"\\\\p{L}\"}", ENOTSUP, "escape"},
	{"{\"pattern\": \"a^b\"}", ENOTSUP, "beginning and end only"},
	{"{\"pattern\": \"(^a)\"}", ENOTSUP, "beginning and end only"},
	{"{\"pattern\": \"(a\"}", ENOTSUP, "without its )"},
	{"{\"pattern\": \"a)\"}", ENOTSUP, "without its ("},
	{"{\"pattern\": \"[a\"}", ENOTSUP, "without its ]"},
	{"{\"pattern\": \"[z-a]\"}", ENOTSUP, "a range ends"},
	{"{\"pattern\": \"*\"}", ENOTSUP, "repetition of nothing"},
	{"{\"pattern\": \"a{2,1}\"}", ENOTSUP, "makes no sense"},
	{"{\"pattern\": \"a\\\\\"}", ENOTSUP, "backslash"},
	{"{\"pattern\": \"^a*b*$\", \"maxLength\": 3}", ENOTSUP, "minLength and maxLength"},
	{"{\"pattern\": \"abc\", \"maxLength\": 3}", ENOTSUP, "minLength and maxLength"},
	{"{\"pattern\": \"^ab+$\", \"maxLength\": 1}", ENOTSUP, "leave nothing"},
	{"{\"minLength\": 20000}", E2BIG, "too large"},
	{"false", EINVAL, "no text of finite length"},
	{"{\"enum\": []}", EINVAL, "no text of finite length"},
	{"{\"allOf\": [{\"type\": \"string\"}, {\"type\": \"null\"}]}", EINVAL,
	 "no text of finite length"},
	{"{\"minItems\": 3, \"maxItems\": 2}", EINVAL, "no text of finite length"},
	{"{\"minLength\": 3, \"maxLength\": 2}", EINVAL, "no text of finite length"},
	{"{\"type\": \"integer\", \"minimum\": 3, \"maximum\": 2}", EINVAL,
	 "no text of finite length"},
	{"{\"type\": \"number\", \"minimum\": 3, \"exclusiveMaximum\": 3}", EINVAL,
	 "no text of finite length"},
	{"{\"type\": \"integer\", \"minimum\": 1, \"maximum\": 6, \"multipleOf\": 7}", EINVAL,
	 "no text of finite length"},
	{"{\"properties\": {\"a\": {\"$ref\": \"#\"}}, \"required\": [\"a\"]}", EINVAL,
	 "no text of finite length"},
};

static void what_cannot_be_enforced_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct grammar *grammar = NULL;
		struct kept_log kept;
		int r;

		kept_log_init(&kept);
		r = grammar_from_schema(refused[i].schema, strlen(refused[i].schema), &kept.log,
					&grammar);
		if (r != -refused[i].error || !strstr(kept.text, refused[i].says) || kept.n != 1)
			fail_msg("%s: %d, '%s'", refused[i].schema, r, kept.text);
		assert_null(grammar);
	}
}

/* ---- what explodes ---- */

/* N times MIDDLE between BEGIN and END, in which %u is the number. */
static int read_many(const char *begin, const char *middle, const char *end, unsigned n)
{
	size_t size = strlen(begin) + strlen(end) + n * (strlen(middle) + 8) + 1;
	char *text = malloc(size), *at = text;
	struct grammar *grammar = NULL;
	int r;

	assert_non_null(text);
	at = stpcpy(at, begin);
	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			*at++ = ',';
		at = stpcpy(at, middle);
		at += sprintf(at, "%u", i);
		*at++ = '"';
		*at++ = strchr(middle, ':') ? '}' : ' ';
	}
	at = stpcpy(at, end);
	r = grammar_from_schema(text, (size_t)(at - text), NULL, &grammar);
	grammar_destroy(grammar);
	free(text);
	return r;
}

static void large_schemas_end_soon(void **state)
{
	struct grammar *grammar;
	char *text;

	(void)state;
	assert_int_equal(read_many("{\"enum\": [", "\"value ", "]}", 20000), 0);
	assert_int_equal(read_many("{\"anyOf\": [", "{\"const\": \"", "]}", 3000), 0);
	assert_int_equal(read_many("{\"anyOf\": [", "{\"const\": \"", "], \"type\": \"string\"}",
				   20000),
			 -E2BIG);
	assert_int_equal(read_many("{\"oneOf\": [", "{\"const\": \"", "]}", 60), 0);
	assert_int_equal(read_many("{\"required\": [", "\"", "]}", 3000), 0);
	assert_int_equal(read_many("{\"required\": [", "\"", "]}", 5000), -E2BIG);
	assert_int_equal(grammar_from_schema("", GRAMMAR_TEXT_MAX + 1, NULL, &grammar), -E2BIG);

	/* Deep, but one in the other: each is read by itself. */
	text = calloc(1, 65536);
	assert_non_null(text);
	for (int i = 0; i < 300; i++)
		strcat(text, "{\"items\":");
	strcat(text, "{}");
	for (int i = 0; i < 300; i++)
		strcat(text, "}");
	assert_int_equal(grammar_from_schema(text, strlen(text), NULL, &grammar), 0);
	grammar_destroy(grammar);
	free(text);
}

static void failing_allocations_are_reported(void **state)
{
	static const char schema[] =
		"{\"allOf\": [{\"type\": \"object\", \"properties\": {\"a\": {\"pattern\": "
		"\"^[a-z]+$\"}, \"b\": {\"type\": \"integer\", \"minimum\": 3, \"maximum\": 40}}, "
		"\"additionalProperties\": {\"anyOf\": [{\"type\": \"number\", \"minimum\": 0.5, "
		"\"maximum\": 2}, "
		"{}]}}, {\"required\": [\"b\"]}]}";
	struct grammar *grammar = NULL;
	long n = 0;
	int r;

	(void)state;
	do {
		allocations_left = n++;
		r = grammar_from_schema(schema, strlen(schema), NULL, &grammar);
		allocations_left = -1;
		assert_true(r == 0 || r == -ENOMEM);
	} while (r < 0);
	assert_true(n > 20);
	grammar_destroy(grammar);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(schemas_allow_what_they_say),
		cmocka_unit_test(what_cannot_be_enforced_is_refused),
		cmocka_unit_test(large_schemas_end_soon),
		cmocka_unit_test(failing_allocations_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

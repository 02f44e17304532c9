// SPDX-License-Identifier: MIT
/*
 * Templates: what they give, what is refused and how that is said, what they may use up, and where
 * each byte of the text came from. That Python gives the same is jinja_against_python.py's business.
 */
#include <errno.h>
#include <jansson.h>
#include <pthread.h>

#include "array.h"
#include "check.h"
#include "cleanup.h"
#include "failing_malloc.h"
#include "jinja.h"
#include "jinja_from_json.h"

static const char variables_text[] =
	"{\"m\": \"MeSs\", \"w\": \" Mes \", \"u\": \"é你\", \"l\": [3, \"x\", null], \"n\": 7,"
	" \"d\": {\"k\": \"v\", \"j\": [1.5, true]}, \"c\": \"a,b\"}";

struct bench {
	json_t *variables;
	struct arena arena;
	struct kept_log kept;
	struct jinja_template *template;
	struct jinja_render_params params;
	const struct jinja_string *text;
};

static void bench_init(struct bench *bench)
{
	struct jinja_value value;

	*bench = (struct bench){.variables = json_loads(variables_text, 0, NULL)};
	assert_non_null(bench->variables);
	arena_init(&bench->arena, 16 << 20);
	kept_log_init(&bench->kept);
	assert_int_equal(jinja_from_json(&bench->arena, bench->variables, &value), 0);
	bench->params.variables = value.dict;
}

static void bench_finish(struct bench *bench)
{
	jinja_template_destroy(bench->template);
	arena_finish(&bench->arena);
	json_decref(bench->variables);
}

static int compile(struct bench *bench, const char *source, size_t size)
{
	return jinja_template_create((struct span){source, (uint32_t)size}, &bench->kept.log,
				     &bench->template);
}

static int render(struct bench *bench, const char *source)
{
	if (compile(bench, source, strlen(source)) < 0)
		fail_msg("%s: %s", source, bench->kept.text);
	return jinja_render(bench->template, &bench->params, &bench->arena, &bench->kept.log,
			    &bench->text);
}

static void gives(const char *source, const char *expected)
{
	struct bench bench;

	bench_init(&bench);
	if (render(&bench, source) < 0)
		fail_msg("%s: %s", source, bench.kept.text);
	if (bench.text->size != strlen(expected) ||
	    memcmp(bench.text->data, expected, bench.text->size) != 0)
		fail_msg("%s gives '%.*s'", source, (int)bench.text->size, bench.text->data);
	bench_finish(&bench);
}

static void says(const struct bench *bench, const char *source, const char *sentence)
{
	if (bench->kept.n != 1 || !strstr(bench->kept.text, sentence))
		fail_msg("%s: '%s' (%u times) does not say '%s'", source, bench->kept.text,
			 bench->kept.n, sentence);
}

static void refused(const char *source, int error, const char *sentence)
{
	struct bench bench;

	bench_init(&bench);
	assert_int_equal(compile(&bench, source, strlen(source)), -error);
	assert_null(bench.template);
	says(&bench, source, sentence);
	bench_finish(&bench);
}

static void fails(const char *source, int error, const char *sentence)
{
	struct bench bench;
	int r;

	bench_init(&bench);
	r = render(&bench, source);
	if (r != -error)
		fail_msg("%s: %d, '%s'", source, r, bench.kept.text);
	says(&bench, source, sentence);
	bench_finish(&bench);
}

/* ---- what templates give ---- */

static void templates_give_what_python_gives(void **state)
{
	static const struct {
		const char *source, *expected;
	} cases[] = {
		{"a\n", "a"},
		{"  {% if n %}\n  y\n  {% endif %}\nz", "  y\nz"},
		{"a {{- n -}} b", "a7b"},
		{"{% for i in l %}{{ loop.index }}{{ i }},{% endfor %}", "13,2x,3None,"},
		{"{% set s = namespace(a=1) %}{% for i in range(3) %}{% set s.a = s.a + i %}"
		 "{% endfor %}{{ s.a }}",
		 "4"},
		{"{% macro f(a, b=2) %}{{ a }}{{ b }}{{ caller() }}{% endmacro %}"
		 "{% call f(1) %}x{% endcall %}",
		 "12x"},
		{"{{ d }}|{{ l }}|{{ d|tojson }}",
		 "{'k': 'v', 'j': [1.5, True]}|[3, 'x', None]|{\"k\": \"v\", \"j\": [1.5, true]}"},
		{"{{ u|length }}{{ u[1] }}{{ u[::-1] }}{{ u|upper }}", "2你你éÉ你"},
		{"{{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** -1 }} {{ 1e16 }}",
		 "-4 2 3.5 0.5 1e+16"},
		{"{{ missing }}{{ missing is defined }}{{ missing|default('x') }}", "Falsex"},
		{"{% raw %}{{ n }}{% endraw %}{# nothing #}", "{{ n }}"},
		{"{{ l|map('string')|join('-') }}{{ l|select('string')|list }}", "3-x-None['x']"},
		{"{% filter upper %}a{{ m }}{% endfilter %}{% set x | trim %} b {% endset %}{{ x }}",
		 "AMESSb"},
		{"{{ '%s %d' % ('a', 3) }}{{ '{} {b}'.format(1, b=2) }}", "a 31 2"},
		{"{% generation %}{{ n }}{% endgeneration %}", "7"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		gives(cases[i].source, cases[i].expected);
}

static void dates_are_handed_in(void **state)
{
	const struct tm now = {.tm_year = 125, .tm_mon = 6, .tm_mday = 4, .tm_wday = 5};
	struct bench bench;

	(void)state;
	bench_init(&bench);
	bench.params.now = &now;
	assert_int_equal(render(&bench, "{{ strftime_now('%d %b %Y, %A %-d') }}"), 0);
	assert_int_equal(bench.text->size, strlen("04 Jul 2025, Friday 4"));
	assert_memory_equal(bench.text->data, "04 Jul 2025, Friday 4", bench.text->size);
	bench_finish(&bench);
	fails("{{ strftime_now('%d') }}", EINVAL, "none was given");
}

/* ---- what is refused ---- */

static void what_is_not_known_is_named(void **state)
{
	static const struct {
		const char *source, *sentence;
	} cases[] = {
		{"a\n\n{{ n|xyz }}",
		 "the chat template uses the filter 'xyz' (line 3), which is not "
		 "known here"},
		{"{{ n|groupby('a') }}", "filter 'groupby' (line 1)"},
		{"{{ n is xyz }}", "test 'xyz' (line 1)"},
		{"{% include 'a' %}", "statement 'include' (line 1)"},
		{"{% block a %}", "statement 'block' (line 1)"},
		{"{{ m.encode('a') }}", "method 'encode' (line 1)"},
		{"{{ cycler(1) }}", "function 'cycler' (line 1)"},
		{"{% for i in l recursive %}{% endfor %}", "word 'recursive' (line 1)"},
		{"{{ l[1, 2] }}", "index with a comma"},
		{"{{ 99999999999999999999 }}", "a number past 64 bits (line 1)"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		refused(cases[i].source, ENOTSUP, cases[i].sentence);
}

static void broken_templates_are_refused_with_their_line(void **state)
{
	static const struct {
		const char *source, *sentence;
	} cases[] = {
		{"{{", "a tag does not end (line 1)"},
		{"\n{% if", "a tag does not end (line 2)"},
		{"{#", "a comment does not end (line 1)"},
		{"{% raw %}", "does not end (line 1)"},
		{"{{ 'a }}", "a string does not end (line 1)"},
		{"{{ '\\x4' }}", "a bad \\x (line 1)"},
		{"{{ ? }}", "an unexpected character"},
		{"{{ ) }}", "')' closes nothing (line 1)"},
		{"{{ (] }}", "']' closes nothing (line 1)"},
		{"{{ 01 }}", "a number begins with 0 (line 1)"},
		{"{{ }}", "where an expression should stand (line 1)"},
		{"{{ 1 + }}", "where an expression should"},
		{"{{ 1 2 }}", "'2' stands where '}}' should (line 1)"},
		{"{{ a. }}", "where a name should"},
		{"{{ a[] }}", "where an index should"},
		{"{{ f(a=1, 2) }}", "where an argument by name should"},
		{"{{ n is odd is even }}", "where an end of the test should"},
		{"{% if n %}", "wants a tag 'endif'"},
		{"{% for i in l %}", "wants a tag 'endfor'"},
		{"{% endif %}", "'endif' ends nothing (line 1)"},
		{"{% set %}", "where a name should"},
		{"{% set a b %}", "where '=' should"},
		{"{% set none = 1 %}", "nothing can be assigned to 'none'"},
		{"{% for 1 in l %}{% endfor %}", "where a name should"},
		{"{% for a of l %}{% endfor %}", "where 'in' should"},
		{"{% break %}", "'break' stands outside of a loop (line 1)"},
		{"{% for i in l %}{% macro f() %}{% continue %}{% endmacro %}{% endfor %}",
		 "'continue' stands outside of a loop"},
		{"{% macro f(a=1, b) %}{% endmacro %}", "where a default should"},
		{"{% call n %}{% endcall %}", "where a call should"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		refused(cases[i].source, EBADMSG, cases[i].sentence);
}

static void failures_say_what_and_where(void **state)
{
	static const struct {
		const char *source, *sentence;
	} cases[] = {
		{"{{ raise_exception('no ' + m) }}", "the chat template refuses this: no MeSs"},
		{"\n{{ missing.a }}", "fails in line 2: 'missing' is undefined"},
		{"{{ d.a.b }}", "'a' is undefined, and its 'b' is asked for"},
		{"{{ missing() }}", "'missing' is undefined"},
		{"{{ n + m }}", "'+' cannot be done with an integer and a string"},
		{"{{ n < m }}", "a comparison of order"},
		{"{{ 1 // 0 }}", "a division by zero"},
		{"{{ 9223372036854775807 + 1 }}", "past 64 bits"},
		{"{{ n in 5 }}", "iterating cannot be done with an integer"},
		{"{{ 1 in m }}", "looking into a string"},
		{"{{ {[]: 1} }}", "a key cannot be done with a list"},
		{"{{ l[::0] }}", "steps of 0"},
		{"{{ l.append(1) }}", "a template may not change a list"},
		{"{{ d.update(d) }}", "a template may not change a dict"},
		{"{% set d.k = 1 %}", "only a namespace"},
		{"{% for a, b in l %}{% endfor %}", "iterating cannot be done with an integer"},
		{"{% set a, b = 'xyz' %}", "3 values are unpacked into 2 names"},
		{"{% macro f() %}{% endmacro %}{{ f(1) }}", "takes at most 0 arguments"},
		{"{% macro f() %}{% endmacro %}{{ f(a=1) }}", "no argument of such a name"},
		{"{{ m|replace('a') }}", "'replace' wants its argument 'new'"},
		{"{{ m|trim('a', 'b') }}", "'trim' takes at most 1"},
		{"{{ m|trim(x=1) }}", "'trim' takes no argument 'x'"},
		{"{{ missing|tojson }}", "'missing' is undefined, and JSON needs a value"},
		{"{{ '%q' % n }}", "'%q' is not known here"},
		{"{{ '{:>5}'.format(n) }}", "more than a name"},
		{"{{ l|map('xyz')|list }}", "map wants the name of a filter"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		fails(cases[i].source, EINVAL, cases[i].sentence);
}

/* ---- limits ---- */

static void whatever_a_template_does_ends(void **state)
{
	static const struct {
		const char *source;
		int error;
		const char *sentence;
	} cases[] = {
		{"{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
		 E2BIG, "the chat template"},
		{"{% for i in 'x' * 9999 %}{% for j in 'x' * 9999 %}{% for k in l %}{% endfor %}"
		 "{% endfor %}{% endfor %}",
		 E2BIG, "the chat template"},
		{"{{ range(10 ** 12) }}", EINVAL, "range() has more than 100000 items"},
		{"{{ 'x' * 10 ** 12 }}", E2BIG, "the chat template"},
		{"{{ [1] * 10 ** 12 }}", E2BIG, "the chat template"},
		{"{{ 'x'.center(10 ** 12) }}", E2BIG, "the chat template"},
		{"{% set s = namespace(a='x') %}{% for i in range(99) %}{% set s.a = s.a + s.a %}"
		 "{% endfor %}",
		 E2BIG, "the chat template"},
		{"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", EINVAL, "nested more than"},
		{"{% set s = namespace(a=[]) %}{% for i in range(9999) %}{% set s.a = [s.a] %}"
		 "{% endfor %}{{ s.a }}",
		 EINVAL, "nested more than"},
		{"{% set s = namespace(a=[]) %}{% for i in range(9999) %}{% set s.a = [s.a] %}"
		 "{% endfor %}{{ s.a|tojson }}",
		 EINVAL, "nested more than"},
		{"{% set s = namespace() %}{% set s.s = s %}{{ s }}", EINVAL, "nested more than"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		fails(cases[i].source, cases[i].error, cases[i].sentence);
}

static void texts_have_a_limit(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench);
	bench.params.max_text_bytes = 1 << 20;
	assert_int_equal(render(&bench, "{% for i in range(2000) %}{{ 'x' * 1000 }}{% endfor %}"),
			 -E2BIG);
	says(&bench, "a long text", "a text of more than 1 MiB");
	bench_finish(&bench);
}

static void steps_have_a_limit(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench);
	bench.params.max_steps = 1000;
	assert_int_equal(render(&bench, "\n{% for i in range(300) %}{{ i }}{% endfor %}"), -E2BIG);
	says(&bench, "a long loop", "does not come to an end (line 2)");
	bench_finish(&bench);
}

static void nest(const char *open, const char *close, size_t n)
{
	size_t size = strlen(open) * n + strlen(close) * n + 16;
	_cleanup_free_ char *source = malloc(size);
	struct bench bench;
	char *at = source;

	assert_non_null(source);
	bench_init(&bench);
	at = stpcpy(at, *open == '{' ? "" : "{{ ");
	for (size_t i = 0; i < n; i++)
		at = stpcpy(at, open);
	at = stpcpy(at, *open == '{' ? "" : "n");
	for (size_t i = 0; i < n; i++)
		at = stpcpy(at, close);
	at = stpcpy(at, *open == '{' ? "" : " }}");
	assert_true(compile(&bench, source, (size_t)(at - source)) < 0);
	assert_int_equal(bench.kept.n, 1);
	bench_finish(&bench);
}

static void nesting_has_a_limit(void **state)
{
	(void)state;
	nest("(", ")", 100000);
	nest("[", "]", 200);
	nest("-", "", 100000);
	nest("not ", "", 100000);
	nest("n + ", "", 100000);
	nest("", ".a", 100000);
	nest("", "|trim", 100000);
	nest("", " if n else n", 100000);
	nest("n ** ", "", 100000);
	nest("{% if n %}", "{% endif %}", 10000);
	nest("{% for i in l %}", "{% endfor %}", 10000);
}

static void a_template_has_a_size(void **state)
{
	_cleanup_free_ char *source = calloc(1, JINJA_SOURCE_MAX + 1);
	struct bench bench;

	(void)state;
	assert_non_null(source);
	bench_init(&bench);
	assert_int_equal(compile(&bench, source, JINJA_SOURCE_MAX + 1), -ENOTSUP);
	says(&bench, "a large template", "larger than");
	bench_finish(&bench);
}

static void too_many_names_are_refused(void **state)
{
	_cleanup_free_ char *source = NULL;
	struct bench bench;
	size_t size;
	FILE *out = open_memstream(&source, &size);

	(void)state;
	for (int i = 0; i < 5000; i++)
		(void)fprintf(out, "{{ a%d }}", i);
	assert_int_equal(fclose(out), 0);
	bench_init(&bench);
	assert_int_equal(compile(&bench, source, size), -ENOTSUP);
	says(&bench, "many names", "more than 4096 names");
	bench_finish(&bench);
}

/* ---- where bytes come from ---- */

static void marked(const char *source, const char *expected)
{
	struct bench bench;
	char shown[256];
	size_t n = 0;

	bench_init(&bench);
	if (render(&bench, source) < 0)
		fail_msg("%s: %s", source, bench.kept.text);
	assert_true(bench.text->size < sizeof(shown));
	for (; n < bench.text->size; n++)
		shown[n] = jinja_string_mark(bench.text, n) ? 'f' : '.';
	shown[n] = '\0';
	if (strcmp(shown, expected) != 0)
		fail_msg("%s gives '%.*s', marked '%s'", source, (int)n, bench.text->data, shown);
	bench_finish(&bench);
}

static void bytes_keep_their_origin(void **state)
{
	static const struct {
		const char *source, *marks;
	} cases[] = {
		{"<{{ m }}>", ".ffff."},
		{"{{ '<' + m + '>' }}", ".ffff."},
		{"{{ '<' ~ m ~ n }}", ".ffff."},
		{"{{ ('<' + w)|trim }}", ".ffff"},
		{"{{ w.strip() }}{{ w.strip(' M') }}", "fffff"},
		{"{{ ('ab' + m)[1:4] }}{{ ('ab' + m)[::-1] }}{{ m[0] }}", ".ffffff..f"},
		{"{{ ('a' + m).upper() }}{{ ('a' + m)|title }}{{ ('a' + m)|capitalize }}",
		 ".ffff.ffff.ffff"},
		{"{{ ('é' + u)|upper }}", "..fffff"},
		{"{{ 'axb'.replace('x', m) }}{{ m.replace('S', '<>') }}", ".ffff.ff..f"},
		{"{{ ('<,' + c).split(',')|join('|') }}", "..f.f"},
		{"{{ [m, 'x'] }}", "..ffff......."},
		{"{{ d|tojson }}", "..f....f....f..............."},
		{"{{ {'a': m}|tojson(indent=1) }}", ".........ffff..."},
		{"{{ '%s<%s' % (m, n) }}{{ '{}<'.format(m) }}", "ffff..ffff."},
		{"{{ m|indent(2, true) }}{{ m|e }}{{ ('<' + c)|e }}", "..ffffffff....fff"},
		{"{{ [m, 'x']|join('-') }}{{ '-'.join([m, 'x']) }}", "ffff..ffff.."},
		{"{{ m.center(6, '*') }}", ".ffff."},
		{"{% set x %}<{{ m }}>{% endset %}{{ x }}", ".ffff."},
		{"{% macro f(a) %}<{{ a }}{% endmacro %}{{ f(m) }}", ".ffff"},
		{"{% filter lower %}A{{ m }}{% endfilter %}", ".ffff"},
		{"{% for c in m %}{{ c }}.{% endfor %}", "f.f.f.f."},
		{"{% for k, v in d.items() %}{{ k }}={% endfor %}", "f.f."},
		{"{{ (m + 'x')|list|last }}{{ [m, 'a']|sort|first }}{{ [m, 'zz']|max }}", "...."},
		{"{{ m|default('x') }}{{ missing|default('x') }}{{ m or 'x' }}", "ffff.ffff"},
		{"{{ ('x' + m).splitlines()[0].partition('e')|join }}", ".ffff"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		marked(cases[i].source, cases[i].marks);
}

/* ---- memory and threads ---- */

static const char long_source[] =
	"{% macro f(a) %}{{ a|tojson(indent=2) }}{% endmacro %}{% set s = namespace(t='') %}"
	"{% for k, v in d|dictsort %}{% set s.t = s.t ~ k ~ f(v) %}{% endfor %}{{ s.t|upper }}"
	"{{ l|map('string')|sort|join('-') }}{{ m.split('e')[::-1] }}{{ '%s' % (m,) }}"
	"{% set x %}{{ u|indent }}{% endset %}{{ x }}";

static void any_allocation_may_fail(void **state)
{
	bool done = false;

	(void)state;
	for (long n = 0; !done; n++) {
		struct bench bench;
		int r;

		bench_init(&bench);
		allocations_left = n;
		r = compile(&bench, long_source, strlen(long_source));
		if (r == 0)
			r = jinja_render(bench.template, &bench.params, &bench.arena,
					 &bench.kept.log, &bench.text);
		done = allocations_left >= 0;
		allocations_left = -1;
		if (r != (done ? 0 : -ENOMEM))
			fail_msg("allocation %ld: %d, '%s'", n, r, bench.kept.text);
		assert_int_equal(bench.kept.n, done ? 0 : 1);
		bench_finish(&bench);
	}
}

static void *render_often(void *data)
{
	struct bench *shared = data;

	for (int i = 0; i < 200; i++) {
		struct jinja_render_params params = shared->params;
		const struct jinja_string *text;
		struct jinja_dict *variables;
		struct arena arena;

		arena_init(&arena, 1 << 20);
		variables = jinja_dict_create(&arena, 1);
		params.variables = variables;
		if (jinja_render(shared->template, &params, &arena, NULL, &text) < 0 ||
		    text->size != 9)
			data = NULL;
		arena_finish(&arena);
	}
	return data;
}

static void threads_share_a_template(void **state)
{
	static const char source[] = "{% for i in [1, 2, 'x'] %}{{ i }}{{ ['é'][0] }}{% endfor %}";
	pthread_t threads[2];
	struct bench bench;

	(void)state;
	bench_init(&bench);
	assert_int_equal(compile(&bench, source, strlen(source)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, render_often, &bench), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		void *result;

		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_ptr_equal(result, &bench);
	}
	bench_finish(&bench);
}

static void deep_json_is_refused(void **state)
{
	json_t *json = json_array();
	struct jinja_value value;
	struct arena arena;

	(void)state;
	for (int i = 0; i < JINJA_JSON_DEPTH_MAX + 2; i++)
		json = json_pack("[o]", json);
	arena_init(&arena, 1 << 20);
	assert_int_equal(jinja_from_json(&arena, json, &value), -E2BIG);
	arena_finish(&arena);
	arena_init(&arena, 100);
	assert_int_equal(jinja_from_json(&arena, json, &value), -ENOMEM);
	assert_true(arena.exceeded);
	arena_finish(&arena);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates_give_what_python_gives),
		cmocka_unit_test(dates_are_handed_in),
		cmocka_unit_test(what_is_not_known_is_named),
		cmocka_unit_test(broken_templates_are_refused_with_their_line),
		cmocka_unit_test(failures_say_what_and_where),
		cmocka_unit_test(whatever_a_template_does_ends),
		cmocka_unit_test(texts_have_a_limit),
		cmocka_unit_test(steps_have_a_limit),
		cmocka_unit_test(nesting_has_a_limit),
		cmocka_unit_test(a_template_has_a_size),
		cmocka_unit_test(too_many_names_are_refused),
		cmocka_unit_test(bytes_keep_their_origin),
		cmocka_unit_test(any_allocation_may_fail),
		cmocka_unit_test(threads_share_a_template),
		cmocka_unit_test(deep_json_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

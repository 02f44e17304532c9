// SPDX-License-Identifier: MIT
/* Stop strings in a text that comes in pieces. */
#include "array.h"
#include "check.h"
#include "stop_text.h"

/* Pushes PIECES until a stop; what was shown goes to SHOWN. Whether it stopped. */
static bool show_all(const char *const *stops, uint32_t n_stops, const char *const *pieces,
		     char *shown)
{
	struct stop_text text;
	const char *part;
	bool stopped = false;
	size_t size;

	*shown = '\0';
	stop_text_init(&text, stops, n_stops);
	for (; *pieces && !stopped; pieces++) {
		assert_int_equal(
			stop_text_push(&text, *pieces, strlen(*pieces), &part, &size, &stopped), 0);
		strncat(shown, part, size);
	}
	if (!stopped) {
		stop_text_flush(&text, &part, &size);
		if (size > 0)
			strncat(shown, part, size);
	}
	stop_text_finish(&text);
	return stopped;
}

static void a_text_ends_before_the_stop(void **state)
{
	static const struct {
		const char *stops[3];
		const char *pieces[8];
		const char *shown;
		bool stopped;
	} cases[] = {
		{{NULL}, {"a", "b"}, "ab", false},
		{{"\n"}, {"one\ntwo"}, "one", true},
		{{"END"}, {"xE", "N", "Dy"}, "x", true},
		{{"END"}, {"xE", "N", "x"}, "xENx", false},
		{{"END"}, {"EN", "END"}, "EN", true},
		{{"abab"}, {"ab", "ac", "abab"}, "abac", true},
		{{"aab"}, {"aa", "a", "b"}, "a", true},
		{{"longer", "ng"}, {"lo", "nger"}, "", true},
		{{"ng", "long"}, {"lo", "ng"}, "", true}, /* the earliest, not the first named */
		{{"END"}, {"E", "N"}, "EN", false},	  /* held back, shown at the end */
		{{"END"}, {"", "", "END"}, "", true},
		{{"é"}, {"caf\xc3", "\xa9"}, "caf", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char shown[64];
		uint32_t n = 0;

		while (cases[i].stops[n])
			n++;
		assert_int_equal(show_all(cases[i].stops, n, cases[i].pieces, shown),
				 cases[i].stopped);
		assert_string_equal(shown, cases[i].shown);
	}
}

/* However a text is cut into pieces, the same is shown. */
static void cuts_make_no_difference(void **state)
{
	static const char *const stops[] = {"aab", "ba", "abb"};
	static const char whole[] = "aabbabaaab";
	uint32_t random = 1;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		char text[11], pieces[10][2], shown[16], wanted[16];
		const char *list[11] = {NULL}, *all[2] = {text, NULL};
		bool stopped;

		for (int i = 0; i < 10; i++) {
			random = random * 1664525 + 1013904223;
			text[i] = whole[random >> 28 & 7];
			pieces[i][0] = text[i];
			pieces[i][1] = '\0';
			list[i] = pieces[i];
		}
		text[10] = '\0';
		stopped = show_all(stops, 3, all, wanted);
		/* Piecemeal the stop that is complete first ends it. */
		if (show_all(stops, 3, list, shown) != stopped)
			fail_msg("%s: %s or %s", text, shown, wanted);
		assert_true(strncmp(shown, wanted, strlen(shown)) == 0 ||
			    strncmp(shown, wanted, strlen(wanted)) == 0);
		assert_null(strstr(shown, "ba"));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_ends_before_the_stop),
		cmocka_unit_test(cuts_make_no_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/* What reaches a terminal, conversations and their files, names of models, tables. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array.h"
#include "check.h"
#include "cleanup.h"
#include "conversation.h"
#include "model_name.h"
#include "path.h"
#include "progress_bar.h"
#include "table.h"
#include "visible_text.h"

static void nothing_steers_the_terminal(void **state)
{
	static const struct {
		const char *text, *shown;
		bool lines;
	} cases[] = {
		{"plain", "plain", false},
		{"naïve 你好 🙂", "naïve 你好 🙂", false},
		{"\x1b[2Jred", "\\x1b[2Jred", false},
		{"a\tb\nc\r", "a\\tb\\nc\\r", false},
		{"a\tb\nc\r", "a\tb\nc\\r", true},
		{"\x7f", "\\x7f", true},
		{"\xc2\x9b", "\\x9b", true}, /* C1: CSI in one character */
		{"\xe2\x80\xae"
		 "fdp",
		 "\\u202efdp", true},			    /* right to left */
		{"\xff\xc3", "\\xff\\xc3", false},	    /* no UTF-8 */
		{"\xed\xa0\x80", "\\xed\\xa0\\x80", false}, /* a surrogate */
		{"\xef\xbf\xbd", "\xef\xbf\xbd", false},    /* U+FFFD itself */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char shown[64];

		(void)visible_text(cases[i].text, strlen(cases[i].text), cases[i].lines, shown,
				   sizeof(shown));
		assert_string_equal(shown, cases[i].shown);
	}
}

static void a_small_buffer_holds_whole_characters(void **state)
{
	char shown[6];

	(void)state;
	assert_int_equal(visible_text("ab\x1b"
				      "cd",
				      5, false, shown, sizeof(shown)),
			 2);
	assert_string_equal(shown, "ab");
	assert_int_equal(visible_text("abcdefgh", 8, false, shown, sizeof(shown)), 5);
	assert_string_equal(shown, "abcde");
}

static void sizes_are_readable(void **state)
{
	char text[SIZE_TEXT_MAX];

	(void)state;
	assert_string_equal(size_text(0, text), "0 B");
	assert_string_equal(size_text(1023, text), "1023 B");
	assert_string_equal(size_text(98362432, text), "93.8 MiB");
	assert_string_equal(size_text(UINT64_MAX, text), "16.0 EiB");
}

static void columns_are_as_wide_as_they_must_be(void **state)
{
	static const char *const titles[] = {"name", ">n"};
	_cleanup_free_ char *text = NULL;
	struct table table;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	table_init(&table, titles, 2);
	table_add(&table, "%s", "é\n");
	table_add(&table, "%d", 5);
	table_add(&table, "longer");
	table_add(&table, "%d", 123);
	assert_int_equal(table_print(&table, out), 0);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, "name      n\né\\n       5\nlonger  123\n");
	table_finish(&table);
}

/* ---- conversations ---- */

struct place {
	char folder[32];
	char path[64];
	struct kept_log kept;
};

static void place_init(struct place *place)
{
	strcpy(place->folder, "/tmp/slm-test-XXXXXX");
	assert_non_null(mkdtemp(place->folder));
	(void)snprintf(place->path, sizeof(place->path), "%s/file", place->folder);
	kept_log_init(&place->kept);
}

static void place_finish(struct place *place)
{
	(void)unlink(place->path);
	(void)rmdir(place->folder);
}

static void say(struct conversation *conversation, const char *role, const char *text)
{
	assert_int_equal(conversation_add(conversation, role, text, strlen(text)), 0);
}

static void a_system_message_stays_first(void **state)
{
	struct conversation c = {0};

	(void)state;
	assert_null(conversation_system(&c));
	say(&c, "user", "hi");
	assert_int_equal(conversation_set_system(&c, "be brief"), 0);
	assert_string_equal(conversation_system(&c)->content, "be brief");
	assert_string_equal(c.messages[1].content, "hi");
	assert_int_equal(conversation_set_system(&c, "be kind"), 0);
	assert_int_equal(c.n, 2);
	conversation_clear(&c);
	assert_int_equal(c.n, 1);
	assert_string_equal(conversation_system(&c)->content, "be kind");
	assert_int_equal(conversation_set_system(&c, ""), 0);
	assert_int_equal(c.n, 0);
	conversation_finish(&c);
}

static void a_saved_conversation_comes_back(void **state)
{
	struct conversation c = {0}, loaded = {0};
	struct place place;

	(void)state;
	place_init(&place);
	say(&c, "user", "two\nlines, \"quotes\" and é");
	assert_int_equal(conversation_add(&c, "assistant", "a\0b", 3), 0);
	assert_int_equal(conversation_save(&c, place.path, &place.kept.log), 0);
	say(&loaded, "user", "something else");
	assert_int_equal(conversation_load(&loaded, place.path, &place.kept.log), 0);
	assert_int_equal(loaded.n, 2);
	assert_string_equal(loaded.messages[0].content, c.messages[0].content);
	assert_string_equal(loaded.messages[1].role, "assistant");
	conversation_finish(&c);
	conversation_finish(&loaded);
	place_finish(&place);
}

static void what_is_no_conversation_changes_nothing(void **state)
{
	static const char *const files[] = {"",
					    "{",
					    "{}",
					    "[1]",
					    "[{\"role\": \"user\"}]",
					    "[{\"role\": \"user\", \"content\": 5}]",
					    "[{\"role\": \"user\", \"content\": \"a\"}, {}]"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct conversation c = {0};
		struct place place;
		FILE *out;

		place_init(&place);
		out = fopen(place.path, "w");
		assert_true(fputs(files[i], out) >= 0 && fclose(out) == 0);
		say(&c, "user", "kept");
		assert_int_equal(conversation_load(&c, place.path, &place.kept.log), -EBADMSG);
		assert_int_equal(c.n, 1);
		assert_string_equal(c.messages[0].content, "kept");
		assert_int_equal(place.kept.n, 1);
		conversation_finish(&c);
		place_finish(&place);
	}
}

/* ---- names of models ---- */

static void make_file(const char *folder, const char *name)
{
	_cleanup_free_ char *path = path_format("%s/%s", folder, name);
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	assert_int_equal(fclose(out), 0);
}

static void models_are_found_by_name(void **state)
{
	static const struct {
		const char *name;
		int result;
		const char *gives; /* the end of the path, or a part of the message */
	} cases[] = {
		{"mine.gguf", 0, "/Mine.gguf"},
		{"MINE", 0, "/Mine.gguf"},
		{"SmolLM2-135m", 0, "/SmolLM2-135M-Instruct.Q4_1.gguf"},
		{"gemma3-270m", -ENOENT, "run 'slm pull gemma3-270m'"},
		{"gema3-270m", -ENOENT, "is 'gemma3-270m' meant?"},
		{"mime", -ENOENT, "is 'Mine.gguf' meant?"},
		{"other", -ENOENT, "slm pull smollm2-135m"},
		{"/nowhere/x.gguf", -ENOENT, "cannot open /nowhere/x.gguf"},
		{"/tmp", -EISDIR, "/tmp is a directory"},
		{"/dev/null", -ENOTSUP, "is not a regular file"},
	};
	struct place place;
	struct kept_log kept;

	(void)state;
	place_init(&place);
	assert_int_equal(setenv("SLM_MODELS", place.folder, 1), 0);
	make_file(place.folder, "Mine.gguf");
	make_file(place.folder, "SmolLM2-135M-Instruct.Q4_1.gguf");
	make_file(place.folder, ".hidden.gguf");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *path = NULL;
		const char *text;

		kept_log_init(&kept);
		assert_int_equal(model_name_resolve(cases[i].name, &kept.log, &path),
				 cases[i].result);
		text = path ? path : kept.text;
		assert_non_null(strstr(text, cases[i].gives));
		assert_int_equal(kept.n, path ? 0 : 1);
	}
	(void)snprintf(place.path, sizeof(place.path), "%s/Mine.gguf", place.folder);
	(void)unlink(place.path);
	(void)snprintf(place.path, sizeof(place.path), "%s/.hidden.gguf", place.folder);
	(void)unlink(place.path);
	(void)snprintf(place.path, sizeof(place.path), "%s/SmolLM2-135M-Instruct.Q4_1.gguf",
		       place.folder);
	place_finish(&place);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_steers_the_terminal),
		cmocka_unit_test(a_small_buffer_holds_whole_characters),
		cmocka_unit_test(sizes_are_readable),
		cmocka_unit_test(columns_are_as_wide_as_they_must_be),
		cmocka_unit_test(a_system_message_stays_first),
		cmocka_unit_test(a_saved_conversation_comes_back),
		cmocka_unit_test(what_is_no_conversation_changes_nothing),
		cmocka_unit_test(models_are_found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

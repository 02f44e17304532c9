// SPDX-License-Identifier: MIT
/* Into what words each kind of pre-tokenizer cuts a text. */
#include <errno.h>
#include <stdio.h>

#include "array.h"
#include "check.h"
#include "cleanup.h"
#include "pretokenizer.h"

static int join_words(void *data, struct span word)
{
	char *joined = data;

	strncat(joined, word.data, word.size);
	strcat(joined, "|");
	return 0;
}

static int count(void *data, struct span word)
{
	(void)word;
	++*(int *)data;
	return 0;
}

static void splits(const char *pre, const char *text, const char *words)
{
	struct pretokenizer *pretokenizer;
	struct tokenizer_params params;
	char joined[512] = "";

	tokenizer_params_init(&params);
	params.pre = (struct span){pre, (uint32_t)strlen(pre)};
	assert_int_equal(pretokenizer_create(&params, NULL, &pretokenizer), 0);
	assert_int_equal(pretokenizer_split(pretokenizer,
					    (struct span){text, (uint32_t)strlen(text)}, join_words,
					    joined),
			 0);
	assert_string_equal(joined, words);
	pretokenizer_destroy(pretokenizer);
}

static void gpt2_words(void **state)
{
	(void)state;
	splits("gpt-2", "", "");
	splits("gpt-2", "I'm you're He'S", "I|'m| you|'re| He|'|S|");
	splits("gpt-2", "a  b   ", "a| | b|   |");
	splits("gpt-2", "x=1234, 5", "x|=|1234|,| 5|");
	splits("gpt-2", "\n\n a\tb", "\n\n| a|\t|b|");
	splits("gpt-2", "été 中文…", "été| 中文|…|");
	splits("phi-2", "ab 12", "ab| 12|");
}

static void smollm_words(void **state)
{
	(void)state;
	splits("smollm", "x=123 45", "x|=|1|2|3| |4|5|");
	splits("smollm", "a  7", "a|  |7|");
	splits("smollm", "Ⅷ²", "Ⅷ|²|");
	splits("command-r", "12", "1|2|");
}

static void llama3_words(void **state)
{
	(void)state;
	splits("llama-bpe", "I'M you'Re 's", "I|'M| you|'Re| '|s|");
	splits("llama-bpe", "12345 a", "123|45| a|");
	splits("llama-bpe", "a.b\n\n  c", "a|.b|\n\n| | c|");
	splits("llama-bpe", "x!!\r\n\n y  \n z", "x|!!\r\n\n| y|  \n| z|");
	splits("llama3", "\u00a0é", "\u00a0é|");
	splits("qwen2", "12a", "1|2|a|");
}

static void words_of_relatives_of_llama3(void **state)
{
	(void)state;
	splits("minicpm5", "x 1234567", "x| |123|456|7|");
	splits("qwen35", "e\u0301a \u0301\u0301.", "e\u0301a| \u0301\u0301|.|");
	splits("qwen2", "e\u0301a", "e|\u0301a|");
	splits("bailingmoe", "a\n\n\nb", "a|\n\n\n|b|");
	splits("bailingmoe", "a!\n\n b", "a|!\n\n| b|");
	splits("bailingmoe", "a \n\r b", "a| \n\r| b|");
	splits("seed-coder", "a!!\n\nb", "a|!!|\n\n|b|");
}

static void camel_words(void **state)
{
	(void)state;
	splits("tekken", "camelCaseHTTPServer", "camel|Case|HTTPServer|");
	splits("tekken", "don't ÉCOLE 'S", "don|'t| É|COLE| '|S|");
	splits("tekken", "a/b //\n/ c12", "a|/b| //\n/| c|1|2|");
	splits("gpt-4o", "Don't STOP'S I'Ll", "Don't| STOP'S| I'Ll|");
	splits("gpt-4o", "aBcD 12345", "a|Bc|D| |123|45|");
	splits("youtu", "aBc한국어，中文ㄅx", "aBc|한국어|，|中文|ㄅ|x|");
	splits("youtu", "e\u0301 can't", "e\u0301| can't|");
}

static void deepseek_words(void **state)
{
	(void)state;
	splits("deepseek-llm", "Hi there,  you 42\n\n", "Hi| there|,| | you| |42|\n|\n|");
	/* Its punctuation reaches from : to ~, and so over the letters of ASCII. */
	splits("deepseek-llm", "été Été中文字 ab", "é|t|é| É|t|é|中文字| ab|");
	/* Blanks in the ranges of ideographs count as blanks only. */
	splits("deepseek-llm", "中\u3000文\u3000", "中|\u3000|文|\u3000|");
	splits("deepseek-llm", "中 \u2003 ", "中| \u2003 |");
	splits("deepseek-llm", "\u0e01\u0e02 \u0661\u0662", "\u0e01\u0e02| |\u0661\u0662|");
	splits("deepseek-coder", "Hi there,  you 42\n", "Hi| there|,| | you| |4|2|\n|");
	splits("deepseek-coder", "x == y", "x| ==| y|");
	splits("deepseek-v3", "x1234 かな漢字kana", "x|123|4| |かな漢字|kana|");
	splits("deepseek-v3", "foo.bar $x e\u0301!\n\n", "foo|.bar| $|x| e\u0301|!\n\n|");
}

static void falcon_words(void **state)
{
	(void)state;
	splits("falcon", "a`b 1234", "a|`|b| |123|4|");
	splits("default", "a`b 1234", "a|`|b| |123|4|");
	splits("falcon", "²34567", "²|345|67|");
	splits("default", "²345", "²|345|");
}

/* A run of blanks is looked through once, not once for each of them. */
static void long_runs_of_blanks_take_no_longer(void **state)
{
	static const char *const names[] = {"deepseek-llm", "deepseek-v3", "tekken", "youtu"};
	static char text[1 << 20];
	int n = 0;

	(void)state;
	memset(text, ' ', sizeof(text));
	text[sizeof(text) - 1] = '\x01';
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct pretokenizer *pretokenizer;
		struct tokenizer_params params;

		tokenizer_params_init(&params);
		params.pre = (struct span){names[i], (uint32_t)strlen(names[i])};
		assert_int_equal(pretokenizer_create(&params, NULL, &pretokenizer), 0);
		assert_int_equal(pretokenizer_split(pretokenizer, (struct span){text, sizeof(text)},
						    count, &n),
				 0);
		pretokenizer_destroy(pretokenizer);
	}
	assert_int_equal(n, 1 + 3 + 2 + 2);
}

static void default_words(void **state)
{
	(void)state;
	splits("default", "a,b==12345", "a|,|b|==|123|45|");
	splits("default", "x  12", "x| | |12|");
}

/* Letters and numbers that came after Unicode 14, and what PCRE2 takes for white space. */
static void words_of_newer_unicode(void **state)
{
	(void)state;
	splits("gpt-2", "a\U00031350\U0002ebf0!", "a\U00031350\U0002ebf0|!|");
	splits("smollm", "a\U0001e4f0b", "a|\U0001e4f0|b|");
	splits("gpt-2", "a\u180eb", "a|\u180e|b|");
	splits("gpt-2", "\u180e.", "\u180e.|");
	splits("default", "a\U00011f43\u00b7b", "a|\U00011f43\u00b7|b|");
}

static void broken_text_is_replaced(void **state)
{
	(void)state;
	splits("gpt-2",
	       "a\xff"
	       "b",
	       "a|\ufffd|b|");
	splits("gpt-2", "\xe2\x82 \xc0\x80", "\ufffd\ufffd| \ufffd\ufffd|");
	splits("gpt-2", "\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd|");
	splits("gpt-2", "x\xed\xa0\x80y", "x|\xed\xa0\x80|y|");
	splits("gpt-2", "\xed\xa0", "\ufffd\ufffd|");
	splits("gpt-2", "\xe5\xad\xff\U00031350", "\ufffd\ufffd\ufffd|\U00031350|");
}

/* What llama.cpp 0.7.0 does under each name, found by trying. */
static void names_mean_what_they_mean_to_others(void **state)
{
	static const struct {
		const char *names, *words; /* of 12345'S */
		bool ignores_merges, adds_bos;
	} kinds[] = {
		{"gpt-2 phi-2 jina-es jina-de jina-v2-es jina-v2-de jina-v1-en jina-v2-code "
		 "roberta-bpe gigachat a.x-4.0 mellum modern-bert exaone4 mpt olmo jais trillion "
		 "granite-docling",
		 "12345|'|S|", false, false},
		{"smollm starcoder refact command-r codeshell exaone minerva-7b mellum2",
		 "1|2|3|4|5|'|S|", false, false},
		{"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
		 "123|45|'S|", true, true},
		{"glm4 glm5", "123|45|'S|", true, false},
		{"dbrx smaug-bpe chatglm-bpe", "123|45|'S|", false, false},
		{"qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan solar-open grok-2",
		 "1|2|3|4|5|'S|", false, false},
		{"default", "123|45|'|S|", false, false},
		{"minicpm5", "123|45|'S|", true, false},
		{"qwen35 bailingmoe bailingmoe2 llada-moe seed-coder", "1|2|3|4|5|'S|", false,
		 false},
		{"tekken", "1|2|3|4|5|'S|", true, true},
		{"gpt-4o llama4 kanana2 talkie minimax-m2", "123|45|'S|", false, false},
		{"youtu", "1|2|3|4|5|'S|", true, false},
		{"falcon", "123|45|'|S|", false, false},
		{"deepseek-llm", "12345|'|S|", false, false},
		{"deepseek-coder", "1|2|3|4|5|'|S|", false, false},
		{"deepseek-v3 hunyuan-dense joyai-llm hy_v4", "123|45|'S|", false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_free_ char *names = strdup(kinds[i].names);
		char *rest = names;

		for (char *name; (name = strsep(&rest, " "));) {
			struct pretokenizer *pretokenizer;
			struct tokenizer_params params;

			tokenizer_params_init(&params);
			params.pre = (struct span){name, (uint32_t)strlen(name)};
			splits(name, "12345'S", kinds[i].words);
			assert_int_equal(pretokenizer_create(&params, NULL, &pretokenizer), 0);
			assert_int_equal(pretokenizer_ignores_merges(pretokenizer),
					 kinds[i].ignores_merges);
			assert_int_equal(pretokenizer_adds_bos(pretokenizer), kinds[i].adds_bos);
			pretokenizer_destroy(pretokenizer);
		}
	}
}

static int stop(void *data, struct span word)
{
	(void)word;
	return ++*(int *)data == 2 ? -ECANCELED : 0;
}

static void splitting_stops_when_told(void **state)
{
	struct pretokenizer *pretokenizer;
	struct tokenizer_params params;
	int n = 0;

	(void)state;
	tokenizer_params_init(&params);
	params.pre = SPAN("smollm");
	assert_int_equal(pretokenizer_create(&params, NULL, &pretokenizer), 0);
	assert_int_equal(pretokenizer_split(pretokenizer, SPAN("1 2 3 4"), stop, &n), -ECANCELED);
	assert_int_equal(n, 2);
	pretokenizer_destroy(pretokenizer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gpt2_words),
		cmocka_unit_test(smollm_words),
		cmocka_unit_test(llama3_words),
		cmocka_unit_test(words_of_relatives_of_llama3),
		cmocka_unit_test(camel_words),
		cmocka_unit_test(deepseek_words),
		cmocka_unit_test(falcon_words),
		cmocka_unit_test(long_runs_of_blanks_take_no_longer),
		cmocka_unit_test(default_words),
		cmocka_unit_test(words_of_newer_unicode),
		cmocka_unit_test(broken_text_is_replaced),
		cmocka_unit_test(names_mean_what_they_mean_to_others),
		cmocka_unit_test(splitting_stops_when_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

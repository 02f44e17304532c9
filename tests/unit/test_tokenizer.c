// SPDX-License-Identifier: MIT
/* The tokenizers on vocabularies small enough to be worked out by hand, and every refusal. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>

#include "array.h"
#include "check.h"
#include "cleanup.h"
#include "detokenizer.h"
#include "failing_malloc.h"
#include "pretokenizer.h"
#include "tokenizer.h"
#include "utf8.h"

DEFINE_CLEANUP(struct tokenizer, tokenizer_destroy)
DEFINE_CLEANUP(struct detokenizer, detokenizer_destroy)

/* ---- vocabularies ---- */

enum { TOKENS = 600 };

struct made {
	struct tokenizer_params params;
	struct span tokens[TOKENS];
	int32_t types[TOKENS];
	float scores[TOKENS];
	struct span merges[64];
	char texts[256][8]; /* of the bytes */
};

static int32_t add_scored(struct made *made, const char *text, enum token_type type, float score)
{
	uint64_t id = made->params.n_tokens++;

	made->tokens[id] = (struct span){text, (uint32_t)strlen(text)};
	made->types[id] = (int32_t)type;
	made->scores[id] = score;
	return (int32_t)id;
}

static int32_t add(struct made *made, const char *text, enum token_type type)
{
	return add_scored(made, text, type, 0);
}

/* "left right" and the token it gives. */
static int32_t add_merge(struct made *made, const char *merge, const char *token)
{
	made->merges[made->params.n_merges++] = (struct span){merge, (uint32_t)strlen(merge)};
	return add(made, token, TOKEN_TYPE_NORMAL);
}

static struct made *make(const char *model)
{
	struct made *made = calloc(1, sizeof(*made));

	tokenizer_params_init(&made->params);
	made->params.model = (struct span){model, (uint32_t)strlen(model)};
	made->params.tokens = made->tokens;
	made->params.types = made->types;
	made->params.scores = made->scores;
	return made;
}

/* A BPE whose tokens 0 to 255 are the bytes. */
static struct made *make_bpe(const char *pre)
{
	struct made *made = make("gpt2");
	uint32_t next = 0x100;

	made->params.pre = (struct span){pre, (uint32_t)strlen(pre)};
	made->params.merges = made->merges;
	for (uint32_t byte = 0; byte < 256; byte++) {
		bool visible = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte != 0xad);

		made->texts[byte][utf8_encode(visible ? byte : next++, made->texts[byte])] = '\0';
		(void)add(made, made->texts[byte], TOKEN_TYPE_NORMAL);
	}
	return made;
}

enum { SPM_BYTE = 3 }; /* where the tokens of the bytes begin */

static struct made *make_spm(void)
{
	struct made *made = make("llama");

	(void)add(made, "<unk>", TOKEN_TYPE_UNKNOWN);
	(void)add(made, "<s>", TOKEN_TYPE_CONTROL);
	(void)add(made, "</s>", TOKEN_TYPE_CONTROL);
	for (unsigned byte = 0; byte < 256; byte++) {
		(void)snprintf(made->texts[byte], sizeof(made->texts[byte]), "<0x%02X>", byte);
		(void)add(made, made->texts[byte], TOKEN_TYPE_BYTE);
	}
	return made;
}

static struct tokenizer *create(struct made *made)
{
	struct tokenizer *tokenizer = NULL;
	struct kept_log kept;

	kept_log_init(&kept);
	if (tokenizer_create(&made->params, &kept.log, &tokenizer) < 0)
		fail_msg("%s", kept.text);
	return tokenizer;
}

static void refuses(struct made *made, int error, const char *sentence)
{
	struct tokenizer *tokenizer = NULL;
	struct kept_log kept;

	kept_log_init(&kept);
	assert_int_equal(tokenizer_create(&made->params, &kept.log, &tokenizer), -error);
	assert_null(tokenizer);
	assert_int_equal(kept.n, 1);
	if (!strstr(kept.text, sentence))
		fail_msg("'%s' does not say '%s'", kept.text, sentence);
}

enum { PLAIN = 0, SPECIAL = 1, ADD = 2 };

/* Encodes TEXT and compares with the ids, which TOKEN_NONE ends. */
static void gives_bytes(const struct tokenizer *tokenizer, const char *text, size_t size, int how,
			const int32_t *ids)
{
	struct encode_options options = {.add_special = how & ADD, .parse_special = how & SPECIAL};
	struct token_list list = {0};
	size_t n = 0;

	assert_int_equal(tokenizer_encode(tokenizer, text, size, &options, &list), 0);
	while (ids[n] != TOKEN_NONE)
		n++;
	if (list.n != n || (n > 0 && memcmp(list.ids, ids, n * sizeof(*ids)) != 0)) {
		for (size_t i = 0; i < list.n; i++)
			print_message("%d ", list.ids[i]);
		fail_msg("are the tokens of '%s'", text);
	}
	token_list_finish(&list);
}

#define gives(tokenizer, text, how, ...)                      \
	gives_bytes((tokenizer), (text), strlen(text), (how), \
		    (const int32_t[]){__VA_ARGS__ __VA_OPT__(, ) TOKEN_NONE})

/* ---- pre-tokenizers ---- */

static int join_words(void *data, struct span word)
{
	char *joined = data;

	strncat(joined, word.data, word.size);
	strcat(joined, "|");
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

/* ---- BPE ---- */

static void bpe_merges_lowest_rank_then_leftmost(void **state)
{
	_cleanup_free_ struct made *made = make_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t bc, ab, aa, abc;

	(void)state;
	bc = add_merge(made, "b c", "bc");
	ab = add_merge(made, "a b", "ab");
	aa = add_merge(made, "a a", "aa");
	abc = add_merge(made, "ab c", "abc");
	tokenizer = create(made);
	gives(tokenizer, "", PLAIN);
	gives(tokenizer, "abc", PLAIN, 'a', bc);
	gives(tokenizer, "abab", PLAIN, ab, ab);
	gives(tokenizer, "aaaaa", PLAIN, aa, aa, 'a');
	gives(tokenizer, "a b", PLAIN, 'a', ' ', 'b');
	assert_int_equal(tokenizer_find(tokenizer, "abc", 3), abc);
	assert_int_equal(tokenizer_find(tokenizer, "abd", 3), -ENOENT);
	assert_int_equal(tokenizer_find(tokenizer, "", 0), -ENOENT);
	assert_int_equal(tokenizer_find(tokenizer, "a", SIZE_MAX), -ENOENT);
}

static void bpe_ignores_merges_for_whole_words(void **state)
{
	_cleanup_free_ struct made *made = make_bpe("llama-bpe");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t bc, word;

	(void)state;
	bc = add_merge(made, "b c", "bc");
	word = add(made, "abc", TOKEN_TYPE_NORMAL);
	made->params.roles[TOKEN_BOS] = 7;
	tokenizer = create(made);
	gives(tokenizer, "abc", PLAIN, word);
	gives(tokenizer, "abcd", ADD, 7, 'a', bc, 'd');
	assert_true(tokenizer_adds_bos(tokenizer));
	assert_false(tokenizer_adds_eos(tokenizer));
}

static void bpe_takes_merges_as_they_come(void **state)
{
	_cleanup_free_ struct made *made = make_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t ab;

	(void)state;
	ab = add_merge(made, "a b", "ab");
	made->merges[made->params.n_merges++] = SPAN("ab");  /* no blank */
	made->merges[made->params.n_merges++] = SPAN("");    /* nothing */
	made->merges[made->params.n_merges++] = SPAN("a b"); /* again */
	made->merges[made->params.n_merges++] = SPAN("c d"); /* gives no token */
	made->tokens['x'] = SPAN("unusual");		     /* no token for x */
	made->params.types = NULL;
	made->params.scores = NULL;
	tokenizer = create(made);
	gives(tokenizer, "abcdx", PLAIN, ab, 'c', 'd');
}

static void bpe_long_words_take_no_longer(void **state)
{
	_cleanup_free_ struct made *made = make_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	_cleanup_free_ char *text = malloc(1 << 20);
	struct encode_options options = {0};
	struct token_list list = {0};

	(void)state;
	(void)add_merge(made, "a a", "aa");
	(void)add_merge(made, "aa aa", "aaaa");
	tokenizer = create(made);
	memset(text, 'a', 1 << 20);
	assert_int_equal(tokenizer_encode(tokenizer, text, 1 << 20, &options, &list), 0);
	assert_int_equal(list.n, 1 << 18);
	token_list_finish(&list);
}

static void bpe_refuses(void **state)
{
	struct made *made = make_bpe("nonsense");

	(void)state;
	refuses(made, ENOTSUP, "pre-tokenizer 'nonsense' is not supported");
	free(made);
	made = make_bpe("gpt-2");
	made->params.merges = NULL;
	refuses(made, EBADMSG, "no list of merges");
	made->params.merges = made->merges;
	made->params.n_merges = UINT64_MAX;
	refuses(made, EBADMSG, "18446744073709551615 merges");
	free(made);
}

static void bpe_without_a_pre_tokenizer_warns(void **state)
{
	_cleanup_free_ struct made *made = make_bpe("");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	struct kept_log kept;

	(void)state;
	kept_log_init(&kept);
	assert_int_equal(tokenizer_create(&made->params, &kept.log, &tokenizer), 0);
	assert_int_equal(kept.n, 1);
	assert_non_null(strstr(kept.text, "using 'default'"));
}

/* ---- SPM ---- */

#define BLANK "\u2581"

static void spm_prefixes_and_escapes_blanks(void **state)
{
	_cleanup_free_ struct made *made = make_spm();
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t blank = add(made, BLANK, TOKEN_TYPE_NORMAL), h = add(made, "h", TOKEN_TYPE_NORMAL);
	int32_t bh = add(made, BLANK "h", TOKEN_TYPE_NORMAL);

	(void)state;
	tokenizer = create(made);
	gives(tokenizer, "", ADD, 1);
	gives(tokenizer, "h", ADD, 1, bh);
	gives(tokenizer, " h", PLAIN, blank, bh);
	gives(tokenizer, "h  h", PLAIN, bh, blank, bh);
	gives(tokenizer, "hh</s>h", SPECIAL, bh, h, 2, bh);
	assert_true(tokenizer_adds_blank(tokenizer));
	tokenizer_destroy(tokenizer);
	made->params.add_space_prefix = FLAG_NO;
	made->params.add_bos = FLAG_NO;
	made->params.add_eos = FLAG_YES;
	tokenizer = create(made);
	gives(tokenizer, "h h", ADD, h, bh, 2);
}

static void spm_merges_highest_score_then_leftmost(void **state)
{
	_cleanup_free_ struct made *made = make_spm();
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t a = add_scored(made, "a", TOKEN_TYPE_NORMAL, -1), ab, bc, aa, x, xy, yb;

	(void)state;
	(void)add_scored(made, "b", TOKEN_TYPE_NORMAL, -1);
	(void)add_scored(made, "c", TOKEN_TYPE_NORMAL, -1);
	ab = add_scored(made, "ab", TOKEN_TYPE_NORMAL, -2.5f);
	bc = add_scored(made, "bc", TOKEN_TYPE_NORMAL, -2);
	aa = add_scored(made, "aa", TOKEN_TYPE_NORMAL, -0.0f);
	(void)add_scored(made, "ca", TOKEN_TYPE_NORMAL, 0.0f);
	x = add_scored(made, "x", TOKEN_TYPE_NORMAL, 0);
	(void)add_scored(made, "y", TOKEN_TYPE_NORMAL, 0);
	xy = add_scored(made, "xy", TOKEN_TYPE_NORMAL, -0.0f);
	(void)add_scored(made, "yx", TOKEN_TYPE_NORMAL, 0.0f);
	yb = add_scored(made, "yb", TOKEN_TYPE_NORMAL, 2);
	(void)add_scored(made, "bx", TOKEN_TYPE_NORMAL, 1);
	(void)add_scored(made, "caa", TOKEN_TYPE_NORMAL, -INFINITY);
	made->params.add_space_prefix = FLAG_NO;
	tokenizer = create(made);
	gives(tokenizer, "abc", PLAIN, a, bc);
	gives(tokenizer, "ab", PLAIN, ab);
	gives(tokenizer, "aaa", PLAIN, aa, a);
	gives(tokenizer, "aaca", PLAIN, aa, tokenizer_find(tokenizer, "ca", 2));
	gives(tokenizer, "caa", PLAIN, tokenizer_find(tokenizer, "caa", 3));
	gives(tokenizer, "xyx", PLAIN, xy, x); /* -0 is 0 */
	gives(tokenizer, "ybx", PLAIN, yb, x);
}

static void spm_falls_back_to_bytes(void **state)
{
	_cleanup_free_ struct made *made = make_spm();
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t a = add(made, "a", TOKEN_TYPE_NORMAL);

	(void)state;
	made->params.add_space_prefix = FLAG_NO;
	tokenizer = create(made);
	gives(tokenizer, "a\u00e9", PLAIN, a, SPM_BYTE + 0xc3, SPM_BYTE + 0xa9);
	gives(tokenizer,
	      "\xe2\x96"
	      "a",
	      PLAIN, SPM_BYTE + 0xe2, SPM_BYTE + 0x96, SPM_BYTE + 'a');
	gives(tokenizer,
	      "\x80"
	      "a",
	      PLAIN, SPM_BYTE + 0x80, a);
	gives_bytes(tokenizer, "a\0a", 3, PLAIN, (int32_t[]){a, SPM_BYTE, a, TOKEN_NONE});
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_UNK), 0);
}

static void spm_without_bytes_knows_the_unknown(void **state)
{
	_cleanup_free_ struct made *made = make("llama");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;

	(void)state;
	(void)add(made, "a", TOKEN_TYPE_NORMAL);
	(void)add(made, "<s>", TOKEN_TYPE_CONTROL);
	made->params.add_space_prefix = FLAG_NO;
	tokenizer = create(made); /* token 0 is the unknown one where the file does not say */
	gives(tokenizer, "ax", ADD, 1, 0, 0);
	tokenizer_destroy(tokenizer);
	made->params.roles[TOKEN_UNK] = 1;
	tokenizer = create(made);
	gives(tokenizer, "ax", PLAIN, 0, 1);
}

static void spm_refuses(void **state)
{
	_cleanup_free_ struct made *made = make_spm();

	(void)state;
	(void)add_scored(made, "a", TOKEN_TYPE_NORMAL, NAN);
	refuses(made, EBADMSG, "the model: the score of token 259 is not a number");
	made->scores[259] = 0;
	made->params.add_bos = FLAG_YES;
	made->params.n_tokens = 1;
	refuses(made, EBADMSG, "BOS");
	made->params.add_bos = FLAG_NO;
	made->params.add_eos = FLAG_YES;
	refuses(made, EBADMSG, "EOS");
}

/* ---- WordPiece ---- */

enum { PAD, UNK, CLS, SEP };

/* The roles of BERT, and the next token is 4. */
static struct made *make_wordpiece(void)
{
	struct made *made = make("bert");

	(void)add(made, "[PAD]", TOKEN_TYPE_CONTROL);
	(void)add(made, "[UNK]", TOKEN_TYPE_CONTROL);
	(void)add(made, "[CLS]", TOKEN_TYPE_CONTROL);
	(void)add(made, "[SEP]", TOKEN_TYPE_CONTROL);
	made->params.roles[TOKEN_UNK] = UNK;
	made->params.roles[TOKEN_BOS] = CLS;
	made->params.roles[TOKEN_SEP] = SEP;
	return made;
}

static int32_t add_piece(struct made *made, const char *text)
{
	return add(made, text, TOKEN_TYPE_NORMAL);
}

static void wordpiece_takes_the_longest(void **state)
{
	_cleanup_free_ struct made *made = make_wordpiece();
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t a = add_piece(made, "\u2581a"), ab = add_piece(made, "\u2581ab"),
		b = add_piece(made, "b");
	int32_t bcd = add_piece(made, "bcd"), c = add_piece(made, "c"),
		dot = add_piece(made, "\u2581.");

	(void)state;
	(void)add_piece(made, ""); /* is never found */
	tokenizer = create(made);
	gives(tokenizer, "a", PLAIN, a);
	gives(tokenizer, "ab", PLAIN, ab);
	gives(tokenizer, "abb", PLAIN, ab, b);
	/* ab leaves cd, of which d is none: the choice is not taken back, nor is what came before it */
	gives(tokenizer, "a abcd a", PLAIN, a, UNK, a);
	gives(tokenizer, "abbcdc", PLAIN, ab, bcd, c);
	gives(tokenizer, "b", PLAIN, UNK); /* no word begins so */
	gives(tokenizer, "a.b", PLAIN, a, dot, UNK);
	gives(tokenizer, "  a \n a\u3000\u2003a ", PLAIN, a, a, a);
	gives(tokenizer, "", ADD, CLS, SEP);
	gives(tokenizer, "a", ADD, CLS, a, SEP);
	gives(tokenizer, "a[SEP]a", ADD | SPECIAL, CLS, a, SEP, a, SEP);
	gives(tokenizer, "[SEP]", PLAIN, UNK, UNK, UNK);
}

static void wordpiece_makes_words(void **state)
{
	_cleanup_free_ struct made *made = make_wordpiece();
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t e = add_piece(made, "\u2581e"), more = add_piece(made, "e");
	int32_t cased = add_piece(made, "\u2581\u00c9"), small = add_piece(made, "\u2581\u00e9");
	int32_t large = add_piece(made, "\u2581E"), han = add_piece(made, "\u2581\u4e2d");
	int32_t kana = add_piece(made, "\u2581\u3042\u3042"),
		first = add_piece(made, "\u2581\u1112");

	(void)state;
	tokenizer = create(made);
	gives(tokenizer, "E\u00c9e\u0301", PLAIN, e, more, more);
	gives(tokenizer, "e\u00ad\u200be\x01", PLAIN, e, more); /* format and control are nothing */
	gives(tokenizer, "e\u4e2d\u4e2de", PLAIN, e, han, han, e);
	gives(tokenizer, "\u3042\u3042", PLAIN, kana);
	gives(tokenizer, "\ud55c", PLAIN, first); /* as the peer has it */
	gives(tokenizer, "e\x80\xc0\x80\xff\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82", PLAIN, e);
	gives_bytes(tokenizer, "e\0e", 3, PLAIN, (int32_t[]){e, more, TOKEN_NONE});
	tokenizer_destroy(tokenizer);
	made->params.strip_accents = FLAG_NO;
	tokenizer = create(made);
	gives(tokenizer, "\u00c9 e\u0301", PLAIN, small, UNK);
	tokenizer_destroy(tokenizer);
	made->params.lower_case = FLAG_NO;
	made->params.strip_accents = FLAG_UNSET; /* as lower_case */
	tokenizer = create(made);
	gives(tokenizer, "E \u00c9 \u00e9", PLAIN, large, cased, small);
	tokenizer_destroy(tokenizer);
	made->params.strip_accents = FLAG_YES;
	tokenizer = create(made);
	gives(tokenizer, "\u00c9 \u00e9", PLAIN, large, e);
}

/* Where the file is silent the numbers are those of BERT's own vocabulary. */
static void wordpiece_has_roles(void **state)
{
	_cleanup_free_ struct made *made = make("bert");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	char names[110][16];

	(void)state;
	for (int i = 0; i < 110; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "[unused%d]", i);
		(void)add(made, names[i], TOKEN_TYPE_NORMAL);
	}
	made->params.add_bos = FLAG_NO; /* which is not asked */
	tokenizer = create(made);
	gives(tokenizer, "x", ADD, 101, 100, 102);
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_MASK), 103);
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_PAD), 0);
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_EOS), TOKEN_NONE);
	made->params.n_tokens = 102;
	refuses(made, EBADMSG, "SEP");
	made->params.n_tokens = 101;
	refuses(made, EBADMSG, "BOS");
	made->params.n_tokens = 100;
	refuses(made, EBADMSG, "which token stands for unknown words");
}

/* A word of a million characters, of which each could begin a long token. */
static void wordpiece_long_words_take_no_longer(void **state)
{
	enum { LONG = 1 << 20 };
	_cleanup_free_ struct made *made = make_wordpiece();
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	_cleanup_(token_list_finish) struct token_list list = {0};
	const struct encode_options options = {0};
	_cleanup_free_ char *text = malloc(LONG);

	(void)state;
	(void)add_piece(made, "\u2581");
	(void)add_piece(made, "a");
	(void)add_piece(made,
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
	tokenizer = create(made);
	memset(text, 'a', LONG);
	assert_int_equal(tokenizer_encode(tokenizer, text, LONG, &options, &list), 0);
	assert_int_equal(list.n, LONG + 1);
	text[LONG - 1] = 'b'; /* the last 67 make one, too early taken apart */
	list.n = 0;
	assert_int_equal(tokenizer_encode(tokenizer, text, LONG, &options, &list), 0);
	assert_int_equal(list.n, 1 + LONG - 67 + 1);
}

/* ---- special tokens ---- */

static void special_tokens_longest_first(void **state)
{
	_cleanup_free_ struct made *made = make_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t ab = add(made, "<ab>", TOKEN_TYPE_CONTROL),
		two = add(made, "\n\n", TOKEN_TYPE_USER_DEFINED);
	int32_t three = add(made, "\n\n\n", TOKEN_TYPE_USER_DEFINED);
	int32_t unknown = add(made, "b>\n", TOKEN_TYPE_UNKNOWN),
		end = add(made, "d>", TOKEN_TYPE_CONTROL);

	(void)state;
	(void)add(made, "<cd>", TOKEN_TYPE_UNUSED);
	tokenizer = create(made);
	gives(tokenizer, "<ab>\n\n\n\n\n", SPECIAL, ab, three, two);
	gives(tokenizer, "<ab><ab>x", SPECIAL, ab, ab, 'x');
	gives(tokenizer, "<ab>\n\n", PLAIN, '<', 'a', 'b', '>', two);
	gives(tokenizer, "<b>\n<cd>", SPECIAL, '<', unknown, '<', 'c', end);
	gives(tokenizer, "\n\n\n\n\n\n\n\n", PLAIN, three, three, two);
	assert_true(tokenizer_is_control(tokenizer, ab));
	assert_false(tokenizer_is_control(tokenizer, two));
}

/* A match that loses its end to a longer one gives way to a shorter one at the same place. */
static void special_tokens_give_way(void **state)
{
	_cleanup_free_ struct made *made = make_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t ab = add(made, "AB", TOKEN_TYPE_USER_DEFINED),
		cdef = add(made, "CDEF", TOKEN_TYPE_USER_DEFINED);

	(void)state;
	(void)add(made, "ABC", TOKEN_TYPE_USER_DEFINED);
	tokenizer = create(made);
	gives(tokenizer, "ABCDEF", PLAIN, ab, cdef);
	gives(tokenizer, "ABCDE", PLAIN, tokenizer_find(tokenizer, "ABC", 3), 'D', 'E');
}

static void special_tokens_strip(void **state)
{
	_cleanup_free_ struct made *made = make_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t x = add(made, "<X>", TOKEN_TYPE_CONTROL), s = add(made, "<s>", TOKEN_TYPE_CONTROL);
	int32_t longer = add(made, "        ", TOKEN_TYPE_USER_DEFINED);
	int32_t user = add(made, "<U>", TOKEN_TYPE_USER_DEFINED);

	(void)state;
	made->params.model_name = SPAN("My Phi-3 mini");
	tokenizer = create(made);
	gives(tokenizer, "a <X> \n\tb", SPECIAL, 'a', ' ', x, 'b');
	gives(tokenizer, "<X> \n", SPECIAL, x);
	gives(tokenizer, "<s> b<U> c", SPECIAL, s, ' ', 'b', user, 'c');
	tokenizer_destroy(tokenizer);
	made->params.model_name = SPAN("modern-bert");
	(void)add(made, "[MASK]", TOKEN_TYPE_CONTROL);
	tokenizer = create(made);
	gives(tokenizer, "a \n[MASK] b", SPECIAL, 'a', user + 1, ' ', 'b');
	gives(tokenizer, "  [MASK]", SPECIAL, user + 1);
	gives(tokenizer, "\n        [MASK]", SPECIAL, '\n', longer, user + 1);
	tokenizer_destroy(tokenizer);
	made->params.pre = SPAN("jina-v2-code");
	made->tokens[user + 1] = SPAN("<mask>");
	tokenizer = create(made);
	gives(tokenizer, "a <mask> b", SPECIAL, 'a', user + 1, ' ', 'b');
}

/* ---- what the texts of tokens say ---- */

static void known_texts_end_generation(void **state)
{
	_cleanup_free_ struct made *made = make_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t end = add(made, "<|im_end|>", TOKEN_TYPE_NORMAL);
	int32_t repository = add(made, "<reponame>", TOKEN_TYPE_CONTROL);
	int32_t start = add(made, "<|im_start|>", TOKEN_TYPE_CONTROL);
	int32_t shown = add(made, "<|channel|>", TOKEN_TYPE_CONTROL);

	(void)state;
	made->params.roles[TOKEN_EOS] = 5;
	tokenizer = create(made);
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_EOT), end);
	assert_true(tokenizer_is_end(tokenizer, end));
	assert_true(tokenizer_is_control(tokenizer, end)); /* though the file says it is normal */
	assert_true(tokenizer_is_end(tokenizer, repository));
	assert_true(tokenizer_is_end(tokenizer, 5));
	assert_false(tokenizer_is_end(tokenizer, start));
	assert_false(tokenizer_is_end(tokenizer, -1));
	assert_false(tokenizer_is_end(tokenizer, 100000));
	assert_false(tokenizer_is_control(tokenizer, shown));
	gives(tokenizer, "<|channel|>", PLAIN, shown);
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_BOS), TOKEN_NONE);
}

/* Files call such tokens normal, and then they would not be taken as a whole. */
static void known_texts_are_control_tokens(void **state)
{
	_cleanup_free_ struct made *made = make_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t prefix = add(made, "<PRE>", TOKEN_TYPE_NORMAL);
	int32_t other = add(made, "<|prefix|>", TOKEN_TYPE_NORMAL);

	(void)state;
	tokenizer = create(made);
	gives(tokenizer, "<PRE>", SPECIAL, prefix);
	gives(tokenizer, "<PRE>", PLAIN, '<', 'P', 'R', 'E', '>');
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_FIM_PREFIX), prefix);
	assert_false(tokenizer_is_control(tokenizer, other)); /* one has the role */
	assert_false(tokenizer_is_end(tokenizer, prefix));
}

static void parts_of_an_answer_do_not_end_it(void **state)
{
	_cleanup_free_ struct made *made = make_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t end = add(made, "<|end|>", TOKEN_TYPE_CONTROL),
		s = add(made, "</s>", TOKEN_TYPE_CONTROL);
	int32_t call = add(made, "<|call|>", TOKEN_TYPE_CONTROL);

	(void)state;
	tokenizer = create(made);
	assert_true(tokenizer_is_end(tokenizer, end));
	assert_true(tokenizer_is_end(tokenizer, s));
	tokenizer_destroy(tokenizer);
	made->tokens[call] = SPAN("<|other|>");
	(void)add(made, "<|return|>", TOKEN_TYPE_CONTROL);
	tokenizer = create(made);
	assert_true(tokenizer_is_end(tokenizer, end));
	tokenizer_destroy(tokenizer);
	made->tokens[call] = SPAN("<|call|>");
	(void)add(made, "<|tool_response>", TOKEN_TYPE_CONTROL);
	tokenizer = create(made);
	assert_false(tokenizer_is_end(tokenizer, end));
	assert_false(tokenizer_is_end(tokenizer, s));
	assert_true(tokenizer_is_end(tokenizer, call));
	gives(tokenizer, "<|end|></s>", PLAIN, end, '<', '/', 's', '>');
}

static void roles_out_of_range_are_ignored(void **state)
{
	_cleanup_free_ struct made *made = make_spm();
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	struct kept_log kept;

	(void)state;
	kept_log_init(&kept);
	made->params.roles[TOKEN_EOS] = UINT32_MAX;
	made->params.roles[TOKEN_PAD] = 259;
	made->params.roles[TOKEN_BOS] = 2;
	assert_int_equal(tokenizer_create(&made->params, &kept.log, &tokenizer), 0);
	assert_int_equal(kept.n, 2);
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_EOS), 2);
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_PAD), TOKEN_NONE);
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_BOS), 2);
}

/* Token 11 is what files without the keys meant, once; an ordinary token is not believed. */
static void bpe_defaults_need_a_control_token(void **state)
{
	_cleanup_free_ struct made *made = make_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = create(made);

	(void)state;
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_EOS), TOKEN_NONE);
	assert_false(tokenizer_is_end(tokenizer, 11));
	tokenizer_destroy(tokenizer);
	made->types[11] = TOKEN_TYPE_CONTROL;
	tokenizer = create(made);
	assert_int_equal(tokenizer_role(tokenizer, TOKEN_EOS), 11);
	assert_true(tokenizer_is_end(tokenizer, 11));
}

/* ---- refusals ---- */

static void refuses_other_kinds(void **state)
{
	_cleanup_free_ struct made *made = make("t5");

	(void)state;
	refuses(made, ENOTSUP, "tokenizer 't5' is not supported");
	made->params.model = SPAN("rwkv");
	refuses(made, ENOTSUP, "tokenizer 'rwkv' is not supported");
	made->params.model = SPAN("");
	refuses(made, ENOTSUP, "tokenizer '' is not supported");
}

static void refuses_texts_with_two_numbers(void **state)
{
	_cleanup_free_ struct made *made = make_bpe("gpt-2");

	(void)state;
	(void)add(made, "a", TOKEN_TYPE_NORMAL);
	refuses(made, EBADMSG, "'a' is in the vocabulary twice, as tokens 97 and 256");
}

static void refuses_impossible_sizes(void **state)
{
	_cleanup_free_ struct made *made = make_bpe("gpt-2");

	(void)state;
	made->params.n_tokens = 0;
	refuses(made, EBADMSG, "has 0 tokens");
	made->params.n_tokens = UINT64_MAX;
	refuses(made, EBADMSG, "18446744073709551615 tokens");
	made->params.n_tokens = 256;
	made->tokens[3].size = UINT32_MAX;
	refuses(made, EBADMSG, "token 3 has 4294967295 bytes");
}

static void refuses_bytes_that_are_none(void **state)
{
	static const char *const texts[] = {"<0x4",   "<0xZZ>", "<0x4g>",
					    "<1x41>", "<0x41 ", "abcdef7"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_free_ struct made *made = make_bpe("gpt-2");

		(void)add(made, texts[i], TOKEN_TYPE_BYTE);
		refuses(made, EBADMSG, "not <0xXX>");
	}
}

static void empty_tokens_fill_gaps(void **state)
{
	_cleanup_free_ struct made *made = make_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	char piece[8];

	(void)state;
	(void)add(made, "", TOKEN_TYPE_NORMAL);
	(void)add(made, "", TOKEN_TYPE_CONTROL);
	(void)add(made, "", TOKEN_TYPE_BYTE);
	tokenizer = create(made);
	assert_int_equal(tokenizer_n_tokens(tokenizer), 259);
	gives(tokenizer, "ab", SPECIAL, 'a', 'b');
	for (int32_t i = 256; i < 259; i++)
		assert_int_equal(tokenizer_piece(tokenizer, i, true, piece), 0);
}

static void refuses_texts_beyond_the_limit(void **state)
{
	_cleanup_free_ struct made *made = make_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = create(made);
	struct encode_options options = {0};
	struct token_list list = {0};

	(void)state;
	assert_int_equal(tokenizer_encode(tokenizer, "", (size_t)TOKENIZER_TEXT_MAX + 1, &options,
					  &list),
			 -E2BIG);
	assert_int_equal(list.n, 0);
}

/* ---- back to text ---- */

static void assert_piece(const struct tokenizer *tokenizer, int32_t id, bool show, const char *text)
{
	char piece[64] = "";

	assert_true(tokenizer_piece_max(tokenizer) < sizeof(piece));
	piece[tokenizer_piece(tokenizer, id, show, piece)] = '\0';
	assert_string_equal(piece, text);
}

static void pieces_of_bpe(void **state)
{
	_cleanup_free_ struct made *made = make_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t word = add(made, "\u0120x\u010a\u0142\u0143", TOKEN_TYPE_NORMAL);
	int32_t odd = add(made, "a中", TOKEN_TYPE_NORMAL),
		byte = add(made, "<0x41>", TOKEN_TYPE_BYTE);
	int32_t user = add(made, "\u0120u", TOKEN_TYPE_USER_DEFINED);
	int32_t unused = add(made, "unused", TOKEN_TYPE_UNUSED),
		control = add(made, "<c>", TOKEN_TYPE_CONTROL);

	(void)state;
	tokenizer = create(made);
	assert_piece(tokenizer, word, false, " x\n\xa0\xad");
	assert_piece(tokenizer, odd, false, "a中");
	assert_piece(tokenizer, byte, false, "A");
	assert_piece(tokenizer, user, false, "\u0120u");
	assert_piece(tokenizer, unused, true, "");
	assert_piece(tokenizer, control, false, "");
	assert_piece(tokenizer, control, true, "<c>");
	assert_piece(tokenizer, -1, true, "");
	assert_piece(tokenizer, 9999, true, "");
	for (int32_t i = 1; i < 256; i++)
		assert_piece(tokenizer, i, false, (const char[]){(char)i, '\0'});
	assert_string_equal(tokenizer_text(tokenizer, control).data, "<c>");
	assert_int_equal(tokenizer_text(tokenizer, -5).size, 0);
}

static void pieces_of_spm(void **state)
{
	_cleanup_free_ struct made *made = make_spm();
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	int32_t word = add(made, BLANK "a" BLANK BLANK, TOKEN_TYPE_NORMAL);
	int32_t user = add(made, BLANK "u", TOKEN_TYPE_USER_DEFINED);

	(void)state;
	tokenizer = create(made);
	assert_piece(tokenizer, word, false, " a  ");
	assert_piece(tokenizer, user, false, BLANK "u");
	assert_piece(tokenizer, SPM_BYTE + 0xe4, false, "\xe4");
	assert_piece(tokenizer, 0, false, "");
	assert_piece(tokenizer, 0, true, "<unk>");
}

static void shows(struct detokenizer *detokenizer, int32_t id, const char *text)
{
	struct span got = detokenizer_push(detokenizer, id);

	if (got.size != strlen(text) || memcmp(got.data, text, got.size) != 0)
		fail_msg("token %d shows '%.*s', not '%s'", id, (int)got.size, got.data, text);
}

static void flushes(struct detokenizer *detokenizer, const char *text)
{
	struct span got = detokenizer_flush(detokenizer);

	assert_int_equal(got.size, strlen(text));
	assert_memory_equal(got.data, text, got.size);
}

static void detokenizer_gives_whole_characters(void **state)
{
	_cleanup_free_ struct made *made = make_bpe("gpt-2");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = create(made);
	_cleanup_(detokenizer_destroy_p) struct detokenizer *detokenizer = NULL;
	static const struct detokenizer_options options = {0};

	(void)state;
	assert_int_equal(detokenizer_create(tokenizer, &options, &detokenizer), 0);
	shows(detokenizer, 'a', "a");
	shows(detokenizer, 0xf0, "");
	shows(detokenizer, 0x9f, "");
	shows(detokenizer, 0x98, "");
	shows(detokenizer, 0x80, "😀");
	shows(detokenizer, 0xe4, "");
	shows(detokenizer, 'b', "\ufffdb"); /* what began does not go on */
	shows(detokenizer, 0x80, "\ufffd");
	shows(detokenizer, 0xff, "\ufffd");
	shows(detokenizer, 0xc3, "");
	shows(detokenizer, 0xc3, "\ufffd");
	shows(detokenizer, 0xa9, "é");
	shows(detokenizer, 0xf0, "");
	shows(detokenizer, 0x9f, "");
	flushes(detokenizer, "\ufffd"); /* one mistake */
	flushes(detokenizer, "");
	shows(detokenizer, 0xe0, "");
	shows(detokenizer, 0x80, "");
	flushes(detokenizer, "\ufffd\ufffd"); /* two: nothing begins with these bytes */
	shows(detokenizer, 0xed, "");
	shows(detokenizer, 0xa0, "");
	shows(detokenizer, 0x80, "\ufffd\ufffd\ufffd"); /* a surrogate */
	shows(detokenizer, 'c', "c");
	flushes(detokenizer, "");
	detokenizer_destroy(NULL);
}

static void detokenizer_takes_off_the_blank(void **state)
{
	_cleanup_free_ struct made *made = make_spm();
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	_cleanup_(detokenizer_destroy_p) struct detokenizer *detokenizer = NULL;
	struct detokenizer_options options = {.at_start = true};
	int32_t word = add(made, BLANK BLANK "h", TOKEN_TYPE_NORMAL);

	(void)state;
	tokenizer = create(made);
	assert_int_equal(detokenizer_create(tokenizer, &options, &detokenizer), 0);
	shows(detokenizer, word, " h");
	shows(detokenizer, word, "  h");
	flushes(detokenizer, "");
	shows(detokenizer, word, " h");
	flushes(detokenizer, "");
	/* BOS is hidden, and the blank after it stays, as the peer has it. */
	shows(detokenizer, 1, "");
	shows(detokenizer, word, "  h");
	detokenizer_destroy(detokenizer);
	options = (struct detokenizer_options){.show_control = true};
	assert_int_equal(detokenizer_create(tokenizer, &options, &detokenizer), 0);
	shows(detokenizer, word, "  h");
	shows(detokenizer, 1, "<s>");
	shows(detokenizer, 0, "<unk>");
}

/* ---- threads and memory ---- */

struct worker {
	const struct tokenizer *tokenizer;
	unsigned wrong;
};

static void *encode_often(void *data)
{
	static const struct encode_options options = {.parse_special = true};
	struct worker *worker = data;

	for (unsigned i = 0; i < 200; i++) {
		struct token_list list = {0};

		if (tokenizer_encode(worker->tokenizer, "abab <s>12 x", 12, &options, &list) < 0 ||
		    list.n != 8)
			worker->wrong++;
		token_list_finish(&list);
	}
	return NULL;
}

static void threads_share_a_tokenizer(void **state)
{
	_cleanup_free_ struct made *made = make_bpe("smollm");
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	struct worker workers[3] = {0};
	pthread_t threads[ARRAY_SIZE(workers)];

	(void)state;
	(void)add_merge(made, "a b", "ab");
	(void)add(made, "<s>", TOKEN_TYPE_CONTROL);
	tokenizer = create(made);
	for (size_t i = 0; i < ARRAY_SIZE(workers); i++) {
		workers[i].tokenizer = tokenizer;
		assert_int_equal(pthread_create(&threads[i], NULL, encode_often, &workers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(workers); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(workers[i].wrong, 0);
	}
}

/* Creates, encodes and decodes; 0 or what failed. */
static int use_once(struct made *made, const struct log *log)
{
	static const struct encode_options options = {.add_special = true, .parse_special = true};
	static const struct detokenizer_options show = {0};
	_cleanup_(tokenizer_destroy_p) struct tokenizer *tokenizer = NULL;
	_cleanup_(detokenizer_destroy_p) struct detokenizer *detokenizer = NULL;
	_cleanup_(token_list_finish) struct token_list list = {0};
	int r;

	r = tokenizer_create(&made->params, log, &tokenizer);
	if (r < 0)
		return r;
	r = tokenizer_encode(tokenizer, "ab\xff <s>\U00031350 abab", 17, &options, &list);
	if (r < 0) {
		assert_int_equal(list.n, 0);
		return r;
	}
	return detokenizer_create(tokenizer, &show, &detokenizer);
}

static struct made *make_any(int kind)
{
	struct made *made;

	if (kind == 1)
		return make_spm();
	made = kind == 0 ? make_bpe("smollm") : make_wordpiece();
	if (kind == 0)
		(void)add_merge(made, "a b", "ab");
	(void)add(made, "<s>", TOKEN_TYPE_CONTROL);
	return made;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		_cleanup_free_ struct made *made = make_any(kind);
		long n = 0;
		int r = -ENOMEM;

		for (; r == -ENOMEM; n++) {
			struct kept_log kept;

			kept_log_init(&kept);
			allocations_left = n;
			r = use_once(made, &kept.log);
			allocations_left = -1;
			assert_true(kept.n <= 1);
		}
		assert_int_equal(r, 0);
		assert_true(n > 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gpt2_words),
		cmocka_unit_test(smollm_words),
		cmocka_unit_test(llama3_words),
		cmocka_unit_test(default_words),
		cmocka_unit_test(words_of_newer_unicode),
		cmocka_unit_test(broken_text_is_replaced),
		cmocka_unit_test(names_mean_what_they_mean_to_others),
		cmocka_unit_test(splitting_stops_when_told),
		cmocka_unit_test(bpe_merges_lowest_rank_then_leftmost),
		cmocka_unit_test(bpe_ignores_merges_for_whole_words),
		cmocka_unit_test(bpe_takes_merges_as_they_come),
		cmocka_unit_test(bpe_long_words_take_no_longer),
		cmocka_unit_test(bpe_refuses),
		cmocka_unit_test(bpe_without_a_pre_tokenizer_warns),
		cmocka_unit_test(spm_prefixes_and_escapes_blanks),
		cmocka_unit_test(spm_merges_highest_score_then_leftmost),
		cmocka_unit_test(spm_falls_back_to_bytes),
		cmocka_unit_test(spm_without_bytes_knows_the_unknown),
		cmocka_unit_test(spm_refuses),
		cmocka_unit_test(wordpiece_takes_the_longest),
		cmocka_unit_test(wordpiece_makes_words),
		cmocka_unit_test(wordpiece_has_roles),
		cmocka_unit_test(wordpiece_long_words_take_no_longer),
		cmocka_unit_test(special_tokens_longest_first),
		cmocka_unit_test(special_tokens_give_way),
		cmocka_unit_test(special_tokens_strip),
		cmocka_unit_test(known_texts_end_generation),
		cmocka_unit_test(known_texts_are_control_tokens),
		cmocka_unit_test(parts_of_an_answer_do_not_end_it),
		cmocka_unit_test(roles_out_of_range_are_ignored),
		cmocka_unit_test(bpe_defaults_need_a_control_token),
		cmocka_unit_test(refuses_other_kinds),
		cmocka_unit_test(refuses_texts_with_two_numbers),
		cmocka_unit_test(refuses_impossible_sizes),
		cmocka_unit_test(refuses_bytes_that_are_none),
		cmocka_unit_test(empty_tokens_fill_gaps),
		cmocka_unit_test(refuses_texts_beyond_the_limit),
		cmocka_unit_test(pieces_of_bpe),
		cmocka_unit_test(pieces_of_spm),
		cmocka_unit_test(detokenizer_gives_whole_characters),
		cmocka_unit_test(detokenizer_takes_off_the_blank),
		cmocka_unit_test(threads_share_a_tokenizer),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

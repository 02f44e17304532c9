// SPDX-License-Identifier: MIT
/*
 * Owns the table of pre-tokenizers and the running of their expressions by PCRE2. The table
 * follows llama.cpp's, whose splits the models' files expect; a kind that is not in it is refused.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>

#include "array.h"
#include "cleanup.h"
#include "pretokenizer.h"
#include "readable_text.h"

enum {
	STAGES_MAX = 6,
	NAMES_MAX = 24,
};

struct pretokenizer_kind {
	const char *names[NAMES_MAX];
	const char *stages[STAGES_MAX];
	bool ignore_merges;
	bool add_bos;
};

struct pretokenizer {
	const struct pretokenizer_kind *kind;
	pcre2_code *stages[STAGES_MAX];
	size_t n_stages;
	pcre2_general_context *memory;
	pcre2_compile_context *compile;
	pcre2_match_context *match;
};

DEFINE_CLEANUP(struct pretokenizer, pretokenizer_destroy)

/*
 * The expressions match everywhere, so that no search runs over what they would leave out, which
 * PCRE2 is slow at. \s is Unicode's White_Space; readable_text.c sees to the difference.
 */
#define GPT2	      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define SINGLE_DIGITS "\\P{N}+|\\p{N}"
#define CONTRACTIONS  "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|"
#define LLAMA3(digits)                                       \
	CONTRACTIONS "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits \
		     "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define QWEN35                                                      \
	CONTRACTIONS "[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}" \
		     "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define BAILING                                             \
	CONTRACTIONS "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" \
		     "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"
#define SEED_CODER                                          \
	CONTRACTIONS "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" \
		     "| ?[^\\s\\p{L}\\p{N}]+|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
/* Words end where capitals follow small letters; only those of ASCII are told apart, as there. */
#define NOT_SMALL   "[^\\P{L}a-z]"
#define NOT_CAPITAL "[^\\P{L}A-Z]"
#define CAMEL(ending, digits)                                                     \
	"[^\\r\\n\\p{L}\\p{N}]?" NOT_SMALL "*" NOT_CAPITAL "+" ending             \
	"|[^\\r\\n\\p{L}\\p{N}]?" NOT_SMALL "+" NOT_CAPITAL "*" ending "|" digits \
	"| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define ENDING "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?"
#define LINES  "[\\r\\n]|[^\\r\\n]+"
/* Without the white space that lies within the ranges: it counts as nothing else there. */
#define CJK  "(?:(?!\\s)[\\x{800}-\\x{9fa5}\\x{ac00}-\\x{d7ff}])+"
#define KANA "[\\x{3040}-\\x{30ff}\\x{4e00}-\\x{9fa5}]+"
/* The letters that deepseek-llm names: those with case, as far as its authors knew them. */
#define CASED_LETTERS                                                                          \
	"A-Za-z\\x{b5}\\x{c0}-\\x{d6}\\x{d8}-\\x{f6}\\x{f8}-\\x{1ba}\\x{1bc}-\\x{1bf}"         \
	"\\x{1c4}-\\x{293}\\x{295}-\\x{2af}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37b}-\\x{37d}" \
	"\\x{37f}\\x{386}\\x{388}-\\x{38a}\\x{38c}\\x{38e}-\\x{3a1}\\x{3a3}-\\x{3f5}"          \
	"\\x{3f7}-\\x{481}\\x{48a}-\\x{52f}\\x{531}-\\x{556}\\x{10a0}-\\x{10c5}"               \
	"\\x{13a0}-\\x{13f5}\\x{13f8}-\\x{13fd}\\x{1c90}-\\x{1cba}\\x{1cbd}-\\x{1cbf}"         \
	"\\x{1d00}-\\x{1d2b}\\x{1d6b}-\\x{1d77}\\x{1d79}-\\x{1d9a}\\x{1e00}-\\x{1f15}"         \
	"\\x{1f18}-\\x{1f1d}\\x{1f20}-\\x{1f45}\\x{1f48}-\\x{1f4d}\\x{1f50}-\\x{1f57}"         \
	"\\x{1f59}\\x{1f5b}\\x{1f5d}\\x{1f5f}-\\x{1f7d}\\x{1f80}-\\x{1fb4}\\x{1fb6}-\\x{1fbc}" \
	"\\x{1fbe}\\x{1fc2}-\\x{1fc4}\\x{1fc6}-\\x{1fcc}\\x{1fd0}-\\x{1fd3}"                   \
	"\\x{1fd6}-\\x{1fdb}\\x{1fe0}-\\x{1fec}\\x{1ff2}-\\x{1ff4}\\x{1ff6}-\\x{1ffc}"         \
	"\\x{2102}\\x{2107}\\x{210a}-\\x{2113}\\x{2115}\\x{2119}-\\x{211d}\\x{2124}\\x{2126}"  \
	"\\x{2128}\\x{212a}-\\x{212d}\\x{212f}-\\x{2134}\\x{2139}\\x{213c}-\\x{213f}"          \
	"\\x{2145}-\\x{2149}\\x{214e}\\x{2183}\\x{2184}\\x{2c00}-\\x{2c7b}\\x{2c7e}-\\x{2ce4}" \
	"\\x{2ceb}-\\x{2cee}\\x{2cf2}\\x{2cf3}\\x{a640}-\\x{a66d}\\x{a680}-\\x{a69b}"          \
	"\\x{a722}-\\x{a76f}\\x{a771}-\\x{a787}\\x{a78b}-\\x{a78e}\\x{ab70}-\\x{abbf}"         \
	"\\x{fb00}-\\x{fb06}\\x{fb13}-\\x{fb17}\\x{ff21}-\\x{ff3a}\\x{ff41}-\\x{ff5a}"         \
	"\\x{10400}-\\x{1044f}\\x{104b0}-\\x{104d3}\\x{104d8}-\\x{104fb}\\x{10c80}-\\x{10cb2}" \
	"\\x{10cc0}-\\x{10cf2}\\x{118a0}-\\x{118df}\\x{1e900}-\\x{1e943}"
#define ASCII_PUNCTUATION "!-/:-~"
#define WIDE_PUNCTUATION \
	"\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}\\x{3001}\\x{3002}"
/* The blanks at the end; looked for once in each run of them. */
#define LAST_BLANKS "(?<!\\s)\\s++\\z"
#define DEEPSEEK3                                                               \
	"[!-/:-@\\[-`{-~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+" \
	"| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define YOUTU_SCRIPTS                                                                         \
	"[\\x{ac00}-\\x{d7a3}\\x{3131}-\\x{318e}]+"                                           \
	"|[\\x{ff01}\\x{2026}\\x{201c}\\x{201d}\\x{2018}\\x{2019}\\x{2014}\\x{ff1a}\\x{ff1b}" \
	"\\x{ff0c}\\x{3001}-\\x{303f}\\x{fe30}-\\x{fe4f}]+|[\\x{3105}-\\x{312f}]+|" KANA
#define YOUTU                                          \
	"[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+" ENDING \
	"|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static const struct pretokenizer_kind kinds[] = {
	{
		.names = {"default"},
		.stages = {"[\\p{P}$+<=>^~|]+|[^\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+|\\P{N}+",
			   "[0-9]{3}"},
	},
	{
		.names = {"gpt-2", "phi-2", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de",
			  "jina-v1-en", "jina-v2-code", "roberta-bpe", "gigachat", "a.x-4.0",
			  "mellum", "modern-bert", "exaone4", "mpt", "olmo", "jais", "trillion",
			  "granite-docling"},
		.stages = {GPT2},
	},
	{
		.names = {"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone",
			  "minerva-7b", "mellum2"},
		.stages = {SINGLE_DIGITS, GPT2},
	},
	{
		.names = {"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral",
			  "midm-2.0", "lfm2", "jina-v5-nano"},
		.stages = {LLAMA3("\\p{N}{1,3}")},
		.ignore_merges = true,
		.add_bos = true,
	},
	{
		.names = {"glm4", "glm5"},
		.stages = {LLAMA3("\\p{N}{1,3}")},
		.ignore_merges = true,
	},
	{
		.names = {"dbrx", "smaug-bpe", "chatglm-bpe"},
		.stages = {LLAMA3("\\p{N}{1,3}")},
	},
	{
		.names = {"qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2",
			  "hunyuan", "solar-open", "grok-2"},
		.stages = {LLAMA3("\\p{N}")},
	},
	{
		.names = {"minicpm5"},
		.stages = {"\\p{N}{1,3}|\\P{N}+", LLAMA3("\\p{N}+")},
		.ignore_merges = true,
	},
	{
		.names = {"qwen35"},
		.stages = {QWEN35},
	},
	{
		.names = {"bailingmoe", "bailingmoe2", "llada-moe"},
		.stages = {BAILING},
	},
	{
		.names = {"seed-coder"},
		.stages = {SEED_CODER},
	},
	{
		.names = {"tekken"},
		.stages = {CAMEL("", "\\p{N}")},
		.ignore_merges = true,
		.add_bos = true,
	},
	{
		.names = {"gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"},
		.stages = {CAMEL(ENDING, "\\p{N}{1,3}")},
	},
	{
		.names = {"youtu"},
		.stages = {YOUTU_SCRIPTS, YOUTU},
		.ignore_merges = true,
	},
	{
		.names = {"falcon"},
		.stages = {"[\\p{P}$+<=>^~|`]+|[^\\p{P}$+<=>^~|`]+", GPT2, "[0-9]{3}"},
	},
	{
		.names = {"deepseek-llm"},
		.stages = {LINES, "\\s?[" CASED_LETTERS "]+",
			   "\\s?[" ASCII_PUNCTUATION WIDE_PUNCTUATION "]+", LAST_BLANKS, CJK,
			   "\\p{N}+|\\P{N}+"},
	},
	{
		.names = {"deepseek-coder"},
		.stages = {LINES, "\\s?\\p{L}+", "\\s?\\p{P}+", CJK, SINGLE_DIGITS},
	},
	{
		.names = {"deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"},
		.stages = {"\\p{N}{1,3}|\\P{N}+", KANA, DEEPSEEK3},
	},
};

/* ---- creation ---- */

static const struct pretokenizer_kind *find_kind(struct span name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (size_t j = 0; j < NAMES_MAX && kinds[i].names[j]; j++) {
			if (span_is(name, kinds[i].names[j]))
				return &kinds[i];
		}
	}
	return NULL;
}

/* PCRE2 is given our allocator, so that the tests can make it fail there too. */
static void *allocate(size_t size, void *data)
{
	(void)data;
	return malloc(size);
}

static void release(void *block, void *data)
{
	(void)data;
	free(block);
}

static int compile(struct pretokenizer *pretokenizer, const char *expression)
{
	PCRE2_SIZE at;
	int error;

	pretokenizer->stages[pretokenizer->n_stages++] =
		pcre2_compile((PCRE2_SPTR)expression, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP,
			      &error, &at, pretokenizer->compile);
	return pretokenizer->stages[pretokenizer->n_stages - 1] ? 0 : -ENOMEM;
}

static int prepare(struct pretokenizer *pretokenizer)
{
	const struct pretokenizer_kind *kind = pretokenizer->kind;
	int r = 0;

	pretokenizer->memory = pcre2_general_context_create(allocate, release, NULL);
	if (!pretokenizer->memory)
		return -ENOMEM;
	pretokenizer->compile = pcre2_compile_context_create(pretokenizer->memory);
	pretokenizer->match = pcre2_match_context_create(pretokenizer->memory);
	if (!pretokenizer->compile || !pretokenizer->match)
		return -ENOMEM;
	/* The expressions are ours and linear; a long run of blanks is no reason to give up. */
	(void)pcre2_set_match_limit(pretokenizer->match, UINT32_MAX);
	for (size_t i = 0; i < STAGES_MAX && kind->stages[i] && r == 0; i++)
		r = compile(pretokenizer, kind->stages[i]);
	return r;
}

int pretokenizer_create(const struct tokenizer_params *params, const struct log *log,
			struct pretokenizer **ret_pretokenizer)
{
	_cleanup_(pretokenizer_destroy_p) struct pretokenizer *pretokenizer = NULL;
	const struct pretokenizer_kind *kind;
	struct span name = params->pre;

	if (name.size == 0) {
		log_warning(
			log,
			"%s names no pre-tokenizer, using 'default'; a newer file may answer better",
			params->source);
		name = SPAN("default");
	}
	kind = find_kind(name);
	if (!kind)
		return log_error(log, ENOTSUP, "%s: the pre-tokenizer '%.*s' is not supported",
				 params->source, span_shown(name), name.data);
	pretokenizer = calloc(1, sizeof(*pretokenizer));
	if (!pretokenizer)
		return log_oom(log, "preparing the tokenizer");
	pretokenizer->kind = kind;
	if (prepare(pretokenizer) < 0)
		return log_oom(log, "preparing the tokenizer");
	*ret_pretokenizer = TAKE(pretokenizer);
	return 0;
}

void pretokenizer_destroy(struct pretokenizer *pretokenizer)
{
	if (!pretokenizer)
		return;
	for (size_t i = 0; i < pretokenizer->n_stages; i++)
		pcre2_code_free(pretokenizer->stages[i]);
	pcre2_compile_context_free(pretokenizer->compile);
	pcre2_match_context_free(pretokenizer->match);
	pcre2_general_context_free(pretokenizer->memory);
	free(pretokenizer);
}

bool pretokenizer_ignores_merges(const struct pretokenizer *pretokenizer)
{
	return pretokenizer->kind->ignore_merges;
}

bool pretokenizer_adds_bos(const struct pretokenizer *pretokenizer)
{
	return pretokenizer->kind->add_bos;
}

/* ---- splitting ---- */

struct split {
	const struct pretokenizer *pretokenizer;
	const struct readable_text *readable;
	pcre2_match_data *match;
	pretokenizer_word_fn function;
	void *data;
};

static int split_piece(const struct split *split, size_t stage, size_t begin, size_t end);

/* The next match of STAGE in [begin, end), seen as a text of its own; nothing left: both END. */
static int next_match(const struct split *split, size_t stage, size_t begin, size_t end,
		      size_t *ret_begin, size_t *ret_end)
{
	const struct pretokenizer *pretokenizer = split->pretokenizer;
	PCRE2_SIZE *ends = pcre2_get_ovector_pointer(split->match);
	int r;

	*ret_begin = *ret_end = end;
	r = pcre2_match(pretokenizer->stages[stage], (PCRE2_SPTR)split->readable->shown + begin,
			end - begin, 0, PCRE2_NO_UTF_CHECK, split->match, pretokenizer->match);
	if (r == PCRE2_ERROR_NOMATCH)
		return 0;
	if (r < 0)
		return -ENOMEM;
	*ret_begin = begin + ends[0];
	*ret_end = begin + ends[1];
	return 0;
}

static int split_stage(const struct split *split, size_t stage, size_t begin, size_t end)
{
	int r = 0;

	while (begin < end && r == 0) {
		size_t match_begin, match_end;

		r = next_match(split, stage, begin, end, &match_begin, &match_end);
		if (r == 0 && match_begin > begin)
			r = split_piece(split, stage + 1, begin, match_begin);
		if (r == 0 && match_end > match_begin)
			r = split_piece(split, stage + 1, match_begin, match_end);
		begin = match_end;
	}
	return r;
}

static int split_piece(const struct split *split, size_t stage, size_t begin, size_t end)
{
	struct span word = {split->readable->text.data + begin, (uint32_t)(end - begin)};

	if (stage == split->pretokenizer->n_stages)
		return split->function(split->data, word);
	return split_stage(split, stage, begin, end);
}

static void match_data_free_p(pcre2_match_data **match)
{
	pcre2_match_data_free(*match);
}

int pretokenizer_split(const struct pretokenizer *pretokenizer, struct span text,
		       pretokenizer_word_fn function, void *data)
{
	_cleanup_(match_data_free_p)
		pcre2_match_data *match = pcre2_match_data_create(1, pretokenizer->memory);
	_cleanup_(readable_text_finish) struct readable_text readable = {0};
	struct split split = {pretokenizer, &readable, match, function, data};
	int r;

	if (!match)
		return -ENOMEM;
	r = readable_text_init(&readable, text);
	if (r < 0)
		return r;
	return split_piece(&split, 0, 0, readable.text.size);
}

// SPDX-License-Identifier: MIT
/*
 * Owns the cutting of a template. Refuses tags that do not end, brackets that do not match, and
 * characters that begin nothing.
 */
#include <errno.h>
#include <string.h>

#include "array.h"
#include "jinja_lexer.h"
#include "jinja_unicode.h"
#include "utf8.h"

enum { BRACKETS_MAX = 256 };

struct lexer {
	struct arena *arena;
	const struct log *log;
	struct lexemes *lexemes;
	const char *at;
	const char *end;
	uint32_t line;
	bool line_starts; /* nothing stands before AT in its line, or a tag that took the newline */
	char brackets[BRACKETS_MAX]; /* [n_brackets], what closes those that are open */
	unsigned n_brackets;
};

#define bad(lexer, format, ...)                                                               \
	log_error((lexer)->log, EBADMSG, "the chat template is broken: " format " (line %u)", \
		  __VA_ARGS__)

/* ---- characters ---- */

static size_t left(const struct lexer *lexer)
{
	return (size_t)(lexer->end - lexer->at);
}

static bool comes(const struct lexer *lexer, const char *text)
{
	size_t size = strlen(text);

	return left(lexer) >= size && memcmp(lexer->at, text, size) == 0;
}

/* The size of the white space at TEXT, 0 where there is none. */
static size_t space_at(const char *text, const char *end)
{
	uint32_t c;
	size_t size;

	if (text == end)
		return 0;
	size = utf8_decode(text, (size_t)(end - text), &c);
	return unicode_is_space(c) ? size : 0;
}

static void skip_space(struct lexer *lexer)
{
	for (size_t size; (size = space_at(lexer->at, lexer->end)) > 0; lexer->at += size)
		lexer->line += *lexer->at == '\n';
}

/* TEXT without the white space at its end. */
static size_t size_without_space(const char *text, size_t size)
{
	while (size > 0) {
		size_t begin = size - 1;

		while (begin > 0 && ((unsigned char)text[begin] & 0xc0) == 0x80)
			begin--;
		if (space_at(text + begin, text + size) != size - begin)
			break;
		size = begin;
	}
	return size;
}

static bool is_name_character(uint32_t c)
{
	return c == '_' || unicode_is_digit(c) || unicode_is_letter(c);
}

/* ---- lexemes ---- */

static int add(struct lexer *lexer, struct lexeme lexeme)
{
	struct lexemes *list = lexer->lexemes;

	if (list->n == list->capacity) {
		size_t capacity = MAX(2 * list->capacity, (size_t)64);
		void *grown = arena_grow(lexer->arena, list->items, list->n * sizeof(lexeme),
					 capacity * sizeof(lexeme));

		if (!grown)
			return -ENOMEM;
		list->items = grown;
		list->capacity = capacity;
	}
	if (lexeme.line == 0)
		lexeme.line = lexer->line;
	list->items[list->n++] = lexeme;
	return 0;
}

static int add_kind(struct lexer *lexer, enum lexeme_kind kind, const char *text, size_t size)
{
	return add(lexer, (struct lexeme){.kind = kind, .text = {text, (uint32_t)size}});
}

static uint32_t count_lines(const char *text, const char *end)
{
	uint32_t n = 0;

	for (; text < end; text++)
		n += *text == '\n';
	return n;
}

/*
 * The text before a tag: '-' in the tag takes all white space off it, and a tag that is not an
 * output takes what stands before it in its line when that is blank, unless '+' forbids it.
 */
static int add_text(struct lexer *lexer, const char *text, size_t size, char sign, bool is_output)
{
	size_t kept = size, begin = size;
	uint32_t line = lexer->line;

	if (sign == '-') {
		kept = size_without_space(text, size);
	} else if (sign != '+' && !is_output) {
		while (begin > 0 && text[begin - 1] != '\n')
			begin--;
		if ((begin > 0 || lexer->line_starts) &&
		    size_without_space(text + begin, size - begin) == 0)
			kept = begin;
	}
	lexer->line += count_lines(text, text + size);
	if (kept == 0)
		return 0;
	return add(lexer, (struct lexeme){.kind = LEXEME_TEXT,
					  .line = line,
					  .text = {text, (uint32_t)kept}});
}

/* ---- strings ---- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \xHH, \uHHHH, \UHHHHHHHH after their letter; how many digits were read, 0 for too few. */
static size_t read_hex(const char *at, const char *end, size_t n, uint32_t *ret)
{
	uint32_t code = 0;

	if ((size_t)(end - at) < n)
		return 0;
	for (size_t i = 0; i < n; i++) {
		int digit = hex_value(at[i]);

		if (digit < 0)
			return 0;
		code = code << 4 | (uint32_t)digit;
	}
	*ret = code;
	return code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : n;
}

static size_t read_octal(const char *at, const char *end, uint32_t *ret)
{
	size_t n = 0;

	*ret = 0;
	while (n < 3 && at + n < end && at[n] >= '0' && at[n] <= '7')
		*ret = *ret << 3 | (uint32_t)(at[n++] - '0');
	return n;
}

/* The escape after a backslash at AT: what it takes, and what it stands for; 0 when broken. */
static size_t read_escape(const char *at, const char *end, uint32_t *ret_code)
{
	static const char letters[] = "abfnrtv\\'\"", codes[] = "\a\b\f\n\r\t\v\\'\"";
	const char *letter = strchr(letters, *at);
	size_t n;

	if (*at && letter) {
		*ret_code = (unsigned char)codes[letter - letters];
		return 1;
	}
	if (*at >= '0' && *at <= '7')
		return read_octal(at, end, ret_code);
	if (*at != 'x' && *at != 'u' && *at != 'U')
		return 0;
	n = *at == 'x' ? 2 : *at == 'u' ? 4 : 8;
	return read_hex(at + 1, end, n, ret_code) ? n + 1 : 0;
}

/* Whether a backslash before C begins something that Python knows. */
static bool is_escape(char c)
{
	return c && strchr("abfnrtv\\'\"01234567xuUN", c);
}

static int unescape(struct lexer *lexer, const char *text, size_t size, struct span *ret_text)
{
	const char *end = text + size;
	/* A \ooo of three bytes is the only escape that could grow: to two. */
	char *out = arena_copy(lexer->arena, text, size), *to = out;

	if (!out)
		return -ENOMEM;
	while (text < end) {
		uint32_t code;
		size_t taken;

		if (*text != '\\' || (text[1] != '\n' && !is_escape(text[1]))) {
			*to++ = *text++;
			continue;
		}
		text++;
		if (*text == '\n') {
			text++;
			continue;
		}
		taken = read_escape(text, end, &code);
		if (taken == 0)
			return bad(lexer, "a string has a bad \\%c", *text, lexer->line);
		text += taken;
		to += utf8_encode(code, to);
	}
	*ret_text = (struct span){out, (uint32_t)(to - out)};
	return 0;
}

static int lex_string(struct lexer *lexer)
{
	char quote = *lexer->at;
	const char *begin = lexer->at + 1, *at = begin;
	struct span text;
	int r;

	while (at < lexer->end && *at != quote)
		at += *at == '\\' && at + 1 < lexer->end ? 2 : 1;
	if (at >= lexer->end)
		return bad(lexer, "a string does not end%s", "", lexer->line);
	r = unescape(lexer, begin, (size_t)(at - begin), &text);
	if (r == 0)
		r = add_kind(lexer, LEXEME_STRING, text.data, text.size);
	lexer->line += count_lines(begin, at);
	lexer->at = at + 1;
	return r;
}

/* ---- numbers and names ---- */

/* Digits with single underscores between them; their size, 0 where there are none. */
static size_t digits_at(const char *at, const char *end)
{
	const char *begin = at;

	while (at < end &&
	       (unicode_is_digit((unsigned char)*at) || (*at == '_' && at > begin && at + 1 < end &&
							 unicode_is_digit((unsigned char)at[1]))))
		at++;
	return (size_t)(at - begin);
}

/* What follows the whole part of a float at AT, 0 for an integer. */
static size_t fraction_at(const char *at, const char *end)
{
	const char *begin = at;
	size_t n = at < end && *at == '.' ? digits_at(at + 1, end) : 0;

	if (n > 0)
		at += n + 1;
	if (at < end && (*at | 0x20) == 'e') {
		const char *exponent = at + 1;

		if (exponent < end && (*exponent == '+' || *exponent == '-'))
			exponent++;
		n = digits_at(exponent, end);
		if (n > 0)
			at = exponent + n;
	}
	return (size_t)(at - begin);
}

static int lex_number(struct lexer *lexer)
{
	const char *begin = lexer->at;
	size_t whole = digits_at(begin, lexer->end), fraction;
	bool after_dot = lexer->lexemes->n > 0 && begin[-1] == '.';
	char *digits;
	size_t n = 0;

	fraction = after_dot ? 0 : fraction_at(begin + whole, lexer->end);
	lexer->at += whole + fraction;
	if (fraction == 0 && whole > 1 && *begin == '0' && strspn(begin, "0_") < whole)
		return bad(lexer, "a number begins with 0%s", "", lexer->line);
	digits = arena_copy(lexer->arena, begin, whole + fraction);
	if (!digits)
		return -ENOMEM;
	for (size_t i = 0; i < whole + fraction; i++) {
		if (digits[i] != '_')
			digits[n++] = digits[i];
	}
	digits[n] = '\0';
	return add_kind(lexer, fraction ? LEXEME_FLOAT : LEXEME_INTEGER, digits, n);
}

/* The size of the name at AT, 0 where there is none. */
static size_t name_at(const char *at, const char *end)
{
	const char *begin = at;

	while (at < end) {
		uint32_t c;
		size_t size = utf8_decode(at, (size_t)(end - at), &c);

		if (!is_name_character(c) || (at == begin && unicode_is_digit(c)))
			break;
		at += size;
	}
	return (size_t)(at - begin);
}

/* ---- operators ---- */

static int balance(struct lexer *lexer, char c)
{
	static const char opens[] = "([{", closes[] = ")]}";
	const char *open = strchr(opens, c);

	if (open) {
		if (lexer->n_brackets == BRACKETS_MAX)
			return bad(lexer, "more than %d brackets are open", BRACKETS_MAX,
				   lexer->line);
		lexer->brackets[lexer->n_brackets++] = closes[open - opens];
	} else if (strchr(closes, c)) {
		if (lexer->n_brackets == 0 || lexer->brackets[lexer->n_brackets - 1] != c)
			return bad(lexer, "'%c' closes nothing", c, lexer->line);
		lexer->n_brackets--;
	}
	return 0;
}

static int lex_operator(struct lexer *lexer)
{
	static const char doubles[][3] = {"//", "**", "==", "!=", ">=", "<="};
	char c = *lexer->at;
	int operation = c, r;

	for (size_t i = 0; i < ARRAY_SIZE(doubles); i++) {
		if (comes(lexer, doubles[i]))
			operation = OPERATOR(doubles[i][0], doubles[i][1]);
	}
	if (operation == c && (c == '\0' || !strchr("+-/*%~[](){}>=<.:|,;", c)))
		return bad(lexer, "there is an unexpected character '\\x%02x'", (unsigned char)c,
			   lexer->line);
	r = balance(lexer, c);
	if (r < 0)
		return r;
	r = add(lexer, (struct lexeme){.kind = LEXEME_OPERATOR,
				       .operation = operation,
				       .text = {lexer->at, operation == c ? 1 : 2}});
	lexer->at += operation == c ? 1 : 2;
	return r;
}

/* ---- tags ---- */

/* Takes the end of a tag at AT, "%}" for example, with the white space that goes with it. */
static bool take_end(struct lexer *lexer, const char *end, bool is_output)
{
	bool minus = *lexer->at == '-', plus = *lexer->at == '+' && !is_output;

	if (left(lexer) < 2u + (minus || plus) || memcmp(lexer->at + (minus || plus), end, 2) != 0)
		return false;
	lexer->at += 2 + (minus || plus);
	lexer->line_starts = false;
	if (minus) {
		skip_space(lexer);
		lexer->line_starts = lexer->at[-1] == '\n';
	} else if (!plus && !is_output && lexer->at < lexer->end && *lexer->at == '\n') {
		lexer->at++;
		lexer->line++;
		lexer->line_starts = true;
	}
	return true;
}

static int lex_inside(struct lexer *lexer)
{
	size_t name = name_at(lexer->at, lexer->end);
	int r;

	if (name > 0) {
		r = add_kind(lexer, LEXEME_NAME, lexer->at, name);
		lexer->at += name;
		return r;
	}
	if (*lexer->at == '"' || *lexer->at == '\'')
		return lex_string(lexer);
	if (unicode_is_digit((unsigned char)*lexer->at))
		return lex_number(lexer);
	return lex_operator(lexer);
}

static int lex_tag(struct lexer *lexer, bool is_output)
{
	uint32_t begin_line = lexer->line;
	int r = add_kind(lexer, is_output ? LEXEME_OUTPUT_BEGIN : LEXEME_BLOCK_BEGIN, "", 0);

	lexer->n_brackets = 0;
	while (r == 0) {
		uint32_t line;

		skip_space(lexer);
		if (lexer->at == lexer->end)
			return bad(lexer, "a tag does not end%s", "", begin_line);
		line = lexer->line;
		if (lexer->n_brackets == 0 && take_end(lexer, is_output ? "}}" : "%}", is_output))
			return add(lexer, (struct lexeme){.kind = is_output ? LEXEME_OUTPUT_END
									    : LEXEME_BLOCK_END,
							  .line = line});
		r = lex_inside(lexer);
	}
	return r;
}

static int skip_comment(struct lexer *lexer)
{
	uint32_t begin_line = lexer->line;

	for (; left(lexer) >= 2; lexer->at++) {
		if (take_end(lexer, "#}", false))
			return 0;
		lexer->line += *lexer->at == '\n';
	}
	return bad(lexer, "a comment does not end%s", "", begin_line);
}

/* Whether a tag that says only WORD comes; moves past its word, up to its end. */
static bool take_word(struct lexer *lexer, const char *word, char *ret_sign)
{
	struct lexer ahead = *lexer;

	if (!comes(&ahead, "{%"))
		return false;
	ahead.at += 2;
	*ret_sign = '\0';
	if (ahead.at < ahead.end && (*ahead.at == '-' || *ahead.at == '+'))
		*ret_sign = *ahead.at++;
	skip_space(&ahead);
	if (!comes(&ahead, word))
		return false;
	ahead.at += strlen(word);
	skip_space(&ahead);
	if (!comes(&ahead, "%}") && !comes(&ahead, "-%}") && !comes(&ahead, "+%}"))
		return false;
	lexer->at = ahead.at;
	return true;
}

static int lex_raw(struct lexer *lexer)
{
	uint32_t begin_line = lexer->line;
	const char *begin;

	/* The newline after {% raw %} stays, other than after every other tag. */
	lexer->at += *lexer->at == '-' ? 3 : 2;
	lexer->line_starts = false;
	if (lexer->at[-3] == '-') {
		skip_space(lexer);
		lexer->line_starts = lexer->at[-1] == '\n';
	}
	begin = lexer->at;
	for (; left(lexer) >= 2; lexer->at++) {
		size_t size = (size_t)(lexer->at - begin);
		char sign;

		if (take_word(lexer, "endraw", &sign)) {
			int r = add_text(lexer, begin, size, sign, false);

			(void)take_end(lexer, "%}", false);
			return r;
		}
	}
	return bad(lexer, "{%% raw %%} does not end%s", "", begin_line);
}

static int lex_opened(struct lexer *lexer, const char *text, size_t size)
{
	char kind = lexer->at[1], sign;
	int r;

	if (take_word(lexer, "raw", &sign) && *lexer->at != '+') {
		r = add_text(lexer, text, size, sign, false);
		return r < 0 ? r : lex_raw(lexer);
	}
	lexer->at += 2;
	sign = lexer->at < lexer->end ? *lexer->at : '\0';
	r = add_text(lexer, text, size, sign, kind == '{');
	if (r < 0)
		return r;
	lexer->at += sign == '-' || sign == '+';
	return kind == '#' ? skip_comment(lexer) : lex_tag(lexer, kind == '{');
}

static bool opens(const char *at)
{
	return at[0] == '{' && (at[1] == '{' || at[1] == '%' || at[1] == '#');
}

static int lex_all(struct lexer *lexer)
{
	int r = 0;

	while (r == 0 && lexer->at < lexer->end) {
		const char *begin = lexer->at;
		size_t size;

		while (left(lexer) >= 2 && !opens(lexer->at))
			lexer->at++;
		if (left(lexer) < 2)
			lexer->at = lexer->end;
		size = (size_t)(lexer->at - begin);
		if (lexer->at == lexer->end)
			r = add_text(lexer, begin, size, '+', true);
		else
			r = lex_opened(lexer, begin, size);
	}
	return r;
}

/* Every kind of newline is one, and the last is none. */
static int normalize(struct arena *arena, struct span source, struct span *ret_text)
{
	char *text = arena_copy(arena, source.data, source.size);
	uint32_t n = 0;

	if (!text)
		return -ENOMEM;
	for (uint32_t i = 0; i < source.size; i++) {
		if (text[i] == '\r' && i + 1 < source.size && text[i + 1] == '\n')
			continue;
		text[n++] = text[i] == '\r' ? '\n' : text[i];
	}
	if (n > 0 && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	*ret_text = (struct span){text, n};
	return 0;
}

int jinja_lex(struct arena *arena, struct span source, const struct log *log,
	      struct lexemes *lexemes)
{
	struct lexer lexer = {
		.arena = arena,
		.log = log,
		.lexemes = lexemes,
		.line = 1,
		.line_starts = true,
	};
	struct span text;
	int r;

	r = normalize(arena, source, &text);
	if (r < 0)
		return r;
	lexer.at = text.data;
	lexer.end = text.data + text.size;
	r = lex_all(&lexer);
	return r < 0 ? r : add_kind(&lexer, LEXEME_END, "", 0);
}

// SPDX-License-Identifier: MIT
/*
 * Owns the parsing of statements, and what both halves of the parser stand on. Refuses statements
 * that no chat template has a use for (import, block, ...) by name.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "array.h"
#include "cleanup.h"
#include "hash.h"
#include "jinja_parse.h"

/* ---- lexemes ---- */

void jinja_parse_unexpected(struct jinja_parser *parser, const char *wanted)
{
	const struct lexeme *at = parser->at;

	if (at->kind == LEXEME_END)
		parse_error(parser, EBADMSG, "is broken: it ends where %s should stand", wanted);
	else if (at->text.size > 0)
		parse_error(parser, EBADMSG,
			    "is broken: '%.*s' stands where %s should (line %" PRIu32 ")",
			    span_shown(at->text), at->text.data, wanted, at->line);
	else
		parse_error(parser, EBADMSG,
			    "is broken: a tag begins or ends where %s should stand (line %" PRIu32
			    ")",
			    wanted, at->line);
}

void jinja_parse_oom(struct jinja_parser *parser)
{
	if (parser->error == 0 && parser->arena->exceeded)
		parse_error(parser, ENOTSUP, "is too large: it needs more than %zu MiB",
			    parser->arena->limit_bytes >> 20);
	if (parser->error == 0)
		parser->error = -ENOMEM;
	parser->at = parser->end;
}

void jinja_parse_unknown(struct jinja_parser *parser, const char *kind, struct span name,
			 uint32_t line)
{
	if (parser->error == 0)
		parse_error(parser, ENOTSUP,
			    "uses the %s '%.*s' (line %" PRIu32 "), which is not known here", kind,
			    span_shown(name), name.data, line);
}

const struct lexeme *jinja_next(struct jinja_parser *parser)
{
	return parser->at == parser->end ? parser->at : parser->at++;
}

bool jinja_skip_operator(struct jinja_parser *parser, int operation)
{
	bool comes = jinja_at_operator(parser, operation);

	parser->at += comes;
	return comes;
}

bool jinja_skip_name(struct jinja_parser *parser, const char *name)
{
	bool comes = jinja_at_name(parser, name);

	parser->at += comes;
	return comes;
}

void jinja_expect_operator(struct jinja_parser *parser, int operation)
{
	char shown[] = {'\'', (char)operation, '\'', '\0'};

	if (!jinja_skip_operator(parser, operation))
		jinja_parse_unexpected(parser, shown);
}

void jinja_expect_kind(struct jinja_parser *parser, enum lexeme_kind kind, const char *wanted)
{
	if (parser->at->kind == kind)
		(void)jinja_next(parser);
	else
		jinja_parse_unexpected(parser, wanted);
}

struct span jinja_expect_name(struct jinja_parser *parser)
{
	if (parser->at->kind == LEXEME_NAME)
		return jinja_next(parser)->text;
	jinja_parse_unexpected(parser, "a name");
	return SPAN("");
}

bool jinja_enter(struct jinja_parser *parser)
{
	if (parser->error < 0)
		return false;
	if (++parser->nesting <= 2 * JINJA_NESTING_MAX)
		return true;
	parser->nesting--;
	parse_error(parser, ENOTSUP, "is nested more than %d deep (line %" PRIu32 ")",
		    JINJA_NESTING_MAX, parser->at->line);
	return false;
}

void jinja_leave(struct jinja_parser *parser)
{
	parser->nesting--;
}

/* ---- symbols ---- */

static uint32_t add_symbol(struct jinja_parser *parser, struct span name)
{
	struct jinja_tree *tree = parser->tree;

	if (tree->n_symbols == JINJA_SYMBOLS_MAX) {
		parse_error(parser, ENOTSUP, "has more than %d names", JINJA_SYMBOLS_MAX);
		return 0;
	}
	tree->symbols[tree->n_symbols] =
		jinja_string_create(parser->arena, name.data, name.size, false);
	if (!tree->symbols[tree->n_symbols]) {
		jinja_parse_oom(parser);
		return 0;
	}
	return tree->n_symbols++;
}

uint32_t jinja_symbol(struct jinja_parser *parser, struct span name)
{
	uint32_t at = (uint32_t)hash_bytes(name.data, name.size) % SYMBOL_SLOTS;

	for (; parser->slots[at]; at = (at + 1) % SYMBOL_SLOTS) {
		const struct jinja_string *other = parser->tree->symbols[parser->slots[at] - 1];

		if (other->size == name.size && memcmp(other->data, name.data, name.size) == 0)
			return parser->slots[at] - 1u;
	}
	uint32_t symbol = add_symbol(parser, name);

	if (parser->error == 0)
		parser->slots[at] = (uint16_t)(symbol + 1);
	return symbol;
}

/* ---- nodes ---- */

struct jinja_node *jinja_node_create(struct jinja_parser *parser, enum jinja_node_kind kind,
				     uint32_t line, uint32_t n)
{
	struct jinja_node *node = NULL;

	if (parser->error < 0)
		return NULL;
	node = arena_alloc(parser->arena, sizeof(*node));
	if (node && n > 0)
		node->items = arena_array(parser->arena, n, sizeof(struct jinja_node *));
	if (!node || (n > 0 && !node->items)) {
		jinja_parse_oom(parser);
		return NULL;
	}
	node->kind = kind;
	node->line = line;
	node->n = n;
	return node;
}

void jinja_node_put(struct jinja_parser *parser, struct jinja_node *node, uint32_t place,
		    struct jinja_node *item)
{
	if (parser->error < 0 || !node || !item)
		return;
	node->items[place] = item;
	node->depth = MAX(node->depth, item->depth + 1);
	if (node->depth > JINJA_NESTING_MAX)
		parse_error(parser, ENOTSUP, "is nested more than %d deep (line %" PRIu32 ")",
			    JINJA_NESTING_MAX, node->line);
}

struct jinja_node *jinja_node_of(struct jinja_parser *parser, enum jinja_node_kind kind,
				 uint32_t line, struct jinja_node *first, struct jinja_node *second)
{
	struct jinja_node *node = jinja_node_create(parser, kind, line, second ? 2 : 1);

	jinja_node_put(parser, node, 0, first);
	if (second)
		jinja_node_put(parser, node, 1, second);
	return parser->error < 0 ? NULL : node;
}

void jinja_nodes_add(struct jinja_parser *parser, struct jinja_nodes *nodes,
		     struct jinja_node *node)
{
	if (parser->error < 0)
		return;
	if (nodes->n == nodes->capacity) {
		uint32_t capacity = MAX(2 * nodes->capacity, 4u);
		void *grown = arena_grow(parser->arena, nodes->items,
					 nodes->n * sizeof(struct jinja_node *),
					 capacity * sizeof(struct jinja_node *));

		if (!grown) {
			jinja_parse_oom(parser);
			return;
		}
		nodes->items = grown;
		nodes->capacity = capacity;
	}
	nodes->items[nodes->n++] = node;
}

struct jinja_node *jinja_nodes_take(struct jinja_parser *parser, struct jinja_nodes *nodes,
				    enum jinja_node_kind kind, uint32_t line)
{
	struct jinja_node *node = jinja_node_create(parser, kind, line, 0);

	if (!node)
		return NULL;
	node->items = nodes->items;
	node->n = nodes->n;
	for (uint32_t i = 0; i < node->n; i++)
		jinja_node_put(parser, node, i, node->items[i]);
	return parser->error < 0 ? NULL : node;
}

/* ---- bodies ---- */

static struct jinja_node *parse_statement(struct jinja_parser *parser);

static struct jinja_node *parse_text(struct jinja_parser *parser)
{
	const struct lexeme *lexeme = jinja_next(parser);
	struct jinja_node *node = jinja_node_create(parser, NODE_TEXT, lexeme->line, 0);
	const struct jinja_string *string;

	if (!node)
		return NULL;
	string = jinja_string_create(parser->arena, lexeme->text.data, lexeme->text.size, false);
	if (!string)
		jinja_parse_oom(parser);
	node->constant = jinja_of_string(string);
	return node;
}

static struct jinja_node *parse_output(struct jinja_parser *parser)
{
	uint32_t line = jinja_next(parser)->line;
	struct jinja_node *node = jinja_node_of(parser, NODE_OUTPUT, line,
						jinja_parse_tuple(parser, true, NULL), NULL);

	jinja_expect_kind(parser, LEXEME_OUTPUT_END, "'}}'");
	return node;
}

/* Whether the tag that comes is one of ENDS, a list ended by NULL. */
static bool at_end(const struct jinja_parser *parser, const char *const *ends)
{
	if (parser->at->kind != LEXEME_BLOCK_BEGIN)
		return false;
	for (; *ends; ends++) {
		if (parser->at[1].kind == LEXEME_NAME && span_is(parser->at[1].text, *ends))
			return true;
	}
	return false;
}

/* Statements up to a tag of ENDS, past whose "{%" the parser then is; NULL: up to the end. */
static struct jinja_node *parse_body(struct jinja_parser *parser, const char *const *ends)
{
	static const char *const nothing[] = {NULL};
	uint32_t line = parser->at->line;
	struct jinja_nodes items = {0};

	if (!jinja_enter(parser))
		return NULL;
	while (parser->at->kind != LEXEME_END && !at_end(parser, ends ? ends : nothing)) {
		if (parser->at->kind == LEXEME_TEXT)
			jinja_nodes_add(parser, &items, parse_text(parser));
		else if (parser->at->kind == LEXEME_OUTPUT_BEGIN)
			jinja_nodes_add(parser, &items, parse_output(parser));
		else
			jinja_nodes_add(parser, &items, parse_statement(parser));
	}
	if (ends && parser->error == 0 && parser->at->kind == LEXEME_END)
		parse_error(parser, EBADMSG,
			    "is broken: what begins in line %" PRIu32 " wants a tag '%s'", line,
			    ends[0]);
	else if (ends)
		(void)jinja_next(parser);
	jinja_leave(parser);
	return jinja_nodes_take(parser, &items, NODE_BODY, line);
}

static void end_tag(struct jinja_parser *parser)
{
	jinja_expect_kind(parser, LEXEME_BLOCK_END, "'%}'");
}

/* The body of a block that ends with END, and the tags around it. */
static struct jinja_node *parse_block(struct jinja_parser *parser, const char *end)
{
	const char *const ends[] = {end, NULL};
	struct jinja_node *body;

	end_tag(parser);
	body = parse_body(parser, ends);
	(void)jinja_next(parser);
	end_tag(parser);
	return body;
}

/* ---- targets ---- */

static struct jinja_node *parse_target_name(struct jinja_parser *parser)
{
	uint32_t line = parser->at->line;
	struct span name = jinja_expect_name(parser);
	struct jinja_node *node = jinja_node_create(parser, NODE_NAME, line, 0);
	static const char *const words[] = {"true", "True", "false", "False", "none", "None"};

	for (size_t i = 0; i < ARRAY_SIZE(words) && parser->error == 0; i++) {
		if (span_is(name, words[i]))
			parse_error(parser, EBADMSG,
				    "is broken: nothing can be assigned to '%s' (line %" PRIu32 ")",
				    words[i], line);
	}
	if (node)
		node->symbol = jinja_symbol(parser, name);
	return node;
}

static struct jinja_node *parse_targets(struct jinja_parser *parser, const char *end);

static struct jinja_node *parse_one_target(struct jinja_parser *parser)
{
	struct jinja_node *node;

	if (!jinja_at_operator(parser, '('))
		return parse_target_name(parser);
	if (!jinja_enter(parser))
		return NULL;
	(void)jinja_next(parser);
	node = parse_targets(parser, NULL);
	jinja_expect_operator(parser, ')');
	jinja_leave(parser);
	return node;
}

/* One name, or several with commas between them. */
static struct jinja_node *parse_targets(struct jinja_parser *parser, const char *end)
{
	uint32_t line = parser->at->line;
	struct jinja_node *first = parse_one_target(parser);
	struct jinja_nodes items = {0};

	if (!jinja_at_operator(parser, ','))
		return first;
	jinja_nodes_add(parser, &items, first);
	while (jinja_skip_operator(parser, ',')) {
		if (jinja_at_operator(parser, '=') || jinja_at_operator(parser, ')') ||
		    (end && jinja_at_name(parser, end)))
			break;
		jinja_nodes_add(parser, &items, parse_one_target(parser));
	}
	return jinja_nodes_take(parser, &items, NODE_TUPLE, line);
}

static struct jinja_node *parse_set_target(struct jinja_parser *parser)
{
	struct jinja_node *node;
	struct span name;

	if (parser->at->kind != LEXEME_NAME || parser->at[1].kind != LEXEME_OPERATOR ||
	    parser->at[1].operation != '.')
		return parse_targets(parser, NULL);
	node = parse_target_name(parser);
	(void)jinja_next(parser);
	name = jinja_expect_name(parser);
	if (parser->error < 0)
		return NULL;
	node->kind = NODE_MEMBER;
	node->name = jinja_string_create(parser->arena, name.data, name.size, false);
	if (!node->name)
		jinja_parse_oom(parser);
	return node;
}

/* ---- statements ---- */

static struct jinja_node *parse_set(struct jinja_parser *parser, uint32_t line)
{
	struct jinja_node *target = parse_set_target(parser), *node, *filter;

	if (jinja_skip_operator(parser, '=')) {
		node = jinja_node_of(parser, NODE_SET, line, target,
				     jinja_parse_tuple(parser, true, NULL));
		end_tag(parser);
		return node;
	}
	if (!jinja_at_operator(parser, '|') && parser->at->kind != LEXEME_BLOCK_END)
		jinja_parse_unexpected(parser, "'='");
	node = jinja_node_create(parser, NODE_SET_BLOCK, line, 3);
	filter = jinja_parse_filters(parser, NULL, false);
	jinja_node_put(parser, node, 0, target);
	jinja_node_put(parser, node, 1, filter);
	jinja_node_put(parser, node, 2, parse_block(parser, "endset"));
	return node;
}

static struct jinja_node *parse_if(struct jinja_parser *parser, uint32_t line)
{
	static const char *const ends[] = {"endif", "elif", "else", NULL};
	static const char *const last[] = {"endif", NULL};
	struct jinja_nodes items = {0};

	do {
		jinja_nodes_add(parser, &items, jinja_parse_tuple(parser, false, NULL));
		end_tag(parser);
		jinja_nodes_add(parser, &items, parse_body(parser, ends));
	} while (parser->error == 0 && jinja_skip_name(parser, "elif"));
	if (jinja_skip_name(parser, "else")) {
		end_tag(parser);
		jinja_nodes_add(parser, &items, parse_body(parser, last));
	}
	(void)jinja_next(parser);
	end_tag(parser);
	return jinja_nodes_take(parser, &items, NODE_IF, line);
}

static struct jinja_node *parse_for_bodies(struct jinja_parser *parser, struct jinja_node *node)
{
	static const char *const ends[] = {"endfor", "else", NULL};
	static const char *const last[] = {"endfor", NULL};

	end_tag(parser);
	parser->n_loops++;
	jinja_node_put(parser, node, 2, parse_body(parser, ends));
	parser->n_loops--;
	if (jinja_skip_name(parser, "else")) {
		end_tag(parser);
		jinja_node_put(parser, node, 4, parse_body(parser, last));
	}
	(void)jinja_next(parser);
	end_tag(parser);
	return node;
}

static struct jinja_node *parse_for(struct jinja_parser *parser, uint32_t line)
{
	struct jinja_node *node = jinja_node_create(parser, NODE_FOR, line, 5);

	jinja_node_put(parser, node, 0, parse_targets(parser, "in"));
	if (!jinja_skip_name(parser, "in"))
		jinja_parse_unexpected(parser, "'in'");
	jinja_node_put(parser, node, 1, jinja_parse_tuple(parser, false, "recursive"));
	if (jinja_skip_name(parser, "if"))
		jinja_node_put(parser, node, 3, jinja_parse_expression(parser, true));
	if (jinja_at_name(parser, "recursive"))
		jinja_parse_unknown(parser, "word", SPAN("recursive"), parser->at->line);
	return parse_for_bodies(parser, node);
}

static void add_parameter(struct jinja_parser *parser, struct jinja_nodes *names,
			  struct jinja_nodes *defaults)
{
	bool had_default = defaults->n > 0 && defaults->items[defaults->n - 1];
	struct jinja_node *value = NULL;

	jinja_nodes_add(parser, names, parse_target_name(parser));
	if (jinja_skip_operator(parser, '='))
		value = jinja_parse_expression(parser, true);
	else if (had_default)
		jinja_parse_unexpected(parser, "a default");
	jinja_nodes_add(parser, defaults, value);
}

static void parse_signature(struct jinja_parser *parser, struct jinja_node *node)
{
	struct jinja_nodes names = {0}, defaults = {0};
	uint32_t *symbols;

	jinja_expect_operator(parser, '(');
	while (parser->error == 0 && !jinja_at_operator(parser, ')')) {
		if (names.n > 0)
			jinja_expect_operator(parser, ',');
		add_parameter(parser, &names, &defaults);
	}
	jinja_expect_operator(parser, ')');
	if (parser->error < 0)
		return;
	symbols = arena_array(parser->arena, names.n, sizeof(*symbols));
	if (!symbols) {
		jinja_parse_oom(parser);
		return;
	}
	for (uint32_t i = 0; i < names.n; i++)
		symbols[i] = names.items[i]->symbol;
	node->signature = (struct jinja_signature){
		.symbols = symbols, .defaults = defaults.items, .n = names.n};
}

/* The body of a macro: its loops and what it uses are its own. */
static void parse_macro_body(struct jinja_parser *parser, struct jinja_node *node, const char *end)
{
	uint32_t n_loops = parser->n_loops;
	uint8_t uses = parser->uses;

	parser->n_loops = 0;
	parser->uses = 0;
	jinja_node_put(parser, node, 0, parse_block(parser, end));
	if (parser->error == 0)
		node->signature.uses = parser->uses;
	parser->n_loops = n_loops;
	parser->uses = uses;
}

static struct jinja_node *parse_macro(struct jinja_parser *parser, uint32_t line)
{
	struct jinja_node *node = jinja_node_create(parser, NODE_MACRO, line, 1);
	struct span name = jinja_expect_name(parser);

	if (node)
		node->symbol = jinja_symbol(parser, name);
	parse_signature(parser, node);
	parse_macro_body(parser, node, "endmacro");
	return node;
}

static struct jinja_node *parse_call_block(struct jinja_parser *parser, uint32_t line)
{
	struct jinja_node *node = jinja_node_create(parser, NODE_CALL_BLOCK, line, 2), *call;

	if (jinja_at_operator(parser, '('))
		parse_signature(parser, node);
	call = jinja_parse_expression(parser, true);
	if (parser->error == 0 && call->kind != NODE_CALL)
		jinja_parse_unexpected(parser, "a call");
	jinja_node_put(parser, node, 1, call);
	parse_macro_body(parser, node, "endcall");
	return node;
}

static struct jinja_node *parse_filter_block(struct jinja_parser *parser, uint32_t line)
{
	struct jinja_node *filter = jinja_parse_filters(parser, NULL, true);
	struct jinja_node *node = jinja_node_create(parser, NODE_FILTER_BLOCK, line, 2);

	jinja_node_put(parser, node, 0, filter);
	jinja_node_put(parser, node, 1, parse_block(parser, "endfilter"));
	return node;
}

static struct jinja_node *parse_with(struct jinja_parser *parser, uint32_t line)
{
	struct jinja_nodes items = {0};

	jinja_nodes_add(parser, &items, NULL); /* the body's place */
	while (parser->error == 0 && parser->at->kind != LEXEME_BLOCK_END) {
		if (items.n > 1)
			jinja_expect_operator(parser, ',');
		jinja_nodes_add(parser, &items, parse_one_target(parser));
		jinja_expect_operator(parser, '=');
		jinja_nodes_add(parser, &items, jinja_parse_expression(parser, true));
	}
	if (parser->error == 0)
		items.items[0] = parse_block(parser, "endwith");
	return jinja_nodes_take(parser, &items, NODE_WITH, line);
}

/* What transformers marks an assistant's text with for training: here its text alone matters. */
static struct jinja_node *parse_generation(struct jinja_parser *parser, uint32_t line)
{
	uint32_t n_loops = parser->n_loops;
	struct jinja_node *body;

	parser->n_loops = 0;
	body = parse_block(parser, "endgeneration");
	parser->n_loops = n_loops;
	return jinja_node_of(parser, NODE_SCOPE, line, body, NULL);
}

static struct jinja_node *parse_jump(struct jinja_parser *parser, uint32_t line,
				     enum jinja_node_kind kind)
{
	struct jinja_node *node = jinja_node_create(parser, kind, line, 0);

	if (parser->n_loops == 0 && parser->error == 0)
		parse_error(parser, EBADMSG,
			    "is broken: '%s' stands outside of a loop (line %" PRIu32 ")",
			    kind == NODE_BREAK ? "break" : "continue", line);
	end_tag(parser);
	return node;
}

static struct jinja_node *parse_break(struct jinja_parser *parser, uint32_t line)
{
	return parse_jump(parser, line, NODE_BREAK);
}

static struct jinja_node *parse_continue(struct jinja_parser *parser, uint32_t line)
{
	return parse_jump(parser, line, NODE_CONTINUE);
}

static struct jinja_node *parse_statement(struct jinja_parser *parser)
{
	static const struct {
		const char *name;
		struct jinja_node *(*parse)(struct jinja_parser *parser, uint32_t line);
	} statements[] = {
		{"set", parse_set},	    {"if", parse_if},
		{"for", parse_for},	    {"macro", parse_macro},
		{"call", parse_call_block}, {"filter", parse_filter_block},
		{"with", parse_with},	    {"generation", parse_generation},
		{"break", parse_break},	    {"continue", parse_continue},
	};
	struct span name;
	uint32_t line;

	(void)jinja_next(parser); /* {% */
	line = parser->at->line;
	name = jinja_expect_name(parser);
	for (size_t i = 0; i < ARRAY_SIZE(statements) && parser->error == 0; i++) {
		if (span_is(name, statements[i].name))
			return statements[i].parse(parser, line);
	}
	if (name.size > 3 && memcmp(name.data, "end", 3) == 0)
		parse_error(parser, EBADMSG, "is broken: '%.*s' ends nothing (line %" PRIu32 ")",
			    span_shown(name), name.data, line);
	jinja_parse_unknown(parser, "statement", name, line);
	return NULL;
}

/* ---- the front ---- */

static void add_known_symbols(struct jinja_parser *parser)
{
	(void)jinja_symbol(parser, SPAN("loop"));
	(void)jinja_symbol(parser, SPAN("varargs"));
	(void)jinja_symbol(parser, SPAN("kwargs"));
	(void)jinja_symbol(parser, SPAN("caller"));
}

int jinja_parse(struct arena *arena, struct span source, const struct log *log,
		struct jinja_tree *ret_tree)
{
	_cleanup_free_ uint16_t *slots = calloc(SYMBOL_SLOTS, sizeof(*slots));
	struct jinja_tree tree = {0};
	struct jinja_parser parser = {.arena = arena, .log = log, .tree = &tree, .slots = slots};
	struct lexemes lexemes = {0};
	int r;

	tree.symbols = arena_array(arena, JINJA_SYMBOLS_MAX, sizeof(*tree.symbols));
	if (!slots || !tree.symbols)
		return -ENOMEM;
	r = jinja_lex(arena, source, log, &lexemes);
	if (r < 0 && !(r == -ENOMEM && arena->exceeded))
		return r;
	parser.at = lexemes.items;
	parser.end = lexemes.items + lexemes.n - 1;
	if (r < 0)
		jinja_parse_oom(&parser);
	add_known_symbols(&parser);
	tree.body = parse_body(&parser, NULL);
	if (parser.error < 0)
		return parser.error;
	*ret_tree = tree;
	return 0;
}

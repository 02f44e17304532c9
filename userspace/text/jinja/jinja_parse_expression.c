// SPDX-License-Identifier: MIT
/*
 * Owns the parsing of expressions, in the order of precedence that Jinja has. Refuses filters, tests
 * and methods that nothing here implements.
 */
#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>

#include "array.h"
#include "jinja_builtin.h"
#include "jinja_parse.h"

static struct jinja_node *parse_unary(struct jinja_parser *parser, bool with_filters);
static struct jinja_node *parse_primary(struct jinja_parser *parser);

/* ---- arguments ---- */

struct argument_list {
	struct jinja_nodes values;
	const struct jinja_string **names;
	uint32_t capacity; /* of names */
	bool named;	   /* no more by position */
};

static const struct jinja_string *string_of(struct jinja_parser *parser, struct span text)
{
	const struct jinja_string *string =
		jinja_string_create(parser->arena, text.data, text.size, false);

	if (!string)
		jinja_parse_oom(parser);
	return string;
}

static void add_argument(struct jinja_parser *parser, struct argument_list *list,
			 const struct jinja_string *name)
{
	struct jinja_node *value = jinja_parse_expression(parser, true);

	if (list->values.n == list->capacity) {
		uint32_t capacity = MAX(2 * list->capacity, 4u);
		void *grown = arena_grow(parser->arena, list->names,
					 list->capacity * sizeof(*list->names),
					 capacity * sizeof(*list->names));

		if (!grown) {
			jinja_parse_oom(parser);
			return;
		}
		list->names = grown;
		list->capacity = capacity;
	}
	list->names[list->values.n] = name;
	jinja_nodes_add(parser, &list->values, value);
	list->named = list->named || name;
}

static bool at_named(const struct jinja_parser *parser)
{
	return parser->at->kind == LEXEME_NAME && parser->at[1].kind == LEXEME_OPERATOR &&
	       parser->at[1].operation == '=';
}

static void parse_argument(struct jinja_parser *parser, struct argument_list *list,
			   struct jinja_argument_nodes *arguments)
{
	bool spread = arguments->list || arguments->dict;

	if (!spread && jinja_skip_operator(parser, '*')) {
		arguments->list = jinja_parse_expression(parser, true);
	} else if (!arguments->dict && jinja_skip_operator(parser, OPERATOR('*', '*'))) {
		arguments->dict = jinja_parse_expression(parser, true);
	} else if (!arguments->dict && at_named(parser)) {
		const struct jinja_string *name = string_of(parser, jinja_next(parser)->text);

		(void)jinja_next(parser);
		if (parser->error == 0)
			add_argument(parser, list, name);
	} else if (!spread && !list->named) {
		add_argument(parser, list, NULL);
	} else {
		jinja_parse_unexpected(parser, "an argument by name");
	}
}

static void raise_depth(struct jinja_parser *parser, struct jinja_node *node,
			const struct jinja_node *below)
{
	if (node && below)
		node->depth = MAX(node->depth, below->depth + 1);
	if (node && node->depth > JINJA_NESTING_MAX)
		parse_error(parser, ENOTSUP, "is nested more than %d deep (line %" PRIu32 ")",
			    JINJA_NESTING_MAX, node->line);
}

/* "(...)" into the arguments of NODE. */
static void parse_arguments(struct jinja_parser *parser, struct jinja_node *node)
{
	struct argument_list list = {0};
	struct jinja_argument_nodes arguments = {0};

	jinja_expect_operator(parser, '(');
	while (parser->error == 0 && !jinja_at_operator(parser, ')')) {
		parse_argument(parser, &list, &arguments);
		if (!jinja_skip_operator(parser, ','))
			break;
	}
	jinja_expect_operator(parser, ')');
	if (parser->error < 0)
		return;
	arguments.values = list.values.items;
	arguments.names = list.names;
	arguments.n = list.values.n;
	node->arguments = arguments;
	for (uint32_t i = 0; i < arguments.n; i++)
		raise_depth(parser, node, arguments.values[i]);
	raise_depth(parser, node, arguments.list);
	raise_depth(parser, node, arguments.dict);
}

/* ---- names of what is called ---- */

/* A name with dots in it, which no filter or test of ours has. */
static struct span parse_dotted(struct jinja_parser *parser)
{
	struct span name = jinja_expect_name(parser);

	while (jinja_at_operator(parser, '.')) {
		(void)jinja_next(parser);
		struct span more = jinja_expect_name(parser);

		if (parser->error == 0)
			name.size = (uint32_t)(more.data + more.size - name.data);
	}
	return name;
}

struct jinja_node *jinja_parse_filters(struct jinja_parser *parser, struct jinja_node *node,
				       bool is_inline)
{
	while (is_inline || jinja_skip_operator(parser, '|')) {
		uint32_t line = parser->at->line;
		struct span name = parse_dotted(parser);
		const struct jinja_builtin *filter = jinja_find_filter(name.data, name.size);

		if (!filter)
			jinja_parse_unknown(parser, "filter", name, line);
		node = jinja_node_of(parser, NODE_FILTER, line, node, NULL);
		if (parser->error < 0)
			return NULL;
		node->builtin = filter;
		if (jinja_at_operator(parser, '('))
			parse_arguments(parser, node);
		is_inline = false;
	}
	return node;
}

/* Whether what comes is the one argument of a test, without parentheses. */
static bool at_test_argument(const struct jinja_parser *parser)
{
	switch (parser->at->kind) {
	case LEXEME_NAME:
		return !jinja_at_name(parser, "else") && !jinja_at_name(parser, "or") &&
		       !jinja_at_name(parser, "and");
	case LEXEME_STRING:
	case LEXEME_INTEGER:
	case LEXEME_FLOAT:
		return true;
	default:
		return jinja_at_operator(parser, '[') || jinja_at_operator(parser, '{');
	}
}

static struct jinja_node *parse_postfix(struct jinja_parser *parser, struct jinja_node *node);

static void parse_test_argument(struct jinja_parser *parser, struct jinja_node *node)
{
	struct jinja_nodes values = {0};
	struct jinja_node *value;

	if (jinja_at_name(parser, "is")) {
		jinja_parse_unexpected(parser, "an end of the test");
		return;
	}
	value = parse_postfix(parser, parse_primary(parser));
	jinja_nodes_add(parser, &values, value);
	if (parser->error < 0)
		return;
	node->arguments.values = values.items;
	node->arguments.names = arena_array(parser->arena, 1, sizeof(*node->arguments.names));
	node->arguments.n = 1;
	if (!node->arguments.names)
		jinja_parse_oom(parser);
	raise_depth(parser, node, value);
}

static struct jinja_node *parse_test(struct jinja_parser *parser, struct jinja_node *node)
{
	uint32_t line = jinja_next(parser)->line; /* is */
	bool negated = jinja_skip_name(parser, "not");
	struct span name = parse_dotted(parser);
	const struct jinja_builtin *test = jinja_find_test(name.data, name.size);

	if (!test)
		jinja_parse_unknown(parser, "test", name, line);
	node = jinja_node_of(parser, NODE_TEST, line, node, NULL);
	if (parser->error < 0)
		return NULL;
	node->builtin = test;
	if (jinja_at_operator(parser, '('))
		parse_arguments(parser, node);
	else if (at_test_argument(parser))
		parse_test_argument(parser, node);
	return negated ? jinja_node_of(parser, NODE_NOT, line, node, NULL) : node;
}

/* ---- what follows an operand ---- */

static struct jinja_node *parse_call(struct jinja_parser *parser, struct jinja_node *callee)
{
	uint32_t line = parser->at->line;
	struct jinja_node *node = jinja_node_of(parser, NODE_CALL, line, callee, NULL);

	if (parser->error < 0)
		return NULL;
	if (callee->kind == NODE_ATTRIBUTE &&
	    jinja_is_refused_method(callee->name->data, callee->name->size))
		jinja_parse_unknown(parser, "method",
				    (struct span){callee->name->data, (uint32_t)callee->name->size},
				    line);
	if (callee->kind == NODE_NAME) {
		const struct jinja_string *name = parser->tree->symbols[callee->symbol];

		if (jinja_is_refused_function(name->data, name->size))
			jinja_parse_unknown(parser, "function",
					    (struct span){name->data, (uint32_t)name->size}, line);
	}
	parse_arguments(parser, node);
	return node;
}

/* Between the colons of a slice, NULL where nothing stands. */
static struct jinja_node *parse_bound(struct jinja_parser *parser)
{
	if (jinja_at_operator(parser, ':') || jinja_at_operator(parser, ']') ||
	    jinja_at_operator(parser, ','))
		return NULL;
	return jinja_parse_expression(parser, true);
}

static struct jinja_node *parse_brackets(struct jinja_parser *parser, struct jinja_node *object)
{
	uint32_t line = jinja_next(parser)->line; /* [ */
	struct jinja_node *first, *node;

	first = parse_bound(parser);
	if (!jinja_skip_operator(parser, ':')) {
		if (!first)
			jinja_parse_unexpected(parser, "an index");
		node = jinja_node_of(parser, NODE_ITEM, line, object, first);
	} else {
		node = jinja_node_create(parser, NODE_SLICE, line, 4);
		jinja_node_put(parser, node, 0, object);
		jinja_node_put(parser, node, 1, first);
		jinja_node_put(parser, node, 2, parse_bound(parser));
		if (jinja_skip_operator(parser, ':'))
			jinja_node_put(parser, node, 3, parse_bound(parser));
	}
	if (jinja_at_operator(parser, ','))
		jinja_parse_unknown(parser, "index with a comma", SPAN(","), line);
	jinja_expect_operator(parser, ']');
	return node;
}

static struct jinja_node *constant(struct jinja_parser *parser, uint32_t line,
				   struct jinja_value value)
{
	struct jinja_node *node = jinja_node_create(parser, NODE_CONSTANT, line, 0);

	if (node)
		node->constant = value;
	return node;
}

static int64_t parse_integer(struct jinja_parser *parser, const struct lexeme *lexeme)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(lexeme->text.data, &end, 10);
	if (errno == ERANGE)
		parse_error(parser, ENOTSUP, "has a number past 64 bits (line %" PRIu32 ")",
			    lexeme->line);
	return value;
}

static struct jinja_node *parse_dot(struct jinja_parser *parser, struct jinja_node *object)
{
	uint32_t line = jinja_next(parser)->line; /* . */
	struct jinja_node *node;

	if (parser->at->kind == LEXEME_INTEGER) {
		int64_t index = parse_integer(parser, parser->at);

		(void)jinja_next(parser);
		return jinja_node_of(parser, NODE_ITEM, line, object,
				     constant(parser, line, jinja_int(index)));
	}
	node = jinja_node_of(parser, NODE_ATTRIBUTE, line, object, NULL);
	if (node)
		node->name = string_of(parser, jinja_expect_name(parser));
	return node;
}

static struct jinja_node *parse_postfix(struct jinja_parser *parser, struct jinja_node *node)
{
	while (parser->error == 0) {
		if (jinja_at_operator(parser, '.'))
			node = parse_dot(parser, node);
		else if (jinja_at_operator(parser, '['))
			node = parse_brackets(parser, node);
		else if (jinja_at_operator(parser, '('))
			node = parse_call(parser, node);
		else
			break;
	}
	return node;
}

static struct jinja_node *parse_after(struct jinja_parser *parser, struct jinja_node *node)
{
	while (parser->error == 0) {
		if (jinja_at_operator(parser, '|'))
			node = jinja_parse_filters(parser, node, false);
		else if (jinja_at_name(parser, "is"))
			node = parse_test(parser, node);
		else if (jinja_at_operator(parser, '('))
			node = parse_call(parser, node);
		else
			break;
	}
	return node;
}

/* ---- operands ---- */

/* The point of strtod() is the locale's, which is the process's choice and not ours. */
static double parse_float(const char *digits)
{
	locale_t plain = newlocale(LC_ALL_MASK, "C", NULL);
	double value = plain ? strtod_l(digits, NULL, plain) : 0;

	if (plain)
		freelocale(plain);
	return value;
}

/* Strings that follow one another are one. */
static struct jinja_node *parse_string(struct jinja_parser *parser)
{
	uint32_t line = parser->at->line;
	struct jinja_builder builder;
	const struct jinja_string *string;

	jinja_builder_init(&builder, parser->arena, SIZE_MAX / 4);
	while (parser->at->kind == LEXEME_STRING) {
		struct span text = jinja_next(parser)->text;

		jinja_builder_add(&builder, text.data, text.size, false);
	}
	string = jinja_builder_end(&builder);
	if (!string) {
		jinja_parse_oom(parser);
		return NULL;
	}
	return constant(parser, line, jinja_of_string(string));
}

static struct jinja_node *parse_name(struct jinja_parser *parser)
{
	static const struct {
		const char *name;
		struct jinja_value value;
	} words[] = {
		{"true", {.kind = JINJA_BOOL, .boolean = true}},
		{"True", {.kind = JINJA_BOOL, .boolean = true}},
		{"false", {.kind = JINJA_BOOL}},
		{"False", {.kind = JINJA_BOOL}},
		{"none", {.kind = JINJA_NONE}},
		{"None", {.kind = JINJA_NONE}},
	};
	const struct lexeme *lexeme = jinja_next(parser);
	struct jinja_node *node;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (span_is(lexeme->text, words[i].name))
			return constant(parser, lexeme->line, words[i].value);
	}
	node = jinja_node_create(parser, NODE_NAME, lexeme->line, 0);
	if (!node)
		return NULL;
	node->symbol = jinja_symbol(parser, lexeme->text);
	if (node->symbol >= SYMBOL_VARARGS && node->symbol <= SYMBOL_CALLER)
		parser->uses |= (uint8_t)(JINJA_USES_VARARGS << (node->symbol - SYMBOL_VARARGS));
	return node;
}

static struct jinja_node *parse_list(struct jinja_parser *parser)
{
	uint32_t line = jinja_next(parser)->line; /* [ */
	struct jinja_nodes items = {0};

	while (parser->error == 0 && !jinja_at_operator(parser, ']')) {
		jinja_nodes_add(parser, &items, jinja_parse_expression(parser, true));
		if (!jinja_skip_operator(parser, ','))
			break;
	}
	jinja_expect_operator(parser, ']');
	return jinja_nodes_take(parser, &items, NODE_LIST, line);
}

static struct jinja_node *parse_dict(struct jinja_parser *parser)
{
	uint32_t line = jinja_next(parser)->line; /* { */
	struct jinja_nodes items = {0};

	while (parser->error == 0 && !jinja_at_operator(parser, '}')) {
		jinja_nodes_add(parser, &items, jinja_parse_expression(parser, true));
		jinja_expect_operator(parser, ':');
		jinja_nodes_add(parser, &items, jinja_parse_expression(parser, true));
		if (!jinja_skip_operator(parser, ','))
			break;
	}
	jinja_expect_operator(parser, '}');
	return jinja_nodes_take(parser, &items, NODE_DICT, line);
}

static struct jinja_node *parse_parentheses(struct jinja_parser *parser)
{
	uint32_t line = jinja_next(parser)->line; /* ( */
	struct jinja_node *node;

	if (jinja_at_operator(parser, ')'))
		node = jinja_node_create(parser, NODE_TUPLE, line, 0);
	else
		node = jinja_parse_tuple(parser, true, NULL);
	jinja_expect_operator(parser, ')');
	return node;
}

static struct jinja_node *parse_number(struct jinja_parser *parser)
{
	const struct lexeme *lexeme = jinja_next(parser);
	struct jinja_value value = lexeme->kind == LEXEME_INTEGER
					   ? jinja_int(parse_integer(parser, lexeme))
					   : jinja_float(parse_float(lexeme->text.data));

	return constant(parser, lexeme->line, value);
}

static struct jinja_node *parse_primary(struct jinja_parser *parser)
{
	switch (parser->at->kind) {
	case LEXEME_NAME:
		return parse_name(parser);
	case LEXEME_STRING:
		return parse_string(parser);
	case LEXEME_INTEGER:
	case LEXEME_FLOAT:
		return parse_number(parser);
	default:
		if (jinja_at_operator(parser, '('))
			return parse_parentheses(parser);
		if (jinja_at_operator(parser, '['))
			return parse_list(parser);
		if (jinja_at_operator(parser, '{'))
			return parse_dict(parser);
		jinja_parse_unexpected(parser, "an expression");
		return NULL;
	}
}

/* ---- operators, the tightest first ---- */

static struct jinja_node *parse_signed(struct jinja_parser *parser)
{
	const struct lexeme *sign = jinja_next(parser);
	struct jinja_node *node =
		jinja_node_of(parser, NODE_UNARY, sign->line, parse_unary(parser, false), NULL);

	if (node)
		node->operation = sign->operation;
	return node;
}

static struct jinja_node *parse_unary(struct jinja_parser *parser, bool with_filters)
{
	struct jinja_node *node;

	if (!jinja_enter(parser))
		return NULL;
	if (jinja_at_operator(parser, '-') || jinja_at_operator(parser, '+'))
		node = parse_signed(parser);
	else
		node = parse_primary(parser);
	node = parse_postfix(parser, node);
	if (with_filters)
		node = parse_after(parser, node);
	jinja_leave(parser);
	return node;
}

/* A level of operators that bind to the left: their signs, and what stands between them. */
struct level {
	int operations[4];
	int below; /* the next level, or -1 for operands */
};

enum { LEVEL_POWER, LEVEL_PRODUCT, LEVEL_CONCAT, LEVEL_SUM };

static const struct level levels[] = {
	[LEVEL_POWER] = {{OPERATOR('*', '*')}, -1},
	[LEVEL_PRODUCT] = {{'*', '/', OPERATOR('/', '/'), '%'}, LEVEL_POWER},
	[LEVEL_CONCAT] = {{'~'}, LEVEL_PRODUCT},
	[LEVEL_SUM] = {{'+', '-'}, LEVEL_CONCAT},
};

static bool is_of_level(const struct jinja_parser *parser, const struct level *level)
{
	for (size_t i = 0; i < ARRAY_SIZE(level->operations); i++) {
		if (level->operations[i] && jinja_at_operator(parser, level->operations[i]))
			return true;
	}
	return false;
}

static struct jinja_node *parse_level(struct jinja_parser *parser, int number)
{
	const struct level *level = &levels[number < 0 ? 0 : number];
	struct jinja_node *node;

	if (number < 0)
		return parse_unary(parser, true);
	node = parse_level(parser, level->below);
	while (is_of_level(parser, level)) {
		const struct lexeme *sign = jinja_next(parser);

		node = jinja_node_of(parser, number == LEVEL_CONCAT ? NODE_CONCAT : NODE_BINARY,
				     sign->line, node, parse_level(parser, level->below));
		if (node)
			node->operation = sign->operation;
	}
	return node;
}

/* The comparison that comes, 0 for none; moves past it. */
static int take_comparison(struct jinja_parser *parser)
{
	static const int operations[] = {OPERATOR('=', '='), OPERATOR('!', '='), '<', '>',
					 OPERATOR('<', '='), OPERATOR('>', '=')};

	for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
		if (jinja_skip_operator(parser, operations[i]))
			return operations[i];
	}
	if (jinja_skip_name(parser, "in"))
		return OPERATION_IN;
	if (!jinja_at_name(parser, "not") || parser->at[1].kind != LEXEME_NAME ||
	    !span_is(parser->at[1].text, "in"))
		return 0;
	(void)jinja_next(parser);
	(void)jinja_next(parser);
	return OPERATION_NOT_IN;
}

static struct jinja_node *parse_compare(struct jinja_parser *parser)
{
	uint32_t line = parser->at->line;
	struct jinja_node *first = parse_level(parser, LEVEL_SUM);
	struct jinja_nodes items = {0};
	int operation = take_comparison(parser);

	if (operation == 0)
		return first;
	jinja_nodes_add(parser, &items, first);
	for (; operation != 0 && parser->error == 0; operation = take_comparison(parser)) {
		struct jinja_node *operand = jinja_node_of(parser, NODE_OPERAND, parser->at->line,
							   parse_level(parser, LEVEL_SUM), NULL);

		if (operand)
			operand->operation = operation;
		jinja_nodes_add(parser, &items, operand);
	}
	return jinja_nodes_take(parser, &items, NODE_COMPARE, line);
}

static struct jinja_node *parse_not(struct jinja_parser *parser)
{
	struct jinja_node *node;

	if (!jinja_at_name(parser, "not"))
		return parse_compare(parser);
	if (!jinja_enter(parser))
		return NULL;
	uint32_t line = jinja_next(parser)->line;

	node = jinja_node_of(parser, NODE_NOT, line, parse_not(parser), NULL);
	jinja_leave(parser);
	return node;
}

static struct jinja_node *parse_and(struct jinja_parser *parser)
{
	struct jinja_node *node = parse_not(parser);

	while (jinja_at_name(parser, "and")) {
		uint32_t line = jinja_next(parser)->line;

		node = jinja_node_of(parser, NODE_AND, line, node, parse_not(parser));
	}
	return node;
}

static struct jinja_node *parse_or(struct jinja_parser *parser)
{
	struct jinja_node *node = parse_and(parser);

	while (jinja_at_name(parser, "or")) {
		uint32_t line = jinja_next(parser)->line;

		node = jinja_node_of(parser, NODE_OR, line, node, parse_and(parser));
	}
	return node;
}

static struct jinja_node *parse_condition(struct jinja_parser *parser, struct jinja_node *value)
{
	uint32_t line = jinja_next(parser)->line; /* if */
	struct jinja_node *node = jinja_node_create(parser, NODE_CONDITION, line, 3);

	jinja_node_put(parser, node, 0, parse_or(parser));
	jinja_node_put(parser, node, 1, value);
	if (jinja_skip_name(parser, "else"))
		jinja_node_put(parser, node, 2, jinja_parse_expression(parser, true));
	return node;
}

struct jinja_node *jinja_parse_expression(struct jinja_parser *parser, bool with_condition)
{
	struct jinja_node *node;

	if (!jinja_enter(parser))
		return NULL;
	node = parse_or(parser);
	while (with_condition && jinja_at_name(parser, "if"))
		node = parse_condition(parser, node);
	jinja_leave(parser);
	return node;
}

static bool at_tuple_end(const struct jinja_parser *parser, const char *end)
{
	return parser->at->kind == LEXEME_OUTPUT_END || parser->at->kind == LEXEME_BLOCK_END ||
	       jinja_at_operator(parser, ')') || (end && jinja_at_name(parser, end));
}

struct jinja_node *jinja_parse_tuple(struct jinja_parser *parser, bool with_condition,
				     const char *end)
{
	uint32_t line = parser->at->line;
	struct jinja_nodes items = {0};
	struct jinja_node *first;

	if (at_tuple_end(parser, end)) {
		jinja_parse_unexpected(parser, "an expression");
		return NULL;
	}
	first = jinja_parse_expression(parser, with_condition);
	if (!jinja_at_operator(parser, ','))
		return first;
	jinja_nodes_add(parser, &items, first);
	while (jinja_skip_operator(parser, ',') && !at_tuple_end(parser, end))
		jinja_nodes_add(parser, &items, jinja_parse_expression(parser, with_condition));
	return jinja_nodes_take(parser, &items, NODE_TUPLE, line);
}

// SPDX-License-Identifier: MIT
/*
 * Owns the way from a draft's expressions to states and edges (Thompson's construction, a network
 * per rule), and refuses grammars that a matcher could not read or nothing could follow.
 */
#include "grammar.h"

#include <errno.h>
#include <stdlib.h>

#include "array.h"
#include "cleanup.h"

DEFINE_CLEANUP(struct grammar, grammar_destroy)

struct drawn_edge {
	uint32_t from;
	uint32_t rule; /* of a call */
	struct grammar_edge edge;
};

/* The edges that lead to a state, or call it, as a list in one array. */
struct reverse {
	uint32_t *first; /* [n_states + 1] */
	uint32_t *edges;
	uint32_t *sources; /* [n_edges], the state an edge leaves */
};

struct compiler {
	const struct grammar_draft *draft;
	const char *what;
	const struct log *log;
	struct grammar *grammar;
	uint32_t n_states;
	uint32_t *rule_starts; /* [n_rules + 1]: the first state, and the last + 1 of all */
	struct drawn_edge *edges;
	size_t n_edges;
	size_t capacity;
	struct reverse reverse;
	uint32_t *queue; /* [n_states] */
	bool *is_queued;
	uint16_t *empties; /* [n_states], need without reading a byte */
};

static void compiler_finish(struct compiler *compiler)
{
	free(compiler->rule_starts);
	free(compiler->edges);
	free(compiler->reverse.first);
	free(compiler->reverse.edges);
	free(compiler->reverse.sources);
	free(compiler->queue);
	free(compiler->is_queued);
	free(compiler->empties);
}

/* ---- drawing ---- */

static uint32_t new_state(struct compiler *compiler)
{
	return compiler->n_states++;
}

static int draw_edge(struct compiler *compiler, uint32_t from, struct grammar_edge edge,
		     uint32_t rule)
{
	if (compiler->n_edges >= GRAMMAR_EDGES_MAX || compiler->n_states > GRAMMAR_STATES_MAX)
		return -E2BIG;
	if (array_reserve(&compiler->edges, &compiler->capacity, compiler->n_edges + 1,
			  sizeof(*compiler->edges)) < 0)
		return -ENOMEM;
	compiler->edges[compiler->n_edges++] = (struct drawn_edge){from, rule, edge};
	return 0;
}

static int draw_free(struct compiler *compiler, uint32_t from, uint32_t to)
{
	return draw_edge(compiler, from, (struct grammar_edge){EDGE_FREE, .target = to}, 0);
}

static int draw_bytes(struct compiler *compiler, uint32_t from, uint8_t first, uint8_t last,
		      uint32_t to)
{
	return draw_edge(compiler, from, (struct grammar_edge){EDGE_BYTES, first, last, to, 0}, 0);
}

static int draw(struct compiler *compiler, uint32_t expr, uint32_t from, uint32_t to);

static int draw_text(struct compiler *compiler, const struct expr *expr, uint32_t from, uint32_t to)
{
	const char *text = compiler->draft->texts + expr->a;
	int r = expr->b == 0 ? draw_free(compiler, from, to) : 0;

	for (uint32_t i = 0; i < expr->b && r == 0; i++) {
		uint32_t next = i + 1 == expr->b ? to : new_state(compiler);

		r = draw_bytes(compiler, from, (uint8_t)text[i], (uint8_t)text[i], next);
		from = next;
	}
	return r;
}

struct set_place {
	struct compiler *compiler;
	uint32_t from;
	uint32_t to;
};

static int draw_character(void *data, const struct byte_ranges *bytes)
{
	const struct set_place *place = data;
	uint32_t from = place->from;
	int r = 0;

	for (unsigned i = 0; i < bytes->n && r == 0; i++) {
		uint32_t next = i + 1 == bytes->n ? place->to : new_state(place->compiler);

		r = draw_bytes(place->compiler, from, bytes->first[i], bytes->last[i], next);
		from = next;
	}
	return r;
}

static int draw_set(struct compiler *compiler, const struct expr *expr, uint32_t from, uint32_t to)
{
	struct set_place place = {compiler, from, to};
	int r = 0;

	for (uint32_t i = 0; i < expr->b && r == 0; i++)
		r = code_range_to_utf8(compiler->draft->ranges[expr->a + i], draw_character,
				       &place);
	return r;
}

static int draw_sequence(struct compiler *compiler, const struct expr *expr, uint32_t from,
			 uint32_t to)
{
	uint32_t part = expr->first;
	int r = part == EXPR_NONE ? draw_free(compiler, from, to) : 0;

	while (part != EXPR_NONE && r == 0) {
		uint32_t following = compiler->draft->exprs[part].next;
		uint32_t next = following == EXPR_NONE ? to : new_state(compiler);

		r = draw(compiler, part, from, next);
		from = next;
		part = following;
	}
	return r;
}

static int draw_choice(struct compiler *compiler, const struct expr *expr, uint32_t from,
		       uint32_t to)
{
	int r = 0;

	for (uint32_t part = expr->first; part != EXPR_NONE && r == 0;
	     part = compiler->draft->exprs[part].next)
		r = draw(compiler, part, from, to);
	return r;
}

static int draw_loop(struct compiler *compiler, uint32_t part, uint32_t from, uint32_t to)
{
	uint32_t loop = new_state(compiler);
	int r = draw_free(compiler, from, loop);

	if (r == 0)
		r = draw(compiler, part, loop, loop);
	return r == 0 ? draw_free(compiler, loop, to) : r;
}

static int draw_repeat(struct compiler *compiler, const struct expr *expr, uint32_t from,
		       uint32_t to)
{
	uint32_t least = expr->a, most = expr->b == REPEAT_MANY ? least : expr->b;
	int r = 0;

	for (uint32_t i = 0; i < most && r == 0; i++) {
		bool is_last = i + 1 == most && expr->b != REPEAT_MANY;
		uint32_t next = is_last ? to : new_state(compiler);

		if (i >= least)
			r = draw_free(compiler, from, to);
		if (r == 0)
			r = draw(compiler, expr->first, from, next);
		from = next;
	}
	if (r < 0)
		return r;
	if (expr->b == REPEAT_MANY)
		return draw_loop(compiler, expr->first, from, to);
	return most == 0 ? draw_free(compiler, from, to) : 0;
}

static int draw(struct compiler *compiler, uint32_t index, uint32_t from, uint32_t to)
{
	const struct expr *expr = &compiler->draft->exprs[index];

	if (compiler->n_states > GRAMMAR_STATES_MAX)
		return -E2BIG;
	switch (expr->kind) {
	case EXPR_SEQUENCE:
		return draw_sequence(compiler, expr, from, to);
	case EXPR_CHOICE:
		return draw_choice(compiler, expr, from, to);
	case EXPR_REPEAT:
		return draw_repeat(compiler, expr, from, to);
	case EXPR_SET:
		return draw_set(compiler, expr, from, to);
	case EXPR_TEXT:
		return draw_text(compiler, expr, from, to);
	case EXPR_RULE:
		break;
	}
	return draw_edge(compiler, from, (struct grammar_edge){EDGE_CALL, .target = to}, expr->a);
}

static int undefined(const struct compiler *compiler, uint32_t rule)
{
	struct span name = draft_rule_name(compiler->draft, rule);

	return log_error(compiler->log, EINVAL, "%s uses the rule '%.*s' and does not define it",
			 compiler->what, span_shown(name), name.data);
}

static int too_large(const struct compiler *compiler)
{
	return log_error(compiler->log, E2BIG,
			 "%s becomes too large: lower its repetitions, lengths and numbers of "
			 "items",
			 compiler->what);
}

static int draw_rules(struct compiler *compiler)
{
	const struct grammar_draft *draft = compiler->draft;
	int r = 0;

	compiler->rule_starts = calloc(draft->n_rules + 1, sizeof(*compiler->rule_starts));
	if (!compiler->rule_starts)
		return -ENOMEM;
	for (uint32_t i = 0; i < draft->n_rules && r == 0; i++) {
		uint32_t start = new_state(compiler), end = new_state(compiler);

		if (draft->rules[i].expr == EXPR_NONE)
			return undefined(compiler, i);
		compiler->rule_starts[i] = start;
		r = draw(compiler, draft->rules[i].expr, start, end);
	}
	compiler->rule_starts[draft->n_rules] = compiler->n_states;
	return r == -E2BIG ? too_large(compiler) : r;
}

/* ---- laying out ---- */

static void mark_states(struct compiler *compiler)
{
	struct grammar *grammar = compiler->grammar;

	for (size_t i = 0; i < compiler->draft->n_rules; i++)
		grammar->states[compiler->rule_starts[i] + 1].is_final = true;
	for (size_t i = 0; i < compiler->n_edges; i++)
		grammar->states[compiler->edges[i].from].edges++;
}

static int lay_out(struct compiler *compiler)
{
	struct grammar *grammar = compiler->grammar;
	uint32_t at = 0;

	grammar->n_states = compiler->n_states;
	grammar->n_edges = (uint32_t)compiler->n_edges;
	grammar->states = calloc((size_t)grammar->n_states + 1, sizeof(*grammar->states));
	grammar->edges = calloc(MAX(grammar->n_edges, 1), sizeof(*grammar->edges));
	if (!grammar->states || !grammar->edges)
		return -ENOMEM;
	mark_states(compiler);
	/* Counting sort: each state's mark moves from its end to its beginning. */
	for (uint32_t i = 0; i <= grammar->n_states; i++) {
		at += grammar->states[i].edges;
		grammar->states[i].edges = at;
	}
	for (size_t i = compiler->n_edges; i-- > 0;) {
		struct grammar_edge edge = compiler->edges[i].edge;

		if (edge.kind == EDGE_CALL)
			edge.callee = compiler->rule_starts[compiler->edges[i].rule];
		grammar->edges[--grammar->states[compiler->edges[i].from].edges] = edge;
	}
	grammar->start = compiler->rule_starts[0];
	return 0;
}

static void find_classes(struct grammar *grammar)
{
	bool begins[257] = {true};

	for (uint32_t i = 0; i < grammar->n_edges; i++) {
		if (grammar->edges[i].kind == EDGE_BYTES) {
			begins[grammar->edges[i].first] = true;
			begins[grammar->edges[i].last + 1] = true;
		}
	}
	for (unsigned byte = 0; byte < 256; byte++) {
		if (begins[byte])
			grammar->examples[grammar->n_classes++] = (uint8_t)byte;
		grammar->classes[byte] = (uint8_t)(grammar->n_classes - 1);
	}
}

/* ---- what each state needs ---- */

static int reverse_init(struct compiler *compiler)
{
	const struct grammar *grammar = compiler->grammar;
	struct reverse *reverse = &compiler->reverse;
	uint32_t n = 0;

	reverse->first = calloc((size_t)grammar->n_states + 1, sizeof(*reverse->first));
	reverse->edges = calloc((size_t)grammar->n_edges * 2 + 1, sizeof(*reverse->edges));
	reverse->sources = calloc((size_t)grammar->n_edges + 1, sizeof(*reverse->sources));
	if (!reverse->first || !reverse->edges || !reverse->sources)
		return -ENOMEM;
	for (uint32_t i = 0; i < grammar->n_edges; i++) {
		reverse->first[grammar->edges[i].target]++;
		if (grammar->edges[i].kind == EDGE_CALL)
			reverse->first[grammar->edges[i].callee]++;
	}
	for (uint32_t i = 0; i <= grammar->n_states; i++)
		reverse->first[i] = n += reverse->first[i];
	for (uint32_t state = 0; state < grammar->n_states; state++) {
		for (uint32_t i = grammar->states[state].edges;
		     i < grammar->states[state + 1].edges; i++) {
			reverse->sources[i] = state;
			reverse->edges[--reverse->first[grammar->edges[i].target]] = i;
			if (grammar->edges[i].kind == EDGE_CALL)
				reverse->edges[--reverse->first[grammar->edges[i].callee]] = i;
		}
	}
	return 0;
}

/* A call in the last place of a rule waits for nothing. */
static bool waits(const struct grammar *grammar, const struct grammar_edge *edge)
{
	return edge->kind == EDGE_CALL && !grammar->states[edge->target].is_final;
}

static uint16_t need_of(const struct grammar *grammar, const struct grammar_edge *edge,
			const uint16_t *needs)
{
	uint32_t need = needs[edge->target];

	if (edge->kind == EDGE_CALL)
		need = MAX(need, (uint32_t)needs[edge->callee] + waits(grammar, edge));
	return (uint16_t)MIN(need, (uint32_t)GRAMMAR_NEED_NONE);
}

/* Follows what the end of each rule makes known, back to where nothing changes any more. */
static void spread(struct compiler *compiler, uint16_t *needs, bool with_bytes)
{
	const struct grammar *grammar = compiler->grammar;
	const struct reverse *reverse = &compiler->reverse;
	uint32_t n = grammar->n_states, head = 0, n_queued = 0;

	for (uint32_t i = 0; i < n; i++) {
		needs[i] = grammar->states[i].is_final ? 0 : GRAMMAR_NEED_NONE;
		compiler->is_queued[i] = grammar->states[i].is_final;
		if (grammar->states[i].is_final)
			compiler->queue[n_queued++] = i;
	}
	while (n_queued > 0) {
		uint32_t state = compiler->queue[head];

		head = (head + 1) % n;
		n_queued--;
		compiler->is_queued[state] = false;
		for (uint32_t i = reverse->first[state]; i < reverse->first[state + 1]; i++) {
			const struct grammar_edge *edge = &grammar->edges[reverse->edges[i]];
			uint32_t source = reverse->sources[reverse->edges[i]];
			uint16_t need = need_of(grammar, edge, needs);

			if ((edge->kind == EDGE_BYTES && !with_bytes) || need >= needs[source])
				continue;
			needs[source] = need;
			if (!compiler->is_queued[source])
				compiler->queue[(head + n_queued++) % n] = source;
			compiler->is_queued[source] = true;
		}
	}
}

static void keep_needs(struct grammar *grammar, const uint16_t *needs)
{
	for (uint32_t state = 0; state < grammar->n_states; state++) {
		uint16_t read_need = GRAMMAR_NEED_NONE;

		for (uint32_t i = grammar->states[state].edges;
		     i < grammar->states[state + 1].edges; i++) {
			if (grammar->edges[i].kind == EDGE_BYTES)
				read_need = MIN(read_need, needs[grammar->edges[i].target]);
		}
		grammar->states[state].need = needs[state];
		grammar->states[state].read_need = read_need;
	}
}

/* ---- left recursion ---- */

static uint32_t rule_of(const struct compiler *compiler, uint32_t state)
{
	uint32_t low = 0, high = (uint32_t)compiler->draft->n_rules;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (compiler->rule_starts[middle] <= state)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Which rules call which before they read anything; uses the compiler's queue. */
struct search {
	struct compiler *compiler;
	uint32_t *callees; /* [n_calls], of all rules in order */
	size_t n_calls;
	size_t capacity;
	uint32_t *first; /* [n_rules + 1], where a rule's callees begin */
	uint32_t *next;	 /* [n_rules], the callee to follow next; 0: not entered */
	uint32_t *path;	 /* [n_rules] */
	bool *is_on_path;
	uint32_t n_queued;
};

static void search_finish(struct search *search)
{
	free(search->callees);
	free(search->first);
	free(search->next);
	free(search->path);
	free(search->is_on_path);
}

static void reach(struct search *search, uint32_t state)
{
	struct compiler *compiler = search->compiler;

	if (!compiler->is_queued[state])
		compiler->queue[search->n_queued++] = state;
	compiler->is_queued[state] = true;
}

static int reach_call(struct search *search, const struct grammar_edge *edge)
{
	uint32_t callee = rule_of(search->compiler, edge->callee);

	if (array_reserve(&search->callees, &search->capacity, search->n_calls + 1,
			  sizeof(*search->callees)) < 0)
		return -ENOMEM;
	search->callees[search->n_calls++] = callee;
	if (search->compiler->empties[edge->callee] != GRAMMAR_NEED_NONE)
		reach(search, edge->target);
	return 0;
}

/* The rules that RULE may call before it reads a byte. */
static int find_callees(struct search *search, uint32_t rule)
{
	struct compiler *compiler = search->compiler;
	const struct grammar *grammar = compiler->grammar;
	int r = 0;

	search->n_queued = 0;
	search->first[rule] = (uint32_t)search->n_calls;
	reach(search, compiler->rule_starts[rule]);
	for (uint32_t at = 0; at < search->n_queued && r == 0; at++) {
		uint32_t state = compiler->queue[at];

		for (uint32_t i = grammar->states[state].edges;
		     i < grammar->states[state + 1].edges && r == 0; i++) {
			const struct grammar_edge *edge = &grammar->edges[i];

			if (edge->kind == EDGE_FREE)
				reach(search, edge->target);
			else if (edge->kind == EDGE_CALL)
				r = reach_call(search, edge);
		}
	}
	for (uint32_t at = 0; at < search->n_queued; at++)
		compiler->is_queued[compiler->queue[at]] = false;
	return r;
}

static int left_recursive(const struct search *search, uint32_t rule)
{
	const struct compiler *compiler = search->compiler;
	struct span name = draft_rule_name(compiler->draft, rule);

	return log_error(compiler->log, EINVAL,
			 "%s is left recursive: '%.*s' calls itself before it has read anything; "
			 "write repetition as ( )* or with the call last",
			 compiler->what, span_shown(name), name.data);
}

/* Depth first from RULE, without recursion. A callee that is on the path closes a circle. */
static int follow_calls(struct search *search, uint32_t rule)
{
	uint32_t n = 0;

	search->path[n++] = rule;
	search->is_on_path[rule] = true;
	while (n > 0) {
		uint32_t at = search->path[n - 1];
		uint32_t i = search->first[at] + search->next[at]++, callee;

		if (i >= search->first[at + 1]) {
			search->is_on_path[at] = false;
			n--;
			continue;
		}
		callee = search->callees[i];
		if (search->is_on_path[callee])
			return left_recursive(search, callee);
		if (search->next[callee] > 0)
			continue;
		search->path[n++] = callee;
		search->is_on_path[callee] = true;
	}
	return 0;
}

static int search_init(struct search *search)
{
	size_t n = search->compiler->draft->n_rules;
	int r = 0;

	search->first = calloc(n + 1, sizeof(*search->first));
	search->next = calloc(n, sizeof(*search->next));
	search->path = calloc(n, sizeof(*search->path));
	search->is_on_path = calloc(n, sizeof(*search->is_on_path));
	if (!search->first || !search->next || !search->path || !search->is_on_path)
		return -ENOMEM;
	for (uint32_t i = 0; i < n && r == 0; i++)
		r = find_callees(search, i);
	search->first[n] = (uint32_t)search->n_calls;
	return r;
}

static int refuse_left_recursion(struct compiler *compiler)
{
	struct search search __attribute__((cleanup(search_finish))) = {.compiler = compiler};
	int r = search_init(&search);

	for (uint32_t i = 0; i < compiler->draft->n_rules && r == 0; i++) {
		if (search.next[i] == 0)
			r = follow_calls(&search, i);
	}
	return r;
}

/* ---- all ---- */

static int find_needs(struct compiler *compiler)
{
	struct grammar *grammar = compiler->grammar;
	_cleanup_free_ uint16_t *needs = calloc(grammar->n_states, sizeof(*needs));
	int r = reverse_init(compiler);

	compiler->queue = calloc(grammar->n_states, sizeof(*compiler->queue));
	compiler->is_queued = calloc(grammar->n_states, sizeof(*compiler->is_queued));
	compiler->empties = calloc(grammar->n_states, sizeof(*compiler->empties));
	if (r < 0 || !needs || !compiler->queue || !compiler->is_queued || !compiler->empties)
		return -ENOMEM;
	spread(compiler, needs, true);
	keep_needs(grammar, needs);
	spread(compiler, compiler->empties, false);
	return refuse_left_recursion(compiler);
}

static int check_start(const struct compiler *compiler)
{
	uint16_t need = compiler->grammar->states[compiler->grammar->start].need;

	if (need == GRAMMAR_NEED_NONE)
		return log_error(compiler->log, EINVAL, "no text of finite length satisfies %s",
				 compiler->what);
	if (need > GRAMMAR_NESTING_MAX)
		return log_error(compiler->log, E2BIG,
				 "%s nests %u rules before a text can end; at most %d",
				 compiler->what, need, GRAMMAR_NESTING_MAX);
	return 0;
}

static int compile(struct compiler *compiler)
{
	int r = compiler->draft->error;

	if (r == -E2BIG)
		return too_large(compiler);
	if (r == 0)
		r = draw_rules(compiler);
	if (r == 0)
		r = lay_out(compiler);
	if (r == 0)
		r = find_needs(compiler);
	if (r == 0)
		r = check_start(compiler);
	if (r == 0)
		find_classes(compiler->grammar);
	return r == -ENOMEM ? log_oom(compiler->log, "reading a grammar") : r;
}

int grammar_compile(const struct grammar_draft *draft, const char *what, const struct log *log,
		    struct grammar **ret_grammar)
{
	_cleanup_(grammar_destroy_p) struct grammar *grammar = calloc(1, sizeof(*grammar));
	struct compiler compiler __attribute__((cleanup(compiler_finish))) = {
		.draft = draft, .what = what, .log = log, .grammar = grammar};
	int r;

	if (!grammar)
		return log_oom(log, "reading a grammar");
	r = compile(&compiler);
	if (r < 0)
		return r;
	*ret_grammar = TAKE(grammar);
	return 0;
}

void grammar_destroy(struct grammar *grammar)
{
	if (!grammar)
		return;
	free(grammar->states);
	free(grammar->edges);
	free(grammar);
}

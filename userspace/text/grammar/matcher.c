// SPDX-License-Identifier: MIT
/*
 * Owns the places of a text in a grammar: a graph-structured stack whose nodes are never changed
 * and exist once each. Refuses to grow beyond a fixed amount of memory.
 */
#include "matcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "hash.h"

#define NONE UINT32_MAX
#define DEAD (UINT32_MAX - 1)

enum {
	ITEMS_MAX = 1 << 22,
	TRIM_BYTES = 16 << 20,
	MEMO_SIZE = 1024,
	STEP_WORK_MAX = 1 << 18, /* states looked at for one byte, unions taken */
};

/* A state, and the set of what waits beneath it. */
struct item {
	uint32_t state;
	uint32_t below;
};

/*
 * As a set of stacks: each item's state is returned to, with its own set beneath. As a place: each
 * item's state reads the next byte. One kind of node serves both.
 */
struct node {
	uint32_t first; /* in items */
	uint32_t n;
	uint32_t nexts; /* as a place: where its row of next places is; NONE: not made */
	uint16_t depth; /* of the deepest stack */
	bool is_bottom; /* stack: the text may end here. Place: likewise */
};

struct store {
	struct item *items;
	size_t n_items, items_capacity;
	struct node *nodes;
	size_t n_nodes, nodes_capacity;
	uint32_t *nexts; /* rows of n_classes places */
	size_t n_nexts, nexts_capacity;
	uint32_t *slots; /* [n_slots], a power of two: node + 1 by hash; 0 is free */
	size_t n_slots;
};

struct union_memo {
	uint32_t a;
	uint32_t b;
	uint32_t result;
};

struct matcher {
	const struct grammar *grammar;
	struct store store;
	uint32_t start;
	uint32_t *sets; /* [n_states], of the place being made; NONE: not in it */
	bool *is_queued;
	uint32_t *touched; /* [n_states] */
	uint32_t n_touched;
	uint32_t *queue; /* [n_states], a ring */
	uint32_t head;
	uint32_t n_queued;
	bool may_end;
	uint32_t work;
	struct item *scratch;
	size_t scratch_capacity;
	struct union_memo memo[MEMO_SIZE];
};

DEFINE_CLEANUP(struct matcher, matcher_destroy)

static void store_finish(struct store *store)
{
	free(store->items);
	free(store->nodes);
	free(store->nexts);
	free(store->slots);
	*store = (struct store){0};
}

/* ---- nodes that exist once ---- */

static size_t slot_of(const struct store *store, const struct item *items, size_t n, bool is_bottom)
{
	return (size_t)(hash_bytes(items, n * sizeof(*items)) + is_bottom) & (store->n_slots - 1);
}

static bool node_is(const struct store *store, const struct node *node, const struct item *items,
		    size_t n, bool is_bottom)
{
	return node->n == n && node->is_bottom == is_bottom &&
	       (n == 0 || memcmp(store->items + node->first, items, n * sizeof(*items)) == 0);
}

static int grow_slots(struct store *store)
{
	struct store larger = {.n_slots = MAX(store->n_slots * 2, 256)};

	larger.slots = calloc(larger.n_slots, sizeof(*larger.slots));
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < store->n_nodes; i++) {
		const struct node *node = &store->nodes[i];
		size_t slot =
			slot_of(&larger, store->items + node->first, node->n, node->is_bottom);

		while (larger.slots[slot] != 0)
			slot = (slot + 1) & (larger.n_slots - 1);
		larger.slots[slot] = (uint32_t)i + 1;
	}
	free(store->slots);
	store->slots = larger.slots;
	store->n_slots = larger.n_slots;
	return 0;
}

static int make_room(struct store *store, size_t n)
{
	if (store->n_items + n > ITEMS_MAX || store->n_nodes >= ITEMS_MAX)
		return -E2BIG;
	if (store->n_nodes * 2 >= store->n_slots && grow_slots(store) < 0)
		return -ENOMEM;
	if (array_reserve(&store->items, &store->items_capacity, store->n_items + n + 1,
			  sizeof(*store->items)) < 0)
		return -ENOMEM;
	return array_reserve(&store->nodes, &store->nodes_capacity, store->n_nodes + 1,
			     sizeof(*store->nodes));
}

static uint16_t depth_of(const struct store *store, const struct item *items, size_t n)
{
	unsigned depth = 0;

	for (size_t i = 0; i < n; i++)
		depth = MAX(depth, store->nodes[items[i].below].depth + 1u);
	return (uint16_t)MIN(depth, UINT16_MAX);
}

/* The node of these ITEMS, in order of their states. */
static int intern(struct store *store, const struct item *items, size_t n, bool is_bottom,
		  uint32_t *ret_node)
{
	int r = make_room(store, n);
	size_t slot;

	if (r < 0)
		return r;
	slot = slot_of(store, items, n, is_bottom);
	for (; store->slots[slot] != 0; slot = (slot + 1) & (store->n_slots - 1)) {
		*ret_node = store->slots[slot] - 1;
		if (node_is(store, &store->nodes[*ret_node], items, n, is_bottom))
			return 0;
	}
	if (n > 0)
		memcpy(store->items + store->n_items, items, n * sizeof(*items));
	*ret_node = (uint32_t)store->n_nodes;
	store->nodes[store->n_nodes++] = (struct node){(uint32_t)store->n_items, (uint32_t)n, NONE,
						       depth_of(store, items, n), is_bottom};
	store->n_items += n;
	store->slots[slot] = *ret_node + 1;
	return 0;
}

/* ---- union of sets of stacks ---- */

static int unite(struct matcher *matcher, uint32_t a, uint32_t b, size_t scratch_at,
		 uint32_t *ret_node);

/* The union's items into the scratch from AT on; their number, or -errno. */
static int64_t merge_items(struct matcher *matcher, uint32_t a, uint32_t b, size_t at)
{
	struct store *store = &matcher->store;
	struct node left = store->nodes[a], right = store->nodes[b];
	size_t n = 0;

	if (array_reserve(&matcher->scratch, &matcher->scratch_capacity, at + left.n + right.n + 1,
			  sizeof(struct item)) < 0)
		return -ENOMEM;
	for (uint32_t i = 0, k = 0; i < left.n || k < right.n;) {
		/* Fetched anew: making nodes moves the items. */
		const struct item *x = &store->items[left.first + i];
		const struct item *y = &store->items[right.first + k];
		struct item item;

		if (k == right.n || (i < left.n && x->state < y->state)) {
			item = *x;
			i++;
		} else if (i == left.n || y->state < x->state) {
			item = *y;
			k++;
		} else {
			int r;

			item = *x;
			r = unite(matcher, x->below, y->below, at + n, &item.below);
			if (r < 0)
				return r;
			i++;
			k++;
		}
		matcher->scratch[at + n++] = item;
	}
	return (int64_t)n;
}

static int unite(struct matcher *matcher, uint32_t a, uint32_t b, size_t scratch_at,
		 uint32_t *ret_node)
{
	struct union_memo *memo = &matcher->memo[(a * 31 + b) % MEMO_SIZE];
	bool is_bottom = matcher->store.nodes[a].is_bottom || matcher->store.nodes[b].is_bottom;
	int64_t n;
	int r;

	if (a == b) {
		*ret_node = a;
		return 0;
	}
	if (memo->a == a && memo->b == b) {
		*ret_node = memo->result;
		return 0;
	}
	if (++matcher->work > STEP_WORK_MAX)
		return -E2BIG;
	n = merge_items(matcher, a, b, scratch_at);
	if (n < 0)
		return (int)n;
	r = intern(&matcher->store, matcher->scratch + scratch_at, (size_t)n, is_bottom, ret_node);
	if (r == 0)
		*memo = (struct union_memo){a, b, *ret_node};
	return r;
}

/* ---- what can be reached without reading ---- */

static void enqueue(struct matcher *matcher, uint32_t state)
{
	uint32_t n = matcher->grammar->n_states;

	if (matcher->is_queued[state])
		return;
	matcher->is_queued[state] = true;
	matcher->queue[(matcher->head + matcher->n_queued++) % n] = state;
}

/* STATE can be where the text is, with SET beneath. */
static int reach(struct matcher *matcher, uint32_t state, uint32_t set)
{
	uint32_t *old = &matcher->sets[state];
	uint32_t all = set;
	int r;

	if (matcher->store.nodes[set].depth + matcher->grammar->states[state].need >
	    GRAMMAR_NESTING_MAX)
		return 0;
	if (*old == set)
		return 0;
	if (*old == NONE) {
		matcher->touched[matcher->n_touched++] = state;
	} else {
		r = unite(matcher, *old, set, 0, &all);
		if (r < 0)
			return r;
		if (*old == all)
			return 0;
	}
	*old = all;
	enqueue(matcher, state);
	return 0;
}

static int call(struct matcher *matcher, const struct grammar_edge *edge, uint32_t set)
{
	const struct grammar *grammar = matcher->grammar;
	struct item item = {edge->target, set};
	uint32_t callee_set = set;
	int r;

	/* A call in the last place has nothing to return to. */
	if (!grammar->states[edge->target].is_final) {
		if (matcher->store.nodes[set].depth + grammar->states[edge->target].need >
		    GRAMMAR_NESTING_MAX)
			return 0;
		r = intern(&matcher->store, &item, 1, false, &callee_set);
		if (r < 0)
			return r;
	}
	return reach(matcher, edge->callee, callee_set);
}

static int go_back(struct matcher *matcher, uint32_t set)
{
	struct node node = matcher->store.nodes[set];
	int r = 0;

	matcher->may_end |= node.is_bottom;
	for (uint32_t i = 0; i < node.n && r == 0; i++) {
		struct item item = matcher->store.items[node.first + i];

		r = reach(matcher, item.state, item.below);
	}
	return r;
}

static int look_at(struct matcher *matcher, uint32_t state)
{
	const struct grammar *grammar = matcher->grammar;
	uint32_t set = matcher->sets[state];
	int r = 0;

	if (++matcher->work > STEP_WORK_MAX)
		return -E2BIG;
	if (grammar->states[state].is_final)
		return go_back(matcher, set);
	for (uint32_t i = grammar->states[state].edges;
	     i < grammar->states[state + 1].edges && r == 0; i++) {
		const struct grammar_edge *edge = &grammar->edges[i];

		if (edge->kind == EDGE_FREE)
			r = reach(matcher, edge->target, set);
		else if (edge->kind == EDGE_CALL)
			r = call(matcher, edge, set);
	}
	return r;
}

static int look_around(struct matcher *matcher)
{
	int r = 0;

	while (matcher->n_queued > 0 && r == 0) {
		uint32_t state = matcher->queue[matcher->head];

		matcher->head = (matcher->head + 1) % matcher->grammar->n_states;
		matcher->n_queued--;
		matcher->is_queued[state] = false;
		r = look_at(matcher, state);
	}
	return r;
}

/* ---- places ---- */

static void begin_place(struct matcher *matcher)
{
	for (uint32_t i = 0; i < matcher->n_touched; i++) {
		matcher->sets[matcher->touched[i]] = NONE;
		matcher->is_queued[matcher->touched[i]] = false;
	}
	matcher->n_touched = 0;
	matcher->n_queued = 0;
	matcher->may_end = false;
	matcher->work = 0;
}

static int compare_states(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

/* The states that can read a byte, with their sets, are the place. DEAD where there are none. */
static int end_place(struct matcher *matcher, uint32_t *ret_place)
{
	size_t n = 0;

	qsort(matcher->touched, matcher->n_touched, sizeof(*matcher->touched), compare_states);
	if (array_reserve(&matcher->scratch, &matcher->scratch_capacity, matcher->n_touched + 1,
			  sizeof(*matcher->scratch)) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < matcher->n_touched; i++) {
		uint32_t state = matcher->touched[i];

		uint32_t set = matcher->sets[state];

		if (matcher->store.nodes[set].depth + matcher->grammar->states[state].read_need <=
		    GRAMMAR_NESTING_MAX)
			matcher->scratch[n++] = (struct item){state, set};
	}
	*ret_place = DEAD;
	if (n == 0 && !matcher->may_end)
		return 0;
	return intern(&matcher->store, matcher->scratch, n, matcher->may_end, ret_place);
}

static int make_row(struct matcher *matcher, uint32_t place)
{
	struct store *store = &matcher->store;
	uint32_t n = matcher->grammar->n_classes;

	if (store->n_nexts + n > ITEMS_MAX * 4u)
		return -E2BIG;
	if (array_reserve(&store->nexts, &store->nexts_capacity, store->n_nexts + n,
			  sizeof(*store->nexts)) < 0)
		return -ENOMEM;
	memset(store->nexts + store->n_nexts, 0xff, n * sizeof(*store->nexts));
	store->nodes[place].nexts = (uint32_t)store->n_nexts;
	store->n_nexts += n;
	return 0;
}

static int find_next(struct matcher *matcher, uint32_t place, uint8_t byte, uint32_t *ret_place)
{
	const struct grammar *grammar = matcher->grammar;
	struct node node = matcher->store.nodes[place];
	int r = 0;

	begin_place(matcher);
	for (uint32_t k = 0; k < node.n && r == 0; k++) {
		struct item item = matcher->store.items[node.first + k];

		for (uint32_t i = grammar->states[item.state].edges;
		     i < grammar->states[item.state + 1].edges && r == 0; i++) {
			const struct grammar_edge *edge = &grammar->edges[i];

			if (edge->kind == EDGE_BYTES && byte >= edge->first && byte <= edge->last)
				r = reach(matcher, edge->target, item.below);
		}
	}
	if (r == 0)
		r = look_around(matcher);
	return r == 0 ? end_place(matcher, ret_place) : r;
}

int matcher_step(struct matcher *matcher, uint32_t place, uint8_t byte, uint32_t *ret_place)
{
	uint8_t class = matcher->grammar->classes[byte];
	uint32_t row = matcher->store.nodes[place].nexts, next;
	int r;

	if (row == NONE) {
		r = make_row(matcher, place);
		if (r < 0)
			return r;
		row = matcher->store.nodes[place].nexts;
	}
	next = matcher->store.nexts[row + class];
	if (next == NONE) {
		r = find_next(matcher, place, matcher->grammar->examples[class], &next);
		if (r < 0)
			return r;
		matcher->store.nexts[row + class] = next;
	}
	if (next == DEAD)
		return 0;
	*ret_place = next;
	return 1;
}

uint32_t matcher_start(const struct matcher *matcher)
{
	return matcher->start;
}

bool matcher_may_end(const struct matcher *matcher, uint32_t place)
{
	return matcher->store.nodes[place].is_bottom;
}

bool matcher_must_end(const struct matcher *matcher, uint32_t place)
{
	return matcher->store.nodes[place].n == 0;
}

/* ---- forgetting ---- */

static size_t used_bytes(const struct store *store)
{
	return store->n_items * sizeof(*store->items) + store->n_nodes * sizeof(*store->nodes) +
	       store->n_nexts * sizeof(*store->nexts);
}

/* NODE of OLD and all beneath it, in STORE. NAMES [n_nodes of OLD] are the numbers so far. */
static int copy_node(const struct store *old, uint32_t node, uint32_t *names, struct store *store)
{
	const struct node *from = &old->nodes[node];
	_cleanup_free_ struct item *items = NULL;
	int r = 0;

	if (names[node] != NONE)
		return 0;
	items = calloc(MAX(from->n, 1), sizeof(*items));
	if (!items)
		return -ENOMEM;
	for (uint32_t i = 0; i < from->n && r == 0; i++) {
		items[i] = old->items[from->first + i];
		r = copy_node(old, items[i].below, names, store);
		items[i].below = names[items[i].below];
	}
	return r < 0 ? r : intern(store, items, from->n, from->is_bottom, &names[node]);
}

int matcher_trim(struct matcher *matcher, uint32_t *place)
{
	_cleanup_free_ uint32_t *names = NULL;
	struct store store __attribute__((cleanup(store_finish))) = {0};
	struct store old = matcher->store;
	int r;

	if (used_bytes(&old) < TRIM_BYTES)
		return 0;
	names = malloc(old.n_nodes * sizeof(*names));
	if (!names)
		return -ENOMEM;
	memset(names, 0xff, old.n_nodes * sizeof(*names));
	r = copy_node(&old, *place, names, &store);
	if (r == 0)
		r = copy_node(&old, matcher->start, names, &store);
	if (r < 0)
		return r;
	*place = names[*place];
	matcher->start = names[matcher->start];
	memset(matcher->memo, 0xff, sizeof(matcher->memo));
	begin_place(matcher);
	matcher->store = store;
	store = old;
	return 0;
}

/* ---- life ---- */

static int allocate(struct matcher *matcher)
{
	size_t n = matcher->grammar->n_states;

	matcher->sets = malloc(n * sizeof(*matcher->sets));
	matcher->is_queued = calloc(n, sizeof(*matcher->is_queued));
	matcher->touched = calloc(n, sizeof(*matcher->touched));
	matcher->queue = calloc(n, sizeof(*matcher->queue));
	if (!matcher->sets || !matcher->is_queued || !matcher->touched || !matcher->queue)
		return -ENOMEM;
	memset(matcher->sets, 0xff, n * sizeof(*matcher->sets));
	memset(matcher->memo, 0xff, sizeof(matcher->memo));
	return 0;
}

static int find_start(struct matcher *matcher)
{
	uint32_t bottom;
	int r;

	r = intern(&matcher->store, NULL, 0, true, &bottom);
	if (r == 0)
		r = reach(matcher, matcher->grammar->start, bottom);
	if (r == 0)
		r = look_around(matcher);
	return r == 0 ? end_place(matcher, &matcher->start) : r;
}

int matcher_create(const struct grammar *grammar, struct matcher **ret_matcher)
{
	_cleanup_(matcher_destroy_p) struct matcher *matcher = calloc(1, sizeof(*matcher));
	int r;

	if (!matcher)
		return -ENOMEM;
	matcher->grammar = grammar;
	r = allocate(matcher);
	if (r == 0)
		r = find_start(matcher);
	if (r < 0)
		return r;
	*ret_matcher = TAKE(matcher);
	return 0;
}

void matcher_destroy(struct matcher *matcher)
{
	if (!matcher)
		return;
	store_finish(&matcher->store);
	free(matcher->sets);
	free(matcher->is_queued);
	free(matcher->touched);
	free(matcher->queue);
	free(matcher->scratch);
	free(matcher);
}

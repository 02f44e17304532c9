// SPDX-License-Identifier: MIT
/*
 * Owns copies of the cache between devices: pages are the same bytes on every device, so that a page
 * is read on one and written on the other. Refuses to know what is in them.
 */
#include <errno.h>
#include <stdlib.h>

#include "array.h"
#include "cleanup.h"
#include "internal.h"

struct move {
	struct engine *engine;
	const struct op *rope;
	struct engine_device *from, *to;
	const struct kv_table *table;
	void *page;
	uint64_t page_bytes;
};

static int move_page(const struct move *move, uint32_t page)
{
	int32_t layer = move->rope->layer;
	uint64_t at = page * move->page_bytes;
	int r = buffer_read(move->from->kv[layer], at, move->page, move->page_bytes);

	if (r < 0)
		return blame(move->engine, move->from, r);
	return blame(move->engine, move->to,
		     buffer_write(move->to->kv[layer], at, move->page, move->page_bytes));
}

/* The pages that hold positions [FIRST, END). */
static int move_layer(struct move *move, size_t first, size_t end)
{
	uint32_t begin = MAX((uint32_t)(first / KV_PAGE), move->table->first);
	int r = 0;

	for (uint32_t p = begin; p < div_up(end, KV_PAGE) && r == 0; p++)
		r = move_page(move, move->table->pages[p]);
	return r;
}

/* Positions [FIRST, n_done) of what OP's layer has of the session. */
static int move_op(struct engine *engine, const struct session *session, const struct op *op,
		   struct engine_device *from, struct engine_device *to, size_t first)
{
	uint64_t page_bytes = kv_page_bytes(engine->params.kv_type, op->n_head_kv, op->head_dim);
	_cleanup_free_ void *page = NULL;
	struct move move = {
		.engine = engine,
		.rope = op,
		.from = from,
		.to = to,
		.table = &session->tables[op->kv_group],
		.page_bytes = page_bytes,
	};

	if (from == to)
		return 0;
	move.page = page = malloc(page_bytes);
	if (!page)
		return log_oom(engine->log, "moving the cache");
	return move_layer(&move, first, session->n_done);
}

int engine_bring_cache(struct engine *engine, struct session *session, enum phase phase)
{
	enum phase other = phase == PHASE_DECODE ? PHASE_PREFILL : PHASE_DECODE;
	int r = 0;

	if (session->n_cached[phase] == session->n_done)
		return 0;
	for (uint32_t i = 0; i < engine->graph->n_ops && engine->kv_is_split && r == 0; i++) {
		const struct op *op = &engine->graph->ops[i];

		if (op->kind == OP_ROPE)
			r = move_op(engine, session, op, engine->kv_homes[other][op->layer],
				    engine->kv_homes[phase][op->layer], session->n_cached[phase]);
	}
	if (r == 0)
		session->n_cached[phase] = session->n_done;
	return r;
}

int engine_carry_cache(struct engine *engine, struct session *session,
		       struct engine_device *const *homes)
{
	int r = 0;

	for (uint32_t i = 0; i < engine->graph->n_ops && r == 0; i++) {
		const struct op *op = &engine->graph->ops[i];

		if (op->kind == OP_ROPE)
			r = move_op(engine, session, op, homes[op->layer],
				    engine->kv_homes[PHASE_DECODE][op->layer], 0);
	}
	if (r < 0)
		return r;
	session->n_cached[PHASE_DECODE] = session->n_done;
	session->n_cached[PHASE_PREFILL] = 0;
	return 0;
}

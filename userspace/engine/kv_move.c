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

static int move_op(struct engine *engine, const struct session *session, enum phase phase,
		   const struct op *op)
{
	enum phase other = phase == PHASE_DECODE ? PHASE_PREFILL : PHASE_DECODE;
	uint64_t page_bytes = kv_page_bytes(engine->params.kv_type, op->n_head_kv, op->head_dim);
	_cleanup_free_ void *page = NULL;
	struct move move = {
		.engine = engine,
		.rope = op,
		.from = engine->kv_homes[other][op->layer],
		.to = engine->kv_homes[phase][op->layer],
		.table = &session->tables[op->kv_group],
		.page_bytes = page_bytes,
	};

	if (move.from == move.to)
		return 0;
	move.page = page = malloc(page_bytes);
	if (!page)
		return log_oom(engine->log, "moving the cache");
	return move_layer(&move, session->n_cached[phase], session->n_done);
}

int engine_bring_cache(struct engine *engine, struct session *session, enum phase phase)
{
	int r = 0;

	if (session->n_cached[phase] == session->n_done)
		return 0;
	for (uint32_t i = 0; i < engine->graph->n_ops && engine->kv_is_split && r == 0; i++) {
		if (engine->graph->ops[i].kind == OP_ROPE)
			r = move_op(engine, session, phase, &engine->graph->ops[i]);
	}
	if (r == 0)
		session->n_cached[phase] = session->n_done;
	return r;
}

// SPDX-License-Identifier: MIT
/* Owns the joined matrices of adapters: which there are, and their values once somebody asks. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "low_rank.h"
#include "packed.h"
#include "packed_type.h"

DEFINE_CLEANUP(struct low_rank_set, low_rank_set_destroy)

enum { DATA_ALIGNMENT = 4096 };

/* ---- which matrices there are ---- */

static uint32_t rank_of(const struct low_rank_set *set, const struct matrix *matrix)
{
	uint32_t rank = 0;

	for (uint32_t i = 0; i < set->n_adapters; i++) {
		const struct adapter_pair *pair = adapter_find(set->adapters[i], matrix->tensor);

		rank += pair ? pair->rank : 0;
	}
	return rank;
}

static struct matrix float_matrix(uint32_t id, uint32_t n_rows, uint32_t n_cols)
{
	return (struct matrix){
		.type = TENSOR_F32, .n_rows = n_rows, .n_cols = n_cols, .id = id, .n_experts = 1};
}

static void set_owners(const struct low_rank_set *set, const struct matrix *matrix, float *owners)
{
	for (uint32_t i = 0; i < set->n_adapters; i++) {
		const struct adapter_pair *pair = adapter_find(set->adapters[i], matrix->tensor);

		for (uint32_t k = 0; pair && k < pair->rank; k++)
			*owners++ = (float)i;
	}
}

static void add_item(struct low_rank_set *set, const struct matrix *base, float *owners)
{
	struct low_rank *item = &set->items[set->n_items++];
	uint32_t rank = rank_of(set, base);

	item->base = base;
	item->a = float_matrix(set->n_matrices++, rank, base->n_cols);
	item->b = float_matrix(set->n_matrices++, base->n_rows, rank);
	item->adapters = (struct vector){owners, rank};
	set_owners(set, base, owners);
}

static int fill_items(struct low_rank_set *set)
{
	const struct model *model = set->model;
	size_t n_items = 0, n_owners = 0;

	for (uint32_t i = 0; i < model->n_matrices; i++) {
		uint32_t rank = rank_of(set, &model->matrices[i]);

		n_items += rank > 0;
		n_owners += rank;
	}
	set->items = calloc(MAX(n_items, 1u), sizeof(*set->items));
	set->owners = calloc(MAX(n_owners, 1u), sizeof(*set->owners));
	for (int form = 0; form < LOW_RANK_FORMS; form++)
		set->data[form] = calloc(MAX(2 * n_items, 1u), sizeof(*set->data[form]));
	if (!set->items || !set->owners || !set->data[0] || !set->data[1])
		return -ENOMEM;
	n_owners = 0;
	for (uint32_t i = 0; i < model->n_matrices; i++) {
		uint32_t rank = rank_of(set, &model->matrices[i]);

		if (rank > 0)
			add_item(set, &model->matrices[i], set->owners + n_owners);
		n_owners += rank;
	}
	return 0;
}

int low_rank_set_create(const struct model *model, const struct adapter *const *adapters,
			uint32_t n, const struct log *log, struct low_rank_set **ret_set)
{
	_cleanup_(low_rank_set_destroy_p) struct low_rank_set *set = calloc(1, sizeof(*set));

	if (!set)
		return log_oom(log, "joining adapters");
	set->model = model;
	set->adapters = adapters;
	set->n_adapters = n;
	set->n_matrices = model->n_matrices;
	if (fill_items(set) < 0)
		return log_oom(log, "joining adapters");
	*ret_set = TAKE(set);
	return 0;
}

void low_rank_set_destroy(struct low_rank_set *set)
{
	if (!set)
		return;
	for (int form = 0; form < LOW_RANK_FORMS; form++) {
		for (uint32_t i = 0; set->data[form] && i < 2 * set->n_items; i++)
			free(set->data[form][i]);
		free(set->data[form]);
	}
	free(set->owners);
	free(set->items);
	free(set);
}

const struct low_rank *low_rank_of(const struct low_rank_set *set, const struct matrix *matrix)
{
	for (uint32_t i = 0; set && i < set->n_items; i++) {
		if (set->items[i].base == matrix)
			return &set->items[i];
	}
	return NULL;
}

uint64_t low_rank_bytes(const struct low_rank_set *set)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < set->n_items; i++)
		bytes += packed_bytes_of(&set->items[i].a) + packed_bytes_of(&set->items[i].b);
	return bytes;
}

/* ---- their values ---- */

static int check_finite(const struct adapter *adapter, const struct gguf_tensor *tensor,
			const float *values, uint64_t n, const struct log *log)
{
	for (uint64_t i = 0; i < n; i++) {
		if (!isfinite(values[i]))
			return log_error(log, EBADMSG,
					 "%s: %.*s holds values that are no finite numbers",
					 gguf_name(adapter->gguf), (int)MIN(tensor->name.size, 80u),
					 tensor->name.data);
	}
	return 0;
}

/* Row ROW of a tensor of the adapter, times FACTOR. */
static int read_row(const struct adapter *adapter, const struct gguf_tensor *tensor, uint64_t row,
		    float factor, const struct log *log, float *out)
{
	uint64_t n = tensor->dims[0];

	tensor_row_to_float(tensor->type, tensor->data + row * tensor_row_bytes(tensor->type, n),
			    out, n);
	for (uint64_t i = 0; i < n; i++)
		out[i] *= factor;
	return check_finite(adapter, tensor, out, n, log);
}

static int fill_a(const struct low_rank_set *set, const struct low_rank *item,
		  const struct log *log, float *rows)
{
	int r = 0;

	for (uint32_t i = 0; i < set->n_adapters; i++) {
		const struct adapter *adapter = set->adapters[i];
		const struct adapter_pair *pair = adapter_find(adapter, item->base->tensor);

		for (uint32_t k = 0; pair && k < pair->rank && r == 0; k++) {
			r = read_row(adapter, pair->a, k, 1, log, rows);
			rows += item->a.n_cols;
		}
	}
	return r;
}

static int fill_b(const struct low_rank_set *set, const struct low_rank *item,
		  const struct log *log, float *rows)
{
	uint32_t column = 0;
	int r = 0;

	for (uint32_t i = 0; i < set->n_adapters; i++) {
		const struct adapter *adapter = set->adapters[i];
		const struct adapter_pair *pair = adapter_find(adapter, item->base->tensor);

		for (uint32_t m = 0; pair && m < item->b.n_rows && r == 0; m++)
			r = read_row(adapter, pair->b, item->base->first_row + m, pair->factor, log,
				     rows + (size_t)m * item->b.n_cols + column);
		column += pair ? pair->rank : 0;
	}
	return r;
}

static void *make_room(uint64_t size_bytes)
{
	uint64_t size = round_up(size_bytes, DATA_ALIGNMENT);
	void *room = aligned_alloc(DATA_ALIGNMENT, size);

	if (room)
		memset(room, 0, size);
	return room;
}

static void pack(const struct matrix *matrix, const float *rows, uint8_t *to)
{
	uint64_t row_bytes = tensor_row_bytes(matrix->type, matrix->n_cols);
	const uint8_t *from = (const uint8_t *)rows;

	for (uint32_t row = 0; row < matrix->n_rows; row += PACKED_ROWS) {
		packed_tile_write(matrix->type, from + row * row_bytes, row_bytes,
				  MIN(matrix->n_rows - row, PACKED_ROWS), matrix->n_cols, to);
		to += packed_tile_bytes(matrix->type, matrix->n_cols);
	}
}

static int make_data(const struct low_rank_set *set, uint32_t index, enum low_rank_form form,
		     const struct log *log, void **ret_data)
{
	const struct low_rank *item = &set->items[index / 2];
	const struct matrix *matrix = index % 2 == 0 ? &item->a : &item->b;
	_cleanup_free_ void *rows = make_room(matrix_bytes(matrix));
	void *packed;
	int r;

	if (!rows)
		return log_oom(log, "joining adapters");
	r = (index % 2 == 0 ? fill_a : fill_b)(set, item, log, rows);
	if (r < 0)
		return r;
	if (form == LOW_RANK_ROWS) {
		*ret_data = TAKE(rows);
		return 0;
	}
	packed = make_room(packed_bytes_of(matrix));
	if (!packed)
		return log_oom(log, "joining adapters");
	pack(matrix, rows, packed);
	*ret_data = packed;
	return 0;
}

int low_rank_data(struct low_rank_set *set, uint32_t id, enum low_rank_form form,
		  const struct log *log, const void **ret_data, uint64_t *ret_bytes)
{
	uint32_t index = id - set->model->n_matrices;
	const struct low_rank *item = &set->items[index / 2];
	const struct matrix *matrix = index % 2 == 0 ? &item->a : &item->b;
	void **data = &set->data[form][index];
	int r = *data ? 0 : make_data(set, index, form, log, data);

	if (r < 0)
		return r;
	*ret_data = *data;
	*ret_bytes = form == LOW_RANK_ROWS ? matrix_bytes(matrix) : packed_bytes_of(matrix);
	return 0;
}

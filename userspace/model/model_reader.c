// SPDX-License-Identifier: MIT
/* Owns the access to keys and tensors by role, with their checks. Refuses sizes beyond the limits. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "model_reader.h"

enum { TENSOR_NAME_MAX = 96 };

/* ---- keys ---- */

static const char *arch_key(const struct reader *reader, const char *key, char name[static 128])
{
	(void)snprintf(name, 128, "%s.%s", reader->arch->name, key);
	return name;
}

static int missing_key(const struct reader *reader, const char *key)
{
	return log_error(reader->log, EBADMSG, "%s lacks %s.%s, which a model needs",
			 gguf_name(reader->gguf), reader->arch->name, key);
}

bool reader_has_key(const struct reader *reader, const char *key)
{
	char name[128];

	return gguf_find(reader->gguf, arch_key(reader, key, name));
}

int reader_u32(const struct reader *reader, const char *key, uint32_t fallback, uint32_t *ret)
{
	char name[128];
	uint32_t value = fallback;
	int r;

	r = gguf_get_u32(reader->gguf, arch_key(reader, key, name), reader->log, &value);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret = value;
	return 0;
}

int reader_f32(const struct reader *reader, const char *key, float fallback, float *ret)
{
	char name[128];
	float value = fallback;
	int r;

	r = gguf_get_f32(reader->gguf, arch_key(reader, key, name), reader->log, &value);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret = value;
	return 0;
}

int reader_bool(const struct reader *reader, const char *key, bool fallback, bool *ret)
{
	char name[128];
	bool value = fallback;
	int r;

	r = gguf_get_bool(reader->gguf, arch_key(reader, key, name), reader->log, &value);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret = value;
	return 0;
}

int reader_string(const struct reader *reader, const char *key, const char *fallback,
		  struct gguf_string *ret)
{
	struct gguf_string value = {fallback, strlen(fallback)};
	char name[128];
	int r;

	r = gguf_get_string(reader->gguf, arch_key(reader, key, name), reader->log, &value);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret = value;
	return 0;
}

int reader_bad_number(const struct reader *reader, const char *key, double value)
{
	return log_error(reader->log, EBADMSG, "%s: %s.%s is %g, which is out of range",
			 gguf_name(reader->gguf), reader->arch->name, key, value);
}

int reader_out_of_range(const struct reader *reader, const char *key, uint32_t value)
{
	return log_error(reader->log, EBADMSG, "%s: %s.%s is %" PRIu32 ", which is out of range",
			 gguf_name(reader->gguf), reader->arch->name, key, value);
}

int reader_size(const struct reader *reader, const char *key, uint32_t max, uint32_t *ret)
{
	uint32_t value;
	int r;

	r = reader_u32(reader, key, 0, &value);
	if (r < 0)
		return r;
	if (value == 0)
		return missing_key(reader, key);
	if (value > max)
		return reader_out_of_range(reader, key, value);
	*ret = value;
	return 0;
}

int reader_layer_size(const struct reader *reader, const char *key, uint32_t layer,
		      uint32_t fallback, uint32_t *ret)
{
	char name[128];
	const struct gguf_value *value = gguf_find(reader->gguf, arch_key(reader, key, name));
	double number;

	if (!value || value->type != GGUF_ARRAY) {
		int r = reader_u32(reader, key, fallback, ret);

		if (r < 0)
			return r;
	} else {
		if (value->n_items < reader->model->n_layers || value->item_type == GGUF_STRING ||
		    value->item_type == GGUF_ARRAY)
			return log_error(reader->log, EBADMSG, "%s: %s is no number per layer",
					 gguf_name(reader->gguf), name);
		number = gguf_number(value, layer);
		*ret = number >= 0 && number <= MODEL_DIMENSION_MAX ? (uint32_t)number : 0;
	}
	if (*ret == 0)
		return missing_key(reader, key);
	return *ret > MODEL_DIMENSION_MAX ? reader_out_of_range(reader, key, *ret) : 0;
}

/* ---- tensors ---- */

static int wrong_shape(const struct reader *reader, const struct gguf_tensor *tensor,
		       uint32_t n_cols, uint32_t n_rows, uint32_t n_stacked)
{
	return log_error(reader->log, EBADMSG,
			 "%s contradicts itself: tensor %.*s is %" PRIu64 " x %" PRIu64
			 " x %" PRIu64 " and the hyper-parameters want %" PRIu32 " x %" PRIu32
			 " x %" PRIu32,
			 gguf_name(reader->gguf), (int)tensor->name.size, tensor->name.data,
			 tensor->dims[0], tensor->dims[1], tensor->dims[2], n_cols, n_rows,
			 n_stacked);
}

static int check_type(const struct reader *reader, const struct gguf_tensor *tensor)
{
	if (tensor_type_supported(tensor->type))
		return 0;
	return log_error(reader->log, ENOTSUP,
			 "%s: tensor %.*s is stored as %s, which this version cannot compute with",
			 gguf_name(reader->gguf), (int)tensor->name.size, tensor->name.data,
			 tensor_type_info(tensor->type)->name);
}

bool reader_has(const struct reader *reader, const char *format, ...)
{
	char name[TENSOR_NAME_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	return gguf_find_tensor(reader->gguf, name) != NULL;
}

/* The tensor of that name, of a type we know; NULL when it is OPTIONAL and absent. */
static int find_tensor(const struct reader *reader, bool optional, const struct gguf_tensor **ret,
		       const char *format, va_list args) __attribute__((format(printf, 4, 0)));

static int find_tensor(const struct reader *reader, bool optional, const struct gguf_tensor **ret,
		       const char *format, va_list args)
{
	char name[TENSOR_NAME_MAX];

	(void)vsnprintf(name, sizeof(name), format, args);
	*ret = gguf_find_tensor(reader->gguf, name);
	if (*ret)
		return check_type(reader, *ret);
	if (optional)
		return 0;
	return log_error(reader->log, EBADMSG, "%s lacks tensor %s, which a model needs",
			 gguf_name(reader->gguf), name);
}

static const struct matrix *add_matrix(struct reader *reader, const struct matrix *like)
{
	struct model *model = reader->model;
	struct matrix *matrix = &model->matrices[model->n_matrices];

	*matrix = *like;
	matrix->type = like->tensor->type;
	matrix->id = model->n_matrices++;
	model->n_parameters += (uint64_t)like->n_experts * like->n_rows * like->n_cols;
	return matrix;
}

static bool has_shape(const struct gguf_tensor *tensor, uint32_t n_cols, uint32_t n_rows,
		      uint32_t n_stacked)
{
	return tensor->dims[0] == n_cols && tensor->dims[1] == n_rows &&
	       tensor->dims[2] == n_stacked && tensor->dims[3] == 1;
}

int reader_matrix(struct reader *reader, bool optional, uint32_t n_cols, uint32_t n_rows,
		  const struct matrix **ret, const char *format, ...)
{
	struct matrix matrix = {.n_rows = n_rows, .n_cols = n_cols, .n_experts = 1};
	va_list args;
	int r;

	va_start(args, format);
	r = find_tensor(reader, optional, &matrix.tensor, format, args);
	va_end(args);
	*ret = NULL;
	if (r < 0 || !matrix.tensor)
		return r;
	if (!has_shape(matrix.tensor, n_cols, n_rows, 1))
		return wrong_shape(reader, matrix.tensor, n_cols, n_rows, 1);
	reader->n_used++;
	*ret = add_matrix(reader, &matrix);
	return 0;
}

int reader_experts(struct reader *reader, uint32_t n_cols, uint32_t n_rows,
		   const struct matrix **ret, const char *format, ...)
{
	struct matrix matrix = {.n_rows = n_rows, .n_cols = n_cols};
	va_list args;
	int r;

	matrix.n_experts = reader->model->n_experts;
	va_start(args, format);
	r = find_tensor(reader, false, &matrix.tensor, format, args);
	va_end(args);
	if (r < 0)
		return r;
	if (!has_shape(matrix.tensor, n_cols, n_rows, matrix.n_experts))
		return wrong_shape(reader, matrix.tensor, n_cols, n_rows, matrix.n_experts);
	reader->n_used++;
	*ret = add_matrix(reader, &matrix);
	return 0;
}

int reader_parts(struct reader *reader, uint32_t n_cols, const struct matrix_part *parts,
		 uint32_t n_parts, const char *format, ...)
{
	struct matrix matrix = {.n_cols = n_cols, .n_experts = 1};
	uint32_t n_rows = 0;
	va_list args;
	int r;

	va_start(args, format);
	r = find_tensor(reader, false, &matrix.tensor, format, args);
	va_end(args);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n_parts; i++)
		n_rows += parts[i].n_rows;
	if (!has_shape(matrix.tensor, n_cols, n_rows, 1))
		return wrong_shape(reader, matrix.tensor, n_cols, n_rows, 1);
	reader->n_used++;
	for (uint32_t i = 0; i < n_parts; i++) {
		matrix.n_rows = parts[i].n_rows;
		*parts[i].ret = add_matrix(reader, &matrix);
		matrix.first_row += matrix.n_rows;
	}
	return 0;
}

int reader_vector(struct reader *reader, bool optional, uint32_t n, struct vector *ret,
		  const char *format, ...)
{
	float *data = reader->model->vectors + reader->vectors_at;
	const struct gguf_tensor *tensor;
	va_list args;
	int r;

	va_start(args, format);
	r = find_tensor(reader, optional, &tensor, format, args);
	va_end(args);
	*ret = (struct vector){0};
	if (r < 0 || !tensor)
		return r;
	if (!has_shape(tensor, n, 1, 1))
		return wrong_shape(reader, tensor, n, 1, 1);
	/* Cannot overrun: space was counted over all one-row tensors of the file. */
	tensor_row_to_float(tensor->type, tensor->data, data, n);
	*ret = (struct vector){data, n};
	reader->vectors_at += n;
	reader->model->n_parameters += n;
	reader->n_used++;
	return 0;
}

int reader_first_row(struct reader *reader, uint32_t n_cols, struct vector *ret, const char *name)
{
	const struct gguf_tensor *tensor = gguf_find_tensor(reader->gguf, name);
	float *data = reader->model->vectors + reader->vectors_at;
	int r;

	if (!tensor)
		return log_error(reader->log, EBADMSG, "%s lacks tensor %s, which a model needs",
				 gguf_name(reader->gguf), name);
	r = check_type(reader, tensor);
	if (r < 0)
		return r;
	if (!has_shape(tensor, n_cols, (uint32_t)MIN(tensor->dims[1], UINT32_MAX), 1))
		return wrong_shape(reader, tensor, n_cols, 1, 1);
	tensor_row_to_float(tensor->type, tensor->data, data, n_cols);
	*ret = (struct vector){data, n_cols};
	reader->vectors_at += n_cols;
	reader->model->n_parameters += n_cols;
	reader->n_used++;
	return 0;
}

int reader_allocate(struct reader *reader)
{
	struct model *model = reader->model;
	size_t n_tensors = gguf_n_tensors(reader->gguf);
	uint64_t n = model->n_embd; /* for reader_first_row() */

	for (size_t i = 0; i < n_tensors; i++) {
		const struct gguf_tensor *tensor = gguf_tensor(reader->gguf, i);

		if (tensor->dims[1] == 1 && tensor->dims[0] <= MODEL_DIMENSION_MAX)
			n += tensor->dims[0];
	}
	model->matrices = calloc(PARTS_MAX * n_tensors + 1, sizeof(*model->matrices));
	model->vectors = calloc(n + 1, sizeof(*model->vectors));
	model->layers = calloc(model->n_layers, sizeof(*model->layers));
	if (!model->matrices || !model->vectors || !model->layers)
		return log_oom(reader->log, "reading the model's tensors");
	return 0;
}

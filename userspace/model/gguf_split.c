// SPDX-License-Identifier: MIT
/*
 * Owns what makes several files one model. Refuses parts that are missing, stand in each other's
 * place or do not belong together, and says which.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "gguf_split.h"
#include "path.h"

/* What a file says of itself. */
struct split {
	uint32_t no; /* from 0 */
	uint32_t count;
	uint32_t n_tensors; /* of all parts; 0: not said */
};

enum {
	DIGITS = 5,
	ENDING = 2 * DIGITS + 10, /* -00001-of-00002.gguf */
};

static int get_key(const struct gguf *gguf, const char *key, const struct log *log, uint32_t *ret)
{
	int r = gguf_get_u32(gguf, key, log, ret);

	return r == -ENOENT ? 0 : r;
}

static int read_split(const struct gguf *gguf, const struct log *log, struct split *ret)
{
	struct split split = {.no = 0, .count = 1};
	int r;

	r = get_key(gguf, "split.count", log, &split.count);
	if (r == 0)
		r = get_key(gguf, "split.no", log, &split.no);
	if (r == 0)
		r = get_key(gguf, "split.tensors.count", log, &split.n_tensors);
	if (r < 0)
		return r;
	split.count = MAX(split.count, 1);
	if (split.no >= split.count || split.count > GGUF_PARTS_MAX)
		return log_error(log, EBADMSG,
				 "%s is damaged: it says that it is part %" PRIu64 " of %" PRIu32
				 " (at most %d)",
				 gguf->name, (uint64_t)split.no + 1, split.count, GGUF_PARTS_MAX);
	*ret = split;
	return 0;
}

/* ---- do they belong together? ---- */

static int check_part(const struct gguf *part, uint32_t index, const struct gguf *first, uint32_t n,
		      const struct log *log)
{
	struct split split, of_first;
	int r;

	r = read_split(part, log, &split);
	if (r == 0)
		r = read_split(first, log, &of_first);
	if (r < 0)
		return r;
	if (split.count != n)
		return log_error(log, EBADMSG,
				 "%s is part %" PRIu32 " of %" PRIu32 ", which was read as one of "
				 "%" PRIu32 ": its parts are not all here",
				 part->name, split.no + 1, split.count, n);
	if (split.no != index)
		return log_error(log, EBADMSG,
				 "%s should be part %" PRIu32 " of %" PRIu32
				 " and says that it is part %" PRIu32
				 ": files have been swapped, copied or renamed",
				 part->name, index + 1, n, split.no + 1);
	if (split.n_tensors != of_first.n_tensors)
		return log_error(log, EBADMSG,
				 "%s is a part of a model of %" PRIu32
				 " tensors and %s of one of %" PRIu32
				 ": they are parts of two models",
				 part->name, split.n_tensors, first->name, of_first.n_tensors);
	return 0;
}

static int check_architecture(const struct gguf *part, const struct gguf *first,
			      const struct log *log)
{
	const struct gguf_value *ours = gguf_find(part, "general.architecture");
	const struct gguf_value *wanted = gguf_find(first, "general.architecture");

	if (!ours || !wanted ||
	    (ours->size_bytes == wanted->size_bytes &&
	     memcmp(ours->data, wanted->data, ours->size_bytes) == 0))
		return 0;
	return log_error(log, EBADMSG, "%s and %s are parts of models of two architectures",
			 first->name, part->name);
}

static int check_parts(struct gguf **parts, uint32_t n, const struct log *log)
{
	uint64_t n_tensors = 0;
	struct split split;
	int r = read_split(parts[0], log, &split);

	for (uint32_t i = 0; i < n && r == 0; i++) {
		r = check_part(parts[i], i, parts[0], n, log);
		if (r == 0)
			r = check_architecture(parts[i], parts[0], log);
		n_tensors += parts[i]->n_tensors;
	}
	if (r == 0 && n > 1 && split.n_tensors != 0 && split.n_tensors != n_tensors)
		return log_error(log, EBADMSG,
				 "%s should have %" PRIu32 " tensors in its %" PRIu32
				 " parts, which have %" PRIu64 ": they are not of one model",
				 parts[0]->name, split.n_tensors, n, n_tensors);
	return r;
}

/* ---- joining ---- */

/* The tensors of all parts, and where to find them. */
struct joined {
	struct gguf_tensor *tensors;
	size_t n_tensors;
	struct name_index index;
};

static void joined_finish(struct joined *joined)
{
	free(joined->tensors);
	name_index_finish(&joined->index);
}

static int add_tensors(struct joined *joined, const struct gguf *part, uint32_t index,
		       const struct log *log)
{
	/* What gguf_tensor_key() looks at. */
	struct gguf view = {.tensors = joined->tensors};

	for (size_t i = 0; i < part->n_tensors; i++) {
		struct gguf_tensor *tensor = &joined->tensors[joined->n_tensors];

		*tensor = part->tensors[i];
		tensor->part = index;
		if (name_index_add(&joined->index, gguf_tensor_key, &view, joined->n_tensors) < 0)
			return log_error(log, EBADMSG,
					 "%s holds tensor %.*s, which another part holds too",
					 part->name, (int)tensor->name.size, tensor->name.data);
		joined->n_tensors++;
	}
	return 0;
}

static int join_tensors(struct joined *joined, struct gguf **parts, uint32_t n,
			const struct log *log)
{
	size_t total = 0;
	int r = 0;

	for (uint32_t i = 0; i < n; i++)
		total += parts[i]->n_tensors;
	joined->tensors = calloc(MAX(total, 1), sizeof(*joined->tensors));
	if (!joined->tensors || name_index_init(&joined->index, total) < 0)
		return log_oom(log, "reading a GGUF header");
	for (uint32_t i = 0; i < n && r == 0; i++)
		r = add_tensors(joined, parts[i], i, log);
	return r;
}

int gguf_join(struct gguf **parts, uint32_t n, const struct log *log)
{
	struct joined joined _cleanup_(joined_finish) = {0};
	struct gguf *first = parts[0], **others;
	int r;

	r = check_parts(parts, n, log);
	if (r < 0 || n == 1)
		return r;
	r = join_tensors(&joined, parts, n, log);
	if (r < 0)
		return r;
	others = calloc(n - 1, sizeof(struct gguf *));
	if (!others)
		return log_oom(log, "reading a GGUF header");
	memcpy(others, parts + 1, (n - 1) * sizeof(struct gguf *));
	free(first->tensors);
	name_index_finish(&first->tensor_index);
	first->tensors = TAKE(joined.tensors);
	first->n_tensors = joined.n_tensors;
	first->tensor_index = joined.index;
	joined.index = (struct name_index){0};
	first->others = others;
	first->n_parts = n;
	return 0;
}

/* ---- finding the others ---- */

static bool read_digits(const char *text, uint32_t *ret)
{
	uint32_t number = 0;

	for (int i = 0; i < DIGITS; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		number = 10 * number + (uint32_t)(text[i] - '0');
	}
	*ret = number;
	return true;
}

/* Does PATH end in -NO-of-COUNT.gguf, with five digits each? NO counts from 1 there. */
static bool read_name(const char *path, uint32_t *ret_no, uint32_t *ret_count)
{
	size_t n = strlen(path);
	const char *ending = path + n - ENDING;

	return n > ENDING && ending[0] == '-' && read_digits(ending + 1, ret_no) &&
	       memcmp(ending + 1 + DIGITS, "-of-", 4) == 0 &&
	       read_digits(ending + 5 + DIGITS, ret_count) &&
	       strcmp(ending + 5 + 2 * (size_t)DIGITS, ".gguf") == 0;
}

static int check_name(const struct gguf *gguf, const struct split *split, const struct log *log)
{
	uint32_t no, count;

	if (!read_name(gguf->name, &no, &count))
		return log_error(
			log, EBADMSG,
			"%s is part %" PRIu32 " of %" PRIu32
			" of a model, and the others cannot be found unless its name ends in "
			"-%05" PRIu32 "-of-%05" PRIu32 ".gguf",
			gguf->name, split->no + 1, split->count, split->no + 1, split->count);
	if (no != split->no + 1 || count != split->count)
		return log_error(
			log, EBADMSG,
			"%s says that it is part %" PRIu32 " of %" PRIu32
			", which its name does not: it has been swapped, copied or renamed",
			gguf->name, split->no + 1, split->count);
	return 0;
}

static int open_sibling(const struct gguf *gguf, uint32_t no, uint32_t count, const struct log *log,
			struct gguf **ret)
{
	_cleanup_free_ char *path = path_format("%.*s-%05" PRIu32 "-of-%05" PRIu32 ".gguf",
						(int)(strlen(gguf->name) - ENDING), gguf->name,
						no + 1, count);

	if (!path)
		return log_oom(log, "reading a GGUF header");
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return log_error(log, ENOENT,
				 "%s is missing: the model of %s is split into %" PRIu32
				 " files, which must be in one folder",
				 path, gguf->name, count);
	return gguf_open_part(path, log, ret);
}

static int open_all(struct gguf **parts, const struct split *split, const struct log *log)
{
	struct gguf *known = parts[split->no];
	int r = 0;

	for (uint32_t i = 0; i < split->count && r == 0; i++) {
		if (i != split->no)
			r = open_sibling(known, i, split->count, log, &parts[i]);
	}
	return r == 0 ? gguf_join(parts, split->count, log) : r;
}

int gguf_open_others(struct gguf **gguf, const struct log *log)
{
	_cleanup_free_ struct gguf **parts = NULL;
	struct split split;
	int r;

	r = read_split(*gguf, log, &split);
	if (r < 0 || split.count == 1)
		return r;
	r = check_name(*gguf, &split, log);
	if (r < 0)
		return r;
	parts = calloc(split.count, sizeof(struct gguf *));
	if (!parts)
		return log_oom(log, "reading a GGUF header");
	parts[split.no] = *gguf;
	r = open_all(parts, &split, log);
	if (r == 0) {
		*gguf = parts[0];
		return 0;
	}
	parts[split.no] = NULL; /* stays the caller's */
	for (uint32_t i = 0; i < split.count; i++)
		gguf_close(parts[i]);
	return r;
}

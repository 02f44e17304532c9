/* SPDX-License-Identifier: MIT */
/*
 * A GGUF file, versions 2 and 3, little-endian: metadata and the directory of tensors. Format:
 * docs/gguf.md of the ggml project. Tensor bytes are left where they are, in the mapping.
 *
 * A model may be split into files NAME-00001-of-0000N.gguf, as llama-gguf-split makes them: each
 * holds the keys split.no, split.count and split.tensors.count, the first all other keys. Opening
 * any of them opens all, as one model.
 *
 * Everything that is handed out points into the mapping and lives as long as the struct gguf.
 * A struct gguf is immutable: any number of threads may read it.
 */
#ifndef SLM_MODEL_GGUF_H
#define SLM_MODEL_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cursor.h"
#include "log.h"
#include "tensor_type.h"

enum gguf_type {
	GGUF_U8,
	GGUF_I8,
	GGUF_U16,
	GGUF_I16,
	GGUF_U32,
	GGUF_I32,
	GGUF_F32,
	GGUF_BOOL,
	GGUF_STRING,
	GGUF_ARRAY,
	GGUF_U64,
	GGUF_I64,
	GGUF_F64,
	GGUF_TYPES,
};

enum {
	GGUF_NAME_MAX = 64, /* bytes of a tensor's name, as ggml has it */
	GGUF_DIMS_MAX = 4,
	GGUF_KEYS_MAX = 65536,
	GGUF_TENSORS_MAX = 1 << 20,
	GGUF_NESTING_MAX = 4, /* arrays of arrays */
	GGUF_PARTS_MAX = 1024,
};

/* Not NUL-terminated; may hold any byte. */
struct gguf_string {
	const char *data;
	uint64_t size; /* bytes */
};

struct gguf_value {
	struct gguf_string key;
	enum gguf_type type;
	enum gguf_type item_type; /* of an array */
	uint64_t n_items;	  /* of an array */
	/* A scalar's bytes, a string's bytes, or an array's first item, at any alignment. */
	const uint8_t *data;
	uint64_t size_bytes;
};

struct gguf_tensor {
	struct gguf_string name;
	unsigned n_dims;
	uint64_t dims[GGUF_DIMS_MAX]; /* dims[0] is the row length; 1 beyond n_dims */
	uint32_t type;		      /* an id that tensor_type_info() knows */
	uint32_t part;		      /* the file that holds it, from 0 */
	uint64_t offset;	      /* of data, from the start of that file */
	uint64_t size_bytes;
	const uint8_t *data;
};

/* One of the files. */
struct gguf_part {
	const char *name; /* its path, for messages */
	const uint8_t *data;
	uint64_t size_bytes;
	uint64_t header_bytes; /* up to the first tensor's data */
	int64_t mtime_ns;      /* 0 when parsed from memory */
	size_t n_tensors;      /* that it holds */
};

struct gguf;

/*
 * Reads the file at PATH, and the other parts of its model. Every count, size, offset and length is checked against the file.
 * 0; -EBADMSG when it is no GGUF file or is damaged, or parts do not belong together; -ENOTSUP for
 * a version or byte order we do not read; -ENOMEM; or what opening gave. Each failure is logged with
 * the file and the byte where it was seen.
 */
int gguf_open(const char *path, const struct log *log, struct gguf **ret_gguf);

/* The same without looking for other parts: what is there may be a piece of a model. */
int gguf_open_part(const char *path, const struct log *log, struct gguf **ret_gguf);

/* The same from memory, which must outlive the result. NAME is used in messages. */
int gguf_parse(const void *data, uint64_t size_bytes, const char *name, const struct log *log,
	       struct gguf **ret_gguf);

/* All N parts of a model, in order, from memory. */
struct gguf_source {
	const void *data;
	uint64_t size_bytes;
	const char *name;
};
int gguf_parse_parts(const struct gguf_source *sources, uint32_t n, const struct log *log,
		     struct gguf **ret_gguf);

void gguf_close(struct gguf *gguf);

const char *gguf_name(const struct gguf *gguf); /* the path of the first part, for messages */
uint32_t gguf_version(const struct gguf *gguf);
uint64_t gguf_file_bytes(const struct gguf *gguf); /* of all parts */
uint32_t gguf_alignment(const struct gguf *gguf);  /* of tensors' data, a power of two */

uint32_t gguf_n_parts(const struct gguf *gguf); /* 1 for most models */
const struct gguf_part *gguf_part(const struct gguf *gguf, uint32_t index);

/* In file order; keys are those of the first part. */
size_t gguf_n_values(const struct gguf *gguf);
const struct gguf_value *gguf_value(const struct gguf *gguf, size_t index);
size_t gguf_n_tensors(const struct gguf *gguf);
const struct gguf_tensor *gguf_tensor(const struct gguf *gguf, size_t index);

/* By name; NULL when there is none. */
const struct gguf_value *gguf_find(const struct gguf *gguf, const char *key);
const struct gguf_tensor *gguf_find_tensor(const struct gguf *gguf, const char *name);

bool gguf_string_is(struct gguf_string string, const char *text);

/*
 * Typed reads of a scalar. Any integer type serves where an integer is wanted, any float or
 * integer type where a float is. 0, -ENOENT when the key is absent, -EBADMSG (logged) when it
 * holds something else or a number out of range. *ret is untouched on failure.
 */
int gguf_get_u32(const struct gguf *gguf, const char *key, const struct log *log, uint32_t *ret);
int gguf_get_f32(const struct gguf *gguf, const char *key, const struct log *log, float *ret);
int gguf_get_bool(const struct gguf *gguf, const char *key, const struct log *log, bool *ret);
int gguf_get_string(const struct gguf *gguf, const char *key, const struct log *log,
		    struct gguf_string *ret);
/* An array of ITEM_TYPE; strings too, to be read with gguf_next_string(). */
int gguf_get_array(const struct gguf *gguf, const char *key, enum gguf_type item_type,
		   const struct log *log, const struct gguf_value **ret);

/* Scalar VALUE or item INDEX of a numeric array as a double; exact up to 2^53. */
double gguf_number(const struct gguf_value *value, uint64_t index);

/* Walks an array of strings: start with a cursor from gguf_strings(). The lengths were checked. */
struct cursor gguf_strings(const struct gguf_value *value);
struct gguf_string gguf_next_string(struct cursor *cursor);

const char *gguf_type_name(enum gguf_type type);
unsigned gguf_type_bytes(enum gguf_type type); /* 0: variable */

#endif

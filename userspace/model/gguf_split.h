/* SPDX-License-Identifier: MIT */
/* Models in several files: finding the others, and making them one. Private to gguf.c. */
#ifndef SLM_MODEL_GGUF_SPLIT_H
#define SLM_MODEL_GGUF_SPLIT_H

#include "gguf_internal.h"

/*
 * Makes PARTS [n], each read by itself, one model, which is parts[0] then and owns the others.
 * -EBADMSG (logged) when they are not all parts of one, in order; they are then as before. A file
 * that is whole by itself passes as one part.
 */
int gguf_join(struct gguf **parts, uint32_t n, const struct log *log);

/*
 * Opens the files whose names follow from that of *GGUF, if it is a part of a model, and joins them;
 * *GGUF becomes the whole. On failure the caller still has to close it.
 */
int gguf_open_others(struct gguf **gguf, const struct log *log);

#endif

/* SPDX-License-Identifier: MIT */
/* From what a user calls a model to the path of its file. */
#ifndef SLM_PROGRAMS_MODEL_NAME_H
#define SLM_PROGRAMS_MODEL_NAME_H

#include "log.h"

/*
 * The folder where models are kept: $SLM_MODELS, else "models" in the cache folder. The caller
 * frees. 0, -ENOMEM, or -ENOENT (logged) when there is no such place.
 */
int model_folder(const struct log *log, char **ret_folder);

/*
 * NAME is a path to a file; else, in any case and with or without .gguf, a name that `slm pull`
 * knows or that of a file in the folder of models. 0; -ENOENT (logged with what to do) when it is
 * none of these; -EISDIR, -ENOTSUP (logged) when it is a file of another kind. The caller frees.
 */
int model_name_resolve(const char *name, const struct log *log, char **ret_path);

/* Calls FOUND with the name of each model that is there or can be pulled. */
void model_name_list(void (*found)(void *data, const char *name), void *data);

#endif

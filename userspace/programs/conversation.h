/* SPDX-License-Identifier: MIT */
/* What was said so far in a chat, and its file: a JSON list of {"role", "content"}. */
#ifndef SLM_PROGRAMS_CONVERSATION_H
#define SLM_PROGRAMS_CONVERSATION_H

#include <stdbool.h>
#include <stddef.h>

#include "log.h"
#include "prompt.h"

enum {
	CONVERSATION_MESSAGES_MAX = 65536,
	CONVERSATION_FILE_MAX = 64 << 20, /* bytes */
};

/* Empty when zeroed. */
struct conversation {
	struct message *messages; /* [n], its own, each text with a NUL after it */
	size_t n;
	size_t capacity;
};

void conversation_finish(struct conversation *conversation);

/* 0 or -ENOMEM, not logged. */
int conversation_add(struct conversation *conversation, const char *role, const char *content,
		     size_t size);
void conversation_remove_last(struct conversation *conversation);
/* All but a system message at the beginning. */
void conversation_clear(struct conversation *conversation);
/* The system message, NULL when there is none; and setting it, "" for none. */
const struct message *conversation_system(const struct conversation *conversation);
int conversation_set_system(struct conversation *conversation, const char *content);
/* Whether the last message is of ROLE. */
bool conversation_ends_with(const struct conversation *conversation, const char *role);

/* The file appears only when it is whole. 0 or -errno, logged. */
int conversation_save(const struct conversation *conversation, const char *path,
		      const struct log *log);
/* On failure (logged) the conversation is as it was. */
int conversation_load(struct conversation *conversation, const char *path, const struct log *log);

#endif

// SPDX-License-Identifier: MIT
/* Owns a list of messages. Refuses files that hold anything else. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "conversation.h"
#include "output.h"
#include "path.h"
#include "text_input.h"

static void message_finish(struct message *message)
{
	free((void *)message->role);
	free((void *)message->content);
}

void conversation_finish(struct conversation *conversation)
{
	while (conversation->n > 0)
		conversation_remove_last(conversation);
	free(conversation->messages);
	*conversation = (struct conversation){0};
}

static int message_init(struct message *message, const char *role, const char *content, size_t size)
{
	char *copy = malloc(size + 1);
	struct message made = {.role = strdup(role), .content = copy, .size = size};

	if (!made.role || !copy) {
		message_finish(&made);
		return -ENOMEM;
	}
	memcpy(copy, content, size);
	copy[size] = '\0';
	*message = made;
	return 0;
}

int conversation_add(struct conversation *conversation, const char *role, const char *content,
		     size_t size)
{
	int r = array_reserve(&conversation->messages, &conversation->capacity, conversation->n + 1,
			      sizeof(*conversation->messages));

	if (r == 0)
		r = message_init(&conversation->messages[conversation->n], role, content, size);
	if (r == 0)
		conversation->n++;
	return r;
}

void conversation_remove_last(struct conversation *conversation)
{
	message_finish(&conversation->messages[--conversation->n]);
}

const struct message *conversation_system(const struct conversation *conversation)
{
	if (conversation->n == 0 || strcmp(conversation->messages[0].role, "system") != 0)
		return NULL;
	return &conversation->messages[0];
}

bool conversation_ends_with(const struct conversation *conversation, const char *role)
{
	return conversation->n > 0 &&
	       strcmp(conversation->messages[conversation->n - 1].role, role) == 0;
}

void conversation_clear(struct conversation *conversation)
{
	size_t keep = conversation_system(conversation) ? 1 : 0;

	while (conversation->n > keep)
		conversation_remove_last(conversation);
}

static void remove_first(struct conversation *conversation)
{
	message_finish(&conversation->messages[0]);
	memmove(conversation->messages, conversation->messages + 1,
		--conversation->n * sizeof(*conversation->messages));
}

int conversation_set_system(struct conversation *conversation, const char *content)
{
	struct message message;
	int r;

	if (*content == '\0') {
		if (conversation_system(conversation))
			remove_first(conversation);
		return 0;
	}
	r = message_init(&message, "system", content, strlen(content));
	if (r < 0)
		return r;
	if (!conversation_system(conversation)) {
		r = array_reserve(&conversation->messages, &conversation->capacity,
				  conversation->n + 1, sizeof(*conversation->messages));
		if (r < 0) {
			message_finish(&message);
			return r;
		}
		memmove(conversation->messages + 1, conversation->messages,
			conversation->n++ * sizeof(*conversation->messages));
	} else {
		message_finish(&conversation->messages[0]);
	}
	conversation->messages[0] = message;
	return 0;
}

/* ---- files ---- */

static json_t *to_json(const struct conversation *conversation)
{
	json_t *array = json_array();

	for (size_t i = 0; i < conversation->n; i++) {
		const struct message *message = &conversation->messages[i];

		if (json_array_append_new(
			    array, json_pack("{s:s, s:o}", "role", message->role, "content",
					     json_text(message->content, message->size))) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static int write_file(const char *path, const char *text)
{
	struct new_file file = NEW_FILE_NONE;
	int r;

	r = new_file_init(&file, path);
	if (r == 0)
		r = write_all(file.fd, text, strlen(text));
	if (r == 0)
		r = write_all(file.fd, "\n", 1);
	if (r == 0)
		r = new_file_publish(&file);
	new_file_finish(&file);
	return r;
}

int conversation_save(const struct conversation *conversation, const char *path,
		      const struct log *log)
{
	_cleanup_(json_decref_p) json_t *root = to_json(conversation);
	_cleanup_free_ char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
	int r;

	if (!text)
		return log_oom(log, "saving the conversation");
	r = write_file(path, text);
	if (r < 0)
		return log_error(log, -r, "cannot save to %s: %s", path, strerror(-r));
	return 0;
}

static int add_json(struct conversation *conversation, const json_t *item)
{
	const json_t *role = json_object_get(item, "role");
	const json_t *content = json_object_get(item, "content");

	if (!json_is_string(role) || !json_is_string(content))
		return -EBADMSG;
	return conversation_add(conversation, json_string_value(role), json_string_value(content),
				json_string_length(content));
}

static int from_json(struct conversation *conversation, const json_t *root)
{
	int r = 0;

	if (!json_is_array(root) || json_array_size(root) > CONVERSATION_MESSAGES_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < json_array_size(root) && r == 0; i++)
		r = add_json(conversation, json_array_get(root, i));
	return r;
}

int conversation_load(struct conversation *conversation, const char *path, const struct log *log)
{
	_cleanup_(conversation_finish) struct conversation loaded = {0};
	_cleanup_(json_decref_p) json_t *root = NULL;
	_cleanup_free_ char *text = NULL;
	json_error_t error;
	size_t size = 0;
	int r;

	r = text_input_read(path, CONVERSATION_FILE_MAX, log, &text, &size);
	if (r < 0)
		return r;
	root = json_loadb(text, size, JSON_ALLOW_NUL, &error);
	if (!root)
		return log_error(log, EBADMSG, "%s is no JSON: %s (line %d)", path, error.text,
				 error.line);
	r = from_json(&loaded, root);
	if (r == -EBADMSG)
		return log_error(log, EBADMSG,
				 "%s holds no conversation, a list of {\"role\", \"content\"}",
				 path);
	if (r < 0)
		return log_oom(log, "loading the conversation");
	conversation_finish(conversation);
	*conversation = loaded;
	loaded = (struct conversation){0};
	return 0;
}

// SPDX-License-Identifier: MIT
/* Owns the list of all objects that were made and not freed. Refuses nothing: callers check. */
#include <stdlib.h>

#include "internal.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct object *first;

void *object_create(size_t size, enum object_kind kind, cl_device_id device, struct node *node)
{
	struct object *object = calloc(1, size);

	if (!object)
		return NULL;
	object->dispatch = &mock.dispatch;
	object->kind = kind;
	object->refs = 1;
	object->device = device;
	object->node = node_retain(node);
	(void)pthread_mutex_lock(&lock);
	object->next = first;
	if (first)
		first->previous = object;
	first = object;
	(void)pthread_mutex_unlock(&lock);
	return object;
}

void *object_create_from(const struct object *from, size_t size, enum object_kind kind)
{
	return object_create(size, kind, from->device, from->node);
}

bool object_is(const void *handle, enum object_kind kind)
{
	return handle && ((const struct object *)handle)->kind == kind;
}

bool object_is_live(const void *handle, enum object_kind kind)
{
	const struct object *object;

	(void)pthread_mutex_lock(&lock);
	for (object = first; object && object != handle; object = object->next)
		;
	(void)pthread_mutex_unlock(&lock);
	return object && object->kind == kind;
}

void object_retain(struct object *object)
{
	(void)pthread_mutex_lock(&lock);
	object->refs++;
	(void)pthread_mutex_unlock(&lock);
}

bool object_release(struct object *object)
{
	bool last;

	(void)pthread_mutex_lock(&lock);
	last = --object->refs == 0;
	if (last) {
		if (object->next)
			object->next->previous = object->previous;
		if (object->previous)
			object->previous->next = object->next;
		else
			first = object->next;
	}
	(void)pthread_mutex_unlock(&lock);
	if (last)
		node_release(object->node);
	return last;
}

EXPORTED unsigned mock_live(void)
{
	unsigned n = 0;

	(void)pthread_mutex_lock(&lock);
	for (const struct object *object = first; object; object = object->next)
		n++;
	(void)pthread_mutex_unlock(&lock);
	return n;
}

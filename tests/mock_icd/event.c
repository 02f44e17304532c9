// SPDX-License-Identifier: MIT
/* Owns events: the driver's own, with the status that a fault gives them. Refuses waits for too many at once. */
#include <stdlib.h>

#include "internal.h"

cl_int event_make(cl_command_queue queue, cl_event real, cl_int failure, cl_event *ret_event)
{
	cl_event event = object_create_from(&queue->object, sizeof(*event), OBJECT_EVENT);

	if (!event) {
		(void)mock.real->clReleaseEvent(real);
		return CL_OUT_OF_HOST_MEMORY;
	}
	event->real = real;
	event->queue = queue;
	event->failure = failure;
	*ret_event = event;
	return CL_SUCCESS;
}

cl_int event_list(const cl_event *events, cl_uint n, cl_event *ret_real, cl_int *ret_failure)
{
	if (n > WAIT_LIST_MAX)
		return CL_OUT_OF_HOST_MEMORY;
	*ret_failure = CL_SUCCESS;
	for (cl_uint i = 0; i < n; i++) {
		if (!object_is(events[i], OBJECT_EVENT))
			return CL_INVALID_EVENT_WAIT_LIST;
		ret_real[i] = events[i]->real;
		if (events[i]->failure != CL_SUCCESS)
			*ret_failure = CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
	}
	return CL_SUCCESS;
}

/* Events may be asked about when their queue is freed: what was in it is done then. */
static void stop_queue_of(cl_event event)
{
	if (object_is_live(event->queue, OBJECT_QUEUE))
		command_stop(event->queue);
}

static cl_int wait_for(cl_uint n, const cl_event *events)
{
	cl_event real[WAIT_LIST_MAX];
	struct verdict verdict;
	cl_int code, failure = CL_SUCCESS;

	if (n == 0 || !object_is(events[0], OBJECT_EVENT))
		return CL_INVALID_VALUE;
	verdict = fault_at(&events[0]->object, POINT_WAIT);
	if (verdict.code != CL_SUCCESS) {
		stop_queue_of(events[0]);
		return verdict.code;
	}
	while (verdict.hangs && verdict.hang_ms <= 0)
		fault_sleep(1000);
	fault_sleep(verdict.hang_ms);
	code = event_list(events, n, real, &failure);
	if (code == CL_SUCCESS)
		code = mock.real->clWaitForEvents(n, real);
	return failure != CL_SUCCESS ? failure : code;
}

static cl_int get_event_info(cl_event event, cl_event_info what, size_t room, void *value,
			     size_t *ret_size)
{
	cl_int code = fault_gone(&event->object), status;

	if (code != CL_SUCCESS) {
		stop_queue_of(event);
		return code;
	}
	if (what != CL_EVENT_COMMAND_EXECUTION_STATUS)
		return CL_INVALID_VALUE;
	code = mock.real->clGetEventInfo(event->real, what, sizeof(status), &status, NULL);
	if (code != CL_SUCCESS)
		return code;
	if (status <= CL_COMPLETE && event->failure != CL_SUCCESS)
		status = event->failure;
	return info_give(&status, sizeof(status), room, value, ret_size);
}

static cl_int retain_event(cl_event event)
{
	object_retain(&event->object);
	return CL_SUCCESS;
}

static cl_int release_event(cl_event event)
{
	if (!object_is(event, OBJECT_EVENT))
		return CL_INVALID_EVENT;
	if (object_release(&event->object)) {
		(void)mock.real->clReleaseEvent(event->real);
		free(event);
	}
	return CL_SUCCESS;
}

/* ---- callbacks ---- */

struct callback {
	void(CL_CALLBACK *notify)(cl_event, cl_int, void *);
	void *user;
	cl_event event;
};

static void CL_CALLBACK pass_on(cl_event real, cl_int status, void *data)
{
	struct callback *callback = data;

	(void)real;
	if (callback->event->failure != CL_SUCCESS)
		status = callback->event->failure;
	callback->notify(callback->event, status, callback->user);
	(void)release_event(callback->event);
	free(callback);
}

static cl_int set_event_callback(cl_event event, cl_int status,
				 void(CL_CALLBACK *notify)(cl_event, cl_int, void *), void *user)
{
	cl_int code = fault_gone(&event->object);
	struct callback *callback = code == CL_SUCCESS ? malloc(sizeof(*callback)) : NULL;

	if (!callback)
		return code == CL_SUCCESS ? CL_OUT_OF_HOST_MEMORY : code;
	*callback = (struct callback){notify, user, event};
	object_retain(&event->object);
	code = mock.real->clSetEventCallback(event->real, status, pass_on, callback);
	if (code == CL_SUCCESS)
		return CL_SUCCESS;
	(void)release_event(event);
	free(callback);
	return code;
}

void event_fill(cl_icd_dispatch *table)
{
	table->clWaitForEvents = wait_for;
	table->clGetEventInfo = get_event_info;
	table->clRetainEvent = retain_event;
	table->clReleaseEvent = release_event;
	table->clSetEventCallback = set_event_callback;
}

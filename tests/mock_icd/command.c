// SPDX-License-Identifier: MIT
/*
 * Owns queues and the commands in them. A command that hangs waits for an event of the driver underneath
 * that is set when its time is over, or never; what is behind it in the queue waits with it.
 */
#include <stdlib.h>

#include "internal.h"

static cl_command_queue create_queue(cl_context context, cl_device_id device,
				     cl_command_queue_properties properties, cl_int *ret_code)
{
	cl_int code = fault_gone(&context->object);
	cl_command_queue queue = NULL, real = NULL;

	(void)device;
	if (properties != 0)
		code = CL_INVALID_QUEUE_PROPERTIES;
	if (code == CL_SUCCESS)
		real = mock.real->clCreateCommandQueue(context->real, mock.real_device, 0, &code);
	if (code == CL_SUCCESS) {
		queue = object_create_from(&context->object, sizeof(*queue), OBJECT_QUEUE);
		code = queue ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
	}
	if (queue) {
		queue->real = real;
		queue->real_context = context->real;
	} else if (real) {
		(void)mock.real->clReleaseCommandQueue(real);
	}
	if (ret_code)
		*ret_code = code;
	return queue;
}

static cl_int retain_queue(cl_command_queue queue)
{
	object_retain(&queue->object);
	return CL_SUCCESS;
}

static cl_int release_queue(cl_command_queue queue)
{
	if (!object_is(queue, OBJECT_QUEUE))
		return CL_INVALID_COMMAND_QUEUE;
	if (object_release(&queue->object)) {
		(void)mock.real->clReleaseCommandQueue(queue->real);
		free(queue);
	}
	return CL_SUCCESS;
}

/* ---- hanging ---- */

struct gate {
	cl_event before; /* of what is ahead in the queue: time counts from its end */
	cl_event event;
	double ms;
};

static void *open_gate_later(void *data)
{
	struct gate *gate = data;

	(void)mock.real->clWaitForEvents(1, &gate->before);
	(void)mock.real->clReleaseEvent(gate->before);
	fault_sleep(gate->ms);
	(void)mock.real->clSetUserEventStatus(gate->event, CL_COMPLETE);
	(void)mock.real->clReleaseEvent(gate->event);
	free(gate);
	return NULL;
}

/* An event that ends in MS; with 0 never, and it is left to the driver then. */
static cl_event make_gate(cl_command_queue queue, double ms)
{
	cl_event event = mock.real->clCreateUserEvent(queue->real_context, NULL);
	struct gate *gate = ms > 0 ? malloc(sizeof(*gate)) : NULL;
	pthread_t thread;

	if (!gate)
		return event;
	*gate = (struct gate){NULL, event, ms};
	(void)mock.real->clEnqueueMarkerWithWaitList(queue->real, 0, NULL, &gate->before);
	(void)mock.real->clFlush(queue->real);
	(void)mock.real->clRetainEvent(event);
	if (pthread_create(&thread, NULL, open_gate_later, gate) == 0)
		(void)pthread_detach(thread);
	return event;
}

static void hang_here(const struct verdict *verdict)
{
	if (!verdict->hangs)
		return;
	do
		fault_sleep(verdict->hang_ms > 0 ? verdict->hang_ms : 1000);
	while (verdict->hang_ms <= 0);
}

/* ---- commands ---- */

struct command {
	cl_command_queue queue;
	cl_event waits[WAIT_LIST_MAX + 1]; /* of the driver underneath */
	cl_uint n_waits;
	cl_event gate;
	bool blocks;
	cl_event done;
	cl_int failure;
};

/* A device that has failed does not go on in memory that its user frees then; one that hangs may. */
void command_stop(cl_command_queue queue)
{
	if (!queue->hangs)
		(void)mock.real->clFinish(queue->real);
}

static cl_int command_begin(struct command *command, enum fault_point point, cl_uint n,
			    const cl_event *waits)
{
	cl_command_queue queue = command->queue;
	struct verdict verdict = fault_at(&queue->object, point);
	cl_int code = verdict.code;

	if (code == CL_SUCCESS && command->blocks) {
		struct verdict wait = fault_at(&queue->object, POINT_WAIT);

		code = wait.code;
		hang_here(&wait);
	}
	if (code == CL_SUCCESS)
		code = event_list(waits, n, command->waits, &command->failure);
	if (code != CL_SUCCESS) {
		command_stop(queue);
		return code;
	}
	command->n_waits = n;
	if (verdict.hangs) {
		command->gate = make_gate(queue, verdict.hang_ms);
		command->waits[command->n_waits++] = command->gate;
		queue->hangs |= verdict.hang_ms <= 0;
	}
	if (verdict.run_code != CL_SUCCESS)
		queue->failure = verdict.run_code;
	if (queue->failure != CL_SUCCESS)
		command->failure = queue->failure;
	return CL_SUCCESS;
}

/* After the driver underneath took the command with CODE. */
static cl_int command_end(struct command *command, cl_int code, cl_event *ret_event)
{
	if (command->gate)
		(void)mock.real->clReleaseEvent(command->gate);
	if (code != CL_SUCCESS)
		return code;
	if (command->failure != CL_SUCCESS)
		command_stop(command->queue);
	if (command->blocks) {
		(void)mock.real->clFlush(command->queue->real);
		code = mock.real->clWaitForEvents(1, &command->done);
		if (command->failure != CL_SUCCESS)
			code = command->failure;
	}
	if (ret_event && code == CL_SUCCESS)
		return event_make(command->queue, command->done, command->failure, ret_event);
	(void)mock.real->clReleaseEvent(command->done);
	return code;
}

static const cl_event *waits_of(const struct command *command)
{
	return command->n_waits > 0 ? command->waits : NULL;
}

static cl_int enqueue_kernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
			     const size_t *offset, const size_t *global, const size_t *local,
			     cl_uint n, const cl_event *waits, cl_event *ret_event)
{
	struct command command = {.queue = queue};
	cl_int code = command_begin(&command, POINT_LAUNCH, n, waits);

	if (code != CL_SUCCESS)
		return code;
	code = mock.real->clEnqueueNDRangeKernel(queue->real, kernel->real, dimensions, offset,
						 global, local, command.n_waits, waits_of(&command),
						 &command.done);
	return command_end(&command, code, ret_event);
}

static cl_int enqueue_read(cl_command_queue queue, cl_mem memory, cl_bool blocks, size_t offset,
			   size_t size, void *to, cl_uint n, const cl_event *waits,
			   cl_event *ret_event)
{
	struct command command = {.queue = queue, .blocks = blocks};
	cl_int code = command_begin(&command, POINT_READ, n, waits);

	if (code != CL_SUCCESS)
		return code;
	code = mock.real->clEnqueueReadBuffer(queue->real, memory->real, CL_FALSE, offset, size, to,
					      command.n_waits, waits_of(&command), &command.done);
	return command_end(&command, code, ret_event);
}

static cl_int enqueue_write(cl_command_queue queue, cl_mem memory, cl_bool blocks, size_t offset,
			    size_t size, const void *from, cl_uint n, const cl_event *waits,
			    cl_event *ret_event)
{
	struct command command = {.queue = queue, .blocks = blocks};
	cl_int code = command_begin(&command, POINT_WRITE, n, waits);

	if (code != CL_SUCCESS)
		return code;
	code = mock.real->clEnqueueWriteBuffer(queue->real, memory->real, CL_FALSE, offset, size,
					       from, command.n_waits, waits_of(&command),
					       &command.done);
	return command_end(&command, code, ret_event);
}

static cl_int enqueue_marker(cl_command_queue queue, cl_uint n, const cl_event *waits,
			     cl_event *ret_event)
{
	struct command command = {.queue = queue, .failure = queue->failure};
	cl_int code = fault_gone(&queue->object), ignored;

	if (code == CL_SUCCESS)
		code = event_list(waits, n, command.waits, &ignored);
	if (code != CL_SUCCESS) {
		command_stop(queue);
		return code;
	}
	command.n_waits = n;
	code = mock.real->clEnqueueMarkerWithWaitList(queue->real, n, waits_of(&command),
						      &command.done);
	return command_end(&command, code, ret_event);
}

static cl_int flush(cl_command_queue queue)
{
	cl_int code = fault_gone(&queue->object);

	if (code == CL_SUCCESS)
		return mock.real->clFlush(queue->real);
	command_stop(queue);
	return code;
}

static cl_int finish(cl_command_queue queue)
{
	struct verdict verdict = fault_at(&queue->object, POINT_WAIT);

	if (verdict.code != CL_SUCCESS) {
		command_stop(queue);
		return verdict.code;
	}
	hang_here(&verdict);
	verdict.code = mock.real->clFinish(queue->real);
	return queue->failure != CL_SUCCESS ? queue->failure : verdict.code;
}

void command_fill(cl_icd_dispatch *table)
{
	table->clCreateCommandQueue = create_queue;
	table->clRetainCommandQueue = retain_queue;
	table->clReleaseCommandQueue = release_queue;
	table->clEnqueueNDRangeKernel = enqueue_kernel;
	table->clEnqueueReadBuffer = enqueue_read;
	table->clEnqueueWriteBuffer = enqueue_write;
	table->clEnqueueMarkerWithWaitList = enqueue_marker;
	table->clFlush = flush;
	table->clFinish = finish;
}

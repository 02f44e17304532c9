/* SPDX-License-Identifier: MIT */
/* Buffers of devices whose memory is the host's: shared by the reference and the CPU back end. */
#ifndef SLM_DEVICE_HOST_BUFFER_H
#define SLM_DEVICE_HOST_BUFFER_H

#include "device.h"

int host_buffer_create(struct device *device, const struct buffer_params *params,
		       struct buffer **ret_buffer);
void host_buffer_destroy(struct buffer *buffer);
int host_buffer_write(struct buffer *buffer, size_t offset_bytes, const void *from,
		      size_t size_bytes);
int host_buffer_read(struct buffer *buffer, size_t offset_bytes, void *to, size_t size_bytes);

/* The bytes themselves; not to be written where the buffer is read-only. */
uint8_t *host_buffer_data(const struct buffer *buffer);

int host_memory_info(struct device *device, struct memory_info *ret_info);

#endif

// SPDX-License-Identifier: MIT
/* Owns what callers are told about devices. */
#include <stdio.h>

#include "cleanup.h"
#include "device_list.h"
#include "library.h"

DEFINE_CLEANUP(struct device_list, device_list_destroy)

_Static_assert((int)SLM_DEVICE_CPU == (int)DEVICE_CPU && (int)SLM_DEVICE_GPU == (int)DEVICE_GPU &&
		       (int)SLM_DEVICE_ACCELERATOR == (int)DEVICE_ACCELERATOR &&
		       (int)SLM_DEVICE_OTHER == (int)DEVICE_OTHER,
	       "types are the same");

static struct slm_device describe(const struct device_entry *entry)
{
	struct slm_device device = {
		.size_bytes = sizeof(device),
		.memory_bytes = entry->memory_bytes,
		.type = (uint32_t)entry->type,
		.usable = entry->usable,
	};

	(void)snprintf(device.selector, sizeof(device.selector), "%s", entry->selector);
	(void)snprintf(device.name, sizeof(device.name), "%s", entry->name);
	(void)snprintf(device.platform, sizeof(device.platform), "%s", entry->platform);
	(void)snprintf(device.reason, sizeof(device.reason), "%s", entry->reason);
	return device;
}

int slm_devices(const struct slm_log *log, int (*show)(void *data, const struct slm_device *device),
		void *data)
{
	_cleanup_(device_list_destroy_p) struct device_list *list = NULL;
	struct caller_log caller_log;
	int r;

	caller_log_init(&caller_log, log);
	r = device_list_create(DEVICES_ALL, &caller_log.log, &list);
	if (r < 0)
		return r;
	for (size_t i = 0; i < list->n_entries; i++) {
		struct slm_device device = describe(&list->entries[i]);

		if (show(data, &device) != 0)
			break;
	}
	return 0;
}

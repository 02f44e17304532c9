// SPDX-License-Identifier: MIT
/* Owns what the environment says of the devices to show. Refuses numbers that cannot be: takes the default. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { WORD_MAX = NODE_PATH_MAX, EACH_MAX = 4, MEMORY_MIB = 512 };

/* The INDEXth word of a list, or its last. */
static void word_of(const char *name, unsigned index, char word[static WORD_MAX])
{
	const char *at = getenv(name);

	*word = '\0';
	if (!at)
		return;
	for (; index > 0 && strchr(at, ','); index--)
		at = strchr(at, ',') + 1;
	(void)snprintf(word, WORD_MAX, "%.*s", (int)strcspn(at, ","), at);
}

static unsigned number_of(const char *name, unsigned index, unsigned otherwise)
{
	char word[WORD_MAX], *end;
	unsigned long number;

	word_of(name, index, word);
	number = strtoul(word, &end, 10);
	return *word && !*end && number <= UINT32_MAX ? (unsigned)number : otherwise;
}

static unsigned few_of(const char *name)
{
	unsigned number = number_of(name, 0, 1);

	return number >= 1 && number <= EACH_MAX ? number : 1;
}

static cl_device_type type_of(unsigned index)
{
	char word[WORD_MAX];

	word_of("SLM_MOCK_TYPE", index, word);
	if (strcmp(word, "gpu") == 0)
		return CL_DEVICE_TYPE_GPU;
	return strcmp(word, "cpu") == 0 ? CL_DEVICE_TYPE_CPU : CL_DEVICE_TYPE_ACCELERATOR;
}

static enum report report_of(unsigned index)
{
	static const char *const names[] = {
		[REPORT_ZERO] = "zero", [REPORT_ODD] = "odd", [REPORT_ABSURD] = "absurd"};
	char word[WORD_MAX];

	word_of("SLM_MOCK_REPORT", index, word);
	for (unsigned i = REPORT_ZERO; i <= REPORT_ABSURD; i++) {
		if (strcmp(word, names[i]) == 0)
			return i;
	}
	return REPORT_NORMAL;
}

static void read_device(struct mock *m, unsigned index)
{
	struct _cl_device_id *device = &m->devices[index];
	char word[WORD_MAX];

	device->dispatch = &m->dispatch;
	device->platform = &m->platforms[index / m->n_devices_each];
	device->index = index;
	device->type = type_of(index);
	device->memory_bytes = (cl_ulong)number_of("SLM_MOCK_MEMORY_MIB", index, MEMORY_MIB) << 20;
	device->is_unified = number_of("SLM_MOCK_UNIFIED", index, 0) != 0;
	device->report = report_of(index);
	word_of("SLM_MOCK_PCI", index, word);
	word_of("SLM_MOCK_NODE", index, device->node_path);
	if (*device->node_path != '/')
		*device->node_path = '\0';
	device->has_pci = sscanf(word, "%x:%x:%x.%x", &device->pci.pci_domain, &device->pci.pci_bus,
				 &device->pci.pci_device, &device->pci.pci_function) == 4;
}

void config_read(struct mock *m)
{
	m->n_platforms = few_of("SLM_MOCK_PLATFORMS");
	m->n_devices_each = few_of("SLM_MOCK_DEVICES");
	m->n_devices = m->n_platforms * m->n_devices_each;
	m->has_binaries = number_of("SLM_MOCK_BINARIES", 0, 1) != 0;
	for (unsigned p = 0; p < m->n_platforms; p++)
		m->platforms[p] = (struct _cl_platform_id){&m->dispatch, p};
	for (unsigned d = 0; d < m->n_devices; d++)
		read_device(m, d);
}

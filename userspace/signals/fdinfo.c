// SPDX-License-Identifier: MIT
/* Owns the format of drm-usage-stats. Refuses sums that do not fit: they are unknown. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "fdinfo.h"

/* The same memory under its three names; a later one is only for kernels without the earlier. */
enum region_key { REGION_RESIDENT, REGION_TOTAL, REGION_MEMORY, REGION_KEYS };

static const char *const region_prefixes[REGION_KEYS] = {
	[REGION_RESIDENT] = "drm-resident-",
	[REGION_TOTAL] = "drm-total-",
	[REGION_MEMORY] = "drm-memory-",
};

static const struct {
	const char *unit;
	uint64_t bytes;
} units[] = {{"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};

static void add(uint64_t *sum, uint64_t value)
{
	if (*sum == UINT64_MAX)
		*sum = value;
	else if (!size_add(*sum, value, sum))
		*sum = UINT64_MAX;
}

/* "123 KiB" */
static bool parse_bytes(const char *text, uint64_t *ret_bytes)
{
	char unit[4] = "";
	uint64_t n;

	if (sscanf(text, "%19" SCNu64 " %3s", &n, unit) < 1)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(unit, units[i].unit) == 0)
			return size_mul(n, units[i].bytes, ret_bytes);
	}
	return false;
}

static void take_line(struct fdinfo *info, uint64_t regions[static REGION_KEYS], const char *key,
		      const char *value)
{
	uint64_t number;

	if (strcmp(key, "drm-driver") == 0)
		info->is_drm = true;
	else if (strcmp(key, "drm-pdev") == 0)
		info->has_pci = pci_address_parse(value, &info->pci);
	else if (strcmp(key, "drm-client-id") == 0 && sscanf(value, "%19" SCNu64, &number) == 1)
		info->client_id = number;
	else if (strncmp(key, "drm-engine-", 11) == 0 &&
		 strncmp(key, "drm-engine-capacity-", 20) != 0 &&
		 sscanf(value, "%19" SCNu64 " ns", &number) == 1)
		add(&info->busy_ns, number);
	for (size_t i = 0; i < REGION_KEYS; i++) {
		if (strncmp(key, region_prefixes[i], strlen(region_prefixes[i])) == 0 &&
		    parse_bytes(value, &number))
			add(&regions[i], number);
	}
}

void fdinfo_parse(const char *text, size_t size, struct fdinfo *ret_info)
{
	uint64_t regions[REGION_KEYS] = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
	struct fdinfo info = {
		.client_id = UINT64_MAX, .memory_bytes = UINT64_MAX, .busy_ns = UINT64_MAX};
	const char *end = text + size;

	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((stop ? stop : end) - text);
		char line[128];
		char *colon;

		if (n < sizeof(line)) {
			memcpy(line, text, n);
			line[n] = '\0';
			colon = strchr(line, ':');
			if (colon) {
				*colon = '\0';
				colon += 1 + strspn(colon + 1, " \t");
				take_line(&info, regions, line, colon);
			}
		}
		text += n + 1;
	}
	for (size_t i = 0; i < REGION_KEYS && info.memory_bytes == UINT64_MAX; i++)
		info.memory_bytes = regions[i];
	*ret_info = info;
}

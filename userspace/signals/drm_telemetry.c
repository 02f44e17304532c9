// SPDX-License-Identifier: MIT
/*
 * Owns what is read of a node's hardware without asking its driver. Refuses figures that cannot be:
 * they stay unknown.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "cleanup.h"
#include "drm_telemetry.h"
#include "fdinfo.h"
#include "path.h"
#include "sysfs.h"

enum {
	CLIENTS_MAX = 64, /* files of ours on one node that are told apart */
	FDINFO_MAX = 16384,
};

#define FACT(field) offsetof(struct drm_telemetry, field)

/* Beyond these a figure is a mistake. */
#define BYTES_MAX  (UINT64_C(1) << 50)
#define MHZ_MAX	   UINT64_C(100000)
#define MW_MAX	   UINT64_C(100000000)
#define MC_MAX	   UINT64_C(1000000)
#define TIME_MAX   (UINT64_C(1) << 62)
#define HUNDREDTHS UINT64_C(100)

const struct drm_fact drm_facts[] = {
	{"memory_total_bytes", FACT(memory_total_bytes), "memory", "MiB", 1 << 20, 0},
	{"memory_used_bytes", FACT(memory_used_bytes), "used", "MiB", 1 << 20, 0},
	{"memory_free_bytes", FACT(memory_free_bytes), "free", "MiB", 1 << 20, 0},
	{"own_memory_bytes", FACT(own_memory_bytes), "ours", "MiB", 1 << 20, 0},
	{"sram_bytes", FACT(sram_bytes), "SRAM", "KiB", 1 << 10, 0},
	{"clock_mhz", FACT(clock_mhz), "clock", "MHz", 1, 0},
	{"clock_max_mhz", FACT(clock_max_mhz), "at most", "MHz", 1, 0},
	{"power_mw", FACT(power_mw), "power", "W", 1000, 1},
	{"energy_uj", FACT(energy_uj), "energy so far", "J", 1000000, 0},
	{"temperature_mc", FACT(temperature_mc), "temperature", "C", 1000, 0},
	{"busy_percent", FACT(busy_percent), "busy", "%", 1, 0},
	{"busy_us", FACT(busy_us), "busy so far", "s", 1000000, 1},
	{"own_busy_us", FACT(own_busy_us), "busy for us", "s", 1000000, 1},
};
const size_t n_drm_facts = ARRAY_SIZE(drm_facts);

uint64_t drm_fact_value(const struct drm_fact *fact, const struct drm_telemetry *telemetry)
{
	uint64_t value;

	memcpy(&value, (const char *)telemetry + fact->offset, sizeof(value));
	return value;
}

static void set_fact(struct drm_telemetry *telemetry, size_t offset, uint64_t value)
{
	memcpy((char *)telemetry + offset, &value, sizeof(value));
}

void drm_telemetry_init(struct drm_telemetry *telemetry)
{
	memset(telemetry, 0, sizeof(*telemetry));
	for (size_t i = 0; i < n_drm_facts; i++)
		set_fact(telemetry, drm_facts[i].offset, FACT_UNKNOWN);
}

/* ---- sysfs ---- */

/*
 * Which file below the hardware's folder says what. The first that exists is believed. ivpu, amdgpu,
 * i915 and xe: their kernel documentation; devfreq and hwmon: common to all drivers that have them.
 */
struct attribute {
	const char *driver; /* NULL: all */
	const char *pattern;
	size_t fact;
	uint64_t multiply, divide;
	uint64_t limit; /* of what the file says */
};

static const struct attribute attributes[] = {
	{"intel_vpu", "npu_busy_time_us", FACT(busy_us), 1, 1, TIME_MAX},
	{"intel_vpu", "npu_memory_utilization", FACT(memory_used_bytes), 1, 1, BYTES_MAX},
	{"intel_vpu", "npu_current_frequency_mhz", FACT(clock_mhz), 1, 1, MHZ_MAX},
	{"intel_vpu", "npu_max_frequency_mhz", FACT(clock_max_mhz), 1, 1, MHZ_MAX},
	{"amdgpu", "mem_info_vram_total", FACT(memory_total_bytes), 1, 1, BYTES_MAX},
	{"amdgpu", "mem_info_vram_used", FACT(memory_used_bytes), 1, 1, BYTES_MAX},
	{"amdgpu", "gpu_busy_percent", FACT(busy_percent), 1, 1, HUNDREDTHS},
	{"amdgpu", "hwmon/hwmon*/freq1_input", FACT(clock_mhz), 1, 1000000, MHZ_MAX * 1000000},
	{"i915", "drm/card*/gt_act_freq_mhz", FACT(clock_mhz), 1, 1, MHZ_MAX},
	{"i915", "drm/card*/gt_max_freq_mhz", FACT(clock_max_mhz), 1, 1, MHZ_MAX},
	{"xe", "tile0/gt0/freq0/act_freq", FACT(clock_mhz), 1, 1, MHZ_MAX},
	{"xe", "tile0/gt0/freq0/max_freq", FACT(clock_max_mhz), 1, 1, MHZ_MAX},
	{NULL, "devfreq/*/cur_freq", FACT(clock_mhz), 1, 1000000, MHZ_MAX * 1000000},
	{NULL, "devfreq/*/max_freq", FACT(clock_max_mhz), 1, 1000000, MHZ_MAX * 1000000},
	{NULL, "hwmon/hwmon*/power1_average", FACT(power_mw), 1, 1000, MW_MAX * 1000},
	{NULL, "hwmon/hwmon*/power1_input", FACT(power_mw), 1, 1000, MW_MAX * 1000},
	{NULL, "hwmon/hwmon*/energy1_input", FACT(energy_uj), 1, 1, TIME_MAX},
	{NULL, "hwmon/hwmon*/temp1_input", FACT(temperature_mc), 1, 1, MC_MAX},
};

/* The first path that PATTERN fits below DIR, as a name below DIR; false: none. */
static bool find_file(const char *dir, const char *pattern, char name[static SYSFS_PATH_MAX])
{
	char whole[SYSFS_PATH_MAX];
	glob_t found = {0};
	bool is_found;

	if (!strchr(pattern, '*')) {
		(void)snprintf(name, SYSFS_PATH_MAX, "%s", pattern);
		return true;
	}
	/* DIR is ours and has no wildcards, unless a user's root has: then nothing is found. */
	if (snprintf(whole, sizeof(whole), "%s/%s", dir, pattern) >= (int)sizeof(whole))
		return false;
	is_found = glob(whole, GLOB_NOESCAPE, NULL, &found) == 0 && found.gl_pathc > 0 &&
		   strlen(found.gl_pathv[0]) < SYSFS_PATH_MAX &&
		   strncmp(found.gl_pathv[0], dir, strlen(dir)) == 0;
	if (is_found)
		(void)strcpy(name, found.gl_pathv[0] + strlen(dir) + 1);
	globfree(&found);
	return is_found;
}

static void read_attribute(struct drm_telemetry *telemetry, const struct drm_node *node,
			   const struct attribute *attribute, const struct log *log)
{
	const struct drm_fact fact = {.offset = attribute->fact};
	char name[SYSFS_PATH_MAX];
	uint64_t value;
	int r;

	if (drm_fact_value(&fact, telemetry) != FACT_UNKNOWN ||
	    (attribute->driver && strcmp(attribute->driver, node->driver) != 0) ||
	    !find_file(node->device_dir, attribute->pattern, name))
		return;
	r = sysfs_number(node->device_dir, name, attribute->limit, &value);
	if (r == 0)
		set_fact(telemetry, attribute->fact,
			 value / attribute->divide * attribute->multiply);
	else if (r == -EINVAL || r == -ERANGE)
		log_warning(log, "%s/%s is no figure that can be (%s): ignored", node->device_dir,
			    name, strerror(-r));
}

static void read_firmware(struct drm_telemetry *telemetry, const struct drm_node *node)
{
	char text[SYSFS_TEXT_MAX];

	if (node->kind == NODE_ACCEL && !*telemetry->firmware &&
	    sysfs_text(node->device_dir, "fw_version", text) == 0)
		(void)snprintf(telemetry->firmware, sizeof(telemetry->firmware), "%.*s",
			       (int)sizeof(telemetry->firmware) - 1, text);
}

void drm_telemetry_read_sysfs(struct drm_telemetry *telemetry, const struct drm_node *node,
			      const struct log *log)
{
	if (!*node->device_dir)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++)
		read_attribute(telemetry, node, &attributes[i], log);
	read_firmware(telemetry, node);
}

/* ---- our own open nodes ---- */

static bool read_fdinfo(const char *dir, const char *fd, struct fdinfo *ret_info)
{
	char path[SYSFS_PATH_MAX], text[FDINFO_MAX];

	if (snprintf(path, sizeof(path), "%s/fdinfo/%s", dir, fd) >= (int)sizeof(path))
		return false;
	fdinfo_parse(text, read_beginning(path, text, sizeof(text)), ret_info);
	return ret_info->is_drm;
}

static bool holds(const char *dir, const char *fd, const struct fdinfo *info,
		  const struct drm_node *node)
{
	char path[SYSFS_PATH_MAX], target[SYSFS_PATH_MAX];
	ssize_t n;

	if (info->has_pci && node->has_pci)
		return pci_address_equal(&info->pci, &node->pci);
	if (snprintf(path, sizeof(path), "%s/fd/%s", dir, fd) >= (int)sizeof(path))
		return false;
	n = readlinkat(AT_FDCWD, path, target, sizeof(target)); /* as in sysfs.c */
	return n == (ssize_t)strlen(node->path) && memcmp(target, node->path, (size_t)n) == 0;
}

static void add_own(uint64_t *sum, uint64_t value)
{
	if (value == FACT_UNKNOWN)
		return;
	if (*sum == FACT_UNKNOWN)
		*sum = 0;
	if (!size_add(*sum, value, sum))
		*sum = FACT_UNKNOWN;
}

/* Was the client counted before? Several fds may be one. */
static bool is_counted(uint64_t clients[static CLIENTS_MAX], size_t *n, uint64_t id)
{
	if (id == UINT64_MAX)
		return false;
	for (size_t i = 0; i < *n; i++) {
		if (clients[i] == id)
			return true;
	}
	if (*n < CLIENTS_MAX)
		clients[(*n)++] = id;
	return false;
}

void drm_telemetry_read_fdinfo(struct drm_telemetry *telemetry, const char *root,
			       const struct drm_node *node)
{
	char dir[SYSFS_PATH_MAX], path[SYSFS_PATH_MAX + 8];
	uint64_t clients[CLIENTS_MAX], busy_ns = FACT_UNKNOWN;
	const struct dirent *entry;
	size_t n_clients = 0;
	struct fdinfo info;
	DIR *folder;

	if (snprintf(dir, sizeof(dir), "%s/proc/self", root) >= (int)sizeof(dir))
		return;
	(void)snprintf(path, sizeof(path), "%s/fdinfo", dir);
	folder = opendir(path);
	if (!folder)
		return;
	while ((entry = readdir(folder))) {
		if (*entry->d_name == '.' || !read_fdinfo(dir, entry->d_name, &info) ||
		    !holds(dir, entry->d_name, &info, node) ||
		    is_counted(clients, &n_clients, info.client_id))
			continue;
		add_own(&telemetry->own_memory_bytes, info.memory_bytes);
		add_own(&busy_ns, info.busy_ns);
	}
	(void)closedir(folder);
	if (busy_ns != FACT_UNKNOWN)
		telemetry->own_busy_us = busy_ns / 1000;
}

int drm_telemetry_open_and_query(struct drm_telemetry *telemetry, const char *root,
				 const struct drm_node *node)
{
	_cleanup_close_ int fd = -1;
	char path[SYSFS_PATH_MAX];

	if (snprintf(path, sizeof(path), "%s%s", root, node->path) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	drm_telemetry_query(telemetry, node, fd);
	return 0;
}

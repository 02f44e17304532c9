// SPDX-License-Identifier: MIT
/*
 * Owns the file of figures. Refuses what is not whole, is another device's, or cannot be: numbers
 * from outside decide where a model runs, so each must lie where a device's can.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <sys/utsname.h>

#include "array.h"
#include "calibration_file.h"
#include "cleanup.h"
#include "hash.h"
#include "path.h"

enum {
	FILE_BYTES_MAX = 64 << 10,
	IDENTITY_MAX = 1024,
};

/* No device is as slow or as fast as that. */
static const double rate_min = 1e3, rate_max = 1e17, seconds_max = 10;

static void decref_p(json_t **json)
{
	json_decref(*json);
}

/* ---- what figures are of ---- */

static void identity(const struct calibrate_params *params, char text[static IDENTITY_MAX])
{
	const struct device_entry *entry = params->entry;
	struct utsname system = {0};
	unsigned n_threads = params->n_threads > 0 ? params->n_threads : thread_pool_default_size();

	(void)uname(&system);
	(void)snprintf(text, IDENTITY_MAX, "%d; %s; %s; %s; %s; %u threads; %s %s %s %s",
		       CALIBRATION_VERSION, entry->ops->name, entry->name, entry->platform,
		       entry->driver, n_threads, system.sysname, system.release, system.version,
		       system.machine);
	/* A driver may call itself anything; JSON is UTF-8. */
	for (char *c = text; *c; c++)
		*c = *c < ' ' || *c > '~' ? '?' : *c;
}

static char *file_path(const struct calibrate_params *params)
{
	char text[IDENTITY_MAX], key[SHA256_HEX_SIZE];
	struct sha256 *sha256;

	identity(params, text);
	if (sha256_create(&sha256) < 0)
		return NULL;
	sha256_update(sha256, text, strlen(text));
	sha256_finish(sha256, key);
	sha256_destroy(sha256);
	return path_format("%s/calibration/%.32s.json", params->cache_dir, key);
}

/* ---- what can be ---- */

static bool is_rate(double value)
{
	return value == 0 || (value >= rate_min && value <= rate_max);
}

static bool is_time(double value)
{
	return value >= 0 && value <= seconds_max;
}

bool calibration_is_sane(const struct calibration *calibration)
{
	const struct device_rates *rates = &calibration->rates;
	bool sane = is_time(rates->run_s) && is_time(rates->launch_s) && is_time(rates->link_s) &&
		    is_rate(rates->attention_one_macs_s) && is_rate(rates->attention_many_macs_s) &&
		    is_rate(rates->values_bytes_s) && is_rate(rates->link_bytes_s) &&
		    rates->attention_one_macs_s > 0 && rates->attention_many_macs_s > 0 &&
		    rates->link_bytes_s > 0;

	for (unsigned i = 0; i < TENSOR_TYPE_IDS; i++) {
		bool wanted = calibration->types & UINT64_C(1) << i;

		sane = sane && is_rate(rates->weights_bytes_s[i]) && is_rate(rates->macs_s[i]) &&
		       (rates->weights_bytes_s[i] > 0) == wanted &&
		       (rates->macs_s[i] > 0) == wanted;
	}
	return sane;
}

/* ---- the document ---- */

/* NAN where it is no number, so that nothing takes it for one. */
static double number_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static void read_rates(const json_t *root, struct device_rates *rates)
{
	rates->run_s = number_of(root, "run_s");
	rates->launch_s = number_of(root, "launch_s");
	rates->attention_one_macs_s = number_of(root, "attention_one_macs_s");
	rates->attention_many_macs_s = number_of(root, "attention_many_macs_s");
	rates->values_bytes_s = number_of(root, "values_bytes_s");
	rates->link_s = number_of(root, "link_s");
	rates->link_bytes_s = number_of(root, "link_bytes_s");
}

static void read_types(const json_t *types, struct calibration *calibration)
{
	for (unsigned i = 0; i < TENSOR_TYPE_IDS; i++) {
		const struct tensor_type_info *info = tensor_type_info(i);
		const json_t *type = info ? json_object_get(types, info->name) : NULL;

		if (!type || !tensor_type_supported(i))
			continue;
		calibration->types |= UINT64_C(1) << i;
		calibration->rates.weights_bytes_s[i] = number_of(type, "weights_bytes_s");
		calibration->rates.macs_s[i] = number_of(type, "macs_s");
	}
}

static bool read_family(const json_t *root, const struct device_entry *entry,
			struct calibration *calibration)
{
	const char *family = json_string_value(json_object_get(root, "kernel_family"));

	if (!family || !entry->kernel_families)
		return !family && !entry->kernel_families;
	for (size_t i = 0; entry->kernel_families[i]; i++) {
		if (strcmp(entry->kernel_families[i], family) != 0)
			continue;
		(void)snprintf(calibration->kernel_family, KERNEL_FAMILY_MAX, "%s", family);
		return true;
	}
	return false;
}

static bool read_document(const json_t *root, const struct calibrate_params *params,
			  struct calibration *calibration)
{
	const char *of = json_string_value(json_object_get(root, "of"));
	const json_t *measured = json_object_get(root, "measured_s");
	char text[IDENTITY_MAX];

	identity(params, text);
	if (!of || strcmp(of, text) != 0 || !json_is_integer(measured) ||
	    !read_family(root, params->entry, calibration))
		return false;
	calibration->measured_s = json_integer_value(measured);
	calibration->is_kept = true;
	read_rates(root, &calibration->rates);
	read_types(json_object_get(root, "types"), calibration);
	return calibration->measured_s > 0 && calibration->types != 0 &&
	       calibration_is_sane(calibration);
}

/* Read, not mapped: another process may cut a file short at any time. */
static json_t *load(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_free_ char *text = malloc(FILE_BYTES_MAX);
	size_t n = 0;
	ssize_t got = 1;

	while (fd >= 0 && text && got > 0 && n < FILE_BYTES_MAX) {
		got = read(fd, text + n, FILE_BYTES_MAX - n);
		n += got > 0 ? (size_t)got : 0;
	}
	return n > 0 && got == 0 ? json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

int calibration_file_read(const struct calibrate_params *params, struct calibration *ret)
{
	_cleanup_(decref_p) json_t *root = NULL;
	_cleanup_free_ char *path = params->cache_dir ? file_path(params) : NULL;
	struct calibration calibration = {0};

	if (!params->cache_dir)
		return -ENOENT;
	if (!path)
		return log_oom(params->log, "reading what was measured");
	if (access(path, F_OK) < 0)
		return -ENOENT;
	root = load(path);
	if (!root || !read_document(root, params, &calibration)) {
		log_info(params->log, "%s is damaged; %s is measured anew", path,
			 params->entry->selector);
		return -ENOENT;
	}
	*ret = calibration;
	return 0;
}

static json_t *types_json(const struct calibration *calibration)
{
	json_t *types = json_object();

	for (unsigned i = 0; i < TENSOR_TYPE_IDS; i++) {
		if (calibration->types & UINT64_C(1) << i)
			(void)json_object_set_new(types, tensor_type_info(i)->name,
						  json_pack("{s:f, s:f}", "weights_bytes_s",
							    calibration->rates.weights_bytes_s[i],
							    "macs_s",
							    calibration->rates.macs_s[i]));
	}
	return types;
}

static char *document(const struct calibrate_params *params, const struct calibration *calibration)
{
	const struct device_rates *rates = &calibration->rates;
	_cleanup_(decref_p) json_t *root = NULL;
	char of[IDENTITY_MAX];

	identity(params, of);
	root = json_pack("{s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o}", "of", of,
			 "measured_s", (json_int_t)calibration->measured_s, "run_s", rates->run_s,
			 "launch_s", rates->launch_s, "attention_one_macs_s",
			 rates->attention_one_macs_s, "attention_many_macs_s",
			 rates->attention_many_macs_s, "values_bytes_s", rates->values_bytes_s,
			 "link_s", rates->link_s, "link_bytes_s", rates->link_bytes_s, "types",
			 types_json(calibration));
	if (root && *calibration->kernel_family)
		(void)json_object_set_new(root, "kernel_family",
					  json_string(calibration->kernel_family));
	return root ? json_dumps(root, JSON_INDENT(1)) : NULL;
}

static int write_document(const char *path, const char *text)
{
	struct new_file file __attribute__((cleanup(new_file_finish))) = NEW_FILE_NONE;
	_cleanup_free_ char *folder = strndup(path, (size_t)(strrchr(path, '/') - path));
	int r = folder ? path_make_dirs(folder) : -ENOMEM;

	if (r == 0)
		r = new_file_init(&file, path);
	if (r == 0)
		r = write_all(file.fd, text, strlen(text));
	return r < 0 ? r : new_file_publish(&file);
}

void calibration_file_write(const struct calibrate_params *params,
			    const struct calibration *calibration)
{
	_cleanup_free_ char *path = params->cache_dir ? file_path(params) : NULL;
	_cleanup_free_ char *text = document(params, calibration);
	int r = -ENOMEM;

	if (!params->cache_dir)
		return;
	if (path && text)
		r = write_document(path, text);
	if (r < 0)
		log_warning(params->log,
			    "cannot keep what was measured of %s in %s (%s); it is measured at "
			    "every start",
			    params->entry->selector, params->cache_dir, strerror(-r));
}

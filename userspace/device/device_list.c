// SPDX-License-Identifier: MIT
/* Owns the list of devices and the meaning of --device. Refuses to guess: a word that fits nothing
 * usable is an error. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "absence.h"
#include "array.h"
#include "cleanup.h"
#include "cpu.h"
#include "device_list.h"
#include "icd.h"
#include "opencl.h"
#include "reference.h"

DEFINE_CLEANUP(struct device_list, device_list_destroy)

enum {
	ENTRIES_MAX = 512, /* drivers that offer more are listed in part */
};

static const char *const type_names[] = {
	[DEVICE_CPU] = "cpu",
	[DEVICE_GPU] = "gpu",
	[DEVICE_ACCELERATOR] = "accelerator",
	[DEVICE_OTHER] = "other",
};

const char *device_type_name(enum device_type type)
{
	return type_names[type];
}

struct device_entry *device_list_add(struct device_list *list)
{
	struct device_entry *entry;

	if (list->n_entries == list->capacity)
		return NULL;
	entry = &list->entries[list->n_entries++];
	memset(entry, 0, sizeof(*entry));
	return entry;
}

static int add_native(struct device_list *list, const struct device_ops *ops, const char *name,
		      const char *reason)
{
	struct device_entry *entry = device_list_add(list);
	struct device probe = {.name = "host"};
	struct memory_info memory = {0};

	if (!entry)
		return -ENOMEM;
	entry->ops = ops;
	entry->type = DEVICE_CPU;
	entry->is_host_cpu = true;
	entry->shares_host = true;
	entry->usable = true;
	(void)snprintf(entry->selector, sizeof(entry->selector), "%s", ops->name);
	(void)snprintf(entry->name, sizeof(entry->name), "%s", name);
	(void)snprintf(entry->reason, sizeof(entry->reason), "%s", reason);
	if (ops->memory_info(&probe, &memory) == 0)
		entry->memory_bytes = memory.total_bytes;
	return 0;
}

static int make_list(enum device_scope scope, bool asks_later, const struct log *log,
		     struct device_list **ret_list)
{
	_cleanup_(device_list_destroy_p) struct device_list *list = calloc(1, sizeof(*list));
	char name[DEVICE_TEXT_MAX];
	int r;

	if (!list)
		return log_oom(log, "listing the devices");
	list->scope = scope;
	list->asks_later = asks_later;
	list->capacity = ENTRIES_MAX;
	list->entries = calloc(list->capacity, sizeof(*list->entries));
	if (!list->entries)
		return log_oom(log, "listing the devices");
	cpu_describe(name);
	r = add_native(list, &cpu_device_ops, name, "native code for this processor");
	if (r == 0)
		r = add_native(list, &reference_device_ops, "plain C",
			       "the oracle, slow; used only by name");
	if (r == 0 && scope == DEVICES_ALL && asks_later)
		opencl_prepare();
	else if (r == 0 && scope == DEVICES_ALL)
		r = opencl_discover(list, log);
	if (r < 0)
		return r;
	device_list_find_twins(list);
	*ret_list = TAKE(list);
	return 0;
}

int device_list_create(enum device_scope scope, const struct log *log,
		       struct device_list **ret_list)
{
	return make_list(scope, false, log, ret_list);
}

void device_list_load_failures(const struct device_list *list,
			       void (*say)(void *data, const char *text), void *data)
{
	if (list->scope == DEVICES_ALL && !*list->limit)
		icd_load_failures(say, data);
}

bool device_list_has_hardware(const struct device_list *list)
{
	for (size_t i = 0; i < list->n_entries; i++) {
		/* what stands for an empty platform has no data */
		if (list->entries[i].driver_data && list->entries[i].type != DEVICE_CPU)
			return true;
	}
	return false;
}

static void note_failure(void *data, const char *text)
{
	bool *any = data;

	(void)text;
	*any = true;
}

/* What cannot be loaded now may be there in a moment, and no fact tells. */
static bool any_load_failure(const struct device_list *list)
{
	bool any = false;

	device_list_load_failures(list, note_failure, &any);
	return any;
}

int device_list_create_to_choose(const char *cache_dir, const struct log *log,
				 struct device_list **ret_list)
{
	_cleanup_(absence_finish) struct absence absence = {0};
	int r;

	/* Who has asked before may be told what was so then. */
	if (!cache_dir || icd_any_is_loaded() || absence_init(&absence, "", cache_dir) < 0)
		return make_list(DEVICES_ALL, false, log, ret_list);
	if (absence_is_known(&absence)) {
		log_info(log,
			 "no OpenCL driver had a device to choose less than %d minutes ago, and "
			 "nothing has changed since: none is loaded",
			 ABSENCE_SECONDS / 60);
		return make_list(DEVICES_ALL, true, log, ret_list);
	}
	r = make_list(DEVICES_ALL, false, log, ret_list);
	if (r == 0 && !(*ret_list)->is_uncertain && !device_list_has_hardware(*ret_list) &&
	    !any_load_failure(*ret_list))
		absence_remember(&absence);
	return r;
}

int device_list_refresh(struct device_list *list, const struct log *log)
{
	int r = 0;

	if (list->asks_later)
		r = opencl_discover(list, log);
	else if (list->scope == DEVICES_ALL)
		r = opencl_refresh(list, log);
	list->asks_later = false;
	if (r < 0)
		return log_oom(log, "listing the devices");
	device_list_find_twins(list);
	return 0;
}

void device_list_destroy(struct device_list *list)
{
	if (!list)
		return;
	opencl_forget(list);
	free(list->entries);
	free(list);
}

/* ---- twins ---- */

/* Of names there may be two alike: selectors tell platforms apart. */
static bool is_same_platform(const struct device_entry *a, const struct device_entry *b)
{
	size_t n = strcspn(a->selector, ".");

	return n == strcspn(b->selector, ".") && strncmp(a->selector, b->selector, n) == 0;
}

static bool is_twin(const struct device_entry *entry, const struct device_entry *other)
{
	return other->usable && entry->has_pci && other->has_pci &&
	       pci_address_equal(&entry->pci, &other->pci) && !is_same_platform(entry, other);
}

void device_list_find_twins(struct device_list *list)
{
	for (size_t i = 1; i < list->n_entries; i++) {
		struct device_entry *entry = &list->entries[i];

		for (size_t k = 1; k < i && entry->usable && !entry->twin; k++) {
			/* of several entries the first stands for the hardware */
			if (!list->entries[k].twin && is_twin(entry, &list->entries[k]))
				entry->twin = k;
		}
		if (entry->twin)
			(void)snprintf(entry->reason, sizeof(entry->reason),
				       "the same device as %s; used only by name",
				       list->entries[entry->twin].selector);
	}
}

/* Is it another driver's view of hardware, to be used only by name? */
static bool stands_back(const struct device_list *list, const struct device_entry *entry)
{
	return entry->twin && list->entries[entry->twin].usable;
}

/* ---- words ---- */

static bool word_is(const struct device_entry *entry, const char *word)
{
	size_t n = strlen(word);

	if (strcmp(entry->selector, word) == 0)
		return true;
	if (strcmp(word, "opencl") == 0)
		return strncmp(entry->selector, "opencl:", 7) == 0;
	/* "opencl:1" is every device of platform 1 */
	return strncmp(word, "opencl:", 7) == 0 && strncmp(entry->selector, word, n) == 0 &&
	       entry->selector[n] == '.';
}

static bool is_exact_word(const char *word)
{
	return strcmp(word, "cpu") == 0 || strcmp(word, "reference") == 0 ||
	       strncmp(word, "opencl", 6) == 0;
}

static bool word_means(const struct device_entry *entry, const char *word)
{
	if (is_exact_word(word))
		return word_is(entry, word);
	return strcasestr(entry->name, word) || strcasestr(entry->platform, word);
}

/* Of several the first: the others are told by slm devices. */
static void keep_first(void *data, const char *text)
{
	char *kept = data;

	if (*kept == '\0')
		(void)snprintf(kept, ICD_TEXT_MAX, "%s", text);
}

static int no_such_device(const struct device_list *list, const char *word, const struct log *log)
{
	char failure[ICD_TEXT_MAX] = "";

	for (size_t i = 0; i < list->n_entries; i++) {
		const struct device_entry *entry = &list->entries[i];

		if (word_means(entry, word))
			return log_error(log, ENODEV, "device '%s' (%s, %s) cannot be used: %s",
					 word, entry->selector, entry->name, entry->reason);
	}
	if (*list->limit)
		return log_error(log, ENODEV,
				 "no OpenCL driver can be asked for the device '%s': %s", word,
				 list->limit);
	device_list_load_failures(list, keep_first, failure);
	if (*failure)
		return log_error(log, ENODEV, "there is no device '%s'; %s", word, failure);
	return log_error(log, ENODEV,
			 "there is no device '%s'; see 'slm devices' for those there are", word);
}

/* Two drivers for one processor would share it, not double it. */
static bool repeats_host_cpu(const struct device_entry *entry, const char *word,
			     const struct device_entry *const *chosen, size_t n)
{
	if (strcmp(word, "opencl") != 0 || !entry->is_host_cpu)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (chosen[i]->is_host_cpu)
			return true;
	}
	return false;
}

/* Is ENTRY the hardware of a chosen entry, by another platform? */
static bool repeats_hardware(const struct device_list *list, const struct device_entry *entry,
			     const struct device_entry *const *chosen, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t a = entry->twin ? entry->twin : (size_t)(entry - list->entries);
		size_t b = chosen[i]->twin ? chosen[i]->twin : (size_t)(chosen[i] - list->entries);

		if (a == b && chosen[i] != entry)
			return true;
	}
	return false;
}

static int select_word(const struct device_list *list, const char *word, const struct log *log,
		       const struct device_entry **ret_entries, size_t n, size_t max)
{
	size_t before = n;
	bool is_repeated = false, is_host_repeated = false;

	for (size_t i = 0; i < list->n_entries; i++) {
		const struct device_entry *entry = &list->entries[i];

		if (!entry->usable || !word_means(entry, word) ||
		    (strcmp(word, "opencl") == 0 && stands_back(list, entry)))
			continue;
		if (repeats_host_cpu(entry, word, ret_entries, n)) {
			is_host_repeated = true;
			continue;
		}
		if (repeats_hardware(list, entry, ret_entries, n)) {
			is_repeated = true;
			continue;
		}
		if (n == max)
			return log_error(log, ENODEV, "'%s' makes more than %zu devices", word,
					 max);
		ret_entries[n++] = entry;
	}
	if (n == before && is_repeated)
		return log_error(log, ENODEV,
				 "device '%s' is named already, through another driver: it cannot "
				 "be used twice",
				 word);
	if (n == before && is_host_repeated)
		return log_error(log, ENODEV,
				 "'%s' means nothing but this processor here, which is named "
				 "already; by its own word (see 'slm devices') it can be added",
				 word);
	return n > before ? (int)n : no_such_device(list, word, log);
}

int device_list_select(const struct device_list *list, const char *selector, const struct log *log,
		       const struct device_entry **ret_entries, size_t max)
{
	_cleanup_free_ char *words = strdup(selector);
	char *rest = words, *word;
	int n = 0;

	if (!words)
		return log_oom(log, "choosing devices");
	while (n >= 0 && (word = strsep(&rest, ","))) {
		if (*word == '\0')
			return log_error(log, ENODEV, "'%s' names an empty device", selector);
		n = select_word(list, word, log, ret_entries, (size_t)n, max);
	}
	return n;
}

bool device_list_set_aside(struct device_list *list, const struct device_entry *entry,
			   const char *reason)
{
	struct device_entry *failed = &list->entries[entry - list->entries];

	if (failed == &list->entries[0])
		return false;
	failed->usable = false;
	(void)snprintf(failed->reason, sizeof(failed->reason), "%s", reason);
	return true;
}

void device_list_take_back(struct device_list *list, const struct device_entry *entry)
{
	struct device_entry *back = &list->entries[entry - list->entries];

	if (back->is_gone)
		return;
	back->usable = true;
	(void)snprintf(back->reason, sizeof(back->reason), "it is tried again");
}

bool device_list_is_candidate(const struct device_list *list, const struct device_entry *entry)
{
	if (entry == &list->entries[0])
		return true;
	return entry->usable && !stands_back(list, entry) &&
	       (entry->type == DEVICE_GPU || entry->type == DEVICE_ACCELERATOR);
}

int device_list_candidates(const struct device_list *list, const struct device_entry **ret_entries,
			   size_t max)
{
	size_t n = 0;

	for (size_t i = 1; i < list->n_entries && n < max; i++) {
		if (device_list_is_candidate(list, &list->entries[i]))
			ret_entries[n++] = &list->entries[i];
	}
	if (n < max)
		ret_entries[n++] = &list->entries[0];
	return (int)n;
}

const struct device_entry *device_list_default(const struct device_list *list)
{
	const struct device_entry *first;

	(void)device_list_candidates(list, &first, 1);
	return first;
}

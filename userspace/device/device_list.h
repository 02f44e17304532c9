/* SPDX-License-Identifier: MIT */
/*
 * Every device there is, with the reason why it can or cannot be used, and the words by which a user
 * names one. Making the list opens no device; it does load the OpenCL drivers unless told not to.
 */
#ifndef SLM_DEVICE_DEVICE_LIST_H
#define SLM_DEVICE_DEVICE_LIST_H

#include "device.h"
#include "pci_address.h"

struct device_entry {
	const struct device_ops *ops;
	void *driver_data;		/* handed to open; owned by the list */
	char selector[32];		/* "cpu", "reference", "opencl:0.1" */
	char name[DEVICE_TEXT_MAX];	/* of the device, as its driver says it */
	char platform[DEVICE_TEXT_MAX]; /* of the driver; "" for our own */
	char driver[DEVICE_TEXT_MAX]; /* which version of it, and how it is used; "" for our own */
	/* Ways to compute among which calibration chooses, ending with NULL; NULL: no choice. */
	const char *const *kernel_families;
	enum device_type type;
	bool shares_host; /* its memory is the host's */
	bool is_host_cpu; /* computes on the processor we run on, whoever drives it */
	bool has_pci;	  /* the driver says where it sits: PCI is known */
	struct pci_address pci;
	uint32_t pci_vendor; /* 0: unknown */
	uint32_t pci_device; /* 0: unknown */
	/*
	 * 0, or the entry of another platform that drives the same hardware: while that one is usable
	 * this one is used only by name, and never beside it.
	 */
	size_t twin;
	uint64_t memory_bytes;
	bool usable;
	bool is_gone; /* its driver does not list it any more; nothing makes it usable */
	char reason[DEVICE_TEXT_MAX]; /* why it is, or is not, usable */
};

enum device_scope {
	DEVICES_NATIVE, /* cpu and reference: no driver is loaded */
	DEVICES_ALL,
};

struct device_list {
	struct device_entry *entries; /* [n_entries], in a fixed order: cpu, reference, OpenCL */
	size_t n_entries;
	size_t capacity; /* as many as there can be: entries do not move */
	enum device_scope scope;
	bool asks_later; /* no driver was loaded, because it is known that none has a device to choose */
	bool is_uncertain; /* some driver could not say what it has */
	/* Which limit of the process keeps drivers out; "": none does. */
	char limit[DEVICE_TEXT_MAX];
};

/* 0 or -ENOMEM. A platform that fails is an entry with its reason, not a failure. */
int device_list_create(enum device_scope scope, const struct log *log,
		       struct device_list **ret_list);

/*
 * The list of DEVICES_ALL for who chooses by device_list_candidates() alone. Where CACHE_DIR (may be
 * NULL) has it that no driver offers a candidate (absence.h), none is loaded before device_list_refresh().
 */
int device_list_create_to_choose(const char *cache_dir, const struct log *log,
				 struct device_list **ret_list);

void device_list_destroy(struct device_list *list);

/* Calls SAY with why a driver of LIST cannot be loaded, for each that cannot; slow. */
void device_list_load_failures(const struct device_list *list,
			       void (*say)(void *data, const char *text), void *data);

/* Does a driver offer a GPU, an accelerator or the like, be it usable or not? */
bool device_list_has_hardware(const struct device_list *list);

/*
 * Looks again at what OpenCL drivers offer, of a list of DEVICES_ALL: devices that came since are added,
 * those that went cannot be used any more, those that came back can; LOG is told of both. Entries stay
 * where they are; those set aside stay so. 0 or -ENOMEM.
 */
int device_list_refresh(struct device_list *list, const struct log *log);

/* Adds a zeroed entry for a back end's discovery to fill, or NULL when there is no room. */
struct device_entry *device_list_add(struct device_list *list);

/*
 * Finds the twins among the entries, by PCI address, and gives them their reason. Devices of one
 * platform are none: a driver may offer parts of a card one by one. Part of making the list.
 */
void device_list_find_twins(struct device_list *list);

/*
 * The entries that SELECTOR means, in its order, into RET_ENTRIES [MAX]: words separated by commas,
 * each "cpu", "reference", "opencl" (all usable OpenCL devices, but each hardware once),
 * "opencl:P", "opencl:P.D", or part of a device's or platform's name in any case. A device that two
 * platforms drive is taken once, from the platform that is named or comes first. Returns how many;
 * -ENODEV (logged) where a word means nothing that is usable, with the reason if there is one, or
 * where "opencl:P.D" names the hardware of an earlier word once more.
 */
int device_list_select(const struct device_list *list, const char *selector, const struct log *log,
		       const struct device_entry **ret_entries, size_t max);

/* Lets ENTRY, which was set aside, be used again, unless it is gone. */
void device_list_take_back(struct device_list *list, const struct device_entry *entry);

/* Makes ENTRY unusable for REASON. False where that cannot be: the CPU is what is always left. */
bool device_list_set_aside(struct device_list *list, const struct device_entry *entry,
			   const char *reason);

/* Is ENTRY weighed when nobody says where to run? */
bool device_list_is_candidate(const struct device_list *list, const struct device_entry *entry);

/*
 * The devices to choose from when nobody says, into RET_ENTRIES [MAX]: usable accelerators and GPUs, the
 * CPU last. Returns how many.
 */
int device_list_candidates(const struct device_list *list, const struct device_entry **ret_entries,
			   size_t max);

/* The device to use when nobody says: the first usable accelerator or GPU, else the CPU. */
const struct device_entry *device_list_default(const struct device_list *list);

const char *device_type_name(enum device_type type);

#endif

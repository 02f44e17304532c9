// SPDX-License-Identifier: MIT
/* Owns the reading of ICD files after the loader. Refuses to keep a library that it loads. */
#include <dirent.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "icd.h"
#include "path.h"

enum { LINE_BYTES_MAX = 512 };

static int is_icd(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 4 && strcmp(entry->d_name + n - 4, ".icd") == 0;
}

static const char *vendors_folder(void)
{
	const char *folder = getenv("OCL_ICD_VENDORS");

	if (!folder || !strchr(folder, '/'))
		folder = getenv("OPENCL_VENDOR_PATH");
	return folder && strchr(folder, '/') ? folder : "/etc/OpenCL/vendors";
}

/* The library's name or path, the first line. False: there is none. */
static bool read_library(const char *folder, const char *name, char library[static LINE_BYTES_MAX])
{
	_cleanup_free_ char *path = path_format("%s/%s", folder, name);

	library[path ? read_beginning(path, library, LINE_BYTES_MAX - 1) : 0] = '\0';
	library[strcspn(library, "\r\n")] = '\0';
	return *library != '\0';
}

static void *open_library(const char *library, int how)
{
	return dlopen(library, RTLD_LAZY | RTLD_LOCAL | how);
}

/* Calls VISIT with the name of each ICD file and the library in it. */
static void visit_libraries(void (*visit)(void *data, const char *name, const char *library),
			    void *data)
{
	const char *folder = vendors_folder();
	char library[LINE_BYTES_MAX];
	struct dirent **names = NULL;
	int n = scandir(folder, &names, is_icd, alphasort);

	for (int i = 0; i < n; i++) {
		if (read_library(folder, names[i]->d_name, library))
			visit(data, names[i]->d_name, library);
		free(names[i]);
	}
	free(names);
}

struct listener {
	void (*say)(void *data, const char *text);
	void *data;
};

static void try_one(void *data, const char *name, const char *library)
{
	const struct listener *listener = data;
	char text[ICD_TEXT_MAX];
	const char *error;
	void *handle = open_library(library, RTLD_NOLOAD);

	if (!handle)
		handle = open_library(library, 0);
	if (handle) {
		(void)dlclose(handle);
		return;
	}
	error = dlerror();
	(void)snprintf(text, sizeof(text), "the OpenCL driver of %s cannot be loaded: %s", name,
		       error ? error : library);
	listener->say(listener->data, text);
}

void icd_load_failures(void (*say)(void *data, const char *text), void *data)
{
	struct listener listener = {say, data};

	visit_libraries(try_one, &listener);
}

static void look_at_one(void *data, const char *name, const char *library)
{
	bool *any = data;
	void *handle = open_library(library, RTLD_NOLOAD);

	(void)name;
	if (!handle)
		return;
	*any = true;
	(void)dlclose(handle);
}

bool icd_any_is_loaded(void)
{
	bool any = false;

	visit_libraries(look_at_one, &any);
	return any;
}

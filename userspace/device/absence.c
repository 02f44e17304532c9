// SPDX-License-Identifier: MIT
/*
 * Owns the file that says that there is no device to choose, and the facts it hangs on. Refuses to
 * speak of what it cannot see change: other machines.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "absence.h"
#include "array.h"
#include "cleanup.h"
#include "cursor.h"
#include "path.h"

extern char **environ;

enum {
	FACT_MAX = 4096,
	FOLDERS_DEEP = 5, /* below /dev: bus/usb/001/002 */
	GROUPS_MAX = 256,
	MAGIC_BYTES = 8,
	KEY_BYTES = SHA256_HEX_SIZE - 1,
	ENTRY_BYTES = KEY_BYTES + sizeof(uint64_t),
	FILE_BYTES_MAX = MAGIC_BYTES + ABSENCE_KEYS_MAX * ENTRY_BYTES,
};

static const char magic[MAGIC_BYTES + 1] = "SLMNONE1";

DEFINE_CLEANUP(struct sha256, sha256_destroy)

/* ---- facts ---- */

struct facts {
	struct sha256 *sha256;
	const char *root;
	bool lacks; /* something that cannot be done without */
};

__attribute__((format(printf, 2, 3))) static void add(struct facts *facts, const char *format, ...)
{
	char text[FACT_MAX];
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	facts->lacks |= n < 0 || n >= (int)sizeof(text);
	if (!facts->lacks)
		sha256_update(facts->sha256, text, (size_t)n + 1);
}

static void add_file_state(struct facts *facts, const char *path, const struct stat *status)
{
	add(facts, "%s %ju %ju %o %u %u %jd %jd.%09ld", path, (uintmax_t)status->st_ino,
	    (uintmax_t)status->st_rdev, status->st_mode, status->st_uid, status->st_gid,
	    (intmax_t)status->st_size, (intmax_t)status->st_ctim.tv_sec, status->st_ctim.tv_nsec);
}

/* Of a file that may be missing. PATH is as the machine sees it. */
static void add_file(struct facts *facts, const char *path)
{
	_cleanup_free_ char *whole = path_format("%s%s", facts->root, path);
	struct stat status;

	if (!whole)
		facts->lacks = true;
	else if (stat(whole, &status) == 0)
		add_file_state(facts, path, &status);
	else
		add(facts, "%s: %d", path, errno);
}

/* The beginning of a file: a NUL-terminated text, empty where there is none. */
static void read_text(const struct facts *facts, const char *path, char text[static FACT_MAX])
{
	_cleanup_free_ char *whole = path_format("%s%s", facts->root, path);

	text[whole ? read_beginning(whole, text, FACT_MAX - 1) : 0] = '\0';
}

static int is_shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* The names in a folder, in order; NULL: none. The caller frees all. */
static struct dirent **list(struct facts *facts, const char *path, int *ret_n)
{
	_cleanup_free_ char *whole = path_format("%s%s", facts->root, path);
	struct dirent **names = NULL;

	*ret_n = whole ? scandir(whole, &names, is_shown, alphasort) : -1;
	if (*ret_n >= 0)
		return names;
	facts->lacks |= !whole || errno == ENOMEM || errno == EMFILE || errno == ENFILE;
	*ret_n = 0;
	return NULL;
}

static void free_list(struct dirent **names, int n)
{
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

static void add_names(struct facts *facts, const char *path)
{
	int n;
	struct dirent **names = list(facts, path, &n);

	add(facts, "%s: %d", path, n);
	for (int i = 0; i < n; i++)
		add(facts, "%s", names[i]->d_name);
	free_list(names, n);
}

/* ---- nodes ---- */

static bool begins_with(const char *text, const char *beginning)
{
	return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* What is written to a terminal changes its node, and the other folders hold no nodes. */
static bool is_no_device(const char *name)
{
	static const char *const beginnings[] = {"tty", "vcs", "console", "ptmx",
						 "pts", "shm", "mqueue",  "hugepages"};

	for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++) {
		if (begins_with(name, beginnings[i]))
			return true;
	}
	return false;
}

static void add_nodes(struct facts *facts, const char *folder, int deep);

/* Links lead to nodes that are listed by themselves. */
static void add_node(struct facts *facts, const char *path, int deep)
{
	_cleanup_free_ char *whole = path_format("%s%s", facts->root, path);
	struct stat status;

	if (!whole) {
		facts->lacks = true;
		return;
	}
	if (lstat(whole, &status) < 0)
		return; /* it went this moment, or is not for us to see */
	if (S_ISDIR(status.st_mode) && deep < FOLDERS_DEEP)
		add_nodes(facts, path, deep + 1);
	else if (S_ISCHR(status.st_mode) || S_ISREG(status.st_mode))
		add_file_state(facts, path, &status);
}

static void add_nodes(struct facts *facts, const char *folder, int deep)
{
	int n;
	struct dirent **names = list(facts, folder, &n);

	for (int i = 0; i < n; i++) {
		unsigned char type = names[i]->d_type;
		_cleanup_free_ char *path = NULL;

		if (type == DT_LNK || type == DT_BLK || type == DT_SOCK || type == DT_FIFO ||
		    is_no_device(names[i]->d_name))
			continue;
		path = path_format("%s/%s", folder, names[i]->d_name);
		if (path)
			add_node(facts, path, deep);
		facts->lacks |= !path;
	}
	free_list(names, n);
}

/* ---- drivers ---- */

/* An ICD file and, where it names its library by a path, that too. */
static void add_icd(struct facts *facts, const char *path)
{
	char text[FACT_MAX];

	add_file(facts, path);
	read_text(facts, path, text);
	text[strcspn(text, "\r\n")] = '\0';
	if (strchr(text, '/'))
		add_file(facts, text);
}

/* A folder of ICD files, an ICD file, or nothing that there is. */
static void add_vendors(struct facts *facts, const char *path)
{
	int n;
	struct dirent **names = list(facts, path, &n);

	add_file(facts, path);
	if (!names)
		add_icd(facts, path);
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *file = path_format("%s/%s", path, names[i]->d_name);

		if (file)
			add_icd(facts, file);
		facts->lacks |= !file;
	}
	free_list(names, n);
}

static void add_drivers(struct facts *facts)
{
	static const char *const variables[] = {"OCL_ICD_VENDORS", "OPENCL_VENDOR_PATH"};

	add_vendors(facts, "/etc/OpenCL/vendors");
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		const char *value = getenv(variables[i]);

		/* Else it depends on the working folder, or on where the loader looks. */
		facts->lacks |= value && *value != '/';
		if (value)
			add_vendors(facts, value);
	}
	facts->lacks |= getenv("OCL_ICD_FILENAMES") != NULL;
	add_file(facts, "/etc/ld.so.cache");
}

/* ---- the process ---- */

/* Is it a word for a driver whose devices are elsewhere, where we see nothing come? */
static bool is_remote(const char *variable)
{
	return begins_with(variable, "POCL_") &&
	       (strcasestr(variable, "remote") || strcasestr(variable, "discovery"));
}

static void add_environment(struct facts *facts)
{
	/* What shells change from one command to the next, and what discovery itself sets. */
	static const char *const neutral[] = {
		"_=", "COLUMNS=", "LINES=", "OLDPWD=", "PWD=", "SHLVL=", "POCL_AFFINITY="};

	for (char **variable = environ; *variable; variable++) {
		bool counts = true;

		for (size_t i = 0; i < ARRAY_SIZE(neutral); i++)
			counts = counts && !begins_with(*variable, neutral[i]);
		if (counts)
			sha256_update(facts->sha256, *variable, strlen(*variable) + 1);
		facts->lacks |= is_remote(*variable);
	}
}

static void add_link(struct facts *facts, const char *path)
{
	_cleanup_free_ char *whole = path_format("%s%s", facts->root, path);
	char text[256];
	ssize_t n = whole ? readlink(whole, text, sizeof(text)) : 0;

	add(facts, "%s: %.*s", path, (int)MAX(n, 0), text);
}

static void add_process(struct facts *facts)
{
	gid_t groups[GROUPS_MAX];
	int n = getgroups(GROUPS_MAX, groups);
	char text[FACT_MAX];

	add(facts, "%u %u %u %d", getuid(), geteuid(), getegid(), n);
	for (int i = 0; i < n; i++)
		add(facts, "%u", groups[i]);
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit limit = {0};

		(void)getrlimit((__rlimit_resource_t)i, &limit);
		add(facts, "%ju", (uintmax_t)limit.rlim_cur);
	}
	add_link(facts, "/proc/self/ns/mnt");
	add_link(facts, "/proc/self/ns/user");
	read_text(facts, "/proc/self/cgroup", text);
	sha256_update(facts->sha256, text, strlen(text) + 1);
}

/* ---- the machine ---- */

static void add_system(struct facts *facts)
{
	_cleanup_free_ char *modules = NULL;
	struct utsname system = {0};
	char boot[FACT_MAX];

	read_text(facts, "/proc/sys/kernel/random/boot_id", boot);
	facts->lacks |= !*boot;
	(void)uname(&system);
	add(facts, "%s %s %s", SLM_VERSION, system.release, boot);
	modules = path_format("/lib/modules/%s/modules.dep", system.release);
	if (modules)
		add_file(facts, modules);
	facts->lacks |= !modules;
	add_names(facts, "/sys/module");
	add_names(facts, "/sys/bus/pci/devices");
}

static uint64_t seconds_since_boot(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec;
}

int absence_init(struct absence *absence, const char *root, const char *cache_dir)
{
	_cleanup_(sha256_destroy_p) struct sha256 *sha256 = NULL;
	_cleanup_free_ char *path = path_format("%s/no-devices", cache_dir);
	struct absence made = {.now_s = seconds_since_boot()};
	struct facts facts = {.root = root};

	if (!path || sha256_create(&sha256) < 0)
		return -ENOMEM;
	facts.sha256 = sha256;
	add_environment(&facts);
	add_process(&facts);
	add_system(&facts);
	add_drivers(&facts);
	add_nodes(&facts, "/dev", 0);
	if (facts.lacks)
		return -ENOENT;
	sha256_finish(sha256, made.key);
	made.path = TAKE(path);
	*absence = made;
	return 0;
}

void absence_finish(struct absence *absence)
{
	free(absence->path);
	*absence = (struct absence){0};
}

/* ---- the file ---- */

/* Positions CURSOR at the entries. False: this is no file of ours. */
static bool begin_entries(struct cursor *cursor, const uint8_t *bytes, size_t size)
{
	const uint8_t *begin;

	cursor_init(cursor, bytes, size);
	begin = cursor_take(cursor, MAGIC_BYTES);
	return begin && memcmp(begin, magic, MAGIC_BYTES) == 0 && size <= FILE_BYTES_MAX &&
	       cursor_left(cursor) % ENTRY_BYTES == 0;
}

struct entry {
	const uint8_t *key; /* [KEY_BYTES] */
	uint64_t since_s;
};

static bool next_entry(struct cursor *cursor, struct entry *ret_entry)
{
	*ret_entry = (struct entry){.key = cursor_take(cursor, KEY_BYTES)};
	ret_entry->since_s = cursor_u64(cursor);
	return !cursor->failed;
}

static bool is_good(const struct absence *absence, const struct entry *entry)
{
	return entry->since_s <= absence->now_s &&
	       absence->now_s - entry->since_s < ABSENCE_SECONDS;
}

static bool is_ours(const struct absence *absence, const struct entry *entry)
{
	return memcmp(entry->key, absence->key, KEY_BYTES) == 0;
}

bool absence_is_known(const struct absence *absence)
{
	uint8_t bytes[FILE_BYTES_MAX + 1];
	size_t size = read_beginning(absence->path, bytes, sizeof(bytes));
	struct cursor cursor;
	struct entry entry;

	if (!begin_entries(&cursor, bytes, size))
		return false;
	while (next_entry(&cursor, &entry)) {
		if (is_ours(absence, &entry))
			return is_good(absence, &entry);
	}
	return false;
}

static size_t put_entry(uint8_t *at, const void *key, uint64_t since_s)
{
	memcpy(at, key, KEY_BYTES);
	memcpy(at + KEY_BYTES, &since_s, sizeof(since_s));
	return ENTRY_BYTES;
}

/* Ours first, then those of others that are good. */
static size_t fill(const struct absence *absence, uint8_t ret_bytes[static FILE_BYTES_MAX])
{
	uint8_t before[FILE_BYTES_MAX + 1];
	size_t n = MAGIC_BYTES, size = read_beginning(absence->path, before, sizeof(before));
	struct cursor cursor;
	struct entry entry;

	memcpy(ret_bytes, magic, MAGIC_BYTES);
	n += put_entry(ret_bytes + n, absence->key, absence->now_s);
	if (!begin_entries(&cursor, before, size))
		return n;
	while (n < FILE_BYTES_MAX && next_entry(&cursor, &entry)) {
		if (!is_ours(absence, &entry) && is_good(absence, &entry))
			n += put_entry(ret_bytes + n, entry.key, entry.since_s);
	}
	return n;
}

void absence_remember(const struct absence *absence)
{
	struct new_file file __attribute__((cleanup(new_file_finish))) = NEW_FILE_NONE;
	_cleanup_free_ char *folder =
		strndup(absence->path, (size_t)(strrchr(absence->path, '/') - absence->path));
	uint8_t bytes[FILE_BYTES_MAX];
	size_t size = fill(absence, bytes);

	if (!folder || path_make_dirs(folder) < 0)
		return;
	new_file_sweep(folder);
	if (new_file_init(&file, absence->path) == 0 && write_all(file.fd, bytes, size) == 0)
		(void)new_file_publish(&file);
}

void absence_forget(const char *cache_dir)
{
	_cleanup_free_ char *path = cache_dir ? path_format("%s/no-devices", cache_dir) : NULL;

	if (path)
		(void)unlink(path);
}

// SPDX-License-Identifier: MIT
/* Owns folders that stand for /. Refuses to go on where one cannot be made. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_tree.h"
#include "path.h"

enum { PATH_TEXT_MAX = 512 };

static void must(int done, const char *path)
{
	if (done)
		return;
	perror(path);
	abort();
}

/* Others may look into all folders, so that permissions of files can be tested. */
static void make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		must(mkdir(path, 0755) == 0 || errno == EEXIST, path);
		*slash = '/';
	}
}

/* Where PATH of the tree is; what is above it is there. */
static const char *whole(const struct fake_tree *tree, const char *path, char text[PATH_TEXT_MAX])
{
	must(snprintf(text, PATH_TEXT_MAX, "%s%s", tree->root, path) < PATH_TEXT_MAX, path);
	make_folders(text);
	return text;
}

void fake_tree_init(struct fake_tree *tree)
{
	(void)strcpy(tree->root, "/tmp/slm-tree-XXXXXX");
	must(mkdtemp(tree->root) != NULL, tree->root);
	must(chmod(tree->root, 0755) == 0, tree->root);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status, (void)type, (void)where;
	return remove(path);
}

void fake_tree_finish(struct fake_tree *tree)
{
	must(nftw(tree->root, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0, tree->root);
}

void fake_bytes(const struct fake_tree *tree, const char *path, const void *bytes, size_t size)
{
	char text[PATH_TEXT_MAX];
	int fd = open(whole(tree, path, text), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	must(fd >= 0 && write_all(fd, bytes, size) == 0 && close(fd) == 0, text);
}

void fake_text(const struct fake_tree *tree, const char *path, const char *text)
{
	fake_bytes(tree, path, text, strlen(text));
}

void fake_link(const struct fake_tree *tree, const char *path, const char *target)
{
	char text[PATH_TEXT_MAX];

	(void)unlink(whole(tree, path, text));
	must(symlink(target, text) == 0, text);
}

void fake_folder(const struct fake_tree *tree, const char *path)
{
	char text[PATH_TEXT_MAX];

	must(mkdir(whole(tree, path, text), 0755) == 0 || errno == EEXIST, text);
}

void fake_node(const struct fake_tree *tree, const struct fake_node *node)
{
	char path[PATH_TEXT_MAX], target[PATH_TEXT_MAX];

#define AT(...) (void)snprintf(path, sizeof(path), __VA_ARGS__)
	AT("/sys/devices/%s", node->hardware);
	fake_folder(tree, path);
	AT("/sys/class/%s/%s/device", node->class, node->name);
	(void)snprintf(target, sizeof(target), "%s/sys/devices/%s", tree->root, node->hardware);
	fake_link(tree, path, target);
	AT("/sys/class/%s/%s/dev", node->class, node->name);
	(void)snprintf(target, sizeof(target), "%s\n", node->number);
	fake_text(tree, path, target);
	AT("/sys/devices/%s/subsystem", node->hardware);
	(void)snprintf(target, sizeof(target), "../../../bus/%s", node->bus);
	fake_link(tree, path, target);
	if (node->driver) {
		AT("/sys/devices/%s/driver", node->hardware);
		(void)snprintf(target, sizeof(target), "../../../bus/%s/drivers/%s", node->bus,
			       node->driver);
		fake_link(tree, path, target);
	}
	if (node->vendor) {
		AT("/sys/devices/%s/vendor", node->hardware);
		fake_text(tree, path, node->vendor);
		AT("/sys/devices/%s/device", node->hardware);
		fake_text(tree, path, node->device);
	}
#undef AT
	fake_text(tree, node->dev, "");
	must(chmod(whole(tree, node->dev, path), 0660) == 0, path);
}

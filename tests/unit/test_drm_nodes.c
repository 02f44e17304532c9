// SPDX-License-Identifier: MIT
/* Nodes of the kernel as sysfs shows them, in folders that stand for /, also with nonsense inside. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array.h"
#include "check.h"
#include "drm_nodes.h"
#include "fake_tree.h"
#include "sysfs.h"

static const struct fake_node npu = {
	.class = "accel",
	.name = "accel0",
	.dev = "/dev/accel/accel0",
	.number = "261:0",
	.hardware = "pci0000:00/0000:00:0b.0",
	.bus = "pci",
	.driver = "intel_vpu",
	.vendor = "0x8086\n",
	.device = "0x7d1d\n",
};
static const struct fake_node gpu = {
	.class = "drm",
	.name = "renderD128",
	.dev = "/dev/dri/renderD128",
	.number = "226:128",
	.hardware = "pci0000:00/0000:00:02.0",
	.bus = "pci",
	.driver = "i915",
	.vendor = "0x8086\n",
	.device = "0x7d55\n",
};
static const struct fake_node mali = {
	.class = "drm",
	.name = "renderD129",
	.dev = "/dev/dri/renderD129",
	.number = "226:129",
	.hardware = "platform/fb000000.gpu",
	.bus = "platform",
	.driver = "panthor",
};

static int set_up(void **state)
{
	static struct fake_tree tree;

	fake_tree_init(&tree);
	*state = &tree;
	return 0;
}

static int tear_down(void **state)
{
	fake_tree_finish(*state);
	return 0;
}

static void read_all(const struct fake_tree *tree, struct kept_log *kept,
		     struct drm_node_list *list)
{
	kept_log_init(kept);
	assert_int_equal(drm_nodes_read(tree->root, &kept->log, list), 0);
}

static void nothing_is_an_empty_list(void **state)
{
	struct fake_tree *tree = *state;
	struct drm_node_list list;
	struct kept_log kept;
	struct drm_node node;

	read_all(tree, &kept, &list);
	assert_int_equal(list.n_nodes, 0);
	assert_int_equal(kept.n, 0);
	assert_int_equal(drm_node_read(tree->root, "accel0", NULL, &node), -ENOENT);
	drm_nodes_finish(&list);
	drm_nodes_finish(&list);
}

static void a_pci_accelerator(void **state)
{
	struct fake_tree *tree = *state;
	char text[PCI_ADDRESS_TEXT_MAX];
	struct drm_node node;

	fake_node(tree, &npu);
	assert_int_equal(drm_node_read(tree->root, "accel0", NULL, &node), 0);
	assert_int_equal(node.kind, NODE_ACCEL);
	assert_string_equal(node.path, "/dev/accel/accel0");
	assert_string_equal(node.driver, "intel_vpu");
	assert_string_equal(node.bus, "pci");
	assert_string_equal(node.address, "0000:00:0b.0");
	assert_true(node.has_pci);
	assert_string_equal(pci_address_text(&node.pci, text), "0000:00:0b.0");
	assert_int_equal(node.pci_vendor, 0x8086);
	assert_int_equal(node.pci_device, 0x7d1d);
	assert_true(node.has_number);
	assert_int_equal(node.major, 261);
	assert_int_equal(node.minor, 0);
	assert_true(node.exists);
	assert_int_equal(node.mode, 0660);
	assert_true(node.may_open);
	assert_string_equal(node.objection, "");
}

static void nodes_come_by_kind_and_number(void **state)
{
	static const char *const wanted[] = {"accel0",	   "accel2",	 "accel10",
					     "renderD128", "renderD129", "mali0"};
	struct fake_tree *tree = *state;
	struct fake_node more = npu;
	struct drm_node_list list;
	struct kept_log kept;

	fake_node(tree, &mali);
	fake_node(tree, &gpu);
	fake_node(tree, &npu);
	more.name = "accel10";
	fake_node(tree, &more);
	more.name = "accel2";
	fake_node(tree, &more);
	more.class = "misc";
	more.name = "mali0";
	more.dev = "/dev/mali0";
	fake_node(tree, &more);
	/* what is no node of ours */
	fake_folder(tree, "/sys/class/drm/card0");
	fake_folder(tree, "/sys/class/drm/renderD");
	fake_folder(tree, "/sys/class/drm/renderD12x");
	fake_folder(tree, "/sys/class/drm/renderD99999999999999999999");
	fake_folder(tree, "/sys/class/misc/fuse");
	read_all(tree, &kept, &list);
	assert_int_equal(list.n_nodes, ARRAY_SIZE(wanted));
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		assert_string_equal(list.nodes[i].name, wanted[i]);
	assert_string_equal(list.nodes[4].address, "fb000000.gpu");
	assert_false(list.nodes[4].has_pci);
	assert_int_equal(kept.n, 0);
	drm_nodes_finish(&list);
}

static void names_from_outside_stay_inside(void **state)
{
	static const char *const names[] = {"",		  "accel",   "accel/0",
					    "../accel0",  "accel-1", "accel1 ",
					    "renderD0x1", "card0",   "renderD9999999"};
	struct fake_tree *tree = *state;
	enum drm_node_kind kind;
	struct drm_node node;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(drm_node_read(tree->root, names[i], NULL, &node), -EINVAL);
		assert_false(drm_node_kind_of(names[i], &kind));
	}
	assert_true(drm_node_kind_of("renderD128", &kind));
	assert_int_equal(kind, NODE_RENDER);
	assert_false(drm_node_kind_of("mali0", &kind));
}

static void a_node_that_is_not_in_dev(void **state)
{
	struct fake_tree *tree = *state;
	struct drm_node node;
	char path[128];

	fake_node(tree, &npu);
	(void)snprintf(path, sizeof(path), "%s/dev/accel/accel0", tree->root);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(drm_node_read(tree->root, "accel0", NULL, &node), 0);
	assert_false(node.exists);
	assert_false(node.may_open);
	assert_non_null(strstr(node.objection, "there is no /dev/accel/accel0"));
}

/* As somebody who is not root: permissions do not stop that one. */
static void read_as_nobody(const struct fake_tree *tree, const char *name,
			   struct drm_node *ret_node)
{
	assert_int_equal(setresuid(65534, 65534, 0), 0);
	assert_int_equal(drm_node_read(tree->root, name, NULL, ret_node), 0);
	assert_int_equal(setresuid(0, 0, 0), 0);
}

static void a_node_that_may_not_be_opened_says_what_to_do(void **state)
{
	struct fake_tree *tree = *state;
	struct drm_node node;
	char path[128];

	if (geteuid() != 0)
		skip();
	fake_node(tree, &npu);
	(void)snprintf(path, sizeof(path), "%s/dev/accel/accel0", tree->root);
	/* group 1 is daemon in Debian */
	assert_int_equal(chown(path, 0, 1), 0);
	assert_int_equal(chmod(path, 0660), 0);
	read_as_nobody(tree, "accel0", &node);
	assert_true(node.exists);
	assert_false(node.may_open);
	assert_string_equal(node.group, "daemon");
	assert_non_null(strstr(node.objection, "ask to be in group daemon"));
	assert_int_equal(chown(path, 0, 0), 0);
	assert_int_equal(chmod(path, 0600), 0);
	read_as_nobody(tree, "accel0", &node);
	assert_false(node.may_open);
	assert_non_null(strstr(node.objection, "only root may open /dev/accel/accel0 (mode 0600"));
	assert_int_equal(chmod(path, 0666), 0);
	read_as_nobody(tree, "accel0", &node);
	assert_true(node.may_open);
}

static void a_device_number_that_is_not_sysfs_s(void **state)
{
	struct fake_tree *tree = *state;
	struct drm_node node;

	fake_node(tree, &npu);
	fake_link(tree, "/dev/accel/accel0", "/dev/null");
	assert_int_equal(drm_node_read(tree->root, "accel0", NULL, &node), 0);
	assert_false(node.may_open);
	assert_non_null(strstr(node.objection, "is device 1:3, but sysfs says 261:0"));
}

/* One attribute of the accelerator that makes no sense: named, and the rest is known all the same. */
static void odd_attribute(const struct fake_tree *tree, const char *path, const char *bytes,
			  size_t size)
{
	const char *name = strrchr(path, '/') + 1;
	struct drm_node_list list;
	struct kept_log kept;

	fake_node(tree, &npu);
	fake_bytes(tree, path, bytes, size);
	read_all(tree, &kept, &list);
	assert_int_equal(list.n_nodes, 1);
	assert_string_equal(list.nodes[0].driver, "intel_vpu");
	assert_int_equal(kept.n, 1);
	assert_non_null(strstr(kept.text, name));
	drm_nodes_finish(&list);
}

static void odd_attributes_are_named_and_survived(void **state)
{
	static const char *const numbers[] = {
		"",	 "x",	 "261",	    "261:",	    "261:x",
		"226:0", "-1:0", "261:0 9", "261:99999999", "999999999999:0"};
	struct fake_tree *tree = *state;
	char many[5000];

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		odd_attribute(tree, "/sys/class/accel/accel0/dev", numbers[i], strlen(numbers[i]));
	memset(many, '7', sizeof(many));
	odd_attribute(tree, "/sys/class/accel/accel0/dev", many, sizeof(many));
	odd_attribute(tree, "/sys/class/accel/accel0/dev", "261\0:0", 6);
	odd_attribute(tree, "/sys/devices/pci0000:00/0000:00:0b.0/vendor", "0x18086", 7);
	odd_attribute(tree, "/sys/devices/pci0000:00/0000:00:0b.0/vendor", "\x1b[31m", 5);
	odd_attribute(tree, "/sys/devices/pci0000:00/0000:00:0b.0/device", "0x", 2);
}

static void odd_links_and_folders(void **state)
{
	struct fake_tree *tree = *state;
	struct drm_node_list list;
	struct kept_log kept;
	struct fake_node odd = npu;
	char fifo[128];

	fake_node(tree, &npu);
	fake_link(tree, "/sys/class/accel/accel1", "accel1"); /* a loop */
	fake_text(tree, "/sys/class/accel/accel2", "a file");
	read_all(tree, &kept, &list);
	assert_int_equal(list.n_nodes, 1);
	assert_int_equal(kept.n, 2);
	drm_nodes_finish(&list);
	odd.hardware = "pci0000:00/no-address";
	fake_node(tree, &odd);
	read_all(tree, &kept, &list);
	assert_string_equal(list.nodes[0].bus, "pci");
	assert_false(list.nodes[0].has_pci);
	drm_nodes_finish(&list);
	/* would wait for a writer for ever */
	(void)snprintf(fifo, sizeof(fifo), "%s/sys/class/accel/accel0/dev", tree->root);
	assert_int_equal(unlink(fifo), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	read_all(tree, &kept, &list);
	assert_false(list.nodes[0].has_number);
	drm_nodes_finish(&list);
}

static void more_nodes_than_are_looked_at(void **state)
{
	struct fake_tree *tree = *state;
	struct drm_node_list list;
	struct kept_log kept;
	char path[64];

	for (int i = 0; i < DRM_NODES_MAX + 5; i++) {
		(void)snprintf(path, sizeof(path), "/sys/class/accel/accel%d", i);
		fake_folder(tree, path);
	}
	read_all(tree, &kept, &list);
	assert_int_equal(list.n_nodes, DRM_NODES_MAX);
	assert_non_null(strstr(kept.text, "more nodes"));
	drm_nodes_finish(&list);
}

/* Any bytes in any file: no crash, no text that a terminal should not see. */
static void random_bytes_in_every_file(void **state)
{
	static const char *const paths[] = {
		"/sys/class/accel/accel0/dev",
		"/sys/devices/pci0000:00/0000:00:0b.0/vendor",
		"/sys/devices/pci0000:00/0000:00:0b.0/device",
	};
	struct fake_tree *tree = *state;
	uint32_t seed = 1;

	fake_node(tree, &npu);
	for (unsigned round = 0; round < 300; round++) {
		unsigned char bytes[200];
		struct drm_node node;
		size_t n = round % sizeof(bytes);

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525 + 1013904223;
			/* digits and colons more often than the rest */
			bytes[i] = seed >> 31 ? (unsigned char)(seed >> 16)
					      : (unsigned char)"0123456789:x"[(seed >> 20) % 12];
		}
		fake_bytes(tree, paths[round % ARRAY_SIZE(paths)], bytes, n);
		assert_int_equal(drm_node_read(tree->root, "accel0", NULL, &node), 0);
		assert_string_equal(node.address, "0000:00:0b.0");
		assert_true(!node.has_number || node.major == 261);
	}
}

static void pci_addresses(void **state)
{
	static const char *const bad[] = {"",
					  "0000:00:0b",
					  "0000:00:0b.8",
					  "0000:00:20.0",
					  "0000:00:0b.0 ",
					  " 0000:00:0b.0",
					  "0000:00:0b.00",
					  "123456789:00:0b.0",
					  "0000:100:0b.0",
					  "-000:00:0b.0"};
	struct pci_address address;
	char text[PCI_ADDRESS_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(pci_address_parse(bad[i], &address));
	assert_true(pci_address_parse("10001:a0:1f.7", &address));
	assert_int_equal(address.domain, 0x10001);
	assert_string_equal(pci_address_text(&address, text), "10001:a0:1f.7");
}

#define IN_TREE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_TREE(nothing_is_an_empty_list),
		IN_TREE(a_pci_accelerator),
		IN_TREE(nodes_come_by_kind_and_number),
		IN_TREE(names_from_outside_stay_inside),
		IN_TREE(a_node_that_is_not_in_dev),
		IN_TREE(a_node_that_may_not_be_opened_says_what_to_do),
		IN_TREE(a_device_number_that_is_not_sysfs_s),
		IN_TREE(odd_attributes_are_named_and_survived),
		IN_TREE(odd_links_and_folders),
		IN_TREE(more_nodes_than_are_looked_at),
		IN_TREE(random_bytes_in_every_file),
		cmocka_unit_test(pci_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

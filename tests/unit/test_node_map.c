// SPDX-License-Identifier: MIT
/* Which node stands behind an OpenCL device. */
#include <stdio.h>

#include "array.h"
#include "check.h"
#include "node_map.h"

enum { NPU, IGPU, DGPU, MALI, MALI_TOO, KBASE, N_NODES };

static struct drm_node nodes[N_NODES] = {
	[NPU] = {.kind = NODE_ACCEL, .path = "/dev/accel/accel0", .driver = "intel_vpu"},
	[IGPU] = {.kind = NODE_RENDER, .path = "/dev/dri/renderD128", .driver = "i915"},
	[DGPU] = {.kind = NODE_RENDER, .path = "/dev/dri/renderD129", .driver = "xe"},
	[MALI] = {.kind = NODE_RENDER, .path = "/dev/dri/renderD130", .driver = "panthor"},
	[MALI_TOO] = {.kind = NODE_RENDER, .path = "/dev/dri/renderD131", .driver = "panfrost"},
	[KBASE] = {.kind = NODE_VENDOR, .path = "/dev/mali0", .driver = "mali"},
};
static const struct drm_node_list all = {nodes, N_NODES, N_NODES};

static int set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_NODES; i++)
		(void)snprintf(nodes[i].name, sizeof(nodes[i].name), "%s",
			       strrchr(nodes[i].path, '/') + 1);
	for (size_t i = NPU; i <= DGPU; i++) {
		nodes[i].has_pci = true;
		nodes[i].pci = (struct pci_address){0, (uint8_t)i, 2, 0};
		nodes[i].pci_vendor = 0x8086;
		nodes[i].pci_device = (uint16_t)(0x7000 + i);
	}
	return 0;
}

static struct node_claim claim_of(const char *platform, const char *name)
{
	return (struct node_claim){.selector = "opencl:1.0", .platform = platform, .name = name};
}

static void expect(const struct node_claim *claim, const char *configured, enum node_match_how how,
		   int node)
{
	struct node_match match = node_map_find(&all, claim, configured);

	assert_int_equal(match.how, how);
	assert_ptr_equal(match.node, node < 0 ? NULL : &nodes[node]);
}

static void by_pci_address(void **state)
{
	struct node_claim claim = claim_of("Intel(R) OpenCL Graphics", "Intel(R) Arc");

	(void)state;
	claim.has_pci = true;
	claim.pci = (struct pci_address){0, DGPU, 2, 0};
	expect(&claim, NULL, MATCH_PCI_ADDRESS, DGPU);
	/* a known address that no node has is not overruled by a name */
	claim.pci.domain = 1;
	expect(&claim, NULL, MATCH_NONE, -1);
}

static void by_vendor_and_device(void **state)
{
	struct node_claim claim = claim_of("Intel(R) OpenCL Graphics", "Intel(R) Arc");

	(void)state;
	claim.pci_vendor = 0x8086;
	claim.pci_device = 0x7000 + IGPU;
	expect(&claim, NULL, MATCH_PCI_IDS, IGPU);
	nodes[DGPU].pci_device = 0x7000 + IGPU;
	expect(&claim, NULL, MATCH_AMBIGUOUS, IGPU);
}

static void by_driver_where_one_node_has_it(void **state)
{
	struct node_claim arm = claim_of("ARM Platform", "Mali-G610 r0p0");
	struct node_claim v3d = claim_of("rusticl", "V3D 7.1.7");
	struct node_claim panthor = claim_of("rusticl", "Mali-G610 (Panthor)");
	struct node_claim intel = claim_of("Intel(R) OpenCL", "Intel(R) Graphics");
	struct node_claim other = claim_of("Portable Computing Language", "basic");

	(void)state;
	expect(&arm, NULL, MATCH_DRIVER, KBASE);
	expect(&v3d, NULL, MATCH_NONE, -1);
	expect(&panthor, NULL, MATCH_DRIVER, MALI);
	expect(&intel, NULL, MATCH_AMBIGUOUS, IGPU);
	expect(&other, NULL, MATCH_NONE, -1);
	other.is_host_cpu = true;
	expect(&other, NULL, MATCH_NONE, -1);
}

static void ambiguity_names_both(void **state)
{
	struct node_claim mali = claim_of("rusticl", "Mali-G52 (Panfrost)");
	struct node_match match = node_map_find(&all, &mali, NULL);

	(void)state;
	assert_int_equal(match.how, MATCH_AMBIGUOUS);
	assert_non_null(strstr(match.note, "/dev/dri/renderD130"));
	assert_non_null(strstr(match.note, "/dev/dri/renderD131"));
	assert_non_null(strstr(match.note, "SLM_DEVICE_NODES"));
}

static void the_render_node_of_one_function_wins(void **state)
{
	struct node_claim claim = claim_of("x", "y");

	(void)state;
	nodes[NPU].pci = nodes[DGPU].pci;
	claim.has_pci = true;
	claim.pci = nodes[DGPU].pci;
	expect(&claim, NULL, MATCH_PCI_ADDRESS, DGPU);
}

static void configuration_overrules(void **state)
{
	struct node_claim claim = claim_of("rusticl", "Mali-G52 (Panfrost)");

	(void)state;
	expect(&claim, "opencl:1.0=/dev/dri/renderD131", MATCH_CONFIGURED, MALI_TOO);
	expect(&claim, "opencl:0.0=none,opencl:1.0=accel0", MATCH_CONFIGURED, NPU);
	expect(&claim, "opencl:1.0=none", MATCH_NONE, -1);
	expect(&claim, "opencl:1.0=/dev/nope", MATCH_NONE, -1);
	expect(&claim, "opencl:1.00=accel0,,=,opencl:1.0", MATCH_AMBIGUOUS, MALI);
	claim.has_pci = true;
	claim.pci = nodes[IGPU].pci;
	expect(&claim, "opencl:1.0=/dev/mali0", MATCH_CONFIGURED, KBASE);
}

static void configuration_is_checked(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{"opencl:1.0", "'opencl:1.0' is not of the form"},
		{"=accel0", "is not of the form"},
		{"opencl:1.0=", "is not of the form"},
		{"opencl:1.0=renderD7", "there is no node 'renderD7' for opencl:1.0"},
	};
	struct kept_log kept;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		kept_log_init(&kept);
		node_map_check(&all, cases[i].text, &kept.log);
		assert_int_equal(kept.n, 1);
		assert_non_null(strstr(kept.text, cases[i].part));
	}
	kept_log_init(&kept);
	node_map_check(&all, "opencl:1.0=none,opencl:0.0=accel0,opencl:2.0=/dev/mali0", &kept.log);
	node_map_check(&all, NULL, &kept.log);
	node_map_check(&all, "", &kept.log);
	assert_int_equal(kept.n, 0);
}

static void unused_nodes_say_what_may_help(void **state)
{
	(void)state;
	assert_non_null(strstr(node_map_unused_reason(&nodes[NPU]), "do not run OpenCL C"));
	assert_non_null(strstr(node_map_unused_reason(&nodes[MALI]), "RUSTICL_ENABLE=panfrost"));
	assert_non_null(strstr(node_map_unused_reason(&nodes[KBASE]), "no OpenCL driver"));
}

#define WITH_NODES(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_NODES(by_pci_address),
		WITH_NODES(by_vendor_and_device),
		WITH_NODES(by_driver_where_one_node_has_it),
		WITH_NODES(ambiguity_names_both),
		WITH_NODES(the_render_node_of_one_function_wins),
		WITH_NODES(configuration_overrules),
		WITH_NODES(configuration_is_checked),
		WITH_NODES(unused_nodes_say_what_may_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

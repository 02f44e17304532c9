// SPDX-License-Identifier: MIT
/* Owns the joining of devices and kernel nodes for `slm devices`. Refuses to open a node unasked. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cleanup.h"
#include "device_nodes.h"
#include "output.h"
#include "table.h"

static const char *root_folder(void)
{
	const char *root = getenv("SLM_SYSROOT");

	return root ? root : "";
}

static void find_nodes(struct device_nodes *nodes, const struct device_list *list,
		       const struct log *log)
{
	const char *configured = getenv("SLM_DEVICE_NODES");

	node_map_check(&nodes->nodes, configured, log);
	for (size_t i = 0; i < list->n_entries; i++) {
		const struct device_entry *entry = &list->entries[i];
		const struct node_claim claim = {
			.selector = entry->selector,
			.platform = entry->platform,
			.name = entry->name,
			.is_host_cpu = entry->is_host_cpu || entry->type == DEVICE_CPU,
			.has_pci = entry->has_pci,
			.pci = entry->pci,
			.pci_vendor = entry->pci_vendor,
			.pci_device = entry->pci_device,
		};

		nodes->matches[i] = node_map_find(&nodes->nodes, &claim, configured);
	}
}

/* May the node be that of a device whose node is not certain? */
static bool may_be_used(const struct drm_node *node, const struct node_match *match)
{
	return match->how == MATCH_AMBIGUOUS && strcmp(node->driver, match->node->driver) == 0;
}

static void give_reason(struct device_nodes *nodes, size_t n, const struct device_list *list)
{
	const struct drm_node *node = &nodes->nodes.nodes[n];
	size_t size = sizeof(nodes->reasons[n]);

	(void)snprintf(nodes->reasons[n], size, "%s", node_map_unused_reason(node));
	for (size_t i = 0; i < list->n_entries; i++) {
		if (may_be_used(node, &nodes->matches[i]))
			(void)snprintf(nodes->reasons[n], size, "may be %s: %s",
				       list->entries[i].selector, nodes->matches[i].note);
		if (nodes->matches[i].node == node && nodes->matches[i].how != MATCH_AMBIGUOUS) {
			nodes->reasons[n][0] = '\0';
			return;
		}
	}
}

static void read_state(struct device_nodes *nodes, size_t n, bool query, const struct log *log)
{
	const struct drm_node *node = &nodes->nodes.nodes[n];
	struct drm_telemetry *telemetry = &nodes->telemetry[n];
	int r = 0;

	drm_telemetry_init(telemetry);
	drm_telemetry_read_sysfs(telemetry, node, log);
	drm_telemetry_read_fdinfo(telemetry, root_folder(), node);
	if (query && node->may_open)
		r = drm_telemetry_open_and_query(telemetry, root_folder(), node);
	if (r < 0)
		log_warning(log, "%s cannot be asked: opening it fails (%s)", node->path,
			    strerror(-r));
}

int device_nodes_init(struct device_nodes *nodes, const struct device_list *list, bool query,
		      const struct log *log)
{
	int r;

	*nodes = (struct device_nodes){0};
	r = drm_nodes_read(root_folder(), log, &nodes->nodes);
	if (r < 0)
		return r;
	nodes->matches = calloc(list->n_entries, sizeof(*nodes->matches));
	nodes->telemetry = calloc(nodes->nodes.n_nodes + 1, sizeof(*nodes->telemetry));
	nodes->reasons = calloc(nodes->nodes.n_nodes + 1, sizeof(*nodes->reasons));
	if (!nodes->matches || !nodes->telemetry || !nodes->reasons) {
		device_nodes_finish(nodes);
		return log_oom(log, "listing the kernel's nodes");
	}
	find_nodes(nodes, list, log);
	for (size_t n = 0; n < nodes->nodes.n_nodes; n++) {
		give_reason(nodes, n, list);
		read_state(nodes, n, query, log);
	}
	return 0;
}

void device_nodes_finish(struct device_nodes *nodes)
{
	drm_nodes_finish(&nodes->nodes);
	free(nodes->matches);
	free(nodes->telemetry);
	free(nodes->reasons);
	*nodes = (struct device_nodes){0};
}

/* ---- for programs ---- */

/* null where nobody says */
static json_t *text_json(const char *text)
{
	return *text ? json_text(text, strlen(text)) : json_null();
}

static json_t *state_json(const struct drm_telemetry *telemetry)
{
	json_t *state = json_object();

	for (size_t i = 0; i < n_drm_facts; i++) {
		uint64_t value = drm_fact_value(&drm_facts[i], telemetry);

		json_object_set_new(state, drm_facts[i].name,
				    value == FACT_UNKNOWN ? json_null() : json_count(value));
	}
	json_object_set_new(state, "firmware", text_json(telemetry->firmware));
	json_object_set_new(state, "power_mode", text_json(telemetry->power_mode));
	json_object_set_new(state, "driver_version", text_json(telemetry->driver_version));
	return state;
}

static void numbers(const struct drm_node *node, char ids[static 16], char number[static 24],
		    char mode[static 8])
{
	*ids = *number = *mode = '\0';
	if (node->has_pci)
		(void)snprintf(ids, 16, "%04x:%04x", node->pci_vendor, node->pci_device);
	if (node->has_number)
		(void)snprintf(number, 24, "%" PRIu32 ":%" PRIu32, node->major, node->minor);
	if (node->exists)
		(void)snprintf(mode, 8, "%04" PRIo32, node->mode);
}

json_t *device_node_json(const struct device_nodes *nodes, const struct drm_node *node,
			 const struct node_match *match)
{
	char ids[16], number[24], mode[8];

	if (!node)
		return json_null();
	numbers(node, ids, number, mode);
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:s, s:o}",
			 "path", node->path, "kind", drm_node_kind_name(node->kind), "driver",
			 text_json(node->driver), "bus", text_json(node->bus), "address",
			 text_json(node->address), "pci_id", text_json(ids), "number",
			 text_json(number), "group", text_json(node->group), "mode",
			 text_json(mode), "access", node->may_open, "objection",
			 text_json(node->objection), "match",
			 node_match_name(match ? match->how : MATCH_NONE), "state",
			 state_json(&nodes->telemetry[node - nodes->nodes.nodes]));
}

/* ---- for people ---- */

const char *device_node_cell(const struct drm_node *node, char text[static NODE_CELL_MAX])
{
	*text = '\0';
	if (node)
		(void)snprintf(text, NODE_CELL_MAX, "%s%s%s%s", node->path,
			       *node->driver ? " (" : "", node->driver, *node->driver ? ")" : "");
	return text;
}

__attribute__((format(printf, 3, 4))) static void append(char *text, size_t size,
							 const char *format, ...)
{
	size_t n = strlen(text);
	va_list arguments;

	if (n > 0 && n + 2 < size) {
		(void)strcat(text, ", ");
		n += 2;
	}
	va_start(arguments, format);
	(void)vsnprintf(text + n, size - n, format, arguments);
	va_end(arguments);
}

/* All that is known, in one line. */
static void describe(const struct drm_telemetry *telemetry, char *text, size_t size)
{
	*text = '\0';
	for (size_t i = 0; i < n_drm_facts; i++) {
		const struct drm_fact *fact = &drm_facts[i];
		uint64_t value = drm_fact_value(fact, telemetry);

		if (value != FACT_UNKNOWN)
			append(text, size, "%s %.*f %s", fact->label, fact->decimals,
			       (double)value / fact->divisor, fact->unit);
	}
	if (*telemetry->firmware)
		append(text, size, "firmware %s", telemetry->firmware);
	if (*telemetry->power_mode)
		append(text, size, "power mode %s", telemetry->power_mode);
	if (*telemetry->driver_version)
		append(text, size, "driver %s", telemetry->driver_version);
}

int device_nodes_print(const struct device_nodes *nodes, FILE *out)
{
	static const char *const titles[] = {"node",   "number", "driver", "at",
					     "PCI id", "access", "state"};
	struct table table;
	int r;

	table_init(&table, titles, ARRAY_SIZE(titles));
	for (size_t i = 0; i < nodes->nodes.n_nodes; i++) {
		const struct drm_node *node = &nodes->nodes.nodes[i];
		char ids[16], number[24], mode[8], state[512];

		numbers(node, ids, number, mode);
		describe(&nodes->telemetry[i], state, sizeof(state));
		table_add(&table, "%s", node->path);
		table_add(&table, "%s", *number ? number : "?");
		table_add(&table, "%s", *node->driver ? node->driver : "?");
		table_add(&table, "%s %s", node->bus, node->address);
		table_add(&table, "%s", *ids ? ids : "-");
		table_add(&table, "%s %s %s", node->may_open ? "yes" : "no", node->group, mode);
		table_add(&table, "%s", *state ? state : "nothing is known");
	}
	r = table_print(&table, out);
	table_finish(&table);
	return r;
}

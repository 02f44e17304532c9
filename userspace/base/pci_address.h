/* SPDX-License-Identifier: MIT */
/* Where a function sits on PCI, as the kernel writes it: "0000:03:00.0" (domain:bus:device.function). */
#ifndef SLM_BASE_PCI_ADDRESS_H
#define SLM_BASE_PCI_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

enum { PCI_ADDRESS_TEXT_MAX = 20 };

struct pci_address {
	uint32_t domain;
	uint8_t bus;
	uint8_t device;	  /* < 32 */
	uint8_t function; /* < 8 */
};

/* False, with *RET_ADDRESS untouched, where TEXT is not such an address and nothing else. */
bool pci_address_parse(const char *text, struct pci_address *ret_address);

/* TEXT, filled. */
const char *pci_address_text(const struct pci_address *address,
			     char text[static PCI_ADDRESS_TEXT_MAX]);

bool pci_address_equal(const struct pci_address *a, const struct pci_address *b);

#endif

// SPDX-License-Identifier: MIT
/* Owns the spelling of PCI addresses. Refuses what is out of range. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pci_address.h"

enum { DEVICES_MAX = 32, FUNCTIONS_MAX = 8 };

bool pci_address_parse(const char *text, struct pci_address *ret_address)
{
	unsigned domain, bus, device, function;
	int end = 0;

	if (strspn(text, "0123456789abcdefABCDEF:.") != strlen(text) ||
	    sscanf(text, "%8x:%2x:%2x.%1x%n", &domain, &bus, &device, &function, &end) != 4 ||
	    text[end] != '\0' || device >= DEVICES_MAX || function >= FUNCTIONS_MAX)
		return false;
	*ret_address =
		(struct pci_address){domain, (uint8_t)bus, (uint8_t)device, (uint8_t)function};
	return true;
}

const char *pci_address_text(const struct pci_address *address,
			     char text[static PCI_ADDRESS_TEXT_MAX])
{
	(void)snprintf(text, PCI_ADDRESS_TEXT_MAX, "%04" PRIx32 ":%02x:%02x.%x", address->domain,
		       address->bus, address->device & 0x1fu, address->function & 7u);
	return text;
}

bool pci_address_equal(const struct pci_address *a, const struct pci_address *b)
{
	return a->domain == b->domain && a->bus == b->bus && a->device == b->device &&
	       a->function == b->function;
}

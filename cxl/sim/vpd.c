// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vital product data of a software adapter, and the PCI capability that it
 * is read through.
 */
#include <asm/byteorder.h>

#include "sim.h"

#define VPD_CAPABILITY		0x40
#define VPD_END_TAG		0x78

/* Returns where the @length bytes of the resource begin. */
static u8 *add_tag(u8 *at, u8 tag, size_t length)
{
	*at++ = tag;
	*at++ = length;
	*at++ = length >> 8;
	return at;
}

static u8 *add_field(u8 *at, const char *keyword, const char *text)
{
	size_t length = strlen(text);

	memcpy(at, keyword, 2);
	at[2] = length;
	memcpy(at + 3, text, length);
	return at + 3 + length;
}

/* The last field makes the sum of all bytes up to its first one 0. */
static u8 *add_checksum(u8 *vpd, u8 *at)
{
	u8 sum = 0;
	u8 *byte;

	at = add_field(at, "RV", " ");
	at[-1] = 0;
	for (byte = vpd; byte < at; byte++)
		sum += *byte;
	at[-1] = -sum;
	return at;
}

/* Host adapters of storage have world wide port names in V5 and V6. */
static void fill(u8 *vpd, int domain)
{
	static const char name[] = "CAPI software adapter";
	u8 *fields, *at = add_tag(vpd, PCI_VPD_LRDT_ID_STRING, strlen(name));
	char text[17];

	memcpy(at, name, strlen(name));
	fields = at + strlen(name) + 3;

	at = add_field(fields, PCI_VPD_RO_KEYWORD_PARTNO, "CAPISIM");
	snprintf(text, sizeof(text), "SIM%04X", domain);
	at = add_field(at, PCI_VPD_RO_KEYWORD_SERIALNO, text);
	snprintf(text, sizeof(text), "500507600000%04X", domain);
	at = add_field(at, "V5", text);
	snprintf(text, sizeof(text), "500507600001%04X", domain);
	at = add_field(at, "V6", text);
	/* The checksum covers the tag too: its length comes first. */
	add_tag(fields - 3, PCI_VPD_LRDT_RO_DATA, at + 4 - fields);
	at = add_checksum(vpd, at);
	*at = VPD_END_TAG;
}

/*
 * Writing the address, with a flag in its last byte, begins an access, which
 * ends at once: the flag has the other value then. Nothing can be stored.
 */
static void vpd_written(struct capi_function *function, int where, int size)
{
	struct sim_adapter *adapter =
		container_of(function, struct sim_adapter, functions[0]);
	const int last = VPD_CAPABILITY + PCI_VPD_ADDR + 1;
	const u8 flag = PCI_VPD_ADDR_F >> 8;
	u8 *cap = function->config + VPD_CAPABILITY;
	unsigned int addr;

	if (where > last || where + size <= last)
		return;

	function->config[last] ^= flag;
	if (!(function->config[last] & flag))
		return;
	addr = cap[PCI_VPD_ADDR] | cap[PCI_VPD_ADDR + 1] << 8;
	addr &= PCI_VPD_ADDR_MASK & ~3;
	memset(cap + PCI_VPD_DATA, 0, 4);
	if (addr < SIM_VPD_SIZE)
		memcpy(cap + PCI_VPD_DATA, adapter->vpd + addr, 4);
}

/**
 * sim_vpd_init() - give the function of a card vital product data
 * @adapter: the card
 * @domain: its PCI domain, which the data differ by
 */
void sim_vpd_init(struct sim_adapter *adapter, int domain)
{
	struct capi_function *function = &adapter->functions[0];
	u8 *cap = function->config + VPD_CAPABILITY;
	int i;

	fill(adapter->vpd, domain);
	function->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	function->config[PCI_CAPABILITY_LIST] = VPD_CAPABILITY;
	cap[PCI_CAP_LIST_ID] = PCI_CAP_ID_VPD;
	for (i = PCI_VPD_ADDR; i < PCI_VPD_DATA + 4; i++)
		function->writable[VPD_CAPABILITY + i] = 0xff;
	function->written = vpd_written;
}

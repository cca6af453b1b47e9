// SPDX-License-Identifier: GPL-2.0-only
/*
 * Configuration space: a PCI Express endpoint with MSI-X.
 */
#include "mdev.h"

#define PCIE_CAP	0x40
#define MSIX_CAP	0x80

/* A processing accelerator */
#define CLASS_ACCELERATOR	0x12

#define COMMAND_WRITABLE (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | \
			  PCI_COMMAND_PARITY | PCI_COMMAND_SERR | \
			  PCI_COMMAND_INTX_DISABLE)
#define DEVCTL_WRITABLE	(PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | \
			 PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE | \
			 PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN | \
			 PCI_EXP_DEVCTL_READRQ)
#define DEVCTL_DEFAULT	(PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN | \
			 PCI_EXP_DEVCTL_READRQ_512B)

static u16 get16(struct capi_mdev *m, unsigned int off)
{
	return m->config[off] | m->config[off + 1] << 8;
}

static void set16(struct capi_mdev *m, unsigned int off, u16 value)
{
	m->config[off] = value;
	m->config[off + 1] = value >> 8;
}

static void set32(struct capi_mdev *m, unsigned int off, u32 value)
{
	set16(m, off, value);
	set16(m, off + 2, value >> 16);
}

bool capi_mdev_memory_enabled(struct capi_mdev *m)
{
	return get16(m, PCI_COMMAND) & PCI_COMMAND_MEMORY;
}

static u64 config_size(struct capi_mdev *m)
{
	return CAPI_MDEV_CONFIG_SIZE;
}

static void reset_pcie_cap(struct capi_mdev *m)
{
	m->config[PCIE_CAP] = PCI_CAP_ID_EXP;
	m->config[PCIE_CAP + 1] = MSIX_CAP;
	set16(m, PCIE_CAP + PCI_EXP_FLAGS, 2 | PCI_EXP_TYPE_ENDPOINT << 4);
	set32(m, PCIE_CAP + PCI_EXP_DEVCAP,
	      PCI_EXP_DEVCAP_RBER | PCI_EXP_DEVCAP_FLR);
	set16(m, PCIE_CAP + PCI_EXP_DEVCTL, DEVCTL_DEFAULT);
	set32(m, PCIE_CAP + PCI_EXP_LNKCAP,
	      PCI_EXP_LNKCAP_SLS_2_5GB | 1 << 4);
	set16(m, PCIE_CAP + PCI_EXP_LNKSTA,
	      PCI_EXP_LNKSTA_CLS_2_5GB | PCI_EXP_LNKSTA_NLW_X1);
}

static void reset_msix_cap(struct capi_mdev *m)
{
	m->config[MSIX_CAP] = PCI_CAP_ID_MSIX;
	set16(m, MSIX_CAP + PCI_MSIX_FLAGS, m->irqs.nr_msix - 1);
	set32(m, MSIX_CAP + PCI_MSIX_TABLE, VFIO_PCI_BAR4_REGION_INDEX);
	set32(m, MSIX_CAP + PCI_MSIX_PBA,
	      capi_mdev_msix_pba(m) | VFIO_PCI_BAR4_REGION_INDEX);
}

/* What the registers that something follows from mean now */
static void apply(struct capi_mdev *m)
{
	bool master = get16(m, PCI_COMMAND) & PCI_COMMAND_MASTER;
	bool masked = get16(m, MSIX_CAP + PCI_MSIX_FLAGS) &
		      PCI_MSIX_FLAGS_MASKALL;

	capi_psa_allow(m->ctx, capi_mdev_memory_enabled(m));
	capi_mdev_irqs_allow(m, master && !masked);
	capi_mdev_dma_allow(m, master);
}

/* Power-on values; MSI-X enable, which is VFIO's, stays. Holds the lock. */
void capi_mdev_config_reset(struct capi_mdev *m)
{
	bool msix = get16(m, MSIX_CAP + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_ENABLE;
	unsigned int bar;

	memset(m->config, 0, sizeof(m->config));
	set16(m, PCI_VENDOR_ID, PCI_VENDOR_ID_IBM);
	set16(m, PCI_DEVICE_ID, m->desc->device);
	set16(m, PCI_STATUS, PCI_STATUS_CAP_LIST);
	m->config[PCI_REVISION_ID] = 1;
	m->config[PCI_CLASS_DEVICE + 1] = CLASS_ACCELERATOR;
	for (bar = 0; bar <= 4; bar += 2)
		m->config[PCI_BASE_ADDRESS_0 + 4 * bar] =
			PCI_BASE_ADDRESS_MEM_TYPE_64;
	set16(m, PCI_SUBSYSTEM_VENDOR_ID, PCI_VENDOR_ID_IBM);
	set16(m, PCI_SUBSYSTEM_ID, CAPI_MDEV_SUBSYSTEM);
	m->config[PCI_CAPABILITY_LIST] = PCIE_CAP;
	reset_pcie_cap(m);
	reset_msix_cap(m);
	capi_mdev_config_set_msix(m, msix);
	apply(m);
}

/* MSI-X enable shows what SET_IRQS did. Caller holds the lock. */
void capi_mdev_config_set_msix(struct capi_mdev *m, bool enabled)
{
	u16 flags = get16(m, MSIX_CAP + PCI_MSIX_FLAGS);

	flags &= ~PCI_MSIX_FLAGS_ENABLE;
	if (enabled)
		flags |= PCI_MSIX_FLAGS_ENABLE;
	set16(m, MSIX_CAP + PCI_MSIX_FLAGS, flags);
}

/* Address bits below a BAR's size are not there: that is how it is sized. */
static u8 bar_mask(struct capi_mdev *m, unsigned int off)
{
	static const struct capi_mdev_region * const bars[] = {
		&capi_mdev_bar0_region,
		&capi_mdev_psa_region,
		&capi_mdev_msix_region,
	};
	unsigned int i = (off - PCI_BASE_ADDRESS_0) / 8;
	u64 mask = ~(bars[i]->size(m) - 1);

	return mask >> (8 * (off % 8));
}

/* The bits that a write changes, of the byte at @off */
static u8 write_mask(struct capi_mdev *m, unsigned int off)
{
	switch (off) {
	case PCI_COMMAND:
	case PCI_COMMAND + 1:
		return COMMAND_WRITABLE >> (8 * (off - PCI_COMMAND));
	case PCI_CACHE_LINE_SIZE:
	case PCI_INTERRUPT_LINE:
		return 0xff;
	case PCI_BASE_ADDRESS_0 ... PCI_BASE_ADDRESS_5 + 3:
		return bar_mask(m, off);
	case PCIE_CAP + PCI_EXP_DEVCTL:
	case PCIE_CAP + PCI_EXP_DEVCTL + 1:
		return DEVCTL_WRITABLE >>
		       (8 * (off - PCIE_CAP - PCI_EXP_DEVCTL));
	case MSIX_CAP + PCI_MSIX_FLAGS + 1:
		return PCI_MSIX_FLAGS_MASKALL >> 8;
	default:
		return 0;
	}
}

static void config_read(struct capi_mdev *m, u64 off, u8 *buf, size_t count)
{
	memcpy(buf, m->config + off, count);
}

static void config_write(struct capi_mdev *m, u64 off, const u8 *buf,
			 size_t count)
{
	const u64 flr_byte = PCIE_CAP + PCI_EXP_DEVCTL + 1;
	size_t i;
	u8 mask;

	for (i = 0; i < count; i++) {
		mask = write_mask(m, off + i);
		m->config[off + i] &= ~mask;
		m->config[off + i] |= buf[i] & mask;
	}
	if (off <= flr_byte && flr_byte < off + count &&
	    buf[flr_byte - off] & (PCI_EXP_DEVCTL_BCR_FLR >> 8))
		capi_mdev_reset(m);
	else
		apply(m);
}

static void config_settle(struct capi_mdev *m, u64 off)
{
	if (off <= PCI_COMMAND + 1)
		capi_mdev_dma_drain(m);
}

const struct capi_mdev_region capi_mdev_config_region = {
	.size = config_size,
	.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
	.max_read = 256,
	.read = config_read,
	.write = config_write,
	.settle = config_settle,
};

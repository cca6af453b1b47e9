// SPDX-License-Identifier: GPL-2.0-only
/*
 * BAR4: the MSI-X table and the pending bits behind it.
 *
 * The table is memory and decides nothing: QEMU keeps what its guest writes to
 * itself and uses SET_IRQS, and so do all other consumers.
 */
#include <linux/log2.h>
#include <linux/slab.h>

#include "mdev.h"

static u32 table_room(unsigned int vectors)
{
	return ALIGN(vectors * PCI_MSIX_ENTRY_SIZE, SZ_4K);
}

int capi_mdev_msix_init(struct capi_mdev *m)
{
	m->msix_table = kzalloc(table_room(m->irqs.max_msix), GFP_KERNEL);
	return m->msix_table ? 0 : -ENOMEM;
}

/* Where the pending bits are: behind the table, at a multiple of 4 KiB */
u32 capi_mdev_msix_pba(struct capi_mdev *m)
{
	return table_room(m->irqs.nr_msix);
}

static u64 msix_size(struct capi_mdev *m)
{
	u64 pba_size = BITS_TO_U64(m->irqs.nr_msix) * sizeof(u64);
	u64 size = roundup_pow_of_two(capi_mdev_msix_pba(m) + pba_size);

	return max_t(u64, size, PAGE_SIZE);
}

/* Every vector masked, as after power-on. Caller holds the lock. */
void capi_mdev_msix_reset(struct capi_mdev *m)
{
	unsigned int i;

	memset(m->msix_table, 0, capi_mdev_msix_pba(m));
	for (i = 0; i < m->irqs.nr_msix; i++)
		m->msix_table[i * PCI_MSIX_ENTRY_SIZE +
			      PCI_MSIX_ENTRY_VECTOR_CTRL] =
			PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

static u8 pending_byte(struct capi_mdev *m, u64 n)
{
	u8 byte = 0;
	unsigned int i;

	for (i = 8 * n; i < 8 * n + 8 && i < m->irqs.nr_msix; i++)
		if (test_bit(i, m->irqs.pending))
			byte |= 1 << (i % 8);
	return byte;
}

static void msix_read(struct capi_mdev *m, u64 off, u8 *buf, size_t count)
{
	u32 pba = capi_mdev_msix_pba(m);
	size_t i;

	for (i = 0; i < count; i++)
		buf[i] = off + i < pba ? m->msix_table[off + i] :
					 pending_byte(m, off + i - pba);
}

static void msix_write(struct capi_mdev *m, u64 off, const u8 *buf,
		       size_t count)
{
	u32 table = m->irqs.nr_msix * PCI_MSIX_ENTRY_SIZE;
	unsigned int field;
	size_t i;
	u8 value;

	for (i = 0; i < count && off + i < table; i++) {
		field = (off + i) % PCI_MSIX_ENTRY_SIZE;
		value = buf[i];
		if (field == PCI_MSIX_ENTRY_LOWER_ADDR)
			value &= ~3;
		else if (field == PCI_MSIX_ENTRY_VECTOR_CTRL)
			value &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
		else if (field > PCI_MSIX_ENTRY_VECTOR_CTRL)
			value = 0;
		m->msix_table[off + i] = value;
	}
}

const struct capi_mdev_region capi_mdev_msix_region = {
	.size = msix_size,
	.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
	.is_bar = true,
	.max_read = 256,
	.read = msix_read,
	.write = msix_write,
};

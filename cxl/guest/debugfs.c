// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/capi_guest/<VF>: what translations cost.
 */
#include <linux/debugfs.h>

#include "guest.h"

static struct dentry *guest_root;

void guest_debugfs_init(void)
{
	guest_root = debugfs_create_dir("capi_guest", NULL);
}

void guest_debugfs_exit(void)
{
	debugfs_remove(guest_root);
}

void guest_debugfs_add(struct guest_card *card)
{
	struct guest_counters *counters = &card->translator.counters;

	card->debugfs = debugfs_create_dir(pci_name(card->vf), guest_root);
	debugfs_create_u64("requests", 0400, card->debugfs, &counters->requests);
	debugfs_create_u64("pages", 0400, card->debugfs, &counters->pages);
	debugfs_create_u64("bad", 0400, card->debugfs, &counters->bad);
	debugfs_create_u64("retries", 0400, card->debugfs, &counters->retries);
	debugfs_create_u64("invalidations", 0400, card->debugfs,
			   &counters->invalidations);
	debugfs_create_u64("wait_ns", 0400, card->debugfs, &counters->wait_ns);
	debugfs_create_u32("chunks", 0400, card->debugfs,
			   &card->translator.nr_chunks);
}

void guest_debugfs_remove(struct guest_card *card)
{
	debugfs_remove(card->debugfs);
}

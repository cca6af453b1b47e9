// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/capi_sim/<PCI name>: remote control of a software adapter.
 */
#include <linux/debugfs.h>

#include "sim.h"

static struct dentry *sim_root;

static int link_get(void *data, u64 *value)
{
	struct sim_adapter *adapter = data;

	*value = READ_ONCE(adapter->link_up);
	return 0;
}

static int link_set(void *data, u64 value)
{
	if (value > 1)
		return -EINVAL;
	sim_adapter_set_link(data, value);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(link_fops, link_get, link_set, "%llu\n");

static int drop_set(void *data, u64 value)
{
	if (value != 1)
		return -EINVAL;
	sim_adapter_drop(data);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(drop_fops, NULL, drop_set, "%llu\n");

void sim_debugfs_add(struct sim_adapter *adapter)
{
	adapter->debugfs = debugfs_create_dir(pci_name(adapter->card),
					      sim_root);
	debugfs_create_file("link", 0600, adapter->debugfs, adapter,
			    &link_fops);
	debugfs_create_file("drop", 0200, adapter->debugfs, adapter,
			    &drop_fops);
}

/* Waits for whoever is in one of the files. */
void sim_debugfs_remove(struct sim_adapter *adapter)
{
	debugfs_remove(adapter->debugfs);
}

void sim_debugfs_init(void)
{
	sim_root = debugfs_create_dir("capi_sim", NULL);
}

void sim_debugfs_exit(void)
{
	debugfs_remove(sim_root);
}

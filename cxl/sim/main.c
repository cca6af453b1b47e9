// SPDX-License-Identifier: GPL-2.0-only
/*
 * capi_sim.ko: software adapters, for machines without a CAPI card.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "sim.h"

static unsigned int adapters = 1;
module_param(adapters, uint, 0444);
MODULE_PARM_DESC(adapters, "how many adapters, 1 to 16 (default 1)");

static char *afus = "echo:8,memcpy:511";
module_param(afus, charp, 0444);
MODULE_PARM_DESC(afus, "AFUs of each adapter, kind:contexts[,...] (default echo:8,memcpy:511)");

/* A new kind of software AFU is a row here. */
static const struct sim_afu_ops * const kinds[] = {
	&sim_echo_ops,
	&sim_memcpy_ops,
};

static LIST_HEAD(sim_adapters);

static const struct sim_afu_ops *find_kind(const char *name)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i]->desc.kind, name))
			return kinds[i];
	return NULL;
}

/* @word is one "kind:contexts". */
static int parse_afu(char *word, struct sim_afu *afu)
{
	char *name = strsep(&word, ":");
	unsigned int contexts;

	afu->ops = find_kind(name);
	if (!afu->ops || !word || kstrtouint(word, 10, &contexts) ||
	    !contexts || contexts > CAPI_MAX_CONTEXTS)
		return -EINVAL;
	afu->desc = afu->ops->desc;
	afu->desc.contexts = contexts;
	if (afu->desc.pp_offset)
		afu->desc.area_size = afu->desc.pp_offset +
				      contexts * afu->desc.psa_size;
	return 0;
}

/* Returns how many AFUs there are to be. */
static int parse_afus(struct sim_afu *list)
{
	char *copy = kstrdup(afus, GFP_KERNEL);
	char *rest = copy, *word;
	int n = 0;

	if (!copy)
		return -ENOMEM;
	while ((word = strsep(&rest, ","))) {
		if (n == SIM_MAX_AFUS || parse_afu(word, &list[n])) {
			n = -EINVAL;
			break;
		}
		n++;
	}
	kfree(copy);
	return n;
}

static void destroy_adapters(void)
{
	struct sim_adapter *adapter, *next;

	list_for_each_entry_safe(adapter, next, &sim_adapters, node)
		sim_adapter_destroy(adapter);
}

static int create_adapters(const struct sim_afu *list, unsigned int nr_afus)
{
	struct sim_adapter *adapter;
	unsigned int i;

	for (i = 0; i < adapters; i++) {
		adapter = sim_adapter_create(list, nr_afus);
		if (IS_ERR(adapter)) {
			destroy_adapters();
			return PTR_ERR(adapter);
		}
		list_add_tail(&adapter->node, &sim_adapters);
	}
	return 0;
}

static int __init capi_sim_init(void)
{
	static struct sim_afu list[SIM_MAX_AFUS];
	int n, rc;

	n = parse_afus(list);
	if (n == -ENOMEM)
		return n;
	if (n < 0 || !adapters || adapters > SIM_MAX_ADAPTERS) {
		pr_err("capi_sim: adapters=%u afus=%s cannot be: 1 to %d adapters, AFUs as in echo:8,memcpy:511\n",
		       adapters, afus, SIM_MAX_ADAPTERS);
		return -EINVAL;
	}

	rc = sim_echo_driver_init();
	if (rc)
		return rc;
	sim_debugfs_init();
	rc = create_adapters(list, n);
	if (rc) {
		sim_debugfs_exit();
		sim_echo_driver_exit();
	}
	return rc;
}

static void __exit capi_sim_exit(void)
{
	destroy_adapters();
	sim_debugfs_exit();
	sim_echo_driver_exit();
}

module_init(capi_sim_init);
module_exit(capi_sim_exit);

MODULE_DESCRIPTION("Software CAPI adapters");
MODULE_AUTHOR("The capi-mdev developers");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The nodes of /dev/cxl: which there are in which mode of an AFU, and which AFU
 * one opens.
 */
#include <linux/cdev.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "core.h"

#define MINORS	8192

/**
 * struct capi_node - a node of /dev/cxl
 * @dev: afuN.M and a letter, below the AFU
 * @afu: the AFU, held
 * @master: contexts opened through it are masters
 */
struct capi_node {
	struct device dev;
	struct cxl_afu *afu;
	bool master;
};

static struct class *capi_class;
static dev_t first_devt;
static struct cdev cdev;
static DEFINE_XARRAY_ALLOC(nodes); /* by minor */

static void node_release(struct device *dev)
{
	struct capi_node *node = container_of(dev, struct capi_node, dev);

	put_device(&node->afu->dev);
	kfree(node);
}

static struct capi_node *find_node(struct inode *inode)
{
	struct capi_node *node;

	if (!S_ISCHR(inode->i_mode) || imajor(inode) != MAJOR(first_devt))
		return NULL;
	xa_lock(&nodes);
	node = xa_load(&nodes, iminor(inode));
	if (node)
		get_device(&node->dev);
	xa_unlock(&nodes);
	return node;
}

static int open_node(struct inode *inode, struct file *file, bool may_master)
{
	struct capi_node *node = find_node(inode);
	int rc;

	if (!node)
		return -ENODEV;
	rc = capi_file_open(node->afu, may_master && node->master, file);
	put_device(&node->dev);
	return rc;
}

/**
 * cxl_fd_open() - open of a node of /dev/cxl, as a slave
 * @inode: its inode
 * @file: the file
 *
 * Context: process, may sleep.
 * Return: 0, -ENODEV if there is no such AFU (any more), -EIO if the link is
 * down, -ENOSPC if all contexts of the AFU are taken, -ENOMEM.
 */
int cxl_fd_open(struct inode *inode, struct file *file)
{
	return open_node(inode, file, false);
}
EXPORT_SYMBOL_GPL(cxl_fd_open);

/* As a master where the node is for masters */
int capi_node_open(struct inode *inode, struct file *file)
{
	return open_node(inode, file, true);
}

static struct capi_node *node_alloc(struct cxl_afu *afu, char letter)
{
	struct capi_node *node = kzalloc(sizeof(*node), GFP_KERNEL);

	if (!node)
		return ERR_PTR(-ENOMEM);
	node->afu = afu;
	node->master = letter == 'm';
	get_device(&afu->dev);

	device_initialize(&node->dev);
	node->dev.parent = &afu->dev;
	node->dev.class = capi_class;
	node->dev.groups = node->master ? capi_master_groups : NULL;
	node->dev.release = node_release;
	dev_set_drvdata(&node->dev, afu);
	return node;
}

static struct capi_node *node_add(struct cxl_afu *afu, char letter)
{
	struct capi_node *node = node_alloc(afu, letter);
	u32 minor;
	int rc;

	if (IS_ERR(node))
		return node;
	rc = xa_alloc(&nodes, &minor, node, XA_LIMIT(0, MINORS - 1),
		      GFP_KERNEL);
	if (rc)
		goto err_put;
	node->dev.devt = MKDEV(MAJOR(first_devt), minor);
	rc = dev_set_name(&node->dev, "%s%c", dev_name(&afu->dev), letter);
	if (!rc)
		rc = device_add(&node->dev);
	if (!rc)
		return node;

	xa_erase(&nodes, minor);
err_put:
	put_device(&node->dev);
	return ERR_PTR(rc);
}

static void remove_nodes(struct cxl_afu *afu)
{
	struct capi_node *node;
	int i;

	for (i = 0; i < CAPI_NODES_PER_AFU; i++) {
		node = afu->nodes[i];
		afu->nodes[i] = NULL;
		if (!node)
			continue;
		/* Its number is free once nothing in sysfs has it any more. */
		device_del(&node->dev);
		xa_erase(&nodes, MINOR(node->dev.devt));
		put_device(&node->dev);
	}
}

static int add_nodes(struct cxl_afu *afu, unsigned int mode)
{
	const char *letters = mode == CXL_MODE_DIRECTED ? "ms" :
			      mode == CXL_MODE_DEDICATED ? "d" : "";
	struct capi_node *node;
	int i;

	for (i = 0; letters[i]; i++) {
		node = node_add(afu, letters[i]);
		if (IS_ERR(node)) {
			remove_nodes(afu);
			return PTR_ERR(node);
		}
		afu->nodes[i] = node;
	}
	return 0;
}

/* Once the AFU is in sysfs */
int capi_nodes_add(struct cxl_afu *afu)
{
	int rc;

	mutex_lock(&afu->mode_mutex);
	rc = add_nodes(afu, afu->mode);
	mutex_unlock(&afu->mode_mutex);
	return rc;
}

/* The adapter is gone, so no mode is set any more. */
void capi_nodes_remove(struct cxl_afu *afu)
{
	mutex_lock(&afu->mode_mutex);
	remove_nodes(afu);
	mutex_unlock(&afu->mode_mutex);
}

static int leave_mode(struct cxl_afu *afu)
{
	struct cxl_adapter *adapter = afu->adapter;
	int rc = 0;

	mutex_lock(&adapter->mutex);
	if (adapter->gone)
		rc = -ENODEV;
	else if (atomic_read(&afu->used))
		rc = -EBUSY;
	else
		WRITE_ONCE(afu->mode, 0);
	mutex_unlock(&adapter->mutex);
	return rc;
}

/*
 * Returns -EBUSY while the AFU has contexts, -EINVAL if it does not support the
 * mode; 0 is no mode.
 */
int capi_afu_set_mode(struct cxl_afu *afu, unsigned int mode)
{
	int rc;

	mutex_lock(&afu->mode_mutex);
	if (mode & ~afu->desc.modes)
		rc = -EINVAL;
	else
		rc = leave_mode(afu);
	if (!rc) {
		remove_nodes(afu);
		rc = add_nodes(afu, mode);
	}
	if (!rc) {
		mutex_lock(&afu->adapter->mutex);
		WRITE_ONCE(afu->mode, mode);
		mutex_unlock(&afu->adapter->mutex);
	}
	mutex_unlock(&afu->mode_mutex);
	return rc;
}

static char *devnode(CLASS_DEVNODE_CONST struct device *dev, umode_t *mode)
{
	if (!dev->devt)
		return NULL;
	return kasprintf(GFP_KERNEL, "cxl/%s", dev_name(dev));
}

int capi_chardev_init(struct class *class)
{
	int rc = alloc_chrdev_region(&first_devt, 0, MINORS, "cxl");

	if (rc)
		return rc;
	capi_class = class;
	class->devnode = devnode;
	cdev_init(&cdev, &capi_file_fops);
	cdev.owner = THIS_MODULE;
	rc = cdev_add(&cdev, first_devt, MINORS);
	if (rc)
		unregister_chrdev_region(first_devt, MINORS);
	return rc;
}

void capi_chardev_exit(void)
{
	cdev_del(&cdev);
	unregister_chrdev_region(first_devt, MINORS);
}

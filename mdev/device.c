// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device: created and removed by the mdev core, opened and closed by VFIO.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "mdev.h"

/* What the core calls us for; event and irq in any context but NMI. */

static void context_event(struct cxl_context *ctx, void *priv)
{
	capi_mdev_raise_msix(priv, CAPI_MDEV_VECTOR_EVENT);
}

/* Who has no trigger for the vector learns of the interrupt by an event. */
static bool context_irq(struct cxl_context *ctx, void *priv, unsigned int irq)
{
	return capi_mdev_raise_msix(priv, CAPI_MDEV_VECTOR_EVENT + irq) &&
	       capi_mdev_window_says(priv, CAPI_MDEV_EVENT_NO_IRQS);
}

static void context_link(struct cxl_context *ctx, void *priv, bool up)
{
	if (!up && !capi_mdev_window_says(priv, CAPI_MDEV_EVENT_LINK_AWARE))
		capi_mdev_raise_err(priv);
}

static void context_revoke(struct cxl_context *ctx, void *priv)
{
	struct capi_mdev *m = priv;

	mutex_lock(&m->lock);
	WRITE_ONCE(m->revoked, true);
	if (m->reader)
		capi_event_reader_end(m->reader);
	mutex_unlock(&m->lock);
	/* Whoever came for "closed" may have been too early to see this. */
	capi_mdev_raise_msix(m, CAPI_MDEV_VECTOR_EVENT);
	capi_mdev_raise_req(m);
}

static const struct capi_context_user context_user = {
	.event = context_event,
	.irq = context_irq,
	.link = context_link,
	.revoke = context_revoke,
	.dma_read = capi_mdev_dma_read,
	.dma_write = capi_mdev_dma_write,
	.dma_cmpxchg64 = capi_mdev_dma_cmpxchg64,
	.dma_watch = capi_mdev_dma_watch,
	.dma_unwatch = capi_mdev_dma_unwatch,
	.dma_peek = capi_mdev_dma_peek,
	/* As other BARs do, and because a hypervisor would die of a SIGBUS. */
	.mmap_ones = true,
};

/* From here on the device is closed. */
static void put_reader(struct capi_mdev *m)
{
	mutex_lock(&m->lock);
	capi_event_reader_put(m->reader);
	m->reader = NULL;
	mutex_unlock(&m->lock);
}

static int open_device(struct vfio_device *vdev)
{
	struct capi_mdev *m = to_capi_mdev(vdev);
	struct capi_event_reader *reader;
	int rc;

	reader = capi_event_reader_create(m->ctx);
	if (!reader)
		return -ENOMEM;

	/* First, so that nothing is lost that an AFU driver posts at once. */
	mutex_lock(&m->lock);
	capi_mdev_reset_function(m);
	m->reader = reader;
	memset(m->abi, 0, sizeof(m->abi));
	capi_afu_abi(capi_context_afu(m->ctx), m->abi, sizeof(m->abi));
	mutex_unlock(&m->lock);

	rc = capi_context_open(m->ctx);
	if (rc)
		put_reader(m);
	return rc;
}

static void close_device(struct vfio_device *vdev)
{
	struct capi_mdev *m = to_capi_mdev(vdev);

	mutex_lock(&m->lock);
	/* No more events are read, whoever the event fds were passed to. */
	capi_event_reader_end(m->reader);
	capi_mdev_window_control(m, 0);
	capi_mdev_irqs_disable(m);
	mutex_unlock(&m->lock);
	capi_context_close(m->ctx);
	capi_mdev_dma_close(m);
	capi_mdev_translate_close(m);
	put_reader(m);
}

static long get_info(void __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_device_info, num_irqs);
	struct vfio_device_info info;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;

	info.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info.num_regions = CAPI_MDEV_NUM_REGIONS;
	info.num_irqs = VFIO_PCI_NUM_IRQS;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long device_ioctl(struct vfio_device *vdev, unsigned int cmd,
			 unsigned long arg)
{
	struct capi_mdev *m = to_capi_mdev(vdev);
	void __user *uarg = (void __user *)arg;
	long rc;

	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return get_info(uarg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return capi_mdev_get_irq_info(m, uarg);
	case VFIO_DEVICE_SET_IRQS:
		return capi_mdev_set_irqs(m, uarg);
	case VFIO_DEVICE_RESET:
		mutex_lock(&m->lock);
		rc = capi_mdev_reset(m);
		mutex_unlock(&m->lock);
		return rc;
	case CAPI_MDEV_GET_EVENT_FD:
		return capi_mdev_get_event_fd(m, uarg);
	default:
		return vfio_compat_ioctl(vdev, cmd, uarg,
					 capi_mdev_get_region_info);
	}
}

static ssize_t device_read(struct vfio_device *vdev, char __user *buf,
			   size_t count, loff_t *ppos)
{
	return capi_mdev_region_read(to_capi_mdev(vdev), buf, count, ppos);
}

static ssize_t device_write(struct vfio_device *vdev, const char __user *buf,
			    size_t count, loff_t *ppos)
{
	return capi_mdev_region_write(to_capi_mdev(vdev), buf, count, ppos);
}

static int device_mmap(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	return capi_mdev_region_mmap(to_capi_mdev(vdev), vma);
}

/* Somebody removes the device and waits for the consumer to close it. */
static void device_request(struct vfio_device *vdev, unsigned int count)
{
	capi_mdev_raise_req(to_capi_mdev(vdev));
}

static void device_release(struct vfio_device *vdev)
{
	struct capi_mdev *m = to_capi_mdev(vdev);

	capi_mdev_irqs_release(m);
	kfree(m->msix_table);
	kfree(m->window.data);
	capi_mdev_translate_release(m);
	capi_mdev_dma_release(m);
	mutex_destroy(&m->lock);
	vfio_free_device(vdev);
}

static int device_init(struct vfio_device *vdev)
{
	struct capi_mdev *m = to_capi_mdev(vdev);

	mutex_init(&m->lock);
	capi_mdev_dma_init(m);
	capi_mdev_translate_init(m);
	return 0;
}

static const struct vfio_device_ops device_ops = {
	.name = "capi_mdev",
	.init = device_init,
	.release = device_release,
	.open_device = open_device,
	.close_device = close_device,
	.ioctl = device_ioctl,
	.read = device_read,
	.write = device_write,
	.mmap = device_mmap,
	.request = device_request,
	.dma_unmap = capi_mdev_dma_unmap,
	VFIO_GET_REGION_INFO_OPS(capi_mdev_get_region_info)
	VFIO_IOMMUFD_EMULATED_OPS
};

/* What depends on the AFU: its interrupts decide how many vectors there are. */
static int alloc_parts(struct capi_mdev *m)
{
	int rc = capi_mdev_irqs_init(m);

	if (!rc)
		rc = capi_mdev_msix_init(m);
	if (rc)
		return rc;
	m->window.data = kzalloc(CXL_READ_MIN_SIZE, GFP_KERNEL);
	return m->window.data ? 0 : -ENOMEM;
}

static int mdev_probe(struct mdev_device *mdev)
{
	struct capi_mdev_type *type =
		container_of(mdev->type, struct capi_mdev_type, type);
	struct capi_mdev *m;
	int rc;

	m = vfio_alloc_device(capi_mdev, vdev, &mdev->dev, &device_ops);
	if (IS_ERR(m))
		return PTR_ERR(m);
	m->desc = type->desc;
	rc = alloc_parts(m);
	if (rc)
		goto err_put;

	m->ctx = capi_mdev_take_context(mdev->type, &context_user, m);
	if (IS_ERR(m->ctx)) {
		rc = PTR_ERR(m->ctx);
		goto err_put;
	}
	m->desc = capi_afu_desc(capi_context_afu(m->ctx));
	dev_set_drvdata(&mdev->dev, m);

	rc = vfio_register_emulated_iommu_dev(&m->vdev);
	if (rc)
		goto err_release;
	return 0;

err_release:
	cxl_release_context(m->ctx);
err_put:
	vfio_put_device(&m->vdev);
	return rc;
}

/* VFIO waits here while the device is open. */
static void mdev_remove(struct mdev_device *mdev)
{
	struct capi_mdev *m = dev_get_drvdata(&mdev->dev);

	vfio_unregister_group_dev(&m->vdev);
	cxl_release_context(m->ctx);
	vfio_put_device(&m->vdev);
}

struct mdev_driver capi_mdev_driver = {
	.device_api = VFIO_DEVICE_API_PCI_STRING,
	.probe = mdev_probe,
	.remove = mdev_remove,
	.get_available = capi_mdev_get_available,
	.show_description = capi_mdev_show_description,
	.driver = {
		.name = "capi_mdev",
		.owner = THIS_MODULE,
		.mod_name = KBUILD_MODNAME,
		.dev_groups = capi_mdev_groups,
	},
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The echo AFU's driver: it turns what the AFU emits into driver events. An
 * example of how an AFU driver posts events of its own and loses none.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <misc/cxl.h>
#include <uapi/misc/capi_echo.h>

#include "sim.h"

#define MAX_RUNS	16
#define MAX_DATA	(CXL_READ_MIN_SIZE - sizeof(struct cxl_event_header))

/* The next fetch is an ordinary one */
#define FETCH_NORMAL	-1LL
/* The next fetch returns NULL */
#define FETCH_NULL	-2LL

/**
 * struct run - events of one size, one after another
 * @n: how many
 * @size: bytes of payload
 */
struct run {
	u32 n;
	u32 size;
};

/**
 * struct echo_driver - the driver's state for one context
 * @ctx: the context
 * @next_fetch_file: in debugfs
 * @lock: covers all below; taken in fetch_event
 * @runs: what the AFU emitted and nobody has read, a ring
 * @first: the oldest of @runs
 * @nr_runs: how many there are
 * @unannounced: how many events in @runs failed and are to be announced again
 * @refused: the AFU has more that could not be taken
 * @number: of the next event to be delivered
 * @next_fetch: FETCH_NORMAL, FETCH_NULL or the size that the next fetch returns
 * @event: the event fetched; stays as it is until it is delivered
 */
struct echo_driver {
	struct cxl_context *ctx;
	struct dentry *next_fetch_file;

	spinlock_t lock; /* all below */
	struct run runs[MAX_RUNS];
	unsigned int first;
	unsigned int nr_runs;
	u32 unannounced;
	bool refused;
	u64 number;
	s64 next_fetch;
	struct cxl_event_afu_driver_reserved *event;
};

static struct run *nth_run(struct echo_driver *drv, unsigned int n)
{
	return &drv->runs[(drv->first + n) % MAX_RUNS];
}

static bool add_run(struct echo_driver *drv, u32 n, u32 size)
{
	struct run *last = drv->nr_runs ? nth_run(drv, drv->nr_runs - 1) : NULL;

	if (last && last->size == size && last->n <= U32_MAX - n) {
		last->n += n;
		return true;
	}
	if (drv->nr_runs == MAX_RUNS)
		return false;
	*nth_run(drv, drv->nr_runs++) = (struct run){ .n = n, .size = size };
	return true;
}

/* The oldest event is done with. */
static void drop_first(struct echo_driver *drv)
{
	struct run *run = nth_run(drv, 0);

	if (!drv->nr_runs)
		return;
	drv->number++;
	if (!--run->n) {
		drv->first = (drv->first + 1) % MAX_RUNS;
		drv->nr_runs--;
	}
}

/*
 * Caller holds drv->lock, so that nobody else takes the room. What finds none
 * is announced when another event is delivered: there is one, or there would be
 * room.
 */
static void announce(struct echo_driver *drv)
{
	u32 n = min(drv->unannounced, capi_event_room(drv->ctx));

	drv->unannounced -= n;
	cxl_context_events_pending(drv->ctx, n);
}

/**
 * sim_echo_driver_post() - the AFU has emitted driver events
 * @drv: for whom
 * @n: how many
 * @size: bytes of payload
 *
 * Return: how many were taken. For the rest there is no room, or there are too
 * many sizes unread; sim_echo_resume() is called when that may have changed.
 */
u32 sim_echo_driver_post(struct echo_driver *drv, u32 n, u32 size)
{
	unsigned long flags;
	u32 room, taken;

	spin_lock_irqsave(&drv->lock, flags);
	room = capi_event_room(drv->ctx);
	taken = min(n, room - min(room, drv->unannounced));
	if (taken && !add_run(drv, taken, size))
		taken = 0;
	drv->unannounced += taken;
	drv->refused = taken < n;
	announce(drv);
	spin_unlock_irqrestore(&drv->lock, flags);
	return taken;
}

static void fill_event(struct echo_driver *drv, u32 size)
{
	__le64 number = cpu_to_le64(drv->number);
	u32 written = min_t(u32, size, MAX_DATA);

	memset(drv->event->data, CAPI_ECHO_FILL, written);
	memcpy(drv->event->data, &number, min_t(u32, written, sizeof(number)));
	drv->event->data_size = size;
}

/* Runs under the context's event lock, interrupts off. */
static struct cxl_event_afu_driver_reserved *
echo_fetch_event(struct cxl_context *ctx)
{
	struct echo_driver *drv = cxl_get_priv(ctx);
	struct cxl_event_afu_driver_reserved *event = NULL;

	spin_lock(&drv->lock);
	if (drv->nr_runs && drv->next_fetch != FETCH_NULL) {
		fill_event(drv, drv->next_fetch == FETCH_NORMAL ?
				nth_run(drv, 0)->size : drv->next_fetch);
		event = drv->event;
	}
	drv->next_fetch = FETCH_NORMAL;
	spin_unlock(&drv->lock);
	return event;
}

static void echo_event_delivered(struct cxl_context *ctx,
				 struct cxl_event_afu_driver_reserved *event,
				 int rc)
{
	struct echo_driver *drv = cxl_get_priv(ctx);
	bool resume;

	spin_lock_irq(&drv->lock);
	if (!rc || rc == -ECANCELED)
		drop_first(drv);
	else if (drv->nr_runs)
		/* Nobody has it: announce it again, with the same number. */
		drv->unannounced++;
	announce(drv);
	resume = drv->refused;
	drv->refused = false;
	spin_unlock_irq(&drv->lock);

	if (resume)
		sim_echo_resume(ctx);
}

static void echo_flush(struct cxl_context *ctx)
{
	struct echo_driver *drv = cxl_get_priv(ctx);

	spin_lock_irq(&drv->lock);
	while (drv->nr_runs) {
		drv->number += nth_run(drv, 0)->n;
		drv->first = (drv->first + 1) % MAX_RUNS;
		drv->nr_runs--;
	}
	drv->unannounced = 0;
	drv->next_fetch = FETCH_NORMAL;
	spin_unlock_irq(&drv->lock);
}

static struct cxl_afu_driver_ops echo_ops = {
	.fetch_event = echo_fetch_event,
	.event_delivered = echo_event_delivered,
	.flush = echo_flush,
};

static ssize_t next_fetch_write(struct file *file, const char __user *buf,
				size_t count, loff_t *ppos)
{
	struct echo_driver *drv = file->private_data;
	char word[16] = "";
	s64 next = FETCH_NULL;
	u32 size;
	int rc;

	if (count >= sizeof(word))
		return -EINVAL;
	if (copy_from_user(word, buf, count))
		return -EFAULT;
	if (!sysfs_streq(word, "null")) {
		rc = kstrtou32(word, 0, &size);
		if (rc)
			return rc;
		next = size;
	}

	spin_lock_irq(&drv->lock);
	drv->next_fetch = next;
	spin_unlock_irq(&drv->lock);
	return count;
}

static const struct file_operations next_fetch_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = next_fetch_write,
	.llseek = noop_llseek,
};

static int echo_attach(struct cxl_context *ctx)
{
	struct echo_driver *drv;

	/* Not an AFU of ours: whoever brings it posts its events. */
	if (!sim_echo_connect(ctx, NULL))
		return 0;

	drv = kzalloc(sizeof(*drv), GFP_KERNEL_ACCOUNT);
	if (!drv)
		return -ENOMEM;
	drv->event = kzalloc(sizeof(*drv->event) + MAX_DATA,
			     GFP_KERNEL_ACCOUNT);
	if (!drv->event) {
		kfree(drv);
		return -ENOMEM;
	}
	drv->next_fetch = FETCH_NORMAL;
	spin_lock_init(&drv->lock);

	drv->ctx = ctx;
	cxl_set_priv(ctx, drv);
	cxl_set_driver_ops(ctx, &echo_ops);
	sim_echo_connect(ctx, drv);
	drv->next_fetch_file = debugfs_create_file("next_fetch", 0200,
						   capi_context_debugfs(ctx),
						   drv, &next_fetch_fops);
	return 0;
}

static void echo_detach(struct cxl_context *ctx)
{
	struct echo_driver *drv = cxl_get_priv(ctx);

	if (!sim_echo_connect(ctx, NULL))
		return;
	/* Waits for whoever is in it. */
	debugfs_remove(drv->next_fetch_file);
	cxl_set_priv(ctx, NULL);
	kfree(drv->event);
	kfree(drv);
}

static struct capi_afu_driver echo_driver = {
	.name = "echo",
	.owner = THIS_MODULE,
	.vendor = CAPI_ECHO_VENDOR,
	.device = CAPI_ECHO_DEVICE,
	.attach = echo_attach,
	.detach = echo_detach,
	.abi = CAPI_ECHO_ABI,
};

int sim_echo_driver_init(void)
{
	return capi_afu_driver_register(&echo_driver);
}

void sim_echo_driver_exit(void)
{
	capi_afu_driver_unregister(&echo_driver);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The AFU driver's side of the event rules, on a context of an echo AFU of its
 * own. Loading fails with EINVAL when a check does; the log says which.
 */
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/uio.h>
#include <linux/wait.h>

#include <misc/capi.h>
#include <misc/cxl.h>
#include <uapi/misc/capi_echo.h>

static bool drive;
module_param(drive, bool, 0444);
MODULE_PARM_DESC(drive, "drive echo AFUs instead of testing");

static DEFINE_SPINLOCK(driver_lock); /* taken in fetch_event */
static unsigned int fetched, delivered, flushed;
static int last_rc;
static unsigned int settled_room;
static bool give_null;
static int failures;

static struct {
	struct cxl_event_afu_driver_reserved event;
	u8 data[8];
} payload = { .event.data_size = 8 };

#define CHECK(condition)						\
do {									\
	if (!(condition)) {						\
		pr_err("capi_test: line %d: %s\n", __LINE__, #condition); \
		failures++;						\
	}								\
} while (0)

static struct cxl_event_afu_driver_reserved *fetch(struct cxl_context *ctx)
{
	spin_lock(&driver_lock);
	fetched++;
	spin_unlock(&driver_lock);
	return give_null ? NULL : &payload.event;
}

static ssize_t read_event(struct cxl_context *ctx, void *buf)
{
	struct capi_event_reader *reader = capi_event_reader_create(ctx);
	struct kvec vec = { .iov_base = buf, .iov_len = CXL_READ_MIN_SIZE };
	struct iov_iter to;
	ssize_t rc;

	if (!reader)
		return -ENOMEM;
	iov_iter_kvec(&to, ITER_DEST, &vec, 1, vec.iov_len);
	rc = capi_event_read(reader, &to, true);
	capi_event_reader_put(reader);
	return rc;
}

/* A poller that counts how often it is woken, and reads in event_delivered. */
static struct {
	struct poll_table_struct table;
	wait_queue_entry_t entry;
	wait_queue_head_t *head;
	unsigned int woken;
	void *buf;
	ssize_t rc;
} poller;

static int poller_wake(wait_queue_entry_t *entry, unsigned int mode, int flags,
		       void *key)
{
	poller.woken++;
	return 0;
}

static void poller_queue(struct file *file, wait_queue_head_t *head,
			 struct poll_table_struct *table)
{
	poller.head = head;
	init_waitqueue_func_entry(&poller.entry, poller_wake);
	add_wait_queue(head, &poller.entry);
}

static void settled(struct cxl_context *ctx,
		    struct cxl_event_afu_driver_reserved *event, int rc)
{
	delivered++;
	last_rc = rc;
	settled_room = capi_event_room(ctx);
	if (poller.buf) {
		poller.rc = read_event(ctx, poller.buf);
		poller.woken = 0;
	}
}

static void flush(struct cxl_context *ctx)
{
	flushed++;
}

static struct cxl_afu_driver_ops ops = {
	.fetch_event = fetch,
	.event_delivered = settled,
	.flush = flush,
};

static void test_incomplete_ops(struct cxl_context *ctx)
{
	struct cxl_afu_driver_ops no_fetch = { .event_delivered = settled };
	struct cxl_afu_driver_ops no_delivered = { .fetch_event = fetch };

	cxl_set_driver_ops(ctx, &no_fetch);
	cxl_set_driver_ops(ctx, &no_delivered);
	cxl_context_events_pending(ctx, 1);
	CHECK(!capi_events_available(ctx));
}

static void test_set_and_unset(struct cxl_context *ctx)
{
	cxl_set_driver_ops(ctx, &ops);
	CHECK(!capi_events_available(ctx));
	cxl_context_events_pending(ctx, 0);
	CHECK(!capi_events_available(ctx));
	cxl_context_events_pending(ctx, 2);
	CHECK(capi_events_available(ctx));
	CHECK(cxl_unset_driver_ops(ctx) == -EBUSY);
	cxl_set_driver_ops(ctx, &ops);
	CHECK(!capi_events_available(ctx));
	CHECK(cxl_unset_driver_ops(ctx) == 0);
	cxl_context_events_pending(ctx, 1);
	CHECK(!capi_events_available(ctx));
}

static void test_delivery(struct cxl_context *ctx, void *buf)
{
	struct cxl_event_header *header = buf;

	cxl_set_driver_ops(ctx, &ops);
	/* The lock that fetch_event takes may be held. */
	spin_lock(&driver_lock);
	cxl_context_events_pending(ctx, 1);
	spin_unlock(&driver_lock);
	CHECK(read_event(ctx, buf) == 16);
	CHECK(header->type == CXL_EVENT_AFU_DRIVER && header->size == 16);
	CHECK(header->process_element == cxl_process_element(ctx));
	CHECK(fetched == 1 && delivered == 1 && last_rc == 0);

	give_null = true;
	cxl_context_events_pending(ctx, 1);
	CHECK(read_event(ctx, buf) == -EFAULT);
	CHECK(fetched == 2 && delivered == 2 && last_rc == -EINVAL);
	CHECK(read_event(ctx, buf) == -EAGAIN);
	give_null = false;
}

/* Whoever did not wait for another reader is woken when that one has finished. */
static void test_turned_away(struct cxl_context *ctx, void *buf)
{
	struct capi_event_reader *reader = capi_event_reader_create(ctx);

	if (!reader) {
		failures++;
		return;
	}
	init_poll_funcptr(&poller.table, poller_queue);
	CHECK(capi_event_poll(reader, NULL, &poller.table) == 0);
	cxl_context_events_pending(ctx, 2);
	CHECK(poller.woken == 1);

	poller.buf = buf;
	CHECK(read_event(ctx, buf) == 16);
	poller.buf = NULL;
	CHECK(poller.rc == -EAGAIN);
	CHECK(poller.woken == 1);

	CHECK(read_event(ctx, buf) == 16);
	CHECK(poller.woken == 1);
	remove_wait_queue(poller.head, &poller.entry);
	capi_event_reader_put(reader);
}

static void test_limit(struct cxl_context *ctx, void *buf)
{
	u64 raised = capi_event_count(ctx, CAPI_EVENTS_RAISED);
	u32 token;

	capi_event_set_limit(ctx, 3);
	CHECK(capi_event_room(ctx) == 3);
	cxl_context_events_pending(ctx, 2);
	cxl_context_events_pending(ctx, UINT_MAX);
	CHECK(capi_event_room(ctx) == 0);
	CHECK(capi_event_count(ctx, CAPI_EVENTS_OVERRUN) == UINT_MAX - 1);
	CHECK(capi_event_count(ctx, CAPI_EVENTS_RAISED) - raised ==
	      2 + (u64)UINT_MAX);

	/* An event that is held keeps its place. */
	CHECK(capi_event_window_enable(ctx, true) == 0);
	CHECK(capi_event_look(ctx, buf, &token) == 0);
	CHECK(capi_event_room(ctx) == 0);
	settled_room = 0;
	CHECK(capi_event_acknowledge(ctx, token));
	CHECK(settled_room == 1);
	CHECK(capi_event_window_enable(ctx, false) == 0);

	CHECK(read_event(ctx, buf) == 16);
	CHECK(read_event(ctx, buf) == 16);
	CHECK(read_event(ctx, buf) == -EAGAIN);

	/* A limit below what is queued takes nothing away. */
	cxl_context_events_pending(ctx, 3);
	capi_event_set_limit(ctx, 1);
	CHECK(capi_event_room(ctx) == 0);
	CHECK(read_event(ctx, buf) == 16);
	cxl_set_driver_ops(ctx, &ops);
	CHECK(capi_event_room(ctx) == 1);
	capi_event_set_limit(ctx, 0);
	CHECK(capi_event_room(ctx) == UINT_MAX);
}

static void test_saturation(struct cxl_context *ctx, void *buf)
{
	u64 raised = capi_event_count(ctx, CAPI_EVENTS_RAISED);
	u64 overrun = capi_event_count(ctx, CAPI_EVENTS_OVERRUN);

	cxl_context_events_pending(ctx, UINT_MAX);
	cxl_context_events_pending(ctx, 5);
	raised = capi_event_count(ctx, CAPI_EVENTS_RAISED) - raised;
	overrun = capi_event_count(ctx, CAPI_EVENTS_OVERRUN) - overrun;
	CHECK(raised - overrun == UINT_MAX && overrun == 5);
	CHECK(read_event(ctx, buf) == 16);
	CHECK(capi_events_available(ctx));
}

/* What is announced and unread goes with the context; the driver is told. */
static void test_release(struct cxl_context *ctx)
{
	unsigned int before = fetched;

	CHECK(capi_events_available(ctx));
	CHECK(cxl_start_context(ctx, 0, NULL) == 0);
	CHECK(cxl_release_context(ctx) == -EBUSY);
	CHECK(cxl_stop_context(ctx) == 0);
	CHECK(cxl_stop_context(ctx) == -EBUSY);
	CHECK(!flushed);
	CHECK(cxl_release_context(ctx) == 0);
	CHECK(flushed == 1 && fetched == before);
}

/* As an AFU driver of old does: one context for as long as it is bound. */
static int driver_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct cxl_context *ctx = cxl_dev_context_init(pdev);
	int rc;

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	pci_set_drvdata(pdev, ctx);
	rc = cxl_start_context(ctx, 0, NULL);
	if (rc)
		cxl_release_context(ctx);
	return rc;
}

static void driver_remove(struct pci_dev *pdev)
{
	struct cxl_context *ctx = pci_get_drvdata(pdev);

	cxl_stop_context(ctx);
	cxl_release_context(ctx);
}

static const struct pci_device_id driver_ids[] = {
	{ PCI_DEVICE(CAPI_ECHO_VENDOR, CAPI_ECHO_DEVICE) },
	{ }
};

static struct pci_driver driver = {
	.name = "capi_test",
	.id_table = driver_ids,
	.probe = driver_probe,
	.remove = driver_remove,
};

static int test_all(void)
{
	struct pci_dev *pdev = pci_get_device(CAPI_ECHO_VENDOR,
					      CAPI_ECHO_DEVICE, NULL);
	void *buf = kzalloc(CXL_READ_MIN_SIZE, GFP_KERNEL);
	struct cxl_context *ctx = ERR_PTR(-ENODEV);

	if (pdev && buf)
		ctx = cxl_dev_context_init(pdev);
	if (IS_ERR(ctx)) {
		failures = 1;
	} else {
		test_incomplete_ops(ctx);
		test_set_and_unset(ctx);
		test_delivery(ctx, buf);
		test_turned_away(ctx, buf);
		test_limit(ctx, buf);
		test_saturation(ctx, buf);
		test_release(ctx);
	}
	kfree(buf);
	pci_dev_put(pdev);
	return failures ? -EINVAL : 0;
}

static int __init capi_test_init(void)
{
	return drive ? pci_register_driver(&driver) : test_all();
}

static void __exit capi_test_exit(void)
{
	if (drive)
		pci_unregister_driver(&driver);
}

module_init(capi_test_init);
module_exit(capi_test_exit);

MODULE_DESCRIPTION("Test of the AFU driver's side of CAPI events");
MODULE_AUTHOR("The capi-mdev developers");
MODULE_LICENSE("GPL");

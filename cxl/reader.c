// SPDX-License-Identifier: GPL-2.0-only
/*
 * Readers of a context's events: read and poll of a file, and the event window
 * of a mediated device.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "core.h"

/* How often one call copies in vain to memory that is said to be there */
#define MAX_COPIES	16

/**
 * struct capi_event_reader - somebody who may read a context's events
 * @kref: every file that reads through it holds one
 * @ctx: whose events
 * @ended: nothing is to be read through it any more; written under events.turn
 */
struct capi_event_reader {
	struct kref kref;
	struct cxl_context *ctx;
	bool ended;
};

/**
 * capi_event_reader_create() - make a reader of a context's events
 * @ctx: the context
 *
 * All readers of a context take turns: each event reaches one of them.
 *
 * Context: process.
 * Return: the reader, to be given up with capi_event_reader_end() and
 * capi_event_reader_put(), or NULL if there is no memory. It may outlive the
 * context.
 */
struct capi_event_reader *capi_event_reader_create(struct cxl_context *ctx)
{
	struct capi_event_reader *reader;

	reader = kzalloc(sizeof(*reader), GFP_KERNEL_ACCOUNT);
	if (!reader)
		return NULL;
	kref_init(&reader->kref);
	capi_context_get(ctx);
	reader->ctx = ctx;
	return reader;
}
EXPORT_SYMBOL_GPL(capi_event_reader_create);

/**
 * capi_event_reader_end() - no event is read through this reader any more
 * @reader: the reader
 *
 * Whoever sleeps in capi_event_read() or polls is woken. From here on reads
 * fail with -EIO and polls say EPOLLERR.
 *
 * Context: process, may sleep, but not for a reader's memory.
 */
void capi_event_reader_end(struct capi_event_reader *reader)
{
	struct cxl_context *ctx = reader->ctx;

	mutex_lock(&ctx->events.turn);
	WRITE_ONCE(reader->ended, true);
	capi_events_end_turn(ctx);
	wake_up_all(&ctx->events.wait);
}
EXPORT_SYMBOL_GPL(capi_event_reader_end);

/**
 * capi_event_reader_get() - hold a reader
 * @reader: the reader
 */
void capi_event_reader_get(struct capi_event_reader *reader)
{
	kref_get(&reader->kref);
}
EXPORT_SYMBOL_GPL(capi_event_reader_get);

static void reader_release(struct kref *kref)
{
	struct capi_event_reader *reader =
		container_of(kref, struct capi_event_reader, kref);

	capi_context_put(reader->ctx);
	kfree(reader);
}

/**
 * capi_event_reader_put() - let go of a reader
 * @reader: the reader
 */
void capi_event_reader_put(struct capi_event_reader *reader)
{
	kref_put(&reader->kref, reader_release);
}
EXPORT_SYMBOL_GPL(capi_event_reader_put);

/* What a reader goes by, in the order in which it matters */
enum reader_state {
	READER_LINK_DOWN,
	READER_SHUT_OUT,
	READER_PENDING,
	READER_CLOSED,
	READER_IDLE,
};

static enum reader_state reader_state(struct capi_event_reader *reader)
{
	struct cxl_context *ctx = reader->ctx;
	enum reader_state state = READER_IDLE;

	spin_lock_irq(&ctx->events.lock);
	if (READ_ONCE(reader->ended) || !ctx->link_up)
		state = READER_LINK_DOWN;
	else if (ctx->events.window)
		state = READER_SHUT_OUT;
	else if (capi_events_pending_locked(ctx))
		state = READER_PENDING;
	else if (ctx->state == CAPI_CONTEXT_CLOSED)
		state = READER_CLOSED;
	spin_unlock_irq(&ctx->events.lock);
	return state;
}

static int check_reader(enum reader_state state)
{
	switch (state) {
	case READER_LINK_DOWN:
		return -EIO;
	case READER_SHUT_OUT:
		return -EBUSY;
	default:
		return 0;
	}
}

/*
 * Returns 0 when there is an event to take, or none will come any more. What is
 * seen once decides: another reader may take the event at any time.
 */
static int wait_for_event(struct capi_event_reader *reader, bool nonblock)
{
	wait_queue_head_t *wait = &reader->ctx->events.wait;
	enum reader_state state = reader_state(reader);
	int rc = 0;

	if (state == READER_IDLE && nonblock)
		return -EAGAIN;
	if (state == READER_IDLE)
		rc = wait_event_interruptible(*wait,
					      (state = reader_state(reader)) !=
					      READER_IDLE);
	return rc ?: check_reader(state);
}

/*
 * Copies without taking page faults, so that the turn can be kept: no user
 * memory, however slow, keeps others waiting.
 */
static bool copy_event(struct capi_event *event, struct iov_iter *to)
{
	size_t size = event->event.header.size;
	size_t head = event->ops ? sizeof(event->event.header) : size;
	size_t done;

	pagefault_disable();
	done = copy_to_iter(&event->event, head, to);
	if (done == head && event->ops)
		done += copy_to_iter(event->driver->data, size - head, to);
	pagefault_enable();

	if (done == size)
		return true;
	iov_iter_revert(to, done);
	return false;
}

/*
 * Delivers one event. Returns its size; 0 if @to must be faulted in first, with
 * the event in @event; -EAGAIN if another reader was faster; -EIO if it was and
 * nothing follows.
 */
static ssize_t deliver(struct capi_event_reader *reader, struct iov_iter *to,
		       struct capi_event *event)
{
	struct cxl_context *ctx = reader->ctx;
	int rc;

	lockdep_assert_held(&ctx->events.turn);
	rc = check_reader(reader_state(reader));
	if (rc)
		return rc;
	rc = capi_event_take(ctx, event, false);
	if (rc == -EAGAIN && reader_state(reader) == READER_CLOSED)
		return -EIO;
	if (rc)
		return rc;

	if (!copy_event(event, to)) {
		capi_event_untake(ctx, event);
		return 0;
	}
	capi_event_settle(ctx, event, 0);
	return event->event.header.size;
}

/*
 * The buffer is bad: the AFU driver is told so once, by whoever is first. What
 * the window may have shown meanwhile is for that one to acknowledge.
 */
static void fail_held(struct cxl_context *ctx, u32 token)
{
	struct capi_events *events = &ctx->events;
	struct capi_event held;

	mutex_lock(&events->turn);
	held = events->held;
	if (token && held.token == token && !events->window)
		capi_event_settle(ctx, &held, -EFAULT);
	capi_events_end_turn(ctx);
}

/*
 * Not all that can be written this way can be copied to: tagged memory. With no
 * @copies left it is bad.
 */
static int fault_in(struct capi_event_reader *reader, struct iov_iter *to,
		    struct capi_event *event, unsigned int copies)
{
	size_t size = event->event.header.size, missing;

	/* Loads make a stack grow. The other does not, and says so in the log. */
	missing = fault_in_iov_iter_readable(to, size) ?:
		  fault_in_iov_iter_writeable(to, size);

	/* Another reader, or this one when it tries again, gets the event. */
	if (signal_pending(current))
		return -ERESTARTSYS;
	if (missing || !copies) {
		fail_held(reader->ctx, event->token);
		return -EFAULT;
	}
	return 0;
}

static int take_turn(struct capi_events *events, bool try)
{
	if (!try)
		return mutex_lock_interruptible(&events->turn) ? -ERESTARTSYS : 0;
	if (mutex_trylock(&events->turn))
		return 0;
	/*
	 * Whoever has the turn wakes us at its end, or has ended it already. The
	 * barrier pairs with that in capi_events_end_turn().
	 */
	smp_store_mb(events->turned_away, true);
	return mutex_trylock(&events->turn) ? 0 : -EAGAIN;
}

/* Returns as capi_event_read(). @try: does not wait for its turn either */
static ssize_t read_event(struct capi_event_reader *reader, struct iov_iter *to,
			  bool nonblock, bool try)
{
	struct capi_events *events = &reader->ctx->events;
	unsigned int copies = MAX_COPIES;
	struct capi_event event;
	ssize_t rc;

	if (reader_state(reader) == READER_LINK_DOWN)
		return -EIO;
	if (iov_iter_count(to) < CXL_READ_MIN_SIZE)
		return -EINVAL;

	do {
		rc = wait_for_event(reader, nonblock);
		if (!rc)
			rc = take_turn(events, try);
		if (rc)
			return rc;

		rc = deliver(reader, to, &event);
		capi_events_end_turn(reader->ctx);
		if (!rc)
			rc = fault_in(reader, to, &event, --copies);
		else if (rc == -EAGAIN && !nonblock)
			rc = 0;
	} while (!rc);

	return rc;
}

/**
 * capi_event_read() - read one event
 * @reader: the reader
 * @to: where to; at least CXL_READ_MIN_SIZE bytes
 * @nonblock: wait for nothing; who was turned away is woken, see capi_event_poll()
 *
 * Context: process, may sleep. Holds nothing while it waits or faults @to in.
 * Return: the size of the event read; -EIO if the link is down, the reader was
 * ended, or the context is closed and nothing is left to read; -EINVAL if @to
 * is too small; -EBUSY while the event window is enabled; -EAGAIN if @nonblock
 * and there is none, or another reader is at it; -ERESTARTSYS on a signal;
 * -EFAULT if @to cannot be written, or the AFU driver gave an event that cannot
 * be delivered.
 */
ssize_t capi_event_read(struct capi_event_reader *reader, struct iov_iter *to,
			bool nonblock)
{
	return read_event(reader, to, nonblock, nonblock);
}
EXPORT_SYMBOL_GPL(capi_event_read);

/**
 * capi_event_read_pending() - read one event, if there is one
 * @reader: the reader
 * @to: where to; at least CXL_READ_MIN_SIZE bytes
 *
 * For who does not poll, and would not be told when another reader is through.
 *
 * Context: process, may sleep: for its turn, but for no event.
 * Return: as capi_event_read(); -EAGAIN only if there is none.
 */
ssize_t capi_event_read_pending(struct capi_event_reader *reader,
				struct iov_iter *to)
{
	return read_event(reader, to, true, false);
}
EXPORT_SYMBOL_GPL(capi_event_read_pending);

/**
 * capi_event_poll() - poll for events
 * @reader: the reader
 * @file: the file polled
 * @wait: as poll gives it
 *
 * Context: process.
 * Return: EPOLLIN | EPOLLRDNORM if there is an event to read; EPOLLERR alone if
 * the link is down, the reader was ended, the event window is enabled, or the
 * context is closed and nothing is left to read.
 */
__poll_t capi_event_poll(struct capi_event_reader *reader, struct file *file,
			 struct poll_table_struct *wait)
{
	poll_wait(file, &reader->ctx->events.wait, wait);

	switch (reader_state(reader)) {
	case READER_PENDING:
		return EPOLLIN | EPOLLRDNORM;
	case READER_IDLE:
		return 0;
	default:
		return EPOLLERR;
	}
}
EXPORT_SYMBOL_GPL(capi_event_poll);

/* The window */

/**
 * capi_event_window_enable() - make the event window the only reader, or not
 * @ctx: the context
 * @enable: which
 *
 * Other readers fail with -EBUSY while it is enabled. An event that was looked
 * at and not acknowledged is not lost when it is disabled.
 *
 * Context: process, may sleep.
 * Return: 0, or -ENODEV if the context's adapter is gone.
 */
int capi_event_window_enable(struct cxl_context *ctx, bool enable)
{
	struct capi_events *events = &ctx->events;
	struct capi_event held;

	if (enable && READ_ONCE(ctx->gone))
		return -ENODEV;

	mutex_lock(&events->turn);
	spin_lock_irq(&events->lock);
	events->window = enable;
	held = events->held;
	spin_unlock_irq(&events->lock);
	if (!enable && held.token)
		capi_event_untake(ctx, &held);
	capi_events_end_turn(ctx);

	capi_events_wake(ctx);
	return 0;
}
EXPORT_SYMBOL_GPL(capi_event_window_enable);

/**
 * capi_event_look() - show the next event in the window
 * @ctx: the context
 * @buf: CXL_READ_MIN_SIZE bytes; filled with the event and zeros behind it
 * @token: names the event, for capi_event_acknowledge()
 *
 * Shows the same event again until it is acknowledged.
 *
 * Context: process, may sleep.
 * Return: 0; -EAGAIN if there is none; -EIO if the link is down; -EPERM if the
 * window is not enabled; -EFAULT if the AFU driver gave an event that cannot be
 * delivered, and that is dropped.
 */
int capi_event_look(struct cxl_context *ctx, void *buf, u32 *token)
{
	struct capi_events *events = &ctx->events;
	struct capi_event event;
	size_t head, size;
	int rc;

	mutex_lock(&events->turn);
	if (!events->window)
		rc = -EPERM;
	else if (!READ_ONCE(ctx->link_up))
		rc = -EIO;
	else
		rc = capi_event_take(ctx, &event, true);
	if (!rc) {
		size = event.event.header.size;
		head = event.ops ? sizeof(event.event.header) : size;
		memset(buf, 0, CXL_READ_MIN_SIZE);
		memcpy(buf, &event.event, head);
		if (event.ops)
			memcpy(buf + head, event.driver->data, size - head);
		*token = event.token;
	}
	capi_events_end_turn(ctx);
	return rc;
}
EXPORT_SYMBOL_GPL(capi_event_look);

/**
 * capi_event_acknowledge() - the event shown in the window has been taken
 * @ctx: the context
 * @token: which, as capi_event_look() named it
 *
 * Context: process, may sleep.
 * Return: false if that event is not shown any more; nothing happens then.
 */
bool capi_event_acknowledge(struct cxl_context *ctx, u32 token)
{
	struct capi_events *events = &ctx->events;
	struct capi_event held;
	bool current_token;

	mutex_lock(&events->turn);
	held = events->held;
	current_token = events->window && token && held.token == token;
	if (current_token)
		capi_event_settle(ctx, &held, 0);
	capi_events_end_turn(ctx);
	return current_token;
}
EXPORT_SYMBOL_GPL(capi_event_acknowledge);

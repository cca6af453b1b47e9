// SPDX-License-Identifier: GPL-2.0-only
/*
 * The echo AFU: it raises the events that its registers are told to. See
 * <misc/capi_echo.h>.
 */
#include <linux/debugfs.h>
#include <linux/gfp.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <uapi/misc/capi_echo.h>

#include "sim.h"

#define ECHO_IRQS		4
#define ECHO_IRQS_MAX		32
#define ECHO_MAX_PERIOD		(60 * USEC_PER_SEC)
/* How many times the size may change among the events due */
#define ECHO_RUNS		16

/**
 * struct echo_run - events due that have one size, one after another
 * @n: how many
 * @size: bytes of payload
 */
struct echo_run {
	u32 n;
	u32 size;
};

/**
 * struct echo - the AFU's state for one context
 * @ctx: the context
 * @memory: the page that may be mapped
 * @emit: emits driver events
 * @lock: covers all that follows
 * @driver: takes what is emitted; without one it is lost
 * @working: the context is started
 * @wed: what it was started with
 * @period: microseconds between driver events
 * @size: payload of the driver events emitted from now on
 * @due: driver events still to be emitted
 * @next: when the next of them is to be, in nanoseconds
 * @runs: their sizes, a ring
 * @first: the oldest of @runs
 * @nr_runs: how many there are
 */
struct echo {
	struct cxl_context *ctx;
	struct page *memory;
	struct delayed_work emit;

	spinlock_t lock; /* all that follows */
	struct echo_driver *driver;
	bool working;
	u64 wed;
	u32 period;
	u32 size;
	u32 due;
	u64 next;
	struct echo_run runs[ECHO_RUNS];
	unsigned int first;
	unsigned int nr_runs;
};

static struct echo_run *nth_run(struct echo *echo, unsigned int n)
{
	return &echo->runs[(echo->first + n) % ECHO_RUNS];
}

/* Caller holds echo->lock. Returns how many events are to be emitted by now. */
static u32 echo_count(struct echo *echo)
{
	u64 period = (u64)echo->period * NSEC_PER_USEC;
	u64 now = ktime_get_ns();
	u64 n;

	if (!period)
		return echo->due;
	if (now < echo->next)
		return 0;
	n = min_t(u64, div64_u64(now - echo->next, period) + 1, echo->due);
	echo->next += n * period;
	return n;
}

/* Caller holds echo->lock. Emits what is to be emitted by now. */
static void echo_emit(struct echo *echo)
{
	u32 n = echo_count(echo);
	u64 now, wait;

	while (n) {
		struct echo_run *run = nth_run(echo, 0);
		u32 part = min(n, run->n);
		u32 taken = part;

		if (echo->driver)
			taken = sim_echo_driver_post(echo->driver, part,
						     run->size);
		n -= taken;
		echo->due -= taken;
		run->n -= taken;
		if (!run->n) {
			echo->first = (echo->first + 1) % ECHO_RUNS;
			echo->nr_runs--;
		}
		/*
		 * The driver asks for the rest when it can take it, which is
		 * overdue then.
		 */
		if (taken < part) {
			echo->next -= (u64)n * echo->period * NSEC_PER_USEC;
			return;
		}
	}
	if (!echo->due)
		return;

	now = ktime_get_ns();
	wait = echo->period && echo->next > now ? echo->next - now : 0;
	mod_delayed_work(system_wq, &echo->emit,
			 max(nsecs_to_jiffies(wait), 1UL));
}

static void echo_work(struct work_struct *work)
{
	struct echo *echo = container_of(work, struct echo, emit.work);

	spin_lock(&echo->lock);
	if (echo->working)
		echo_emit(echo);
	spin_unlock(&echo->lock);
}

static const struct {
	const char *word;
	u64 reg;
} post_words[] = {
	{ "period", CAPI_ECHO_REG_PERIOD },
	{ "size", CAPI_ECHO_REG_SIZE },
	{ "emit", CAPI_ECHO_REG_EMIT },
	{ "irq", CAPI_ECHO_REG_IRQ },
	{ "fault", CAPI_ECHO_REG_FAULT },
	{ "error", CAPI_ECHO_REG_ERROR },
};

/* @text is one "word number". A context that is not started refuses it. */
static int post(struct cxl_context *ctx, char *text)
{
	char *word = strsep(&text, " ");
	u64 value;
	int i, rc;

	if (!text)
		return -EINVAL;
	rc = kstrtou64(text, 0, &value);
	if (rc)
		return rc;
	for (i = 0; i < ARRAY_SIZE(post_words); i++)
		if (!strcmp(post_words[i].word, word))
			return capi_psa_write(ctx, post_words[i].reg, 8, value);
	return -EINVAL;
}

static ssize_t post_write(struct file *file, const char __user *buf,
			  size_t count, loff_t *ppos)
{
	struct cxl_context *ctx = file->private_data;
	char text[40] = "";
	int rc;

	if (count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	if (strlen(text) != count)
		return -EINVAL;
	rc = post(ctx, text);
	return rc ?: count;
}

static const struct file_operations post_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = post_write,
	.llseek = noop_llseek,
};

static void *echo_init(struct cxl_context *ctx)
{
	struct echo *echo = kzalloc(sizeof(*echo), GFP_KERNEL_ACCOUNT);

	if (!echo)
		return ERR_PTR(-ENOMEM);
	echo->memory = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!echo->memory) {
		kfree(echo);
		return ERR_PTR(-ENOMEM);
	}
	echo->ctx = ctx;
	spin_lock_init(&echo->lock);
	INIT_DELAYED_WORK(&echo->emit, echo_work);
	/* Goes with its directory, before echo_release(). */
	debugfs_create_file("post", 0200, capi_context_debugfs(ctx), ctx,
			    &post_fops);
	return echo;
}

static void echo_release(void *afu)
{
	struct echo *echo = afu;

	__free_page(echo->memory);
	kfree(echo);
}

static void echo_clear(void *afu)
{
	struct echo *echo = afu;

	clear_page(page_address(echo->memory));
}

static int echo_start(void *afu, const struct capi_work *work)
{
	struct echo *echo = afu;

	spin_lock(&echo->lock);
	echo->working = true;
	echo->wed = work->wed;
	echo->period = 0;
	echo->size = CAPI_ECHO_DEFAULT_SIZE;
	echo->due = 0;
	echo->nr_runs = 0;
	spin_unlock(&echo->lock);
	return 0;
}

static void echo_stop(void *afu)
{
	struct echo *echo = afu;

	spin_lock(&echo->lock);
	echo->working = false;
	spin_unlock(&echo->lock);
	cancel_delayed_work_sync(&echo->emit);
}

static u64 echo_register(struct echo *echo, u64 reg)
{
	switch (reg) {
	case CAPI_ECHO_REG_ID:
		return CAPI_ECHO_ID;
	case CAPI_ECHO_REG_WED:
		return echo->wed;
	case CAPI_ECHO_REG_PERIOD:
		return echo->period;
	case CAPI_ECHO_REG_SIZE:
		return echo->size;
	case CAPI_ECHO_REG_DUE:
		return echo->due;
	default:
		return 0;
	}
}

/* Where offset @off of the problem state area is, in the page of memory */
static void *echo_memory(struct echo *echo, u64 off)
{
	return page_address(echo->memory) + offset_in_page(off);
}

static u64 echo_read(void *afu, u64 off, unsigned int width)
{
	struct echo *echo = afu;
	u64 value;

	if (off >= PAGE_SIZE)
		return sim_load(echo_memory(echo, off), width);

	spin_lock(&echo->lock);
	value = echo_register(echo, off & ~7ULL);
	spin_unlock(&echo->lock);
	return width == 8 ? value : (u32)(value >> (8 * (off & 4)));
}

/*
 * Caller holds echo->lock. Each event keeps the size that is set now; nothing
 * is emitted where too many sizes wait.
 */
static void echo_ask(struct echo *echo, u64 events)
{
	struct echo_run *last = nth_run(echo, echo->nr_runs - 1);
	u32 n = min_t(u64, events, U32_MAX - echo->due);

	if (!n)
		return;
	if (echo->nr_runs && last->size == echo->size)
		last->n += n;
	else if (echo->nr_runs < ECHO_RUNS)
		*nth_run(echo, echo->nr_runs++) =
			(struct echo_run){ .n = n, .size = echo->size };
	else
		return;

	if (!echo->due)
		echo->next = ktime_get_ns() + (u64)echo->period * NSEC_PER_USEC;
	echo->due += n;
	echo_emit(echo);
}

/* Caller holds echo->lock. What is due follows the new period from now on. */
static void echo_set_period(struct echo *echo, u64 period)
{
	echo->period = period;
	echo->next = ktime_get_ns() + period * NSEC_PER_USEC;
	echo_emit(echo);
}

/* Caller holds echo->lock. Returns false for a register that raises events. */
static bool echo_store(struct echo *echo, u64 reg, u64 value)
{
	switch (reg) {
	case CAPI_ECHO_REG_PERIOD:
		if (value <= ECHO_MAX_PERIOD)
			echo_set_period(echo, value);
		return true;
	case CAPI_ECHO_REG_SIZE:
		if (value <= CAPI_ECHO_MAX_SIZE)
			echo->size = value;
		return true;
	case CAPI_ECHO_REG_EMIT:
		echo_ask(echo, value);
		return true;
	default:
		return false;
	}
}

static void echo_raise(struct echo *echo, u64 reg, u64 value)
{
	switch (reg) {
	case CAPI_ECHO_REG_IRQ:
		if (value <= capi_context_irqs(echo->ctx))
			capi_raise_afu_irq(echo->ctx, value);
		break;
	case CAPI_ECHO_REG_FAULT:
		capi_raise_fault(echo->ctx, value, CAPI_ECHO_DSISR);
		break;
	case CAPI_ECHO_REG_ERROR:
		capi_raise_afu_error(echo->ctx, value);
		break;
	}
}

static void echo_write(void *afu, u64 off, unsigned int width, u64 value)
{
	struct echo *echo = afu;
	bool stored;

	if (off >= PAGE_SIZE) {
		sim_store(echo_memory(echo, off), width, value);
		return;
	}
	if (!IS_ALIGNED(off, 8))
		return;

	spin_lock(&echo->lock);
	stored = echo_store(echo, off, value);
	spin_unlock(&echo->lock);
	if (!stored)
		echo_raise(echo, off, value);
}

static int echo_pfn(void *afu, unsigned long page, unsigned long *pfn)
{
	struct echo *echo = afu;

	if (page != 1)
		return -EINVAL;
	*pfn = page_to_pfn(echo->memory);
	return 0;
}

const struct sim_afu_ops sim_echo_ops = {
	.desc = {
		.kind = "echo",
		.description = "raises the events it is told to, for tests",
		.vendor = CAPI_ECHO_VENDOR,
		.device = CAPI_ECHO_DEVICE,
		.modes = CXL_MODE_DEDICATED | CXL_MODE_DIRECTED,
		.irqs = ECHO_IRQS,
		.irqs_max = ECHO_IRQS_MAX,
		.psa_size = 2 * PAGE_SIZE,
		.map_offset = PAGE_SIZE,
		.map_size = PAGE_SIZE,
	},
	.init = echo_init,
	.release = echo_release,
	.clear = echo_clear,
	.start = echo_start,
	.stop = echo_stop,
	.read = echo_read,
	.write = echo_write,
	.pfn = echo_pfn,
};

/**
 * sim_echo_resume() - the AFU's driver can take driver events again
 * @ctx: whose AFU; sim_echo_connect() said that it is one of ours
 *
 * Context: process; takes locks that sim_echo_driver_post() is called under.
 */
void sim_echo_resume(struct cxl_context *ctx)
{
	struct echo *echo = capi_context_backend_priv(ctx);

	spin_lock(&echo->lock);
	if (echo->working)
		echo_emit(echo);
	spin_unlock(&echo->lock);
}

/**
 * sim_echo_connect() - the AFU's driver is attached, or no longer
 * @ctx: to what
 * @driver: takes the events from now on; NULL for none
 *
 * Return: false if the context is not one of ours: another backend may bring
 * echo AFUs too, and what it keeps with its contexts is unknown here.
 */
bool sim_echo_connect(struct cxl_context *ctx, struct echo_driver *driver)
{
	struct echo *echo;

	if (capi_afu_desc(capi_context_afu(ctx))->kind !=
	    sim_echo_ops.desc.kind)
		return false;

	echo = capi_context_backend_priv(ctx);
	spin_lock(&echo->lock);
	echo->driver = driver;
	spin_unlock(&echo->lock);
	return true;
}

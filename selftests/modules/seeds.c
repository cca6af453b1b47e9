// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bugs, to see whether a kernel that looks for them finds them. Loading commits
 * the one that is asked for; those on memory only read where they may not.
 */
#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#define SIZE	100
#define LEAKS	16
#define RACES	2000000
#define HANG	20	/* seconds */

static char *bug = "";
module_param(bug, charp, 0);
MODULE_PARM_DESC(bug, "which one to commit");

static DEFINE_MUTEX(one);
static DEFINE_MUTEX(other);
static DEFINE_SPINLOCK(spinlock);
static unsigned int array[4];
static unsigned int shared;

/* Reads a byte that the compiler knows nothing about. */
static noinline int peek(const char *memory, size_t i)
{
	OPTIMIZER_HIDE_VAR(memory);
	return READ_ONCE(memory[i]);
}

static int beyond_slab(void)
{
	char *memory = kmalloc(SIZE, GFP_KERNEL);
	int byte = memory ? peek(memory, SIZE) : 0;

	kfree(memory);
	return byte;
}

static int beyond_stack(void)
{
	char memory[SIZE] = "";

	return peek(memory, SIZE);
}

static int beyond_vmalloc(void)
{
	char *memory = vmalloc(SIZE);
	int byte = memory ? peek(memory, SIZE) : 0;

	vfree(memory);
	return byte;
}

static int after_free(void)
{
	char *memory = kzalloc(SIZE, GFP_KERNEL);
	char *freed = memory;

	OPTIMIZER_HIDE_VAR(freed);
	kfree(memory);
	return freed ? peek(freed, 0) : 0;
}

static void expired(struct timer_list *timer)
{
}

/* The kernel stops it before the memory is gone. */
static int free_active(void)
{
	struct timer_list *timer = kzalloc(sizeof(*timer), GFP_KERNEL);

	if (timer) {
		timer_setup(timer, expired, 0);
		mod_timer(timer, jiffies + 3600UL * HZ);
		kfree(timer);
	}
	return 0;
}

/* Several: what looks like the address of one may be left behind on some stack. */
static int leak(void)
{
	unsigned int i;
	char *memory;

	for (i = 0; i < LEAKS; i++) {
		memory = kzalloc(SIZE, GFP_KERNEL);
		if (memory)
			strscpy(memory, "capi_seeds lost", SIZE);
	}
	return 0;
}

static int shift(void)
{
	unsigned int by = 40;

	OPTIMIZER_HIDE_VAR(by);
	return 1 << by;
}

static int beyond_array(void)
{
	unsigned int i = ARRAY_SIZE(array);

	OPTIMIZER_HIDE_VAR(i);
	return array[i];
}

static int lock_order(void)
{
	mutex_lock(&one);
	mutex_lock(&other);
	mutex_unlock(&other);
	mutex_unlock(&one);

	mutex_lock(&other);
	mutex_lock(&one);
	mutex_unlock(&one);
	mutex_unlock(&other);
	return 0;
}

static int sleep_in_atomic(void)
{
	spin_lock(&spinlock);
	mutex_lock(&one);
	mutex_unlock(&one);
	spin_unlock(&spinlock);
	return 0;
}

static void count(struct work_struct *work)
{
	unsigned int i;

	for (i = 0; i < RACES; i++) {
		shared++;
		barrier();
	}
}

static int race(void)
{
	static DECLARE_WORK(here, count);
	static DECLARE_WORK(there, count);

	schedule_work_on(cpumask_first(cpu_online_mask), &here);
	schedule_work_on(cpumask_last(cpu_online_mask), &there);
	flush_work(&here);
	flush_work(&there);
	return 0;
}

static int hang(void)
{
	schedule_timeout_uninterruptible(HANG * HZ);
	return 0;
}

static const struct {
	const char *name;
	int (*commit)(void);
} bugs[] = {
	{ "slab", beyond_slab },
	{ "stack", beyond_stack },
	{ "vmalloc", beyond_vmalloc },
	{ "freed", after_free },
	{ "object", free_active },
	{ "leak", leak },
	{ "shift", shift },
	{ "array", beyond_array },
	{ "locks", lock_order },
	{ "atomic", sleep_in_atomic },
	{ "race", race },
	{ "hang", hang },
};

static int __init capi_seeds_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bugs); i++) {
		if (!strcmp(bug, bugs[i].name)) {
			/* Said, or it would not have to be found out. */
			pr_info("capi_seeds: %s: %d\n", bug, bugs[i].commit());
			return 0;
		}
	}
	return -EINVAL;
}

static void __exit capi_seeds_exit(void)
{
}

module_init(capi_seeds_init);
module_exit(capi_seeds_exit);

MODULE_DESCRIPTION("Bugs that a kernel for debugging has to find");
MODULE_AUTHOR("The capi-mdev developers");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attributes while somebody else has the lock: who asks can give up.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/iopoll.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>

#include "sysfs.c"

/**
 * struct sysfs_test - a device, and a thread that asks for an attribute
 * @m: the device
 * @dev: what its attributes are asked for
 * @ask: asks
 * @buf: what comes
 * @rc: what that returned
 * @done: it did
 */
struct sysfs_test {
	struct capi_mdev m;
	struct device dev;
	ssize_t (*ask)(struct sysfs_test *t);
	char *buf;
	ssize_t rc;
	struct completion done;
};

static ssize_t read_label(struct sysfs_test *t)
{
	return label_show(&t->dev, &dev_attr_label, t->buf);
}

static ssize_t write_label(struct sysfs_test *t)
{
	return label_store(&t->dev, &dev_attr_label, "new", 3);
}

static ssize_t write_irqs(struct sysfs_test *t)
{
	return irqs_store(&t->dev, &dev_attr_irqs, "4", 1);
}

static ssize_t write_max_events(struct sysfs_test *t)
{
	return max_events_store(&t->dev, &dev_attr_max_events, "4", 1);
}

static int attrs_init(struct kunit *test)
{
	struct sysfs_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->buf = (char *)__get_free_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->buf);
	mutex_init(&t->m.lock);
	strscpy(t->m.label, "old", sizeof(t->m.label));
	dev_set_drvdata(&t->dev, &t->m);
	init_completion(&t->done);
	test->priv = t;
	return 0;
}

static void attrs_exit(struct kunit *test)
{
	struct sysfs_test *t = test->priv;

	free_page((unsigned long)t->buf);
}

static int ask(void *data)
{
	struct sysfs_test *t = data;

	allow_signal(SIGTERM);
	t->rc = t->ask(t);
	complete(&t->done);
	return 0;
}

/* A signal comes while it sleeps; the lock stays where it is. */
static void give_up(struct kunit *test, ssize_t (*function)(struct sysfs_test *t))
{
	struct sysfs_test *t = test->priv;
	struct task_struct *task;
	unsigned long left;
	unsigned int state;

	t->ask = function;
	reinit_completion(&t->done);
	mutex_lock(&t->m.lock);
	task = kthread_run(ask, t, "sysfs_test");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	get_task_struct(task);
	KUNIT_EXPECT_EQ(test, read_poll_timeout(READ_ONCE, state,
						state & TASK_NORMAL, 1000,
						10 * USEC_PER_SEC, false,
						task->__state), 0);
	send_sig(SIGTERM, task, 0);
	left = wait_for_completion_timeout(&t->done, 10 * HZ);
	mutex_unlock(&t->m.lock);
	KUNIT_EXPECT_GT(test, left, 0);
	if (!left)
		wait_for_completion(&t->done);
	put_task_struct(task);
	KUNIT_EXPECT_EQ(test, t->rc, -ERESTARTSYS);
	KUNIT_EXPECT_STREQ(test, t->m.label, "old");
}

static void given_up(struct kunit *test)
{
	struct sysfs_test *t = test->priv;

	give_up(test, read_label);
	give_up(test, write_label);
	give_up(test, write_irqs);
	give_up(test, write_max_events);

	/* Nobody holds it, so both work. */
	KUNIT_EXPECT_EQ(test, write_label(t), 3);
	KUNIT_EXPECT_EQ(test, read_label(t), 4);
	KUNIT_EXPECT_STREQ(test, t->buf, "new\n");
}

static struct kunit_case sysfs_cases[] = {
	KUNIT_CASE(given_up),
	{ }
};

static struct kunit_suite sysfs_suite = {
	.name = "mdev_sysfs",
	.init = attrs_init,
	.exit = attrs_exit,
	.test_cases = sysfs_cases,
};

kunit_test_suite(sysfs_suite);

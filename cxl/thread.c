// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that work for whoever started a context.
 */
#include <linux/cgroup.h>
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "core.h"

/**
 * struct thread_start - what a thread is to know; gone once it has said @done
 * @fn: what it is to run
 * @data: for @fn
 * @starter: waits for @done
 * @cred: the starter's, held for the thread
 * @done: it is in the starter's cgroups, or failed
 * @rc: which
 */
struct thread_start {
	int (*fn)(void *data);
	void *data;
	struct task_struct *starter;
	const struct cred *cred;
	struct completion done;
	int rc;
};

/* What it brings in of somebody's memory is measured by its own limits. */
static void take_limits(struct task_struct *starter)
{
	const struct rlimit *from = starter->signal->rlim;
	struct rlimit *to = current->signal->rlim;

	task_lock(starter->group_leader);
	to[RLIMIT_MEMLOCK] = from[RLIMIT_MEMLOCK];
	to[RLIMIT_STACK] = from[RLIMIT_STACK];
	to[RLIMIT_AS] = from[RLIMIT_AS];
	task_unlock(starter->group_leader);
}

/*
 * It moves itself: to move another needs its privileges, and those of a thread of
 * the kernel are more than most starters have.
 */
static int thread_main(void *arg)
{
	struct thread_start *start = arg;
	int (*fn)(void *data) = start->fn;
	const struct cred *cred = start->cred, *kernel;
	void *data = start->data;
	int rc = cgroup_attach_task_all(start->starter, current);

	take_limits(start->starter);
	start->rc = rc;
	complete(&start->done);
	if (!rc) {
		kernel = override_creds(cred);
		rc = fn(data);
		revert_creds(kernel);
	}
	put_cred(cred);
	return rc;
}

/**
 * capi_thread_run() - run a kernel thread for the caller
 * @fn: what it runs, until kthread_should_stop()
 * @data: for @fn
 * @namefmt: its name, as for printf()
 *
 * What it uses is accounted to whoever started it, and subject to his limits: it
 * has the caller's credentials, and limits on stacks and locked memory, as well.
 *
 * Context: process, may sleep.
 * Return: the thread, to be stopped by kthread_stop(), or an ERR_PTR.
 */
struct task_struct *capi_thread_run(int (*fn)(void *data), void *data,
				    const char *namefmt, ...)
{
	struct thread_start start = {
		.fn = fn,
		.data = data,
		.starter = current,
		.cred = get_current_cred(),
		.done = COMPLETION_INITIALIZER_ONSTACK(start.done),
	};
	struct task_struct *task;
	char name[32];
	va_list args;

	va_start(args, namefmt);
	vsnprintf(name, sizeof(name), namefmt, args);
	va_end(args);

	task = kthread_run(thread_main, &start, "%s", name);
	if (IS_ERR(task)) {
		put_cred(start.cred);
		return task;
	}
	wait_for_completion(&start.done);
	return start.rc ? ERR_PTR(start.rc) : task;
}
EXPORT_SYMBOL_GPL(capi_thread_run);

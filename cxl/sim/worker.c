// SPDX-License-Identifier: GPL-2.0-only
/*
 * The threads in which software AFUs work: one for each context that is
 * started, in the cgroups of whoever started it.
 *
 * Nothing tells an AFU that there is work in memory, so its thread looks again
 * and again: at once while there is work, then ever more seldom. When it has
 * found nothing for long, it removes the mappings of its registers, so that
 * whoever uses them faults, which wakes it, and sleeps. If it needs no more than
 * a store to a register, that is all. Otherwise one work item per AFU looks for
 * all such threads every POLL, which is much cheaper than waking each. It looks
 * without waiting for anything, so that nobody's memory makes others wait.
 */
#include <linux/kthread.h>
#include <linux/sched/signal.h>

#include <misc/cxl.h>

#include "sim.h"

/* How long it waits after the first look that found nothing */
#define FIRST_PAUSE	(20 * NSEC_PER_USEC)
/* What is new is to be seen within 50 ms, also when the timer is late. */
#define POLL		(32 * NSEC_PER_MSEC)
#define POLL_JIFFIES	(HZ / 32)

/* Is it to end what it does? Accesses to memory may fail then for no reason. */
bool sim_worker_ending(struct sim_worker *worker)
{
	return READ_ONCE(worker->ending);
}

/* Sleeps until then, or for good; ends early when it is kicked. */
static void worker_sleep(struct sim_worker *worker, ktime_t *until, u64 slack)
{
	DEFINE_WAIT(entry);

	prepare_to_wait(&worker->wait, &entry, TASK_IDLE);
	if (!READ_ONCE(worker->kicked) && !sim_worker_ending(worker))
		schedule_hrtimeout_range(until, slack, HRTIMER_MODE_ABS);
	finish_wait(&worker->wait, &entry);
}

static void worker_pause(struct sim_worker *worker, u64 pause)
{
	ktime_t until = ktime_add_ns(ktime_get(), pause);

	worker_sleep(worker, &until, pause / 4);
}

static void watch(struct work_struct *work)
{
	struct sim_afu *afu = container_of(work, struct sim_afu, watch.work);
	struct sim_worker *worker;

	mutex_lock(&afu->watching);
	list_for_each_entry(worker, &afu->watched, watched)
		if (worker->look(worker))
			sim_worker_kick(worker);
	if (!list_empty(&afu->watched))
		queue_delayed_work(system_highpri_wq, &afu->watch,
				   POLL_JIFFIES);
	mutex_unlock(&afu->watching);
}

/* Sleeps until it is kicked, while the AFU's work item looks for it. */
static void worker_be_watched(struct sim_worker *worker)
{
	struct sim_afu *afu = capi_afu_priv(capi_context_afu(worker->ctx));

	mutex_lock(&afu->watching);
	list_add_tail(&worker->watched, &afu->watched);
	queue_delayed_work(system_highpri_wq, &afu->watch, POLL_JIFFIES);
	mutex_unlock(&afu->watching);

	worker_sleep(worker, NULL, 0);

	mutex_lock(&afu->watching);
	list_del(&worker->watched);
	mutex_unlock(&afu->watching);
}

/* Looks itself where others cannot look without waiting. */
static void worker_poll(struct sim_worker *worker, enum sim_work work)
{
	worker->memory = work == SIM_WORK_NONE;
	if (worker->memory && worker->watch(worker)) {
		worker_pause(worker, POLL);
		return;
	}
	worker_be_watched(worker);
	if (worker->memory)
		capi_dma_unwatch(worker->ctx);
}

/* Goes on until the AFU must not work for the context any more. */
static void worker_work(struct sim_worker *worker)
{
	u64 pause = FIRST_PAUSE;
	bool zapped = false;
	enum sim_work work;

	while (!sim_worker_ending(worker)) {
		work = worker->burst(worker);
		if (work == SIM_WORK_DONE) {
			pause = FIRST_PAUSE;
			cond_resched();
		} else if (xchg(&worker->kicked, false)) {
			pause = FIRST_PAUSE;
			zapped = false;
		} else if (pause < POLL) {
			worker_pause(worker, pause);
			pause *= 2;
		} else if (!zapped) {
			/* And looks once more: what was stored before, stays. */
			capi_psa_zap(worker->ctx);
			zapped = true;
		} else if (work == SIM_WORK_NONE ||
			   capi_psa_pinned(worker->ctx)) {
			worker_poll(worker, work);
		} else {
			worker_sleep(worker, NULL, 0);
		}
	}
}

static int worker_thread(void *data)
{
	struct sim_worker *worker = data;

	/* It ends accesses to memory that never comes. */
	allow_kernel_signal(SIGKILL);
	worker_work(worker);

	set_current_state(TASK_IDLE);
	while (!kthread_should_stop()) {
		schedule();
		set_current_state(TASK_IDLE);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

/* Before there is any worker */
void sim_workers_init(struct sim_afu *afu)
{
	mutex_init(&afu->lock);
	spin_lock_init(&afu->list);
	INIT_LIST_HEAD(&afu->workers);
	mutex_init(&afu->watching);
	INIT_LIST_HEAD(&afu->watched);
	INIT_DELAYED_WORK(&afu->watch, watch);
}

/* No worker is left. */
void sim_workers_exit(struct sim_afu *afu)
{
	cancel_delayed_work_sync(&afu->watch);
	mutex_destroy(&afu->watching);
	mutex_destroy(&afu->lock);
}

/**
 * sim_worker_init() - give a context a worker
 * @worker: to be filled in
 * @ctx: the context, of a software AFU
 *
 * The callbacks are filled in already.
 *
 * Context: process, may sleep.
 */
void sim_worker_init(struct sim_worker *worker, struct cxl_context *ctx)
{
	struct sim_afu *afu = capi_afu_priv(capi_context_afu(ctx));

	worker->ctx = ctx;
	mutex_init(&worker->lock);
	init_waitqueue_head(&worker->wait);
	mutex_lock(&afu->lock);
	spin_lock(&afu->list);
	list_add_tail(&worker->node, &afu->workers);
	spin_unlock(&afu->list);
	mutex_unlock(&afu->lock);
}

/**
 * sim_worker_release() - opposite of sim_worker_init()
 * @worker: the worker, stopped
 *
 * Context: process, may sleep.
 */
void sim_worker_release(struct sim_worker *worker)
{
	struct sim_afu *afu = capi_afu_priv(capi_context_afu(worker->ctx));

	mutex_lock(&afu->lock);
	spin_lock(&afu->list);
	list_del(&worker->node);
	spin_unlock(&afu->list);
	mutex_unlock(&afu->lock);
	mutex_destroy(&worker->lock);
}

/**
 * sim_worker_start() - begin to work
 * @worker: the worker
 *
 * What the thread uses is accounted to the caller's cgroups.
 *
 * Context: process, may sleep.
 * Return: 0, or an error from making the thread.
 */
int sim_worker_start(struct sim_worker *worker)
{
	struct cxl_context *ctx = worker->ctx;
	struct sim_afu *afu = capi_afu_priv(capi_context_afu(ctx));
	struct task_struct *task;

	WRITE_ONCE(worker->ending, false);
	WRITE_ONCE(worker->kicked, false);
	task = capi_thread_run(worker_thread, worker, "capi-%s-%d",
			       capi_afu_name(capi_context_afu(ctx)),
			       cxl_process_element(ctx));
	if (IS_ERR(task))
		return PTR_ERR(task);
	spin_lock(&afu->list);
	worker->task = task;
	spin_unlock(&afu->list);
	return 0;
}

/* Caller holds the lock of the AFU's list. */
static void tell_to_end(struct sim_worker *worker)
{
	/* First, for a thread that does not listen to signals yet. */
	WRITE_ONCE(worker->ending, true);
	send_sig(SIGKILL, worker->task, 1);
}

/**
 * sim_worker_stop() - stop working
 * @worker: the worker; nothing happens if it is stopped
 *
 * When it returns, no burst runs.
 *
 * Context: process, may sleep.
 */
void sim_worker_stop(struct sim_worker *worker)
{
	struct sim_afu *afu = capi_afu_priv(capi_context_afu(worker->ctx));
	struct task_struct *task;

	mutex_lock(&worker->lock);
	spin_lock(&afu->list);
	task = worker->task;
	if (task)
		tell_to_end(worker);
	worker->task = NULL;
	spin_unlock(&afu->list);
	if (task)
		kthread_stop(task);
	mutex_unlock(&worker->lock);
}

/**
 * sim_worker_kick() - there may be something in the registers
 * @worker: the worker, started or not
 *
 * Context: any.
 */
void sim_worker_kick(struct sim_worker *worker)
{
	WRITE_ONCE(worker->kicked, true);
	wake_up(&worker->wait);
}

/**
 * sim_workers_kick() - there may be something in the registers of any context
 * @afu: the AFU
 *
 * Context: process.
 */
void sim_workers_kick(struct sim_afu *afu)
{
	struct sim_worker *worker;

	spin_lock(&afu->list);
	list_for_each_entry(worker, &afu->workers, node)
		sim_worker_kick(worker);
	spin_unlock(&afu->list);
}

/**
 * sim_workers_end() - tell the workers of all contexts to end
 * @afu: the AFU
 *
 * Does not wait for them: sim_workers_stop() follows.
 *
 * Context: process.
 */
void sim_workers_end(struct sim_afu *afu)
{
	struct sim_worker *worker;

	spin_lock(&afu->list);
	list_for_each_entry(worker, &afu->workers, node)
		if (worker->task)
			tell_to_end(worker);
	spin_unlock(&afu->list);
}

/**
 * sim_workers_stop() - stop working for all contexts
 * @afu: the AFU
 *
 * Each does nothing until it is stopped and started again. All are told before
 * the first is waited for: it may wait for a lock of a consumer's that another
 * has, who waits for the consumer.
 *
 * Context: process, may sleep.
 */
void sim_workers_stop(struct sim_afu *afu)
{
	struct sim_worker *worker;

	mutex_lock(&afu->lock);
	sim_workers_end(afu);
	list_for_each_entry(worker, &afu->workers, node)
		sim_worker_stop(worker);
	mutex_unlock(&afu->lock);
}

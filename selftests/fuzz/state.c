// SPDX-License-Identifier: GPL-2.0-only
/*
 * What programs make, and how it goes again.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "state.h"

bool is_memcpy(unsigned int number)
{
	return number % 2;
}

void close_fd(int *fd)
{
	int old = __atomic_exchange_n(fd, -1, __ATOMIC_ACQ_REL);

	if (old >= 0)
		close(old);
}

void keep_fd(int *fds, unsigned int n, unsigned int where, int fd)
{
	int old = __atomic_exchange_n(&fds[where % n], fd, __ATOMIC_ACQ_REL);

	if (old >= 0)
		close(old);
}

void drop_mapping(struct mapping *mapping)
{
	void *start = __atomic_exchange_n(&mapping->start, NULL,
					  __ATOMIC_ACQ_REL);

	if (start)
		munmap(start, mapping->size);
}

void keep_mapping(struct state *state, unsigned int where, void *start,
		  size_t size)
{
	struct mapping *mapping = &state->mappings[where % MAPPINGS];

	if (start == MAP_FAILED)
		return;
	drop_mapping(mapping);
	mapping->size = size;
	__atomic_store_n(&mapping->start, start, __ATOMIC_RELEASE);
}

/* Files of /dev/cxl */

struct file *file(struct state *state, unsigned int number)
{
	struct file *file = &state->files[number % CONTEXTS];
	char name[24], path[64];

	if (file->fd < 0 && !file->shut) {
		afu_name(state->worker, is_memcpy(number), name, sizeof(name));
		snprintf(path, sizeof(path), "/dev/cxl/%s%c", name,
			 number % CONTEXTS < 2 ? 's' : 'm');
		keep_fd(&file->fd, 1, 0,
			open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK));
	}
	return file->fd < 0 ? NULL : file;
}

void file_close(struct file *file)
{
	close_fd(&file->fd);
	file->next = 0;
}

/* All of it */

static void map_memory(struct state *state)
{
	state->memory = mmap((void *)MEMORY, SIZE, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (state->memory == MAP_FAILED)
		_exit(1);
}

/* As it was in the beginning, where it matters. Page faults take time. */
static void renew_memory(struct state *state)
{
	if (atomic_exchange(&state->memory_changed, false))
		map_memory(state);
	else
		memset(state->memory, 0, SCRATCH + PAGE);
}

static void init_memory(struct state *state)
{
	map_memory(state);
	state->read_only = mmap((void *)(MEMORY + (1UL << 32)), PAGE, PROT_READ,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (state->read_only == MAP_FAILED)
		_exit(1);
}

static void init_fds(int *fds, unsigned int n)
{
	while (n--)
		fds[n] = -1;
}

void state_init(struct state *state, unsigned int worker)
{
	unsigned int i;

	memset(state, 0, sizeof(*state));
	state->worker = worker;
	init_memory(state);
	for (i = 0; i < DEVICES; i++) {
		snprintf(state->devices[i].uuid, sizeof(state->devices[i].uuid),
			 "00000000-0000-4000-8000-0000000%02x%03x", worker, i);
		state->devices[i].iommufd = -1;
		state->devices[i].vfio.device = -1;
		state->devices[i].vfio.group = -1;
		state->devices[i].vfio.container = -1;
	}
	for (i = 0; i < CONTEXTS; i++)
		state->files[i].fd = -1;
	init_fds(state->event_fds, EVENT_FDS);
	init_fds(state->eventfds, EVENTFDS);
	state->epoll = -1;
	pthread_mutex_init(&state->opening, NULL);
	pthread_mutex_init(&state->lock, NULL);
	pthread_cond_init(&state->changed, NULL);
}

static void end_reader(pid_t *reader)
{
	pid_t pid = __atomic_exchange_n(reader, 0, __ATOMIC_ACQ_REL);

	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* What a program did to adapters and AFUs */
static void restore_host(struct state *state)
{
	char path[PATH_MAX], afu[24];
	unsigned int i;

	if (!atomic_exchange(&state->host_changed, false))
		return;
	write_file("/sys/module/capi_mdev/parameters/answer_timeout", "1");
	for (i = 0; i < 2 * CARDS; i++) {
		afu_name(i / 2, i % 2, afu, sizeof(afu));
		snprintf(path, sizeof(path), "/sys/class/cxl/%s/mode", afu);
		write_file(path, "afu_directed");
		snprintf(path, sizeof(path), "/sys/class/cxl/%s/irqs_max", afu);
		write_file(path, "32");
		snprintf(path, sizeof(path),
			 "/sys/kernel/debug/capi_sim/%s/link",
			 card_name(i / 2));
		write_file(path, "1");
		write_file("/sys/bus/pci/drivers/capi_mdev/bind",
			   card_name(i / 2));
	}
}

static void close_files(struct state *state, struct pulse *pulse)
{
	unsigned int i;

	for (i = 0; i < READERS; i++)
		end_reader(&state->readers[i]);
	for (i = 0; i < MAPPINGS; i++)
		drop_mapping(&state->mappings[i]);
	beat(pulse, "closing mappings");
	close_fd(&state->epoll);
	for (i = 0; i < EVENT_FDS; i++)
		close_fd(&state->event_fds[i]);
	for (i = 0; i < EVENTFDS; i++)
		close_fd(&state->eventfds[i]);
	for (i = 0; i < CONTEXTS; i++) {
		file_close(&state->files[i]);
		state->files[i].shut = false;
		beat(pulse, "closing files");
	}
}

static bool helper_waits(struct state *state)
{
	bool waits;

	pthread_mutex_lock(&state->lock);
	waits = state->nr_jobs;
	pthread_mutex_unlock(&state->lock);
	return waits;
}

void state_reset(struct state *state, struct pulse *pulse)
{
	unsigned int i;

	/* It may wait for any of them to be closed. */
	if (atomic_load(&state->host_changed) || helper_waits(state)) {
		state_release(state, pulse);
		return;
	}
	close_files(state, pulse);
	for (i = 0; i < DEVICES; i++) {
		device_reset(&state->devices[i]);
		beat(pulse, "resetting devices");
	}
	renew_memory(state);
}

void state_release(struct state *state, struct pulse *pulse)
{
	unsigned int i;

	close_files(state, pulse);
	/* All are closed before anybody waits. */
	for (i = 0; i < DEVICES; i++) {
		device_close(state, &state->devices[i]);
		state->devices[i].shut = false;
		state->devices[i].next = 0;
		beat(pulse, "closing devices");
	}
	beat(pulse, "waiting for the helper");
	wait_for_helper(state);
	beat(pulse, "restoring");
	restore_host(state);
	for (i = 0; i < DEVICES; i++) {
		beat(pulse, "removing devices");
		device_remove(&state->devices[i]);
	}
	renew_memory(state);
}

/* What may wait for somebody else */

static void do_job(const struct job *job)
{
	if (job->path[0]) {
		write_file(job->path, job->text);
		return;
	}
	if (!module_unload(job->text))
		stack_load();
	kcov_load_modules();
}

void *helper(void *arg)
{
	struct state *state = arg;
	struct pulse *pulse = &shared->pulses[state->worker][HELPER];
	struct job job;

	pulse->tid = gettid();
	kcov_open();
	pthread_barrier_wait(&state->ready);
	pthread_mutex_lock(&state->lock);
	for (;;) {
		while (!state->nr_jobs)
			pthread_cond_wait(&state->changed, &state->lock);
		job = state->jobs[state->first_job % JOBS];
		pthread_mutex_unlock(&state->lock);
		kcov_begin();
		do_job(&job);
		kcov_end();
		pthread_mutex_lock(&state->lock);
		state->first_job++;
		state->nr_jobs--;
		pthread_cond_broadcast(&state->changed);
	}
	return NULL;
}

static void soon(struct timespec *time, unsigned int ms)
{
	clock_gettime(CLOCK_REALTIME, time);
	time->tv_nsec += ms * 1000000L;
	time->tv_sec += time->tv_nsec / 1000000000;
	time->tv_nsec %= 1000000000;
}

bool later(struct state *state, const char *path, const char *text)
{
	struct timespec limit;
	struct job *job;
	bool room;

	pthread_mutex_lock(&state->lock);
	room = state->nr_jobs < JOBS;
	if (room) {
		job = &state->jobs[(state->first_job + state->nr_jobs) % JOBS];
		snprintf(job->path, sizeof(job->path), "%s", path);
		snprintf(job->text, sizeof(job->text), "%s", text);
		state->nr_jobs++;
		pthread_cond_broadcast(&state->changed);
		soon(&limit, 20);
		while (state->nr_jobs &&
		       pthread_cond_timedwait(&state->changed, &state->lock,
					      &limit) != ETIMEDOUT)
			;
	}
	pthread_mutex_unlock(&state->lock);
	return room;
}

void wait_for_helper(struct state *state)
{
	pthread_mutex_lock(&state->lock);
	while (state->nr_jobs)
		pthread_cond_wait(&state->changed, &state->lock);
	pthread_mutex_unlock(&state->lock);
}

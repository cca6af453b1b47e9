// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sees to it that the others go on, and that the kernel does not complain.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "state.h"

/* What the kernel says when something is wrong, one a line */
#define COMPLAINTS	"/complaints"

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void say_failure(const char *why)
{
	shared->failed = 1;
	printf("not ok - fuzz: %s\n", why);
	fflush(stdout);
}

/* The kernel's log */

static char complaints[32][64];
static unsigned int nr_complaints;
static int log_fd = -1;

static void open_log(void)
{
	FILE *file = fopen(COMPLAINTS, "re");

	log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	lseek(log_fd, 0, SEEK_END);
	while (file && nr_complaints < ARRAY_SIZE(complaints) &&
	       fgets(complaints[nr_complaints], sizeof(complaints[0]), file)) {
		complaints[nr_complaints][strcspn(complaints[nr_complaints],
						  "\n")] = '\0';
		if (complaints[nr_complaints][0] != '#')
			nr_complaints++;
	}
	if (file)
		fclose(file);
}

/*
 * User Mode Linux walks a process's memory without a lock when it flushes the TLB,
 * of which lockdep says so. The host tells that from what is ours, in the end.
 */
static bool may_be_flush(const char *line)
{
	return is_uml() && (strstr(line, "suspicious RCU usage") ||
			    strstr(line, "lockdep") ||
			    strstr(line, "Call Trace"));
}

static bool is_complaint(const char *line)
{
	unsigned int i;

	if (may_be_flush(line))
		return false;

	for (i = 0; i < nr_complaints; i++)
		if (strstr(line, complaints[i]))
			return true;
	return false;
}

static void read_log(void)
{
	static bool said;
	char line[2048];
	ssize_t len;

	if (log_fd < 0)
		open_log();
	while ((len = read(log_fd, line, sizeof(line) - 1)) > 0) {
		line[len] = '\0';
		line[strcspn(line, "\n")] = '\0';
		if (said || strstr(line, "fuzz: ") || !is_complaint(line))
			continue;
		said = true;
		failure("kernel: %.400s", strchr(line, ';') ? strchr(line, ';') + 1 :
			line);
	}
}

/* Threads that hang */

static void show(pid_t pid, pid_t tid)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stack", pid, tid);
	/* User Mode Linux does not read others' stacks without an alarm of KASAN's. */
	if (is_uml() ||
	    read_file(path, text, sizeof(text)) <= 0)
		return;
	printf("# thread %d:\n", tid);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		printf("#   %s\n", line);
}

static bool idle(const struct pulse *pulse)
{
	return !__atomic_load_n(&pulse->busy, __ATOMIC_ACQUIRE);
}

/**
 * struct last - what was seen of a thread
 * @beats: then
 * @since: when that changed
 */
struct last {
	unsigned int beats;
	long long since;
};

static bool hangs(struct pulse *pulse, struct last *last, long long now)
{
	unsigned int beats = __atomic_load_n(&pulse->beats, __ATOMIC_ACQUIRE);

	if (idle(pulse) || beats != last->beats || !last->since) {
		last->beats = beats;
		last->since = now;
		return false;
	}
	return now - last->since > settings.patience * 1000LL;
}

/* The others may be what it waits for. */
static void say_hang(pid_t pid, unsigned int worker)
{
	unsigned int i;

	for (i = 0; i < THREADS; i++)
		if (shared->pulses[worker][i].busy)
			failure("worker %u, thread %u hangs: %s", worker, i,
				shared->pulses[worker][i].doing);
	show(pid, pid);
	for (i = 0; i < THREADS; i++)
		if (shared->pulses[worker][i].tid != pid)
			show(pid, shared->pulses[worker][i].tid);
	fflush(stdout);
	write_file("/proc/sysrq-trigger", "w");
}

static void stop(void)
{
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELEASE);
}

/* Returns how many ended. */
static unsigned int reap(const pid_t *pids, unsigned int n)
{
	unsigned int i, ended = 0;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		ended++;
		if (WIFEXITED(status) && !WEXITSTATUS(status))
			continue;
		for (i = 0; i < n && pids[i] != pid; i++)
			;
		if (!shared->failed)
			failure("worker %u ended with status %#x", i, status);
	}
	return ended;
}

int watch(const pid_t *pids, unsigned int n, unsigned int seconds)
{
	struct last last[MAX_WORKERS][THREADS] = { };
	long long begin = now_ms(), now;
	unsigned int left = n, i;

	while (left) {
		usleep(100000);
		now = now_ms();
		if (seconds && now - begin > seconds * 1000LL)
			stop();
		read_log();
		if (shared->failed)
			stop();
		left -= reap(pids, n);
		for (i = 0; left && i < n * THREADS; i++) {
			if (!hangs(&shared->pulses[i / THREADS][i % THREADS],
				   &last[i / THREADS][i % THREADS], now))
				continue;
			say_hang(pids[i / THREADS], i / THREADS);
			return -1;
		}
	}
	read_log();
	return shared->failed ? -1 : 0;
}

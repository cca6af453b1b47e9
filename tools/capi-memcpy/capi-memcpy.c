// SPDX-License-Identifier: GPL-2.0-only
/*
 * capi-memcpy: let a memcpy AFU copy memory of this program, and check the copy.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capi-memcpy.h"

/**
 * struct team - the processes
 * @job: what they share
 * @size: how many there are
 * @pids: they; 0 where one has ended
 * @done: bytes copied and found right, in memory that they share
 * @complaints: a pipe that takes what they have to say: one sentence is enough
 */
struct team {
	struct job job;
	unsigned int size;
	pid_t pids[MAX_PROCESSES];
	uint64_t *done;
	int complaints[2];
};

static int map_file(struct job *job, const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *memory;

	if (fd < 0 || fstat(fd, &st))
		return complain("cannot open %s: %s", name, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return complain("%s is no regular file: only that can be mapped",
				name);
	job->size = st.st_size;
	if (job->size) {
		memory = mmap(NULL, job->size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (memory == MAP_FAILED)
			return complain("cannot map %s: %s", name,
					strerror(errno));
		job->memory = memory;
	}
	close(fd);
	return EXIT_OK;
}

/* What process @n does; it does not outlive its parent. */
static int work(struct team *team, unsigned int n, pid_t parent)
{
	struct job *job = &team->job;
	uint64_t windows = (job->size + WINDOW_SIZE - 1) / WINDOW_SIZE;
	uint64_t start = windows * n / team->size * WINDOW_SIZE;
	uint64_t end = windows * (n + 1) / team->size * WINDOW_SIZE;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent ||
	    dup2(team->complaints[1], STDERR_FILENO) < 0)
		return EXIT_ERROR;
	return copy_share(job, start, end < job->size ? end : job->size,
			  team->done);
}

static int start_team(struct team *team)
{
	pid_t pid, self = getpid();
	unsigned int i;

	for (i = 0; i < team->size; i++) {
		pid = fork();
		if (pid < 0)
			return complain("cannot start a process: %s",
					strerror(errno));
		if (!pid)
			_exit(work(team, i, self));
		team->pids[i] = pid;
	}
	return EXIT_OK;
}

/* A process that failed has said why, and others perhaps as well. */
static void pass_on_complaint(struct team *team)
{
	char text[1024];
	ssize_t len = read(team->complaints[0], text, sizeof(text));
	char *end = len > 0 ? memchr(text, '\n', len) : NULL;

	progress_clear();
	if (end)
		fprintf(stderr, "%.*s\n", (int)(end - text), text);
}

/* The status of a process that has ended, or -1. */
static int look_after(struct team *team, pid_t *pid)
{
	int status;

	if (!*pid || waitpid(*pid, &status, WNOHANG) != *pid)
		return -1;
	*pid = 0;
	if (WIFEXITED(status)) {
		if (WEXITSTATUS(status))
			pass_on_complaint(team);
		return WEXITSTATUS(status);
	}
	progress_clear();
	if (WTERMSIG(status) == SIGBUS)
		return complain("the file became shorter meanwhile");
	return complain("a process died: %s", strsignal(WTERMSIG(status)));
}

/* Waits for all, or until one fails. */
static int wait_for_team(struct team *team, double start)
{
	unsigned int i, left = team->size;
	int status;

	while (left) {
		usleep(20000);
		progress_show(__atomic_load_n(team->done, __ATOMIC_RELAXED),
			      team->job.size, seconds() - start);
		for (i = 0; i < team->size; i++) {
			status = look_after(team, &team->pids[i]);
			if (status > 0)
				return status;
			left -= !status;
		}
	}
	return EXIT_OK;
}

static void end_team(struct team *team)
{
	unsigned int i;

	for (i = 0; i < team->size; i++)
		if (team->pids[i])
			kill(team->pids[i], SIGKILL);
	while (wait(NULL) > 0)
		;
}

static int run(struct team *team)
{
	double start = seconds(), time;
	char size[32], rate[32];
	int status;

	status = start_team(team);
	if (!status)
		status = wait_for_team(team, start);
	time = seconds() - start;
	end_team(team);
	if (status)
		return status;
	progress_clear();

	printf("%s copied and checked by %u process%s in %.2f s: %s/s\n",
	       readable(team->job.size, size, sizeof(size)), team->size,
	       team->size == 1 ? "" : "es", time,
	       readable(team->job.size / time, rate, sizeof(rate)));
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	struct team team = { };
	struct options opt;
	int status;

	parse_options(argc, argv, &opt);
	team.size = opt.processes;
	team.job.node = opt.node;
	team.job.size = opt.size;
	if (opt.file) {
		status = map_file(&team.job, opt.file);
		if (status)
			return status;
	}

	team.done = mmap(NULL, sizeof(*team.done), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (team.done == MAP_FAILED)
		return complain("no memory for the processes to share");
	if (pipe2(team.complaints, O_CLOEXEC | O_NONBLOCK))
		return complain("cannot make a pipe: %s", strerror(errno));
	return run(&team);
}

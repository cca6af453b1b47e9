// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs as text, "name 1 2; name ...", and those that are kept.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static int parse_op(const char *text, size_t size, struct op *op)
{
	size_t length = strcspn(text, " ;");
	const char *end = text + size;
	unsigned int i;
	char *rest;
	long arg;
	int nr;

	nr = op_find(text, length);
	if (nr < 0)
		return nr;
	memset(op, 0, sizeof(*op));
	op->nr = nr;
	text += length;
	for (i = 0; i < op_args(op_kind(nr)); i++) {
		arg = strtol(text, &rest, 10);
		if (rest == text || rest > end || arg < 0 ||
		    arg >= (long)op_kind(nr)->limit[i])
			return -EINVAL;
		op->arg[i] = arg;
		text = rest;
	}
	return text + strspn(text, " ") == end ? 0 : -EINVAL;
}

int program_parse(const char *text, struct program *program)
{
	size_t length;
	int ret;

	program->n = 0;
	for (;;) {
		text += strspn(text, " ");
		length = strcspn(text, ";|\n");
		if (program->n == MAX_OPS)
			return -E2BIG;
		ret = parse_op(text, length, &program->ops[program->n]);
		if (ret)
			return ret;
		program->n++;
		text += length;
		if (*text != ';')
			return 0;
		text++;
	}
}

/* What does not fit is left out: a program and its text are always the same. */
void program_print(const struct program *program, char *text, size_t size)
{
	size_t used = 0, before;
	unsigned int i, k;

	text[0] = '\0';
	for (i = 0; i < program->n; i++) {
		const struct op *op = &program->ops[i];
		const struct op_kind *kind = op_kind(op->nr);

		before = used;
		used += snprintf(text + used, size - used, "%s%s",
				 i ? "; " : "", kind->name);
		for (k = 0; k < op_args(kind) && used < size; k++)
			used += snprintf(text + used, size - used, " %u",
					 op->arg[k]);
		if (used >= size) {
			text[before] = '\0';
			return;
		}
	}
}

static void lock(void)
{
	while (__atomic_exchange_n(&shared->lock, 1, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void unlock(void)
{
	__atomic_store_n(&shared->lock, 0, __ATOMIC_RELEASE);
}

bool corpus_add(const struct program *program)
{
	bool room;

	lock();
	room = shared->nr_corpus < MAX_CORPUS;
	if (room)
		shared->corpus[shared->nr_corpus++] = *program;
	unlock();
	return room;
}

/* One of all, or of those that were found last */
void corpus_pick(__u64 *random, struct program *program)
{
	unsigned int n, among;

	lock();
	n = shared->nr_corpus;
	among = n > 64 && below(random, 2) ? 64 : n;
	if (n)
		*program = shared->corpus[n - 1 - below(random, among)];
	else
		program->n = 0;
	unlock();
}

/* Shorter ones first, so that longer ones only stay for what they add */
static int shorter(const void *a, const void *b)
{
	const struct program *one = a, *other = b;

	return (int)one->n - (int)other->n;
}

/* Lines that are no programs were written for another version. */
int corpus_load(const char *path)
{
	FILE *file = fopen(path, "re");
	struct program program;
	char line[MAX_TEXT + 2];

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		if (line[0] != '#' && !program_parse(line, &program))
			corpus_add(&program);
	fclose(file);
	qsort(shared->corpus, shared->nr_corpus, sizeof(struct program),
	      shorter);
	return 0;
}

void corpus_dump(void)
{
	char text[MAX_TEXT];
	unsigned int i;

	for (i = 0; i < shared->nr_corpus; i++) {
		program_print(&shared->corpus[i], text, sizeof(text));
		printf("corpus: %s\n", text);
	}
	fflush(stdout);
}

/* As the kernel's log has it, or nothing but a program: see worker.c. */
static int parse_replay(const char *line, unsigned int *worker,
			struct program *first, struct program *second)
{
	const char *text = strstr(line, "fuzz: ");
	int skip = 0;

	*worker = 0;
	if (text && (sscanf(text, "fuzz: %u: %n", worker, &skip) != 1 || !skip))
		return -EINVAL;
	text = text ? text + skip : line;
	if (program_parse(text, first))
		return -EINVAL;
	second->n = 0;
	text = strchr(text, '|');
	return text ? program_parse(text + 1, second) : 0;
}

int replay_line(unsigned int worker, unsigned int n, struct program *first,
		struct program *second)
{
	FILE *file = fopen(settings.replay, "re");
	char line[2 * MAX_TEXT + 64];
	unsigned int whose;

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (parse_replay(line, &whose, first, second) ||
		    whose % settings.workers != worker || n--)
			continue;
		fclose(file);
		return 0;
	}
	fclose(file);
	return -ENOENT;
}

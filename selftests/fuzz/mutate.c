// SPDX-License-Identifier: GPL-2.0-only
/*
 * New programs, from nothing or from others.
 */
#include <string.h>

#include "fuzz.h"

/* xorshift */
static __u64 next(__u64 *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

unsigned int below(__u64 *random, unsigned int limit)
{
	return limit ? (next(random) >> 16) % limit : 0;
}

static void random_arg(__u64 *random, struct op *op, unsigned int i)
{
	unsigned int limit = op_kind(op->nr)->limit[i];

	/* What numbers mean begins with what is usual. */
	if (limit > 16 && below(random, 2))
		limit = 16;
	op->arg[i] = below(random, limit);
}

static void random_op(__u64 *random, struct op *op)
{
	unsigned int i;

	memset(op, 0, sizeof(*op));
	op->nr = op_random(random);
	for (i = 0; i < op_args(op_kind(op->nr)); i++)
		random_arg(random, op, i);
}

/* Most of a program is about the same device. */
void program_generate(__u64 *random, struct program *program)
{
	unsigned int i, about = below(random, 256);

	program->n = 3 + below(random, 20);
	for (i = 0; i < program->n; i++) {
		random_op(random, &program->ops[i]);
		if (op_kind(program->ops[i].nr)->limit[0] && below(random, 4))
			program->ops[i].arg[0] =
				about % op_kind(program->ops[i].nr)->limit[0];
	}
}

static void insert(__u64 *random, struct program *program)
{
	unsigned int at = below(random, program->n + 1);

	if (program->n == MAX_OPS)
		return;
	memmove(&program->ops[at + 1], &program->ops[at],
		(program->n - at) * sizeof(struct op));
	program->n++;
	if (at && !below(random, 4))
		program->ops[at] = program->ops[below(random, at)];
	else
		random_op(random, &program->ops[at]);
}

static void delete(__u64 *random, struct program *program)
{
	unsigned int at = below(random, program->n);

	if (program->n < 2)
		return;
	program->n--;
	memmove(&program->ops[at], &program->ops[at + 1],
		(program->n - at) * sizeof(struct op));
}

static void change(__u64 *random, struct program *program)
{
	struct op *op = &program->ops[below(random, program->n)];
	unsigned int n = op_args(op_kind(op->nr)), i, limit;

	if (!n)
		return;
	i = below(random, n);
	limit = op_kind(op->nr)->limit[i];
	switch (below(random, 3)) {
	case 0:
		op->arg[i] = (op->arg[i] + 1) % limit;
		break;
	case 1:
		op->arg[i] = (op->arg[i] + limit - 1) % limit;
		break;
	default:
		random_arg(random, op, i);
	}
}

static void append(struct program *program, const struct program *other,
		   unsigned int from)
{
	unsigned int n = other->n - from;

	if (n > MAX_OPS - program->n)
		n = MAX_OPS - program->n;
	memcpy(&program->ops[program->n], &other->ops[from],
	       n * sizeof(struct op));
	program->n += n;
}

/* One that is kept, or a new one */
void program_append(__u64 *random, struct program *program)
{
	struct program other = { };

	if (below(random, 4))
		corpus_pick(random, &other);
	if (!other.n)
		program_generate(random, &other);
	append(program, &other, 0);
}

/* What takes long is as rare as in new programs, however much was kept of it. */
void program_thin(__u64 *random, struct program *program)
{
	unsigned int i, n = 0;

	for (i = 0; i < program->n; i++)
		if (below(random, 100) < op_kind(program->ops[i].nr)->weight)
			program->ops[n++] = program->ops[i];
	program->n = n;
}

/* The beginning of one and the end of another */
static void splice(__u64 *random, struct program *program)
{
	struct program other = { };

	corpus_pick(random, &other);
	program->n = below(random, program->n + 1);
	append(program, &other, below(random, other.n));
}

void program_mutate(__u64 *random, struct program *program)
{
	unsigned int times = 1 + below(random, 5);

	while (times--) {
		switch (below(random, 10)) {
		case 0 ... 3:
			change(random, program);
			break;
		case 4 ... 6:
			insert(random, program);
			break;
		case 7:
			delete(random, program);
			break;
		default:
			splice(random, program);
		}
		if (!program->n)
			program_generate(random, program);
	}
}

// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "translator.h"

void *ea(unsigned int off)
{
	return (void *)(uintptr_t)(EA + off);
}

unsigned char *ea_at(struct translator *t, unsigned int off)
{
	return t->q.memory + ((t->entry[off / PAGE] & -PAGE) - IOVA) +
	       off % PAGE;
}

void translator_set(struct translator *t, unsigned int off, __u64 entry)
{
	pthread_mutex_lock(&t->lock);
	t->entry[off / PAGE] = entry;
	pthread_mutex_unlock(&t->lock);
}

__u64 translator_get(struct translator *t, unsigned int off)
{
	return t->entry[off / PAGE];
}

int invalidate(struct translator *t, __u64 value)
{
	return bar0_put(&t->q.mdev, CAPI_MDEV_REG_INVALIDATE, 8, value);
}

int invalidate_page(struct translator *t, unsigned int off)
{
	return invalidate(t, ((EA + off) & -PAGE) | 12);
}

unsigned int asked(struct translator *t)
{
	return __atomic_load_n(&t->asked, __ATOMIC_ACQUIRE);
}

struct request request(struct translator *t, unsigned int i)
{
	return t->log[i % LOG];
}

void translator_spoil(struct translator *t,
		      void (*spoil)(struct capi_mdev_translation *block))
{
	pthread_mutex_lock(&t->lock);
	t->spoil = spoil;
	pthread_mutex_unlock(&t->lock);
}

void translator_answers(struct translator *t, bool answers)
{
	pthread_mutex_lock(&t->lock);
	t->silent = !answers;
	pthread_mutex_unlock(&t->lock);
}

void translator_answer(struct translator *t, __u32 token)
{
	bar0_put(&t->q.mdev, CAPI_MDEV_REG_TRANSLATION_ANSWER, 4, token);
}

__u32 stale(struct translator *t)
{
	return bar0_get(&t->q.mdev, CAPI_MDEV_REG_TRANSLATION_STALE, 4);
}

/* As it is answered in honesty */
static void fill(struct translator *t, const struct request *r)
{
	struct capi_mdev_translation *block = t->block;
	__u64 base = EA + (r->address - EA) / IMAGE * IMAGE;
	unsigned int first = (r->address - base) / PAGE, pages = r->pages, i;

	block->answer_pe = htole16(r->pe);
	block->answer_flags = htole16(t->once ? CAPI_MDEV_ANSWER_ONCE : 0);
	block->answer_pages = 0;
	block->answer_address = htole64(r->address);
	if (r->address < EA || base >= EA + IMAGES * IMAGE || first >= PAGES)
		return;
	if (t->around) {
		pages = 48;
		first = first > 16 ? first - 16 : 0;
	}
	if (pages > PAGES - first)
		pages = PAGES - first;
	block->answer_pages = htole32(pages);
	block->answer_address = htole64(base + first * PAGE);
	for (i = 0; i < pages; i++)
		block->entry[i] = htole64(t->entry[first + i]);
}

static void look_at_block(struct translator *t)
{
	struct capi_mdev_translation *block = t->block;
	struct request r = {
		.token = le32toh(__atomic_load_n(&block->token,
						 __ATOMIC_ACQUIRE)),
		.pe = le16toh(block->pe),
		.flags = le16toh(block->flags),
		.address = le64toh(block->address),
		.pages = le32toh(block->pages),
	};

	pthread_mutex_lock(&t->lock);
	if (r.token && r.token != t->last) {
		t->last = r.token;
		t->log[t->asked % LOG] = r;
		fill(t, &r);
		__atomic_store_n(&t->asked, t->asked + 1, __ATOMIC_RELEASE);
		if (t->spoil)
			t->spoil(block);
		if (!t->silent)
			translator_answer(t, r.token);
	}
	pthread_mutex_unlock(&t->lock);
}

static void *translate(void *arg)
{
	struct translator *t = arg;

	while (!__atomic_load_n(&t->ending, __ATOMIC_ACQUIRE)) {
		poll_for(t->vector, POLLIN);
		eventfd_count(t->vector);
		look_at_block(t);
	}
	return NULL;
}

void translator_end(struct translator *t)
{
	if (t->ending)
		return;
	__atomic_store_n(&t->ending, 1, __ATOMIC_RELEASE);
	eventfd_write(t->vector, 1);
	pthread_join(t->thread, NULL);
}

bool over(struct translator *t)
{
	return __atomic_load_n(&t->over, __ATOMIC_ACQUIRE);
}

void join(struct translator *t, pthread_t thread)
{
	__atomic_store_n(&t->over, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
}

int translator_restart(struct translator *t)
{
	struct mdev *mdev = &t->q.mdev;
	int ret = mdev_command(mdev, CAPI_MDEV_COMMAND_RESET);

	if (ret)
		return ret;
	memset(t->q.mc.queue, 0, SLOTS * sizeof(struct capi_memcpy_element));
	t->q.mc.next = 0;
	t->q.mc.wrap = 0;
	ret = bar0_put(mdev, CAPI_MDEV_REG_TRANSLATION, 8, IOVA + BLOCK);
	return ret ? ret : capi_vfio_start(&mdev->vfio, EA_WED);
}

/* Neighbours are no neighbours in memory. */
static void shuffle(struct translator *t)
{
	unsigned int i, k;
	__u64 entry;

	for (i = 0; i < PAGES; i++)
		t->entry[i] = (IOVA + i * PAGE) | BOTH;
	srand(1);
	for (i = PAGES - 1; i > FIXED; i--) {
		k = FIXED + rand() % (i + 1 - FIXED);
		entry = t->entry[i];
		t->entry[i] = t->entry[k];
		t->entry[k] = entry;
	}
}

int translator_open(struct translator *t)
{
	int ret;

	memset(t, 0, sizeof(*t));
	pthread_mutex_init(&t->lock, NULL);
	shuffle(t);
	ret = vfio_queue_open(&t->q);
	if (ret)
		return ret;
	t->block = (struct capi_mdev_translation *)(t->q.memory + BLOCK);
	t->vector = irq_eventfd(&t->q.mdev, VFIO_PCI_MSIX_IRQ_INDEX,
				CAPI_MDEV_VECTOR_EVENT);
	if (t->vector < 0 ||
	    pthread_create(&t->thread, NULL, translate, t)) {
		vfio_queue_close(&t->q);
		return -EAGAIN;
	}
	ret = translator_restart(t);
	if (ret)
		translator_close(t);
	return ret;
}

int translator_close(struct translator *t)
{
	translator_end(t);
	close(t->vector);
	return vfio_queue_close(&t->q);
}

int expect_fault(struct translator *t, const void *addr, __u64 dsisr)
{
	union capi_cxl_event event;
	int type = capi_cxl_event(&t->q.mc.cxl, &event, PATIENCE);

	if (type < 0)
		return type;
	if (type != CXL_EVENT_DATA_STORAGE)
		return -EPROTO;
	if (event.event.fault.addr != (uintptr_t)addr)
		return -EFAULT;
	return event.event.fault.dsisr == dsisr ? 0 : -EACCES;
}

int faults(struct translator *t, struct capi_memcpy_element *element,
	   const void *addr, __u64 dsisr)
{
	int status = memcpy_status(element), ret;

	if (status != CAPI_MEMCPY_STATUS_TRANSLATION)
		return status < 0 ? status : -EIO;
	ret = expect_fault(t, addr, dsisr);
	if (!ret && !capi_memcpy_stopped(&t->q.mc))
		ret = -EBUSY;
	capi_memcpy_restart(&t->q.mc);
	return ret;
}

bool translator_works(struct translator *t)
{
	__u64 *src = (__u64 *)ea_at(t, SRC), *dst = (__u64 *)ea_at(t, DST);

	*src = ~*dst;
	return memcpy_status(capi_memcpy_copy(&t->q.mc, ea(DST), ea(SRC), 8)) ==
	       CAPI_MEMCPY_STATUS_COMPLETE && *src == *dst;
}

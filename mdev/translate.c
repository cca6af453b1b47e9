// SPDX-License-Identifier: GPL-2.0-only
/*
 * The AFU's addresses, where they are not IOVAs: the driver of the function is
 * asked for those that are not in a cache, through a block in its memory.
 * Described in Documentation/vf.rst.
 *
 * What is in the cache ends by an invalidation, which first takes it out, then
 * waits until the AFU's thread has finished the access that may have found it
 * before. Only that thread touches the consumer's memory, and only it waits for
 * the driver: it takes no lock that a store to BAR0 needs for long, and SIGKILL
 * ends its waits.
 */
#include <linux/bits.h>
#include <linux/hash.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "mdev.h"

/* What the addresses are of, whatever the host's pages are */
#define PAGE_ORDER	12
#define PAGE_BYTES	BIT_ULL(PAGE_ORDER)
#define PAGE_BITS	(~(PAGE_BYTES - 1))
#define ENTRY_FLAGS	(CAPI_MDEV_ENTRY_LOAD | CAPI_MDEV_ENTRY_STORE)

/*
 * The cache: pages in chunks that are not torn apart by hashing. There is room for
 * a page beside others with the same place, the last one used first: the queue,
 * the source and the destination of a copy shall not push each other out.
 */
#define CHUNK_SHIFT	8
#define CHUNK_PAGES	BIT(CHUNK_SHIFT)
#define WAYS		4
#define SETS_SHIFT	5
#define CACHE_PAGES	((CHUNK_PAGES << SETS_SHIFT) * WAYS)

static unsigned int answer_timeout = 60;
module_param(answer_timeout, uint, 0644);
MODULE_PARM_DESC(answer_timeout,
		 "seconds that an AFU waits for a driver to translate an address; 0: for ever");

/**
 * struct capi_mdev_cached - a page that the driver translated
 * @address: of the page, as the AFU has it
 * @entry: its IOVA | CAPI_MDEV_ENTRY_*; 0 if there is none
 */
struct capi_mdev_cached {
	u64 address;
	u64 entry;
};

/* The WAYS where @address may be in the cache, which there is */
static struct capi_mdev_cached *ways(struct capi_mdev_translations *t,
				     u64 address)
{
	u64 page = address >> PAGE_ORDER;
	u64 set = hash_64(page >> CHUNK_SHIFT, SETS_SHIFT);

	return &t->cache[(set << CHUNK_SHIFT | page % CHUNK_PAGES) * WAYS];
}

/* Caller holds translations.lock. NULL if it is not there. */
static struct capi_mdev_cached *find(struct capi_mdev_translations *t,
				     u64 address)
{
	struct capi_mdev_cached *cached;
	unsigned int i;

	if (!t->cache)
		return NULL;
	cached = ways(t, address);
	for (i = 0; i < WAYS; i++, cached++)
		if (cached->entry && cached->address == (address & PAGE_BITS))
			return cached;
	return NULL;
}

/* Caller holds translations.lock. It is the last to be pushed out from here on. */
static struct capi_mdev_cached *to_front(struct capi_mdev_translations *t,
					 struct capi_mdev_cached *cached,
					 u64 address)
{
	struct capi_mdev_cached *first = ways(t, address), copy = *cached;

	memmove(first + 1, first, (cached - first) * sizeof(*first));
	*first = copy;
	return first;
}

/*
 * Caller holds translations.lock. Where to keep @address: where it is, where
 * there is room, or where what was used longest ago has to go.
 */
static struct capi_mdev_cached *make_room(struct capi_mdev_translations *t,
					  u64 address)
{
	struct capi_mdev_cached *cached = find(t, address);
	unsigned int i;

	if (!cached) {
		cached = ways(t, address);
		for (i = 1; i < WAYS && cached->entry; i++)
			cached++;
	}
	return to_front(t, cached, address);
}

/* Caller holds translations.lock. */
static void forget(struct capi_mdev_translations *t, u64 address, u64 pages)
{
	struct capi_mdev_cached *cached;

	for (; pages; pages--, address += PAGE_BYTES) {
		cached = find(t, address);
		if (cached)
			cached->entry = 0;
	}
}

/* Caller holds translations.lock. All that have @address in the bits of @mask */
static void forget_all(struct capi_mdev_translations *t, u64 address, u64 mask)
{
	unsigned int i;

	for (i = 0; t->cache && i < CACHE_PAGES; i++)
		if ((t->cache[i].address & mask) == address)
			t->cache[i].entry = 0;
}

static bool look_up(struct capi_mdev_translations *t, u64 address, u64 need,
		    u64 *iova)
{
	struct capi_mdev_cached *cached;
	bool found;

	spin_lock(&t->lock);
	cached = find(t, address);
	found = cached && (cached->entry & need) == need;
	if (found) {
		cached = to_front(t, cached, address);
		*iova = (cached->entry & PAGE_BITS) | (address & ~PAGE_BITS);
	}
	spin_unlock(&t->lock);
	return found;
}

/* Opens the way for an answer. */
static u32 begin_request(struct capi_mdev_translations *t)
{
	u32 token;

	spin_lock(&t->lock);
	token = ++t->last_token ?: ++t->last_token;
	t->waiting = token;
	t->answered = false;
	spin_unlock(&t->lock);
	return token;
}

/* What comes from here on is too late. */
static void end_request(struct capi_mdev_translations *t)
{
	spin_lock(&t->lock);
	t->waiting = 0;
	spin_unlock(&t->lock);
}

/* The token last: who sees it finds the rest of the request. */
static int write_request(struct capi_mdev *m, u32 token, u64 address, size_t len,
			 u64 need)
{
	struct capi_mdev_translation *request = m->translations.block_copy;
	const size_t head = sizeof(request->token);
	const size_t size = offsetof(typeof(*request), answer_pe);
	u64 block = m->translations.block;
	u64 pages = ((address & ~PAGE_BITS) + len + PAGE_BYTES - 1) >> PAGE_ORDER;
	int rc;

	memset(request, 0, size);
	request->token = cpu_to_le32(token);
	request->pe = cpu_to_le16(cxl_process_element(m->ctx));
	if (need & CAPI_MDEV_ENTRY_STORE)
		request->flags = cpu_to_le16(CAPI_MDEV_TRANSLATE_STORE);
	request->address = cpu_to_le64(address & PAGE_BITS);
	request->pages = cpu_to_le32(min_t(u64, pages,
					   CAPI_MDEV_TRANSLATE_MAX));

	rc = capi_mdev_iova_rw(m, block + head, (void *)request + head,
			       size - head, true);
	smp_wmb(); /* the rest before the token */
	return rc ?: capi_mdev_iova_rw(m, block, request, head, true);
}

static int wait_for_answer(struct capi_mdev_translations *t)
{
	u64 seconds = READ_ONCE(answer_timeout);
	long timeout = MAX_SCHEDULE_TIMEOUT;

	if (seconds)
		timeout = min_t(u64, seconds * HZ, MAX_SCHEDULE_TIMEOUT - 1);
	return wait_event_killable_timeout(t->wait, READ_ONCE(t->answered),
					   timeout) > 0 ? 0 : -EFAULT;
}

static int read_answer(struct capi_mdev *m)
{
	struct capi_mdev_translation *answer = m->translations.block_copy;
	const size_t off = offsetof(typeof(*answer), answer_pe);

	return capi_mdev_iova_rw(m, m->translations.block + off,
				 (void *)answer + off, sizeof(*answer) - off,
				 false);
}

/*
 * Which entry of the answer, a private copy, is that of the page at @address;
 * -EFAULT if there is none that is of any use.
 */
static int judge(struct capi_mdev *m, u64 address, u64 need)
{
	const struct capi_mdev_translation *answer = m->translations.block_copy;
	u64 first = le64_to_cpu(answer->answer_address), i;
	u32 pages = le32_to_cpu(answer->answer_pages);

	if (le16_to_cpu(answer->answer_pe) != cxl_process_element(m->ctx) ||
	    pages > CAPI_MDEV_TRANSLATION_ENTRIES || first & ~PAGE_BITS ||
	    first > address)
		return -EFAULT;
	i = (address - first) >> PAGE_ORDER;
	if (i >= pages || (le64_to_cpu(answer->entry[i]) & need) != need)
		return -EFAULT;
	return i;
}

/* Caller holds translations.lock. */
static void keep(struct capi_mdev_translations *t, unsigned int i)
{
	const struct capi_mdev_translation *answer = t->block_copy;
	u64 entry = le64_to_cpu(answer->entry[i]) & (PAGE_BITS | ENTRY_FLAGS);
	u64 address = le64_to_cpu(answer->answer_address) + i * PAGE_BYTES;
	struct capi_mdev_cached *cached;

	if (!(entry & ENTRY_FLAGS))
		return;
	cached = make_room(t, address);
	cached->address = address;
	cached->entry = entry;
}

/* The page that is wanted, entry @i, last: no other takes its place. */
static void keep_answer(struct capi_mdev_translations *t, unsigned int i)
{
	const struct capi_mdev_translation *answer = t->block_copy;
	u32 pages = le32_to_cpu(answer->answer_pages), k;

	capi_mdev_translate_forget_once(t);
	spin_lock(&t->lock);
	/* Who invalidates after answering may have meant this. */
	if (t->seq == t->answered_seq) {
		for (k = 0; k < pages; k++)
			keep(t, k);
		keep(t, i);
		if (le16_to_cpu(answer->answer_flags) & CAPI_MDEV_ANSWER_ONCE) {
			t->once = le64_to_cpu(answer->answer_address);
			t->once_pages = pages;
		}
	}
	spin_unlock(&t->lock);
}

static int ask(struct capi_mdev *m, u64 address, size_t len, u64 need)
{
	struct capi_mdev_translations *t = &m->translations;
	u32 token;
	int rc;

	if (fatal_signal_pending(current))
		return -EFAULT;
	token = begin_request(t);
	rc = write_request(m, token, address, len, need);
	if (!rc) {
		capi_mdev_raise_msix(m, CAPI_MDEV_VECTOR_EVENT);
		rc = wait_for_answer(t);
	}
	end_request(t);
	if (!rc)
		rc = read_answer(m);
	if (!rc)
		rc = judge(m, address & PAGE_BITS, need);
	if (rc < 0)
		return rc;
	keep_answer(t, rc);
	return 0;
}

/**
 * capi_mdev_translate() - find the IOVA of an address that the AFU uses
 * @m: the device, whose addresses are translated; see
 *	capi_mdev_translating()
 * @address: the address
 * @len: how many bytes the AFU's access needs from there on
 * @need: CAPI_MDEV_ENTRY_* that the page must have
 * @iova: filled
 *
 * Context: the AFU's thread; may wait for the consumer.
 * Return: 0, to be followed by capi_mdev_translate_end() when the IOVA is not
 * used any more; -EFAULT if there is none, or the thread was killed.
 */
int capi_mdev_translate(struct capi_mdev *m, u64 address, size_t len, u64 need,
			u64 *iova)
{
	struct capi_mdev_translations *t = &m->translations;
	int rc;

	for (;;) {
		mutex_lock(&t->use);
		if (look_up(t, address, need, iova))
			return 0;
		mutex_unlock(&t->use);
		rc = ask(m, address, len, need);
		if (rc)
			return rc;
	}
}

void capi_mdev_translate_end(struct capi_mdev *m)
{
	mutex_unlock(&m->translations.use);
}

/* The access ends for which something was answered that is not to be kept. */
void capi_mdev_translate_forget_once(struct capi_mdev_translations *t)
{
	if (!t->once_pages)
		return;
	spin_lock(&t->lock);
	forget(t, t->once, t->once_pages);
	spin_unlock(&t->lock);
	t->once_pages = 0;
}

/* Caller holds translations.use, which keeps it from becoming wrong. */
bool capi_mdev_translate_known(struct capi_mdev *m, u64 address, u64 need,
			       u64 *iova)
{
	return look_up(&m->translations, address, need, iova);
}

/* The driver has answered request @token. Caller holds capi_mdev.lock. */
void capi_mdev_translate_answer(struct capi_mdev *m, u32 token)
{
	struct capi_mdev_translations *t = &m->translations;

	spin_lock(&t->lock);
	if (token && token == t->waiting && !t->answered) {
		t->answered_seq = t->seq;
		WRITE_ONCE(t->answered, true);
		wake_up(&t->wait);
	} else {
		t->stale++;
	}
	spin_unlock(&t->lock);
}

/*
 * Takes what the driver invalidates out of the cache; an order that is too small
 * to be one stands for everything. Caller holds capi_mdev.lock.
 */
void capi_mdev_translate_invalidate(struct capi_mdev *m, u64 value)
{
	struct capi_mdev_translations *t = &m->translations;
	unsigned int order = value & CAPI_MDEV_INVALIDATE_ORDER;
	u64 mask = order < PAGE_ORDER ? 0 : ~0ULL << order;

	spin_lock(&t->lock);
	t->seq++;
	if (mask && order <= PAGE_ORDER + CHUNK_SHIFT)
		forget(t, value & mask, 1ULL << (order - PAGE_ORDER));
	else
		forget_all(t, value & mask, mask);
	spin_unlock(&t->lock);
}

/*
 * Waits until what was taken out of the cache before is not used any more. Who
 * is killed meanwhile does not see the store complete. Without capi_mdev.lock:
 * the access that is waited for may wait for the consumer's memory, and others
 * must be able to stop it.
 */
void capi_mdev_translate_drain(struct capi_mdev *m)
{
	struct capi_mdev_translations *t = &m->translations;

	if (!capi_mdev_translating(m) || mutex_lock_killable(&t->use))
		return;
	capi_mdev_dma_check_watch(m);
	mutex_unlock(&t->use);
}

/*
 * The context is about to be started, its AFU does nothing. Caller holds
 * capi_mdev.lock.
 */
int capi_mdev_translate_start(struct capi_mdev *m)
{
	struct capi_mdev_translations *t = &m->translations;
	void *cache = NULL;

	if (m->translation & ~PAGE_BITS)
		return -EINVAL;
	if (m->translation && !t->cache) {
		cache = kvcalloc(CACHE_PAGES, sizeof(*t->cache),
				 GFP_KERNEL_ACCOUNT);
		t->block_copy = kzalloc(sizeof(*t->block_copy),
					GFP_KERNEL_ACCOUNT);
		if (!cache || !t->block_copy) {
			kvfree(cache);
			kfree(t->block_copy);
			t->block_copy = NULL;
			return -ENOMEM;
		}
	}

	spin_lock(&t->lock);
	if (cache)
		t->cache = cache;
	forget_all(t, 0, 0);
	spin_unlock(&t->lock);
	t->once_pages = 0;
	WRITE_ONCE(t->block, m->translation);
	return 0;
}

/* The device is closed, and its AFU does nothing. */
void capi_mdev_translate_close(struct capi_mdev *m)
{
	struct capi_mdev_translations *t = &m->translations;

	WRITE_ONCE(t->block, 0);
	kvfree(t->cache);
	kfree(t->block_copy);
	t->cache = NULL;
	t->block_copy = NULL;
}

/* Caller holds capi_mdev.lock. What the AFU works by stays until it stops. */
void capi_mdev_translate_reset(struct capi_mdev *m)
{
	struct capi_mdev_translations *t = &m->translations;

	m->translation = 0;
	m->invalidate_high = 0;
	spin_lock(&t->lock);
	t->stale = 0;
	spin_unlock(&t->lock);
}

void capi_mdev_translate_init(struct capi_mdev *m)
{
	struct capi_mdev_translations *t = &m->translations;

	mutex_init(&t->use);
	spin_lock_init(&t->lock);
	init_waitqueue_head(&t->wait);
}

void capi_mdev_translate_release(struct capi_mdev *m)
{
	mutex_destroy(&m->translations.use);
}

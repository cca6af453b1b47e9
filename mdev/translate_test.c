// SPDX-License-Identifier: GPL-2.0-only
/*
 * The AFU's addresses: what is asked, which answers are of any use, and what is
 * kept of them for how long. The consumer's memory is one block, and its driver
 * is what raising vector 0 calls.
 */
#include <kunit/test.h>
#include <kunit/test-bug.h>

#include "mdev.h"

#define PE	9
#define BLOCK	0x12345000ULL

/**
 * struct translate_test - a device, and the driver that has it
 * @m: the device
 * @block: what is in the consumer's memory at BLOCK
 * @asked: how often the driver was
 * @request: the last request
 * @answer: fills the block with an answer; the token was checked
 * @after: called after the answer was announced; optional
 * @silent: no announcement is made
 * @token: announced instead of the right one, unless 0
 * @bad_iova: where the consumer has no memory
 * @checked: how often what is watched was looked at
 */
struct translate_test {
	struct capi_mdev m;
	struct capi_mdev_translation block;
	unsigned int asked;
	struct capi_mdev_translation request;
	void (*answer)(struct translate_test *t);
	void (*after)(struct translate_test *t);
	bool silent;
	u32 token;
	u64 bad_iova;
	unsigned int checked;
};

static struct translate_test *this_test(void)
{
	return kunit_get_current_test()->priv;
}

static int test_iova_rw(struct capi_mdev *m, u64 iova, void *buf, size_t len,
			bool store)
{
	struct translate_test *t = this_test();
	u64 off = iova - BLOCK;

	KUNIT_ASSERT_LE(kunit_get_current_test(), off + len, sizeof(t->block));
	if (t->bad_iova >= iova && t->bad_iova < iova + len)
		return -EFAULT;
	if (store)
		memcpy((void *)&t->block + off, buf, len);
	else
		memcpy(buf, (void *)&t->block + off, len);
	return 0;
}

static bool test_raise_msix(struct capi_mdev *m, unsigned int vector)
{
	struct translate_test *t = this_test();

	KUNIT_EXPECT_EQ(kunit_get_current_test(), vector,
			CAPI_MDEV_VECTOR_EVENT);
	t->asked++;
	t->request = t->block;
	if (t->answer)
		t->answer(t);
	if (!t->silent)
		capi_mdev_translate_answer(m, t->token ?:
					   le32_to_cpu(t->block.token));
	if (t->after)
		t->after(t);
	return true;
}

static int test_process_element(struct cxl_context *ctx)
{
	return PE;
}

static void test_check_watch(struct capi_mdev *m)
{
	this_test()->checked++;
}

#define capi_mdev_iova_rw test_iova_rw
#define capi_mdev_raise_msix test_raise_msix
#define cxl_process_element test_process_element
#define capi_mdev_dma_check_watch test_check_watch
#include "translate.c"

#define LOAD	CAPI_MDEV_ENTRY_LOAD
#define STORE	CAPI_MDEV_ENTRY_STORE
/* What the driver's tables say: another page, far away */
#define OFFSET	0x500000000000ULL

/* Answers @pages pages from @first on. */
static void give(struct translate_test *t, u64 first, u32 pages, u64 flags)
{
	unsigned int i;

	t->block.answer_pe = cpu_to_le16(PE);
	t->block.answer_flags = 0;
	t->block.answer_address = cpu_to_le64(first);
	t->block.answer_pages = cpu_to_le32(pages);
	for (i = 0; i < pages && i < CAPI_MDEV_TRANSLATION_ENTRIES; i++)
		t->block.entry[i] = cpu_to_le64((first + i * PAGE_BYTES) ^
						(OFFSET | flags));
}

static void give_what_is_asked(struct translate_test *t)
{
	give(t, le64_to_cpu(t->block.address), le32_to_cpu(t->block.pages),
	     LOAD | STORE);
}

static int translate_init(struct kunit *test)
{
	struct translate_test *t;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->answer = give_what_is_asked;
	capi_mdev_translate_init(&t->m);
	t->m.translation = BLOCK;
	return capi_mdev_translate_start(&t->m);
}

static void translate_exit(struct kunit *test)
{
	struct translate_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, t->m.translations.waiting, 0);
	capi_mdev_translate_close(&t->m);
	KUNIT_EXPECT_FALSE(test, capi_mdev_translating(&t->m));
	capi_mdev_translate_release(&t->m);
}

/* An access of @len bytes; @asks whether the driver had to be asked */
static void expect_access(struct kunit *test, u64 address, size_t len, u64 need,
			  bool asks)
{
	struct translate_test *t = test->priv;
	unsigned int before = t->asked;
	u64 iova;

	KUNIT_ASSERT_EQ(test, capi_mdev_translate(&t->m, address, len, need,
						  &iova), 0);
	capi_mdev_translate_end(&t->m);
	KUNIT_EXPECT_EQ(test, iova, address ^ OFFSET);
	KUNIT_EXPECT_EQ_MSG(test, t->asked - before, asks, "0x%llx", address);
}

static void expect_failure(struct kunit *test, u64 address, u64 need)
{
	struct translate_test *t = test->priv;
	u64 iova;

	KUNIT_EXPECT_EQ(test, -EFAULT,
			capi_mdev_translate(&t->m, address, 1, need, &iova));
	KUNIT_EXPECT_FALSE(test, mutex_is_locked(&t->m.translations.use));
}

static bool known(struct translate_test *t, u64 address)
{
	u64 iova;

	return capi_mdev_translate_known(&t->m, address, LOAD, &iova);
}

static void hits(struct kunit *test)
{
	expect_access(test, 0x10000ffc, 4, LOAD, true);
	expect_access(test, 0x10000000, 4096, LOAD | STORE, false);
	expect_access(test, 0x10001000, 1, LOAD, true);
	expect_access(test, 0x10000fff, 1, STORE, false);
	/* Both ends of what there is */
	expect_access(test, 0, 1, LOAD, true);
	expect_access(test, U64_MAX, 1, LOAD, true);
	expect_access(test, 0xfff, 1, LOAD, false);
}

static void request_fields(struct kunit *test)
{
	static const struct {
		u64 address;
		size_t len;
		u64 need;
		u32 pages;
	} requests[] = {
		{ 0x20000000, 1, LOAD, 1 },
		{ 0x20010000, 4096, STORE, 1 },
		{ 0x20020fff, 1, LOAD, 1 },
		{ 0x20030fff, 2, LOAD | STORE, 2 },
		{ 0x20040001, 8192, STORE, 3 },
		{ 0x21000000, SZ_1M, LOAD, CAPI_MDEV_TRANSLATE_MAX },
		{ 0x22000000, SZ_1G, LOAD, CAPI_MDEV_TRANSLATE_MAX },
	};
	struct translate_test *t = test->priv;
	const struct capi_mdev_translation *request = &t->request;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		expect_access(test, requests[i].address, requests[i].len,
			      requests[i].need, true);
		KUNIT_EXPECT_EQ(test, le32_to_cpu(request->token), i + 1);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(request->pe), PE);
		KUNIT_EXPECT_EQ(test, le64_to_cpu(request->address),
				requests[i].address & PAGE_BITS);
		KUNIT_EXPECT_EQ(test, le32_to_cpu(request->pages),
				requests[i].pages);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(request->flags),
				requests[i].need & STORE ?
				CAPI_MDEV_TRANSLATE_STORE : 0);
	}
}

static void token_wraps(struct kunit *test)
{
	struct translate_test *t = test->priv;

	t->m.translations.last_token = U32_MAX - 1;
	expect_access(test, 0x1000, 1, LOAD, true);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(t->request.token), U32_MAX);
	expect_access(test, 0x2000, 1, LOAD, true);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(t->request.token), 1);
}

static void give_load(struct translate_test *t)
{
	give(t, 0x1000, 1, LOAD);
}

/* What may be read only is asked for again to be stored to. */
static void permission(struct kunit *test)
{
	struct translate_test *t = test->priv;

	t->answer = give_load;
	expect_access(test, 0x1000, 1, LOAD, true);
	expect_access(test, 0x1000, 1, LOAD, false);
	expect_failure(test, 0x1000, STORE);
	expect_failure(test, 0x1000, LOAD | STORE);
	t->answer = give_what_is_asked;
	expect_access(test, 0x1000, 1, STORE, true);
	expect_access(test, 0x1000, 1, LOAD, false);
}

/* An answer may have more than what was asked for. */
static void give_around(struct translate_test *t)
{
	give(t, 0x80000000, CAPI_MDEV_TRANSLATION_ENTRIES, LOAD | STORE);
	t->block.entry[1] = 0;
}

static void around(struct kunit *test)
{
	const u64 end = 0x80000000 + CAPI_MDEV_TRANSLATION_ENTRIES * PAGE_BYTES;
	struct translate_test *t = test->priv;

	t->answer = give_around;
	expect_access(test, end - 1, 1, LOAD, true);
	expect_access(test, 0x80000000, 1, LOAD, false);
	KUNIT_EXPECT_FALSE(test, known(t, 0x80001000));
	expect_access(test, 0x80002000, 1, LOAD, false);
	KUNIT_EXPECT_FALSE(test, known(t, 0x7ffff000));
	KUNIT_EXPECT_FALSE(test, known(t, end));
}

/* Answers that are of no use, to a request for a load at 0x5000 */
static void wrong_pe(struct translate_test *t)
{
	give_what_is_asked(t);
	t->block.answer_pe = cpu_to_le16(PE + 1);
}

static void unaligned(struct translate_test *t)
{
	give(t, 0x4800, 3, LOAD);
}

static void behind(struct translate_test *t)
{
	give(t, 0x6000, 1, LOAD);
}

static void before(struct translate_test *t)
{
	give(t, 0x4000, 1, LOAD);
}

static void far_before(struct translate_test *t)
{
	give(t, 0, 5, LOAD);
}

static void no_pages(struct translate_test *t)
{
	give(t, 0x5000, 0, LOAD);
}

static void too_many(struct translate_test *t)
{
	give(t, 0x5000, CAPI_MDEV_TRANSLATION_ENTRIES + 1, LOAD);
}

static void far_too_many(struct translate_test *t)
{
	give(t, 0x5000, U32_MAX, LOAD);
}

static void no_entry(struct translate_test *t)
{
	give(t, 0x5000, 1, LOAD);
	t->block.entry[0] = cpu_to_le64(0x7000);
}

static void useless_answers(struct kunit *test)
{
	static void (* const answers[])(struct translate_test *t) = {
		wrong_pe, unaligned, behind, before, far_before, no_pages,
		too_many, far_too_many, no_entry,
	};
	struct translate_test *t = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(answers); i++) {
		t->answer = answers[i];
		expect_failure(test, 0x5000, LOAD);
		KUNIT_EXPECT_EQ(test, t->asked, i + 1);
		KUNIT_EXPECT_FALSE(test, known(t, 0x5000));
	}
	t->answer = give_what_is_asked;
	expect_access(test, 0x5000, 1, LOAD, true);
}

static void no_block(struct kunit *test)
{
	struct translate_test *t = test->priv;

	t->bad_iova = BLOCK;
	expect_failure(test, 0x1000, LOAD);
	t->bad_iova = BLOCK + offsetof(struct capi_mdev_translation, address);
	expect_failure(test, 0x1000, LOAD);
	KUNIT_EXPECT_EQ(test, t->asked, 0);
	t->bad_iova = BLOCK + offsetof(struct capi_mdev_translation, answer_pe);
	expect_failure(test, 0x1000, LOAD);
	KUNIT_EXPECT_EQ(test, t->asked, 1);
}

/* One page more than there is room for: the one used longest ago goes. */
static void collision(struct kunit *test)
{
	struct translate_test *t = test->priv;
	struct capi_mdev_translations *translations = &t->m.translations;
	u64 pages[WAYS + 1], next = 0x3000;
	unsigned int i;

	for (i = 0; i <= WAYS; i++) {
		while (ways(translations, next) != ways(translations, 0x3000))
			next += CHUNK_PAGES * PAGE_BYTES;
		pages[i] = next;
		next += CHUNK_PAGES * PAGE_BYTES;
	}

	for (i = 0; i < WAYS; i++)
		expect_access(test, pages[i], 1, LOAD, true);
	for (i = 0; i < WAYS; i++)
		expect_access(test, pages[i], 1, LOAD, false);
	expect_access(test, pages[0], 1, LOAD, false);
	expect_access(test, pages[WAYS], 1, LOAD, true);
	KUNIT_EXPECT_FALSE(test, known(t, pages[1]));
	KUNIT_EXPECT_TRUE(test, known(t, pages[0]));
	for (i = 2; i <= WAYS; i++)
		KUNIT_EXPECT_TRUE(test, known(t, pages[i]));

	/* What is not there is not taken out, nor another in its place. */
	capi_mdev_translate_invalidate(&t->m, pages[1] | PAGE_ORDER);
	KUNIT_EXPECT_TRUE(test, known(t, pages[0]));
	for (i = 2; i <= WAYS; i++)
		KUNIT_EXPECT_TRUE(test, known(t, pages[i]));

	/* Where one was taken out there is room for another. */
	capi_mdev_translate_invalidate(&t->m, pages[3] | PAGE_ORDER);
	KUNIT_EXPECT_FALSE(test, known(t, pages[3]));
	expect_access(test, pages[1], 1, LOAD, true);
	KUNIT_EXPECT_TRUE(test, known(t, pages[0]));
	KUNIT_EXPECT_TRUE(test, known(t, pages[2]));
	KUNIT_EXPECT_TRUE(test, known(t, pages[WAYS]));
}

struct invalidation {
	u64 value;
	u64 first;
	u64 last;
};

/* From chunk to chunk, and beyond what is looked up page by page */
static const struct invalidation invalidations[] = {
	{ 0x40005000 | 12, 0x40005000, 0x40005fff },
	{ 0x40005fc0 | 12, 0x40005000, 0x40005fff },
	{ 0x40006000 | 13, 0x40006000, 0x40007fff },
	{ 0x40007000 | 13, 0x40006000, 0x40007fff },
	{ 0x40000000 | 20, 0x40000000, 0x400fffff },
	{ 0x400fffc0 | 20, 0x40000000, 0x400fffff },
	{ 0x40000000 | 21, 0x40000000, 0x401fffff },
	{ 0x40000000 | 22, 0x40000000, 0x403fffff },
	{ 0x7fffffc0 | 30, 0x40000000, 0x7fffffff },
	{ 63, 0, S64_MAX },
	{ 1ULL << 63 | 63, 1ULL << 63, U64_MAX },
	{ 0, 0, U64_MAX },
	{ 0x40000000 | 1, 0, U64_MAX },
	{ 0x40000000 | 11, 0, U64_MAX },
};

static void describe_invalidation(const struct invalidation *inv, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "0x%llx", inv->value);
}

KUNIT_ARRAY_PARAM(invalidations, invalidations, describe_invalidation);

static void invalidate(struct kunit *test)
{
	static const u64 pages[] = {
		0x3ffff000, 0x40000000, 0x40004000, 0x40005000, 0x40006000,
		0x40007000, 0x40008000, 0x400ff000, 0x40100000, 0x401ff000,
		0x40200000, 0x7ffff000, 0x80000000, U64_MAX & PAGE_BITS,
	};
	const struct invalidation *inv = test->param_value;
	struct translate_test *t = test->priv;
	bool here[ARRAY_SIZE(pages)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pages); i++)
		expect_access(test, pages[i], 1, LOAD, true);
	/* One may have taken another's place. */
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		here[i] = known(t, pages[i]);
	capi_mdev_translate_invalidate(&t->m, inv->value);
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		KUNIT_EXPECT_EQ_MSG(test, known(t, pages[i]), here[i] &&
				    (pages[i] < inv->first ||
				     pages[i] > inv->last), "0x%llx", pages[i]);
}

/* The driver takes back what it has just answered. */
static void take_back(struct translate_test *t)
{
	t->after = NULL;
	capi_mdev_translate_invalidate(&t->m, 0x1000 | PAGE_ORDER);
}

static void invalidate_before(struct translate_test *t)
{
	give_what_is_asked(t);
	t->answer = give_what_is_asked;
	capi_mdev_translate_invalidate(&t->m, 0x1000 | PAGE_ORDER);
}

static void invalidated_meanwhile(struct kunit *test)
{
	struct translate_test *t = test->priv;
	u64 iova;

	t->after = take_back;
	KUNIT_ASSERT_EQ(test, capi_mdev_translate(&t->m, 0x1000, 1, LOAD,
						  &iova), 0);
	capi_mdev_translate_end(&t->m);
	KUNIT_EXPECT_EQ(test, t->asked, 2);

	/* What was invalidated before the answer does not concern it. */
	t->answer = invalidate_before;
	capi_mdev_translate_invalidate(&t->m, 0);
	expect_access(test, 0x1000, 1, LOAD, true);
}

static void give_once(struct translate_test *t)
{
	give(t, 0x1000, 3, LOAD);
	t->block.answer_flags = cpu_to_le16(CAPI_MDEV_ANSWER_ONCE);
}

/* Good for one access, be it of several pages */
static void once(struct kunit *test)
{
	struct translate_test *t = test->priv;

	expect_access(test, 0x9000, 1, LOAD, true);
	t->answer = give_once;
	expect_access(test, 0x1000, 3 * 4096, LOAD, true);
	expect_access(test, 0x2000, 1, LOAD, false);
	expect_access(test, 0x3000, 1, LOAD, false);
	capi_mdev_translate_forget_once(&t->m.translations);
	KUNIT_EXPECT_FALSE(test, known(t, 0x1000));
	KUNIT_EXPECT_FALSE(test, known(t, 0x3000));
	KUNIT_EXPECT_TRUE(test, known(t, 0x9000));

	/* The next answer ends it as well. */
	expect_access(test, 0x1000, 1, LOAD, true);
	t->answer = give_what_is_asked;
	expect_access(test, 0x8000, 1, LOAD, true);
	KUNIT_EXPECT_FALSE(test, known(t, 0x1000));
	expect_access(test, 0x1000, 1, LOAD, true);
	capi_mdev_translate_forget_once(&t->m.translations);
	KUNIT_EXPECT_TRUE(test, known(t, 0x1000));
}

static void answer_twice(struct translate_test *t)
{
	capi_mdev_translate_answer(&t->m, le32_to_cpu(t->block.token));
	capi_mdev_translate_answer(&t->m, le32_to_cpu(t->block.token) + 1);
	capi_mdev_translate_answer(&t->m, 0);
}

static void stale_answers(struct kunit *test)
{
	struct translate_test *t = test->priv;
	struct capi_mdev_translations *translations = &t->m.translations;

	capi_mdev_translate_answer(&t->m, 0);
	capi_mdev_translate_answer(&t->m, 1);
	KUNIT_EXPECT_EQ(test, translations->stale, 2);
	t->after = answer_twice;
	expect_access(test, 0x1000, 1, LOAD, true);
	KUNIT_EXPECT_EQ(test, translations->stale, 5);
	capi_mdev_translate_answer(&t->m, translations->last_token);
	KUNIT_EXPECT_EQ(test, translations->stale, 6);
	capi_mdev_translate_reset(&t->m);
	KUNIT_EXPECT_EQ(test, translations->stale, 0);
	KUNIT_EXPECT_EQ(test, t->m.translation, 0);
	/* What the AFU works by stays until it stops. */
	KUNIT_EXPECT_TRUE(test, capi_mdev_translating(&t->m));
	expect_access(test, 0x1000, 1, LOAD, false);
}

/* The AFU does not wait for ever. */
static void no_answer(struct kunit *test)
{
	struct translate_test *t = test->priv;
	const unsigned int before = answer_timeout;

	answer_timeout = 1;
	t->silent = true;
	expect_failure(test, 0x1000, LOAD);
	t->silent = false;
	t->token = 99;
	expect_failure(test, 0x1000, LOAD);
	KUNIT_EXPECT_EQ(test, t->m.translations.stale, 1);
	t->token = 0;
	/* Longer than jiffies can say, and for ever */
	answer_timeout = UINT_MAX;
	expect_access(test, 0x1000, 1, LOAD, true);
	answer_timeout = 0;
	expect_access(test, 0x2000, 1, LOAD, true);
	answer_timeout = before;
}

static void start(struct kunit *test)
{
	struct translate_test *t = test->priv;
	struct capi_mdev_cached *cache = t->m.translations.cache;

	expect_access(test, 0x1000, 1, LOAD, true);
	t->m.translation = BLOCK + 8;
	KUNIT_EXPECT_EQ(test, capi_mdev_translate_start(&t->m), -EINVAL);
	KUNIT_EXPECT_TRUE(test, known(t, 0x1000));

	/* Another start begins with nothing, in the same cache. */
	t->m.translation = BLOCK;
	KUNIT_EXPECT_EQ(test, capi_mdev_translate_start(&t->m), 0);
	KUNIT_EXPECT_PTR_EQ(test, t->m.translations.cache, cache);
	KUNIT_EXPECT_FALSE(test, known(t, 0x1000));
	KUNIT_EXPECT_TRUE(test, capi_mdev_translating(&t->m));
	t->m.translation = 0;
	KUNIT_EXPECT_EQ(test, capi_mdev_translate_start(&t->m), 0);
	KUNIT_EXPECT_FALSE(test, capi_mdev_translating(&t->m));

	capi_mdev_translate_close(&t->m);
	KUNIT_EXPECT_FALSE(test, known(t, 0x1000));
	capi_mdev_translate_invalidate(&t->m, 0);
	capi_mdev_translate_invalidate(&t->m, PAGE_ORDER);
}

static void drain(struct kunit *test)
{
	struct translate_test *t = test->priv;

	capi_mdev_translate_drain(&t->m);
	KUNIT_EXPECT_EQ(test, t->checked, 1);
	KUNIT_EXPECT_FALSE(test, mutex_is_locked(&t->m.translations.use));
	capi_mdev_translate_close(&t->m);
	capi_mdev_translate_drain(&t->m);
	KUNIT_EXPECT_EQ(test, t->checked, 1);
}

static struct kunit_case translate_cases[] = {
	KUNIT_CASE(hits),
	KUNIT_CASE(request_fields),
	KUNIT_CASE(token_wraps),
	KUNIT_CASE(permission),
	KUNIT_CASE(around),
	KUNIT_CASE(useless_answers),
	KUNIT_CASE(no_block),
	KUNIT_CASE(collision),
	KUNIT_CASE_PARAM(invalidate, invalidations_gen_params),
	KUNIT_CASE(invalidated_meanwhile),
	KUNIT_CASE(once),
	KUNIT_CASE(stale_answers),
	KUNIT_CASE(no_answer),
	KUNIT_CASE(start),
	KUNIT_CASE(drain),
	{}
};

static struct kunit_suite translate_suite = {
	.name = "mdev_translate",
	.init = translate_init,
	.exit = translate_exit,
	.test_cases = translate_cases,
};

kunit_test_suite(translate_suite);

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CAPI_API_TEST_H
#define _CAPI_API_TEST_H

#include <linux/pci.h>

#include <misc/cxl.h>

extern int api_failures;

#define CHECK(condition)						\
do {									\
	if (!(condition)) {						\
		pr_err("capi_api_test: %s() line %d: %s\n", __func__,	\
		       __LINE__, #condition);				\
		api_failures++;						\
	}								\
} while (0)

/* api_prototypes.c */
unsigned int api_prototypes(void);

/* api_irq.c */
void api_test_irqs(struct pci_dev *pdev);

/* api_memcpy.c */
void api_test_memcpy(struct pci_dev *pdev);

/* api_test.c */
void api_raise(struct cxl_context *ctx, unsigned int num);
irqreturn_t api_ignore_irq(int irq, void *cookie);

#endif /* _CAPI_API_TEST_H */

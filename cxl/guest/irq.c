// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VF's messages: vector 0 says that there is something to look at, the
 * others are the AFU's interrupts.
 */
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "guest.h"

static irqreturn_t afu_irq(int virq, void *data)
{
	struct guest_vector *vector = data;
	struct guest_card *card = vector->card;
	struct cxl_context *owner;

	rcu_read_lock();
	owner = rcu_dereference(card->window.owner);
	if (owner)
		capi_raise_afu_irq(owner, vector - card->vectors);
	rcu_read_unlock();
	return IRQ_HANDLED;
}

/* A request for translations first: the AFU waits for it. */
static irqreturn_t event_irq(int virq, void *data)
{
	struct guest_vector *vector = data;
	struct guest_card *card = vector->card;
	struct guest_window *window = &card->window;
	bool changed;
	u32 state;

	if (guest_translator_asked(card))
		wake_up(&card->translator.wait);

	state = guest_load(card, CAPI_MDEV_REG_STATE);
	mutex_lock(&window->lock);
	changed = !(state & CAPI_MDEV_STATE_LINK_DOWN) !=
		  READ_ONCE(card->link_up) ||
		  (window->running && (state & CAPI_MDEV_STATE_MASK) !=
		   CAPI_MDEV_STATE_STARTED);
	if (state != ~0U)
		guest_window_pump(card);
	mutex_unlock(&window->lock);
	if (state == ~0U || changed)
		schedule_work(&card->change);
	return IRQ_HANDLED;
}

static void free_irqs(struct guest_card *card, unsigned int n)
{
	while (n--)
		free_irq(pci_irq_vector(card->vf, n), &card->vectors[n]);
	pci_free_irq_vectors(card->vf);
	kfree(card->vectors);
}

static int request_vector(struct guest_card *card, unsigned int i)
{
	struct guest_vector *vector = &card->vectors[i];

	vector->card = card;
	return request_threaded_irq(pci_irq_vector(card->vf, i),
				    i ? afu_irq : NULL, i ? NULL : event_irq,
				    i ? 0 : IRQF_ONESHOT, KBUILD_MODNAME,
				    vector);
}

/* With fewer than there could be, the others' interrupts come as events. */
int guest_irqs_init(struct guest_card *card)
{
	struct pci_dev *vf = card->vf;
	unsigned int i;
	int n, rc;

	n = pci_alloc_irq_vectors(vf, 1, 1 + card->irqs, PCI_IRQ_MSIX);
	if (n < 0)
		return n;
	card->vectors = kcalloc(n, sizeof(*card->vectors), GFP_KERNEL);
	if (!card->vectors) {
		free_irqs(card, 0);
		return -ENOMEM;
	}
	card->nr_vectors = n;
	for (i = 0; i < n; i++) {
		rc = request_vector(card, i);
		if (rc) {
			free_irqs(card, i);
			return rc;
		}
	}
	return 0;
}

void guest_irqs_exit(struct guest_card *card)
{
	free_irqs(card, card->nr_vectors);
}

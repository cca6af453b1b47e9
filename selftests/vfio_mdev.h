/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests share: an mdev with an echo AFU behind it, made for the test
 * and removed after it.
 *
 * What returns int returns 0 or a count, or a negative errno.
 */
#ifndef _VFIO_MDEV_H
#define _VFIO_MDEV_H

#include <stdbool.h>

#include <misc/capi_echo.h>

#include "capi_vfio.h"
#include "text_file.h"

/*
 * How long a test waits for what must come, in milliseconds: an emulated CPU may
 * stand still for half a minute. What takes minutes hangs.
 */
#define PATIENCE	60000
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	300

/**
 * struct mdev - an mdev with an echo AFU behind it
 * @uuid: its name
 * @card: the PCI function of the adapter that it is on
 * @vfio: the device, once it is opened
 */
struct mdev {
	char uuid[37];
	char card[32];
	struct capi_vfio vfio;
};

/* An event as it is read */
union event {
	struct cxl_event event;
	struct cxl_event_header header;
	unsigned char bytes[CXL_READ_MIN_SIZE];
};

/* Loads the modules, unless they are. */
int capi_load(void);
/* Loads them anew, the software adapter with these parameters. */
int capi_reload(const char *parameters);

/*
 * On the first adapter with an echo AFU, for which the modules are loaded if there
 * is none; or on the one called @card, as it is.
 */
int mdev_create(struct mdev *mdev);
int mdev_create_on(struct mdev *mdev, const char *card);
/* As the first, with another kind of AFU, such as "memcpy" */
int mdev_create_kind(struct mdev *mdev, const char *kind);
int mdev_remove(struct mdev *mdev);

/* By group and container, unless the environment says CAPI_VFIO=cdev */
int vfio_open(struct capi_vfio *vfio, const char *uuid);
/* In the container of another that is open */
int vfio_open_beside(struct capi_vfio *vfio, const char *uuid,
		     const struct capi_vfio *other);

/* Opens and enables it; mdev_start() also starts the context. */
int mdev_open(struct mdev *mdev);
int mdev_start(struct mdev *mdev);
void mdev_close(struct mdev *mdev);

/* An attribute below capi/, without the newline */
int mdev_attr_text(struct mdev *mdev, const char *name, char *text,
		   size_t size);
/* The number in one, such as events_raised. */
long long mdev_attr(struct mdev *mdev, const char *name);
/* Writes an attribute below capi/. */
int mdev_set(struct mdev *mdev, const char *name, const char *value);
/* Waits until it is at least @value; returns what it is then. */
long long mdev_attr_wait(struct mdev *mdev, const char *name, long long value);
/* Whether all events raised are accounted for, @pending of them unread. */
bool mdev_balanced(struct mdev *mdev, long long pending);

/* The echo AFU's registers, its driver's next answer, its adapter's link */
int echo_put(struct mdev *mdev, unsigned int reg, __u64 value);
__u64 echo_get(struct mdev *mdev, unsigned int reg);
/* The same for a register that raises an event; returns when it has. */
int echo_raise(struct mdev *mdev, unsigned int reg, __u64 value);
/* Emits @n driver events; returns when all are announced. */
int echo_emit(struct mdev *mdev, unsigned int n);
int echo_next_fetch(struct mdev *mdev, const char *what);
/* What the host's administrator writes to the AFU's registers */
int echo_post(struct mdev *mdev, const char *what);
int card_link(struct mdev *mdev, bool up);
int card_drop(struct mdev *mdev);

/* Function registers */
__u64 bar0_get(struct mdev *mdev, unsigned int reg, unsigned int width);
int bar0_put(struct mdev *mdev, unsigned int reg, unsigned int width,
	     __u64 value);
int mdev_command(struct mdev *mdev, unsigned int command);

/**
 * struct from - where events are read from
 * @fd: an event fd, the device, or a file of /dev/cxl
 * @offset: where the events region begins; -1 for the others
 * @nowait: whatever the file's flags say, this read does not wait
 */
struct from {
	int fd;
	off_t offset;
	bool nowait;
};

/* A new event fd, @flags as in struct capi_mdev_event_fd */
int from_event_fd(struct mdev *mdev, unsigned int flags, struct from *from);
int from_region(struct mdev *mdev, struct from *from);

/* One read(): the size, or a negative errno */
ssize_t from_read(struct from from, void *buf, size_t size);
int event_read(struct from from, union event *event);
/* The same; the event's type, or a negative errno */
int event_read_type(struct from from, union event *event);
/*
 * The number that the echo AFU's driver gave the event; in a guest, counted from
 * the first since driver events were asked for.
 */
__u64 event_seq(const union event *event);

/* poll() of one descriptor, 0 milliseconds: what it says now */
int poll_now(int fd);
/* Waits until it says something; 0 when patience ends. */
int poll_for(int fd, int events);

/* An eventfd on interrupt @start of @index */
int irq_eventfd(struct mdev *mdev, unsigned int index, unsigned int start);
/* How often it was signalled since the last look */
unsigned long long eventfd_count(int fd);

/* Loops as long as patience lasts and @condition does not hold. */
bool still_patient(long long *deadline);
#define WAIT_UNTIL(condition)						\
({									\
	long long __deadline = 0;					\
	bool __met;							\
									\
	do {								\
		__met = (condition);					\
	} while (!__met && still_patient(&__deadline));			\
	__met;								\
})

#endif /* _VFIO_MDEV_H */

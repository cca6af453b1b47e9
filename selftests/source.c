// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cxl_dev.h"
#include "source.h"

static int open_file(struct source *source, int flags)
{
	struct afu afu;
	int ret;

	ret = in_guest() ? cxl_load(ECHO_AFU) : capi_load();
	if (!ret)
		ret = afu_find(&afu, 0);
	if (!ret)
		ret = node_open(&afu, 's', flags);
	if (ret < 0)
		return ret;
	source->fd = ret;
	source->from = (struct from){ .fd = source->fd, .offset = -1 };

	ret = cxl_context(&afu, source->fd, &source->context);
	if (!ret)
		ret = cxl_driver_events(source->fd, CAPI_ECHO_ABI);
	if (!ret)
		ret = cxl_start(source->fd);
	/* A VF's context has its number from here on. */
	source->context.pe = cxl_process_element(source->fd);
	return ret;
}

static int open_mdev(struct source *source, unsigned int flags)
{
	struct mdev *mdev = &source->mdev;
	char afu[32];
	int ret;

	ret = mdev_create(mdev);
	if (!ret)
		ret = mdev_start(mdev);
	if (!ret)
		ret = mdev_attr_text(mdev, "afu", afu, sizeof(afu));
	if (ret)
		return ret;
	context_init(&source->context, mdev->card, afu,
		     mdev_attr(mdev, "process_element"));

	ret = from_event_fd(mdev, flags, &source->from);
	source->fd = source->from.fd;
	if (!ret && source->kind == SOURCE_REGION)
		ret = from_region(mdev, &source->from);
	return ret;
}

int source_open(struct source *source, enum source_kind kind, bool nonblock)
{
	memset(source, 0, sizeof(*source));
	source->kind = kind;
	source->fd = -1;
	if (kind == SOURCE_FILE)
		return open_file(source, nonblock ? O_NONBLOCK : 0);
	return open_mdev(source, nonblock ? CAPI_MDEV_EVENT_FD_NONBLOCK : 0);
}

int source_close(struct source *source)
{
	close(source->fd);
	return source->kind == SOURCE_FILE ? 0 : mdev_remove(&source->mdev);
}

int source_other(struct source *source, struct from *other)
{
	if (source->kind != SOURCE_FILE)
		return from_event_fd(&source->mdev, CAPI_MDEV_EVENT_FD_NONBLOCK,
				     other);
	*other = source->from;
	other->nowait = true;
	return 0;
}

void source_close_other(struct source *source, struct from *other)
{
	if (source->kind != SOURCE_FILE)
		close(other->fd);
}

int source_stop(struct source *source)
{
	int ret;

	if (source->kind != SOURCE_FILE)
		return mdev_command(&source->mdev, CAPI_MDEV_COMMAND_STOP);
	/* A file's context does not survive that its link goes down. */
	ret = context_link(&source->context, false);
	return ret ? ret : context_link(&source->context, true);
}

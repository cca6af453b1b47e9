// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the administrator of the machine does: sysfs, debugfs, modules. All of it
 * is done by the helper, as it may wait for what the program has open.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "state.h"

#define PCI		"/sys/bus/pci/devices"
#define DEBUGFS		"/sys/kernel/debug"
#define MDEVS		"/sys/bus/mdev/devices"

static void number_text(__u8 code, char *text, size_t size)
{
	static const char * const words[] = { "", "x", "-1", "99999999999", "\n" };

	if (code >= 250)
		snprintf(text, size, "%s", words[code % ARRAY_SIZE(words)]);
	else
		snprintf(text, size, "%llu", value(code));
}

/* Process elements are few: one that there is, mostly */
static void context_path(struct state *state, __u8 which, const char *name,
			 char *path)
{
	char afu[24];

	afu_name(state->worker + which / 32, which / 16 % 2, afu, sizeof(afu));
	snprintf(path, PATH_MAX, DEBUGFS "/capi/%s/%u/%s", afu, which % 16,
		 name);
}

static bool post(struct state *state, const __u8 *arg)
{
	static const char * const words[] = {
		"emit", "irq", "fault", "error", "size", "period", "nothing",
	};
	char path[PATH_MAX], number[32], text[64];

	context_path(state, arg[0], "post", path);
	number_text(arg[2], number, sizeof(number));
	snprintf(text, sizeof(text), "%s %s", words[arg[1]], number);
	write_file(path, text);
	return true;
}

static bool next_fetch(struct state *state, const __u8 *arg)
{
	char path[PATH_MAX], text[32];

	context_path(state, arg[0], "next_fetch", path);
	number_text(arg[1], text, sizeof(text));
	write_file(path, arg[1] ? text : "null");
	return true;
}

static bool counter(struct state *state, const __u8 *arg)
{
	static const char * const names[] = {
		"events_raised", "events_failed", "events_cancelled", "post",
	};
	char path[PATH_MAX], text[64];

	context_path(state, arg[0], names[arg[1]], path);
	read_file(path, text, sizeof(text));
	return true;
}

static bool create_mdev(struct state *state, const __u8 *arg)
{
	struct device *device = &state->devices[arg[0]];
	char path[PATH_MAX];

	snprintf(path, sizeof(path),
		 "/sys/class/mdev_bus/%s/mdev_supported_types/capi_mdev-%s/create",
		 card_name(arg[1]), arg[2] ? "memcpy" : "echo");
	device->made = true;
	return later(state, path, device->uuid);
}

static bool mdev_remove(struct state *state, const __u8 *arg)
{
	struct device *device = &state->devices[arg[0]];
	char path[PATH_MAX];

	if (!device->made)
		return false;
	snprintf(path, sizeof(path), MDEVS "/%s/remove", device->uuid);
	return later(state, path, "1");
}

static const char * const attributes[] = {
	"irqs", "label", "max_events", "state", "events_raised",
	"events_delivered", "process_element", "stale_acknowledgements", "afu",
};

/* The device has to be closed: what is made for this is not opened. */
static bool attribute(struct state *state, const __u8 *arg)
{
	struct device *device = &state->devices[arg[0]];
	char path[PATH_MAX], text[256];

	if (!device->made && arg[3] % 2) {
		const __u8 made[] = { arg[0], arg[0] / 2, arg[0] % 2 };

		create_mdev(state, made);
	}
	snprintf(path, sizeof(path), MDEVS "/%s/capi/%s", device->uuid,
		 attributes[arg[1]]);
	if (arg[3] / 2) {
		read_file(path, text, sizeof(text));
		return true;
	}
	number_text(arg[2], text, sizeof(text));
	write_file(path, text);
	return true;
}

static bool afu_attribute(struct state *state, const __u8 *arg)
{
	static const char * const writes[][2] = {
		{ "mode", "dedicated_process" }, { "mode", "afu_directed" },
		{ "mode", "none" }, { "irqs_max", "4" }, { "irqs_max", "33" },
		{ "prefault_mode", "all" }, { "prefault_mode", "none" },
		{ "prefault_mode", "work_element_descriptor" },
		{ "reset", "1" }, { "reset", "" }, { "mode", "x" },
	};
	char path[PATH_MAX], afu[24];

	afu_name(arg[0], arg[1], afu, sizeof(afu));
	snprintf(path, sizeof(path), "/sys/class/cxl/%s/%s", afu,
		 writes[arg[2]][0]);
	atomic_store(&state->host_changed, true);
	return later(state, path, writes[arg[2]][1]);
}

static bool card_attribute(struct state *state, const __u8 *arg)
{
	static const char * const writes[][2] = {
		{ "reset", "1" }, { "reset", "-1" }, { "reset", "2" },
		{ "load_image_on_perst", "user" },
		{ "load_image_on_perst", "none" },
		{ "load_image_on_perst", "factory" },
		{ "perst_reloads_same_image", "1" },
		{ "perst_reloads_same_image", "0" },
	};
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/class/cxl/card%u/%s", arg[0],
		 writes[arg[1]][0]);
	return later(state, path, writes[arg[1]][1]);
}

static bool link_op(struct state *state, const __u8 *arg)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), DEBUGFS "/capi_sim/%s/link",
		 card_name(arg[0]));
	atomic_store(&state->host_changed, true);
	return later(state, path, arg[1] ? "1" : "0");
}

static bool drop_card(struct state *state, const __u8 *arg)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), DEBUGFS "/capi_sim/%s/drop",
		 card_name(arg[0]));
	return later(state, path, "1");
}

static bool bind(struct state *state, const __u8 *arg)
{
	static const char * const drivers[] = {
		"capi_mdev", "capi_memcpy_sample", "vfio-pci", "cxl-pci",
	};
	char path[PATH_MAX], name[32];

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/%s",
		 drivers[arg[1]], arg[2] ? "bind" : "unbind");
	snprintf(name, sizeof(name), "%s", card_name(arg[0]));
	/* The AFUs are functions behind the card. */
	if (arg[1] && name[0])
		name[strlen(name) - 1] += 1 + arg[0] % 2;
	atomic_store(&state->host_changed, true);
	return later(state, path, name);
}

static bool timeout(struct state *state, const __u8 *arg)
{
	char text[32];

	number_text(arg[0], text, sizeof(text));
	atomic_store(&state->host_changed, true);
	write_file("/sys/module/capi_mdev/parameters/answer_timeout", text);
	return true;
}

/* Files of the card's functions, and of what is behind it */
static bool look_around(struct state *state, const __u8 *arg)
{
	static const char * const names[] = {
		PCI "/%s/config", PCI "/%s/vpd", PCI "/%s/resource",
		PCI "/%s/mdev_supported_types/capi_mdev-echo/available_instances",
		PCI "/%s/mdev_supported_types/capi_mdev-memcpy/description",
		PCI "/%s/mdev_supported_types/capi_mdev-echo/name",
		DEBUGFS "/capi_sim/%s/link",
	};
	static const char * const of_afus[] = {
		"afu_err_buff", "cr0/config", "mode", "irqs_max", "mmio_size",
		"api_version", "prefault_mode", "cr0/vendor", "modes_supported",
		"reset",
	};
	char path[PATH_MAX], afu[24], text[512];
	int fd;

	(void)state;
	if (arg[1] < ARRAY_SIZE(names)) {
		snprintf(path, sizeof(path), names[arg[1]], card_name(arg[0]));
	} else {
		afu_name(arg[0] / 2, arg[0] % 2, afu, sizeof(afu));
		snprintf(path, sizeof(path), "/sys/class/cxl/%s/%s", afu,
			 of_afus[arg[1] - ARRAY_SIZE(names)]);
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	pread(fd, text, sizeof(text) - 2 * arg[2], value(arg[3]));
	close(fd);
	return true;
}

static bool config_write(struct state *state, const __u8 *arg)
{
	__u64 data = value(arg[3]);
	char path[PATH_MAX];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), PCI "/%s/config", card_name(arg[0]));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	pwrite(fd, &data, width(arg[2]), arg[1]);
	close(fd);
	return true;
}

static bool rescan_bus(struct state *state, const __u8 *arg)
{
	(void)arg;
	return later(state, "/sys/bus/pci/rescan", "1");
}

static bool reload(struct state *state, const __u8 *arg)
{
	static const char * const names[] = { "capi_mdev", "capi_sim", "capi" };

	return later(state, "", names[arg[0]]);
}

const struct op_kind host_ops[] = {
	{ "post", 600, { 64, 7, ALL }, post },
	{ "next_fetch", 80, { 64, ALL }, next_fetch },
	{ "counter", 40, { 64, 4 }, counter },
	{ "create", 40, { DEVICES, CARDS, 2 }, create_mdev },
	{ "remove", 40, { DEVICES }, mdev_remove },
	{ "attribute", 200, { DEVICES, 9, ALL, 4 }, attribute },
	{ "afu", 40, { CARDS, 2, 11 }, afu_attribute },
	{ "card", 40, { CARDS, 8 }, card_attribute },
	{ "link", 40, { CARDS, 2 }, link_op },
	{ "drop", 10, { CARDS }, drop_card },
	{ "bind", 20, { CARDS, 4, 2 }, bind },
	{ "timeout", 50, { ALL }, timeout },
	{ "read", 120, { 6, 17, ALL, ALL }, look_around },
	{ "config_write", 40, { CARDS, ALL, 8, ALL }, config_write },
	{ "rescan", 20, { 1 }, rescan_bus },
	{ "reload", 10, { 3 }, reload },
	{ }
};

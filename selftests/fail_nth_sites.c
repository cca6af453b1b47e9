// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether the programs before this one reached all functions of our modules that
 * allocate memory or copy that of a user: these are found in the modules' files,
 * by what they call.
 */
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <kselftest_harness.h>

#include "fail.h"
#include "guest.h"

/* What may fail where it is called, or what that calls; by how its name begins */
static const char * const failing[] = {
	/* Memory */
	"__kmalloc", "kmalloc_trace", "kmem_cache_alloc", "__kvmalloc", "kvmalloc",
	"kstrdup", "kmemdup", "kasprintf", "memdup_user", "bitmap_zalloc",
	"vmap", "vmalloc_noprof", "ioremap", "alloc_pages", "__alloc_pages",
	"get_zeroed_page", "get_free_pages",
	"__xa_store", "__xa_alloc", "xa_store", "xa_alloc", "ida_alloc",
	/* Copies */
	"_copy_from_user", "_copy_to_user", "_copy_to_iter",
	"should_fail_usercopy", "get_user_pages_remote", "vfio_pin_pages",
	"vfio_dma_rw",
	/* What allocates */
	"dev_set_name", "device_add", "class_register", "cdev_add",
	"alloc_chrdev_region", "alloc_workqueue", "dma_alloc_attrs",
	"pci_alloc_irq_vectors", "pci_request_regions", "pci_iomap",
	"kthread_create_on_node", "anon_inode_getfile",
	"alloc_file_pseudo", "alloc_anon_inode", "simple_pin_fs", "init_pseudo",
	"debugfs_create_", "__irq_domain_", "irq_create_", "request_threaded_irq",
	"pci_alloc_host_bridge", "pci_scan_root_bus_bridge", "pci_add_resource",
	"pci_bus_add_devices", "_vfio_alloc_device",
	"vfio_register_emulated_iommu_dev", "vfio_info_add_capability",
	"mdev_register_", "__pci_register_driver", "sysfs_create_",
	"cgroup_attach_task_all", "mmu_interval_notifier_insert",
};

/* Who cannot be reached, and why */
static const struct {
	const char *function;
	const char *why;
} excused[] = {
	{ "process_error", "looks what is missing, where that has failed before" },
	{ "capi_get_pages", "asked what is missing, where that has failed before" },
	{ "memcpy_start", "kvmalloc() does not say that it failed, and goes on" },
	{ "sim_area_init", "kvcalloc() does not say that it failed, and goes on" },
};

static const char * const programs[] = {
	"fail_nth", "fail_nth_cxl", "fail_nth_modules", "fail_nth_threads", NULL
};

static const char * const guest_programs[] = {
	"fail_nth_guest", "fail_nth_modules", NULL
};

static char sites[65536];

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool may_fail(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(failing); i++)
		if (begins(name, failing[i]))
			return true;
	return false;
}

static const char *excuse(const char *function)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(excused); i++)
		if (!strcmp(function, excused[i].function))
			return excused[i].why;
	return NULL;
}

/* Is there a line that begins so? */
static bool line_begins(const char *with)
{
	const char *line = sites;

	while (*line) {
		if (begins(line, with))
			return true;
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return false;
}

/**
 * struct object - a module's file
 * @name: the module
 * @base: the file
 * @size: of it, in bytes
 * @header: where it begins
 * @sections: its sections
 * @symbols: their names are in @strings
 * @nr_symbols: how many
 * @strings: of them
 */
struct object {
	const char *name;
	const char *base;
	size_t size;
	const Elf64_Ehdr *header;
	const Elf64_Shdr *sections;
	const Elf64_Sym *symbols;
	size_t nr_symbols;
	const char *strings;
};

static int object_open(struct object *object, const char *name)
{
	char command[64], path[PATH_MAX] = "";
	struct stat status;
	FILE *modinfo;
	unsigned int i;
	int fd;

	object->name = name;
	snprintf(command, sizeof(command), "modinfo -F filename %s", name);
	modinfo = popen(command, "r");
	if (!modinfo || !fgets(path, sizeof(path), modinfo))
		return -1;
	pclose(modinfo);
	path[strcspn(path, "\n")] = '\0';
	fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &status))
		return -1;
	object->size = status.st_size;
	object->base = mmap(NULL, object->size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (object->base == MAP_FAILED || memcmp(object->base, ELFMAG, SELFMAG))
		return -1;
	object->header = (const void *)object->base;
	object->sections = (const void *)(object->base + object->header->e_shoff);
	for (i = 0; i < object->header->e_shnum; i++) {
		const Elf64_Shdr *section = &object->sections[i];

		if (section->sh_type != SHT_SYMTAB)
			continue;
		object->symbols = (const void *)(object->base + section->sh_offset);
		object->nr_symbols = section->sh_size / sizeof(Elf64_Sym);
		object->strings = object->base +
			object->sections[section->sh_link].sh_offset;
	}
	return object->symbols ? 0 : -1;
}

static bool contains(const Elf64_Sym *symbol, unsigned int section,
		     Elf64_Addr at)
{
	return ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
	       symbol->st_shndx == section && at >= symbol->st_value &&
	       at < symbol->st_value + symbol->st_size;
}

/* Has the function at that place been reached? It may have several names. */
static bool reached(const struct object *object, unsigned int section,
		    Elf64_Addr at, const char **name)
{
	const Elf64_Sym *symbol;
	char site[256];

	*name = NULL;
	for (symbol = object->symbols;
	     symbol < object->symbols + object->nr_symbols; symbol++) {
		if (!contains(symbol, section, at))
			continue;
		*name = object->strings + symbol->st_name;
		snprintf(site, sizeof(site), "%s %s+", object->name, *name);
		if (line_begins(site))
			return true;
	}
	return false;
}

struct count {
	unsigned int functions;
	unsigned int reached;
	unsigned int excused;
	unsigned int missed;
};

static void judge(const struct object *object, unsigned int section,
		  const Elf64_Rela *call, const char *callee,
		  struct count *count)
{
	const char *function, *why;

	count->functions++;
	if (reached(object, section, call->r_offset, &function)) {
		count->reached++;
		return;
	}
	why = excuse(function ?: "");
	if (why) {
		count->excused++;
		printf("# %s %s: %s\n", object->name, function, why);
	} else {
		count->missed++;
		printf("# %s %s calls %s, which never failed\n", object->name,
		       function, callee);
	}
}

/* The calls of one section, in order: each function once */
static void look_at_calls(const struct object *object,
			  const Elf64_Shdr *relocations, struct count *count)
{
	const Elf64_Rela *call = (const void *)(object->base +
						relocations->sh_offset);
	const Elf64_Rela *end = (const void *)((const char *)call +
					       relocations->sh_size);
	const char *function, *last = "", *callee;
	const Elf64_Sym *symbol;

	for (; call < end; call++) {
		symbol = &object->symbols[ELF64_R_SYM(call->r_info)];
		callee = object->strings + symbol->st_name;
		if (symbol->st_shndx != SHN_UNDEF || !may_fail(callee))
			continue;
		reached(object, relocations->sh_info, call->r_offset, &function);
		if (!function || !strcmp(function, last))
			continue;
		last = function;
		judge(object, relocations->sh_info, call, callee, count);
	}
}

static bool look_at_module(const char *name)
{
	struct count count = { };
	struct object object = { };
	unsigned int i;

	if (object_open(&object, name))
		return false;
	for (i = 0; i < object.header->e_shnum; i++) {
		const Elf64_Shdr *section = &object.sections[i];

		if (section->sh_type == SHT_RELA &&
		    object.sections[section->sh_info].sh_flags & SHF_EXECINSTR)
			look_at_calls(&object, section, &count);
	}
	munmap((void *)object.base, object.size);
	printf("# %s: %u functions allocate or copy, %u were reached, %u cannot be\n",
	       name, count.functions, count.reached, count.excused);
	return count.functions && !count.missed;
}

FIXTURE(sites) {
};

FIXTURE_SETUP(sites)
{
	const char * const *program = in_guest() ? guest_programs : programs;
	FILE *file = fopen(FAIL_SITES, "r");

	if (!file)
		SKIP(return, "nothing was made to fail before");
	ASSERT_LT(fread(sites, 1, sizeof(sites) - 1, file), sizeof(sites) - 1);
	fclose(file);
	for (; *program; program++) {
		char line[64];

		snprintf(line, sizeof(line), "%s\n", *program);
		if (!line_begins(line))
			SKIP(return, "not all that comes before has run");
	}
}

FIXTURE_TEARDOWN(sites)
{
}

/* What is guessed is told, and decides nothing. */
static bool known(void)
{
	return line_begins(FAIL_KNOWN "\n");
}

/* @statement as in SKIP() */
#define EXPECT_ALL_REACHED(statement, module)				\
do {									\
	bool __all = look_at_module(module);				\
									\
	if (!known())							\
		SKIP(statement, "this kernel guesses at its stacks");	\
	EXPECT_TRUE(__all);						\
} while (0)

TEST_F(sites, capi)
{
	NOT_IN_GUEST(return, "is looked at on a host");
	EXPECT_ALL_REACHED(return, "capi");
}

TEST_F(sites, capi_sim)
{
	NOT_IN_GUEST(return, "is at work on a host");
	EXPECT_ALL_REACHED(return, "capi_sim");
}

TEST_F(sites, capi_mdev)
{
	NOT_IN_GUEST(return, "is at work on a host");
	EXPECT_ALL_REACHED(return, "capi_mdev");
}

TEST_F(sites, capi_guest)
{
	if (!in_guest())
		SKIP(return, "is at work in a guest");
	EXPECT_ALL_REACHED(return, "capi_guest");
}

TEST_HARNESS_MAIN

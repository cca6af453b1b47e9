# SPDX-License-Identifier: GPL-2.0-only

KDIR ?= /lib/modules/$(shell uname -r)/build
PREFIX ?= /usr/local

# The kernels of the virtual machine: the one, and those of the tests. There are
# stock ones, and those that look for bugs: um, kasan and kcsan.
KERNEL ?= 6.1
KERNELS ?= 6.1 6.12
# Only tests whose name contains one of these words; all when empty.
TESTS ?=
export KERNEL KERNELS TESTS

kbuild = $(MAKE) -C $(KDIR) M=$(CURDIR)

modules: ## build the modules for KDIR, which is the running kernel (the default)
	@test -e $(KDIR)/Makefile || \
		{ echo "no kernel headers in $(KDIR): install them, or set KDIR="; exit 1; }
	$(kbuild) modules

tools: ## build capi-events and capi-memcpy
	$(MAKE) -C tools/capi-events
	$(MAKE) -C tools/capi-memcpy

install: modules tools ## install the modules, and the tools to PREFIX/bin
	$(kbuild) modules_install
	$(if $(INSTALL_MOD_PATH),,depmod $$($(kbuild) -s kernelrelease))
	install -D -t $(DESTDIR)$(PREFIX)/bin tools/capi-events/capi-events \
		tools/capi-memcpy/capi-memcpy

run: ## see it work: a demonstration in a virtual machine, nothing else needed
	@tools/vm/vm.sh demo

shell: ## the same virtual machine with a shell, the modules loaded
	@tools/vm/vm.sh shell

vm-cmd: ## run the shell command CMD in the virtual machine, on KERNEL
	@tools/vm/vm.sh cmd '$(subst ','\'',$(value CMD))'

lint: ## static checks: checkpatch, sparse, kernel-doc, shellcheck
	@tools/vm/check.sh lint

kunit: ## run the tests beside the code in User Mode Linux, and show what they reach
	@tools/vm/check.sh kunit

selftest: ## run the TESTS on stock KERNELS
	@tools/vm/check.sh selftest

selftest-um: ## run the TESTS in User Mode Linux, with KASAN and lockdep: the quick loop
	@tools/vm/check.sh um

check-debug: ## the TESTS on kernels that look for bugs: KASAN, lockdep, kmemleak; KCSAN
	@KERNELS="kasan um kcsan" tools/vm/check.sh selftest

coverage: ## which lines tests run: kunit and selftest-um, and what a fuzzer did before
	@tools/vm/check.sh kunit um; status=$$?; \
		tools/uml/coverage.sh && exit $$status

fuzz: ## run random programs against everything for MINUTES, guided by what they reach
	@KERNEL=$(if $(filter file,$(origin KERNEL)),um,$(KERNEL)) tools/vm/fuzz.sh

model: ## search the model of the event protocol for mistakes, with spin
	@tools/model/check.sh

check-vm: ## run the TESTS that give mdevs to guests, with QEMU and libvirt, on KERNEL: 6.1, kasan
	@tools/vm/check.sh vm

check: ## all that must pass before a change is sent
	@tools/vm/check.sh lint kunit um selftest vm

clean: ## remove what a build left, here and in the cache
	test ! -e $(KDIR)/Makefile || $(kbuild) clean
	$(MAKE) -C tools/capi-events clean
	$(MAKE) -C tools/capi-memcpy clean
	git clean -q -f -X selftests
	@tools/vm/clean.sh

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

.PHONY: modules tools install run shell vm-cmd lint kunit selftest selftest-um \
	check-debug coverage fuzz model check-vm check clean help

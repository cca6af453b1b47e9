# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced after tools/vm/boot.sh: what guests with a kernel of ours, $series, get
# and take. $bugs are those that it has to find, see net.sh; each kind of checker
# may stop at its first, and then locks are not looked at any more. $without are
# programs that are not for it: what memcpy_cost measures is no figure there, and
# what libvirt does to our modules, QEMU does alone.

patience=1
export bugs= without=
case $series in
um)
	bugs="locks atomic leak shift array slab stack vmalloc freed object hang"
	patience=3
	. "$top/tools/uml/boot.sh"
	;;
kasan)
	bugs="locks atomic leak shift array slab stack vmalloc freed object hang"
	patience=6
	qemu_arguments=(-m 2048)
	without="memcpy_cost vm/libvirt.sh"
	kernel_parameters+=" kasan_multi_shot kasan.fault=report"
	;;
kcsan)
	bugs="atomic race hang"
	patience=6
	without=memcpy_cost
	;;
esac

# What a slow CPU is late with is nobody's fault.
if [ $patience -gt 1 ]; then
	limit=${TIMEOUT:-$((600 * patience * ${RACE:-1}))}
	kernel_parameters+=" workqueue.watchdog_thresh=120"
	kernel_parameters+=" sysctl.kernel.hung_task_timeout_secs=600"
fi

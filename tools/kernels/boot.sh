# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced after tools/vm/boot.sh: what guests with a kernel of ours, $series, get
# and take.

patience=1
case $series in
um)
	. "$top/tools/uml/boot.sh"
	;;
kasan)
	patience=6
	qemu_arguments=(-m 2048)
	kernel_parameters+=" kasan_multi_shot kasan.fault=report"
	;;
kcsan)
	patience=6
	;;
esac

# What an emulated CPU is late with is nobody's fault.
if [ $patience -gt 1 ]; then
	limit=${TIMEOUT:-$((600 * patience))}
	kernel_parameters+=" watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120"
	kernel_parameters+=" workqueue.watchdog_thresh=120"
	kernel_parameters+=" sysctl.kernel.hung_task_timeout_secs=600"
fi

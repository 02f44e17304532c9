#!/bin/sh
# SPDX-License-Identifier: MIT
# The first process of the virtual machine: a virtual accelerator is plugged, unplugged and plugged
# again, with slm's udev rule alone in place. Every line that begins with "virtual:" is for run.sh.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
echo 3 >/proc/sys/kernel/printk

say() {
	echo "virtual: $*"
}

# holds WHAT CONDITION...
holds() {
	what=$1
	shift
	if "$@"; then say "ok $what"; else say "FAILED $what"; fi
}

# Waits up to 20 s for FILE to have so many lines that begin with TEXT.
until_said() {
	n=0
	while [ "$(grep -c "^$2" "$1")" -lt "$3" ]; do
		n=$((n + 1))
		[ $n -lt 200 ] || return 1
		usleep 100000
	done
}

node=/dev/accel/accel0
link=/dev/accel/by-path/platform-slm_virtual_accel.0-accel
at=/sys/bus/platform/drivers/slm_virtual_accel

echo
say "Linux $(uname -r), udev $(udevadm --version)"
systemd-udevd --daemon
watch_nodes >/run/watched 2>&1 &
until_said /run/watched "watch begins" 1

while read -r module; do insmod "/modules/$module" || say "FAILED insmod $module"; done </modules/order
insmod /modules/virtual_accel.ko || say "FAILED insmod virtual_accel"
holds "an add is heard" until_said /run/watched "watch add accel0" 1
holds "the node is character device 261:0" [ "$(stat -c %t:%T $node)" = 105:0 ]
holds "the node is of group render, mode 660" [ "$(stat -c '%G %a' $node)" = "render 660" ]
holds "the name by path leads to it" [ "$(readlink -f $link)" = $node ]
holds "systemd would see it" sh -c "udevadm info $node | grep -q 'TAGS=.*:systemd:'"
slm devices --query --json >/run/devices 2>/run/errors
holds "slm devices names node, driver and version" sh -c "grep -q '\"path\": \"$node\"' /run/devices &&
	grep -q '\"driver_version\": \"slm_virtual_accel 1.0.0\"' /run/devices &&
	grep -q '\"number\": \"261:0\"' /run/devices && grep -q '\"access\": true' /run/devices"
slm devices -v 2>&1 | sed 's/^/virtual: slm says: /'
holds "somebody outside of the group is told what to do" sh -c \
	"su nobody -s /bin/sh -c 'slm devices' 2>&1 | grep -q 'ask to be in group render'"
holds "somebody in the group may open it" sh -c \
	"su tester -s /bin/sh -c 'slm devices --json' 2>&1 | grep -q '\"access\": true'"

exec 3<>$node
echo slm_virtual_accel.0 >$at/unbind
holds "a removal is heard, also while the node is held open" until_said /run/watched "watch remove accel0" 1
exec 3>&-
udevadm settle
holds "node and link are gone" [ ! -e $node -a ! -L $link ]
holds "slm devices has no node any more" sh -c "! slm devices | grep -q accel0"
echo slm_virtual_accel.0 >$at/bind
holds "the second add is heard" until_said /run/watched "watch add accel0" 2
holds "the second node is of group render" [ "$(stat -c '%G %a' $node)" = "render 660" ]
sed 's/^/virtual: heard: /' /run/watched
sed 's/^/virtual: slm said: /' /run/errors
say "done"
poweroff -f

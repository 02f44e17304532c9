#!/bin/sh
# SPDX-License-Identifier: MIT
# What the virtual machine does: inside.service under systemd, with slm's udev rule alone in place. A virtual
# accelerator is plugged and unplugged, first by itself, then below an answer. Every line that begins with
# "virtual:" is for run.sh.
export PATH=/usr/bin TERM=dumb
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

# Since the machine began.
seconds() {
	read -r up _ </proc/uptime
	echo "${up%%.*}"
}

# Waits up to a minute, or as long as what answers is there, until CONDITION... holds.
until_true() {
	last=$(($(seconds) + 60))
	until "$@"; do
		[ "$(seconds)" -lt $last ] && [ -d "/proc/$answering" ] || return 1
		usleep 100000
	done
}

# said FILE TEXT COUNT: are there so many lines with TEXT?
said() {
	[ -e "$1" ] && [ "$(grep -c -- "$2" "$1")" -ge "$3" ]
}

until_said() {
	until_true said "$@"
}

answering= # the process, if there is one
node=/dev/accel/accel0
link=/dev/accel/by-path/platform-slm_virtual_accel.0-accel
at=/sys/bus/platform/drivers/slm_virtual_accel

unplug() {
	echo slm_virtual_accel.0 >$at/unbind
}

plug() {
	echo slm_virtual_accel.0 >$at/bind
}

unit_is() {
	[ "$(systemctl is-active plugged.service)" = "$1" ]
}

# ---- the node, udev's rule, the monitor, a unit ----

plug_and_look() {
	holds "no unit runs for a device that is not there" unit_is inactive
	while read -r module; do
		insmod "/modules/$module" || say "FAILED insmod $module"
	done </modules/order
	insmod /modules/virtual_accel.ko || say "FAILED insmod virtual_accel"
	holds "an add is heard" until_said /run/watched "^watch add accel0" 1
	holds "the node is character device 261:0" [ "$(stat -c %t:%T $node)" = 105:0 ]
	holds "the node is of group render, mode 660" [ "$(stat -c '%G %a' $node)" = "render 660" ]
	holds "the name by path leads to it" [ "$(readlink -f $link)" = $node ]
	holds "the unit that wants the device starts" until_true unit_is active
	holds "it runs slm and has the node open" until_said /run/plugged/started "^access true, open" 1
}

ask_slm() {
	slm devices --query --json >/run/devices 2>/run/errors
	holds "slm devices names node, driver and version" sh -c "grep -q '\"path\": \"$node\"' /run/devices &&
		grep -q '\"driver_version\": \"slm_virtual_accel 1.0.0\"' /run/devices &&
		grep -q '\"number\": \"261:0\"' /run/devices && grep -q '\"access\": true' /run/devices"
	slm devices -v 2>&1 | sed 's/^/virtual: slm says: /'
	holds "somebody outside of the group is told what to do" sh -c \
		"su nobody -s /bin/sh -c 'slm devices' 2>&1 | grep -q 'ask to be in group render'"
	holds "somebody in the group may open it" sh -c \
		"su tester -s /bin/sh -c 'slm devices --json' 2>&1 | grep -q '\"access\": true'"
}

unplug_and_look() {
	exec 3<>$node
	unplug
	holds "a removal is heard, also while the node is held open" \
		until_said /run/watched "^watch remove accel0" 1
	exec 3>&-
	udevadm settle
	holds "node and link are gone" [ ! -e $node -a ! -L $link ]
	holds "slm devices has no node any more" sh -c "! slm devices | grep -q accel0"
	holds "the unit stops with its device" until_true unit_is inactive
	plug
	holds "the second add is heard" until_said /run/watched "^watch add accel0" 2
	holds "the second node is of group render" [ "$(stat -c '%G %a' $node)" = "render 660" ]
	holds "the unit starts once more" until_said /run/plugged/started "^access true, open" 2
	sed 's/^/virtual: heard: /' /run/watched
	sed 's/^/virtual: slm said: /' /run/errors
}

# ---- unplugged below an answer: the mock driver, which depends on the node ----

export HOME=/tmp SLM_CACHE_DIR=/tmp/cache POCL_CACHE_DIR=/tmp/pocl SLM_CLC=/usr/bin/slm-clc
# A compiler takes its time here, and a first launch waits for it.
export SLM_CLC_SECONDS=900 SLM_OPENCL_WATCHDOG_MS=300000
tokens=800

answer="slm run /model.gguf --raw --temp 0 --ignore-eos"
on_both="-v --device mock,cpu --split 1,1"

is_longer() {
	[ "$(stat -c %s /run/streamed)" -gt "$1" ]
}

goes_on() {
	until_true is_longer $(($(stat -c %s /run/streamed) + 40))
}

# has_open COUNT: does the answering process hold the node open so many times, pulled or not?
has_open() {
	count=0
	for fd in "/proc/$answering/fd/"*; do
		case $(readlink "$fd") in */accel0*) count=$((count + 1)) ;; esac
	done
	[ $count -eq "$1" ]
}

# The Nth time. There is more to say than is said by the end of it.
unplug_below() {
	holds "$1: the answer comes, and the driver has the node open" until_true has_open 1
	holds "$1: tokens come from both devices" goes_on
	unplug
	holds "$1: the device is left out when it is pulled" until_said /run/said "is left out" "$1"
	holds "$1: slm says what failed" said /run/said "failed: CL_DEVICE_NOT_AVAILABLE" "$1"
	holds "$1: it is heard that it is gone" until_said /run/said "it is not there any more" "$1"
	holds "$1: the answer goes on without it" goes_on
	holds "$1: nothing of the pulled node is held open" until_true has_open 0
	# It waits, so that a machine that is slow to plug costs no tokens.
	kill -STOP $answering
	plug
	udevadm settle
	kill -CONT $answering
	holds "$1: it is heard that it is there again" until_said /run/said "going on by another plan" "$1"
	holds "$1: the answer goes on with it" goes_on
}

# same_answer ALONE ANSWER
same_answer() {
	if cmp "$1" "$2" >/run/compared 2>&1; then
		say "ok the answer is what the processor alone says, all $(stat -c %s "$2") bytes"
		return
	fi
	say "FAILED the answer differs from what the processor alone says: $(cat /run/compared)"
	for file in "$1" "$2"; do
		head -c 2000 "$file" | xxd | sed "s|^|virtual: $file: |"
	done
}

# The last process of NAME that used the driver.
left_nothing() {
	grep "\"program\":\"$1\"" /run/stats | tail -n 1 >/run/last
	say "mock: $(cat /run/last)"
	holds "no object of $1 is left in the driver" grep -q '"live":0,.*"live_bytes":0}' /run/last
}

answer_and_unplug() {
	$answer --device cpu -n $tokens Hello >/run/alone 2>/run/said ||
		say "FAILED the processor's answer: $(cat /run/said)"
	say "the processor's answer takes until second $(seconds)"
	SLM_DEVICE_NODES=opencl:0.0=accel0 slm devices | sed 's/^/virtual: slm says: /'
	$answer $on_both -n 2 Hello >/run/first 2>/run/said || say "FAILED the first answer: $(cat /run/said)"
	say "kernels are compiled by second $(seconds)"
	$answer $on_both -n $tokens Hello >/run/streamed 2>/run/said &
	answering=$!
	unplug_below 1
	unplug_below 2
	wait $answering
	code=$?
	answering=
	say "the answer is there by second $(seconds)"
	holds "slm ends well" [ $code = 0 ]
	sed 's/^/virtual: slm said: /' /run/said
	same_answer /run/alone /run/streamed
	left_nothing slm
}

# The same by libslm, which hears of nothing, tries again by itself, and tells tokens by number.
library_answers() {
	pulled_answer /model.gguf cpu >/run/alone 2>/run/said ||
		say "FAILED the library on the processor: $(cat /run/said)"
	pulled_answer /model.gguf mock slm_virtual_accel.0 $at >/run/pulled 2>/run/said ||
		say "FAILED the library on the mock"
	sed 's/^/virtual: libslm said: /' /run/said
	holds "libslm leaves out the device when it is pulled" \
		said /run/said "mock device 0 (opencl:0.0) is left out" 1
	holds "it tries it again" said /run/said "going on by another plan" 1
	same_answer /run/alone /run/pulled
	left_nothing pulled_answer
	holds "programs were loaded before it was pulled and after it was plugged" \
		grep -q '"loads":2,' /run/last
}

unload() {
	unplug
	holds "the unit stops" until_true unit_is inactive
	holds "nobody holds the kernel's module" until_true rmmod virtual_accel
	holds "the kernel complains of nothing" sh -c \
		"! dmesg | grep -E 'BUG:|Oops|WARNING:|refcount|use-after-free'"
}

echo
say "Linux $(uname -r), $(systemctl --version | head -n 1)"
watch_nodes >/run/watched 2>&1 &
until_said /run/watched "watch begins" 1
plug_and_look
ask_slm
unplug_and_look
export OCL_ICD_VENDORS=/mock SLM_MOCK_NODE=$node SLM_MOCK_STATS=/run/stats
answer_and_unplug
library_answers
unload
say "done"
poweroff -f

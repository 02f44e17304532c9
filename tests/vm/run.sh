#!/bin/bash
# SPDX-License-Identifier: MIT
# run.sh SLM WATCH_NODES RULES: boots a distribution's kernel in QEMU with a virtual accelerator, and sees
# whether the node, slm's udev rule and the hotplug monitor work together. Nothing of it is hardware.
#
# Needs (Debian 13): qemu-system-x86 linux-image-amd64 linux-headers-amd64 busybox-static udev xz-utils.
# SLM_VM_ROOT     a folder with another Debian system, which then gives udev, libraries and the compiler;
# SLM_VM_KERNEL   a folder with boot/vmlinuz-VERSION and lib/modules/VERSION (an unpacked linux-image
#                 package), when that is not what SLM_VM_ROOT runs.
set -euo pipefail
slm=$1 watch=$2 rules=$3
here=$(cd "$(dirname "$0")" && pwd)
root=${SLM_VM_ROOT:-}
kernel=${SLM_VM_KERNEL:-$root}
work=$(mktemp -d "${root:-}/var/tmp/slm-vm-XXXXXX")
inside=${work#"$root"}
trap 'rm -rf "$work"' EXIT

skip() {
	echo "skipped: $*"
	exit 77
}

within() {
	if [ -n "$root" ]; then chroot "$root" "$@"; else "$@"; fi
}

# The newest kernel that has accel nodes and headers to build a module with.
find_version() {
	local config each
	for config in "$kernel"/boot/config-*; do
		each=${config##*/config-}
		if [ -e "$kernel/boot/vmlinuz-$each" ] && [ -d "$root/usr/src/linux-headers-$each" ] &&
			grep -q '^CONFIG_DRM_ACCEL=y' "$config"; then
			echo "$each"
		fi
	done | sort -V | tail -n 1
}

# The program NAME of the machine, from FILE, and the libraries it wants from the same system.
put() {
	local name=$1 file=$2 library
	cp "$root$file" "$work/tree/bin/$name"
	for library in $(within ldd "$file" | grep -o '/[^ ]*'); do
		mkdir -p "$work/tree${library%/*}"
		cp -L "$root$library" "$work/tree$library"
	done
}

put_programs() {
	local applet
	cp "$slm" "$work/slm" && cp "$watch" "$work/watch_nodes"
	put slm "$inside/slm"
	put watch_nodes "$inside/watch_nodes"
	put udevadm "$(within sh -c 'command -v udevadm')"
	ln -s udevadm "$work/tree/bin/systemd-udevd"
	cp "$root$(within sh -c 'command -v busybox')" "$work/tree/bin/busybox"
	for applet in sh mount echo grep sed stat readlink insmod usleep su poweroff uname cat ls; do
		ln -s busybox "$work/tree/bin/$applet"
	done
}

put_modules() {
	local path name
	mkdir "$work/module" "$work/tree/modules"
	cp "$here/virtual_accel.c" "$work/module/"
	echo 'obj-m := virtual_accel.o' >"$work/module/Makefile"
	within make -s -C "/usr/src/linux-headers-$version" "M=$inside/module" modules \
		>"$work/made" 2>&1 || { cat "$work/made"; echo "the module cannot be built"; exit 1; }
	cp "$work/module/virtual_accel.ko" "$work/tree/modules/"
	[ -e "$kernel/lib/modules/$version/modules.dep" ] || depmod -b "$kernel" "$version"
	modprobe -d "$kernel" -S "$version" --show-depends drm | while read -r _ path _; do
		name=${path##*/}
		name=${name%.xz}
		case $path in
		*.xz) xz -dc "$path" >"$work/tree/modules/$name" ;;
		*) cp "$path" "$work/tree/modules/$name" ;;
		esac
		echo "$name"
	done >"$work/tree/modules/order"
}

put_system() {
	mkdir -p "$work/tree"/{bin,dev,proc,sys,run,tmp,etc,usr/lib/udev/rules.d,var}
	printf 'root:x:0:0::/:/bin/sh\ntester:x:1000:1000::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' \
		>"$work/tree/etc/passwd"
	printf 'root:x:0:\nrender:x:105:tester\ntester:x:1000:\nnogroup:x:65534:\n' \
		>"$work/tree/etc/group"
	cp "$rules" "$work/tree/usr/lib/udev/rules.d/"
	cp "$here/init.sh" "$work/tree/init"
	chmod +x "$work/tree/init"
}

for tool in qemu-system-x86_64 cpio depmod xz; do
	command -v $tool >/dev/null || skip "there is no $tool"
done
[ "$(id -u)" -eq 0 ] || [ -z "$root" ] || skip "another system's folder needs root"
version=$(find_version)
[ -n "$version" ] || skip "no kernel with CONFIG_DRM_ACCEL and its headers in '$kernel/'"
[ -e "$root/bin/busybox" ] || skip "there is no busybox"

put_system
put_programs
put_modules
(cd "$work/tree" && find . | cpio -o -H newc -R 0:0 --quiet | gzip -1) >"$work/initramfs"
timeout 300 qemu-system-x86_64 -accel tcg -cpu max -smp 2 -m 768 -nographic -no-reboot \
	-kernel "$kernel/boot/vmlinuz-$version" -initrd "$work/initramfs" \
	-append "console=ttyS0 quiet panic=-1" </dev/null >"$work/console" 2>&1 || true
tr -d '\r' <"$work/console" | grep '^virtual: ' || { tail -n 40 "$work/console"; exit 1; }
tr -d '\r' <"$work/console" | grep -q '^virtual: done' || { tail -n 40 "$work/console"; exit 1; }
! grep -q '^virtual: FAILED' "$work/console"

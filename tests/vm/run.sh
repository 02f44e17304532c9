#!/bin/bash
# SPDX-License-Identifier: MIT
# run.sh SLM SLM_CLC WATCH_NODES PULLED_ANSWER MOCK_ICD MAKE_TINY RULES: boots a distribution's kernel and systemd in QEMU
# with a virtual accelerator, and sees whether the node, slm's udev rule, units that want the device, the
# hotplug monitor and an answer below which it is unplugged work together. Nothing of it is hardware.
#
# Needs (Debian 13): qemu-system-x86 linux-image-amd64 linux-headers-amd64 busybox-static systemd udev
# pocl-opencl-icd binutils cpio xz-utils.
# SLM_VM_ROOT     a folder with another Debian system, which then gives systemd, udev, PoCL, libraries and
#                 the compiler; a library that slm was linked with and it has not comes from here;
# SLM_VM_KERNEL   a folder with boot/vmlinuz-VERSION and lib/modules/VERSION (an unpacked linux-image
#                 package), when that is not what SLM_VM_ROOT runs.
set -euo pipefail
slm=$1 slm_clc=$2 watch=$3 pulled=$4 mock_icd=$5 make_tiny=$6 rules=$7
here=$(cd "$(dirname "$0")" && pwd)
root=${SLM_VM_ROOT:-}
kernel=${SLM_VM_KERNEL:-$root}
work=$(mktemp -d "${root:-}/var/tmp/slm-vm-XXXXXX")
tree=$work/tree
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

# The libraries of the other system that FILE of it wants, at their places.
put_libraries() {
	local library
	for library in $(within ldd "$1" | grep -o '/[^ ]*'); do
		mkdir -p "$tree${library%/*}"
		cp -Lu "$root$library" "$tree$library"
	done
}

# FILE of the other system, with its libraries, at its own place.
put() {
	mkdir -p "$tree${1%/*}"
	cp -L "$root$1" "$tree$1"
	put_libraries "$1"
}

# FILE of this build into FOLDER of the machine. A library that the other system has not comes from here.
put_built() {
	local library
	cp "$1" "$work/${1##*/}"
	mkdir -p "$tree$2"
	cp "$1" "$tree$2/"
	put_libraries "$inside/${1##*/}"
	for library in $(within ldd "$inside/${1##*/}" | sed -n 's/^\s*\(\S*\) => not found$/\1/p'); do
		library=$(ldd "$1" | sed -n "s|^\s*$library => \(/\S*\) .*|\1|p")
		[ -n "$library" ] || { echo "a library that $1 wants is nowhere"; exit 1; }
		mkdir -p "$tree${library%/*}"
		cp -Lu "$library" "$tree$library"
	done
}

put_programs() {
	local applet
	put_built "$slm" /usr/bin
	put_built "$slm_clc" /usr/bin
	put_built "$watch" /usr/bin
	put_built "$pulled" /usr/bin
	cp "$root$(within sh -c 'command -v busybox')" "$tree/usr/bin/busybox"
	for applet in sh mount echo grep sed stat readlink insmod rmmod usleep sleep kill su poweroff uname cat cmp \
		ls head tail xxd dmesg; do
		ln -s busybox "$tree/usr/bin/$applet"
	done
}

# Of systemd no more than what starts udev, our script and what wants a device.
put_systemd() {
	local unit units=/usr/lib/systemd/system
	put /usr/lib/systemd/systemd
	put /usr/lib/systemd/systemd-executor
	put "$(within sh -c 'command -v systemctl')"
	put "$(within sh -c 'command -v udevadm')"
	ln -s ../../bin/udevadm "$tree/usr/lib/systemd/systemd-udevd"
	ln -s usr/lib/systemd/systemd "$tree/init"
	mkdir -p "$tree$units/dev-accel-accel0.device.wants"
	for unit in systemd-udevd.service systemd-udevd-{control,kernel}.socket \
		{sysinit,basic,sockets,local-fs,shutdown,umount}.target; do
		cp "$root$units/$unit" "$tree$units/"
	done
	cp "$here"/{inside,plugged}.service "$tree$units/"
	ln -s ../plugged.service "$tree$units/dev-accel-accel0.device.wants/"
	cp "$here/inside.sh" "$tree/"
}

# The mock driver and PoCL below it, which links what it compiles.
put_opencl() {
	local icd=/etc/OpenCL/vendors/pocl.icd library file
	library=$(within sh -c "ls /usr/lib/*/$(cat "$root$icd")")
	for file in "$library" $(within sh -c 'ls /usr/lib/*/pocl/*.so') /usr/bin/ld; do
		put "$file"
	done
	for file in m:libm.so.6 c:libc.so.6 gcc:libgcc_s.so.1 gcc_s:libgcc_s.so.1; do
		ln -s "${file#*:}" "$tree${library%/*}/lib${file%%:*}.so"
	done
	cp -r "$root/usr/share/pocl" "$tree/usr/share/"
	mkdir -p "$tree/mock" "$tree/etc/OpenCL/vendors"
	cp "$root$icd" "$tree$icd"
	put_built "$mock_icd" /mock
	echo "/mock/${mock_icd##*/}" >"$tree/mock/mock.icd"
}

put_modules() {
	local path name
	mkdir -p "$work/module" "$tree/modules"
	cp "$here/virtual_accel.c" "$work/module/"
	echo 'obj-m := virtual_accel.o' >"$work/module/Makefile"
	within make -s -C "/usr/src/linux-headers-$version" "M=$inside/module" modules \
		>"$work/made" 2>&1 || { cat "$work/made"; echo "the module cannot be built"; exit 1; }
	cp "$work/module/virtual_accel.ko" "$tree/modules/"
	[ -e "$kernel/lib/modules/$version/modules.dep" ] || depmod -b "$kernel" "$version"
	modprobe -d "$kernel" -S "$version" --show-depends drm | while read -r _ path _; do
		name=${path##*/}
		name=${name%.xz}
		case $path in
		*.xz) xz -dc "$path" >"$tree/modules/$name" ;;
		*) cp "$path" "$tree/modules/$name" ;;
		esac
		echo "$name"
	done >"$tree/modules/order"
}

put_system() {
	mkdir -p "$tree"/{dev,proc,sys,run,tmp,etc,var,usr/{bin,lib,lib64,share},usr/lib/udev/rules.d}
	ln -s usr/bin usr/lib usr/lib64 "$tree/"
	ln -s usr/bin "$tree/sbin"
	ln -s bin "$tree/usr/sbin"
	printf 'root:x:0:0::/:/bin/sh\ntester:x:1000:1000::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' \
		>"$tree/etc/passwd"
	printf 'root:x:0:\nrender:x:105:tester\ntester:x:1000:\nnogroup:x:65534:\n' \
		>"$tree/etc/group"
	echo 0123456789abcdef0123456789abcdef >"$tree/etc/machine-id"
	cp "$rules" "$tree/usr/lib/udev/rules.d/"
	# In floats no rounding of activations turns what is nearly a tie.
	"$make_tiny" llama "$tree/model.gguf" type=F32 n_layers=4 n_embd=256 n_head=8 n_head_kv=4 \
		head_dim=32 n_ff=512 n_ctx=2048 seed=4
}

for tool in qemu-system-x86_64 cpio depmod xz; do
	command -v $tool >/dev/null || skip "there is no $tool"
done
[ "$(id -u)" -eq 0 ] || [ -z "$root" ] || skip "another system's folder needs root"
version=$(find_version)
[ -n "$version" ] || skip "no kernel with CONFIG_DRM_ACCEL and its headers in '$kernel/'"
for file in /bin/busybox /usr/lib/systemd/systemd /etc/OpenCL/vendors/pocl.icd /usr/bin/ld; do
	[ -e "$root$file" ] || skip "there is no $root$file"
done

put_system
put_programs
put_systemd
put_opencl
put_modules
(cd "$tree" && find . | cpio -o -H newc -R 0:0 --quiet) >"$work/initramfs"
timeout 900 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 3072 -nographic -no-reboot \
	-kernel "$kernel/boot/vmlinuz-$version" -initrd "$work/initramfs" \
	-append "console=ttyS0 quiet panic=-1 systemd.unit=inside.service systemd.log_target=kmsg systemd.default_standard_output=null" \
	</dev/null >"$work/console" 2>&1 || true
tr -d '\r' <"$work/console" | grep '^virtual: ' || { tail -n 40 "$work/console"; exit 1; }
tr -d '\r' <"$work/console" | grep -q '^virtual: done' || { tail -n 40 "$work/console"; exit 1; }
! grep -q '^virtual: FAILED' "$work/console"

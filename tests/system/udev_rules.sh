#!/bin/bash
# SPDX-License-Identifier: MIT
# udev_rules.sh FILE: udev understands every line of FILE, and a line it would not is noticed.
#
# udevadm verify (systemd 254 and later) says so; before that `udevadm test` does, which reads rules
# only where the system has them: with FILE alone there, in a mount namespace of our own (needs root).
set -euo pipefail
file=$(realpath "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

skip() {
	echo "skipped: $*"
	exit 77
}

by_verify() {
	udevadm verify --resolve-names=never --no-summary "$1"
}

# In older releases a complaint begins with the file's path and a line number.
by_test() {
	local rules=$folder/only/
	mkdir -p "$rules"
	cp "$1" "$rules/60-slm.rules"
	# shellcheck disable=SC2016
	unshare -m bash -euc '
		for at in /usr/lib/udev/rules.d /lib/udev/rules.d; do
			[ ! -d $at ] || mount --bind "$1" $at
		done
		udevadm test --action=add /sys/devices/virtual/mem/null 2>&1' _ "$rules" >"$folder/said" ||
		return 2
	grep -q 60-slm.rules "$folder/said" || return 2
	! grep -E '60-slm.rules:[0-9]+' "$folder/said"
}

command -v udevadm >/dev/null || skip "there is no udevadm"
if udevadm verify --help >/dev/null 2>&1; then
	check=by_verify
elif [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then
	check=by_test
else
	skip "udevadm $(udevadm --version) has no verify, and rules cannot be tried without root"
fi

$check "$file" || { [ $? -ne 2 ] || skip "udevadm test cannot run here"; exit 1; }
{ cat "$file"; echo 'WIBBLE="1"'; } >"$folder/60-slm.rules"
if $check "$folder/60-slm.rules" >/dev/null 2>&1; then
	echo "a line that is no rule was not noticed"
	exit 1
fi
echo "udevadm $(udevadm --version), ${check#by_}: all lines of ${file##*/} are rules"

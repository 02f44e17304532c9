# SPDX-License-Identifier: MIT
# Sourced by the other scripts: which Debian packages are needed, and how to get them.
# Debian 12 and 13; elsewhere the list is printed for the user to translate.

say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
	say "$*"
	exit 1
}

build_packages="gcc libc6-dev cmake ninja-build pkg-config libssl-dev libpcre2-dev libutf8proc-dev
	libjansson-dev libxxhash-dev libcurl4-openssl-dev libedit-dev libdrm-dev libudev-dev
	ocl-icd-opencl-dev ca-certificates python3 python3-pip"
run_packages="ocl-icd-libopencl1 pocl-opencl-icd"
test_packages="git clang libcmocka-dev mesa-opencl-icd python3-jinja2 python3-jsonschema
	umockdev libumockdev-dev udev man-db groff procps util-linux gcc-aarch64-linux-gnu
	libc6-dev-arm64-cross qemu-user"

# Packages that have other names, or do not exist, in some releases.
release_packages() {
	local version
	version=$(. /etc/os-release 2>/dev/null && echo "${ID:-}-${VERSION_ID:-}")
	case $version in
	debian-12) echo "clang-format-14 libclang-rt-14-dev oclgrind" ;;
	debian-13) echo "libclang-rt-19-dev" ;;
	esac
}

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		die "packages are missing and installing them needs root: run this as root, or install sudo"
	fi
}

# need_packages NAME...: installs those that are missing; says which, and one sentence on failure.
need_packages() {
	local name missing="" log
	command -v dpkg-query >/dev/null 2>&1 ||
		die "this is no Debian system: install what these packages hold, then build with cmake: $*"
	for name in "$@"; do
		is_installed "$name" || missing="$missing $name"
	done
	[ -n "$missing" ] || return 0
	say "installing$missing"
	log=$(mktemp)
	# shellcheck disable=SC2086
	if ! { as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
			--no-install-recommends $missing; } >"$log" 2>&1; then
		tail -n 5 "$log" >&2
		rm -f "$log"
		die "the packages could not be installed (is the network up, is the disk full?)"
	fi
	rm -f "$log"
}

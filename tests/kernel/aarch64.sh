#!/bin/bash
# SPDX-License-Identifier: MIT
# The NEON kernels on any machine: cross-compiles test_simd and runs it under QEMU's user emulation.
#   aarch64.sh SOURCE-FOLDER WORK-FOLDER
set -euo pipefail
source=$1
work=$2
cross=aarch64-linux-gnu

command -v $cross-gcc >/dev/null && command -v qemu-aarch64 >/dev/null || {
	echo "skipped: needs the packages gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user"
	exit 77
}
mkdir -p "$work"
flags="-std=c17 -D_GNU_SOURCE -O2 -Wall -Wextra -Wno-unused-parameter -Werror"
for folder in userspace/base userspace/model userspace/graph userspace/device userspace/device/cpu \
	tests/common; do
	flags="$flags -I$source/$folder"
done
objects=()
compile() {
	$cross-gcc $flags "${@:2}" -c "$source/$1" -o "$work/$(basename "$1").o"
	objects+=("$work/$(basename "$1").o")
}
compile userspace/device/cpu/kernels/neon.c -march=armv8.2-a+dotprod
compile userspace/device/cpu/kernels/plain.c
compile userspace/model/tensor_type.c
compile userspace/model/packed_type.c
compile userspace/device/device.c
compile userspace/base/log.c
compile userspace/base/array.c
compile tests/common/tiny_model.c
compile tests/common/gguf_maker.c
compile tests/kernel/test_simd.c
$cross-gcc -o "$work/test_simd" "${objects[@]}" -lm
exec qemu-aarch64 -cpu max -L /usr/$cross "$work/test_simd"

#!/bin/bash
# SPDX-License-Identifier: MIT
# Installs what the tests need and passes them: every build the project promises, every test.
#
#   tools/test.sh            everything (22 minutes on two cores; more when drivers compile all anew)
#   tools/test.sh quick      the release build and its tests only
#
# The real models are fetched once into the cache folder (331 MB); without network the tests that
# want them are skipped and named.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tools/packages.sh
. tools/packages.sh

mode=${1:-all}
jobs=$(nproc)
case $mode in
all | quick) ;;
*) die "what is '$mode'? usage: tools/test.sh [quick]" ;;
esac

# shellcheck disable=SC2086,SC2046
need_packages $build_packages $run_packages $test_packages $(release_packages)

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# quietly WHAT COMMAND...: the output only when it fails.
quietly() {
	local what=$1 begin=$SECONDS
	shift
	if ! "$@" >"$log" 2>&1; then
		grep -E 'error|Error|FAILED|No space' "$log" | head -n 30 >&2 || tail -n 30 "$log" >&2
		die "$what failed"
	fi
	say "$what: done in $((SECONDS - begin)) s"
}

# build NAME PRESET [CMAKE ARGUMENT ...]: into build/NAME.
build() {
	local name=$1 preset=$2
	shift 2
	# Said, because quickstart.sh may have been here before.
	quietly "configuring $name" cmake --preset "$preset" -B "build/$name" \
		-DSLM_TESTS=ON -DSLM_WERROR=ON "$@"
	quietly "building $name" cmake --build "build/$name" -j "$jobs"
}

# tests NAME CTEST-ARGUMENT...: prints failures and the summary.
tests() {
	local name=$1 begin=$SECONDS
	shift
	if ! ctest --test-dir "build/$name" --no-tests=error --output-on-failure "$@" >"$log" 2>&1; then
		grep -vE '^ *[0-9/]+ Test .*Passed|^ *Start ' "$log" | tail -n 120 >&2
		die "tests of $name failed"
	fi
	sed -n '/did not run/,/^$/p; /tests passed/p' "$log" >&2
	say "tests of $name: passed in $((SECONDS - begin)) s"
}

fetch_models() {
	local name
	for name in smollm2-135m gemma3-270m; do
		build/release/userspace/programs/slm pull "$name" ||
			say "the tests that want $name will be skipped"
	done
}

quietly "style" tools/style.sh
build release release
fetch_models
tests release -j "$jobs"
[ "$mode" = all ] || exit 0

build clang release -DCMAKE_C_COMPILER=clang
# Device code has a compiler of its own, whoever compiled us.
tests clang -L 'unit|kernel' -j "$jobs" -E 'kernel_(pocl_|rusticl)|oclgrind|neon'
build dev dev
# What differs only in device code is left to the release build, which is many times faster at it.
tests dev -j "$jobs" -L 'unit|kernel|device|system' \
	-E 'kernel_(pocl_|rusticl)|oclgrind|neon|_twice|calibration_pocl|(archs|encoders|adapters)_(pocl|rusticl|mixed|mock)|device_model_(rusticl|mock)'
build tsan tsan
tests tsan -j "$jobs" -L 'unit|kernel|device' -R 'test_base|test_engine|test_library|test_mock_arrival|kernel_cpu$'
build fuzz fuzz
tests fuzz -L fuzz
say "all tests passed"

#!/bin/bash
# SPDX-License-Identifier: MIT
# From a bare Debian 12 or 13 to an answer: installs what is missing, builds, fetches the default
# model (SmolLM2-135M-Instruct, Apache-2.0, 98 MB) and asks it something.
#
#   tools/quickstart.sh [PROMPT]
#
# Running it again is quick and harmless.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tools/packages.sh
. tools/packages.sh

prompt=${1:-Explain in two sentences what an NPU is.}

# shellcheck disable=SC2086
need_packages $build_packages $run_packages

say "building into build/release"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A compiler that is newer than this tree may warn of more.
if ! { cmake --preset release -DSLM_TESTS=OFF -DSLM_WERROR=OFF && cmake --build --preset release; } >"$log" 2>&1; then
	grep -E 'error|Error|No space' "$log" | head -n 5 >&2 || tail -n 5 "$log" >&2
	die "the build failed (the lines above say where; is the disk full?)"
fi
slm=build/release/userspace/programs/slm

"$slm" pull smollm2-135m
say "$slm run smollm2-135m '$prompt'"
exec "$slm" run smollm2-135m "$prompt"

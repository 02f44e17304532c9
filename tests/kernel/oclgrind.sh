#!/bin/bash
# SPDX-License-Identifier: MIT
# Both kernel families under Oclgrind: data races, accesses out of bounds, wrong use of the API.
#   oclgrind.sh TEST_KERNELS
# Its check for uninitialised memory (21.10) is left out: a second write to a buffer at another offset makes
# it forget the first, and it does not follow vstore_half. Optimisation is off because its interpreter does
# not know the `freeze` instruction.
set -euo pipefail
command -v oclgrind >/dev/null || {
	echo "skipped: needs the package oclgrind"
	exit 77
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for family in lane vector; do
	SLM_OPENCL_FAMILY=$family SLM_OPENCL_FORM=plain oclgrind --build-options -cl-opt-disable \
		--data-races --check-api --max-errors 20 \
		"$1" --device opencl:0.0 --rounds 2 --small >"$log" 2>&1 || { cat "$log"; exit 1; }
	tail -n 1 "$log"
	if grep -q -iE 'error|invalid|race' "$log"; then
		cat "$log"
		exit 1
	fi
done

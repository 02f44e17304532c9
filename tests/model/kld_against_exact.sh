#!/bin/bash
# SPDX-License-Identifier: MIT
# How far our predictions and llama.cpp's are from those of exact arithmetic on the same model files:
# the reference device with float activations writes the base, both programs are held against it.
# What kld_against_peer.sh finds between the two is the sum of both distances.
#
#   tests/model/kld_against_exact.sh TEXT DEVICES MODEL...
#   e.g. ... policy.txt "cpu portable" ~/.cache/slm/models/*.gguf
#
# $SLM, $SLM_PEER, $CHUNKS and $TMPDIR as in kld_against_peer.sh. The base of a model costs about
# half a minute of one core for each 512-token chunk and 135 M parameters.
set -euo pipefail
[ $# -ge 3 ] || { sed -n '7,8s/^# \?//p' "$0" >&2; exit 2; }
text=$1 devices=$2
shift 2
slm=${SLM:-build/release/userspace/programs/slm}
base=$(mktemp "${TMPDIR:-/tmp}/slm-exact.XXXXXX")
trap 'rm -f "$base"' EXIT

row() {
	printf '%-34s %-16s %10s %8s\n' "$@"
}

row model program "mean KLD" "top-1 %"
for model in "$@"; do
	name=$(basename "$model" .gguf)
	"$slm" perplexity -f "$text" -c 512 --chunks "${CHUNKS:-12}" --save-base "$base" \
		--device reference --activations float "$model" >/dev/null 2>&1
	# shellcheck disable=SC2086
	peer=$(${SLM_PEER-} llama-perplexity -m "$model" -c 512 -b 512 -t "$(nproc)" \
		--kl-divergence --kl-divergence-base "$base" 2>&1)
	row "$name" llama.cpp \
		"$(sed -n 's/^Mean *KLD: *\([0-9.e+-]*\).*/\1/p' <<<"$peer")" \
		"$(sed -n 's/^Same top p: *\([0-9.]*\).*/\1/p' <<<"$peer")"
	for device in $devices; do
		ours=$("$slm" perplexity --kl-base "$base" --json --device "$device" "$model" 2>/dev/null)
		row "$name" "slm, $device" $(python3 -c 'import json, sys
r = json.loads(sys.argv[1])
print("%.6f %.3f" % (r["kld_mean"], r["top1"]))' "$ours")
	done
done

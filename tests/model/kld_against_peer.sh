#!/bin/bash
# SPDX-License-Identifier: MIT
# How far our predictions are from llama.cpp's on the same model files: mean Kullback-Leibler
# divergence, share of equal top tokens, both perplexities.
#
#   tests/model/kld_against_peer.sh TEXT DEVICES MODEL...
#   e.g. ... policy.txt "cpu portable reference,float" ~/.cache/slm/models/*.gguf
#
# DEVICES are --device lists; "reference,float" is the oracle without rounded activations.
# $SLM is our program, $SLM_PEER the command that runs llama.cpp's ("peer-root run", or nothing),
# $CHUNKS the number of 512-token contexts, of each of which 255 positions count (12: 3060).
# $LORA is an adapter that both sides load (make_lora writes a random one).
# The peer's logits take 0.5 MB per position of a 262144-token vocabulary, in $TMPDIR.
set -euo pipefail
[ $# -ge 3 ] || { sed -n '4,14s/^# \?//p' "$0" >&2; exit 2; }
text=$1 devices=$2
shift 2
slm=${SLM:-build/release/userspace/programs/slm}
base=$(mktemp "${TMPDIR:-/tmp}/slm-kld.XXXXXX")
trap 'rm -f "$base"' EXIT

printf '%-34s %-16s %10s %8s %9s %9s\n' model device "mean KLD" "top-1 %" "PPL ours" "PPL peer"
for model in "$@"; do
	# shellcheck disable=SC2086
	${SLM_PEER-} llama-perplexity -m "$model" -f "$text" -c 512 -b 512 --chunks "${CHUNKS:-12}" \
		${LORA:+--lora "$LORA"} -t "$(nproc)" --kl-divergence-base "$base" >/dev/null 2>&1 ||
		{ echo "llama-perplexity failed on $model" >&2; exit 1; }
	for device in $devices; do
		options=(--device "${device%,float}")
		[ "$device" = "${device%,float}" ] || options+=(--activations float)
		"$slm" perplexity --kl-base "$base" --json ${LORA:+--lora "$LORA"} "${options[@]}" "$model" 2>/dev/null |
			python3 -c 'import json, sys
r = json.load(sys.stdin)
print("%-34s %-16s %10.2e %8.2f %9.4f %9.4f" % (*sys.argv[1:], r["kld_mean"], r["top1"],
      r["ppl"], r["ppl_base"]))' "$(basename "$model" .gguf)" "$device"
	done
done

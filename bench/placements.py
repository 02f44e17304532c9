#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tries placements of a model one by one, and holds slm's own choice against the best of them.

    bench/placements.py [--rounds N] [--splits 1,3] MODEL DEVICE DEVICE...

Each device alone, each pair with one for prompts and one for answers, each pair with each split both
ways; then the choice among all. A turn is 512 tokens of prompt and 128 of answer, from the best speeds
of the rounds, as a busy machine only ever takes from a speed. Predictions come with their errors, in tokens a
second. $SLM is the program; devices must be candidates of its own choice (accelerators, GPUs, cpu).
"""
import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys

SLM = os.environ.get("SLM", "build/release/userspace/programs/slm")
PROMPT, ANSWER = 512, 128


def run(model, options):
    done = subprocess.run([SLM, "plan", "--json", "--run", model, *options],
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(options)}: {done.stderr.decode()[-500:]}")
    return json.loads(done.stdout)


def placements(devices, splits):
    for device in devices:
        yield ["--device", device]
    for a, b in itertools.permutations(devices, 2):
        yield ["--prefill-device", a, "--decode-device", b]
        for split in splits:
            yield ["--device", f"{a},{b}", "--split", f"{split},1"]


def best_of(model, options, rounds):
    prefill, decode, plan = 0, 0, None
    for _ in range(rounds):
        plan = run(model, options)
        prefill = max(prefill, plan["measured"]["prefill_tokens_s"])
        decode = max(decode, plan["measured"]["decode_tokens_s"])
    predicted = plan["prediction"]
    return {"turn": PROMPT / prefill + ANSWER / decode, "prefill": prefill, "decode": decode,
            "errors": [predicted["prefill_tokens_s"] / prefill - 1,
                       predicted["decode_tokens_s"] / decode - 1]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--splits", default="1,3")
    parser.add_argument("model")
    parser.add_argument("devices", nargs="+")
    args = parser.parse_args()
    tried = {" ".join(o): best_of(args.model, o, args.rounds)
             for o in placements(args.devices, args.splits.split(","))}
    chosen = best_of(args.model, [], args.rounds)
    for name, row in [*sorted(tried.items(), key=lambda item: item[1]["turn"]),
                      ("slm's own choice", chosen)]:
        print(f"{name:58} {row['prefill']:8.0f} {row['errors'][0]:+5.0%} {row['decode']:7.0f} "
              f"{row['errors'][1]:+5.0%} {row['turn']:8.3f} s")
    best = min(row["turn"] for row in tried.values())
    errors = [abs(e) for row in tried.values() for e in row["errors"]]
    print(f"choice / best: {chosen['turn'] / best:.3f}; median error of {len(errors)} predictions: "
          f"{statistics.median(errors):.0%}")


if __name__ == "__main__":
    main()

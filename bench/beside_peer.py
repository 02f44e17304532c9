#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times slm beside llama.cpp on the same model files, turn by turn in one run.

    bench/beside_peer.py [--device D,...] [--rounds N] [--threads N] [--json] MODEL.gguf...

Per model and device: prefill of 512 tokens (pp512), decode of 128 (tg128), and the whole process from
exec to the first token with warm caches (ttft) with its largest resident memory (rss). Each round runs
llama.cpp and then slm; medians over the rounds are compared, so that a slow minute hits both. A ratio
above 1 is in our favour, in every column.

$SLM is our program; $SLM_PEER the command that runs llama.cpp's ("chroot ROOT", or nothing).
Quiet the machine first: the load average is printed because figures from a busy one are worth nothing.
"""
import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import time

PROMPT = "The capital of France is"
SLM = os.environ.get("SLM", "build/release/userspace/programs/slm")
PEER = shlex.split(os.environ.get("SLM_PEER", ""))


def output(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{shlex.join(command)} ended with {done.returncode}:\n{done.stderr.decode()[-800:]}")
    return done.stdout


def peer_speed(model, threads):
    rows = json.loads(output(PEER + ["llama-bench", "-m", model, "-p", "512", "-n", "128", "-r", "2",
                                     "-t", str(threads), "-o", "json"]))
    return {"pp512": next(r["avg_ts"] for r in rows if r["n_prompt"]),
            "tg128": next(r["avg_ts"] for r in rows if r["n_gen"])}


def our_speed(model, device, threads):
    rows = json.loads(output([SLM, "bench", "-p", "512", "-n", "128", "-r", "2", "-t", str(threads),
                              "--device", device, "-o", "json", model]))
    return {r["test"]: r["tok_s"] for r in rows if "tok_s" in r}


def process(command):
    """Seconds and largest resident MiB of a whole process."""
    begin = time.monotonic()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit(f"{shlex.join(command)} failed")
    return {"ttft": time.monotonic() - begin, "rss": usage.ru_maxrss / 1024}


def peer_process(model, threads):
    return process(PEER + ["llama-completion", "-m", model, "-p", PROMPT, "-n", "1", "-c", "512", "-no-cnv", "-t",
                           str(threads), "--temp", "0"])


def our_process(model, device, threads):
    return process([SLM, "run", "--raw", "--device", device, "-n", "1", "-c", "512", "-t", str(threads), "--temp",
                    "0", model, PROMPT])


def medians(rounds):
    return {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}


def measure(model, devices, rounds, threads):
    for device in devices:  # compiled kernels, packed weights and the page cache are warm
        our_process(model, device, threads)
    peer, ours = [], {device: [] for device in devices}
    for _ in range(rounds):
        peer.append({**peer_speed(model, threads), **peer_process(model, threads)})
        for device in devices:
            ours[device].append({**our_speed(model, device, threads),
                                 **our_process(model, device, threads)})
    return medians(peer), {device: medians(r) for device, r in ours.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--json", action="store_true")
    parser.add_argument("models", nargs="+")
    args = parser.parse_args()
    rows = []
    if not args.json:
        print(f"load average {os.getloadavg()[0]:.2f}, {args.threads} threads, {args.rounds} rounds; "
              "ours / peer's (ratio in our favour)")
        print(f"{'model':34} {'device':10} {'pp512 tok/s':>22} {'tg128 tok/s':>22} {'ttft s':>20} "
              f"{'rss MiB':>18}")
    for model in args.models:
        peer, ours = measure(model, args.device.split(","), args.rounds, args.threads)
        for device, our in ours.items():
            rows.append({"model": os.path.basename(model), "device": device, "ours": our, "peer": peer})
            if args.json:
                continue
            cells = [f"{our[t]:.0f}/{peer[t]:.0f} ({our[t] / peer[t]:.2f})" for t in ("pp512", "tg128")]
            cells.append(f"{our['ttft']:.2f}/{peer['ttft']:.2f} ({peer['ttft'] / our['ttft']:.1f})")
            cells.append(f"{our['rss']:.0f}/{peer['rss']:.0f} ({peer['rss'] / our['rss']:.2f})")
            print(f"{os.path.basename(model)[:34]:34} {device:10} {cells[0]:>22} {cells[1]:>22} "
                  f"{cells[2]:>20} {cells[3]:>18}", flush=True)
    if args.json:
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()

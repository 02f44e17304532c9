#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares our embeddings with llama.cpp's: the cosine of both vectors of each text.

    tests/model/embeddings_against_peer.py build/release/userspace/programs/slm MODEL...
        [--texts N] [--devices cpu,portable] [--minimum 0.9999] [--poolings mean,last,cls]
        [--exact]

Wants llama-embedding. Where that is installed in another root, $SLM_PEER is the command that runs a
program there ("peer-root run"); the working directory and the models must be visible in it at the
same paths. Texts are sentences of this tree's documents, and a few in other scripts.

On quantised files both programs round activations to 8 bits, each in its own way. With --exact both
are compared with exact arithmetic (--device reference --activations float, slow) instead, and ours may
in the median be hardly farther from it than the peer's.
Exits 0 when every cosine is at least the minimum (or near enough), 1 when not, 77 when there is no peer.
"""
import argparse
import json
import math
import os
import re
import shlex
import subprocess
import sys

OTHERS = ["Größe und Übermaß, cœur, naïve façade", "Привет, мир! Как дела?", "你好，世界。今天天气很好。",
          "こんにちは世界", "שלום עולם", "नमस्ते दुनिया", "emoji \U0001f600\U0001f680 in a text", "x",
          "1234567890 + 0.5e-3 = ?", "for (int i = 0; i < n; i++) { sum += x[i]; }"]
# A separator that no text holds.
SEPARATOR = "<#sep#>"
# The peer takes no more in one batch.
PEER_TEXTS = 25
# It may end before all it has to say is written; then it is asked again.
PEER_TRIES = 40
# How much farther from exact arithmetic than the peer we may be, in 1 - cosine.
FARTHER_MAX = 1.25


def texts_of_documents(n):
    """Sentences of very different lengths; the last is longer than a batch of 64 tokens."""
    with open("ARCHITECTURE.md", encoding="utf-8") as one, open("CONTRIBUTING.md",
                                                                encoding="utf-8") as other:
        text = " ".join((one.read() + other.read()).split())
    sentences = [part.strip() for part in re.split(r"(?<=[.:;]) ", text) if len(part) > 20]
    return (OTHERS + sentences)[:n - 1] + [text[:3000]]


def peer_vectors(peer, model, texts, pooling):
    return [vector for i in range(0, len(texts), PEER_TEXTS)
            for vector in peer_some(peer, model, texts[i:i + PEER_TEXTS], pooling)]


def peer_some(peer, model, texts, pooling):
    for _ in range(PEER_TRIES):
        try:
            found = json.loads(peer_json(peer, model, texts, pooling))["data"]
        except json.JSONDecodeError:
            continue
        if len(found) == len(texts):
            return [one["embedding"] for one in found]
    sys.exit(f"the peer never says all of its embeddings of {model}")


def peer_json(peer, model, texts, pooling):
    done = subprocess.run(
        [*peer, "llama-embedding", "-m", model, "-p", SEPARATOR.join(texts), "--embd-separator",
         SEPARATOR, "--pooling", pooling, "--embd-normalize", "2", "--embd-output-format", "json",
         "-c", "2048", "-b", "2048", "-ub", "2048", "-t", "2"],
        check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"the peer failed on {model}: {done.stderr[-500:]}")
    return done.stdout


def our_vectors(slm, model, texts, pooling, *device):
    done = subprocess.run(
        [slm, "embed", model, "--device", *device, "--pooling", pooling, "-b", "64", "-f", "-"],
        input="\n".join(texts), check=True, capture_output=True, text=True)
    return [[float(x) for x in line.split()] for line in done.stdout.splitlines()]


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def cosines(name, got, wanted):
    if len(got) != len(wanted):
        sys.exit(f"{name}: {len(got)} vectors are to be compared with {len(wanted)}")
    return sorted(cosine(a, b) for a, b in zip(got, wanted, strict=True))


def show(model, pooling, name, found, bad):
    print(f"{os.path.basename(model):36} {pooling:5} {name:18} {len(found):4} texts  "
          f"least {found[0]:.7f}  median {found[len(found) // 2]:.7f}{' BAD' if bad else ''}",
          flush=True)


def compare(args, model, pooling, texts, peer):
    wanted = peer_vectors(peer, model, texts, pooling)
    failed = False
    for device in args.devices.split(","):
        found = cosines(device, our_vectors(args.slm, model, texts, pooling, device), wanted)
        bad = not found[0] >= args.minimum
        failed = failed or bad
        show(model, pooling, device, found, bad)
    return failed


def compare_exact(args, model, pooling, texts, peer):
    exact = our_vectors(args.slm, model, texts, pooling, "reference", "--activations", "float")
    theirs = cosines("peer", peer_vectors(peer, model, texts, pooling), exact)
    show(model, pooling, "exact, peer", theirs, False)
    failed = False
    for device in args.devices.split(","):
        found = cosines(device, our_vectors(args.slm, model, texts, pooling, device), exact)
        bad = 1 - found[len(found) // 2] > FARTHER_MAX * (1 - theirs[len(theirs) // 2])
        failed = failed or bad
        show(model, pooling, "exact, " + device, found, bad)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("slm")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--texts", type=int, default=120)
    parser.add_argument("--devices", default="cpu")
    parser.add_argument("--minimum", type=float, default=0.9999)
    parser.add_argument("--poolings", default="mean,last,cls")
    parser.add_argument("--exact", action="store_true")
    args = parser.parse_args()
    peer = shlex.split(os.environ.get("SLM_PEER", ""))
    texts = texts_of_documents(args.texts)
    try:
        subprocess.run([*peer, "llama-embedding", "--version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        print("skipped: there is no llama-embedding")
        return 77
    failed = False
    for model in args.models:
        for pooling in args.poolings.split(","):
            one = compare_exact if args.exact else compare
            failed |= one(args, os.path.abspath(model), pooling, texts, peer)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

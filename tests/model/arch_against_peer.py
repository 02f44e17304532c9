#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How far our logits are from llama.cpp's, on random tiny models of every architecture.

    tests/model/arch_against_peer.py [--only WORD] [--shapes WORD] [--devices cpu,portable,rusticl]
    tests/model/arch_against_peer.py --record    # writes tests/data/archs/*.logits anew

Models come from make_tiny ($SLM_MAKE_TINY). $SLM is our program, $SLM_PEER the command that runs
llama.cpp's in another root ("peer-root run", or nothing); the working folder, $SLM_WORK, must be
visible there at the same path. Prints mean KL divergence and the share of equal top tokens and, of
F32 files, the normalised square error of the centred log probabilities; at the end what each device
came to. Both programs round activations, and some random models make much of that: where the divergence
misses its limit, models of the same shape from several seeds tell how far theirs and ours are from exact
arithmetic, and whether ours are farther by more than chance (farther.py). Exits 1 where they are, or
where a file of F32 misses a limit, 77 where there is no peer.

A recorded file holds what tests/device/test_archs.c reads: u32 tokens, vocabulary and rows; i32 of
each token; per row u32 position, f32 scale, f32 minimum, u16 of each token, log p = scale q + min.
"""
import argparse
import json
import math
import os
import shlex
import struct
import subprocess
import sys

from farther import SEEDS, Farther

CTX = 256
RECORDED_ROWS = 12
UNFIT = 3  # what make_tiny exits with where blocks do not fit the rows
KLD_MAX, NMSE_MAX = 1e-3, 1e-5
DATA = "tests/data/archs"
# Shapes that each case is tried in, and what they change.
SHAPES = [
    ("F32", []),
    ("F16 untied", ["type=F16", "untied"]),
    ("Q8_0", ["type=Q8_0"]),
    ("Q4_0 deep", ["type=Q4_0", "n_layers=6"]),
    ("mixed", ["wide", "mixed", "untied", "n_layers=4"]),
    *((f"{name} wide", ["wide", "type=" + name])
      for name in ("BF16", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
                   "IQ4_NL", "IQ4_XS", "MXFP4")),
]


def make_text(path):
    """Bytes are tokens; what they spell does not matter, so long as it is always the same."""
    state = 1
    with open(path, "w", encoding="ascii") as out:
        for _ in range(3 * CTX):
            state = (state * 1103515245 + 12345) % 2**31
            out.write(chr(33 + (state >> 12) % 94))


def read_base(path):
    """Of a file of base logits: n_ctx, n_vocab, tokens and (scale, minimum, codes) of each row."""
    with open(path, "rb") as file:
        data = file.read()
    n_ctx, n_vocab, n_chunk = struct.unpack_from("<3i", data, 8)
    at = 20
    tokens = struct.unpack_from(f"<{n_ctx * n_chunk}i", data, at)
    at += 4 * n_ctx * n_chunk
    rows = []
    for _ in range(n_chunk * (n_ctx - 1 - n_ctx // 2)):
        scale, minimum = struct.unpack_from("<2f", data, at)
        rows.append((scale, minimum, struct.unpack_from(f"<{n_vocab}H", data, at + 8)))
        at += 8 + 2 * ((n_vocab + 1) // 2 * 2)
    return n_ctx, n_vocab, tokens, rows


def centred(row):
    scale, minimum, codes = row
    values = [scale * q + minimum for q in codes]
    mean = sum(values) / len(values)
    return [v - mean for v in values]


def nmse(wanted, got):
    error = power = 0.0
    for row, other in zip(wanted, got):
        for a, b in zip(centred(row), centred(other)):
            error += (a - b) ** 2
            power += a * a
    return error / power


def log_probabilities(row):
    scale, minimum, codes = row
    values = [scale * q + minimum for q in codes]
    total = math.log(sum(map(math.exp, values)))
    return [v - total for v in values]


def divergence(base, other):
    """Mean KL divergence of the second file's rows from the first's."""
    rows, others = read_base(base)[3], read_base(other)[3]
    found = 0.0
    for row, other_row in zip(rows, others, strict=True):
        p, q = log_probabilities(row), log_probabilities(other_row)
        found += sum(math.exp(a) * (a - b) for a, b in zip(p, q))
    return found / len(rows)


class Tally:
    """What all files of a device came to."""

    def __init__(self):
        self.files = self.over = self.bad = 0
        self.errors = []
        self.ratios = []

    def __str__(self):
        text = f"{self.files} files, "
        if self.errors:
            text += f"worst NMSE of {len(self.errors)} in F32 {max(self.errors):.1e}, "
        text += f"{self.over} over {KLD_MAX:g}"
        if self.ratios:
            mean = math.exp(sum(map(math.log, self.ratios)) / len(self.ratios))
            text += f" (ours {mean:.2f} as far from exact as theirs in the mean)"
        return f"{text}, {self.bad} BAD"


class Run:
    def __init__(self, args):
        self.slm = os.environ.get("SLM", "build/release/userspace/programs/slm")
        self.peer = shlex.split(os.environ.get("SLM_PEER", ""))
        self.make = os.environ.get("SLM_MAKE_TINY", "build/release/tests/model/make_tiny")
        self.work = os.environ.get("SLM_WORK", os.path.expanduser("~/.cache/slm/derived/archs"))
        self.devices = args.devices.split(",")
        self.tallies = {device: Tally() for device in self.devices}
        self.failed = False
        os.makedirs(self.work, exist_ok=True)
        self.text = os.path.join(self.work, "text")
        make_text(self.text)

    def has_peer(self):
        try:
            subprocess.run([*self.peer, "llama-perplexity", "--version"], check=True,
                           capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return False
        return True

    def cases(self):
        return subprocess.run([self.make], check=True, capture_output=True,
                              text=True).stdout.split()

    def path(self, name):
        return os.path.join(self.work, name)

    def peer_base(self, case, changes):
        """The model and the peer's base logits of it, as paths; None where the peer refuses it."""
        model, base = self.path("model.gguf"), self.path("peer.base")
        made = subprocess.run([self.make, case, model, *changes], check=False)
        if made.returncode == UNFIT:
            return model, None
        made.check_returncode()
        if os.path.exists(base):
            os.unlink(base)
        subprocess.run([*self.peer, "llama-perplexity", "-m", model, "-f", self.text, "-c",
                        str(CTX), "-b", str(CTX), "--chunks", "2", "-t", "2", "-fa", "off",
                        "--kl-divergence-base", base],
                       check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return model, base if os.path.exists(base) else None

    def save(self, model, base, device, *more):
        subprocess.run([self.slm, "perplexity", "--device", device, *more, "-f", self.text, "-c",
                        str(CTX), "--chunks", "2", "--save-base", base, model], check=True,
                       capture_output=True)

    def ours(self, model, base, device, with_rows):
        """KL divergence, share of equal tops, and the error of the rows or None."""
        own = self.path("own.base")
        done = subprocess.run([self.slm, "perplexity", "--json", "--device", device, "--kl-base",
                               base, model], check=False, capture_output=True, text=True)
        if done.returncode:
            return None
        result = json.loads(done.stdout)
        error = None
        if with_rows:
            self.save(model, own, device)
            error = nmse(read_base(base)[3], read_base(own)[3])
        return result["kld_mean"], result["top1"], error

    def from_exact(self, case, changes, devices):
        """How far the peer and we are from what comes of activations that are not rounded."""
        exact, own = self.path("exact.base"), self.path("own.base")
        pairs = {device: [] for device in devices}
        for seed in range(1, SEEDS + 1):
            model, base = self.peer_base(case, [*changes, f"seed={seed}"])
            self.save(model, exact, "reference", "--activations", "float")
            theirs = divergence(exact, base)
            for device in devices:
                self.save(model, own, device)
                pairs[device].append((theirs, divergence(exact, own)))
        return {device: Farther(one) for device, one in pairs.items()}

    def judge(self, device, found):
        """Whether the figures of a device say all by themselves, and what is to be said of them."""
        kld, _, error = found
        tally = self.tallies[device]
        tally.files += 1
        tally.over += kld > KLD_MAX
        if error is None:
            return kld <= KLD_MAX, ""
        tally.errors.append(error)
        bad = not (error <= NMSE_MAX and kld <= KLD_MAX)
        tally.bad += bad
        return True, f"{error:9.2e}{' BAD' if bad else ''}"

    def compare(self, case, name, changes):
        model, base = self.peer_base(case, changes)
        if not base:
            print(f"{case:16} {name:12} not computed by the peer, or of no such shape", flush=True)
            self.failed = self.failed or name == "F32"
            return
        unclear = []
        for device in self.devices:
            found = self.ours(model, base, device, name == "F32")
            if not found:
                print(f"{case:16} {name:12} {device:10} FAILED to run", flush=True)
                self.tallies[device].bad += 1
                continue
            clear, text = self.judge(device, found)
            print(f"{case:16} {name:12} {device:10} {found[0]:10.2e} {found[1]:8.2f} {text}",
                  flush=True)
            if not clear:
                unclear.append(device)
        if not unclear:
            return
        for device, farther in self.from_exact(case, changes, unclear).items():
            self.tallies[device].ratios.append(farther.ratio)
            self.tallies[device].bad += farther.bad
            print(f"{case:16} {name:12} {device:10} {farther}", flush=True)

    def finish(self):
        for device, tally in self.tallies.items():
            print(f"{device}: {tally}")
            self.failed = self.failed or tally.bad > 0
        return 1 if self.failed else 0

    def record(self, case):
        _, base = self.peer_base(case, [])
        n_ctx, n_vocab, tokens, rows = read_base(base)
        n_rows = n_ctx - 1 - n_ctx // 2
        kept = [i * (n_rows - 1) // (RECORDED_ROWS - 1) for i in range(RECORDED_ROWS)]
        with open(os.path.join(DATA, case + ".logits"), "wb") as out:
            out.write(struct.pack("<3I", n_ctx, n_vocab, len(kept)))
            out.write(struct.pack(f"<{n_ctx}i", *tokens[:n_ctx]))
            for i in kept:
                scale, minimum, codes = rows[i]
                out.write(struct.pack("<I2f", n_ctx // 2 + i, scale, minimum))
                out.write(struct.pack(f"<{n_vocab}H", *codes))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--shapes", default="", help="shapes whose name has this in it")
    parser.add_argument("--devices", default="cpu,portable,rusticl")
    args = parser.parse_args()
    os.environ.setdefault("RUSTICL_ENABLE", "llvmpipe")
    run = Run(args)
    if not run.has_peer():
        print("skipped: there is no llama-perplexity")
        return 77
    if not args.record:
        print(f"{'case':16} {'shape':12} {'device':10} {'mean KLD':>10} {'top-1 %':>8} {'NMSE':>9}")
    for case in run.cases():
        if args.only not in case:
            continue
        if args.record:
            run.record(case)
            continue
        for name, changes in SHAPES:
            if args.shapes in name:
                run.compare(case, name, changes)
    return 0 if args.record else run.finish()


if __name__ == "__main__":
    sys.exit(main())

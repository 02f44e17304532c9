#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How far our logits are from llama.cpp's, on random tiny models of every architecture.

    tests/model/arch_against_peer.py [--only WORD] [--shapes WORD] [--devices cpu,portable,rusticl]
    tests/model/arch_against_peer.py --record    # writes tests/data/archs/*.logits anew

Models come from make_tiny ($SLM_MAKE_TINY). $SLM is our program, $SLM_PEER the command that runs
llama.cpp's in another root ("peer-root run", or nothing); the working folder, $SLM_WORK, must be
visible there at the same path. Prints mean KL divergence and the share of equal top tokens and, of
F32 files, the normalised square error of the centred log probabilities. Where the divergence misses its
limit it is also measured from exact arithmetic, theirs and ours: both programs round activations, and some
random models make much of that. Exits 1 where we are farther from exact than EXACT_MAX times what they
are, or NMSE misses.

A recorded file holds what tests/device/test_archs.c reads: u32 tokens, vocabulary and rows; i32 of
each token; per row u32 position, f32 scale, f32 minimum, u16 of each token, log p = scale q + min.
"""
import argparse
import json
import os
import shlex
import struct
import subprocess
import sys

CTX = 256
RECORDED_ROWS = 12
UNFIT = 3  # what make_tiny exits with where blocks do not fit the rows
KLD_MAX, NMSE_MAX = 1e-3, 1e-5
EXACT_MAX = 3  # one token sent to another expert makes such a difference, on either side
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


class Run:
    def __init__(self, args):
        self.slm = os.environ.get("SLM", "build/release/userspace/programs/slm")
        self.peer = shlex.split(os.environ.get("SLM_PEER", ""))
        self.make = os.environ.get("SLM_MAKE_TINY", "build/release/tests/model/make_tiny")
        self.work = os.environ.get("SLM_WORK", os.path.expanduser("~/.cache/slm/derived/archs"))
        self.devices = args.devices.split(",")
        self.failed = False
        os.makedirs(self.work, exist_ok=True)
        self.text = os.path.join(self.work, "text")
        make_text(self.text)

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

    def ours(self, model, base, device, with_rows):
        """KL divergence, share of equal tops, and the error of the rows or None."""
        own = self.path("own.base")
        run = [self.slm, "perplexity", "--json", "--device", device]
        done = subprocess.run([*run, "--kl-base", base, model], check=False, capture_output=True,
                              text=True)
        if done.returncode:
            return None
        result = json.loads(done.stdout)
        error = None
        if with_rows:
            subprocess.run([*run, "-f", self.text, "-c", str(CTX), "--chunks", "2", "--save-base",
                            own, model], check=True, capture_output=True)
            error = nmse(read_base(base)[3], read_base(own)[3])
        return result["kld_mean"], result["top1"], error

    def divergence(self, model, base, device, *more):
        done = subprocess.run([self.slm, "perplexity", "--json", "--device", device, *more,
                               "--kl-base", base, model], check=True, capture_output=True,
                              text=True)
        return json.loads(done.stdout)["kld_mean"]

    def from_exact(self, model, base, device):
        """How far the peer and we are from what comes of activations that are not rounded."""
        exact, form = self.path("exact.base"), ("--activations", "float")
        subprocess.run([self.slm, "perplexity", "--device", "reference", *form, "-f", self.text,
                        "-c", str(CTX), "--chunks", "2", "--save-base", exact, model], check=True,
                       capture_output=True)
        return (self.divergence(model, base, "reference", *form),
                self.divergence(model, exact, device))

    def verdict(self, found, model, base, device):
        """What is to be said beside the figures, and whether all is well."""
        kld, _, error = found
        if error is not None and error > NMSE_MAX:
            return " BAD", False
        if kld <= KLD_MAX:
            return "", True
        theirs, ours = self.from_exact(model, base, device)
        well = error is None and ours <= EXACT_MAX * theirs
        return f" from exact: {theirs:.2e}, ours {ours:.2e}{'' if well else ' BAD'}", well

    def compare(self, case, name, changes):
        model, base = self.peer_base(case, changes)
        if not base:
            print(f"{case:16} {name:12} not computed by the peer, or of no such shape", flush=True)
            self.failed = self.failed or name == "F32"
            return
        for device in self.devices:
            found = self.ours(model, base, device, name == "F32")
            if not found:
                print(f"{case:16} {name:12} {device:10} FAILED to run", flush=True)
                self.failed = True
                continue
            kld, top1, error = found
            text, well = self.verdict(found, model, base, device)
            self.failed = self.failed or not well
            print(f"{case:16} {name:12} {device:10} {kld:10.2e} {top1:8.2f} "
                  f"{'' if error is None else f'{error:9.2e}'}{text}", flush=True)

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
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())

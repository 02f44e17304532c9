#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares encoders (BERT) with llama.cpp: token ids of WordPiece, then embeddings.

    tests/model/bert_against_peer.py build/release [--lines N] [--texts N]
        [--devices cpu,portable,rusticl] [--tokens-only]
    tests/model/bert_against_peer.py build/release --record    # writes tests/data anew

No encoder comes in a package, so models are made here: a vocabulary of several thousand pieces out of
the texts that tokens_against_peer.py lists, and random weights in a few shapes, as F32, F16 and Q8_0.
$SLM_PEER is the command that runs llama.cpp's programs in another root ("peer-root run"); $SLM_WORK,
the folder for models, must be visible there at the same path.
Exits 0 when every id is the same and every cosine is at least 0.9999 (F32: 0.99999), 1 when not,
77 when there is no peer. Of Q8_0 both programs round activations, each in its own way, and their cosine is
that of two errors: it is printed, and so are those of both with exact arithmetic (the reference device with
float activations). Models of each shape from several seeds tell whether ours are farther from exact by more
than chance (farther.py).
"""
import argparse
import os
import random
import shlex
import statistics
import subprocess
import sys
import unicodedata
from collections import Counter

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
# pylint: disable=wrong-import-position
import embeddings_against_peer as embeddings
import gguf_writer as writer
import tokens_against_peer as tokens
from farther import SEEDS, Farther

N_WORDS, N_ENDINGS, N_CHARACTERS = 4000, 1500, 1500
LEAST, LEAST_F32 = 0.9999, 0.99999
POOLINGS = ("mean", "cls")
ROUNDED_TEXTS = 24  # what the peer takes in one batch: one run of it for each seed
DATA = "tests/data/embeddings"
DECODERS = ["llama", "gemma3"]  # of tests/common/arch_cases.c, whose embeddings are recorded too
RECORDED_TEXTS = ["The quick brown fox jumps over the lazy dog.", "of TESTING x? a! 3.14 caf\u00e9",
                  "\u4e2d\u043f the quicksand, and more words than the others have: "
                  "\u043f\u0440 (a) <b> {c} fox-fox of the quick fox."]
SHAPES = {  # n_embd, n_head, n_ff, n_layers, n_ctx
    "minilm": (384, 12, 1536, 6, 512),
    "small": (128, 2, 512, 2, 512),
    "odd": (160, 5, 224, 3, 510),
}


# ---- a vocabulary ----


def words_of(text):
    """Roughly as WordPiece has them."""
    word = ""
    for char in text:
        char = unicodedata.normalize("NFD", char)[0].lower()[0]
        kind = unicodedata.category(char)
        if kind[0] in "PSZC" or "\u4e00" <= char <= "\u9fff":
            if word:
                yield word
            word = ""
            if kind[0] in "PS" or "\u4e00" <= char <= "\u9fff":
                yield char
        else:
            word += char
    if word:
        yield word


def pieces_of(texts):
    """Special tokens where BERT has them, then words, endings and characters by how common they are."""
    words = Counter(word for text in texts for word in words_of(text.decode("utf-8", "ignore")))
    kept = [word for word, _ in words.most_common(N_WORDS) if len(word) < 20]
    endings, characters = Counter(), Counter()
    for word, n in words.items():
        for size in (2, 3, 4):
            for at in range(1, len(word) - size + 1):
                endings[word[at:at + size]] += n
        for char in word:
            characters[char] += n
    # A decomposed mark is never met alone, an undecomposed letter never at all: both may be there.
    extra = ["caf\u00e9", "\u00e9", "\u0301", "\U0001f600", "\U0001f680", "\ud55c", "\u1112"]
    pieces = ["[PAD]"] + [f"[unused{i}]" for i in range(1, 100)]
    pieces += ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    found = dict.fromkeys(pieces)
    for piece in kept + extra + [char for char, _ in characters.most_common(N_CHARACTERS)]:
        found["\u2581" + piece] = None
    for piece in [end for end, _ in endings.most_common(N_ENDINGS)] + extra:
        found[piece] = None
    for char, _ in characters.most_common(N_CHARACTERS // 2):
        found[char] = None
    return list(found)


# ---- a model ----


def make_model(path, pieces, shape, keys=(), seed=0):
    gguf = writer.tiny_encoder(pieces, shape, seed=shape[0] + seed)
    for key, kind, value in keys:
        gguf.set(key, kind, value)
    return gguf.write(path)


def quantized(peer, path, kind):
    out = path.replace("-F32", "-" + kind)
    subprocess.run([*peer, "llama-quantize", path, out, kind], check=True, capture_output=True)
    return out


# ---- comparisons ----


def brackets(rng, texts):
    """Control tokens written out, whole, in part and in other letters."""
    words = ["[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "[unused1]", "[cls]", "[", "]", "[[CLS]",
             " ", "\n", "\u2581", "##", "##ing", "a", "the", "[MASK].", "\u00c9", "\u0301", "\u00ad"]
    return b"".join(rng.choice(words).encode() if rng.random() < 0.8 else rng.choice(texts)[:20]
                    for _ in range(rng.randrange(1, 14)))


def forbidden(rng):
    """Overlong forms, surrogates and what is past the last code point, between sane letters."""
    firsts = [(0xc0, 0xc2), (0xe0, 0xe1), (0xed, 0xee), (0xf0, 0xf1), (0xf4, 0xf6)]
    data = b""
    for _ in range(rng.randrange(1, 20)):
        first = rng.randrange(*rng.choice(firsts))
        size = 2 if first < 0xe0 else 3 if first < 0xf0 else 4
        data += bytes([first] + [rng.randrange(0x80, 0xc0) for _ in range(size - 1)])
        data += rng.choice([b"", b"a", b" the "])
    return data


def accents(rng):
    marks = ["\u0300", "\u0301", "\u0308", "\u0327", "\u0323"]
    letters = "aeiouAEIOUnNcCsS\u00e5\u00c5\u1e9b\u01d6\u0130\u0131\u00df\uac00\ud55c\u3042\u30ac\u212b"
    return "".join(rng.choice(letters) + rng.choice(["", "", " ", rng.choice(marks)])
                   for _ in range(rng.randrange(1, 30))).encode()


def compare_tokens(args, folder, pieces, texts):
    """The vocabulary as it is, cased, and cased without accents."""
    flag, token = "tokenizer.ggml.normalizer.", "tokenizer.ggml.%s_token_id"
    variants = {"uncased": [], "cased": [(flag + "lowercase", writer.BOOL, False)],
                "accents kept": [(flag + "strip_accents", writer.BOOL, False)],
                "no bos": [("tokenizer.ggml.add_bos_token", writer.BOOL, False),
                           ("tokenizer.ggml.add_sep_token", writer.BOOL, False)],
                "other cls": [(token % "cls", writer.U32, 99)],
                "other roles": [(token % "bos", writer.U32, 98), (token % "eos", writer.U32, 97),
                                (token % "seperator", writer.U32, 96),
                                (token % "unknown", writer.U32, 95)]}
    n_wrong = 0
    for name, keys in variants.items():
        path = make_model(os.path.join(folder, "tokens.gguf"), pieces, (32, 1, 32, 1, 32), keys)
        n_wrong += tokens.compare_vocabulary(name, args.driver, path)
        for special in (True, False):
            n_wrong += tokens.compare(f"{name}, {'special' if special else 'plain'}", args.driver,
                                      path, texts, special, False)
    return n_wrong


class Rounded:
    """Cosines of all seeds of a shape with one pooling and one device."""

    def __init__(self):
        self.direct, self.theirs, self.ours, self.pairs = [], [], [], []

    def add(self, exact, peer, ours):
        theirs, found = cosines_of(exact, peer), cosines_of(exact, ours)
        self.direct += cosines_of(peer, ours)
        self.theirs += theirs
        self.ours += found
        self.pairs.append((1 - statistics.fmean(theirs), 1 - statistics.fmean(found)))

    def show(self, name):
        """Whether ours are farther."""
        for what, found in (("peer, ours", self.direct), ("exact, peer", self.theirs),
                            ("exact, ours", self.ours)):
            print(f"{name:32} {what:12} {len(found):5} texts  least {min(found):.7f}  "
                  f"median {statistics.median(found):.7f}", flush=True)
        farther = Farther(self.pairs)
        print(f"{name:32} {farther}", flush=True)
        return farther.bad


def cosines_of(some, others):
    return [embeddings.cosine(a, b) for a, b in zip(some, others, strict=True)]


def compare_rounded(args, folder, pieces, texts, peer):
    """Q8_0 files of each shape, over seeds."""
    failed = False
    devices = args.devices.split(",")
    for name, shape in SHAPES.items():
        found = {(pooling, device): Rounded() for pooling in POOLINGS for device in devices}
        for seed in range(SEEDS):
            path = make_model(os.path.join(folder, "seed-F32.gguf"), pieces, shape, seed=seed)
            model = quantized(peer, path, "Q8_0")
            for pooling in POOLINGS:
                theirs = embeddings.peer_vectors(peer, model, texts, pooling)
                exact = embeddings.our_vectors(args.slm, model, texts, pooling, "reference",
                                               "--activations", "float")
                for device in devices:
                    ours = embeddings.our_vectors(args.slm, model, texts, pooling, device)
                    found[pooling, device].add(exact, theirs, ours)
        for (pooling, device), one in found.items():
            failed |= one.show(f"{name}-Q8_0 {pooling} {device}")
    return failed


def compare_embeddings(args, folder, pieces, peer):
    documents = embeddings.texts_of_documents(args.texts)
    texts = documents[:-1] + [documents[-1][:700]]
    failed = False
    for name, shape in SHAPES.items():
        path = make_model(os.path.join(folder, f"{name}-F32.gguf"), pieces, shape)
        for model in (path, quantized(peer, path, "F16")):
            args.minimum = LEAST_F32 if model == path else LEAST
            for pooling in POOLINGS:
                failed |= embeddings.compare(args, model, pooling, texts, peer)
    return compare_rounded(args, folder, pieces, texts[-ROUNDED_TEXTS:], peer) or failed


# ---- what ordinary tests compare with ----


def record_one(path, name, pooling, peer):
    vectors = embeddings.peer_vectors(peer, path, RECORDED_TEXTS, pooling)
    with open(os.path.join(DATA, f"{name}.{pooling}.txt"), "w", encoding="utf-8") as out:
        for text, vector in zip(RECORDED_TEXTS, vectors):
            out.write(text + "\n" + " ".join(f"{x:.7f}" for x in vector) + "\n")


def record_tokens(folder):
    """The ids of lines.txt, and a vocabulary made of its own words."""
    with open(os.path.join(tokens.DATA, "lines.txt"), encoding="utf-8", newline="\n") as file:
        texts = [tokens.unescape(line.rstrip("\n")) for line in file if line[0] != "#"]
    pieces = pieces_of(texts)
    path = make_model(os.path.join(folder, "recorded.gguf"), pieces, (32, 1, 32, 1, 32))
    with open(os.path.join(tokens.DATA, "wordpiece.pieces"), "w", encoding="utf-8") as out:
        out.write("\n".join(pieces) + "\n")
    tokens.record_ids(path, texts, os.path.join(tokens.DATA, "wordpiece.ids"), "wordpiece.pieces")


def record(args, folder, peer):
    record_tokens(folder)
    make = os.path.join(args.build, "tests/model/make_tiny")
    cases = subprocess.run([make, "encoders"], check=True, capture_output=True, text=True)
    for case in cases.stdout.split() + DECODERS:
        path = os.path.join(folder, "tiny.gguf")
        subprocess.run([make, case, path], check=True)
        for pooling in ("mean", "cls"):
            record_one(path, case, pooling, peer)
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    models = os.environ.get("SLM_MODELS", os.path.join(cache, "slm/models"))
    record_one(os.path.join(models, tokens.SMOLLM), "smollm2-135m", "mean", peer)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("build", help="the folder of the build")
    parser.add_argument("--record", action="store_true", help="write the peer's vectors instead")
    parser.add_argument("--lines", type=int, default=400, help="of each text (default 400)")
    parser.add_argument("--texts", type=int, default=60, help="to embed (default 60)")
    parser.add_argument("--devices", default="cpu,portable,rusticl")
    parser.add_argument("--tokens-only", action="store_true")
    parser.add_argument("--characters", action="store_true", help="walk through all of Unicode, too")
    args = parser.parse_args()
    peer = shlex.split(os.environ.get("SLM_PEER", ""))
    os.environ.setdefault("RUSTICL_ENABLE", "llvmpipe")
    try:
        subprocess.run([*peer, "llama-embedding", "--version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        print("skipped: there is no llama-embedding")
        return 77
    folder = os.environ.get("SLM_WORK", os.path.expanduser("~/.cache/slm/derived/bert"))
    os.makedirs(folder, exist_ok=True)
    if args.record:
        record(args, folder, peer)
        return 0
    args.slm = os.path.join(args.build, "userspace/programs/slm")
    args.driver = os.path.join(args.build, "tests/model/tokenize_lines")
    rng = random.Random(7)
    texts = tokens.corpora(args.lines, args.characters)
    del texts["long words"]
    some = [text for one in texts.values() for text in one]
    texts["brackets"] = [brackets(rng, some) for _ in range(args.lines)]
    texts["forbidden"] = [forbidden(rng) for _ in range(args.lines)]
    texts["accents"] = [accents(rng) for _ in range(args.lines)]
    pieces = pieces_of(text for name, one in texts.items() for text in one
                       if name not in ("random unicode", "broken UTF-8", "every character"))
    print(f"a vocabulary of {len(pieces)} pieces, {len(some)} texts", flush=True)
    n_wrong = compare_tokens(args, folder, pieces, texts)
    failed = not args.tokens_only and compare_embeddings(args, folder, pieces, peer)
    return 1 if n_wrong or failed else 0


if __name__ == "__main__":
    sys.exit(main())

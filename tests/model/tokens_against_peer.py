#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares our token ids with llama.cpp's, on texts of Debian packages and on generated ones.

    tests/model/tokens_against_peer.py build/release/tests/model/tokenize_lines [--lines N]
    tests/model/tokens_against_peer.py --record     # writes tests/data/tokens/*.ids anew

Wants the two models of the test suite in $SLM_MODELS, else the cache, and libllama.so.0. Where that
is installed in another root, $SLM_PEER is the command that runs a program there ("peer-root run");
the working directory and the models must be visible in it at the same paths.

Texts, from Debian: debian-policy, fortunes, fortunes-zh, fortunes-ru, fortunes-de, fortunes-cs,
unicode-data, and the C sources of this tree. What is not installed is left out, and said so.
Exits 0 when everything agrees, 1 when not, 77 when there is nothing to compare with.
"""
import argparse
import bz2
import ctypes
import glob
import gzip
import os
import random
import shlex
import struct
import subprocess
import sys
import tempfile

SMOLLM = "SmolLM2-135M-Instruct.Q4_1.gguf"
GEMMA = "gemma-3-270m-q4_k_m.gguf"
# llama.cpp tidies blanks in the text of all kinds but these (clean_spaces); a stream cannot.
UNTIDIED = ("smollm", "qwen2", "command-r", "trillion", "granite-docling", "hunyuan", "solar-open",
            "grok-2", "deepseek-r1-qwen", "kormo", "f2llmv2", "tekken", "gpt-4o", "llama4", "youtu",
            "qwen35", "bailingmoe", "seed-coder", "deepseek-llm", "deepseek-coder", "deepseek-v3",
            "hunyuan-dense", "minimax-m2")
DATA = "tests/data/tokens"
RECORDED = [("gemma3-270m", GEMMA, ""), ("smollm2-135m", SMOLLM, "")] + [
    (f"smollm2-135m.{pre}", SMOLLM, pre) for pre in ("default", "deepseek-llm", "gpt-2", "llama-bpe",
                                                      "qwen2", "tekken")]


# ---- the peer, which runs in its own root ----


class Peer:
    """llama.cpp's library, called by the few functions that did not change for years."""

    class ModelParams(ctypes.Structure):
        # Larger than the real one, whose layout changes: both sides only copy its beginning.
        _fields_ = [("bytes", ctypes.c_uint8 * 1024)]

    def __init__(self, path):
        self.library = library = ctypes.CDLL("libllama.so.0")
        log_fn = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
        self.silent = log_fn(lambda level, text, data: None)
        library.llama_log_set(self.silent, None)
        library.llama_backend_init()
        library.llama_model_default_params.restype = Peer.ModelParams
        library.llama_model_load_from_file.restype = ctypes.c_void_p
        library.llama_model_load_from_file.argtypes = [ctypes.c_char_p, Peer.ModelParams]
        library.llama_model_get_vocab.restype = ctypes.c_void_p
        library.llama_model_get_vocab.argtypes = [ctypes.c_void_p]
        library.llama_vocab_is_eog.restype = ctypes.c_bool
        library.llama_vocab_is_eog.argtypes = [ctypes.c_void_p, ctypes.c_int32]
        library.llama_vocab_is_control.restype = ctypes.c_bool
        library.llama_vocab_is_control.argtypes = [ctypes.c_void_p, ctypes.c_int32]
        library.llama_vocab_n_tokens.argtypes = [ctypes.c_void_p]
        library.llama_tokenize.argtypes = [
            ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int32,
            ctypes.c_bool, ctypes.c_bool]
        library.llama_detokenize.argtypes = [
            ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p, ctypes.c_int32,
            ctypes.c_bool, ctypes.c_bool]
        library.llama_token_to_piece.argtypes = [
            ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int32,
            ctypes.c_bool]
        model = library.llama_model_load_from_file(
            path.encode(), library.llama_model_default_params())
        if not model:
            sys.exit(f"the peer cannot load {path}")
        self.vocab = library.llama_model_get_vocab(model)

    def tokenize(self, text, parse_special):
        capacity = 2 * len(text) + 16
        ids = (ctypes.c_int32 * capacity)()
        n = self.library.llama_tokenize(
            self.vocab, text, len(text), ids, capacity, True, parse_special)
        return ids[:n]

    def text(self, ids):
        array = (ctypes.c_int32 * max(len(ids), 1))(*ids)
        out = ctypes.create_string_buffer(256 * len(ids) + 256)
        n = self.library.llama_detokenize(
            self.vocab, array, len(ids), out, len(out), False, False)
        return out.raw[:n]

    def piece(self, token):
        out = ctypes.create_string_buffer(65536)
        n = self.library.llama_token_to_piece(self.vocab, token, out, len(out), 0, True)
        return out.raw[:n]

    def vocabulary(self):
        for token in range(self.library.llama_vocab_n_tokens(self.vocab)):
            control = self.library.llama_vocab_is_control(self.vocab, token)
            end = self.library.llama_vocab_is_eog(self.vocab, token)
            yield f"{self.piece(token).hex()} {control:d} {end:d}"


def peer_main(model, mode):
    peer = Peer(model)
    if mode == "vocabulary":
        print("\n".join(peer.vocabulary()))
        return
    data = sys.stdin.buffer.read()
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        text = data[at + 4:at + 4 + size]
        at += 4 + size
        ids = peer.tokenize(text, mode == "special")
        print(" ".join(map(str, ids)) + "\t" + peer.text(ids).hex())


# ---- the texts ----


def read(path):
    opener = gzip.open if path.endswith(".gz") else bz2.open if path.endswith(".bz2") else open
    with opener(path, "rb") as file:
        return file.read()


def texts_of(pattern):
    """The files; of fortunes not the index and not the second name."""
    return [path for path in sorted(glob.glob(pattern))
            if os.path.isfile(path) and not path.endswith((".dat", ".u8"))]


def lines_of(pattern):
    return [line for path in texts_of(pattern) for line in read(path).split(b"\n") if line]


def paragraphs_of(pattern):
    """Several lines each, so that line ends and blank lines are inside."""
    lines = [line + b"\n" for path in texts_of(pattern) for line in read(path).split(b"\n")]
    return [b"".join(lines[i:i + 7]) for i in range(0, len(lines), 7)]


def characters(fields):
    return "".join(chr(int(field, 16)) for field in fields).encode("utf-8", "surrogatepass")


def normalization_test():
    path = "/usr/share/unicode/NormalizationTest.txt.bz2"
    for line in read(path).decode().split("\n") if os.path.exists(path) else []:
        if line and line[0] not in "#@":
            yield b" ".join(characters(f.split()) for f in line.split(";")[:5])


def break_tests():
    for line in lines_of("/usr/share/unicode/auxiliary/*BreakTest.txt"):
        marked = line.decode().split("#")[0].split()
        if marked:
            yield characters(f for f in marked if f not in ("÷", "×"))


def emoji_test():
    for line in lines_of("/usr/share/unicode/emoji/emoji-test.txt"):
        text = line.decode()
        if text[0] != "#":
            yield b"x " + characters(text.split(";")[0].split()) + text.split("#")[1].encode()


def random_unicode(rng):
    planes = [(0, 0x80), (0, 0x80), (0x80, 0x800), (0x800, 0xd800), (0xd800, 0xe000),
              (0xe000, 0x10000), (0x10000, 0x20000), (0x1f300, 0x1fb00), (0x20000, 0x33000),
              (0xe0000, 0xe0200), (0x10fff0, 0x110000)]
    text = ""
    for _ in range(rng.randrange(1, 40)):
        first, end = rng.choice(planes)
        text += chr(rng.randrange(first, end))
        if rng.random() < 0.3:
            text += rng.choice([" ", "\n", "a", "1", "'s", "\t", "  ", "\u00a0", "\u3000", "."])
    return text.encode("utf-8", "surrogatepass")


def every_character():
    """All of Unicode and the surrogates, 32 at a time, apart and together."""
    for first in range(0, 0x110000, 32):
        block = [chr(c) for c in range(first, first + 32)]
        yield " ".join(block).encode("utf-8", "surrogatepass")
        yield ("a" + "b1 ".join(block) + "\n").encode("utf-8", "surrogatepass")


def broken_utf8(rng, texts):
    data = bytearray(rng.choice(texts)[:120])
    for _ in range(rng.randrange(1, 8)):
        kind = rng.randrange(4)
        at = rng.randrange(len(data) + 1)
        if kind == 0 and data:
            del data[min(at, len(data) - 1)]
        elif kind == 1:
            data.insert(at, rng.randrange(0x80, 0x100))
        elif kind == 2:
            data[at:at] = rng.choice([
                b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", b"\xe0\x80\x80", b"\xf8\x88",
                b"\xe2\x82", b"\xf0\x9f\x98", b"\xef\xbf", b"\xed\xbf\xbf", b"\xf7\xbf\xbf\xbf"])
        elif data:
            data[min(at, len(data) - 1)] = rng.randrange(256)
    return bytes(data)


def control_tokens(rng, texts):
    words = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<repo_name>", "<reponame>", "<bos>",
             "<eos>", "<pad>", "<unk>", "<s>", "</s>", "<start_of_turn>", "<end_of_turn>", "<mask>",
             "<unused0>", "<unused42>", "<unused6241>", "[multimodal]", "<table>", "</table>",
             "<h1>", "<jupyter_start>", "<empty_output>", "<file_sep>", "<|im_st", "art|>", "<", ">",
             "|", "<<", "\n\n", "\n\n\n\n\n", "    ", "\t\t\t", "\u2581", "\u2581\u2581", " ", "\n",
             "<strong>", "<0x41>", "<start_of_image>", "\v\f\r", "user", "assistant", "<b><i>"]
    parts = [rng.choice(words).encode() if rng.random() < 0.7 else rng.choice(texts)[:20]
             for _ in range(rng.randrange(1, 14))]
    return b"".join(parts)


def odd_spaces(rng):
    spaces = [" ", "  ", "\t", "\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1f", "\x85", "\u00a0",
              "\u1680", "\u180e", "\u2000", "\u2003", "\u200a", "\u200b", "\u2028", "\u2029",
              "\u202f", "\u205f", "\u2060", "\u3000", "\ufeff"]
    words = ["a", "B", "1", "22", "333", "4444", "'s", "'S", "'Ll", "don't", "I'VE", "x'", "''",
             ".", "?!", "...", "-", "_", "é", "中", "е", "😀", "²", "Ⅷ", "٣", "े", "\u0301", "\0"]
    return "".join(rng.choice(rng.choice([spaces, words])) * rng.choice([1, 1, 1, 2, 3])
                   for _ in range(rng.randrange(1, 24))).encode()


def long_words(rng):
    pieces = [["a"], ["ab"], ["abc", "de"], ["中"], ["😀"], [" "], ["\n"], ["1"], ["="], ["é", "e"],
              ["the", "ing", "er"], ["\t"], ["ั"], ["A", "b"]]
    piece = rng.choice(pieces)
    return "".join(rng.choice(piece) for _ in range(rng.randrange(100, 3000))).encode()


def sample(texts, n):
    """N of them, spread evenly."""
    texts = list(texts)
    if len(texts) <= n:
        return texts
    return [texts[i * len(texts) // n] for i in range(n)]


def corpora(n, with_characters):
    rng = random.Random(20240229)
    fortunes = "/usr/share/games/fortunes/"
    found = {
        "policy": lines_of("/usr/share/doc/debian-policy/*.txt.gz"),
        "policy paragraphs": paragraphs_of("/usr/share/doc/debian-policy/policy.txt.gz"),
        "html": lines_of("/usr/share/doc/debian-policy/policy.html/*.html"),
        "fortunes": lines_of(fortunes + "[a-z]*"),
        "fortunes-zh": lines_of(fortunes + "chinese") + lines_of(fortunes + "tang300")
        + lines_of(fortunes + "song100"),
        "fortunes-ru": lines_of(fortunes + "ru/*"),
        "fortunes-de": lines_of(fortunes + "de/*"),
        "fortunes-cs": lines_of(fortunes + "cs/*"),
        "C sources": lines_of("userspace/*/*.[ch]"),
        "C paragraphs": paragraphs_of("userspace/*/*.[ch]"),
        "emoji": list(emoji_test()),
        "normalization": list(normalization_test()),
        "breaks": list(break_tests()),
    }
    for name in [name for name, texts in found.items() if not texts]:
        print(f"{name}: not installed, left out")
        del found[name]
    found = {name: sample(texts, n) for name, texts in found.items()}
    texts = [text for some in found.values() for text in some] or [b"nothing is installed"]
    if with_characters:
        found["every character"] = list(every_character())
    found["random unicode"] = [random_unicode(rng) for _ in range(n)]
    found["broken UTF-8"] = [broken_utf8(rng, texts) for _ in range(n)]
    found["control tokens"] = [control_tokens(rng, texts) for _ in range(n)]
    found["odd spaces"] = [odd_spaces(rng) for _ in range(n)]
    found["long words"] = [long_words(rng) for _ in range(n // 20 + 1)]
    return found


# ---- a file with another pre-tokenizer ----


def header(data):
    """Where the values of a GGUF file lie, as (key, begin, end), and the end of its header."""
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    n_tensors, n_values = struct.unpack_from("<QQ", data, 8)
    values, at = [], 24

    def string(at):
        return at + 8 + struct.unpack_from("<Q", data, at)[0]

    for _ in range(n_values):
        begin, at = at + 8, string(at)
        key, begin = data[begin:at].decode(), at
        (kind,) = struct.unpack_from("<I", data, at)
        at += 4
        n = 1
        if kind == 9:
            kind, n = struct.unpack_from("<IQ", data, at)
            at += 12
        if kind == 8:
            for _ in range(n):
                at = string(at)
        else:
            at += n * sizes[kind]
        values.append((key, begin, at))
    for _ in range(n_tensors):
        at = string(at)
        (n_dims,) = struct.unpack_from("<I", data, at)
        at += 4 + 8 * n_dims + 12
    return values, at


def rewrite(path, out, changes):
    """Copies a GGUF file with other or more values; tensors keep their offsets."""
    with open(path, "rb") as file:
        data = file.read()
    values, end = header(data)
    new = [key for key in changes if key not in [value[0] for value in values]]
    parts, at = [data[:16] + struct.pack("<Q", len(values) + len(new))], 24
    parts += [packed_string(key) + changes[key] for key in new]
    for key, begin, after in values:
        if key in changes:
            parts += [data[at:begin], changes[key]]
            at = after
    head = b"".join(parts) + data[at:end]
    with open(out, "wb") as file:
        file.write(head + bytes(-len(head) % 32))
        file.write(data[end + -end % 32:])


def packed_string(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def packed_strings(texts):
    return struct.pack("<IIQ", 9, 8, len(texts)) + b"".join(map(packed_string, texts))


def pre_only(pre):
    return {"tokenizer.ggml.pre": struct.pack("<I", 8) + packed_string(pre)}


def pairs_vocabulary(path, pre):
    """What makes of SmolLM2's file one whose vocabulary has three of four pairs of bytes, and nothing
    longer, so that nearly every place where words are cut shows in the tokens."""
    with open(path, "rb") as file:
        data = file.read()
    values, _ = header(data)
    (begin,) = [begin for key, begin, _ in values if key == "tokenizer.ggml.tokens"]
    (n,) = struct.unpack_from("<Q", data, begin + 8)
    tokens, at = [], begin + 16
    for _ in range(n):
        (size,) = struct.unpack_from("<Q", data, at)
        tokens.append(data[at + 8:at + 8 + size].decode())
        at += 8 + size
    hidden = [*range(0x21), *range(0x7f, 0xa1), 0xad]
    letters = [chr(0x100 + hidden.index(b)) if b in hidden else chr(b) for b in range(256)]
    special = [token for token in tokens if len(token) > 3][:17]
    assert tokens[:17] == special, "SmolLM2 begins with its 17 control tokens"
    pairs = [(a, b) for a in letters for b in letters]
    random.Random(1).shuffle(pairs)
    pairs = pairs[:n - 17 - 256]
    return pre_only(pre) | {
        "tokenizer.ggml.tokens": packed_strings(special + letters + [a + b for a, b in pairs]),
        "tokenizer.ggml.merges": packed_strings([f"{a} {b}" for a, b in pairs])}


# ---- files with other flags and kinds of tokens ----


def flags(**values):
    return {f"tokenizer.ggml.{key}": struct.pack("<IB", 7, value) for key, value in values.items()}


def other_types(path, every):
    """One token in so many becomes unknown, control, user-defined, unused or undefined, in turn.
    Few, as which of two equally long ones that overlap goes first is chance there (std::sort)."""
    with open(path, "rb") as file:
        data = file.read()
    (begin,) = [begin for key, begin, _ in header(data)[0] if key == "tokenizer.ggml.token_type"]
    (n,) = struct.unpack_from("<Q", data, begin + 8)
    types = list(struct.unpack_from(f"<{n}i", data, begin + 16))
    for i in range(every, n, every):
        if types[i] != 6:
            types[i] = (2, 3, 4, 5, 0)[i // every % 5]
    return {"tokenizer.ggml.token_type": struct.pack(f"<IIQ{n}i", 9, 5, n, *types)}


def variants(models):
    """What a file may say else, as (name, file, changes, whether the text should be the same)."""
    smollm, gemma = models
    yield "Gemma with a blank first", gemma, flags(add_space_prefix=1), True
    yield "Gemma without BOS", gemma, flags(add_bos_token=0, add_space_prefix=1), True
    yield "Gemma with EOS", gemma, flags(add_eos_token=1, add_bos_token=1), True
    yield "Gemma without double blanks", gemma, flags(remove_extra_whitespaces=1), True
    yield "Gemma with other kinds", gemma, other_types(gemma, 97), True
    yield "SmolLM2 with BOS and EOS", smollm, flags(add_bos_token=1, add_eos_token=1), True
    yield "SmolLM2 with a blank first", smollm, flags(add_space_prefix=1), False
    yield "SmolLM2 with other kinds", smollm, other_types(smollm, 311), True


# ---- the recorded ids ----


def unescape(line):
    """The text of a line of lines.txt."""
    escapes = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
    text, at = b"", 1
    while at < len(line) - 1:
        if line[at] != "\\":
            text += line[at].encode()
            at += 1
        elif line[at + 1] == "x":
            text += bytes.fromhex(line[at + 2:at + 4])
            at += 4
        else:
            text += escapes[line[at + 1]].encode()
            at += 2
    return text


def record_ids(model, texts, path, title):
    data = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    plain, special = ([line.split("\t")[0] for line in run_peer(model, mode, data)]
                      for mode in ("plain", "special"))
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"# {title}: the tokens of lines.txt with BOS; after |, with control tokens "
                   "parsed\n")
        for a, b in zip(plain, special):
            file.write(a + (f" | {b}" if a != b else "") + "\n")
    print(f"{path}: {len(texts)} lines")


def record(folder):
    with open(os.path.join(DATA, "lines.txt"), encoding="utf-8", newline="\n") as file:
        texts = [unescape(line.rstrip("\n")) for line in file if line[0] != "#"]
    with tempfile.TemporaryDirectory(dir=".") as scratch:
        for name, model, pre in RECORDED:
            path = os.path.join(folder, model)
            if pre:
                path = os.path.abspath(os.path.join(scratch, "rewritten.gguf"))
                rewrite(os.path.join(folder, model), path, pre_only(pre))
            record_ids(path, texts, os.path.join(DATA, name + ".ids"),
                       model + (", as " + pre if pre else ""))


# ---- the comparison ----


def run(command, records=b""):
    result = subprocess.run(command, input=records, stdout=subprocess.PIPE, check=True)
    lines = result.stdout.decode().split("\n")
    return lines[:-1]


def run_peer(model, mode, records=b""):
    prefix = shlex.split(os.environ.get("SLM_PEER", ""))
    return run(prefix + ["python3", os.path.abspath(__file__), "--peer", model, mode], records)


def same(ours, theirs, with_text):
    if not with_text:
        return ours.split("\t")[0] == theirs.split("\t")[0]
    ids, text = theirs.split("\t")
    readable = bytes.fromhex(text).decode("utf-8", "replace").encode()
    return ours == f"{ids}\t{readable.hex()}"


def compare(label, driver, model, texts, parse_special, with_text):
    names = [name for name in texts for _ in texts[name]]
    records = [text for name in texts for text in texts[name]]
    data = b"".join(struct.pack("<I", len(text)) + text for text in records)
    ours = run([driver, model, "--add-special", "--text"]
               + (["--parse-special"] if parse_special else []), data)
    theirs = run_peer(model, "special" if parse_special else "plain", data)
    assert len(ours) == len(theirs) == len(records), (len(ours), len(theirs), len(records))
    wrong = {}
    for name, text, a, b in zip(names, records, ours, theirs):
        if not same(a, b, with_text):
            wrong.setdefault(name, []).append((text, a, b))
    counts = ", ".join(f"{name} {len(texts[name]) - len(wrong.get(name, []))}/{len(texts[name])}"
                       for name in texts)
    n_wrong = sum(map(len, wrong.values()))
    print(f"{label}: {len(records) - n_wrong} of {len(records)} agree ({counts})", flush=True)
    for name, cases in wrong.items():
        for text, a, b in cases[:5]:
            print(f"  {name}: {text[:200]!r}\n    ours   {a[:300]}\n    theirs {b[:300]}")
    return n_wrong


def compare_vocabulary(label, driver, model):
    ours, theirs = run([driver, model, "--vocabulary"]), run_peer(model, "vocabulary")
    n_wrong = sum(a != b for a, b in zip(ours, theirs)) + abs(len(ours) - len(theirs))
    print(f"{label}: {len(theirs) - n_wrong} of {len(theirs)} tokens agree", flush=True)
    for token, (a, b) in enumerate(zip(ours, theirs)):
        if a != b and n_wrong < 20:
            print(f"  token {token}: ours {a}, theirs {b}")
    return n_wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("driver", nargs="?", help="the program tokenize_lines")
    parser.add_argument("--record", action="store_true", help="write the peer's ids instead")
    parser.add_argument("--lines", type=int, default=1500, help="of each text (default 1500)")
    parser.add_argument("--pre", default="gpt-2,llama-bpe,default,smollm,refact,qwen2,dbrx,minicpm5,"
                        "qwen35,bailingmoe,seed-coder,tekken,gpt-4o,youtu,falcon,deepseek-llm,"
                        "deepseek-coder,deepseek-v3",
                        help="pre-tokenizers to try beside SmolLM2's own")
    parser.add_argument("--no-characters", action="store_true",
                        help="leave out the walk through all of Unicode")
    arguments = parser.parse_args()
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    folder = os.environ.get("SLM_MODELS", os.path.join(cache, "slm/models"))
    models = [os.path.join(folder, name) for name in (SMOLLM, GEMMA)]
    if not all(map(os.path.exists, models)):
        sys.exit(77)
    if arguments.record:
        record(folder)
        return
    if not arguments.driver:
        parser.error("the driver is missing")
    texts = corpora(arguments.lines, not arguments.no_characters)
    n_wrong = 0
    for model in models:
        name = os.path.basename(model)
        n_wrong += compare_vocabulary(name, arguments.driver, model)
        for parse_special in (True, False):
            label = f"{name}, {'special' if parse_special else 'plain'}"
            n_wrong += compare(label, arguments.driver, model, texts, parse_special, True)
    with tempfile.TemporaryDirectory(dir=".") as scratch:
        model = os.path.abspath(os.path.join(scratch, "rewritten.gguf"))
        for name, path, changes, with_text in variants(models):
            rewrite(path, model, changes)
            for parse_special in (True, False):
                label = f"{name}, {'special' if parse_special else 'plain'}"
                n_wrong += compare(label, arguments.driver, model, texts, parse_special, with_text)
        for pre in filter(None, arguments.pre.split(",")):
            for vocabulary, changes in (("", pre_only(pre)),
                                        (" with pairs", pairs_vocabulary(models[0], pre))):
                rewrite(models[0], model, changes)
                for parse_special in (True, False):
                    label = f"{pre}{vocabulary}, {'special' if parse_special else 'plain'}"
                    n_wrong += compare(label, arguments.driver, model, texts, parse_special,
                                       pre in UNTIDIED)
    sys.exit(1 if n_wrong else 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        peer_main(*sys.argv[2:4])
    else:
        main()

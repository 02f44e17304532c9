#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Models that are none, are damaged, or contradict themselves: refused in one sentence, status 3."""
import os
import random
import socket

from gguf_writer import ARRAY, BOOL, F32, I32, STRING, U32, U64, tiny_model
from harness import (BAD_FILE, DONE, FAILED, SANITIZED, USAGE, answer, case, check, equal, fails,
                     finish, main, run, sentences, start, succeeds)

COMMANDS = (("run", "--raw", "-n", "1"), ("plan",), ("graph",), ("inspect",), ("tokenize",))


def ask(box, path, name="run"):
    words = next(words for words in COMMANDS if words[0] == name)
    prompt = ["x"] if name in ("run", "tokenize") else []
    return run(box, *words, path, *prompt, timeout=20)


def refused(box, gguf, *parts, name="run"):
    return fails(ask(box, gguf.write(box.file("bad.gguf")), name), BAD_FILE, *parts)


@case("what is no file: missing, a folder, a FIFO, a device, a socket, a loop of links")
def no_file(box):
    os.mkdir(box.file("folder"))
    os.mkfifo(box.file("fifo"))
    os.symlink("loop", box.file("loop"))
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(box.file("socket"))
    for name, part in (("missing.gguf", "No such file"), ("folder", "is a directory"),
                       ("fifo", "not a regular file"), ("socket", "not a regular file"),
                       ("loop", "symbolic links")):
        for words in COMMANDS:
            fails(ask(box, box.file(name), words[0]), BAD_FILE, part, name)
    for path in ("/dev/null", "/dev/zero"):
        fails(ask(box, path), BAD_FILE, "not a regular file")
    for name in ("missing", "folder", "fifo", "socket"):
        fails(run(box, "run", box.tiny(), "--lora", box.file(name), "x"), BAD_FILE, name)
    listening.close()


@case("names that are no model, with what may be meant")
def names(box):
    fails(ask(box, "smolm2-135m"), BAD_FILE, "'smollm2-135m'")
    fails(ask(box, "smollm2-135m"), BAD_FILE, "slm pull smollm2-135m")
    fails(ask(box, "no such name"), BAD_FILE, "no such name")
    fails(ask(box, ""), BAD_FILE)
    fails(ask(box, "x" * 5000), BAD_FILE)
    box.write("models/\x1b[31m.gguf", b"x")
    fails(ask(box, "\x1b[31m"), BAD_FILE)


@case("empty, of another kind, of other versions, big-endian")
def heads(box):
    fails(ask(box, box.write("empty.gguf", b"")), BAD_FILE, "not a GGUF file")
    fails(ask(box, box.write("text.gguf", b"hello, world")), BAD_FILE, "not a GGUF file")
    fails(ask(box, box.write("zeros.gguf", bytes(100000))), BAD_FILE, "not a GGUF file")
    for version, part in ((0, "version 0"), (1, "version 1"), (4, "version 4"),
                          (0x03000000, "big-endian")):
        gguf = tiny_model()
        gguf.version = version
        refused(box, gguf, part)
    gguf = tiny_model()
    gguf.magic = b"FUGG"
    refused(box, gguf, "not a GGUF file")


@case("cut short anywhere: in the header, the keys, the tensors' list, the data")
def cut_short(box):
    gguf = tiny_model()
    whole, head = gguf.file(), len(gguf.head())
    offsets = {4, 7, 8, 16, 23, 24, 30, head - 1, head - 9, head, len(whole) - 1000}
    offsets |= set(random.Random(7).sample(range(24, head), 10 if SANITIZED else 40))
    offsets |= set(random.Random(8).sample(range(head, len(whole)), 4 if SANITIZED else 15))
    for size in sorted(offsets):
        result = ask(box, box.write("cut.gguf", whole[:size]), "plan")
        fails(result, BAD_FILE, "cut.gguf")
        check("cut short" in result.err_text or "damaged" in result.err_text or size < 8,
              "cut at %d" % size, result)


@case("bytes changed anywhere: never a crash, and one sentence where it is refused")
def flipped(box):
    gguf = tiny_model()
    whole, head = gguf.file(), len(gguf.head())
    generator = random.Random(9)
    for _ in range(25 if SANITIZED else 120):
        data = bytearray(whole)
        for _ in range(generator.choice((1, 1, 4))):
            data[generator.randrange(head)] = generator.choice((0, 1, 0x7f, 0x80, 0xff))
        result = run(box, "run", box.write("flip.gguf", bytes(data)), "--raw", "-n", "2",
                     "--no-cache", "--device", "cpu", "x", timeout=20)
        check(result.code in (DONE, BAD_FILE, 4, 2), "an odd status", result)
        if result.code != DONE:
            errors = [line for line in sentences(result) if "warning" not in line]
            check(len(errors) == 1, "one sentence was wanted", result)


@case("counts and lengths beyond the file")
def counts(box):
    for n in (1 << 20, 1 << 40, (1 << 64) - 1):
        gguf = tiny_model()
        gguf.n_tensors = n
        refused(box, gguf, "number of tensors")
        gguf = tiny_model()
        gguf.n_values = n
        refused(box, gguf, "number of keys")
    whole = tiny_model().file()
    at = whole.index(b"general.architecture") - 8
    fails(ask(box, box.write("long.gguf", whole[:at] + b"\xff" * 8 + whole[at + 8:])), BAD_FILE)
    gguf = tiny_model()
    gguf.tensors[3][0] = "n" * 65
    refused(box, gguf, "64 bytes")
    gguf = tiny_model()
    gguf.tensors[3][1] = [1 << 40, 1 << 40]
    refused(box, gguf)
    gguf = tiny_model()
    gguf.tensors[3][1] = [0, 4]
    refused(box, gguf, "impossible dimension")
    gguf = tiny_model()
    gguf.set("tokenizer.ggml.tokens", ARRAY, (STRING, ["x" * 70000] + ["y"] * 259))
    refused(box, gguf, "70000 bytes")


@case("keys and tensors that occur twice or are missing")
def twice_or_never(box):
    gguf = tiny_model()
    gguf.values.append(["general.name", STRING, "again"])
    refused(box, gguf, "occurs twice")
    gguf = tiny_model()
    gguf.tensors.append(gguf.tensors[0])
    refused(box, gguf, "occurs twice")
    for name in ("token_embd.weight", "output_norm.weight", "blk.1.attn_q.weight",
                 "blk.0.ffn_norm.weight"):
        gguf = tiny_model()
        gguf.drop_tensor(name)
        refused(box, gguf, "lacks tensor", name)
    for key in ("llama.block_count", "llama.embedding_length", "llama.context_length",
                "llama.attention.head_count", "llama.feed_forward_length"):
        gguf = tiny_model()
        gguf.drop(key)
        refused(box, gguf, key)
    for key in ("tokenizer.ggml.model", "tokenizer.ggml.tokens", "general.architecture"):
        gguf = tiny_model()
        gguf.drop(key)
        refused(box, gguf)


@case("what this version does not know is refused by its name")
def unknown(box):
    gguf = tiny_model()
    gguf.set("general.architecture", STRING, "mamba")
    refused(box, gguf, "'mamba'", "llama")
    gguf = tiny_model()
    gguf.tensor("blk.0.attn_q.weight")[2] = 99
    refused(box, gguf, "blk.0.attn_q.weight", "type 99")
    gguf = tiny_model()
    gguf.tensor("blk.0.attn_q.weight")[1:3] = [(256, 64), 16]
    refused(box, gguf, "blk.0.attn_q.weight", "IQ2_XXS")
    gguf = tiny_model()
    gguf.set("tokenizer.ggml.pre", STRING, "klingon")
    refused(box, gguf, "'klingon'")
    gguf = tiny_model()
    gguf.set("tokenizer.ggml.model", STRING, "runes")
    refused(box, gguf, "'runes'")
    gguf = tiny_model()
    gguf.set("llama.rope.scaling.type", STRING, "zigzag")
    refused(box, gguf, "'zigzag'")
    gguf = tiny_model()
    gguf.set("llama.expert_count", U32, 8)
    refused(box, gguf, "8 experts", "llama.expert_used_count")
    gguf = tiny_model()
    gguf.tensors.append(["blk.0.attn_sinks.weight", [2], 0, bytes(8)])
    refused(box, gguf, "1 tensor", "llama")


@case("hyper-parameters that contradict each other or make no sense")
def contradictory(box):
    for key, value in (("attention.head_count", 3), ("attention.head_count", 0),
                       ("attention.head_count_kv", 0), ("attention.head_count_kv", 7),
                       ("embedding_length", 0), ("embedding_length", 63),
                       ("embedding_length", 4294967295), ("block_count", 0),
                       ("block_count", 3), ("block_count", 1), ("block_count", 100000),
                       ("feed_forward_length", 95), ("context_length", 0),
                       ("rope.dimension_count", 31), ("rope.dimension_count", 4096),
                       ("attention.key_length", 5)):
        gguf = tiny_model()
        gguf.set("llama." + key, U32, value)
        result = refused(box, gguf)
        check(result.seconds < 5, "%s of %d took too long" % (key, value), result)
    for key, kind, value in (("llama.block_count", STRING, "two"), ("llama.block_count", BOOL, True),
                             ("llama.block_count", I32, -1), ("llama.block_count", U64, 1 << 63),
                             ("llama.attention.layer_norm_rms_epsilon", F32, float("nan")),
                             ("llama.rope.freq_base", F32, float("inf")),
                             ("llama.rope.freq_base", F32, 0.0),
                             ("general.alignment", U32, 3), ("general.alignment", U32, 0)):
        gguf = tiny_model()
        gguf.set(key, kind, value)
        refused(box, gguf, key.split(".", 1)[1])


@case("vocabularies that contradict themselves or the embedding")
def vocabularies(box):
    alphabet = [chr(33 + i % 90) * (1 + i // 90) for i in range(261)]
    for key, kind, value in (
            ("tokenizer.ggml.tokens", ARRAY, (STRING, alphabet)),
            ("tokenizer.ggml.tokens", ARRAY, (STRING, [])),
            ("tokenizer.ggml.tokens", ARRAY, (I32, [1, 2, 3])),
            ("tokenizer.ggml.tokens", STRING, "a b c"),
            ("tokenizer.ggml.token_type", ARRAY, (I32, [1] * 10)),
            ("tokenizer.ggml.eos_token_id", STRING, "end"),
            ("tokenizer.ggml.add_bos_token", BOOL, True)):
        gguf = tiny_model()
        gguf.set(key, kind, value)
        refused(box, gguf)


@case("a file that is replaced by another while it is in use, and one that is only read")
def still_works(box):
    model = box.tiny()
    wanted = answer(box, model)
    os.chmod(model, 0o444)
    equal(answer(box, model), wanted, "the answer of a read-only file")
    box.tiny(seed=2)
    check(answer(box, model) != wanted, "another model under the same name gave the same answer")


@case("a file that is cut short while it is in use: one sentence, status 1")
def cut_while_in_use(box):
    model = box.tiny(n_ctx=60000)
    process = start(box, "run", "--raw", "--temp", "0", "--ignore-eos", "--device", "reference",
                    model, "x")
    os.read(process.stdout.fileno(), 1)
    os.truncate(model, 100)
    done = finish(process, timeout=20)
    equal(done.code, FAILED, "the status of %r" % done)
    check(len(sentences(done)) == 1 and "cut short" in done.err_text, "the sentence", done)


@case("the other commands refuse a damaged file as run does")
def other_commands(box):
    gguf = tiny_model()
    gguf.n_values = 1 << 40
    for words in COMMANDS:
        refused(box, gguf, "number of keys", name=words[0])
    path = box.file("bad.gguf")
    fails(run(box, "bench", path), BAD_FILE, "number of keys")
    fails(run(box, "perplexity", path, "-f", box.write("text", "x" * 5000)), BAD_FILE)


@case("quantize takes llama.cpp's name of its mixture, and refuses others with what there is")
def names_of_mixtures(box):
    model, files = tiny_model(n_embd=256, n_ff=256).write(box.file("f32.gguf")), []
    for kind in ("Q4_K", "q4_k_m"):
        files.append(box.file(kind + ".gguf"))
        succeeds(run(box, "quantize", model, files[-1], kind))
    with open(files[0], "rb") as one, open(files[1], "rb") as other:
        check(one.read() == other.read(), "the files differ")
    check(answer(box, files[1], "Hi"), "no answer")
    fails(run(box, "quantize", model, box.file("x.gguf"), "Q5_K_M"), USAGE, "Q5_K_M", "Q4_K_M")


main()

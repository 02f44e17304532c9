#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every form that programs read: it parses, alone on stdout, and has the fields that are promised."""
import csv
import io
import json
import os
import stat

from harness import (BAD_FILE, MEMORY, USAGE, answer, case, check, equal, fails, main, real_model, run,
                     succeeds)

TEXT = "The quick brown fox jumps over the lazy dog. " * 40


def document(box, *words, **others):
    done = succeeds(run(box, *words, **others))
    equal(done.err, b"", "stderr beside JSON")
    return json.loads(done.out.decode("utf-8"))


def has(item, **kinds):
    for name, kind in kinds.items():
        check(name in item, "the field %s is missing" % name, item)
        check(isinstance(item[name], kind), "%s is no %r" % (name, kind), item)


NUMBER = (int, float)


@case("run --json")
def run_json(box):
    model = box.tiny()
    done = document(box, "run", model, "--raw", "--temp", "0", "-n", "8", "--json", "--seed", "7",
                    "The capital of France is")
    has(done, model=str, answer=str, end=str, prompt_tokens=int, answer_tokens=int, seed=int,
        load_ms=NUMBER, first_text_ms=NUMBER, prompt_ms=NUMBER, prompt_tok_s=NUMBER, tok_s=NUMBER)
    equal((done["seed"], done["answer_tokens"], done["prompt_tokens"]), (7, 8, 24), "numbers")
    equal(done["answer"].encode() + b"\n", answer(box, model), "the answer")


@case("run --json with odd texts: NUL, quotes, what is no UTF-8, names of files with newlines")
def odd_texts(box):
    model = box.tiny(name='a "name"\n\x1b\\.gguf')
    for text in (b"\0", b'"\\\n', b"\xff\xfe", "\u2028\U0001f600".encode()):
        done = document(box, "run", model, "--raw", "--temp", "3", "-n", "40", "--ignore-eos",
                        "--special", "--json", stdin=text)
        equal(done["model"], model, "the name")
    no_text = document(box, "run", model, "--raw", "-n", "0", "--json", "x")
    equal((no_text["answer"], no_text["answer_tokens"]), ("", 0), "an empty answer")


@case("devices --json")
def devices(box):
    got = document(box, "devices", "--json")
    for one in got:
        has(one, selector=str, name=str, backend=str, platform=str, type=str, used=bool,
            usable=bool, reason=str, memory=int)
    equal(got[0]["selector"], "cpu", "the first device")
    equal(sum(one["used"] for one in got), 1, "devices that are used")


@case("devices --calibrate --json, and again from the cache")
def calibrated(box):
    command = ("devices", "--calibrate", "--device", "cpu", "--types", "q4_0", "--json")
    for _ in range(2):
        [got] = document(box, *command)
        has(got, selector=str, name=str, kernel_family=str, measured_s=int, is_kept=bool,
            is_rough=bool)
        has(got["rates"], run_s=float, launch_s=float, attention_one_macs_s=float,
            attention_many_macs_s=float, values_bytes_s=float, link_s=float, link_bytes_s=float)
        check(got["rates"]["types"]["Q4_0"]["macs_s"] > 0, "no rate", got)
    check(got["is_kept"] or got["is_rough"], "it was measured twice", got)


@case("plan --json, also of what does not fit")
def plan(box):
    model = box.tiny()
    got = document(box, "plan", model, "--json")
    check(isinstance(got, dict) and got.get("segments"), "no segments", got)
    has(got["memory"], weight_bytes=int, kv_bytes=int, value_bytes=int, total_bytes=int,
        available_bytes=int, fits=bool, ctx_that_fits=int)
    equal(got["memory"]["fits"], True, "whether a tiny model fits")
    done = run(box, "plan", real_model(), "--json", "--ctx", "16777216")
    equal((done.code, json.loads(done.out)["memory"]["fits"]), (MEMORY, False), "what is too large")


@case("graph --json")
def graph(box):
    got = document(box, "graph", box.tiny(), "--json")
    text = json.dumps(got)
    for kind in ("embed", "matmul", "rope", "attention", "select"):
        check('"%s"' % kind in text, "no operation %s" % kind, text[:500])


@case("inspect --json, whole and shortened")
def inspect(box):
    model = box.tiny()
    got = document(box, "inspect", model, "--json")
    has(got, file=str, version=int, bytes=int, metadata=dict, tensors=list, types=dict, total=dict)
    equal(len(got["tensors"]), 20, "tensors")
    has(got["tensors"][0], name=str, type=str, shape=list, offset=int, bytes=int)
    equal(got["metadata"]["llama.block_count"], 2, "a number")
    full = document(box, "inspect", model, "--json", "--full")
    equal(len(full["metadata"]["tokenizer.ggml.tokens"]), 260, "an array")


@case("tokenize --ids and --json")
def tokenize(box):
    model = box.tiny()
    equal(document(box, "tokenize", model, "--ids", ""), [], "no text")
    ids = document(box, "tokenize", model, "--ids", "ab<|end|>")
    equal(len(ids), 3, "ids")
    got = document(box, "tokenize", model, "--json", "ab<|end|>")
    equal((got["n"], [one["id"] for one in got["tokens"]]), (3, ids), "the same as --ids")
    equal(got["tokens"][2]["text"], "<|end|>", "a control token")


@case("embed --json and as lines")
def embed(box):
    model, texts = box.tiny(), box.write("texts", "one text\nanother")
    words = ("embed", model, "--device", "cpu")
    got = document(box, *words, "--json", "one text", "another")
    has(got, pooling=str, normalized=bool, n_embd=int, texts=list)
    equal((got["pooling"], got["normalized"], len(got["texts"])), ("mean", True, 2), "the head")
    equal([one["tokens"] for one in got["texts"]], [8, 7], "tokens")
    vectors = [one["embedding"] for one in got["texts"]]
    for vector in vectors:
        equal(len(vector), got["n_embd"], "numbers")
        check(abs(sum(x * x for x in vector) - 1) < 1e-5, "not of length 1", vector)
    lines = succeeds(run(box, *words, "-f", texts)).out_text.splitlines()
    equal([[float(x) for x in line.split()] for line in lines], vectors, "the same as lines")
    equal(document(box, *words, "--json", "-f", "-", stdin=b"one text\nanother\n"), got, "of stdin")
    each = document(box, *words, "--json", "--pooling", "none", "--no-normalize", "one text")
    equal((each["pooling"], each["normalized"]), ("none", False), "what was asked for")
    equal([len(one) for one in each["texts"][0]["embedding"]], 8 * [got["n_embd"]], "vectors")
    lines = succeeds(run(box, *words, "--pooling", "none", "a", "bc")).out_text.split("\n")
    equal([bool(line) for line in lines], [True, False, True, True, False, False], "lines of each")


@case("an empty line keeps its place among the vectors")
def embed_empty_line(box):
    words, text = ("embed", box.tiny(), "--device", "cpu"), b"one text\n\n\nanother\n"
    lines = succeeds(run(box, *words, stdin=text)).out_text.split("\n")
    equal([bool(line) for line in lines], [True, False, False, True, False], "lines")
    equal(lines[3] + "\n", succeeds(run(box, *words, "another")).out_text, "what comes after")
    texts = document(box, *words, "--json", stdin=text)["texts"]
    equal([one["tokens"] for one in texts], [8, 0, 0, 7], "tokens")
    equal([one["embedding"] is None for one in texts], [False, True, True, False], "vectors")


@case("what cannot be embedded is refused")
def no_embedding(box):
    model, long = box.tiny(), box.write("long", "x" * 300)
    fails(run(box, "embed", model, ""), USAGE, "text 1 is empty")
    fails(run(box, "embed", model, "--pooling", "max", "x"), USAGE, "--pooling must be", "'max'")
    fails(run(box, "embed", model, "-f", long, "x"), USAGE, "exclude each other")
    fails(run(box, "embed", model, "-f", long, "-c", "64"), USAGE, "text 1 has 300 tokens")
    fails(run(box, "embed", model, "-f", box.file("none")), BAD_FILE, "none")
    fails(run(box, "embed", box.file("no.gguf"), "x"), BAD_FILE, "no.gguf")
    equal(run(box, "embed", model, stdin=b"").out, b"", "of no texts")


@case("bench -o json, csv and md")
def bench(box):
    words = ("bench", box.tiny(), "-p", "16,8", "-n", "4", "-d", "0,8", "-r", "2")
    rows = document(box, *words, "-o", "json")
    tests = [row["test"] for row in rows]
    for test in ("load", "ttft", "rss", "pp16", "pp8", "tg4", "pp16@d8", "tg4@d8"):
        check(test in tests, "no %s" % test, tests)
    for row in rows:
        has(row, model=str, device=str, threads=int, test=str)
        if row["test"] in ("load", "ttft"):
            has(row, ms=NUMBER)
        elif row["test"] == "rss":
            has(row, mib=NUMBER)
        else:
            has(row, tok_s=NUMBER, tok_s_sd=NUMBER)
            check(row["tok_s"] > 0, "a speed of nothing", row)
    table = list(csv.DictReader(io.StringIO(succeeds(run(box, *words, "-o", "csv")).out_text)))
    equal([row["test"] for row in table], tests, "tests of csv")
    lines = succeeds(run(box, *words)).out_text.splitlines()
    equal(len(lines), len(tests) + 2, "lines of md")
    equal({line.count("|") for line in lines}, {8}, "columns of md")


@case("perplexity --json, alone and against a base")
def perplexity(box):
    model, text, base = box.tiny(), box.write("text", TEXT), box.file("base")
    words = ("perplexity", model, "-c", "64", "--chunks", "4", "--json")
    got = document(box, *words, "-f", text, "--save-base", base)
    has(got, positions=int, ppl=NUMBER)
    check(1 < got["ppl"] < 1e6, "an odd perplexity", got)
    got = document(box, *words[:2], "--json", "--kl-base", base)
    has(got, positions=int, ppl=NUMBER, kld_mean=NUMBER, kld_p99=NUMBER, top1=NUMBER)
    check(abs(got["kld_mean"]) < 1e-3 and got["top1"] > 0.99, "a model differs from itself", got)
    for size in (0, 5, 8, 20, 1000):
        with open(base, "rb") as whole:
            cut = box.write("cut", whole.read(size))
        fails(run(box, *words[:2], "--kl-base", cut), BAD_FILE)
    fails(run(box, *words, "-f", box.write("short", "x")), BAD_FILE, "too short")
    os.mkfifo(box.file("fifo"))
    for place in (box.path, box.file("fifo"), "/nonexistent/x"):
        fails(run(box, *words, "-f", text, "--save-base", place), BAD_FILE, "cannot write", place)
    equal(stat.S_ISFIFO(os.stat(box.file("fifo")).st_mode), True, "whether the FIFO is still one")


main()

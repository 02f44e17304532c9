#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An encoder: what works on it, what it is not for, and files of one that contradict themselves."""
import json

from gguf_writer import BOOL, F32, I32, ARRAY, STRING, U32, tiny_encoder, tiny_pieces
from harness import BAD_FILE, USAGE, case, check, equal, fails, main, run, succeeds


def encoder(box, name="encoder.gguf", **others):
    return tiny_encoder(**others).write(box.file(name))


def vectors(box, model, *words, **others):
    out = succeeds(run(box, "embed", model, *words, **others)).out_text
    return [[float(x) for x in line.split()] for line in out.splitlines()]


@case("graph, plan, inspect, tokenize and embed work")
def works(box):
    model = encoder(box)
    check("sees all" in succeeds(run(box, "graph", model)).out_text, "attention that sees all")
    ops = json.loads(succeeds(run(box, "graph", "--json", model)).out)["ops"]
    check({op["kind"] for op in ops} == {"embed", "norm", "matmul", "rope", "attention", "gate",
                                         "select"}, "the kinds of operations", ops)
    check("encoder" in succeeds(run(box, "inspect", model)).out_text, "its name")
    plan = json.loads(succeeds(run(box, "plan", "--json", model)).out)
    equal((plan["ctx"], plan["batch"]), (64, 64), "context and batch")
    ids = succeeds(run(box, "tokenize", "--ids", model, "A b\u00e9!")).out_text.strip()
    pieces = tiny_pieces()
    wanted = [101] + [pieces.index(piece) for piece in ("\u2581a", "\u2581b", "e", "\u2581!")] + [102]
    equal(ids, str(wanted), "the tokens")
    one, other, again = vectors(box, model, "a b", "b a", "A  b")
    equal(one, again, "texts that differ in nothing that the model sees")
    check(one != other and abs(sum(x * x for x in one) - 1) < 1e-5, "vectors of length 1")
    devices = [vectors(box, model, "--device", device, "some text")[0]
               for device in ("cpu", "reference")]
    check(max(abs(a - b) for a, b in zip(*devices)) < 1e-5, "both devices agree")


@case("what needs text to go on with is refused in one sentence")
def makes_no_text(box):
    model = encoder(box)
    text = box.write("text", "a b c " * 500)
    for words in (("run", model, "x"), ("bench", model),
                  ("perplexity", model, "-f", text)):
        fails(run(box, *words), BAD_FILE, "is an encoder", "use slm embed")


@case("texts are taken whole or refused; contexts end where positions do")
def lengths(box):
    model = encoder(box)
    fit = "a " * 62
    equal(vectors(box, model, fit, "-b", "8"), vectors(box, model, fit), "whatever the batch")
    fails(run(box, "embed", model, fit + "a"), USAGE, "65 tokens", "64")
    fails(run(box, "embed", model, "--ctx", "20", fit), USAGE, "64 tokens", "20")
    fails(run(box, "embed", model, "--ctx", "65", "a"), USAGE, "at most 64 tokens")


@case("files that contradict themselves")
def contradictions(box):
    for key, kind, value, part in (
            ("bert.attention.causal", BOOL, True, "later ones"),
            ("bert.attention.layer_norm_epsilon", STRING, "small", "layer_norm_epsilon"),
            ("bert.pooling_type", U32, 9, "pooling_type"),
            ("bert.context_length", U32, 63, "position_embd.weight"),
            ("bert.context_length", U32, 1 << 30, "context_length"),
            ("bert.attention.head_count", U32, 3, "key_length"),
            ("bert.feed_forward_length", U32, 95, "ffn_up.weight"),
            ("bert.attention.head_count", U32, 64, "key_length"),
            ("tokenizer.ggml.model", STRING, "t5", "'t5' is not supported"),
            ("tokenizer.ggml.normalizer.lowercase", F32, 1.0, "lowercase"),
            ("tokenizer.ggml.unknown_token_id", STRING, "[UNK]", "unknown_token_id"),
            ("tokenizer.ggml.token_type", ARRAY, (I32, [1] * 5), "token_type")):
        gguf = tiny_encoder()
        gguf.set(key, kind, value)
        fails(run(box, "embed", gguf.write(box.file("bad.gguf")), "x"), BAD_FILE, part)
    for name in ("position_embd.weight", "token_embd_norm.bias", "blk.1.layer_output_norm.weight"):
        gguf = tiny_encoder()
        gguf.drop_tensor(name)
        fails(run(box, "embed", gguf.write(box.file("bad.gguf")), "x"), BAD_FILE, name)
    gguf = tiny_encoder()
    gguf.drop("bert.attention.causal")
    fails(run(box, "embed", gguf.write(box.file("bad.gguf")), "x"), BAD_FILE, "later ones")


main()

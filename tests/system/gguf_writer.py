# SPDX-License-Identifier: MIT
"""Writes GGUF files: sane ones, and broken ones by changing what a sane one is made of."""
import array
import random
import struct

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
F32_TENSOR, F16_TENSOR = 0, 1
SCALARS = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "?",
           U64: "Q", I64: "q", F64: "d"}


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(data)) + data


def value_bytes(kind, value):
    if kind == STRING:
        return text(value)
    if kind == ARRAY:
        item, items = value
        head = struct.pack("<IQ", item, len(items))
        return head + b"".join(value_bytes(item, one) for one in items)
    return struct.pack("<" + SCALARS[kind], value)


class Gguf:
    """values: [key, kind, value]; tensors: [name, dims, type, data]."""

    def __init__(self):
        self.magic = b"GGUF"
        self.version = 3
        self.values = []
        self.tensors = []
        self.n_values = None
        self.n_tensors = None
        self.alignment = 32

    def set(self, key, kind, value):
        self.values = [one for one in self.values if one[0] != key]
        self.values.append([key, kind, value])

    def drop(self, key):
        self.values = [one for one in self.values if one[0] != key]

    def tensor(self, name):
        return next(one for one in self.tensors if one[0] == name)

    def drop_tensor(self, name):
        self.tensors = [one for one in self.tensors if one[0] != name]

    def head(self):
        n_tensors = len(self.tensors) if self.n_tensors is None else self.n_tensors
        n_values = len(self.values) if self.n_values is None else self.n_values
        out = [self.magic, struct.pack("<IQQ", self.version, n_tensors, n_values)]
        for key, kind, value in self.values:
            out += [text(key), struct.pack("<I", kind), value_bytes(kind, value)]
        at = 0
        for name, dims, kind, data in self.tensors:
            out += [text(name), struct.pack("<I", len(dims)),
                    b"".join(struct.pack("<Q", dim) for dim in dims),
                    struct.pack("<IQ", kind, at)]
            at += -(-len(data) // self.alignment) * self.alignment
        return b"".join(out)

    def file(self):
        head = self.head()
        out = [head, bytes(-len(head) % self.alignment)]
        for _, _, _, data in self.tensors:
            out += [data, bytes(-len(data) % self.alignment)]
        return b"".join(out)

    def write(self, path):
        with open(path, "wb") as out:
            out.write(self.file())
        return path


def byte_alphabet():
    """How GPT-2 spells the 256 bytes."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte if byte in kept else next(others)) for byte in range(256)]


def random_floats(generator, n, spread, middle=0):
    first, last = middle - spread, middle + spread
    return array.array("f", (generator.uniform(first, last) for _ in range(n))).tobytes()


def add_matrix(gguf, generator, name, n_cols, n_rows):
    gguf.tensors.append([name, [n_cols, n_rows], F32_TENSOR,
                         random_floats(generator, n_cols * n_rows, 0.2)])


def add_norm(gguf, name, n):
    gguf.tensors.append([name, [n], F32_TENSOR, array.array("f", [1.0] * n).tobytes()])


def tiny_model(seed=1, n_embd=64, n_ff=96, n_layers=2, n_ctx=256):
    """A llama of two small layers that answers nonsense, always the same."""
    generator = random.Random(seed)
    gguf = Gguf()
    gguf.set("general.architecture", STRING, "llama")
    gguf.set("general.name", STRING, "tiny")
    for key, value in (("block_count", n_layers), ("context_length", n_ctx),
                       ("embedding_length", n_embd), ("feed_forward_length", n_ff),
                       ("attention.head_count", 2), ("attention.head_count_kv", 1),
                       ("rope.dimension_count", n_embd // 2)):
        gguf.set("llama." + key, U32, value)
    gguf.set("llama.attention.layer_norm_rms_epsilon", F32, 1e-5)
    gguf.set("tokenizer.ggml.model", STRING, "gpt2")
    gguf.set("tokenizer.ggml.pre", STRING, "gpt-2")
    gguf.set("tokenizer.ggml.tokens", ARRAY,
             (STRING, byte_alphabet() + ["<|end|>", "<|sep|>", "<|a|>", "<|b|>"]))
    gguf.set("tokenizer.ggml.token_type", ARRAY, (I32, [1] * 256 + [3] * 4))
    gguf.set("tokenizer.ggml.merges", ARRAY, (STRING, []))
    gguf.set("tokenizer.ggml.eos_token_id", U32, 256)
    gguf.set("tokenizer.ggml.add_bos_token", BOOL, False)
    add_matrix(gguf, generator, "token_embd.weight", n_embd, 260)
    for layer in range(n_layers):
        name = "blk.%d." % layer
        add_norm(gguf, name + "attn_norm.weight", n_embd)
        add_matrix(gguf, generator, name + "attn_q.weight", n_embd, n_embd)
        add_matrix(gguf, generator, name + "attn_k.weight", n_embd, n_embd // 2)
        add_matrix(gguf, generator, name + "attn_v.weight", n_embd, n_embd // 2)
        add_matrix(gguf, generator, name + "attn_output.weight", n_embd, n_embd)
        add_norm(gguf, name + "ffn_norm.weight", n_embd)
        add_matrix(gguf, generator, name + "ffn_gate.weight", n_embd, n_ff)
        add_matrix(gguf, generator, name + "ffn_up.weight", n_embd, n_ff)
        add_matrix(gguf, generator, name + "ffn_down.weight", n_ff, n_embd)
    add_norm(gguf, "output_norm.weight", n_embd)
    return gguf


def tiny_pieces():
    """A WordPiece vocabulary of letters, with the special tokens of BERT where BERT has them."""
    special = ["[PAD]"] + ["[unused%d]" % i for i in range(1, 100)] + ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    return special + ["\u2581" + letter for letter in letters] + letters


def encoder_keys(gguf, pieces, n_embd, n_head, n_ff, n_layers, n_ctx):
    gguf.set("general.architecture", STRING, "bert")
    gguf.set("general.name", STRING, "random encoder")
    for key, value in (("block_count", n_layers), ("context_length", n_ctx),
                       ("embedding_length", n_embd), ("feed_forward_length", n_ff),
                       ("attention.head_count", n_head), ("pooling_type", 1)):
        gguf.set("bert." + key, U32, value)
    gguf.set("bert.attention.layer_norm_epsilon", F32, 1e-12)
    gguf.set("bert.attention.causal", BOOL, False)
    gguf.set("tokenizer.ggml.model", STRING, "bert")
    gguf.set("tokenizer.ggml.pre", STRING, "jina-v2-en")
    gguf.set("tokenizer.ggml.tokens", ARRAY, (STRING, pieces))
    control = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    gguf.set("tokenizer.ggml.token_type", ARRAY,
             (I32, [3 if piece in control else 1 for piece in pieces]))
    gguf.set("tokenizer.ggml.token_type_count", U32, 2)
    for role, token in (("unknown", 100), ("seperator", 102), ("padding", 0), ("cls", 101),
                        ("mask", 103)):
        gguf.set("tokenizer.ggml.%s_token_id" % role, U32, token)


def tiny_encoder(pieces=None, shape=(64, 2, 96, 2, 64), seed=1):
    """A BERT with random weights; SHAPE: n_embd, heads, n_ff, layers, context."""
    n_embd, _, n_ff, n_layers, n_ctx = shape
    pieces = pieces or tiny_pieces()
    generator = random.Random(seed)
    gguf = Gguf()

    def tensor(name, dims, spread, middle=0):
        n = dims[0] * dims[1] if len(dims) > 1 else dims[0]
        gguf.tensors.append([name, dims, F32_TENSOR, random_floats(generator, n, spread, middle)])

    def layer_norm(name):
        tensor(name + ".weight", [n_embd], 0.4, 1)
        tensor(name + ".bias", [n_embd], 0.2)

    def linear(name, n_cols, n_rows):
        tensor(name + ".weight", [n_cols, n_rows], 2 / n_cols ** 0.5)
        tensor(name + ".bias", [n_rows], 0.2)

    encoder_keys(gguf, pieces, *shape)
    tensor("token_embd.weight", [n_embd, len(pieces)], 1)
    tensor("position_embd.weight", [n_embd, n_ctx], 0.3)
    tensor("token_types.weight", [n_embd, 2], 0.3)
    layer_norm("token_embd_norm")
    for layer in range(n_layers):
        name = "blk.%d." % layer
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            linear(name + part, n_embd, n_embd)
        layer_norm(name + "attn_output_norm")
        linear(name + "ffn_up", n_embd, n_ff)
        linear(name + "ffn_down", n_ff, n_embd)
        layer_norm(name + "layer_output_norm")
    return gguf

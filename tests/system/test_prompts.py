#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What can be asked: texts from everywhere, of every kind and length."""
import json
import os
import subprocess

import gguf_writer
from harness import (BAD_FILE, DONE, SANITIZED, USAGE, answer, case, check, equal, fails, main,
                     real_model, run, succeeds)

GREEDY = ("--raw", "--temp", "0", "-n", "8")


@case("an empty prompt is refused, however it comes")
def empty(box):
    model = box.tiny()
    fails(run(box, "run", model, *GREEDY, ""), USAGE, "prompt is empty")
    fails(run(box, "run", model, *GREEDY), USAGE, "prompt is empty")
    fails(run(box, "run", model, *GREEDY, stdin=b"\n"), USAGE, "prompt is empty")
    fails(run(box, "run", model, *GREEDY, "-f", os.devnull), USAGE, "prompt is empty")
    fails(run(box, "run", model, *GREEDY, stdin=subprocess.DEVNULL), USAGE, "prompt is empty")


@case("blanks are a prompt like any other")
def blanks(box):
    model = box.tiny()
    for prompt in (" ", "   \t ", "\n\n"):
        check(answer(box, model, prompt), "no answer to %r" % prompt)


@case("argument, stdin and file give the same answer; one newline at the end is dropped")
def same_everywhere(box):
    model, text = box.tiny(), "Größe ist 7 €"
    wanted = answer(box, model, text)
    for stdin in (text.encode(), text.encode() + b"\n"):
        equal(succeeds(run(box, "run", model, *GREEDY, stdin=stdin)).out, wanted, "stdin")
        equal(succeeds(run(box, "run", model, *GREEDY, "-f", "-", stdin=stdin)).out, wanted, "-")
        path = box.write("a prompt", stdin)
        equal(succeeds(run(box, "run", model, *GREEDY, "-f", path)).out, wanted, "a file")
    equal(succeeds(run(box, "run", model, *GREEDY, "--", text)).out, wanted, "behind --")
    equal(succeeds(run(box, "run", model, *GREEDY, text, stdin=b"other")).out, wanted,
          "an argument beside stdin")


@case("tools are told to the model by its template for them, and bad lists are refused")
def tools(box):
    gguf = gguf_writer.tiny_model()
    gguf.set("tokenizer.chat_template", gguf_writer.STRING, "{{ messages[0].content }}")
    gguf.set("tokenizer.chat_template.tool_use", gguf_writer.STRING,
             "{{ messages[0].content }}{{ tools[0].function.name }}<|a|>")
    model = gguf.write(box.file("tools.gguf"))
    path = box.write("tools.json", b'[{"type": "function", "function": {"name": "<|b|>"}}]')
    for words, n in ((), 2), (("--tools", path), 2 + 5 + 1):
        done = succeeds(run(box, "run", model, "--temp", "0", "-n", "1", "--json", *words, "hi"))
        equal(json.loads(done.out)["prompt_tokens"], n, "tokens with %r" % (words,))
    for text, sentence in ((b"[", "no JSON"), (b"{}", "array"), (b"[{}]", "tool 1"),
                           (b'[{"function": {"name": "f"}}, {"function": 1}]', "tool 2")):
        fails(run(box, "run", model, "--tools", box.write("bad.json", text), "hi"), BAD_FILE,
              sentence)
    fails(run(box, "run", model, "--tools", "missing.json", "hi"), BAD_FILE, "missing.json")
    fails(run(box, "run", model, "--raw", "--tools", path, "hi"), USAGE, "--tools")
    fails(run(box, "run", box.tiny(), "--tools", path, "hi"), BAD_FILE, "no chat template")


@case("a prompt longer than the context is refused with both numbers")
def too_long(box):
    model = box.tiny(n_ctx=256)
    fails(run(box, "run", model, *GREEDY, "x" * 300), USAGE, "300", "256", "--ctx")
    fails(run(box, "run", model, *GREEDY, "--ctx", "16", "x" * 17), USAGE, "17", "16", "--ctx")
    succeeds(run(box, "run", model, *GREEDY, "--ctx", "17", "x" * 16))


@case("an answer that fills the context is cut off with a warning")
def full_context(box):
    done = succeeds(run(box, "run", box.tiny(), "--raw", "--temp", "0", "--ctx", "20",
                        "--ignore-eos", "x" * 16))
    check("cut off" in done.err_text and "20" in done.err_text, "no warning", done)


@case("texts without end are refused after 64 MiB, and large ones are not slow")
def huge(box):
    model = box.tiny()
    done = fails(run(box, "run", model, *GREEDY, stdin=b"word " * 200000), USAGE, "1000000")
    check(done.seconds < (60 if SANITIZED else 5), "a text of 1 MB took too long", done)
    with open("/dev/zero", "rb") as zero:
        fails(run(box, "run", model, *GREEDY, stdin=zero), USAGE, "longer than")


@case("bytes that are no UTF-8, and NUL, are taken as they are")
def odd_bytes(box):
    model = box.tiny()
    texts = (b"\xff\xfe\x80", b"a\0b", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xc3", b"\0")
    for text in texts:
        check(succeeds(run(box, "run", model, *GREEDY, stdin=text)).out, "no answer", text)
    equal(len(set(succeeds(run(box, "tokenize", model, "--ids", stdin=text)).out
                  for text in texts)), len(texts), "texts that became the same tokens")
    nul = json.loads(succeeds(run(box, "tokenize", model, "--ids", stdin=b"a\0b")).out)
    equal(len(nul), 3, "tokens of a, NUL, b")


@case("stdin that is closed or a folder is said so")
def odd_stdin(box):
    model = box.tiny()
    fails(run(box, "run", model, *GREEDY, stdin=None, preexec_fn=lambda: os.close(0)), BAD_FILE,
          "stdin")
    folder = os.open("/", os.O_RDONLY)
    try:
        fails(run(box, "run", model, *GREEDY, stdin=folder), BAD_FILE, "stdin", "directory")
        fails(run(box, "tokenize", model, stdin=folder), BAD_FILE, "stdin", "directory")
    finally:
        os.close(folder)
    fails(run(box, "run", model, *GREEDY, "-f", box.path), BAD_FILE, "directory")
    fails(run(box, "run", model, *GREEDY, "-f", box.file("none")), BAD_FILE, "No such file")


@case("names of control tokens in a text are those tokens with --raw, or text when wanted")
def control(box):
    model = box.tiny()
    ids = json.loads(succeeds(run(box, "tokenize", model, "--ids", "<|end|>")).out)
    equal(ids, [256], "the token")
    ids = json.loads(succeeds(run(box, "tokenize", model, "--ids", "--no-parse-special",
                                  "<|end|>")).out)
    equal(len(ids), 7, "the text")
    check(answer(box, model, "<|end|><|sep|>"), "no answer")


@case("what a model prints of control tokens is left out unless --special asks for it")
def special(box):
    model = box.tiny()
    words = ("run", model, "--raw", "--temp", "0", "-n", "3", "--logit-bias", "258=100", "x")
    equal(succeeds(run(box, *words)).out, b"\n", "without --special")
    equal(succeeds(run(box, *words, "--special")).out, b"<|a|><|a|><|a|>\n", "with --special")


@case("the same seed gives the same answer, another one another")
def seeds(box):
    model = box.tiny()

    def draw(*options):
        return succeeds(run(box, "run", model, "--raw", "--temp", "2", "-n", "30", "--ignore-eos",
                            *options, "x")).out
    equal(draw("--seed", "5"), draw("--seed", "5"), "seed 5")
    check(draw("--seed", "5") != draw("--seed", "6"), "two seeds gave one answer")
    check(draw() != draw(), "two runs without a seed gave one answer")
    equal(draw("--seed", "5", "--top-k", "1"), draw("--seed", "6", "--top-k", "1"), "top-k 1")


@case("the answer does not depend on threads, batch, cache or where the weights lie")
def independent(box):
    model = box.tiny()
    text = "a longer text, so that there is more than one batch of it"
    wanted = answer(box, model, text)
    for options in (["-t", "1"], ["-t", "7"], ["-b", "1"], ["-b", "5"], ["--no-cache"],
                    ["--ctx", "100"], ["--ignore-memory"]):
        equal(answer(box, model, text, options=options), wanted, options)


@case("--stop ends the answer before the text, also across tokens")
def stops(box):
    model = real_model()
    whole = answer(box, model, n=12).decode()
    stop = whole[len(whole) // 2 - 3:len(whole) // 2 + 3]
    done = answer(box, model, n=12, options=["--stop", stop]).decode()
    equal(done.rstrip("\n"), whole[:whole.index(stop)].rstrip("\n"), "cut before %r" % stop)


@case("-n 0 evaluates the prompt and says nothing; -n counts tokens", slow=True)
def lengths(box):
    model = real_model()
    equal(succeeds(run(box, "run", model, "--raw", "-n", "0", "Hello")).out, b"\n", "-n 0")
    for n in (1, 5):
        done = json.loads(succeeds(run(box, "run", model, "--raw", "-n", str(n), "--json",
                                       "--ignore-eos", "Hello")).out)
        equal((done["answer_tokens"], done["end"]), (n, "length"), "-n %d" % n)


@case("a known question has its answer", slow=True)
def known(box):
    done = run(box, "run", real_model(), "--raw", "--temp", "0", "-n", "8",
               "The capital of France is")
    check(b"Paris" in succeeds(done).out and done.code == DONE, "no Paris", done)


main()

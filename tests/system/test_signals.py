#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Signals, readers that go away, and outputs that take nothing."""
import os
import random
import signal
import subprocess
import time

from harness import (DONE, FAILED, INTERRUPTED, case, check, equal, fails, finish, main,
                     nothing_half_written, real_model, run, sentences, start, succeeds)

LONG = ("--raw", "--temp", "0", "-n", "-1", "--ignore-eos")


def interrupt(process, how=signal.SIGINT):
    process.send_signal(how)
    return finish(process, timeout=10)


@case("Ctrl-C at any moment of loading: status 130, quickly, nothing on stderr, nothing half-written")
def while_loading(box):
    model, generator = real_model(), random.Random(11)
    for _ in range(12):
        process = start(box, "run", model, *LONG, "--no-cache" if generator.random() < 0.3 else "--raw",
                        "Hello")
        # What stands before main() dies of the signal itself, which a shell calls 130 too.
        time.sleep(generator.uniform(0, 0.4))
        done = interrupt(process)
        check(done.code in (INTERRUPTED, -signal.SIGINT), "the status", done)
        equal(done.err, b"", "stderr")
        check(done.seconds < 3, "it took too long", done)
        nothing_half_written(box)


@case("Ctrl-C while a long prompt is evaluated: status 130, and nothing was said")
def in_prompt(box):
    prompt = "one two three four five six seven eight " * 700
    process = start(box, "run", real_model(), *LONG, "--no-cache", prompt)
    time.sleep(1.5)
    done = interrupt(process)
    equal((done.code, done.err), (INTERRUPTED, b""), "status and stderr of %r" % done)
    check(done.seconds < 3, "it took too long", done)


@case("Ctrl-C while it answers: status 130, what was said is there and ends with a newline")
def in_answer(box):
    process = start(box, "run", real_model(), *LONG, "The capital of France is")
    begin = os.read(process.stdout.fileno(), 1)
    time.sleep(0.3)
    done = interrupt(process)
    equal((done.code, done.err), (INTERRUPTED, b""), "status and stderr")
    check(len(begin + done.out) > 10 and done.out.endswith(b"\n"), "the answer", done)
    check(done.seconds < 2, "it took too long", done)


@case("Ctrl-C with --json: the document is whole and says what ended it")
def in_json(box):
    process = start(box, "run", real_model(), *LONG, "--json", "Hello")
    time.sleep(1.5)
    done = interrupt(process)
    equal(done.code, INTERRUPTED, "the status")
    check(b'"end": "cancel' in done.out or b'"end": "interrupt' in done.out, "the end", done)


@case("two quick Ctrl-C end it at once")
def twice(box):
    process = start(box, "run", real_model(), *LONG, "Hello")
    os.read(process.stdout.fileno(), 1)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    done = finish(process, timeout=5)
    check(done.code in (INTERRUPTED, -signal.SIGINT), "the status", done)


@case("a job in the background, which a shell starts with SIGINT ignored, goes on")
def ignored(box):
    process = start(box, "run", real_model(), "--raw", "-n", "150", "--ignore-eos", "Hello",
                    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    os.read(process.stdout.fileno(), 1)
    done = interrupt(process)
    equal(done.code, DONE, "the status of %r" % done)


@case("SIGTERM and SIGHUP end it, quickly and without a trace")
def terminated(box):
    for how in (signal.SIGTERM, signal.SIGHUP):
        process = start(box, "run", real_model(), *LONG, "Hello")
        os.read(process.stdout.fileno(), 1)
        done = interrupt(process, how)
        check(done.code == -how and done.err == b"" and done.seconds < 3, "the end", done)
        nothing_half_written(box)


@case("stopped and continued, it goes on")
def stopped(box):
    process = start(box, "run", real_model(), "--raw", "--temp", "0", "-n", "40", "--ignore-eos",
                    "Hello")
    os.read(process.stdout.fileno(), 1)
    process.send_signal(signal.SIGSTOP)
    time.sleep(0.2)
    process.send_signal(signal.SIGCONT)
    equal(finish(process).code, DONE, "the status")


@case("a reader that goes away ends the answer, quietly and soon")
def reader_gone(box):
    for words in (["run", real_model(), *LONG, "Hello"], ["inspect", real_model(), "--full"],
                  ["tokenize", real_model(), "word " * 20000]):
        process = start(box, *words)
        os.read(process.stdout.fileno(), 1)
        process.stdout.close()
        process.stdout = None
        begin = time.monotonic()
        _, err = process.communicate(timeout=20)
        check(time.monotonic() - begin < 5, "%s went on" % words[0])
        equal(err, b"", "stderr of %s" % words[0])
        check(process.returncode in (DONE, -signal.SIGPIPE, 141), "the status", process.returncode)


@case("a full disk behind stdout is said, with status 1, by every command that prints")
def full_stdout(box):
    model = box.tiny()
    for words in (["run", model, "--raw", "-n", "2", "x"], ["run", model, "--raw", "-n", "2", "--json", "x"],
                  ["devices"], ["devices", "--json"], ["plan", model], ["graph", model, "--json"],
                  ["inspect", model, "--json"], ["tokenize", model, "--ids", "x"], ["--help"],
                  ["--version"], ["pull"], ["run", "--help"],
                  ["bench", model, "-p", "8", "-n", "1", "-r", "1", "-o", "csv"]):
        with open("/dev/full", "wb") as full:
            done = run(box, *words, stdout=full)
        fails(done, FAILED, "cannot write to stdout", "No space left")


@case("closed descriptors: an error for what is needed, and none of our files gets their numbers")
def closed(box):
    model = box.tiny()

    def without(*numbers):
        def close():
            for number in numbers:
                os.close(number)
        return close
    done = run(box, "run", model, "--raw", "x", preexec_fn=without(1))
    fails(done, FAILED, "cannot write to stdout")
    wanted = succeeds(run(box, "run", model, "--raw", "--temp", "0", "-vv", "x")).out
    for numbers in ((2,), (0,), (0, 2)):
        for name in box.list_cache():
            os.unlink(os.path.join(box.cache, name))
        done = run(box, "run", model, "--raw", "--temp", "0", "-vv", "x",
                   preexec_fn=without(*numbers))
        equal((done.code, done.out), (DONE, wanted), "without %r" % (numbers,))
    equal(run(box, "run", model, "--raw", "x", preexec_fn=without(0, 1, 2)).code, FAILED,
          "without any")
    with open(os.path.join(box.cache, box.list_cache()[0]), "rb") as pack:
        equal(pack.read(7), b"SLMPACK", "the pack")


@case("a slow reader and a stdout that does not block get the whole answer")
def slow_reader(box):
    words = ("run", box.tiny(n_ctx=8192), "--raw", "--temp", "5", "-n", "6000", "--ignore-eos",
             "--seed", "1", "x")
    wanted = succeeds(run(box, *words)).out
    process = start(box, *words, preexec_fn=lambda: os.set_blocking(1, False))
    got = b""
    while piece := os.read(process.stdout.fileno(), 700):
        got += piece
        time.sleep(0.002)
    equal((finish(process).code, got == wanted), (DONE, True), "status, and whether it is whole")


@case("the answer comes piece by piece, not at its end")
def piece_by_piece(box):
    process = start(box, "run", real_model(), "--raw", "--temp", "0", "-n", "120", "--ignore-eos",
                    "Hello")
    pieces = 0
    while os.read(process.stdout.fileno(), 4096):
        pieces += 1
    finish(process)
    check(pieces > 20, "an answer of 120 tokens came in %d pieces" % pieces)


@case("an answer to a terminal that hangs up ends it")
def hangs_up(box):
    master, slave = os.openpty()
    process = start(box, "run", real_model(), *LONG, "Hello", stdout=slave,
                    stderr=subprocess.PIPE)
    os.close(slave)
    os.read(master, 1)
    os.close(master)
    begin = time.monotonic()
    _, err = process.communicate(timeout=20)
    check(time.monotonic() - begin < 5, "it went on")
    check(process.returncode in (DONE, FAILED, -signal.SIGHUP), "the status", process.returncode)
    check(len(sentences(type("Done", (), {"err_text": err.decode()}))) <= 1, "stderr", err)


main()

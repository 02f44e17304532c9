#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""At a terminal: conversations, Ctrl-C and Ctrl-D, progress, and texts that would steer it."""
import ctypes.util
import json
import os
import re
import time

from harness import (DONE, INTERRUPTED, SANITIZED, USAGE, Skip, case, check, equal, main,
                     real_model, run, succeeds)
from terminal import Terminal

PROMPT = b"> "
UP, CTRL_C, CTRL_D = b"\x1b[A", b"\x03", b"\x04"


def chat(box, *options, model=None, **others):
    terminal = Terminal(box, "run", model or box.tiny(n_ctx=2048), "--raw", "--temp", "0", *options,
                        **others)
    terminal.wait("/help lists")
    terminal.wait(PROMPT)
    return terminal


def press(terminal, key):
    """No sooner than a person could: the line editor has taken over."""
    time.sleep(0.15)
    terminal.type(key)


def needs_libedit():
    if not ctypes.util.find_library("edit"):
        raise Skip("libedit is not installed")


@case("two questions, their answers, and Ctrl-D leaves with status 0")
def two_questions(box):
    with chat(box, "-n", "8") as terminal:
        for question in ("hello there", "once more"):
            terminal.type(question + "\r")
            terminal.wait(question)
            check(len(terminal.wait(PROMPT).strip()) > 0, "no answer", terminal.seen)
        press(terminal, CTRL_D)
        equal(terminal.end(), DONE, "the status")
        check(terminal.seen.endswith(b"\n"), "the shell's prompt would stand in our line")


@case("the arrow key brings back what was typed, also in the next conversation")
def history(box):
    needs_libedit()
    with chat(box, "-n", "4") as terminal:
        terminal.type("a question to keep\r")
        terminal.wait("a question to keep")
        terminal.wait(PROMPT)
        terminal.type(UP)
        terminal.wait("a question to keep")
        terminal.type("\r")
        terminal.wait(PROMPT)
        press(terminal, CTRL_D)
        equal(terminal.end(), DONE, "the status")
    path = box.file("home/.local/state/slm/history")
    equal(os.stat(path).st_mode & 0o077, 0, "others may read the history")
    with chat(box, "-n", "4") as terminal:
        terminal.type(UP)
        terminal.wait("a question to keep")
        terminal.type("\x15" + "not this one\r")
        terminal.wait(PROMPT)
        terminal.type("/exit\r")
        equal(terminal.end(), DONE, "the status")
    os.unlink(path)
    with chat(box, "--no-history") as terminal:
        terminal.type("/stats\r")
        terminal.wait(PROMPT)
        press(terminal, CTRL_D)
        terminal.end()
    check(not os.path.exists(path), "--no-history kept a history")


@case("the commands of a conversation, and those that are none")
def commands(box):
    with chat(box, "-n", "6", "--temp", "0") as terminal:
        terminal.type("/help\r")
        told = terminal.wait(PROMPT)
        for name in (b"/clear", b"/save", b"/load", b"/regen", b"/system", b"/stats", b"/exit"):
            check(name in told, "no %r" % name, told)
        for line, part in (("/wibble", "there is no /wibble"), ("/save", "name of a file"),
                           ("/load nowhere.json", "cannot open"), ("/regen", "no answer"),
                           ("/save /nonexistent/x", "cannot save")):
            terminal.type(line + "\r")
            terminal.wait(part)
            terminal.wait(PROMPT)
        terminal.type("one\r")
        terminal.wait("one")
        first = terminal.wait(PROMPT)
        terminal.type("/regen\r")
        terminal.wait("/regen")
        check(first.strip() in terminal.wait(PROMPT), "another answer to the same question")
        terminal.type("/save talk.json\r")
        terminal.wait(PROMPT)
        with open(box.file("talk.json"), encoding="utf-8") as talk:
            roles = [message["role"] for message in json.load(talk)]
        equal(roles, ["user", "assistant"], "what was saved")
        for line, part in (("/clear", ""), ("/load talk.json", "2 messages"), ("/stats", "tok/s")):
            terminal.type(line + "\r")
            terminal.wait(part)
            terminal.wait(PROMPT)
        terminal.type("/exit\r")
        equal(terminal.end(), DONE, "the status")


@case("files that hold no conversation are refused, and the conversation goes on")
def bad_talks(box):
    with chat(box, "-n", "2") as terminal:
        for text in ("", "{", "{}", "[1]", '[{"role": 1, "content": "x"}]', '[{"role": "user"}]',
                     "\0" * 100, "[" * 100000, '"x"'):
            box.write("talk.json", text)
            terminal.type("/load talk.json\r")
            terminal.wait("slm: ")
            terminal.wait(PROMPT)
        terminal.type("hello\r")
        terminal.wait("hello")
        terminal.wait(PROMPT)
        press(terminal, CTRL_D)
        equal(terminal.end(), DONE, "the status")


@case("a text of several lines, by a backslash and by quotes")
def several_lines(box):
    with chat(box, "-n", "2") as terminal:
        terminal.type("one\\\r")
        terminal.wait("\n. ")
        terminal.type("two\r")
        terminal.wait(PROMPT)
        terminal.type('"""three\r')
        terminal.wait("\n. ")
        terminal.type('four"""\r')
        terminal.wait(PROMPT)
        terminal.type("/save talk.json\r")
        terminal.wait("/save")
        terminal.wait(PROMPT)
        with open(box.file("talk.json"), encoding="utf-8") as talk:
            said = [one["content"] for one in json.load(talk) if one["role"] == "user"]
        equal(said, ["one\ntwo", "three\nfour"], "what was asked")


@case("Ctrl-C ends an answer and not the conversation; twice at an empty line it does")
def interrupts(box):
    model = box.tiny(n_ctx=60000) if SANITIZED else real_model()
    with chat(box, "-n", "-1", "--ignore-eos", model=model) as terminal:
        for question in ("first", "second"):
            terminal.type(question + "\r")
            terminal.wait(question)
            time.sleep(0.5)
            press(terminal, CTRL_C)
            terminal.wait(b"\n" + PROMPT, seconds=5)
        terminal.type("half a line")
        terminal.wait("half a line")
        press(terminal, CTRL_C)
        terminal.wait(PROMPT)
        press(terminal, CTRL_C)
        terminal.wait("Ctrl-C again")
        terminal.wait(PROMPT)
        press(terminal, CTRL_C)
        equal(terminal.end(), INTERRUPTED, "the status")


@case("a question longer than the context is taken back, and the conversation goes on")
def too_long(box):
    with chat(box, "-n", "2", "--ctx", "64") as terminal:
        terminal.type("x" * 70 + "\r")
        terminal.wait("context holds 64")
        terminal.wait("taken back")
        terminal.wait(PROMPT)
        terminal.type("short\r")
        terminal.wait("short")
        check(len(terminal.wait(PROMPT).strip()) > 0, "no answer")


@case("a context that fills up in the course of a conversation is said, and /clear helps")
def fills_up(box):
    with chat(box, "-n", "20", "--ctx", "64", "--ignore-eos") as terminal:
        for _ in range(6):
            terminal.type("hello\r")
            terminal.wait("hello")
            if b"taken back" in terminal.wait(PROMPT):
                break
        else:
            check(False, "nothing was said", terminal.seen)
        terminal.type("/clear\r")
        terminal.wait("/clear")
        terminal.wait(PROMPT)
        terminal.type("hello\r")
        terminal.wait("hello")
        check(b"taken back" not in terminal.wait(PROMPT), "still full")


@case("an answer that the context ends is said to be cut off, in a conversation too")
def cut_off(box):
    with chat(box, "--ctx", "64", "--ignore-eos") as terminal:
        terminal.type("hello\r")
        terminal.wait("hello")
        check(b"cut off" in terminal.wait(PROMPT), "nothing was said", terminal.seen)


@case("what a model says cannot steer the terminal; a pipe gets its bytes")
def escapes(box):
    words = ("run", box.tiny(), "--raw", "--temp", "0", "-n", "4", "--logit-bias", "27=100")
    equal(succeeds(run(box, *words, "x")).out, b"\x1b" * 4 + b"\n", "in a pipe")
    for token in (27, 0, 7, 8, 13, 127, 155):
        with Terminal(box, *words[:-1], "%d=100" % token, "x") as terminal:
            equal(terminal.end(), DONE, "the status")
            check(not re.search(rb"[\x00-\x08\x0e-\x1f\x7f\x9b]", terminal.seen),
                  "byte %d reached the terminal" % token, terminal.seen)
            check(token == 13 or b"\r" not in terminal.seen.replace(b"\r\n", b""), "a return",
                  terminal.seen)


@case("names and errors cannot steer it either")
def escapes_in_names(box):
    gguf = box.tiny(name="\x1b[2J.gguf")
    for words in (("run", "\x1b[31mx", "x"), ("run", box.file("\x1b[0m.gguf"), "x"),
                  ("inspect", gguf), ("\x1b[31m",), ("run", gguf, "--\x1b[31m"),
                  ("run", gguf, "--raw", "--device", "\x1b[31m", "x")):
        with Terminal(box, *words) as terminal:
            terminal.end()
            check(b"\x1b" not in terminal.seen, "an escape from %r" % (words,), terminal.seen)


@case("progress is drawn at a terminal only, and wiped when it is done", slow=True)
def progress(box):
    words = ("run", real_model(), "--raw", "-n", "1", "--no-cache", "x")
    equal(run(box, *words).err, b"", "stderr in a pipe")
    with Terminal(box, *words, stdout=os.open(os.devnull, os.O_WRONLY)) as terminal:
        equal(terminal.end(), DONE, "the status")
        check(b"packing" in terminal.seen, "no progress", terminal.seen)
        check(terminal.seen.endswith(b"\r\x1b[K"), "it was not wiped", terminal.seen)


@case("an answer in a file is not mixed with the conversation around it")
def answers_elsewhere(box):
    with open(box.file("answers"), "wb") as out:
        with chat(box, "-n", "4", stdout=out.fileno()) as terminal:
            terminal.type("hello\r")
            terminal.wait("hello")
            terminal.wait(PROMPT)
            press(terminal, CTRL_D)
            equal(terminal.end(), DONE, "the status")
    with open(box.file("answers"), "rb") as answers:
        text = answers.read()
    check(b"> " not in text and b"/help" not in text and text.strip(), "the answers", text)


@case("a conversation is no JSON document; --help fits the terminal's width")
def others(box):
    with Terminal(box, "run", box.tiny(), "--json") as terminal:
        equal(terminal.end(), USAGE, "the status")
    with Terminal(box, "run", "--help") as terminal:
        equal(terminal.end(), DONE, "the status")
        equal([line for line in terminal.seen.split(b"\r\n") if len(line) > 80], [], "long lines")


@case("terminals that can do little, and locales that are none, hold conversations too")
def poor_terminals(box):
    for environment in ({"TERM": "dumb"}, {"TERM": ""}, {"TERM": "wibble"}, {"LC_ALL": "wibble"},
                        {"LC_ALL": "C"}, {"HOME": ""}, {"HOME": "/dev/null"}):
        with chat(box, "-n", "2", environment=environment) as terminal:
            terminal.type("größer\r")
            terminal.wait("er")
            terminal.wait(PROMPT)
            press(terminal, CTRL_D)
            equal(terminal.end(), DONE, "the status with %r" % environment)


main()

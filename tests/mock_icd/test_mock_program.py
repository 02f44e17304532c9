# SPDX-License-Identifier: MIT
"""slm on the driver that fails on command: what fails is said, soon, and the answer goes on."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import (DEVICE, DONE, FAILED, MEMORY, case, check, equal, fails, finish, main,
                     run, sentences, start, succeeds)
from terminal import Terminal

VENDORS = os.environ.get("SLM_MOCK_VENDORS") or sys.exit("SLM_MOCK_VENDORS must name a folder")
# Shared by all cases and kept, because the driver underneath takes its time to compile.
CACHE = os.environ.get("SLM_MOCK_CACHE") or sys.exit("SLM_MOCK_CACHE must name a folder")


def world(box, **settings):
    """The environment in which only the mock driver is found; settings without their SLM_MOCK_."""
    found = {"OCL_ICD_VENDORS": VENDORS, "SLM_MOCK_STATS": box.file("stats"),
             "SLM_CACHE_DIR": CACHE, "POCL_CACHE_DIR": os.path.join(CACHE, "pocl")}
    if "SLM_CLC" in os.environ:
        found["SLM_CLC"] = os.environ["SLM_CLC"]
    found.update({"SLM_MOCK_" + name: str(value) for name, value in settings.items()})
    return found


def statistics(box):
    """Of the last slm that came to its end."""
    with open(box.file("stats"), encoding="ascii") as lines:
        return [json.loads(line) for line in lines if '"program":"slm"' in line][-1]


def words(model, *options, n=6):
    return ["run", model, "--raw", "--temp", "0", "-n", str(n), "--ignore-eos", *options, "Hello"]


def warm(box, **settings):
    """A model whose programs are compiled: what a cold start does in a child does not come again."""
    model = box.tiny()
    done = succeeds(run(box, *words(model, "--device", "mock"), environment=world(box, **settings),
                        timeout=120))
    equal(statistics(box)["live"], 0, "objects left in the driver")
    return model, done.out


def len_that_takes(box, model, mib):
    """The context whose cache takes so much."""
    memory = json.loads(succeeds(run(box, "plan", model, "--ctx", "1024", "--device", "cpu",
                                     "--json")).out)["memory"]
    return mib * 1024 * (1 << 20) // memory["kv_bytes"]


def nothing_left(box):
    stats = statistics(box)
    equal(stats["live"], 0, "objects left in the driver: %r" % stats)
    check(all(d["live_bytes"] == 0 for d in stats["devices"]), "bytes left", stats)


@case("it computes what the processor computes, and leaves nothing behind")
def works(box):
    model, out = warm(box)
    check(statistics(box)["devices"][0]["launches"] > 0, "the mock was not used")
    equal(succeeds(run(box, *words(model, "--device", "cpu"))).out, out, "the processor's answer")


@case("what is said in the middle of an answer has a line of its own, and changes no file")
def says_in_a_line(box):
    model, out = warm(box)
    # Late enough for a part of the answer to stand there.
    at = statistics(box)["devices"][0]["launches"] - 4
    given = words(model, "--device", "mock")
    faults = world(box, FAULTS="removed@%d" % at)
    with Terminal(box, *given, environment=faults) as terminal:
        equal(terminal.end(60), DONE, "the status")
        lines = terminal.seen.replace(b"\r", b"").split(b"\n")
    said = [line for line in lines if b"slm: " in line]
    equal(len(said), 2, "sentences of %r" % lines)
    check(all(line.startswith(b"slm: ") for line in said), "in the middle of a line", lines)
    check(not lines[0].startswith(b"slm: "), "it was said before the answer", lines)
    with open(box.file("err"), "wb") as err, open(box.file("out"), "wb") as kept:
        with Terminal(box, *given, environment=faults, stdout=kept.fileno()) as terminal:
            equal(terminal.end(60), DONE, "the status")
        check(terminal.seen.startswith(b"slm: "), "a line before it", terminal.seen)
        with Terminal(box, *given, environment=faults, stderr=err.fileno()) as terminal:
            equal(terminal.end(60), DONE, "the status")
    for name, begins in (("out", out), ("err", b"slm: ")):
        with open(box.file(name), "rb") as file:
            check(file.read().startswith(begins), "what is in " + name)
    equal(terminal.seen.replace(b"\r", b"").count(b"\n"), 1, "lines of %r" % terminal.seen)


@case("slm devices marks all that are weighed, and says that this is what the mark means")
def marks(box):
    for kind, others in (("accelerator", 1), ("cpu", 0)):
        done = succeeds(run(box, "devices", environment=world(box, TYPE=kind)))
        lines = done.out_text.splitlines()
        equal(len([line for line in lines if line.startswith("*  ")]), 1 + others, "marks")
        equal(lines[-1].startswith("* weighed by measurement"), others > 0, "the legend")
        check(others > 0 or lines[-1] == "* used where --device is not given", "the legend", lines)


@case("a driver that keeps no binaries compiles at every start")
def no_binaries(box):
    model, out = warm(box)
    for _ in range(2):
        done = run(box, *words(model, "--device", "mock"), timeout=120, environment={
            **world(box, BINARIES=0), "SLM_CACHE_DIR": box.file("cache")})
        equal(succeeds(done).out, out, "the answer")
    check(statistics(box)["devices"][0]["builds"] > 0, "nothing was compiled")


def goes_on(box, done, out, says):
    """The cause and what is done about it, and the answer as if nothing had happened."""
    equal(done.code, DONE, "the status of %r" % done)
    equal(done.out, out, "the answer of %r" % done)
    equal(len(sentences(done)), 2, "sentences of %r" % done)
    check(says in done.err_text and "is left out" in done.err_text, "the cause", done)


def ends_or_goes_on(box, done, out, says):
    """A device that was named and fails while the model is loaded ends the program."""
    if done.code == DONE:
        return goes_on(box, done, out, says)
    check(done.code in (FAILED, DEVICE), "the status", done)
    equal(done.out, b"", "an answer")
    equal(len(sentences(done)), 1, "sentences of %r" % done)
    check(says in done.err_text, "the cause", done)
    return None


@case("the processor ends the answer of a device that fails, wherever it fails")
def fails_running(box):
    model, out = warm(box)
    load = statistics(box)["devices"][0]
    for kind, says in (("resources", "CL_OUT_OF_RESOURCES"), ("unavailable", "CL_DEVICE_NOT_AVAILABLE"),
                       ("removed", "CL_DEVICE_NOT_AVAILABLE"), ("resources@run/", "CL_OUT_OF_RESOURCES")):
        for at in (1, load["launches"] // 2, load["launches"]):
            fault = kind + ("%d" if "/" in kind else "@%d") % at
            done = run(box, *words(model, "--device", "mock"), environment=world(box, FAULTS=fault))
            tell = ends_or_goes_on if at == 1 else goes_on
            tell(box, done, out, says)
            nothing_left(box)


@case("the processor takes what a device that is left is too small for")
def too_small_for_all(box):
    model, _ = warm(box)
    # The cache makes each half of it three quarters of the second device.
    context = ("--ctx", str(len_that_takes(box, model, 36)))
    given = words(model, *context, "--device", "mock device 0,mock device 1", "--split", "1,1",
                  n=24)
    small = {"DEVICES": 2, "MEMORY_MIB": "900,30"}
    out = succeeds(run(box, *given, environment=world(box, **small))).out
    launches = statistics(box)["devices"][0]["launches"]
    done = run(box, *given, environment=world(box, **small, FAULTS="removed@launch/%d:0" %
                                              (launches // 2)))
    equal(done.code, DONE, "the status of %r" % done)
    equal(done.out, out, "the answer")
    check("does not fit: its part on mock device 1" in done.err_text, "the reason", done)
    nothing_left(box)
    fails(run(box, *words(model, *context, "--device", "mock device 1"),
              environment=world(box, **small)), MEMORY, "does not fit", "mock device 1")


@case("a device that hangs is given up in its time, and the answer goes on")
def hangs(box):
    model, out = warm(box)
    for at in (1, 10, 40):
        done = run(box, *words(model, "--device", "mock"),
                   environment={**world(box, FAULTS="hang@run/%d" % at),
                                "SLM_OPENCL_WATCHDOG_MS": "1000"})
        tell = goes_on if at == 40 else ends_or_goes_on
        tell(box, done, out, "hangs")
        check(done.seconds < 10, "the time", done)


@case("a short wait is no fault")
def hiccup(box):
    model, out = warm(box)
    equal(succeeds(run(box, *words(model, "--device", "mock"), environment=world(
        box, FAULTS="hang=100@run/20,hang=100@run/40"))).out, out, "the answer")


@case("what fails while the model is loaded is told by the status")
def fails_loading(box):
    model, _ = warm(box)
    for fault, code in (("memory@1", MEMORY), ("memory@7", MEMORY), ("unavailable@buffer/3", DEVICE),
                        ("removed@load/1", DEVICE), ("removed@0", DEVICE)):
        done = run(box, *words(model, "--device", "mock"), environment=world(box, FAULTS=fault))
        fails(done, code)
        nothing_left(box)


@case("a compiler that fails or aborts takes only its device with it")
def fails_compiling(box):
    for number, fault in enumerate(("build@1+", "abort-build")):
        model = box.tiny()
        done = run(box, *words(model, "--device", "mock"), environment={
            **world(box, FAULTS=fault), "SLM_CACHE_DIR": box.file("cache%d" % number)})
        equal(done.code, DEVICE, "the status of %r" % done)
        equal(done.out, b"", "an answer")
        nothing_left(box)


@case("where nobody named a device the processor takes over from one that cannot load")
def taken_over(box):
    model, out = warm(box)
    for fault in ("memory@3", "unavailable@buffer/3", "removed@0"):
        done = succeeds(run(box, *words(model), environment=world(box, FAULTS=fault)))
        equal(done.out, out, "the answer with %s" % fault)
        nothing_left(box)


@case("too little memory is found out, and nothing is left of the attempt")
def small(box):
    model = box.tiny(n_embd=128, n_ff=2048)
    done = run(box, *words(model, "--device", "mock"), environment=world(box, MEMORY_MIB=1))
    fails(done, MEMORY)
    nothing_left(box)


@case("a fault can be armed while it answers")
def armed_later(box):
    model, _ = warm(box)
    process = start(box, *words(model, "--device", "mock", n=200),
                    environment=world(box, CONTROL=box.file("control"), FAULTS="slow=5"))
    os.read(process.stdout.fileno(), 1)
    box.write("control.new", "unavailable@3\n")
    os.rename(box.file("control.new"), box.file("control"))
    begin = time.monotonic()
    done = finish(process)
    equal(done.code, DONE, "the status of %r" % done)
    check("is left out" in done.err_text, "nothing failed", done)
    check(time.monotonic() - begin < 10, "the time", done)
    nothing_left(box)


@case("devices that report nothing, or the absurd, are listed as text and used if they can be")
def reports(box):
    model, out = warm(box)
    listed = json.loads(succeeds(run(box, "devices", "--json", environment=world(
        box, DEVICES=3, REPORT="zero,odd,absurd"))).out)
    found = {device["selector"]: device for device in listed if device["selector"].startswith("opencl")}
    equal(len(found), 3, "the devices in %r" % listed)
    for device in found.values():
        check(all(ord(c) >= 32 for c in device["name"]) and len(device["name"]) < 128, "a name", device)
    for report in ("odd", "absurd"):
        equal(succeeds(run(box, *words(model, "--device", "opencl:0.0"), environment=world(
            box, REPORT=report))).out, out, "the answer of an %s device" % report)
    fails(run(box, *words(model, "--device", "opencl:0.0"), environment=world(box, REPORT="zero")),
          DEVICE, "memory")


@case("two devices: only the one that is gone is missing")
def one_of_two(box):
    model, out = warm(box)
    for at in (0, 1):
        done = run(box, *words(model, "--device", "opencl:0.0"),
                   environment=world(box, DEVICES=2, FAULTS="unavailable@1:%d" % at))
        equal(done.code, DONE, "the status of %r" % done)
        equal(done.out, out, "the answer")
        equal("is left out" in done.err_text, at == 0, "who failed, in %r" % done)


@case("a driver whose library is gone does not hide the others")
def library_gone(box):
    model, out = warm(box)
    found = {**world(box), "OCL_ICD_VENDORS": VENDORS + "_gone"}
    equal(succeeds(run(box, *words(model, "--device", "mock"), environment=found)).out, out, "the answer")


if __name__ == "__main__":
    main()

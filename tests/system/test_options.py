#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Options that are none, impossible numbers, contradictions; and which device is used."""
import json
import os

from harness import (DEVICE, DONE, USAGE, Skip, answer, case, check, equal, fails, main, run,
                     sentences, succeeds)

NONE = {"OCL_ICD_VENDORS": "/nonexistent"}


def usage(box, *words, parts=()):
    return fails(run(box, *words), USAGE, *parts)


@case("commands and options that are none, with what may be meant")
def unknown(box):
    usage(box, "bogus", parts=["'bogus'", "slm --help"])
    usage(box, "devics", parts=["'devices'"])
    usage(box, "run", "--devcie", "cpu", "m", parts=["--device"])
    usage(box, "run", "--wibble", "m", parts=["--wibble", "slm run --help"])
    usage(box, "run", "-Z", "m", parts=["-Z", "slm run --help"])
    usage(box, "--wibble", parts=["--wibble"])
    usage(box, "run", "--top", "1", "m", parts=["--top-k", "--top-p"])
    usage(box, "pull", "--wibble", parts=["--wibble"])


@case("without a command, help goes to stderr and the status is 2")
def no_command(box):
    done = run(box)
    equal((done.code, done.out), (USAGE, b""), "status and stdout")
    check("Usage: slm" in done.err_text and "perplexity" in done.err_text, "no help", done)


@case("--help goes to stdout, and needs nothing else to be right")
def help_text(box):
    for words in (("--help",), ("-h",), ("run", "--help"), ("run", "-h", "m"),
                  ("pull", "--help"), ("bench", "m", "--help")):
        done = succeeds(run(box, *words))
        check(done.out.startswith(b"Usage: slm") and done.err == b"", "help", done)


@case("values that are missing, and values where there is none")
def values(box):
    usage(box, "run", "m", "--temp", parts=["--temp", "needs a value"])
    usage(box, "run", "m", "-n", parts=["--predict", "needs a value"])
    usage(box, "run", "m", "--raw=yes", parts=["--raw", "takes no value"])
    usage(box, "run", parts=["MODEL"])
    usage(box, "run", "m", "one", "two", parts=["'two'", "one argument too many"])
    usage(box, "devices", "x", parts=["'x'"])
    usage(box, "inspect", parts=["MODEL"])


@case("impossible numbers name the option, the value and what is allowed")
def numbers(box):
    for name in ("--temp", "--top-p", "--min-p", "--repeat-penalty", "--frequency-penalty"):
        for value in ("nan", "inf", "-inf", "1e999", "", " ", "1x", "0x", "1,5", "--", "ten"):
            usage(box, "run", "m", "%s=%s" % (name, value), parts=[name, "'%s'" % value])
    for name in ("--top-k", "--ctx", "--batch", "--threads", "--repeat-last-n", "--predict",
                 "--seed"):
        for value in ("", "-5", "1.5", "1e3", "7x", "99999999999999999999999", "nan", "+-1"):
            usage(box, "run", "m", "%s=%s" % (name, value), parts=[name, "'%s'" % value])
    for value in ("", "1,", ",1", "1,,2", "a", "-1", "1 2", ",".join("1" * 33)):
        usage(box, "bench", "m", "-p", value, parts=["--n-prompt"])
    usage(box, "run", "m", "--temp", "-1", parts=["0 to 100"])
    usage(box, "run", "m", "--kv-type", "f64", parts=["f16 or q8_0", "'f64'"])
    usage(box, "bench", "m", "-o", "xml", parts=["json", "'xml'"])
    usage(box, "bench", "m", "-r", "0", parts=["--repetitions"])
    for value in ("x", "5", "5=", "=5", "-1=5", "5=nan", "5=101", "5=1x", "99999999999=1"):
        usage(box, "run", "m", "--logit-bias", value, "x", parts=["--logit-bias", value])


@case("a bias for a token that the model does not have is refused by its number")
def bias(box):
    usage(box, "run", box.tiny(), "--raw", "--logit-bias", "260=1", "x", parts=["260"])


@case("contradictions are refused before the model is loaded")
def contradictions(box):
    model = box.tiny()
    text = box.write("text", "text")
    usage(box, "run", model, "x", "-f", text, parts=["--file"])
    usage(box, "run", model, "--raw", "--system", "s", "x", parts=["--system", "--raw"])
    usage(box, "run", model, "--stop", "", "x", parts=["--stop"])
    usage(box, "run", model, "--activations", "float", "x", parts=["--device reference"])
    usage(box, "tokenize", model, "x", "-f", text, parts=["--file"])
    usage(box, "perplexity", model, parts=["--file"])
    usage(box, "perplexity", parts=["{-f TEXT | --kl-base FILE} MODEL"])
    check("{-f TEXT | --kl-base FILE} MODEL\n" in run(box, "perplexity", "--help").out_text,
          "help does not show what must be given")
    usage(box, "run", model, *("--stop x " * 65).split(), "x", parts=["--stop"])


@case("options that say how to measure are refused where nothing is measured")
def idle(box):
    for words in (("--anew",), ("--types", "Q8_0"), ("--device", "cpu"), ("-t", "1"), ("--no-cache",)):
        done = usage(box, "devices", *words, parts=["--calibrate"])
        equal(done.out, b"", "stdout")


@case("a device that is not there is an error, with the status for it")
def no_device(box):
    model = box.tiny()
    for words in (("run", model, "--raw", "x"), ("plan", model), ("bench", model)):
        for device in ("wibble", "opencl:99", "opencl:0.99", "opencl:x", "", ",", "cpu,", "cpu,wibble"):
            fails(run(box, *words, "--device", device), DEVICE)
    fails(run(box, "run", model, "--raw", "--device", "wibble", "x"), DEVICE, "'wibble'",
          "slm devices")


@case("without any OpenCL driver --device opencl fails, and nothing else does")
def no_driver(box):
    model = box.tiny()
    fails(run(box, "run", model, "--raw", "--device", "opencl", "x", environment=NONE), DEVICE,
          "opencl", "slm devices")
    wanted = answer(box, model, options=["--device", "cpu"])
    equal(answer(box, model, environment=NONE), wanted, "the answer")
    done = run(box, "run", model, "--raw", "-v", "-n", "1", "x", environment=NONE)
    check("no OpenCL platform" in succeeds(done).err_text, "-v does not say so", done)
    devices = json.loads(succeeds(run(box, "devices", "--json", environment={
        **NONE, "SLM_SYSROOT": box.path})).out)
    equal([one["selector"] for one in devices], ["cpu", "reference"], "the devices")


@case("broken OpenCL drivers beside a good one: it is found, and answers come", slow=True)
def broken_drivers(box):
    vendors = "/etc/OpenCL/vendors"
    os.mkdir(box.file("icd"))
    box.write("text.so", "this is no library")
    for name, line in (("a", "/nonexistent/lib.so"), ("b", box.file("text.so")),
                       ("c", "libm.so.6"), ("d", ""), ("f", "x" * 10000),
                       ("g", box.path)):
        box.write("icd/%s.icd" % name, line + "\n")
    good = os.path.isdir(vendors) and "pocl.icd" in os.listdir(vendors)
    if good:
        with open(os.path.join(vendors, "pocl.icd"), "rb") as source:
            box.write("icd/z.icd", source.read())
    environment = {"OCL_ICD_VENDORS": box.file("icd")}
    model = box.tiny()
    equal(answer(box, model, environment=environment),
          answer(box, model, options=["--device", "cpu"]), "the answer")
    done = succeeds(run(box, "devices", "--json", environment=environment))
    devices, said = json.loads(done.out), sentences(done)
    for name, reason in (("a", "/nonexistent/lib.so"), ("b", "text.so"), ("f", ""), ("g", "")):
        check([line for line in said if " %s.icd cannot be loaded: " % name in line and reason in line],
              "why %s.icd is no driver" % name, said)
    equal(len(said), 4, "sentences of %r" % said)
    fails(run(box, "run", model, "--device", "wibble", "x", environment=environment), DEVICE,
          "'wibble'", "a.icd", "/nonexistent/lib.so")
    if not good:
        raise Skip("no PoCL to stand beside the broken ones")
    check("opencl:0.0" in [one["selector"] for one in devices], "PoCL was not found", devices)


@case("several devices share a model, and the answer stays")
def shared(box):
    model = box.tiny()
    wanted = answer(box, model, options=["--device", "cpu"])
    for device in ("cpu,cpu", "cpu,reference", "reference"):
        equal(len(answer(box, model, options=["--device", device])) > 1, True, device)
    equal(answer(box, model, options=["--device", "cpu,cpu"]), wanted, "cpu,cpu")


@case("variables with nonsense in them are named and ignored, or an error; never a crash")
def variables(box):
    model = box.tiny()
    done = run(box, "run", model, "--raw", "-n", "1", "x", environment={"SLM_CPU": "wibble"})
    check("SLM_CPU=wibble" in succeeds(done).err_text, "no warning", done)
    for name in ("SLM_CLC", "SLM_CLC_SECONDS", "SLM_OPENCL_FAMILY", "SLM_OPENCL_FORM", "HOME",
                 "XDG_CACHE_HOME", "LC_ALL", "TERM"):
        for value in ("", "wibble", "/dev/null", "%s%n" * 50):
            succeeds(run(box, "run", model, "--raw", "-n", "1", "x", environment={name: value}))


@case("without HOME and cache folder nothing is kept, and -v says so")
def no_home(box):
    model = box.tiny()
    for name in ("HOME", "SLM_CACHE_DIR", "SLM_MODELS"):
        box.environment[name] = ""
    done = run(box, "run", model, "--raw", "-n", "1", "-v", "x")
    check("no cache folder" in succeeds(done).err_text, "-v does not say so", done)
    equal(run(box, "run", model, "--raw", "-n", "1", "x").err, b"", "stderr without -v")
    fails(run(box, "run", "smollm2-135m", "x"), 3, "SLM_MODELS")


@case("a cache folder of XDG counts when it is absolute, as its rules want")
def xdg(box):
    box.environment["SLM_CACHE_DIR"] = ""
    for value, place in ((box.file("xdg"), "xdg/slm"), ("relative", "home/.cache/slm")):
        box.environment["XDG_CACHE_HOME"] = value
        run(box, "run", box.tiny(), "--raw", "-n", "1", "x", environment=NONE)
        check(os.path.isdir(box.file(place + "/packed")), "nothing in %s" % place)
    check(not os.path.exists(box.file("relative")), "a relative folder was used")


@case("-v says more, on stderr only, before and behind the command")
def verbose(box):
    model = box.tiny()
    for words in (("-v", "run", model), ("run", model, "-v")):
        done = succeeds(run(box, *words, "--raw", "-n", "1", "x"))
        check(any("memory" in line for line in sentences(done)), "-v says nothing", done)
    equal(run(box, "run", model, "--raw", "-n", "1", "x").err, b"", "stderr without -v")
    equal(run(box, "--version").code, DONE, "--version")


main()

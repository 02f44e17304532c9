#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where a model runs, as users say it: lists, shares, a phase each; shown, drawn and measured."""
import json
import os
import stat
import xml.etree.ElementTree

from harness import DEVICE, USAGE, Skip, answer, case, check, equal, fails, main, run, succeeds


def plan_of(box, model, *words):
    return json.loads(succeeds(run(box, "plan", "--json", model, *words)).out)


@case("shares, lists and phases give the same answer as one device")
def same_answer(box):
    model = box.tiny()
    wanted = answer(box, model, options=["--device", "cpu"])
    for words in (["--device", "cpu,reference", "--split", "1,1"],
                  ["--device", "cpu,reference", "--split", "0,1"],
                  ["--device", "reference,cpu", "--split", "3,1"],
                  ["--device", "cpu", "--prefill-device", "reference"],
                  ["--prefill-device", "cpu", "--decode-device", "reference"]):
        equal(answer(box, model, options=words), wanted, " ".join(words))


@case("the plan says where each phase runs, and what is predicted")
def phases(box):
    got = plan_of(box, box.tiny(), "--prefill-device", "cpu")
    for phase in ("prefill", "decode"):
        check("plain C" not in [s["device"] for s in got[phase]], "the oracle is used", got)
    check(got["reason"], "there is no reason", got)
    check(got["prediction"]["prefill_tokens_s"] > 0, "no speed is predicted", got)


@case("a split is what was asked for, and says where it leaves a device nothing")
def given(box):
    done = succeeds(run(box, "plan", "--json", box.tiny(), "--device", "cpu,cpu", "--split", "1"))
    check("only device" in json.loads(done.out)["reason"], "the reason", done)
    done = run(box, "run", box.tiny(), "--raw", "--temp", "0", "-n", "1", "--device",
               "cpu,reference", "--split", "1000,1", "x")
    check(done.code == 0 and "leaves nothing for plain C" in done.err_text, "no warning", done)


@case("a plan that is run shows what was measured")
def measured(box):
    model = box.tiny()
    got = plan_of(box, model, "--run", "--device", "cpu")
    for segment in got["prefill"] + got["decode"]:
        check(segment["measured_s"] > 0, "a segment was not measured", segment)
    text = succeeds(run(box, "plan", "--run", "--device", "cpu", model)).out.decode()
    check("measured" in text, "the table shows nothing measured", text)


@case("a plan is drawn into a file, and nothing is left where that fails")
def drawn(box):
    path = box.file("plan.svg")
    succeeds(run(box, "plan", box.tiny(), "--svg", path))
    root = xml.etree.ElementTree.parse(path).getroot()
    check(root.tag.endswith("svg") and len(root) > 3, "the picture is no picture", root.tag)
    fails(run(box, "plan", box.tiny(), "--svg", box.file("none/plan.svg")), 1, "plan.svg",
          "No such file")
    os.mkfifo(box.file("fifo"))
    for place in (box.path, box.file("fifo")):
        fails(run(box, "plan", box.tiny(), "--svg", place), 1, "cannot write", place)
    check(stat.S_ISFIFO(os.stat(box.file("fifo")).st_mode), "the FIFO is gone", place)


def asks_drivers(box, model, *words, **others):
    done = succeeds(run(box, *words, "-v", **others) if words else
                    run(box, "run", model, "--raw", "-n", "1", "-v", "x", **others))
    return "none is loaded" not in done.err_text


@case("drivers that have nothing to choose are asked once, but by who wants to know")
def nothing_to_choose(box):
    model, kept = box.tiny(), os.path.join(box.cache, "no-devices")
    first = asks_drivers(box, model)
    if not os.path.exists(kept):
        raise Skip("there is a device to choose, or no driver at all")
    check(first and not asks_drivers(box, model), "they are asked each time")
    for words in (("plan", model), ("devices",),
                  ("run", model, "--raw", "-n", "1", "--device", "cpu", "x")):
        check(asks_drivers(box, model, *words), "not asked by", words)
    check(asks_drivers(box, model, environment={"RUSTICL_ENABLE": "none"}),
          "a variable that drivers obey changes nothing")
    with open(kept, "wb") as out:
        out.write(b"SLMNONE1 and so on")
    check(asks_drivers(box, model) and not asks_drivers(box, model), "a damaged file")
    os.unlink(kept)
    os.mkdir(kept)
    check(asks_drivers(box, model) and asks_drivers(box, model), "a folder in its place")


@case("impossible placements are refused with the reason")
def refused(box):
    model = box.tiny()
    for words, status, text in (
            (["--split", "1,1"], USAGE, "--device"),
            (["--device", "cpu,reference", "--split", "1"], USAGE, "1 shares"),
            (["--device", "cpu,reference", "--split", "a,b"], USAGE, "no list of shares"),
            (["--device", "cpu,reference", "--split", "0,0"], USAGE, "nothing to any device"),
            (["--device", "cpu", "--decode-device", "cpu", "--split", "1"], USAGE, "both phases"),
            (["--prefill-device", "nonsense"], DEVICE, "nonsense")):
        fails(run(box, "plan", model, *words), status, text)
        fails(run(box, "run", model, "--raw", "x", *words), status, text)


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The kernel's nodes in slm devices: which stand behind devices, which none uses, what is known of them."""
import json
import os

from harness import Skip, case, check, equal, main, run, succeeds

NONE = {"OCL_ICD_VENDORS": "/nonexistent"}
KEYS = ("selector", "name", "backend", "platform", "type", "used", "usable", "reason", "memory",
        "pci_address", "node")
FACTS = ("memory_total_bytes", "memory_used_bytes", "memory_free_bytes", "own_memory_bytes",
         "sram_bytes", "clock_mhz", "clock_max_mhz", "power_mw", "energy_uj", "temperature_mc",
         "busy_percent", "busy_us", "own_busy_us", "firmware", "power_mode", "driver_version")


def tree(box, name, files):
    """A folder that stands for /: texts, and links that are written (target,)."""
    root = box.file(name)
    for path, content in files.items():
        path = os.path.join(root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if isinstance(content, tuple):
            os.symlink(content[0], path)
        else:
            with open(path, "w", encoding="ascii") as file:
                file.write(content)
    return root


def machine(box):
    """An NPU on PCI and the graphics of a board, as a kernel shows them."""
    npu, gpu = "sys/devices/pci0000:00/0000:00:0b.0", "sys/devices/platform/fb000000.gpu"
    return tree(box, "root", {
        "sys/class/accel/accel0/dev": "261:0\n",
        "sys/class/accel/accel0/device": ("../../../../" + npu,),
        npu + "/subsystem": ("../../../bus/pci",),
        npu + "/driver": ("../../../bus/pci/drivers/intel_vpu",),
        npu + "/vendor": "0x8086\n",
        npu + "/device": "0x7d1d\n",
        npu + "/npu_busy_time_us": "5000000\n",
        npu + "/npu_current_frequency_mhz": "0\n",
        "sys/class/drm/renderD128/dev": "226:128\n",
        "sys/class/drm/renderD128/device": ("../../../../" + gpu,),
        gpu + "/subsystem": ("../../../bus/platform",),
        gpu + "/driver": ("../../../bus/platform/drivers/panthor",),
        "dev/dri/renderD128": "",
        "dev/accel/accel0": "",
    })


def devices(box, *words, **environment):
    done = succeeds(run(box, "devices", "--json", *words, environment={**NONE, **environment}))
    return json.loads(done.out), done.err_text


@case("nodes that no device uses are listed with the reason, behind all devices")
def unused(box):
    got, err = devices(box, SLM_SYSROOT=machine(box))
    equal(err, "", "what is said")
    equal([one["selector"] for one in got], ["cpu", "reference", "", ""], "selectors")
    npu, gpu = got[2:]
    for one in got:
        equal(sorted(one), sorted(KEYS), "the keys")
    equal((npu["name"], npu["type"], npu["usable"]), ("accel0", "accelerator", False), "the NPU")
    check("OpenCL C" in npu["reason"], "the reason", npu)
    check("RUSTICL_ENABLE=panfrost" in gpu["reason"], "the reason", gpu)
    state = npu["node"].pop("state")
    equal({**npu["node"], "group": ""},
          {"path": "/dev/accel/accel0", "kind": "accel", "driver": "intel_vpu", "bus": "pci",
           "address": "0000:00:0b.0", "pci_id": "8086:7d1d", "number": "261:0", "group": "",
           "mode": npu["node"]["mode"], "access": True, "objection": None, "match": "none"},
          "the node")
    equal(sorted(state), sorted(FACTS), "what may be known")
    equal((state["busy_us"], state["clock_mhz"], state["power_mw"]), (5000000, 0, None), "facts")


@case("the table shows nodes, and with -v what is known of each")
def table(box):
    environment = {**NONE, "SLM_SYSROOT": machine(box)}
    out = succeeds(run(box, "devices", environment=environment)).out_text
    for part in ("node", "/dev/accel/accel0 (intel_vpu)", "/dev/dri/renderD128 (panthor)"):
        check(part in out, part, out)
    check("busy so far" not in out, "facts without -v", out)
    out = succeeds(run(box, "devices", "-v", environment=environment)).out_text
    for part in ("261:0", "8086:7d1d", "clock 0 MHz, busy so far 5.0 s", "nothing is known"):
        check(part in out, part, out)
    bare = succeeds(run(box, "devices", environment={**NONE, "SLM_SYSROOT": box.path})).out_text
    check("node" not in bare, "a column without nodes", bare)


@case("--query opens nodes; what is no driver answers nothing")
def query(box):
    root = machine(box)
    got, err = devices(box, "--query", SLM_SYSROOT=root)
    equal((err, got[2]["node"]["state"]["driver_version"]), ("", None), "the answer of a file")
    os.unlink(os.path.join(root, "dev/accel/accel0"))
    got, err = devices(box, "--query", SLM_SYSROOT=root)
    check(not got[2]["node"]["access"] and "there is no /dev/accel/accel0" in
          got[2]["node"]["objection"], "a node that is not there", got[2])


@case("nonsense in sysfs is named, and everything else is listed")
def nonsense(box):
    root = machine(box)
    for path, text in (("sys/class/accel/accel0/dev", "x" * 10000),
                       ("sys/devices/pci0000:00/0000:00:0b.0/npu_busy_time_us", "-1\n")):
        with open(os.path.join(root, path), "w", encoding="ascii") as file:
            file.write(text)
    got, err = devices(box, SLM_SYSROOT=root)
    check("accel0/dev" in err and "npu_busy_time_us" in err, "what is odd", err)
    equal((got[2]["node"]["number"], got[2]["node"]["state"]["busy_us"]), (None, None), "unknown")
    equal(got[3]["node"]["number"], "226:128", "the other node")


@case("SLM_DEVICE_NODES says which node a device has; nonsense in it is named")
def configured(box):
    root = machine(box)
    _, err = devices(box, SLM_SYSROOT=root, SLM_DEVICE_NODES="wibble,opencl:0.0=renderD99")
    check("'wibble'" in err and "'renderD99'" in err, "what is wrong", err)
    listed = json.loads(succeeds(run(box, "devices", "--json",
                                     environment={"SLM_SYSROOT": root})).out)
    first = next((one["selector"] for one in listed if one["selector"].count(".")), None)
    if not first:
        raise Skip("no OpenCL device")
    equal(next(one for one in listed if one["selector"] == first)["node"], None,
          "the node of a processor")
    done = succeeds(run(box, "devices", "--json", environment={
        "SLM_SYSROOT": root, "SLM_DEVICE_NODES": first + "=/dev/dri/renderD128"}))
    got = {one["selector"]: one for one in json.loads(done.out)}
    equal((got[first]["node"]["path"], got[first]["node"]["match"]),
          ("/dev/dri/renderD128", "configured"), "the node")
    check(all(one["name"] != "renderD128" for one in json.loads(done.out)), "listed twice", done)


main()

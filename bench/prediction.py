#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the speed that calibration predicts with the speed that `slm bench` measures.

    bench/prediction.py [--device D,...] [--prompt N] [--answer N] [--depth N,...] [--anew] MODEL...

A line for each test: prediction, measurement (the best of the repetitions, as a busy machine only ever
adds to a time), error; then the median error. --anew calibrates before. $SLM is our program, $SLM_PREDICT
the one built from tests/model/predict_speed.c.
"""
import argparse
import csv
import io
import os
import statistics
import subprocess
import sys

SLM = os.environ.get("SLM", "build/release/userspace/programs/slm")
PREDICT = os.environ.get("SLM_PREDICT", "build/release/tests/model/predict_speed")


def output(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr.decode()[-800:]}")
    return done.stdout.decode()


def predicted(model, device, args):
    text = output(PREDICT, model, device, args.prompt, args.answer, *args.depth.split(","))
    return {name: float(speed) for name, speed in map(str.split, text.splitlines())}


def measured(model, device, args):
    best = {}
    for _ in range(args.rounds):
        text = output(SLM, "bench", model, "--device", device, "-p", args.prompt, "-n", args.answer,
                      "-d", args.depth, "-r", "1", "-o", "csv")
        for row in csv.DictReader(io.StringIO(text)):
            if row["tok_s"]:
                best[row["test"]] = max(best.get(row["test"], 0), float(row["tok_s"]))
    return best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+")
    parser.add_argument("--device", default="cpu,portable")
    parser.add_argument("--prompt", default="512")
    parser.add_argument("--answer", default="128")
    parser.add_argument("--depth", default="0,512")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--anew", action="store_true")
    args = parser.parse_args()
    errors = []
    print(f"{'model':36} {'device':10} {'test':12} {'predicted':>10} {'measured':>10} {'error':>7}")
    for device in args.device.split(","):
        if args.anew:
            output(SLM, "devices", "--calibrate", "--anew", "--device", device, "--types", "Q4_0")
        for model in args.models:
            prediction, measurement = predicted(model, device, args), measured(model, device, args)
            for test, speed in measurement.items():
                error = prediction[test] / speed - 1
                errors.append(abs(error))
                print(f"{os.path.basename(model):36.36} {device:10} {test:12} {prediction[test]:10.1f} "
                      f"{speed:10.1f} {error:+7.0%}", flush=True)
    print(f"median error {statistics.median(errors):.0%} of {len(errors)}, load average "
          f"{os.getloadavg()[0]:.1f}")


main()

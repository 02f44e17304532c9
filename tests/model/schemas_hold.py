#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random schemas, followed at temperature 1, held against an independent validator.

    schemas_hold.py FOLLOW_SCHEMAS [--answers N] [--seed S]

FOLLOW_SCHEMAS is the program built beside this script. A tiny model with random weights gives N
answers; the vocabularies of the real models, where they are present, some from random logits; and
SmolLM2 itself a few, cut short. Exit 77: the validator (python3-jsonschema) is not installed.
"""

import argparse
import datetime
import json
import os
import random
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    print("python3-jsonschema is not installed")
    sys.exit(77)

FORMATS = jsonschema.FormatChecker(formats=["ipv4", "email", "uuid", "date"])


@FORMATS.checks("date-time", ValueError)
def is_date_time(value):
    return "T" in value and datetime.datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("time", ValueError)
def is_time(value):
    return datetime.time.fromisoformat(value).tzinfo is not None


NAMES = ["a", "b", "ab", "name", "na", "größe", "x y", "id", "q\"t", "\u20ac", "abc"]


def random_string(rng):
    schema = {"type": "string"}
    kind = rng.randrange(7)
    if kind == 0:
        schema["pattern"] = rng.choice([
            "^[a-z]{2,5}$", "^\\d{3}-\\w{1,4}$", "^(foo|ba[rz])+x?$|^$", "^[^a-z\"\\n]{1,6}$",
            "^\\S\\s\\S$", "^.{0,4}\"\\\\\\u0041$", "^(?:a|b){2,3}?c*d$", "^[\\x00-\\x7f]{3}$"])
        if "*" in schema["pattern"] or "+" in schema["pattern"]:
            schema["pattern"] = "^(foo|ba[rz]){1,3}x?$|^$"
        return schema
    if kind == 1:
        schema["format"] = rng.choice(["date", "time", "date-time", "uuid", "ipv4", "email"])
        return schema
    if kind == 2:
        return {"pattern": "^[a-c]+$", "maxLength": rng.randint(1, 6), "minLength": 1}
    least = rng.choice([0, 0, 1, 4])
    schema["maxLength"] = least + rng.randint(0, 8)
    if least:
        schema["minLength"] = least
    return schema


def random_number(rng):
    schema = {"type": rng.choice(["integer", "number"])}
    low = rng.choice([0, -5, 17, -1234, 99, 1000, -1])
    high = low + rng.choice([0, 1, 3, 25, 980, 100000])
    kind = rng.randrange(8)
    if kind in (1, 2, 3):
        schema[rng.choice(["minimum", "exclusiveMinimum"])] = low
    if kind in (2, 3, 4):
        schema[rng.choice(["maximum", "exclusiveMaximum"])] = high + 2
    if kind == 5:
        schema.update({"type": "integer", "multipleOf": rng.choice([2, 3, 7, 10, 25, 100, 300])})
        if rng.random() < 0.5:
            schema.update({"minimum": low, "maximum": low + 1000})
    if kind == 6 and schema["type"] == "number":
        schema.update({"minimum": low + 0.25, rng.choice(["maximum", "exclusiveMaximum"]): low + 3.5})
    return schema


def random_enum(rng):
    values = [None, True, False, 0, -7, 1.5, 0.1, 1e30, "x", "a\"b\\\n", "é€😀", [1, "b"], {"k": [None]}, ""]
    if rng.random() < 0.3:
        return {"const": rng.choice(values)}
    return {"enum": rng.sample(values, rng.randint(1, 4))}


def random_array(rng, depth):
    schema = {"type": "array"}
    least = rng.choice([0, 0, 1, 2])
    if rng.random() < 0.25:
        schema["prefixItems"] = [random_schema(rng, depth - 1) for _ in range(rng.randint(1, 3))]
        if rng.random() < 0.5:
            schema["items"] = False
        return schema
    schema["items"] = random_schema(rng, depth - 1)
    schema["maxItems"] = least + rng.randint(0, 3)
    if least:
        schema["minItems"] = least
    return schema


def random_object(rng, depth):
    names = rng.sample(NAMES, rng.randint(0, 4))
    schema = {"type": "object", "properties": {n: random_schema(rng, depth - 1) for n in names}}
    if names:
        schema["required"] = rng.sample(names, rng.randint(0, len(names)))
    kind = rng.randrange(4)
    if kind == 0:
        schema["additionalProperties"] = False
    if kind == 1:
        schema["additionalProperties"] = random_schema(rng, 0)
        schema["maxProperties"] = len(names) + rng.randint(0, 2)
    if not names and "maxProperties" not in schema:
        schema["additionalProperties"] = False
    if rng.random() < 0.1 and names:
        schema["minProperties"] = 1
    return schema


def random_union(rng, depth):
    kind = rng.randrange(4)
    branches = [random_schema(rng, depth - 1) for _ in range(rng.randint(2, 3))]
    if kind == 0:
        return {"oneOf": [{"type": "object", "properties": {"kind": {"const": i}, "v": b},
                           "required": ["kind", "v"], "additionalProperties": False}
                          for i, b in enumerate(branches)]}
    if kind == 1:
        return {"type": "object", "properties": {"a": branches[0], "b": branches[1]},
                "anyOf": [{"required": ["a"]}, {"required": ["b"]}], "additionalProperties": False}
    if kind == 2:
        return {"allOf": [{"type": "object", "properties": {"a": branches[0]}},
                          {"properties": {"b": branches[1]}, "required": ["b"]},
                          {"required": ["a"]}]}
    return {"anyOf": branches}


def random_schema(rng, depth):
    if depth <= 0:
        return rng.choice([random_string, random_number, random_enum])(rng)
    kind = rng.randrange(12)
    if kind < 4:
        return random_object(rng, depth)
    if kind < 6:
        return random_array(rng, depth)
    if kind == 6:
        return random_union(rng, depth)
    if kind == 7:
        return {"type": rng.sample(["null", "boolean", "integer", "number"], 2)}
    if kind == 8:
        return {"$ref": "#/$defs/" + rng.choice(["leaf", "tree", "a~1b"])}
    return rng.choice([random_string, random_number, random_enum])(rng)


def random_document(rng):
    schema = random_schema(rng, rng.choice([1, 2, 3]))
    schema["$defs"] = {
        "leaf": random_schema(rng, 0),
        "a/b": random_schema(rng, 0),
        "tree": {"type": "object", "properties": {
            "v": {"$ref": "#/$defs/leaf"}, "next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/tree"}]}},
            "required": ["v", "next"], "additionalProperties": False},
    }
    return schema


def check(schema, answer):
    """What is wrong, or None."""
    if answer["error"]:
        return answer["error"]
    if answer["end"] != "end":
        return None
    try:
        value = json.loads(answer["text"])
    except ValueError as error:
        return f"no JSON: {error}"
    validator = jsonschema.Draft202012Validator(schema, format_checker=FORMATS)
    return next((error.message for error in validator.iter_errors(value)), None)


def run(command, schemas):
    lines = "".join(json.dumps(s, ensure_ascii=i % 2 == 0) + "\n" for i, s in enumerate(schemas))
    done = subprocess.run(command, input=lines, capture_output=True, text=True, encoding="utf-8")
    answers = [json.loads(line) for line in done.stdout.split("\n") if line]
    if done.returncode != 0 or len(answers) != len(schemas):
        print(done.stderr[-2000:])
        sys.exit(f"{command}: {done.returncode}, {len(answers)} answers of {len(schemas)}")
    return answers


def hold(what, command, schemas, share=0.9):
    answers = run(command, schemas)
    ended = sum(a["end"] == "end" for a in answers)
    wrong = 0
    for schema, answer in zip(schemas, answers):
        message = check(schema, answer)
        # Some random schemas have no value at all, or none that can be joined.
        if message and not ("no text of finite length" in message or "cannot be joined" in message):
            wrong += 1
            print(json.dumps(schema), "\n ", answer["text"][:500], "\n ", message)
    refused = sum(a["error"] != "" for a in answers)
    print(f"{what}: {len(schemas)} schemas, {refused} refused, {ended} answers to the end, {wrong} wrong")
    return wrong == 0 and ended >= share * (len(schemas) - refused) and refused < 0.1 * len(schemas)


def model(name):
    folder = os.environ.get("SLM_MODELS") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "slm", "models")
    path = os.path.join(folder, name)
    return path if os.access(path, os.R_OK) else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--answers", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    schemas = [random_document(rng) for _ in range(arguments.answers)]
    smollm2 = model("SmolLM2-135M-Instruct.Q4_1.gguf")
    gemma3 = model("gemma-3-270m-q4_k_m.gguf")
    good = hold("tiny model", [arguments.program, "tiny"], schemas)
    if smollm2:
        good &= hold("SmolLM2's vocabulary", [arguments.program, smollm2, "noise"], schemas[:len(schemas) // 2])
        good &= hold("SmolLM2", [arguments.program, smollm2], schemas[:10], 0.5)
    if gemma3:
        good &= hold("Gemma's vocabulary", [arguments.program, gemma3, "noise"], schemas[:len(schemas) // 20])
    sys.exit(0 if good else 1)


main()

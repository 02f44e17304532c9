#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Renders templates with Python's Jinja, set up as transformers sets it up, and with ours, and
compares byte for byte: the templates of real models over conversations of every shape, a list of
expressions that were once wrong or are easily got wrong, and random expressions and templates.

    jinja_against_python.py RENDER_CASES [CASES [SEED [FOLDER]]]

FOLDER: of templates that take the place of those in tests/data/templates.
"""
import copy
import datetime
import functools
import json
import pathlib
import random
import re
import subprocess
import sys
import warnings

try:
    import jinja2
    import jinja2.ext
    import jinja2.sandbox
except ImportError:
    print("python3-jinja2 is missing")
    sys.exit(77)

sys.dont_write_bytecode = True  # the sources may be read-only
from jinja_cases import (EXPRESSIONS, TEMPLATES, VARIABLES, conversations, random_expression,
                         random_template)

DIGITS = re.compile(r"\d+")
NOW = datetime.datetime(2025, 7, 4, 15, 0, 0)
DATA = pathlib.Path(__file__).resolve().parent.parent / "data" / "templates"


class Generation(jinja2.ext.Extension):
    """{% generation %} as transformers parses it, without the tracking of where it stood."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("support")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    @staticmethod
    def support(caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                      sort_keys=sort_keys)


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True,
        extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda f: NOW.strftime(f)
    return env


warnings.simplefilter("ignore")
ENV = environment()


@functools.lru_cache(maxsize=16)
def compiled(template):
    return ENV.from_string(template)


def expected(template, variables):
    """The text, or None for a failure of whatever kind."""
    try:
        # A copy: the filter indent adds a line to a list that it is given by mistake.
        text = compiled(template).render(**copy.deepcopy(variables))
        text.encode()
        return text
    except Exception:  # pylint: disable=broad-except
        return None


def is_python_only(text):
    """What shows objects of Python's own, integers past 64 bits among them."""
    return text is not None and (" at 0x" in text or "dict_" in text or "range(" in text or
                                 any(len(word) > 18 for word in DIGITS.findall(text)))


def cases(n, seed, folder):
    rng = random.Random(seed)
    for path in sorted(folder.glob("*.jinja")):
        # The newline at a template file's end is not part of the model's template.
        template = path.read_text()
        for name, variables in conversations():
            yield f"{path.name} with {name}", template, variables
    plain = VARIABLES
    for expression in EXPRESSIONS:
        yield "expression", "{{ " + expression + " }}", plain
    for template in TEMPLATES:
        yield "template", template, plain
    for i in range(n):
        if i % 4:
            yield f"random {seed}/{i}", "{{ " + random_expression(rng) + " }}", plain
        else:
            yield f"random {seed}/{i}", random_template(rng), plain


def main():
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 3000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    folder = pathlib.Path(sys.argv[4]) if len(sys.argv) > 4 else DATA
    wrong = same = refused = 0
    todo = list(cases(n, seed, folder))
    lines = "".join(json.dumps({"template": t, "variables": v}) + "\n" for _, t, v in todo)
    run = subprocess.run([sys.argv[1]], input=lines, capture_output=True, text=True, check=False)
    answers = run.stdout.splitlines()
    if len(answers) != len(todo):
        print(f"{len(answers)} answers to {len(todo)} cases: {run.stderr[-2000:]}")
        if len(answers) < len(todo):
            print(todo[len(answers)])
        return 1
    for (name, template, variables), answer in zip(todo, answers):
        answer = json.loads(answer)
        want = expected(template, variables)
        got = answer.get("text")
        refused += want is None and got is None
        if is_python_only(want):
            continue
        if want == got:
            same += 1
            continue
        wrong += 1
        if wrong <= 30:
            print(f"{name}: {template if len(template) < 600 else ''}\n  Python: {want!r}\n"
                  f"  ours:   {got!r} {answer.get('message', '')}")
    print(f"{same} of {len(todo)} are the same ({refused} refused by both), {wrong} are not")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

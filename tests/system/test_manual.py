#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The manual page renders, and names the options that there are: no less and no more."""
import os
import re
import shutil
import subprocess

from harness import DONE, Skip, case, check, equal, main, run, succeeds

MANUAL = os.environ["SLM_MANUAL"]
SHARED = ("Choice of tokens", "Models and devices")


def plain(line):
    """A line of the page without fonts and escapes."""
    line = re.sub(r"\\f[BIRP]", "", line)
    line = re.sub(r"^\.[A-Z]+ ", "", line)
    return line.replace('"', "").replace("\\-", "-").replace("\\ ", " ")


def options_in(text):
    long_names = set(re.findall(r"(?<![\w-])--([a-z0-9][a-z0-9-]*)", text))
    return long_names, set(re.findall(r"(?<![\w-])-([a-zA-Z])(?![\w-])", text))


def sections():
    """Subsection title to its lines."""
    found, title = {}, ""
    with open(MANUAL, encoding="utf-8") as page:
        for line in page.read().splitlines():
            if line.startswith((".SS ", ".SH ")):
                title = line[4:]
            found.setdefault(title, []).append(line)
    return found


def tagged(lines):
    """The options in the lines after .TP and .TQ."""
    tags = [plain(lines[i + 1]) for i, line in enumerate(lines[:-1]) if line in (".TP", ".TQ")]
    long_names, letters = set(), set()
    for tag in tags:
        more_long, more_letters = options_in(tag)
        long_names |= more_long
        letters |= more_letters
    return long_names, letters


def help_options(text):
    """The options in the first column of a --help."""
    long_names, letters = set(), set()
    for line in text.splitlines():
        match = re.match(r"  (?:-(\w), |    )--([a-z0-9-]+)", line)
        if match:
            long_names.add(match[2])
            letters |= {match[1]} if match[1] else set()
    return long_names, letters


def commands(box):
    text = succeeds(run(box, "--help")).out_text
    listed = text.split("Commands")[1].split("Begin with")[0]
    return re.findall(r"^  (\w+) ", listed, re.M)


@case("man and groff have nothing to complain of")
def renders(box):
    for words in (["man", "--warnings", "-E", "UTF-8", "-l", MANUAL],
                  ["groff", "-ww", "-man", "-Tutf8", MANUAL]):
        if not shutil.which(words[0]):
            raise Skip("%s is not installed" % words[0])
        done = subprocess.run(words, env={**box.environment, "MANWIDTH": "80", "MANPAGER": "cat"},
                              capture_output=True, check=False)
        equal((done.returncode, done.stderr), (0, b""), " ".join(words))
        check(len(done.stdout) > 10000, "the page is empty")


@case("every option of every command is in the page, and every one in the page is an option")
def same_options(box):
    page = sections()
    common = tagged(page["Every command"])
    names = commands(box)
    check(len(names) >= 9, "the list of commands was not understood", names)
    for name in [""] + names:
        lines = page["slm " + name if name else "slm"]
        text = plain("\n".join(lines))
        wanted = help_options(succeeds(run(box, *filter(None, [name]), "--help")).out_text)
        got = [set(common[k]) | tagged(lines)[k] for k in (0, 1)]
        for title in SHARED:
            if "\n.I %s\n" % title in "\n".join(lines) and "Takes the options" in text:
                got = [got[k] | tagged(page[title])[k] for k in (0, 1)]
        equal(got[0], wanted[0], "options of 'slm %s'" % name)
        equal(got[1], wanted[1], "letters of 'slm %s'" % name)


@case("every exit status, command and variable of the program is in the page")
def others(box):
    page = "\n".join(plain(line) for lines in sections().values() for line in lines)
    for code in (0, 1, 2, 3, 4, 5, 130):
        check("\n%d\n" % code in page, "status %d is missing" % code)
    read, sources = set(), os.path.join(os.path.dirname(MANUAL), "..", "userspace")
    for root, _, names in os.walk(sources):
        for name in filter(lambda name: name.endswith(".c"), names):
            with open(os.path.join(root, name), encoding="utf-8") as source:
                read |= set(re.findall(r'(?:getenv|environment)\("(\w+)"\)', source.read()))
    check("SLM_CACHE_DIR" in read, "the sources were not understood", read)
    named = set(re.findall(r"\w+", page))
    equal(read - named - {"HOME"}, set(), "variables that are read and not in the page")
    for name in commands(box):
        check("slm " + name in page, "slm %s is missing" % name)


@case("what man shows of the version is what the program says")
def version(box):
    said = succeeds(run(box, "--version")).out_text.strip()
    with open(MANUAL, encoding="utf-8") as page:
        check('"%s"' % said in page.read(), "the page is of another version than %s" % said)
    equal(run(box, "-V").code, DONE, "the status of -V")


main()

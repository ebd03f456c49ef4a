"""Reads Markdown: the prose, code spans, and blocks of code with the directive before each.

A directive is a comment right before a block. It says how `make docs-test` handles the block; its further lines
are commands that run before the block and are not shown:

    <!-- docs-test: WORD; WORD
    command
    -->

`docs-test, whole file:` is the directive of each block of the file that has none of its own.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FENCE = re.compile(r"^ {0,3}(```+|~~~+)(.*)$")
SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")
LIST_ITEM = re.compile(r"^ {0,3}([-*+]|\d+[.)])\s")
OPENING = re.compile(r"<!-- docs-test(, whole file)?:")
INDENTED = "indented"
# What was: names and commands in these documents need not exist any more.
HISTORY = re.compile(r"^(CHANGELOG\.md|docs/decisions/)")


class Directive(NamedTuple):
    line: int
    words: tuple[str, ...]
    reason: str | None  # why it is not run
    hidden: str  # commands


class Block(NamedTuple):
    file: Path
    line: int  # of its first line of code
    language: str  # the word after the fence; INDENTED for a block without a fence
    text: str
    directive: Directive | None
    follows: bool  # only blank lines are between it and the block before


class Fault(NamedTuple):
    line: int
    what: str


class Page(NamedTuple):
    prose: list[tuple[int, str]]  # the numbered lines outside fenced blocks and directives
    blocks: list[Block]
    faults: list[Fault]


def spans(line: str) -> Iterator[str]:
    """The code spans of a line."""
    for match in SPAN.finditer(line):
        yield match.group(2).strip()


def prose(text: str) -> list[tuple[int, str]]:
    return read(Path(), text).prose


def read_directive(line: int, text: str) -> Directive:
    first, _, hidden = text.partition("\n")
    words, found, reason = first.partition("not run:")
    return Directive(
        line,
        tuple(word.strip() for word in words.split(";") if word.strip()),
        reason.strip() if found else None,
        hidden.strip("\n"),
    )


def read(file: Path, text: str) -> Page:
    page = Page([], [], [])
    lines = text.splitlines()
    general: Directive | None = None
    waiting: Directive | None = None
    follows, blank = False, True
    in_list = False
    at = 0

    def add(line: int, language: str, body: list[str]) -> None:
        nonlocal waiting, follows
        page.blocks.append(Block(file, line, language, "\n".join(body) + "\n", waiting or general, follows))
        waiting, follows = None, True

    while at < len(lines):
        line = lines[at]
        opening, fence = OPENING.match(line), FENCE.match(line)
        if opening:
            begin = at
            while at < len(lines) and not lines[at].endswith("-->"):
                at += 1
            at += 1
            comment = "\n".join(lines[begin:at])[opening.end() :].removesuffix("-->")
            directive = read_directive(begin + 1, comment.strip(" "))
            if opening.group(1):
                general = directive
            elif waiting:
                page.faults.append(Fault(waiting.line, "no block follows this directive"))
                waiting = directive
            else:
                waiting = directive
            continue
        if fence:
            begin = at + 1
            at = begin
            while at < len(lines) and lines[at].strip() != fence.group(1):
                at += 1
            add(begin + 1, fence.group(2).strip(), lines[begin:at])
            at += 1
            blank = True
            continue
        if line.startswith("    ") and blank and not in_list:
            begin = at
            while at < len(lines) and (lines[at].startswith("    ") or not lines[at].strip()):
                page.prose.append((at + 1, lines[at]))
                at += 1
            add(begin + 1, INDENTED, "\n".join(one[4:] for one in lines[begin:at]).rstrip("\n").split("\n"))
            blank = True
            continue
        if line.lstrip().startswith(("```", "~~~")):
            page.faults.append(Fault(at + 1, "a fence with more than three blanks before it is not read"))
        page.prose.append((at + 1, line))
        if line.strip():
            if waiting:
                page.faults.append(Fault(waiting.line, "no block follows this directive"))
                waiting = None
            in_list = bool(LIST_ITEM.match(line)) or (in_list and line.startswith(" "))
            follows = False
        blank = not line.strip()
        at += 1
    if waiting:
        page.faults.append(Fault(waiting.line, "no block follows this directive"))
    return page

#!/usr/bin/env python3
"""Runs the commands of every Markdown file and compares their output with the stated one. docs/TESTING.md
explains how a file says how its blocks are run.

docs_test.py [FILE...]
"""

import argparse
import json
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import markdown
import yaml
from docs_output import difference
from docs_places import DEAD_LETTERS, KAFKA, KINDS, ROOT, Broker, Place, Ran
from docs_shell import CHART, CHECKED_ONLY, Checker, Statement, is_checked_only, sessions, statements
from markdown import Block, Directive
from project_tree import files

SHELL = ("sh", "bash")
COMMAND = re.compile(
    r"^(\$|make|event-ingestor|curl|kcat|helm|kubectl|docker|terraform|(tools|bench|build)/\S+) "
)
ANY_NUMBERS, TERMINAL = "any numbers", "a terminal"
EXIT = re.compile(r"exit (\d+)")
BINARY = ROOT / "build/release/event-ingestor"
SHOWN_LINES = 12  # of a failed command's output
NONE = Directive(0, (), None, "")
COUNTS = ("run", "checked only", "not run", "in text", "outputs", "data", "text")


class Finding(NamedTuple):
    file: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}".replace("\n", "\n    ")


class Report:
    def __init__(self) -> None:
        self.counts: dict[Path, Counter[str]] = {}
        self.findings: list[Finding] = []
        self.reasons: dict[tuple[Path, str], list[int]] = {}
        self.checked: Counter[str] = Counter()

    def count(self, file: Path, what: str, by: int = 1) -> None:
        self.counts.setdefault(file, Counter())[what] += by

    def fault(self, file: Path, line: int, what: str) -> None:
        self.findings.append(Finding(file, line, what))

    def print(self) -> None:
        width = max((len(str(file)) for file in self.counts), default=4)
        print(f"{'file':<{width}}" + "".join(f"  {name:>12}" for name in COUNTS))
        for file, counts in sorted(self.counts.items()):
            print(f"{str(file):<{width}}" + "".join(f"  {counts[name] or '-':>12}" for name in COUNTS))
        for program, count in sorted(self.checked.items()):
            print(f"checked only: {count} commands with {program}: {CHECKED_ONLY[program]}")
        for (file, reason), lines in sorted(self.reasons.items()):
            print(f"not run: {file}, line {', '.join(map(str, lines))}: {reason}")
        print("not checked: commands in the text of CHANGELOG.md and docs/decisions, which tell the past")
        for finding in sorted(self.findings):
            print(finding)
        total: Counter[str] = sum(self.counts.values(), Counter())
        sums = ", ".join(f"{total[name]} {name}" for name in COUNTS[:3])
        print(
            f"docs-test: {len(self.counts)} files; commands: {sums}; {total['outputs']} outputs compared, "
            f"{total['data']} blocks of data checked, {total['text']} of text; {len(self.findings)} faults"
        )


class Runner:
    def __init__(self, root: Path, checker: Checker, report: Report, broker: Broker):
        self._root = root
        self._checker = checker
        self._report = report
        self._broker = broker
        self._last_said = ""  # by the block before

    def run(self, pages: dict[Path, markdown.Page]) -> None:
        # The broker starts while the files that don't need it are run.
        late = {file for file, page in pages.items() if any(needs_broker(block) for block in page.blocks)}
        if late:
            self._broker.start()
        for file in sorted(pages, key=lambda file: (file in late, file)):
            for fault in pages[file].faults:
                self._report.fault(file, fault.line, fault.what)
            with ExitStack() as stack:
                places: dict[str, Place] = {}
                previous: Block | None = None
                for block in pages[file].blocks:
                    self._block(block, previous, places, stack)
                    previous = block
            if not markdown.HISTORY.match(file.as_posix()):
                self._in_text(file, pages[file])

    def _in_text(self, file: Path, page: markdown.Page) -> None:
        """Checks the commands in code spans, without running them."""
        for number, line in page.prose:
            for span in markdown.spans(line):
                text = self._checker.as_command(span)
                if text is None:
                    continue
                self._report.count(file, "in text")
                for fault in self._checker.faults(text):
                    self._report.fault(file, number, f"`{span}`: {fault}")

    def _block(self, block: Block, before: Block | None, places: dict[str, Place], stack: ExitStack) -> None:
        directive = block.directive or NONE
        for word in directive.words:
            if word not in (*KINDS, ANY_NUMBERS, TERMINAL) and not EXIT.fullmatch(word):
                self._report.fault(block.file, directive.line, f"docs-test has no word {word!r}")
                return
        if block.language in SHELL:
            found = statements(block.text, block.line)
        elif block.language == "console":
            found = sessions(block.text, block.line)
        else:
            self._other(block, before, directive, places, stack)
            return
        if directive.reason is not None:
            self._not_run(block, directive.reason, found)
            return
        self._shell(block, directive, found, self._place(block.file, directive, places, stack))

    def _place(self, file: Path, directive: Directive, places: dict[str, Place], stack: ExitStack) -> Place:
        kind = next((word for word in directive.words if word in KINDS), "")
        if kind not in places:
            places[kind] = stack.enter_context(Place(self._root, kind, self._broker))
            if places[kind].addresses():
                print(f"{file}, {kind}: {places[kind].addresses()}", flush=True)
        return places[kind]

    def _not_run(self, block: Block, reason: str, found: list[Statement]) -> None:
        if not reason:
            self._report.fault(block.file, block.line, "`not run:` needs a reason")
        self._report.count(block.file, "not run", len(found))
        self._report.reasons.setdefault((block.file, reason), []).append(block.line)
        for one in found:
            self._check(block, one)

    def _check(self, block: Block, one: Statement) -> None:
        for fault in self._checker.faults(one.text):
            self._report.fault(block.file, one.line, fault)

    def _shell(self, block: Block, directive: Directive, found: list[Statement], place: Place) -> None:
        to_run = []
        for one in found:
            program = is_checked_only(one.text)
            if program is None:
                to_run.append(one)
                continue
            self._report.checked[program] += 1
            self._report.count(block.file, "checked only")
            self._check(block, one)
        if not to_run:
            return
        said = place.run(directive.hidden, [one.text for one in to_run], TERMINAL in directive.words)
        self._report.count(block.file, "run", len(to_run))
        self._last_said = said[-1].stdout
        if said[0].status != 0:
            self._report.fault(block.file, directive.line, f"the hidden commands fail:\n{said[0].stderr}")
            return
        wanted = next((int(m[1]) for m in map(EXIT.fullmatch, directive.words) if m), 0)
        for one, result in zip_longest(to_run, said[1:]):
            if result is None:
                self._report.fault(block.file, one.line, "not reached: a command before it fails or hangs")
            else:
                self._judge(block, one, result, wanted if one is to_run[-1] else 0, directive)

    def _judge(self, block: Block, one: Statement, result: Ran, wanted: int, directive: Directive) -> None:
        said = "\n".join(f"{result.stdout}{result.stderr}".splitlines()[-SHOWN_LINES:])
        if result.status != wanted:
            self._report.fault(block.file, one.line, f"exit status {result.status}\n{said}")
        for status in re.findall(r"\[status (\d{3})\]", result.stderr):
            if one.status and status != one.status:
                self._report.fault(
                    block.file, one.line, f"states  status {one.status}\nfound   status {status}"
                )
            elif not one.status and status >= "400":
                self._report.fault(block.file, one.line, f"status {status}\n{said}")
        if one.expected is not None:
            self._compare(block, one.line, one.expected, result.stdout, directive)

    def _compare(self, block: Block, line: int, stated: str, said: str, directive: Directive) -> None:
        self._report.count(block.file, "outputs")
        fault = difference(stated, said, ANY_NUMBERS in directive.words, TERMINAL in directive.words)
        if fault:
            self._report.fault(block.file, line, f"another output than stated:\n{fault}")

    def _other(
        self,
        block: Block,
        before: Block | None,
        directive: Directive,
        places: dict[str, Place],
        stack: ExitStack,
    ) -> None:
        """A block that is not commands: the output of the commands before it or of hidden ones, data, or text."""
        if block.language in ("yaml", "json"):
            self._report.count(block.file, "data")
            for fault in data_faults(block, self._checker):
                self._report.fault(block.file, block.line, fault)
        if directive.hidden and directive.reason is None:
            said = self._place(block.file, directive, places, stack).run(directive.hidden, [], False)[0]
            if said.status != 0:
                self._report.fault(block.file, directive.line, f"the hidden commands fail:\n{said.stderr}")
            else:
                self._compare(block, block.line, block.text, said.stdout, directive)
        elif block.language in ("yaml", "json"):
            pass
        elif block.language == "" and block.follows and before and before.language in SHELL:
            earlier = before.directive or NONE
            if earlier.reason is None:
                self._compare(block, block.line, block.text, self._last_said, earlier)
            else:
                self._report.count(block.file, "text")
        elif block.language in ("text", markdown.INDENTED):
            self._report.count(block.file, "text")
            for number, line in enumerate(block.text.splitlines(), block.line):
                if COMMAND.match(line):
                    self._report.fault(block.file, number, "a command: use a block of the language sh")
        elif directive.reason:
            self._report.count(block.file, "text")
            self._report.reasons.setdefault((block.file, directive.reason), []).append(block.line)
        else:
            what = f"of the language {block.language}" if block.language else "without a language"
            self._report.fault(block.file, block.line, f"nothing checks this block {what}: `text` is text")


def needs_broker(block: Block) -> bool:
    return bool(block.directive) and any(word in (KAFKA, DEAD_LETTERS) for word in block.directive.words)


def data_faults(block: Block, checker: Checker) -> list[str]:
    try:
        data = json.loads(block.text) if block.language == "json" else yaml.safe_load(block.text)
    except (ValueError, yaml.YAMLError) as error:
        return [f"not {block.language}: {error}"]
    if block.language == "json" or not isinstance(data, dict):
        return []
    groups = set(re.findall(r"^\| `(\w+)\.", (ROOT / "docs/CONFIGURATION.md").read_text(), re.MULTILINE))
    values = yaml.safe_load((ROOT / CHART / "values.yaml").read_text())
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(block.text)
        file.flush()
        if set(data) <= {"routes", "topics"}:
            return service_faults("config", "check", f"--kafka.routes_file={file.name}")
        if set(data) <= {"clients"}:
            return service_faults("clients", "check", f"--file={file.name}")
        if set(data) <= groups:
            return service_faults("config", "check", "--config", file.name)
        if set(data) <= set(values):
            laptop = f"{CHART}/examples/laptop.yaml"
            return checker.faults_of(
                ["helm", "install", "x", CHART, "--values", laptop, "--values", file.name]
            )
    return []


def service_faults(*arguments: str) -> list[str]:
    done = subprocess.run([BINARY, *arguments], env={}, capture_output=True, text=True, check=False)
    return [done.stderr.strip()] if done.returncode else []


def new_checker(root: Path) -> Checker:
    helms = sorted((ROOT / "build/tools").glob("helm-*"))
    names = {name.as_posix() for name in files(root)}
    help_text = subprocess.run([BINARY, "help"], capture_output=True, text=True, check=True).stdout
    return Checker(root, names, helms[-1] if helms else None, help_text)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="*", type=Path, help="only these files (default: all)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends what was started
    names = options.file or list(files(ROOT, suffixes=(".md",)))
    pages = {name: markdown.read(name, (ROOT / name).read_text()) for name in names}
    report, broker = Report(), Broker()
    try:
        Runner(ROOT, new_checker(ROOT), report, broker).run(pages)
    finally:
        broker.close()
    report.print()
    sys.exit(1 if report.findings else 0)


if __name__ == "__main__":
    main()

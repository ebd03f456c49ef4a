"""Common parts of the Python checks: the project's files, and the format of findings."""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

SKIPPED = {"build", "var", ".git", "__pycache__", ".venv"}


class Finding(NamedTuple):
    file: Path
    line: int
    rule: str


def files(root: Path, *under: str, suffixes: tuple[str, ...] = ()) -> Iterator[Path]:
    """Files below root (or its folders `under`) with one of the suffixes, as paths relative to root, sorted."""
    for start in [root / folder for folder in under] or [root]:
        for path in sorted(start.rglob("*")):
            relative = path.relative_to(root)
            if any(part in SKIPPED or part.endswith("_cache") for part in relative.parts):
                continue
            if path.is_file() and (not suffixes or path.suffix in suffixes):
                yield relative


def run(check: Callable[[Path], list[Finding]], self_test: Callable[[], None]) -> None:
    """The command line of a check. Exit status 1 and one line per finding if there are any."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument(
        "--self-test", action="store_true", help="show on planted faults that the check can fail"
    )
    arguments = parser.parse_args()
    if arguments.self_test:
        self_test()
        print("self-test passed")
        return
    findings = check(arguments.root)
    for finding in findings:
        print(f"{finding.file}:{finding.line}: {finding.rule}")
    sys.exit(1 if findings else 0)


def plant(root: Path, tree: dict[str, str]) -> None:
    """Writes the files of a self-test's tree."""
    for name, text in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def expect(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        sys.exit(f"self-test failed: {what}\n  wanted {wanted}\n  found  {found}")

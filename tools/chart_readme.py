#!/usr/bin/env python3
"""chart_readme.py [--check]: generates the table of values in the chart's README.md from the comments in
values.yaml.
--check: only checks that the table is up to date. A value without a comment is an error.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parent.parent / "deploy/helm/event-ingestor"
BEGIN, END = "<!-- values: begin -->\n", "<!-- values: end -->\n"
KEY = re.compile(r"^( *)([A-Za-z]+):")


def comments(text: str) -> dict[str, str]:
    """The comment above each key, by the key's path."""
    found: dict[str, str] = {}
    path: list[str] = []
    said: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        match = KEY.match(line)
        if stripped.startswith("#"):
            said.append(stripped.lstrip("# "))
        elif match:
            path = [*path[: len(match[1]) // 2], match[2]]
            if said:
                found[".".join(path)] = " ".join(said)
            said = []
        else:
            said = []
    return found


def rows(values: Any, texts: dict[str, str], path: str = "") -> list[tuple[str, str, str]]:
    made = []
    for key, value in values.items():
        name = f"{path}{key}"
        deeper = isinstance(value, dict) and value and any(text.startswith(f"{name}.") for text in texts)
        if deeper:
            if name in texts:
                made.append((name, "", texts[name]))
            made += rows(value, texts, f"{name}.")
        elif name not in texts:
            sys.exit(f"values.yaml: {name} has no comment")
        else:
            made.append((name, json.dumps(value), texts[name]))
    return made


def table(text: str) -> str:
    lines = ["| value | default | what it is |", "|---|---|---|"]
    for name, default, said in rows(yaml.safe_load(text), comments(text)):
        lines.append(
            f"| `{name}` | {f'`{default}`' if default else ''} | {said.replace('|', chr(92) + '|')} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    readme = CHART / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    text = before + BEGIN + table((CHART / "values.yaml").read_text()) + END + after
    if not options.check:
        readme.write_text(text)
    elif text != readme.read_text():
        sys.exit("deploy/helm/event-ingestor/README.md is out of date; run tools/chart_readme.py")


if __name__ == "__main__":
    main()

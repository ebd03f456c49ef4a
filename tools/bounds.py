#!/usr/bin/env python3
"""bounds.py [--write | --self-test]: checks that docs/BOUNDS.md matches docs/bounds.yaml and that no limit is
missing.

Every numeric setting, and every constant in src/ whose name says that it is a limit, must be in a row, unless it
limits nothing that input can drive: a setting's row in src/settings says so with .bounds_nothing, a constant is in
the list no_bounds. Every metric and every test that a row names must exist.
"""

import re
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from project_tree import Finding, expect, files, plant

TABLE = Path("docs/bounds.yaml")
PAGE = Path("docs/BOUNDS.md")
SETTING = re.compile(r"^\| `([a-z_.]+)` \| `[A-Z_]+` \| (\w+) \| ([^|]+) \|", re.MULTILINE)
# The row of a setting in the settings table up to .bounds_nothing, if it has that.
UNBOUNDED = re.compile(r'\.key = "([a-z_.]+)"(?:(?!\.key = ).)*?\.bounds_nothing = "([^"]+)"', re.DOTALL)
METRIC = re.compile(r"^\| `([a-z_]+)` \|", re.MULTILINE)
NUMERIC = {"integer", "size", "number", "duration"}
# A Problem may be named after a limit, but is none.
CONSTANT = re.compile(r"constexpr\s+(?!Problem\s)(?:auto|[\w:<>]+)\s+(k\w*)\s*=\s*([^;]+);", re.DOTALL)
BOUND_NAME = re.compile(r"(Max|Limit|Time|Timeout|Grace|Cap)$")
DOORS = {
    "events": "clients",
    "proxy": "clients behind a trusted proxy",
    "admin": "the admin port",
    "broker": "brokers",
    "disk": "the disk",
    "files": "files that are read",
    "tokens": "token endpoints",
    "operator": "commands and signals",
}
TEST = re.compile(r"^(tests/[\w/]+\.(?:py|cc))::(\w+)(?:\.(\w+))?$")
FIELDS = {"resource", "doors", "bound", "charged_to", "beyond", "metric", "test", "fill"}
HEAD = """<!-- Made by `tools/bounds.py --write` from docs/bounds.yaml; do not edit. -->
# Bounds

Every queue, buffer, table, time and count that a client, a broker, a disk, a file or a token endpoint can make grow has a
bound. `make lint` fails if a setting or a constant that is a bound is not on this page, and
[tests/e2e/test_bounds.py](../tests/e2e/test_bounds.py) fills each one that clients can reach, in every possible way, and
checks that another client is still served.

*Bound* names settings by their keys ([CONFIGURATION.md](CONFIGURATION.md)) with their defaults, and constants by their
names in the code with their values.
"""


class Source(NamedTuple):
    settings: dict[str, tuple[str, str]]  # type and default by key
    constants: dict[str, str]  # value by name
    metrics: set[str]
    unbounded: dict[str, str]  # why a setting bounds nothing, by key


def read_source(root: Path) -> Source:
    configuration = (root / "docs/CONFIGURATION.md").read_text(encoding="utf-8")
    metrics = (root / "docs/METRICS.md").read_text(encoding="utf-8")
    constants = {}
    unbounded = {}
    for path in files(root, "src", suffixes=(".cc", ".h")):
        text = (root / path).read_text(encoding="utf-8")
        for name, value in CONSTANT.findall(text):
            constants[f"{path.relative_to('src')}:{name}"] = " ".join(value.split())
        unbounded |= UNBOUNDED.findall(text)
    settings = {key: (kind, default.strip()) for key, kind, default in SETTING.findall(configuration)}
    return Source(settings, constants, set(METRIC.findall(metrics)), unbounded)


def check(root: Path) -> list[Finding]:
    table = yaml.safe_load((root / TABLE).read_text(encoding="utf-8"))
    source = read_source(root)
    rows = [row for group in table["groups"] for row in group["rows"]]
    problems = [problem for row in rows for problem in check_row(root, row, source)]
    named = [name for row in rows for name in row.get("bound", [])]
    excused = [name for group in table["no_bounds"] for name in group["names"]]
    for name in excused:
        if name not in source.constants:
            problems.append(f"{name}: listed under no_bounds, but not a constant of src/")
    for name in source.unbounded:
        if source.settings.get(name, ("", ""))[0] not in NUMERIC:
            problems.append(f"{name}: .bounds_nothing is only for numbers, sizes and durations")
    for name in sorted(set(named) & {*excused, *source.unbounded}):
        problems.append(f"{name} is both a bound and none")
    for key, (kind, _) in source.settings.items():
        if kind in NUMERIC and key not in named and key not in source.unbounded:
            problems.append(
                f"the setting {key} is in no row; or it bounds nothing: say .bounds_nothing in src/settings"
            )
    for name in source.constants:
        if BOUND_NAME.search(name) and name not in named and name not in excused:
            problems.append(f"the constant {name} is in no row")
    if not problems and (not (root / PAGE).exists() or (root / PAGE).read_text() != render(table, source)):
        problems.append(f"{PAGE} is out of date; run tools/bounds.py --write")
    return [Finding(TABLE, 1, problem) for problem in problems]


def check_row(root: Path, row: dict[str, Any], source: Source) -> list[str]:
    name = row.get("resource", "a row without `resource`")
    problems = [f"{name}: unknown field {field}" for field in row.keys() - FIELDS]
    problems += [
        f"{name}: no {field}" for field in ("doors", "bound", "charged_to", "beyond", "metric", "test")
        if not row.get(field)
    ]  # fmt: skip
    problems += [f"{name}: {door} is not a known door" for door in row.get("doors", []) if door not in DOORS]
    for bound in row.get("bound", []):
        if bound not in source.settings and bound not in source.constants:
            problems.append(f"{name}: {bound} is neither a setting nor a constant of src/")
    metric = row.get("metric", "")
    if metric.startswith("none: "):
        pass
    elif metric not in source.metrics:
        problems.append(f"{name}: the metric {metric} is not in docs/METRICS.md (or say none: and why)")
    for test in row.get("test", []):
        problems += check_test(root, name, test)
    return problems


def check_test(root: Path, name: str, test: str) -> list[str]:
    match = TEST.match(test)
    if not match:
        return [f"{name}: {test} must be tests/FILE.py::function or tests/FILE.cc::Suite.Name"]
    file, first, second = match.groups()
    if not (root / file).is_file():
        return [f"{name}: there is no {file}"]
    wanted = rf"def {first}\(" if second is None else rf"TEST\w*\(\s*{first},\s*{second}\)"
    found = re.search(wanted, (root / file).read_text(encoding="utf-8"))
    return [] if found else [f"{name}: {file} has no {test.split('::')[1]}"]


def render(table: dict[str, Any], source: Source) -> str:
    parts = [HEAD]
    for group in table["groups"]:
        parts.append(f"\n## {group['title']}\n")
        if group.get("text"):
            parts.append(f"\n{group['text'].strip()}\n")
        parts.append("\n| what | doors | bound | charged to | beyond it | metric | test |\n")
        parts.append("|---|---|---|---|---|---|---|\n")
        parts += [render_row(row, source) for row in group["rows"]]
    parts.append("\n## What bounds nothing that input can drive\n\n")
    no_bounds: dict[str, list[str]] = {}
    for key, why in source.unbounded.items():
        no_bounds.setdefault(why, []).append(key)
    for group in table["no_bounds"]:
        no_bounds.setdefault(group["why"], []).extend(group["names"])
    for why, names in no_bounds.items():
        shown = ", ".join(f"`{name.rpartition(':')[2]}`" for name in names)
        parts.append(f"- {why}: {shown}.\n")
    return "".join(parts)


def render_row(row: dict[str, Any], source: Source) -> str:
    bounds = []
    for name in row["bound"]:
        if name in source.settings:
            bounds.append(f"`{name}` ({source.settings[name][1]})")
        else:
            file, _, constant = name.rpartition(":")
            bounds.append(f"[`{constant}`](../src/{file}) ({source.constants[name]})")
    metric = row["metric"]
    shown = metric.removeprefix("none: ") if metric.startswith("none: ") else f"`{metric}`"
    tests = [render_test(test) for test in row["test"]]
    doors = ", ".join(DOORS[door] for door in row["doors"])
    cells = [row["resource"], doors, ", ".join(bounds), row["charged_to"], row["beyond"], shown,
             ", ".join(tests)]  # fmt: skip
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |\n"


def render_test(test: str) -> str:
    file, _, name = test.partition("::")
    return f"[{name.removeprefix('test_').replace('_', ' ')}](../{file})"


def self_test() -> None:
    good = {
        "docs/CONFIGURATION.md": "| `a.things_max` | `THINGS` | integer | `5` | 1 to 9 | text |\n"
        "| `a.port` | `PORT` | integer | `80` | 1 to 99 | text |\n"
        "| `a.name` | `NAME` | text | `x` | any | text |\n",
        "docs/METRICS.md": "| `things` | gauge |\n",
        "src/ingest/a.h": "inline constexpr size_t kThingsMax = 7;\nconstexpr int kOther = 1;\n"
        "constexpr Problem kThingsTimeout = {};\n",
        "src/settings/table.cc": 'Declare({.key = "a.things_max", .env = "THINGS"}),\n'
        'Declare({.key = "a.port", .env = "PORT", .bounds_nothing = "A port"}),\n'
        'Declare({.key = "a.name", .env = "NAME"}),\n',
        "tests/unit/a_test.cc": "TEST(Things, AreBounded) {}\n",
        "docs/bounds.yaml": """
groups:
  - title: Things
    rows:
      - {resource: Things, doors: [events], bound: [a.things_max, "ingest/a.h:kThingsMax"], charged_to: none, beyond: refused,
         metric: things, test: ["tests/unit/a_test.cc::Things.AreBounded"]}
no_bounds: []
""",
    }
    row = good["docs/bounds.yaml"]
    settings = good["src/settings/table.cc"]
    planted = {
        "a setting in no row": ("docs/bounds.yaml", row.replace("a.things_max, ", "")),
        "a setting that neither is in a row nor bounds nothing": (
            "src/settings/table.cc",
            settings.replace(', .bounds_nothing = "A port"', ""),
        ),
        "a setting that is in a row and bounds nothing": (
            "src/settings/table.cc",
            settings.replace('"THINGS"', '"THINGS", .bounds_nothing = "A port"'),
        ),
        "a text that bounds nothing": (
            "src/settings/table.cc",
            settings.replace('"NAME"', '"NAME", .bounds_nothing = "A name"'),
        ),
        "a constant in no row": ("docs/bounds.yaml", row.replace(', "ingest/a.h:kThingsMax"', "")),
        "a bound that is gone": ("src/ingest/a.h", "inline constexpr size_t kElseMax = 7;\n"),
        "a metric that is gone": ("docs/METRICS.md", ""),
        "a test that is gone": ("tests/unit/a_test.cc", "TEST(Things, AreNot) {}\n"),
        "an unknown door": ("docs/bounds.yaml", row.replace("[events]", "[window]")),
        "no test": ("docs/bounds.yaml", row.replace('"tests/unit/a_test.cc::Things.AreBounded"', "")),
        "a page out of date": (PAGE.as_posix(), "old\n"),
    }
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        plant(root, good)
        write(root)
        expect("findings in a good tree", check(root), [])
        for what, (file, text) in planted.items():
            plant(root, good)
            write(root)
            plant(root, {file: text})
            expect(what, bool(check(root)), True)


def write(root: Path) -> None:
    table = yaml.safe_load((root / TABLE).read_text(encoding="utf-8"))
    (root / PAGE).write_text(render(table, read_source(root)), encoding="utf-8")


def main() -> None:
    root = Path(__file__).resolve().parent.parent
    match sys.argv[1:]:
        case ["--self-test"]:
            self_test()
            print("self-test passed")
        case ["--write"]:
            write(root)
        case []:
            findings = check(root)
            for finding in findings:
                print(f"{finding.file}: {finding.rule}")
            sys.exit(1 if findings else 0)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()

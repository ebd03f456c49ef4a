#!/usr/bin/env python3
"""clang_tidy.py quick|slow: runs one half of the checks of .clang-tidy over src/, one process per core: the
checks of SLOW, which take as long as all others together, or the others. A file is skipped if the same text
(with all includes), command and checks passed before, in any clone of the project.
~/.cache/event-ingestor/clang-tidy keeps the results for 30 days after their last use; remove it to check
everything."""

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from project_tree import expect, files, plant

CLANG, TIDY = "clang++-19", "clang-tidy-19"
KEPT_SECONDS = 30 * 24 * 3600

# They follow paths through functions, or look at every function of every header.
SLOW = ("clang-analyzer-*", "performance-unnecessary-value-param", "cert-dcl58-cpp")
HALVES = {
    "quick": "--checks=" + ",".join(f"-{check}" for check in SLOW),
    "slow": "--checks=-*," + ",".join(SLOW),
}


class Passes:
    """Results of passed checks: one empty file each, named by its key; its modification time is the last
    use."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def has(self, key: str) -> bool:
        try:
            os.utime(self.folder / key)
        except FileNotFoundError:
            return False
        return True

    def add(self, key: str) -> None:
        (self.folder / key).touch()

    def forget_unused(self) -> None:
        oldest = time.time() - KEPT_SECONDS
        for entry in os.scandir(self.folder):
            try:
                if entry.stat().st_mtime < oldest:
                    os.unlink(entry.path)
            except FileNotFoundError:
                pass  # another clone's check was faster


@dataclass(frozen=True)
class Verdict:
    said: str = ""
    had_passed: bool = False


def preprocess(command: list[str]) -> list[str]:
    """Changes the compile command into one that prints all the text that the compiler reads. Only includes
    are expanded, so comments (NOLINT) and macros are included."""
    arguments = iter(command[command.index(next(a for a in command if "clang++" in a)) + 1 :])
    kept = [CLANG]
    for argument in arguments:
        if argument in ("-o", "-MF", "-MT"):
            next(arguments)
        elif argument not in ("-c", "-MD", "-MMD"):
            kept.append(argument)
    return [*kept, "-E", "-frewrite-includes", "-w"]


def key_of(root: Path, parts: list[bytes]) -> str:
    """A hash that is the same in every clone: the clone's path is replaced by a byte that no source
    contains."""
    here = re.compile(re.escape(os.fsencode(root)) + rb"(?![\w.-])")
    return hashlib.sha256(b"\0".join(here.sub(b"\1", part) for part in parts)).hexdigest()


def judge(root: Path, database: Path, passes: Passes, version: bytes, half: str, entry: dict) -> Verdict:
    """Runs clang-tidy on a file. Empty if it passes."""
    command = shlex.split(entry["command"])
    text = subprocess.run(preprocess(command), cwd=entry["directory"], capture_output=True)
    if text.returncode != 0:
        return Verdict(text.stderr.decode(errors="replace"))
    rules = (root / ".clang-tidy").read_bytes()
    key = key_of(root, [version, rules, HALVES[half].encode(), entry["command"].encode(), text.stdout])
    if passes.has(key):
        return Verdict(had_passed=True)
    tidy = subprocess.run(
        [
            TIDY,
            "-p",
            database,
            f"--config-file={root / '.clang-tidy'}",
            HALVES[half],
            "--quiet",
            entry["file"],
        ],
        capture_output=True,
        text=True,
    )
    if tidy.returncode == 0:
        passes.add(key)
        return Verdict()
    return Verdict(tidy.stdout + (tidy.stderr if not tidy.stdout else ""))


def check(root: Path, passes: Passes, half: str) -> tuple[list[str], int]:
    """Returns the findings, and how many files had passed before."""
    database = root / "build/debug"
    entries = json.loads((database / "compile_commands.json").read_text())
    entries = [entry for entry in entries if Path(entry["file"]).is_relative_to(root / "src")]
    if not entries:
        sys.exit(f"{database}/compile_commands.json names no file of src/")
    known = {Path(entry["file"]) for entry in entries}
    orphans = [
        f"{path}: is in no CMake target"
        for path in files(root, "src", suffixes=(".cc",))
        if root / path not in known
    ]
    version = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        verdicts = list(pool.map(lambda entry: judge(root, database, passes, version, half, entry), entries))
    findings = [verdict.said for verdict in verdicts if verdict.said]
    before = sum(verdict.had_passed for verdict in verdicts)
    print(
        f"clang-tidy, {half} checks: {len(entries)} files, {before} had passed before, {len(findings)} with findings"
    )
    passes.forget_unused()
    return orphans + findings, before


def plant_project(root: Path, rules: str, sources: dict[str, str], flags: str = "") -> None:
    plant(root, {f"src/base/{file}": text for file, text in sources.items()})
    commands = [
        {
            "directory": str(root),
            "file": str(root / "src/base" / file),
            "command": f"/usr/bin/{CLANG} -std=c++23 {flags} -o {file}.o -c {root / 'src/base' / file}",
        }
        for file in sources
    ]
    plant(root, {".clang-tidy": rules, "build/debug/compile_commands.json": json.dumps(commands)})


def self_test(rules: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        self_test_findings(folder, rules)
        self_test_passes(folder, rules)


def self_test_findings(folder: Path, rules: str) -> None:
    faults = {
        "modernize-use-nullptr": ("quick", "int* Null() { return 0; }\n"),
        "bugprone-use-after-move": (
            "quick",
            "#include <string>\n#include <utility>\n"
            "std::string Moved(std::string a) { std::string b = std::move(a); return b + a; }\n",
        ),
        "clang-analyzer-core.NullDereference": (
            "slow",
            "static int At(int* a) { return *a; }\nint Path() { return At(nullptr); }\n",
        ),
        "performance-unnecessary-value-param": (
            "slow",
            "#include <string>\nunsigned long Size(const std::string&);\n"
            "unsigned long Copied(std::string a) { return Size(a); }\n",
        ),
        "clang-diagnostic-reserved-identifier": ("quick", "int _Name() { return 0; }\n"),
        "clang-diagnostic-reserved-macro-identifier": ("quick", "#define __MACRO 1\n"),
    }
    sources = {f"{name}.cc": text for name, (_, text) in faults.items()}
    sources["good.cc"] = "int* Good() { return nullptr; }\n"
    for half in HALVES:
        root, passes = folder / f"findings-{half}", Passes(folder / f"findings-passes-{half}")
        plant_project(root, rules, sources)
        plant(root, {"src/base/orphan.cc": "int a;\n"})
        wanted = [name for name, (of, _) in faults.items() if of == half]
        for attempt, remembered in (("fresh", 0), ("remembered", len(sources) - len(wanted))):
            (orphan, *rest), before = check(root, passes, half)
            expect("source without a target", orphan.split(":")[0], "src/base/orphan.cc")
            found = [said.split("[")[1].split(",")[0] for said in rest]
            expect(f"findings, {half}, {attempt}", found, wanted)
            expect(f"passed before, {half}, {attempt}", before, remembered)


def self_test_passes(folder: Path, rules: str) -> None:
    """Every change that may affect the result of clang-tidy leads to a new check; other changes don't."""
    passes = Passes(folder / "passes")
    good = {
        "good.h": "// Good\nint* Good();\n",
        "good.cc": '#include "good.h"\nint* Good() { return nullptr; }\n',
    }
    runs = 0

    def passed_before(
        what: str, wanted: int, changed: dict[str, str], rules: str = rules, flags: str = ""
    ) -> None:
        nonlocal runs
        runs += 1
        root = folder / f"clone-{runs}"
        sources = good | changed
        plant(root, {"src/base/good.h": sources.pop("good.h")})
        plant_project(root, rules, sources, flags)
        expect(what, check(root, passes, "quick"), ([], wanted))

    passed_before("the first time", 0, {})
    passed_before("in another clone", 1, {})
    passed_before("another text", 0, {"good.cc": good["good.cc"] + "int* More() { return nullptr; }\n"})
    passed_before("another comment in a header", 0, {"good.h": "// NOLINT\nint* Good();\n"})
    passed_before("another comment in a macro", 0, {"good.h": "#define A 1  // NOLINT\n" + good["good.h"]})
    passed_before("another unused macro", 0, {"good.h": "#define UNUSED 1\n" + good["good.h"]})
    passed_before("other rules", 0, {}, rules=rules + "# other\n")
    passed_before("another command", 0, {}, flags="-O1")
    passed_before("the first text again", 1, {})

    month_ago = time.time() - KEPT_SECONDS
    for entry in passes.folder.iterdir():
        os.utime(entry, (month_ago - 3600, month_ago - 3600))
    passed_before("kept when it is used", 1, {})
    expect("unused results are removed", len(list(passes.folder.iterdir())), 1)


if __name__ == "__main__":
    project = Path(__file__).resolve().parent.parent
    if sys.argv[1:] == ["--self-test"]:
        self_test((project / ".clang-tidy").read_text())
        print("self-test passed")
    elif len(sys.argv) == 2 and sys.argv[1] in HALVES:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        faults, _ = check(project, Passes(caches / "event-ingestor/clang-tidy"), sys.argv[1])
        print("\n".join(faults))
        sys.exit(1 if faults else 0)
    else:
        sys.exit("usage: clang_tidy.py quick|slow|--self-test")

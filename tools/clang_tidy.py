#!/usr/bin/env python3
"""clang-tidy over src/, one process a core. A file whose preprocessed text, command and .clang-tidy have passed
before is not checked again (build/clang-tidy/ remembers; remove it to check everything)."""

import hashlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from project_tree import expect, files, plant

CLANG, TIDY = "clang++-19", "clang-tidy-19"


def preprocess(command: list[str]) -> list[str]:
    """The compile command turned into one that prints the preprocessed text, comments (NOLINT) kept."""
    arguments = iter(command[command.index(next(a for a in command if "clang++" in a)) + 1 :])
    kept = [CLANG]
    for argument in arguments:
        if argument in ("-o", "-MF", "-MT"):
            next(arguments)
        elif argument not in ("-c", "-MD", "-MMD"):
            kept.append(argument)
    return [*kept, "-E", "-C", "-w"]


def judge(root: Path, database: Path, remembered: Path, version: bytes, entry: dict) -> str:
    """What clang-tidy has to say about a file; empty when it passes."""
    command = shlex.split(entry["command"])
    text = subprocess.run(preprocess(command), cwd=entry["directory"], capture_output=True)
    if text.returncode != 0:
        return text.stderr.decode(errors="replace")
    rules = (root / ".clang-tidy").read_bytes()
    key = hashlib.sha256(b"\0".join([version, rules, entry["command"].encode(), text.stdout])).hexdigest()
    if (remembered / key).exists():
        return ""
    tidy = subprocess.run(
        [TIDY, "-p", database, f"--config-file={root / '.clang-tidy'}", "--quiet", entry["file"]],
        capture_output=True,
        text=True,
    )
    if tidy.returncode == 0:
        (remembered / key).touch()
        return ""
    return tidy.stdout + (tidy.stderr if not tidy.stdout else "")


def check(root: Path) -> list[str]:
    database = root / "build/clang"
    remembered = root / "build/clang-tidy"
    remembered.mkdir(parents=True, exist_ok=True)
    entries = json.loads((database / "compile_commands.json").read_text())
    entries = [entry for entry in entries if Path(entry["file"]).is_relative_to(root / "src")]
    if not entries:
        sys.exit(f"{database}/compile_commands.json names no file of src/")
    known = {Path(entry["file"]) for entry in entries}
    orphans = [
        f"{path}: belongs to no CMake target"
        for path in files(root, "src", suffixes=(".cc",))
        if root / path not in known
    ]
    version = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outputs = list(pool.map(lambda entry: judge(root, database, remembered, version, entry), entries))
    print(f"clang-tidy: {len(entries)} files, {sum(map(bool, outputs))} with findings")
    return orphans + [output for output in outputs if output]


def self_test(rules: Path) -> None:
    sources = {
        "good.cc": "int* Good() { return nullptr; }\n",
        "null.cc": "int* Null() { return 0; }\n",
        "moved.cc": "#include <string>\n#include <utility>\n"
        "std::string Moved(std::string a) { std::string b = std::move(a); return b + a; }\n",
    }
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        plant(root, {f"src/base/{file}": text for file, text in sources.items()})
        plant(root, {".clang-tidy": rules.read_text(), "src/base/orphan.cc": "int a;\n"})
        commands = [
            {
                "directory": str(root),
                "file": str(root / "src/base" / file),
                "command": f"/usr/bin/{CLANG} -std=c++23 -o {file}.o -c {root / 'src/base' / file}",
            }
            for file in sources
        ]
        plant(root, {"build/clang/compile_commands.json": json.dumps(commands)})
        for attempt in ("fresh", "remembered"):
            orphan, *rest = check(root)
            expect("source without a target", orphan.split(":")[0], "src/base/orphan.cc")
            found = [output.split("[")[1].split(",")[0] for output in rest]
            expect(f"findings, {attempt}", found, ["modernize-use-nullptr", "bugprone-use-after-move"])
        expect("passes remembered", len(list((root / "build/clang-tidy").iterdir())), 1)


if __name__ == "__main__":
    project = Path(__file__).resolve().parent.parent
    if sys.argv[1:] == ["--self-test"]:
        self_test(project / ".clang-tidy")
        print("self-test passed")
    else:
        faults = check(project)
        print("\n".join(faults))
        sys.exit(1 if faults else 0)

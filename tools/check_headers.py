#!/usr/bin/env python3
"""Each header in src/ must compile alone and start with #pragma once. Headers that are the first include of
their own .cc file are compiled alone there, by the build."""

import os
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from project_tree import Finding, expect, files, plant, run

COMPILE = ["g++", "-std=c++23", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Isrc", "-x", "c++", "-"]


INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)


def is_built_alone(root: Path, path: Path) -> bool:
    own = root / path.with_suffix(".cc")
    if not own.is_file():
        return False
    first = INCLUDE.search(own.read_text(encoding="utf-8"))
    return first is not None and first[1] == str(path.relative_to("src"))


def judge(root: Path, path: Path) -> list[Finding]:
    findings = []
    code = [
        (number, line.strip())
        for number, line in enumerate((root / path).read_text(encoding="utf-8").splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("//")
    ]
    if not code or code[0][1] != "#pragma once":
        findings.append(
            Finding(path, code[0][0] if code else 1, "a header's first line of code is #pragma once")
        )
    if is_built_alone(root, path):
        return findings
    # Included twice, to check the guard.
    source = f'#include "{path.relative_to("src")}"\n' * 2
    compiler = subprocess.run(COMPILE, cwd=root, input=source, capture_output=True, text=True)
    if compiler.returncode != 0:
        output = "\n".join("    " + line for line in compiler.stderr.splitlines()[:8])
        findings.append(Finding(path, 1, f"does not compile alone; include what it uses:\n{output}"))
    return findings


def check(root: Path) -> list[Finding]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        judged = pool.map(lambda path: judge(root, path), files(root, "src", suffixes=(".h",)))
        return [finding for findings in judged for finding in findings]


def self_test() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        plant(
            root,
            {
                "src/base/good.h": "// What for.\n#pragma once\n#include <string>\nstruct Good { std::string s; };\n",
                "src/base/unguarded.h": "#include <string>\n",
                "src/base/leaning.h": "#pragma once\nstruct Leaning { std::string s; };\n",
                "src/base/leaning.cc": '#include <string>\n\n#include "base/leaning.h"\n',
                "src/base/built.h": "#pragma once\nstruct Built { std::string s; };\n",
                "src/base/built.cc": '#include "base/built.h"\n',
            },
        )
        found = [(str(f.file), f.rule.split(";")[0]) for f in check(root)]
        wanted = [
            ("src/base/leaning.h", "does not compile alone"),
            ("src/base/unguarded.h", "a header's first line of code is #pragma once"),
        ]
        expect("findings", found, wanted)


if __name__ == "__main__":
    run(check, self_test)

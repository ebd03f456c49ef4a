#!/usr/bin/env python3
"""Checks that includes in src/ follow the order of LAYERS, that adapters don't include one another, that each
third-party library is used only in the folders that own it, and that the core (everything below the adapters)
does no I/O."""

import re
import tempfile
from pathlib import Path

from project_tree import Finding, expect, files, plant, run

LAYERS = [
    "base",
    "event",
    "clients",
    "journal",
    "delivery",
    "ingest",
    "redrive",
    "system",
    "adapters",
    "settings",
    "commands",
    "main",
]
CORE = LAYERS[: LAYERS.index("system")]

# Header prefix -> folders of src/ that may include it. Add a line for a new library.
THIRD_PARTY = {
    "boost/intrusive/": ["journal", "adapters"],
    "boost/": ["adapters"],
    "simdjson": ["adapters/json"],
    "librdkafka/": ["adapters/kafka"],
    "nlohmann/": ["adapters/auth", "adapters/kafka", "adapters/tokens"],
    "openssl/evp.h": [
        "base",
        "system",
        "adapters/auth",
        "adapters/http",
        "adapters/tokens",
        "adapters/kafka",
    ],
    "openssl/": ["system", "adapters/auth", "adapters/http", "adapters/tokens", "adapters/kafka"],
    "fmt/": ["adapters", "settings", "commands", "main"],
    "yaml-cpp/": ["settings"],
}

# Standard C++ headers have neither slash nor dot. These of them do I/O.
STANDARD_IO = {"cstdio", "filesystem", "fstream", "iostream", "print", "syncstream"}
# Processor intrinsics.
INTRINSICS = {"arm_acle.h", "nmmintrin.h"}
# The standard library can't set a thread's name; base/ does it.
THREADS = {"pthread.h"}
# Other C and POSIX headers by name: system calls, so not for the core.
POSIX = re.compile(r"(arpa|linux|net|netinet|sys)/[a-z_0-9]+\.h|[a-z_0-9]+\.h|c?xxabi\.h")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def folder_of(path: Path) -> str:
    """The layer, or adapters/NAME, of a path below src/."""
    return "/".join(path.parts[: 2 if path.parts[0] == "adapters" else 1])


def violation(folder: str, quote: str, header: str) -> str | None:
    own = folder.split("/")[0]
    other = header.split("/")[0]
    if other in LAYERS and "/" in header:
        if LAYERS.index(other) > LAYERS.index(own):
            return f"{own}/ may not include {other}/: dependencies go {' <- '.join(LAYERS)}"
        if own == other == "adapters" and folder_of(Path(header)) != folder:
            return (
                f"{folder} may not include {header}: adapters meet only in main/, through ports of the core"
            )
        return None
    for prefix, allowed in THIRD_PARTY.items():
        if header.startswith(prefix):
            if any(folder == place or folder.startswith(place + "/") for place in allowed):
                return None
            return (
                f"<{header}> belongs in {' or '.join(allowed)} only; hide it behind a port or a type of ours"
            )
    if quote == '"':
        return f'"{header}": include project headers by their path below src/, as in "base/result.h"'
    if "/" not in header and "." not in header:
        if own in CORE and header in STANDARD_IO:
            return f"<{header}>: {own}/ does no I/O; ask for it through a port"
        return None
    if header in INTRINSICS or (own == "base" and header in THREADS):
        return None
    if POSIX.fullmatch(header):
        if own in CORE:
            return f"<{header}>: {own}/ makes no system calls; ask for it through a port"
        return None
    return f"<{header}>: unknown library; say in tools/check_layers.py where it may be used"


def check(root: Path) -> list[Finding]:
    findings = []
    for path in files(root, "src", suffixes=(".h", ".cc")):
        below = path.relative_to("src")
        if below.parts[0] not in LAYERS or (below.parts[0] == "adapters" and len(below.parts) < 3):
            findings.append(
                Finding(
                    path, 1, f"source files live in src/{{{','.join(LAYERS)}}}, adapters in a folder each"
                )
            )
            continue
        for number, line in enumerate((root / path).read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            rule = violation(folder_of(below), *match.groups()) if match else None
            if rule:
                findings.append(Finding(path, number, rule))
    return findings


def self_test() -> None:
    cases = {  # file: (includes that must pass, includes that must not)
        "src/base/a.h": (
            ["<vector>", '"base/b.h"', "<nmmintrin.h>", "<pthread.h>", "<openssl/evp.h>"],
            ['"event/a.h"', "<unistd.h>", "<fstream>", "<fmt/core.h>", "<openssl/ssl.h>"],
        ),
        "src/event/a.cc": (['"base/a.h"', '"event/a.h"'], ['"journal/a.h"', "<simdjson.h>", '"a.h"']),
        "src/journal/a.cc": (
            ['"event/a.h"', "<boost/intrusive/list.hpp>"],
            ['"ingest/a.h"', '"delivery/a.h"'],
        ),
        "src/ingest/a.cc": (
            ['"event/a.h"', '"delivery/a.h"'],
            ['"adapters/kafka/a.h"', "<boost/asio.hpp>", "<sys/socket.h>", "<pthread.h>"],
        ),
        "src/adapters/http/a.cc": (
            ['"adapters/http/b.h"', '"ingest/a.h"', "<boost/asio.hpp>", "<sys/socket.h>"],
            ['"adapters/kafka/a.h"', '"main/a.h"', "<librdkafka/rdkafka.h>", "<nlohmann/json.hpp>"],
        ),
        "src/adapters/json/a.cc": (["<simdjson.h>"], ["<yaml-cpp/yaml.h>"]),
        "src/settings/a.cc": (['"adapters/http/a.h"', "<yaml-cpp/yaml.h>"], ['"commands/a.h"']),
        "src/main/a.cc": (
            ['"adapters/http/a.h"', '"commands/a.h"'],
            ["<simdjson.h>", "<yaml-cpp/yaml.h>"],
        ),
        "src/extra/a.cc": ([], []),
    }
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        tree, wanted = {}, {("src/extra/a.cc", 1)}
        for file, (good, bad) in cases.items():
            tree[file] = "".join(f"#include {header}\n" for header in good + bad)
            wanted |= {(file, number) for number in range(len(good) + 1, len(good + bad) + 1)}
        plant(root, tree)
        expect("findings", sorted((str(f.file), f.line) for f in check(root)), sorted(wanted))


if __name__ == "__main__":
    run(check, self_test)

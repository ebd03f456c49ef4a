#!/usr/bin/env python3
"""Measures the lines and branches of src/ that the unit, contract, fault and simulation tests run.

Runs the programs of the preset `coverage`, prints a table of the rooms and the files below a limit of lines,
and writes the annotated sources to build/coverage/html.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "coverage"
PROFILES = BUILD / "profiles"
PROFILE = BUILD / "all.profdata"
# The longest first.
PROGRAMS = ("simulation_tests", "unit_tests", "contract_tests", "fault_tests")
KINDS = ("lines", "branches")


def run_tests(program: str) -> bool:
    environment = os.environ | {"LLVM_PROFILE_FILE": f"{PROFILES}/{program}-%p.profraw"}
    log = BUILD / f"{program}.log"
    with log.open("wb") as out:
        command = [BUILD / "tests" / program, "--gtest_brief=1"]
        done = subprocess.run(command, env=environment, stdout=out, stderr=out, check=False)
    if done.returncode != 0:
        print(f"coverage: {program} failed: {log.relative_to(ROOT)}")
    return done.returncode == 0


def llvm_cov(action: str, *arguments: str) -> bytes:
    first, *others = (str(BUILD / "tests" / program) for program in PROGRAMS)
    objects = [f"-object={each}" for each in others]
    command = [
        "llvm-cov-19",
        action,
        first,
        *objects,
        f"-instr-profile={PROFILE}",
        *arguments,
        str(ROOT / "src"),
    ]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def room_of(name: str) -> str:
    parts = Path(name).parts
    return "/".join(parts[: 3 if parts[1] == "adapters" else 2])


def percent(covered: int, count: int) -> str:
    return f"{100 * covered / count:5.1f} %" if count else "      -"


def report(files: dict[str, dict], below: float) -> None:
    rooms: dict[str, dict] = defaultdict(lambda: {kind: [0, 0] for kind in KINDS})
    for name, summary in files.items():
        for room in (room_of(name), "all"):
            for kind in KINDS:
                rooms[room][kind][0] += summary[kind]["covered"]
                rooms[room][kind][1] += summary[kind]["count"]
    rooms["all"] = rooms.pop("all")
    print(f"{'room':26} lines   covered  branches  covered")
    for room, sums in rooms.items():
        (lines, all_lines), (branches, all_branches) = (sums[kind] for kind in KINDS)
        print(
            f"{room:26} {all_lines:5}   {percent(lines, all_lines)}     {all_branches:5}  "
            f"{percent(branches, all_branches)}"
        )
    print(f"\nfiles of which less than {below:.0f} % of the lines are covered:")
    for name, summary in files.items():
        lines = summary["lines"]
        if 100 * lines["covered"] < below * lines["count"]:
            print(f"{percent(lines['covered'], lines['count'])} of {lines['count']:4}  {name}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--below", type=float, default=80, help="list files below this percentage of lines")
    below = parser.parse_args().below
    shutil.rmtree(PROFILES, ignore_errors=True)
    PROFILES.mkdir(parents=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        passed = all(list(pool.map(run_tests, PROGRAMS)))
    raw = sorted(PROFILES.glob("*.profraw"))
    subprocess.run(["llvm-profdata-19", "merge", "-sparse", *raw, "-o", PROFILE], check=True)
    llvm_cov("show", "-format=html", f"-output-dir={BUILD / 'html'}", "-show-branches=count")
    data = json.loads(llvm_cov("export", "-summary-only"))["data"][0]
    files = {os.path.relpath(each["filename"], ROOT): each["summary"] for each in data["files"]}
    report({name: files[name] for name in sorted(files)}, below)
    print(f"\nsources with counts: {(BUILD / 'html' / 'index.html').relative_to(ROOT)}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())

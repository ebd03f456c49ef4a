#!/usr/bin/python3
"""Measures how many generated mutants of some rooms the C++ tests kill.

All mutants are compiled into one copy of the tree, build/mutate/tree; the environment variable MUTANT switches
one on. A first run of all tests notes which mutants each test reaches. Then each mutant is run against the
tests that reach it, the fastest first, until one fails. docs/TESTING.md explains the classes of mutants.
"""

import argparse
import hashlib
import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "mutate"
TREE = OUT / "tree"
BUILD = OUT / "out"
EQUIVALENT = ROOT / "tools" / "mutate" / "equivalent.txt"
sys.path.append(str(ROOT / "tools" / "mutate"))
from generate import Mutant, Rewriter  # noqa: E402

ROOMS = ("src/ingest", "src/journal", "src/delivery", "src/adapters/wal", "src/adapters/kafka")
LIBRARIES = ("ei_ingest", "ei_journal", "ei_delivery", "ei_wal", "ei_kafka")
PROGRAMS = ("unit_tests", "contract_tests", "fault_tests", "simulation_tests")
IDS_OF_FILE = 2_000
SCHEDULES = 100  # of each simulation
BATCH_MS = (100, 1_000, 5_000)  # tests of one process: by their time without a mutant
MEMORY_BYTES = 4 << 30
KILLED = ("failure", "crash", "time")
MARKER = re.compile(rb"/\*M(\d+)\*/|/\*(\d+)M\*/")
# ccache may have made the paths relative.
PLACE = re.compile(rf"/{TREE.name}/(src/[^:\s]+):(\d+):(\d+): \w+: ")


# Returns 0 only without a mutant.
SELF_TEST_SOURCE = """
constexpr int kTen = 10;
static_assert(kTen + 1 > 10);
int sum = 0;
void Add(int n) { sum += n; }
bool Other(int n) { return n % 5 != 0; }
int main() {
  for (int i = 0; i < kTen; ++i) {
    if (Other(i) && i > 3) continue;
    Add(i - 1);
  }
  return sum - 6;
}
"""
SELF_TEST_MUTANTS = [
    "statement: (removed)",
    "comparison: n % 5 == 0",
    "integer: bool Other(int n) { return n % 6 != 0; }",
    "integer: bool Other(int n) { return n % 5 != 1; }",
    "integer: for (int i = 1; i < kTen; ++i) {",
    "comparison: i <= kTen",
    "comparison: i >= kTen",
    "statement: (removed)",
    "statement: (removed)",
    "logic: Other(i) || i > 3",
    "condition: !(Other(i))",
    "comparison: i >= 3",
    "comparison: i <= 3",
    "integer: if (Other(i) && i > 4) continue;",
    "sum: i + 1",
    "integer: Add(i - 0);",
    "sum: sum + 6",
    "integer: return sum - 7;",
]


@dataclass(frozen=True)
class Test:
    program: str
    name: str
    ms: int


# ---- the mutated tree


def tracked_files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def write_if_changed(path: Path, content: bytes) -> None:
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def generate(name: str, first_id: int, dropped: set[int]) -> dict:
    """Rewrites one file. The result is kept for as long as the file and the generator stay the same."""
    generator = (ROOT / "tools" / "mutate" / "generate.py").read_bytes()
    stamp = hashlib.sha256(generator + (ROOT / name).read_bytes() + str(first_id).encode()).hexdigest()
    path = OUT / "files" / (name.replace("/", "+") + ".json")
    kept = json.loads(path.read_text()) if path.is_file() else {}
    if kept.get("stamp") == stamp and dropped <= set(kept["dropped"]):
        return kept
    if kept.get("stamp") == stamp:
        dropped = dropped | set(kept["dropped"])
    rewriter = Rewriter(ROOT, name, first_id, dropped)
    if rewriter.next_id > first_id + IDS_OF_FILE:
        raise SystemExit(f"mutate: {name} has more mutants than IDS_OF_FILE")
    made = {
        "stamp": stamp,
        "dropped": sorted(dropped),
        "mutants": [asdict(each) for each in rewriter.mutants],
        "text": rewriter.rewritten().decode(),
    }
    write_if_changed(path, json.dumps(made).encode())
    return made


def make_tree(dropped: dict[str, set[int]]) -> list[Mutant]:
    names = tracked_files()
    rooms = tuple(f"{room}/" for room in ROOMS)
    sources = sorted(name for name in names if name.startswith(rooms) and name.endswith((".cc", ".h")))
    with ProcessPoolExecutor() as pool:
        first_ids = [IDS_OF_FILE * (number + 1) for number in range(len(sources))]
        made = list(pool.map(generate, sources, first_ids, [dropped.get(name, set()) for name in sources]))
    texts = {name: each["text"].encode() for name, each in zip(sources, made, strict=True)}
    for path in [path for path in TREE.rglob("*") if path.is_file()]:
        if str(path.relative_to(TREE)) not in names:
            path.unlink()
    for name in names:
        content = texts.get(name) or (ROOT / name).read_bytes()
        if name == "tests/CMakeLists.txt":
            for program in PROGRAMS:
                content += f"target_sources({program} PRIVATE {TREE}/tools/mutate/reach.cc)\n".encode()
        write_if_changed(TREE / name, content)
    return [Mutant(**each) for one in made for each in one["mutants"]]


def compile_tree(targets: tuple[str, ...]) -> subprocess.CompletedProcess:
    environment = os.environ | {"CCACHE_BASEDIR": str(TREE), "CCACHE_NOHASHDIR": "1"}
    if not (BUILD / "build.ninja").exists():
        flags = f"-w -Wno-c++11-narrowing -ferror-limit=0 -include {TREE}/tools/mutate/mutate.h"
        flags += " -D_GLIBCXX_ASSERTIONS"  # an index beyond the end is a crash, as with the debug preset
        subprocess.run(
            ["cmake", "-S", TREE, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug"]
            + ["-DCMAKE_CXX_COMPILER=clang++-19", "-DCMAKE_CXX_FLAGS_DEBUG=-O1", f"-DCMAKE_CXX_FLAGS={flags}"]
            + ["-DEI_PRECOMPILE_HEADERS=ON"],
            check=True,
            env=environment,
            stdout=subprocess.DEVNULL,
        )
    return subprocess.run(
        ["cmake", "--build", BUILD, "--target", *targets, "--", "-k", "0"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def site_at(name: str, line: int, column: int) -> int | None:
    """The first number of the innermost mutants at a place of the mutated tree."""
    text = (TREE / name).read_bytes()
    place = sum(len(each) for each in text.splitlines(keepends=True)[: line - 1]) + column - 1
    begun: list[int] = []
    for marker in MARKER.finditer(text):
        if marker.start() > place:
            break
        if marker[1]:
            begun.append(int(marker[1]))
        else:
            begun.remove(int(marker[2]))
    return begun[-1] if begun else None


def build() -> list[Mutant]:
    """Compiles the mutants, without those that don't compile."""
    dropped: dict[str, set[int]] = defaultdict(set)
    # The libraries find nearly all of these, before the tests include their headers.
    steps = [LIBRARIES, PROGRAMS]
    for _ in range(12):
        mutants = make_tree(dropped)
        done = compile_tree(steps[0])
        while done.returncode == 0:
            if len(steps) == 1:
                return mutants
            steps.pop(0)
            done = compile_tree(steps[0])
        found = False
        for error in re.split(r"\n(?=[^\n]+: (?:fatal )?error: )", done.stdout):
            for name, line, column in PLACE.findall(error):
                site = site_at(name, int(line), int(column))
                if site is not None:
                    found = found or site not in dropped[name]
                    dropped[name].add(site)
                    break
        print(f"mutate: {sum(map(len, dropped.values()))} places don't compile, and are left out", flush=True)
        if not found:
            break
    (OUT / "compiler.log").write_text(done.stdout)
    print(f"mutate: see {(OUT / 'compiler.log').relative_to(ROOT)}")
    raise SystemExit("mutate: the mutated tree does not compile")


# ---- the tests


def run_tests(program: str, names: list[str], mutant: int, seconds: float, reach: Path | None = None) -> str:
    """Empty: all passed; else how it ended."""
    command = ["prlimit", f"--cpu={int(seconds)}", f"--as={MEMORY_BYTES}", str(BUILD / "tests" / program)]
    if reach is None:
        command += ["--gtest_filter=" + ":".join(names), "--gtest_fail_fast", "--gtest_brief=1"]
    with tempfile.TemporaryDirectory(dir=OUT / "tmp", ignore_cleanup_errors=True) as folder:
        environment = os.environ | {
            "MUTANT": str(mutant),
            "TMPDIR": folder,
            "TEST_TMPDIR": folder,
            "EI_SCHEDULES": str(SCHEDULES),
        }
        if reach is not None:
            environment["MUTATE_REACH"] = str(reach)
        with subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as running:
            try:
                status = running.wait(4 * seconds)
            except subprocess.TimeoutExpired:
                return "time"
            finally:
                try:
                    os.killpg(running.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        return "time"
    if status < 0:
        return "crash"
    return "failure" if status else ""


def find_reached() -> dict[int, list[Test]]:
    """The tests that reach each mutant, the fastest first."""
    stamp = " ".join(str((BUILD / "tests" / program).stat().st_mtime_ns) for program in PROGRAMS)
    kept = OUT / "reach"
    if not (kept / "stamp").is_file() or (kept / "stamp").read_text() != stamp:
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir()
        for program in PROGRAMS:
            if run_tests(program, [], -1, 1800, kept / program) in ("crash", "time"):
                raise SystemExit(f"mutate: {program} crashes without any mutant")
        (kept / "stamp").write_text(stamp)
    tests: dict[int, list[Test]] = defaultdict(list)
    for program in PROGRAMS:
        lines = (kept / program).read_text().splitlines()
        for line in lines:
            name, ms, passed, *ids = line.split()
            if passed != "1":
                print(f"mutate: {name} fails without any mutant, and is left out")
                continue
            for each in ids:
                tests[int(each)].append(Test(program, name, int(ms)))
    for reaching in tests.values():
        reaching.sort(key=lambda test: test.ms)
    return tests


def try_mutant(mutant: Mutant, tests: list[Test], seconds_max: float) -> str:
    """failure, crash, time: killed; else survived or not reached."""
    if not tests:
        return "not reached"
    total = 0
    batches: dict[int, list[Test]] = defaultdict(list)
    for test in tests:
        total += test.ms
        if total > 1000 * seconds_max and batches:
            break
        batches[sum(total > limit for limit in BATCH_MS)].append(test)
    for _, batch in sorted(batches.items()):
        for program, group in itertools.groupby(
            sorted(batch, key=lambda test: test.program), lambda test: test.program
        ):
            chosen = list(group)
            allowed = 5 + 5 * sum(test.ms for test in chosen) / 1000
            ended = run_tests(program, [test.name for test in chosen], mutant.id, allowed)
            if ended:
                return ended
    return "survived"


# ---- the report


def read_equivalent() -> set[str]:
    """The keys of the mutants that no test can kill."""
    lines = [line.strip() for line in EQUIVALENT.read_text().splitlines()]
    return {line for line in lines if line and not line.startswith("#")}


def room_of(mutant: Mutant) -> str:
    return next(room for room in ROOMS if mutant.file.startswith(f"{room}/"))


def report(outcomes: list[tuple[Mutant, str]]) -> float:
    """Prints the table, writes the survivors, returns the score of all rooms."""
    rows: dict[str, Counter] = {}
    logs: Counter = Counter()
    for mutant, outcome in outcomes:
        row = rows.setdefault(room_of(mutant), Counter())
        if mutant.kind == "log":
            logs[outcome in KILLED] += 1
        else:
            row[outcome] += 1
    rows["all"] = sum(rows.values(), Counter())
    print(f"\n{'room':20} mutants  failure  crash  time  survived  not reached  score   equivalent")
    for room, row in rows.items():
        killed = sum(row[outcome] for outcome in KILLED)
        count = killed + row["survived"] + row["not reached"]
        score = 100 * killed / max(count, 1)
        print(
            f"{room:20} {count:7} {row['failure']:8} {row['crash']:6} {row['time']:5} {row['survived']:9}"
            f" {row['not reached']:12} {score:5.1f} % {row['equivalent']:11}"
        )
    print(f"removed log calls, not in the score: {logs[True]} of {logs.total()} killed")
    lines = [
        f"{mutant.file}:{mutant.line}: {outcome}: {mutant.kind}: {mutant.text}  ->  {mutant.change}"
        for mutant, outcome in outcomes
        if outcome in ("survived", "not reached")
    ]
    (OUT / "survivors.txt").write_text("\n".join(lines) + "\n")
    print(f"{OUT.relative_to(ROOT)}/survivors.txt: {len(lines)} mutants")
    return score


def choose(mutants: list[Mutant], paths: tuple[str, ...], sample: int | None, seed: int) -> list[Mutant]:
    """Those below the paths; of each room at most `sample`."""
    chooser = random.Random(seed)
    chosen: list[Mutant] = []
    for room in ROOMS:
        of_room = [each for each in mutants if room_of(each) == room and each.file.startswith(paths)]
        if sample is not None and sample < len(of_room):
            of_room = sorted(chooser.sample(of_room, sample), key=lambda mutant: mutant.id)
        chosen += of_room
    return chosen


def self_test() -> None:
    """Shows on a small file what is mutated, and that a mutant can be switched on."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "src").mkdir()
        (root / "src" / "a.cc").write_text(SELF_TEST_SOURCE)
        rewriter = Rewriter(root, "src/a.cc", 1, set())
        changes = [f"{mutant.kind}: {mutant.change}" for mutant in rewriter.mutants]
        if changes != SELF_TEST_MUTANTS:
            raise SystemExit("mutate: self-test failed, found " + json.dumps(changes, indent=2))
        (root / "src" / "a.cc").write_bytes(rewriter.rewritten())
        compiler = ["clang++-19", "-std=c++23", "-include", ROOT / "tools" / "mutate" / "mutate.h"]
        subprocess.run([*compiler, root / "src" / "a.cc", "-o", root / "a"], check=True)
        for number in range(len(changes) + 1):
            status = subprocess.run([root / "a"], env={"MUTANT": str(number)}, check=False).returncode
            if (status == 0) != (number == 0):
                raise SystemExit(f"mutate: self-test failed: with mutant {number} the status is {status}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("paths", nargs="*", default=ROOMS, help="rooms, folders or files")
    parser.add_argument("--sample", type=int, help="of each room, only that many mutants (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument(
        "--seconds", type=float, default=20, help="of tests for a mutant; slower ones are left out"
    )
    parser.add_argument("--again", action="store_true", help="only those that the previous runs didn't kill")
    parser.add_argument(
        "--score", type=float, default=0, help="fail if the score of all is lower, in percent"
    )
    arguments = parser.parse_args()
    self_test()
    (OUT / "tmp").mkdir(parents=True, exist_ok=True)
    mutants = build()
    equivalent = read_equivalent()
    stale = equivalent - {mutant.key() for mutant in mutants}
    for key in stale:
        print(f"{EQUIVALENT.relative_to(ROOT)}: there is no mutant '{key}'")
    tests = find_reached()
    chosen = choose(mutants, tuple(arguments.paths), arguments.sample, arguments.seed)
    print(f"{len(chosen)} of {len(mutants)} mutants, seed {arguments.seed}", flush=True)
    kept_path = OUT / "outcomes.json"
    kept = json.loads(kept_path.read_text()) if kept_path.is_file() else {}

    def outcome_of(mutant: Mutant) -> str:
        if mutant.key() in equivalent:
            return "equivalent"
        before = kept.get(f"{mutant.id} {mutant.key()}")
        if arguments.again and before in KILLED:
            return before
        return try_mutant(mutant, tests.get(mutant.id, []), arguments.seconds)

    outcomes = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutant, outcome in zip(chosen, pool.map(outcome_of, chosen), strict=True):
            outcomes.append((mutant, outcome))
            kept[f"{mutant.id} {mutant.key()}"] = outcome
            if len(outcomes) % 100 == 0:
                print(f"{len(outcomes)} of {len(chosen)}", flush=True)
                kept_path.write_text(json.dumps(kept))
    kept_path.write_text(json.dumps(kept))
    score = report(outcomes)
    return 1 if stale or score < arguments.score else 0


if __name__ == "__main__":
    sys.exit(main())

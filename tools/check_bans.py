#!/usr/bin/env python3
"""Patterns that the project bans, each with its replacement; also checks the length and whitespace of files.

A line that must contain a banned pattern says so on the same line or on the line before: ban-ok(NAME): why.
"""

import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from project_tree import Finding, expect, files, plant, run

CPP = r"\.(cc|h)$"
SOURCES = r"^src/.*" + CPP
CORE = r"^src/(base|event|clients|journal|delivery|ingest|redrive)/.*" + CPP
CPP_AND_TESTS = r"^(src|tests|bench)/.*" + CPP
ANY = r""
LINES_MAX = 400


class Ban(NamedTuple):
    name: str
    where: str  # pattern for the path
    excused: str | None  # pattern of paths that are exempt
    what: str  # pattern for the line
    instead: str
    bad: str  # a line that must be found, in the file named by bad_in
    bad_in: str
    good: str  # a line that must not be found there


BANS = [
    Ban("todo", ANY, None, r"\b(TODO|FIXME|XXX)\b", "do it now, or write down in docs/ what is not done and why",
        "// TODO: later", "src/ingest/a.cc", 'mkdtemp("/tmp/x-XXXXXX")'),
    Ban("console", SOURCES, r"^src/(commands|main)/", r"std::(cout|cerr|clog)\b|\b(printf|puts|perror)\s*\(",
        "log through base/log.h",
        "std::cout << 1;", "src/ingest/a.cc", "std::snprintf(buffer, size, format);"),
    Ban("sleep", CPP_AND_TESTS, None, r"\b(sleep_for|sleep_until|usleep|nanosleep)\b|\bsleep\s*\(",
        "wait for the condition itself (CondVar, a future, a timer), or let virtual time pass",
        "std::this_thread::sleep_for(kDelay);", "tests/unit/a.cc", "sleeper.Wake();"),
    Ban("using-namespace", CPP_AND_TESTS, None, r"\busing\s+namespace\b(?!\s+std::(\w+::)*\w*literals\b)",
        "name what is used: using ei::base::Result; (only std::...literals may be opened)",
        "using namespace std;", "src/ingest/a.cc", "using namespace std::chrono_literals;"),
    Ban("endl", CPP_AND_TESTS, None, r"\bstd::(endl|flush)\b", "write '\\n'; flush by a call where it must be",
        "out << std::endl;", "tests/unit/a.cc", "out << '\\n';"),
    Ban("std-mutex", SOURCES, r"^src/base/mutex\.h$",
        r"\bstd::(mutex|recursive_mutex|timed_mutex|shared_mutex|condition_variable(_any)?|lock_guard|unique_lock|scoped_lock)\b",
        "base::Mutex, MutexLock and CondVar of base/mutex.h, so that clang checks GUARDED_BY",
        "std::lock_guard lock(mutex_);", "src/ingest/a.cc", "base::MutexLock lock(mutex_);"),
    Ban("clock", SOURCES, r"^src/system/\w*clock\w*" + CPP,
        r"\b(steady|system|high_resolution|utc)_clock::now\b|\b(clock_gettime|gettimeofday)\s*\(|\btime\(\s*(NULL|nullptr|0)\s*\)",
        "take the time as a parameter or from Clock, so that tests own it",
        "auto now = std::chrono::steady_clock::now();", "src/ingest/a.cc", "auto now = clock_.Now();"),
    Ban("detach", CPP_AND_TESTS, None, r"\.detach\(\)", "each thread has one owner that joins it",
        "thread.detach();", "src/adapters/kafka/a.cc", "thread.join();"),
    Ban("exception", CORE, None, r"\bthrow\b|\bcatch\s*\(|\btry\s*\{",
        "outside faults are values (base::Result); only adapters catch",
        "throw std::runtime_error(text);", "src/event/a.cc", "return base::Fail(kind, text);"),
    Ban("string-to-number", SOURCES, None, r"\b(std::sto(i|l|ll|ul|ull|f|d|ld)|ato(i|l|ll|f)|strto(l|ll|ul|ull|d|f))\s*\(",
        "std::from_chars, which knows no locale and reports every fault",
        "int n = std::stoi(text);", "src/main/a.cc", "std::from_chars(first, last, n);"),
    Ban("regex", SOURCES, None, r"\bstd::(basic_)?regex\b", "a few lines of hand-written matching: std::regex recurses on its input",
        "std::regex pattern;", "src/main/a.cc", "pattern.find('x');"),
    Ban("random", SOURCES, None, r"\b(std::)?s?rand\s*\(", "a seeded engine that the caller hands in",
        "int n = rand();", "src/ingest/a.cc", "grand(1);"),
    Ban("bare-nolint", CPP_AND_TESTS, None, r"\bNOLINT(NEXTLINE|BEGIN)?\b(?!\([^)]+\))", "NOLINT(check-name) and the reason",
        "f();  // NOLINT", "src/ingest/a.cc", "f();  // NOLINT(cert-err33-c): why"),
    Ban("skipped-test", r"^tests/.*\.(cc|h|py)$", None,
        r"\bGTEST_SKIP\b|\bDISABLED_\w|\bpytest\.(mark\.)?(skip|skipif|xfail|importorskip)\b|@unittest\.skip",
        "install what the test needs, or delete the test",
        "GTEST_SKIP();", "tests/unit/a.cc", "TEST(Journal, SkipsSettledRanges) {"),
    Ban("file-name", ANY, None, r"", "a name that says what the file holds, not a drawer for everything",
        "", "src/ingest/string_utils.h", ""),
]  # fmt: skip
# Words of a dialect that the project used to be written in, each with the field's word. In code, comments and
# documents alike.
DIALECT = {
    r"\bset aside\b": "quarantined",
    r"\bearlier (life|lives)\b": "previous run",
    r"\bat the door\b": "before it is accepted, at admission",
    r"\bin vain\b": "without success",
    r"\bmodest\b": "within its fair share",
    r"\b(is|are|was|were|be) told\b|\btold of\b|\btells? of\b": "is notified, reports, logs",
    r"\bst(ands?|ood) (in|there)\b": "is in, is stored in, is written to",
    r"\blets? (it |them )?go\b": "release, free",
    r"\bfor good\b": "permanently",
    r"\bheed(s|ed)?\b": "honour, respect",
    r"\btried on\b": "retried",
}
BANS += [
    Ban("dialect", ANY, r"^tools/check_bans\.py$", what, f"write: {instead}", "", "src/ingest/a.cc", "")
    for what, instead in DIALECT.items()
]  # fmt: skip
FILE_NAME = re.compile(r"(^|[/_])(utils?|commons?|helpers?|managers?|misc)([_.]|/|$)")
BY_LINE = [ban for ban in BANS if ban.name != "file-name"]
DIALECT_EXAMPLES = {
    "// Segments are set aside.": True,
    "// The event stands in the topic.": True,
    "// Time stands still; a stand-in for Kafka.": False,
    "// The client is told the reason.": True,
    "// It tells the reason.": False,
    "// An undertone.": False,
}

TEXT = (".cc", ".h", ".py", ".sh", ".md", ".yml", ".yaml", ".cmake", ".txt", ".json", ".toml", ".xml",
        ".properties", ".tf", ".tpl")  # fmt: skip
EXEMPT = {Path("tools/check_bans.py")}  # names what it bans
GOLDEN = r"^tests/golden/"


def check(root: Path) -> list[Finding]:
    findings = []
    for path in files(root):
        name = path.as_posix()
        if FILE_NAME.search(name):
            findings.append(Finding(path, 1, f"file-name: {BANS[-1].instead}"))
        if path in EXEMPT or re.match(GOLDEN, name):
            continue
        if path.suffix in TEXT or path.name in ("Makefile", "Dockerfile") or name == ".ci/run":
            findings += judge(path, (root / path).read_text(encoding="utf-8"))
    return findings


def judge(path: Path, text: str) -> list[Finding]:
    name = path.as_posix()
    findings = []
    lines = text.splitlines()
    bans = [b for b in BY_LINE if re.search(b.where, name) and not (b.excused and re.search(b.excused, name))]
    for number, line in enumerate(lines, 1):
        before = lines[number - 2] if number > 1 else ""
        for ban in bans:
            if re.search(ban.what, line) and not any(
                f"ban-ok({ban.name}): " in place for place in (line, before)
            ):
                findings.append(Finding(path, number, f"{ban.name}: {ban.instead}"))
        if line != line.rstrip():
            findings.append(Finding(path, number, "whitespace: no blanks at the end of a line"))
        if "\t" in line and path.suffix in (".cc", ".h", ".py", ".sh", ".cmake", ".json", ".yml", ".yaml"):
            findings.append(Finding(path, number, "whitespace: spaces, not tabs (\\t inside a string)"))
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        findings.append(Finding(path, len(lines), "whitespace: a file ends with one line break"))
    long = name.startswith("src/") and len(lines) > LINES_MAX
    if long and not any("Long because:" in line for line in lines[:20]):
        rule = f"length: {len(lines)} lines; divide it, or say 'Long because: ...' in the first 20 ({LINES_MAX} are free)"
        findings.append(Finding(path, 1, rule))
    return findings


def self_test() -> None:
    for line, wanted in DIALECT_EXAMPLES.items():
        found = [finding.rule.split(":")[0] for finding in judge(Path("src/ingest/a.cc"), line + "\n")]
        expect(f"dialect in {line!r}", found, ["dialect"] if wanted else [])
    for ban in BY_LINE:
        if ban.name == "dialect":
            continue
        for line, wanted in (
            (ban.bad, [ban.name]),
            (ban.good, []),
            (f"{ban.bad} // ban-ok({ban.name}): reason", []),
        ):
            found = [finding.rule.split(":")[0] for finding in judge(Path(ban.bad_in), line + "\n")]
            expect(f"{ban.name} in {line!r}", found, wanted)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        plant(
            root,
            {
                "src/ingest/string_utils.h": "int a;\n",
                "src/ingest/trailing.h": "int a; \n",
                "src/ingest/tab.h": "\tint a;\n",
                "src/ingest/unended.h": "int a;",
                "src/ingest/long.h": "int a;\n" * (LINES_MAX + 1),
                "src/ingest/long_with_reason.h": "// Long because: one table.\n" + "int a;\n" * LINES_MAX,
                "src/ingest/commonly.h": "int a;\n",
                "build/release/a.h": "// TODO\n",
            },
        )
        found = sorted((f.file.name, f.rule.split(":")[0]) for f in check(root))
        wanted = [
            ("long.h", "length"),
            ("string_utils.h", "file-name"),
            ("tab.h", "whitespace"),
            ("trailing.h", "whitespace"),
            ("unended.h", "whitespace"),
        ]
        expect("findings", found, wanted)


if __name__ == "__main__":
    run(check, self_test)

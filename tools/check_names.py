#!/usr/bin/env python3
"""Names in code spans of Markdown must exist: settings and their environment names, metrics with labels, files,
names in code and in other files, log lines. Documents that tell the past are exempt."""

import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from markdown import HISTORY, read, spans
from project_tree import Finding, expect, files, plant, run

SETTINGS, METRICS = Path("docs/CONFIGURATION.md"), Path("docs/METRICS.md")
# Documents about other programs: only our metrics are checked there.
ABOUT_OTHERS = re.compile(r"^(findings/|docs/COMPARISON\.md)")
# Names of other programs, and forms of names.
OTHERS = {
    "_RELATIVE_URI": "the end of AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "kafka.username": "a member of the Terraform input kafka",
    "event_ingestor_events_accepted_per_second": "what an adapter for custom metrics is configured to provide",
    "backend.tf": "made from backend.tf.example",
    "stop-timeout": "a flag of docker run",
    "up.sh": "a script of the folder LOCAL_CLUSTER",
}
METRIC_ROW = re.compile(r"^\| `([a-z_]+)` \| (counter|gauge|histogram) \| [^|]*\| ([^|]*)\|", re.MULTILINE)
SETTING_ROW = re.compile(r"^\| `([a-z_.]+)` \| `([A-Z_]+)` \|", re.MULTILINE)
FILE_NAME = re.compile(r"[\w.*-]+\.(cc|h|py|sh|md|ya?ml|json|tf|txt|cmake|properties|tfvars)")
PATH = re.compile(r"[\w.*-]+(/[\w.*-]+)+/?")
PLACEHOLDER = re.compile(r"\b(NAME|NUMBER|FILE|FOLDER)\b")
VARIABLE = re.compile(r"([A-Z][A-Z0-9]*_[A-Z0-9_]+)(=.*)?")
# Where a program reads a variable: $NAME, ${NAME}, $(NAME), "NAME".
READ = re.compile(r"[$][({]?([A-Z][A-Z0-9_]+)|[\"']([A-Z][A-Z0-9_]+)[\"']|\bARG ([A-Z_]+)")
NAME = re.compile(r"[A-Za-z_]\w*")
METRIC = re.compile(r"(event_ingestor_[a-z_]*[a-z])(?:\{(?:(\w+)(?:=\"(\w+)\")?)?\})?")
FLAG = re.compile(r"--([a-z][\w.-]*)")
SENTENCE = re.compile(r"[a-z'(][a-z',;:.()-]*( [a-z'(][a-z',;:.()-]*){3,}")
# Programs whose commands are sentences of words too.
PROGRAMS = re.compile(r"^(aws|az|confluent|docker|event-ingestor|gcloud|git|helm|kubectl|make|terraform) ")


class Known(NamedTuple):
    settings: set[str]
    variables: set[str]  # of the settings table
    read: set[str]  # variables that some program reads
    labels: dict[str, dict[str, set[str]]]  # of each metric, with their values as far as they are listed
    files: list[str]
    words: set[str]
    texts: str  # all sources, with the parts of string literals joined


def labels_of(document: str) -> dict[str, dict[str, set[str]]]:
    metrics: dict[str, dict[str, set[str]]] = {}
    for name, kind, cell in METRIC_ROW.findall(document):
        labels = {}
        for label in cell.split("; `"):
            own, *values = re.findall(r"`([\w./]+)`", f"`{label.strip().removeprefix('`')}") or [""]
            labels[own] = set(values)
        for suffix in ("", "_bucket", "_sum", "_count") if kind == "histogram" else ("",):
            metrics[name + suffix] = labels
    return metrics


def gather(root: Path) -> Known:
    rows = SETTING_ROW.findall((root / SETTINGS).read_text())
    names = [path.as_posix() for path in files(root)]
    texts = []
    for name in names:
        if not name.endswith(".md") and not name.startswith("findings/"):
            texts.append((root / name).read_bytes().decode(errors="replace"))
    everything = "\n".join(texts)
    return Known(
        {key for key, _ in rows},
        {variable for _, variable in rows} | {"CONFIG"},
        {name for found in READ.findall(everything) for name in found if name},
        labels_of((root / METRICS).read_text()),
        names,
        set(NAME.findall(everything)) | {part for name in names for part in NAME.findall(name)},
        re.sub(r'"\s*\n\s*"', "", everything),
    )


def span_faults(span: str, there: Known) -> list[str]:
    if span in OTHERS:
        return []
    variable, setting = VARIABLE.fullmatch(span), re.fullmatch(r"([a-z_]+(\.[a-z_]+)+)\.?(: .*)?", span)
    metric = METRIC.fullmatch(span)
    if metric:
        return metric_faults(*metric.groups(), there.labels)
    if variable:
        name = variable[1]
        return [] if name in there.variables | there.read else [f"no program reads {name}"]
    if FILE_NAME.fullmatch(span) or PATH.fullmatch(span):
        return path_faults(span, there)
    if setting and setting[1].split(".")[0] in {key.split(".")[0] for key in there.settings}:
        name = setting[1]
        exists = name in there.settings or any(key.startswith(name + ".") for key in there.settings)
        return [] if exists else [f"there is no setting {name}"]
    if FLAG.match(span):
        flags = set(FLAG.findall(span)) - there.settings - set(OTHERS)
        return [f"no program has --{flag}" for flag in sorted(flags) if f"--{flag}" not in there.texts]
    if SENTENCE.fullmatch(span) and not PROGRAMS.match(span):
        return [] if span in there.texts else ["no program prints this text"]
    return [
        f"{word} is nowhere in the project"
        for word in NAME.findall(span)
        if ("_" in word or re.search(r"[a-z][A-Z]", word)) and word not in there.words | set(OTHERS)
    ]


def metric_faults(
    metric: str, label: str | None, value: str | None, metrics: dict[str, dict[str, set[str]]]
) -> list[str]:
    if metric not in metrics:
        return [f"{METRICS} has no {metric}"]
    if label and label not in metrics[metric]:
        return [f"{metric} has no label {label}"]
    listed = metrics[metric][label] if label else set()
    return [f"{metric} has no {label} {value}"] if value and listed and value not in listed else []


def path_faults(span: str, there: Known) -> list[str]:
    top = {name.split("/")[0] for name in there.files if "/" in name}
    if "/" in span and span.split("/")[0] not in top:
        return []
    pattern = re.escape(PLACEHOLDER.sub("*", span.rstrip("/"))).replace(r"\*", "[^/]*")
    place = "" if "/" in span else "(.*/)?"
    wanted = re.compile(f"{place}{pattern}(/.*)?")
    return [] if any(wanted.fullmatch(name) for name in there.files) else [f"there is no {span}"]


def check(root: Path) -> list[Finding]:
    there = gather(root)
    findings = []
    for document in files(root, suffixes=(".md",)):
        name = document.as_posix()
        if HISTORY.match(name):
            continue
        page = read(document, (root / document).read_text(encoding="utf-8"))
        for number, line in page.prose:
            for span in spans(line):
                if ABOUT_OTHERS.match(name) and not METRIC.fullmatch(span):
                    continue
                findings += [Finding(document, number, fault) for fault in span_faults(span, there)]
    return findings


def self_test() -> None:
    settings = (
        "| `http.port` | `HTTP_PORT` | integer |\n| `kafka.security.username` | `KAFKA_USER` | text |\n"
    )
    metrics = "| `event_ingestor_a_total` | counter | x | `code`: why (`b`, `c`); `kind`: any | text |\n"
    metrics += "| `event_ingestor_h_seconds` | histogram | s |  | text |\n"
    sources = {
        str(SETTINGS): settings,
        str(METRICS): metrics,
        "src/a.cc": 'Log("the brokers are "\n    "not reachable"); int kCount; getenv("AWS_NAME"); struct WakeList;',
        "tools/a.sh": "echo $OWN_NAME --fast",
    }
    good = ["http.port", "http.port: 80", "kafka.security", "kafka.security.", "HTTP_PORT", "HTTP_PORT=80"]
    good += [
        "AWS_NAME",
        "OWN_NAME=...",
        "CONFIG",
        "event_ingestor_a_total",
        'event_ingestor_a_total{code="b"}',
    ]
    good += [
        'event_ingestor_a_total{kind="any"}',
        "event_ingestor_a_total{code}",
        "event_ingestor_h_seconds_sum",
    ]
    good += ["a.cc", "src/a.cc", "src/*.cc", "tools/NAME.sh", "src", "application/json", "kCount", "WakeList"]
    good += ["the brokers are not reachable", "aws run these four words", "--fast", "--http.port=80", "up.sh"]
    bad = ["http.prot", "kafka.secure", "HTTP_PROT", "HTTP_PROT=80", "event_ingestor_b_total"]
    bad += [
        "event_ingestor_a_total{reason}",
        'event_ingestor_a_total{code="d"}',
        "event_ingestor_a_total_sum",
    ]
    bad += ["b.cc", "src/b.cc", "src/NAME.sh", "kCounts", "SleepList", "the brokers are not reached"]
    bad += ["--slow", "--http.prot=80", "own_name"]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        lines = "".join(f"`{span}`\n" for span in bad)
        plant(root, sources | {"good.md": "".join(f"`{span}`\n" for span in good), "bad.md": lines})
        plant(root, {"CHANGELOG.md": lines, "docs/fenced.md": f"```text\n{lines}```\n"})
        found = [(str(finding.file), finding.line) for finding in check(root)]
        expect("findings", found, [("bad.md", number) for number in range(1, len(bad) + 1)])


if __name__ == "__main__":
    run(check, self_test)

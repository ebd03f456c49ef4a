#!/usr/bin/env python3
"""The alerts and the dashboard may use only metrics and labels of docs/METRICS.md. Each alert must be
explained in docs/OPERATIONS.md and have a promtool case in which it fires and one in which it doesn't. Panels
must be complete."""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import yaml
from project_tree import Finding, expect, plant, run

FILES = Path("deploy/helm/event-ingestor/files")
ALERTS, DASHBOARD = FILES / "alerts.yaml", FILES / "dashboard.json"
CASES = Path("deploy/prometheus/alerts_test.yaml")
METRICS, OPERATIONS = Path("docs/METRICS.md"), Path("docs/OPERATIONS.md")

ROW = re.compile(r"^\| `([a-z_]+)` \| (counter|gauge|histogram) \| [^|]*\| ([^|]*)\|", re.MULTILINE)
LABEL = re.compile(r"`([a-z_]+)`: ")
NAME = re.compile(r"\b((?:event_ingestor|process)_[a-z_]+)(\{[^}]*\})?")
BY = re.compile(r"\b(?:by|without) \(([^)]*)\)")
# Labels that Prometheus adds to every series.
FROM_SCRAPE = {"instance", "job"}


def known(document: str) -> dict[str, set[str]]:
    """Each sample's name with its possible labels."""
    samples: dict[str, set[str]] = {}
    for name, kind, labels in ROW.findall(document):
        own = set(LABEL.findall(labels)) | FROM_SCRAPE
        if kind == "histogram":
            samples |= {f"{name}_bucket": own | {"le"}, f"{name}_sum": own, f"{name}_count": own}
        else:
            samples[name] = own
    return samples


def faults_of(expression: str, samples: dict[str, set[str]]) -> list[str]:
    faults, allowed = [], set(FROM_SCRAPE)
    for name, selector in NAME.findall(expression):
        if name not in samples:
            faults.append(f"{METRICS} has no sample {name}")
            continue
        allowed |= samples[name]
        for label in re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", selector):
            if label not in samples[name]:
                faults.append(f"{name} has no label {label}")
    for group in BY.findall(expression):
        for label in re.split(r",\s*", group):
            if label not in allowed:
                faults.append(f"no metric of the expression has a label {label}")
    return faults


def alert_faults(root: Path, samples: dict[str, set[str]]) -> list[str]:
    operations = (root / OPERATIONS).read_text()
    cases: dict[str, set[bool]] = {}
    for test in yaml.safe_load((root / CASES).read_text())["tests"]:
        for case in test["alert_rule_test"]:
            cases.setdefault(case["alertname"], set()).add(bool(case["exp_alerts"]))
    faults = []
    for group in yaml.safe_load((root / ALERTS).read_text())["groups"]:
        for rule in group["rules"]:
            name = rule["alert"]
            faults += [f"{name}: {fault}" for fault in faults_of(rule["expr"], samples)]
            if rule.get("labels", {}).get("severity") not in ("critical", "warning", "info"):
                faults.append(f"{name}: its severity must be critical, warning or info")
            if not rule.get("annotations", {}).get("summary"):
                faults.append(f"{name}: it has no summary")
            if f"`{name}`" not in operations:
                faults.append(f"{name}: {OPERATIONS} doesn't explain it")
            if cases.get(name) != {True, False}:
                faults.append(f"{name}: {CASES} needs a case in which it fires and one in which it doesn't")
    return faults


def overlap(a: dict[str, int], b: dict[str, int]) -> bool:
    return (
        a["x"] < b["x"] + b["w"]
        and b["x"] < a["x"] + a["w"]
        and a["y"] < b["y"] + b["h"]
        and b["y"] < a["y"] + a["h"]
    )


def dashboard_faults(root: Path, samples: dict[str, set[str]]) -> list[str]:
    dashboard = json.loads((root / DASHBOARD).read_text())
    panels: list[dict[str, Any]] = dashboard["panels"]
    faults = [
        f"the dashboard has no {name}"
        for name in ("uid", "title", "schemaVersion")
        if not dashboard.get(name)
    ]
    if len({panel["id"] for panel in panels}) != len(panels):
        faults.append("two panels have the same id")
    for i, panel in enumerate(panels):
        title = panel.get("title") or f"panel {panel['id']}"
        place = panel["gridPos"]
        if place["x"] + place["w"] > 24:
            faults.append(f"{title}: it is wider than the dashboard")
        faults += [
            f"{title}: it overlaps {other['title']}"
            for other in panels[:i]
            if overlap(place, other["gridPos"])
        ]
        if panel["type"] == "row":
            continue
        if not panel.get("description") or not panel["fieldConfig"]["defaults"].get("unit"):
            faults.append(f"{title}: a description or a unit is missing")
        if not panel.get("targets"):
            faults.append(f"{title}: it has no query")
        if len({target["refId"] for target in panel.get("targets", [])}) != len(panel.get("targets", [])):
            faults.append(f"{title}: two targets have the same refId")
        for target in panel.get("targets", []):
            if target["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
                faults.append(f"{title}: its data source is not the dashboard's variable")
            faults += [f"{title}: {fault}" for fault in faults_of(target["expr"], samples)]
    return faults


def check(root: Path) -> list[Finding]:
    samples = known((root / METRICS).read_text())
    return [Finding(ALERTS, 1, fault) for fault in alert_faults(root, samples)] + [
        Finding(DASHBOARD, 1, fault) for fault in dashboard_faults(root, samples)
    ]


def self_test() -> None:
    metrics = (
        "| `event_ingestor_a_total` | counter | x | `code`: why (`b`) | text |\n"
        "| `event_ingestor_h_seconds` | histogram | s |  | text |\n"
    )
    good = {"alert": "A", "expr": 'sum by (code) (rate(event_ingestor_a_total{code="b"}[1m])) > 0'}
    good |= {"labels": {"severity": "info"}, "annotations": {"summary": "s"}}
    case = {"alert_rule_test": [{"alertname": "A", "exp_alerts": [{}]}, {"alertname": "A", "exp_alerts": []}]}
    panel = {
        "id": 1,
        "type": "stat",
        "title": "P",
        "description": "d",
        "gridPos": {"x": 0, "y": 0, "w": 8, "h": 8},
        "fieldConfig": {"defaults": {"unit": "s"}},
        "targets": [
            {
                "refId": "A",
                "expr": "event_ingestor_h_seconds_bucket",
                "datasource": {"type": "prometheus", "uid": "${datasource}"},
            }
        ],
    }

    def found(
        rule: dict[str, Any] | None = None,
        cases: list[dict[str, Any]] | None = None,
        panels: list[dict[str, Any]] | None = None,
    ) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            page = {"uid": "u", "title": "t", "schemaVersion": 39, "panels": panels or [panel]}
            plant(
                root,
                {
                    str(METRICS): metrics,
                    str(OPERATIONS): "`A`",
                    str(ALERTS): yaml.safe_dump({"groups": [{"rules": [rule or good]}]}),
                    str(CASES): yaml.safe_dump({"tests": cases or [case]}),
                    str(DASHBOARD): json.dumps(page),
                },
            )
            return [finding.rule for finding in check(root)]

    def asking(expression: str) -> dict[str, Any]:
        return panel | {"targets": [panel["targets"][0] | {"expr": expression}]}

    quiet = {"alert_rule_test": [{"alertname": "A", "exp_alerts": []}]}
    expect("a correct tree has no findings", found(), [])
    expect("an unknown metric", len(found(good | {"expr": "event_ingestor_b_total > 0"})), 1)
    expect("a histogram without _bucket", len(found(panels=[asking("event_ingestor_h_seconds")])), 1)
    expect("an unknown label", len(found(good | {"expr": 'event_ingestor_a_total{x="y"}'})), 1)
    expect(
        "an unknown label to group by", len(found(panels=[asking("sum by (x) (event_ingestor_a_total)")])), 1
    )
    expect("an alert that never fires in a test", len(found(cases=[quiet])), 1)
    expect("an alert that is not explained", len(found(good | {"alert": "B"})), 2)
    expect("an alert without severity", len(found(good | {"labels": {}})), 1)
    expect("panels that overlap, with one id", len(found(panels=[panel, panel | {"title": "Q"}])), 2)
    expect("a panel without description", len(found(panels=[panel | {"description": ""}])), 1)


if __name__ == "__main__":
    run(check, self_test)

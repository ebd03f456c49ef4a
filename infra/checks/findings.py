#!/usr/bin/env python3
"""Evaluates a report of checkov: findings.py REPORT.json ROOT..., or findings.py --self-test.

checkov succeeds if it can't parse a file or finds no file. Therefore these are faults too: a file that it
couldn't parse, a root in which nothing was checked, and an exception without an explanation.
"""

import json
import re
import sys
from pathlib import Path


def place(check: dict) -> str:
    return f"{check['file_path']}:{check['file_line_range'][0]}: {check['resource']}: {check['check_id']}"


def faults(report: dict, roots: list[str]) -> list[str]:
    results = report["results"]
    looked_at = {check["file_path"].strip("/").rsplit("/", 1)[0] for check in results["passed_checks"]}
    return [
        *(f"{place(check)} {check['check_name']}" for check in results["failed_checks"]),
        *(f"{file}: checkov can't read it" for file in results["parsing_errors"]),
        *(f"{root}: nothing was checked" for root in roots if root not in looked_at),
        *(
            f"{place(check)} is skipped without a reason"
            for check in results["skipped_checks"]
            if not re.search(r"\w{2}", explanation(check))
        ),
    ]


def explanation(check: dict) -> str:
    said = check["check_result"].get("suppress_comment") or ""
    return "" if said == "No comment provided" else said


def self_test() -> None:
    check = {
        "check_id": "CKV_1",
        "check_name": "open",
        "file_path": "/a/main.tf",
        "file_line_range": [1, 2],
        "resource": "r.this",
    }
    skipped = check | {"check_result": {"suppress_comment": "not used"}}

    def report(**results: list) -> dict:
        none = {"passed_checks": [check], "failed_checks": [], "skipped_checks": [], "parsing_errors": []}
        return {"results": none | results}

    assert faults(report(skipped_checks=[skipped]), ["a"]) == []
    for planted, roots in (
        (report(failed_checks=[check]), ["a"]),
        (report(parsing_errors=["/a/main.tf"]), ["a"]),
        (report(), ["a", "b"]),
        (report(passed_checks=[]), ["a"]),
        (
            report(skipped_checks=[check | {"check_result": {"suppress_comment": "No comment provided"}}]),
            ["a"],
        ),
        (report(skipped_checks=[check | {"check_result": {}}]), ["a"]),
    ):
        assert len(faults(planted, roots)) == 1, f"misses {planted}"


def main() -> None:
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return
    file, *roots = sys.argv[1:]
    report = json.loads(Path(file).read_text())
    found = faults(report, roots)
    summary = {key: report["summary"][key] for key in ("passed", "failed", "skipped", "resource_count")}
    print("\n".join(found) if found else ", ".join(f"{key} {value}" for key, value in summary.items()))
    sys.exit(bool(found))


if __name__ == "__main__":
    main()

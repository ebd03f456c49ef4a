#!/usr/bin/env python3
"""Compares the module's values with the chart: values.py CHART VALUES.yaml..., or values.py --self-test.

The chart must know each value, as Helm silently ignores values that no template reads. A key of values.yaml
whose default is empty ({}) accepts any content; settings must be listed in docs/CONFIGURATION.md. If the
chart has a values.schema.json, the values merged with the chart's must satisfy it.
"""

import json
import re
import sys
from pathlib import Path

import jsonschema
import yaml

# Free-form: their content belongs to the service or to Kubernetes.
SETTINGS = "settings"


def unknown(values: dict, known: dict, path: str = "") -> list[str]:
    faults = []
    for key, value in values.items():
        here = f"{path}.{key}".lstrip(".")
        if key not in known:
            faults.append(f"{here} is not a value of the chart")
        elif isinstance(value, dict) and here != SETTINGS and known[key] != {}:
            if not isinstance(known[key], dict):
                faults.append(f"{here} is not a group in the chart")
            else:
                faults += unknown(value, known[key], here)
    return faults


def setting_keys(settings: dict, path: str = "") -> list[str]:
    keys = []
    for key, value in settings.items():
        here = f"{path}.{key}".lstrip(".")
        keys += setting_keys(value, here) if isinstance(value, dict) else [here]
    return keys


def merged(below: dict, above: dict) -> dict:
    """Merges as Helm merges given values with those of the chart."""
    result = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def check(values: dict, chart_values: dict, schema: dict | None, settings: set[str]) -> list[str]:
    faults = unknown(values, chart_values)
    faults += [
        f"settings.{key} is not a setting of the service"
        for key in setting_keys(values.get(SETTINGS, {}))
        if key not in settings
    ]
    if schema is not None:
        validator = jsonschema.validators.validator_for(schema)(schema)
        for error in validator.iter_errors(merged(chart_values, values)):
            faults.append(f"{'.'.join(map(str, error.path))}: {error.message}")
    return faults


def self_test() -> None:
    chart = {
        "image": {"tag": ""},
        "service": {"annotations": {}, "type": "ClusterIP"},
        "settings": {"kafka": {}},
    }
    schema = {"properties": {"service": {"properties": {"type": {"enum": ["ClusterIP"]}}}}}
    settings = {"kafka.brokers"}
    sound = {
        "image": {"tag": "1"},
        "service": {"annotations": {"a": "b"}, "type": "ClusterIP"},
        "settings": {"kafka": {"brokers": "b:1"}},
    }
    assert check(sound, chart, schema, settings) == []
    for fault in (
        {"image": {"tagg": "1"}},
        {"imagee": {}},
        {"image": {"tag": "1"}, "service": {"type": {"deep": 1}}},
        {"settings": {"kafka": {"broker": "b:1"}}},
        {"service": {"type": "NodePort"}},
    ):
        assert check(fault, chart, schema, settings), f"misses {fault}"


def main() -> None:
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return
    chart, *files = map(Path, sys.argv[1:])
    chart_values = yaml.safe_load((chart / "values.yaml").read_text())
    schema_file = chart / "values.schema.json"
    schema = json.loads(schema_file.read_text()) if schema_file.exists() else None
    reference = Path(__file__).resolve().parents[2] / "docs/CONFIGURATION.md"
    settings = set(re.findall(r"^\| `([a-z_.]+)` \| `[A-Z_]+`", reference.read_text(), re.MULTILINE))
    assert len(settings) > 50, f"{reference} has a format that this check can't read"
    faults = [
        f"{file.stem}: {fault}"
        for file in files
        for fault in check(yaml.safe_load(file.read_text()), chart_values, schema, settings)
    ]
    print("\n".join(faults) if faults else f"{len(files)} sets of values match the chart")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()

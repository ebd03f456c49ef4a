#!/usr/bin/env python3
"""chart_schema.py [--check]: writes the names below `settings` in the chart's values.schema.json from
docs/CONFIGURATION.md, so that helm rejects a setting that the service doesn't know; a removed one is known
for as long as it may still be given. Details added there by hand are kept.
--check: only checks that the schema is up to date.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "deploy/helm/event-ingestor/values.schema.json"
CONFIGURATION = ROOT / "docs/CONFIGURATION.md"
KEY = re.compile(r"^\| `([a-z_]+(?:\.[a-z_]+)+)` \|", re.MULTILINE)
SCALAR = {"$ref": "#/definitions/setting"}


def tree(keys: list[str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key in keys:
        place = made
        *groups, name = key.split(".")
        for group in groups:
            place = place.setdefault(group, {})
        place[name] = None
    return made


def group_schema(names: dict[str, Any], by_hand: dict[str, Any]) -> dict[str, Any]:
    if "not" in by_hand:
        return by_hand
    old = by_hand.get("properties", {})
    properties = {
        name: group_schema(below, old.get(name, {})) if below else old.get(name, SCALAR)
        for name, below in names.items()
    }
    made = {"type": "object", "additionalProperties": False, "properties": properties}
    return made | {key: value for key, value in by_hand.items() if key not in made}


def renewed(schema: dict[str, Any], configuration: str) -> dict[str, Any]:
    keys = KEY.findall(configuration)
    if len(keys) < 20:
        sys.exit(f"{CONFIGURATION.name}: only {len(keys)} settings found")
    settings = group_schema(tree(keys), schema["properties"]["settings"])
    made = schema | {"properties": schema["properties"] | {"settings": settings}}
    made["definitions"] = {"setting": {"type": ["string", "number", "boolean", "null"]}}
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    old = SCHEMA.read_text()
    new = json.dumps(renewed(json.loads(old), CONFIGURATION.read_text()), indent=2) + "\n"
    if not options.check:
        SCHEMA.write_text(new)
    elif new != old:
        sys.exit(f"{SCHEMA.relative_to(ROOT)} doesn't match docs/CONFIGURATION.md; run tools/chart_schema.py")


if __name__ == "__main__":
    main()

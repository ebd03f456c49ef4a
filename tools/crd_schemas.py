"""Schemas of operator kinds (Gateway API, KEDA, Prometheus operator) from the CustomResourceDefinitions that
tools/setup.sh puts into build/crds. As strict as `kubectl --validate=strict`: a field that is not in the
schema is a fault. CEL rules are not checked here, only by an API server (make test-k8s)."""

from pathlib import Path
from typing import Any

import jsonschema
import yaml

CRDS = Path(__file__).resolve().parent.parent / "build/crds"
Kind = tuple[str, str]  # apiVersion, kind


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """Converts Kubernetes' OpenAPI v3 schema into a JSON Schema that rejects unknown fields."""
    made = {key: value for key, value in schema.items() if not key.startswith("x-") and key != "nullable"}
    if schema.get("x-kubernetes-int-or-string"):
        made["type"] = ["integer", "string"]
    if "properties" in schema:
        made["properties"] = {name: strict(one) for name, one in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
    if isinstance(schema.get("items"), dict):
        made["items"] = strict(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        made["additionalProperties"] = strict(schema["additionalProperties"])
    return made


def load(folder: Path = CRDS) -> dict[Kind, dict[str, Any]]:
    found = {}
    for file in sorted(folder.glob("*.yaml")):
        spec = yaml.safe_load(file.read_text())["spec"]
        for version in spec["versions"]:
            kind = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
            found[kind] = strict(version["schema"]["openAPIV3Schema"])
    if not found:
        raise SystemExit(f"{folder} has no CustomResourceDefinitions: run tools/setup.sh lint")
    return found


def faults(schema: dict[str, Any], thing: dict[str, Any]) -> list[str]:
    errors = jsonschema.Draft7Validator(schema).iter_errors(thing)
    return [f"{'.'.join(map(str, error.absolute_path)) or 'it'}: {error.message}" for error in errors]

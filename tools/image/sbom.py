#!/usr/bin/env python3
"""sbom.py BUILD [--output FILE]: writes the bill of materials of BUILD/event-ingestor as CycloneDX 1.5 JSON,
from what was linked and compiled in. The output is reproducible: it contains no time and no serial number."""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from debian_packages import Package, licences_of, package_of
from linked import BINARY, header_packages, libraries_of, library_packages

LOADED = "loaded at run time"
COMPILED_IN = "headers compiled in"


def component(package: Package, how: str, copyright_text: str) -> dict[str, Any]:
    made = {
        "type": "library",
        "bom-ref": f"{package.name}@{package.version}",
        "name": package.name,
        "version": package.version,
        "scope": "required",
        "purl": f"pkg:deb/debian/{package.name}@{quote(package.version, safe='.~-')}"
        f"?arch={package.architecture}&distro=debian-12&upstream={package.source}",
        "properties": [{"name": "event-ingestor:use", "value": how}],
    }
    licences = licences_of(copyright_text)
    if licences:
        made["licenses"] = [{"license": {"name": name}} for name in licences]
    if package.homepage:
        made["externalReferences"] = [{"type": "website", "url": package.homepage}]
    return made


def document(version: str, components: list[dict[str, Any]]) -> dict[str, Any]:
    components = sorted(components, key=lambda one: one["bom-ref"])
    own = f"{BINARY}@{version}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": BINARY,
                "version": version,
                "licenses": [{"license": {"id": "MIT"}}],
            }
        },
        "components": components,
        "dependencies": [{"ref": own, "dependsOn": [one["bom-ref"] for one in components]}],
    }


def sbom(build: Path) -> dict[str, Any]:
    binary = build / BINARY
    loaded = set(library_packages(libraries_of(binary)).values())
    uses = dict.fromkeys(header_packages(build), COMPILED_IN) | dict.fromkeys(loaded, LOADED)
    packages = {name: package_of(name) for name in uses}
    said = subprocess.run([binary, "version"], check=True, capture_output=True, text=True).stdout
    version = re.fullmatch(rf"{BINARY} (\S+)\n", said)
    if version is None:
        raise SystemExit(f"{binary} version says {said!r}")
    return document(
        version[1],
        [
            component(package, uses[name], package.copyright.read_text(errors="replace"))
            for name, package in packages.items()
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path, help="as build/release")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    text = json.dumps(sbom(options.build), indent=2) + "\n"
    if options.output:
        options.output.write_text(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()

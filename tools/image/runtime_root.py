#!/usr/bin/env python3
"""runtime_root.py BUILD ROOT [--program PATH]: creates the image's files below ROOT: BUILD/event-ingestor (or
another program below BUILD), the shared libraries that it loads, their licences, dpkg's data about their
packages (for scanners) and the bill of materials. Also creates data-of-image next to ROOT, the empty folder
for data."""

import argparse
import json
import shutil
from pathlib import Path

from debian_packages import package_of
from linked import BINARY, header_packages, libraries_of, library_packages
from sbom import sbom


def copy(source: Path, target: Path, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def place_of(library: Path) -> Path:
    """The target path of a library. The loader's path is stored in the binary and is kept. The libraries go
    where the loader searches, without symbolic links in the path (/lib may be one), as the base image may not
    have them."""
    if library.name.startswith("ld-linux"):
        return library
    return Path("/usr/lib") / library.parent.name / library.name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("--program", default=BINARY, help="below BUILD")
    options = parser.parse_args()

    def inside(path: Path) -> Path:
        return options.root / path.relative_to("/")

    program = options.build / options.program
    copy(program, inside(Path("/usr/local/bin") / program.name), 0o755)
    libraries = libraries_of(program)
    for library in libraries:
        copy(library, inside(place_of(library)), 0o755)
    loaded = set(library_packages(libraries).values())
    for name in loaded:
        copied = inside(Path("/var/lib/dpkg/status.d") / name)
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_text(package_of(name).control)
    documents = Path("/usr/share/doc")
    for name in loaded | header_packages(options.build, options.program):
        copy(package_of(name).copyright, inside(documents / name / "copyright"), 0o644)
    copy(Path("LICENSE"), inside(documents / BINARY / "copyright"), 0o644)
    if options.program == BINARY:
        text = json.dumps(sbom(options.build), indent=2) + "\n"
        inside(documents / BINARY / "sbom.cdx.json").write_text(text)
    (options.root.parent / "data-of-image").mkdir(exist_ok=True)


if __name__ == "__main__":
    main()

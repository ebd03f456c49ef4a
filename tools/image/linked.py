"""The contents of a binary besides the project's own sources: the shared libraries that it loads, and the
packages whose headers were compiled into it."""

import re
import subprocess
from pathlib import Path

from debian_packages import owners

BINARY = "event-ingestor"


def parse_ldd(text: str) -> list[Path]:
    """The libraries and the loader in the output of ldd. A library that is not found is an error."""
    missing = re.findall(r"^\s*(\S+) => not found", text, re.MULTILINE)
    if missing:
        raise SystemExit(f"ldd does not find {', '.join(missing)}")
    return [Path(path) for path in re.findall(r"(?:=> |^\s*)(/\S+) \(0x[0-9a-f]+\)", text, re.MULTILINE)]


def libraries_of(binary: Path) -> list[Path]:
    found = parse_ldd(subprocess.run(["ldd", binary], check=True, capture_output=True, text=True).stdout)
    if not found:
        raise SystemExit(f"ldd names no library of {binary}: is it linked statically?")
    return found


def parse_inputs(text: str) -> list[str]:
    """The object files in the output of `ninja -t inputs`."""
    return [line.strip() for line in text.splitlines() if line.strip().endswith(".o")]


def parse_deps(text: str, objects: set[str]) -> set[Path]:
    """The system headers that these objects were compiled from, from the output of `ninja -t deps`."""
    headers: set[Path] = set()
    wanted = False
    for line in text.splitlines():
        if line and not line.startswith(" "):
            wanted = line.split(": #deps")[0] in objects
        elif wanted and line.strip().startswith("/usr/"):
            headers.add(Path(line.strip()))
    return headers


def header_packages(build: Path, program: str = BINARY) -> set[str]:
    """Only of the objects that are in the binary, not of those used by tests alone."""
    inputs = subprocess.run(
        ["ninja", "-C", build, "-t", "inputs", program], check=True, capture_output=True, text=True
    )
    deps = subprocess.run(["ninja", "-C", build, "-t", "deps"], check=True, capture_output=True, text=True)
    headers = parse_deps(deps.stdout, set(parse_inputs(inputs.stdout)))
    if not headers:
        raise SystemExit(f"ninja knows no headers of {build}/{program}: is it built?")
    resolved = {header: header.resolve() for header in headers}
    found = owners(resolved.values())
    strangers = sorted(str(path) for path in resolved.values() if path not in found)
    if strangers:
        raise SystemExit(f"headers that belong to no package: {', '.join(strangers[:5])}")
    return set(found.values())


def library_packages(libraries: list[Path]) -> dict[Path, str]:
    resolved = {library: library.resolve() for library in libraries}
    found = owners(resolved.values())
    strangers = sorted(str(path) for path in resolved.values() if path not in found)
    if strangers:
        raise SystemExit(f"libraries that belong to no package: {', '.join(strangers)}")
    return {library: found[path] for library, path in resolved.items()}

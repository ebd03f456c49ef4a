"""Data from dpkg: the packages that files belong to, and their control data."""

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

DOCUMENTS = Path("/usr/share/doc")


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    architecture: str
    source: str
    homepage: str
    control: str  # as in dpkg's status file

    @property
    def copyright(self) -> Path:
        return (DOCUMENTS / self.name / "copyright").resolve(strict=True)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def architecture() -> str:
    return _run("dpkg", "--print-architecture").strip()


def package_of(name: str) -> Package:
    return parse_control(_run("dpkg-query", "--status", name))


def parse_control(text: str) -> Package:
    fields = dict(re.findall(r"^([A-Z][A-Za-z-]*): *(.*)$", text, re.MULTILINE))
    return Package(
        name=fields["Package"],
        version=fields["Version"],
        architecture=fields["Architecture"],
        # Source is present only if it differs from the package; the version in brackets is the source's.
        source=fields.get("Source", fields["Package"]).split(" ")[0],
        homepage=fields.get("Homepage", ""),
        control=text.strip() + "\n",
    )


def owners(paths: Iterable[Path]) -> dict[Path, str]:
    """The package of each file. Files that belong to no package have no entry."""
    wanted = sorted(set(paths))
    if not wanted:
        return {}
    # dpkg knows a file only by the name in its package; /lib and /usr/lib are the same folder.
    spellings = {spelling: path for path in wanted for spelling in _spellings(path)}
    found = subprocess.run(
        ["dpkg-query", "--search", *spellings], capture_output=True, text=True, check=False
    ).stdout
    return {spellings[path]: name for path, name in parse_search(found).items() if path in spellings}


def _spellings(path: Path) -> list[str]:
    text = str(path)
    merged = re.match(r"/(?:usr/)?(lib|lib64|bin|sbin)(/.*)", text)
    return [f"/{merged[1]}{merged[2]}", f"/usr/{merged[1]}{merged[2]}"] if merged else [text]


def parse_search(text: str) -> dict[str, str]:
    found = {}
    for line in text.splitlines():
        names, separator, path = line.partition(": ")
        if separator and not line.startswith("diversion "):
            found[path] = names.split(",")[0].split(":")[0]
    return found


def licences_of(copyright_text: str) -> list[str]:
    """The short names of the licences in a machine-readable copyright file, in order, without duplicates;
    empty if the file is not machine-readable."""
    if not re.match(r"Format: *https?://(www\.debian\.org|dep\.debian\.net|anonscm)", copyright_text):
        return []
    names = re.findall(r"^License: *(\S.*?) *$", copyright_text, re.MULTILINE)
    return list(dict.fromkeys(names))

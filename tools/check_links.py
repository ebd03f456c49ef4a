#!/usr/bin/env python3
"""Checks relative links in *.md: they must lead to files of the project, and #anchors to headings (or lines,
as #L12) of them."""

import re
import tempfile
from pathlib import Path
from urllib.parse import unquote

from markdown import SPAN, prose
from project_tree import Finding, expect, files, plant, run

INLINE = re.compile(r"\]\(\s*(<[^>]*>|[^\s()]+(?:\([^\s()]*\)[^\s()]*)*)(?:\s+[\"'(][^)]*)?\s*\)")
REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s*(<[^>]*>|\S+)")
HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$")
EXPLICIT = re.compile(r"<a\s+(?:id|name)=[\"']([^\"']+)[\"']")
EXTERNAL = re.compile(r"^([a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)
LINES = re.compile(r"L(\d+)(?:-L(\d+))?")


def anchors(text: str) -> set[str]:
    """GitHub's rule: lower case, punctuation dropped, spaces to hyphens, repeats numbered."""
    found: set[str] = set()
    seen: dict[str, int] = {}
    for _, line in prose(text):
        found.update(EXPLICIT.findall(line))
        match = HEADING.match(line)
        if match:
            title = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", match.group(1))
            slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
            count = seen.get(slug, 0)
            seen[slug] = count + 1
            found.add(f"{slug}-{count}" if count else slug)
    return found


def dead(root: Path, document: Path, link: str) -> str | None:
    target, _, anchor = link.strip("<>").partition("#")
    target = unquote(target)
    path = root / target.lstrip("/") if target.startswith("/") else root / document.parent / target
    path = path.resolve() if target else root / document
    if not path.is_relative_to(root.resolve()):
        return f"{link} leaves the project"
    if not path.exists():
        return f"{link}: there is no {path.relative_to(root.resolve())}"
    if not anchor or path.is_dir():
        return None if not anchor else f"{link}: a folder has no anchors"
    text = path.read_text(encoding="utf-8")
    lines = LINES.fullmatch(anchor)
    if lines:
        last = max(int(number) for number in lines.groups() if number)
        return None if last <= len(text.splitlines()) else f"{link}: the file has fewer lines"
    if path.suffix != ".md":
        return f"{link}: only #L12 leads into a file that is not Markdown"
    return None if unquote(anchor) in anchors(text) else f"{link}: no heading gives #{anchor}"


def check(root: Path) -> list[Finding]:
    root = root.resolve()
    findings = []
    for document in files(root, suffixes=(".md",)):
        for number, line in prose((root / document).read_text(encoding="utf-8")):
            line = SPAN.sub("", line)
            links = INLINE.findall(line)
            reference = REFERENCE.match(line)
            if reference:
                links.append(reference.group(1))
            for link in links:
                problem = None if EXTERNAL.match(link.strip("<>")) else dead(root, document, link)
                if problem:
                    findings.append(Finding(document, number, f"dead link {problem}"))
    return findings


def self_test() -> None:
    good = """# The Title: `code` & more
[self](#the-title-code--more) [file](docs/other.md) [folder](docs) [deep](docs/other.md#twice-1)
[line](src/a.cc#L2) [web](https://example.org/none) ![picture](docs/other.md "title")
`[not a link](nowhere.md)`
```
[in code](nowhere.md)
```
[ref]: docs/other.md#here
"""
    bad = [
        "[x](nowhere.md)",
        "[x](#no-such-heading)",
        "[x](docs/other.md#thrice)",
        "[x](src/a.cc#L9)",
        "[x](../outside.md)",
        "[ref]: gone.md",
        "[a](docs/other.md) and [x](docs/gone.md)",
    ]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        plant(
            root,
            {
                "README.md": good,
                "BAD.md": "\n".join(bad) + "\n",
                "docs/other.md": '# Twice\n# Twice\n<a id="here"></a>\n[up](../README.md)\n',
                "src/a.cc": "one\ntwo\n",
            },
        )
        found = [(str(f.file), f.line) for f in check(root)]
        expect("findings", found, [("BAD.md", number) for number in range(1, len(bad) + 1)])


if __name__ == "__main__":
    run(check, self_test)

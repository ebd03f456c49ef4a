#!/usr/bin/env python3
"""Shows on planted faults that docs_test.py can fail."""

import tempfile
from pathlib import Path

import markdown
from docs_output import difference
from docs_places import Broker
from docs_shell import Checker
from docs_test import Report, Runner
from project_tree import expect, plant

PLANTED_FILES = {
    "Makefile": "go: ## x\n\ttools/a.py --fast $(ARGS)\n",
    "CMakePresets.json": '{"name": "release"}',
    "tests/CMakeLists.txt": "ei_test(unit_tests)\n",
    "tests/bucket_test.cc": "TEST(Bucket, Fills) {}\n",
    "tools/a.py": "# --fast\n",
}
PLANTED_HELP = (
    "Commands\n  wal stats     x; --json: y\n  serve         x\n\n  --http.port=<integer>  HTTP_PORT\n"
)
GOOD_COMMANDS = [
    "make go ARGS=--fast && ls tests/ # make come",
    "X=1 tools/a.py --fast | cat >tools/new",
    "tools/build.sh release unit_tests && build/release/tests/unit_tests --gtest_filter='Bucket*'",
    "event-ingestor wal stats --json --http.port=1",
    "docker run --detach event-ingestor wal stats",
    "aws anything --at-all",
]
BAD_COMMANDS = [
    "make come",
    "make go ARGS=--slow",
    "tools/b.py",
    "tools/a.py --slow",
    "cat tests/c.txt",
    "tools/build.sh relase",
    "tools/build.sh release unit_test",
    "build/release/tests/unit_tests --gtest_filter='Buckets*'",
    "event-ingestor wal stat",
    "event-ingestor wal stats --jsn",
    "docker exec name /bin/event-ingestor helth",
    "echo 'one",
]
# stated, said, with any numbers, redrawn, whether they agree
OUTPUTS = [
    ("a\n", "a\n", False, False, True),
    ("a\n", "b\n", False, False, False),
    ("a\n", "a\nb\n", False, False, False),
    ("a\nb\n", "a\n", False, False, False),
    ("a ... c", "a b c", False, False, True),
    ("a\n...\nd", "a\nb\nc\nd", False, False, True),
    ("a\n...\nd", "a\nb\nc", False, False, False),
    ("019ac2f0-7d4e-7a51-9c0b-2f6c1d0e8b11", "01a22f8a-8e6f-7903-adca-328841b49808", False, False, True),
    ("at 2026-11-25T01:41:41.885Z", "at 2026-12-01T02:50:12Z", False, False, True),
    ("n 10", "n 11", False, False, False),
    ("n  10  1.0 KiB  2h 5m ago", "n 9,999 5 B  12s ago", True, False, True),
    ("n  10  events", "n 9 records", True, False, False),
    ("[##########] 100 %", "[----------] 1 %\r[#####-----] 50 %\r\x1b[Kdone", True, True, True),
    ("a\ndone", "a\rb\rno", False, True, False),
]
# What a document says; whether it has a fault.
PLANTED_PAGES = {
    "good.md": r"""# Title
<!-- docs-test: any numbers; exit 3
hidden=5
-->
```sh
# not an output
echo "$hidden"
# 7
(exit 3)
```
```console
$ echo one \
  two
one two
```
```bash
printf 'a\nb\n'
```

```
...
b
```
<!-- docs-test:
echo '{}'
-->
```json
{}
```
```yaml
other: 1
```

    a -> b

```sh
false && make go
```
```sh
build/venv/bin/python tools/a.py --fast
```
```sh
echo '[status 207]' >&2 # a comment
# status 207
```
""",
    "bad/command.md": "```sh\nfalse\n```\n",
    "bad/output.md": "```sh\necho one\n# two\n```\n",
    "bad/block.md": "```sh\necho one\n```\n```\ntwo\n```\n",
    "bad/session.md": "```console\n$ echo one\ntwo\n```\n",
    "bad/hidden.md": "<!-- docs-test:\necho '[]'\n-->\n```json\n{}\n```\n",
    "bad/exit.md": "<!-- docs-test: exit 3 -->\n```sh\ntrue\n```\n",
    "bad/status.md": "```sh\necho '[status 500]' >&2\n```\n",
    "bad/other_status.md": "```sh\necho '[status 200]' >&2\n# status 207\n```\n",
    "bad/target.md": "```sh\nmake come\n```\n",
    "bad/not_run.md": "<!-- docs-test: not run: needs a cloud -->\n```sh\nmake come\n```\n",
    "bad/reason.md": "<!-- docs-test: not run: -->\n```sh\ntrue\n```\n",
    "bad/word.md": "<!-- docs-test: servcie -->\n```sh\ntrue\n```\n",
    "bad/unused.md": "<!-- docs-test: not run: x -->\nText\n\n```sh\ntrue\n```\n",
    "bad/json.md": "```json\n{\n```\n",
    "bad/yaml.md": "```yaml\na: 1\n  b: 2\n```\n",
    "bad/language.md": "```toml\na = 1\n```\n",
    "bad/untagged.md": "Text\n\n```\nmake go\n```\n",
    "bad/indented.md": "Text\n\n    make go\n",
    "bad/text.md": "```text\nmake go\n```\n",
    "bad/deep.md": "- Item\n\n      ```sh\n      true\n      ```\n",
    "bad/in_text.md": "Run `make come`.\n",
}


def main() -> None:
    for *arguments, agree in OUTPUTS:
        expect(f"the comparison of {arguments}", difference(*arguments) is None, agree)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        plant(root, PLANTED_FILES)
        checker = Checker(root, set(PLANTED_FILES) | {"tools/build.sh"}, None, PLANTED_HELP)
        for command in GOOD_COMMANDS:
            expect(command, checker.faults(command), [])
        for command in BAD_COMMANDS:
            expect(f"{command}: a fault", bool(checker.faults(command)), True)
        report = Report()
        pages = {Path(name): markdown.read(Path(name), text) for name, text in PLANTED_PAGES.items()}
        Runner(root, checker, report, Broker()).run(pages)
    found = sorted({str(finding.file) for finding in report.findings})
    good = [str(finding) for finding in report.findings if finding.file == Path("good.md")]
    expect("faults of good.md", good, [])
    expect("files with faults", found, sorted(name for name in PLANTED_PAGES if name.startswith("bad/")))
    expect(
        "what is counted",
        dict(report.counts[Path("good.md")]),
        {"run": 5, "checked only": 2, "outputs": 4, "data": 2, "text": 1},
    )
    print("self-test passed")


if __name__ == "__main__":
    main()

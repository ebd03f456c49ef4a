"""The service accepts the settings files in docs/examples."""

from pathlib import Path

import pytest
from support.ingestor import ROOT, run_to_exit

EXAMPLES = sorted((ROOT / "docs/examples").glob("*.yaml"))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_passes_the_check(example: Path) -> None:
    done = run_to_exit("config", "check", "--config", str(example))
    assert (done.status, done.stdout) == (0, "ok\n"), done.said


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_explained(example: Path) -> None:
    assert f"(examples/{example.name})" in (ROOT / "docs/KAFKA.md").read_text()

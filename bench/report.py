"""Output of figures: medians with their range, and comparison with the targets."""

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

MB = 1_000_000


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median (lowest..highest)."""
    middle, low, high = (f"{value:,.{digits}f}" for value in (median(values), min(values), max(values)))
    return f"{middle} ({low}..{high})"


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    print(f"\n{title}")
    for row in [header, ["-" * width for width in widths], *rows]:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@dataclass(frozen=True)
class Target:
    """A figure, measured in each round or once, and its limit: at most `limit`, or at least. `judge` reduces
    all rounds to the one number that is compared."""

    what: str
    values: Sequence[float]
    limit: float
    unit: str
    at_least: bool = False
    judge: Callable[[Sequence[float]], float] = median
    note: str = ""

    @property
    def value(self) -> float:
        return self.judge(self.values)

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def row(self) -> list[str]:
        sign = ">=" if self.at_least else "<="
        several = len(self.values) > 1
        return [
            self.what,
            f"{self.value:,.2f} {self.unit}",
            f"{min(self.values):,.2f} {median(self.values):,.2f} {max(self.values):,.2f}" if several else "",
            f"{sign} {self.limit:g} {self.unit}",
            "met" if self.met else "MISSED",
            self.note,
        ]

    def as_json(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "value": self.value,
            "values": list(self.values),
            "limit": self.limit,
            "unit": self.unit,
            "at_least": self.at_least,
            "met": self.met,
        }


def print_targets(targets: Sequence[Target]) -> None:
    header = ["what", "measured", "min median max", "target", "", ""]
    print_table("Targets", header, [target.row() for target in targets])
    missed = [target.what for target in targets if not target.met]
    print(
        f"\n{len(targets) - len(missed)} of {len(targets)} targets met."
        + "".join(f"\n  missed: {m}" for m in missed)
    )


def machine() -> dict[str, Any]:
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": models[0] if models else platform.machine(),
        "kernel": platform.release(),
        "load_average_at_start": os.getloadavg()[0],
    }

#!/usr/bin/env python3
"""Paired rounds of load on two builds of the service: the cost of a change. See bench/README.md.

bench/compare.py BINARY [--rounds N] [--seconds S] [--ack LEVEL]: BINARY is the build to compare with, for
instance of the commit before; the other one is build/release/event-ingestor, or the file named by
EVENT_INGESTOR. Exit status as for run.py.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from processes import (
    KafkaBroker,
    exit_status,
    new_broker,
    new_ingestor,
    new_topic,
    say,
    wait_ready,
)
from report import machine, print_table, spread
from rounds import BATCH, SINGLE, MeasuredIngestor, Round, check_programs

WARM_UP_SECONDS = 1.0
LOADS: dict[str, dict[str, Any]] = {"one event a request": SINGLE, "NDJSON, 1,000 events a request": BATCH}


@contextmanager
def binary(path: str | None) -> Iterator[None]:
    """Within the block, this binary is started as the service; None: the usual one."""
    usual = os.environ.get("EVENT_INGESTOR")
    if path is not None:
        os.environ["EVENT_INGESTOR"] = path
    try:
        yield
    finally:
        os.environ.pop("EVENT_INGESTOR", None)
        if usual is not None:
            os.environ["EVENT_INGESTOR"] = usual


def start(stack: ExitStack, broker: KafkaBroker, path: str | None, topic: str, ack: str) -> MeasuredIngestor:
    new_topic(broker, topic)
    with binary(path):
        ingestor = stack.enter_context(new_ingestor(broker, topic, HTTP_THREADS=1, ACK=ack))
    wait_ready(ingestor)
    return MeasuredIngestor(ingestor, broker, topic, success="200" if ack == "broker" else "202")


def compare(options: argparse.Namespace) -> None:
    say(f"machine: {machine()}")
    check_programs()
    with ExitStack() as stack:
        broker = stack.enter_context(new_broker())
        now = start(stack, broker, None, "now", options.ack)
        before = start(stack, broker, options.binary, "before", options.ack)
        for name, load in LOADS.items():
            for one in (now, before):
                one.round(WARM_UP_SECONDS, **load)
            pairs: list[tuple[Round, Round]] = []
            for number in range(options.rounds):
                # Alternate the order, so that neither always runs second.
                first, second = (now, before) if number % 2 == 0 else (before, now)
                done = {id(one): one.round(options.seconds, **load) for one in (first, second)}
                pairs.append((done[id(now)], done[id(before)]))
            show(name, pairs)


def show(name: str, pairs: list[tuple[Round, Round]]) -> None:
    def row(what: str, field: str) -> list[str]:
        mine = [getattr(now, field) for now, _ in pairs]
        theirs = [getattr(before, field) for _, before in pairs]
        ratios = [a / b for a, b in zip(mine, theirs, strict=True)]
        return [what, spread(mine), spread(theirs), spread(ratios, 3)]

    rows = [row("CPU us an event", "cpu_us"), row("user us", "user_us"), row("events/s", "events_per_s")]
    print_table(f"{name}, {len(pairs)} pairs", ["", "now", "before", "now / before"], rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", type=lambda path: str(Path(path).resolve(strict=True)))
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--ack", choices=("memory", "wal", "broker"), default="memory")
    options = parser.parse_args()
    return exit_status(lambda: compare(options))


if __name__ == "__main__":
    sys.exit(main())

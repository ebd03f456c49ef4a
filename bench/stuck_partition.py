#!/usr/bin/env python3
"""One of ten partitions has a frozen broker: measures how much of their rate the other nine keep, in paired
rounds, and the cost of the idle service while that partition's events wait.

Exit status: 0 even if a target is missed; 1 if events were lost or something broke. See bench/README.md.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from typing import Self

from confluent_kafka import Consumer, KafkaException, TopicPartition
from idle import watch_idle
from processes import Cpu, Generator, Ingestor, check, check_answered, exit_status, say
from report import Target, print_targets, spread
from support.kafka_cluster import KafkaCluster
from support.waiting import wait_until

PARTITIONS = 10
# Clients that never wait.
LOAD: dict[str, object] = {"connections": 8, "events_per_request": 500}
DRAIN_SECONDS = 120
IDLE_SECONDS = 20
IDLE_WINDOWS = 4


class StuckPartition:
    """A service with three brokers, one of which has a tenth of the topic and can be frozen. To be used in a
    `with` block; its end checks that every accepted event is in the topic exactly once."""

    def __init__(self, cluster: KafkaCluster, folder: Path, seconds: float, **settings: object):
        self._cluster = cluster
        self._seconds = seconds
        self._frozen = next(n for n in cluster.brokers if n != cluster.controller())
        others = [n for n in cluster.brokers if n != self._frozen]
        assignment = [[others[p % len(others)]] for p in range(PARTITIONS - 1)] + [[self._frozen]]
        self._topic = cluster.create_topic("stuck", min_insync=1, assignment=assignment)
        self._settings = {
            "SINK": "kafka",
            "KAFKA_BROKERS": cluster.address,
            "KAFKA_TOPIC": self._topic,
            "RATE_LIMIT_RPS": 0,
            "WAL_DIR": folder / "wal",
        } | settings
        self._reader = Consumer(
            {"bootstrap.servers": cluster.address, "group.id": "stuck-partition", "log_level": 0}
        )
        self.targets: list[Target] = []

    def __enter__(self) -> Self:
        self._ingestor = Ingestor(**self._settings)
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        try:
            if kind is None:
                self._check_books()
        finally:
            self._ingestor.__exit__(kind, *rest)

    def rounds(self, count: int) -> None:
        """The share of their rate that the nine keep while the tenth is stalled."""
        kept = []
        self._window("warm-up")
        for number in range(count):
            rates = {}
            for stuck in (False, True) if number % 2 == 0 else (True, False):
                rates[stuck] = self._stuck_window() if stuck else self._well_window()
            kept.append(rates[True] / rates[False])
            say(f"round {number + 1}: the nine keep {kept[-1]:.3f} of their rate")
        self.targets.append(
            Target(
                "one partition of ten frozen: share of their rate that the others keep",
                kept,
                0.95,
                "x",
                at_least=True,
            )
        )

    def idle(self) -> None:
        """The CPU use of each thread after the load has ended, while the tenth partition's events wait."""
        with self._freeze():
            self._window("stuck")
            self._wait_only_stuck_is_left()
            waiting = self._ingestor.metric("journal_events")
            check(waiting > 0, "no event waits for the frozen broker")
            (windows,) = watch_idle([self._ingestor.pid], IDLE_SECONDS, IDLE_WINDOWS)
            check(self._ingestor.metric("journal_events") == waiting, "the service was not idle")
        busiest = [window.busiest for window in windows]
        say(
            f"idle for {IDLE_SECONDS} s, {waiting:,.0f} events waiting: the busiest thread "
            f"({', '.join(window.busiest_name for window in windows)}) took % of a core {spread(busiest)}; "
            f"all of them {spread([window.process for window in windows])}"
        )
        self.targets.append(
            Target("one broker of three frozen, idle: busiest thread of a core", busiest, 2, "%", judge=mean)
        )

    @contextmanager
    def _freeze(self) -> Iterator[None]:
        self._cluster.pause(self._frozen)
        try:
            yield
        finally:
            self._cluster.resume(self._frozen)
            self._ingestor.wait_drained(DRAIN_SECONDS)

    def _well_window(self) -> float:
        rate = self._window("well")
        self._ingestor.wait_drained(DRAIN_SECONDS)
        return rate

    def _stuck_window(self) -> float:
        with self._freeze():
            return self._window("stuck")

    def _window(self, name: str) -> float:
        """Events a second into the nine partitions, counted from the first request."""
        cpu, before, began = Cpu.of(self._ingestor.pid), self._written(PARTITIONS - 1), time.monotonic()
        with Generator(self._ingestor.port, duration=self._seconds + 1, **LOAD) as load:
            time.sleep(self._seconds)
            rate = (self._written(PARTITIONS - 1) - before) / (time.monotonic() - began)
            report = load.report()
        spent = Cpu.of(self._ingestor.pid) - cpu
        say(
            f"  {name}: {rate:,.0f} events/s into the nine, statuses {report['statuses']}, {spent.total:.1f} s CPU"
        )
        check_answered(report)
        return rate

    def _wait_only_stuck_is_left(self) -> None:
        def settled() -> bool:
            """True if nothing was delivered for a while."""
            before = self._ingestor.metric("events_delivered_total")
            time.sleep(1)
            return self._ingestor.metric("events_delivered_total") == before

        wait_until(settled, DRAIN_SECONDS, "only the stalled partition's events are left")

    def _check_books(self) -> None:
        self._ingestor.wait_drained(DRAIN_SECONDS)
        accepted = self._ingestor.metric("events_accepted_total")
        check(
            self._ingestor.metric("events_dead_lettered_total") == 0,
            "an outage dead-lettered events",
        )
        written = self._written(PARTITIONS)
        check(written == accepted, f"{accepted:,.0f} accepted, {written:,} in the topic")
        say(f"{accepted:,.0f} accepted, all of them once in the topic")

    def _written(self, partitions: int) -> int:
        """The number of records in the first `partitions` partitions."""

        def ends() -> tuple[int] | None:
            try:
                found = [
                    self._reader.get_watermark_offsets(TopicPartition(self._topic, n), timeout=10)[1]
                    for n in range(partitions)
                ]
            except KafkaException:
                return None  # not all brokers know the new topic's leaders yet
            return (sum(found),)

        return wait_until(ends, 30, "the ends of the partitions can be read")[0]


@contextmanager
def stuck_partition(seconds: float, **settings: object) -> Iterator[StuckPartition]:
    """Starts the cluster. `seconds` is the length of a window."""
    cluster = KafkaCluster()
    try:
        cluster.start_all()
        with (
            tempfile.TemporaryDirectory() as folder,
            StuckPartition(cluster, Path(folder), seconds, **settings) as stuck,
        ):
            yield stuck
    finally:
        cluster.close()


def measure(options: argparse.Namespace) -> None:
    with stuck_partition(options.seconds, ACK=options.ack) as stuck:
        stuck.rounds(options.rounds)
        stuck.idle()
    print_targets(stuck.targets)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20, help="length of each window")
    parser.add_argument("--ack", choices=("memory", "wal"), default="memory")
    options = parser.parse_args()
    return exit_status(lambda: measure(options))


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""One of ten partitions whose broker is frozen: what the other nine keep of their rate. Paired rounds.

Exit status: 0 also when the target is missed; 1 when events were lost or something broke. See bench/README.md.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition
from processes import BenchFault, Cpu, Ingestor, check, end_on_sigterm, say
from report import Target, print_targets
from support.kafka_cluster import KafkaCluster
from support.load import LoadClient, ndjson_events
from support.waiting import wait_until

PARTITIONS = 10
BATCH = 500
CONNECTIONS = 8
DRAIN_SECONDS = 120


class Run:
    def __init__(self, cluster: KafkaCluster, options: argparse.Namespace, folder: Path):
        self._cluster = cluster
        self._seconds = options.seconds
        self._pause = options.pause
        self._frozen = next(n for n in cluster.brokers if n != cluster.controller())
        others = [n for n in cluster.brokers if n != self._frozen]
        assignment = [[others[p % len(others)]] for p in range(PARTITIONS - 1)] + [[self._frozen]]
        self._topic = cluster.create_topic("stuck", min_insync=1, assignment=assignment)
        self._settings = {
            "SINK": "kafka",
            "KAFKA_BROKERS": cluster.proxied_address,
            "KAFKA_TOPIC": self._topic,
            "RATE_LIMIT_RPS": 0,
            "ACK": options.ack,
            "WAL_DIR": folder / "wal",
        }
        self._reader = Consumer(
            {
                "bootstrap.servers": cluster.address,
                "group.id": "stuck-partition",
                "log_level": 0,
            }
        )
        self.ratios: list[float] = []

    def rounds(self, count: int) -> None:
        with Ingestor(**self._settings) as ingestor:
            self._window(ingestor, "warm-up")
            for number in range(count):
                if number % 2 == 0:
                    well, stuck = (
                        self._window(ingestor, "well"),
                        self._stuck_window(ingestor),
                    )
                else:
                    stuck, well = (
                        self._stuck_window(ingestor),
                        self._window(ingestor, "well"),
                    )
                self.ratios.append(stuck / well)
                say(f"round {number + 1}: the nine keep {self.ratios[-1]:.3f} of their rate")
            accepted = ingestor.metric("events_accepted_total")
            check(
                ingestor.metric("events_dead_lettered_total") == 0,
                "an outage dead-lettered events",
            )
            written = self._written(PARTITIONS)
            check(
                written == accepted,
                f"{accepted:,.0f} accepted, {written:,} in the topic",
            )
            say(f"{accepted:,.0f} accepted, all of them once in the topic")

    def _stuck_window(self, ingestor: Ingestor) -> float:
        self._cluster.pause(self._frozen)
        try:
            return self._window(ingestor, "stuck", drained=False)
        finally:
            self._cluster.resume(self._frozen)
            ingestor.wait_drained(DRAIN_SECONDS)

    def _window(self, ingestor: Ingestor, name: str, drained: bool = True) -> float:
        """Events a second into the nine partitions, from the first request on."""
        cpu, before, began = (
            Cpu.of(ingestor.pid),
            self._written(PARTITIONS - 1),
            time.monotonic(),
        )
        bodies = ndjson_events(f"{name}{began:.0f}", BATCH)
        with LoadClient(ingestor.port, bodies, CONNECTIONS, pause=self._pause) as load:
            time.sleep(self._seconds)
            rate = (self._written(PARTITIONS - 1) - before) / (time.monotonic() - began)
            result = load.stop()
        spent = Cpu.of(ingestor.pid) - cpu
        say(
            f"  {name}: {rate:,.0f} events/s into the nine, {len(result.accepted):,} accepted, "
            f"statuses {dict(result.statuses)}, {spent.total:.1f} s CPU"
        )
        check(not result.unanswered, "a request stayed unanswered")
        if drained:
            ingestor.wait_drained(DRAIN_SECONDS)
        return rate

    def _written(self, partitions: int) -> int:
        """Records in the first so many partitions."""

        def ends() -> tuple[int] | None:
            try:
                found = [
                    self._reader.get_watermark_offsets(TopicPartition(self._topic, n), timeout=10)[1]
                    for n in range(partitions)
                ]
            except KafkaException:
                return None  # a new topic's leaders are not known to all yet
            return (sum(found),)

        return wait_until(ends, 30, "the ends of the partitions can be read")[0]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20, help="of each window")
    parser.add_argument(
        "--pause", type=float, default=0, help="of a connection before its next request, seconds"
    )
    parser.add_argument("--ack", choices=("memory", "wal"), default="memory")
    options = parser.parse_args()
    end_on_sigterm()
    cluster = KafkaCluster()
    try:
        cluster.start_all()
        with tempfile.TemporaryDirectory() as folder:
            run = Run(cluster, options, Path(folder))
            run.rounds(options.rounds)
        print_targets(
            [
                Target(
                    "the nine keep of their rate",
                    statistics.median(run.ratios),
                    0.95,
                    "x",
                    at_least=True,
                )
            ]
        )
    except (BenchFault, AssertionError) as fault:
        say(f"FAULT: {fault}")
        return 1
    finally:
        cluster.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""One client floods the service and ignores all rejections. Measures how much of its throughput another
client keeps: paired windows with and without the flood, for each resource that all clients share.

Exit status: 0 even if the target is missed; 1 if events were lost or something broke. See bench/README.md.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from processes import (
    Generator,
    Ingestor,
    KafkaBroker,
    check,
    exit_status,
    generate,
    new_broker,
    new_ingestor,
    new_topic,
    say,
    wait_drained,
    wait_ready,
)
from report import Target, print_targets

# Clients are identified by the last number of their addresses.
SMALL_CLIENT, FLOOD = 2, 3
SMALL_RATE = 2000
FLOOD_CONNECTIONS = 64
LIMIT = 30_000


class Flood:
    def __init__(self, broker: KafkaBroker, options: argparse.Namespace):
        self._broker = broker
        self._seconds = options.seconds
        self._rounds = options.rounds
        self._settings = {"HTTP_CLIENTS_MAX": 0} if options.unprotected else {}
        self.targets: list[Target] = []

    def rate(self) -> None:
        """The flood could use the whole rate limit."""
        self._compare("rate", {"RATE_LIMIT_RPS": LIMIT, "RATE_LIMIT_BURST": LIMIT})

    def journal(self) -> None:
        """Kafka stands still, and the flood could fill the journal."""

        @contextmanager
        def outage(ingestor: Ingestor) -> Iterator[None]:
            self._broker.pause()
            try:
                yield
            finally:
                self._broker.resume_if_paused()
                wait_drained(ingestor)

        # All events that the client within its share sends in a window fit its reserved eighth.
        events_max = 8 * SMALL_RATE * (self._seconds + 1)
        self._compare(
            "journal",
            {"QUEUE_SIZE": events_max, "QUEUE_BYTES_MAX": "1GiB"},
            around=outage,
        )

    def processor(self) -> None:
        """Only CPU time is short: the rate limit is what one node sustains."""
        self._compare("processor", {"RATE_LIMIT_RPS": 200_000})

    def _compare(
        self,
        name: str,
        settings: dict[str, object],
        around: Callable[[Ingestor], object] | None = None,
    ) -> None:
        say(f"{name}: {SMALL_RATE:,} events/s of one client, {FLOOD_CONNECTIONS} connections of another")
        topic = new_topic(self._broker, f"flood-{name}")
        ratios = []
        with new_ingestor(self._broker, topic, **(settings | self._settings)) as ingestor:
            wait_ready(ingestor)
            generate(
                ingestor.port,
                duration=2,
                connections=8,
                rate=SMALL_RATE,
                host=SMALL_CLIENT,
            )
            wait_drained(ingestor)
            for number in range(self._rounds):
                kept = {}
                for flooded in (False, True) if number % 2 == 0 else (True, False):
                    if around is None:
                        kept[flooded] = self._window(ingestor, flooded)
                    else:
                        with around(ingestor):  # type: ignore[attr-defined]
                            kept[flooded] = self._window(ingestor, flooded)
                    wait_drained(ingestor)
                ratios.append(kept[True] / kept[False])
        self.targets.append(
            Target(
                f"{name}: share of their rate that others keep",
                ratios,
                0.95,
                "x",
                at_least=True,
            )
        )

    def _window(self, ingestor: Ingestor, flooded: bool) -> float:
        """Events per second that were accepted from the client within its fair share."""
        small = {"connections": 16, "rate": SMALL_RATE, "host": SMALL_CLIENT}
        if not flooded:
            report = generate(ingestor.port, duration=self._seconds, **small)
            say(f"  alone: {report['accepted_events'] / self._seconds:,.0f} events/s, {self._delays(report)}")
            return report["accepted_events"] / self._seconds
        with Generator(
            ingestor.port,
            duration=self._seconds + 2,
            connections=FLOOD_CONNECTIONS,
            host=FLOOD,
        ) as flood:
            time.sleep(1)
            report = generate(ingestor.port, duration=self._seconds, **small)
            flooding = flood.report()
        check(flooding["bad_replies"] == 0, f"bad replies to the flood: {flooding}")
        say(
            f"  flooded: {report['accepted_events'] / self._seconds:,.0f} events/s, {self._delays(report)}; "
            f"the flood: {flooding['accepted_events']:,} accepted, statuses {flooding['statuses']}"
        )
        return report["accepted_events"] / self._seconds

    @staticmethod
    def _delays(report: dict[str, dict[str, float]]) -> str:
        return f"p99 {report['latency_us']['p99'] / 1000:.2f} ms"


def run(options: argparse.Namespace) -> None:
    with new_broker() as broker:
        flood = Flood(broker, options)
        for name in ("rate", "journal", "processor"):
            if options.only in (None, name):
                getattr(flood, name)()
        print_targets(flood.targets)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8, help="length of each window")
    parser.add_argument(
        "--unprotected",
        action="store_true",
        help="don't distinguish clients, for comparison",
    )
    parser.add_argument("--only", choices=("rate", "journal", "processor"))
    options = parser.parse_args()
    return exit_status(lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())

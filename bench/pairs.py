"""Shared by the parts of `make bench`: the broker, the references, paired rounds and the collected
figures."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any

from processes import (
    KafkaBroker,
    Nginx,
    new_ingestor,
    new_topic,
    rss_bytes,
    say,
    wait_ready,
)
from report import MB, Target, print_table, spread
from rounds import SINGLE, MeasuredIngestor, Round, nginx_round
from start_up import start_to_ready_seconds

WARM_UP_SECONDS = 1.0
STARTS = 5

# A name and a function that runs one round.
Side = tuple[str, Callable[[], Round]]


class Bench:
    """`unlimited` is a service with default settings, `nginx` its reference; both are warm after start()."""

    def __init__(self, stack: ExitStack, broker: KafkaBroker, options: argparse.Namespace):
        self._stack = stack
        self.broker = broker
        self.options = options
        self.capacity = 0.0  # events/s of one event a request, once the part `single` has run
        self.targets: list[Target] = []
        self.rounds: dict[str, list[Round]] = {}

    def start(self) -> None:
        settings: dict[str, object] = {
            "SINK": "kafka",
            "KAFKA_BROKERS": self.broker.address,
            "KAFKA_TOPIC": "start-up",
            "ACK": "wal",
        }
        taken = [start_to_ready_seconds(settings) * 1000 for _ in range(STARTS)]
        say(f"start to ready with an empty log, {STARTS} starts, ms: {spread(taken, 1)}")
        self.targets.append(Target("start to ready, empty log", taken, 100, "ms"))

        self.unlimited = self._stack.enter_context(self.serving("events"))
        pid = self.unlimited.ingestor.pid
        self.targets.append(Target("RSS at idle", [rss_bytes(pid) / MB], 20, "MB"))
        self.nginx = self._stack.enter_context(Nginx())
        self.unlimited.round(WARM_UP_SECONDS, **SINGLE)
        self.warm_nginx(**SINGLE)

    @contextmanager
    def serving(
        self, topic: str, broker: KafkaBroker | None = None, success: str = "202", **settings: object
    ) -> Iterator[MeasuredIngestor]:
        """Starts a service with its own topic, ready and cold. `success`: its status for accepted
        requests."""
        broker = broker or self.broker
        new_topic(broker, topic)
        with new_ingestor(broker, topic, HTTP_THREADS=self.options.http_threads, **settings) as ingestor:
            wait_ready(ingestor)
            yield MeasuredIngestor(ingestor, broker, topic, success)

    def warm_nginx(self, **load: Any) -> None:
        nginx_round(self.nginx, WARM_UP_SECONDS, **load)

    def beside_nginx(self, title: str, measured: MeasuredIngestor, **load: Any) -> list[list[Round]]:
        """The same load on the service and on nginx."""
        seconds = self.options.seconds
        return self.paired(
            title,
            ("ingestor", lambda: measured.round(seconds, **load)),
            ("nginx return 202", lambda: nginx_round(self.nginx, seconds, **load)),
        )

    def paired(self, title: str, *sides: Side) -> list[list[Round]]:
        """Returns the rounds of each side; rounds with the same index ran one after the other."""
        done: list[list[Round]] = [[] for _ in sides]
        for number in range(1, self.options.rounds + 1):
            say(f"{title}: round {number} of {self.options.rounds}")
            for rounds, (_, run) in zip(done, sides, strict=True):
                rounds.append(run())
        names = [name for name, _ in sides]
        self.rounds |= {f"{title}: {name}": rounds for name, rounds in zip(names, done, strict=True)}
        _print_sides(title, names, done)
        return done


def ratios(a: Sequence[Round], b: Sequence[Round], figure: str) -> list[float]:
    """The ratio of each pair."""
    return [getattr(x, figure) / getattr(y, figure) for x, y in zip(a, b, strict=True)]


def _print_sides(title: str, names: Sequence[str], sides: Sequence[Sequence[Round]]) -> None:
    def row(name: str, rounds: Sequence[Round]) -> list[str]:
        return [
            name,
            spread([r.cpu_us for r in rounds]),
            spread([r.user_us for r in rounds]),
            spread([r.system_us for r in rounds]),
            spread([r.events_per_s / 1000 for r in rounds], 1),
            spread([r.p99_us / 1000 for r in rounds], 2) if rounds[0].p99_us else "-",
            f"{median(r.refused_requests for r in rounds):,.0f}",
        ]

    header = ["", "CPU us/event", "user", "system", "1,000 events/s", "p99 ms", "rejected"]
    rows = [row(name, rounds) for name, rounds in zip(names, sides, strict=True)]
    print_table(f"{title}: median (lowest..highest)", header, rows)
    for name, rounds in list(zip(names, sides, strict=True))[1:]:
        for figure, what in (("cpu_us", "CPU per event"), ("events_per_s", "events/s")):
            found = ratios(sides[0], rounds, figure)
            each = ", ".join(f"{ratio:.3f}" for ratio in found)
            say(f"  {what}, {names[0]} / {name}: by round {each}; median {median(found):.3f}")

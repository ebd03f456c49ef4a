"""Two clients behind one proxy, on its pooled connections; one sends twenty times its rate."""

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from pairs import Bench
from processes import (
    Generator,
    Nginx,
    check,
    check_answered,
    generate,
    new_ingestor,
    new_topic,
    say,
    wait_ready,
)
from report import Target, spread
from rounds import EVENT_BYTES
from support.clients_file import ClientsFile

RATE = 500
EXCESS = 20
CONNECTIONS = 32
FLOOD_SECONDS = 30


class Tenants:
    """A service with two clients, behind a proxy."""

    def __init__(self, bench: Bench, stack: ExitStack, topic: str):
        file = ClientsFile(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tenants-"))))
        self._flood = f"Authorization: Bearer {file.add('flood', rate=RATE, burst=RATE // 10)}"
        self._small = f"Authorization: Bearer {file.add('small', rate=10 * RATE)}"
        new_topic(bench.broker, topic)
        self.ingestor = stack.enter_context(
            new_ingestor(
                bench.broker,
                topic,
                HTTP_THREADS=bench.options.http_threads,
                HTTP_TRUSTED_PROXIES="127.0.0.1",
                AUTH="keys",
                AUTH_CLIENTS_FILE=file.path,
            )
        )
        wait_ready(self.ingestor)
        self._proxy = stack.enter_context(Nginx(behind=self.ingestor.port))

    def small(self, seconds: float) -> tuple[float, float]:
        """Requests that were accepted per second that they were due, and their p99 in us."""
        report = generate(
            self._proxy.port,
            duration=seconds,
            rate=RATE,
            connections=CONNECTIONS,
            event_bytes=EVENT_BYTES,
            header=self._small,
        )
        check(set(report["statuses"]) == {"202"}, f"the small client got {report['statuses']}")
        return report["statuses"]["202"] / seconds / RATE, report["latency_us"]["p99"]

    def flood(self, seconds: float) -> Generator:
        return Generator(
            self._proxy.port,
            duration=seconds,
            rate=EXCESS * RATE,
            connections=CONNECTIONS,
            event_bytes=EVENT_BYTES,
            header=self._flood,
        )

    def flood_accepted(self) -> float:
        return self.ingestor.metrics().value("event_ingestor_client_events_accepted_total", client="flood")

    def beside_flood(self, flooded: "Tenants") -> tuple[float, float, float]:
        """The same of the small client here; and the part of its own rate that the flood got there."""
        with flooded.flood(FLOOD_SECONDS + 3) as flood:
            time.sleep(1)  # its burst is used up
            began, before = time.monotonic(), flooded.flood_accepted()
            throughput, p99 = self.small(FLOOD_SECONDS)
            got = flooded.flood_accepted() - before
            rate = got / (time.monotonic() - began) / RATE
            report = flood.report()
        check_answered(report)
        check(set(report["statuses"]) == {"202", "429"}, f"the flood got {report['statuses']}")
        return throughput, p99, rate


def tenants(bench: Bench) -> None:
    """The flood on another service, with another proxy, takes as much CPU from the machine."""
    with ExitStack() as stack:
        here, elsewhere = (Tenants(bench, stack, topic) for topic in ("tenants", "other-tenants"))
        here.small(1)
        alone, beside, apart = [], [], []
        for number in range(1, bench.options.rounds + 1):
            say(f"two clients behind one proxy: round {number} of {bench.options.rounds}")
            alone.append(here.small(FLOOD_SECONDS / 3))
            beside.append(here.beside_flood(here))
            apart.append(here.beside_flood(elsewhere))
    for name, rounds in (("alone", alone), ("beside the flood", beside), ("the flood elsewhere", apart)):
        say(f"  p99 ms, {name}: {spread([p99 / 1000 for _, p99, *_ in rounds])}")
    title = f"beside a client that sends {EXCESS}x its rate through the same proxy"

    def ratios(others: list, place: int) -> list[float]:
        return [these[place] / those[place] for these, those in zip(beside, others, strict=True)]

    bench.targets += [
        Target(f"{title}: events/s / alone", ratios(alone, 0), 0.99, "x", at_least=True),
        Target(f"{title}: p99 / alone", ratios(alone, 1), 1.5, "x"),
        Target(f"{title}: p99 / elsewhere", ratios(apart, 1), 1.5, "x"),
        Target(
            "what that client gets of its own rate, beyond 1",
            [abs(rate - 1) for _, _, rate in beside],
            0.01,
            "x",
        ),
    ]

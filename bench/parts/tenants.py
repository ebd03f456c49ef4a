"""Two clients behind one proxy, on its pooled connections; one sends twenty times its rate."""

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from pairs import Bench
from processes import (
    Generator,
    Ingestor,
    Nginx,
    check,
    check_answered,
    generate,
    new_ingestor,
    new_topic,
    wait_ready,
)
from report import Target
from rounds import EVENT_BYTES
from support.clients_file import ClientsFile

RATE = 500
EXCESS = 20
CONNECTIONS = 32
FLOOD_SECONDS = 30


def _accepted(ingestor: Ingestor, client: str) -> float:
    return ingestor.metrics().value("event_ingestor_client_events_accepted_total", client=client)


class Tenants:
    def __init__(self, bench: Bench, stack: ExitStack):
        file = ClientsFile(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tenants-"))))
        self._flood = f"Authorization: Bearer {file.add('flood', rate=RATE, burst=RATE // 10)}"
        self._small = f"Authorization: Bearer {file.add('small', rate=10 * RATE)}"
        new_topic(bench.broker, "tenants")
        self.ingestor = stack.enter_context(
            new_ingestor(
                bench.broker,
                "tenants",
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

    def beside_flood(self) -> tuple[float, float, float]:
        """The same of the small client; and the part of its own rate that the flood got."""
        with self.flood(FLOOD_SECONDS + 3) as flood:
            time.sleep(1)  # its burst is used up
            began, before = time.monotonic(), _accepted(self.ingestor, "flood")
            throughput, p99 = self.small(FLOOD_SECONDS)
            got = _accepted(self.ingestor, "flood") - before
            rate = got / (time.monotonic() - began) / RATE
            report = flood.report()
        check_answered(report)
        check(set(report["statuses"]) == {"202", "429"}, f"the flood got {report['statuses']}")
        return throughput, p99, rate


def tenants(bench: Bench) -> None:
    with ExitStack() as stack:
        both = Tenants(bench, stack)
        both.small(1)
        throughputs, p99s, rates = [], [], []
        for _ in range(bench.options.rounds):
            throughput_alone, p99_alone = both.small(FLOOD_SECONDS / 3)
            throughput, p99, rate = both.beside_flood()
            throughputs.append(throughput / throughput_alone)
            p99s.append(p99 / p99_alone)
            rates.append(rate)
    title = f"beside a client that sends {EXCESS}x its rate through the same proxy"
    bench.targets.append(Target(f"{title}: events/s / alone", throughputs, 0.99, "x", at_least=True))
    bench.targets.append(Target(f"{title}: p99 / alone", p99s, 1.5, "x"))
    bench.targets.append(
        Target("what that client gets of its own rate, beyond 1", [abs(r - 1) for r in rates], 0.01, "x")
    )

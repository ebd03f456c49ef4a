#!/usr/bin/env python3
"""make bench: paired rounds of load, the ingestor beside its references in the same run. See bench/README.md.

Exit status: 0 also when targets are missed; 1 when events were lost or something broke.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from processes import (
    BenchFault,
    Ingestor,
    KafkaBroker,
    Nginx,
    check,
    end_on_sigterm,
    new_broker,
    new_ingestor,
    new_topic,
    peak_rss_bytes,
    rss_bytes,
    say,
    wait_ready,
)
from report import MB, Target, machine, print_table, print_targets, spread
from rounds import (
    BATCH,
    SINGLE,
    SYNCED,
    WAITING,
    FiledIngestor,
    MeasuredIngestor,
    Round,
    bare_round,
    check_programs,
    nginx_round,
    sync_p99_us,
)
from start_up import start_to_ready_seconds

WARM_UP_SECONDS = 1.0
STARTS = 5
OVERLOAD = 3


class Bench:
    """Runs the parts in order and gathers what they measured."""

    def __init__(self, stack: ExitStack, broker: KafkaBroker, options: argparse.Namespace):
        self._stack = stack
        self._broker = broker
        self._options = options
        self.targets: list[Target] = []
        self.rounds: dict[str, list[Round]] = {}

    def start(self) -> None:
        settings: dict[str, object] = {
            "SINK": "kafka",
            "KAFKA_BROKERS": self._broker.address,
            "KAFKA_TOPIC": "start-up",
            "ACK": "wal",
        }
        taken = [start_to_ready_seconds(settings) * 1000 for _ in range(STARTS)]
        say(f"start to ready with an empty log, {STARTS} starts, ms: {spread(taken, 1)}")
        self.targets.append(Target("start to ready, empty log", median(taken), 100, "ms"))

        self._ingestor = self._new_ingestor("events")
        wait_ready(self._ingestor)
        self.targets.append(Target("RSS at idle", rss_bytes(self._ingestor.pid) / MB, 20, "MB"))
        self._nginx = self._stack.enter_context(Nginx())
        self._unlimited = MeasuredIngestor(self._ingestor, self._broker, "events")
        self._unlimited.round(WARM_UP_SECONDS, **SINGLE)
        nginx_round(self._nginx, WARM_UP_SECONDS, **SINGLE)

    def single(self) -> None:
        ours, nginx = self._paired(
            "one event a request",
            ("ingestor", lambda: self._unlimited.round(self._options.seconds, **SINGLE)),
            ("nginx return 202", lambda: nginx_round(self._nginx, self._options.seconds, **SINGLE)),
        )
        self._capacity = median(r.events_per_s for r in ours)
        ratio = median(_ratios(ours, nginx, "cpu_us"))
        self.targets.append(Target("one event a request: CPU / nginx", ratio, 1.05, "x"))
        user = median(r.user_us for r in ours)
        self.targets.append(Target("one event a request: user time", user, 4, "us"))

    def batch(self) -> None:
        new_topic(self._broker, "bare")
        self._unlimited.round(WARM_UP_SECONDS, **BATCH)
        last: list[Round] = []

        def ours() -> Round:
            last.append(self._unlimited.round(self._options.seconds, **BATCH))
            return last[-1]

        batches, bare = self._paired(
            "NDJSON, 1,000 events a request",
            ("ingestor", ours),
            ("bare librdkafka", lambda: bare_round(self._broker, "bare", last[-1].events)),
        )
        ratio = median(_ratios(batches, bare, "events_per_s"))
        self.targets.append(
            Target("NDJSON 1,000: events/s / bare librdkafka", ratio, 0.9, "x", at_least=True)
        )
        peak = peak_rss_bytes(self._ingestor.pid) / MB
        self.targets.append(Target("RSS at full load (peak so far)", peak, 150, "MB"))

    def overload(self) -> None:
        limit = max(1, round(self._capacity / OVERLOAD))
        say(f"\nrate limit for the overload: {limit:,} events/s, a third of {self._capacity:,.0f}")
        limited = self._new_ingestor("overload", RATE_LIMIT_RPS=limit, RATE_LIMIT_BURST=max(1, limit // 10))
        wait_ready(limited)
        measured = MeasuredIngestor(limited, self._broker, "overload")
        measured.round(WARM_UP_SECONDS, **SINGLE)
        growth: list[float] = []

        def overloaded() -> Round:
            before = rss_bytes(limited.pid)
            done = measured.round(self._options.seconds, **SINGLE)
            check(done.refused_requests > 0, "the rate limit refused nothing")
            growth.append((done.rss_mb * MB - before) / MB)
            return done

        free, over = self._paired(
            f"one event a request, {OVERLOAD}x overload",
            ("no limit", lambda: self._unlimited.round(self._options.seconds, **SINGLE)),
            ("limit at a third", overloaded),
        )
        # What is left after the accepted ones, at the cost that they have without a limit, went to refusals.
        refused_us = [
            (o.cpu_us - f.cpu_us) * o.events / o.refused_requests for f, o in zip(free, over, strict=True)
        ]
        ratios = [r / f.cpu_us for r, f in zip(refused_us, free, strict=True)]
        say(f"  CPU of a refused request, us: {spread(refused_us)}; of an accepted one's: {spread(ratios)} x")
        self.targets.append(Target("overload: refused request's CPU / accepted", median(ratios), 1.0, "x"))
        flat = Target(
            "overload: RSS growth in a round", max(growth), 4, "MB", note="flat: our reading of the target"
        )
        self.targets.append(flat)

    def broker_ack(self) -> None:
        waited_for = self._new_ingestor("acks", ACK="broker")
        wait_ready(waited_for)
        measured = MeasuredIngestor(waited_for, self._broker, "acks", success="200")
        measured.round(WARM_UP_SECONDS, **WAITING)
        nginx_round(self._nginx, WARM_UP_SECONDS, **WAITING)
        ours, nginx = self._paired(
            "one event a request, ack=broker, 512 connections",
            ("ingestor", lambda: measured.round(self._options.seconds, **WAITING)),
            ("nginx return 202", lambda: nginx_round(self._nginx, self._options.seconds, **WAITING)),
        )
        ratio = median(_ratios(ours, nginx, "cpu_us"))
        self.targets.append(Target("one event a request, ack=broker: CPU / nginx", ratio, 1.3, "x"))

    def wal_ack(self) -> None:
        logged = self._new_ingestor("synced", ACK="wal")
        wait_ready(logged)
        self.targets.append(Target("RSS at idle, ack=wal", rss_bytes(logged.pid) / MB, 20, "MB"))
        measured = MeasuredIngestor(logged, self._broker, "synced")
        measured.round(WARM_UP_SECONDS, **SYNCED)
        nginx_round(self._nginx, WARM_UP_SECONDS, **SYNCED)
        ours, nginx = self._paired(
            "one event a request, ack=wal, 256 connections",
            ("ingestor", lambda: measured.round(self._options.seconds, **SYNCED)),
            ("nginx return 202", lambda: nginx_round(self._nginx, self._options.seconds, **SYNCED)),
        )
        ratio = median(_ratios(ours, nginx, "cpu_us"))
        self.targets.append(Target("one event a request, ack=wal: CPU / nginx", ratio, 1.3, "x"))

        self._at_half_load(measured, median(r.events_per_s for r in ours) / 2)

    def _at_half_load(self, measured: MeasuredIngestor, rate: float) -> None:
        alone: list[float] = []

        def loaded() -> Round:
            alone.append(sync_p99_us(measured.ingestor.cwd, self._options.seconds))
            return measured.round(self._options.seconds, rate=rate, **SYNCED)

        ours, nginx = self._paired(
            f"one event a request, ack=wal, {rate:,.0f} a second",
            ("ingestor", loaded),
            (
                "nginx return 202",
                lambda: nginx_round(self._nginx, self._options.seconds, rate=rate, **SYNCED),
            ),
        )
        say(f"  p99 of one sync alone, ms: {spread([us / 1000 for us in alone])}")
        ratio = median(_ratios(ours, nginx, "cpu_us"))
        self.targets.append(Target("ack=wal at half load: CPU / nginx at this rate", ratio, 1.3, "x"))
        p99s = median(r.p99_us / us for r, us in zip(ours, alone, strict=True))
        self.targets.append(Target("ack=wal at half load: p99 / one sync's", p99s, 5, "x"))

    def wal_batch(self) -> None:
        new_topic(self._broker, "bare-wal")
        logged = self._new_ingestor("synced-batches", ACK="wal")
        wait_ready(logged)
        measured = MeasuredIngestor(logged, self._broker, "synced-batches")
        measured.round(WARM_UP_SECONDS, **BATCH)
        last: list[Round] = []

        def ours() -> Round:
            last.append(measured.round(self._options.seconds, **BATCH))
            return last[-1]

        batches, bare = self._paired(
            "NDJSON, 1,000 events a request, ack=wal",
            ("ingestor", ours),
            ("bare librdkafka", lambda: bare_round(self._broker, "bare-wal", last[-1].events)),
        )
        ratio = median(_ratios(batches, bare, "events_per_s"))
        self.targets.append(
            Target("NDJSON 1,000, ack=wal: events/s / bare librdkafka", ratio, 0.8, "x", at_least=True)
        )
        peak = peak_rss_bytes(logged.pid) / MB
        self.targets.append(Target("RSS at full load, ack=wal (peak so far)", peak, 150, "MB"))

    def file_sink(self) -> None:
        settings = {"SINK": "file", "FILE_DIR": "events", "RATE_LIMIT_RPS": 0}
        for level in ("wal", "memory"):
            with Ingestor(HTTP_THREADS=self._options.http_threads, ACK=level, **settings) as ingestor:
                measured = FiledIngestor(ingestor)
                measured.round(WARM_UP_SECONDS, **BATCH)
                ours, judged = self._paired(
                    f"NDJSON, 1,000 events a request, file sink, ack={level}",
                    ("ingestor", partial(measured.round, self._options.seconds, **BATCH)),
                    ("judged, then refused", partial(measured.judged_only, self._options.seconds, **BATCH)),
                )
            above = [o.cpu_us - j.cpu_us for o, j in zip(ours, judged, strict=True)]
            say(f"  CPU an event above receiving, parsing and validating, us: {spread(above)}")
            self.targets.append(
                Target(f"NDJSON 1,000, file sink, ack={level}: CPU above judging", median(above), 1, "us")
            )

    def _new_ingestor(self, topic: str, **settings: object) -> Ingestor:
        new_topic(self._broker, topic)
        threads = {"HTTP_THREADS": self._options.http_threads}
        return self._stack.enter_context(new_ingestor(self._broker, topic, **threads, **settings))

    def _paired(
        self,
        title: str,
        first: tuple[str, Callable[[], Round]],
        second: tuple[str, Callable[[], Round]],
    ) -> tuple[list[Round], list[Round]]:
        a: list[Round] = []
        b: list[Round] = []
        for number in range(1, self._options.rounds + 1):
            say(f"{title}: round {number} of {self._options.rounds}")
            a.append(first[1]())
            b.append(second[1]())
        self.rounds[f"{title}: {first[0]}"] = a
        self.rounds[f"{title}: {second[0]}"] = b
        _print_pair(title, (first[0], a), (second[0], b))
        return a, b


def _ratios(a: Sequence[Round], b: Sequence[Round], figure: str) -> list[float]:
    return [getattr(x, figure) / getattr(y, figure) for x, y in zip(a, b, strict=True)]


def _print_pair(title: str, *sides: tuple[str, list[Round]]) -> None:
    def row(name: str, rounds: list[Round]) -> list[str]:
        return [
            name,
            spread([r.cpu_us for r in rounds]),
            spread([r.user_us for r in rounds]),
            spread([r.system_us for r in rounds]),
            spread([r.events_per_s / 1000 for r in rounds], 1),
            spread([r.p99_us / 1000 for r in rounds], 2) if rounds[0].p99_us else "-",
            f"{median(r.refused_requests for r in rounds):,.0f}",
        ]

    header = ["", "CPU us/event", "user", "system", "1,000 events/s", "p99 ms", "refused"]
    print_table(f"{title}: median (lowest..highest)", header, [row(*side) for side in sides])
    (first, a), (second, b) = sides
    for figure, name in (("cpu_us", "CPU per event"), ("events_per_s", "events/s")):
        ratios = _ratios(a, b, figure)
        each = ", ".join(f"{ratio:.3f}" for ratio in ratios)
        say(f"  {name}, {first} / {second}: by round {each}; median {median(ratios):.3f}")


# In the order in which they run.
PARTS: dict[str, Callable[[Bench], None]] = {
    "single": Bench.single,
    "batch": Bench.batch,
    "overload": Bench.overload,
    "broker-ack": Bench.broker_ack,
    "wal-ack": Bench.wal_ack,
    "wal-batch": Bench.wal_batch,
    "file-sink": Bench.file_sink,
}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    check_programs()
    about = machine()
    say(
        f"{about['cores']} cores, {about['cpu']}, kernel {about['kernel']}, load {about['load_average_at_start']:.2f}"
    )
    if about["load_average_at_start"] > 0.5:
        say("the machine is not idle: expect wide ranges")
    with ExitStack() as stack:
        broker = stack.enter_context(new_broker())
        bench = Bench(stack, broker, options)
        bench.start()
        for name in PARTS:
            if name in options.parts:
                PARTS[name](bench)
    print_targets(bench.targets)
    say("Every accepted event was found in its topic.")
    return {
        "machine": about,
        "options": vars(options),
        "rounds": {name: [r.as_json() for r in rounds] for name, rounds in bench.rounds.items()},
        "targets": [target.as_json() for target in bench.targets],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split(".")[0])
    parser.add_argument("--rounds", type=int, default=3, help="pairs of rounds (default 3)")
    parser.add_argument("--seconds", type=float, default=5, help="length of a round (default 5)")
    parser.add_argument(
        "--http-threads", type=int, default=1, help="HTTP_THREADS (default 1, as nginx has one worker)"
    )
    parser.add_argument(
        "--parts",
        type=lambda text: text.split(","),
        default=list(PARTS),
        help=f"which of {','.join(PARTS)} to run (default all); overload needs single",
    )
    parser.add_argument("--json", help="file for all figures")
    options = parser.parse_args()
    if not set(options.parts) <= set(PARTS):
        parser.error(f"--parts takes {','.join(PARTS)}")
    if "overload" in options.parts and "single" not in options.parts:
        parser.error("--parts: overload is measured against the capacity that single finds")
    if not (1 <= options.rounds <= 100 and 0.5 <= options.seconds <= 600):
        parser.error("--rounds 1 to 100, --seconds 0.5 to 600")
    end_on_sigterm()
    try:
        figures = measure(options)
    except (BenchFault, AssertionError, RuntimeError) as fault:
        print(f"\nBENCH FAILED: {fault}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

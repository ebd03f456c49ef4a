#!/usr/bin/env python3
"""Longer runs in which every id is accounted for: under load, with a stop in the middle, and under overload.

Exit status: 0 even if a target is missed; 1 if events were lost or something broke. See bench/README.md.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from processes import (
    Cpu,
    Generator,
    Ingestor,
    KafkaBroker,
    RssSamples,
    check,
    check_answered,
    compare_ids,
    exit_status,
    generate,
    new_broker,
    new_ingestor,
    new_topic,
    records_written,
    say,
    wait_drained,
    wait_ready,
)
from report import MB, Target, machine, print_targets

CONNECTIONS = 64
CAPACITY_SECONDS = 5
SERVICE_SECONDS = 5
# Share of the rate limit that the service must accept completely before and after the overload.
SERVICE_SHARE = 0.8
BATCH = {"connections": 32, "events_per_request": 1000}


class Soak:
    def __init__(self, broker: KafkaBroker, options: argparse.Namespace, directory: Path):
        self._broker = broker
        self._options = options
        self._directory = directory
        self.figures: dict[str, Any] = {}
        self.targets: list[Target] = []

    def load(self) -> None:
        """The accepted ids and the distinct ids in the topic must be the same."""
        seconds = self._options.seconds
        say(f"load: {seconds} s, {CONNECTIONS} connections, one event a request")
        ledger = self._directory / "load"
        with self._ingestor("load", keep_all=True) as ingestor:
            before = Cpu.of(ingestor.pid)
            report = generate(ingestor.port, duration=seconds, connections=CONNECTIONS, ledger=ledger)
            drain = wait_drained(ingestor)
            cpu = Cpu.of(ingestor.pid) - before
        cpu_us = cpu.total / max(1, report["accepted_events"]) * 1e6
        say(
            f"  {report['events_per_s']:,.0f} events/s, {cpu_us:.2f} us of CPU an event, "
            f"p99 {report['latency_us']['p99'] / 1000:.2f} ms, drained in {drain:.2f} s"
        )
        found = compare_ids(self._broker, "load", ledger)
        check(found["duplicates"] == 0, f"{found['duplicates']} duplicate records within one run")
        check(found["extra"] == 0, f"{found['extra']} ids arrived that were not accepted")
        self.figures["load"] = {"report": report, "cpu_us": cpu_us, "drain_seconds": drain, "ids": found}

    def stop(self) -> None:
        """SIGTERM in the middle of a load: exit status 0, and every accepted event is delivered."""
        seconds = self._options.seconds
        say(f"stop: {seconds} s of load, SIGTERM after half of it")
        ledger = self._directory / "stop"
        with self._ingestor("stop", keep_all=True) as ingestor:
            with Generator(
                ingestor.port, duration=seconds, connections=CONNECTIONS, ledger=ledger, drain=1
            ) as generator:
                time.sleep(seconds / 2)
                began = time.monotonic()
                status = ingestor.terminate(60)
                took = time.monotonic() - began
                generator.stop()
                report = generator.report()
        say(f"  exit status {status} after {took:.2f} s; {report['unanswered']} requests stayed unanswered")
        check(status == 0, f"exit status {status}\n{ingestor.output()}")
        found = compare_ids(self._broker, "stop", ledger)
        check(found["duplicates"] == 0, f"{found['duplicates']} duplicate records within one run")
        # A request that was accepted, but whose reply was lost, may arrive or not.
        check(found["extra"] <= report["unanswered"], f"{found['extra']} ids arrived that were not sent")
        check(report["accepted_events"] > 0, "nothing was accepted before the stop")
        statuses = report["statuses"]
        check(set(statuses) <= {"202", "503"}, f"other statuses around the stop: {statuses}")
        self.figures["stop"] = {"report": report, "exit_seconds": took, "ids": found}

    def overload(self) -> None:
        """Three times the rate limit: only rejections, constant memory, and full service directly
        afterwards."""
        with self._ingestor("capacity") as ingestor:
            capacity = generate(ingestor.port, duration=CAPACITY_SECONDS, connections=CONNECTIONS)[
                "events_per_s"
            ]
        limit = max(1, round(capacity / 3))
        seconds = self._options.overload_seconds
        say(f"overload: {seconds} s; capacity {capacity:,.0f} events/s, rate limit {limit:,}")
        with self._ingestor(
            "overload", RATE_LIMIT_RPS=limit, RATE_LIMIT_BURST=max(1, limit // 10)
        ) as ingestor:

            def service() -> dict[str, Any]:
                return generate(
                    ingestor.port,
                    duration=SERVICE_SECONDS,
                    connections=CONNECTIONS,
                    rate=limit * SERVICE_SHARE,
                )

            refused = self._overload("overload", ingestor, service, connections=CONNECTIONS)
            check(refused > 0, "the rate limit rejected nothing")

    def full_journal(self) -> None:
        """Batches faster than Kafka accepts them, from clients that don't wait: the journal rejects some."""
        seconds = self._options.overload_seconds
        say(f"full journal: {seconds} s of NDJSON from {BATCH['connections']} clients that never wait")
        with self._ingestor("journal") as ingestor:

            def service() -> dict[str, Any]:
                return generate(ingestor.port, duration=SERVICE_SECONDS, connections=CONNECTIONS, rate=2000)

            if self._overload("full journal", ingestor, service, wait_first=True, **BATCH) == 0:
                say("  nothing was rejected: Kafka accepted the events as fast as they arrived")

    def _overload(
        self,
        name: str,
        ingestor: Ingestor,
        service: Callable[[], dict[str, Any]],
        wait_first: bool = False,
        **load: object,
    ) -> int:
        """Normal load, overload, normal load again; with `wait_first` the last one starts only after the
        journal is empty. Returns the number of rejected requests."""
        topic = str(ingestor.settings["KAFKA_TOPIC"])
        before = service()
        with RssSamples(ingestor.pid, 1) as rss:
            with Generator(ingestor.port, duration=self._options.overload_seconds, **load) as generator:
                report = generator.report()
        check_answered(report)
        if wait_first:
            say(f"  journal drained in {wait_drained(ingestor):.2f} s")
        after = service()
        wait_drained(ingestor)

        statuses = report["statuses"]
        check(set(statuses) <= {"202", "429", "503"}, f"other statuses under overload: {statuses}")
        accepted = sum(r["accepted_events"] for r in (before, report, after))
        written = records_written(self._broker, topic)
        check(accepted == written, f"accepted {accepted}, written to the topic {written}")

        samples = [round(sample / MB, 1) for sample in rss.samples]
        shares = [r["statuses"].get("202", 0) / r["requests"] for r in (before, after)]
        p99s = [r["latency_us"]["p99"] / 1000 for r in (before, after)]
        say(
            f"  statuses {statuses}; accepted {report['events_per_s']:,.0f} events/s, all {written:,} in the topic"
        )
        say(f"  RSS MB, one sample a second: {' '.join(f'{sample:g}' for sample in samples)}")
        say(
            f"  service before / after: {before['requests_per_s']:,.0f} / {after['requests_per_s']:,.0f} "
            f"requests/s, accepted {shares[0]:.3%} / {shares[1]:.3%}, p99 {p99s[0]:.2f} / {p99s[1]:.2f} ms"
        )
        self.targets += [
            Target(f"{name}: RSS growth, second half over first", [rss.growth_bytes() / MB], 4, "MB"),
            Target(f"{name}: accepted right after", [shares[1] * 100], 99.9, "%", at_least=True),
            Target(
                f"{name}: p99 right after / before",
                [p99s[1] / p99s[0]],
                2,
                "x",
                note="or noise, when both are small",
            ),
        ]
        self.figures[name] = {"before": before, "overload": report, "after": after, "rss_mb": samples}
        return statuses.get("429", 0) + statuses.get("503", 0)

    def _ingestor(self, topic: str, keep_all: bool = False, **settings: object) -> Ingestor:
        new_topic(self._broker, topic, keep_all)
        ingestor = new_ingestor(self._broker, topic, **settings)
        try:
            wait_ready(ingestor)
        except BaseException:
            ingestor.kill()
            raise
        return ingestor


PARTS = {"load": Soak.load, "stop": Soak.stop, "overload": Soak.overload, "full-journal": Soak.full_journal}


def run(options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="ledger-") as directory, new_broker() as broker:
        soak = Soak(broker, options, Path(directory))
        for part in options.part or PARTS:
            PARTS[part](soak)
    if soak.targets:
        print_targets(soak.targets)
    say("Every accepted event was found in its topic.")
    return {
        "machine": machine(),
        "options": vars(options),
        "parts": soak.figures,
        "targets": [target.as_json() for target in soak.targets],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split(".")[0])
    parser.add_argument("--part", choices=PARTS, action="append", help="only this part; may be repeated")
    parser.add_argument("--seconds", type=float, default=30, help="length of load and stop (default 30)")
    parser.add_argument(
        "--overload-seconds", type=float, default=60, help="length of each overload (default 60)"
    )
    parser.add_argument("--json", help="file for all figures")
    options = parser.parse_args()
    if not (1 <= options.seconds <= 600 and 1 <= options.overload_seconds <= 600):
        parser.error("--seconds and --overload-seconds: 1 to 600")
    return exit_status(lambda: run(options), options.json)


if __name__ == "__main__":
    sys.exit(main())

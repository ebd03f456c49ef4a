#!/usr/bin/env python3
"""Crashes and outages at ack level wal, checked against an external ledger of acknowledged ids.

Exit status: 0 even if a target is missed; 1 if events were lost or something broke. See bench/README.md.
"""

import argparse
import os
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from processes import (
    Generator,
    Ingestor,
    KafkaBroker,
    RssSamples,
    check,
    check_answered,
    compare_ids,
    exit_status,
    free_port,
    generate,
    new_broker,
    new_ingestor,
    new_topic,
    say,
    wait_drained,
    wait_until,
)
from report import MB, Target, machine, print_targets, spread
from support.metrics import Metrics

KEYED = {"KAFKA_KEY": "/payload/user_id"}
OUTAGE_RATE = 5000
OUTAGE_CONNECTIONS = 1000  # each has its own key
OUTAGE_MARGIN_SECONDS = 15  # seconds of load before the outage and after it
BACKLOG_BYTES = 1_000_000_000
BACKLOG_EVENT_BYTES = 284


class Crash:
    """`directory` holds the logs and ledgers; `seed` decides what the rounds do."""

    def __init__(self, broker: KafkaBroker, directory: Path, seed: int):
        say(f"seed {seed}")
        self._broker = broker
        self._directory = directory
        self._chance = random.Random(seed)
        self.figures: dict[str, Any] = {}
        self.targets: list[Target] = []

    def kill(self, rounds: int) -> None:
        """Load, kill -9 and restart, repeated; all rounds use one log."""
        self._rounds("kill", rounds, with_broker=False)

    def kill_broker(self, rounds: int) -> None:
        """The same, but the broker is killed too, before the service or after it."""
        self._rounds("kill-broker", rounds, with_broker=True)

    def outage(self, seconds: float) -> None:
        """A broker that doesn't answer, under steady load."""
        say(
            f"outage: {OUTAGE_RATE:,} events/s, {OUTAGE_CONNECTIONS:,} keys, the broker stopped for {seconds:g} s"
        )
        ledger = self._directory / "outage"
        duration = seconds + 2 * OUTAGE_MARGIN_SECONDS
        log = {"WAL_BYTES_MAX": "16GiB"}
        with self._ingestor("outage", **log) as ingestor, RssSamples(ingestor.pid, 1) as rss:
            idle = rss.samples[0]
            with Generator(
                ingestor.port,
                duration=duration,
                connections=OUTAGE_CONNECTIONS,
                rate=OUTAGE_RATE,
                ledger=ledger,
            ) as generator:
                time.sleep(OUTAGE_MARGIN_SECONDS)
                before, first = max(rss.samples), len(rss.samples)
                self._broker.pause()
                time.sleep(seconds)
                during, last = max(rss.samples[first:]), len(rss.samples)
                at_end = ingestor.metrics()
                self._broker.resume()
                resumed = time.monotonic()
                wait_until(
                    lambda: waiting(ingestor.metrics()) < OUTAGE_RATE, 600, "the service has caught up", 0.1
                )
                caught_up = time.monotonic() - resumed
                report = generator.report()
            wait_drained(ingestor)
            after = max(rss.samples[last:])
        check_answered(report)
        backlog = waiting(at_end)
        log_mb = at_end.value("event_ingestor_journal_bytes") / MB
        say(
            f"  statuses {report['statuses']}, not sent in time {report['not_sent']}, "
            f"p50 {report['latency_us']['p50'] / 1000:.2f} ms, p99 {report['latency_us']['p99'] / 1000:.2f} ms"
        )
        say(f"  at the end of the outage {backlog:,.0f} events waited, in {log_mb:,.0f} MB of log")
        say(
            f"  RSS MB: idle {idle / MB:.1f}, before {before / MB:.1f}, during {during / MB:.1f}, "
            f"after {after / MB:.1f}"
        )
        say(
            f"  caught up in {caught_up:.1f} s, {(backlog + OUTAGE_RATE * caught_up) / caught_up:,.0f} events/s "
            "delivered meanwhile"
        )
        check(set(report["statuses"]) == {"202"}, f"not all were accepted: {report['statuses']}")
        check(report["not_sent"] == 0, f"{report['not_sent']} requests were due and not sent")
        found = compare_ids(self._broker, "outage", ledger, keyed=True)
        check(found["extra"] == 0, f"{found['extra']} ids arrived that were not accepted")
        self.targets.append(Target("outage: RSS", [max(during, after) / MB], 150, "MB"))
        self.figures["outage"] = {
            "report": report,
            "backlog_events": backlog,
            "log_mb": log_mb,
            "caught_up_seconds": caught_up,
            "rss_mb": [round(sample / MB, 1) for sample in rss.samples],
            "ids": found,
        }

    def backlog(self) -> None:
        """A start with 1 GB of undelivered events in the log, read from the disk, not from the page cache."""
        requests = BACKLOG_BYTES // (1000 * BACKLOG_EVENT_BYTES)
        say(f"backlog: {requests * 1000:,} events of {BACKLOG_EVENT_BYTES} bytes in the log at the start")
        ledger = self._directory / "backlog"
        log = {"WAL_BYTES_MAX": "4GiB"}
        away = f"127.0.0.1:{free_port()}"
        with self._ingestor("backlog", KAFKA_BROKERS=away, **log) as ingestor:
            report = generate(
                ingestor.port,
                requests=requests,
                connections=8,
                events_per_request=1000,
                event_bytes=BACKLOG_EVENT_BYTES,
                retry_refused=True,
                retry_wait_max=0.01,
                ledger=ledger,
            )
            ingestor.kill()
        for path in (self._directory / "run-backlog/var/wal").glob("*.wal"):
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        began = time.monotonic()
        with self._ingestor("backlog", **log) as ingestor, RssSamples(ingestor.pid, 0.1) as rss:
            wait_until(lambda: ingestor.get("/readyz").status == 200, 60, "the service is ready", 0.005)
            ready = time.monotonic() - began
            wait_until(lambda: delivered(ingestor.metrics()) > 0, 60, "the first event is delivered", 0.005)
            first = time.monotonic() - began
            wait_drained(ingestor)
            drained = time.monotonic() - began
            recovered = ingestor.metric("journal_recovered_events_total")
        say(
            f"  accepted {report['accepted_events']:,} events at {report['events_per_s']:,.0f}/s, recovered {recovered:,.0f}; "
            f"ready after {ready:.2f} s, first delivery after {first:.2f} s, drained after {drained:.1f} s "
            f"({recovered / drained:,.0f} events/s); peak RSS {max(rss.samples) / MB:.1f} MB"
        )
        found = compare_ids(self._broker, "backlog", ledger, keyed=True)
        check(found["extra"] == 0, f"{found['extra']} ids arrived that were not accepted")
        self.targets.append(Target("backlog of 1 GB: start to ready", [ready], 3, "s"))
        self.figures["backlog"] = {
            "ready_seconds": ready,
            "first_delivery_seconds": first,
            "drained_seconds": drained,
            "ids": found,
        }

    def _rounds(self, name: str, rounds: int, with_broker: bool) -> None:
        what = "service and broker" if with_broker else "service"
        say(f"{name}: {rounds} rounds of load and kill -9 of the {what}")
        ledger = self._directory / name
        unanswered = 0
        recovered: list[float] = []
        log = {"WAL_BYTES_MAX": "8GiB"}
        for number in range(1, rounds + 1):
            batch = self._chance.choice([1, 1, 10, 100])
            with self._ingestor(name, **log) as ingestor:
                recovered.append(ingestor.metric("journal_recovered_events_total"))
                with Generator(
                    ingestor.port,
                    duration=300,
                    drain=1,
                    connections=self._chance.randrange(1, 257),
                    events_per_request=batch,
                    ledger=ledger,
                ) as generator:
                    self._wait(0.05, 1.5)
                    if with_broker:
                        order = [self._broker.kill, ingestor.kill]
                        self._chance.shuffle(order)
                        order[0]()
                        self._wait(0.0, 1.0)
                        order[1]()
                    else:
                        ingestor.kill()
                    generator.stop()
                    report = generator.report()
                statuses = set(report["statuses"])
                check(statuses <= {"202", "503"}, f"unexpected statuses: {report['statuses']}")
                unanswered += report["unanswered"] * batch
            if with_broker:
                self._broker.start()
            if number % 10 == 0:
                say(f"  {number} rounds")
        with self._ingestor(name, **log) as ingestor:
            recovered.append(ingestor.metric("journal_recovered_events_total"))
            wait_drained(ingestor)
            lost = ingestor.metric("journal_lost_events_total")
        found = compare_ids(self._broker, name, ledger, keyed=True)
        say(
            f"  recovered at a start: {spread(recovered[1:], 0)} events; "
            f"events in unanswered requests: {unanswered:,}; lost to damage by the metrics: {lost:.0f}"
        )
        check(lost == 0, f"the log counts {lost:.0f} lost events, but nothing was damaged")
        check(found["extra"] <= unanswered, f"{found['extra']} ids arrived that were not sent")
        self.targets.append(
            Target(
                f"repeats after {rounds} kill -9 of the {what}, ack=wal", [found["duplicates"]], 0, "events"
            )
        )
        self.figures[name] = {
            "rounds": rounds,
            "recovered": recovered,
            "unanswered": unanswered,
            "ids": found,
        }

    def _wait(self, low: float, high: float) -> None:
        time.sleep(self._chance.uniform(low, high))

    def _ingestor(self, name: str, **settings: object) -> Ingestor:
        """Creates the next process of the part `name`: it uses the log of the previous one."""
        folder = self._directory / f"run-{name}"
        if not folder.exists():
            folder.mkdir()
            new_topic(self._broker, name, keep_all=True)
        return new_ingestor(self._broker, name, **({"cwd": folder, "ACK": "wal"} | KEYED | settings))


def waiting(metrics: Metrics) -> float:
    return metrics.value("event_ingestor_journal_events")


def delivered(metrics: Metrics) -> float:
    return metrics.value("event_ingestor_events_delivered_total")


PARTS: dict[str, Callable[[Crash, argparse.Namespace], None]] = {
    "kill": lambda crash, options: crash.kill(options.rounds),
    "kill-broker": lambda crash, options: crash.kill_broker(options.broker_rounds),
    "outage": lambda crash, options: crash.outage(options.outage_minutes * 60),
    "backlog": lambda crash, options: crash.backlog(),
}


def run(options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="crash-") as directory, new_broker() as broker:
        crash = Crash(broker, Path(directory), options.seed)
        for part in options.part or PARTS:
            PARTS[part](crash, options)
    print_targets(crash.targets)
    say("Every acknowledged event was found in its topic.")
    return {
        "machine": machine(),
        "options": vars(options),
        "parts": crash.figures,
        "targets": [target.as_json() for target in crash.targets],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split(".")[0])
    parser.add_argument("--part", choices=PARTS, action="append", help="only this part; may be repeated")
    parser.add_argument("--rounds", type=int, default=50, help="of kill (default 50)")
    parser.add_argument("--broker-rounds", type=int, default=20, help="of kill-broker (default 20)")
    parser.add_argument("--outage-minutes", type=float, default=10, help="length of the outage (default 10)")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="seed of the rounds")
    parser.add_argument("--json", help="file for all figures")
    options = parser.parse_args()
    if not (1 <= options.rounds <= 1000 and 1 <= options.broker_rounds <= 1000):
        parser.error("--rounds and --broker-rounds: 1 to 1000")
    if not 0 < options.outage_minutes <= 50:
        parser.error("--outage-minutes: at most 50")
    return exit_status(lambda: run(options), options.json)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Poisoned events among many good ones: each becomes one dead letter, and all others are delivered. Once the
cause is repaired, `redrive` returns the dead letters to their topic, while it is interrupted and killed.

Exit status: 0, or 1 if events were lost or stored twice, or something broke. See bench/README.md.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from processes import Cpu, Ingestor, KafkaBroker, check, exit_status, new_broker, say
from support import kafka_admin
from support.ingestor import NDJSON, binary
from support.topic_reader import count_records, read_topic
from support.waiting import wait_until

BATCH = 10_000
HEADERS = {"dlq_code", "dlq_reason", "dlq_attempts", "dlq_topic", "dlq_failed_at"}
STOPPED = 5
RATE = 500  # dead letters a second, slow enough to interrupt
SETTINGS = {
    "SINK": "kafka",
    "ACK": "wal",
    "KAFKA_KEY": "/payload/user",
    "KAFKA_MAX_RETRIES": 0,
    "RATE_LIMIT_RPS": 0,
}


def event(number: int, poisoned: bool) -> str:
    """Without a user the event has no key, and a compacted topic rejects it."""
    payload = {"n": number} if poisoned else {"n": number, "user": f"u{number % 997}"}
    return json.dumps(
        {"id": f"e{number}", "type": "t", "timestamp": "2026-01-31T12:00:00Z", "payload": payload}
    )


class Run:
    def __init__(self, broker: KafkaBroker, options: argparse.Namespace, folder: Path):
        self._broker = broker
        self._events = options.events
        self._every = options.events // options.poisoned
        self._folder = folder
        self._topic = broker.create_topic(
            "poisoned", cleanup_policy="compact", min_compaction_lag_ms="86400000"
        )
        self._dlq = broker.create_topic("poisoned-dead", partitions=3)
        self._poisoned = {f"e{n}" for n in range(self._every // 2, self._events, self._every)}

    def send(self) -> None:
        settings = {
            "KAFKA_BROKERS": self._broker.address,
            "KAFKA_TOPIC": self._topic,
            "KAFKA_DLQ_TOPIC": self._dlq,
            "WAL_DIR": self._folder / "wal",
            "DEAD_LETTER_DIR": self._folder / "letters",
        }
        with Ingestor(**(SETTINGS | settings)) as ingestor:
            before, began = Cpu.of(ingestor.pid), time.monotonic()
            for first in range(0, self._events, BATCH):
                numbers = range(first, min(first + BATCH, self._events))
                body = "\n".join(event(n, n % self._every == self._every // 2) for n in numbers)
                reply = ingestor.post(body, NDJSON)
                check(
                    reply.json()["accepted"] == len(numbers),
                    f"not all accepted: {reply.status} {reply.body!r}",
                )
            ingestor.wait_drained(300)
            seconds = time.monotonic() - began
            cpu = Cpu.of(ingestor.pid)
            say(
                f"{self._events:,} accepted, {len(self._poisoned):,} of them poisoned; drained after {seconds:.1f} s, "
                f"{1e6 * (cpu.total - before.total) / self._events:.2f} us CPU an event"
            )

    def check_delivery(self) -> None:
        records = read_topic(self._broker.address, self._topic)
        ids = Counter(json.loads(record.value)["id"] for record in records)
        good = {f"e{n}" for n in range(self._events)} - self._poisoned
        check(set(ids) == good, f"{len(good - set(ids))} good events are missing")
        check(len(records) == len(good), f"{len(records) - len(good)} records too many")
        dead = read_topic(self._broker.address, self._dlq)
        dead_ids = Counter(json.loads(record.value)["id"] for record in dead)
        check(dead_ids == Counter(self._poisoned), f"{len(dead)} dead letters of {len(dead_ids)} events")
        check(all(set(record.headers) == HEADERS for record in dead), "a dead letter lacks headers")
        check(all(record.headers["dlq_topic"] == self._topic.encode() for record in dead), "another topic")
        say(f"{len(records):,} delivered once, {len(dead):,} dead letters with all headers")

    def redrive(self) -> None:
        say(self._command("dlq", "stats").rstrip())
        kafka_admin.set_topic_configs(
            kafka_admin.new_admin(self._broker.address), self._topic, cleanup_policy="delete"
        )
        base = count_records(self._broker.address, self._topic)
        for number, end in enumerate((signal.SIGINT, signal.SIGKILL), start=1):
            process = subprocess.Popen(
                self._arguments("redrive", f"--rate={RATE}"), stdout=subprocess.PIPE, text=True
            )
            wanted = base + number * len(self._poisoned) // 4
            wait_until(
                lambda wanted=wanted: count_records(self._broker.address, self._topic) >= wanted,
                60,
                "dead letters are redriven",
            )
            process.send_signal(end)
            output, _ = process.communicate(timeout=30)
            check(process.returncode in (STOPPED, -signal.SIGKILL), f"{process.returncode}: {output}")
            say(f"redrive ended by {end.name}: {output.splitlines()[-1]}")
        say(self._command("redrive").rstrip())
        ids = Counter(
            json.loads(record.value)["id"] for record in read_topic(self._broker.address, self._topic)
        )
        check(
            ids == Counter(f"e{n}" for n in range(self._events)),
            "not every event is in the topic exactly once",
        )
        say(f"{len(ids):,} events are in the topic, each once")

    def _arguments(self, *arguments: str) -> list[str]:
        return [
            str(binary()),
            *arguments,
            f"--kafka.brokers={self._broker.address}",
            f"--kafka.topic={self._topic}",
            f"--kafka.dlq_topic={self._dlq}",
        ]

    def _command(self, *arguments: str) -> str:
        done = subprocess.run(
            self._arguments(*arguments), stdout=subprocess.PIPE, text=True, timeout=300, check=False
        )
        check(done.returncode == 0, f"{arguments[0]} ended with {done.returncode}\n{done.stdout}")
        return done.stdout


def measure(options: argparse.Namespace) -> None:
    with new_broker() as broker, tempfile.TemporaryDirectory() as folder:
        run = Run(broker, options, Path(folder))
        run.send()
        run.check_delivery()
        run.redrive()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--poisoned", type=int, default=1000)
    options = parser.parse_args()
    return exit_status(lambda: measure(options))


if __name__ == "__main__":
    sys.exit(main())

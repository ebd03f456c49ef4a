"""The consumer of docs/examples counts each event once, despite crashes of the consumer and of the
service."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import Producer
from support.ingestor import NDJSON, ROOT, Ingestor
from support.kafka_broker import KafkaBroker
from support.topic_reader import read_topic
from support.waiting import wait_until

ToKafka = Callable[..., Ingestor]
EXAMPLE = ROOT / "docs/examples/consumer.py"
EVENTS = 3000
LATE = 300


def counted(state: Path) -> int:
    if not state.exists():
        return 0
    try:
        with sqlite3.connect(state) as database:
            return database.execute("SELECT coalesce(sum(events), 0) FROM counts").fetchone()[0]
    except sqlite3.OperationalError:  # the tables don't exist yet
        return 0


def test_each_event_is_counted_once(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    settings = {"ACK": "wal", "cwd": tmp_path}
    first = to_kafka(**settings)
    lines = [json.dumps({"id": f"e{n}", "type": f"t{n % 3}"}) for n in range(EVENTS)]
    assert first.post("\n".join(lines), NDJSON).json()["accepted"] == EVENTS
    first.kill()
    second = to_kafka(**settings)
    second.wait_drained()

    state = tmp_path / "counts.db"
    command = [sys.executable, EXAMPLE, "--brokers", broker.address, "--topic", topic, "--state", state]
    consumer = subprocess.Popen(command)
    try:
        wait_until(lambda: counted(state) > 100, 30, "the consumer counts")
    finally:
        consumer.kill()
        consumer.wait()

    repeater = Producer({"bootstrap.servers": broker.address, "partitioner": "murmur2_random"})
    for record in read_topic(broker.address, topic)[::5]:
        repeater.produce(topic, record.value, record.key)
    assert repeater.flush(30) == 0
    late = [json.dumps({"id": f"late{n}", "type": f"t{n % 3}"}) for n in range(LATE)]
    assert second.post("\n".join(late), NDJSON).json()["accepted"] == LATE
    second.wait_drained()
    assert len(read_topic(broker.address, topic)) >= EVENTS + EVENTS // 5 + LATE

    subprocess.run([*command, "--until-end"], check=True, timeout=60)
    with sqlite3.connect(state) as database:
        totals = dict(database.execute("SELECT type, events FROM counts"))
    assert totals == {f"t{n}": (EVENTS + LATE) // 3 for n in range(3)}

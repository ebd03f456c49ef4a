#!/usr/bin/env python3
"""Counts the events of a topic by type, each once, although Kafka may hold some of them twice.

    consumer.py --brokers localhost:9092 --topic events --state counts.db [--until-end]

The result, the ids that were counted and the position in the topic are in one database and change in one
transaction. So a crash at any moment neither loses an event nor counts one twice, and nothing has to be
committed to Kafka. Needs confluent-kafka.
"""

import argparse
import json
import sqlite3
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

# Longer than any client goes on repeating a request, and than any dead letter waits to be sent back.
REMEMBERED_SECONDS = 7 * 24 * 3600
SCHEMA = """
CREATE TABLE IF NOT EXISTS counts (type TEXT PRIMARY KEY, events INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS seen_at ON seen (at);
CREATE TABLE IF NOT EXISTS places (part INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL);
"""


def count(state: sqlite3.Connection, partition: int, offset: int, value: bytes) -> None:
    """One record: the effect, the id and the place, all or nothing."""
    event = json.loads(value)
    now = int(time.time())
    with state:
        is_new = state.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (event["id"], now)).rowcount
        if is_new:
            state.execute(
                "INSERT INTO counts VALUES (?, 1) ON CONFLICT (type) DO UPDATE SET events = events + 1",
                (event["type"],),
            )
        state.execute("REPLACE INTO places VALUES (?, ?)", (partition, offset + 1))
        state.execute("DELETE FROM seen WHERE at < ?", (now - REMEMBERED_SECONDS,))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--brokers", default="localhost:9092")
    parser.add_argument("--topic", default="events")
    parser.add_argument("--state", default="counts.db", help="database of the counts")
    parser.add_argument("--until-end", action="store_true", help="stop at the end of the topic")
    options = parser.parse_args()

    state = sqlite3.connect(options.state)
    state.executescript(SCHEMA)
    places = dict(state.execute("SELECT part, next_offset FROM places"))

    consumer = Consumer(
        {
            "bootstrap.servers": options.brokers,
            "group.id": "counts",  # required, and not used: the positions are in the database
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    partitions = consumer.list_topics(options.topic, timeout=30).topics[options.topic].partitions
    consumer.assign([TopicPartition(options.topic, p, places.get(p, OFFSET_BEGINNING)) for p in partitions])
    unfinished = set(partitions)
    while unfinished or not options.until_end:
        record = consumer.poll(1.0)
        if record is None:
            continue
        if record.error() is None:
            count(state, record.partition(), record.offset(), record.value())
        elif record.error().code() == KafkaError._PARTITION_EOF:
            unfinished.discard(record.partition())
        elif not record.error().retriable():
            raise SystemExit(str(record.error()))
    consumer.close()


if __name__ == "__main__":
    main()

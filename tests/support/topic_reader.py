"""Reads all records that are in a topic now."""

import uuid
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from support.waiting import wait_until

_READ_SECONDS = 60
_REQUEST_SECONDS = 10
_MAY_PASS = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._DESTROY_BROKER,  # the client replaces the broker's address by its id
}


@dataclass(frozen=True, slots=True)
class Record:
    key: bytes | None
    value: bytes
    headers: dict[str, bytes]
    partition: int
    offset: int
    header_count: int  # more than len(headers) if a name repeats


def _consumer(bootstrap: str, isolation: str = "read_committed") -> Consumer:
    return Consumer(
        {
            "isolation.level": isolation,
            "bootstrap.servers": bootstrap,
            "group.id": f"reader-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "allow.auto.create.topics": False,
            "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 100,
            "fetch.wait.max.ms": 50,
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )


def _watermarks(consumer: Consumer, topic: str) -> dict[int, tuple[int, int]]:
    """Lowest and next offset of each partition; empty if the topic does not exist.

    Just after a broker's start the partitions have no leader yet, so transient errors are retried.
    """
    return wait_until(lambda: (_watermarks_now(consumer, topic),), _READ_SECONDS, f"{topic} can be read")[0]


def _watermarks_now(consumer: Consumer, topic: str) -> dict[int, tuple[int, int]]:
    try:
        return _ask_watermarks(consumer, topic)
    except KafkaException as error:
        if error.args[0].code() in _MAY_PASS:
            raise AssertionError(str(error)) from None
        raise


def _ask_watermarks(consumer: Consumer, topic: str) -> dict[int, tuple[int, int]]:
    found = consumer.list_topics(topic, timeout=_REQUEST_SECONDS).topics[topic]
    if found.error is not None:
        if found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return {}
        raise KafkaException(found.error)
    return {
        partition: consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_REQUEST_SECONDS)
        for partition in found.partitions
    }


def wait_transactions_over(bootstrap: str, topic: str) -> None:
    """A producer's commit returns before readers see its records: waits until all are visible."""
    committed, all_there_is = _consumer(bootstrap), _consumer(bootstrap, "read_uncommitted")
    try:
        wait_until(
            lambda: _watermarks(committed, topic) == _watermarks(all_there_is, topic),
            _READ_SECONDS,
            f"no transaction is open in {topic}",
        )
    finally:
        committed.close()
        all_there_is.close()


def count_records(bootstrap: str, topic: str) -> int:
    """The number of records in the topic; 0 if it does not exist."""
    consumer = _consumer(bootstrap)
    try:
        return sum(high - low for low, high in _watermarks(consumer, topic).values())
    finally:
        consumer.close()


def read_topic(bootstrap: str, topic: str, seconds: float = _READ_SECONDS) -> list[Record]:
    """Every record up to the current ends of the partitions, ordered by partition and offset, without those
    of uncommitted transactions. Empty if the topic does not exist."""
    consumer = _consumer(bootstrap)
    try:
        marks = {p: (low, high) for p, (low, high) in _watermarks(consumer, topic).items() if high > low}
        consumer.assign([TopicPartition(topic, p, low) for p, (low, _) in marks.items()])
        records: list[Record] = []
        open_partitions = set(marks)
        idle = 0.0
        while open_partitions:
            messages = consumer.consume(10_000, timeout=0.5)
            idle = 0.0 if messages else idle + 0.5
            if idle >= seconds:
                raise AssertionError(
                    f"read {len(records)} records of {topic}, then nothing for {idle} s; "
                    f"partitions {open_partitions} are not at their ends"
                )
            for message in messages:
                if message.error() is not None:
                    if message.error().code() != KafkaError._PARTITION_EOF:
                        raise KafkaException(message.error())
                    open_partitions.discard(message.partition())
                    continue
                end = marks[message.partition()][1]
                if message.offset() >= end - 1:
                    open_partitions.discard(message.partition())
                if message.offset() >= end:
                    continue  # arrived after the ends were read
                headers = message.headers() or []
                records.append(
                    Record(
                        key=message.key(),
                        value=message.value(),
                        headers=dict(headers),
                        partition=message.partition(),
                        offset=message.offset(),
                        header_count=len(headers),
                    )
                )
        records.sort(key=lambda r: (r.partition, r.offset))
        return records
    finally:
        consumer.close()

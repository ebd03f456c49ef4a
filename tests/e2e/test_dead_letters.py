"""Events that their topic rejects, and dead letters that the dead-letter topic rejects too."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.ingestor import NDJSON, Ingestor
from support.kafka_broker import KafkaBroker
from support.noise import COMPRESSED, noise
from support.topic_reader import read_topic
from support.waiting import wait_until

ToKafka = Callable[..., Ingestor]
HEADERS = {"dlq_code", "dlq_reason", "dlq_attempts", "dlq_topic", "dlq_failed_at"}
DEAD_LETTERED = "event_ingestor_events_dead_lettered_total"


def event(event_id: str, pad: int, breaks: bool = False) -> str:
    text = json.dumps({"id": event_id, "type": "t", "timestamp": "2026-01-31T12:00:00Z", "pad": noise(pad)})
    return text.replace(", ", ",\n") if breaks else text


def filed(folder: Path) -> list[dict[str, object]]:
    lines = []
    for segment in sorted(folder.glob("dead-letters-*.ndjson")):
        lines += [json.loads(line) for line in segment.read_text().splitlines()]
    return lines


@pytest.mark.sanitizer
def test_every_poisoned_event_becomes_one_dead_letter_and_the_good_ones_are_delivered(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str
) -> None:
    narrow = broker.create_topic(f"{topic}-narrow", max_message_bytes="2000")
    dlq = broker.create_topic(f"{topic}-dead", partitions=1)
    ingestor = to_kafka(KAFKA_TOPIC=narrow, KAFKA_DLQ_TOPIC=dlq, KAFKA_MAX_RETRIES=0, **COMPRESSED)
    lines = [event(f"e{n}", 4000 if n % 50 == 7 else 20) for n in range(1000)]
    assert ingestor.post("\n".join(lines), NDJSON).json()["accepted"] == 1000
    ingestor.wait_drained(60)
    poisoned = {f"e{n}" for n in range(1000) if n % 50 == 7}
    good = [json.loads(record.value)["id"] for record in read_topic(broker.address, narrow)]
    assert sorted(good) == sorted({f"e{n}" for n in range(1000)} - poisoned)
    dead = read_topic(broker.address, dlq)
    assert sorted(record.key.decode() for record in dead) == sorted(poisoned)
    for record in dead:
        assert set(record.headers) == HEADERS
        assert record.headers["dlq_topic"] == narrow.encode()
        assert record.value.decode() == lines[int(record.key[1:])]


@pytest.mark.sanitizer
def test_what_is_too_large_for_the_dead_letter_topic_is_in_the_file_and_named_in_the_topic(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    narrow = broker.create_topic(f"{topic}-narrow", max_message_bytes="2000")
    dlq = broker.create_topic(f"{topic}-dead", partitions=1, max_message_bytes="2000")
    folder = tmp_path / "letters"
    ingestor = to_kafka(
        KAFKA_TOPIC=narrow, KAFKA_DLQ_TOPIC=dlq, KAFKA_MAX_RETRIES=0, DEAD_LETTER_DIR=folder, **COMPRESSED
    )
    plain, broken = event("plain", 4000), event("broken", 5000, breaks=True)
    for body in (plain, broken, event("good", 10)):
        assert ingestor.post(body).status == 202
    metrics = ingestor.wait_drained(60)
    assert [json.loads(r.value)["id"] for r in read_topic(broker.address, narrow)] == ["good"]
    lines = {str(line["key"]): line for line in filed(folder)}
    assert set(lines) == {"plain", "broken"}
    assert lines["plain"]["value"] == json.loads(plain)
    assert base64.b64decode(str(lines["broken"]["value_base64"])).decode() == broken
    references = read_topic(broker.address, dlq)
    assert {record.key.decode() for record in references} == {"plain", "broken"}
    for record in references:
        assert set(record.headers) == HEADERS | {"dlq_reference"}
        assert record.value in (None, b"")
        assert record.headers["dlq_reference"].startswith(b"dead-letters-")
    assert metrics.value(DEAD_LETTERED, destination="file") == 2
    assert ingestor.metric("dead_letter_file_bytes") > 9000
    (line,) = ingestor.log_lines(component="dead_letters", level="error")[:1]
    assert "dead-letter file" in line["message"]


def test_a_full_dead_letter_file_keeps_events_in_the_journal_and_room_lets_them_in(
    to_kafka: ToKafka, broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    narrow = broker.create_topic(f"{topic}-narrow", max_message_bytes="2000")
    dlq = broker.create_topic(f"{topic}-dead", partitions=1, max_message_bytes="2000")
    folder = tmp_path / "letters"
    folder.mkdir()
    ballast = folder / "dead-letters-00000000000000000000.ndjson"
    ballast.write_bytes(b"{}\n" * (1024 * 1024 // 3))
    ingestor = to_kafka(
        KAFKA_TOPIC=narrow,
        KAFKA_DLQ_TOPIC=dlq,
        KAFKA_MAX_RETRIES=0,
        DEAD_LETTER_DIR=folder,
        DEAD_LETTER_BYTES_MAX="1MiB",
        EVENT_BYTES_MAX="100KB",
        WORKER_POOL_SIZE=1,
        **COMPRESSED,
    )
    assert ingestor.post(event("large", 4000)).status == 202
    wait_until(lambda: ingestor.metric("dead_letter_file_failures_total") > 0, 30, "the file is full")
    assert ingestor.metric("journal_events") == 1
    assert ingestor.post(event("good", 10)).status == 202
    wait_until(lambda: ingestor.metric("journal_events") == 1, 30, "other events are delivered meanwhile")
    ballast.unlink()
    ingestor.wait_drained(60)
    assert [line["key"] for line in filed(folder)] == ["large"]

"""A broker closes connections that are idle for long: that is not a fault, and events sent at that moment
arrive once."""

import json
import time
from collections.abc import Callable, Iterator

import pytest
from support.broker_process import QUICK_START
from support.http_client import Reply
from support.ingestor import EVENTS, JSON, Ingestor
from support.kafka_broker import KafkaBroker
from support.topic_reader import read_topic
from support.waiting import wait_until

IDLE_SECONDS = 1.0


@pytest.fixture(scope="module")
def impatient(kafka_version: str) -> Iterator[KafkaBroker]:
    settings = {"connections.max.idle.ms": str(int(IDLE_SECONDS * 1000))}
    with KafkaBroker(settings, version=kafka_version, options=QUICK_START) as broker:
        yield broker


def send(ingestor: Ingestor, event_id: str) -> Reply:
    event = json.dumps({"id": event_id, "type": "t"}).encode()
    return ingestor.request("POST", EVENTS, event, {"Content-Type": JSON})


@pytest.mark.versions
def test_events_after_and_at_the_moment_of_an_idle_connections_end_arrive_once(
    serve: Callable[..., Ingestor], impatient: KafkaBroker
) -> None:
    topic = impatient.create_topic("idle", partitions=1)
    ingestor = serve(SINK="kafka", KAFKA_BROKERS=impatient.address, KAFKA_TOPIC=topic, ACK="broker")
    sent = ["first"]
    assert send(ingestor, "first").status == 200
    assert ingestor.connections_to(impatient.port) > 0
    wait_until(lambda: ingestor.connections_to(impatient.port) == 0, 20, "the broker closes them")
    assert ingestor.metric("sink_faults_total") == 0
    assert not [line for line in ingestor.logs if line["level"].upper() in ("WARN", "ERROR")]
    logins = ingestor.metric("broker_logins_total")
    # Some of these events are sent while a connection is being closed.
    for n in range(8):
        sent.append(f"e{n}")
        assert send(ingestor, sent[-1]).status == 200
        due = time.monotonic() + IDLE_SECONDS * (0.9 + 0.05 * n)
        wait_until(lambda due=due: time.monotonic() >= due, 5, "the pause is over", 0.001)
    assert ingestor.metric("broker_logins_total") >= logins + 3
    assert [json.loads(record.value)["id"] for record in read_topic(impatient.address, topic)] == sent
    assert ingestor.metric("sink_repeats_total", kind="possible") == 0

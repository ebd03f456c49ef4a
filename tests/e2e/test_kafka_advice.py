"""Log lines about a cluster whose settings the operator should know about."""

import json
from collections.abc import Callable

import pytest
from support.ingestor import EVENTS, JSON, Ingestor
from support.kafka_broker import KafkaBroker
from support.kafka_cluster import KafkaCluster
from support.waiting import wait_until

QUOTA = 100_000  # bytes a second


def event(number: int, pad: int) -> bytes:
    return json.dumps(
        {
            "id": f"e{number}",
            "type": "t",
            "timestamp": "2026-01-31T12:00:00Z",
            "pad": "x" * pad,
        }
    ).encode()


def test_a_quota_that_is_used_up_is_reported(to_kafka: Callable[..., Ingestor], broker: KafkaBroker) -> None:
    ingestor = to_kafka(ACK="memory")
    with broker.quota("event-ingestor", QUOTA):
        for number in range(40):
            assert (
                ingestor.request("POST", EVENTS, event(number, QUOTA // 2), {"Content-Type": JSON}).status
                == 202
            )
        wait_until(lambda: ingestor.metric("sink_pause_seconds") > 0, 30, "the pause is reported")
        assert ingestor.metric("sink_faults_total", code="throttled") > 0
        slowed = "a broker slows this client down"
        wait_until(lambda: ingestor.log_lines(slowed), 10, "the throttling is logged")
        assert len(ingestor.log_lines(slowed)) == 1
    wait_until(lambda: ingestor.metric("events_delivered_total") == 40, 60, "all are delivered")
    assert (
        ingestor.request("POST", f"{EVENTS}?ack=broker", event(40, 1), {"Content-Type": JSON}).status == 200
    )
    wait_until(lambda: ingestor.metric("sink_pause_seconds") == 0, 30, "the pause is over")


@pytest.mark.faults
def test_one_replica_that_acknowledges_alone_is_reported(
    serve: Callable[..., Ingestor], kafka_version: str
) -> None:
    cluster = KafkaCluster(version=kafka_version)
    try:
        cluster.start_all()
        weak = cluster.create_topic("weak", min_insync=1)
        ingestor = serve(SINK="kafka", KAFKA_BROKERS=cluster.proxied_address, KAFKA_TOPIC=weak)
        wait_until(lambda: ingestor.metric("one_ack_topics") == 1, 30, "the topic is counted")
        cluster.set_topic_configs(weak, min_insync_replicas="2")
        # The service reads topic settings once a minute.
        wait_until(
            lambda: ingestor.metric("one_ack_topics") == 0,
            90,
            "the topic is not counted any more",
        )
    finally:
        cluster.close()

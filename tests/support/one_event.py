"""Sends one event through a deployed service and checks that it arrives."""

import json
import urllib.request
import uuid

from support.cluster import ClusterKafka, Deployed
from support.topic_reader import read_topic
from support.waiting import wait_until


def send(deployed: Deployed) -> tuple[str, int, str]:
    """Sends through the Service; returns the event's id, the status, and the ack level in the reply."""
    host, port = deployed.endpoint()
    event = f"infra-{uuid.uuid4()}"
    request = urllib.request.Request(
        f"http://{host}:{port}/events",
        json.dumps({"id": event, "type": "test"}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=15) as reply:
        return event, reply.status, reply.headers["Event-Ack"]


def assert_in_kafka(kafka: ClusterKafka, event: str) -> None:
    def arrived() -> bool:
        return any(json.loads(record.value)["id"] == event for record in read_topic(kafka.address, "events"))

    wait_until(arrived, 60, f"{event} is in Kafka", 0.5)

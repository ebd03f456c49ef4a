"""The newest Kafka, which librdkafka 2.0.2 can't log in to by SCRAM, and the service can."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.ingestor import Ingestor
from support.load import LoadClient, single_events
from support.secured_broker import PASSWORD, SecuredBroker, assert_delivered_once, by_password, replace
from support.waiting import wait_until

VERSION = "4.4.0"
SLOW = {"RATE_LIMIT_RPS": 500, "RATE_LIMIT_BURST": 500}


@pytest.fixture(scope="module")
def newest() -> Iterator[SecuredBroker]:
    broker = SecuredBroker(VERSION)
    try:
        yield broker.start()
    finally:
        broker.close()


def test_a_scram_password_changed_under_load_loses_and_repeats_nothing(
    serve: Callable[..., Ingestor], newest: SecuredBroker, tmp_path: Path
) -> None:
    topic = newest.create_topic("rotated")
    password = tmp_path / "password"
    replace(password, PASSWORD)
    settings = newest.client_settings("SCRAM", topic) | by_password(password) | SLOW
    ingestor = serve(**settings)
    with LoadClient(ingestor.port, single_events("n"), connections=2, pause_on_refusal=0.05) as load:
        load.wait_accepted(200)
        newest.set_scram_password("the new secret")
        # A session lasts three seconds: then the old password opens nothing.
        wait_until(lambda: ingestor.metric("sink_refused") == 1, 20, "the old password is refused")
        replace(password, "the new secret")
        wait_until(lambda: ingestor.metric("sink_refused") == 0, 20, "the new one opens the broker")
        load.wait_accepted(len(load.result.accepted) + 500)
        result = load.stop()
    ingestor.wait_drained(30)
    assert_delivered_once(newest, topic, result)
    assert ingestor.metric("events_dead_lettered_total") == 0
    assert ingestor.metric("sink_repeats_total", kind="possible") == 0

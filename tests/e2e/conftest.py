"""Fixtures of the black-box tests: one broker per session, a service for each test or module."""

import itertools
from collections.abc import Callable, Iterator

import pytest
from support.broker_process import QUICK_START
from support.class_archive import make_class_archive
from support.ingestor import Ingestor
from support.kafka_broker import KafkaBroker

_numbers = itertools.count(1)

# All tests of a file run in one worker, together with the brokers that it starts. The slowest files start
# first, so that no worker is left with one at the end.
_FIRST = (
    "broker_faults",
    "lifecycle",
    "redrive",
    "secured_kafka",
    "overload",
    "consumer_example",
    "ack_levels",
    "wal",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kafka-version",
        default="",
        help="Kafka version of all brokers (default: as in tools/kafka/pom.xml)",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        name = item.path.stem.removeprefix("test_")
        return _FIRST.index(name) if name in _FIRST else len(_FIRST)

    items.sort(key=place)


@pytest.fixture(scope="session")
def kafka_version(pytestconfig: pytest.Config) -> str:
    """In the form that the broker classes expect: empty for the default version."""
    version: str = pytestconfig.getoption("--kafka-version")
    make_class_archive(version)
    return version


@pytest.fixture(scope="session")
def session_broker(kafka_version: str) -> Iterator[KafkaBroker]:
    broker = KafkaBroker(version=kafka_version, options=QUICK_START)
    try:
        yield broker.start()
    finally:
        broker.close()


@pytest.fixture
def broker(session_broker: KafkaBroker) -> Iterator[KafkaBroker]:
    """The session's broker, running. A test may stop, kill or pause it; it runs again for the next test."""
    assert session_broker.running
    yield session_broker
    session_broker.resume_if_paused()
    if not session_broker.running:
        session_broker.start()


@pytest.fixture
def topic(broker: KafkaBroker) -> str:
    """A new topic of 6 partitions."""
    return broker.create_topic(f"events-{next(_numbers)}")


@pytest.fixture
def serve() -> Iterator[Callable[..., Ingestor]]:
    """serve(SETTING=value, ...) starts a service; each is stopped and checked at the end of the test."""
    started: list[Ingestor] = []

    def start(*arguments: str, **options: object) -> Ingestor:
        ingestor = Ingestor(*arguments, **options)  # type: ignore[arg-type]
        started.append(ingestor)
        return ingestor

    yield start
    faults = []
    for ingestor in started:
        try:
            ingestor.close()
        except AssertionError as fault:
            faults.append(str(fault))
            ingestor.kill()
    assert not faults, "\n".join(faults)


@pytest.fixture
def to_kafka(serve: Callable[..., Ingestor], broker: KafkaBroker, topic: str) -> Callable[..., Ingestor]:
    """to_kafka(SETTING=value, ...) starts a service that delivers to `topic`, dead letters to `topic`-dlq."""

    def start(**options: object) -> Ingestor:
        kafka = {"SINK": "kafka", "KAFKA_BROKERS": broker.address}
        return serve(**(kafka | {"KAFKA_TOPIC": topic, "KAFKA_DLQ_TOPIC": f"{topic}-dlq"} | options))

    return start


@pytest.fixture(scope="module")
def filed() -> Iterator[Ingestor]:
    """One service with the file sink for all tests of a module that only talk HTTP."""
    with Ingestor(SINK="file") as ingestor:
        yield ingestor

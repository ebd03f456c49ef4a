"""One Kafka in the cluster for the session, a release of the chart for each test."""

import os
from collections.abc import Callable, Iterator

import pytest
from support.cluster import ClusterKafka, LocalVolumes, Namespace, Release


@pytest.fixture(scope="session")
def kafka() -> Iterator[ClusterKafka]:
    with Namespace(restricted=False) as namespace:
        broker = ClusterKafka(namespace, os.environ["KAFKA_IMAGE"])
        yield broker
        broker.close()


_FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture
def figures(pytestconfig: pytest.Config) -> list[str]:
    """Lines for the end of the run: the measurements, which a summary of passed tests doesn't show."""
    return pytestconfig.stash.setdefault(_FIGURES, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    for line in config.stash.get(_FIGURES, []):
        terminalreporter.write_line(line)


@pytest.fixture
def install(kafka: ClusterKafka) -> Iterator[Callable[..., Release]]:
    """install(ack=..., value=...) installs into a namespace that enforces Pod Security restricted."""
    volumes = LocalVolumes()
    repository, tag = os.environ["IMAGE"].rsplit(":", 1)
    with Namespace(restricted=True) as namespace:

        def start(ack: str, **values: object) -> Release:
            usual = {
                "image": {"repository": repository, "tag": tag},
                "ack": ack,
                "replicas": 2,
                "service": {"type": "NodePort"},
                "persistence": {"size": "2Gi", "storageClass": volumes.storage_class},
                "settings": {"kafka": {"brokers": kafka.address_for_pods}},
                "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
                "drainPauseSeconds": 3,
                "terminationGracePeriodSeconds": 30,
            }
            return Release(namespace, **(usual | values))

        yield start
    volumes.close()

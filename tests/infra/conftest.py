"""One Kafka in the cluster for the session; a namespace, volumes and a folder for a root for each test."""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.cluster import ClusterKafka, LocalVolumes, Namespace
from support.terraform import ModuleRoot


@pytest.fixture(scope="session")
def kafka() -> Iterator[ClusterKafka]:
    with Namespace(restricted=False) as namespace:
        broker = ClusterKafka(namespace, os.environ["KAFKA_IMAGE"])
        yield broker
        broker.close()


@pytest.fixture
def volumes() -> Iterator[LocalVolumes]:
    volumes = LocalVolumes()
    yield volumes
    volumes.close()


@pytest.fixture
def namespace_name() -> str:
    """The name of a namespace that doesn't exist yet."""
    return f"ei-test-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def image() -> dict[str, str]:
    repository, tag = os.environ["IMAGE"].rsplit(":", 1)
    return {"repository": repository, "tag": tag}


@pytest.fixture
def small() -> dict[str, Any]:
    """Inputs for pods that fit into any cluster and are reachable from this machine by the Service's
    NodePort."""
    return {
        "replicas": 2,
        "resources": {"cpu": "50m", "memory": "256Mi"},
        "extra_values": {
            "service": {"type": "NodePort"},
            "drainPauseSeconds": 1,
            "terminationGracePeriodSeconds": 30,
        },
    }


@pytest.fixture
def module_root(
    tmp_path: Path, namespace_name: str, image: dict[str, str], small: dict[str, Any]
) -> Callable[..., ModuleRoot]:
    """module_root(input=...): to be used by `with`."""

    def make(**inputs: Any) -> ModuleRoot:
        given = {"namespace": namespace_name, "image": image} | small | inputs
        return ModuleRoot(tmp_path, os.environ["KUBECONFIG"], **given)

    return make

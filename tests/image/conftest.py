"""One set of containers for the session: the image under test, a real Kafka, Prometheus."""

import os
from collections.abc import Iterator

import pytest
from support.containers import Chain, ImageFiles


@pytest.fixture(scope="session")
def image() -> str:
    return os.environ["INGESTOR_IMAGE"]


@pytest.fixture(scope="session")
def files(image: str) -> ImageFiles:
    return ImageFiles(image)


@pytest.fixture(scope="session")
def chain(image: str) -> Iterator[Chain]:
    with Chain(BUILD="no", INGESTOR_IMAGE=image) as started:
        yield started

"""The content of the image, and its behaviour without other services."""

import json
import uuid
from collections.abc import Callable, Iterator

import pytest
from support.containers import Container, ImageFiles, docker
from support.waiting import wait_until

BINARY = "/usr/local/bin/event-ingestor"
BYTES_MAX = 40_000_000
SBOM = "usr/share/doc/event-ingestor/sbom.cdx.json"
UNREACHABLE = "127.0.0.1:1"


@pytest.fixture
def run(image: str) -> Iterator[Callable[..., Container]]:
    """run(SETTING=value, ...) starts a container of the image with a read-only root file system."""
    started: list[str] = []

    def start(**settings: str) -> Container:
        name = f"ei-test-{uuid.uuid4().hex[:8]}"
        environment = [f"--env={key}={value}" for key, value in settings.items()]
        docker("run", "--detach", "--read-only", "--cap-drop=ALL", "--name", name, *environment, image)
        started.append(name)
        return Container(name)

    yield start
    for name in started:
        docker("rm", "--force", "--volumes", name)


def test_the_image_is_small(image: str) -> None:
    assert int(docker("image", "inspect", "--format", "{{.Size}}", image).stdout) < BYTES_MAX


def test_there_is_nothing_to_log_in_or_install_with(files: ImageFiles) -> None:
    programs = {name for name in files.names if name.split("/")[-2:-1] in (["bin"], ["sbin"])}
    # A script that the base's certificates include; there is no shell to run it.
    assert programs - {"usr/sbin/update-ca-certificates"} == {BINARY.lstrip("/")}


def test_the_build_leaves_no_trace_of_the_builder(image: str, files: ImageFiles) -> None:
    assert not [name for name in files.names if "apt.conf.d/" in name]
    history = docker("history", "--no-trunc", image).stdout
    assert "Acquire::" not in history


def test_it_says_what_it_is(image: str) -> None:
    config = json.loads(docker("image", "inspect", image).stdout)[0]["Config"]
    assert config["User"] == "65532:65532"
    assert config["Healthcheck"]["Test"] == ["CMD", BINARY, "health", "--live"]
    labels = {name.removeprefix("org.opencontainers.image.") for name in config["Labels"]}
    assert labels >= {"title", "description", "version", "revision", "created", "source", "licenses"}
    version = docker("run", "--rm", "--read-only", image, "version").stdout
    assert version == f"event-ingestor {config['Labels']['org.opencontainers.image.version']}\n"


def test_the_bill_of_materials_has_every_library_with_its_licence(files: ImageFiles) -> None:
    sbom = json.loads(files.read(SBOM))
    used = {one["name"]: one["properties"][0]["value"] for one in sbom["components"]}
    status = "var/lib/dpkg/status.d/"
    on_board = {name.removeprefix(status) for name in files.names if name.startswith(status)}
    # A subset: packages of the base image (base-files, certificates, ...) are not in the bill of materials.
    loaded = {name for name, use in used.items() if use == "loaded at run time"}
    assert loaded and loaded <= on_board
    libraries = [name for name in files.names if ".so." in name and "/lib/" in f"/{name}"]
    assert len(libraries) >= len(loaded)
    for name in used:
        assert f"usr/share/doc/{name}/copyright" in files.names, f"no licence of {name}"
    assert {"librdkafka1", "libssl3", "libc6", "libboost1.81-dev"} <= used.keys()


def test_authorities_of_the_system_are_found(image: str, files: ImageFiles) -> None:
    environment = json.loads(docker("image", "inspect", image).stdout)[0]["Config"]["Env"]
    named = [one.split("=", 1)[1] for one in environment if one.startswith("SSL_CERT_FILE=")]
    assert len(named) == 1
    assert files.read(named[0].lstrip("/")).count("BEGIN CERTIFICATE") > 50


def test_data_has_a_place_that_its_user_may_write_to(files: ImageFiles) -> None:
    place = files.member("var/lib/event-ingestor")
    assert (place.uid, place.gid) == (65532, 65532)


def test_an_unreachable_broker_makes_it_unready_but_not_unhealthy(run: Callable[..., Container]) -> None:
    container = run(ACK="broker", KAFKA_BROKERS=UNREACHABLE)
    wait_until(lambda: container.run_inside(BINARY, "health", "--live").returncode == 0, 20, "it answers")
    unready = container.run_inside(BINARY, "health")
    assert unready.returncode == 1 and "503" in unready.stderr, unready
    wait_until(lambda: container.health == "healthy", 40, "Docker's own check passes", 0.5)


def test_a_wrong_setting_stops_the_start_with_status_2(image: str) -> None:
    done = docker("run", "--rm", "--read-only", "--env=HTTP_PORT=x", image, check=False)
    assert done.returncode == 2 and "HTTP_PORT" in done.stderr, done

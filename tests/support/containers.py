"""Docker and the services of docker-compose.yml, used as an operator uses them."""

import json
import os
import subprocess
import tarfile
import uuid
from io import BytesIO
from pathlib import Path
from typing import Any, Self

from support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_SH = ROOT / "tools/compose.sh"


def docker(*arguments: str, check: bool = True, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=seconds, check=False
    )
    assert not check or done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done


class Container:
    def __init__(self, name: str):
        self.name = name

    def inspect(self) -> dict[str, Any]:
        return json.loads(docker("inspect", self.name).stdout)[0]

    @property
    def health(self) -> str:
        return self.inspect()["State"]["Health"]["Status"]

    def process_status(self) -> dict[str, str]:
        """The status of the container's first process in this machine's /proc."""
        text = Path(f"/proc/{self.inspect()['State']['Pid']}/status").read_text()
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)

    def run_inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        return docker("exec", self.name, *command, check=False)

    def stop(self, grace_seconds: int) -> int:
        """SIGTERM, then SIGKILL after the grace period; returns the exit status."""
        docker("stop", "--time", str(grace_seconds), self.name, seconds=grace_seconds + 30)
        return self.inspect()["State"]["ExitCode"]

    def kill(self) -> None:
        docker("kill", "--signal", "KILL", self.name)

    def start(self) -> None:
        docker("start", self.name)

    def wait(self) -> int:
        """Waits until it has ended by itself; returns the exit status."""
        return int(docker("wait", self.name).stdout)

    def logs(self) -> str:
        done = docker("logs", self.name)
        return done.stdout + done.stderr


class Chain:
    """The services of docker-compose.yml, under a separate name and on separate ports; removed with their
    data."""

    def __init__(self, **settings: str):
        self.project = f"ei-test-{uuid.uuid4().hex[:8]}"
        self.ports = {name: free_port() for name in ("INGESTOR", "KAFKA", "PROMETHEUS", "GRAFANA")}
        self.said = ""  # the output of the last up
        self._seen_volumes: set[str] = set()
        self._environment = os.environ | settings | {"COMPOSE_PROJECT_NAME": self.project}
        self._environment |= {f"{name}_PORT": str(port) for name, port in self.ports.items()}

    def __enter__(self) -> Self:
        try:
            self.up()
        except BaseException:
            self._compose("down", VOLUMES="delete")
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._compose("down", VOLUMES="delete")

    def up(self, **settings: str) -> None:
        self.said = self._compose("up", **settings)

    def down(self) -> None:
        """Stops the services; the volumes stay."""
        self._compose("down")

    def volumes(self) -> set[str]:
        """The volumes of its containers and those that remain of earlier ones: their names begin with the
        project's name, or they are anonymous."""
        mounts = [
            mount["Name"]
            for service in ("ingestor", "kafka", "prometheus")
            for name in self.names(service)
            for mount in Container(name).inspect()["Mounts"]
            if mount["Type"] == "volume"
        ]
        self._seen_volumes |= set(mounts)
        return self._seen_volumes & set(docker("volume", "ls", "--quiet").stdout.split())

    def names(self, service: str) -> list[str]:
        label = f"label=com.docker.compose.project={self.project}"
        return docker(
            "ps", "--all", "--filter", label, "--filter", f"label=com.docker.compose.service={service}",
            "--format", "{{.Names}}",
        ).stdout.split()  # fmt: skip

    def container(self, service: str) -> Container:
        names = self.names(service)
        assert len(names) == 1, f"containers of {service}: {names}"
        return Container(names[0])

    @property
    def kafka_address(self) -> str:
        return f"localhost:{self.ports['KAFKA']}"

    def _compose(self, command: str, **settings: str) -> str:
        done = subprocess.run(
            [COMPOSE_SH, command],
            env=self._environment | settings,
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, f"compose.sh {command}:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        return done.stdout


class ImageFiles:
    """The files in an image, as a container would see them, read without starting one."""

    def __init__(self, image: str):
        container = docker("create", image).stdout.strip()
        try:
            exported = subprocess.run(
                ["docker", "export", container], check=True, capture_output=True, timeout=120
            ).stdout
        finally:
            docker("rm", "--volumes", container)
        self._tar = tarfile.open(fileobj=BytesIO(exported))
        self.names = {member.name.rstrip("/") for member in self._tar.getmembers()}

    def read(self, name: str) -> str:
        file = self._tar.extractfile(name)
        assert file is not None, f"{name} is not a file"
        return file.read().decode()

    def member(self, name: str) -> tarfile.TarInfo:
        return self._tar.getmember(name)

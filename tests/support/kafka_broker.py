"""A real Apache Kafka broker of one's own, on loopback ports, with its data in a temporary directory."""

import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
KAFKA_SH = ROOT / "tools/kafka/kafka.sh"
LIBS = ROOT / "build/kafka"

_START_SECONDS = 60
_STOP_SECONDS = 20
_START_ATTEMPTS = 5


def free_port() -> int:
    """A port that nothing listens on, below the range that the system gives to outgoing connections.

    A broker that was stopped must find its port free when it returns; one from that range could be the local
    end of some client's connection by then, or a client could even connect to itself there.
    """
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(200):
        port = random.SystemRandom().randrange(10_000, max(low, 20_000))
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port found on loopback")


class KafkaBroker:
    """One broker that is also its own controller. Not thread-safe.

    `settings` are broker settings that win over tools/kafka/server.properties. Ports and data stay the same
    over stop, kill and start until close(). `listeners` are further ones, by name, each with a port of its
    own; `scram` are users as `StorageTool --add-scram` takes them; `version` is another than the usual one.
    """

    def __init__(
        self,
        settings: dict[str, str] | None = None,
        heap: str = "512m",
        parent: Path | None = None,
        listeners: Sequence[str] = (),
        scram: Sequence[str] = (),
        version: str = "",
    ):
        self._version = version
        self._settings = settings or {}
        self._listeners = dict.fromkeys(listeners, 0)
        self._scram = scram
        self._heap = heap
        self._process: subprocess.Popen[bytes] | None = None
        self._admin: AdminClient | None = None
        self._paused = False
        self._ever_ready = False
        self._dir = Path(tempfile.mkdtemp(prefix="kafka-", dir=parent))
        self.log_path = self._dir / "broker.log"
        self.port = 0
        self._controller_port = 0
        self._choose_ports()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def address_of(self, listener: str) -> str:
        """By the name that the broker's certificate is for."""
        return f"localhost:{self._listeners[listener]}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None, "the broker is not running"
        return self._process.pid

    def start(self) -> "KafkaBroker":
        """Returns once the broker answers a metadata request and can be written to."""
        assert not self.running, "the broker is running already"
        subprocess.run([KAFKA_SH, "fetch", self._version], check=True, stdin=subprocess.DEVNULL)
        for attempt in range(1, _START_ATTEMPTS + 1):
            self._write_config()
            self._format()
            self._launch()
            try:
                wait_until(
                    self._answers_or_died, _START_SECONDS, "the broker answers a metadata request", 0.05
                )
            except AssertionError as error:
                self.kill()
                raise RuntimeError(f"{error}\n{self.log_tail()}") from None
            if self.running:
                self._ever_ready = True
                return self
            # Somebody else took one of the ports after it was found free. Later starts must keep theirs.
            in_use = "Address already in use" in self.log_tail()
            if not in_use or self._ever_ready or attempt == _START_ATTEMPTS:
                break
            self._choose_ports()
        raise RuntimeError(f"the broker stopped while starting\n{self.log_tail()}")

    def stop(self) -> None:
        """Clean shutdown; killed when that takes too long. Does nothing when the broker isn't running."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9: connections break, nothing is flushed."""
        self._end(signal.SIGKILL)

    def restart(self) -> "KafkaBroker":
        self.stop()
        return self.start()

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)
        self._paused = True

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)
        self._paused = False

    def resume_if_paused(self) -> None:
        if self._paused:
            self.resume()

    def close(self) -> None:
        """Ends the broker and removes its data. It can't be started again."""
        self.kill()
        shutil.rmtree(self._dir, ignore_errors=True)

    def create_topic(self, name: str, partitions: int = 6, **configs: str) -> str:
        """Topic configs with underscores for dots: max_message_bytes="1000". Returns the name once every
        partition has a leader."""
        topic = NewTopic(
            name,
            num_partitions=partitions,
            replication_factor=1,
            config={key.replace("_", "."): value for key, value in configs.items()},
        )
        self.admin.create_topics([topic], operation_timeout=20, request_timeout=20)[name].result()
        wait_until(lambda: self._has_leaders(name, partitions), 20, f"topic {name} has its leaders")
        return name

    def topics(self) -> set[str]:
        return set(self.admin.list_topics(timeout=10).topics)

    @property
    def admin(self) -> AdminClient:
        if self._admin is None:
            self._admin = AdminClient(
                {
                    "bootstrap.servers": self.address,
                    "reconnect.backoff.ms": 20,
                    "reconnect.backoff.max.ms": 100,
                    "log_level": 0,
                }
            )
        return self._admin

    def log_tail(self, lines: int = 40) -> str:
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return f"--- end of {self.log_path}:\n" + "\n".join(text.splitlines()[-lines:])

    def _choose_ports(self) -> None:
        ports: set[int] = set()
        while len(ports) < 2 + len(self._listeners):
            ports.add(free_port())
        self.port, self._controller_port, *others = ports
        self._listeners = dict(zip(self._listeners, others, strict=True))
        self._admin = None

    def _write_config(self) -> None:
        listeners = [f"PLAINTEXT://127.0.0.1:{self.port}"]
        advertised = [*listeners, *(f"{name}://{self.address_of(name)}" for name in self._listeners)]
        listeners += [f"{name}://127.0.0.1:{port}" for name, port in self._listeners.items()]
        listeners.append(f"CONTROLLER://127.0.0.1:{self._controller_port}")
        own = {
            "listeners": ",".join(listeners),
            "advertised.listeners": ",".join(advertised),
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "log.dirs": str(self._dir / "data"),
            # Tests count what stands in a topic: nothing may age out meanwhile.
            "log.retention.bytes": "-1",
        } | self._settings
        base = (ROOT / "tools/kafka/server.properties").read_text()
        self._config.write_text(base + "\n" + "".join(f"{key}={value}\n" for key, value in own.items()))

    @property
    def _config(self) -> Path:
        return self._dir / "server.properties"

    @property
    def _class_path(self) -> str:
        return f"{LIBS / (f'libs-{self._version}' if self._version else 'libs')}/*"

    def _java(self, *arguments: str) -> list[str]:
        return ["java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", *arguments]

    def _format(self) -> None:
        if (self._dir / "data/meta.properties").exists():
            return
        cluster = secrets.token_urlsafe(16).replace("-", "A").replace("_", "B")
        command = self._java("-XX:TieredStopAtLevel=1", "-cp", self._class_path, "kafka.tools.StorageTool")
        command += ["format", "-t", cluster, "-c", str(self._config)]
        for user in self._scram:
            command += ["--add-scram", user]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"the data directory could not be formatted\n{done.stdout}{done.stderr}")

    def _launch(self) -> None:
        command = self._java(f"-Xmx{self._heap}", "-XX:+UseSerialGC", "-cp", self._class_path, "kafka.Kafka")
        with self.log_path.open("ab") as log:
            log.write(f"--- start on {self.address}\n".encode())
            log.flush()
            self._process = subprocess.Popen(
                [*command, str(self._config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for pytest, which then closes the broker.
                start_new_session=True,
            )

    def _answers_or_died(self) -> bool:
        if not self.running:
            return True
        try:
            # The broker lists itself only once the controller has let it in.
            return any(b.port == self.port for b in self.admin.list_topics(timeout=1).brokers.values())
        except KafkaException:
            return False

    def _has_leaders(self, topic: str, partitions: int) -> bool:
        try:
            found = self.admin.list_topics(topic, timeout=5).topics[topic].partitions
        except KafkaException:
            return False
        return len(found) == partitions and all(p.leader >= 0 for p in found.values())

    def _end(self, how: signal.Signals) -> None:
        if not self.running:
            self._process = None
            return
        assert self._process is not None
        self.resume_if_paused()
        self._process.send_signal(how)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

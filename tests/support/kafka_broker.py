"""A separate, real Apache Kafka broker on loopback ports, with its data in a temporary directory."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from confluent_kafka.admin import AdminClient

from support.broker_process import BrokerProcess, new_cluster_id
from support.kafka_admin import brokers_of, create_topic, new_admin
from support.ports import free_ports
from support.waiting import wait_until

_START_SECONDS = 60
_START_ATTEMPTS = 5


class KafkaBroker(BrokerProcess):
    """One broker that is also its own controller. Not thread-safe.

    `settings` are broker settings that override tools/kafka/server.properties. Ports and data stay the same
    across stop, kill and start until close(). `listeners` are additional ones, by name, each with its own
    port; `advertised` gives addresses of listeners that clients reach in another way; `scram` are users in
    the format of `StorageTool --add-scram`; `version` selects another version than the default; `options` are
    additional options of the JVM.
    """

    def __init__(
        self,
        settings: dict[str, str] | None = None,
        heap: str = "512m",
        parent: Path | None = None,
        listeners: Sequence[str] = (),
        scram: Sequence[str] = (),
        version: str = "",
        options: Sequence[str] = (),
        advertised: Mapping[str, str] | None = None,
    ):
        super().__init__(Path(tempfile.mkdtemp(prefix="kafka-", dir=parent)), heap, version, options)
        self._settings = settings or {}
        self._listeners = dict.fromkeys(listeners, 0)
        self._advertised = advertised or {}
        self._scram = scram
        self._admin: AdminClient | None = None
        self._ever_ready = False
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
        """With the host name in the broker's certificate."""
        return f"localhost:{self._listeners[listener]}"

    def start(self) -> Self:
        """Returns once the broker answers a metadata request and accepts writes."""
        assert not self.running, "the broker is running already"
        self.fetch()
        for attempt in range(1, _START_ATTEMPTS + 1):
            self.configure(self._properties())
            self.format(new_cluster_id(), self._scram)
            self.launch()
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
            # Later starts must use the same ports.
            if not self.port_was_taken or self._ever_ready or attempt == _START_ATTEMPTS:
                break
            self._choose_ports()
        raise RuntimeError(f"the broker stopped while starting\n{self.log_tail()}")

    def restart(self) -> Self:
        self.stop()
        return self.start()

    def close(self) -> None:
        """Ends the broker and removes its data. It can't be started again."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def create_topic(self, name: str, partitions: int = 6, **configs: str) -> str:
        """Topic configs have underscores for dots: max_message_bytes="1000". Returns the name once every
        partition has a leader."""
        return create_topic(self.admin, name, partitions, **configs)

    @contextmanager
    def quota(self, client_id: str, bytes_per_second: int) -> Iterator[None]:
        """Sets a produce quota for this client id."""
        program = ["kafka.admin.ConfigCommand", "--bootstrap-server", self.address, "--alter"]
        client = ["--entity-type", "clients", "--entity-name", client_id]
        self.tool(*program, *client, "--add-config", f"producer_byte_rate={bytes_per_second}")
        try:
            yield
        finally:
            self.tool(*program, *client, "--delete-config", "producer_byte_rate")

    def topics(self) -> set[str]:
        return set(self.admin.list_topics(timeout=10).topics)

    @property
    def admin(self) -> AdminClient:
        if self._admin is None:
            self._admin = new_admin(self.address)
        return self._admin

    def _choose_ports(self) -> None:
        self.port, self._controller_port, *others = free_ports(2 + len(self._listeners))
        self._listeners = dict(zip(self._listeners, others, strict=True))
        self._admin = None

    def _properties(self) -> dict[str, str]:
        listeners = [f"PLAINTEXT://127.0.0.1:{self.port}"]
        addresses = {name: self.address_of(name) for name in self._listeners} | dict(self._advertised)
        advertised = [*listeners, *(f"{name}://{address}" for name, address in addresses.items())]
        listeners += [f"{name}://127.0.0.1:{port}" for name, port in self._listeners.items()]
        listeners.append(f"CONTROLLER://127.0.0.1:{self._controller_port}")
        return {
            "listeners": ",".join(listeners),
            "advertised.listeners": ",".join(advertised),
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            # Tests count the records of a topic, so none may be deleted by age.
            "log.retention.bytes": "-1",
        } | self._settings

    def _answers_or_died(self) -> bool:
        # The broker appears in its own metadata only after the controller has registered it.
        return not self.running or self.port in brokers_of(self.admin)

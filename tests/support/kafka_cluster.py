"""Real Kafka brokers that form a cluster on loopback, each behind its own proxy."""

import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from confluent_kafka.admin import AdminClient

from support import kafka_admin
from support.broker_process import QUICK_START, BrokerProcess, new_cluster_id
from support.ports import free_ports
from support.tcp_proxy import TcpProxy
from support.waiting import wait_until

_HEAP = "400m"
_START_SECONDS = 60
_MOVE_SECONDS = 30
_START_ATTEMPTS = 5


class ClusterBroker(BrokerProcess):
    """One process of a cluster, broker and controller. Clients connect through `proxy`; the other brokers,
    the tests' admin client and their readers use listeners without a proxy."""

    def __init__(self, number: int, folder: Path, version: str):
        folder.mkdir()
        super().__init__(folder, _HEAP, version, QUICK_START)
        self.number = number
        self.client_port, self.port, self.controller_port = 0, 0, 0
        self.proxy = TcpProxy(0)
        self.choose_ports()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def choose_ports(self) -> None:
        self.client_port, self.port, self.controller_port = free_ports(3)
        self.proxy.target_port = self.client_port

    def properties(self, voters: str) -> dict[str, str]:
        inner = f"INNER://{self.address}"
        return {
            "node.id": str(self.number),
            "controller.quorum.voters": voters,
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,INNER:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "INNER",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.client_port},{inner},"
            f"CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.proxy.address},{inner}",
        }

    def answers_or_died(self) -> bool:
        """Uses a new client, which knows no other broker that could answer instead."""
        return not self.running or self.port in kafka_admin.brokers_of(kafka_admin.new_admin(self.address))

    def knows(self, topic: str) -> bool:
        """Asks with a new client, as answers_or_died() does."""
        return bool(kafka_admin.partitions_of(kafka_admin.new_admin(self.address), topic))

    def quorum_view(self) -> tuple[int, int]:
        """The epoch and the leader of the controllers' quorum as last stored by this broker; leader -1:
        none."""
        file = self.data / "__cluster_metadata-0/quorum-state"
        try:
            state = json.loads(file.read_text())
        except (FileNotFoundError, ValueError):
            return -1, -1  # not written yet, or being replaced
        return state["leaderEpoch"], state["leaderId"]

    def holds(self, topic: str) -> bool:
        """Whether any partition of the topic still has its folder on this broker."""
        # The folder of a partition that is being deleted has a longer name.
        folder = re.compile(re.escape(topic) + r"-\d+")
        return any(folder.fullmatch(found.name) for found in self.data.iterdir())


class KafkaCluster:
    """`size` brokers, numbered from 1. Not thread-safe.

    Its topics have a replica on each broker. Ports and data stay the same across a broker's stop, kill and
    start until close(). `version` selects another version than the default.
    """

    def __init__(self, size: int = 3, version: str = ""):
        self._dir = Path(tempfile.mkdtemp(prefix="kafka-cluster-"))
        self.brokers = {n: ClusterBroker(n, self._dir / f"broker-{n}", version) for n in range(1, size + 1)}
        self._admin: AdminClient | None = None

    @property
    def proxied_address(self) -> str:
        """For the service under test: all brokers, each through its proxy."""
        return ",".join(broker.proxy.address for broker in self.brokers.values())

    @property
    def address(self) -> str:
        """For readers and other clients that network faults must not affect."""
        return ",".join(broker.address for broker in self.brokers.values())

    # --- brokers

    def start_all(self) -> Self:
        """Returns once every broker is registered."""
        brokers = list(self.brokers.values())
        brokers[0].fetch()
        for broker in brokers:
            broker.proxy.start()
        cluster_id = new_cluster_id()
        for attempt in range(1, _START_ATTEMPTS + 1):
            self._configure()
            with ThreadPoolExecutor(len(brokers)) as pool:
                list(pool.map(lambda broker: broker.format(cluster_id), brokers))
            for broker in brokers:
                broker.launch()
            try:
                for broker in brokers:
                    self._wait_answers(broker)
                return self
            except RuntimeError:
                taken = any(broker.port_was_taken for broker in brokers)
                self._kill_all()
                if not taken or attempt == _START_ATTEMPTS:
                    raise
            for broker in brokers:
                broker.choose_ports()
            self._admin = None
        raise AssertionError("not reached")

    def start(self, number: int) -> None:
        """Returns once the broker answers; its replicas may be behind, see wait_in_sync()."""
        broker = self.brokers[number]
        assert not broker.running, f"broker {number} is running already"
        broker.launch()
        self._wait_answers(broker)

    def stop(self, number: int) -> None:
        """Clean shutdown: leaders on this broker move first, if there is a replica in sync."""
        self.brokers[number].stop()

    def kill(self, number: int) -> None:
        self.brokers[number].kill()

    def pause(self, number: int) -> None:
        """SIGSTOP: its connections stay open, and the controller fences it after its session time."""
        self.brokers[number].pause()

    def resume(self, number: int) -> None:
        self.brokers[number].resume()

    def mend(self) -> None:
        """Runs every broker and removes all network faults."""
        for broker in self.brokers.values():
            broker.proxy.resume()
            broker.resume_if_paused()
        for number, broker in self.brokers.items():
            if not broker.running:
                self.start(number)

    def close(self) -> None:
        """Ends all brokers and removes their data."""
        self._kill_all()
        for broker in self.brokers.values():
            broker.proxy.close()
        shutil.rmtree(self._dir, ignore_errors=True)

    # --- leaders

    def controller(self) -> int:
        """The active controller, according to most of the running brokers."""
        return wait_until(self._controller_now, _MOVE_SECONDS, "the controllers agree on one of them")

    def leader(self, topic: str, partition: int = 0) -> int:
        """The leader's broker number; -1: none."""
        return self.leaders(topic)[partition]

    def leaders(self, topic: str) -> dict[int, int]:
        """Leaders by partition."""
        found = kafka_admin.partitions_of(self._questions, topic)
        return {number: partition.leader for number, partition in found.items()}

    def wait_no_leader_on(self, number: int, topic: str) -> None:
        """Waits until all partitions have other leaders."""

        def moved() -> bool:
            leaders = self.leaders(topic).values()
            return bool(leaders) and not {number, -1} & set(leaders)

        wait_until(moved, _MOVE_SECONDS, f"{topic} is led by others than broker {number}")

    def in_sync(self, topic: str) -> dict[int, set[int]]:
        """The brokers whose replicas are in sync, by partition."""
        found = kafka_admin.partitions_of(self._questions, topic)
        return {number: set(partition.isrs) for number, partition in found.items()}

    def wait_in_sync(self, topic: str, brokers: set[int] | None = None) -> None:
        """Waits until the in-sync replicas of every partition are exactly those on these brokers, or on
        all."""
        wanted = brokers or set(self.brokers)

        def done() -> bool:
            sets = self.in_sync(topic).values()
            return bool(sets) and all(found == wanted for found in sets)

        try:
            wait_until(done, _MOVE_SECONDS, f"{topic} is in sync on {wanted}")
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.in_sync(topic)}\n{self._log_tails()}") from None

    # --- topics

    def create_topic(
        self,
        name: str,
        partitions: int = 6,
        min_insync: int = 2,
        assignment: Sequence[Sequence[int]] | None = None,
        **configs: str,
    ) -> str:
        """With a replica on each broker, or by `assignment` (see kafka_admin.create_topic). Returns the name
        once every running broker knows the topic."""
        kafka_admin.create_topic(
            self._fresh_admin(),
            name,
            partitions,
            len(self.brokers),
            assignment,
            min_insync_replicas=str(min_insync),
            **configs,
        )
        for broker in self.brokers.values():
            if broker.running:
                wait_until(lambda broker=broker: broker.knows(name), _MOVE_SECONDS, f"it knows {name}", 0.1)
        return name

    def delete_topic(self, name: str) -> None:
        """Returns when no broker stores it any more."""
        kafka_admin.delete_topic(self._fresh_admin(), name)

        def gone() -> bool:
            return not any(broker.holds(name) for broker in self.brokers.values())

        wait_until(gone, _MOVE_SECONDS, f"no broker has a partition of {name}")

    def set_topic_configs(self, topic: str, **configs: str) -> None:
        kafka_admin.set_topic_configs(self._fresh_admin(), topic, **configs)

    # --- internal

    @property
    def _questions(self) -> AdminClient:
        if self._admin is None:
            self._admin = kafka_admin.new_admin(self.address)
        return self._admin

    def _fresh_admin(self) -> AdminClient:
        """A new client for changes: an older one may wait for a stopped broker to which it was directed to send
        them. It has already discovered the brokers: otherwise a request sent to a bootstrap address would
        fail when the client switches to the broker's number."""
        admin = kafka_admin.new_admin(self.address)
        wait_until(lambda: kafka_admin.brokers_of(admin), _MOVE_SECONDS, "a broker answers", 0.1)
        return admin

    def _configure(self) -> None:
        brokers = self.brokers.values()
        voters = ",".join(f"{b.number}@127.0.0.1:{b.controller_port}" for b in brokers)
        replicas = str(len(self.brokers))
        for broker in brokers:
            common = {
                "default.replication.factor": replicas,
                "offsets.topic.replication.factor": replicas,
                "offsets.topic.num.partitions": "1",
                "log.retention.bytes": "-1",
                "auto.create.topics.enable": "false",
                "replica.lag.time.max.ms": "3000",
            }
            broker.configure(common | broker.properties(voters))

    def _wait_answers(self, broker: ClusterBroker) -> None:
        what = f"broker {broker.number} answers a metadata request"
        try:
            wait_until(broker.answers_or_died, _START_SECONDS, what, 0.1)
        except AssertionError as error:
            raise RuntimeError(f"{error}\n{self._log_tails()}") from None
        if not broker.running:
            raise RuntimeError(f"broker {broker.number} stopped while starting\n{broker.log_tail()}")

    def _controller_now(self) -> int:
        running = [broker for broker in self.brokers.values() if broker.running]
        views = [broker.quorum_view() for broker in running]
        epoch, leader = max(views)
        agreed = views.count((epoch, leader)) > len(self.brokers) / 2
        return leader if agreed and leader > 0 and self.brokers[leader].running else 0

    def _kill_all(self) -> None:
        for broker in self.brokers.values():
            broker.kill()

    def _log_tails(self) -> str:
        return "\n".join(broker.log_tail(15) for broker in self.brokers.values())

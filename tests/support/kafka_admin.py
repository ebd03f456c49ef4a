"""Administrative requests of the tests to a cluster."""

from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    PartitionMetadata,
    ResourceType,
)

from support.waiting import wait_until

_SECONDS = 20


def new_admin(bootstrap: str) -> AdminClient:
    """A client that reconnects soon after its brokers have returned."""
    return AdminClient(
        {
            "bootstrap.servers": bootstrap,
            "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 100,
            # The connections to a frozen broker stay open; after this time-out the next request goes to
            # another broker.
            "socket.timeout.ms": 2000,
            "log_level": 0,
        }
    )


def brokers_of(admin: AdminClient) -> set[int]:
    """The ports of the brokers that the controller has registered; empty if no broker answers."""
    try:
        return {broker.port for broker in admin.list_topics(timeout=1).brokers.values()}
    except KafkaException:
        return set()


def partitions_of(admin: AdminClient, topic: str) -> Mapping[int, PartitionMetadata]:
    """By partition number; empty if the topic doesn't exist or no broker answers."""
    try:
        return admin.list_topics(topic, timeout=5).topics[topic].partitions
    except KafkaException:
        return {}


def create_topic(
    admin: AdminClient,
    name: str,
    partitions: int = 6,
    replicas: int = 1,
    assignment: Sequence[Sequence[int]] | None = None,
    **configs: str,
) -> str:
    """Topic configs have underscores for dots: max_message_bytes="1000". Returns the name once every
    partition has a leader.

    With an `assignment` a partition's replicas are the listed brokers; the first is its leader.
    """
    where = (
        {"num_partitions": partitions, "replication_factor": replicas}
        if assignment is None
        else {"num_partitions": len(assignment), "replica_assignment": [list(on) for on in assignment]}
    )
    topic = NewTopic(name, config={_dotted(key): value for key, value in configs.items()}, **where)
    admin.create_topics([topic], operation_timeout=_SECONDS, request_timeout=_SECONDS)[name].result()

    def has_leaders() -> bool:
        found = partitions_of(admin, name)
        return len(found) == where["num_partitions"] and all(p.leader >= 0 for p in found.values())

    wait_until(has_leaders, _SECONDS, f"topic {name} has its leaders")
    return name


def delete_topic(admin: AdminClient, name: str) -> None:
    """Returns when the controller has deleted it; brokers may need a moment longer."""
    admin.delete_topics([name], operation_timeout=_SECONDS, request_timeout=_SECONDS)[name].result()


def set_topic_configs(admin: AdminClient, topic: str, **configs: str) -> None:
    """Names have underscores for dots, as in create_topic; other configs are kept."""
    entries = [
        ConfigEntry(_dotted(key), value, incremental_operation=AlterConfigOpType.SET)
        for key, value in configs.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    for done in admin.incremental_alter_configs([resource], request_timeout=_SECONDS).values():
        done.result()


def _dotted(key: str) -> str:
    return key.replace("_", ".")
